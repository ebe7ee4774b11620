//! What a route says of itself, and its part of the document.

use super::schemas::{Describe, Schemas, part};
use crate::access::Access;
use crate::route::Row;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A description of what a route takes and answers.
#[derive(Debug, Clone, Default)]
pub struct Operation {
    /// What programs call it; it stays the same while the route does.
    pub id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    parameters: Vec<Parameter>,
    bodies: Vec<(&'static str, Describe)>,
    answers: Vec<(u16, Option<(&'static str, Describe)>)>,
    problems: Vec<u16>,
}

/// A parameter: of the path if that has its name in braces, else of the query.
#[derive(Debug, Clone, Copy)]
struct Parameter {
    name: &'static str,
    description: &'static str,
    required: bool,
    schema: Describe,
}

impl Operation {
    pub(crate) fn takes<T: JsonSchema>(
        &mut self,
        name: &'static str,
        description: &'static str,
        required: bool,
    ) {
        self.parameters.push(Parameter { name, description, required, schema: part::<T> });
    }

    pub(crate) fn body<T: JsonSchema>(&mut self, media: &'static str) {
        self.bodies.push((media, part::<T>));
    }

    pub(crate) fn answers<T: JsonSchema>(&mut self, status: u16, media: &'static str) {
        self.answers.push((status, Some((media, part::<T>))));
    }

    pub(crate) fn answers_nothing(&mut self, status: u16) {
        self.answers.push((status, None));
    }

    pub(crate) fn refuses(&mut self, statuses: &[u16]) {
        self.problems.extend(statuses);
    }
}

impl Row {
    pub(super) fn document(&self, schemas: &mut Schemas) -> Value {
        let operation = &self.operation;
        let mut document = json!({
            "operationId": operation.id,
            "tags": [operation.tag],
            "summary": operation.summary,
            "description": format!("{} {}", operation.summary, self.audience()),
            "security": self.security(),
            "responses": self.responses(schemas),
        });
        let parameters: Vec<Value> = (operation.parameters.iter())
            .map(|parameter| {
                let in_path = self.path.contains(&format!("{{{}}}", parameter.name));
                json!({
                    "name": parameter.name, "in": if in_path { "path" } else { "query" },
                    "description": parameter.description, "required": in_path || parameter.required,
                    "schema": schemas.taken(parameter.schema),
                })
            })
            .collect();
        let bodies: Map<String, Value> = (operation.bodies.iter())
            .map(|(media, schema)| ((*media).to_owned(), json!({"schema": schemas.taken(*schema)})))
            .collect();
        if let Some(members) = document.as_object_mut() {
            if !parameters.is_empty() {
                members.insert("parameters".to_owned(), parameters.into());
            }
            if !bodies.is_empty() {
                members.insert("requestBody".to_owned(), json!({"required": true, "content": bodies}));
            }
        }
        document
    }

    /// Who may use it, in a sentence.
    fn audience(&self) -> String {
        match self.access {
            Access::Public => "For everyone.".to_owned(),
            Access::Credential => {
                "The request shows by itself that it may be made: by signatures in its body, or by a token."
                    .to_owned()
            }
            Access::Anyone => "For every API token and every node.".to_owned(),
            Access::Role(action) => format!("For whoever may: {}.", action.as_str()),
            Access::Everywhere(action) => {
                format!("For whoever may, in the organisation `ledger`: {}.", action.as_str())
            }
        }
    }

    fn security(&self) -> Vec<Value> {
        let mut security = Vec::new();
        if self.access != Access::Public {
            security.push(json!({"token": []}));
        }
        if self.session {
            security.push(json!({"session": []}));
        }
        if self.access == Access::Credential {
            security.push(json!({}));
        }
        security
    }

    fn responses(&self, schemas: &mut Schemas) -> Value {
        let mut responses: BTreeMap<String, Value> = BTreeMap::new();
        for (status, content) in &self.operation.answers {
            let answer = responses
                .entry(status.to_string())
                .or_insert_with(|| json!({"description": reason(*status)}));
            if let (Some((media, schema)), Some(answer)) = (content, answer.as_object_mut()) {
                let content = answer.entry("content").or_insert_with(|| json!({}));
                if let Some(content) = content.as_object_mut() {
                    content.insert((*media).to_owned(), json!({"schema": schemas.said(*schema)}));
                }
            }
        }
        for status in self.problems() {
            let problem = json!({"$ref": format!("#/components/responses/Problem{status}")});
            responses.entry(status.to_string()).or_insert(problem);
        }
        json!(responses)
    }

    /// Every route may fail, or refuse for what it is asked or how often; others for who asks, for the body, or for
    /// what their path names.
    pub(super) fn problems(&self) -> Vec<u16> {
        let asker: &[u16] = match self.access {
            Access::Public => &[],
            Access::Credential => &[401, 403, 409],
            Access::Anyone | Access::Role(_) | Access::Everywhere(_) => &[401, 403],
        };
        let body: &[u16] = if self.operation.bodies.is_empty() { &[] } else { &[408, 413, 415, 422] };
        let named: &[u16] = if self.path.contains('{') { &[404] } else { &[] };
        [asker, body, named, &[400, 429, 500, 503], &self.operation.problems].concat()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::BodyRule;
    use crate::dispatch::Call;
    use crate::openapi::JSON;
    use crate::route::Route;
    use axum::http::{Method, Response};
    use spec::Name;

    #[test]
    fn parameters_stand_where_the_path_has_them() {
        let nothing = async |_: Call| Ok(Response::default());
        let route = Route::<()>::new(Method::GET, "/api/{org}", Access::Public, BodyRule::None, nothing)
            .called("get", "Orgs")
            .takes::<Name>("org", "Whose.")
            .takes::<u64>("limit", "How many.")
            .answers::<Vec<Name>>(200, JSON)
            .answers_nothing(304);
        let document = route.row().document(&mut Schemas::default());
        let parameters = document["parameters"].as_array().unwrap();
        let places: Vec<_> = parameters.iter().map(|p| (p["in"].as_str(), p["required"].as_bool())).collect();
        assert_eq!(places, [(Some("path"), Some(true)), (Some("query"), Some(false))]);
        assert_eq!(document["responses"]["304"], json!({"description": "As the caller has it"}));
        assert_eq!(document["responses"]["400"]["$ref"], "#/components/responses/Problem400");
        let items = &document["responses"]["200"]["content"][JSON]["schema"]["items"];
        assert_eq!(items, &json!({"$ref": "#/components/schemas/Name"}));
    }
}
