//! `ledger policies`: what nodes may be told at most.

use super::nodes::Past;
use crate::api::{Names, Query, Ref, names, with_reads};
use crate::client::Client;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{Card, Cell, Look, Table, answer, column, safe, short, tell};
use clap::{Args, Subcommand};
use projections::assignments::To;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service::wire::{CommandRequest, PolicyRequest, StrictValue};
use serving::answers::{NodePolicyRow, PolicyAnswer, PolicyRow};
use spec::payload::Narrowing;
use spec::{Hash, Name, Uuid};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum Policies {
    /// List the assignments that hold, the newest first.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
        #[command(flatten)]
        past: Past,
    },
    /// Show the policy that a node is to follow and the one it follows, or a policy by its hash.
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Say which policy nodes are to follow; they apply it on the command apply-policy.
    Assign {
        /// The policy, a JSON document.
        file: PathBuf,
        /// The node that is to follow it.
        #[arg(long, conflicts_with = "selector", required_unless_present = "selector")]
        node: Option<Ref>,
        /// The nodes that are to follow it, by their labels, such as 'env=prod,!canary'; '' is all.
        #[arg(long)]
        selector: Option<String>,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// Tell the nodes at once, by a command each, to apply the policy they are to follow from now on.
        #[arg(long)]
        apply: bool,
    },
    /// End an assignment; nodes go on following the policy until they are told to apply another, or none.
    Withdraw {
        /// The assignment's id, or the beginning of it.
        assignment: Ref,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// Tell the nodes that it was for to apply what they are to follow now.
        #[arg(long)]
        apply: bool,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The node.
    #[arg(long)]
    node: Option<Ref>,
    /// The policy's hash, or the beginning of it.
    policy: Option<Ref>,
}

/// The assignments that hold.
pub(crate) const POLICIES: Table<PolicyRow<'static>> = Table {
    columns: &[
        column("assignment", |row| Cell::from(row.assigned.assignment.id)),
        column("org", |row| Cell::from(&*row.org)),
        column("policy", |row| Cell::from(row.assigned.assignment.policy)),
        column("node", |row| match row.assigned.assignment.to {
            To::Node(node) => Cell::node(node),
            To::Selector(_) => Cell::Nothing,
        }),
        column("selector", |row| selector(&row.assigned.assignment.to)),
        column("mode", |row| Cell::word(&row.assigned.given.document.mode)),
        column("by", |row| Cell::from(&row.assigned.given.author)),
        column("assigned", |row| Cell::from(row.assigned.given.recorded_at)),
    ],
    nothing: "no policy is assigned; `ledger policies assign` does so",
};

/// What a node is to follow, and what it follows.
pub(crate) const OF_NODE: Card<NodePolicyRow<'static>> = Card(&[
    column("node", |row| Cell::node(row.node_id)),
    column("org", |row| Cell::from(&*row.org)),
    column("to follow", |row| row.desired.map_or(Cell::from("none"), Cell::from)),
    column("follows", |row| row.reported.map_or(Cell::from("none"), Cell::from)),
    column("drift", |row| Cell::yes(row.drift)),
    column("assignment", |row| Cell::from(row.assignment.as_ref().map(|one| one.assignment.id))),
    column("selector", |row| {
        row.assignment.as_ref().map_or(Cell::Nothing, |one| selector(&one.assignment.to))
    }),
    column("by", |row| Cell::from(row.assignment.as_ref().map(|one| &one.given.author))),
    column("assigned", |row| Cell::from(row.assignment.as_ref().map(|one| one.given.recorded_at))),
]);

/// A policy.
pub(crate) const POLICY: Card<PolicyAnswer<'static>> = Card(&[
    column("policy", |answer| Cell::from(answer.policy)),
    column("mode", |answer| Cell::word(&answer.document.mode)),
]);

/// What a policy allows.
pub(crate) const ALLOWED: Table<(Name, Narrowing)> = Table {
    columns: &[
        column("allows", |(name, _)| Cell::from(name)),
        column("units", |(_, only)| Cell::list(only.units.iter().flatten())),
        column("templates", |(_, only)| Cell::list(only.templates.iter().flatten())),
        column("paths", |(_, only)| Cell::list(only.paths.iter().flatten())),
        column("lines", |(_, only)| Cell::from(only.lines)),
    ],
    nothing: "it allows nothing",
};

/// What a selector says; all is what an empty one selects.
fn selector(to: &To) -> Cell {
    match to {
        To::Node(_) => Cell::Nothing,
        To::Selector(selected) => {
            let text = String::from(selected.clone());
            if text.is_empty() { Cell::from("(all)") } else { Cell::Text(text) }
        }
    }
}

/// A policy, and under it what it allows.
pub(crate) fn shown(answer: &PolicyAnswer<'static>, look: &Look) -> String {
    let allowed: Vec<(Name, Narrowing)> =
        answer.document.allow.iter().map(|(name, only)| (name.clone(), only.clone())).collect();
    format!("{}\n{}", POLICY.text(answer, look), ALLOWED.text(&allowed, look))
}

/// What became of telling a node to apply what it is to follow.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<Hash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    node_id: Uuid,
}

pub(crate) fn run(global: &Global, command: &Policies) -> Result<ExitCode, Failure> {
    with_reads(global, async |client| act(global, client, command).await)?;
    Ok(ExitCode::SUCCESS)
}

async fn act(global: &Global, client: &Client, command: &Policies) -> Result<(), Failure> {
    match command {
        Policies::List { org, past } => {
            let listed = client.policies(past.query().with("org", org.as_ref())).await?;
            listed.named(global, client).await.show(global, &POLICIES)
        }
        Policies::Show { which: Which { node: Some(node), .. } } => {
            let node = client.node_of(node).await?;
            let answer = client.policy_of(node).await?.named(global, client).await;
            answer.show(global, |answer, look| OF_NODE.text(&answer.policy, look))
        }
        Policies::Show { which: Which { policy, .. } } => {
            let policy =
                policy.as_ref().ok_or_else(|| Failure::usage("name a policy, or a node with --node"))?;
            let policy = client.policy_hash_of(policy).await?;
            client.policy(&policy).await?.show(global, shown)
        }
        Policies::Assign { file, node, selector, org, apply } => {
            let node = client.maybe_node_of(node.as_ref()).await?;
            let request = PolicyRequest {
                document: StrictValue(read(file)?),
                node: node.map(|node| node.to_string()),
                selector: selector.clone().filter(|_| node.is_none()),
            };
            let assigned = client.assign_policy(org, &request).await?;
            let assignment = assigned.read()?.assignment;
            let nodes = match node {
                Some(node) => vec![node],
                None => selected(client, org, selector.as_deref().unwrap_or_default()).await?,
            };
            if nodes.is_empty() {
                tell(&format!("warning: no node of {org} is selected now"));
            }
            let told = if *apply { Some(apply_to(client, &nodes, Some(assignment)).await?) } else { None };
            let names = names(global, client).await;
            let line = format!("assigned policy {}: {}", short(&assigned.read()?.policy), short(&assignment));
            answer(global, &with_told(assigned.said().clone(), told.as_deref()), || {
                Ok(lines(&line, told.as_deref(), &names))
            })
        }
        Policies::Withdraw { assignment, org, apply } => {
            let assignment = client.assignment_of(assignment).await?;
            let nodes = if *apply { of_assignment(client, org, assignment).await? } else { Vec::new() };
            client.withdraw_policy(org, &assignment).await?;
            let told = if *apply { Some(apply_to(client, &nodes, None).await?) } else { None };
            let names = names(global, client).await;
            let line = format!("withdrew assignment {}", short(&assignment));
            let said = with_told(json!({"withdrawn": assignment}), told.as_deref());
            answer(global, &said, || Ok(lines(&line, told.as_deref(), &names)))
        }
    }
}

fn with_told(mut said: Value, told: Option<&[Told]>) -> Value {
    if let (Some(told), Some(members)) = (told, said.as_object_mut()) {
        members.insert("commands".to_owned(), json!(told));
    }
    said
}

/// What was done, and under it what each node was told.
pub(crate) fn lines(done: &str, told: Option<&[Told]>, names: &Names) -> String {
    use std::fmt::Write as _;
    let mut out = format!("{done}\n");
    for Told { command, failed, node_id } in told.unwrap_or_default() {
        let node = names.of(*node_id).map_or_else(|| short(node_id).into(), safe);
        let _ = match (command, failed) {
            (Some(command), _) => writeln!(out, "told {node} to apply it: command {}", short(command)),
            (None, why) => {
                writeln!(out, "could not tell {node}: {}", safe(why.as_deref().unwrap_or_default()))
            }
        };
    }
    if told.is_some_and(<[Told]>::is_empty) {
        out.push_str("no node was to be told\n");
    }
    out
}

fn read(file: &Path) -> Result<Value, Failure> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let bytes = std::fs::read_to_string(file).map_err(|e| Failure::io(named(&e)))?;
    serde_json::from_str(&bytes).map_err(|e| Failure::usage(named(&e)))
}

/// The nodes of an organisation that a selector selects now.
async fn selected(client: &Client, org: &Name, selector: &str) -> Result<Vec<Uuid>, Failure> {
    let query = Query::default().with("org", Some(org)).with("labels", Some(selector));
    Ok(client.nodes(query).await?.rows()?.iter().map(|node| node.node_id).collect())
}

/// The nodes for which an assignment holds now.
async fn of_assignment(client: &Client, org: &Name, assignment: Hash) -> Result<Vec<Uuid>, Failure> {
    let mut own = Vec::new();
    for node in selected(client, org, "").await? {
        if assignment_of(&client.policy_of(node).await?.read()?.policy) == Some(assignment) {
            own.push(node);
        }
    }
    Ok(own)
}

fn assignment_of(policy: &NodePolicyRow<'_>) -> Option<Hash> {
    policy.assignment.as_ref().map(|one| one.assignment.id)
}

/// Tells each node to apply the policy it is to follow, or none; those that another assignment than `only` is about
/// are left alone. A node that cannot be told does not keep the others from it.
async fn apply_to(client: &Client, nodes: &[Uuid], only: Option<Hash>) -> Result<Vec<Told>, Failure> {
    let mut told = Vec::new();
    for node_id in nodes.iter().copied() {
        let policy = client.policy_of(node_id).await?.read()?.policy;
        if only.is_some() && assignment_of(&policy) != only {
            continue;
        }
        let desired = policy.desired.unwrap_or(Hash::ZERO);
        let request = CommandRequest {
            node_id: node_id.to_string(),
            command: "apply-policy".to_owned(),
            parameters: [("policy".to_owned(), desired.to_string())].into(),
            ..CommandRequest::default()
        };
        told.push(match client.issue_command(&request).await.and_then(|issued| issued.read()) {
            Ok(issued) => Told { command: Some(issued.command), failed: None, node_id },
            Err(failure) => Told { command: None, failed: Some(failure.to_string()), node_id },
        });
    }
    Ok(told)
}
