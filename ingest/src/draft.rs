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
use serde::{Deserialize, Serialize};
use spec::kind::Speaker;
use spec::time::parse_rfc3339;
use spec::{Author, Kind, Name, Via};
use std::fmt::Display;
use std::str::FromStr;
use web::problem::Problem;
use web::strict::{StrictValue, invalid, member, present};
use web::{Action, Principal};

/// A draft as it arrives.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the members of a draft")]
pub struct DraftBody {
    /// What it says.
    pub kind: String,
    /// The payload of that kind.
    pub payload: StrictValue,
    /// Its id, a UUID of version 7.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The node it is about.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// The organisation; that of the caller, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// How grave it is.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// The tenant.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// When it happened, in RFC 3339; now, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub ts: Option<String>,
}

impl DraftBody {
    /// The draft of a principal who writes under its own name.
    pub(crate) fn of_principal(self, principal: &Principal) -> Result<Draft, Problem> {
        let (author, via) = speaker(principal)?;
        let draft = self.typed(author, via, principal.bound_to())?;
        let action = action_of(&draft.kind);
        // The service signs a command with another key, makes a webhook's secret, counts schedules and roll-outs: not as drafts.
        let elsewhere = matches!(draft.kind, Kind::Command | Kind::Rollout | Kind::Schedule | Kind::Webhook);
        let Some(action) = action.filter(|_| !elsewhere) else {
            let detail =
                format!("events of kind {} have a route of their own, or are not for you to say", draft.kind);
            return Err(Problem::of_code(Code::NotAllowed).detailed(detail).pointer("/kind"));
        };
        principal.require_in(action, &draft.org)?;
        Ok(draft)
    }

    /// The draft with every member read; `org` is that of whoever is bound to one.
    pub(crate) fn typed(self, author: Author, via: Via, org: Option<&Name>) -> Result<Draft, Problem> {
        let org = match (self.org, org) {
            (Some(org), _) => member("/org", &org)?,
            (None, Some(org)) => org.clone(),
            (None, None) => return Err(invalid("/org", "name the organisation")),
        };
        let id: Option<spec::Uuid> = optional("/id", self.id.as_deref())?;
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

/// What lets an operator say a kind; `None` if no operator may.
fn action_of(kind: &Kind) -> Option<Action> {
    match (kind.info().speaker, kind) {
        (Speaker::Anyone, Kind::Note) => Some(Action::WriteNote),
        (Speaker::Operator, Kind::Command | Kind::Rollout | Kind::Schedule) => Some(Action::IssueCommand),
        (Speaker::Operator, Kind::Policy | Kind::Ruleset | Kind::Webhook) => Some(Action::ManageRules),
        (Speaker::Anyone | Speaker::Operator, _) => Some(Action::WriteEvent),
        (Speaker::Ledger | Speaker::Service | Speaker::Chain | Speaker::Node | Speaker::Scheduler, _) => None,
    }
}

fn optional<T: FromStr<Err: Display>>(pointer: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    text.map(|text| member(pointer, text)).transpose()
}
