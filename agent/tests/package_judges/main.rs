//! The tools of packages as judges of the scan: what apt, dpkg, pacman and others say of files that nobody thought of
//! must be what the scan says of them.
//!
//! `run` beside this file installs the tools, makes a root, and starts these tests in a mount namespace in which `/etc`
//! is that of the root. Elsewhere they are left out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a helper of a test may stop the test, and says how many cases it tried"
)]

mod apt_conf;
mod apt_sources;
mod certificates;
mod dpkg;
mod pacman_conf;
mod powers;
mod units;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use spec::Timestamp;
use spec::payload::Scan;
use std::fmt::Debug;
use std::path::PathBuf;
use std::process::Command;
use vaultmesh_agent::scan::watch::Watched;
use vaultmesh_agent::scan::{self, Options};

/// Cases of a format unless told otherwise.
const CASES: u64 = 300;

/// Shrinking stops after so many further questions.
const MAX_SHRINKS: u32 = 300;

/// A file below the root: path and text.
pub(crate) type Files = Vec<(String, String)>;

fn number(name: &str, unset: u64) -> u64 {
    std::env::var(name).map_or(unset, |value| value.parse().unwrap())
}

/// The root that the tools and the scan see.
pub(crate) fn root() -> PathBuf {
    std::env::var_os("JUDGE_ROOT").expect("started by agent/tests/package_judges/run").into()
}

/// Puts files in place of what the last case left in some folders.
pub(crate) fn place(folders: &[&str], files: &Files) {
    for folder in folders {
        let path = root().join(folder);
        match path.symlink_metadata() {
            Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(&path).unwrap(),
            Ok(_) => std::fs::remove_file(&path).unwrap(),
            Err(_) => {}
        }
    }
    for (path, text) in files {
        put(path, text.as_bytes());
    }
}

pub(crate) fn put(path: &str, bytes: &[u8]) {
    let path = root().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), bytes).unwrap();
}

/// What the scan says of the root, some paths watched.
pub(crate) fn scan(watched: &[&str]) -> Scan {
    let paths = watched.iter().map(|path| (*path).to_owned()).collect();
    let options = Options {
        root: root(),
        bytes_per_sec: None,
        watched: Watched { paths, except: Vec::new() },
        ..Options::default()
    };
    scan::run(&options, Timestamp::parse("2026-11-30T00:00:00.000Z").unwrap(), None, None).unwrap().scan
}

/// Whether a tool was content, and what it said.
pub(crate) fn tool(program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Asks both about as many cases as are asked for, and shows the smallest that they see differently.
pub(crate) fn judge<S>(name: &str, strategy: &S, disagreement: impl Fn(&S::Value) -> Option<String>)
where
    S: Strategy,
    S::Value: Debug,
{
    let begun = std::time::Instant::now();
    let (cases, seed) = (number("JUDGE_CASES", CASES), number("JUDGE_SEED", 1));
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        max_shrink_iters: MAX_SHRINKS,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let outcome = TestRunner::new_with_rng(config, rng).run(strategy, |value| match disagreement(&value) {
        None => Ok(()),
        Some(told) => Err(TestCaseError::fail(told)),
    });
    println!("{name}: {cases} cases of seed {seed} in {} s", begun.elapsed().as_secs());
    if let Err(error) = outcome {
        panic!("{name} (seed {seed}): {error}");
    }
}
