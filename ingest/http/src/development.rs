//! Who somebody says they are, in plain headers: for development on one machine, behind a flag, and from loopback alone.

use crate::access::{Principal, PrincipalKind};
use crate::principal::Peer;
use axum::http::HeaderMap;
use ledger::Ledger;
use spec::Name;
use spec::payload::{Role, user_id};

/// The issuer of those who say who they are.
const ISSUER: &str = "http://localhost/development";

/// The person that the headers `x-user-id`, `x-org-id` and `x-roles` speak of. A role that is missing or unknown is none.
pub(crate) fn principal(ledger: &Ledger, peer: Option<Peer>, headers: &HeaderMap) -> Option<Principal> {
    let Some(Peer::Tcp(address)) = peer else { return None };
    if !address.ip().to_canonical().is_loopback() {
        return None;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let subject = text("x-user-id").filter(|subject| !subject.is_empty())?;
    let org: Option<Name> = text("x-org-id").and_then(|org| org.parse().ok());
    let mut roles: Vec<Role> =
        text("x-roles").unwrap_or_default().split(',').filter_map(|role| role.trim().parse().ok()).collect();
    if org.is_none() {
        roles.clear();
    }
    let user = user_id(&ledger.id(), ISSUER, subject);
    let kind = PrincipalKind::User { user, provider: "development".parse().ok()? };
    Some(Principal { kind, org, roles })
}
