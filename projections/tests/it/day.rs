//! A day of 500 nodes: what happens is [scripted](script), and so is what operators are paged for it.
//!
//! A *page* is an announcement that a reason fires, or that a storm or flapping begins. Every page of the day
//! belongs to one item of the script. All announcements and all transitions are golden files beside this one;
//! `VAULTMESH_BLESS=1` writes them anew.

mod fleet;
mod script;

use crate::entries::{START, number};
use fleet::Fleet;
use projections::attention::{Change, Notice, Transition};
use script::{Item, ms, script, site};
use serde_json::Value;
use spec::Timestamp;
use spec::payload::{AttentionChange, Onset, ReasonState};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// How long after its end an item may have pages, in milliseconds.
const AFTER: u64 = 60 * 60_000;

/// What somebody is paged for.
fn page(notice: &Notice) -> Option<String> {
    let what = match &notice.payload.change {
        AttentionChange::Reason { reason, subject, state: ReasonState::Firing, .. } => {
            format!("{reason} {}", subject.as_deref().unwrap_or_default())
        }
        AttentionChange::Flapping { state: Onset::Began } => "flapping".to_owned(),
        AttentionChange::Storm { state: Onset::Began, .. } => "storm".to_owned(),
        _ => return None,
    };
    Some(format!("{} {}", whose(notice), what.trim_end()))
}

/// The node or the site that a notice is about.
fn whose(notice: &Notice) -> String {
    match (&notice.payload.change, notice.node) {
        (AttentionChange::Storm { site, .. }, _) => site.clone(),
        (_, node) => number(node.unwrap()).to_string(),
    }
}

fn since_start(at: Timestamp) -> u64 {
    at.millis() - START
}

fn clock(at: Timestamp) -> String {
    let ms = since_start(at);
    let (hours, minutes, secs) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{secs:02}.{:03}", ms % 1000)
}

/// A notice without what depends on how many entries there are.
fn announcement(notice: &Notice) -> String {
    let change = serde_json::to_value(&notice.payload.change).unwrap();
    let mut line = format!("{} {} {}", clock(notice.payload.at), notice.org, whose(notice));
    for field in ["what", "reason", "subject", "state", "weight", "from", "to", "nodes", "of"] {
        match change.get(field) {
            Some(Value::String(word)) => write!(line, " {word}").unwrap(),
            Some(Value::Number(number)) => write!(line, " {field}={number}").unwrap(),
            _ => {}
        }
    }
    write!(line, " score={}", notice.payload.score).unwrap();
    line
}

fn transition(transition: &Transition) -> String {
    let what = match &transition.change {
        Change::Silence { from, to } => format!("silence {from:?} {to:?}"),
        Change::Band { from, to, score } => format!("band {from:?} {to:?} score={score}"),
        Change::Reason { reason, subject, from, to } => {
            let phase =
                |phase: &Option<_>| phase.as_ref().map_or("-".to_owned(), |phase| format!("{phase:?}"));
            format!("{} [{subject}] {} {}", reason.as_str(), phase(from), phase(to))
        }
    };
    format!("{} {} {} {what}", clock(transition.at), transition.org, number(transition.node))
}

/// Compares with a golden file, or writes it.
fn golden(file: &str, lines: impl Iterator<Item = String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/day").join(file);
    let found: String = lines.map(|line| line + "\n").collect();
    if std::env::var_os("VAULTMESH_BLESS").is_some() {
        std::fs::File::create(&path).unwrap().write_all(found.as_bytes()).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (n, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{file}, line {}", n + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{file}");
}

/// Whether a page is of an item's nodes or their site, and in its time.
fn belongs(item: &Item, notice: &Notice) -> bool {
    let at = since_start(notice.payload.at);
    let whose = match notice.node {
        Some(node) => item.nodes.contains(&number(node)),
        None => !item.nodes.is_empty() && whose(notice) == site(item.nodes.start),
    };
    whose && (ms(item.at)..ms(item.until) + AFTER).contains(&at)
}

/// What came about in whatever order at one instant, in one order.
fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

#[test]
fn a_day_of_500_nodes_pages_for_what_happens_and_for_nothing_else() {
    let script = script();
    let mut fleet = Fleet::new(&script);
    fleet.run();
    let [whole, odd, restored] = fleet.logs();

    let (mut pages, mut strays) = (vec![Vec::new(); script.len()], Vec::new());
    for (notice, _) in &whole.announced {
        let Some(page) = page(notice) else { continue };
        // Of several items in one site the first has the pages of the site.
        match script.iter().position(|item| belongs(item, notice)) {
            Some(of) => pages[of].push(page),
            None => strays.push(announcement(notice)),
        }
    }
    for pages in &mut pages {
        // Nodes that fall silent together are missed in any order.
        pages.sort_by_key(|page: &String| page.split(' ').next().and_then(|node| node.parse::<u16>().ok()));
    }
    let wrong: Vec<_> = script.iter().zip(pages).filter(|(item, pages)| pages != item.pages).collect();
    assert!(wrong.is_empty() && strays.is_empty(), "{wrong:#?}, of no item: {strays:#?}");

    golden("announcements.txt", whole.announced.iter().map(|(notice, _)| announcement(notice)));
    golden("transitions.txt", whole.transitions.iter().map(transition));

    // Nobody is paged more, or for anything else, than by the rules before.
    let difference = whole.rehearsal.as_ref().unwrap().difference();
    assert_eq!((difference.kept, difference.before, difference.after), (26, 26, 26), "{difference:?}");

    // From a snapshot in the middle it goes on to the same, to the byte.
    assert_eq!(restored.announced, whole.announced);
    assert_eq!(restored.folds.digests(), whole.folds.digests());
    assert!(restored.folds.snapshot() == whole.folds.snapshot());
    // How often it is evaluated, and looked at, does not matter.
    assert!(odd.seq() > whole.seq() + 10_000);
    let announcements =
        |log: &crate::announcing::Announcing| sorted(log.announced.iter().map(|(n, _)| announcement(n)));
    assert_eq!(announcements(odd), announcements(whole));
    let transitions = |log: &crate::announcing::Announcing| sorted(log.transitions.iter().map(transition));
    assert!(transitions(odd) == transitions(whole));
}
