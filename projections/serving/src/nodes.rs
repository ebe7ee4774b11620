//! The fleet over HTTP: a list with filters, and one node.

use crate::reads::{AS_OF, Reads, View};
use axum::body::Body;
use axum::http::Response;
use projections::attention::{AttentionStanding, Band, Level};
use projections::fleet::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::selector::Selector;
use spec::{Name, Uuid};
use std::borrow::Cow;
use std::fmt::Display;
use web::paging::{CURSOR, LIMIT, NodePlace, Paging};
use web::problem::NOT_FOUND;
use web::{Call, Problem, QueryString};

/// A node as lists show it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Node")]
pub struct NodeRow<'a> {
    /// Its id.
    pub node_id: Uuid,
    /// Whose it is.
    pub org: Cow<'a, Name>,
    /// How it stands.
    #[serde(flatten)]
    pub standing: AttentionStanding,
    /// What is known of it.
    #[serde(flatten)]
    pub node: Cow<'a, Node>,
}

/// One node.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct NodeAnswer<'a> {
    /// It.
    pub node: NodeRow<'a>,
}

/// The name of a node.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NodeName")]
pub struct NameRow<'a> {
    /// The node.
    pub node_id: Uuid,
    /// Whose it is.
    pub org: Cow<'a, Name>,
    /// The name it was given, else its host name; absent if it has neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
}

impl<'a> NameRow<'a> {
    fn of(org: &'a Name, node_id: Uuid, node: &'a Node) -> Self {
        let hostname = || node.heartbeat.as_deref().map(|said| &*said.hostname);
        let name = node.name.as_ref().map(Name::as_str).or_else(hostname).map(Cow::Borrowed);
        Self { node_id, org: Cow::Borrowed(org), name }
    }
}

impl<'a> NodeRow<'a> {
    fn of(org: &'a Name, node_id: Uuid, standing: AttentionStanding, node: &'a Node) -> Self {
        Self { node_id, org: Cow::Borrowed(org), standing, node: Cow::Borrowed(node) }
    }
}

/// Which nodes a list has.
struct Filter {
    band: Option<Band>,
    labels: Option<Selector>,
    os_profile: Option<String>,
    q: Option<String>,
    silence: Option<Level>,
    tenant: Option<Name>,
    version: Option<String>,
}

const FILTERS: [&str; 10] =
    [AS_OF, "band", CURSOR, "labels", LIMIT, "os_profile", "q", "silence", "tenant", "version"];

impl Filter {
    fn of(parameters: &QueryString<'_>) -> Result<Self, Problem> {
        let bands = [("OK", Band::Ok), ("ATTN", Band::Attn), ("CRIT", Band::Crit)];
        Ok(Self {
            band: parameters.one_of("band", &bands)?,
            labels: parameters.parse("labels")?,
            os_profile: parameters.get("os_profile").map(str::to_owned),
            q: parameters.get("q").map(str::to_lowercase),
            silence: parameters.word("silence")?,
            tenant: parameters.parse("tenant")?,
            version: parameters.get("version").map(str::to_owned),
        })
    }

    /// Whether a node is wanted, as far as that does not depend on how it stands.
    fn wants(&self, id: Uuid, node: &Node) -> bool {
        let said = node.heartbeat.as_ref();
        self.q.as_deref().is_none_or(|q| mentions(id, node, q))
            && self.tenant.as_ref().is_none_or(|tenant| node.tenant.as_ref() == Some(tenant))
            && self.labels.as_ref().is_none_or(|labels| labels.selects(&node.labels))
            && (self.os_profile.as_ref())
                .is_none_or(|profile| said.is_some_and(|said| said.os_profile == *profile))
            && (self.version.as_ref())
                .is_none_or(|version| said.is_some_and(|said| said.agent_version.as_ref() == Some(version)))
    }

    fn wants_standing(&self, standing: &AttentionStanding) -> bool {
        self.band.is_none_or(|band| band == standing.band)
            && self.silence.is_none_or(|silence| silence == standing.silence)
    }
}

/// `GET /api/nodes`: the fleet, in the order of organisation and id.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let parameters = call.query(&[&FILTERS[..], &["org"]].concat())?;
    let org = call.orgs(parameters.parse("org")?)?;
    list_of(&reads, &call, &parameters, org.as_ref()).await
}

/// `GET /api/orgs/{org}/nodes`: the same of one organisation.
pub(crate) async fn list_of_org(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.org_of_path()?;
    list_of(&reads, &call, &call.query(&FILTERS)?, Some(&org)).await
}

/// `GET /api/node-names`: what nodes are called, for whoever has ids to show or a name to look for.
pub(crate) async fn names(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let parameters = call.query(&[AS_OF, CURSOR, LIMIT, "org"])?;
    let (org, paging) = (call.orgs(parameters.parse("org")?)?, Paging::<NodePlace>::of(&parameters)?);
    reads
        .view(&parameters, |view| {
            let fleet = view.folds.fleet();
            let orgs = fleet.orgs().filter(|name| org.as_ref().is_none_or(|org| org == *name));
            let nodes = orgs.flat_map(|org| fleet.nodes(org).map(move |node| (org, node)));
            let places = nodes.map(|(org, (id, node))| ((org.clone(), id), (org, id, node)));
            let page =
                paging.rising(places, |(org, id, node)| call.sees(id).then(|| NameRow::of(org, id, node)));
            view.answer(&page)
        })
        .await
}

async fn list_of(
    reads: &Reads,
    call: &Call,
    parameters: &QueryString<'_>,
    org: Option<&Name>,
) -> Result<Response<Body>, Problem> {
    let (filter, paging) = (Filter::of(parameters)?, Paging::<NodePlace>::of(parameters)?);
    reads
        .view(parameters, |view| {
            let fleet = view.folds.fleet();
            let orgs = fleet.orgs().filter(|name| org.is_none_or(|org| org == *name));
            let nodes = orgs.flat_map(|org| fleet.nodes(org).map(move |node| (org, node)));
            let places = nodes.map(|(org, (id, node))| ((org.clone(), id), (org, id, node)));
            let page = paging.rising(places, |(org, id, node)| {
                if !call.sees(id) || !filter.wants(id, node) {
                    return None;
                }
                let standing = view.folds.attention().standing(org, id, view.now)?;
                filter.wants_standing(&standing).then(|| NodeRow::of(org, id, standing, node))
            });
            view.answer(&page)
        })
        .await
}

/// The organisation of a node that the caller may see, within `asked` if that is said.
pub(crate) fn org_of<'a>(view: &View<'a>, call: &Call, asked: Option<&Name>, id: Uuid) -> Option<&'a Name> {
    let fleet = view.folds.fleet();
    let own = |org: &&Name| call.principal.bound_to().is_none_or(|own| own == *org);
    let wanted = |org: &&Name| own(org) && asked.is_none_or(|asked| asked == *org);
    let known = || fleet.orgs().filter(wanted).filter(|org| call.sees(id) && fleet.node(org, id).is_some());
    // An import may name any node; the organisation that gave it its key is the node's own.
    let keyed = known().find(|org| fleet.node(org, id).is_some_and(|node| node.key.is_some()));
    keyed.or_else(|| known().next())
}

/// The node that a part of the path names.
pub(crate) fn id_of_path(call: &Call) -> Result<Uuid, Problem> {
    let text = call.part("id");
    text.parse().map_err(|_| unknown(text))
}

pub(crate) fn unknown(id: impl Display) -> Problem {
    Problem::new(NOT_FOUND, format!("there is no node {id}"))
}

/// `GET /api/nodes/{id}`.
pub(crate) async fn show(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    show_of(&reads, &call, None, id_of_path(&call)?).await
}

/// `GET /api/orgs/{org}/nodes/{id}`.
pub(crate) async fn show_of_org(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.org_of_path()?;
    show_of(&reads, &call, Some(&org), id_of_path(&call)?).await
}

async fn show_of(
    reads: &Reads,
    call: &Call,
    org: Option<&Name>,
    id: Uuid,
) -> Result<Response<Body>, Problem> {
    let answer = reads
        .view(&call.query(&[AS_OF])?, |view| {
            let org = org_of(view, call, org, id)?;
            let node = view.folds.fleet().node(org, id)?;
            let standing = view.folds.attention().standing(org, id, view.now)?;
            Some(view.answer(&NodeAnswer { node: NodeRow::of(org, id, standing, node) }))
        })
        .await?;
    answer.ok_or_else(|| unknown(id))
}

fn mentions(id: Uuid, node: &Node, q: &str) -> bool {
    let said = node.heartbeat.as_ref();
    id.to_string().contains(q)
        || node.name.as_ref().is_some_and(|name| name.as_str().contains(q))
        || said.is_some_and(|said| said.hostname.to_lowercase().contains(q))
        || said.is_some_and(|said| said.os_profile.to_lowercase().contains(q))
}
