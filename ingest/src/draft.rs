//! Drafts: what the service signs for people, bots and imports.
//!
//! ```text
//! {"id":"…","kind":"note","node_id":"…","org":"acme","payload":{"text":"…"},"severity":"info",
//!  "tenant":"prod","ts":"2026-11-21T20:42:00Z"}
//! ```
//!
//! `kind` and `payload` are always there; `org` may be left out by a token of one organisation. With an
//! `id` the draft can be sent again: the same draft becomes the same event.

use crate::saying::speaker;
use ledger::admission::Code;
use ledger::service::Draft;
use ledger::state::KeyRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::rules::Drafted;
use spec::schema::EventPayload;
use spec::time::parse_rfc3339;
use spec::{Author, Kind, Name, Severity, Timestamp, Uuid, Via};
use std::fmt::Display;
use std::str::FromStr;
use web::problem::{NOT_FOUND, Problem};
use web::strict::{StrictValue, invalid, member, present};
use web::{Action, App, Principal};

/// A draft as it arrives.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Draft", example = example())]
#[serde(deny_unknown_fields, expecting = "an object with the members of a draft")]
pub struct DraftBody {
    /// What kind of fact it is.
    #[schemars(with = "Kind")]
    pub kind: String,
    /// What it says, of the schema of its kind.
    #[schemars(with = "EventPayload")]
    pub payload: StrictValue,
    /// Its id, a UUID of version 7.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Uuid>")]
    pub id: Option<String>,
    /// The node it is about.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Uuid>")]
    pub node_id: Option<String>,
    /// The organisation; that of the caller, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Name>")]
    pub org: Option<String>,
    /// How grave it is.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Severity>")]
    pub severity: Option<String>,
    /// The tenant.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Name>")]
    pub tenant: Option<String>,
    /// When it happened, in RFC 3339; now, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Timestamp>")]
    pub ts: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({"kind": "note", "org": "acme", "payload": {"text": "The disk was replaced."}})
}

impl DraftBody {
    /// The draft of a principal who writes under its own name.
    pub(crate) fn of_principal(self, app: &App, principal: &Principal) -> Result<Draft, Problem> {
        let (author, via) = speaker(principal)?;
        let draft = self.typed(author, via, principal.bound_to())?;
        let Some(action) = action_of(draft.kind.info().drafted) else {
            let detail =
                format!("events of kind {} have a route of their own, or are not for you to say", draft.kind);
            return Err(Problem::of_code(Code::NotAllowed).detailed(detail).pointer("/kind"));
        };
        principal.require_in(action, &draft.org)?;
        if draft.kind == Kind::Labels {
            is_of_a_node(app, &draft)?;
        }
        Ok(draft)
    }

    /// The draft with every member read; `org` is that of whoever is bound to one.
    pub(crate) fn typed(self, author: Author, via: Via, org: Option<&Name>) -> Result<Draft, Problem> {
        let org = match (self.org, org) {
            (Some(org), _) => member("/org", &org)?,
            (None, Some(org)) => org.clone(),
            (None, None) => return Err(invalid("/org", "name the organisation")),
        };
        let id: Option<Uuid> = optional("/id", self.id.as_deref())?;
        if id.is_some_and(|id| id.version() != 7) {
            return Err(invalid("/id", "expected a UUID of version 7"));
        }
        let ts = match self.ts {
            None => None,
            Some(ts) => {
                Some(parse_rfc3339(&ts).ok_or_else(|| invalid("/ts", "expected a time of RFC 3339"))?)
            }
        };
        Ok(Draft {
            author,
            via,
            kind: member("/kind", &self.kind)?,
            org,
            tenant: optional("/tenant", self.tenant.as_deref())?,
            node_id: optional("/node_id", self.node_id.as_deref())?,
            severity: optional("/severity", self.severity.as_deref())?,
            ts,
            id,
            payload: self.payload.0,
        })
    }
}

/// Labels are those of a node that was introduced in the organisation: for others they would make a node of any id.
fn is_of_a_node(app: &App, draft: &Draft) -> Result<(), Problem> {
    let node = draft.node_id.ok_or_else(|| invalid("/node_id", "name the node"))?;
    let is_introduced = app.ledger().directory(|directory| {
        let key = directory.authors.get(&Author::Node(node)).and_then(|key| directory.keys.get(key));
        key.is_some_and(|record: &KeyRecord| record.org == draft.org)
    });
    if is_introduced {
        return Ok(());
    }
    let detail = format!("no node {node} was introduced in the organisation {}", draft.org);
    Err(Problem::new(NOT_FOUND, detail).pointer("/node_id"))
}

/// What lets an operator say a kind as a draft; `None` if that is not the way it is said.
fn action_of(drafted: Drafted) -> Option<Action> {
    match drafted {
        Drafted::Never | Drafted::Elsewhere => None,
        Drafted::Owners => Some(Action::ManageRules),
        Drafted::Admins => Some(Action::WriteEvent),
        Drafted::Writers => Some(Action::WriteNote),
    }
}

fn optional<T: FromStr<Err: Display>>(pointer: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    text.map(|text| member(pointer, text)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::payload::Role;
    use spec::rules::Roles;
    use web::access::allows;

    /// Whoever HTTP lets say a kind, admission lets say it too.
    #[test]
    fn a_draft_that_is_taken_is_admitted() {
        let roles =
            [Role::OrgOwner, Role::OrgAdmin, Role::NodeAdmin, Role::Viewer, Role::Support, Role::Auditor];
        for (drafted, those) in [
            (Drafted::Owners, Roles::Owners),
            (Drafted::Admins, Roles::Admins),
            (Drafted::Writers, Roles::Writers),
        ] {
            let action = action_of(drafted).unwrap();
            for role in roles {
                assert_eq!(allows(role, action), those.contain(role), "{drafted:?} {role:?}");
            }
            for kind in Kind::REGISTERED.iter().filter(|kind| kind.info().drafted == drafted) {
                let may = |role: &&Role| kind.info().tokens.contain(**role);
                let taken = roles.iter().filter(|role| allows(**role, action));
                assert!(taken.clone().count() > 0 && taken.clone().all(|role| may(&role)), "{kind}");
            }
        }
    }
}
