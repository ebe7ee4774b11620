//! The agents of the demo: real processes of this executable, each with a state directory of its own.

use crate::client::Client;
use crate::data::DataDir;
use crate::failure::Failure;
use ledger::Ledger;
use serde_json::Value;
use service::wire::EnrolmentRequest;
use spec::{Kind, Timestamp, Uuid};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// Set for agents of a demo: they end when their standard input does, so that none outlives it.
pub(crate) const LEASH: &str = "VAULTMESH_DEMO_LEASH";

/// How long an agent may take to end.
const GRACE: Duration = Duration::from_secs(3);

/// One agent.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) name: String,
    pub(super) node_id: Option<Uuid>,
    pub(super) last_seen: Option<Timestamp>,
    pub(super) heartbeats: u64,
    /// Positions of its events in its own chain, as the ledger has them.
    pub(super) chain: Vec<u64>,
    state_dir: PathBuf,
    process: Option<Child>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) agents: Vec<Agent>,
    url: String,
    next_seq: u64,
}

impl Fleet {
    /// Enrols the agents that are new and starts all.
    pub(super) async fn start(
        dir: &DataDir,
        url: &str,
        count: u64,
        client: &Client,
    ) -> Result<Self, Failure> {
        let org = super::scene::ORG.parse().map_err(Failure::io)?;
        let request =
            EnrolmentRequest { ttl_secs: Some(600), uses: Some(count), ..EnrolmentRequest::default() };
        let token = client.create_enrolment(&org, &request).await?.read()?.token;
        let mut fleet = Self { agents: Vec::new(), url: url.to_owned(), next_seq: 0 };
        for n in 1..=count {
            let name = format!("node-{n}");
            let state_dir = dir.path().join("agents").join(&name);
            std::fs::create_dir_all(dir.path().join("agents"))?;
            let mut agent = Agent {
                name,
                node_id: None,
                last_seen: None,
                heartbeats: 0,
                chain: Vec::new(),
                state_dir,
                process: None,
            };
            agent.enrol(url, &token).await?;
            agent.run(url)?;
            fleet.agents.push(agent);
        }
        Ok(fleet)
    }

    /// Takes note of what is new in the log.
    pub(super) async fn observe(&mut self, ledger: &Ledger) -> Result<(), Failure> {
        let size = ledger.head().borrow().size;
        while self.next_seq < size {
            let record = ledger.reader().record(self.next_seq).await.map_err(Failure::io)?;
            self.next_seq += 1;
            let Some(record) = record else { continue };
            let header = &record.entry.header;
            let Some(agent) =
                self.agents.iter_mut().find(|a| a.node_id.is_some() && a.node_id == header.subject_node())
            else {
                continue;
            };
            if header.kind == Kind::Heartbeat {
                agent.heartbeats += 1;
                agent.last_seen = Some(record.entry.position.recorded_at);
            }
            agent.chain.extend(header.chain.map(|link| link.seq));
        }
        Ok(())
    }

    /// Kills an agent's process as a power cut would.
    pub(super) async fn kill(&mut self, n: usize) -> Result<(), Failure> {
        if let Some(mut process) = self.agents.get_mut(n).and_then(|agent| agent.process.take()) {
            process.kill().await?;
        }
        Ok(())
    }

    /// Starts an agent's process again; without a network it reaches nobody and spools.
    pub(super) fn restart(&mut self, n: usize, network: bool) -> Result<(), Failure> {
        // Port 9 of loopback: nobody listens there.
        let url = if network { self.url.clone() } else { "http://127.0.0.1:9".to_owned() };
        self.agents.get_mut(n).map_or(Ok(()), |agent| agent.run(&url))
    }

    /// Events in an agent's spool.
    pub(super) async fn spool_depth(&self, n: usize) -> Result<u64, Failure> {
        let Some(agent) = self.agents.get(n) else { return Ok(0) };
        let status = agent.command("status").arg("-o").arg("json").output().await?;
        let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
        Ok(status.get("spool_depth").and_then(Value::as_u64).unwrap_or(0))
    }

    /// Ends all agents and waits for them.
    pub(super) async fn stop(&mut self) {
        for agent in &mut self.agents {
            if let Some(process) = &mut agent.process {
                // Letting go of the leash asks it to end.
                drop(process.stdin.take());
            }
        }
        for agent in &mut self.agents {
            if let Some(mut process) = agent.process.take()
                && tokio::time::timeout(GRACE, process.wait()).await.is_err()
                && let Err(error) = process.kill().await
            {
                tracing::warn!(%error, agent = agent.name, "could not be ended");
            }
        }
    }
}

impl Agent {
    fn command(&self, subcommand: &str) -> Command {
        let program = std::env::current_exe().unwrap_or_else(|_| "ledger".into());
        let mut command = Command::new(program);
        command.arg("agent").arg(subcommand).arg("--state-dir").arg(&self.state_dir);
        command.kill_on_drop(true);
        command
    }

    /// Enrols; an agent that is enrolled already says who it is.
    async fn enrol(&mut self, url: &str, token: &str) -> Result<(), Failure> {
        let output = self
            .command("enroll")
            .args(["--url", url, "--token", token, "--name", &self.name])
            .output()
            .await?;
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        self.node_id = answer.get("node_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        if self.node_id.is_none() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::refused(format!("{} could not be enrolled: {}", self.name, why.trim())));
        }
        Ok(())
    }

    fn run(&mut self, url: &str) -> Result<(), Failure> {
        let log =
            std::fs::File::options().create(true).append(true).open(self.state_dir.join("agent.log"))?;
        let mut command = self.command("run");
        // All of them are on this machine: what is wrong with it is none of the story, and each scan would read it
        // anew. A command makes one of them scan.
        command.env("VAULTMESH_CC_URL", url).env(LEASH, "1").env("VAULTMESH_SCAN_SECS", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn()?);
        Ok(())
    }

    /// Whether it has missed three heartbeats.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        let silence = self.last_seen.map_or(u64::MAX, |seen| now.millis().saturating_sub(seen.millis()));
        silence > 3 * super::HEARTBEAT_SECS * 1000 + 500
    }
}
