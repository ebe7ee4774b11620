//! The last group of the history: an organisation is made, and its people come in.

use super::{Draft, Log, Voice, at, fixed};
use serde_json::json;
use spec::payload::{token_hash, user_id};
use spec::{Hash, Kind};

/// How many records the group has.
pub(super) const RECORDS: usize = 11;

/// Days after the beginning, in seconds: when the groups before are over.
const BEGIN: u64 = 10 * 86_400;

const RULE: &str = "3f2b8c1e-5f0a-4d52-9a57-0c6f4b1f2a90";
const INVITATION: &str = "7b1de0c4-62a5-4f0e-8f4f-2f9f6c1b7d33";
const ISSUER: &str = "https://id.example.org";

/// Appends the group.
pub(super) fn append(log: &mut Log, ledger: Hash) {
    let resigned = |voice| Voice { key: "service-2", ..voice };
    let operator = resigned(Voice::service(ledger, "service:admin", "admin", None));
    let landlord =
        Voice { org: "ledger", ..resigned(Voice::service(ledger, "service:admin", "admin", None)) };
    let (ada, bob) = (user_id(&ledger, ISSUER, "ada-1"), user_id(&ledger, ISSUER, "bob-2"));
    let (by_ada, by_bob) = (format!("user:{ada}"), format!("user:{bob}"));
    let person = |author| resigned(Voice::service(ledger, author, "sign-in", Some("example")));
    let visitor = |author| Voice { org: "ledger", ..person(author) };
    let settings = json!({
        "algorithms": ["ES256", "EdDSA", "RS256"], "audiences": ["vaultmesh"], "client_id": "vaultmesh-console",
        "issuer": ISSUER, "kind": "oidc",
    });
    let payload = json!({"action": "set", "id": "example", "settings": settings});
    log.append(landlord.say(BEGIN, Draft::new(Kind::IdentityProvider, payload)));
    log.append(
        operator.say(BEGIN + 1, Draft::new(Kind::Org, json!({"action": "create", "name": "Acme Ltd"}))),
    );
    let payload = json!({
        "action": "set", "claim": "groups", "id": RULE, "provider": "example", "role": "org_admin",
        "value": "acme-admins",
    });
    log.append(operator.say(BEGIN + 2, Draft::new(Kind::SignInRule, payload)));
    let payload = json!({
        "email": "ada@example.org", "issuer": ISSUER, "name": "Ada", "subject": "ada-1",
    });
    log.append(visitor(&by_ada).say(BEGIN + 3, Draft::new(Kind::User, payload)));
    let payload = json!({"action": "grant", "role": "org_admin", "rule": RULE, "user": ada});
    log.append(person(&by_ada).say(BEGIN + 4, Draft::new(Kind::Member, payload)));
    let payload = json!({
        "action": "invite", "expires_at": at((BEGIN + 86_400) * 1000), "id": INVITATION, "role": "viewer",
        "secret": token_hash(&fixed("invitation")),
    });
    log.append(person(&by_ada).say(BEGIN + 5, Draft::new(Kind::Member, payload)));
    log.append(
        visitor(&by_bob)
            .say(BEGIN + 6, Draft::new(Kind::User, json!({"issuer": ISSUER, "subject": "bob-2"}))),
    );
    let payload = json!({"action": "grant", "invitation": INVITATION, "role": "viewer", "user": bob});
    log.append(person(&by_bob).say(BEGIN + 7, Draft::new(Kind::Member, payload)));
    let payload = json!({"action": "end", "reason": "He has left.", "role": "viewer", "user": bob});
    log.append(person(&by_ada).say(BEGIN + 8, Draft::new(Kind::Member, payload)));
    let payload = json!({"action": "suspend", "reason": "The contract has ended."});
    log.append(operator.say(BEGIN + 9, Draft::new(Kind::Org, payload)));
    log.append(operator.say(BEGIN + 10, Draft::new(Kind::Org, json!({"action": "resume"}))));
}
