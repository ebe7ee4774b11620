//! What the write side asks the folds about commands and policies.

use ingest::commands::{Assignment, Given, Later, Listen, Open, Rollout};
use projections::commands::Given as Folded;
use serving::desk::{Desk, Word};
use spec::selector::Selector;
use spec::{Hash, Name, Timestamp, Uuid};

/// The folds' desk, as the write side knows it.
#[derive(Debug)]
pub(crate) struct ServiceDesk {
    pub(crate) desk: Desk,
    /// The ledger's clock.
    pub(crate) ledger: ledger::Ledger,
}

impl ingest::commands::Desk for ServiceDesk {
    fn open_for(&self, org: &Name, node: Uuid, now: Timestamp, limit: usize) -> Vec<Open> {
        let open = |given: Folded| {
            let approvals = given.approvals.iter().map(|word| word.seq);
            let entries: Vec<u64> = std::iter::once(given.seq).chain(approvals).collect();
            Open { since: entries.iter().copied().max().unwrap_or(given.seq), entries }
        };
        self.desk.open_for(org, node, now, limit).into_iter().map(open).collect()
    }

    fn folded(&self) -> u64 {
        self.desk.folded()
    }

    fn given(&self, hash: Hash, size: u64) -> Later<Option<Given>> {
        let (desk, now) = (self.desk.clone(), self.ledger.now());
        Box::pin(async move {
            let (org, given) = desk.given(&hash, size).await?;
            Some(Given {
                org,
                tenant: given.tenant.clone(),
                node: given.order.node,
                issuer: given.issuer.clone(),
                is_open: given.is_open(now),
                lacks_approvals: given.lacks() > 0,
            })
        })
    }

    fn assignment(&self, hash: Hash, size: u64) -> Later<Option<Assignment>> {
        let desk = self.desk.clone();
        Box::pin(async move {
            let (org, node) = desk.assignment(&hash, size).await?;
            Some(Assignment { org, node })
        })
    }

    fn schedules(&self, size: u64) -> Later<Vec<(Name, Uuid)>> {
        let desk = self.desk.clone();
        Box::pin(async move { desk.schedules(size).await })
    }

    fn rollouts(&self, size: u64) -> Later<Vec<Rollout>> {
        let desk = self.desk.clone();
        Box::pin(async move {
            let known = |org: &Name, rollout: &projections::rollouts::Rollout| Rollout {
                org: org.clone(),
                id: rollout.plan.id,
                is_over: rollout.end.is_some(),
                hash: rollout.hash,
                started_by: rollout.started_by.clone(),
                is_chosen: rollout.nodes.is_some(),
                approved_by: rollout.approvals.iter().map(|word| word.author.clone()).collect(),
                waits_until: rollout.waits_until(),
            };
            desk.rollouts(size, known).await
        })
    }

    fn selected(&self, org: Name, selector: Selector, profile: Option<String>, size: u64) -> Later<u64> {
        let desk = self.desk.clone();
        Box::pin(async move { desk.selected(&org, &selector, profile.as_deref(), size).await })
    }

    fn listen(&self, node: Uuid) -> Box<dyn Listen> {
        Box::new(NodeWord(self.desk.listen(node)))
    }
}

#[derive(Debug)]
struct NodeWord(Word);

impl Listen for NodeWord {
    fn more(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.of_more())
    }
}
