//! What usage costs, what is billed for it, and what proves a bill.

use crate::state::Service;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ingest::saying::{About, say_about};
use ledger::Ledger;
use ledger::bundle::BundleError;
use ledger::reader::Query;
use projections::billing::{Billing, Issued};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::money::cents;
use spec::payload::{BilledUsage, CreditLine, Invoice, PriceBook, PricePlan, PriceRate, Usage};
use spec::{Hash, Kind, Name, Record};
use std::collections::{BTreeMap, BTreeSet};
use web::openapi::NDJSON;
use web::problem::{CONFLICT, NOT_FOUND, internal};
use web::strict::{invalid, member, present};
use web::{Action, Call, Problem, answer};

/// Entries that are read at once.
const PAGE: usize = 1000;

/// Entries of an answer that proves an invoice: 50 MiB or so. Beyond it, an export of the log does.
const MAX_EVIDENCE: u64 = 20_000;

/// Prices from now on.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with base_cents, currency, plan and rates")]
pub struct PriceBookRequest {
    /// What a calendar month costs whatever is used, in cents.
    pub base_cents: u64,
    /// Three capital letters, such as `EUR`.
    pub currency: String,
    /// The plan.
    pub plan: PricePlan,
    /// What usage costs, sorted by product and metric.
    pub rates: Vec<PriceRate>,
    /// The tenant that it is for; every one without a book of its own, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Name>")]
    pub tenant: Option<String>,
}

/// A price book that was set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PriceBookSet {
    /// Its event hash.
    pub price_book: Hash,
    /// Seq of the entry.
    pub seq: u64,
}

/// The month that is billed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with month")]
pub struct InvoiceRequest {
    /// The month in UTC, such as `2026-11`; it must be over.
    pub month: String,
    /// The tenant; what is of none, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Name>")]
    pub tenant: Option<String>,
}

/// A correction of an invoice.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with lines")]
pub struct CreditRequest {
    /// 1 to 64.
    pub lines: Vec<CreditLineRequest>,
}

/// A line of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with millicents and text")]
pub struct CreditLineRequest {
    /// The line of the invoice that it corrects, from 0.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// How much, in thousandths of a cent; below zero where money is given back.
    pub millicents: i64,
    /// Why.
    #[schemars(length(max = 1024))]
    pub text: String,
}

/// An invoice, or a correction, that was recorded.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceIssued {
    /// Its event hash.
    pub invoice: Hash,
    /// Seq of the entry.
    pub seq: u64,
    /// What it comes to.
    pub total_cents: i64,
}

/// The organisation of the path, for whoever sets prices everywhere.
fn org_of(call: &Call) -> Result<Name, Problem> {
    call.query(&[])?;
    let org: Name = call.param("org")?;
    call.principal.require_everywhere(Action::ManageRules)?;
    Ok(org)
}

fn tenant_of(text: Option<&String>) -> Result<Option<Name>, Problem> {
    text.map(|tenant| member("/tenant", tenant)).transpose()
}

/// `POST /api/orgs/{org}/billing/price-books`: what usage costs from now on.
pub(crate) async fn set_prices(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    let org = org_of(&call)?;
    let request: PriceBookRequest = call.json()?;
    let tenant = tenant_of(request.tenant.as_ref())?;
    let PriceBookRequest { base_cents, currency, plan, rates, .. } = request;
    let other = service.look(&call, |folds| {
        let mut books = folds.billing().books(&org);
        books.find(|(_, book)| book.book.currency != currency).map(|(_, book)| book.book.currency.clone())
    });
    if let Some(other) = other.await? {
        let detail = format!("{org} has prices in {other}: a month has one currency");
        return Err(Problem::new(CONFLICT, detail).pointer("/currency"));
    }
    let payload = PriceBook { base_cents, currency, plan, rates };
    let receipt = say_about(&call, About { org, tenant, node: None }, Kind::PriceBook, &payload).await?;
    let answer = PriceBookSet { price_book: receipt.event_hash, seq: receipt.seq };
    Ok(answer::value(StatusCode::CREATED, &answer))
}

/// `POST /api/orgs/{org}/invoices`: bills a month that is over, once.
pub(crate) async fn issue(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    let org = org_of(&call)?;
    let request: InvoiceRequest = call.json()?;
    let (tenant, month) = (tenant_of(request.tenant.as_ref())?, request.month);
    let drafted = service.look(&call, |folds| {
        let billing: &Billing = folds.billing();
        let issued = billing.invoice_of(&org, tenant.as_ref(), &month).map(|(_, issued)| issued.event);
        (issued, billing.draft(&org, tenant.as_ref(), &month))
    });
    let (issued, drafted) = drafted.await?;
    if let Some(issued) = issued {
        return Err(Problem::new(CONFLICT, format!("{month} is billed already, by the invoice {issued}")));
    }
    let drafted = drafted.map_err(|error| invalid("/month", error))?;
    if call.app.ledger().now() < drafted.bounds.1 {
        return Err(Problem::new(CONFLICT, format!("{month} is not over")).pointer("/month"));
    }
    let Some(currency) = drafted.currency else {
        return Err(Problem::new(CONFLICT, format!("no prices were in force in {month}")));
    };
    let (lines, total_cents) = (drafted.lines, drafted.total_cents);
    let payload = Invoice::Issue { currency, lines, month: month.clone(), total_cents };
    // Of two at once the folds take the first.
    let receipt = say_about(&call, About { org, tenant, node: None }, Kind::Invoice, &payload).await?;
    let total_cents = i64::try_from(total_cents).map_err(internal)?;
    let answer = InvoiceIssued { invoice: receipt.event_hash, seq: receipt.seq, total_cents };
    Ok(answer::value(StatusCode::CREATED, &answer))
}

/// `POST /api/orgs/{org}/invoices/{id}/credits`: corrects an invoice by lines of its own.
pub(crate) async fn credit(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    let org = org_of(&call)?;
    let request: CreditRequest = call.json()?;
    let (_, issued) = found(&service, &call, &org).await?;
    let Invoice::Issue { lines: billed, .. } = &issued.invoice else {
        return Err(internal("an invoice that is none"));
    };
    let mut lines = Vec::with_capacity(request.lines.len());
    for (n, line) in request.lines.into_iter().enumerate() {
        let CreditLineRequest { line, millicents, text } = line;
        if line.is_some_and(|line| line >= billed.len() as u64) {
            return Err(invalid(&format!("/lines/{n}/line"), "the invoice has no such line"));
        }
        let cents = i64::try_from(cents(millicents.into(), 1000)).map_err(internal)?;
        lines.push(CreditLine { cents, line, millicents, text });
    }
    let total_cents = lines.iter().map(|line| line.cents).fold(0, i64::saturating_add);
    let payload = Invoice::Credit { corrects: issued.event, lines, total_cents };
    let about = About { org, tenant: issued.tenant, node: None };
    let receipt = say_about(&call, about, Kind::Invoice, &payload).await?;
    let answer = InvoiceIssued { invoice: receipt.event_hash, seq: receipt.seq, total_cents };
    Ok(answer::value(StatusCode::CREATED, &answer))
}

/// The invoice that the path names, and its seq.
async fn found(service: &Service, call: &Call, org: &Name) -> Result<(u64, Issued), Problem> {
    let text: String = call.param("id")?;
    let unknown = || Problem::new(NOT_FOUND, format!("{org} has no invoice {text}"));
    let id = Hash::from_hex(&text).map_err(|_| unknown())?;
    let look = |folds: &projections::Projections| {
        folds.billing().invoice(org, &id).map(|(seq, issued)| (seq, issued.clone()))
    };
    service.look(call, look).await?.ok_or_else(unknown)
}

/// `GET /api/orgs/{org}/invoices/{id}/evidence`: everything that proves an invoice, for whoever knows the ledger's id.
pub(crate) async fn evidence(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let org = call.org_of_path()?;
    if call.principal.node().is_some() {
        return Err(Problem::new(web::problem::FORBIDDEN, "what usage costs is no node's affair"));
    }
    let (seq, issued) = found(&service, &call, &org).await?;
    let Invoice::Issue { lines, .. } = &issued.invoice else {
        return Err(internal("an invoice that is none"));
    };
    let count: u64 = lines.iter().filter_map(|line| line.usage.as_ref()).map(|usage| usage.count).sum();
    if count > MAX_EVIDENCE {
        let detail = format!("the invoice rests on {count} entries; an export of the log proves it");
        return Err(Problem::new(CONFLICT, detail));
    }
    let named: BTreeSet<Hash> = lines.iter().map(|line| line.book).collect();
    let books = service.look(&call, |folds| {
        let books = folds.billing().books(&org).filter(|(_, book)| named.contains(&book.event));
        books.map(|(seq, _)| seq).collect::<BTreeSet<u64>>()
    });
    let mut seqs = books.await?;
    seqs.extend(issued.credits.keys());
    let wanted: Vec<BilledUsage> = lines.iter().filter_map(|line| line.usage.clone()).collect();
    let tenant = issued.tenant.clone();
    let bytes = call
        .reading(
            move |app| async move { written(app.ledger(), seq, seqs, &org, tenant.as_ref(), &wanted).await },
        )
        .await?;
    Ok(answer::with_type(StatusCode::OK, NDJSON, Body::from(bytes)))
}

/// The bundle of the invoice, and each record that it rests on, or that corrects it, with its path in the same tree.
async fn written(
    ledger: &Ledger,
    seq: u64,
    seqs: BTreeSet<u64>,
    org: &Name,
    tenant: Option<&Name>,
    wanted: &[BilledUsage],
) -> Result<Vec<u8>, Problem> {
    let bundle = ledger::bundle::build(ledger, seq).await;
    let bundle = bundle.map_err(|error: BundleError| internal(error))?;
    let size = ledger::bundle::size_of(&bundle).ok_or_else(|| internal("a checkpoint that is none"))?;
    let mut records = BTreeMap::new();
    for seq in seqs.into_iter().filter(|seq| *seq < size) {
        let record = ledger.reader().record(seq).await.map_err(internal)?;
        records.extend(record.map(|record| (seq, record)));
    }
    for used in wanted {
        let (from, to) = (used.first, used.last + 1);
        let orgs = Some(vec![org.clone()]);
        let mut query = Query { orgs, kinds: vec![Kind::Usage], from, to, limit: PAGE, ..Query::default() };
        loop {
            let page = ledger.reader().query(&query).await.map_err(internal)?;
            let own = page.records.into_iter().filter(|record| is_of(record, tenant, used));
            records.extend(own.map(|record| (record.entry.position.seq, record)));
            match page.next {
                Some(next) => query.from = next,
                None => break,
            }
        }
    }
    let mut out = bundle.to_canonical();
    if !out.ends_with(b"\n") {
        out.push(b'\n');
    }
    for (seq, record) in records {
        let inclusion = ledger.inclusion(seq, size).map_err(internal)?;
        let inclusion = serde_json::to_string(&inclusion).map_err(internal)?;
        out.extend_from_slice(format!("{{\"inclusion\":{inclusion},\"record\":").as_bytes());
        out.extend_from_slice(&record.to_line());
        out.extend_from_slice(b"}\n");
    }
    Ok(out)
}

/// Whether a record is of what a line of the invoice counts.
fn is_of(record: &Record, tenant: Option<&Name>, wanted: &BilledUsage) -> bool {
    let json = record.payload.as_ref().map_or("", |payload| &payload.json);
    let said = serde_json::from_str::<Usage>(json);
    record.entry.header.tenant.as_ref() == tenant
        && said.is_ok_and(|said| (&said.product, said.metric) == (&wanted.product, wanted.metric))
}
