//! Prices are set, a month is billed, and the bill is corrected.

use super::{Draft, Log, Voice};
use serde_json::json;
use spec::{Hash, Kind};

/// How many records the group has.
pub(super) const RECORDS: usize = 4;

/// Days after the beginning, in seconds: when the groups before are over.
const BEGIN: u64 = 14 * 86_400;

/// Appends the group.
pub(super) fn append(log: &mut Log, ledger: Hash) {
    let voice = Voice { key: "service-2", ..Voice::service(ledger, "service:admin", "admin", None) };
    let tiers = json!([{"millicents": 500, "up_to": 1000}, {"millicents": 270}]);
    let rate = json!({"included": 100, "metric": "decisions", "product": "gate", "tiers": tiers, "unit": 10});
    let payload = json!({"base_cents": 4900, "currency": "EUR", "plan": "team", "rates": [rate]});
    log.append(voice.say(BEGIN, Draft::new(Kind::PriceBook, payload)));
    let book = log.events.last().unwrap().hash();
    let used = json!({"metric": "decisions", "product": "gate", "quantity": 125});
    log.append(voice.say(BEGIN + 1, Draft::new(Kind::Usage, used)));
    let (from, to) = ("2026-11-15T00:00:00.000Z", "2026-12-01T00:00:00.000Z");
    let usage = json!({
        "count": 1, "first": 2, "included": 53, "last": 2, "metric": "decisions", "product": "gate", "quantity": 125,
        "root": Hash([7; 32]),
    });
    let lines = json!([
        {"book": book, "cents": 2613, "from": from, "to": to},
        {"book": book, "cents": 4, "from": from, "to": to, "usage": usage},
    ]);
    let payload = json!({"action": "issue", "currency": "EUR", "lines": lines, "month": "2026-11", "total_cents": 2617});
    log.append(voice.say(BEGIN + 2, Draft::new(Kind::Invoice, payload)));
    let corrects = log.events.last().unwrap().hash();
    let lines = json!([
        {"cents": -13, "line": 1, "millicents": -12_500, "text": "Half of it was a test."},
        {"cents": 101, "millicents": 100_500, "text": "What was left out."},
    ]);
    let payload = json!({"action": "credit", "corrects": corrects, "lines": lines, "total_cents": 88});
    log.append(voice.say(BEGIN + 3, Draft::new(Kind::Invoice, payload)));
}
