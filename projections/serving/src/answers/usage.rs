//! An organisation's usage over HTTP.

use crate::reads::{AS_OF, Reads};
use axum::body::Body;
use axum::http::Response;
use projections::usage::{Line, Total};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::Metric;
use spec::{Name, Timestamp};
use std::borrow::Cow;
use web::paging::{CURSOR, LIMIT, Paging, Place};
use web::{Call, Problem, bad};

/// An organisation's usage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct UsageAnswer<'a> {
    /// By month, tenant, product and metric.
    pub items: Vec<UsageRow<'a>>,
    /// With this the next page is asked for.
    pub next_cursor: Option<String>,
    /// Reports of the months shown that found no room.
    pub uncounted: u64,
}

/// The use of one thing in a month.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UsageRecord")]
pub struct UsageRow<'a> {
    /// The month, such as `2026-11`.
    pub month: Cow<'a, str>,
    /// What was used, by whom.
    #[serde(flatten)]
    pub line: Cow<'a, Line>,
    /// How much.
    #[serde(flatten)]
    pub total: Total,
}

/// A line of a month.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LinePlace(String, Line);

impl Place for LinePlace {
    fn write(&self) -> String {
        let Line { tenant, product, metric } = &self.1;
        let tenant = tenant.as_ref().map(Name::as_str).unwrap_or_default();
        format!("{}/{tenant}/{product}/{}", self.0, metric.as_str())
    }

    fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let [month, tenant, product, metric] = parts[..] else { return None };
        let tenant = if tenant.is_empty() { None } else { Some(tenant.parse().ok()?) };
        let metric: Metric = serde_json::from_value(metric.into()).ok()?;
        is_month(month).then_some(())?;
        Some(Self(month.to_owned(), Line { tenant, product: product.parse().ok()?, metric }))
    }
}

/// Whether a text is a month, such as `2026-11`.
fn is_month(text: &str) -> bool {
    Timestamp::parse(&format!("{text}-01T00:00:00.000Z")).is_ok()
}

/// `GET /api/orgs/{org}/usage/summary`. Usage is no node's affair: a node sees none.
pub(crate) async fn summary(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.org_of_path()?;
    let parameters = call.query(&[AS_OF, CURSOR, LIMIT, "month", "tenant"])?;
    let tenant: Option<Name> = parameters.parse("tenant")?;
    let wanted = parameters.get("month");
    if wanted.is_some_and(|month| !is_month(month)) {
        return Err(bad("month", "expected a month such as 2026-11"));
    }
    let paging = Paging::<LinePlace>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let months: Vec<_> = (view.folds.usage().months(&org))
                .filter(|(month, _)| {
                    call.principal.node().is_none() && wanted.is_none_or(|one| one == *month)
                })
                .collect();
            let uncounted = months.iter().map(|(_, month)| month.uncounted).sum();
            let lines = months.iter().flat_map(|(name, month)| month.lines.iter().map(|line| (*name, line)));
            let lines = lines.filter(|(_, (line, _))| tenant.is_none() || tenant == line.tenant);
            let places = lines.map(|(month, (line, total))| {
                let place = LinePlace(month.to_owned(), line.clone());
                let (month, line) = (Cow::Borrowed(month), Cow::Borrowed(line));
                (place, UsageRow { month, line, total: *total })
            });
            let page = paging.rising(places, Some);
            view.answer(&UsageAnswer { items: page.items, next_cursor: page.next_cursor, uncounted })
        })
        .await
}
