//! Prices, estimates and invoices over HTTP. They are no node's affair: a node sees none.

use crate::reads::{AS_OF, Reads, View};
use axum::body::Body;
use axum::http::Response;
use projections::billing::{Book, InvoiceDraft, Issued, price};
use projections::usage::month;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::money::cents;
use spec::payload::{CreditLine, Invoice, InvoiceLine, Metric, PriceBook, PricePlan};
use spec::{Hash, Name, Timestamp};
use std::borrow::Cow;
use web::paging::{CURSOR, LIMIT, Paging};
use web::problem::{CONFLICT, FORBIDDEN, NOT_FOUND};
use web::{Call, Problem, QueryString, bad};

/// Seconds in a period of the old route.
const PERIOD_SECS: u64 = 30 * 86_400;

/// A price book.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PriceBook")]
pub struct PriceBookRow<'a> {
    /// Its event hash.
    pub id: Hash,
    /// Seq of its entry.
    pub seq: u64,
    /// The tenant that it is for; every one without a book of its own, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Cow<'a, Name>>,
    /// Since when it is in force.
    pub at: Timestamp,
    /// The prices.
    pub book: Cow<'a, PriceBook>,
}

/// The bill of a month, as far as it has come.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "InvoiceDraft")]
pub struct DraftAnswer<'a> {
    /// The month in UTC, such as `2026-11`.
    pub month: Cow<'a, str>,
    /// The tenant; what is of none, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Cow<'a, Name>>,
    /// When the month begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// Whether it is over: then this is what an invoice says.
    pub complete: bool,
    /// The plan of the last price book; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PricePlan>,
    /// The currency; absent without prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Cow<'a, str>>,
    /// The lines.
    pub lines: Cow<'a, [InvoiceLine]>,
    /// Their sum.
    pub total_cents: u64,
}

/// An invoice, and what was given back of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Invoice")]
pub struct InvoiceRow<'a> {
    /// Its event hash.
    pub id: Hash,
    /// Seq of its entry.
    pub seq: u64,
    /// The tenant; what is of none, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Cow<'a, Name>>,
    /// When it was issued.
    pub at: Timestamp,
    /// The month in UTC.
    pub month: Cow<'a, str>,
    /// The currency.
    pub currency: Cow<'a, str>,
    /// The lines.
    pub lines: Cow<'a, [InvoiceLine]>,
    /// Their sum.
    pub total_cents: u64,
    /// Corrections, in their order.
    pub credits: Vec<CreditRow<'a>>,
    /// What is to be paid: the total with all corrections.
    pub due_cents: i64,
}

/// A correction of an invoice.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Credit")]
pub struct CreditRow<'a> {
    /// Seq of its entry.
    pub seq: u64,
    /// The lines.
    pub lines: Cow<'a, [CreditLine]>,
    /// Their sum.
    pub total_cents: i64,
}

/// One invoice.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceAnswer<'a> {
    /// It.
    pub invoice: InvoiceRow<'a>,
}

/// A draft in the form of `billing_daemon`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DaemonDraft {
    /// The tenant; empty for what is of none.
    pub tenant_id: String,
    /// The plan; empty without prices.
    pub plan_id: String,
    /// When the period begins, in seconds since 1970.
    pub period_start_ts: u64,
    /// When it ends.
    pub period_end_ts: u64,
    /// The currency; empty without prices.
    pub currency: String,
    /// The base price.
    pub base_price_cents: u64,
    /// What was used.
    pub lines: Vec<DaemonLine>,
    /// Base price and lines together.
    pub subtotal_cents: u64,
}

/// A line of such a draft.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DaemonLine {
    /// What is counted.
    pub metric: Metric,
    /// The product.
    pub description: String,
    /// How much of it goes beyond what is included.
    pub quantity: u64,
    /// What a unit of the first tier costs, rounded.
    pub unit_price_cents: u64,
    /// What the line comes to.
    pub total_cents: u64,
}

impl<'a> PriceBookRow<'a> {
    fn of(seq: u64, book: &'a Book) -> Self {
        let tenant = book.tenant.as_ref().map(Cow::Borrowed);
        Self { id: book.event, seq, tenant, at: book.at, book: Cow::Borrowed(&book.book) }
    }
}

impl<'a> InvoiceRow<'a> {
    fn of(seq: u64, issued: &'a Issued) -> Option<Self> {
        let Invoice::Issue { currency, lines, month, total_cents } = &issued.invoice else { return None };
        let credits: Vec<_> =
            issued.credits.iter().filter_map(|(seq, said)| CreditRow::of(*seq, said)).collect();
        let back = credits.iter().map(|credit| credit.total_cents).sum::<i64>();
        Some(Self {
            id: issued.event,
            seq,
            tenant: issued.tenant.as_ref().map(Cow::Borrowed),
            at: issued.at,
            month: Cow::Borrowed(month),
            currency: Cow::Borrowed(currency),
            lines: Cow::Borrowed(lines),
            total_cents: *total_cents,
            credits,
            due_cents: i64::try_from(*total_cents).unwrap_or(i64::MAX).saturating_add(back),
        })
    }
}

impl<'a> CreditRow<'a> {
    fn of(seq: u64, said: &'a Invoice) -> Option<Self> {
        let Invoice::Credit { lines, total_cents, .. } = said else { return None };
        Some(Self { seq, lines: Cow::Borrowed(lines), total_cents: *total_cents })
    }
}

/// The organisation of the path, for whoever is no node.
fn org_of_path(call: &Call) -> Result<Name, Problem> {
    let org = call.org_of_path()?;
    no_node(call)?;
    Ok(org)
}

fn no_node(call: &Call) -> Result<(), Problem> {
    match call.principal.node() {
        Some(_) => Err(Problem::new(FORBIDDEN, "what usage costs is no node's affair")),
        None => Ok(()),
    }
}

/// `GET /api/orgs/{org}/billing/price-books`, the newest first.
pub(crate) async fn books(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = org_of_path(&call)?;
    let parameters = call.query(&[AS_OF, CURSOR, LIMIT, "tenant"])?;
    let tenant: Option<Name> = parameters.parse("tenant")?;
    let paging = Paging::<u64>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let books = view.folds.billing().books(&org).rev();
            let books = books.filter(|(_, book)| tenant.is_none() || tenant == book.tenant);
            let places = books.map(|(seq, book)| (seq, (seq, book)));
            view.answer(&paging.falling(places, |(seq, book)| Some(PriceBookRow::of(seq, book))))
        })
        .await
}

/// The month that is asked for; the present one, if none is.
fn month_of(parameters: &QueryString<'_>, view: &View<'_>) -> Result<String, Problem> {
    match parameters.get("month") {
        None => Ok(month(view.now)),
        Some(text) if price::bounds(text).is_some() => Ok(text.to_owned()),
        Some(_) => Err(bad("month", "expected a month such as 2026-11")),
    }
}

fn draft(view: &View<'_>, org: &Name, tenant: Option<&Name>, month: &str) -> Result<InvoiceDraft, Problem> {
    let drafted = view.folds.billing().draft(org, tenant, month);
    drafted.map_err(|error| Problem::new(CONFLICT, error.to_string()))
}

/// `GET /api/orgs/{org}/billing/estimate`.
pub(crate) async fn estimate(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = org_of_path(&call)?;
    let parameters = call.query(&[AS_OF, "month", "tenant"])?;
    let tenant: Option<Name> = parameters.parse("tenant")?;
    reads
        .view(&parameters, |view| {
            let month = month_of(&parameters, view)?;
            let drafted = draft(view, &org, tenant.as_ref(), &month)?;
            Ok(view.answer(&DraftAnswer {
                month: Cow::Owned(month),
                tenant: tenant.as_ref().map(Cow::Borrowed),
                from: drafted.bounds.0,
                to: drafted.bounds.1,
                complete: view.now >= drafted.bounds.1,
                plan: drafted.plan,
                currency: drafted.currency.map(Cow::Owned),
                lines: Cow::Owned(drafted.lines),
                total_cents: drafted.total_cents,
            }))
        })
        .await?
}

/// `GET /invoice-draft`: the estimate, as `billing_daemon` tells it.
pub(crate) async fn daemon_draft(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    no_node(&call)?;
    let parameters = call.query(&[AS_OF, "org", "period_idx", "tenant_id"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    let org = org.ok_or_else(|| bad("org", "name the organisation"))?;
    let tenant: Option<Name> = parameters.parse("tenant_id")?;
    let period: Option<u64> = parameters.parse("period_idx")?;
    reads
        .view(&parameters, |view| {
            let month = match period {
                None => month(view.now),
                Some(index) => {
                    let begin = index.checked_mul(PERIOD_SECS * 1000).map(Timestamp::from_millis);
                    let begin = begin.map(month).filter(|month| price::bounds(month).is_some());
                    begin.ok_or_else(|| bad("period_idx", "it is beyond the calendar"))?
                }
            };
            let drafted = draft(view, &org, tenant.as_ref(), &month)?;
            Ok(view.answer(&as_daemon(view, &org, tenant.as_ref(), &drafted)))
        })
        .await?
}

fn as_daemon(view: &View<'_>, org: &Name, tenant: Option<&Name>, drafted: &InvoiceDraft) -> DaemonDraft {
    let books = || view.folds.billing().books(org);
    let line = |line: &InvoiceLine| {
        let used = line.usage.as_ref()?;
        let (_, book) = books().find(|(_, book)| book.event == line.book)?;
        let mut rates = book.book.rates.iter();
        let rate = rates.find(|rate| (&rate.product, rate.metric) == (&used.product, used.metric))?;
        let first = rate.tiers.first().map_or(0, |tier| cents(tier.millicents.into(), 1000));
        Some(DaemonLine {
            metric: used.metric,
            description: used.product.to_string(),
            quantity: used.quantity.saturating_sub(used.included),
            unit_price_cents: u64::try_from(first).unwrap_or_default(),
            total_cents: line.cents,
        })
    };
    DaemonDraft {
        tenant_id: tenant.map(ToString::to_string).unwrap_or_default(),
        plan_id: drafted.plan.map(|plan| plan.as_str().to_owned()).unwrap_or_default(),
        period_start_ts: drafted.bounds.0.secs(),
        period_end_ts: drafted.bounds.1.secs(),
        currency: drafted.currency.clone().unwrap_or_default(),
        base_price_cents: drafted
            .lines
            .iter()
            .filter(|line| line.usage.is_none())
            .map(|line| line.cents)
            .sum(),
        lines: drafted.lines.iter().filter_map(line).collect(),
        subtotal_cents: drafted.total_cents,
    }
}

/// `GET /api/orgs/{org}/invoices`, the newest first.
pub(crate) async fn invoices(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = org_of_path(&call)?;
    let parameters = call.query(&[AS_OF, CURSOR, LIMIT, "month", "tenant"])?;
    let tenant: Option<Name> = parameters.parse("tenant")?;
    let wanted = parameters.get("month");
    let paging = Paging::<u64>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let all = view.folds.billing().invoices(&org).rev();
            let rows = all.filter_map(|(seq, issued)| InvoiceRow::of(seq, issued));
            let rows = rows
                .filter(|row| wanted.is_none_or(|month| month == row.month))
                .filter(|row| tenant.is_none() || tenant.as_ref() == row.tenant.as_deref());
            view.answer(&paging.falling(rows.map(|row| (row.seq, row)), Some))
        })
        .await
}

/// `GET /api/orgs/{org}/invoices/{id}`.
pub(crate) async fn invoice(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = org_of_path(&call)?;
    let text = call.part("id");
    let unknown = || Problem::new(NOT_FOUND, format!("{org} has no invoice {text}"));
    let id = Hash::from_hex(text).map_err(|_| unknown())?;
    let answer = reads
        .view(&call.query(&[AS_OF])?, |view| {
            let (seq, issued) = view.folds.billing().invoice(&org, &id)?;
            Some(view.answer(&InvoiceAnswer { invoice: InvoiceRow::of(seq, issued)? }))
        })
        .await?;
    answer.ok_or_else(unknown)
}
