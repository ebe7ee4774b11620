//! Cases as somebody writes them down.
//!
//! ```text
//! == a name
//! -- etc/sudoers 0440
//! ops ALL=(ALL) NOPASSWD: ALL
//! => sudoers high /etc/sudoers ops
//! => sudoers ?
//! ```
//!
//! Behind `=>` stands each finding of the checks that are named anywhere in the file, with its severity, or `?`
//! for a check that must say that it does not know. A path that ends with a slash is a folder; one with ` -> ` is
//! a link; `\ ` at the end of a line keeps the blank and `<TAB>` is a tab, which editors and rules of style
//! would take away.

use spec::payload::Scan;
use std::collections::BTreeSet;

/// A file that a case puts in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub path: String,
    pub mode: u32,
    pub text: String,
}

pub type Files = Vec<File>;

/// A file with a mode.
pub fn file(path: &str, mode: u32, text: impl Into<String>) -> File {
    File { path: path.to_owned(), mode, text: text.into() }
}

/// A case with what is right.
#[derive(Debug, Default)]
pub struct Case {
    pub name: String,
    pub files: Files,
    findings: BTreeSet<(String, String, String)>,
    unknown: BTreeSet<String>,
    checks: BTreeSet<String>,
}

/// The cases of a text.
pub fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let checks: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("=> ")?.split(' ').next().map(str::to_owned))
        .collect();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case { name: name.to_owned(), checks: checks.clone(), ..Case::default() });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(head) = line.strip_prefix("-- ") {
            let (path, mode) = head.rsplit_once(' ').unwrap();
            case.files.push(file(path, u32::from_str_radix(mode, 8).unwrap(), ""));
        } else if let Some(expected) = line.strip_prefix("=> ") {
            let mut words = expected.splitn(3, ' ');
            let check = words.next().unwrap().to_owned();
            match (words.next().unwrap(), words.next()) {
                ("?", None) => drop(case.unknown.insert(check)),
                (severity, Some(subject)) => {
                    case.findings.insert((check, severity.to_owned(), subject.to_owned()));
                }
                (_, None) => panic!("{line}"),
            }
        } else {
            let text = &mut case.files.last_mut().unwrap().text;
            let line = line.strip_suffix("<CR>").map_or_else(|| line.to_owned(), |line| format!("{line}\r"));
            let line = line.strip_suffix("<BLANK>").map_or_else(|| line.clone(), |line| format!("{line} "));
            text.push_str(&line.replace("<TAB>", "\t"));
            text.push('\n');
        }
    }
    cases
}

impl Case {
    /// What a scan says differently from what is right, if anything.
    pub fn disagreement(&self, scan: &Scan) -> Option<String> {
        let found: BTreeSet<(String, String, String)> = scan
            .findings
            .iter()
            .filter(|finding| self.checks.contains(finding.id.as_str()))
            .map(|finding| {
                (finding.id.to_string(), finding.severity.as_str().to_owned(), finding.subject.clone())
            })
            .collect();
        let unknown: BTreeSet<String> = scan
            .unchecked
            .iter()
            .filter(|unchecked| unchecked.reason != "there is no baseline to compare with")
            .map(|unchecked| unchecked.id.to_string())
            .filter(|id| self.checks.contains(id))
            .collect();
        if found == self.findings && unknown == self.unknown {
            return None;
        }
        let reasons: Vec<String> = scan.unchecked.iter().map(|u| format!("{}: {}", u.id, u.reason)).collect();
        Some(format!(
            "right is {:?} {:?}, the scan says {found:?} {unknown:?} {reasons:?}",
            self.findings, self.unknown
        ))
    }
}
