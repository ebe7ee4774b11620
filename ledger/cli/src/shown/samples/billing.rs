//! What the service would say of usage, prices and invoices.

use super::{Shown, hash, typed};
use crate::commands::{invoice, prices, usage};
use serde_json::{Value, json};

/// See the module above.
pub(super) fn of(path: &str) -> Option<Shown> {
    Some(match path {
        "invoice draft" => |look| invoice::drafted(&typed(draft()), look),
        "invoice list" => |look| invoice::INVOICES.text(&[typed(issued())], look),
        "invoice show" => |look| invoice::shown(&typed(json!({"invoice": issued()})), look),
        "invoice verify" => |look| {
            let proved = json!({"ledger": hash(1), "trust": "pinned", "invoice": hash(2), "org": "acme", "tenant": "prod",
                "month": "2026-11", "currency": "EUR", "entries": 3, "lines": 2, "total_cents": 5913, "due_cents": 5900});
            invoice::PROVED.text(&typed(proved), look)
        },
        "prices list" => |look| prices::BOOKS.text(&[typed(book())], look),
        "usage" => |look| {
            let row = json!({"month": "2026-11", "tenant": "prod", "product": "gate", "metric": "decisions",
                "quantity": 12_500, "events": 3});
            usage::USED.text(&[typed(row)], look)
        },
        _ => return None,
    })
}

/// See the module above.
pub(super) fn nothing(path: &str) -> Option<Shown> {
    Some(match path {
        "invoice list" => |look| invoice::INVOICES.text(&[], look),
        "prices list" => |look| prices::BOOKS.text(&[], look),
        "usage" => |look| usage::USED.text(&[], look),
        _ => return None,
    })
}

fn lines() -> Value {
    let (from, to) = ("2026-11-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z");
    let used = json!({"count": 3, "first": 17, "included": 10_000, "last": 40, "metric": "decisions", "product": "gate",
        "quantity": 12_500, "root": hash(6)});
    json!([
        {"book": hash(5), "cents": 4900, "from": from, "to": to},
        {"book": hash(5), "cents": 1013, "from": from, "to": to, "usage": used},
    ])
}

fn draft() -> Value {
    json!({"month": "2026-11", "tenant": "prod", "from": "2026-11-01T00:00:00.000Z", "to": "2026-12-01T00:00:00.000Z",
        "complete": false, "plan": "team", "currency": "EUR", "lines": lines(), "total_cents": 5913})
}

fn issued() -> Value {
    let credit =
        json!({"cents": -13, "line": 1, "millicents": -12_500, "text": "Twelve and a half were agreed."});
    json!({"id": hash(2), "seq": 50, "tenant": "prod", "at": "2026-12-01T08:00:00.000Z", "month": "2026-11",
        "currency": "EUR", "lines": lines(), "total_cents": 5913,
        "credits": [{"seq": 51, "lines": [credit], "total_cents": -13}], "due_cents": 5900})
}

fn book() -> Value {
    let rate = json!({"included": 10_000, "metric": "decisions", "product": "gate", "tiers": [{"millicents": 405}], "unit": 1});
    json!({"id": hash(5), "seq": 9, "tenant": "prod", "at": "2026-11-01T00:00:00.000Z",
        "book": {"base_cents": 4900, "currency": "EUR", "plan": "team", "rates": [rate]}})
}
