//! What the routes that read answer with: a type for each row, written by the handlers and read by clients.
//!
//! A row borrows from the folds where it is written and owns what it has where it is read; so it is one type, and a
//! member that changes its name changes it on both sides.

pub(crate) mod billing;
pub(crate) mod commands;
pub(crate) mod entries;
pub(crate) mod findings;
pub(crate) mod incidents;
pub(crate) mod keys;
pub(crate) mod metrics;
pub(crate) mod policies;
pub(crate) mod rollouts;
pub(crate) mod scans;
pub(crate) mod schedules;
pub(crate) mod slo;
pub(crate) mod usage;
pub(crate) mod webhooks;

pub use crate::nodes::{NameRow, NodeAnswer, NodeRow};
pub use crate::reads::AsOf;
pub use billing::{CreditRow, DaemonDraft, DaemonLine, DraftAnswer, InvoiceAnswer, InvoiceRow, PriceBookRow};
pub use commands::{CommandAnswer, CommandRow};
pub use entries::{AuditRow, ViaRow};
pub use findings::{AcceptanceRow, FindingGroup, FindingRow, MAX_NAMED};
pub use incidents::{IncidentAnswer, IncidentRow, SilenceRow};
pub use keys::{OrgKeyRow, OrgKeysSummary};
pub use metrics::{MetricRow, MetricsAnswer};
pub use policies::{AssignmentRow, NodePolicyAnswer, NodePolicyRow, PolicyAnswer, PolicyRow};
pub use rollouts::{RolloutAnswer, RolloutRow, WaveRow};
pub use scans::{NodeScansAnswer, ScanRow};
pub use schedules::{ScheduleAnswer, ScheduleRow};
pub use slo::OutcomeRow;
pub use usage::{UsageAnswer, UsageRow};
pub use web::EntryRow;
pub use web::paging::Page;
pub use webhooks::{WebhookRow, WebhooksAnswer};
