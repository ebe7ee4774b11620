//! `vaultmesh-agent config check`: what the agent would run with, and what is wrong with it.

use super::run::policy_file;
use super::{Failure, answer, state_dir};
use crate::args::Check;
use crate::client::HttpClient;
use crate::config::Environment;
use crate::control::applied::Applied;
use crate::control::policy::Policy;
use crate::disk::FileDisk;
use crate::identity::enrol::Enrolment;
use crate::identity::key::Identity;
use crate::identity::permissions::check_permissions;
use crate::procfs::Root;
use spec::Name;
use spec::payload::PolicyMode;
use std::fmt::Display;
use std::path::Path;

/// One line for each thing: what was found, or what is wrong.
#[derive(Default)]
struct Report {
    lines: String,
    wrong: usize,
}

impl Report {
    fn line(&mut self, what: &str, found: Result<String, String>) {
        let (mark, text) = match found {
            Ok(text) => ("ok   ", text),
            Err(text) => {
                self.wrong += 1;
                ("WRONG", text)
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
    let enrolment = Enrolment::load(&disk).map_err(|e| e.to_string());
    let enrolment = enrolment.and_then(|found| found.ok_or("this node is not enrolled".to_owned()));
    let url = environment.url.clone().or(enrolment.as_ref().ok().map(|(enrolment, _)| enrolment.url.clone()));
    report.line(
        "enrolment",
        enrolment.map(|(e, _)| format!("{} of {}, ledger {}", e.node_id, e.org, e.ledger)),
    );
    report.line("key", key(&disk));
    let address = url.ok_or("no address; see VAULTMESH_CC_URL".to_owned());
    report.line("service", address.and_then(|url| text(HttpClient::new(&url)).map(|_| url)));
    let profile = environment.os_profile.clone().or_else(|| Root::new("/").os_profile());
    let policy = policy_file(args.policy.as_ref(), environment);
    let allowed = text(Policy::load(&policy)).map(|policy| policy.summary(profile.as_deref()));
    report.line("profile", profile.clone().ok_or("unknown; see VAULTMESH_OS_PROFILE".to_owned()));
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
fn applied(disk: &FileDisk) -> Result<String, String> {
    match Applied::load(disk) {
        Applied::Nothing => Ok("none".to_owned()),
        Applied::Policy { hash, document } => {
            let allowed: Vec<&str> = document.allow.keys().map(Name::as_str).collect();
            let mode = if document.mode == PolicyMode::Enforce { "at most" } else { "observes" };
            Ok(format!("{hash}: {mode} {}", allowed.join(", ")))
        }
        Applied::Damaged(why) => Err(format!("{why}; commands are refused until another is applied")),
    }
}

fn state(dir: &Path) -> Result<String, String> {
    if !dir.is_dir() {
        return Err(format!("{}: no such directory", dir.display()));
    }
    text(check_permissions(dir)).map(|()| dir.display().to_string())
}

fn key(disk: &FileDisk) -> Result<String, String> {
    let identity =
        text(Identity::load(disk))?.ok_or("none; `vaultmesh-agent enroll` makes one".to_owned())?;
    Ok(identity.public().to_string())
}

fn text<T>(result: Result<T, impl Display>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}
