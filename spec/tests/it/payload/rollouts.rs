//! Payloads of roll-outs, and what follows from them.

use super::{hash, maybe, name, number, round_trip, round_trip_of, text, uuid};
use crate::history::at;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use spec::Kind;
use spec::payload::{RolloutAction, RolloutPlan, RolloutStep, RolloutWave, Share};

fn share() -> impl Strategy<Value = Share> {
    prop_oneof![
        (0..=4096u64).prop_map(|count| Share { count: Some(count), percent: None }),
        (0..=100u64).prop_map(|percent| Share { count: None, percent: Some(percent) }),
    ]
}

fn plan() -> impl Strategy<Value = RolloutPlan> {
    let what = (name(), uuid(), share(), text(), maybe(text()), btree_map(name(), text(), 0..4));
    let rest = (0..=604_800u64, select(vec!["", "env=prod"]), 1..=2_592_000u64, vec(share(), 0..5));
    (what, rest).prop_map(|(what, (pause_secs, selector, ttl_secs, mut waves))| {
        let (command, id, may_fail, name, os_profile, parameters) = what;
        waves.push(Share { count: None, percent: Some(100) });
        RolloutPlan {
            approvals: None,
            approve_by: None,
            command,
            id,
            may_fail,
            name: format!("-{name}"),
            os_profile,
            parameters,
            pause_secs,
            selector: selector.to_owned(),
            ttl_secs,
            waves,
        }
    })
}

fn wave() -> impl Strategy<Value = RolloutWave> {
    let step =
        select(vec![RolloutStep::Chosen, RolloutStep::Begun, RolloutStep::Halted, RolloutStep::Finished]);
    (step, hash(), 0..1000u64, 0..32u64, btree_set(uuid(), 0..4), number()).prop_map(
        |(step, rollout, ms, wave, nodes, count)| {
            let chosen = step == RolloutStep::Chosen;
            let ends = matches!(step, RolloutStep::Halted | RolloutStep::Finished);
            RolloutWave {
                at: at(ms),
                failed: ends.then_some(count),
                nodes: chosen.then(|| nodes.into_iter().collect()),
                rollout,
                step,
                succeeded: ends.then_some(count),
                wave: if chosen { 0 } else { wave },
            }
        },
    )
}

proptest! {
    #[test]
    fn rollouts(plan in plan(), id in uuid()) {
        round_trip(&Kind::Rollout, &RolloutAction::Start(Box::new(plan)))?;
        round_trip(&Kind::Rollout, &RolloutAction::Pause { id })?;
        round_trip(&Kind::Rollout, &RolloutAction::Resume { id })?;
        round_trip(&Kind::Rollout, &RolloutAction::Abort { id })?;
    }

    #[test]
    fn approvals(plan in plan(), approvals in 1..=5u64, id in uuid(), target in hash(), text in maybe(text())) {
        let plan = RolloutPlan { approvals: Some(approvals), approve_by: Some(at(approvals)), ..plan };
        round_trip_of(&Kind::Rollout, 2, &RolloutAction::Start(Box::new(plan)))?;
        round_trip_of(&Kind::Rollout, 2, &RolloutAction::Approve { id, target, text })?;
        let expired = RolloutWave {
            at: at(approvals), failed: None, nodes: None, rollout: target, step: RolloutStep::Expired,
            succeeded: None, wave: 0,
        };
        round_trip_of(&Kind::RolloutWave, 2, &expired)?;
    }

    #[test]
    fn waves(wave in wave()) {
        round_trip(&Kind::RolloutWave, &wave)?;
    }

    /// Each wave tells somebody more, and the last has told all.
    #[test]
    fn waves_rise_to_all(plan in plan(), all in 0..5000u64) {
        let totals = plan.totals(all);
        prop_assert!(totals.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(totals.last().copied().unwrap_or_default(), all);
        prop_assert!(totals.len() <= plan.waves.len() && !totals.contains(&0));
        let wanted = |total: &u64| plan.waves.iter().any(|wave| wave.of_at_least(all) == *total);
        prop_assert!(totals.iter().all(wanted));
    }
}

#[test]
fn shares_are_rounded_to_the_safe_side() {
    let percent = |percent| Share { count: None, percent: Some(percent) };
    let count = |count| Share { count: Some(count), percent: None };
    assert_eq!((percent(10).of_at_least(5), percent(10).of_at_most(5)), (1, 0));
    assert_eq!((percent(50).of_at_least(5), percent(50).of_at_most(5)), (3, 2));
    assert_eq!((percent(0).of_at_least(5), percent(100).of_at_most(5)), (0, 5));
    assert_eq!((count(7).of_at_least(5), count(7).of_at_most(5)), (5, 7));
}
