//! What happens on the day, and what operators are paged for it.

use std::ops::Range;

/// Nodes there are. The first 300 belong to `acme`, the others to `umbrella`.
pub(super) const NODES: u16 = 500;

/// When the day ends: a node that falls silent at half past midnight is lost by then.
pub(super) const END: &str = "25:45";

/// When a snapshot of the folds is taken, from which another run goes on: in the middle of a storm.
pub(super) const SNAPSHOT: &str = "12:50";

/// The sites of the nodes.
pub(super) const SITES: [(&str, Range<u16>); 5] =
    [("north", 0..120), ("south", 120..180), ("east", 180..300), ("dock", 300..400), ("hill", 400..500)];

/// Nodes that beat every 30 seconds.
const QUICK: [u16; 8] = [12, 20, 30, 300, 301, 302, 310, 311];

/// Nodes to which something happens, and their neighbours, beat every two minutes; the others every four.
const USUAL: [Range<u16>; 4] = [0..61, 120..180, 300..330, 400..410];

/// The interval of a node, in seconds.
pub(super) fn interval_secs(node: u16) -> u64 {
    match node {
        node if QUICK.contains(&node) => 30,
        node if USUAL.iter().any(|nodes| nodes.contains(&node)) => 120,
        _ => 240,
    }
}

/// The name of a node's site.
pub(super) fn site(node: u16) -> &'static str {
    SITES.iter().find(|(_, nodes)| nodes.contains(&node)).unwrap().0
}

/// Milliseconds from the beginning to a time of the day.
pub(super) fn ms(time: &str) -> u64 {
    let (hours, minutes) = time.split_once(':').unwrap();
    (hours.parse::<u64>().unwrap() * 60 + minutes.parse::<u64>().unwrap()) * 60_000
}

/// One thing that happens, from `at` until `until`, to some nodes.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) at: &'static str,
    pub(super) until: &'static str,
    pub(super) nodes: Range<u16>,
    pub(super) what: What,
    /// The pages, of each node in order: of its nodes and of their site, from `at` until an hour after `until`.
    pub(super) pages: &'static [&'static str],
}

#[derive(Debug)]
pub(super) enum What {
    /// No heartbeats.
    Off,
    /// Again and again 110 seconds without heartbeats, then three minutes with them.
    Flapping,
    /// Heartbeats wait in the node's spool. In the middle third a service was down.
    Cut,
    /// The clock of the node is so many milliseconds ahead.
    Ahead(i64),
    /// Two machines have its key; a person resolves it in the end.
    Cloned,
    /// The disk is so full in percent, for as long each.
    Disk(&'static [u64]),
    /// A service does not run.
    Down,
    /// The spool had to drop events at the beginning, and has counted them since.
    Dropped,
    /// A scan finds something critical; in the end one does not find it.
    Finding,
    /// A command fails; in the end a person has seen it.
    Failure,
    /// A command with a deadline halfway has no receipt; in the end a person has seen it.
    Overdue,
    /// It says goodbye, with or without a time of return, which is the end.
    Goodbye { returns: bool },
    /// Its key is revoked.
    Revoked,
    /// The service is stopped and started again.
    Restart,
    /// The service is gone without a word, and starts again.
    Crash,
    /// Rules of `acme` under which this reason weighs nothing.
    Muted(&'static str),
}

const NOBODY: Range<u16> = 0..0;

const fn one(node: u16) -> Range<u16> {
    node..node + 1
}

/// The day.
pub(super) fn script() -> Vec<Item> {
    use What::{
        Ahead, Cloned, Crash, Cut, Disk, Down, Dropped, Failure, Finding, Flapping, Goodbye, Muted, Off,
        Overdue, Restart, Revoked,
    };
    let item = |at, until, nodes, what, pages| Item { at, until, nodes, what, pages };
    vec![
        // It never comes back.
        item("00:30", END, one(7), Off, &["7 offline", "7 lost"]),
        item("01:00", "01:10", one(12), Off, &["12 offline"]),
        item("02:00", "03:00", one(20), Flapping, &["20 flapping"]),
        item("03:10", "03:25", NOBODY, Restart, &[]),
        item("05:00", "05:10", NOBODY, Crash, &[]),
        item("06:00", "06:30", one(300), Ahead(70_000), &["300 clock-far-off"]),
        item("06:00", "06:30", one(301), Ahead(10_000), &["301 clock-off"]),
        item("06:00", "06:30", one(303), Ahead(-4000), &[]),
        item("07:00", "09:00", one(25), Cloned, &["25 chain-fork"]),
        item("08:00", "11:00", one(310), Cut, &["310 offline"]),
        // Too short for anybody to be told.
        item("08:00", "08:01", one(311), Cut, &[]),
        // Where it is no longer critical it is low, and that is said.
        item(
            "09:00",
            "12:00",
            one(320),
            Disk(&[85, 91, 96, 93, 91, 80]),
            &["320 disk-low", "320 disk-critical", "320 disk-low"],
        ),
        item("10:00", "10:02", one(30), Down, &["30 service-down services"]),
        item("10:30", "11:30", one(35), Finding, &["35 finding-critical ld.preload /etc/ld.so.preload"]),
        item("11:00", "11:20", one(40), Failure, &["40 command-failed restart"]),
        item("11:30", "12:30", one(48), Ahead(10_000), &["48 clock-off"]),
        item("11:40", "12:20", one(45), Goodbye { returns: true }, &[]),
        item("12:00", END, NOBODY, Muted("clock-off"), &[]),
        // Of sixty nodes 58 come back, and two do not yet.
        item("12:40", "13:00", 120..131, Off, &["south storm"]),
        item("12:40", "14:00", 131..133, Off, &["131 offline", "132 offline"]),
        item("12:40", "13:00", 133..180, Off, &[]),
        // The rules of one organisation are not those of the other.
        item("15:00", "15:30", one(50), Ahead(10_000), &[]),
        item("15:00", "15:30", one(302), Ahead(10_000), &["302 clock-off"]),
        item("15:00", "15:30", one(51), Ahead(70_000), &["51 clock-far-off"]),
        item("16:00", "16:20", one(41), Overdue, &["41 command-overdue restart"]),
        item("17:00", END, one(46), Goodbye { returns: false }, &[]),
        // It does not come back when it said it would.
        item("17:00", "18:00", one(47), Goodbye { returns: true }, &["47 offline"]),
        item("18:00", "19:00", one(47), Off, &[]),
        item("18:00", END, one(60), Dropped, &["60 spool-dropped"]),
        item("19:00", END, one(55), Revoked, &[]),
        // Too few for a storm: each by itself.
        item("20:00", "20:30", 400..403, Off, &["400 offline", "401 offline", "402 offline"]),
    ]
}
