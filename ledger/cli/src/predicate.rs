//! Predicates over what a fold knows, in the language of jq.

use crate::failure::Failure;
use jaq_core::load::{Arena, Error, File, Loader};
use jaq_core::{Ctx, Vars, data, unwrap_valr};
use jaq_json::{Val, read};

type Filter = jaq_core::compile::Filter<jaq_core::Native<data::JustLut<Val>>>;

/// What of jq's library would bring regular expressions, dates, formats and more mathematics along.
const LEFT_OUT: [&str; 22] = [
    "capture",
    "debug",
    "drem",
    "fromdate",
    "gamma",
    "gsub",
    "halt",
    "halt_error",
    "logb",
    "match",
    "nexttoward",
    "pow10",
    "scalb",
    "scan",
    "scan_",
    "significand",
    "split",
    "splits",
    "stderr",
    "sub",
    "test",
    "todate",
];

/// A jq filter whose first output says whether something holds.
pub(crate) struct Predicate(Filter);

impl Predicate {
    /// Reads a filter.
    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        let known = jaq_std::defs().filter(|def| !def.name.starts_with('@') && !LEFT_OUT.contains(&def.name));
        let defs = jaq_core::defs().chain(known).chain(jaq_json::defs());
        let funs = jaq_core::funs().chain(jaq_std::base_funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(defs).load(&arena, File { code: text, path: () });
        let modules = modules.map_err(|errors| unreadable(text, first(&errors).and_then(unread)))?;
        let filter = jaq_core::Compiler::default().with_funs(funs).compile(modules);
        filter.map(Self).map_err(|errors| {
            let unknown = first(&errors).and_then(|unknown| unknown.first());
            unreadable(text, unknown.map(|(name, what)| format!("there is no {} {name}", what.as_str())))
        })
    }

    /// Whether it holds: whether the first output over a JSON document is neither `false` nor `null`.
    pub(crate) fn holds(&self, json: &[u8]) -> Result<bool, Failure> {
        let input = read::parse_single(json).map_err(|e| Failure::io(format!("{e:?}")))?;
        let context = Ctx::<data::JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        match self.0.id.run((context, input)).map(unwrap_valr).next() {
            None | Some(Ok(Val::Null | Val::Bool(false))) => Ok(false),
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) => Err(Failure::usage(format!("the predicate failed: {error}"))),
        }
    }
}

/// What is wrong with the first part that is wrong.
fn first<F, E>(errors: &[(F, E)]) -> Option<&E> {
    errors.first().map(|(_, error)| error)
}

/// Where a filter cannot be read, and what is expected there.
fn unread(error: &Error<&str>) -> Option<String> {
    let (expected, found) = match error {
        Error::Io(problems) => return problems.first().map(|(_, problem)| problem.clone()),
        // An opening that is never closed is found out at its end.
        Error::Lex(problems) => problems.first().map(|(expected, _)| (expected.as_str(), "")),
        Error::Parse(problems) => problems.first().map(|(expected, found)| (expected.as_str(), *found)),
    }?;
    let at = if found.is_empty() { "at its end".to_owned() } else { format!("in place of {found:?}") };
    Some(format!("a {expected} is expected {at}"))
}

fn unreadable(text: &str, problem: Option<String>) -> Failure {
    let problem = problem.unwrap_or_else(|| "it cannot be read".to_owned());
    Failure::usage(format!("{text:?} is no jq filter: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_is_that_of_jq() {
        let holds =
            |filter: &str| Predicate::read(filter).unwrap().holds(br#"{"acme":{"n":3,"up":false}}"#).unwrap();
        assert!(holds(".acme.n == 3") && holds(".acme.n") && holds("any(.[]; .n > 2)"));
        assert!(!holds(".acme.up") && !holds(".nobody") && !holds("empty"));
        for (wrong, why) in [
            (".acme |", "a term is expected at its end"),
            ("any(", "a closing parenthesis is expected at its end"),
            ("gossip(1)", "there is no filter gossip"),
        ] {
            let told = Predicate::read(wrong).err().map(|failure| failure.to_string());
            assert_eq!(told, Some(format!("{wrong:?} is no jq filter: {why}")));
        }
        assert!(Predicate::read(".acme.n.x").unwrap().holds(b"{\"acme\":{\"n\":3}}").is_err());
    }
}
