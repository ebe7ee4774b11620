//! Random histories against a simple model.

use crate::runs::check_runs;
use crate::support::{Node, Place, check_receipts, check_whole, codes, enrol, key, run};
use chance::Chance;
use ledger::{AppendOptions, Ledger, Outcome};
use proofs::proofchain::{ProofChain, RowAuditor};
use proofs::tree::verify_consistency;
use proofs::{Blake3, Checkpoint};
use proptest::prelude::*;
use serde_json::json;
use spec::{Event, Hash, Kind};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Step {
    /// An author appends a batch with these.
    Append(usize, Vec<Item>),
    Seal,
    Reopen {
        seal: bool,
        lose_index: bool,
    },
    Wait(u64),
}

#[derive(Debug, Clone, Copy)]
enum Item {
    Good,
    Resend,
    Fork,
    Gap,
    BadPayload,
    BadSignature,
    WrongOrg,
    NewEpoch,
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        10 => Just(Item::Good),
        2 => Just(Item::Resend),
        1 => Just(Item::Fork),
        1 => Just(Item::Gap),
        1 => Just(Item::BadPayload),
        1 => Just(Item::BadSignature),
        1 => Just(Item::WrongOrg),
        1 => Just(Item::NewEpoch),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3usize, prop::collection::vec(item(), 1..7)).prop_map(|(n, items)| Step::Append(n, items)),
        2 => Just(Step::Seal),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(seal, lose_index)| Step::Reopen { seal, lose_index }),
        1 => (1..100_000u64).prop_map(Step::Wait),
    ]
}

/// An author and what it believes of the ledger.
struct Author {
    node: Node,
    sent: Vec<Event>,
}

#[derive(Default)]
struct Model {
    /// Seq of each recorded event.
    recorded: BTreeMap<Hash, u64>,
    answers: Vec<(Vec<Event>, ledger::Appended)>,
    /// Entries beyond the recorded events: what the ledger itself said.
    own: u64,
}

impl Author {
    /// The batch's events, each with the codes that are right for it.
    fn batch(&mut self, items: &[Item], rng: &mut Chance) -> Vec<(Event, &'static [&'static str])> {
        let mut out: Vec<(Event, &'static [&'static str])> = Vec::new();
        let text = json!({"text": rng.next().to_string()});
        for item in items {
            let node = &mut self.node;
            match item {
                Item::Good => {
                    let event = node.event(Kind::Note, &text);
                    self.sent.push(event.clone());
                    out.push((event, &["ok"]));
                }
                Item::NewEpoch => {
                    let event = node.open_epoch();
                    self.sent.push(event.clone());
                    out.push((event, &["ok"]));
                }
                Item::Resend if !self.sent.is_empty() => {
                    let event = self.sent[rng.index(self.sent.len())].clone();
                    out.push((event, &["again"]));
                }
                Item::Fork if !self.sent.is_empty() => {
                    let place = self.sent[rng.index(self.sent.len())].header.chain;
                    let event = node.craft(Kind::Note, &text, |header| header.chain = place);
                    out.push((event, &["chain-fork", "epoch-closed"]));
                }
                Item::Gap => {
                    let event = node.craft(Kind::Note, &text, |header| {
                        if let Some(link) = &mut header.chain {
                            link.seq += 1;
                        }
                    });
                    out.push((event, &["chain-gap", "blocked"]));
                }
                Item::BadSignature => {
                    let mut event = node.craft(Kind::Note, &text, |_| ());
                    event.sig.0[1] ^= 1;
                    out.push((event, &["bad-signature"]));
                }
                Item::BadPayload => {
                    let event = node.craft(Kind::Note, &json!({"words": 1}), |_| ());
                    node.advance(&event);
                    out.push((event, &["bad-payload"]));
                }
                Item::WrongOrg => {
                    let event = node
                        .craft(Kind::Note, &text, |header| header.org = crate::support::name("elsewhere"));
                    node.advance(&event);
                    out.push((event, &["wrong-org"]));
                }
                Item::Resend | Item::Fork => {}
            }
        }
        out
    }
}

async fn append(ledger: &Ledger, model: &mut Model, batch: Vec<(Event, &'static [&'static str])>) {
    let (events, expected): (Vec<Event>, Vec<_>) = batch.into_iter().unzip();
    let appended =
        ledger.append(events.clone(), AppendOptions { inclusion: true, urgent: false }).await.unwrap();
    for ((code, expected), (event, outcome)) in
        codes(&appended).iter().zip(&expected).zip(events.iter().zip(&appended.outcomes))
    {
        assert!(expected.contains(code), "{code}, expected {expected:?}");
        match outcome {
            Outcome::Recorded(receipt) => {
                let seq = *model.recorded.entry(event.hash()).or_insert(receipt.seq);
                assert_eq!(receipt.seq, seq);
            }
            Outcome::Refused { recorded, .. } => model.own += u64::from(recorded.is_some()),
        }
    }
    model.answers.push((events, appended));
}

async fn history(place: &Place, steps: &[Step], seed: u64) {
    let mut rng = Chance(seed);
    let mut place = place.clone();
    let mut ledger = place.start().await;
    let mut authors = Vec::new();
    for org in ["acme", "other", "acme"] {
        authors.push(Author { node: enrol(&place, &ledger, org).await, sent: Vec::new() });
    }
    let mut model = Model { own: ledger.head().borrow().size, ..Model::default() };
    for step in steps {
        match step {
            Step::Append(n, items) => {
                let batch = authors[*n].batch(items, &mut rng);
                append(&ledger, &mut model, batch).await;
            }
            Step::Seal => model.own += u64::from(ledger.seal().await.unwrap().is_some()),
            Step::Reopen { seal, lose_index } => {
                let before = ledger.head().borrow().size;
                ledger.close(*seal);
                model.own += ledger.head().borrow().size - before;
                if *lose_index {
                    place = place.without_index();
                }
                ledger = place.open().await;
            }
            Step::Wait(millis) => place.clock.advance((*millis).min(50_000)),
        }
        assert_eq!(ledger.head().borrow().size, model.own + model.recorded.len() as u64);
    }
    check_history(&ledger, &model);
    check_runs(&place, &ledger).await;
    ledger.close(true);
    check_chain(&place);
    check_whole(&place);
}

/// Every receipt proves its event, and every checkpoint extends the one before.
fn check_history(ledger: &Ledger, model: &Model) {
    let keys = [key(230).public()];
    let mut previous: Option<Checkpoint> = None;
    for (events, appended) in &model.answers {
        check_receipts(&keys, events, appended);
        let checkpoint = Checkpoint::open(appended.checkpoint.as_bytes(), &keys, &[]).unwrap().checkpoint;
        if let Some(old) = previous.replace(checkpoint.clone()) {
            let proof = ledger.consistency(old.size, checkpoint.size).unwrap();
            verify_consistency::<Blake3>(old.size, &old.root, checkpoint.size, &checkpoint.root, &proof)
                .unwrap();
        }
    }
}

fn check_chain(place: &Place) {
    let Some(bytes) = place.get("PROOFCHAIN.json") else { return };
    let chain = ProofChain::parse(&bytes).unwrap();
    let mut rows = RowAuditor::new(&chain.origin);
    for row in &chain.seals {
        rows.check(row, &[key(230).public()]).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn random_histories(steps in prop::collection::vec(step(), 1..40), seed in any::<u64>()) {
        run(history(&Place::memory(), &steps, seed));
    }
}

#[test]
fn a_proof_chain_longer_than_its_file() {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        let mut node = enrol(&place, &ledger, "acme").await;
        for round in 0..300 {
            crate::support::recorded(&ledger, node.note("x")).await;
            ledger.seal().await.unwrap().unwrap();
            if round == 255 {
                // Closed with a full file, opened, and spilt.
                ledger.close(false);
                break;
            }
        }
        let ledger = place.open().await;
        for _ in 0..140 {
            crate::support::recorded(&ledger, node.note("x")).await;
            ledger.seal().await.unwrap().unwrap();
        }
        ledger.close(true);
        let chain = ProofChain::parse(&place.get("PROOFCHAIN.json").unwrap()).unwrap();
        assert_eq!(chain.parts.len(), 2);
        assert_eq!(chain.seals.last().unwrap().index, 395);
        check_whole(&place);
    });
}
