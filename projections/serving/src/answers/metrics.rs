//! A node's charts over HTTP.

use crate::nodes::{id_of_path, org_of, unknown};
use crate::reads::{AS_OF, Reads};
use axum::body::Body;
use axum::http::Response;
use projections::metrics::{COARSE, FINE, Metric, Summary, Tier};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::Timestamp;
use std::borrow::Cow;
use web::{Call, Problem, bad};

/// A node's chart of one metric.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MetricsAnswer {
    /// The metric.
    pub metric: Metric,
    /// Its unit.
    pub unit: Cow<'static, str>,
    /// The buckets that have a value, in order.
    pub items: Vec<MetricRow>,
    /// Always absent: a chart is one page.
    pub next_cursor: Option<String>,
}

/// Figures that were measured in a span of time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MetricBucket")]
pub struct MetricRow {
    /// When the span begins.
    pub at: Timestamp,
    /// Its length in seconds.
    pub secs: u64,
    /// How many values there are.
    pub count: u32,
    /// The least.
    pub min: u32,
    /// The greatest.
    pub max: u32,
    /// Their mean, rounded down.
    pub mean: u64,
}

impl MetricRow {
    fn of(tier: Tier, at: Timestamp, summary: Summary) -> Self {
        let Summary { count, min, max, .. } = summary;
        Self { at, secs: tier.secs, count, min, max, mean: summary.mean() }
    }
}

/// `GET /api/nodes/{id}/metrics`: one metric from a time on, in the narrowest buckets that reach back so far.
pub(crate) async fn of_node(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let id = id_of_path(&call)?;
    let parameters = call.query(&[AS_OF, "from", "metric", "to"])?;
    let metric = parameters.word("metric")?.ok_or_else(|| bad("metric", "say which"))?;
    let (from, to) = (parameters.time("from")?, parameters.time("to")?);
    let answer = reads
        .view(&parameters, |view| {
            let series = view.folds.metrics().node(org_of(view, &call, None, id)?, id);
            let span = FINE.secs * FINE.buckets * 1000;
            let fine_from = Timestamp::from_millis(view.now.millis().saturating_sub(span));
            let from = from.unwrap_or(fine_from);
            let to = to.unwrap_or(view.now);
            let tier = if from >= fine_from { FINE } else { COARSE };
            let begins = |at: Timestamp| at.millis().saturating_add(tier.secs * 1000) > from.millis();
            let chart = series.into_iter().flat_map(|series| series.chart(tier, metric));
            let wanted = chart.filter(|(at, _)| begins(*at) && *at <= to);
            let items = wanted.map(|(at, summary)| MetricRow::of(tier, at, summary)).collect();
            let unit = Cow::Borrowed(metric.unit());
            Some(view.answer(&MetricsAnswer { metric, unit, items, next_cursor: None }))
        })
        .await?;
    answer.ok_or_else(|| unknown(id))
}
