//! An organisation's keys over HTTP: a list in the order of their introduction, and a summary.

use crate::reads::{AS_OF, Reads, View};
use axum::body::Body;
use axum::http::Response;
use projections::keys::{Key, KeyState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Author, KeyUse, Name};
use std::borrow::Cow;
use std::collections::BTreeMap;
use web::paging::{CURSOR, LIMIT, Paging};
use web::{Call, Problem};

/// A key of an organisation as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OrgKey")]
pub struct OrgKeyRow<'a> {
    /// Whether it is valid, and if not, why.
    pub status: KeyState,
    /// Whether it signed an entry that is in doubt.
    pub suspect: bool,
    /// What is known of it.
    #[serde(flatten)]
    pub key: Cow<'a, Key>,
}

impl<'a> OrgKeyRow<'a> {
    fn of(key: &'a Key) -> Self {
        Self { status: key.status(), suspect: key.is_suspect(), key: Cow::Borrowed(key) }
    }
}

/// An organisation's keys in figures.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct OrgKeysSummary {
    /// How many there are.
    pub keys: u64,
    /// By whether they are valid.
    pub by_status: BTreeMap<KeyState, u64>,
    /// By what they are for.
    pub by_use: BTreeMap<KeyUse, u64>,
    /// Valid, and never used.
    pub unused: u64,
    /// Having signed entries that are in doubt.
    pub suspect: u64,
}

/// The keys of an organisation that the caller may see: a node its own.
fn visible<'a>(view: &View<'a>, call: &'a Call, org: &'a Name) -> impl Iterator<Item = &'a Key> {
    view.folds.keys().of(org).filter(|key| match key.author {
        Author::Node(id) => call.sees(id),
        _ => call.principal.node().is_none(),
    })
}

/// `GET /api/orgs/{org}/keys`.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.org_of_path()?;
    let parameters = call.query(&[AS_OF, CURSOR, LIMIT, "q", "status", "tenant"])?;
    let status: Option<KeyState> = parameters.word("status")?;
    let tenant: Option<Name> = parameters.parse("tenant")?;
    let q = parameters.get("q");
    let paging = Paging::<u64>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let keys = visible(view, &call, &org)
                .filter(|key| status.is_none_or(|status| status == key.status()))
                .filter(|key| tenant.is_none() || tenant == key.tenant)
                .filter(|key| q.is_none_or(|q| mentions(key, q)));
            let places = keys.map(|key| (key.introduced.seq, key));
            view.answer(&paging.rising(places, |key| Some(OrgKeyRow::of(key))))
        })
        .await
}

/// `GET /api/orgs/{org}/keys/summary`.
pub(crate) async fn summary(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.org_of_path()?;
    reads
        .view(&call.query(&[AS_OF])?, |view| {
            let mut summary = OrgKeysSummary::default();
            for key in visible(view, &call, &org) {
                let status = key.status();
                summary.keys += 1;
                *summary.by_status.entry(status).or_default() += 1;
                *summary.by_use.entry(key.key_use).or_default() += 1;
                summary.unused += u64::from(status == KeyState::Active && key.used.is_none());
                summary.suspect += u64::from(key.is_suspect());
            }
            view.answer(&summary)
        })
        .await
}

/// Keys are told apart by case.
fn mentions(key: &Key, q: &str) -> bool {
    key.key.to_string().contains(q) || key.author.to_string().contains(q)
}
