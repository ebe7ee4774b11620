//! `ledger doctor`: what is wrong here or with the service, and what to do about it.

use super::status::{self, Status, ahead_secs, bytes};
use crate::api::with_reads;
use crate::client::block_on;
use crate::data::DataDir;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Cell, Look, Table, answer, column};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::machine_clock;
use spec::Timestamp;
use spec::payload::Band;
use std::process::ExitCode;

/// Below so many per cent free of a disk it is to be looked at, and below so many something has to be done.
const FREE_PERCENT: (u64, u64) = (10, 3);

/// So many entries the folds may be behind before it is more than a moment's work.
const MAX_BEHIND: u64 = 10_000;

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// As it should be.
    Ok,
    /// To be looked at.
    Look,
    /// Wrong.
    Wrong,
}

/// What was looked at, how it is, and what to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) grade: Grade,
    pub(crate) what: String,
    pub(crate) how: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) next: String,
}

/// What was found.
pub(crate) const FOUND: Table<Finding> = Table {
    columns: &[
        column("", |found| {
            Cell::from(match found.grade {
                Grade::Ok => "ok",
                Grade::Look => "LOOK",
                Grade::Wrong => "WRONG",
            })
        }),
        column("what", |found| Cell::of(&found.what)),
        column("how it is", |found| Cell::of(&found.how)),
        column("what to do", |found| Cell::of(&found.next)),
    ],
    nothing: "nothing was looked at",
};

fn found(grade: Grade, what: &str, how: &impl ToString, next: &str) -> Finding {
    let next = if grade == Grade::Ok { "" } else { next };
    Finding { grade, what: what.to_owned(), how: how.to_string(), next: next.to_owned() }
}

pub(crate) fn run(global: &Global) -> Result<ExitCode, Failure> {
    let look = Look::here(global);
    let mut all = Vec::new();
    if global.url.is_none() {
        let dir = DataDir::new(global.data());
        if !dir.has_ledger() {
            let path = dir.path().display();
            return Err(Failure::io(format!(
                "no ledger in {path}: `ledger serve --init --data {path}` makes one, `ledger login ADDRESS` goes to a \
                 service, --data names another directory"
            )));
        }
        all.extend(of_directory(&dir));
    }
    match with_reads(global, async |client| status::of(global, client).await) {
        Ok(status) => all.extend(of_service(&status, look.now)),
        Err(failure) => all.push(found(
            Grade::Wrong,
            "service",
            &failure,
            "`ledger verify` the directory; start it with --log info and read what it says",
        )),
    }
    let wrong = all.iter().any(|one| one.grade == Grade::Wrong);
    answer(global, &json!({"items": all}), || Ok(FOUND.text(&all, &look)))?;
    Ok(if wrong { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// How the directory lies.
fn of_directory(dir: &DataDir) -> Vec<Finding> {
    let mut all: Vec<Finding> =
        dir.warnings().iter().map(|warning| found(Grade::Look, "directory", warning, "as it says")).collect();
    if all.is_empty() {
        all.push(found(Grade::Ok, "directory", &"for its owner alone, the recovery key elsewhere", ""));
    }
    let asked = block_on(async { Ok(machine_clock::is_synchronized().await) });
    if let Some(synchronized) = asked.ok().flatten() {
        let (grade, how) = if synchronized {
            (Grade::Ok, "synchronized")
        } else {
            (Grade::Look, "nobody has synchronized it since this machine was started")
        };
        all.push(found(grade, "clock", &how, "`timedatectl set-ntp true`, or another service for the time"));
    }
    all
}

/// How the service says it is.
pub(crate) fn of_service(status: &Status, now: Timestamp) -> Vec<Finding> {
    let mut all = Vec::new();
    all.push(match (&status.not_ready, status.running) {
        (_, false) => found(Grade::Look, "service", &"none runs here", "`ledger serve`"),
        (None, true) => found(Grade::Ok, "service", &format!("ready at {}", status.at), ""),
        (Some(why), true) => found(
            Grade::Wrong,
            "service",
            why,
            "`ledger status` says more; its log says why, with --log info",
        ),
    });
    let tail = status.size.saturating_sub(status.covered);
    all.push(found(
        Grade::Ok,
        "checkpoint",
        &format!("covers {} of {} entries", status.covered, status.size),
        "",
    ));
    if tail > 0 && !status.running {
        all.push(found(
            Grade::Look,
            "checkpoint",
            &format!("{tail} entries stand under none: it was not stopped, but killed"),
            "`ledger seal` signs for them",
        ));
    }
    let ahead = ahead_secs(status, now);
    if ahead > 0 {
        all.push(found(
            Grade::Wrong,
            "clock",
            &format!("the newest entry is {ahead} s ahead of this machine"),
            "compare the clocks of the service and of this machine with a third",
        ));
    }
    let behind = status.size.saturating_sub(status.folded.unwrap_or(status.size));
    let grade = if behind > MAX_BEHIND { Grade::Look } else { Grade::Ok };
    all.push(found(
        grade,
        "folds",
        &format!("{behind} entries behind"),
        "wait; `/readyz` says when they are there",
    ));
    all.push(match &status.witnesses {
        None => found(
            Grade::Look,
            "witnesses",
            &"nobody vouches for this ledger but itself",
            "`ledger witness key` on a machine of somebody else, then `ledger witness add`",
        ),
        Some(all) if (all.signed as u64) < all.quorum => found(
            Grade::Wrong,
            "witnesses",
            &format!(
                "{} of {} have signed the newest checkpoint, {} must",
                all.signed, all.count, all.quorum
            ),
            "`ledger witness list` says who is behind",
        ),
        Some(all) => {
            found(Grade::Ok, "witnesses", &format!("{} of {} have signed", all.signed, all.count), "")
        }
    });
    for task in status.tasks.iter().flatten().filter(|task| task.failures > 0) {
        let grade = if task.failing { Grade::Wrong } else { Grade::Look };
        let why = task.last_error.as_ref().map_or("", |fault| fault.error.as_str());
        let how = format!("{} has failed {} times in a row: {why}", task.name, task.failures);
        all.push(found(grade, "task", &how, "it is tried again by itself; mend what it says"));
    }
    if let Some((free, size)) = status.disk {
        let percent = free.saturating_mul(100) / size.max(1);
        let grade = match percent {
            _ if percent < FREE_PERCENT.1 => Grade::Wrong,
            _ if percent < FREE_PERCENT.0 => Grade::Look,
            _ => Grade::Ok,
        };
        let how = format!("{} free of {}", bytes(free), bytes(size));
        all.push(found(grade, "disk", &how, "make room, or move the data directory to a larger disk"));
    }
    let critical =
        status.nodes.as_ref().and_then(|nodes| nodes.get(&Band::Crit)).copied().unwrap_or_default();
    if critical > 0 {
        let how = format!("{critical} nodes are critical");
        all.push(found(Grade::Look, "fleet", &how, "`ledger attention list` says which, and why"));
    }
    all
}
