//! What is to be said of roll-outs.

use super::{ORDERS, Work, draft, selected, unsigned};
use ledger::service::Draft;
use projections::Projections;
use projections::rollouts::{Rollout, Step, Wave};
use spec::payload::{
    Command, CommandOrder, MAX_ROLLOUT_NODES, Rollout as Part, RolloutStep, RolloutWave, order_id, order_seed,
};
use spec::{Kind, Name, Timestamp, Uuid};

/// Adds what is to be said at `now`: first the commands of waves that began, then decisions.
pub(super) fn add(work: &mut Work, folds: &Projections, now: Timestamp) {
    for (org, rollout) in folds.rollouts().iter() {
        let room = ORDERS.saturating_sub(work.drafts.len());
        let outstanding: Vec<_> = rollout.outstanding(now).take(room).collect();
        if !outstanding.is_empty() {
            let orders = outstanding.into_iter().map(|part| order(folds, org, rollout, part));
            work.drafts.extend(orders);
        } else if let Some(step) = rollout.decide(now) {
            work.drafts.push(decision(folds, org, rollout, step, now));
        } else if let Some(at) = rollout.wakes(now) {
            work.wake(at);
        }
    }
}

/// The event in which it is said what is decided.
fn decision(folds: &Projections, org: &Name, rollout: &Rollout, step: Step, now: Timestamp) -> Draft {
    let plan = &rollout.plan;
    let mut said = RolloutWave {
        at: now,
        failed: None,
        nodes: None,
        rollout: rollout.hash,
        step: RolloutStep::Begun,
        succeeded: None,
        wave: 0,
    };
    match step {
        Step::Choose => {
            let nodes = selected(folds, org, &plan.selector, plan.os_profile.as_deref());
            if nodes.len() as u64 > MAX_ROLLOUT_NODES {
                (said.step, said.failed, said.succeeded) = (RolloutStep::Halted, Some(0), Some(0));
            } else {
                (said.step, said.nodes) = (RolloutStep::Chosen, Some(nodes));
            }
        }
        Step::Begin(wave) => said.wave = wave,
        Step::Expire => said.step = RolloutStep::Expired,
        Step::Halt(wave, tally) | Step::Finish(wave, tally) => {
            let halts = matches!(step, Step::Halt(..));
            said.step = if halts { RolloutStep::Halted } else { RolloutStep::Finished };
            (said.wave, said.failed, said.succeeded) = (wave, Some(tally.failed), Some(tally.succeeded));
        }
    }
    let payload = serde_json::to_value(&said).unwrap_or_default();
    draft(org, plan.id, Kind::RolloutWave, said.id(), now, payload)
}

/// The event that gives a node of a wave its command; its signature is still to come.
fn order(
    folds: &Projections,
    org: &Name,
    rollout: &Rollout,
    (number, wave, node): (u64, &Wave, Uuid),
) -> Draft {
    let plan = &rollout.plan;
    let seed = order_seed(&wave.hash, node);
    let order = CommandOrder {
        rollout: Some(Part { id: plan.id, wave: number }),
        ..unsigned(&plan.command, &plan.parameters, node, seed, (wave.at, wave.expires_at))
    };
    let payload = serde_json::to_value(Command::Issue(order)).unwrap_or_default();
    let tenant = folds.fleet().node(org, node).and_then(|known| known.tenant.clone());
    let order = draft(org, plan.id, Kind::Command, order_id(wave.at, &seed), wave.at, payload);
    Draft { tenant, node_id: Some(node), ..order }
}
