//! Counters of the HTTP side, and everything an operator would alert on as Prometheus text.

use crate::app::Inner;
use crate::problem::{ADMISSION_CODES, ROWS};
use crate::route::Row;
use axum::http::StatusCode;
use ledger::service::APPEND_BUCKETS_MS;
use ledger::space::Room;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The statuses that are counted apart; every other counts as 0.
const STATUSES: [u16; 21] =
    [200, 201, 204, 207, 303, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 503, 507, 0];

/// How often a route was answered, by status.
#[derive(Debug)]
pub(crate) struct Counted {
    method: String,
    path: &'static str,
    by_status: [AtomicU64; STATUSES.len()],
}

impl Counted {
    fn new(method: &str, path: &'static str) -> Self {
        Self { method: method.to_owned(), path, by_status: Default::default() }
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, status: StatusCode) {
        let column = STATUSES.iter().position(|s| *s == status.as_u16()).unwrap_or(STATUSES.len() - 1);
        if let Some(counter) = self.by_status.get(column) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Counters of the HTTP side.
#[derive(Debug)]
pub(crate) struct Metrics {
    routes: Mutex<Vec<Arc<Counted>>>,
    /// Of what no route took.
    unrouted: Counted,
    refusals: BTreeMap<&'static str, AtomicU64>,
    pub(crate) connections: AtomicUsize,
    pub(crate) accepted: AtomicU64,
    pub(crate) turned_away: AtomicU64,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let codes = ROWS.iter().map(|row| row.code);
        let admission = ADMISSION_CODES.iter().map(|code| code.as_str());
        Self {
            routes: Mutex::default(),
            unrouted: Counted::new("any", "other"),
            refusals: codes.chain(admission).map(|code| (code, AtomicU64::new(0))).collect(),
            connections: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
        }
    }

    /// The counters of a route, from now on among all others.
    pub(crate) fn route(&self, row: &Row) -> Arc<Counted> {
        let counted = Arc::new(Counted::new(row.method.as_str(), row.path));
        self.routes().push(Arc::clone(&counted));
        counted
    }

    /// Counts an answer to what no route took.
    pub(crate) fn unrouted(&self, status: StatusCode) {
        self.unrouted.answered(status);
    }

    /// Counts a refusal, of a request or of an event in a batch.
    pub(crate) fn refusal(&self, code: &str) {
        if let Some(counter) = self.refusals.get(code) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn routes(&self) -> MutexGuard<'_, Vec<Arc<Counted>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The whole text.
pub(crate) fn render(app: &Inner) -> String {
    let mut out = String::with_capacity(8192);
    render_ledger(app, &mut out);
    render_http(app, &mut out);
    render_process(app, &mut out);
    out
}

fn render_ledger(app: &Inner, out: &mut String) {
    let (ledger, metrics) = (&app.ledger, app.ledger.metrics());
    let head = ledger.head().borrow().clone();
    gauge(out, "ledger_size", "Entries in the ledger.", head.size);
    gauge(
        out,
        "ledger_last_recorded_timestamp_seconds",
        "When the last entry was recorded.",
        seconds(head.recorded_at.millis()),
    );
    let sealed = metrics.last_seal_millis.load(Ordering::Relaxed);
    gauge(
        out,
        "ledger_last_seal_timestamp_seconds",
        "When this process last recorded a seal; 0 if it has not.",
        seconds(sealed),
    );
    gauge(out, "ledger_queue_depth", "Events that wait for their answer.", ledger.queue_depth());
    let poisoned = u8::from(ledger.poisoned().is_some());
    gauge(out, "ledger_poisoned", "1 once a write failed and the ledger accepts nothing more.", poisoned);
    let short = u8::from(ledger.room() != Room::Enough);
    gauge(out, "ledger_disk_short", "1 while the disk is nearly full and no events are taken.", short);
    counter(
        out,
        "ledger_entries_total",
        "Entries written by this process.",
        metrics.entries.load(Ordering::Relaxed),
    );

    let name = "ledger_append_seconds";
    heading(out, name, "Time to make a group of entries durable and publish it.", "histogram");
    let mut sum = 0;
    for (le, bucket) in APPEND_BUCKETS_MS.iter().zip(&metrics.append_buckets) {
        sum += bucket.load(Ordering::Relaxed);
        line(out, format_args!("{name}_bucket{{le=\"{}\"}}", seconds(*le)), sum);
    }
    let groups = metrics.groups.load(Ordering::Relaxed).max(sum);
    line(out, format_args!("{name}_bucket{{le=\"+Inf\"}}"), groups);
    let micros = metrics.append_micros.load(Ordering::Relaxed);
    line(out, format_args!("{name}_sum"), format_args!("{}.{:06}", micros / 1_000_000, micros % 1_000_000));
    line(out, format_args!("{name}_count"), groups);
}

fn render_http(app: &Inner, out: &mut String) {
    let metrics = &app.metrics;
    heading(out, "http_requests_total", "Requests by route and status.", "counter");
    let routes = metrics.routes();
    for counted in routes.iter().map(|counted| &**counted).chain([&metrics.unrouted]) {
        let Counted { method, path, by_status } = counted;
        for (status, counter) in STATUSES.iter().zip(by_status) {
            let count = counter.load(Ordering::Relaxed);
            if count > 0 {
                let labels = format_args!(
                    "http_requests_total{{method=\"{method}\",route=\"{path}\",status=\"{status}\"}}"
                );
                line(out, labels, count);
            }
        }
    }
    drop(routes);
    heading(out, "ingest_refusals_total", "Refused requests and events by problem code.", "counter");
    for (code, counter) in &metrics.refusals {
        line(out, format_args!("ingest_refusals_total{{code=\"{code}\"}}"), counter.load(Ordering::Relaxed));
    }
    let connections = metrics.connections.load(Ordering::Relaxed);
    gauge(out, "http_connections", "Open connections.", connections);
    gauge(out, "http_connections_limit", "Open connections at most.", app.config.limits.connections.all);
    gauge(out, "http_streams", "Open streams.", app.streams.taken());
    gauge(out, "http_streams_limit", "Open streams at most.", app.config.limits.streams.all);
    gauge(
        out,
        "http_polls",
        "Questions that wait for their answers.",
        app.polls.taken() + app.open_polls.taken(),
    );
    counter(
        out,
        "http_connections_accepted_total",
        "Connections accepted.",
        metrics.accepted.load(Ordering::Relaxed),
    );
    counter(
        out,
        "http_connections_turned_away_total",
        "Connections closed at once, as their address, its network or the service had as many as it may.",
        metrics.turned_away.load(Ordering::Relaxed),
    );
    let bodies = app.bodies.taken() + app.heartbeat_bodies.taken();
    gauge(out, "http_body_bytes", "Bytes of request bodies in memory, with what they take parsed.", bodies);
}

fn render_process(app: &Inner, out: &mut String) {
    if let Some(dir) = &app.config.data_dir
        && let Ok((free, size)) = ledger::durable::disk_space(dir)
    {
        gauge(out, "ledger_disk_free_bytes", "Free bytes on the file system of the data directory.", free);
        gauge(out, "ledger_disk_size_bytes", "Size of that file system.", size);
    }
    if let Some(bytes) = resident_bytes() {
        gauge(out, "process_resident_memory_bytes", "Resident memory of the process.", bytes);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        gauge(out, "process_open_fds", "Open file descriptors.", files.count());
    }
    gauge(
        out,
        "process_uptime_seconds",
        "Time since the service was composed.",
        app.started.elapsed().as_secs(),
    );
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Appends a gauge: its heading, and its one value.
pub fn gauge(out: &mut String, name: &str, help: &str, value: impl Display) {
    heading(out, name, help, "gauge");
    line(out, name, value);
}

/// Appends a counter: its heading, and its one value.
pub fn counter(out: &mut String, name: &str, help: &str, value: impl Display) {
    heading(out, name, help, "counter");
    line(out, name, value);
}

/// Appends what a metric is, in front of its values.
pub fn heading(out: &mut String, name: &str, help: &str, kind: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Appends a value of a metric, its name with its labels.
pub fn line(out: &mut String, name: impl Display, value: impl Display) {
    let _ = writeln!(out, "{name} {value}");
}
