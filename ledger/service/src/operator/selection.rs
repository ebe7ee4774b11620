//! Whom a selection would be about now: asked before something is started that nobody would hear of.

use crate::state::Service;
use projections::selection::selected;
use spec::Name;
use spec::selector::Selector;
use web::Call;
use web::Problem;
use web::strict::member;

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
    pub(crate) async fn count(&self, service: &Service, call: &Call, org: &Name) -> Result<u64, Problem> {
        let profile = self.os_profile.as_deref();
        service.look(call, |folds| selected(folds, org, &self.selector, profile).len() as u64).await
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
