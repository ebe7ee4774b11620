//! What the routes take and answer with in JSON: a type for each body, read or written by the handlers on the one side
//! and by clients on the other, so that a member that changes its name changes it on both.

pub use crate::draft::DraftBody;
pub use crate::enrolment::{EnrolmentCreated, EnrolmentRequest, EnrolmentRow};
pub use crate::entries::SegmentRow;
pub use crate::events::{BatchAnswer, BatchResult};
pub use crate::keys::{KeyChain, KeyRow, KeyStatusRequest, KeysAnswer};
pub use crate::members::{
    AcceptRequest, GrantRequest, InvitationCreated, InvitationRequest, InvitationRow, MemberRow, VisitRequest,
};
pub use crate::organisations::{OrgRow, OrganisationRequest, RenameRequest, SuspendRequest};
pub use crate::public::{LedgerAnswer, SealAnswer};
pub use crate::receipt::{LaneRow, ReceiptRow};
pub use crate::register::{Included, RegisterAnswer, RegisterRequest};
pub use crate::sign_in::{ProviderRequest, ProviderRow, RuleRequest, RuleRow};
pub use crate::slo::{OutcomeReport, OutcomesRequest};
pub use crate::templates::{TemplateAnswer, TemplateKind};
pub use crate::tokens::{Belonging, Me, TokenCreated, TokenRequest, TokenRow};
pub use crate::webhooks::{WebhookCreated, WebhookRequest};
pub use crate::witnesses::{WitnessRow, WitnessesAnswer};
pub use web::answer::{Items, Recorded};
pub use web::problem::ProblemBody;
pub use web::strict::StrictValue;

use schemars::JsonSchema;
use spec::Event;

/// Events to be recorded: drafts or signed ones, one or several.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum EventsRequest {
    /// What the service is to sign.
    Draft(DraftBody),
    /// What its author signed.
    Signed(Box<Event>),
    /// Several drafts.
    Drafts(Vec<DraftBody>),
    /// Several signed events.
    Events(Vec<Event>),
}

/// The fate of one event, or of several.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum ReceiptOrBatch {
    /// The receipt of one.
    Receipt(Box<ReceiptRow>),
    /// What became of each.
    Batch(BatchAnswer),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::write_receipt;
    use ledger::Receipt;
    use spec::{Hash, Lane, Timestamp};
    use web::problem::{CONFLICT, Problem};

    /// Receipts and problems are written by hand, so here is what keeps their types true.
    #[test]
    fn what_is_written_by_hand_is_read_as_its_type() {
        let receipt = Receipt {
            seq: 42,
            prev: Hash([1; 32]),
            lane: Lane { n: 7, prev: Hash([2; 32]) },
            recorded_at: Timestamp::from_millis(1_796_000_000_000),
            event_hash: Hash([3; 32]),
            leaf: Hash([4; 32]),
            duplicate: true,
            inclusion: vec![Hash([5; 32])],
        };
        let mut out = Vec::new();
        write_receipt(&receipt, Some("note"), &mut out);
        let row: ReceiptRow = serde_json::from_slice(&out).unwrap();
        assert_eq!(serde_json::to_vec(&row).unwrap(), out);

        out.clear();
        Problem::new(CONFLICT, "it is over").pointer("/seq").write(&mut out);
        let body: ProblemBody = serde_json::from_slice(&out).unwrap();
        assert_eq!((&*body.code, &*body.detail, body.status), ("conflict", "it is over", 409));
        assert_eq!((body.pointer.as_deref(), body.field), (Some("/seq"), None));
    }
}
