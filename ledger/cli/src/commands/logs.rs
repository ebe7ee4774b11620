//! `ledger logs`: entries for people, read from the files beside a running service, or over HTTP.

use crate::cli::{Filter, Global, Logs, Output};
use crate::client::{Client, block_on};
use crate::data::DataDir;
use crate::failure::Failure;
use crate::output::{say, say_yaml, table};
use axum::http::Method;
use ledger::durable::{Disk, RealDisk};
use ledger::segment::{Next, next_group};
use ledger::storage::segment_name;
use ledger::verify::{DiskSource, Source as _};
use serde_json::{Value, json};
use spec::time::parse_rfc3339;
use spec::{Record, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::process::ExitCode;
use std::time::Duration;

/// How often `tail` looks for more.
const TAIL_EVERY: Duration = Duration::from_millis(500);

pub(crate) fn run(global: &Global, command: &Logs) -> Result<ExitCode, Failure> {
    match (command, &global.url) {
        (Logs::View(filter), None) => view(global, filter),
        (Logs::Tail(filter), None) => tail(global, filter),
        (Logs::Stats(filter), None) => stats(global, filter),
        (Logs::View(filter), Some(url)) => block_on(view_url(global, url, filter)),
        (Logs::Tail(filter), Some(url)) => block_on(tail_url(global, url, filter)),
        (Logs::Stats(filter), Some(url)) => block_on(stats_url(global, url, filter)),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Where to start, as asked for.
enum Since {
    Seq(u64),
    Time(Timestamp),
}

fn since(text: &str) -> Result<Since, Failure> {
    let bad = || {
        Failure::usage(format!("--since {text}: expected an RFC 3339 time, a duration such as 15m, or seq:N"))
    };
    if let Some(seq) = text.strip_prefix("seq:") {
        return seq.parse().map(Since::Seq).map_err(|_| bad());
    }
    if let Some(time) = parse_rfc3339(text) {
        return Ok(Since::Time(time));
    }
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(bad)?;
    let secs = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(bad()),
    };
    let back = number.parse::<u64>().ok().and_then(|n| n.checked_mul(secs * 1000)).ok_or_else(bad)?;
    let now = ledger::clock::Clock::now(&ledger::clock::SystemClock::default());
    Ok(Since::Time(Timestamp::from_millis(now.millis().saturating_sub(back))))
}

/// The time that a `--since` names.
pub(crate) fn since_time(text: &str) -> Result<Timestamp, Failure> {
    match since(text)? {
        Since::Time(time) => Ok(time),
        Since::Seq(_) => Err(Failure::usage(format!("--since {text}: expected a time or a duration"))),
    }
}

/// The time that an `--until` names: an RFC 3339 time, or so long from now.
pub(crate) fn until_time(text: &str) -> Result<Timestamp, Failure> {
    if let Some(time) = parse_rfc3339(text) {
        return Ok(time);
    }
    let now = ledger::clock::Clock::now(&ledger::clock::SystemClock::default());
    let back = since_time(text).map_err(|_| {
        Failure::usage(format!("--until {text}: expected an RFC 3339 time or a duration such as 15m"))
    })?;
    Ok(Timestamp::from_millis(now.millis() + now.millis().saturating_sub(back.millis())))
}

/// Reads committed records from the files, remembering where it stopped.
struct Files {
    disk: RealDisk,
    segment: u64,
    offset: u64,
}

impl Files {
    fn open(global: &Global) -> Result<Self, Failure> {
        let dir = DataDir::new(&global.data);
        if !dir.has_ledger() {
            return Err(Failure::io(format!(
                "no ledger in {}; name another with --data or --url",
                dir.path().display()
            )));
        }
        Ok(Self { disk: dir.disk(), segment: 0, offset: 0 })
    }

    /// Hands every record committed since the last call to `take`.
    fn read(&mut self, take: &mut dyn FnMut(Record) -> Result<(), Failure>) -> Result<(), Failure> {
        let segments = DiskSource(&self.disk).segments().map_err(Failure::io)?;
        let start = self.segment;
        for (first, len) in segments.into_iter().filter(|(first, _)| *first >= start) {
            if first > self.segment {
                (self.segment, self.offset) = (first, 0);
            }
            let name = segment_name(first);
            let rest = usize::try_from(len.saturating_sub(self.offset)).unwrap_or(usize::MAX);
            let bytes = self.disk.read_at(&name, self.offset, rest)?;
            let mut at = 0;
            while let Next::Group(group) = next_group(&bytes, at, self.offset) {
                for (offset, line) in group.lines() {
                    let text = String::from_utf8_lossy(line);
                    let record = Record::parse(&text).map_err(|e| {
                        Failure::refused(format!("{name} byte {offset}: {e}; run `ledger verify`"))
                    })?;
                    take(record)?;
                }
                at = usize::try_from(group.end - self.offset).unwrap_or(usize::MAX);
            }
            self.offset += at as u64;
        }
        Ok(())
    }
}

fn wants(filter: &Filter, start: Option<&Since>, record: &Record) -> bool {
    let (header, position) = (&record.entry.header, &record.entry.position);
    (filter.kind.is_empty() || filter.kind.contains(&header.kind))
        && filter.node.is_none_or(|node| header.subject_node() == Some(node))
        && filter.min_severity.is_none_or(|least| header.severity.is_some_and(|s| s >= least))
        && match start {
            None => true,
            Some(Since::Seq(seq)) => position.seq >= *seq,
            Some(Since::Time(time)) => position.recorded_at >= *time,
        }
}

/// One entry in the form that `GET /api/events` gives.
fn item(record: &Record) -> Value {
    let mut event = Vec::new();
    record.entry.header.write(Some(&record.entry.sig), &mut event);
    let mut item = json!({
        "seq": record.entry.position.seq,
        "recorded_at": record.entry.position.recorded_at,
        "leaf": record.leaf,
        "event_hash": record.entry.header.event_hash(&record.entry.sig),
        "event": serde_json::from_slice::<Value>(&event).unwrap_or_default(),
    });
    if let (Some(payload), Some(object)) = (&record.payload, item.as_object_mut()) {
        object.insert("payload".to_owned(), serde_json::from_str(&payload.json).unwrap_or_default());
    }
    item
}

fn row(item: &Value) -> Vec<String> {
    let word = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let payload = item.get("payload").map(Value::to_string).unwrap_or_default();
    let mut short: String = payload.chars().take(100).collect();
    if short.len() < payload.len() {
        short.push('…');
    }
    vec![
        item.get("seq").map(Value::to_string).unwrap_or_default(),
        word("/recorded_at"),
        word("/event/org"),
        word("/event/kind"),
        word("/event/author"),
        short,
    ]
}

const HEAD: [&str; 6] = ["seq", "recorded_at", "org", "kind", "author", "payload"];

fn show(global: &Global, items: &[Value]) -> Result<(), Failure> {
    match global.output {
        None | Some(Output::Table | Output::Wide) => {
            say(&table(&HEAD, &items.iter().map(row).collect::<Vec<_>>()))
        }
        Some(Output::Json) => say(&format!("{}\n", Value::Array(items.to_vec()))),
        Some(Output::Jsonl) => items.iter().try_for_each(|item| say(&format!("{item}\n"))),
        Some(Output::Yaml) => items.iter().try_for_each(say_yaml),
    }
}

/// A line of `tail`: a table cannot know the widths to come.
fn show_one(global: &Global, item: &Value) -> Result<(), Failure> {
    match global.output {
        None | Some(Output::Table | Output::Wide) => say(&format!("{}\n", row(item).join("  "))),
        Some(Output::Yaml) => say_yaml(item),
        Some(Output::Json | Output::Jsonl) => say(&format!("{item}\n")),
    }
}

fn view(global: &Global, filter: &Filter) -> Result<(), Failure> {
    let start = filter.since.as_deref().map(since).transpose()?;
    let mut newest = VecDeque::new();
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    Files::open(global)?.read(&mut |record| {
        if wants(filter, start.as_ref(), &record) {
            newest.push_back(record);
            if newest.len() > limit {
                newest.pop_front();
            }
        }
        Ok(())
    })?;
    show(global, &newest.iter().map(item).collect::<Vec<_>>())
}

fn tail(global: &Global, filter: &Filter) -> Result<(), Failure> {
    let start = filter.since.as_deref().map(since).transpose()?;
    let mut files = Files::open(global)?;
    let mut recent = VecDeque::new();
    files.read(&mut |record| {
        if wants(filter, start.as_ref(), &record) {
            recent.push_back(record);
            if recent.len() > 10 && start.is_none() {
                recent.pop_front();
            }
        }
        Ok(())
    })?;
    recent.iter().try_for_each(|record| show_one(global, &item(record)))?;
    loop {
        std::thread::sleep(TAIL_EVERY);
        files.read(&mut |record| {
            if wants(filter, None, &record) { show_one(global, &item(&record)) } else { Ok(()) }
        })?;
    }
}

#[derive(Default)]
struct Tally {
    entries: u64,
    last: String,
    kinds: BTreeMap<String, u64>,
}

fn tally(nodes: &mut BTreeMap<String, Tally>, node: String, kind: String, at: String) {
    let entry = nodes.entry(node).or_default();
    entry.entries += 1;
    entry.last = entry.last.clone().max(at);
    *entry.kinds.entry(kind).or_default() += 1;
}

fn stats(global: &Global, filter: &Filter) -> Result<(), Failure> {
    let start = filter.since.as_deref().map(since).transpose()?;
    let mut nodes = BTreeMap::new();
    Files::open(global)?.read(&mut |record| {
        if wants(filter, start.as_ref(), &record) {
            let header = &record.entry.header;
            let node = header.subject_node().map_or_else(|| "-".to_owned(), |id| id.to_string());
            tally(&mut nodes, node, header.kind.to_string(), record.entry.position.recorded_at.to_string());
        }
        Ok(())
    })?;
    show_stats(global, &nodes)
}

fn show_stats(global: &Global, nodes: &BTreeMap<String, Tally>) -> Result<(), Failure> {
    if !global.for_people() {
        let items: Vec<Value> = nodes
            .iter()
            .map(|(node, t)| json!({"node": node, "entries": t.entries, "last": t.last, "kinds": t.kinds}))
            .collect();
        return show(global, &items);
    }
    let rows: Vec<Vec<String>> = nodes
        .iter()
        .map(|(node, t)| {
            let kinds: Vec<String> = t.kinds.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
            vec![node.clone(), t.entries.to_string(), t.last.clone(), kinds.join(", ")]
        })
        .collect();
    say(&table(&["node", "entries", "last", "kinds"], &rows))
}

/// The query string of a filter, without cursor.
fn query(filter: &Filter, limit: u64) -> String {
    use std::fmt::Write as _;
    let mut text = format!("limit={limit}");
    if !filter.kind.is_empty() {
        let kinds: Vec<&str> = filter.kind.iter().map(spec::Kind::as_str).collect();
        let _ = write!(text, "&kind={}", kinds.join(","));
    }
    if let Some(node) = filter.node {
        let _ = write!(text, "&node_id={node}");
    }
    if let Some(since) = &filter.since {
        let _ = write!(text, "&since={}", since.replace('+', "%2B"));
    }
    if let Some(severity) = filter.min_severity {
        let _ = write!(text, "&min_severity={}", severity.as_str());
    }
    text
}

/// Pages through a query and hands each item to `take` until it has enough.
async fn pages(
    client: &Client,
    query: &str,
    take: &mut dyn FnMut(Value) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let mut cursor = String::new();
    loop {
        let page = client.json(Method::GET, &format!("/api/events?{query}{cursor}"), None).await?;
        for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            if !take(item.clone())? {
                return Ok(());
            }
        }
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
}

async fn view_url(global: &Global, url: &str, filter: &Filter) -> Result<(), Failure> {
    let client = Client::http(url, global.token.clone())?;
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let mut items = Vec::new();
    pages(&client, &query(filter, filter.limit.clamp(1, 500)), &mut |item| {
        items.push(item);
        Ok(items.len() < limit)
    })
    .await?;
    items.reverse();
    show(global, &items)
}

async fn stats_url(global: &Global, url: &str, filter: &Filter) -> Result<(), Failure> {
    let client = Client::http(url, global.token.clone())?;
    let mut nodes = BTreeMap::new();
    pages(&client, &query(filter, 500), &mut |item| {
        let word =
            |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let author = word("/event/author");
        let node = match (word("/event/node_id"), author.strip_prefix("node:")) {
            (id, _) if !id.is_empty() => id,
            (_, Some(id)) => id.to_owned(),
            _ => "-".to_owned(),
        };
        tally(&mut nodes, node, word("/event/kind"), word("/recorded_at"));
        Ok(true)
    })
    .await?;
    show_stats(global, &nodes)
}

async fn tail_url(global: &Global, url: &str, filter: &Filter) -> Result<(), Failure> {
    let client = Client::http(url, global.token.clone())?;
    let mut recent = Vec::new();
    pages(&client, &query(filter, 10), &mut |item| {
        recent.push(item);
        Ok(recent.len() < 10)
    })
    .await?;
    recent.reverse();
    let seq = |item: &Value| item.get("seq").and_then(Value::as_u64);
    let mut next = recent.last().and_then(seq).map_or(0, |seq| seq + 1);
    recent.iter().try_for_each(|item| show_one(global, item))?;
    loop {
        tokio::time::sleep(TAIL_EVERY).await;
        let filter = Filter { since: Some(format!("seq:{next}")), ..filter.clone() };
        let mut newest = next;
        pages(&client, &format!("{}&order=asc", query(&filter, 500)), &mut |item| {
            newest = seq(&item).map_or(newest, |seq| seq + 1);
            show_one(global, &item).map(|()| true)
        })
        .await?;
        next = newest;
    }
}
