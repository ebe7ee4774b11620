//! What the routes take and answer with in JSON, of the whole service: a type for each body, read or written by the
//! handlers on the one side and by clients on the other.

pub use crate::health::TasksAnswer;
pub use crate::operator::acceptances::{AcceptanceMade, AcceptanceRequest};
pub use crate::operator::billing::{
    CreditLineRequest, CreditRequest, InvoiceIssued, InvoiceRequest, PriceBookRequest, PriceBookSet,
};
pub use crate::operator::commands::{CommandAnswered, CommandIssued, CommandRequest, RemarkRequest};
pub use crate::operator::policies::{PolicyAssigned, PolicyRequest};
pub use crate::operator::rehearsal::RehearsalRequest;
pub use crate::operator::rollouts::{OrgRequest, RolloutApprovalRequest, RolloutChanged, RolloutRequest};
pub use crate::operator::schedules::{ScheduleRequest, ScheduleSet, WhenRequest};
pub use crate::sign_in::{SignInRequest, SignedIn};
pub use crate::tasks::{TaskFault, TaskRow};
pub use ingest::wire::*;
