//! Storms while nodes come to a site, leave it, and say goodbye.

use crate::entries::{Fact, at, name, node};
use crate::notices::{Log, expect};
use projections::attention::Band;
use serde_json::json;
use spec::{Author, Kind};

fn label(log: &mut Log, id: u16, site: &str) {
    log.operator(log.now, Kind::Labels, Some(node(id)), json!({"labels": {"site": site}}));
}

/// Six of ten nodes are silent since 600, and that was told as a storm.
fn in_storm() -> Log {
    let mut log = Log::started(10);
    log.beats(600, 0..10);
    log.beats(780, 6..10);
    expect(&mut log, &[(690, "site acme storm began 5/10")]);
    log
}

#[test]
fn a_storm_ends_when_the_silent_nodes_belong_elsewhere() {
    let mut log = in_storm();
    for id in 0..4 {
        label(&mut log, id, "south");
    }
    // Elsewhere they are silent each by itself; of the six that stay two are, and have their time to come back.
    let mut news = log.news();
    let ended = (780, "site acme storm ended 2/6".to_owned());
    assert_eq!(news.iter().filter(|(_, words)| words.contains("storm")).collect::<Vec<_>>(), [&ended]);
    log.beats(1000, 6..10);
    news.extend(log.news());
    let mut told: Vec<String> = news.into_iter().map(|(_, words)| words).collect();
    told.retain(|words| words.ends_with("firing"));
    assert_eq!(told, (0..6).map(|id| format!("{id} offline firing")).collect::<Vec<_>>());
}

#[test]
fn a_new_key_or_label_within_a_site_leaves_its_storm_alone() {
    let mut log = in_storm();
    // Three silent ones are enough to stay in it.
    log.beats(870, (3..10).filter(|id| *id != 5));
    expect(&mut log, &[]);
    log.say(870, &Fact::Introduce { node: 0, key: 20, org: "acme" });
    log.operator(870, Kind::Labels, Some(node(1)), json!({"labels": {"rack": "7"}}));
    expect(&mut log, &[]);
}

#[test]
fn whoever_said_goodbye_in_a_storm_is_missed_after_it() {
    let mut log = in_storm();
    log.tell(780, Author::Node(node(6)), Kind::Goodbye, None, json!({"reason": "new disk"}));
    log.beats(900, (0..10).filter(|id| *id != 6));
    expect(&mut log, &[(810, "site acme storm ended 2/9")]);
    log.beats(1500, 0..10);
    expect(&mut log, &[]);
    log.beats(1800, (0..10).filter(|id| *id != 6));
    expect(&mut log, &[(1650, "6 offline firing"), (1650, "6 OK to ATTN")]);
}

#[test]
fn whoever_falls_silent_in_a_storm_is_part_of_it() {
    let mut log = Log::started(10);
    log.beats(600, 0..10);
    let until = json!({"reason": "new disk", "until": at(660)});
    log.tell(600, Author::Node(node(9)), Kind::Goodbye, None, until);
    log.beats(1200, 6..9);
    expect(&mut log, &[(690, "site acme storm began 5/9")]);
    let standing = log.attention().standing(&name("acme"), node(9), at(1200)).unwrap();
    assert_eq!((standing.band, standing.score), (Band::Attn, 60));
}
