//! What the demo shows: a header, one status line that redraws on a terminal, and a line for each event.

use super::fleet::Fleet;
use crate::commands::serve::facts;
use crate::data::DataDir;
use crate::failure::Failure;
use crate::output::say;
use ledger::Ledger;
use serde_json::json;
use service::Running;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// How often a plain status line is written where none can be redrawn.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// What the output is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A line of JSON for everything that happens.
    Jsonl,
    /// Lines of text.
    Plain,
    /// Lines of text and one that redraws.
    Terminal,
}

/// The demo's output.
#[derive(Debug)]
pub(super) struct Screen {
    form: Form,
    drawn: bool,
    last_plain: Option<Instant>,
    started: Instant,
    first_receipt: bool,
}

impl Screen {
    pub(super) fn new(jsonl: bool) -> Self {
        let form = match (jsonl, std::io::stdout().is_terminal()) {
            (true, _) => Form::Jsonl,
            (false, true) => Form::Terminal,
            (false, false) => Form::Plain,
        };
        Self { form, drawn: false, last_plain: None, started: Instant::now(), first_receipt: false }
    }

    pub(super) fn header(
        &self,
        running: &Running,
        dir: &DataDir,
        url: &str,
        resumed: bool,
    ) -> Result<(), Failure> {
        let token = dir.owner_token().unwrap_or_default();
        let console = running.console(&token)?;
        let ledger = &running.ledger;
        if self.form == Form::Jsonl {
            let mut facts = facts(running, dir);
            if let Some(object) = facts.as_object_mut() {
                object.insert("event".to_owned(), json!("start"));
                object.insert("resumed".to_owned(), json!(resumed));
                object.insert("token_file".to_owned(), json!(dir.owner_token_file()));
                object.insert("console".to_owned(), json!(console));
            }
            return say(&format!("{facts}\n"));
        }
        let data = dir.path().display();
        let begun = if resumed { "resumed" } else { "new" };
        say(&format!(
            "\nVaultMesh demo ({begun})\n\n\
             \x20 url        {url}\n\
             \x20 data       {data}\n\
             \x20 ledger id  {}\n\
             \x20 token      {token}\n\n\
             \x20 console    {console}\n\
             \x20            (signs in once, within ten minutes; later {url}/console with the token)\n\
             \x20 look       curl -s -H 'authorization: Bearer {token}' '{url}/api/events?limit=3'\n\
             \x20 verify     cargo ledger verify {data} --trust {}\n\n",
            ledger.id(),
            ledger.id(),
        ))
    }

    /// Something happened.
    pub(super) fn event(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        let secs = self.started.elapsed().as_secs_f32();
        if self.form == Form::Jsonl {
            let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            return say(&format!("{}\n", json!({"event": name, "at_ms": millis, "detail": text})));
        }
        self.clear()?;
        say(&format!("{secs:6.1} s  {text}\n"))
    }

    /// Where things stand.
    pub(super) fn status(&mut self, ledger: &Ledger, fleet: &Fleet) -> Result<(), Failure> {
        let now = ledger.now();
        if !self.first_receipt && fleet.agents.iter().any(|agent| agent.heartbeats > 0) {
            self.first_receipt = true;
            self.event("first-receipt", "the first heartbeat is in the ledger, proved and acknowledged")?;
        }
        let due = self.last_plain.is_none_or(|at| at.elapsed() >= PLAIN_EVERY);
        if self.form != Form::Terminal && !due {
            return Ok(());
        }
        self.last_plain = Some(Instant::now());
        let head = ledger.head().borrow().clone();
        let nodes: Vec<String> = fleet
            .agents
            .iter()
            .map(|agent| {
                let state = match (agent.last_seen, agent.is_stale(now)) {
                    (None, _) => "new",
                    (Some(_), true) => "STALE",
                    (Some(_), false) => "ok",
                };
                format!("{} {state} {}", agent.name, agent.heartbeats)
            })
            .collect();
        if self.form == Form::Jsonl {
            let nodes: Vec<_> = fleet
                .agents
                .iter()
                .map(|a| json!({"name": a.name, "node_id": a.node_id, "stale": a.is_stale(now), "heartbeats": a.heartbeats}))
                .collect();
            return say(&format!(
                "{}\n",
                json!({"event": "status", "size": head.size, "root": head.checkpoint.root, "nodes": nodes})
            ));
        }
        let root: String = head.checkpoint.root.to_hex().chars().take(12).collect();
        let line = format!("{} entries  root {root}…  {}", head.size, nodes.join("  "));
        if self.form != Form::Terminal {
            return say(&format!("{line}\n"));
        }
        let width = terminal_width();
        let line: String = line.chars().take(width.saturating_sub(1)).collect();
        self.drawn = true;
        say(&format!("\r\x1b[2K{line}"))
    }

    pub(super) fn farewell(&mut self, dir: &DataDir, told: bool, all_made: bool) -> Result<(), Failure> {
        if self.form == Form::Jsonl {
            return say(&format!("{}\n", json!({"event": "end", "story_told": told})));
        }
        self.clear()?;
        let data = dir.path().display();
        // Nobody is told to delete what was there before.
        let delete = if all_made { format!("\x20 delete  rm -r {data}\n") } else { String::new() };
        say(&format!(
            "\nThe ledger is sealed and closed.\n\n\
             \x20 verify  cargo ledger verify {data}\n\
             \x20 resume  cargo ledger demo --data {data}\n{delete}"
        ))
    }

    fn clear(&mut self) -> Result<(), Failure> {
        if std::mem::take(&mut self.drawn) { say("\r\x1b[2K") } else { Ok(()) }
    }
}

fn terminal_width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout()).map_or(100, |size| usize::from(size.ws_col.max(20)))
}
