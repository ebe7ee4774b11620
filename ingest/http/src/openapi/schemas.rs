//! The schemas of the document, derived from the types that handlers read and write.
//!
//! `schemars` describes a type as serde has it. What is left to do: an optional member is absent and never `null`, the
//! words of a choice are one list, integers are those that JSON carries safely, and descriptions are prose.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use spec::limits::MAX_SAFE_INTEGER;

/// How a type is described.
pub(crate) type Describe = fn(&mut SchemaGenerator) -> Schema;

/// The description of a type, for [`Describe`].
pub(crate) fn part<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The schemas that have a name: of what is read from requests, and of what is written into answers.
#[derive(Debug)]
pub(crate) struct Schemas {
    taken: SchemaGenerator,
    said: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.meta_schema = None;
                settings.definitions_path = "/components/schemas".into();
            })
        };
        Self {
            taken: settings().for_deserialize().into_generator(),
            said: settings().for_serialize().into_generator(),
        }
    }
}

impl Schemas {
    /// The schema of what is read from a request.
    pub(super) fn taken(&mut self, describe: Describe) -> Value {
        tidy(describe(&mut self.taken).to_value())
    }

    /// The schema of what is written into an answer.
    pub(super) fn said(&mut self, describe: Describe) -> Value {
        tidy(describe(&mut self.said).to_value())
    }

    /// The schemas by name. What is both read and written is described as it is read, which is stricter.
    pub(super) fn named(mut self) -> Map<String, Value> {
        let mut named = self.said.take_definitions(true);
        named.extend(self.taken.take_definitions(true));
        named.into_iter().map(|(name, schema)| (name, tidy(schema))).collect()
    }
}

/// A schema as it stands in the document.
fn tidy(mut schema: Value) -> Value {
    put_right(&mut schema);
    schema
}

fn put_right(schema: &mut Value) {
    let members = match schema {
        Value::Object(members) => members,
        Value::Array(items) => return items.iter_mut().for_each(put_right),
        // `true` is said by an object, which every tool reads.
        Value::Bool(true) => return *schema = json!({}),
        _ => return,
    };
    members.remove("default");
    if let Some(Value::String(text)) = members.get_mut("description") {
        *text = prose(text);
    }
    if let Some(words) = words_of(members) {
        let meanings =
            words.iter().filter_map(|(word, meaning)| Some(format!("`{word}`: {}", meaning.as_ref()?)));
        let meanings: Vec<String> = meanings.collect();
        let description = members.get("description").and_then(Value::as_str).unwrap_or_default();
        let description = [description, &meanings.join(" ")].join(" ").trim().to_owned();
        members.remove("oneOf");
        members.insert("type".to_owned(), "string".into());
        members.insert("enum".to_owned(), words.into_iter().map(|(word, _)| word).collect());
        if !description.is_empty() {
            members.insert("description".to_owned(), description.into());
        }
    }
    keyed(members);
    bound(members);
    let required: Vec<String> = (members.get("required").and_then(Value::as_array).into_iter().flatten())
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        for (name, property) in properties.iter_mut() {
            if !required.contains(name) {
                never_null(property);
            }
            put_right(property);
        }
    }
    for name in ["items", "additionalProperties", "anyOf", "oneOf", "allOf"] {
        if let Some(inner) = members.get_mut(name) {
            // An open object is one that says nothing of further members.
            match inner {
                Value::Bool(true) => drop(members.remove(name)),
                inner => put_right(inner),
            }
        }
    }
}

/// The words of a choice of texts, each with its meaning.
fn words_of(members: &Map<String, Value>) -> Option<Vec<(String, Option<String>)>> {
    let mut words = Vec::new();
    for choice in members.get("oneOf")?.as_array()? {
        let meaning = choice.get("description").and_then(Value::as_str).map(prose);
        let several = choice.get("enum").and_then(Value::as_array);
        for word in several.into_iter().flatten().chain(choice.get("const")) {
            words.push((word.as_str()?.to_owned(), meaning.clone()));
        }
        if choice.get("type")? != "string" || choice.get("pattern").is_some() {
            return None;
        }
    }
    (!words.is_empty()).then_some(words)
}

/// A map whose keys have a form is a map: of the form itself few tools know what to do.
fn keyed(members: &mut Map<String, Value>) {
    if let Some(Value::Object(patterns)) = members.remove("patternProperties") {
        let values = patterns.into_iter().next().map_or(Value::Bool(true), |(_, values)| values);
        members.insert("additionalProperties".to_owned(), values);
    }
}

/// Integers are those that JSON carries safely.
fn bound(members: &mut Map<String, Value>) {
    let Some(format) = members.get("format").and_then(Value::as_str) else { return };
    match format {
        "uint64" | "uint" => {
            members.insert("format".to_owned(), "int64".into());
            members.entry("maximum").or_insert_with(|| MAX_SAFE_INTEGER.into());
        }
        "int64" => {
            members.entry("minimum").or_insert_with(|| json!(-i128::from(MAX_SAFE_INTEGER)));
            members.entry("maximum").or_insert_with(|| MAX_SAFE_INTEGER.into());
        }
        "uint8" | "uint16" | "uint32" => {
            let bits: u32 = format.trim_start_matches("uint").parse().unwrap_or(32);
            members.insert("format".to_owned(), if bits < 32 { "int32" } else { "int64" }.into());
            members.entry("maximum").or_insert_with(|| ((1_u64 << bits) - 1).into());
        }
        _ => {}
    }
}

/// The schema without `null`.
fn never_null(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            members.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(words)) = members.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
        choices.retain(|choice| choice != &json!({"type": "null"}));
        if let [Value::Object(only)] = &choices[..] {
            let only = only.clone();
            members.remove("anyOf");
            // What is said of the member itself goes before what is said of its type.
            for (name, value) in only {
                members.entry(name).or_insert(value);
            }
        }
    }
}

/// The text of a comment as prose: a paragraph is one line, and the compiler's links are its words alone.
fn prose(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    let text = paragraphs.collect::<Vec<_>>().join("\n\n");
    text.replace("[`", "`").replace("`]", "`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::Name;

    #[derive(serde::Serialize, JsonSchema)]
    struct Thing {
        /// A word
        /// of the [`Choice`].
        choice: Option<Choice>,
        count: u64,
        next_cursor: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<Name>,
    }

    #[derive(serde::Serialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "is described, and never made")]
    enum Choice {
        /// The one.
        One,
        /// The other.
        Other,
    }

    #[test]
    fn what_serde_leaves_out_is_never_null() {
        let mut schemas = Schemas::default();
        assert_eq!(schemas.said(part::<Thing>), json!({"$ref": "#/components/schemas/Thing"}));
        let named = schemas.named();
        let thing = &named["Thing"];
        assert_eq!(thing["required"], json!(["choice", "count", "next_cursor"]));
        let of = |name: &str| thing["properties"][name].clone();
        assert_eq!(of("owner"), json!({"$ref": "#/components/schemas/Name"}));
        assert_eq!(of("next_cursor"), json!({"type": ["string", "null"]}));
        assert_eq!(of("count")["maximum"], json!(MAX_SAFE_INTEGER));
        assert_eq!(of("choice")["description"], "A word of the `Choice`.");
        let words = json!({"type": "string", "enum": ["one", "other"], "description": "`one`: The one. `other`: The other."});
        assert_eq!(named["Choice"], words);
    }
}
