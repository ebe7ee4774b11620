//! What routes say of themselves, and the OpenAPI document that is made of it.
//!
//! Shapes are written in a notation of one line, so that they stand beside the routes and are read with them:
//!
//! ```text
//! seq: count, tenant?: Name, reasons: [Reason], next_cursor: text|null     an object; `?` may be absent
//! text  text..256  count  1..500  flag  time  object  any                  texts, integers and the like
//! OK/ATTN/CRIT                                                             one of these words
//! {text}                                                                   an object of texts by name
//! Node                                                                     a component of that name
//! ```

use crate::access::Access;
use crate::problem::{ADMISSION_CODES, ROWS, status_of};
use crate::route::Row;
use serde_json::{Map, Value, json};
use spec::limits::MAX_SAFE_INTEGER;
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

/// What a route takes and answers.
#[derive(Debug, Clone, Default)]
pub struct Operation {
    /// What programs call it; it stays the same while the route does.
    pub id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) parameters: &'static str,
    pub(crate) bodies: Vec<(&'static str, &'static str)>,
    pub(crate) answers: Vec<(u16, &'static str, String)>,
    pub(crate) problems: Vec<u16>,
}

impl Row {
    fn document(&self) -> Value {
        let operation = &self.operation;
        let mut document = json!({
            "operationId": operation.id, "tags": [operation.tag], "summary": operation.summary,
            "responses": self.responses(),
        });
        if let Access::Role(action) | Access::Everywhere(action) = self.access {
            add(&mut document, "description", format!("For whoever may: {}.", action.as_str()).into());
        }
        let mut security: Vec<Value> = Vec::new();
        if self.access != Access::Public {
            security.push(json!({"token": []}));
        }
        if self.session {
            security.push(json!({"session": []}));
        }
        if self.access == Access::Credential {
            security.push(json!({}));
        }
        add(&mut document, "security", security.into());
        let parameters: Vec<Value> =
            members(operation.parameters).map(|member| self.parameter(&member)).collect();
        if !parameters.is_empty() {
            add(&mut document, "parameters", parameters.into());
        }
        if !operation.bodies.is_empty() {
            let content: Map<String, Value> = (operation.bodies.iter())
                .map(|(media, shape)| ((*media).to_owned(), json!({"schema": closed(shape)})))
                .collect();
            add(&mut document, "requestBody", json!({"required": true, "content": content}));
        }
        document
    }

    fn parameter(&self, member: &Member<'_>) -> Value {
        let in_path = self.path.contains(&format!("{{{}}}", member.name));
        json!({
            "name": member.name, "in": if in_path { "path" } else { "query" },
            "required": in_path || member.required, "schema": kind(member.shape),
        })
    }

    fn responses(&self) -> Value {
        let mut responses: BTreeMap<String, Value> = BTreeMap::new();
        for (status, media, shape) in &self.operation.answers {
            let answer = responses
                .entry(status.to_string())
                .or_insert_with(|| json!({"description": reason(*status), "content": {}}));
            if let Some(content) = answer.get_mut("content").filter(|_| !media.is_empty()) {
                add(content, media, json!({"schema": schema(shape)}));
            } else if let Some(answer) = answer.as_object_mut() {
                answer.remove("content");
            }
        }
        for status in self.problems() {
            let problem = json!({"$ref": format!("#/components/responses/Problem{status}")});
            responses.entry(status.to_string()).or_insert(problem);
        }
        json!(responses)
    }

    /// Every route may fail, or refuse for what it is asked or how often; others for who asks, or for the body.
    fn problems(&self) -> Vec<u16> {
        let asker: &[u16] = match self.access {
            Access::Public => &[],
            Access::Credential => &[401, 403, 409],
            Access::Anyone | Access::Role(_) | Access::Everywhere(_) => &[401, 403],
        };
        let body: &[u16] = if self.operation.bodies.is_empty() { &[] } else { &[408, 413, 415, 422] };
        [asker, body, &[400, 429, 500, 503], &self.operation.problems].concat()
    }
}

/// The document over all routes.
pub fn document(version: &str, rows: &[Row], schemas: &[(&str, Value)]) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for row in rows {
        let methods = paths.entry(row.path).or_default();
        methods.insert(row.method.as_str().to_lowercase(), row.document());
    }
    let schemas: BTreeMap<&str, &Value> = schemas.iter().map(|(name, schema)| (*name, schema)).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "VaultMesh", "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "A ledger of signed events, and what it means. An answer may gain members; a reader ignores those it does not know. Every refusal is a problem document of RFC 9457.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses(),
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

/// The schemas of the forms that texts have everywhere.
pub fn forms() -> Vec<(&'static str, Value)> {
    let text = |pattern: &str, description: &str| json!({"type": "string", "pattern": pattern, "description": description});
    let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    let name = "[a-z0-9._:-]{1,128}";
    vec![
        ("Hash", text("^[0-9a-f]{64}$", "A BLAKE3 hash in lowercase hex.")),
        ("PublicKey", text("^[0-9a-f]{64}$", "An Ed25519 public key in lowercase hex.")),
        ("Signature", text("^[A-Za-z0-9+/]{85}[AQgw]==$", "An Ed25519 signature in padded base64.")),
        ("Uuid", text(&format!("^{uuid}$"), "A lowercase UUID.")),
        ("Name", text(&format!("^{name}$"), "A name.")),
        (
            "Author",
            text(&format!("^((node|user|token):{uuid}|(service|import):{name})$"), "Who said something."),
        ),
        ("Kind", text("^[a-z0-9._:-]{1,128}$", "The kind of an event.")),
        (
            "Checkpoint",
            json!({"type": "string", "description": "A signed note: origin, size and root of the log."}),
        ),
        ("Severity", kind("info/low/medium/high/critical")),
        ("Band", kind("OK/ATTN/CRIT")),
        ("WebhookType", kind(&spec::payload::WEBHOOK_TYPES.join("/"))),
        ("Role", kind("org_owner/org_admin/node_admin/viewer/support/auditor")),
        ("KeyUse", kind("recovery/checkpoint/checkpoint-sha256/service/command/node/witness/device")),
        ("KeyState", kind("active/superseded/revoked/compromised")),
    ]
}

/// The schema of a shape: an object if it names members, else one type.
pub fn schema(shape: &str) -> Value {
    if !shape.contains(':') {
        return kind(shape);
    }
    let properties: Map<String, Value> =
        members(shape).map(|member| (member.name.to_owned(), kind(member.shape))).collect();
    let required: Vec<&str> =
        members(shape).filter(|member| member.required).map(|member| member.name).collect();
    let mut object = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        add(&mut object, "required", json!(required));
    }
    object
}

/// As [`schema`], without members beyond those named.
pub fn closed(shape: &str) -> Value {
    let mut object = schema(shape);
    if shape.contains(':') {
        add(&mut object, "additionalProperties", false.into());
    }
    object
}

fn add(to: &mut Value, name: &str, value: Value) {
    if let Some(members) = to.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

struct Member<'a> {
    name: &'a str,
    required: bool,
    shape: &'a str,
}

fn members(shape: &str) -> impl Iterator<Item = Member<'_>> {
    shape.split(',').filter_map(|member| {
        let (name, shape) = member.trim().split_once(": ")?;
        let (name, required) = name.strip_suffix('?').map_or((name, true), |name| (name, false));
        Some(Member { name, required, shape })
    })
}

/// The schema of one type.
fn kind(shape: &str) -> Value {
    if let Some(shape) = shape.strip_suffix("|null") {
        let mut schema = kind(shape);
        let simple = schema.get("type").and_then(Value::as_str).map(|name| json!([name, "null"]));
        return match simple {
            Some(types) => {
                add(&mut schema, "type", types);
                schema
            }
            None => json!({"oneOf": [schema, {"type": "null"}]}),
        };
    }
    if let Some(items) = shape.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return json!({"type": "array", "items": kind(items)});
    }
    if let Some(values) = shape.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return json!({"type": "object", "additionalProperties": kind(values)});
    }
    if let Some((least, most)) = shape.split_once("..") {
        return match (least.parse::<u64>(), most.parse::<u64>()) {
            (Ok(least), Ok(most)) => json!({"type": "integer", "minimum": least, "maximum": most}),
            (_, most) => json!({"type": "string", "maxLength": most.unwrap_or_default()}),
        };
    }
    match shape {
        "text" => json!({"type": "string"}),
        "count" => json!({"type": "integer", "minimum": 0, "maximum": MAX_SAFE_INTEGER}),
        "flag" => json!({"type": "boolean"}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "object" => json!({"type": "object"}),
        "any" => json!({}),
        words if words.contains('/') => {
            json!({"type": "string", "enum": words.split('/').collect::<Vec<_>>()})
        }
        component => json!({"$ref": format!("#/components/schemas/{component}")}),
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "Done, or there already",
        201 => "New",
        204 => "Done",
        207 => "Some of it was refused: each has its own status",
        303 => "Elsewhere",
        304 => "As the caller has it",
        _ => "Refused",
    }
}

/// The refusals by status.
fn responses() -> Map<String, Value> {
    let rows = ROWS.iter().map(|row| (row.status, row.code));
    let codes = ADMISSION_CODES.into_iter().map(|code| (status_of(code), code.as_str()));
    let mut by_status: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    for (status, code) in rows.chain(codes) {
        by_status.entry(status).or_default().insert(code);
    }
    let response = |codes: BTreeSet<&str>| {
        json!({
            "description": codes.into_iter().collect::<Vec<_>>().join(", "),
            "content": {PROBLEM: {"schema": schema("Problem")}},
        })
    };
    by_status.into_iter().map(|(status, codes)| (format!("Problem{status}"), response(codes))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::BodyRule;
    use crate::dispatch::Call;
    use crate::route::Route;
    use axum::http::{Method, Response};

    #[test]
    fn shapes_are_schemas() {
        let object = schema("seq: count, tenant?: Name, tags: [text], next: text|null, band: OK/CRIT");
        assert_eq!(object["required"], json!(["seq", "tags", "next", "band"]));
        let of = |name: &str| object["properties"][name].clone();
        assert_eq!(of("tenant"), json!({"$ref": "#/components/schemas/Name"}));
        assert_eq!(of("tags"), json!({"type": "array", "items": {"type": "string"}}));
        assert_eq!(of("next"), json!({"type": ["string", "null"]}));
        assert_eq!(of("band"), json!({"type": "string", "enum": ["OK", "CRIT"]}));
        assert_eq!(kind("1..500"), json!({"type": "integer", "minimum": 1, "maximum": 500}));
        assert_eq!(kind("text..8"), json!({"type": "string", "maxLength": 8}));
        assert_eq!(kind("{[count]}")["additionalProperties"]["type"], "array");
        assert_eq!(closed("a?: flag")["additionalProperties"], false);
    }

    #[test]
    fn parameters_stand_where_the_path_has_them() {
        let nothing = async |_: Call| Ok(Response::default());
        let route = Route::<()>::new(Method::GET, "/api/{org}", Access::Public, BodyRule::None, nothing)
            .called("get", "Orgs")
            .takes("org: Name, limit?: 1..5")
            .answers(200, JSON, "items: [Name]")
            .answers(304, "", "");
        let document = route.row().document();
        let parameters = document["parameters"].as_array().unwrap();
        let places: Vec<_> = parameters.iter().map(|p| (p["in"].as_str(), p["required"].as_bool())).collect();
        assert_eq!(places, [(Some("path"), Some(true)), (Some("query"), Some(false))]);
        assert_eq!(document["responses"]["304"], json!({"description": "As the caller has it"}));
        assert_eq!(document["responses"]["400"]["$ref"], "#/components/responses/Problem400");
    }
}
