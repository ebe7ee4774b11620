//! `vaultmesh-agent config check`: what the agent would run with, and what is wrong with it.

use super::run::policy_file;
use super::{Failure, answer, state_dir};
use crate::args::Check;
use crate::client::{ClientError, HttpClient};
use crate::config::Environment;
use crate::control::applied::Applied;
use crate::control::policy::{Policy, PolicyFileError};
use crate::disk::FileDisk;
use crate::identity::enrol::{Enrolment, EnrolmentError};
use crate::identity::key::{Identity, IdentityError};
use crate::identity::permissions::check_permissions;
use crate::procfs::Root;
use spec::Name;
use spec::payload::PolicyMode;
use std::path::{Path, PathBuf};

/// What is wrong with a thing.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("{}: no such directory", .0.display())]
    NoDirectory(PathBuf),
    #[error("this node is not enrolled")]
    NotEnrolled,
    #[error("none; `vaultmesh-agent enroll` makes one")]
    NoKey,
    #[error("no address; see VAULTMESH_CC_URL")]
    NoAddress,
    #[error("unknown; see VAULTMESH_OS_PROFILE")]
    NoProfile,
    #[error("{0}; commands are refused until another is applied")]
    Applied(String),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
}

/// One line for each thing: what was found, or what is wrong.
#[derive(Default)]
struct Report {
    lines: String,
    wrong: usize,
}

impl Report {
    fn line(&mut self, what: &str, found: Result<String, Wrong>) {
        let (mark, text) = match found {
            Ok(text) => ("ok   ", text),
            Err(wrong) => {
                self.wrong += 1;
                ("WRONG", wrong.to_string())
            }
        };
        let lines = std::mem::take(&mut self.lines);
        self.lines = format!("{lines}{mark}  {what:<10} {text}\n");
    }
}

pub(crate) fn run(args: &Check, environment: &Environment) -> Result<(), Failure> {
    let mut report = Report::default();
    let dir = state_dir(&args.state, environment);
    report.line("state", state(&dir));
    let disk = FileDisk::new(&dir);
    let enrolment = Enrolment::load(&disk).map_err(Wrong::from);
    let enrolment = enrolment.and_then(|found| found.ok_or(Wrong::NotEnrolled));
    let url = environment.url.clone().or(enrolment.as_ref().ok().map(|(enrolment, _)| enrolment.url.clone()));
    report.line(
        "enrolment",
        enrolment.map(|(e, _)| format!("{} of {}, ledger {}", e.node_id, e.org, e.ledger)),
    );
    report.line("key", key(&disk));
    report.line("service", address(url));
    let profile = environment.os_profile.clone().or_else(|| Root::new("/").os_profile());
    let policy = policy_file(args.policy.as_ref(), environment);
    let allowed = Policy::load(&policy).map_err(Wrong::from).map(|policy| policy.summary(profile.as_deref()));
    report.line("profile", profile.clone().ok_or(Wrong::NoProfile));
    report.line("policy", allowed.map(|allowed| format!("{}: {allowed}", policy.display())));
    report.line("applied", applied(&disk));
    answer(&report.lines)?;
    match report.wrong {
        0 => Ok(()),
        1 => Err(Failure::refused(&"one thing is wrong")),
        wrong => Err(Failure::refused(&format!("{wrong} things are wrong"))),
    }
}

/// The policy that the node was told to follow.
fn applied(disk: &FileDisk) -> Result<String, Wrong> {
    match Applied::load(disk) {
        Applied::Nothing => Ok("none".to_owned()),
        Applied::Policy { hash, document } => {
            let allowed: Vec<&str> = document.allow.keys().map(Name::as_str).collect();
            let mode = if document.mode == PolicyMode::Enforce { "at most" } else { "observes" };
            Ok(format!("{hash}: {mode} {}", allowed.join(", ")))
        }
        Applied::Damaged(why) => Err(Wrong::Applied(why)),
    }
}

fn state(dir: &Path) -> Result<String, Wrong> {
    if !dir.is_dir() {
        return Err(Wrong::NoDirectory(dir.to_owned()));
    }
    check_permissions(dir)?;
    Ok(dir.display().to_string())
}

fn key(disk: &FileDisk) -> Result<String, Wrong> {
    Ok(Identity::load(disk)?.ok_or(Wrong::NoKey)?.public().to_string())
}

fn address(url: Option<String>) -> Result<String, Wrong> {
    let url = url.ok_or(Wrong::NoAddress)?;
    HttpClient::new(&url)?;
    Ok(url)
}
