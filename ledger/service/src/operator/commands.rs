//! Commands to nodes: given, approved and taken back by people, fetched by the node that is to carry them out.
//!
//! What is open for a node is the folds' to say: the executable hands in a [`Desk`]. A node gets each command with
//! the proof that it is in the ledger, and carries nothing out without it.

use crate::access::{Action, PrincipalKind};
use crate::answer;
use crate::app::Inner;
use crate::dispatch::Call;
use crate::draft::{invalid, member, speaker};
use crate::enrolment::within;
use crate::events::append_own;
use crate::limits::{MAX_COMMAND_TTL_SECS, MAX_COMMANDS_DELIVERED, MAX_POLL_SECS};
use crate::problem::{CONFLICT, FORBIDDEN, NOT_FOUND, Problem, UNAVAILABLE, internal};
use crate::query_string::{QueryString, bad};
use crate::strict::present;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::Receipt;
use ledger::service::Draft;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spec::canonical::write_string;
use spec::payload::{Command, CommandOrder};
use spec::selector::Selector;
use spec::time::parse_rfc3339;
use spec::{Author, Hash, Kind, Name, Record, Signature, Timestamp, Uuid};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a command is good for that does not say.
const DEFAULT_TTL_SECS: u64 = 600;

/// How long is waited for the folds to know what was said just now.
pub(crate) const FOLDS_PATIENCE: Duration = Duration::from_secs(2);

/// A command that a node is to carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The entries that a node needs to see: the command, then its approvals.
    pub entries: Vec<u64>,
    /// The last of these: when it could first be carried out.
    pub since: u64,
}

/// What is known of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Whose.
    pub org: Name,
    /// The node's tenant.
    pub tenant: Option<Name>,
    /// Who is to carry it out.
    pub node: Uuid,
    /// Who gave it.
    pub issuer: Author,
    /// Whether it may still be begun.
    pub is_open: bool,
    /// Whether it lacks approvals.
    pub lacks_approvals: bool,
}

/// An assignment of a policy that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Whose.
    pub org: Name,
    /// The node it names, if it names one.
    pub node: Option<Uuid>,
}

/// What is known of a roll-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// Whose.
    pub org: Name,
    /// Its id.
    pub id: Uuid,
    /// Whether it is over.
    pub is_over: bool,
    /// Event hash of its start.
    pub hash: Hash,
    /// Who started it.
    pub started_by: Author,
    /// Whether its nodes are chosen.
    pub is_chosen: bool,
    /// Who approved it.
    pub approved_by: Vec<Author>,
    /// Until when it may be approved; absent: it lacks no approval.
    pub waits_until: Option<Timestamp>,
}

/// Something that comes about later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What the folds know of commands, and of what nodes may be told.
pub trait Desk: Debug + Send + Sync {
    /// What a node of an organisation is to carry out at `now`, at most `limit`, in the order of the log.
    fn open_for(&self, org: &Name, node: Uuid, now: Timestamp, limit: usize) -> Vec<Open>;

    /// How many entries are folded.
    fn folded(&self) -> u64;

    /// The command with an event hash, once `size` entries are folded.
    fn given(&self, hash: Hash, size: u64) -> Later<Option<Given>>;

    /// The assignment of a policy with an event hash, if it holds once `size` entries are folded.
    fn assignment(&self, hash: Hash, size: u64) -> Later<Option<Assignment>>;

    /// Every schedule with its organisation, once `size` entries are folded.
    fn schedules(&self, size: u64) -> Later<Vec<(Name, Uuid)>>;

    /// Every roll-out, once `size` entries are folded.
    fn rollouts(&self, size: u64) -> Later<Vec<Rollout>>;

    /// How many nodes of an organisation are selected now and have a valid key, once `size` entries are folded; with a
    /// profile, of those that say it.
    fn selected(&self, org: Name, selector: Selector, profile: Option<String>, size: u64) -> Later<u64>;

    /// Begins to listen for what is said of commands to a node; each call of what is returned waits for more.
    fn listen(&self, node: Uuid) -> Box<dyn Listen>;
}

/// Word of what becomes of one node's commands.
pub trait Listen: Debug + Send + Sync {
    /// Waits until something was said since this was asked last.
    fn more(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// What gives a node a command.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with node_id and command")]
pub struct CommandRequest {
    /// The node.
    pub node_id: String,
    /// What it is to do.
    pub command: String,
    /// With which parameters, by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// From when on it may be begun, in RFC 3339; from now on, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// For how many seconds from then on it may be begun.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub ttl_secs: Option<u64>,
    /// How many other people must approve it first.
    #[serde(default)]
    pub approvals: u64,
    /// Why.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What is said with an approval or a cancellation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with or without text")]
pub struct RemarkRequest {
    /// The remark.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A command that was given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommandIssued {
    /// Its event hash, by which others name it.
    pub command: Hash,
    /// Seq of its entry.
    pub seq: u64,
}

/// Something that was said of a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    QueryString::read(call.query(), &[])?;
    let request: CommandRequest = call.json()?;
    let node: Uuid = member("/node_id", &request.node_id)?;
    let known = call.app.ledger.directory(|directory| {
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
    let mut order = request.order(node, call.app.ledger.now())?;
    order.sig = call.app.ledger.sign_order(&order);
    let about = About { org, tenant, node };
    let (hash, receipt) = say(&call, about, &Command::Issue(order)).await?;
    Ok(answer::value(StatusCode::CREATED, &CommandIssued { command: hash, seq: receipt.seq }))
}

/// `POST /api/commands/{hash}/approve`: another person agrees.
pub(crate) async fn approve(call: Call) -> Result<Response<Body>, Problem> {
    let (target, given, text) = answered(&call).await?;
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
pub(crate) async fn cancel(call: Call) -> Result<Response<Body>, Problem> {
    let (target, given, text) = answered(&call).await?;
    if !given.is_open {
        return Err(Problem::new(CONFLICT, "the node has begun, or the command is over"));
    }
    said(&call, given, &Command::Cancel { target, text }).await
}

/// The command that a path names, if it is of the principal's organisation and they may have a say in it.
async fn answered(call: &Call) -> Result<(Hash, Given, Option<String>), Problem> {
    QueryString::read(call.query(), &[])?;
    let text: String = call.param("hash")?;
    let unknown = || Problem::new(NOT_FOUND, format!("there is no command {text}, or no more"));
    let hash = Hash::from_hex(&text).map_err(|_| unknown())?;
    let remark: RemarkRequest = call.json()?;
    let size = call.app.ledger.head().borrow().size;
    let given = tokio::time::timeout(FOLDS_PATIENCE, desk(&call.app)?.given(hash, size)).await;
    let given = given.map_err(|_| Problem::new(UNAVAILABLE, "the folds do not keep up with the log"))?;
    let visible = |given: &Given| call.principal.bound_to().is_none_or(|own| *own == given.org);
    let given = given.filter(visible).ok_or_else(unknown)?;
    call.principal.require_in(Action::IssueCommand, &given.org)?;
    Ok((hash, given, remark.text))
}

/// What a command's event says beside its payload.
struct About {
    org: Name,
    tenant: Option<Name>,
    node: Uuid,
}

async fn said(call: &Call, given: Given, payload: &Command) -> Result<Response<Body>, Problem> {
    let about = About { org: given.org, tenant: given.tenant, node: given.node };
    let (event, receipt) = say(call, about, payload).await?;
    Ok(answer::value(StatusCode::CREATED, &CommandAnswered { event, seq: receipt.seq }))
}

/// Appends an event about a command in the principal's name; its event hash with it.
async fn say(call: &Call, about: About, payload: &Command) -> Result<(Hash, Receipt), Problem> {
    let (author, via) = speaker(&call.principal)?;
    call.app.check_principal(&call.principal)?;
    let event = call.app.ledger.sign(&Draft {
        author,
        via,
        kind: Kind::Command,
        org: about.org,
        tenant: about.tenant,
        node_id: Some(about.node),
        severity: None,
        ts: None,
        id: None,
        payload: serde_json::to_value(payload).map_err(internal)?,
    })?;
    let hash = event.hash();
    let (receipt, _) = append_own(&call.app, event).await?;
    call.app.charge_principal(&call.principal, 1);
    Ok((hash, receipt))
}

pub(crate) fn desk(app: &Inner) -> Result<&Arc<dyn Desk>, Problem> {
    app.config
        .desk
        .as_ref()
        .ok_or_else(|| Problem::new(UNAVAILABLE, "nothing is folded here; ask a running service"))
}

/// `GET /api/agent/commands`: what the node is to carry out. With `wait` the answer comes when there is something
/// that became open after the entry `after`, or when the seconds are over.
pub(crate) async fn poll(call: Call) -> Result<Response<Body>, Problem> {
    let query = QueryString::read(call.query(), &["after", "wait"])?;
    let after: Option<u64> = query.parse("after")?;
    let wait = query.parse::<u64>("wait")?.unwrap_or(0);
    if wait > MAX_POLL_SECS {
        return Err(bad("wait", format_args!("at most {MAX_POLL_SECS} seconds")));
    }
    let (PrincipalKind::Node { node, .. }, Some(org)) = (&call.principal.kind, call.principal.org.clone())
    else {
        return Err(Problem::new(FORBIDDEN, "commands are fetched by the node they are for"));
    };
    let (node, desk) = (*node, Arc::clone(desk(&call.app)?));
    let listening = desk.listen(node);
    let mut cosigned = call.app.ledger.witnessing().cosigned();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(wait);
    let open = loop {
        // Before the look: a stop that comes between the two is not missed.
        let stopping = call.app.stopping.notified();
        let mut stopping = std::pin::pin!(stopping);
        stopping.as_mut().enable();
        let all = desk.open_for(&org, node, call.app.ledger.now(), MAX_COMMANDS_DELIVERED);
        let is_new = |open: &Open| after.is_none_or(|after| open.since > after);
        cosigned.borrow_and_update();
        let new = ripe(&call.app, all.into_iter().filter(is_new).collect());
        if !new.is_empty() || call.app.draining.load(Ordering::Acquire) {
            break new;
        }
        tokio::select! {
            () = listening.more() => {}
            _ = cosigned.changed() => {}
            () = &mut stopping => break new,
            () = tokio::time::sleep_until(deadline) => break new,
        }
    };
    let (size, checkpoint) = grounds(&call.app);
    let commands = call.reading(move |app| async move { delivered(&app, open, size).await }).await?;
    let mut out = Vec::with_capacity(commands.len() + checkpoint.len() * 2);
    out.extend_from_slice(b"{\"commands\":");
    out.extend_from_slice(&commands);
    out.extend_from_slice(b",\"checkpoint\":");
    write_string(&checkpoint, &mut out);
    out.push(b'}');
    Ok(answer::json(StatusCode::OK, out))
}

/// What a node is to carry out, as JSON for the answer to its heartbeat, and the checkpoint that proves it.
pub(crate) async fn for_heartbeat(call: &Call, org: &Name, node: Uuid) -> Result<Option<Proved>, Problem> {
    let Some(desk) = &call.app.config.desk else { return Ok(None) };
    let open = ripe(&call.app, desk.open_for(org, node, call.app.ledger.now(), MAX_COMMANDS_DELIVERED));
    if open.is_empty() {
        return Ok(None);
    }
    let (size, checkpoint) = grounds(&call.app);
    let commands = call.reading(move |app| async move { delivered(&app, open, size).await }).await?;
    Ok(Some(Proved { commands, checkpoint }))
}

/// Commands as JSON, with the checkpoint that has them.
pub(crate) struct Proved {
    pub(crate) commands: Vec<u8>,
    pub(crate) checkpoint: Arc<str>,
}

/// The checkpoint under which commands are proved: once the ledger names witnesses, the newest with their quorum.
fn grounds(app: &Inner) -> (u64, Arc<str>) {
    let head = app.ledger.head().borrow().clone();
    if !names_witnesses(app) {
        return (head.size, Arc::clone(&head.note));
    }
    match &*app.ledger.witnessing().cosigned().borrow() {
        Some(cosigned) => (cosigned.size, Arc::clone(&cosigned.note)),
        None => (0, Arc::clone(&head.note)),
    }
}

/// Those that the grounds have; for the others a newer checkpoint is offered to the witnesses.
fn ripe(app: &Inner, mut open: Vec<Open>) -> Vec<Open> {
    if open.is_empty() || !names_witnesses(app) {
        return open;
    }
    let (size, _) = grounds(app);
    let before = open.len();
    open.retain(|open| open.since < size);
    if open.len() < before {
        app.ledger.witnessing().ask();
    }
    open
}

fn names_witnesses(app: &Inner) -> bool {
    app.ledger.directory(|directory| !directory.witness_sets.is_empty())
}

/// Each command with its approvals, every entry with its record line and its path in the tree of `size`.
async fn delivered(app: &Inner, open: Vec<Open>, size: u64) -> Result<Vec<u8>, Problem> {
    let mut commands = Vec::with_capacity(open.len());
    for open in open.iter().filter(|open| open.since < size) {
        let mut entries = Vec::with_capacity(open.entries.len());
        for seq in &open.entries {
            let (record, line) = app
                .ledger
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

fn with_path(app: &Inner, record: &Record, line: &str, size: u64) -> Result<Value, Problem> {
    let value: Value = serde_json::from_str(line).map_err(internal)?;
    let path = app.ledger.inclusion(record.entry.position.seq, size).map_err(internal)?;
    Ok(json!({"record": value, "inclusion": path}))
}
