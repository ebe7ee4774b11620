//! Arbitrary JSON within the limits of canonical form.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;

const MAX: i64 = 9_007_199_254_740_991;

/// Exponents of doubles below 2^53: 1023 + 52 and less, subnormals included.
const EXPONENTS: std::ops::RangeInclusive<u64> = 0..=1075;

/// Texts of every kind of character that matters: plain, control, escaped, two-unit, near surrogates.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let one = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        1 => proptest::char::range('\0', '\u{1f}'),
        1 => proptest::sample::select(vec![
            '"', '\\', '/', '\u{7f}', '\u{80}', '\u{2028}', '\u{2029}', '\u{d7ff}', '\u{e000}', '\u{fb33}',
            '\u{feff}', '\u{ffff}', '\u{10000}', '\u{1f602}', '\u{10ffff}',
        ]),
        1 => any::<char>(),
    ];
    vec(one, 0..12).prop_map(String::from_iter)
}

/// Any double of magnitude at most 2^53 − 1.
pub(crate) fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => (any::<bool>(), EXPONENTS, 0..1u64 << 52)
            .prop_map(|(sign, exponent, fraction)| {
                f64::from_bits(u64::from(sign) << 63 | exponent << 52 | fraction)
            }),
        1 => (-20..=15i32, 1..1000i32).prop_map(|(ten, n)| f64::from(n) / 1000.0 * 10f64.powi(ten)),
        1 => any::<i32>().prop_map(f64::from),
        1 => proptest::sample::select(vec![0.0, -0.0, 5e-324, 1e-6, 1e-7, 9_007_199_254_740_991.0, 0.1]),
    ]
}

/// Any value nested up to eight deep.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-MAX..=MAX).prop_map(Value::from),
        (-1000..1000i64).prop_map(Value::from),
        double().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(text(), inner, 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
