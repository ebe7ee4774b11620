//! Payloads of what operators, nodes and the ledger say in the course of a day.

use super::{hash, maybe, name, number, reply, round_trip, round_trip_of, signature, text, time, uuid};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use spec::payload::{
    Ack, Assign, Attention, AttentionChange, Band, BandRules, Baseline, COMMAND_CONTEXT, Command,
    CommandOrder, CommandReceipt, Delivery, Edges, Finding, FindingCounts, FlapRules, Goodbye, Labels,
    Metric, Narrowing, Notice, Onset, Outcome, OutcomeCount, Policy, PolicyDocument, PolicyFormat,
    PolicyMode, ReasonRule, ReasonState, ReceiptState, Rollout, Ruleset, Scan, Silence, Slo, StormRules,
    Unchecked, Usage, Webhook, WeighedReason, command_bytes,
};
use spec::{Hash, Kind, Severity, Timestamp, canonical};

const BANDS: [Band; 3] = [Band::Ok, Band::Attn, Band::Crit];

fn filled() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("-{text}"))
}

fn onset() -> impl Strategy<Value = Onset> {
    select(vec![Onset::Began, Onset::Ended])
}

pub(super) fn weighed() -> impl Strategy<Value = WeighedReason> {
    (name(), maybe(text()), 0..=100u64).prop_map(|(reason, subject, weight)| WeighedReason {
        reason,
        subject,
        weight,
    })
}

/// A change, and the band after it.
fn change() -> impl Strategy<Value = (AttentionChange, Band)> {
    let band = (0..3usize, 1..3usize, vec(weighed(), 0..4)).prop_map(|(from, step, mut reasons)| {
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.weight));
        let to = BANDS[(from + step) % 3];
        (AttentionChange::Band { from: BANDS[from], to, reasons }, to)
    });
    let state = select(vec![ReasonState::Firing, ReasonState::Cleared]);
    let reason = (weighed(), state).prop_map(|(reason, state)| {
        let WeighedReason { reason, subject, weight } = reason;
        AttentionChange::Reason { posture: None, reason, subject, state, weight }
    });
    let storm = (text(), onset(), number(), number()).prop_map(|(site, state, a, b)| {
        AttentionChange::Storm { site, state, nodes: a.min(b), of: a.max(b) }
    });
    let flapping = onset().prop_map(|state| AttentionChange::Flapping { state });
    let other = prop_oneof![reason, storm, flapping];
    prop_oneof![band, (other, select(BANDS.to_vec()))]
}

fn order() -> impl Strategy<Value = CommandOrder> {
    let span = (0..Timestamp::MAX.millis(), 1..1_000_000u64).prop_map(|(from, length)| {
        let from = Timestamp::from_millis(from);
        (from, Timestamp::from_millis(from.millis() + length))
    });
    let rollout = (uuid(), number()).prop_map(|(id, wave)| Rollout { id, wave });
    let what = (0..=5u64, name(), uuid(), hash(), btree_map(name(), text(), 0..4));
    (what, span, maybe(rollout), signature(), maybe(text())).prop_map(
        |((approvals, command, node, nonce, parameters), (not_before, expires_at), rollout, sig, text)| {
            CommandOrder {
                approvals,
                command,
                expires_at,
                node,
                nonce,
                not_before,
                parameters,
                rollout,
                sig,
                text,
            }
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        order().prop_map(Command::Issue),
        (hash(), maybe(text())).prop_map(|(target, text)| Command::Approve { target, text }),
        (hash(), maybe(text())).prop_map(|(target, text)| Command::Cancel { target, text }),
    ]
}

fn receipt() -> impl Strategy<Value = CommandReceipt> {
    let state = select(vec![ReceiptState::Running, ReceiptState::Succeeded, ReceiptState::Failed]);
    let state = prop_oneof![
        name().prop_map(|code| (Some(code), ReceiptState::Refused)),
        state.prop_map(|state| (None, state)),
    ];
    let output = (maybe(text()), maybe(number()), maybe(hash()));
    (state, hash(), maybe(number()), maybe(0..=255u64), output).prop_map(
        |((code, state), command, duration_ms, exit, (output, output_bytes, output_hash))| CommandReceipt {
            code,
            command,
            duration_ms,
            exit,
            output,
            output_bytes,
            output_hash,
            state,
        },
    )
}

fn reason_rule() -> impl Strategy<Value = ReasonRule> {
    let hold = || (maybe(number()), any::<bool>());
    let either = |(n, beats): (Option<u64>, bool)| if beats { (n, None) } else { (None, n) };
    (hold(), hold(), maybe(0..=100u64)).prop_map(move |(enter, leave, weight)| {
        let ((enter_beats, enter_secs), (leave_beats, leave_secs)) = (either(enter), either(leave));
        ReasonRule { enter_beats, enter_secs, leave_beats, leave_secs, weight }
    })
}

fn ruleset() -> impl Strategy<Value = Ruleset> {
    let edges =
        || (1..=100u64, any::<u64>()).prop_map(|(enter, leave)| Edges { enter, leave: leave % enter });
    let bands = (maybe(0..=100u64), maybe(edges()), maybe(edges()), maybe(0..=86_400u64))
        .prop_map(|(at_once, attn, crit, patience_secs)| BandRules { at_once, attn, crit, patience_secs });
    let flapping = (edges(), 2..=64u64).prop_map(|(edges, window)| FlapRules {
        start_percent: edges.enter,
        stop_percent: edges.leave,
        window,
    });
    let storm = (1..1000u64, 1..=100u64).prop_map(|(least, percent)| StormRules { least, percent });
    let reasons = btree_map(name(), reason_rule(), 0..4);
    (maybe(bands), maybe(flapping), maybe(0..=100u64), maybe(reasons), maybe(storm)).prop_map(
        |(bands, flapping, posture_cap, reasons, storm)| Ruleset {
            bands,
            flapping,
            posture_cap,
            reasons,
            storm,
        },
    )
}

fn scan() -> impl Strategy<Value = Scan> {
    let severity = select(vec![Severity::Low, Severity::Medium, Severity::High, Severity::Critical]);
    let finding = (maybe(hash()), maybe(text()), severity, text(), text());
    let findings = btree_map((name(), text()), finding, 0..4).prop_map(|findings| {
        let finding = |((id, subject), rest)| {
            let (evidence, explained, severity, remediation, title) = rest;
            Finding { evidence, explained, id, remediation, severity, subject, title }
        };
        findings.into_iter().map(finding).collect::<Vec<_>>()
    });
    let unchecked = btree_map(name(), text(), 0..3).prop_map(|unchecked| {
        unchecked.into_iter().map(|(id, reason)| Unchecked { id, reason }).collect::<Vec<_>>()
    });
    let rest = (maybe(hash()), number(), text(), any::<bool>(), time(), maybe(hash()));
    (findings, unchecked, rest).prop_map(|(findings, unchecked, rest)| {
        let (baseline, duration_ms, root, simulated, started_at, tree_root) = rest;
        let counts = FindingCounts::of(&findings, &unchecked);
        Scan { baseline, counts, duration_ms, findings, root, simulated, started_at, tree_root, unchecked }
    })
}

fn silence() -> impl Strategy<Value = Silence> {
    let create = (time(), uuid(), maybe(name()), text(), maybe(name()), filled()).prop_map(
        |(expires_at, node, reason, subject, tenant, text)| {
            let subject = reason.is_some().then_some(subject);
            Silence::Create { expires_at, node: Some(node), reason, subject, tenant, text }
        },
    );
    prop_oneof![create, hash().prop_map(|silence| Silence::End { silence })]
}

fn slo() -> impl Strategy<Value = Slo> {
    let outcomes =
        [Outcome::Allow, Outcome::Deny, Outcome::Error, Outcome::Isolate, Outcome::Ok, Outcome::Throttle];
    let counts = btree_map((name(), name(), select(outcomes.to_vec())), number(), 1..6);
    (counts, time(), time()).prop_map(|(counts, a, b)| {
        let counts = counts.into_iter().map(|((component, operation, outcome), count)| OutcomeCount {
            component,
            count,
            operation,
            outcome,
        });
        Slo { counts: counts.collect(), from: a.min(b), to: a.max(b) }
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let list = || maybe(btree_set(text(), 0..4).prop_map(|list| list.into_iter().collect::<Vec<_>>()));
    let narrowing = (maybe(number()), list(), list(), list())
        .prop_map(|(lines, paths, templates, units)| Narrowing { lines, paths, templates, units });
    let mode = select(vec![PolicyMode::Enforce, PolicyMode::Observe]);
    let assign = (btree_map(name(), narrowing, 0..4), mode, maybe(uuid())).prop_map(|(allow, mode, node)| {
        let document = PolicyDocument { allow, format: PolicyFormat::V1, mode };
        let selector = node.is_none().then(|| "rack in (b4), !canary".to_owned());
        Policy::Assign { document, node, selector }
    });
    prop_oneof![assign, hash().prop_map(|assignment| Policy::Withdraw { assignment })]
}

fn webhook() -> impl Strategy<Value = Webhook> {
    let create = (uuid(), hash(), btree_set(name(), 1..=16), text()).prop_map(|(id, secret, types, path)| {
        Webhook::Create { id, secret, types: types.into_iter().collect(), url: format!("https://{path}") }
    });
    prop_oneof![create, uuid().prop_map(|id| Webhook::Remove { id })]
}

proptest! {
    #[test]
    fn acks(expires_at in maybe(time()), reply in reply()) {
        let ack = Ack { expires_at, target: reply.target, text: reply.text };
        round_trip_of(&Kind::Ack, 2, &ack)?;
        let json = String::from_utf8(canonical::to_vec(&ack).unwrap()).unwrap();
        let oldest = if expires_at.is_some() { 2 } else { 1 };
        prop_assert_eq!(Kind::Ack.payload_version(&json), Ok(oldest));
        prop_assert_eq!(Kind::Ack.check_payload(1, &json).is_ok(), oldest == 1);
    }

    #[test]
    fn assigns(assignee in maybe(filled()), target in hash(), text in maybe(text())) {
        round_trip(&Kind::Assign, &Assign { assignee, target, text })?;
    }

    #[test]
    fn attentions(at in time(), (change, band) in change(), ruleset in hash(), score in 0..=100u64, seq in number()) {
        round_trip(&Kind::Attention, &Attention { at, band, change, ruleset, score, seq })?;
    }

    #[test]
    fn commands(command in command()) {
        round_trip(&Kind::Command, &command)?;
    }

    /// The signed bytes are the context and the members that bind the node, whatever else the order says.
    #[test]
    fn what_a_command_key_signs(mut order in order(), other in order(), ledger in hash()) {
        let bytes = command_bytes(&order, &ledger);
        let statement: serde_json::Value = serde_json::from_slice(&bytes[COMMAND_CONTEXT.len()..]).unwrap();
        prop_assert!(bytes.starts_with(b"vaultmesh/command/v1\n"));
        let payload = serde_json::to_value(&order).unwrap();
        let members: Vec<&str> = statement.as_object().unwrap().keys().map(String::as_str).collect();
        let signed = ["command", "expires_at", "ledger", "node", "nonce", "not_before", "parameters"];
        prop_assert_eq!(members, signed);
        for member in signed.iter().filter(|member| **member != "ledger") {
            prop_assert_eq!(&statement[member], &payload[member]);
        }
        prop_assert_eq!(&statement["ledger"], &serde_json::json!(ledger));
        prop_assert_ne!(&bytes, &command_bytes(&order, &Hash::ZERO));
        order.approvals = other.approvals;
        order.rollout = other.rollout;
        order.sig = other.sig;
        order.text = other.text;
        prop_assert_eq!(bytes, command_bytes(&order, &ledger));
    }

    #[test]
    fn goodbyes(reason in text(), until in maybe(time())) {
        round_trip(&Kind::Goodbye, &Goodbye { reason, until })?;
    }

    #[test]
    fn baselines(baseline in hash(), node in uuid(), tree_root in maybe(hash())) {
        round_trip(&Kind::Baseline, &Baseline { baseline, node, tree_root })?;
    }

    #[test]
    fn labels(labels in btree_map(name(), text(), 0..5)) {
        round_trip(&Kind::Labels, &Labels { labels: Some(labels), name: None })?;
    }

    #[test]
    fn labels_with_a_name(labels in maybe(btree_map(name(), text(), 0..5)), name in name()) {
        round_trip_of(&Kind::Labels, 2, &Labels { labels, name: Some(name) })?;
    }

    #[test]
    fn notices(
        attempt in 1..1000u64, events in vec(hash(), 1..5), message in filled(), n in 0..3usize,
        status in maybe(100..=599u64), webhook in uuid(),
    ) {
        let outcome = [Delivery::Delivered, Delivery::Failed, Delivery::GivenUp][n];
        round_trip(&Kind::Notice, &Notice { attempt, events, message, outcome, status, webhook })?;
    }

    #[test]
    fn receipts(receipt in receipt()) {
        round_trip(&Kind::Receipt, &receipt)?;
    }

    #[test]
    fn reopens(reply in reply()) {
        round_trip(&Kind::Reopen, &reply)?;
    }

    #[test]
    fn rulesets(ruleset in ruleset()) {
        round_trip(&Kind::Ruleset, &ruleset)?;
    }

    #[test]
    fn scans(scan in scan()) {
        round_trip(&Kind::Scan, &scan)?;
    }

    #[test]
    fn policies(policy in policy()) {
        round_trip(&Kind::Policy, &policy)?;
        if let Policy::Assign { document, .. } = policy {
            let (bytes, hash) = document.bytes_and_hash().unwrap();
            let read = PolicyDocument::parse(std::str::from_utf8(&bytes).unwrap()).unwrap();
            prop_assert_eq!(read.bytes_and_hash().unwrap(), (bytes.clone(), hash));
            prop_assert_eq!(hash.0, *blake3::hash(&[&[0x30], &*bytes].concat()).as_bytes());
        }
    }

    #[test]
    fn silences(silence in silence()) {
        round_trip(&Kind::Silence, &silence)?;
    }

    #[test]
    fn slos(slo in slo()) {
        round_trip(&Kind::Slo, &slo)?;
    }

    #[test]
    fn usages(n in 0..5usize, product in name(), quantity in number()) {
        let metrics = [
            Metric::ApiCalls, Metric::Decisions, Metric::DigFiles, Metric::SnapshotExports,
            Metric::StorageBytes,
        ];
        round_trip(&Kind::Usage, &Usage { metric: metrics[n], product, quantity })?;
    }

    #[test]
    fn webhooks(webhook in webhook()) {
        round_trip(&Kind::Webhook, &webhook)?;
    }
}

#[test]
fn words_are_those_of_the_payload() {
    for band in BANDS {
        assert_eq!(serde_json::json!(band), band.as_str());
    }
    let metrics = [
        Metric::ApiCalls,
        Metric::Decisions,
        Metric::DigFiles,
        Metric::SnapshotExports,
        Metric::StorageBytes,
    ];
    for metric in metrics {
        assert_eq!(serde_json::json!(metric), metric.as_str());
    }
    assert!(BANDS.is_sorted() && Band::default() == Band::Ok);
}
