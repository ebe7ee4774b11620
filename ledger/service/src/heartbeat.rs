//! The answer to a heartbeat: what the log says of it, and what the folds say the node is to carry out.

use crate::operator::commands::for_heartbeat;
use crate::state::Service;
use axum::body::Body;
use axum::http::Response;
use ingest::heartbeat::{answer, record};
use spec::Uuid;
use web::{Call, Problem};

/// `POST /api/agent/heartbeat`.
pub(crate) async fn post(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    answered(&service, &call, None).await
}

/// `POST /api/nodes/{id}/heartbeat`.
pub(crate) async fn post_for_node(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    let node = call.param("id")?;
    answered(&service, &call, Some(node)).await
}

async fn answered(service: &Service, call: &Call, node: Option<Uuid>) -> Result<Response<Body>, Problem> {
    let recorded = record(call, node).await?;
    let commands = match &recorded.subject {
        Some((org, node)) => for_heartbeat(service, call, org, *node).await?,
        None => None,
    };
    Ok(answer(&service.ingest, call, &recorded, commands.as_ref()))
}
