//! The rules of what is said of organisations and their people.

use super::{Change, long};
use serde_json::json;
use spec::Kind;

/// See `refused_changes` of the module above.
pub(super) fn refused_changes(kind: &Kind) -> Vec<Change> {
    match kind {
        Kind::IdentityProvider => vec![
            ("/action", Some(json!("remove"))),
            ("/id", Some(json!("Example"))),
            ("/settings", None),
            ("/settings/algorithms", Some(json!([]))),
            ("/settings/algorithms", Some(json!(["EdDSA", "ES256"]))),
            ("/settings/algorithms", Some(json!(["HS256"]))),
            ("/settings/algorithms", Some(json!(["none"]))),
            ("/settings/audiences", Some(json!([]))),
            ("/settings/audiences", Some(json!("vaultmesh"))),
            ("/settings/audiences", Some(json!(["b", "a"]))),
            ("/settings/audiences/0", long(257)),
            ("/settings/client_id", long(0)),
            ("/settings/client_secret", Some(json!("hunter2"))),
            ("/settings/issuer", Some(json!("id.example.org"))),
            ("/settings/issuer", None),
            ("/settings/kind", Some(json!("saml"))),
        ],
        Kind::Member => vec![
            ("/action", Some(json!("uninvite"))),
            ("/expires_at", Some(json!("tomorrow"))),
            ("/invitation", Some(json!("7b1de0c4-62a5-4f0e-8f4f-2f9f6c1b7d33"))),
            ("/role", Some(json!("king"))),
            ("/role", None),
            ("/rule", Some(json!("x"))),
            ("/user", None),
            ("/user", Some(json!("user:550e8400-e29b-41d4-a716-446655440000"))),
            ("/reason", long(1025)),
        ],
        Kind::Org => vec![
            ("/action", Some(json!("suspend"))),
            ("/action", Some(json!("resume"))),
            ("/action", Some(json!("delete"))),
            ("/name", long(0)),
            ("/name", long(257)),
            ("/name", None),
        ],
        Kind::SignInRule => vec![
            ("/action", Some(json!("remove"))),
            ("/claim", long(0)),
            ("/claim", long(257)),
            ("/id", None),
            ("/provider", Some(json!("Example"))),
            ("/role", Some(json!("owner"))),
            ("/value", long(257)),
            ("/value", Some(json!(["a"]))),
        ],
        Kind::User => vec![
            ("/email", long(321)),
            ("/issuer", long(2049)),
            ("/issuer", None),
            ("/name", long(257)),
            ("/subject", long(0)),
            ("/subject", None),
        ],
        _ => vec![],
    }
}

/// Texts at their limits.
pub(super) fn longest() -> Vec<(Kind, u64, &'static str, usize)> {
    vec![
        (Kind::Org, 1, "/name", 256),
        (Kind::SignInRule, 1, "/claim", 256),
        (Kind::SignInRule, 1, "/value", 256),
        (Kind::User, 1, "/email", 320),
        (Kind::User, 1, "/issuer", 2048),
        (Kind::User, 1, "/name", 256),
        (Kind::User, 1, "/subject", 1024),
    ]
}
