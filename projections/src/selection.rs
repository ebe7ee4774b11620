//! Whom a selector selects at this moment: the nodes that a run or a roll-out would be about.

use crate::Projections;
use spec::selector::Selector;
use spec::{Name, Uuid};

/// The organisation's nodes that are selected and have a valid key, sorted; with a profile, only those whose last
/// heartbeat says it.
pub fn selected(folds: &Projections, org: &Name, selector: &Selector, profile: Option<&str>) -> Vec<Uuid> {
    let nodes = folds.fleet().nodes(org).filter(|(_, node)| {
        let said = node.heartbeat.as_ref().map(|said| said.os_profile.as_str());
        node.key.is_some_and(|key| key.ended.is_none())
            && selector.selects(&node.labels)
            && profile.is_none_or(|wanted| said == Some(wanted))
    });
    nodes.map(|(id, _)| id).collect()
}
