//! Query strings, read strictly: what a route does not know is refused by name.

use crate::problem::{BAD_QUERY, Problem};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// The parameters of a request.
#[derive(Debug, Default)]
pub(crate) struct QueryString<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

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

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    /// A parameter of a type that is read from text.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.get(name).map(|text| text.parse().map_err(|e| bad(name, e))).transpose()
    }

    /// A parameter that must be there.
    pub(crate) fn require<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Problem> {
        self.parse(name)?.ok_or_else(|| bad(name, "it is missing"))
    }

    /// `true` or `false`; absent is `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(bad(name, "expected true or false")),
        }
    }

    /// A count of items, 1 to `most`.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, Problem> {
        let limit = self.parse("limit")?.unwrap_or(default);
        if (1..=most).contains(&limit) {
            Ok(limit)
        } else {
            Err(bad("limit", format_args!("expected 1 to {most}")))
        }
    }
}

/// A parameter that is not what it should be.
pub(crate) fn bad(name: &str, problem: impl Display) -> Problem {
    Problem::new(BAD_QUERY, format!("{name}: {problem}")).field(name)
}
