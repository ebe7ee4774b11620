//! Payloads of every kind: what a type writes is what it read.

mod findings;
mod operations;
mod rollouts;
pub(crate) mod schedules;

use crate::json;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spec::limits::MAX_SAFE_INTEGER;
use spec::payload::{
    Authority, AuthorityChange, ChainFork, ChainGap, ChainOpen, Contradiction, DifferingLeaves, Digest,
    Enrolment, Genesis, GenesisKeys, Heartbeat, Incident, KeyChange, KeyIntroduction, KeyRotation,
    KeySignature, KeyStatus, Note, Place, Predecessor, Reading, Recovery, RecoveryAction, RecoveryKeys,
    Refusal, Reply, Role, Seal, Service, ServiceAction, Tag, Token, Witness, WitnessKey, WitnessSet,
    WitnessSetChange,
};
use spec::{Author, Epoch, Hash, KeyUse, Kind, Name, PublicKey, Signature, Timestamp, Uuid, canonical};
use std::collections::BTreeMap;

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}

fn public_key() -> impl Strategy<Value = PublicKey> {
    any::<[u8; 32]>().prop_map(PublicKey)
}

fn signature() -> impl Strategy<Value = Signature> {
    any::<[u8; 32]>().prop_map(|half| Signature(std::array::from_fn(|i| half[i % 32])))
}

fn name() -> impl Strategy<Value = Name> {
    "[a-z0-9._:-]{1,128}".prop_map(|text| text.parse().unwrap())
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid::v4)
}

fn author() -> impl Strategy<Value = Author> {
    prop_oneof![
        uuid().prop_map(Author::Node),
        uuid().prop_map(Author::User),
        uuid().prop_map(Author::Token),
        name().prop_map(Author::Service),
        name().prop_map(Author::Import),
    ]
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..=Timestamp::MAX.millis()).prop_map(Timestamp::from_millis)
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..10u64, 0..=MAX_SAFE_INTEGER]
}

fn maybe<T: std::fmt::Debug>(some: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(some)
}

fn reading<T: std::fmt::Debug>(known: impl Strategy<Value = T>) -> impl Strategy<Value = Reading<T>> {
    maybe(known).prop_map(Reading::from)
}

fn text() -> impl Strategy<Value = String> {
    json::text()
}

fn role() -> impl Strategy<Value = Role> {
    proptest::sample::select(Role::ALL.to_vec())
}

/// `value` as a payload of `kind` in its first version: admitted, and read back the same.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    kind: &Kind,
    value: &T,
) -> Result<(), TestCaseError> {
    round_trip_of(kind, 1, value)
}

/// The same in a version.
fn round_trip_of<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    kind: &Kind,
    version: u64,
    value: &T,
) -> Result<(), TestCaseError> {
    let bytes = canonical::to_vec(value).unwrap();
    let text = canonical::check(&bytes).unwrap();
    prop_assert_eq!(kind.check_payload(version, text), Ok(()), "{} {}", kind, text);
    let read: T = serde_json::from_str(text).unwrap();
    prop_assert_eq!(&read, value);
    prop_assert_eq!(canonical::to_vec(&read).unwrap(), bytes);
    Ok(())
}

fn reply() -> impl Strategy<Value = Reply> {
    (hash(), maybe(text())).prop_map(|(target, text)| Reply { target, text })
}

fn genesis() -> impl Strategy<Value = Genesis> {
    let keys = proptest::collection::btree_set(any::<[u8; 32]>(), 5..=20)
        .prop_map(|keys| keys.into_iter().map(PublicKey).collect::<Vec<_>>())
        .prop_shuffle();
    let predecessor =
        (text(), hash(), text(), hash(), number()).prop_map(|(checkpoint, ledger, reason, root, size)| {
            Predecessor { checkpoint, ledger, reason, root, size }
        });
    (keys, any::<u64>(), (number(), number(), name(), hash()), signature(), maybe(predecessor)).prop_map(
        |(keys, threshold, (admission, format, name, nonce), sig, predecessor)| {
            let recovery = keys[4..].to_vec();
            let threshold = threshold % recovery.len() as u64 + 1;
            let mut pop: Vec<_> = keys.iter().map(|key| KeySignature { key: *key, sig }).collect();
            pop.sort_by_key(|pop| pop.key);
            let keys = GenesisKeys {
                checkpoint: keys[0],
                checkpoint_sha256: keys[1],
                command: keys[2],
                recovery: RecoveryKeys { keys: recovery, threshold },
                service: keys[3],
            };
            Genesis { admission, format, keys, name, nonce, pop, predecessor }
        },
    )
}

fn introduction() -> impl Strategy<Value = KeyIntroduction> {
    let pair = prop_oneof![
        uuid().prop_map(|id| (Author::Node(id), KeyUse::Node)),
        uuid().prop_map(|id| (Author::User(id), KeyUse::Device)),
        author().prop_map(|author| (author, KeyUse::Witness)),
    ];
    (pair, public_key(), signature(), hash()).prop_map(|((author, key_use), key, pop, token)| {
        KeyIntroduction { author, key, labels: BTreeMap::new(), name: None, pop, token, key_use }
    })
}

/// Of a node that says what it would be called.
fn described() -> impl Strategy<Value = KeyIntroduction> {
    let labels = proptest::collection::btree_map(name(), text(), 0..5);
    (introduction(), uuid(), labels, name()).prop_map(|(introduced, id, labels, name)| KeyIntroduction {
        author: Author::Node(id),
        key_use: KeyUse::Node,
        labels,
        name: Some(name),
        ..introduced
    })
}

fn key_status() -> impl Strategy<Value = KeyStatus> {
    (public_key(), maybe(text()), maybe(number())).prop_map(|(key, reason, suspect_from)| {
        let status = if suspect_from.is_some() { KeyChange::Compromised } else { KeyChange::Revoked };
        KeyStatus { key, reason, status, suspect_from }
    })
}

fn authority() -> impl Strategy<Value = Authority> {
    let uses = [KeyUse::Checkpoint, KeyUse::CheckpointSha256, KeyUse::Service, KeyUse::Command];
    let change = (public_key(), public_key(), signature(), proptest::sample::select(uses.to_vec()))
        .prop_map(|(new, old, pop, key_use)| AuthorityChange { new, old, pop, key_use });
    let signers = proptest::collection::btree_set(any::<[u8; 32]>(), 0..=16);
    (change, hash(), signers, signature()).prop_map(|(change, prev_change, signers, sig)| {
        let signatures = signers.into_iter().map(|key| KeySignature { key: PublicKey(key), sig }).collect();
        Authority { change, prev_change, signatures }
    })
}

fn key_signatures(most: usize) -> impl Strategy<Value = Vec<KeySignature>> {
    let signers = proptest::collection::btree_set(any::<[u8; 32]>(), 1..=most);
    (signers, signature()).prop_map(|(signers, sig)| {
        signers.into_iter().map(|key| KeySignature { key: PublicKey(key), sig }).collect()
    })
}

fn witness_set() -> impl Strategy<Value = WitnessSetChange> {
    let members = proptest::collection::btree_map(name(), (any::<[u8; 32]>(), signature()), 1..=15);
    (members, hash(), key_signatures(16), 0..15u64).prop_filter_map(
        "two witnesses with one key",
        |(members, prev_change, signatures, more)| {
            let witness =
                |(n, (name, (key, pop)))| Witness { key: PublicKey(key), name, outside: n == 0, pop };
            let witnesses: Vec<Witness> = members.into_iter().enumerate().map(witness).collect();
            let count = witnesses.len() as u64;
            let quorum = (WitnessSet::least_quorum(witnesses.len()) + more).min(count);
            let keys: std::collections::BTreeSet<_> = witnesses.iter().map(|witness| witness.key).collect();
            let set = WitnessSet { quorum, witnesses };
            (keys.len() as u64 == count).then_some(WitnessSetChange { prev_change, set, signatures })
        },
    )
}

fn contradiction() -> impl Strategy<Value = Contradiction> {
    let path = || vec(hash(), 0..=64);
    let leaves =
        (number(), hash(), hash(), path(), path()).prop_map(|(index, leaf_a, leaf_b, path_a, path_b)| {
            DifferingLeaves { index, leaf_a, leaf_b, path_a, path_b }
        });
    (".{1,200}", ".{1,200}", maybe(leaves)).prop_map(|(a, b, leaves)| Contradiction { a, b, leaves })
}

fn enrolment() -> impl Strategy<Value = Enrolment> {
    prop_oneof![
        (time(), (0..4usize, maybe(uuid())), name(), maybe(name()), hash(), number()).prop_map(
            |(expires_at, (n, node), org, tenant, token, uses)| {
                let key_use = [None, Some(KeyUse::Node), Some(KeyUse::Device), Some(KeyUse::Witness)][n];
                let node = node.filter(|_| n < 2);
                Enrolment::Create { expires_at, key_use, node, org, tenant, token, uses }
            }
        ),
        hash().prop_map(|token| Enrolment::Revoke { token }),
    ]
}

fn token() -> impl Strategy<Value = Token> {
    prop_oneof![
        (maybe(time()), uuid(), text(), name(), role(), hash()).prop_map(
            |(expires_at, id, label, org, role, secret)| Token::Create {
                expires_at,
                id,
                label,
                org,
                role,
                secret
            }
        ),
        uuid().prop_map(|id| Token::Revoke { id }),
    ]
}

fn recovery() -> impl Strategy<Value = Recovery> {
    prop_oneof![
        (number(), hash(), number(), number()).prop_map(|(bytes, hash, offset, segment)| Recovery {
            bytes: Some(bytes),
            hash: Some(hash),
            offset: Some(offset),
            segment: Some(segment),
            ..Recovery::plain(RecoveryAction::CutTail)
        }),
        Just(Recovery::plain(RecoveryAction::RebuildRoot)),
        time().prop_map(|last| Recovery { last: Some(last), ..Recovery::plain(RecoveryAction::AcceptClock) }),
    ]
}

fn seal() -> impl Strategy<Value = Seal> {
    let digest =
        (hash(), number(), number()).prop_map(|(digest, size, version)| Digest { digest, size, version });
    let advisory = proptest::collection::btree_map(text(), digest, 0..4);
    (hash(), advisory, number(), hash(), hash()).prop_map(|(admission, advisory, index, prev, root)| Seal {
        admission,
        advisory,
        index,
        prev,
        root,
    })
}

/// An object of values such as a header holds, to be quoted.
fn header() -> impl Strategy<Value = Value> {
    (text(), number(), hash())
        .prop_map(|(text, seq, hash)| json!({"chain": {"prev": hash, "seq": seq}, "more": text}))
}

fn chain_fork() -> impl Strategy<Value = ChainFork> {
    let place = (any::<[u8; 16]>(), number()).prop_map(|(epoch, seq)| Place { epoch: Epoch(epoch), seq });
    (header(), public_key(), place, number(), signature())
        .prop_map(|(header, key, place, recorded, sig)| ChainFork { header, key, place, recorded, sig })
}

fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    let amount = || maybe(reading(number()));
    let seven = (uuid(), text(), text(), reading(any::<bool>()), reading(any::<bool>()), text(), time());
    let agent = (maybe(text()), amount(), maybe(text()), maybe(number()), maybe(text()), maybe(hash()));
    let offset = maybe(reading(-86_400_000..86_400_000i64));
    let sizes = [amount().boxed(), amount().boxed(), amount().boxed(), amount().boxed()];
    let loads = vec(amount(), 7);
    (seven, agent, offset, sizes, loads, maybe(number()), maybe(number())).prop_map(
        |(seven, agent, clock_offset_ms, sizes, loads, spool_depth, spool_dropped)| {
            let (node_id, hostname, os_profile, cloudflare_ok, services_ok, vaultmesh_root, time) = seven;
            let (agent_version, agent_rss_bytes, boot_id, interval_secs, kernel_version, policy_hash) = agent;
            let [disk_total_bytes, disk_available_bytes, memory_total_bytes, memory_available_bytes] = sizes;
            let seven = json!({
                "node_id": node_id, "hostname": hostname, "os_profile": os_profile,
                "cloudflare_ok": cloudflare_ok, "services_ok": services_ok, "vaultmesh_root": vaultmesh_root,
                "timestamp": time,
            });
            Heartbeat {
                agent_version,
                agent_rss_bytes,
                boot_id,
                clock_offset_ms,
                disk_total_bytes,
                disk_available_bytes,
                interval_secs,
                kernel_version,
                load1_milli: loads[0],
                load5_milli: loads[1],
                load15_milli: loads[2],
                memory_total_bytes,
                memory_available_bytes,
                policy_hash,
                pressure_cpu_milli: loads[3],
                pressure_io_milli: loads[4],
                pressure_memory_milli: loads[5],
                spool_depth,
                spool_dropped,
                uptime_secs: loads[6],
                ..Heartbeat::read(&seven.to_string()).unwrap()
            }
        },
    )
}

proptest! {
    #[test]
    fn replies(reply in reply()) {
        round_trip(&Kind::Ack, &reply)?;
        round_trip(&Kind::Resolve, &reply)?;
    }

    #[test]
    fn notes(target in maybe(hash()), text in text()) {
        round_trip(&Kind::Note, &Note { target, text })?;
    }

    #[test]
    fn incidents(title in text(), text in maybe(text())) {
        round_trip(&Kind::Incident, &Incident { text, title })?;
    }

    #[test]
    fn tags(tags in vec(text(), 1..=64), target in hash()) {
        round_trip(&Kind::Tag, &Tag { tags, target })?;
    }

    #[test]
    fn heartbeats(heartbeat in heartbeat()) {
        round_trip(&Kind::Heartbeat, &heartbeat)?;
        let loose = serde_json::to_string_pretty(&heartbeat).unwrap();
        prop_assert_eq!(Heartbeat::read(&loose).unwrap(), heartbeat);
    }

    #[test]
    fn first_entries(genesis in genesis()) {
        round_trip(&Kind::Genesis, &genesis)?;
    }

    #[test]
    fn introductions(introduction in introduction()) {
        round_trip(&Kind::Key, &introduction)?;
    }

    #[test]
    fn introductions_with_a_name(introduction in described()) {
        round_trip_of(&Kind::Key, 2, &introduction)?;
    }

    #[test]
    fn rotations(key in public_key(), replaces in public_key(), pop in signature()) {
        prop_assume!(key != replaces);
        round_trip(&Kind::KeyRotation, &KeyRotation { key, pop, replaces })?;
    }

    #[test]
    fn key_statuses(status in key_status()) {
        round_trip(&Kind::KeyStatus, &status)?;
    }

    #[test]
    fn authorities(authority in authority()) {
        round_trip(&Kind::Authority, &authority)?;
    }

    #[test]
    fn witness_sets(set in witness_set()) {
        round_trip(&Kind::WitnessSet, &set)?;
    }

    #[test]
    fn witness_keys(key in public_key(), name in name(), pop in signature()) {
        round_trip(&Kind::WitnessKey, &WitnessKey { key, name, pop })?;
    }

    #[test]
    fn contradictions(contradiction in contradiction()) {
        round_trip(&Kind::Contradiction, &contradiction)?;
    }

    #[test]
    fn enrolments(enrolment in enrolment()) {
        round_trip_of(&Kind::Enrolment, 2, &enrolment)?;
    }

    #[test]
    fn tokens(token in token()) {
        round_trip(&Kind::Token, &token)?;
    }

    #[test]
    fn recoveries(recovery in recovery()) {
        round_trip_of(&Kind::Recovery, 2, &recovery)?;
    }

    #[test]
    fn seals(seal in seal()) {
        round_trip(&Kind::Seal, &seal)?;
    }

    #[test]
    fn services(version in text(), n in 0..3usize, secs in maybe(1..=86_400u64)) {
        let action = [ServiceAction::Alive, ServiceAction::Start, ServiceAction::Stop][n];
        let heartbeat_secs = secs.filter(|_| action == ServiceAction::Start);
        round_trip_of(&Kind::Service, 2, &Service { action, heartbeat_secs, version })?;
    }

    #[test]
    fn chain_opens(last in maybe(hash()), reason in text()) {
        round_trip(&Kind::ChainOpen, &ChainOpen { last, reason })?;
    }

    #[test]
    fn chain_gaps(count in 1..=MAX_SAFE_INTEGER, head in hash(), a in time(), b in time()) {
        round_trip(&Kind::ChainGap, &ChainGap { count, head, from: a.min(b), to: a.max(b) })?;
    }

    #[test]
    fn chain_forks(fork in chain_fork()) {
        round_trip(&Kind::ChainFork, &fork)?;
    }

    #[test]
    fn refusals(code in "[a-z-]{1,64}", header in header(), sig in signature()) {
        round_trip(&Kind::Refusal, &Refusal { code, header, sig })?;
    }

    #[test]
    fn kinds_of_ones_own(value in json::value(), version in 1..=MAX_SAFE_INTEGER) {
        let kind: Kind = "x-mine".parse().unwrap();
        let text = String::from_utf8(canonical::to_vec(&json!({ "any": value })).unwrap()).unwrap();
        prop_assert_eq!(kind.check_payload(version, &text), Ok(()));
        let text = String::from_utf8(canonical::to_vec(&json!([value])).unwrap()).unwrap();
        prop_assert!(kind.check_payload(version, &text).is_err());
    }
}
