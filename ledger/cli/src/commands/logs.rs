//! `ledger logs`: entries for people, read from the files beside a running service, or over HTTP.

use crate::api::{Listed, Query, Ref, look, read};
use crate::client::{Client, block_on};
use crate::data::DataDir;
use crate::failure::Failure;
use crate::options::{Global, Output};
use crate::output::{Cell, Look, Table, column, say, say_json, say_yaml, wide};
use crate::times::Point;
use clap::{Args, Subcommand};
use ledger::durable::RealDisk;
use ledger::segment::{Next, next_group};
use ledger::storage::segment_name;
use ledger::verify::{DiskSource, Source as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serving::answers::EntryRow;
use spec::{Author, Kind, Name, Record, Severity, Timestamp, Uuid};
use std::collections::{BTreeMap, VecDeque};
use std::process::ExitCode;
use std::time::Duration;

/// How often `tail` looks for more.
const TAIL_EVERY: Duration = Duration::from_millis(500);

/// Entries that `tail` begins with.
const TAIL_FIRST: usize = 10;

/// Characters of a payload that a table has room for.
const PAYLOAD_CHARS: usize = 100;

/// Which entries.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Filter {
    /// Kinds, divided by commas.
    #[arg(long, value_delimiter = ',')]
    kind: Vec<Kind>,
    /// Entries about this node: its id; with --url also the beginning of it, or its host name.
    #[arg(long)]
    node: Option<Ref>,
    /// From an RFC 3339 time, a duration back (90s, 15m, 2h, 7d) or the entry `seq:N` on.
    #[arg(long, value_name = "TIME|SPAN|seq:N")]
    since: Option<Point>,
    /// At least this severity.
    #[arg(long)]
    min_severity: Option<Severity>,
    /// At most this many.
    #[arg(long, default_value_t = 50)]
    limit: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Logs {
    /// Show entries.
    View(Filter),
    /// Show new entries as they come.
    Tail(Filter),
    /// Count entries by node and kind.
    Stats(Filter),
}

/// An entry as it is shown: what its event says beside the payload is read.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) row: EntryRow<'static>,
    pub(crate) event: EventHead,
}

/// What of an event is shown or counted.
#[derive(Debug, Deserialize)]
pub(crate) struct EventHead {
    pub(crate) author: Author,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) node_id: Option<Uuid>,
    pub(crate) org: Name,
}

/// Entries.
pub(crate) const ENTRIES: Table<Line> = Table {
    columns: &[
        column("seq", |line| Cell::from(line.row.seq)),
        column("recorded", |line| Cell::from(line.row.recorded_at)),
        column("org", |line| Cell::from(&line.event.org)),
        column("kind", |line| Cell::of(&line.event.kind)),
        column("author", |line| Cell::from(&line.event.author)),
        wide("event hash", |line| Cell::from(line.row.event_hash)),
        column("payload", payload),
    ],
    nothing: "no entries that fit",
};

/// Entries, counted.
pub(crate) const TALLIES: Table<Tally> = Table {
    columns: &[
        column("node", |tally| tally.node.map_or(Cell::from("-"), Cell::from)),
        column("entries", |tally| Cell::from(tally.entries)),
        column("last", |tally| Cell::from(tally.last)),
        column("kinds", |tally| Cell::list(tally.kinds.iter().map(|(kind, n)| format!("{kind} {n}")))),
    ],
    nothing: "no entries that fit",
};

/// How many entries there are about a node, or about none.
#[derive(Debug, Serialize)]
pub(crate) struct Tally {
    #[serde(serialize_with = "or_dash")]
    pub(crate) node: Option<Uuid>,
    pub(crate) entries: u64,
    pub(crate) last: Timestamp,
    pub(crate) kinds: BTreeMap<String, u64>,
}

#[expect(clippy::ref_option, reason = "serde asks for a reference")]
fn or_dash<S: serde::Serializer>(node: &Option<Uuid>, serializer: S) -> Result<S::Ok, S::Error> {
    match node {
        Some(node) => serializer.collect_str(node),
        None => serializer.serialize_str("-"),
    }
}

fn payload(line: &Line) -> Cell {
    let Some(payload) = &line.row.payload else { return Cell::Nothing };
    let text = payload.get();
    match text.char_indices().nth(PAYLOAD_CHARS) {
        Some((end, _)) => Cell::Text(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cell::from(text),
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let row = EntryRow::deserialize(deserializer)?;
        let event = serde_json::from_str(row.event.get()).map_err(serde::de::Error::custom)?;
        Ok(Self { row, event })
    }
}

impl EventHead {
    /// The node that the event is about: the one it names, or its author.
    fn subject(&self) -> Option<Uuid> {
        match self.author {
            Author::Node(node) => self.node_id.or(Some(node)),
            _ => self.node_id,
        }
    }
}

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

/// Reads committed records from the files, remembering where it stopped.
struct Files {
    disk: RealDisk,
    segment: u64,
    offset: u64,
}

impl Files {
    fn open(global: &Global) -> Result<Self, Failure> {
        let dir = DataDir::new(global.data());
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
            if len <= self.offset {
                continue;
            }
            let name = segment_name(first);
            let bytes = DiskSource(&self.disk).segment_from(first, self.offset).map_err(Failure::io)?;
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

/// What a filter wants of the files.
struct Wants<'a> {
    filter: &'a Filter,
    node: Option<Uuid>,
}

impl<'a> Wants<'a> {
    fn of(filter: &'a Filter) -> Result<Self, Failure> {
        let whole = |node: &Ref| {
            let id: Result<Uuid, _> = node.to_string().parse();
            id.map_err(|e| {
                Failure::usage(format!("--node {node}: {e}; without --url a node has its whole id"))
            })
        };
        Ok(Self { filter, node: filter.node.as_ref().map(whole).transpose()? })
    }

    fn wants(&self, record: &Record) -> bool {
        let (header, position) = (&record.entry.header, &record.entry.position);
        let filter = self.filter;
        (filter.kind.is_empty() || filter.kind.contains(&header.kind))
            && self.node.is_none_or(|node| header.subject_node() == Some(node))
            && filter.min_severity.is_none_or(|least| header.severity.is_some_and(|s| s >= least))
            && match filter.since {
                None => true,
                Some(Point::Seq(seq)) => position.seq >= seq,
                Some(Point::Time(time)) => position.recorded_at >= time,
            }
    }
}

/// One entry in the form that `GET /api/events` gives.
fn item(record: &Record) -> Result<Value, Failure> {
    let row =
        EntryRow::of(record).ok_or_else(|| Failure::refused("an entry is no JSON; run `ledger verify`"))?;
    serde_json::to_value(row).map_err(Failure::io)
}

/// A line of `tail`: a table cannot know the widths to come.
fn show_one(global: &Global, item: &Value) -> Result<(), Failure> {
    match global.output {
        None | Some(Output::Table | Output::Wide) => {
            // What was recorded just now is not told by how long ago.
            let look = Look { wide: true, ..look(global, item) };
            say(&ENTRIES.lines(&[read(item)?], &look))
        }
        Some(Output::Yaml) => say_yaml(item),
        Some(Output::Json | Output::Jsonl) => say_json(item),
    }
}

fn show(global: &Global, items: Vec<Value>) -> Result<(), Failure> {
    Listed::of(Map::new(), items).show(global, &ENTRIES)
}

fn view(global: &Global, filter: &Filter) -> Result<(), Failure> {
    let wanted = Wants::of(filter)?;
    let mut newest = VecDeque::new();
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    Files::open(global)?.read(&mut |record| {
        if wanted.wants(&record) {
            newest.push_back(record);
            if newest.len() > limit {
                newest.pop_front();
            }
        }
        Ok(())
    })?;
    show(global, newest.iter().map(item).collect::<Result<_, _>>()?)
}

fn tail(global: &Global, filter: &Filter) -> Result<(), Failure> {
    let wanted = Wants::of(filter)?;
    let mut files = Files::open(global)?;
    let mut recent = VecDeque::new();
    files.read(&mut |record| {
        if wanted.wants(&record) {
            recent.push_back(record);
            if recent.len() > TAIL_FIRST && filter.since.is_none() {
                recent.pop_front();
            }
        }
        Ok(())
    })?;
    recent.iter().try_for_each(|record| show_one(global, &item(record)?))?;
    loop {
        std::thread::sleep(TAIL_EVERY);
        files.read(&mut |record| {
            if wanted.wants(&record) { show_one(global, &item(&record)?) } else { Ok(()) }
        })?;
    }
}

/// Entries by the node that they are about.
#[derive(Default)]
struct Tallies(BTreeMap<Option<Uuid>, Tally>);

impl Tallies {
    fn add(&mut self, node: Option<Uuid>, kind: &Kind, at: Timestamp) {
        let tally = Tally { node, entries: 0, last: at, kinds: BTreeMap::new() };
        let tally = self.0.entry(node).or_insert(tally);
        tally.entries += 1;
        tally.last = tally.last.max(at);
        *tally.kinds.entry(kind.to_string()).or_default() += 1;
    }

    fn show(self, global: &Global) -> Result<(), Failure> {
        let tallies: Vec<Tally> = self.0.into_values().collect();
        let said = serde_json::json!({"items": tallies});
        crate::output::answer(global, &said, || Ok(TALLIES.text(&tallies, &look(global, &said))))
    }
}

fn stats(global: &Global, filter: &Filter) -> Result<(), Failure> {
    let wanted = Wants::of(filter)?;
    let mut tallies = Tallies::default();
    Files::open(global)?.read(&mut |record| {
        if wanted.wants(&record) {
            let header = &record.entry.header;
            tallies.add(header.subject_node(), &header.kind, record.entry.position.recorded_at);
        }
        Ok(())
    })?;
    tallies.show(global)
}

/// The parameters of a filter.
async fn query(client: &Client, filter: &Filter, limit: u64) -> Result<Query, Failure> {
    let kinds: Vec<&str> = filter.kind.iter().map(Kind::as_str).collect();
    let kinds = if kinds.is_empty() { None } else { Some(kinds.join(",")) };
    let since = filter.since.map(|since| match since {
        Point::Seq(seq) => format!("seq:{seq}"),
        Point::Time(time) => time.to_string(),
    });
    Ok(Query::default()
        .with("limit", Some(limit))
        .with("kind", kinds)
        .with("node_id", client.maybe_node_of(filter.node.as_ref()).await?)
        .with("since", since)
        .with("min_severity", filter.min_severity.map(Severity::as_str)))
}

async fn view_url(global: &Global, url: &str, filter: &Filter) -> Result<(), Failure> {
    let client = Client::http(url, global.token.clone())?;
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let mut items = Vec::new();
    client
        .entries(query(&client, filter, filter.limit.clamp(1, 500)).await?, &mut |item| {
            items.push(item);
            Ok(items.len() < limit)
        })
        .await?;
    items.reverse();
    show(global, items)
}

async fn stats_url(global: &Global, url: &str, filter: &Filter) -> Result<(), Failure> {
    let client = Client::http(url, global.token.clone())?;
    let mut tallies = Tallies::default();
    client
        .entries(query(&client, filter, 500).await?, &mut |item| {
            let Line { row, event } = read(&item)?;
            tallies.add(event.subject(), &event.kind, row.recorded_at);
            Ok(true)
        })
        .await?;
    tallies.show(global)
}

async fn tail_url(global: &Global, url: &str, filter: &Filter) -> Result<(), Failure> {
    let client = Client::http(url, global.token.clone())?;
    let mut recent = Vec::new();
    client
        .entries(query(&client, filter, TAIL_FIRST as u64).await?, &mut |item| {
            recent.push(item);
            Ok(recent.len() < TAIL_FIRST)
        })
        .await?;
    recent.reverse();
    let seq = |item: &Value| item.get("seq").and_then(Value::as_u64);
    let mut next = recent.last().and_then(seq).map_or(0, |seq| seq + 1);
    recent.iter().try_for_each(|item| show_one(global, item))?;
    loop {
        tokio::time::sleep(TAIL_EVERY).await;
        let filter = Filter { since: Some(Point::Seq(next)), ..filter.clone() };
        let rising = query(&client, &filter, 500).await?.with("order", Some("asc"));
        let mut newest = next;
        client
            .entries(rising, &mut |item| {
                newest = seq(&item).map_or(newest, |seq| seq + 1);
                show_one(global, &item).map(|()| true)
            })
            .await?;
        next = newest;
    }
}
