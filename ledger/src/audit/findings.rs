//! What somebody should look at though the log is sound.

use super::{Auditor, CLOCK_SKEW_MS, Finding};
use spec::Kind;
use spec::payload::{Clock, Recovery};

impl Auditor<'_, '_> {
    /// What an entry shows.
    pub(super) fn findings(&mut self, record: &spec::Record) {
        let header = &record.entry.header;
        let seq = record.entry.position.seq;
        let mut find = |code, detail: String| self.audit.findings.push(Finding { code, seq, detail });
        match header.kind {
            Kind::ChainFork => {
                find("chain-fork", "an author signed two events for one place of its chain".to_owned());
            }
            Kind::Refusal => find("refusal", "a validly signed event was refused for good".to_owned()),
            Kind::ChainGap => {
                find("chain-gap", format!("{} says that its spool dropped events", header.author));
            }
            Kind::ChainOpen => {
                find("chain-open", format!("{} opened a new epoch of its chain", header.author));
            }
            Kind::Clock => {
                let said = record.payload.as_ref().and_then(|p| serde_json::from_str::<Clock>(&p.json).ok());
                let back = said.map_or_else(String::new, |said| {
                    format!(
                        " from {} to {}: entries {} to {} say later times",
                        said.last,
                        said.time,
                        said.since,
                        seq - 1
                    )
                });
                find("clock-set", format!("the clock was set back under the recovery key{back}"));
            }
            Kind::Recovery => {
                find("recovery", "an open of the ledger had to repair something".to_owned());
                let payload =
                    record.payload.as_ref().and_then(|p| serde_json::from_str::<Recovery>(&p.json).ok());
                if let Some(Recovery {
                    segment: Some(segment), offset: Some(offset), hash: Some(hash), ..
                }) = payload
                {
                    self.audit.cuts.push((segment, offset, hash));
                }
            }
            _ => {
                let skew = header.ts.millis().abs_diff(record.entry.position.recorded_at.millis());
                if header.kind == Kind::Heartbeat
                    && header.ts > record.entry.position.recorded_at
                    && skew > CLOCK_SKEW_MS
                {
                    find("clock-skew", format!("{} has a clock {} s ahead", header.author, skew / 1000));
                }
            }
        }
    }
}
