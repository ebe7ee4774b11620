//! What the service answers: as it said it, and as this version reads it.

use super::Names;
use crate::client::Client;
use crate::failure::Failure;
use crate::options::Global;
use crate::output::{self, Look, Table};
use serde::de::DeserializeOwned;
use serde_json::Value;
use spec::Timestamp;
use std::marker::PhantomData;
use std::sync::Arc;

/// An answer. What machines are given is what the service said, with members that this version does not know; what
/// people are shown is read into a type first.
#[derive(Debug, Clone)]
pub(crate) struct Reply<T> {
    said: Value,
    names: Arc<Names>,
    kind: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Reply<T> {
    pub(crate) fn of(said: Value) -> Self {
        Self { said, names: Arc::default(), kind: PhantomData }
    }

    /// The same, with what nodes are called for the people that it is shown to.
    pub(crate) async fn named(mut self, global: &Global, client: &Client) -> Self {
        self.names = names(global, client).await;
        self
    }

    /// The answer as it was said.
    pub(crate) fn said(&self) -> &Value {
        &self.said
    }

    /// The answer as this version reads it.
    pub(crate) fn read(&self) -> Result<T, Failure> {
        read(&self.said)
    }

    /// Writes the answer; to people in the words of `people`.
    pub(crate) fn show(
        &self,
        global: &Global,
        people: impl FnOnce(&T, &Look) -> String,
    ) -> Result<(), Failure> {
        let look = || Look { names: Arc::clone(&self.names), ..look(global, &self.said) };
        output::answer(global, &self.said, || Ok(people(&self.read()?, &look())))
    }
}

/// A list of which all pages were fetched.
#[derive(Debug, Clone)]
pub(crate) struct Listed<T> {
    /// What was said beside the items.
    beside: serde_json::Map<String, Value>,
    items: Vec<Value>,
    names: Arc<Names>,
    kind: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Listed<T> {
    /// A list from its items, and from what else the last of its pages said.
    pub(crate) fn of(beside: serde_json::Map<String, Value>, items: Vec<Value>) -> Self {
        Self { beside, items, names: Arc::default(), kind: PhantomData }
    }

    /// The same, with what nodes are called for the people that it is shown to.
    pub(crate) async fn named(mut self, global: &Global, client: &Client) -> Self {
        if !self.items.is_empty() {
            self.names = names(global, client).await;
        }
        self
    }

    /// The list as it was said.
    pub(crate) fn said(&self) -> Value {
        let mut said = self.beside.clone();
        said.insert("items".to_owned(), Value::Array(self.items.clone()));
        Value::Object(said)
    }

    /// The items as this version reads them.
    pub(crate) fn rows(&self) -> Result<Vec<T>, Failure> {
        self.items.iter().map(read).collect()
    }

    /// Writes the list; to people as a table.
    pub(crate) fn show(&self, global: &Global, table: &Table<T>) -> Result<(), Failure> {
        if !global.for_people() {
            return output::document(global, &self.said());
        }
        let look = at(global, self.beside.get("as_of"));
        output::say(&table.text(&self.rows()?, &Look { names: Arc::clone(&self.names), ..look }))
    }

    /// Leaves items out; one that this version does not know stays.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&T) -> bool) {
        self.items.retain(|item| read(item).map_or(true, |row| wanted(&row)));
    }

    /// Puts items into an order; those that this version does not know come first.
    pub(crate) fn sort_by_key<K: Ord>(&mut self, key: impl Fn(&T) -> K) {
        self.items.sort_by_cached_key(|item| read(item).ok().map(|row| key(&row)));
    }
}

/// What nodes are called, if people want to know. Where the service does not say, ids have to do.
pub(crate) async fn names(global: &Global, client: &Client) -> Arc<Names> {
    if !global.for_people() {
        return Arc::default();
    }
    Arc::new(client.names().await.unwrap_or_default())
}

/// Reads a part of an answer.
pub(crate) fn read<T: DeserializeOwned>(said: &Value) -> Result<T, Failure> {
    T::deserialize(said).map_err(|error| {
        Failure::io(format!(
            "the answer has something that this version does not know: {error}; take the version of the service, or ask \
             for what it said with -o json"
        ))
    })
}

/// How an answer is looked at: from the moment that it is about.
pub(crate) fn look(global: &Global, said: &Value) -> Look {
    at(global, said.get("as_of"))
}

fn at(global: &Global, as_of: Option<&Value>) -> Look {
    let time = as_of.and_then(|as_of| as_of.get("time")).and_then(Value::as_str);
    let time = time.and_then(|text| Timestamp::parse(text).ok());
    Look::at(global, time.unwrap_or_else(crate::times::now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use service::wire::TokenRow;

    fn token(label: &str) -> Value {
        json!({"id": "01010101-0101-4101-8101-010101010101", "label": label, "org": "acme", "revoked": false, "role": "viewer",
            "colour": {"of": "tomorrow"}})
    }

    #[test]
    fn what_is_not_known_here_is_kept() {
        let beside = json!({"next_cursor": null, "weather": "fair"}).as_object().unwrap().clone();
        let mut listed: Listed<TokenRow> = Listed::of(beside, vec![token("b"), json!({"id": 7}), token("a")]);
        assert!(
            listed.rows().unwrap_err().to_string().contains("-o json"),
            "one is none that this version knows"
        );
        listed.sort_by_key(|row| row.label.clone());
        listed.retain(|row| row.label == "a");
        assert_eq!(
            listed.said(),
            json!({"items": [{"id": 7}, token("a")], "next_cursor": null, "weather": "fair"})
        );
        let reply: Reply<TokenRow> = Reply::of(token("a"));
        assert_eq!((reply.read().unwrap().label, reply.said()), ("a".to_owned(), &token("a")));
    }
}
