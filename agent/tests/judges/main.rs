//! The real tools as judges of the scan: what a tool of the system says of a configuration must be what the scan
//! says of it, for cases that somebody wrote down and for cases that nobody thought of.
//!
//! `run` beside this file installs the tools, gives them and the scan one root in a mount namespace of its own,
//! and starts these tests there. Elsewhere they are left out. A new format is a file with a [`Judge`] and a line
//! in [`JUDGES`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test may stop the test"
)]
#![allow(clippy::format_collect, clippy::format_push_string, reason = "generators put texts together")]

mod accounts;
mod pam;
mod sshd;
mod sudo;

use proptest::strategy::BoxedStrategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use spec::payload::Scan;
use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use testing::judges::case::{self, Files};
use testing::judges::place::Place;

/// A format with the tool that knows it.
pub(crate) struct Judge {
    /// As `run` takes it.
    name: &'static str,
    /// Cases that somebody wrote down.
    cases: &'static str,
    /// Files of the format as nobody would write them, and still right.
    generated: fn() -> BoxedStrategy<Files>,
    /// What the tool and the scan say differently of the files in place, if anything.
    disagreement: fn(&Place) -> Option<String>,
}

const JUDGES: [Judge; 4] = [accounts::JUDGE, pam::JUDGE, sshd::JUDGE, sudo::JUDGE];

/// Cases of each format that are generated unless told otherwise.
const CASES: u32 = 300;

/// Shrinking stops after so many further questions.
const MAX_SHRINKS: u32 = 400;

fn number(name: &str, unset: u64) -> u64 {
    std::env::var(name).map_or(unset, |value| value.parse().unwrap())
}

/// The files of a case in the root that the tools see as well.
fn placed(files: &Files) -> Place {
    Place::at(Path::new(&std::env::var_os("JUDGE_ROOT").unwrap()), files)
}

/// What the executable says.
fn scan_by_executable() -> Scan {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vaultmesh-agent"));
    command.args(["scan", "-o", "json", "--no-baseline", "--max-bytes-per-sec", "0", "--root"]);
    command.arg(std::env::var_os("JUDGE_ROOT").unwrap());
    let output = command.env_clear().env("VAULTMESH_STATE_DIR", "/nonexistent").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The judges that were asked for.
fn asked() -> impl Iterator<Item = &'static Judge> {
    let names = std::env::var("JUDGES").unwrap_or_default();
    JUDGES.iter().filter(move |judge| names.is_empty() || names.split(' ').any(|name| name == judge.name))
}

#[test]
#[ignore = "needs the real tools and a root of their own: agent/tests/judges/run"]
fn written_cases() {
    let mut wrong = Vec::new();
    for judge in asked() {
        let cases = case::parse(judge.cases);
        println!("{}: {} cases", judge.name, cases.len());
        for case in cases {
            let place = placed(&case.files);
            let told = case.disagreement(&scan_by_executable());
            if let Some(told) = told.or_else(|| (judge.disagreement)(&place)) {
                wrong.push(format!("{} {}: {told}", judge.name, case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs the real tools and a root of their own: agent/tests/judges/run"]
fn generated_cases() {
    let cases = u32::try_from(number("JUDGE_CASES", u64::from(CASES))).unwrap();
    let seed = number("JUDGE_SEED", 1);
    let mut wrong = Vec::new();
    for judge in asked() {
        let begun = Instant::now();
        let config =
            Config { cases, failure_persistence: None, max_shrink_iters: MAX_SHRINKS, ..Config::default() };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let smallest = RefCell::new(None);
        let outcome = TestRunner::new_with_rng(config, rng).run(&(judge.generated)(), |files| {
            let place = placed(&files);
            let Some(told) = (judge.disagreement)(&place) else { return Ok(()) };
            // The last that fails is the smallest.
            smallest.replace(Some((files, told.clone())));
            Err(TestCaseError::fail(told))
        });
        let seconds = begun.elapsed().as_secs();
        println!(
            "{}: {cases} generated cases of seed {seed} in {seconds} s: {}",
            judge.name,
            outcome.is_ok()
        );
        if let Some((files, told)) = smallest.into_inner() {
            let mut text = format!("{} (seed {seed}): {told}\n", judge.name);
            for file in files {
                text.push_str(&format!("-- {} {:04o}\n{}\n", file.path, file.mode, file.text));
            }
            wrong.push(text);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
