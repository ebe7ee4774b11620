//! Holds the service's answers against its OpenAPI document, in tests.
//!
//! It is stricter than a reader of the document has to be: an answer may gain members, but none that the document does
//! not name. A validator of JSON Schema cannot ask that of schemas that are open for their readers, and of the schemas
//! that are derived here only a small part of the language is used; so this is a walk of its own. Whatever it does not
//! know in a schema is a fault as well. `ledger/cli/tests/schemathesis` asks a validator that others wrote.

mod schema;

use schema::Schemas;
use serde_json::Value;

/// An OpenAPI document.
#[derive(Debug)]
pub struct Document {
    document: Value,
    schemas: Schemas,
}

/// The answer to a request.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// Its path, without the query.
    pub path: &'a str,
    /// The status.
    pub status: u16,
    /// The media type of the body; empty without one.
    pub media: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Document {
    /// The document as it is served.
    pub fn new(document: Value) -> Self {
        let schemas = Schemas::of(&document);
        Self { document, schemas }
    }

    /// The id of the operation that was asked for, if the answer is one that the document says it has; `None` for what
    /// is no operation, and was refused.
    ///
    /// # Errors
    /// What the document lacks, or the answer.
    pub fn check(&self, answer: Answer<'_>) -> Result<Option<String>, String> {
        let Answer { method, path, status, body, .. } = answer;
        let Some(operation) = self.operation(method, path) else {
            return if matches!(status, 404 | 405) {
                Ok(None)
            } else {
                Err(format!("{method} {path} is no operation"))
            };
        };
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
        let fault = |what: String| format!("{id}, {status}: {what}");
        let said = operation.get("responses").and_then(|responses| responses.get(status.to_string()));
        let said = said.ok_or_else(|| fault("the status is unknown".to_owned()))?;
        let said = self.schemas.resolved(said).map_err(fault)?;
        let media = answer.media.split(';').next().unwrap_or_default().trim();
        match said.get("content").and_then(Value::as_object) {
            None if body.is_empty() => {}
            None => return Err(fault("it has a body".to_owned())),
            Some(content) => {
                let known =
                    content.get(media).ok_or_else(|| fault(format!("{media:?} is an unknown media type")))?;
                if media == "application/json" || media.ends_with("+json") {
                    let value = serde_json::from_slice(body).map_err(|error| fault(error.to_string()))?;
                    let schema = known.get("schema").unwrap_or(&Value::Null);
                    self.schemas.whole(schema, &value, "").map_err(fault)?;
                }
            }
        }
        Ok(Some(id.to_owned()))
    }

    /// A value against a schema that has a name.
    ///
    /// # Errors
    /// What the schema lacks, or the value.
    pub fn check_named(&self, name: &str, value: &Value) -> Result<(), String> {
        let reference = serde_json::json!({"$ref": format!("#/components/schemas/{name}")});
        self.schemas.whole(&reference, value, "")
    }

    /// The operations that answer with JSON when all goes well, by their ids.
    pub fn answering_json(&self) -> Vec<&str> {
        let paths = self.document.get("paths").and_then(Value::as_object);
        let operations = paths.into_iter().flatten().filter_map(|(_, methods)| methods.as_object()).flatten();
        let json = operations.filter(|(_, operation)| {
            ["200", "201"].iter().any(|status| {
                let content = operation.pointer(&format!("/responses/{status}/content"));
                content.is_some_and(|content| content.get("application/json").is_some())
            })
        });
        json.filter_map(|(_, operation)| operation.get("operationId")?.as_str()).collect()
    }

    /// The operation of a path: where several fit, the one with the fewest parts that vary.
    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let parts: Vec<&str> = path.split('/').collect();
        let paths = self.document.get("paths")?.as_object()?;
        let fitting = paths.iter().filter_map(|(template, methods)| {
            let template: Vec<&str> = template.split('/').collect();
            let varies = |part: &str| part.starts_with('{') && part.ends_with('}');
            let fits = template.len() == parts.len()
                && template
                    .iter()
                    .zip(&parts)
                    .all(|(one, other)| (varies(one) && !other.is_empty()) || one == other);
            fits.then(|| (template.iter().filter(|part| varies(part)).count(), methods))
        });
        let (_, methods) = fitting.min_by_key(|(varying, _)| *varying)?;
        methods.get(method.to_lowercase())
    }
}
