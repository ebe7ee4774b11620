//! `vaultmesh-agent status`: what the state directory holds, also beside a running agent.

use super::{Failure, answer, state_dir};
use crate::args::{Output, Status as Args};
use crate::config::Environment;
use crate::disk::FileDisk;
use crate::status::Status;
use std::fmt::Write as _;

pub(crate) fn run(args: &Args, environment: &Environment) -> Result<(), Failure> {
    let status = Status::read(&FileDisk::new(&state_dir(&args.state, environment)))?;
    match args.output {
        Output::Json => {
            let json = serde_json::to_string(&status).map_err(|e| Failure::io(&e))?;
            answer(&format!("{json}\n"))
        }
        Output::Text => answer(&text(&status)),
    }
}

fn text(status: &Status) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        // Writing into a string cannot fail.
        let _ = writeln!(out, "{name:<12} {value}");
    };
    line("node", &status.node_id);
    line("key", &status.key);
    if let Some(next) = &status.next_key {
        line("next key", &format_args!("{next} (the ledger has not answered yet)"));
    }
    match status.last_seq {
        Some(seq) => line("last event", &seq),
        None => line("last event", &"none yet"),
    }
    line("waiting", &status.spool_depth);
    line("dropped", &status.dropped);
    let refused: Vec<String> = status.refused.iter().map(|(code, count)| format!("{count} {code}")).collect();
    if !refused.is_empty() {
        line("refused", &refused.join(", "));
    }
    if let Some(last) = &status.last_refusal {
        line("last refusal", &format_args!("{}: {}", last.at, last.why));
    }
    if let Some(checkpoint) = &status.last_checkpoint {
        line("ledger", &checkpoint.origin);
        line("size", &checkpoint.size);
        line("root", &checkpoint.root);
    }
    if let Some(why) = status.stopped {
        line("stopped", &why);
    }
    out
}
