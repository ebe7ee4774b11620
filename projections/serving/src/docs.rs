//! The OpenAPI document as a page for people: no script, and nothing from any other host.

use crate::page::frame;
use maud::{Markup, html};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The page.
pub fn page(document: &Value) -> Markup {
    let mut groups: BTreeMap<&str, Vec<(&str, &str, &Value)>> = BTreeMap::new();
    for (path, methods) in members(document.pointer("/paths")) {
        for (method, operation) in members(Some(methods)) {
            let tag = text(operation.pointer("/tags/0"));
            groups.entry(tag).or_default().push((path, method, operation));
        }
    }
    let schemas = document.pointer("/components/schemas");
    frame(&html! {
        header {
            h1 { "VaultMesh API" }
            p { (text(document.pointer("/info/version"))) " · " a href="/api/openapi.json" { "openapi.json" } }
        }
        main.docs {
            p.hint { (text(document.pointer("/info/description"))) }
            nav {
                @for tag in groups.keys() { a href={ "#" (tag) } { (tag) } " " }
                a href="#schemas" { "Schemas" }
            }
            @for (tag, operations) in &groups {
                h2 #(tag) { (tag) }
                @for (path, method, operation) in operations { (section(path, method, operation)) }
            }
            h2 #schemas { "Schemas" }
            @for (name, schema) in members(schemas) {
                section #{ "schema-" (name) } {
                    h3 { code { (name) } }
                    p { (text(schema.get("description"))) }
                    (shape(schema))
                }
            }
        }
    })
}

fn section(path: &str, method: &str, operation: &Value) -> Markup {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    html! {
        section #(text(operation.get("operationId"))) {
            h3 { code { (method.to_uppercase()) " " (path) } small { (text(operation.get("operationId"))) } }
            p { (text(operation.get("summary"))) " " (text(operation.get("description"))) }
            @if let Some(parameters) = parameters {
                table {
                    thead { tr { th scope="col" { "Parameter" } th scope="col" { "In" } th scope="col" { "Value" } } }
                    tbody {
                        @for parameter in parameters {
                            tr {
                                th scope="row" {
                                    code { (text(parameter.get("name"))) }
                                    @if parameter.get("required") == Some(&Value::Bool(true)) { small { "required" } }
                                }
                                td { (text(parameter.get("in"))) }
                                td { (kind(parameter.get("schema"))) }
                            }
                        }
                    }
                }
            }
            @for (media, body) in members(operation.pointer("/requestBody/content")) {
                p { "Takes " code { (media) } ":" }
                (shape(body.get("schema").unwrap_or(&Value::Null)))
            }
            table {
                thead { tr { th scope="col" { "Status" } th scope="col" { "Answer" } } }
                tbody {
                    @for (status, answer) in members(operation.get("responses")) {
                        @if answer.get("$ref").is_some() {
                            tr { th scope="row" { (status) } td { (reference("Problem")) } }
                        } @else {
                            tr {
                                th scope="row" { (status) }
                                td {
                                    (text(answer.get("description")))
                                    @for (media, content) in members(answer.get("content")) {
                                        small { code { (media) } }
                                        (shape(content.get("schema").unwrap_or(&Value::Null)))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A schema: the members of an object as a list, anything else in a line.
fn shape(schema: &Value) -> Markup {
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|one| one == name))
    };
    html! {
        @if schema.get("properties").is_some() {
            ul {
                @for (name, member) in members(schema.get("properties")) {
                    li { code { (name) @if !required(name) { "?" } } ": " (kind(Some(member))) }
                }
            }
        } @else { p { (kind(Some(schema))) } }
    }
}

/// A type in a line.
fn kind(schema: Option<&Value>) -> Markup {
    let Some(schema) = schema else { return html! {} };
    let any_of = ["anyOf", "oneOf"].iter().find_map(|name| schema.get(*name)?.as_array());
    let bound = |name: &str| schema.get(name).map(Value::to_string);
    html! {
        @if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.rsplit('/').next()) {
            (reference(name))
        } @else if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            @for (n, word) in words.iter().enumerate() { @if n > 0 { ", " } code { (text(Some(word))) } }
        } @else if let Some(choices) = any_of {
            @for (n, choice) in choices.iter().enumerate() { @if n > 0 { " or " } (kind(Some(choice))) }
        } @else if let Some(items) = schema.get("items") {
            "list of " (kind(Some(items)))
        } @else if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            "object of " (kind(Some(values)))
        } @else {
            @match schema.get("type") {
                Some(Value::Array(types)) => { @for (n, one) in types.iter().enumerate() { @if n > 0 { " or " } (text(Some(one))) } }
                Some(one) => (text(Some(one))),
                None => "anything",
            }
            @if let Some(pattern) = schema.get("pattern") { " " code { (text(Some(pattern))) } }
            @if let (Some(least), Some(most)) = (bound("minimum"), bound("maximum")) { " " (least) " to " (most) }
            @if let Some(most) = bound("maxLength") { " of at most " (most) " characters" }
        }
    }
}

fn reference(name: &str) -> Markup {
    html! { a href={ "#schema-" (name) } { code { (name) } } }
}

fn members(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    value
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
        .map(|(name, value)| (name.as_str(), value))
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_said_is_shown_and_escaped() {
        let document = json!({
            "info": {"version": "1", "description": "<b>"},
            "paths": {"/a/{id}": {"get": {
                "operationId": "getA", "tags": ["As"], "summary": "One.",
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"$ref": "#/components/schemas/Id"}}],
                "responses": {
                    "200": {"description": "Done", "content": {"application/json": {"schema": {
                        "type": "object", "properties": {"next": {"type": ["string", "null"]}},
                    }}}},
                    "404": {"$ref": "#/components/responses/Problem404"},
                },
            }}},
            "components": {"schemas": {"Id": {"type": "string", "pattern": "^[<>]$"}}},
        });
        let page = page(&document).0;
        for part in [
            "&lt;b&gt;",
            "GET /a/{id}",
            "id=\"getA\"",
            "href=\"#schema-Id\"",
            "string or null",
            "href=\"#schema-Problem\"",
            "^[&lt;&gt;]$",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        assert!(!page.contains("<script"), "{page}");
    }
}
