//! `/api/orgs/{org}/rules/rehearsal`: which pages other rules of attention would have sent, before anybody sets them.

use crate::state::Service;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use projections::attention::Reason;
use projections::rehearsal::Rehearsal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::Ruleset;
use spec::time::parse_rfc3339;
use spec::{Kind, LEDGER_ORG, Name, Record, Timestamp};
use web::problem::{CONFLICT, UNAVAILABLE, internal};
use web::strict::{invalid, present};
use web::{Action, Call, Problem, answer};

/// Most entries that a rehearsal folds: some tens of seconds of one core. Of a longer log `ledger attention rehearse`
/// does it elsewhere.
const MAX_ENTRIES: u64 = 2_000_000;

/// Rules to be rehearsed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with rules")]
pub struct RehearsalRequest {
    /// The rules in place of those of the log.
    pub rules: Ruleset,
    /// From when on pages count, in RFC 3339; all, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Timestamp>")]
    pub since: Option<String>,
}

impl RehearsalRequest {
    fn rehearsal(&self) -> Result<Rehearsal, Problem> {
        let since = match &self.since {
            None => Timestamp::from_millis(0),
            Some(time) => {
                parse_rfc3339(time).ok_or_else(|| invalid("/since", "expected a time of RFC 3339"))?
            }
        };
        // Of numbers that are larger than JSON has exactly there is no canonical form.
        let text = spec::canonical::to_vec(&self.rules).map_err(|error| invalid("/rules", error))?;
        let version = Kind::Ruleset.info().version;
        Kind::Ruleset
            .check_payload(version, &String::from_utf8_lossy(&text))
            .map_err(|error| invalid("/rules", error))?;
        let unknown =
            self.rules.reasons.iter().flatten().find(|(name, _)| Reason::from_word(name.as_str()).is_none());
        if let Some((name, _)) = unknown {
            return Err(invalid("/rules/reasons", format_args!("no reason is called {name}")));
        }
        Ok(Rehearsal::new(&self.rules, since))
    }
}

/// `POST /api/orgs/{org}/rules/rehearsal`: the pages that would differ.
pub(crate) async fn rehearse(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let org: Name = call.param("org")?;
    call.principal.require_in(Action::ManageRules, &org)?;
    let mut rehearsal = call.json::<RehearsalRequest>()?.rehearsal()?;
    // One at a time: each reads the whole log.
    let busy = |_| Problem::new(UNAVAILABLE, "another rehearsal is going on; try again when it is over");
    let _turn = service.rehearsals.try_acquire().map_err(busy)?;
    let size = call.app.ledger().head().borrow().size;
    if size > MAX_ENTRIES {
        let detail = format!(
            "the log has {size} entries, and at most {MAX_ENTRIES} are rehearsed here; `ledger attention rehearse` takes any number"
        );
        return Err(Problem::new(CONFLICT, detail));
    }
    let mut run = call.app.ledger().reader().run(0, size);
    loop {
        let records = run.next().await.map_err(internal)?;
        if records.is_empty() {
            break;
        }
        let org = org.clone();
        let folded = tokio::task::spawn_blocking(move || {
            records.iter().filter(|record| concerns(record, &org)).for_each(|record| rehearsal.apply(record));
            rehearsal
        });
        rehearsal = folded.await.map_err(internal)?;
    }
    Ok(answer::value(StatusCode::OK, &rehearsal.difference()))
}

/// Whether an entry is the organisation's, or the ledger's own: when it was away nobody was silent.
fn concerns(record: &Record, org: &Name) -> bool {
    let of = &record.entry.header.org;
    of == org || of.as_str() == LEDGER_ORG
}
