//! Billing: which entries a month is billed for, and what that comes to, to the cent.

use crate::entries::{Fact, folded, log, name, node, saying};
use projections::billing::price::{Span, Used, base_line, bounds, combine, usage_line};
use projections::billing::{InvoiceDraft, Unbillable};
use proofs::sum::{Subtree, SumTree};
use serde_json::{Value, json};
use spec::money::cents;
use spec::payload::{Invoice, Metric, PriceBook, PriceRate};
use spec::{Author, Hash, Kind, Timestamp};

/// The first of December, in seconds after every test begins, rounded up.
const DECEMBER: u64 = 789_480;

fn said(kind: Kind, tenant: Option<&'static str>, payload: Value) -> Fact {
    let author = Author::Service("admin".parse().unwrap());
    let mut saying = saying(author, kind, "acme", None, payload);
    saying.tenant = tenant;
    Fact::Said(Box::new(saying))
}

fn book(tenant: Option<&'static str>, base_cents: u64, rates: &Value) -> Fact {
    let payload = json!({"base_cents": base_cents, "currency": "EUR", "plan": "team", "rates": rates});
    said(Kind::PriceBook, tenant, payload)
}

fn rate(metric: &str, included: u64, unit: u64, millicents: u64) -> Value {
    json!({"included": included, "metric": metric, "product": "gate", "tiers": [{"millicents": millicents}], "unit": unit})
}

fn used(tenant: Option<&'static str>, metric: &str, quantity: u64) -> Fact {
    let payload = json!({"metric": metric, "product": "gate", "quantity": quantity});
    let mut saying = saying(Author::Node(node(1)), Kind::Usage, "acme", None, payload);
    saying.tenant = tenant;
    Fact::Said(Box::new(saying))
}

fn draft(facts: &[(u64, Fact)], tenant: Option<&str>, month: &str) -> InvoiceDraft {
    let tenant = tenant.map(name);
    folded(&log(facts)).billing().draft(&name("acme"), tenant.as_ref(), month).unwrap()
}

/// Quantity, entries and cents of each line of usage.
fn usages(draft: &InvoiceDraft) -> Vec<(u64, u64, u64)> {
    let lines = draft.lines.iter().filter_map(|line| line.usage.as_ref().map(|usage| (usage, line.cents)));
    lines.map(|(usage, cents)| (usage.quantity, usage.count, cents)).collect()
}

#[test]
fn usage_counts_when_it_is_recorded_and_under_the_prices_of_its_place() {
    let rates = json!([rate("decisions", 0, 1, 1000), rate("storage_bytes", 0, 1, 1000)]);
    let mut late = saying(
        Author::Node(node(1)),
        Kind::Usage,
        "acme",
        None,
        json!({"metric": "decisions", "product": "gate", "quantity": 7}),
    );
    late.tenant = Some("prod");
    // Made in November by its author's clock, and recorded in December.
    late.made = Some(10);
    let facts = [
        (0, used(Some("prod"), "decisions", 1_000_000)),
        (1, book(None, 0, &rates)),
        (2, used(Some("prod"), "decisions", 5)),
        (3, used(Some("prod"), "storage_bytes", 9)),
        (4, used(Some("prod"), "storage_bytes", 4)),
        (5, used(Some("prod"), "api_calls", 1000)),
        (6, used(None, "decisions", 2)),
        (7, used(Some("dev"), "decisions", 3)),
        (DECEMBER - 1, used(Some("prod"), "decisions", 6)),
        (DECEMBER, used(Some("prod"), "decisions", 100)),
        (DECEMBER + 1, Fact::Said(Box::new(late))),
    ];
    assert_eq!(usages(&draft(&facts, Some("prod"), "2026-11")), [(11, 2, 11), (9, 2, 9)]);
    assert_eq!(usages(&draft(&facts, Some("prod"), "2026-12")), [(107, 2, 107)]);
    assert_eq!(usages(&draft(&facts, None, "2026-11")), [(2, 1, 2)]);
    assert_eq!(usages(&draft(&facts, Some("dev"), "2026-11")), [(3, 1, 3)]);
    assert_eq!(draft(&facts, Some("prod"), "2026-10").lines, []);
    let none = folded(&log(&facts)).billing().draft(&name("acme"), None, "2026-13");
    assert_eq!(none, Err(Unbillable::Month));
}

#[test]
fn a_change_in_mid_month_splits_what_goes_by_time() {
    let facts = [
        (0, book(None, 3000, &json!([rate("decisions", 3000, 1, 1000)]))),
        (1, used(Some("prod"), "decisions", 5000)),
        // The tenant has a book of its own from then on; what others pay is nothing to it.
        (86_400, book(Some("prod"), 6000, &json!([rate("decisions", 0, 100, 500)]))),
        (86_401, used(Some("prod"), "decisions", 101)),
        (90_000, book(None, 9_999_999, &json!([]))),
        (90_001, used(Some("prod"), "decisions", 100)),
    ];
    let drafted = draft(&facts, Some("prod"), "2026-11");
    let month = bounds("2026-11").unwrap();
    let ms = |line: usize| drafted.lines[line].to.millis() - drafted.lines[line].from.millis();
    assert_eq!(drafted.lines.len(), 4);
    assert_eq!((ms(0), drafted.lines[2].to), (86_400_000, month.1));
    assert_eq!(drafted.lines[0].to, drafted.lines[2].from);
    // A day of thirty: a thirtieth of price and of what is included.
    assert_eq!((drafted.lines[0].cents, drafted.lines[1].usage.as_ref().unwrap().included), (100, 100));
    assert_eq!(drafted.lines[1].cents, 4900);
    let rest = i128::from(ms(2));
    let expected = cents(6000 * rest, i128::from(month.1.millis() - month.0.millis()));
    assert_eq!(i128::from(drafted.lines[2].cents), expected);
    // Three units of a hundred are begun, at half a cent each: one and a half, and half a cent goes up.
    assert_eq!(usages(&drafted)[1], (201, 2, 2));
    assert_eq!(drafted.total_cents, drafted.lines.iter().map(|line| line.cents).sum::<u64>());
}

#[test]
fn a_month_is_billed_once_and_corrected_beside_it() {
    let issue = |cents: u64| {
        let lines = json!([{"book": Hash::ZERO, "cents": cents, "from": "2026-11-01T00:00:00.000Z", "to": "2026-12-01T00:00:00.000Z"}]);
        json!({"action": "issue", "currency": "EUR", "lines": lines, "month": "2026-11", "total_cents": cents})
    };
    let first = log(&[(DECEMBER, said(Kind::Invoice, Some("prod"), issue(500)))]);
    let hash = first[0].entry.header.event_hash(&first[0].entry.sig);
    let credit = json!({"action": "credit", "corrects": hash, "total_cents": -13,
        "lines": [{"cents": -13, "millicents": -12_500, "text": "Twelve and a half."}]});
    let facts = [
        (DECEMBER, said(Kind::Invoice, Some("prod"), issue(500))),
        (DECEMBER + 1, said(Kind::Invoice, Some("prod"), issue(600))),
        (DECEMBER + 2, said(Kind::Invoice, None, issue(700))),
        (DECEMBER + 3, said(Kind::Invoice, Some("prod"), credit)),
    ];
    let folds = folded(&log(&facts));
    let acme = name("acme");
    let all: Vec<_> = folds.billing().invoices(&acme).collect();
    assert_eq!(all.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [0, 2]);
    let total = |invoice: &Invoice| match invoice {
        Invoice::Issue { total_cents, .. } => i64::try_from(*total_cents).unwrap(),
        Invoice::Credit { total_cents, .. } => *total_cents,
    };
    assert_eq!(all[0].1.credits.values().map(total).collect::<Vec<_>>(), [-13]);
    assert_eq!(folds.billing().invoice_of(&acme, None, "2026-11").map(|(seq, _)| seq), Some(2));
}

#[test]
fn one_invoice_has_one_currency() {
    let mut other = json!({"base_cents": 1, "currency": "USD", "plan": "custom", "rates": []});
    let facts = [(0, book(None, 100, &json!([]))), (60, said(Kind::PriceBook, None, other.take()))];
    let drafted = folded(&log(&facts)).billing().draft(&name("acme"), None, "2026-11");
    assert_eq!(drafted, Err(Unbillable::Currencies("EUR".to_owned(), "USD".to_owned())));
}

/// The same numbers everywhere, without a source of chance.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) % most
    }
}

fn a_rate(numbers: &mut Numbers) -> PriceRate {
    let metrics = ["api_calls", "decisions", "dig_files", "snapshot_exports", "storage_bytes"];
    let metric = metrics[usize::try_from(numbers.below(5)).unwrap()];
    let mut tiers: Vec<Value> = Vec::new();
    let mut end = 0;
    for _ in 0..numbers.below(4) {
        end += 1 + numbers.below(5000);
        tiers.push(json!({"millicents": numbers.below(20_000), "up_to": end}));
    }
    tiers.push(json!({"millicents": numbers.below(2_000)}));
    let rate = json!({"included": numbers.below(3000), "metric": metric, "product": "gate", "tiers": tiers,
        "unit": 1 + numbers.below(3) * 49});
    serde_json::from_value(rate).unwrap()
}

fn lines() -> Vec<Value> {
    let mut numbers = Numbers(42);
    let mut cases = Vec::new();
    for n in 0..120_u64 {
        let month = ["2026-11", "2027-02", "2028-02", "2026-12"][usize::try_from(n % 4).unwrap()];
        let (begin, end) = bounds(month).unwrap();
        let month_ms = end.millis() - begin.millis();
        let (from, to) = if n.is_multiple_of(3) {
            (begin, end)
        } else {
            let from = numbers.below(month_ms);
            let to = from + numbers.below(month_ms - from);
            (Timestamp::from_millis(begin.millis() + from), Timestamp::from_millis(begin.millis() + to))
        };
        let rate = a_rate(&mut numbers);
        let payload =
            json!({"base_cents": numbers.below(100_000), "currency": "EUR", "plan": "team", "rates": [rate]});
        let book: PriceBook = serde_json::from_value(payload.clone()).unwrap();
        Kind::PriceBook.check_payload(1, &payload.to_string()).unwrap();
        let event = Hash(*blake3::hash(&n.to_be_bytes()).as_bytes());
        let (mut tree, mut entries) = (SumTree::default(), Vec::new());
        let (mut seq, first) = (100 + n, 100 + n);
        for _ in 0..=numbers.below(20) {
            let quantity = numbers.below(if n.is_multiple_of(10) { 1 << 40 } else { 4000 });
            let leaf = Hash(*blake3::hash(&seq.to_le_bytes()).as_bytes());
            tree.push(Subtree::of(seq, quantity, &leaf), combine(rate.metric));
            entries.push(json!({"leaf": leaf, "quantity": quantity, "seq": seq}));
            seq += 1 + numbers.below(9);
        }
        let last = entries.last().unwrap()["seq"].as_u64().unwrap();
        let root = tree.root(combine(rate.metric)).unwrap();
        let used = Used { count: tree.count, first, last, quantity: root.quantity, root: root.hash };
        let span = Span { from, to, month_ms };
        let base = base_line(event, &book, span).unwrap();
        let line = usage_line(event, &rate, span, used).unwrap();
        cases.push(json!({"base": base, "book": payload, "entries": entries, "event": event, "from": from, "line": line,
            "month": month, "to": to}));
    }
    cases
}

fn vectors() -> Value {
    let halves = [125, 135, 1005, 5, 1, 124, 126, 0, 999, 100_500];
    let mut rounding: Vec<Value> = Vec::new();
    for thousandths in halves {
        for sign in [1_i64, -1] {
            // Thousandths of the currency, which are tenths of a cent.
            let exact = sign * thousandths;
            let rounded = i64::try_from(cents(exact.into(), 10)).unwrap();
            rounding.push(json!({"cents": rounded, "denominator": 10, "numerator": exact}));
        }
    }
    for (numerator, denominator) in
        [(1_i64, 3_i64), (2, 3), (-2, 3), (7, 2), (-7, 2), (2_591_999_999, 2_592_000_000)]
    {
        let rounded = i64::try_from(cents(numerator.into(), denominator.into())).unwrap();
        rounding.push(json!({"cents": rounded, "denominator": denominator, "numerator": numerator}));
    }
    let sums: Vec<Value> = [Metric::Decisions, Metric::StorageBytes]
        .into_iter()
        .flat_map(|metric| (1..=17_u64).map(move |count| (metric, count)))
        .map(|(metric, count)| {
            let mut tree = SumTree::default();
            let mut entries = Vec::new();
            for seq in 0..count {
                let (leaf, quantity) = (Hash(*blake3::hash(&seq.to_be_bytes()).as_bytes()), seq * seq % 13);
                tree.push(Subtree::of(seq, quantity, &leaf), combine(metric));
                entries.push(json!({"leaf": leaf, "quantity": quantity, "seq": seq}));
            }
            let root = tree.root(combine(metric)).unwrap();
            json!({"entries": entries, "metric": metric, "quantity": root.quantity, "root": root.hash})
        })
        .collect();
    let about = "rounding: amounts of numerator / denominator cents, and what they are rounded to; sums: entries of a \
                 metric, and what the tree over them comes to; lines: entries under a price book in a part of a month, and \
                 the lines that bill them (base is null where there is no base price to pay)";
    json!({"about": about, "lines": lines(), "rounding": rounding, "sums": sums})
}

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/vectors/billing.json");

#[test]
fn the_vectors_are_what_the_code_makes() {
    let text = std::fs::read_to_string(VECTORS).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), vectors());
    let rounded = |thousandths: i64| {
        let all = vectors()["rounding"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["numerator"] == thousandths && one["denominator"] == 10).unwrap()["cents"].clone()
    };
    // 0.125, 0.135 and 1.005 of the currency, and what is given back.
    for (thousandths, expected) in
        [(125, 13), (135, 14), (1005, 101), (-125, -13), (-135, -14), (-1005, -101)]
    {
        assert_eq!(rounded(thousandths), expected, "{thousandths}");
    }
}

#[test]
#[ignore = "writes the vectors anew; a released vector does not change"]
fn regenerate_vectors() {
    let text = format!("{:#}\n", vectors());
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(VECTORS, text).unwrap();
}
