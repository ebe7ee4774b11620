//! Commands to nodes: given, approved and taken back by people, fetched by the node that is to carry them out.
//!
//! What is open for a node is the folds' to say. A node gets each command with the proof that it is in the ledger, and
//! carries nothing out without it.

use crate::state::Service;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ingest::heartbeat::Proved;
use ingest::saying::{About, say_about, speaker};
use projections::commands::GivenCommand;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serving::live::Live;
use spec::canonical::write_string;
use spec::payload::{Command, CommandOrder};
use spec::schema::CommandParameters;
use spec::time::parse_rfc3339;
use spec::{Author, Hash, Kind, Name, Record, Signature, Timestamp, Uuid};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use web::limits::{MAX_COMMAND_TTL_SECS, MAX_COMMANDS_DELIVERED, MAX_POLL_SECS};
use web::problem::{CONFLICT, FORBIDDEN, NOT_FOUND, internal};
use web::strict::{invalid, member, present, within};
use web::{Action, App, Call, PrincipalKind, Problem, answer, bad};

/// How long a command is good for that does not say.
const DEFAULT_TTL_SECS: u64 = 600;

/// A command that a node is to carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    /// The entries that a node needs to see: the command, then its approvals.
    entries: Vec<u64>,
    /// The last of these: when it could first be carried out.
    since: u64,
}

impl Open {
    fn of(given: &GivenCommand) -> Self {
        let approvals = given.approvals.iter().map(|word| word.seq);
        let entries: Vec<u64> = std::iter::once(given.seq).chain(approvals).collect();
        Self { since: entries.iter().copied().max().unwrap_or(given.seq), entries }
    }
}

/// What a node of an organisation is to carry out now, in the order of the log.
fn open_for(live: &Live, now: Timestamp, org: &Name, node: Uuid) -> Vec<Open> {
    live.with(|folds| {
        folds.commands().open_for(org, node, now).take(MAX_COMMANDS_DELIVERED).map(Open::of).collect()
    })
}

/// A request to give a node a command.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with node_id and command")]
pub struct CommandRequest {
    /// The node.
    #[schemars(with = "Uuid")]
    pub node_id: String,
    /// What it is to do.
    #[schemars(with = "Name")]
    pub command: String,
    /// With which parameters, by name.
    #[serde(default)]
    #[schemars(with = "CommandParameters")]
    pub parameters: BTreeMap<String, String>,
    /// From when on it may be begun, in RFC 3339; from now on, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Timestamp>")]
    pub not_before: Option<String>,
    /// For how many seconds from then on it may be begun.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_COMMAND_TTL_SECS))]
    pub ttl_secs: Option<u64>,
    /// How many other people must approve it first.
    #[serde(default)]
    #[schemars(range(max = 5))]
    pub approvals: u64,
    /// Why.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A remark with an approval or a cancellation.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with or without text")]
pub struct RemarkRequest {
    /// The remark.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A command for the node that asks, with what proves it.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "describes what `delivered` writes")]
pub(crate) struct DeliveredCommand {
    /// The entry with the order.
    command: ProvedRecord,
    /// The entries with the approvals, in order.
    approvals: Vec<ProvedRecord>,
    /// The last entry of these: the command could not be carried out before.
    since: u64,
}

/// An entry with its path in the tree of a checkpoint.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "describes what `with_path` writes")]
struct ProvedRecord {
    /// The entry.
    record: Record,
    /// The path from its leaf to the root.
    inclusion: Vec<Hash>,
}

/// What a node that asks is to carry out.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "describes what `poll` writes")]
pub(crate) struct CommandsAnswer {
    /// In the order of the log.
    commands: Vec<DeliveredCommand>,
    /// The checkpoint that has them, as a signed note.
    checkpoint: String,
}

/// A command that was given.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CommandIssued {
    /// Its event hash, by which others name it.
    pub command: Hash,
    /// Seq of its entry.
    pub seq: u64,
}

/// The answer to something said of a command.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CommandAnswered {
    /// The event's hash.
    pub event: Hash,
    /// Seq of its entry.
    pub seq: u64,
}

impl CommandRequest {
    /// The order, without its signature.
    fn order(self, node: Uuid, now: Timestamp) -> Result<CommandOrder, Problem> {
        let not_before = match self.not_before.as_deref() {
            None => now,
            Some(text) => {
                parse_rfc3339(text).ok_or_else(|| invalid("/not_before", "expected a time of RFC 3339"))?
            }
        };
        let ttl = ttl(self.ttl_secs)?;
        Ok(CommandOrder {
            approvals: self.approvals,
            command: member("/command", &self.command)?,
            expires_at: Timestamp::from_millis(not_before.millis().saturating_add(ttl * 1000)),
            node,
            nonce: ledger::keyring::random().map(Hash).map_err(internal)?,
            not_before,
            parameters: parameters(self.parameters)?,
            rollout: None,
            sig: Signature([0; 64]),
            text: self.text,
        })
    }
}

/// For how long a command may be begun, in seconds.
pub(crate) fn ttl(asked: Option<u64>) -> Result<u64, Problem> {
    within("/ttl_secs", asked, DEFAULT_TTL_SECS, MAX_COMMAND_TTL_SECS)
}

/// The parameters of a command, their names being such.
pub(crate) fn parameters(asked: BTreeMap<String, String>) -> Result<BTreeMap<Name, String>, Problem> {
    asked.into_iter().map(|(name, value)| Ok((member("/parameters", &name)?, value))).collect()
}

/// `POST /api/commands`: gives a node a command, signed by the ledger's command key.
pub(crate) async fn issue(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let request: CommandRequest = call.json()?;
    let node: Uuid = member("/node_id", &request.node_id)?;
    let known = call.app.ledger().directory(|directory| {
        let key = directory.authors.get(&Author::Node(node))?;
        let record = directory.keys.get(key).filter(|record| record.until.is_none())?;
        Some((record.org.clone(), record.tenant.clone()))
    });
    let visible = |(org, _): &(Name, Option<Name>)| call.principal.bound_to().is_none_or(|own| own == org);
    let (org, tenant) = known.filter(visible).ok_or_else(|| {
        Problem::new(NOT_FOUND, format!("your organisation has no node {node} with a valid key"))
            .pointer("/node_id")
    })?;
    call.principal.require_in(Action::IssueCommand, &org)?;
    let mut order = request.order(node, call.app.ledger().now())?;
    order.sig = call.app.ledger().sign_order(&order);
    let about = About { org, tenant, node: Some(node) };
    let receipt = say_about(&call, about, Kind::Command, &Command::Issue(order)).await?;
    Ok(answer::value(StatusCode::CREATED, &CommandIssued { command: receipt.event_hash, seq: receipt.seq }))
}

/// `POST /api/commands/{hash}/approve`: another person agrees.
pub(crate) async fn approve(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    let (target, given, text) = answered(&service, &call).await?;
    let (author, _) = speaker(&call.principal)?;
    if author == given.issuer {
        return Err(Problem::new(FORBIDDEN, "nobody approves a command of their own"));
    }
    if !given.is_open || !given.lacks_approvals {
        return Err(Problem::new(CONFLICT, "the command waits for no approval"));
    }
    said(&call, given, &Command::Approve { target, text }).await
}

/// `POST /api/commands/{hash}/cancel`: it is not to be carried out after all.
pub(crate) async fn cancel(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    let (target, given, text) = answered(&service, &call).await?;
    if !given.is_open {
        return Err(Problem::new(CONFLICT, "the node has begun, or the command is over"));
    }
    said(&call, given, &Command::Cancel { target, text }).await
}

/// The command that a path names, if it is of the principal's organisation and they may have a say in it.
async fn answered(service: &Service, call: &Call) -> Result<(Hash, Answered, Option<String>), Problem> {
    call.query(&[])?;
    let text = call.part("hash");
    let unknown = || Problem::new(NOT_FOUND, format!("there is no command {text}, or no more"));
    let hash = Hash::from_hex(text).map_err(|_| unknown())?;
    let remark: RemarkRequest = call.json()?;
    let now = call.app.ledger().now();
    let given = service.look(call, |folds| {
        let (org, given) = folds.commands().command(&hash)?;
        Some(Answered::of(org, given, now))
    });
    let visible = |given: &Answered| call.principal.bound_to().is_none_or(|own| *own == given.about.org);
    let given = given.await?.filter(visible).ok_or_else(unknown)?;
    call.principal.require_in(Action::IssueCommand, &given.about.org)?;
    Ok((hash, given, remark.text))
}

/// A command that somebody has a say in.
struct Answered {
    about: About,
    issuer: Author,
    is_open: bool,
    lacks_approvals: bool,
}

impl Answered {
    fn of(org: &Name, given: &GivenCommand, now: Timestamp) -> Self {
        Self {
            about: About { org: org.clone(), tenant: given.tenant.clone(), node: Some(given.order.node) },
            issuer: given.issuer.clone(),
            is_open: given.is_open(now),
            lacks_approvals: given.lacks() > 0,
        }
    }
}

async fn said(call: &Call, given: Answered, payload: &Command) -> Result<Response<Body>, Problem> {
    let receipt = say_about(call, given.about, Kind::Command, payload).await?;
    let answered = CommandAnswered { event: receipt.event_hash, seq: receipt.seq };
    Ok(answer::value(StatusCode::CREATED, &answered))
}

/// `GET /api/agent/commands`: what the node is to carry out. With `wait` the answer comes when there is something
/// that became open after the entry `after`, or when the seconds are over.
pub(crate) async fn poll(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    let query = call.query(&["after", "wait"])?;
    let after: Option<u64> = query.parse("after")?;
    let wait = query.parse::<u64>("wait")?.unwrap_or(0);
    if wait > MAX_POLL_SECS {
        return Err(bad("wait", format_args!("at most {MAX_POLL_SECS} seconds")));
    }
    let (PrincipalKind::Node { node, .. }, Some(org)) = (&call.principal.kind, call.principal.org.clone())
    else {
        return Err(Problem::new(FORBIDDEN, "commands are fetched by the node they are for"));
    };
    let (node, live) = (*node, Arc::clone(service.live()?));
    let place = if wait == 0 { None } else { call.wait() };
    // When this node, or all of them together, wait as often as they may, it is answered at once.
    let wait = if place.is_some() { wait } else { 0 };
    let word = live.commands_of(node);
    let (mut cosigned, mut stopping) = (call.app.ledger().witnessing().cosigned(), call.app.stopping());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(wait);
    let open = loop {
        let all = open_for(&live, call.app.ledger().now(), &org, node);
        let is_new = |open: &Open| after.is_none_or(|after| open.since > after);
        cosigned.borrow_and_update();
        let new = ripe(&call.app, all.into_iter().filter(is_new).collect());
        if !new.is_empty() {
            break new;
        }
        tokio::select! {
            () = word.more() => {}
            _ = cosigned.changed() => {}
            _ = stopping.wait_for(|stopping| *stopping) => break new,
            () = tokio::time::sleep_until(deadline) => break new,
        }
    };
    drop(place);
    let (size, checkpoint) = grounds(&call.app);
    let commands = if open.is_empty() {
        b"[]".to_vec()
    } else {
        call.reading(move |app| async move { delivered(&app, open, size).await }).await?
    };
    let mut out = Vec::with_capacity(commands.len() + checkpoint.len() * 2);
    out.extend_from_slice(b"{\"commands\":");
    out.extend_from_slice(&commands);
    out.extend_from_slice(b",\"checkpoint\":");
    write_string(&checkpoint, &mut out);
    out.push(b'}');
    Ok(answer::json(StatusCode::OK, out))
}

/// What a node is to carry out, for the answer to its heartbeat.
pub(crate) async fn for_heartbeat(
    service: &Service,
    call: &Call,
    org: &Name,
    node: Uuid,
) -> Result<Option<Proved>, Problem> {
    let Ok(live) = service.live() else { return Ok(None) };
    let open = ripe(&call.app, open_for(live, call.app.ledger().now(), org, node));
    if open.is_empty() {
        return Ok(None);
    }
    let (size, checkpoint) = grounds(&call.app);
    let commands = call.reading(move |app| async move { delivered(&app, open, size).await }).await?;
    Ok(Some(Proved { commands, checkpoint }))
}

/// The checkpoint under which commands are proved: once the ledger names witnesses, the newest with their quorum.
fn grounds(app: &App) -> (u64, Arc<str>) {
    let head = app.ledger().head().borrow().clone();
    if !names_witnesses(app) {
        return (head.size, Arc::clone(&head.note));
    }
    match &*app.ledger().witnessing().cosigned().borrow() {
        Some(cosigned) => (cosigned.size, Arc::clone(&cosigned.note)),
        None => (0, Arc::clone(&head.note)),
    }
}

/// Those that the grounds have; for the others a newer checkpoint is offered to the witnesses.
fn ripe(app: &App, mut open: Vec<Open>) -> Vec<Open> {
    if open.is_empty() || !names_witnesses(app) {
        return open;
    }
    let (size, _) = grounds(app);
    let before = open.len();
    open.retain(|open| open.since < size);
    if open.len() < before {
        app.ledger().witnessing().ask();
    }
    open
}

fn names_witnesses(app: &App) -> bool {
    app.ledger().directory(|directory| !directory.witness_sets.is_empty())
}

/// Each command with its approvals, every entry with its record line and its path in the tree of `size`.
async fn delivered(app: &App, open: Vec<Open>, size: u64) -> Result<Vec<u8>, Problem> {
    let mut commands = Vec::with_capacity(open.len());
    for open in open.iter().filter(|open| open.since < size) {
        let mut entries = Vec::with_capacity(open.entries.len());
        for seq in &open.entries {
            let (record, line) = app
                .ledger()
                .reader()
                .line(*seq)
                .await
                .map_err(internal)?
                .ok_or_else(|| internal("an entry cannot be read back"))?;
            entries.push(with_path(app, &record, &line, size)?);
        }
        let mut entries = entries.into_iter();
        let command = entries.next().ok_or_else(|| internal("a command without an entry"))?;
        commands
            .push(json!({"command": command, "approvals": entries.collect::<Vec<_>>(), "since": open.since}));
    }
    serde_json::to_vec(&commands).map_err(internal)
}

fn with_path(app: &App, record: &Record, line: &str, size: u64) -> Result<Value, Problem> {
    let value: Value = serde_json::from_str(line).map_err(internal)?;
    let path = app.ledger().inclusion(record.entry.position.seq, size).map_err(internal)?;
    Ok(json!({"record": value, "inclusion": path}))
}
