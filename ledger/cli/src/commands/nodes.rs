//! `ledger nodes`: the fleet.

use crate::api::{About, Listed, Query, Ref, Reply, with_reads};
use crate::client::Client;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Card, Cell, Look, Table, column, short, wide};
use crate::times::Point;
use clap::{Args, Subcommand};
use projections::attention::AttentionReason;
use service::wire::ReceiptRow;
use serving::answers::NodeRow;
use spec::payload::{Band, Baseline, Heartbeat, Labels};
use spec::{Hash, Kind, Name, Uuid};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::str::FromStr;

#[derive(Debug, Subcommand)]
pub(crate) enum Nodes {
    /// List nodes, those that need attention first.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
        /// Only those in this band.
        #[arg(long, value_parser = ["OK", "ATTN", "CRIT"], ignore_case = true)]
        band: Option<String>,
        /// In the id, the name, the host name or the profile.
        #[arg(long, short)]
        query: Option<String>,
        #[command(flatten)]
        past: Past,
    },
    /// Show one node, and what its attention rests on.
    Show {
        /// Its name, its id, or the beginning of it.
        #[arg(value_name = "NODE")]
        id: Ref,
        #[command(flatten)]
        past: Past,
    },
    /// Give a node another name.
    #[command(after_help = "Example: ledger nodes rename web-1 web-east-1")]
    Rename {
        /// Its name, its id, or the beginning of it.
        #[arg(value_name = "NODE")]
        id: Ref,
        /// What it is called from now on: 1 to 128 characters a-z 0-9 . _ : -
        name: Name,
    },
    /// Put labels on a node, or take them off.
    #[command(
        after_help = "Example: ledger nodes label web-1 env=prod -old\n\n`old-` means the same as `-old`."
    )]
    Label {
        /// Its name, its id, or the beginning of it.
        #[arg(value_name = "NODE")]
        id: Ref,
        /// Labels to put on, as `env=prod` or `canary`, and to take off, as `-old`.
        #[arg(value_name = "NAME=VALUE|-NAME", required = true)]
        changes: Vec<LabelChange>,
    },
    /// Say that what a node's latest scan was compared with is right.
    AcceptBaseline {
        /// Its name, its id, or the beginning of it.
        #[arg(value_name = "NODE")]
        id: Ref,
        /// The baseline's id; refused if the scan was compared with another.
        #[arg(value_parser = super::hash)]
        baseline: Option<Hash>,
    },
}

/// Which moment is looked at.
#[derive(Debug, Clone, Args)]
pub(crate) struct Past {
    /// As it was after the entry with this number, at a time of RFC 3339, or so long ago (15m, 2h, 7d).
    #[arg(long, value_name = "SEQ|TIME|SPAN")]
    as_of: Option<Point>,
}

impl Past {
    pub(crate) fn query(&self) -> Query {
        Query::default().with("as_of", self.as_of)
    }
}

/// The fleet.
pub(crate) const NODES: Table<NodeRow<'static>> = Table {
    columns: &[
        column("name", called),
        column("id", |node| Cell::from(node.node_id)),
        wide("host", |node| said(node, |said| Cell::from(&said.hostname))),
        column("org", |node| Cell::from(&*node.org)),
        column("band", |node| Cell::word(&node.standing.band)),
        column("score", |node| Cell::from(node.standing.score)),
        column("silence", |node| Cell::word(&node.standing.silence)),
        column("heard", |node| Cell::from(node.node.heard.map(|heard| heard.recorded_at))),
        wide("tenant", |node| Cell::from(node.node.tenant.as_ref())),
        wide("labels", |node| labels(node)),
        wide("profile", |node| said(node, |said| Cell::from(&said.os_profile))),
        wide("agent", |node| said(node, |said| Cell::from(said.agent_version.as_ref()))),
        wide("kernel", |node| said(node, |said| Cell::from(said.kernel_version.as_ref()))),
        column("why", |node| worst(node)),
    ],
    nothing: "no nodes; `ledger enroll token` makes what one joins with",
};

/// One node.
pub(crate) const NODE: Card<NodeRow<'static>> = Card(&[
    column("name", called),
    column("id", |node| Cell::from(node.node_id)),
    column("host", |node| said(node, |said| Cell::from(&said.hostname))),
    column("org", |node| Cell::from(&*node.org)),
    column("tenant", |node| Cell::from(node.node.tenant.as_ref())),
    column("labels", |node| labels(node)),
    column("band", |node| Cell::word(&node.standing.band)),
    column("score", |node| Cell::from(node.standing.score)),
    column("flapping", |node| Cell::yes(node.standing.flapping)),
    column("silence", |node| Cell::word(&node.standing.silence)),
    column("heard", |node| Cell::from(node.node.heard.map(|heard| heard.recorded_at))),
    column("accepted findings", |node| match node.standing.accepted_findings {
        0 => Cell::Nothing,
        accepted => Cell::from(accepted),
    }),
    column("profile", |node| said(node, |said| Cell::from(&said.os_profile))),
    column("agent", |node| said(node, |said| Cell::from(said.agent_version.as_ref()))),
    column("kernel", |node| said(node, |said| Cell::from(said.kernel_version.as_ref()))),
    column("policy", |node| said(node, |said| Cell::from(said.policy_hash))),
    column("key", |node| Cell::from(node.node.key.map(|key| key.key))),
    column("key ended", |node| {
        Cell::from(node.node.key.and_then(|key| key.ended).map(|seq| format!("at entry {seq}")))
    }),
    wide("root", |node| said(node, |said| Cell::from(&said.vaultmesh_root))),
    wide("boot", |node| said(node, |said| Cell::from(said.boot_id.as_ref()))),
]);

/// What counts against a node, the heaviest first, and what each adds to its score.
pub(crate) const REASONS: Table<(usize, AttentionReason)> = Table {
    columns: &[
        column("reason", |(_, active)| Cell::word(&active.reason)),
        column("subject", |(_, active)| Cell::word(&active.subject)),
        column("phase", |(_, active)| Cell::word(&active.phase)),
        column("since", |(_, active)| Cell::from(active.since)),
        column("weight", |(_, active)| Cell::from(active.weight)),
        // The first counts whole, each further one half as much as the one before; seven count.
        column("adds", |(k, active)| Cell::from(if *k < 7 { active.weight >> k } else { 0 })),
    ],
    nothing: "nothing counts against it",
};

/// The name it was given, else its host name.
fn called(node: &NodeRow<'_>) -> Cell {
    match &node.node.name {
        Some(name) => Cell::from(name),
        None => said(node, |said| Cell::from(&said.hostname)),
    }
}

fn said(node: &NodeRow<'_>, part: fn(&Heartbeat) -> Cell) -> Cell {
    node.node.heartbeat.as_deref().map_or(Cell::Nothing, part)
}

fn labels(node: &NodeRow<'_>) -> Cell {
    labels_cell(&node.node.labels)
}

fn labels_cell(labels: &BTreeMap<Name, String>) -> Cell {
    let label = |(name, value): (&Name, &String)| match &**value {
        "" => name.to_string(),
        value => format!("{name}={value}"),
    };
    Cell::list(labels.iter().map(label))
}

/// The worst reason, and how many others there are.
fn worst(node: &NodeRow<'_>) -> Cell {
    let standing = &node.standing;
    let others = (standing.reasons.len() + standing.more_reasons).saturating_sub(1);
    match (standing.reasons.first().map(why), others) {
        (None, _) => Cell::Nothing,
        (Some(worst), 0) => Cell::from(worst),
        (Some(worst), others) => Cell::from(format!("{worst} and {others} more")),
    }
}

fn why(active: &AttentionReason) -> String {
    let (reason, subject) = (crate::output::word(&active.reason), crate::output::word(&active.subject));
    if subject.is_empty() { reason } else { format!("{reason} {subject}") }
}

pub(crate) fn run(global: &Global, command: &Nodes) -> Result<ExitCode, Failure> {
    with_reads(global, async |client| match command {
        Nodes::List { org, band, query, past } => {
            let band = band.as_ref().map(|band| band.to_uppercase());
            let query = past.query().with("org", org.as_ref()).with("band", band).with("q", query.as_ref());
            all(client, query).await?.show(global, &NODES)
        }
        Nodes::Show { id, past } => {
            let node = client.node_of(id).await?;
            client.node(node, past.query()).await?.show(global, |answer, look| shown(&answer.node, look))
        }
        Nodes::Rename { id, name } => {
            let node = client.node_of(id).await?;
            let receipt = rename(client, node, name).await?;
            receipt.show(global, |_, _| format!("{} is called {name} now\n", short(&node)))
        }
        Nodes::Label { id, changes } => {
            let node = client.node_of(id).await?;
            let (labels, receipt) = label(client, node, changes).await?;
            receipt.named(global, client).await.show(global, |_, look| {
                let labels = labels_cell(&labels).show(look, 0);
                let labels = if labels.is_empty() { "no labels" } else { &labels };
                format!("{} has {labels} now\n", look.node(node))
            })
        }
        Nodes::AcceptBaseline { id, baseline } => {
            let node = client.node_of(id).await?;
            let (accepted, receipt) = accept(client, node, *baseline).await?;
            receipt.named(global, client).await.show(global, |_, look| {
                format!("baseline {} of node {} is accepted\n", short(&accepted), look.node(node))
            })
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// One node, and under it what counts against it.
pub(crate) fn shown(node: &NodeRow<'static>, look: &Look) -> String {
    let reasons: Vec<(usize, AttentionReason)> = node.standing.reasons.iter().cloned().enumerate().collect();
    format!("{}\n{}", NODE.text(node, look), REASONS.text(&reasons, look))
}

/// All nodes that fit, those that need attention first.
pub(crate) async fn all(client: &Client, query: Query) -> Result<Listed<NodeRow<'static>>, Failure> {
    let mut nodes = client.nodes(query).await?;
    nodes.sort_by_key(|node| Reverse((rank(node.standing.band), node.standing.score)));
    Ok(nodes)
}

/// How badly a node needs a look.
fn rank(band: Band) -> u8 {
    match band {
        Band::Crit => 2,
        Band::Attn => 1,
        Band::Ok => 0,
    }
}

/// A label that is put on, or taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LabelChange {
    On(Name, String),
    Off(Name),
}

impl FromStr for LabelChange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = |text: &str| text.parse().map_err(|error| format!("{error}"));
        match (text.strip_suffix('-'), text.split_once('=')) {
            (Some(label), None) => name(label).map(Self::Off),
            (_, Some((label, value))) => Ok(Self::On(name(label)?, value.to_owned())),
            (None, None) => Ok(Self::On(name(text)?, String::new())),
        }
    }
}

/// Calls a node something else. A name that another one has is refused here, so that nobody is surprised by the number
/// that it would get.
async fn rename(client: &Client, node: Uuid, name: &Name) -> Result<Reply<ReceiptRow>, Failure> {
    let known = client.node(node, Query::default()).await?.read()?.node;
    let others =
        all(client, Query::default().with("org", Some(&known.org)).with("q", Some(name))).await?.rows()?;
    if let Some(other) =
        others.iter().find(|other| other.node_id != node && other.node.name.as_ref() == Some(name))
    {
        return Err(Failure::refused(format!(
            "{name} is what {} is called; choose another name",
            short(&other.node_id)
        )));
    }
    let payload = Labels { labels: None, name: Some(name.clone()) };
    client.say(&Kind::Labels, &known.org, &About { node: Some(node), severity: None }, &payload).await
}

/// Changes the labels of a node; all that it has then.
async fn label(
    client: &Client,
    node: Uuid,
    changes: &[LabelChange],
) -> Result<(BTreeMap<Name, String>, Reply<ReceiptRow>), Failure> {
    let known = client.node(node, Query::default()).await?.read()?.node;
    let mut labels = known.node.labels.clone();
    for change in changes {
        match change {
            LabelChange::On(name, value) => drop(labels.insert(name.clone(), value.clone())),
            LabelChange::Off(name) => {
                if labels.remove(name).is_none() {
                    return Err(Failure::refused(format!("it has no label {name}; nothing was changed")));
                }
            }
        }
    }
    let payload = Labels { labels: Some(labels.clone()), name: None };
    let about = About { node: Some(node), severity: None };
    Ok((labels, client.say(&Kind::Labels, &known.org, &about, &payload).await?))
}

/// Accepts the baseline that a node's latest scan names.
async fn accept(
    client: &Client,
    id: Uuid,
    expected: Option<Hash>,
) -> Result<(Hash, Reply<ReceiptRow>), Failure> {
    let node = client.node(id, Query::default()).await?.read()?.node;
    let latest = client.scans_of(id).await?.read()?.latest;
    let latest = latest.ok_or_else(|| Failure::refused("the node has not been scanned yet"))?;
    let baseline = latest.scan.baseline;
    let baseline =
        baseline.ok_or_else(|| Failure::refused("the node's latest scan was compared with no baseline"))?;
    if expected.is_some_and(|expected| expected != baseline) {
        return Err(Failure::refused(format!("the node's latest scan was compared with {baseline}")));
    }
    let payload = Baseline { baseline, node: id, tree_root: latest.scan.tree_root };
    let about = About { node: Some(id), severity: None };
    Ok((baseline, client.say(&Kind::Baseline, &node.org, &about, &payload).await?))
}
