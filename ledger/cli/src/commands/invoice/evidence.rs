//! What proves an invoice: recomputed from a file alone, and the ledger's id.
//!
//! ```text
//! <bundle of the invoice>
//! {"inclusion":[…],"record":{…}}     price books, usage and corrections, each in the same tree
//! ```

use crate::failure::Failure;
use ledger::verify::{Options, Verdict, verify_bundle};
use projections::billing::price::{Span, Used, base_line, bounds, combine, usage_line};
use proofs::bundle::Bundle;
use proofs::note::Note;
use proofs::sum::{Subtree, SumTree};
use proofs::tree::verify_inclusion;
use proofs::{Blake3, Checkpoint};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::payload::{BilledUsage, Invoice, InvoiceLine, PriceBook, Usage};
use spec::{Domain, Hash, Kind, Line, Name, Record, canonical};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// What came out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Proved {
    /// The ledger.
    pub(crate) ledger: Hash,
    /// `pinned` if its id was known from elsewhere.
    pub(crate) trust: String,
    /// The invoice, by its event hash.
    pub(crate) invoice: Hash,
    /// Whose.
    pub(crate) org: Name,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<Name>,
    /// The month.
    pub(crate) month: String,
    /// The currency.
    pub(crate) currency: String,
    /// How many entries of usage it rests on.
    pub(crate) entries: u64,
    /// How many lines were recomputed.
    pub(crate) lines: u64,
    /// What it comes to.
    pub(crate) total_cents: u64,
    /// The same with corrections.
    pub(crate) due_cents: i64,
}

/// An entry that was shown to be in the tree.
struct Shown {
    record: Record,
    event: Hash,
}

/// The file of an invoice.
struct Evidence {
    org: Name,
    tenant: Option<Name>,
    books: BTreeMap<Hash, (Record, PriceBook)>,
    usage: BTreeMap<u64, (Record, Usage)>,
    credits: Vec<(Hash, i64)>,
    seen: BTreeSet<u64>,
}

fn wrong(what: impl Display) -> Failure {
    Failure::refused(format!("the invoice is not proved: {what}"))
}

/// Recomputes the invoice that a file proves.
pub(crate) fn prove(bytes: &[u8], options: &Options) -> Result<Proved, Failure> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().ok_or_else(|| wrong("the file is empty"))?;
    let report = verify_bundle(first, options);
    if report.verdict != Verdict::Verified {
        let why = report.failures.first().map_or_else(String::new, ToString::to_string);
        return Err(wrong(format_args!("its entry does not verify: {why}")));
    }
    let bundle = Bundle::parse(first).map_err(wrong)?;
    let text = Note::parse(bundle.checkpoint.as_bytes()).map_err(wrong)?.text;
    let checkpoint = Checkpoint::parse(&text).map_err(wrong)?;
    let header = bundle.entry.get("event").ok_or_else(|| wrong("its entry has no event"))?;
    let org = named(header, "org")?.ok_or_else(|| wrong("its entry has no organisation"))?;
    let kind = header.get("kind").and_then(Value::as_str);
    let said: Invoice = match &bundle.payload {
        Some(payload) if kind == Some("invoice") => serde_json::from_value(payload.clone()).map_err(wrong)?,
        _ => return Err(wrong("its entry is no invoice")),
    };
    let Invoice::Issue { currency, lines: billed, month, total_cents } = said else {
        return Err(wrong("it is a correction, and no invoice"));
    };
    let mut evidence = Evidence {
        tenant: named(header, "tenant")?,
        org,
        books: BTreeMap::new(),
        usage: BTreeMap::new(),
        credits: Vec::new(),
        seen: BTreeSet::new(),
    };
    for line in lines {
        evidence.take(shown(line, &checkpoint)?)?;
    }
    evidence.check(&billed, &month, &currency)?;
    let invoice = event_hash(header)?;
    let own = evidence.credits.iter().filter(|(corrects, _)| *corrects == invoice);
    let back: i64 = own.map(|(_, cents)| *cents).fold(0, i64::saturating_add);
    Ok(Proved {
        ledger: bundle.ledger,
        trust: crate::output::word(&report.trust),
        invoice,
        org: evidence.org,
        tenant: evidence.tenant,
        month,
        currency,
        entries: evidence.usage.len() as u64,
        lines: billed.len() as u64,
        total_cents,
        due_cents: i64::try_from(total_cents).unwrap_or(i64::MAX).saturating_add(back),
    })
}

fn named(header: &Value, member: &str) -> Result<Option<Name>, Failure> {
    header.get(member).and_then(Value::as_str).map(|name| name.parse().map_err(wrong)).transpose()
}

/// The event hash of an entry: header and signature.
fn event_hash(event: &Value) -> Result<Hash, Failure> {
    let mut header = event.clone();
    let sig = header.as_object_mut().and_then(|members| members.remove("sig"));
    let sig = sig.as_ref().and_then(Value::as_str).ok_or_else(|| wrong("an event without a signature"))?;
    let sig: spec::Signature = sig.parse().map_err(wrong)?;
    let header = canonical::to_vec(&header).map_err(wrong)?;
    Ok(Hash::of(Domain::Event, &[&header, &sig.0]))
}

/// The entry of a line, which the tree has.
fn shown(line: &[u8], checkpoint: &Checkpoint) -> Result<Shown, Failure> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Included {
        inclusion: Vec<Hash>,
        record: Value,
    }
    let Included { inclusion, record } = serde_json::from_slice(line).map_err(wrong)?;
    let text = canonical::to_vec(&record).map_err(wrong)?;
    let text = String::from_utf8(text).map_err(wrong)?;
    let line = Line::parse(&text).map_err(wrong)?;
    let event = line.event_hash();
    let record = line.record;
    if record.payload.as_ref().is_none_or(|p| p.hash() != record.entry.header.payload_hash) {
        return Err(wrong("its payload is not the one that its header commits to"));
    }
    let seq = record.entry.position.seq;
    verify_inclusion::<Blake3>(&record.leaf, seq, checkpoint.size, &inclusion, &checkpoint.root)
        .map_err(|e| wrong(format_args!("entry {seq} is not in the tree: {e}")))?;
    Ok(Shown { record, event })
}

impl Evidence {
    fn take(&mut self, shown: Shown) -> Result<(), Failure> {
        let Shown { record, event } = shown;
        let header = &record.entry.header;
        let json = record.payload.as_ref().map_or("", |payload| &payload.json).to_owned();
        if !self.seen.insert(record.entry.position.seq) {
            return Err(wrong("the entry is there twice"));
        }
        if header.org != self.org {
            return Err(wrong("the entry is of another organisation"));
        }
        let own = header.tenant == self.tenant;
        match header.kind {
            Kind::PriceBook if own || header.tenant.is_none() => {
                let book = serde_json::from_str(&json).map_err(wrong)?;
                self.books.insert(event, (record, book));
            }
            Kind::Usage if own => {
                let used = serde_json::from_str(&json).map_err(wrong)?;
                self.usage.insert(record.entry.position.seq, (record, used));
            }
            Kind::Invoice if own => match serde_json::from_str(&json).map_err(wrong)? {
                Invoice::Credit { corrects, total_cents, .. } => self.credits.push((corrects, total_cents)),
                Invoice::Issue { .. } => return Err(wrong("another invoice")),
            },
            _ => return Err(wrong("the entry is of another tenant, or no part of an invoice")),
        }
        Ok(())
    }

    fn check(&self, lines: &[InvoiceLine], month: &str, currency: &str) -> Result<(), Failure> {
        let bounds = bounds(month).ok_or_else(|| wrong("its month is none"))?;
        let month_ms = bounds.1.millis() - bounds.0.millis();
        let (mut seen, mut spans, mut counted) = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
        for (n, line) in lines.iter().enumerate() {
            let (record, book) =
                self.books.get(&line.book).ok_or_else(|| wrong("a price book is missing"))?;
            let position = &record.entry.position;
            let span = Span { from: line.from, to: line.to, month_ms };
            let within = span.from == position.recorded_at.max(bounds.0) && span.to <= bounds.1;
            if !within || span.from > span.to || book.currency != currency {
                return Err(wrong(format_args!("line {n} is not of its month, or not in its currency")));
            }
            if *spans.entry(position.seq).or_insert(span) != span {
                return Err(wrong(format_args!("line {n} counts its price book for another time")));
            }
            let what = line.usage.as_ref().map(|usage| (usage.product.clone(), usage.metric));
            if !seen.insert((line.book, what)) {
                return Err(wrong(format_args!("line {n} bills the same a second time")));
            }
            let again = match &line.usage {
                None => base_line(line.book, book, span).map_err(wrong)?,
                Some(usage) => {
                    let used = self.used(usage, position.seq, bounds, &mut counted)?;
                    let mut rates = book.rates.iter();
                    let rate = rates
                        .find(|rate| (&rate.product, rate.metric) == (&usage.product, usage.metric))
                        .ok_or_else(|| wrong(format_args!("line {n} has no rate in its price book")))?;
                    Some(usage_line(line.book, rate, span, used).map_err(wrong)?)
                }
            };
            if again.as_ref() != Some(line) {
                let cents = again.map_or(0, |line| line.cents);
                return Err(wrong(format_args!(
                    "line {n} says {} cents; recomputed it is another, of {cents}",
                    line.cents
                )));
            }
        }
        let spans: Vec<Span> = spans.into_values().collect();
        if spans.windows(2).any(|two| matches!(two, [a, b] if b.from < a.to)) {
            return Err(wrong("two price books count for the same time"));
        }
        if counted.len() != self.usage.len() {
            return Err(wrong("there is usage that no line counts"));
        }
        Ok(())
    }

    /// The entries that a line rests on, each of which no other line counts.
    fn used(
        &self,
        usage: &BilledUsage,
        book: u64,
        month: (spec::Timestamp, spec::Timestamp),
        counted: &mut BTreeSet<u64>,
    ) -> Result<Used, Failure> {
        let mut tree = SumTree::default();
        let combine = combine(usage.metric);
        let own = self.usage.range(usage.first..=usage.last);
        for (seq, (record, said)) in
            own.filter(|(_, (_, said))| (&said.product, said.metric) == (&usage.product, usage.metric))
        {
            let at = record.entry.position.recorded_at;
            if *seq < book || at < month.0 || at >= month.1 {
                return Err(wrong(format_args!(
                    "entry {seq} is not of this month, or of the time of its price book"
                )));
            }
            if !counted.insert(*seq) {
                return Err(wrong(format_args!("entry {seq} is counted twice")));
            }
            tree.push(Subtree::of(*seq, said.quantity, &record.leaf), combine);
        }
        let root = tree.root(combine).ok_or_else(|| wrong("a line rests on no entries"))?;
        let BilledUsage { first, last, .. } = *usage;
        Ok(Used { count: tree.count, first, last, quantity: root.quantity, root: root.hash })
    }
}
