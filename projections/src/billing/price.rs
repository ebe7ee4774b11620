//! What a month costs a tenant, line by line: a function of price books and usage, in integers.

use proofs::sum::Combine;
use spec::money::cents;
use spec::payload::{BilledUsage, InvoiceLine, Metric, PriceBook, PriceRate};
use spec::{Hash, Timestamp};

/// A part of a month, of which everything that is priced by time has its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From then on.
    pub from: Timestamp,
    /// Until then.
    pub to: Timestamp,
    /// Milliseconds of the whole month.
    pub month_ms: u64,
}

impl Span {
    fn ms(self) -> u64 {
        self.to.millis().saturating_sub(self.from.millis())
    }

    /// The share of an amount that the whole month has, rounded down.
    fn share(self, amount: u64) -> u64 {
        let share = u128::from(amount) * u128::from(self.ms()) / u128::from(self.month_ms.max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

/// Usage under a price book, and the entries that say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// How many entries there are.
    pub count: u64,
    /// Seq of the first.
    pub first: u64,
    /// Seq of the last.
    pub last: u64,
    /// How much.
    pub quantity: u64,
    /// Root of the sum tree over the entries.
    pub root: Hash,
}

/// An amount beyond what an invoice can say: 2^53 − 1 cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line comes to more than 2^53-1 cents")]
pub struct BeyondCents;

/// How quantities of a metric combine.
pub fn combine(metric: Metric) -> Combine {
    match metric {
        // How much is stored is a level; the month pays for the highest.
        Metric::StorageBytes => Combine::Greatest,
        Metric::ApiCalls | Metric::Decisions | Metric::DigFiles | Metric::SnapshotExports => Combine::Sum,
    }
}

/// The line of the base price; `None` if there is none to pay.
///
/// # Errors
/// It comes to too much.
pub fn base_line(event: Hash, book: &PriceBook, span: Span) -> Result<Option<InvoiceLine>, BeyondCents> {
    let amount = i128::from(book.base_cents) * i128::from(span.ms());
    let cents = whole(cents(amount, i128::from(span.month_ms.max(1))))?;
    let line = InvoiceLine { book: event, cents, from: span.from, to: span.to, usage: None };
    Ok((book.base_cents > 0 && span.ms() > 0).then_some(line))
}

/// The line of what was used of a product by one metric.
///
/// # Errors
/// It comes to too much.
pub fn usage_line(event: Hash, rate: &PriceRate, span: Span, used: Used) -> Result<InvoiceLine, BeyondCents> {
    let included = span.share(rate.included);
    let over = used.quantity.saturating_sub(included);
    let (mut begin, mut millicents) = (0, 0_i128);
    for tier in &rate.tiers {
        let end = tier.up_to.map_or(u64::MAX, |up_to| span.share(up_to));
        let part = over.min(end).saturating_sub(begin);
        let units = part.div_ceil(rate.unit.max(1));
        millicents += i128::from(units) * i128::from(tier.millicents);
        begin = end;
    }
    let Used { count, first, last, quantity, root } = used;
    let (metric, product) = (rate.metric, rate.product.clone());
    let usage = BilledUsage { count, first, included, last, metric, product, quantity, root };
    let cents = whole(cents(millicents, 1000))?;
    Ok(InvoiceLine { book: event, cents, from: span.from, to: span.to, usage: Some(usage) })
}

fn whole(cents: i128) -> Result<u64, BeyondCents> {
    u64::try_from(cents).ok().filter(|cents| *cents <= spec::limits::MAX_SAFE_INTEGER).ok_or(BeyondCents)
}

/// The first moment of a calendar month and of the next one, in UTC; `None` if it is no month such as `2026-11`.
pub fn bounds(month: &str) -> Option<(Timestamp, Timestamp)> {
    let begin =
        |year: u64, month: u64| Timestamp::parse(&format!("{year:04}-{month:02}-01T00:00:00.000Z")).ok();
    if !spec::payload::is_month(month) {
        return None;
    }
    let (year, number) = month.split_once('-')?;
    let (year, number): (u64, u64) = (year.parse().ok()?, number.parse().ok()?);
    let next = if number == 12 { begin(year + 1, 1) } else { begin(year, number + 1) };
    Some((begin(year, number)?, next?))
}
