//! `/api/orgs/{org}/nodes/enrollment-tokens`: what a node joins an organisation with.

use crate::saying::say;
use crate::saying::secret;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::service::Directory;
use ledger::state::{EnrolmentState, LEDGER_ORG};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{Enrolment, token_hash};
use spec::{Hash, KeyUse, Kind, Name, Timestamp, Uuid};
use web::Action;
use web::Call;
use web::answer::no_content;
use web::answer::{self, Items};
use web::limits::{DEFAULT_ENROLMENT_TTL_SECS, MAX_ENROLMENT_TTL_SECS, MAX_ENROLMENT_USES};
use web::problem::{NOT_FOUND, Problem};
use web::strict::present;
use web::strict::{invalid, member, within};

/// A request for an enrolment token.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct EnrolmentRequest {
    /// What the keys are for that it introduces: `node` (if absent) or `device`.
    #[serde(default, rename = "use", deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["node", "device"]))]
    pub key_use: Option<String>,
    /// The one node that it introduces; any, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Uuid>")]
    pub node_id: Option<String>,
    /// The tenant that nodes join.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Name>")]
    pub tenant: Option<String>,
    /// How many seconds it is good for.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_ENROLMENT_TTL_SECS))]
    pub ttl_secs: Option<u64>,
    /// How many nodes may use it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_ENROLMENT_USES))]
    pub uses: Option<u64>,
}

/// An enrolment token that was made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct EnrolmentCreated {
    /// When it ends.
    pub expires_at: Timestamp,
    /// What nodes show to join; no other answer shows it.
    pub token: String,
    /// By this the log and operators name it.
    pub token_id: Hash,
}

/// An enrolment token, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EnrolmentToken")]
pub struct EnrolmentRow {
    /// When it ends.
    pub expires_at: Timestamp,
    /// What the keys are for that it introduces.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
    /// The one node that it introduces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<Uuid>,
    /// Whether it was ended before its time.
    pub revoked: bool,
    /// The tenant that nodes join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// By this operators name it.
    pub token_id: Hash,
    /// How many nodes may still use it.
    pub uses_left: u64,
}

impl EnrolmentRow {
    fn of(token_id: Hash, state: &EnrolmentState) -> Self {
        Self {
            expires_at: state.expires_at,
            key_use: state.key_use.unwrap_or(KeyUse::Node),
            node_id: state.node,
            revoked: state.revoked,
            tenant: state.tenant.clone(),
            token_id,
            uses_left: state.uses_left,
        }
    }
}

/// `POST`: makes a token; the only answer that ever shows it.
pub(crate) async fn create(call: Call) -> Result<Response<Body>, Problem> {
    let org = own_org(&call)?;
    let request: EnrolmentRequest = call.json()?;
    let ttl_secs = within("/ttl_secs", request.ttl_secs, DEFAULT_ENROLMENT_TTL_SECS, MAX_ENROLMENT_TTL_SECS)?;
    let uses = within("/uses", request.uses, 1, MAX_ENROLMENT_USES)?;
    let tenant: Option<Name> = request.tenant.map(|tenant| member("/tenant", &tenant)).transpose()?;
    let node: Option<Uuid> = request.node_id.map(|node| member("/node_id", &node)).transpose()?;
    let key_use = match request.key_use.as_deref() {
        None | Some("node") => KeyUse::Node,
        Some("device") if node.is_none() => KeyUse::Device,
        Some("device") => return Err(invalid("/node_id", "a device is no node")),
        Some(_) => return Err(invalid("/use", "expected node or device")),
    };
    if org.as_str() == LEDGER_ORG {
        let detail = "no node joins the organisation ledger; name another";
        return Err(Problem::new(web::problem::INVALID, detail).field("org"));
    }
    let expires_at = Timestamp::from_millis(call.app.ledger().now().millis() + ttl_secs * 1000);
    let secret = secret()?;
    let token = token_hash(&secret.0);
    let payload =
        Enrolment::Create { expires_at, key_use: Some(key_use), node, org: org.clone(), tenant, token, uses };
    say(&call, &org, Kind::Enrolment, &payload).await?;
    let text = format!("vm1.{}.{secret}", call.app.ledger().id());
    let answer = EnrolmentCreated { expires_at, token: text, token_id: token };
    Ok(answer::value(StatusCode::CREATED, &answer))
}

/// `GET`: the organisation's tokens, without secrets.
pub(crate) async fn list(call: Call) -> Result<Response<Body>, Problem> {
    let org = own_org(&call)?;
    let items: Vec<EnrolmentRow> = call.app.ledger().directory(|directory: &Directory| {
        let tokens = directory.enrolments.iter().filter(|(_, state)| state.org == org);
        tokens.map(|(id, state)| EnrolmentRow::of(*id, state)).collect()
    });
    Ok(answer::value(StatusCode::OK, &Items { items }))
}

/// `DELETE …/{token_id}`: ends a token before its time; again, and nothing happens.
pub(crate) async fn revoke(call: Call) -> Result<Response<Body>, Problem> {
    let org = own_org(&call)?;
    let id: String = call.param("token_id")?;
    let missing = || Problem::new(NOT_FOUND, "this organisation has no such enrolment token");
    let token = Hash::from_hex(&id).map_err(|_| missing())?;
    let found = call.app.ledger().directory(|directory| directory.enrolments.get(&token).cloned());
    let state = found.filter(|state| state.org == org).ok_or_else(missing)?;
    if !state.revoked {
        say(&call, &org, Kind::Enrolment, &Enrolment::Revoke { token }).await?;
    }
    Ok(no_content())
}

fn own_org(call: &Call) -> Result<Name, Problem> {
    call.query(&[])?;
    let org: Name = call.param("org")?;
    call.principal.require_in(Action::ManageEnrolment, &org)?;
    Ok(org)
}
