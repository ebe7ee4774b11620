//! The OpenAPI document over everything the service answers, and the page that shows it.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::{MethodRouter, get};
use ingest::{App, Peer, Problem};
use serde_json::Value;
use serving::page;
use spec::openapi::{Access, HTML, JSON, Operation};

const DOCUMENT: &str = "/api/openapi.json";
const PAGE: &str = "/api/docs";
/// Where the page's form goes.
pub(crate) const SESSION: &str = "/session";

fn own() -> Vec<Operation> {
    let public = |method, path, id, tag| Operation::new(method, path, id, tag, Access::Public);
    vec![
        public("GET", DOCUMENT, "getDocument", "Documentation")
            .says("This document.")
            .answers(200, JSON, "object"),
        public("GET", PAGE, "getDocumentation", "Documentation")
            .says("This document as a page.")
            .answers(200, HTML, "text"),
        public("POST", SESSION, "signIn", "Page")
            .says("Begin a session of the page with an API token, or end it without.")
            .body("application/x-www-form-urlencoded", "token?: text")
            .answers(303, "", "")
            .answers(401, HTML, "text")
            .answers(408, HTML, "text")
            .answers(413, HTML, "text")
            .refuses(&[403]),
    ]
}

/// The document.
pub(crate) fn document() -> Value {
    let operations = [ingest::openapi::operations(), serving::openapi::operations(), own()].concat();
    let schemas = [spec::openapi::forms(), ingest::openapi::schemas(), serving::openapi::schemas()].concat();
    spec::openapi::document(env!("CARGO_PKG_VERSION"), &operations, &schemas, &ingest::openapi::responses())
}

/// The document as it is written to a file.
pub(crate) fn text() -> String {
    format!("{:#}\n", document())
}

/// The document and the page, for everyone.
pub(crate) fn routes(app: &App) -> Router {
    let document = document();
    let page = serving::docs::page(&document);
    let text = Bytes::from(document.to_string());
    let json = move || {
        let mut answer = Response::new(Body::from(text.clone()));
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    };
    Router::new()
        .route(DOCUMENT, route(app, json))
        .route(PAGE, route(app, move || page::document(StatusCode::OK, &page)))
}

/// A route that everyone gets the same answer from.
fn route(app: &App, answer: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static) -> MethodRouter {
    let app = app.clone();
    get(move |request: Request| {
        let peer = request.extensions().get::<Peer>().copied();
        let admitted = app.admit_anyone(peer, request.headers());
        std::future::ready(admitted.map_or_else(Problem::into_response, |()| answer()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_operation_has_its_own_id_and_every_reference_leads_somewhere() {
        let document = document();
        let mut ids = BTreeSet::new();
        let paths = document["paths"].as_object().unwrap();
        for operation in paths.values().flat_map(|methods| methods.as_object().unwrap().values()) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} twice");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{id}");
        }
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in found {
            let there = document.pointer(reference.strip_prefix('#').unwrap());
            assert!(there.is_some(), "{reference}");
        }
        for (path, methods) in paths {
            for part in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                for operation in methods.as_object().unwrap().values() {
                    let parameters = operation["parameters"].as_array().unwrap();
                    assert!(
                        parameters.iter().any(|p| p["name"] == part && p["in"] == "path"),
                        "{path}: {part}"
                    );
                }
            }
        }
    }
}
