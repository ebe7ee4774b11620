//! `/api/keys`: the keys of an organisation, and what becomes of them.

use crate::saying::say;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::state::KeyRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{KeyChange, KeyStatus};
use spec::{Author, Hash, KeyUse, Kind, Name, PublicKey};
use std::borrow::Cow;
use std::ops::Bound;
use web::Call;
use web::answer;
use web::bad;
use web::paging::{Page, Paging};
use web::problem::{CONFLICT, NOT_FOUND, Problem};
use web::strict::present;
use web::strict::{invalid, member};
use web::{Action, PrincipalKind};

/// A request to end a key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with status")]
pub struct KeyStatusRequest {
    /// `revoked` or `compromised`.
    #[schemars(with = "KeyChange")]
    pub status: String,
    /// Why.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub reason: Option<String>,
    /// The first entry signed with it that is in doubt; only with `compromised`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub suspect_from: Option<u64>,
}

/// A key, and how far its author has come with it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Key")]
pub struct KeyRow {
    /// Who signs with it; the ledger's own keys have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// Its author's chain.
    pub chain: KeyChain,
    /// Seq of its introduction.
    pub introduced: u64,
    /// Event hash of its introduction.
    pub introduction: Hash,
    /// The key.
    pub key: PublicKey,
    /// Whose it is.
    pub org: Name,
    /// `active`, `superseded`, `revoked` or `compromised`.
    #[schemars(with = "KeyState")]
    pub status: Cow<'static, str>,
    /// The key that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<PublicKey>,
    /// The first entry that is in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspect_from: Option<u64>,
    /// The tenant its author belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Seq from which on it is valid no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// What it is for.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
}

/// Whether a key is valid, and if not, why.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the words of `status_of`")]
pub(crate) enum KeyState {
    /// It is valid.
    Active,
    /// It is valid no longer.
    Revoked,
    /// Another key took its place.
    Superseded,
    /// It is valid no longer, and what it signed from some entry on is in doubt.
    Compromised,
}

/// A page of keys, in their own order.
pub type KeysAnswer = Page<KeyRow>;

/// The place to which a chain has come.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub struct KeyChain {
    /// How many epochs it has.
    pub epochs: usize,
    /// The number of its next event.
    pub next: u64,
}

/// `GET /api/keys`: in the order of the keys; `cursor` is the last key of the page before.
pub(crate) async fn list(call: Call) -> Result<Response<Body>, Problem> {
    let query = call.query(&["org", "status", "limit", "cursor"])?;
    let org: Option<Name> = query.parse("org")?;
    if let Some(org) = &org {
        call.principal.require_in(Action::Read, org)?;
    }
    let org = org.or_else(|| call.principal.bound_to().cloned());
    let status = query.get("status");
    if status.is_some_and(|status| !["active", "superseded", "revoked", "compromised"].contains(&status)) {
        return Err(bad("status", "expected active, superseded, revoked or compromised"));
    }
    let (own, paging) = (own_key(&call), Paging::<PublicKey>::of(&query)?);
    let page = call.app.ledger().directory(|directory| {
        let wanted = |key: &PublicKey, record: &KeyRecord| {
            own.is_none_or(|own| own == *key)
                && org.as_ref().is_none_or(|org| record.org == *org)
                && status.is_none_or(|s| s == status_of(record))
        };
        let after = paging.after().map_or(Bound::Unbounded, |key| Bound::Excluded(*key));
        let keys = directory.keys.range((after, Bound::Unbounded)).map(|(key, record)| (*key, (key, record)));
        paging.rising(keys, |(key, record)| wanted(key, record).then(|| KeyRow::of(*key, record)))
    });
    Ok(answer::value(StatusCode::OK, &page))
}

/// `GET /api/keys/{key}`.
pub(crate) async fn get(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let (key, record) = visible(&call)?;
    Ok(answer::value(StatusCode::OK, &KeyRow::of(key, &record)))
}

/// `PATCH /api/keys/{key}/governance`: ends a key; again in the same way, and nothing happens.
pub(crate) async fn govern(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let (key, record) = visible(&call)?;
    call.principal.require_in(Action::GovernKeys, &record.org)?;
    let request: KeyStatusRequest = call.json()?;
    let status = match request.status.as_str() {
        "revoked" => KeyChange::Revoked,
        "compromised" => KeyChange::Compromised,
        _ => return Err(invalid("/status", "expected revoked or compromised")),
    };
    if status == KeyChange::Revoked && request.suspect_from.is_some() {
        return Err(invalid("/suspect_from", "it belongs to compromised"));
    }
    let suspect_from =
        (status == KeyChange::Compromised).then(|| request.suspect_from.unwrap_or(record.introduced));
    match status_of(&record) {
        "revoked" | "superseded" if status == KeyChange::Revoked => {}
        "compromised" if status == KeyChange::Revoked => {
            return Err(Problem::new(CONFLICT, "the key is compromised; that cannot be taken back"));
        }
        "compromised" if record.suspect_from == suspect_from => {}
        _ => {
            let payload = KeyStatus { key, reason: request.reason, status, suspect_from };
            say(&call, &record.org, Kind::KeyStatus, &payload).await?;
        }
    }
    let (key, record) = visible(&call)?;
    Ok(answer::value(StatusCode::OK, &KeyRow::of(key, &record)))
}

fn visible(call: &Call) -> Result<(PublicKey, KeyRecord), Problem> {
    let missing = || Problem::new(NOT_FOUND, "your organisation has no such key");
    let text: String = call.param("key")?;
    let key: PublicKey = member("key", &text).map_err(|_| missing())?;
    let found = call.app.ledger().directory(|directory| directory.keys.get(&key).cloned());
    let mine = |record: &KeyRecord| {
        call.principal.bound_to().is_none_or(|org| record.org == *org)
            && own_key(call).is_none_or(|own| own == key)
    };
    Ok((key, found.filter(mine).ok_or_else(missing)?))
}

/// The one key a node may see.
fn own_key(call: &Call) -> Option<PublicKey> {
    match call.principal.kind {
        PrincipalKind::Node { key, .. } => Some(key),
        _ => None,
    }
}

fn status_of(record: &KeyRecord) -> &'static str {
    match (record.until, record.suspect_from, record.successor) {
        (None, ..) => "active",
        (Some(_), Some(_), _) => "compromised",
        (Some(_), None, Some(_)) => "superseded",
        (Some(_), None, None) => "revoked",
    }
}

impl KeyRow {
    fn of(key: PublicKey, record: &KeyRecord) -> Self {
        let epochs = record.chain.closed.len() + usize::from(record.chain.epoch.is_some());
        Self {
            author: record.author.clone(),
            chain: KeyChain { epochs, next: record.chain.next },
            introduced: record.introduced,
            introduction: record.introduction,
            key,
            org: record.org.clone(),
            status: Cow::Borrowed(status_of(record)),
            successor: record.successor,
            suspect_from: record.suspect_from,
            tenant: record.tenant.clone(),
            until: record.until,
            key_use: record.key_use,
        }
    }
}
