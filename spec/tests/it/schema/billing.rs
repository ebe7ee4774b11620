//! The rules of prices and invoices.

use super::{Change, long};
use serde_json::json;
use spec::Kind;

/// See `refused_changes` of the module above. Of an invoice the sample is the first there is: one that is issued.
pub(super) fn refused_changes(kind: &Kind) -> Vec<Change> {
    match kind {
        Kind::PriceBook => vec![
            ("/base_cents", Some(json!(1_000_000_000_001_u64))),
            ("/base_cents", Some(json!(-1))),
            ("/base_cents", None),
            ("/currency", Some(json!("euro"))),
            ("/currency", Some(json!("eur"))),
            ("/plan", Some(json!("gold"))),
            ("/rates/0/included", None),
            ("/rates/0/metric", Some(json!("clicks"))),
            ("/rates/0/product", Some(json!("Gate"))),
            ("/rates/0/tiers", Some(json!([]))),
            ("/rates/0/tiers", Some(json!([{"millicents": 1, "up_to": 5}]))),
            ("/rates/0/tiers", Some(json!([{"millicents": 1}, {"millicents": 1}]))),
            ("/rates/0/tiers/0/millicents", Some(json!(1_000_000_000_001_u64))),
            ("/rates/0/tiers/0/up_to", Some(json!(0))),
            ("/rates/0/unit", Some(json!(0))),
            ("/tenant", Some(json!("prod"))),
        ],
        Kind::Invoice => vec![
            ("/action", Some(json!("credit"))),
            ("/currency", Some(json!("EURO"))),
            ("/lines/0/book", None),
            ("/lines/0/cents", Some(json!(2614))),
            ("/lines/0/cents", Some(json!(-1))),
            ("/lines/0/from", Some(json!("2026-12-02T00:00:00.000Z"))),
            ("/lines/1/usage/count", Some(json!(0))),
            ("/lines/1/usage/first", Some(json!(3))),
            ("/lines/1/usage/root", Some(json!("x"))),
            ("/month", Some(json!("2026-13"))),
            ("/month", Some(json!("2026-11-01"))),
            ("/total_cents", Some(json!(2618))),
            ("/text", long(1)),
        ],
        _ => vec![],
    }
}
