//! Canonical JSON: checking and writing a heartbeat.

use crate::report::{Limit, rate, row};
use crate::world::{heartbeat, now};
use serde_json::Value;
use spec::Uuid;
use spec::payload::Heartbeat;
use std::hint::black_box;

/// Documents in a round.
const DOCUMENTS: usize = 20_000;

pub(crate) fn run(_: usize) {
    let bytes = spec::canonical::to_vec(&heartbeat(Uuid::v4([7; 16]), 3, now())).unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    let times = |work: &dyn Fn()| rate(DOCUMENTS, || (0..DOCUMENTS).for_each(|_| work()));
    crate::report::say(&format!("a heartbeat of {} bytes", bytes.len()));
    let jcs = times(&|| drop(black_box(serde_jcs::to_vec(&value).unwrap())));
    let jcs = Limit::stated("serde_jcs, from a value", jcs);
    let write = times(&|| {
        let mut out = Vec::with_capacity(bytes.len());
        spec::canonical::write(&value, &mut out).unwrap();
        black_box(out);
    });
    row("written from a value", write, &[jcs]);
    let parse = times(&|| drop(black_box(serde_json::from_str::<Value>(text).unwrap())));
    let parse = Limit::stated("serde_json into a value", parse);
    row(
        "checked",
        times(&|| {
            black_box(spec::canonical::check(&bytes).unwrap());
        }),
        &[parse, jcs],
    );
    row("typed by its schema", times(&|| drop(black_box(Heartbeat::read(text).unwrap()))), &[parse]);
}
