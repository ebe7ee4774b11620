//! Establishing who asks, from the headers and the socket alone.

use crate::access::{Principal, PrincipalKind};
use crate::app::App;
use crate::problem::{Problem, UNAUTHENTICATED};
use crate::{development, jwt, people};
use axum::http::{HeaderMap, header};
use ledger::Ledger;
use ledger::admission::Code;
use spec::hash::read_hex;
use spec::payload::token_hash;
use spec::{Author, Hash, KeyUse, Name, Timestamp, Uuid};
use std::net::SocketAddr;

/// The origin of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP.
    Tcp(SocketAddr),
    /// Over the admin socket, whose file only its owner may open.
    Admin,
}

/// Who asks, and what their token is bound to.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) principal: Principal,
    pub(crate) jwt: Option<NodeToken>,
}

/// The parts of a node's JWT that its request must agree with.
#[derive(Debug, Clone)]
pub struct NodeToken {
    /// When the node made it.
    pub issued_at: Timestamp,
    /// The body that it is good for.
    pub body: Option<Hash>,
}

impl Established {
    const ANONYMOUS: Self = Self { principal: Principal::ANONYMOUS, jwt: None };

    /// Refuses a body that the JWT was not made for.
    pub(crate) fn check_body(&self, body: &[u8]) -> Result<(), Problem> {
        let Some(jwt) = &self.jwt else { return Ok(()) };
        let named = match jwt.body {
            None if body.is_empty() => return Ok(()),
            None => return Err(unauthenticated("the token names no body, but the request has one")),
            Some(named) => named,
        };
        if *blake3::hash(body).as_bytes() == named.0 {
            Ok(())
        } else {
            Err(unauthenticated("the token is for another body"))
        }
    }
}

/// Establishes who asks. No credentials at all is the anonymous; bad ones are a refusal.
pub(crate) fn establish(
    app: &App,
    peer: Option<Peer>,
    headers: &HeaderMap,
    named: Option<&Name>,
) -> Result<Established, Problem> {
    if peer == Some(Peer::Admin) {
        return Ok(Established { principal: Principal::admin(), jwt: None });
    }
    let ledger = app.ledger();
    if let Some(shown) = people::shown(ledger, headers) {
        return Ok(Established { principal: people::principal(app, &shown, named)?, jwt: None });
    }
    if app.config().development_headers
        && !headers.contains_key(header::AUTHORIZATION)
        && let Some(principal) = development::principal(ledger, peer, headers)
    {
        return Ok(Established { principal, jwt: None });
    }
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(Established::ANONYMOUS) };
    if values.next().is_some() {
        return Err(unauthenticated("more than one Authorization header"));
    }
    let text = value.to_str().map_err(|_| unauthenticated("the Authorization header is not ASCII"))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unauthenticated("only Bearer tokens are taken"));
    }
    match token.strip_prefix("vmt1.") {
        Some(rest) => api_token(ledger, rest),
        None => node_token(ledger, token),
    }
}

/// `vmt1.<uuid>.<64 hex>`.
fn api_token(ledger: &Ledger, rest: &str) -> Result<Established, Problem> {
    let unknown = || unauthenticated("the API token is unknown, ended or revoked");
    let (id, secret) = rest.split_once('.').ok_or_else(unknown)?;
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let mut bytes = [0; 32];
    if !read_hex(secret, &mut bytes) {
        return Err(unknown());
    }
    // The comparison of blake3::Hash takes the same time wherever two hashes differ.
    let shown = blake3::Hash::from_bytes(token_hash(&bytes).0);
    let now = ledger.now();
    ledger.directory(|directory| {
        let state = directory.tokens.get(&id).ok_or_else(unknown)?;
        if shown != blake3::Hash::from_bytes(state.secret.0) || !state.live_at(now) {
            return Err(unknown());
        }
        if directory.organisations.is_suspended(&state.org) {
            return Err(Problem::of_code(Code::OrgSuspended));
        }
        let principal = Principal {
            kind: PrincipalKind::Token(id),
            org: Some(state.org.clone()),
            roles: vec![state.role],
        };
        Ok(Established { principal, jwt: None })
    })
}

fn node_token(ledger: &Ledger, token: &str) -> Result<Established, Problem> {
    let verified = jwt::verify(token, &ledger.id(), ledger.now()).map_err(unauthenticated)?;
    ledger.directory(|directory| {
        let record = directory.keys.get(&verified.key).ok_or_else(|| Problem::of_code(Code::UnknownKey))?;
        if record.until.is_some() {
            return Err(Problem::of_code(Code::KeyRevoked));
        }
        if record.key_use != KeyUse::Node || record.author != Some(Author::Node(verified.node)) {
            return Err(Problem::of_code(Code::AuthorMismatch));
        }
        let kind =
            PrincipalKind::Node { node: verified.node, key: verified.key, tenant: record.tenant.clone() };
        let principal = Principal { kind, org: Some(record.org.clone()), roles: Vec::new() };
        let jwt = Some(NodeToken { issued_at: verified.issued_at, body: verified.body });
        Ok(Established { principal, jwt })
    })
}

fn unauthenticated(detail: &str) -> Problem {
    Problem::new(UNAUTHENTICATED, detail)
}
