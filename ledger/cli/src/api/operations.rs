//! The operations, in the order of what they are about.

use super::reply::{Listed, Reply};
use super::{Query, routes};
use crate::client::Client;
use crate::failure::Failure;
use serde::Serialize;
use serde_json::Value;
use service::wire::Recorded;
use service::wire::{
    AcceptanceMade, AcceptanceRequest, BatchAnswer, CommandAnswered, CommandIssued, CommandRequest,
    DraftBody, EnrolmentCreated, EnrolmentRequest, EnrolmentRow, KeyRow, KeyStatusRequest, LedgerAnswer,
    OrgRequest, PolicyAssigned, PolicyRequest, ReceiptRow, RegisterAnswer, RegisterRequest, RemarkRequest,
    RolloutApprovalRequest, RolloutChanged, RolloutRequest, ScheduleRequest, ScheduleSet, SealAnswer,
    SegmentRow, StrictValue, TokenCreated, TokenRequest, TokenRow, WebhookCreated, WebhookRequest,
    WitnessesAnswer,
};
use serving::answers::{
    AcceptanceRow, CommandAnswer, CommandRow, EntryRow, FindingGroup, FindingRow, IncidentAnswer,
    IncidentRow, NodeAnswer, NodePolicyAnswer, NodeRow, NodeScansAnswer, PolicyAnswer, PolicyRow,
    RolloutAnswer, RolloutRow, ScheduleAnswer, ScheduleRow, SilenceRow, WebhookRow,
};
use spec::payload::WitnessSetChange;
use spec::{Hash, Kind, Name, PublicKey, Severity, Uuid};

pub(super) type Said<T> = Result<Reply<T>, Failure>;
pub(super) type All<T> = Result<Listed<T>, Failure>;

/// What an event is about, beside its payload.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub(crate) node: Option<Uuid>,
    pub(crate) severity: Option<Severity>,
}

/// The ledger and its entries.
impl Client {
    pub(crate) async fn ledger(&self) -> Said<LedgerAnswer> {
        self.get(&routes::LEDGER, &[], Query::default()).await
    }

    pub(crate) async fn checkpoint(&self) -> Result<Vec<u8>, Failure> {
        self.ask(&routes::CHECKPOINT, &[], Query::default(), None).await?.good()
    }

    pub(crate) async fn seal(&self) -> Said<SealAnswer> {
        self.ask(&routes::SEAL, &[], Query::default(), None).await?.json().map(Reply::of)
    }

    pub(crate) async fn bundle(&self, seq: u64) -> Result<Vec<u8>, Failure> {
        self.ask(&routes::BUNDLE, &[&seq], Query::default(), None).await?.good()
    }

    /// The segments; `None` if a caller without a token may not read them.
    pub(crate) async fn segments(&self, anonymous: bool) -> Result<Option<Vec<SegmentRow>>, Failure> {
        let answer = self.ask(&routes::SEGMENTS, &[], Query::default(), None).await?;
        if anonymous && matches!(answer.status, 401 | 403) {
            return Ok(None);
        }
        let Value::Object(mut said) = answer.json()? else { return Ok(Some(Vec::new())) };
        let items = said.remove("items").unwrap_or_default();
        super::read(&items).map(Some)
    }

    pub(crate) async fn segment(&self, first: u64) -> Result<Vec<u8>, Failure> {
        self.ask(&routes::SEGMENT, &[&first], Query::default(), None).await?.good()
    }

    /// A document beside the log, `None` if there is none.
    pub(crate) async fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let answer = self.send(axum::http::Method::GET, &format!("/{name}"), None).await?;
        if answer.status == 404 { Ok(None) } else { answer.good().map(Some) }
    }

    /// Hands entries to `take` until it has enough.
    pub(crate) async fn entries(
        &self,
        query: Query,
        take: &mut dyn FnMut(Value) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        self.pages(&routes::ENTRIES, &[], query, take).await.map(|_| ())
    }

    /// The newest entry of a kind that is about a node.
    pub(crate) async fn newest(&self, kind: &Kind, node: Uuid) -> Result<Option<EntryRow<'static>>, Failure> {
        let query =
            Query::default().with("kind", Some(kind)).with("node_id", Some(node)).with("limit", Some(1));
        let mut newest = None;
        self.entries(query, &mut |item| {
            newest = Some(super::read(&item)?);
            Ok(false)
        })
        .await?;
        Ok(newest)
    }

    /// Says something in the caller's name.
    pub(crate) async fn say(
        &self,
        kind: &Kind,
        org: &Name,
        about: &About,
        payload: &impl Serialize,
    ) -> Said<ReceiptRow> {
        let draft = DraftBody {
            kind: kind.to_string(),
            payload: StrictValue(serde_json::to_value(payload).map_err(Failure::io)?),
            id: None,
            node_id: about.node.map(|node| node.to_string()),
            org: Some(org.to_string()),
            severity: about.severity.map(|severity| severity.as_str().to_owned()),
            tenant: None,
            ts: None,
        };
        self.tell(&routes::SAY, &[], &draft).await
    }

    /// Appends lines of an import.
    pub(crate) async fn import(&self, source: &Name, lines: Vec<u8>) -> Said<BatchAnswer> {
        let query = Query::default().with("source", Some(source));
        let body = Some(("application/x-ndjson", lines));
        self.ask(&routes::IMPORT, &[], query, body).await?.json().map(Reply::of)
    }
}

/// Who may come in.
impl Client {
    pub(crate) async fn create_enrolment(
        &self,
        org: &Name,
        request: &EnrolmentRequest,
    ) -> Said<EnrolmentCreated> {
        self.tell(&routes::CREATE_ENROLMENT, &[org], request).await
    }

    pub(crate) async fn enrolments(&self, org: &Name) -> All<EnrolmentRow> {
        self.once(&routes::ENROLMENTS, &[org], Query::default()).await
    }

    pub(crate) async fn revoke_enrolment(&self, org: &Name, id: &Hash) -> Result<(), Failure> {
        self.end(&routes::REVOKE_ENROLMENT, &[org, id], Query::default()).await
    }

    pub(crate) async fn create_token(&self, request: &TokenRequest) -> Said<TokenCreated> {
        self.tell(&routes::CREATE_TOKEN, &[], request).await
    }

    pub(crate) async fn tokens(&self) -> All<TokenRow> {
        self.once(&routes::TOKENS, &[], Query::default()).await
    }

    pub(crate) async fn revoke_token(&self, id: Uuid) -> Result<(), Failure> {
        self.end(&routes::REVOKE_TOKEN, &[&id], Query::default()).await
    }

    pub(crate) async fn register(&self, request: &RegisterRequest) -> Said<RegisterAnswer<'static>> {
        self.tell(&routes::REGISTER, &[], request).await
    }

    pub(crate) async fn keys(&self) -> All<KeyRow> {
        self.all(&routes::KEYS, &[], Query::default()).await
    }

    pub(crate) async fn govern_key(&self, key: &PublicKey, request: &KeyStatusRequest) -> Said<KeyRow> {
        self.tell(&routes::GOVERN_KEY, &[key], request).await
    }

    pub(crate) async fn witnesses(&self) -> Said<WitnessesAnswer> {
        self.get(&routes::WITNESSES, &[], Query::default()).await
    }

    pub(crate) async fn change_witnesses(&self, change: &WitnessSetChange) -> Said<Recorded> {
        self.tell(&routes::CHANGE_WITNESSES, &[], change).await
    }

    /// A list that the service gives at once.
    pub(super) async fn once<T: serde::de::DeserializeOwned>(
        &self,
        route: &routes::Route,
        parts: &[&dyn std::fmt::Display],
        query: Query,
    ) -> All<T> {
        let mut items = Vec::new();
        let beside = self
            .pages(route, parts, query, &mut |item| {
                items.push(item);
                Ok(true)
            })
            .await?;
        Ok(Listed::of(beside, items))
    }
}

/// The fleet, and what is wrong with it.
impl Client {
    pub(crate) async fn nodes(&self, query: Query) -> All<NodeRow<'static>> {
        self.all(&routes::NODES, &[], query).await
    }

    pub(crate) async fn node(&self, id: Uuid, query: Query) -> Said<NodeAnswer<'static>> {
        self.get(&routes::NODE, &[&id], query).await
    }

    pub(crate) async fn scans_of(&self, node: Uuid) -> Said<NodeScansAnswer<'static>> {
        self.get(&routes::NODE_SCANS, &[&node], Query::default()).await
    }

    pub(crate) async fn findings(&self, query: Query) -> All<FindingRow<'static>> {
        self.all(&routes::FINDINGS, &[], query).await
    }

    pub(crate) async fn finding_groups(&self, query: Query) -> All<FindingGroup<'static>> {
        self.all(&routes::FINDING_GROUPS, &[], query).await
    }

    pub(crate) async fn acceptances(&self, query: Query) -> All<AcceptanceRow<'static>> {
        self.all(&routes::ACCEPTANCES, &[], query).await
    }

    pub(crate) async fn accept_finding(
        &self,
        org: &Name,
        request: &AcceptanceRequest,
    ) -> Said<AcceptanceMade> {
        self.tell(&routes::ACCEPT_FINDING, &[org], request).await
    }

    pub(crate) async fn withdraw_acceptance(&self, org: &Name, acceptance: &Hash) -> Result<(), Failure> {
        self.end(&routes::WITHDRAW_ACCEPTANCE, &[org, acceptance], Query::default()).await
    }

    pub(crate) async fn incidents(&self, query: Query) -> All<IncidentRow<'static>> {
        self.all(&routes::INCIDENTS, &[], query).await
    }

    pub(crate) async fn incident(&self, id: &Hash, query: Query) -> Said<IncidentAnswer<'static>> {
        self.get(&routes::INCIDENT, &[id], query).await
    }

    pub(crate) async fn silences(&self, query: Query) -> All<SilenceRow<'static>> {
        self.all(&routes::SILENCES, &[], query).await
    }
}

/// What nodes are told.
impl Client {
    pub(crate) async fn issue_command(&self, request: &CommandRequest) -> Said<CommandIssued> {
        self.tell(&routes::ISSUE_COMMAND, &[], request).await
    }

    pub(crate) async fn approve_command(
        &self,
        command: &Hash,
        text: Option<String>,
    ) -> Said<CommandAnswered> {
        self.tell(&routes::APPROVE_COMMAND, &[command], &RemarkRequest { text }).await
    }

    pub(crate) async fn cancel_command(&self, command: &Hash, text: Option<String>) -> Said<CommandAnswered> {
        self.tell(&routes::CANCEL_COMMAND, &[command], &RemarkRequest { text }).await
    }

    pub(crate) async fn commands(&self, query: Query) -> All<CommandRow<'static>> {
        self.all(&routes::COMMANDS, &[], query).await
    }

    pub(crate) async fn command(&self, hash: &Hash, query: Query) -> Said<CommandAnswer<'static>> {
        self.get(&routes::COMMAND, &[hash], query).await
    }

    pub(crate) async fn policies(&self, query: Query) -> All<PolicyRow<'static>> {
        self.all(&routes::POLICIES, &[], query).await
    }

    pub(crate) async fn policy(&self, hash: &Hash) -> Said<PolicyAnswer<'static>> {
        self.get(&routes::POLICY, &[hash], Query::default()).await
    }

    pub(crate) async fn policy_of(&self, node: Uuid) -> Said<NodePolicyAnswer<'static>> {
        self.get(&routes::NODE_POLICY, &[&node], Query::default()).await
    }

    pub(crate) async fn assign_policy(&self, org: &Name, request: &PolicyRequest) -> Said<PolicyAssigned> {
        self.tell(&routes::ASSIGN_POLICY, &[org], request).await
    }

    pub(crate) async fn withdraw_policy(&self, org: &Name, assignment: &Hash) -> Result<(), Failure> {
        self.end(&routes::WITHDRAW_POLICY, &[org, assignment], Query::default()).await
    }

    pub(crate) async fn rollouts(&self, query: Query) -> All<RolloutRow<'static>> {
        self.all(&routes::ROLLOUTS, &[], query).await
    }

    pub(crate) async fn rollout(&self, id: Uuid, query: Query) -> Said<RolloutAnswer<'static>> {
        self.get(&routes::ROLLOUT, &[&id], query).await
    }

    pub(crate) async fn start_rollout(&self, request: &RolloutRequest) -> Said<RolloutChanged> {
        self.tell(&routes::START_ROLLOUT, &[], request).await
    }

    pub(crate) async fn approve_rollout(
        &self,
        id: Uuid,
        org: &Name,
        text: Option<String>,
    ) -> Said<RolloutChanged> {
        let request = RolloutApprovalRequest { org: Some(org.to_string()), text };
        self.tell(&routes::APPROVE_ROLLOUT, &[&id], &request).await
    }

    pub(crate) async fn pause_rollout(&self, id: Uuid, org: &Name) -> Said<RolloutChanged> {
        self.tell(&routes::PAUSE_ROLLOUT, &[&id], &OrgRequest { org: Some(org.to_string()) }).await
    }

    pub(crate) async fn resume_rollout(&self, id: Uuid, org: &Name) -> Said<RolloutChanged> {
        self.tell(&routes::RESUME_ROLLOUT, &[&id], &OrgRequest { org: Some(org.to_string()) }).await
    }

    pub(crate) async fn abort_rollout(&self, id: Uuid, org: &Name) -> Said<RolloutChanged> {
        self.tell(&routes::ABORT_ROLLOUT, &[&id], &OrgRequest { org: Some(org.to_string()) }).await
    }

    pub(crate) async fn schedules(&self, query: Query) -> All<ScheduleRow<'static>> {
        self.all(&routes::SCHEDULES, &[], query).await
    }

    pub(crate) async fn schedule(&self, id: Uuid, query: Query) -> Said<ScheduleAnswer<'static>> {
        self.get(&routes::SCHEDULE, &[&id], query).await
    }

    pub(crate) async fn set_schedule(&self, id: Uuid, request: &ScheduleRequest) -> Said<ScheduleSet> {
        self.tell(&routes::SET_SCHEDULE, &[&id], request).await
    }

    pub(crate) async fn remove_schedule(&self, id: Uuid, org: &Name) -> Result<(), Failure> {
        self.end(&routes::REMOVE_SCHEDULE, &[&id], Query::default().with("org", Some(org))).await
    }

    pub(crate) async fn create_webhook(&self, org: &Name, request: &WebhookRequest) -> Said<WebhookCreated> {
        self.tell(&routes::CREATE_WEBHOOK, &[org], request).await
    }

    pub(crate) async fn webhooks(&self, org: &Name, query: Query) -> All<WebhookRow<'static>> {
        self.once(&routes::WEBHOOKS, &[org], query).await
    }

    pub(crate) async fn remove_webhook(&self, org: &Name, id: Uuid) -> Result<(), Failure> {
        self.end(&routes::REMOVE_WEBHOOK, &[org, &id], Query::default()).await
    }
}
