//! The OpenAPI document, made of what the routes say of themselves and of the types that they read and write.

mod operation;
mod schemas;

pub use operation::Operation;

use crate::problem::{ADMISSION_CODES, ROWS, status_of};
use crate::route::Row;
use schemas::Schemas;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The media type of JSON.
pub const JSON: &str = "application/json";

/// The media type of JSON lines.
pub const NDJSON: &str = "application/x-ndjson";

/// The media type of a page's form.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// The media type of refusals.
pub const PROBLEM: &str = "application/problem+json";

/// The media type of plain text.
pub const TEXT: &str = "text/plain";

/// The media type of pages.
pub const HTML: &str = "text/html";

/// A subject that operations belong to: its name, and what it is about.
pub type Tag = (&'static str, &'static str);

/// A JSON object of which nothing more is said.
pub type Object = Map<String, Value>;

/// The document over all routes.
pub fn document(version: &str, rows: &[Row], tags: &[Tag]) -> Value {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for row in rows {
        let methods = paths.entry(row.path).or_default();
        methods.insert(row.method.as_str().to_lowercase(), row.document(&mut schemas));
    }
    let tags: Vec<Value> =
        tags.iter().map(|(name, description)| json!({"name": name, "description": description})).collect();
    let responses = responses(&mut schemas, rows);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "VaultMesh", "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "contact": {"name": "Whoever runs this service"},
            "description": "A ledger of signed events, and what it means. An answer may gain members; a reader ignores those it does not know. Every refusal is a problem document of RFC 9457.",
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {
            "responses": responses,
            "schemas": schemas.named(),
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "An API token, `vmt1.<id>.<secret>`, or a JWT that a node signed for this request.",
                },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": crate::sessions::COOKIE,
                    "description": "The session of the page; it reads.",
                },
            },
        },
    })
}

/// The refusals of the routes, by status.
fn responses(schemas: &mut Schemas, routes: &[Row]) -> Map<String, Value> {
    let said: BTreeSet<u16> = routes.iter().flat_map(Row::problems).collect();
    let rows = ROWS.iter().map(|row| (row.status, row.code));
    let codes = ADMISSION_CODES.into_iter().map(|code| (status_of(code), code.as_str()));
    let mut by_status: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    for (status, code) in rows.chain(codes) {
        by_status.entry(status).or_default().insert(code);
    }
    let problem = schemas.said(schemas::part::<crate::problem::ProblemBody>);
    let response = |codes: BTreeSet<&str>| {
        json!({
            "description": codes.into_iter().collect::<Vec<_>>().join(", "),
            "content": {PROBLEM: {"schema": problem}},
        })
    };
    let said = by_status.into_iter().filter(|(status, _)| said.contains(status));
    said.map(|(status, codes)| (format!("Problem{status}"), response(codes))).collect()
}
