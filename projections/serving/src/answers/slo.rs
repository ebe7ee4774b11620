//! Outcomes of operations over HTTP: of a node, and of an organisation's nodes together.

use crate::nodes::{id_of_path, org_of, unknown};
use crate::reads::{AS_OF, Reads};
use axum::body::Body;
use axum::http::Response;
use projections::slo::{Counter, DAY, HOUR, NodeOutcomes, Step, add};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::Outcome;
use spec::{Name, Timestamp};
use std::borrow::Cow;
use std::collections::BTreeMap;
use web::paging::{CURSOR, LIMIT, Paging, Place};
use web::{Call, Problem, QueryString};

/// What is wanted of the counts.
struct Wanted {
    component: Option<Name>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    step: Step,
    tenant: Option<Name>,
}

const KNOWN: [&str; 8] = [AS_OF, "component", CURSOR, "from", LIMIT, "step", "tenant", "to"];

/// The length of a span of time that counts are of.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the words of a parameter")]
pub(crate) enum StepLength {
    Hour,
    Day,
}

/// The number of operations of one kind that ended in one way within a span of time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OperationTally")]
pub struct OutcomeRow<'a> {
    /// When the span begins.
    pub at: Timestamp,
    /// Its length in seconds.
    pub secs: u64,
    /// What is counted.
    #[serde(flatten)]
    pub counter: Cow<'a, Counter>,
    /// How often.
    pub count: u64,
}

/// When the bucket begins, and what is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CounterPlace(u64, Counter);

impl Place for CounterPlace {
    fn write(&self) -> String {
        let Counter { tenant, component, operation, outcome } = &self.1;
        let tenant = tenant.as_ref().map(Name::as_str).unwrap_or_default();
        // One of the words of the schema.
        let outcome = serde_json::to_value(outcome).unwrap_or_default();
        let outcome = outcome.as_str().unwrap_or_default();
        format!("{}/{tenant}/{component}/{operation}/{outcome}", self.0)
    }

    fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let [at, tenant, component, operation, outcome] = parts[..] else { return None };
        let tenant = if tenant.is_empty() { None } else { Some(tenant.parse().ok()?) };
        let outcome: Outcome = serde_json::from_value(outcome.into()).ok()?;
        let (component, operation) = (component.parse().ok()?, operation.parse().ok()?);
        Some(Self(at.parse().ok()?, Counter { tenant, component, operation, outcome }))
    }
}

impl Wanted {
    fn of(parameters: &QueryString<'_>) -> Result<Self, Problem> {
        Ok(Self {
            component: parameters.parse("component")?,
            from: parameters.time("from")?,
            to: parameters.time("to")?,
            step: parameters.one_of("step", &[("hour", HOUR), ("day", DAY)])?.unwrap_or(HOUR),
            tenant: parameters.parse("tenant")?,
        })
    }

    /// The counts of several nodes together; what is older than what is kept now does not count.
    fn sum<'a>(
        &self,
        nodes: impl Iterator<Item = &'a NodeOutcomes>,
        now: Timestamp,
    ) -> BTreeMap<CounterPlace, u64> {
        let width = self.step.secs * 1000;
        let oldest = Timestamp::from_millis(now.millis().saturating_sub(width * self.step.buckets));
        let from = self.from.unwrap_or(oldest).max(oldest);
        let mut sums = BTreeMap::new();
        for (at, counter, count) in nodes.flat_map(|node| node.counts(self.step)) {
            let wanted = at.millis().saturating_add(width) > from.millis()
                && self.to.is_none_or(|to| at <= to)
                && self.component.as_ref().is_none_or(|component| *component == counter.component)
                && (self.tenant.is_none() || self.tenant == counter.tenant);
            if wanted {
                let sum: &mut u64 = sums.entry(CounterPlace(at.millis(), counter.clone())).or_default();
                *sum = add(*sum, count);
            }
        }
        sums
    }

    fn row<'a>(&self, place: &'a CounterPlace, count: u64) -> OutcomeRow<'a> {
        let (at, counter) = (Timestamp::from_millis(place.0), Cow::Borrowed(&place.1));
        OutcomeRow { at, secs: self.step.secs, counter, count }
    }
}

/// `GET /api/nodes/{id}/slo-summary`.
pub(crate) async fn of_node(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let id = id_of_path(&call)?;
    let parameters = call.query(&KNOWN)?;
    let (wanted, paging) = (Wanted::of(&parameters)?, Paging::of(&parameters)?);
    let answer = reads
        .view(&parameters, |view| {
            let outcomes = view.folds.slo().node(org_of(view, &call, None, id)?, id);
            let sums = wanted.sum(outcomes.into_iter(), view.now);
            let places = sums.iter().map(|(place, count)| (place.clone(), (place, *count)));
            let page = paging.rising(places, |(place, count)| Some(wanted.row(place, count)));
            Some(view.answer(&page))
        })
        .await?;
    answer.ok_or_else(|| unknown(id))
}

/// `GET /api/orgs/{org}/slo-summary`.
pub(crate) async fn of_org(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.org_of_path()?;
    let parameters = call.query(&KNOWN)?;
    let (wanted, paging) = (Wanted::of(&parameters)?, Paging::of(&parameters)?);
    reads
        .view(&parameters, |view| {
            let nodes = view.folds.slo().nodes(&org).filter(|(id, _)| call.sees(*id));
            let sums = wanted.sum(nodes.map(|(_, outcomes)| outcomes), view.now);
            let places = sums.iter().map(|(place, count)| (place.clone(), (place, *count)));
            view.answer(&paging.rising(places, |(place, count)| Some(wanted.row(place, count))))
        })
        .await
}
