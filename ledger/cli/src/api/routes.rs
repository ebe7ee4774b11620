//! The routes that the command line asks, each written once.

use axum::http::Method;
use std::fmt::Display;

/// A method and a path, its variable parts in braces.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    path: &'static str,
}

impl Route {
    /// The path with its variable parts filled in, which are ids and names: nothing in them needs an escape.
    pub(crate) fn path(&self, parts: &[&dyn Display]) -> String {
        let mut parts = parts.iter();
        let filled = self.path.split('/').map(|part| match part.strip_prefix('{') {
            Some(_) => parts.next().map(ToString::to_string).unwrap_or_default(),
            None => part.to_owned(),
        });
        filled.collect::<Vec<_>>().join("/")
    }
}

macro_rules! routes {
    ($($name:ident = $method:ident $path:literal;)*) => {
        $(pub(crate) const $name: Route = Route { method: Method::$method, path: $path };)*

        #[cfg(test)]
        const ALL: &[Route] = &[$($name),*];
    };
}

routes! {
    ACCEPTANCES = GET "/api/acceptances";
    ACCEPT_FINDING = POST "/api/orgs/{org}/acceptances";
    APPROVE_COMMAND = POST "/api/commands/{hash}/approve";
    APPROVE_ROLLOUT = POST "/api/rollouts/{id}/approve";
    ABORT_ROLLOUT = POST "/api/rollouts/{id}/abort";
    ASSIGN_POLICY = POST "/api/orgs/{org}/policies";
    BUNDLE = GET "/api/ledger/bundle/{seq}";
    CANCEL_COMMAND = POST "/api/commands/{hash}/cancel";
    CHANGE_WITNESSES = POST "/api/ledger/witnesses";
    CHECKPOINT = GET "/api/ledger/checkpoint";
    CONFIG_TEMPLATE = GET "/api/orgs/{org}/nodes/config-template";
    COMMAND = GET "/api/commands/{hash}";
    COMMANDS = GET "/api/commands";
    CREATE_ENROLMENT = POST "/api/orgs/{org}/nodes/enrollment-tokens";
    CREATE_INVITATION = POST "/api/orgs/{org}/invitations";
    CREATE_ORG = POST "/api/orgs";
    CREATE_TOKEN = POST "/api/tokens";
    CREDIT_INVOICE = POST "/api/orgs/{org}/invoices/{id}/credits";
    CREATE_WEBHOOK = POST "/api/orgs/{org}/webhooks";
    ENROLMENTS = GET "/api/orgs/{org}/nodes/enrollment-tokens";
    END_ROLE = DELETE "/api/orgs/{org}/members/{user}/{role}";
    ENTRIES = GET "/api/events";
    ESTIMATE = GET "/api/orgs/{org}/billing/estimate";
    FINDINGS = GET "/api/findings";
    FINDING_GROUPS = GET "/api/findings/grouped";
    GOVERN_KEY = PATCH "/api/keys/{key}/governance";
    GRANT_ROLE = POST "/api/orgs/{org}/members";
    IMPORT = POST "/api/import";
    INVOICE = GET "/api/orgs/{org}/invoices/{id}";
    INVOICES = GET "/api/orgs/{org}/invoices";
    INVOICE_EVIDENCE = GET "/api/orgs/{org}/invoices/{id}/evidence";
    ISSUE_INVOICE = POST "/api/orgs/{org}/invoices";
    PRICE_BOOKS = GET "/api/orgs/{org}/billing/price-books";
    SET_PRICES = POST "/api/orgs/{org}/billing/price-books";
    USAGE = GET "/api/orgs/{org}/usage/summary";
    INCIDENT = GET "/api/incidents/{id}";
    INCIDENTS = GET "/api/incidents";
    INVITATIONS = GET "/api/orgs/{org}/invitations";
    ISSUE_COMMAND = POST "/api/commands";
    KEYS = GET "/api/keys";
    LEDGER = GET "/api/ledger";
    MEMBERS = GET "/api/orgs/{org}/members";
    NODE = GET "/api/nodes/{id}";
    NODES = GET "/api/nodes";
    NODE_NAMES = GET "/api/node-names";
    NODE_POLICY = GET "/api/nodes/{id}/policy";
    NODE_SCANS = GET "/api/nodes/{id}/scans";
    ORGS = GET "/api/orgs";
    PAUSE_ROLLOUT = POST "/api/rollouts/{id}/pause";
    POLICIES = GET "/api/policies";
    POLICY = GET "/api/policies/{hash}";
    REGISTER = POST "/api/nodes/register";
    REMOVE_INVITATION = DELETE "/api/orgs/{org}/invitations/{id}";
    REMOVE_SCHEDULE = DELETE "/api/schedules/{id}";
    REMOVE_WEBHOOK = DELETE "/api/orgs/{org}/webhooks/{id}";
    RENAME_ORG = PATCH "/api/orgs/{org}";
    RESUME_ORG = POST "/api/orgs/{org}/resume";
    RESUME_ROLLOUT = POST "/api/rollouts/{id}/resume";
    REVOKE_ENROLMENT = DELETE "/api/orgs/{org}/nodes/enrollment-tokens/{token_id}";
    REVOKE_TOKEN = DELETE "/api/tokens/{id}";
    ROLLOUT = GET "/api/rollouts/{id}";
    ROLLOUTS = GET "/api/rollouts";
    SAY = POST "/api/events";
    SCHEDULE = GET "/api/schedules/{id}";
    SCHEDULES = GET "/api/schedules";
    SEAL = POST "/api/ledger/seal";
    SEGMENT = GET "/api/ledger/segments/{first}";
    SEGMENTS = GET "/api/ledger/segments";
    SET_SCHEDULE = PUT "/api/schedules/{id}";
    SILENCES = GET "/api/silences";
    START_ROLLOUT = POST "/api/rollouts";
    SUSPEND_ORG = POST "/api/orgs/{org}/suspend";
    TOKENS = GET "/api/tokens";
    WEBHOOKS = GET "/api/orgs/{org}/webhooks";
    WITHDRAW_ACCEPTANCE = DELETE "/api/orgs/{org}/acceptances/{acceptance}";
    WITHDRAW_POLICY = DELETE "/api/orgs/{org}/policies/{assignment}";
    WITNESSES = GET "/api/ledger/witnesses";
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn parts_are_filled_in_from_left_to_right() {
        assert_eq!(REVOKE_ENROLMENT.path(&[&"acme", &7]), "/api/orgs/acme/nodes/enrollment-tokens/7");
        assert_eq!(NODES.path(&[]), "/api/nodes");
    }

    #[test]
    fn every_route_is_one_of_the_service() {
        let document = include_str!("../../../../spec/openapi.json");
        let document: Value = serde_json::from_str(document).unwrap();
        for route in ALL {
            let method = route.method.as_str().to_lowercase();
            assert!(document["paths"][route.path].get(&method).is_some(), "{route:?} is none of the service");
        }
    }
}
