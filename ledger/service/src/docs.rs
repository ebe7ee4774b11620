//! The OpenAPI document over everything the service answers, and the page that shows it.

use crate::state::Service;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use serving::page;
use web::openapi::JSON;
use web::{Call, Problem, answer};

/// `GET /api/openapi.json`.
pub(crate) async fn document(service: Service, _: Call) -> Result<Response<Body>, Problem> {
    Ok(answer::with_type(StatusCode::OK, JSON, Body::from(service.document.clone())))
}

/// `GET /api/docs`.
pub(crate) async fn page(service: Service, _: Call) -> Result<Response<Body>, Problem> {
    Ok(page::document(StatusCode::OK, &service.page))
}
