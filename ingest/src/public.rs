//! What everyone may see: the checkpoint, proofs, the ledger's keys.

use crate::authority::Ingest;
use crate::receipt::{write_hash, write_hashes};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use spec::canonical::write_u64;
use spec::{Hash, Record};
use web::App;
use web::Call;
use web::answer;
use web::problem::{NOT_FOUND, Problem, internal};
use web::{QueryString, bad};

/// `GET /ROOT.txt` and `GET /api/ledger/checkpoint`: the newest checkpoint, with its quorum if it has it.
pub(crate) async fn checkpoint(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let head = call.app.ledger().head().borrow().clone();
    let cosigned = call.app.ledger().witnessing().cosigned().borrow().clone();
    let note = match cosigned {
        Some(cosigned) if cosigned.size == head.size => cosigned.note.to_string(),
        _ => head.note.to_string(),
    };
    Ok(answer::text(StatusCode::OK, note))
}

/// `GET /api/ledger`.
pub(crate) async fn ledger(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let ledger = call.app.ledger();
    let size = ledger.head().borrow().size;
    let about = LedgerAnswer {
        ledger: ledger.id(),
        log_vkey: ledger.log_vkey(),
        origin: ledger.origin().to_owned(),
        size,
    };
    Ok(answer::value(StatusCode::OK, &about))
}

/// The fate of a wish for a seal.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub struct SealAnswer {
    /// Seq of the seal; absent: there was nothing to seal.
    pub seq: Option<u64>,
}

/// The ledger that this is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LedgerAnswer {
    /// Its id.
    pub ledger: Hash,
    /// The key of its checkpoints, as notes are verified with it.
    pub log_vkey: String,
    /// Its name in checkpoints.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LedgerAuthority")]
pub(crate) struct Authority<'a> {
    /// In the order of the log.
    #[schemars(with = "Vec<Record>")]
    authority: &'a [Box<RawValue>],
}

/// That an entry is in the log.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes what `inclusion` writes")]
pub(crate) struct InclusionProof {
    /// The entry.
    seq: u64,
    /// The size of the tree that it is proved in.
    size: u64,
    /// Its leaf.
    leaf: Hash,
    /// The path from the leaf to the root (RFC 9162, section 2.1.3).
    proof: Vec<Hash>,
}

/// That a tree is the beginning of a larger one.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes what `consistency` writes")]
pub(crate) struct ConsistencyProof {
    /// The size of the smaller tree.
    old: u64,
    /// The size of the larger one.
    new: u64,
    /// The proof (RFC 9162, section 2.1.4).
    proof: Vec<Hash>,
}

/// `GET /api/ledger/authority`: genesis and every change of the ledger's keys.
pub(crate) async fn authority(ingest: Ingest, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let records = call.reading(|app| async move { ingest.authority(&app).await }).await?;
    Ok(answer::value(StatusCode::OK, &Authority { authority: &records }))
}

/// `GET /api/ledger/proof/inclusion?seq=&size=`; `index` is another word for `seq`.
pub(crate) async fn inclusion(call: Call) -> Result<Response<Body>, Problem> {
    let query = call.query(&["seq", "index", "size"])?;
    let seq: u64 = match query.parse("index")? {
        Some(index) => index,
        None => query.require("seq")?,
    };
    let size = size_of(&call.app, &query, "size")?;
    if seq >= size {
        return Err(bad("seq", format_args!("the ledger of {size} entries has no entry {seq}")));
    }
    let body = call
        .reading(move |app| async move {
            let record = app.ledger().reader().record(seq).await.map_err(internal)?;
            let leaf = record.ok_or_else(|| internal("an entry cannot be read back"))?.leaf;
            let proof = app.ledger().inclusion(seq, size).map_err(internal)?;
            let mut out = Vec::with_capacity(128 + proof.len() * 67);
            out.extend_from_slice(b"{\"seq\":");
            write_u64(seq, &mut out);
            out.extend_from_slice(b",\"size\":");
            write_u64(size, &mut out);
            write_hash(b",\"leaf\":\"", &leaf, &mut out);
            out.extend_from_slice(b",\"proof\":");
            write_hashes(&proof, &mut out);
            out.push(b'}');
            Ok(out)
        })
        .await?;
    Ok(answer::json(StatusCode::OK, body))
}

/// `GET /api/ledger/proof/consistency?old=&new=`.
pub(crate) async fn consistency(call: Call) -> Result<Response<Body>, Problem> {
    let query = call.query(&["old", "new"])?;
    let (old, new) = (query.require::<u64>("old")?, size_of(&call.app, &query, "new")?);
    if old > new {
        return Err(bad("old", format_args!("it is larger than new, {new}")));
    }
    let body = call
        .reading(move |app| async move {
            let proof = app.ledger().consistency(old, new).map_err(internal)?;
            let mut out = Vec::with_capacity(64 + proof.len() * 67);
            out.extend_from_slice(b"{\"old\":");
            write_u64(old, &mut out);
            out.extend_from_slice(b",\"new\":");
            write_u64(new, &mut out);
            out.extend_from_slice(b",\"proof\":");
            write_hashes(&proof, &mut out);
            out.push(b'}');
            Ok(out)
        })
        .await?;
    Ok(answer::json(StatusCode::OK, body))
}

/// A size the ledger has had; its present one if none is named.
fn size_of(app: &App, query: &QueryString<'_>, name: &str) -> Result<u64, Problem> {
    let head = app.ledger().head().borrow().size;
    match query.parse(name)? {
        None => Ok(head),
        Some(size) if size <= head => Ok(size),
        Some(_) => Err(bad(name, format_args!("the ledger has {head} entries"))),
    }
}

/// `POST /api/ledger/seal`: `seq` is null if nothing but a seal happened since the last one.
pub(crate) async fn seal(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let seq = call.app.ledger().seal().await?;
    Ok(answer::value(StatusCode::OK, &SealAnswer { seq }))
}

/// `GET /PROOFCHAIN.json`.
pub(crate) async fn proofchain(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    document(&call, "PROOFCHAIN.json".to_owned(), "application/json").await
}

/// `GET /proofchain/{file}`.
pub(crate) async fn proofchain_part(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let file: String = call.param("file")?;
    let digits = file.strip_suffix(".jsonl").unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Problem::new(NOT_FOUND, "there is no such part of the proof chain"));
    }
    document(&call, format!("proofchain/{file}"), "application/x-ndjson").await
}

async fn document(call: &Call, name: String, media_type: &'static str) -> Result<Response<Body>, Problem> {
    let bytes = call
        .reading(move |app| async move {
            let found = app.ledger().reader().document(&name).await.map_err(internal)?;
            found.ok_or_else(|| Problem::new(NOT_FOUND, format!("there is no {name} yet")))
        })
        .await?;
    Ok(answer::with_type(StatusCode::OK, media_type, Body::from(bytes)))
}
