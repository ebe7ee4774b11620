//! Witnesses: who they are, what they are asked to sign, what they sign, and what they caught the ledger at.

use crate::appending::{By, append_one};
use crate::events::status_of;
use crate::saying::name;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::service::Draft;
use ledger::state::LEDGER_ORG;
use ledger::witness_set::{PlacedSet, set_at};
use ledger::witnessing::{CosignError, LastSigned, Offer};
use proofs::Checkpoint;
use proofs::checkpoint::{Verified, witness_key};
use proofs::equivocation::{Equivocation, Leaves};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{Contradiction, DifferingLeaves, Witness, WitnessSetChange};
use spec::{Author, Hash, KeyUse, Kind, Name, PublicKey, Severity, Signature, Timestamp, Uuid, Via};
use std::sync::Arc;
use std::time::Duration;
use web::App;
use web::Call;
use web::PrincipalKind;
use web::answer::{self, Recorded};
use web::bad;
use web::limits::MAX_POLL_SECS;
use web::problem::{CONFLICT, FORBIDDEN, INVALID, NOT_FOUND, Problem, internal};
use web::strict::invalid;

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "CosignatureRequest")]
#[serde(deny_unknown_fields, expecting = "an object with note")]
pub(crate) struct Cosigning {
    /// The checkpoint with the witness's line under it, as a signed note.
    note: String,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ContradictionRequest")]
#[serde(deny_unknown_fields, expecting = "an object with a, b and leaves")]
pub(crate) struct Report {
    /// One checkpoint, as a signed note.
    a: String,
    /// The other one.
    b: String,
    /// Where their trees differ, when their sizes do and such a place is known.
    #[serde(default, deserialize_with = "web::strict::present")]
    leaves: Option<DifferingLeaves>,
}

/// The set in force for checkpoints of `size`.
fn set_of(app: &App, size: u64) -> Option<PlacedSet> {
    app.ledger().directory(|directory| set_at(&directory.witness_sets, size).cloned())
}

/// A witness of the set in force.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WitnessStatus")]
pub struct WitnessRow {
    /// Its key.
    pub key: PublicKey,
    /// The name it signs under.
    pub name: Name,
    /// Whether it is outside of the operator's control.
    pub outside: bool,
    /// Its signature that the key is its own.
    pub pop: Signature,
    /// When it signed last, by the time in its signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
    /// The size of the checkpoint that it signed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_size: Option<u64>,
    /// Its key, as notes are verified with it.
    pub vkey: String,
}

impl WitnessRow {
    fn of(witness: &Witness, last: Option<LastSigned>) -> Self {
        let Witness { key, name, outside, pop } = witness.clone();
        Self {
            key,
            vkey: witness_key(name.as_str(), key).to_string(),
            name,
            outside,
            pop,
            signed_at: last.as_ref().map(|last| Timestamp::from_millis(last.time.saturating_mul(1000))),
            signed_size: last.as_ref().map(|last| last.size),
        }
    }
}

/// The witness set in force, and how far it has come.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct WitnessesAnswer {
    /// The size of the newest checkpoint that has its quorum.
    pub cosigned: Option<u64>,
    /// Seq from which on this set is in force.
    pub from: Option<u64>,
    /// The size of the newest checkpoint that was offered.
    pub offered: Option<u64>,
    /// What the next change of the authority names as the one before.
    pub prev_change: Hash,
    /// How many must cosign.
    pub quorum: u64,
    /// How many entries the ledger has.
    pub size: u64,
    /// By name.
    pub witnesses: Vec<WitnessRow>,
}

/// The checkpoint that witnesses are to sign.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WitnessCheckpoint")]
pub(crate) struct OfferAnswer {
    /// It, as a signed note.
    checkpoint: String,
    /// The size of the tree that it extends.
    old: u64,
    /// The proof that it does (RFC 9162, section 2.1.4).
    consistency: Vec<Hash>,
    /// How many records the ledger's authority has.
    authority: usize,
}

/// What a cosignature led to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CosignatureAnswer")]
pub(crate) struct CosignatureAnswer {
    /// The size of the checkpoint that was signed.
    size: u64,
    /// How many witnesses have signed it.
    cosigned: u64,
    /// How many it needs.
    quorum: u64,
}

/// `GET /api/ledger/witnesses`: the set in force, and how far each of its witnesses has come.
pub(crate) async fn list(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let ledger = call.app.ledger();
    let size = ledger.head().borrow().size;
    let witnessing = ledger.witnessing();
    let set = set_of(&call.app, size);
    let row = |witness: &Witness| WitnessRow::of(witness, witnessing.last_signed(&witness.key));
    let witnesses = set.iter().flat_map(|set| &set.set.witnesses).map(row).collect();
    let offered = witnessing.offers().borrow().as_ref().map(|offer| offer.checkpoint.size);
    let cosigned = witnessing.cosigned().borrow().as_ref().map(|cosigned| cosigned.size);
    let answer = WitnessesAnswer {
        cosigned,
        from: set.as_ref().map(|set| set.from),
        offered,
        prev_change: ledger.directory(|directory| directory.last_change),
        quorum: set.as_ref().map_or(0, |set| set.set.quorum),
        size,
        witnesses,
    };
    Ok(answer::value(StatusCode::OK, &answer))
}

/// `POST /api/ledger/witnesses`: another set, signed by the recovery keys or by the quorum of the one before.
pub(crate) async fn change(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let change: WitnessSetChange = call.json()?;
    let payload = serde_json::to_value(&change).map_err(internal)?;
    // A number may be one that canonical JSON does not have.
    let text = spec::canonical::to_vec(&payload).map_err(|e| invalid("/set", e))?;
    Kind::WitnessSet
        .check_payload(1, &String::from_utf8_lossy(&text))
        .map_err(|e| invalid("/set", e.to_string()))?;
    let seq = call.app.ledger().append_statement(Kind::WitnessSet, payload).await?;
    // Whoever waits for commands waits for the new quorum from now on.
    call.app.ledger().witnessing().ask();
    Ok(answer::value(StatusCode::CREATED, &Recorded { seq }))
}

/// `GET /COSIGNED.txt`: the newest checkpoint with its quorum.
pub(crate) async fn cosigned(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let cosigned = call.app.ledger().witnessing().cosigned().borrow().clone();
    let cosigned = cosigned.ok_or_else(|| Problem::new(NOT_FOUND, "no checkpoint has its quorum yet"))?;
    Ok(answer::text(StatusCode::OK, cosigned.note.to_string()))
}

/// `GET /api/ledger/witness-checkpoint?after=&wait=`: the checkpoint that witnesses are to sign, with the proof that it
/// extends the one of size `after`. With `wait` the answer comes when there is a larger one, or when the seconds are over.
pub(crate) async fn offer(call: Call) -> Result<Response<Body>, Problem> {
    let query = call.query(&["after", "wait"])?;
    let after = query.parse::<u64>("after")?.unwrap_or(0);
    let wait = query.parse::<u64>("wait")?.unwrap_or(0);
    if wait > MAX_POLL_SECS {
        return Err(bad("wait", format_args!("at most {MAX_POLL_SECS} seconds")));
    }
    let head = call.app.ledger().head().borrow().clone();
    if after > head.size {
        return Err(bad("after", format_args!("the ledger has {} entries", head.size)));
    }
    let offer = match newest_offer(&call, after, Duration::from_secs(wait)).await {
        Some(offer) => offer,
        // Before the first offer of this process: what it will be.
        None => Arc::new(Offer { checkpoint: head.checkpoint.clone(), note: Arc::clone(&head.note) }),
    };
    // An offer is never older than what was asked for but by a race with a restart; the proof then goes the other way.
    let (old, new) = (after.min(offer.checkpoint.size), after.max(offer.checkpoint.size));
    let authority = call.app.ledger().directory(|directory| directory.authority_seqs.len());
    let value = call
        .reading(move |app| async move {
            let proof = app.ledger().consistency(old, new).map_err(internal)?;
            let checkpoint = offer.note.to_string();
            Ok(OfferAnswer { checkpoint, old, consistency: proof, authority })
        })
        .await?;
    Ok(answer::value(StatusCode::OK, &value))
}

/// The newest offer, once it is larger than `after` or the time is over. When too many wait already nobody else does.
async fn newest_offer(call: &Call, after: u64, wait: Duration) -> Option<Arc<Offer>> {
    let app = &call.app;
    let (mut offers, mut stopping) = (app.ledger().witnessing().offers(), app.stopping());
    let place = if wait.is_zero() { None } else { call.wait() };
    let deadline = tokio::time::Instant::now() + if place.is_some() { wait } else { Duration::ZERO };
    let ended = async {
        match &place {
            Some(place) => place.ended().await,
            None => std::future::pending().await,
        }
    };
    let mut ended = std::pin::pin!(ended);
    loop {
        let newest = offers.borrow_and_update().clone();
        let is_new = newest.as_ref().is_some_and(|offer| offer.checkpoint.size > after);
        if is_new {
            return newest;
        }
        tokio::select! {
            changed = offers.changed() => if changed.is_err() { return newest },
            () = ended.as_mut() => return newest,
            _ = stopping.wait_for(|stopping| *stopping) => return newest,
            () = tokio::time::sleep_until(deadline) => return newest,
        }
    }
}

/// `POST /api/ledger/cosignatures`: a witness's line under a checkpoint that was offered.
pub(crate) async fn cosign(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let Cosigning { note } = call.json()?;
    let size = proofs::note::Note::parse(note.as_bytes())
        .ok()
        .and_then(|note| Checkpoint::parse(&note.text).ok())
        .map(|checkpoint| checkpoint.size)
        .ok_or_else(|| invalid("/note", "not a checkpoint as a signed note"))?;
    let set = set_of(&call.app, size);
    let progress =
        call.app.ledger().witnessing().cosign(set.as_ref(), note.as_bytes()).map_err(
            |error| match error {
                CosignError::NotOffered | CosignError::NoSet => Problem::new(CONFLICT, error.to_string()),
                CosignError::NotInSet(_) => Problem::new(FORBIDDEN, error.to_string()),
                _ => Problem::new(INVALID, error.to_string()).pointer("/note"),
            },
        )?;
    let answer =
        CosignatureAnswer { size: progress.size, cosigned: progress.cosigned, quorum: progress.quorum };
    Ok(answer::value(StatusCode::OK, &answer))
}

/// `POST /api/ledger/contradictions`: two checkpoints under this ledger's signature that cannot both be of its history.
///
/// They are their own credential: only who holds the ledger's key can make them.
pub(crate) async fn contradict(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let Report { a, b, leaves } = call.json()?;
    let keys = checkpoint_keys(&call.app);
    let open = |pointer, note: &str| open(&call.app, &keys, pointer, note);
    let (said_a, said_b) = (open("/a", &a)?, open("/b", &b)?);
    let payload = Contradiction { a, b, leaves };
    let foreign = is_foreign(&call.app, &said_a.checkpoint)? || is_foreign(&call.app, &said_b.checkpoint)?;
    if !foreign && !contradicts(&call.app, &keys, &payload) {
        return Err(Problem::new(INVALID, "both checkpoints are of this ledger's one history"));
    }
    let (org, tenant, node) = match &call.principal.kind {
        PrincipalKind::Node { node, tenant, .. } => (call.principal.org.clone(), tenant.clone(), Some(*node)),
        _ => (None, None, None),
    };
    let org = match org {
        Some(org) => org,
        None => name(LEDGER_ORG)?,
    };
    let event = call.app.ledger().sign(&Draft {
        author: Author::Service(name("ledger")?),
        via: Via { method: name("self")?, subject: None },
        kind: Kind::Contradiction,
        org,
        tenant,
        node_id: node,
        severity: Some(Severity::Critical),
        ts: None,
        id: Some(report_id(&payload, node, said_a.time.max(said_b.time))),
        payload: serde_json::to_value(&payload).map_err(internal)?,
    })?;
    let (receipt, _) = append_one(&call, event, By::Service).await?;
    tracing::error!(seq = receipt.seq, ?node, "somebody was shown a checkpoint that is not of this history");
    Ok(answer::value(status_of(&receipt), &Recorded { seq: receipt.seq }))
}

/// Every key that ever signed this ledger's checkpoints.
fn checkpoint_keys(app: &App) -> Vec<PublicKey> {
    app.ledger().directory(|directory| {
        let keys = directory.keys.iter().filter(|(_, record)| record.key_use == KeyUse::Checkpoint);
        keys.map(|(key, _)| *key).collect()
    })
}

fn open(app: &App, keys: &[PublicKey], pointer: &str, note: &str) -> Result<Verified, Problem> {
    let verified =
        Checkpoint::open(note.as_bytes(), keys, &[]).map_err(|e| invalid(pointer, e.to_string()))?;
    if verified.checkpoint.origin == app.ledger().origin() {
        Ok(verified)
    } else {
        Err(invalid(pointer, "a checkpoint of another ledger"))
    }
}

/// Whether a checkpoint under our signature is not of our history.
fn is_foreign(app: &App, said: &Checkpoint) -> Result<bool, Problem> {
    // Whatever was signed is behind the head by now.
    if said.size > app.ledger().head().borrow().size {
        return Ok(true);
    }
    app.ledger().root_at(said.size).map(|root| root != said.root).map_err(internal)
}

/// Whether the two prove by themselves that they cannot both be true.
fn contradicts(app: &App, keys: &[PublicKey], payload: &Contradiction) -> bool {
    let file = Equivocation {
        a: payload.a.clone(),
        authority: Vec::new(),
        b: payload.b.clone(),
        format: proofs::equivocation::FORMAT.to_owned(),
        ledger: app.ledger().id(),
        leaves: payload.leaves.clone().map(|leaves| {
            let DifferingLeaves { index, leaf_a, leaf_b, path_a, path_b } = leaves;
            Leaves { index, leaf_a, leaf_b, path_a, path_b }
        }),
    };
    file.verify(keys).is_ok()
}

/// The same report has the same id: sent again, it is the same event.
fn report_id(payload: &Contradiction, node: Option<Uuid>, time: u64) -> Uuid {
    let mut hasher = blake3::Hasher::new();
    hasher.update(node.as_ref().map_or(&[0; 16][..], |node| node.as_bytes()));
    for note in [&payload.a, &payload.b] {
        hasher.update(&(note.len() as u64).to_be_bytes()).update(note.as_bytes());
    }
    let hash = blake3::Hasher::finalize(&hasher);
    let tail = hash.as_bytes().first_chunk::<10>().copied().unwrap_or_default();
    Uuid::v7(Timestamp::from_millis(time.saturating_mul(1000)), tail)
}
