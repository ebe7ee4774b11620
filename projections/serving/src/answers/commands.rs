//! Commands over HTTP: a list, the newest first, and one.

use crate::reads::{AS_OF, Reads};
use axum::body::Body;
use axum::http::Response;
use projections::commands::{CommandState, GivenCommand};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Hash, Name, Timestamp, Uuid};
use std::borrow::Cow;
use std::cmp::Reverse;
use web::paging::{CURSOR, LIMIT, Paging};
use web::problem::NOT_FOUND;
use web::{Call, Problem};

/// A command as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Command")]
pub struct CommandRow<'a> {
    /// Who is to carry it out.
    pub node_id: Uuid,
    /// Whose.
    pub org: Cow<'a, Name>,
    /// How far it has come.
    pub state: CommandState,
    /// What was given, and what became of it.
    #[serde(flatten)]
    pub given: Cow<'a, GivenCommand>,
}

/// One command.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CommandAnswer<'a> {
    /// It.
    pub command: CommandRow<'a>,
}

impl<'a> CommandRow<'a> {
    fn of(org: &'a Name, given: &'a GivenCommand, now: Timestamp) -> Self {
        let state = given.state(now);
        Self { node_id: given.order.node, org: Cow::Borrowed(org), state, given: Cow::Borrowed(given) }
    }
}

/// `GET /api/commands`.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let parameters = call.query(&[AS_OF, CURSOR, LIMIT, "node_id", "org", "state"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    let node: Option<Uuid> = parameters.parse("node_id")?;
    let state: Option<CommandState> = parameters.word("state")?;
    let paging = Paging::<u64>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let commands = view.folds.commands();
            let orgs = commands.orgs().filter(|name| org.as_ref().is_none_or(|org| org == *name));
            let given = orgs.flat_map(|org| commands.of(org).rev().map(move |given| (org, given)));
            let wanted = given.filter(|(_, given)| {
                let id = given.order.node;
                call.sees(id) && node.is_none_or(|node| node == id)
            });
            let mut rows: Vec<_> = wanted
                .map(|(org, given)| (given.seq, CommandRow::of(org, given, view.now)))
                .filter(|(_, row)| state.is_none_or(|state| state == row.state))
                .collect();
            // Each organisation's are in order already.
            rows.sort_by_key(|(seq, _)| Reverse(*seq));
            view.answer(&paging.falling(rows.into_iter(), Some))
        })
        .await
}

/// `GET /api/commands/{hash}`.
pub(crate) async fn show(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let text = call.part("hash");
    let unknown = || Problem::new(NOT_FOUND, format!("there is no command {text}, or no more"));
    let hash: Hash = Hash::from_hex(text).map_err(|_| unknown())?;
    let answer = reads
        .view(&call.query(&[AS_OF])?, |view| {
            let (org, given) = view.folds.commands().command(&hash)?;
            let own = call.principal.bound_to().is_none_or(|own| own == org) && call.sees(given.order.node);
            own.then(|| view.answer(&CommandAnswer { command: CommandRow::of(org, given, view.now) }))
        })
        .await?;
    answer.ok_or_else(unknown)
}
