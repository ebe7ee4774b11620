//! The part of JSON Schema that the document uses, and what is asked beyond it: no member without a name.

use regex_lite::Regex;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is said in a schema and says nothing of values.
const REMARKS: [&str; 4] = ["description", "examples", "format", "title"];

/// The components of a document.
#[derive(Debug)]
pub(crate) struct Schemas {
    components: BTreeMap<String, Value>,
}

/// Which members of an object a schema knows.
enum Known {
    All,
    These(BTreeSet<String>),
}

impl Known {
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::These(mut one), Self::These(other)) => {
                one.extend(other);
                Self::These(one)
            }
            _ => Self::All,
        }
    }
}

impl Schemas {
    pub(crate) fn of(document: &Value) -> Self {
        let mut components = BTreeMap::new();
        for (kind, named) in document.get("components").and_then(Value::as_object).into_iter().flatten() {
            for (name, component) in named.as_object().into_iter().flatten() {
                components.insert(format!("#/components/{kind}/{name}"), component.clone());
            }
        }
        Self { components }
    }

    /// What a reference leads to.
    pub(crate) fn resolved<'a>(&'a self, value: &'a Value) -> Result<&'a Value, String> {
        match value.get("$ref").and_then(Value::as_str) {
            Some(name) => self.components.get(name).ok_or_else(|| format!("{name} leads nowhere")),
            None => Ok(value),
        }
    }

    /// A value against all that is said of it: every member of an object has a name.
    pub(crate) fn whole(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let known = self.fits(schema, value, at)?;
        if let (Known::These(known), Value::Object(members)) = (known, value)
            && let Some(unknown) = members.keys().find(|name| !known.contains(*name))
        {
            return Err(format!("{at}/{unknown} is not in the schema"));
        }
        Ok(())
    }

    /// A value against a part of what is said of it.
    fn fits(&self, schema: &Value, value: &Value, at: &str) -> Result<Known, String> {
        let parts = schema.as_object().ok_or_else(|| format!("{at}: {schema} is no schema"))?;
        let mut known: Option<Known> = None;
        let mut add = |more: Known| {
            known = Some(match known.take() {
                Some(known) => known.with(more),
                None => more,
            });
        };
        for (word, said) in parts {
            match word.as_str() {
                "$ref" => add(self.fits(self.resolved(schema)?, value, at)?),
                "allOf" => {
                    for part in list(said) {
                        add(self.fits(part, value, at)?);
                    }
                }
                "anyOf" | "oneOf" => {
                    let tried: Vec<_> = list(said).iter().map(|part| self.fits(part, value, at)).collect();
                    let faults: Vec<&str> =
                        tried.iter().filter_map(|fit| fit.as_ref().err()).map(|e| &**e).collect();
                    let fitting = tried.len() - faults.len();
                    if fitting == 0 || (word == "oneOf" && fitting > 1) {
                        return Err(format!("{at}: {fitting} of {word} fit: {}", faults.join("; ")));
                    }
                    tried.into_iter().flatten().for_each(&mut add);
                }
                "properties" => add(self.members(said, value, at)?),
                "additionalProperties" => {
                    if let Some(more) = self.further(parts, said, value, at)? {
                        add(more);
                    }
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.whole(said, item, &format!("{at}/{index}"))?;
                    }
                }
                _ => check(word, said, value).map_err(|fault| format!("{at}: {fault}"))?,
            }
        }
        Ok(known.unwrap_or(Known::All))
    }

    fn members(&self, properties: &Value, value: &Value, at: &str) -> Result<Known, String> {
        let properties = properties.as_object().cloned().unwrap_or_default();
        for (name, member) in value.as_object().into_iter().flatten() {
            if let Some(schema) = properties.get(name) {
                self.whole(schema, member, &format!("{at}/{name}"))?;
            }
        }
        Ok(Known::These(properties.into_iter().map(|(name, _)| name).collect()))
    }

    /// Members beside those that have a name: values of a map, or none.
    fn further(
        &self,
        parts: &Map<String, Value>,
        said: &Value,
        value: &Value,
        at: &str,
    ) -> Result<Option<Known>, String> {
        let named = parts.get("properties").and_then(Value::as_object);
        let further = value.as_object().into_iter().flatten();
        let mut further = further.filter(|(name, _)| named.is_none_or(|named| !named.contains_key(*name)));
        if *said == Value::Bool(false) {
            return match further.next() {
                Some((name, _)) => Err(format!("{at}/{name} may not be there")),
                None => Ok(None),
            };
        }
        for (name, member) in further {
            self.whole(said, member, &format!("{at}/{name}"))?;
        }
        Ok(Some(Known::All))
    }
}

fn list(said: &Value) -> &[Value] {
    said.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What is said of a value itself.
fn check(word: &str, said: &Value, value: &Value) -> Result<(), String> {
    let number = |value: &Value| value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
    let length = || value.as_str().map(|text| text.chars().count() as u64);
    let holds = match word {
        "type" => match said {
            Value::String(name) => is(value, name),
            several => list(several).iter().filter_map(Value::as_str).any(|name| is(value, name)),
        },
        "required" => value.as_object().is_none_or(|members| {
            list(said).iter().filter_map(Value::as_str).all(|name| members.contains_key(name))
        }),
        "enum" => list(said).contains(value),
        "const" => said == value,
        "pattern" => match (said.as_str().map(Regex::new), value.as_str()) {
            (Some(Ok(pattern)), Some(text)) => pattern.is_match(text),
            (Some(Ok(_)), None) => true,
            _ => return Err(format!("{said} is no pattern")),
        },
        "minimum" => number(value).is_none_or(|number_| number(said).is_some_and(|least| number_ >= least)),
        "maximum" => number(value).is_none_or(|number_| number(said).is_some_and(|most| number_ <= most)),
        "maxLength" => length().is_none_or(|length| said.as_u64().is_some_and(|most| length <= most)),
        "uniqueItems" => {
            let items = list(value);
            items.iter().enumerate().all(|(n, item)| !items.iter().skip(n + 1).any(|other| other == item))
        }
        "unevaluatedProperties" => true,
        remark if REMARKS.contains(&remark) => true,
        unknown => return Err(format!("{unknown} is not understood")),
    };
    if holds { Ok(()) } else { Err(format!("{word} is {said}, not so of {value}")) }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schemas() -> Schemas {
        Schemas::of(&json!({"components": {"schemas": {
            "Name": {"type": "string", "pattern": "^[a-z]+$"},
            "Node": {
                "type": "object", "required": ["name"],
                "properties": {"name": {"$ref": "#/components/schemas/Name"}, "tags": {"type": "array", "items": {"type": "string"}}},
                "oneOf": [
                    {"required": ["up"], "properties": {"up": {"type": "integer", "minimum": 0}}},
                    {"required": ["down"], "properties": {"down": {"type": ["string", "null"]}}},
                ],
            },
            "Labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "Closed": {"type": "object", "properties": {"a": {}}, "additionalProperties": false},
        }}}))
    }

    fn judge(name: &str, value: &Value) -> Result<(), String> {
        schemas().whole(&json!({"$ref": format!("#/components/schemas/{name}")}), value, "")
    }

    #[test]
    fn what_fits_has_a_name_for_every_member() {
        for (name, fits) in [
            ("Node", json!({"name": "a", "up": 1, "tags": []})),
            ("Node", json!({"name": "a", "down": null})),
            ("Labels", json!({"anything": "at all"})),
            ("Closed", json!({"a": {"whatever": true}})),
        ] {
            assert_eq!(judge(name, &fits), Ok(()), "{fits}");
        }
        for (name, faulty) in [
            ("Node", json!({"up": 1})),
            ("Node", json!({"name": "A", "up": 1})),
            ("Node", json!({"name": "a"})),
            ("Node", json!({"name": "a", "up": 1, "down": null})),
            ("Node", json!({"name": "a", "up": -1})),
            ("Node", json!({"name": "a", "up": 1, "more": 1})),
            ("Node", json!({"name": "a", "up": 1, "tags": [1]})),
            ("Labels", json!({"anything": 1})),
            ("Closed", json!({"b": 1})),
            ("Nothing", json!({})),
        ] {
            assert!(judge(name, &faulty).is_err(), "{faulty}");
        }
    }

    #[test]
    fn a_word_that_is_not_understood_is_a_fault() {
        let schema = json!({"type": "integer", "multipleOf": 2});
        assert!(schemas().whole(&schema, &json!(2), "").unwrap_err().contains("multipleOf"));
    }
}
