//! `ledger status`: the service, its ledger and the fleet, a line each.

use crate::api::{Query, with_reads};
use crate::client::Client;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Card, Cell, Look, answer, column};
use axum::http::Method;
use projections::incidents::IncidentState;
use serde::{Deserialize, Serialize};
use service::wire::{ProblemBody, TaskRow, TasksAnswer, WitnessesAnswer};
use spec::payload::Band;
use spec::{Hash, Timestamp};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// How everything is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Where it is: an address, or a directory.
    pub(crate) at: String,
    /// Whether a service runs there.
    pub(crate) running: bool,
    /// Why the service is not ready, if it is not.
    pub(crate) not_ready: Option<String>,
    /// The ledger's id.
    pub(crate) ledger: Hash,
    /// Its name in checkpoints.
    pub(crate) origin: String,
    /// How many entries it has.
    pub(crate) size: u64,
    /// How many of them its newest checkpoint covers.
    pub(crate) covered: u64,
    /// When the newest was recorded, by the service's clock.
    pub(crate) recorded_at: Option<Timestamp>,
    /// How many entries the folds have taken in.
    pub(crate) folded: Option<u64>,
    /// The witnesses, if there are any.
    pub(crate) witnesses: Option<Witnesses>,
    /// Nodes by band; `None` if the token may not see them.
    pub(crate) nodes: Option<BTreeMap<Band, usize>>,
    /// Incidents that are not over, by state.
    pub(crate) incidents: Option<BTreeMap<String, usize>>,
    /// What the service does by itself.
    pub(crate) tasks: Option<Vec<TaskRow>>,
    /// Free bytes on the file system of the data directory, and its size.
    pub(crate) disk: Option<(u64, u64)>,
}

/// Who vouches for the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Witnesses {
    /// How many there are.
    pub(crate) count: usize,
    /// How many have signed the newest checkpoint that was offered to them.
    pub(crate) signed: usize,
    /// How many must.
    pub(crate) quorum: u64,
    /// The size of the newest checkpoint with a quorum.
    pub(crate) cosigned: Option<u64>,
}

pub(crate) const STATUS: Card<(Status, Timestamp)> = Card(&[
    column("service", |(status, _)| match (&status.not_ready, status.running) {
        (_, false) => Cell::of(&format!("not running; the directory {} was opened", status.at)),
        (None, true) => Cell::of(&format!("ready at {}", status.at)),
        (Some(why), true) => Cell::of(&format!("NOT READY at {}: {why}", status.at)),
    }),
    column("ledger", |(status, _)| Cell::of(&format!("{} ({})", status.ledger, status.origin))),
    column("entries", |(status, _)| Cell::from(status.size)),
    column("newest", |(status, _)| Cell::from(status.recorded_at)),
    column("clock", |(status, now)| match ahead_secs(status, *now) {
        0 => Cell::Nothing,
        secs => Cell::of(&format!("the newest entry is {secs} s ahead of this machine's clock")),
    }),
    column("signed for", |(status, _)| match status.size.saturating_sub(status.covered) {
        0 => Cell::from("every entry"),
        behind => Cell::of(&format!("{} entries; {behind} wait for the next checkpoint", status.covered)),
    }),
    column("witnesses", |(status, _)| match &status.witnesses {
        None => Cell::from("none; `ledger witness add` has others vouch for it"),
        Some(all) => Cell::of(&format!(
            "{} of {} have signed the newest checkpoint, {} must; {}",
            all.signed,
            all.count,
            all.quorum,
            all.cosigned
                .map_or_else(|| "none has a quorum yet".to_owned(), |size| format!("cosigned up to {size}"))
        )),
    }),
    column("folds", |(status, _)| match status.folded.map(|folded| status.size.saturating_sub(folded)) {
        None => Cell::Nothing,
        Some(0) => Cell::from("at the newest entry"),
        Some(behind) => Cell::of(&format!("{behind} entries behind")),
    }),
    column("nodes", |(status, _)| status.nodes.as_ref().map_or(Cell::Nothing, counted)),
    column("incidents", |(status, _)| status.incidents.as_ref().map_or(Cell::Nothing, counted)),
    column("tasks", |(status, _)| status.tasks.as_deref().map_or(Cell::Nothing, tasks)),
    column("disk", |(status, _)| match status.disk {
        None => Cell::Nothing,
        Some((free, size)) => Cell::of(&format!("{} free of {}", bytes(free), bytes(size))),
    }),
]);

/// How far the newest entry is ahead of this machine, in seconds; a few are no matter.
pub(crate) fn ahead_secs(status: &Status, now: Timestamp) -> u64 {
    let ahead = status.recorded_at.map_or(0, |newest| newest.millis().saturating_sub(now.millis()) / 1000);
    if ahead > 5 { ahead } else { 0 }
}

fn counted<K: Serialize + Ord>(counts: &BTreeMap<K, usize>) -> Cell {
    if counts.is_empty() {
        return Cell::from("none");
    }
    // The worst band last in its order comes first.
    Cell::list(counts.iter().rev().map(|(name, count)| format!("{count} {}", crate::output::word(name))))
}

fn tasks(tasks: &[TaskRow]) -> Cell {
    let bad: Vec<&TaskRow> = tasks.iter().filter(|task| task.failing || task.failures > 0).collect();
    if bad.is_empty() {
        return Cell::of(&format!("all {} are well", tasks.len()));
    }
    Cell::list(bad.iter().map(|task| {
        let why = task.last_error.as_ref().map_or("", |fault| &fault.error);
        format!("{} has failed {} times in a row: {why}", task.name, task.failures)
    }))
}

/// Bytes in the unit in which they are a small number.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut rest = count;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while rest >= 10 * 1024
        && let Some(larger) = units.next()
    {
        rest /= 1024;
        unit = Some(larger);
    }
    format!("{rest} {}", unit.unwrap_or(&"B"))
}

pub(crate) fn run(global: &Global) -> Result<ExitCode, Failure> {
    let status = with_reads(global, async |client| of(global, client).await)?;
    let said = serde_json::to_value(&status).map_err(Failure::io)?;
    let ready = status.not_ready.is_none();
    answer(global, &said, || {
        let look = Look::here(global);
        Ok(STATUS.text(&(status, look.now), &look))
    })?;
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Asks for all of it; what the token may not see is left out.
pub(crate) async fn of(global: &Global, client: &Client) -> Result<Status, Failure> {
    let ledger = client.ledger().await?.read()?;
    let note = proofs::note::Note::parse(&client.checkpoint().await?).map_err(Failure::refused)?;
    let covered = proofs::Checkpoint::parse(&note.text).map_err(Failure::refused)?.size;
    let ready = client.send(Method::GET, "/readyz", None).await?;
    let running = matches!(client, Client::Http { .. });
    let gauges = gauges(client).await?;
    let gauge = |name: &str| gauges.get(name).copied();
    let whole = |name: &str| gauge(name).and_then(|value| format!("{value:.0}").parse().ok());
    let at = match (&global.url, running) {
        (Some(url), _) => url.clone(),
        (None, _) => global.data().display().to_string(),
    };
    Ok(Status {
        at,
        running,
        not_ready: (ready.status != 200).then(|| reason(&ready.body)),
        ledger: ledger.ledger,
        origin: ledger.origin,
        size: ledger.size,
        covered,
        recorded_at: gauge("ledger_last_recorded_timestamp_seconds").and_then(moment),
        folded: whole("ledger_folded"),
        witnesses: witnesses(&client.witnesses().await?.read()?),
        nodes: nodes(client).await?,
        incidents: incidents(client).await?,
        tasks: if running { tasks_of(client).await? } else { None },
        disk: whole("ledger_disk_free_bytes").zip(whole("ledger_disk_size_bytes")),
    })
}

fn reason(body: &[u8]) -> String {
    serde_json::from_slice::<ProblemBody>(body)
        .map_or_else(|_| "it does not say why".to_owned(), |said| said.detail)
}

fn moment(secs: f64) -> Option<Timestamp> {
    let millis = format!("{:.0}", secs * 1000.0).parse().ok()?;
    Some(Timestamp::from_millis(millis))
}

/// The gauges without labels of the service's metrics; none from a service that shows them to nobody.
async fn gauges(client: &Client) -> Result<BTreeMap<String, f64>, Failure> {
    let answer = client.send(Method::GET, "/metrics", None).await?;
    let text = String::from_utf8_lossy(if answer.status == 200 { &answer.body } else { b"" }).into_owned();
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
    Ok(lines.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
}

fn witnesses(answer: &WitnessesAnswer) -> Option<Witnesses> {
    let signed =
        answer.witnesses.iter().filter(|one| one.signed_size.is_some() && one.signed_size >= answer.offered);
    (!answer.witnesses.is_empty()).then(|| Witnesses {
        count: answer.witnesses.len(),
        signed: signed.count(),
        quorum: answer.quorum,
        cosigned: answer.cosigned,
    })
}

/// What a list answers; `None` if the token may not see it.
async fn allowed<T>(asked: impl Future<Output = Result<T, Failure>>) -> Result<Option<T>, Failure> {
    match asked.await {
        Ok(rows) => Ok(Some(rows)),
        Err(failure) if failure.is_refusal() => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn nodes(client: &Client) -> Result<Option<BTreeMap<Band, usize>>, Failure> {
    let Some(rows) = allowed(client.nodes(Query::default())).await? else { return Ok(None) };
    let mut counts = BTreeMap::new();
    for node in rows.rows()? {
        *counts.entry(node.standing.band).or_insert(0) += 1;
    }
    Ok(Some(counts))
}

async fn incidents(client: &Client) -> Result<Option<BTreeMap<String, usize>>, Failure> {
    let Some(rows) = allowed(client.incidents(Query::default())).await? else { return Ok(None) };
    let mut counts = BTreeMap::new();
    for incident in rows.rows()?.iter().filter(|row| row.state != IncidentState::Resolved) {
        *counts.entry(crate::output::word(&incident.state)).or_insert(0) += 1;
    }
    Ok(Some(counts))
}

async fn tasks_of(client: &Client) -> Result<Option<Vec<TaskRow>>, Failure> {
    let answer = client.send(Method::GET, "/api/tasks", None).await?;
    if answer.status != 200 {
        return Ok(None);
    }
    Ok(serde_json::from_slice::<TasksAnswer>(&answer.body).ok().map(|tasks| tasks.items))
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_are_told_in_a_unit_that_fits() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(10 * 1024 - 1), "10239 B");
        assert_eq!(bytes(10 * 1024), "10 KiB");
        assert_eq!(bytes(252 << 30), "252 GiB");
        assert_eq!(bytes(u64::MAX), "16777215 TiB");
    }
}
