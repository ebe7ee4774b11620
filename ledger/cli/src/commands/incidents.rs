//! `ledger incidents`: what somebody has to look after, and what is said of it.

use super::findings::FINDINGS;
use super::nodes::Past;
use crate::api::{About, Query, Ref, Reply as Said, with_reads};
use crate::client::Client;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Card, Cell, Look, Table, clock, column, safe, short, wide, word};
use crate::times::Ahead;
use clap::Subcommand;
use projections::incidents::{Acked, Remark};
use serde::Serialize;
use service::wire::ReceiptRow;
use serving::answers::{FindingRow, IncidentRow, SilenceRow};
use spec::payload::{Ack, Assign, Incident, Note, Reply, Silence, Tag};
use spec::{Hash, Kind, Name, Severity};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Incidents {
    /// List incidents, the newest first.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
        /// Only those in this state; without, those that are not over.
        #[arg(long, value_parser = ["open", "acked", "resolved", "all"])]
        state: Option<String>,
        /// Only those about this node.
        #[arg(long)]
        node: Option<Ref>,
        #[command(flatten)]
        past: Past,
    },
    /// Show one incident with all that was said of it.
    Show {
        /// Its id, or the beginning of it.
        #[arg(value_name = "INCIDENT")]
        id: Ref,
        #[command(flatten)]
        past: Past,
    },
    /// Report something that somebody has to look after.
    Open {
        /// One line.
        title: String,
        /// More than that.
        #[arg(long)]
        text: Option<String>,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// The node it is about.
        #[arg(long)]
        node: Option<Ref>,
        /// info, low, medium, high or critical.
        #[arg(long)]
        severity: Option<Severity>,
    },
    /// Say that you look after it.
    Ack {
        /// Its id, or the beginning of it.
        #[arg(value_name = "INCIDENT")]
        id: Ref,
        /// Until an RFC 3339 time, or for so long (15m, 2h, 7d); 30 minutes for CRIT and 8 hours else, if absent.
        #[arg(long, value_name = "TIME|SPAN")]
        until: Option<Ahead>,
        /// A remark.
        #[arg(long)]
        text: Option<String>,
    },
    /// Say that it is over.
    Resolve {
        /// Its id, or the beginning of it.
        #[arg(value_name = "INCIDENT")]
        id: Ref,
        /// A remark.
        #[arg(long)]
        text: Option<String>,
    },
    /// Say that it is not over after all.
    Reopen {
        /// Its id, or the beginning of it.
        #[arg(value_name = "INCIDENT")]
        id: Ref,
        /// A remark.
        #[arg(long)]
        text: Option<String>,
    },
    /// Add a remark.
    Note {
        /// Its id, or the beginning of it.
        #[arg(value_name = "INCIDENT")]
        id: Ref,
        /// The remark.
        text: String,
    },
    /// Say whose it is.
    Assign {
        /// Its id, or the beginning of it.
        #[arg(value_name = "INCIDENT")]
        id: Ref,
        /// Whose; nobody's, if absent.
        to: Option<String>,
    },
    /// Add words to find it by.
    Tag {
        /// Its id, or the beginning of it.
        #[arg(value_name = "INCIDENT")]
        id: Ref,
        /// The words.
        #[arg(required = true)]
        tags: Vec<String>,
    },
    /// Keep incidents from being told for a while: those about a node, for a reason or of a tenant.
    Silence {
        /// Until an RFC 3339 time, or for so long (15m, 2h, 7d).
        #[arg(long, value_name = "TIME|SPAN")]
        until: Ahead,
        /// Why.
        #[arg(long)]
        why: String,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// Those about this node.
        #[arg(long)]
        node: Option<Ref>,
        /// Those for this reason of attention.
        #[arg(long)]
        reason: Option<Name>,
        /// Only about this subject of the reason.
        #[arg(long, requires = "reason")]
        subject: Option<String>,
        /// Those of this tenant.
        #[arg(long)]
        tenant: Option<Name>,
    },
    /// List the silences that hold.
    Silences {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
        #[command(flatten)]
        past: Past,
    },
    /// End a silence before its time.
    Unsilence {
        /// Its id, or the beginning of it.
        #[arg(value_name = "SILENCE")]
        id: Ref,
    },
}

/// What somebody has to look after.
pub(crate) const INCIDENTS: Table<IncidentRow<'static>> = Table {
    columns: &[
        column("incident", |row| Cell::from(row.incident.id)),
        column("band", |row| Cell::word(&row.incident.band)),
        column("state", |row| state(row)),
        column("org", |row| Cell::from(&*row.org)),
        wide("tenant", |row| Cell::from(row.incident.matter.tenant.as_ref())),
        column("about", |row| match row.incident.matter.node_id {
            Some(node) => Cell::node(node),
            None => Cell::from(row.incident.matter.site.as_ref()),
        }),
        column("title", |row| Cell::from(&row.incident.title)),
        column("opened", |row| Cell::from(row.incident.opened.at)),
        column("assignee", |row| Cell::from(row.incident.assignee.as_ref())),
        wide("tags", |row| Cell::list(&row.incident.tags)),
    ],
    nothing: "no incidents; attention opens them, and so does `ledger incidents open`",
};

/// One incident.
pub(crate) const INCIDENT: Card<IncidentRow<'static>> = Card(&[
    column("incident", |row| Cell::from(row.incident.id)),
    column("title", |row| Cell::from(&row.incident.title)),
    column("text", |row| Cell::from(row.incident.text.as_ref())),
    column("band", |row| Cell::word(&row.incident.band)),
    column("state", |row| state(row)),
    column("org", |row| Cell::from(&*row.org)),
    column("tenant", |row| Cell::from(row.incident.matter.tenant.as_ref())),
    column("node", |row| Cell::node(row.incident.matter.node_id)),
    column("site", |row| Cell::from(row.incident.matter.site.as_ref())),
    column("topic", |row| Cell::from(&row.incident.matter.topic)),
    column("subject", |row| Cell::from(&row.incident.matter.subject)),
    column("opened", |row| Cell::from(row.incident.opened.at)),
    column("opened by", |row| Cell::from(row.incident.opened.author.as_ref())),
    column("reopened", |row| Cell::from(row.incident.reopened.as_ref().map(|by| by.at))),
    column("acked by", |row| {
        Cell::from(row.incident.acked.as_ref().and_then(|acked| acked.by.author.as_ref()))
    }),
    column("acked until", |row| Cell::from(row.incident.acked.as_ref().map(|acked| acked.until))),
    column("resolved", |row| Cell::from(row.incident.resolved.as_ref().map(|by| by.at))),
    column("resolved by", |row| Cell::from(row.incident.resolved.as_ref().and_then(|by| by.author.as_ref()))),
    column("assignee", |row| Cell::from(row.incident.assignee.as_ref())),
    column("tags", |row| Cell::list(&row.incident.tags)),
    column("silenced until", |row| Cell::from(row.silence.as_ref().map(|silence| silence.until))),
]);

/// What was said of an incident.
pub(crate) const NOTES: Table<Remark> = Table {
    columns: &[
        column("said", |note| Cell::from(note.by.at)),
        column("by", |note| Cell::from(note.by.author.as_ref())),
        column("note", |note| Cell::from(&note.text)),
    ],
    nothing: "nobody said anything of it",
};

/// What is not told for a while.
pub(crate) const SILENCES: Table<SilenceRow<'static>> = Table {
    columns: &[
        column("silence", |row| Cell::from(row.silence.id)),
        column("org", |row| Cell::from(&*row.org)),
        column("tenant", |row| Cell::from(row.silence.tenant.as_ref())),
        column("node", |row| Cell::node(row.silence.node_id)),
        column("reason", |row| Cell::from(row.silence.reason.as_ref())),
        column("subject", |row| Cell::from(row.silence.subject.as_ref())),
        column("until", |row| Cell::from(row.silence.until)),
        column("by", |row| Cell::from(row.silence.by.author.as_ref())),
        column("why", |row| Cell::from(&row.silence.text)),
    ],
    nothing: "no silence holds; `ledger incidents silence` makes one",
};

fn state(row: &IncidentRow<'_>) -> Cell {
    let silenced = if row.silence.is_some() { " (silenced)" } else { "" };
    Cell::Text(format!("{}{silenced}", word(&row.state)))
}

/// One incident, and under it the findings that it is about, if it is about some, and what was said of it.
pub(crate) fn shown(row: &IncidentRow<'static>, findings: &[FindingRow<'static>], look: &Look) -> String {
    let found =
        if findings.is_empty() { String::new() } else { format!("{}\n", FINDINGS.text(findings, look)) };
    format!("{}\n{found}{}", INCIDENT.text(row, look), NOTES.text(&row.incident.notes, look))
}

pub(crate) fn run(global: &Global, command: &Incidents) -> Result<ExitCode, Failure> {
    with_reads(global, async |client| answer(global, client, command).await)?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(global: &Global, client: &Client, command: &Incidents) -> Result<(), Failure> {
    match command {
        Incidents::List { org, state, node, past } => {
            let node = client.maybe_node_of(node.as_ref()).await?;
            let query = past.query().with("org", org.as_ref()).with("state", state.as_ref());
            let listed = client.incidents(query.with("node_id", node)).await?;
            listed.named(global, client).await.show(global, &INCIDENTS)
        }
        Incidents::Show { id, past } => {
            let id = client.incident_of(id).await?;
            client
                .incident(&id, past.query())
                .await?
                .named(global, client)
                .await
                .show(global, |answer, look| shown(&answer.incident, &answer.findings, look))
        }
        Incidents::Silences { org, past } => {
            let listed = client.silences(past.query().with("org", org.as_ref())).await?;
            listed.named(global, client).await.show(global, &SILENCES)
        }
        Incidents::Open { title, text, org, node, severity } => {
            let about = About { node: client.maybe_node_of(node.as_ref()).await?, severity: *severity };
            let payload = Incident { text: text.clone(), title: title.clone() };
            let receipt = client.say(&Kind::Incident, org, &about, &payload).await?;
            receipt.show(global, |said, _| format!("opened {}\n", short(&said.event_hash)))
        }
        Incidents::Ack { id, until, text } => {
            let (expires_at, text) = (until.map(|Ahead(until)| until), text.clone());
            let ack = |target| Ack { expires_at, target, text };
            let (id, receipt) = say(client, id, &Kind::Ack, ack).await?;
            let acked = client.incident(&id, Query::default()).await?.read()?.incident.incident.acked.clone();
            receipt.show(global, |_, look| acked_line(id, acked.as_ref(), look))
        }
        Incidents::Resolve { id, text } => {
            let resolve = |target| Reply { target, text: text.clone() };
            let (id, receipt) = say(client, id, &Kind::Resolve, resolve).await?;
            receipt.show(global, |_, _| format!("resolved {}\n", short(&id)))
        }
        Incidents::Reopen { id, text } => {
            let reopen = |target| Reply { target, text: text.clone() };
            let (id, receipt) = say(client, id, &Kind::Reopen, reopen).await?;
            receipt.show(global, |_, _| format!("reopened {}\n", short(&id)))
        }
        Incidents::Note { id, text } => {
            let note = |target| Note { target: Some(target), text: text.clone() };
            let (id, receipt) = say(client, id, &Kind::Note, note).await?;
            receipt.show(global, |_, _| format!("noted on {}\n", short(&id)))
        }
        Incidents::Assign { id, to } => {
            let assign = |target| Assign { assignee: to.clone(), target, text: None };
            let (id, receipt) = say(client, id, &Kind::Assign, assign).await?;
            let whose = to.as_deref().map_or("nobody".into(), safe);
            receipt.show(global, |_, _| format!("assigned {} to {whose}\n", short(&id)))
        }
        Incidents::Tag { id, tags } => {
            let tag = |target| Tag { tags: tags.clone(), target };
            let (id, receipt) = say(client, id, &Kind::Tag, tag).await?;
            receipt.show(global, |_, _| format!("tagged {}: {}\n", short(&id), safe(&tags.join(", "))))
        }
        Incidents::Silence { until: Ahead(until), why, org, node, reason, subject, tenant } => {
            let node = client.maybe_node_of(node.as_ref()).await?;
            let (reason, subject, tenant) = (reason.clone(), subject.clone(), tenant.clone());
            let payload =
                Silence::Create { expires_at: *until, node, reason, subject, tenant, text: why.clone() };
            let receipt = client.say(&Kind::Silence, org, &About::default(), &payload).await?;
            receipt.show(global, |said, look| {
                format!("silenced until {}: {}\n", clock(*until, look.now), short(&said.event_hash))
            })
        }
        Incidents::Unsilence { id } => {
            let (silence, org) = client.silence_of(id).await?;
            let payload = Silence::End { silence };
            let receipt = client.say(&Kind::Silence, &org, &About::default(), &payload).await?;
            receipt.show(global, |_, _| format!("ended silence {}\n", short(&silence)))
        }
    }
}

/// Says something of an incident, in its organisation; the incident's id with the receipt.
async fn say<P: Serialize>(
    client: &Client,
    incident: &Ref,
    kind: &Kind,
    payload: impl FnOnce(Hash) -> P,
) -> Result<(Hash, Said<ReceiptRow>), Failure> {
    let id = client.incident_of(incident).await?;
    let org = client.incident(&id, Query::default()).await?.read()?.incident.org;
    Ok((id, client.say(kind, &org, &About::default(), &payload(id)).await?))
}

/// Until when an acknowledgement holds that was just made.
pub(crate) fn acked_line(id: Hash, acked: Option<&Acked>, look: &Look) -> String {
    match acked {
        Some(acked) => format!("acked {} until {}\n", short(&id), clock(acked.until, look.now)),
        None => format!("acked {}, and it got worse or was over at once\n", short(&id)),
    }
}
