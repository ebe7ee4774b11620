//! Payloads of accepted findings, and of a node's posture as it is told.

use super::operations::weighed;
use super::{hash, maybe, name, round_trip, round_trip_of, text, time, uuid};
use proptest::prelude::*;
use proptest::sample::select;
use spec::payload::{Acceptance, Attention, AttentionChange, Band, Posture, ReasonState, WeighedReason};
use spec::{Kind, Severity, canonical};

fn acceptance() -> impl Strategy<Value = Acceptance> {
    let severities = vec![Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    let what = (name(), time(), maybe(select(severities)), maybe(text()), text());
    let accept = (what, maybe(uuid()), maybe(select(vec!["", "env=lab"]))).prop_map(|(what, node, of)| {
        let (check, expires_at, severity, subject, text) = what;
        let selector = of.filter(|_| node.is_none()).map(str::to_owned);
        let text = format!("-{text}");
        Acceptance::Accept { check, expires_at, node, selector, severity, subject, text }
    });
    prop_oneof![accept, hash().prop_map(|acceptance| Acceptance::Withdraw { acceptance })]
}

fn posture() -> impl Strategy<Value = Posture> {
    let counts = (0..9u64, 0..9u64, 0..9u64, 0..9u64);
    (counts, weighed()).prop_map(|((critical, high, low, medium), worst)| {
        let worst = (critical + high + low + medium > 0).then_some(worst);
        Posture { critical, high, low, medium, worst }
    })
}

proptest! {
    #[test]
    fn acceptances(acceptance in acceptance()) {
        round_trip(&Kind::Acceptance, &acceptance)?;
    }

    #[test]
    fn postures(at in time(), posture in maybe(posture()), weighed in weighed(), ruleset in hash()) {
        let oldest = if posture.is_some() { 2 } else { 1 };
        let WeighedReason { reason, subject, weight } = weighed;
        let change = AttentionChange::Reason { posture, reason, subject, state: ReasonState::Firing, weight };
        let told = Attention { at, band: Band::Attn, change, ruleset, score: 40, seq: 9 };
        round_trip_of(&Kind::Attention, 2, &told)?;
        let json = String::from_utf8(canonical::to_vec(&told).unwrap()).unwrap();
        prop_assert_eq!(Kind::Attention.payload_version(&json), Ok(oldest));
    }
}
