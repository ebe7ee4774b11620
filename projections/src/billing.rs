//! Billing: what usage costs, how much was used under which prices, and what was billed.
//!
//! ```text
//! price-book  → in force for its tenant, or for every one without a book of its own, from this entry on
//! usage       → counts under the book in force, if that has a rate for it, in the month in which it was recorded
//! invoice     → issued, or corrected
//! ```
//!
//! Everything goes by the order of the log and by `recorded_at`: what arrives late, counts in the month in which it
//! arrives, so a month that is over never changes. An event is in the log once, so nothing is billed twice. The normative text is `spec/billing.md`.

pub mod price;

use crate::Projection;
use crate::fact::{Fact, Said};
use crate::fold::part;
use crate::usage::month;
use price::{BeyondCents, Span, Used, base_line, bounds, combine, usage_line};
use proofs::sum::{Subtree, SumTree};
use serde::{Deserialize, Serialize};
use spec::payload::{Invoice, InvoiceLine, Metric, PriceBook, PricePlan, Usage};
use spec::{Hash, Name, Timestamp};
use std::collections::BTreeMap;

/// Price books of an organisation that count; with another, the oldest does no longer.
pub const MAX_BOOKS: usize = 512;

/// Months of usage that an organisation has kept: two years, as of usage itself.
pub const MAX_MONTHS: usize = 24;

/// Sums of an organisation's month: a tenant's of a product by a metric under a book. What is beyond them is not billed, and
/// counted in [`Month::uncounted`].
pub const MAX_SUMS: usize = 16_384;

/// Invoices of an organisation that are kept, the newest: some tenants' of two years.
pub const MAX_INVOICES: usize = 4096;

/// Corrections of an invoice that are kept, the newest.
pub const MAX_CREDITS: usize = 64;

/// The billing of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    orgs: BTreeMap<Name, OrgBilling>,
}

/// The billing of an organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgBilling {
    /// The price books, by seq.
    books: BTreeMap<u64, Book>,
    /// Usage by month.
    months: BTreeMap<String, Month>,
    /// Invoices, by seq.
    invoices: BTreeMap<u64, Issued>,
}

/// A price book, and where it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Its event hash.
    pub event: Hash,
    /// The tenant that it is for; every one without a book of its own, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Since when.
    pub at: Timestamp,
    /// The prices.
    pub book: PriceBook,
}

/// A month's usage, in the order of what is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Month {
    sums: Vec<(Counted, Summed)>,
    /// Entries that found no room.
    pub uncounted: u64,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Counted {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<Name>,
    /// Seq of the price book.
    book: u64,
    product: Name,
    metric: Metric,
}

/// The entries that say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Summed {
    first: u64,
    last: u64,
    tree: SumTree,
}

/// An invoice that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Its event hash.
    pub event: Hash,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// When.
    pub at: Timestamp,
    /// What it says.
    pub invoice: Invoice,
    /// Its corrections, by seq.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credits: BTreeMap<u64, Invoice>,
}

/// The bill of a month, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceDraft {
    /// The month in the calendar.
    pub bounds: (Timestamp, Timestamp),
    /// The plan of the last price book; none without any.
    pub plan: Option<PricePlan>,
    /// The currency of the price books; none without any.
    pub currency: Option<String>,
    /// The lines, by price book; the base price first, then by product and metric.
    pub lines: Vec<InvoiceLine>,
    /// Their sum.
    pub total_cents: u64,
}

/// The reason why a month cannot be billed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbillable {
    /// It is no month.
    #[error("expected a month such as 2026-11")]
    Month,
    /// Its price books have several currencies.
    #[error("the prices of this month are in {0} and in {1}: one invoice has one currency")]
    Currencies(String, String),
    /// It comes to more than can be said.
    #[error(transparent)]
    BeyondCents(#[from] BeyondCents),
}

impl Billing {
    /// An organisation's price books, by seq.
    pub fn books(&self, org: &Name) -> impl DoubleEndedIterator<Item = (u64, &Book)> {
        self.orgs.get(org).into_iter().flat_map(|of| of.books.iter().map(|(seq, book)| (*seq, book)))
    }

    /// An organisation's invoices, by seq.
    pub fn invoices(&self, org: &Name) -> impl DoubleEndedIterator<Item = (u64, &Issued)> {
        self.orgs.get(org).into_iter().flat_map(|of| of.invoices.iter().map(|(seq, one)| (*seq, one)))
    }

    /// The invoice of an organisation with an event hash, and its seq.
    pub fn invoice(&self, org: &Name, event: &Hash) -> Option<(u64, &Issued)> {
        self.invoices(org).find(|(_, issued)| issued.event == *event)
    }

    /// The invoice of a tenant's month.
    pub fn invoice_of(&self, org: &Name, tenant: Option<&Name>, wanted: &str) -> Option<(u64, &Issued)> {
        self.invoices(org).find(|(_, issued)| {
            let of_month = matches!(&issued.invoice, Invoice::Issue { month, .. } if month == wanted);
            of_month && issued.tenant.as_ref() == tenant
        })
    }

    /// What a month comes to for a tenant, by the entries so far.
    ///
    /// # Errors
    /// See [`Unbillable`].
    pub fn draft(&self, org: &Name, tenant: Option<&Name>, month: &str) -> Result<InvoiceDraft, Unbillable> {
        let bounds = bounds(month).ok_or(Unbillable::Month)?;
        let mut draft =
            InvoiceDraft { bounds, plan: None, currency: None, lines: Vec::new(), total_cents: 0 };
        let Some(of) = self.orgs.get(org) else { return Ok(draft) };
        let in_force = of.in_force(tenant);
        let sums = of.months.get(month).map(|month| month.sums.as_slice()).unwrap_or_default();
        for (n, (seq, book)) in in_force.iter().enumerate() {
            let until = in_force.get(n + 1).map_or(bounds.1, |(_, next)| next.at);
            let (from, to) = (book.at.max(bounds.0), until.min(bounds.1));
            if from > to || from >= bounds.1 {
                continue;
            }
            let month_ms = bounds.1.millis() - bounds.0.millis();
            draft.take(*seq, book, Span { from, to, month_ms }, tenant, sums)?;
        }
        let total = draft.lines.iter().map(|line| u128::from(line.cents)).sum::<u128>();
        let total = u64::try_from(total).ok().filter(|total| *total <= spec::limits::MAX_SAFE_INTEGER);
        draft.total_cents = total.ok_or(BeyondCents)?;
        Ok(draft)
    }
}

impl InvoiceDraft {
    /// What was used in a span under one price book, and its share of the base price.
    fn take(
        &mut self,
        seq: u64,
        book: &Book,
        span: Span,
        tenant: Option<&Name>,
        sums: &[(Counted, Summed)],
    ) -> Result<(), Unbillable> {
        let mut lines = Vec::from_iter(base_line(book.event, &book.book, span)?);
        for rate in &book.book.rates {
            let found = sums.iter().find(|(counted, _)| {
                counted.book == seq
                    && counted.tenant.as_ref() == tenant
                    && (&counted.product, counted.metric) == (&rate.product, rate.metric)
            });
            let Some((_, summed)) = found else { continue };
            let Some(root) = summed.tree.root(combine(rate.metric)) else { continue };
            let used = Used {
                count: summed.tree.count,
                first: summed.first,
                last: summed.last,
                quantity: root.quantity,
                root: root.hash,
            };
            lines.push(usage_line(book.event, rate, span, used)?);
        }
        // Replaced at once, and nothing was used meanwhile: it never mattered.
        if lines.is_empty() && span.from == span.to {
            return Ok(());
        }
        let currency = &book.book.currency;
        if let Some(other) = self.currency.as_ref().filter(|other| *other != currency) {
            return Err(Unbillable::Currencies(other.clone(), currency.clone()));
        }
        (self.currency, self.plan) = (Some(currency.clone()), Some(book.book.plan));
        self.lines.extend(lines);
        Ok(())
    }
}

impl OrgBilling {
    /// The price books that were ever in force for a tenant, in their order: those for every tenant until it had one of its
    /// own, and from then on its own.
    fn in_force(&self, tenant: Option<&Name>) -> Vec<(u64, &Book)> {
        let mut own = false;
        let books = self.books.iter().filter(|(_, book)| {
            own |= tenant.is_some() && book.tenant.as_ref() == tenant;
            if own { book.tenant.as_ref() == tenant } else { book.tenant.is_none() }
        });
        books.map(|(seq, book)| (*seq, book)).collect()
    }

    /// The price book in force for a tenant now.
    fn now(&self, tenant: Option<&Name>) -> Option<(u64, &Book)> {
        let mut newest = self.books.iter().rev();
        let own = newest.find(|(_, book)| tenant.is_some() && book.tenant.as_ref() == tenant);
        let found = own.or_else(|| self.books.iter().rev().find(|(_, book)| book.tenant.is_none()));
        found.map(|(seq, book)| (*seq, book))
    }

    fn set(&mut self, fact: &Fact<'_>, book: &PriceBook) {
        let (event, tenant, at) = (fact.event_hash(), fact.header.tenant.clone(), fact.at);
        self.books.insert(fact.seq, Book { event, tenant, at, book: book.clone() });
        while self.books.len() > MAX_BOOKS {
            self.books.pop_first();
        }
    }

    fn count(&mut self, fact: &Fact<'_>, used: &Usage) {
        let tenant = fact.header.tenant.as_ref();
        let Some((seq, book)) = self.now(tenant) else { return };
        let mut rates = book.book.rates.iter();
        if !rates.any(|rate| (&rate.product, rate.metric) == (&used.product, used.metric)) {
            return;
        }
        let month = self.months.entry(month(fact.at)).or_default();
        let counted = Counted {
            tenant: tenant.cloned(),
            book: seq,
            product: used.product.clone(),
            metric: used.metric,
        };
        let place = match month.sums.binary_search_by(|(known, _)| known.cmp(&counted)) {
            Ok(place) => place,
            Err(place) if month.sums.len() < MAX_SUMS => {
                let summed = Summed { first: fact.seq, last: fact.seq, tree: SumTree::default() };
                month.sums.insert(place, (counted, summed));
                place
            }
            Err(_) => {
                month.uncounted += 1;
                return;
            }
        };
        if let Some((_, summed)) = month.sums.get_mut(place) {
            summed.last = fact.seq;
            let leaf = Subtree::of(fact.seq, used.quantity, &fact.leaf());
            summed.tree.push(leaf, combine(used.metric));
        }
        while self.months.len() > MAX_MONTHS {
            self.months.pop_first();
        }
    }

    fn bill(&mut self, fact: &Fact<'_>, said: &Invoice) {
        match said {
            Invoice::Issue { month, .. } => {
                let (event, tenant, at) = (fact.event_hash(), fact.header.tenant.clone(), fact.at);
                let of_month = |issued: &Issued| {
                    let billed =
                        matches!(&issued.invoice, Invoice::Issue { month: other, .. } if other == month);
                    billed && issued.tenant == tenant
                };
                // A month is billed once; whoever says so again has corrections for it.
                if self.invoices.values().any(of_month) {
                    return;
                }
                let issued = Issued { event, tenant, at, invoice: said.clone(), credits: BTreeMap::new() };
                self.invoices.insert(fact.seq, issued);
                while self.invoices.len() > MAX_INVOICES {
                    self.invoices.pop_first();
                }
            }
            Invoice::Credit { corrects, .. } => {
                let found = self.invoices.values_mut().find(|issued| issued.event == *corrects);
                // A correction of what is not kept is in the log, and changes nothing here.
                let Some(issued) = found else { return };
                issued.credits.insert(fact.seq, said.clone());
                while issued.credits.len() > MAX_CREDITS {
                    issued.credits.pop_first();
                }
            }
        }
    }
}

impl Projection for Billing {
    const NAME: &'static str = "billing";
    const VERSION: u64 = 1;

    fn apply(&mut self, fact: &Fact<'_>) {
        match &fact.said {
            Said::PriceBook(book) => self.of(fact).set(fact, book),
            Said::Usage(used) => {
                // Without prices there is nothing to bill.
                if let Some(of) = self.orgs.get_mut(&fact.header.org) {
                    of.count(fact, used);
                }
            }
            Said::Invoice(said) => self.of(fact).bill(fact, said),
            _ => {}
        }
    }

    fn orgs(&self) -> Vec<&Name> {
        self.orgs.keys().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        part(&self.orgs.get(org))
    }
}

impl Billing {
    fn of(&mut self, fact: &Fact<'_>) -> &mut OrgBilling {
        self.orgs.entry(fact.header.org.clone()).or_default()
    }
}
