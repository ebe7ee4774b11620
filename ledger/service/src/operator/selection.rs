//! Whom a selection would be about now: asked before something is started that nobody would hear of.

use crate::commands::{FOLDS_PATIENCE, desk};
use crate::dispatch::Call;
use crate::draft::member;
use crate::problem::{Problem, UNAVAILABLE};
use spec::Name;
use spec::selector::Selector;

/// Nodes by their labels and their profile.
pub(crate) struct Selection {
    text: String,
    selector: Selector,
    os_profile: Option<String>,
}

impl Selection {
    pub(crate) fn of(selector: &str, os_profile: Option<&str>) -> Result<Self, Problem> {
        let os_profile = os_profile.map(str::to_owned);
        Ok(Self { text: selector.to_owned(), selector: member("/selector", selector)?, os_profile })
    }

    /// How many of the organisation's nodes would be told.
    pub(crate) async fn count(&self, call: &Call, org: &Name) -> Result<u64, Problem> {
        let size = call.app.ledger.head().borrow().size;
        let (selector, profile) = (self.selector.clone(), self.os_profile.clone());
        let asked = desk(&call.app)?.selected(org.clone(), selector, profile, size);
        let count = tokio::time::timeout(FOLDS_PATIENCE, asked).await;
        count.map_err(|_| Problem::new(UNAVAILABLE, "the folds do not keep up with the log"))
    }

    /// That it is nobody, and where to look why.
    pub(crate) fn nobody(&self, org: &Name) -> String {
        let whom = match self.text.as_str() {
            "" => format!("{org} has no node with a valid key"),
            text => format!("the selector \"{text}\" selects no node of {org} with a valid key"),
        };
        let says = self.os_profile.as_ref().map(|profile| format!(" that says the profile \"{profile}\""));
        let says = says.unwrap_or_default();
        format!("{whom}{says}; check the selector, and the labels and profiles in /api/nodes?org={org}")
    }
}
