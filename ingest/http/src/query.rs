//! Query strings, read strictly: what a route does not know is refused by name.

use crate::problem::{BAD_QUERY, Problem};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use spec::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// The parameters of a request.
#[derive(Debug, Default)]
pub struct QueryString<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl<'a> QueryString<'a> {
    /// Reads a query string that may have the parameters `known`, each once.
    pub(crate) fn read(query: Option<&'a str>, known: &[&str]) -> Result<Self, Problem> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                let detail = match known {
                    [] => format!("{name} is unknown; this route takes no parameters"),
                    _ => format!("{name} is unknown; this route takes {}", known.join(", ")),
                };
                return Err(Problem::new(BAD_QUERY, detail).field(name));
            }
            if parameters.contains_key(&name) {
                return Err(Problem::new(BAD_QUERY, format!("{name} is given twice")).field(name));
            }
            parameters.insert(name, value);
        }
        Ok(Self(parameters))
    }

    /// A parameter as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    /// A parameter of a type that is read from text.
    ///
    /// # Errors
    /// The refusal of a text that is none of these; as for all below.
    pub fn parse<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.get(name).map(|text| text.parse().map_err(|e| bad(name, e))).transpose()
    }

    /// A parameter that must be there.
    pub fn require<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Problem> {
        self.parse(name)?.ok_or_else(|| bad(name, "it is missing"))
    }

    /// Texts with commas between them; none if it is absent.
    pub fn list<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Vec<T>, Problem> {
        let texts = self.get(name).into_iter().flat_map(|list| list.split(','));
        texts.map(|text| text.parse().map_err(|error| bad(name, error))).collect()
    }

    /// `true` or `false`; absent is `false`.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(bad(name, "expected true or false")),
        }
    }

    /// A word that is one of a few.
    pub fn one_of<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let all = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found.map(Some).ok_or_else(|| bad(name, format_args!("expected one of {}", all())))
    }

    /// A word that a type is written with in JSON.
    pub fn word<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let deserializer: StrDeserializer<'_, serde_json::Error> = text.into_deserializer();
        T::deserialize(deserializer).map(Some).map_err(|error| bad(name, error))
    }

    /// A time.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let time = spec::time::parse_rfc3339(text);
        time.map(Some).ok_or_else(|| bad(name, "expected a time of RFC 3339"))
    }
}

/// A parameter that is not what it should be.
pub fn bad(name: &str, problem: impl Display) -> Problem {
    Problem::new(BAD_QUERY, format!("{name}: {problem}")).field(name)
}
