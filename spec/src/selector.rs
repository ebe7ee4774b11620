//! Label selectors, in the set-based syntax that Kubernetes has.
//!
//! ```text
//! env=prod, tier!=cache, zone in (a, b), arch notin (arm), canary, !old
//! ```
//!
//! A node is selected if it meets every requirement. `!=` and `notin` are met by a node that has no such label;
//! `==` is another way to write `=`. An empty selector selects every node.

use crate::ids::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// Most bytes in a selector: it has to fit into a line of a request, and to be read by people.
pub const MAX_SELECTOR_BYTES: usize = 1024;

/// Most requirements in a selector: each is a look at every node.
pub const MAX_REQUIREMENTS: usize = 16;

/// The nodes that are meant, by their labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    label: Name,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Present,
    Absent,
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
}

/// The reason why a text is no selector, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub struct SelectorError {
    /// Offset of what is wrong, in bytes from 0.
    pub at: usize,
    /// What is wrong.
    pub problem: &'static str,
}

impl Selector {
    /// Whether a node with these labels is selected.
    pub fn selects(&self, labels: &BTreeMap<Name, String>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.label);
            match &requirement.test {
                Test::Present => value.is_some(),
                Test::Absent => value.is_none(),
                Test::In(values) => value.is_some_and(|value| values.contains(value)),
                Test::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            }
        })
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if text.len() > MAX_SELECTOR_BYTES {
            return Err(SelectorError { at: MAX_SELECTOR_BYTES, problem: "more than 1,024 bytes" });
        }
        let mut reader = Reader { text, at: 0 };
        let mut requirements = Vec::new();
        reader.skip_space();
        while reader.at < text.len() || !requirements.is_empty() {
            if requirements.len() == MAX_REQUIREMENTS {
                return Err(reader.error("more than 16 requirements"));
            }
            requirements.push(reader.requirement()?);
            if reader.at == text.len() {
                break;
            }
            reader.expect(",", "expected a comma")?;
        }
        Ok(Self { requirements })
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, problem: &'static str) -> SelectorError {
        SelectorError { at: self.at, problem }
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes a sign and the space behind it, if it comes next.
    fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
            self.skip_space();
        }
        found
    }

    fn expect(&mut self, sign: &str, problem: &'static str) -> Result<(), SelectorError> {
        if self.take(sign) { Ok(()) } else { Err(self.error(problem)) }
    }

    /// What stands before the next sign or space; it may be empty.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || "=!,()".contains(c)).unwrap_or(rest.len());
        self.at += end;
        self.skip_space();
        rest.get(..end).unwrap_or_default()
    }

    fn label(&mut self) -> Result<Name, SelectorError> {
        let at = self.at;
        self.word().parse().map_err(|_| SelectorError { at, problem: "expected the name of a label" })
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        if self.take("!") {
            return Ok(Requirement { label: self.label()?, test: Test::Absent });
        }
        let label = self.label()?;
        let one = |reader: &mut Self| BTreeSet::from([reader.word().to_owned()]);
        let test = if self.take("!=") {
            Test::NotIn(one(self))
        } else if self.take("==") || self.take("=") {
            Test::In(one(self))
        } else if self.rest().is_empty() || self.rest().starts_with(',') {
            Test::Present
        } else {
            let at = self.at;
            match self.word() {
                "in" => Test::In(self.values()?),
                "notin" => Test::NotIn(self.values()?),
                _ => return Err(SelectorError { at, problem: "expected =, !=, in, notin or a comma" }),
            }
        };
        Ok(Requirement { label, test })
    }

    fn values(&mut self) -> Result<BTreeSet<String>, SelectorError> {
        self.expect("(", "expected values in parentheses")?;
        let mut values = BTreeSet::new();
        loop {
            values.insert(self.word().to_owned());
            if self.take(")") {
                return Ok(values);
            }
            self.expect(",", "expected a comma or a closing parenthesis")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels =
            labels.iter().map(|(name, value)| (name.parse().unwrap(), (*value).to_owned())).collect();
        selector.parse::<Selector>().unwrap_or_else(|e| panic!("{selector}: {e}")).selects(&labels)
    }

    #[test]
    fn every_requirement_must_be_met() {
        let node = [("env", "prod"), ("zone", "a"), ("canary", "")];
        for (selector, expected) in [
            ("", true),
            ("  ", true),
            ("env=prod", true),
            ("env==prod", true),
            ("env = prod , zone in ( a , b )", true),
            ("env=test", false),
            ("env=", false),
            ("canary=", true),
            ("env!=prod", false),
            ("env!=test", true),
            ("tier!=x", true),
            ("tier=x", false),
            ("zone in (b,c)", false),
            ("zone notin (c)", true),
            ("zone notin(a)", false),
            ("tier notin (a)", true),
            ("canary", true),
            ("!canary", false),
            ("! old", true),
            ("old", false),
            ("env=prod,zone in (a,b),tier!=x,canary,!old,zone notin (c)", true),
            ("env=prod,zone in (a,b),tier!=x,canary,!old,zone notin (a)", false),
            ("in=1", false),
            ("!in", true),
        ] {
            assert_eq!(selects(selector, &node), expected, "{selector:?}");
        }
        assert!("größe=1".parse::<Selector>().is_err());
        assert!(selects("size=groß", &[("size", "groß")]));
    }

    #[test]
    fn what_is_no_selector_is_refused_where_it_goes_wrong() {
        for (text, at, problem) in [
            (",", 0, "expected the name of a label"),
            ("a,", 2, "expected the name of a label"),
            ("a,,b", 2, "expected the name of a label"),
            ("=x", 0, "expected the name of a label"),
            ("Env=x", 0, "expected the name of a label"),
            ("a=b, größe", 5, "expected the name of a label"),
            ("!", 1, "expected the name of a label"),
            ("!a=b", 2, "expected a comma"),
            ("a=b c", 4, "expected a comma"),
            ("a=b=c", 3, "expected a comma"),
            ("a b", 2, "expected =, !=, in, notin or a comma"),
            ("a ! b", 2, "expected =, !=, in, notin or a comma"),
            ("a(b)", 1, "expected =, !=, in, notin or a comma"),
            ("a in b", 5, "expected values in parentheses"),
            ("a in (b", 7, "expected a comma or a closing parenthesis"),
            ("a in (b c)", 8, "expected a comma or a closing parenthesis"),
            ("a in (b))", 8, "expected a comma"),
        ] {
            assert_eq!(text.parse::<Selector>(), Err(SelectorError { at, problem }), "{text:?}");
        }
    }

    #[test]
    fn the_limits_are_those_that_are_named() {
        let many = |n: usize| vec!["a"; n].join(",").parse::<Selector>();
        assert!(many(MAX_REQUIREMENTS).is_ok());
        let error = SelectorError { at: 2 * MAX_REQUIREMENTS, problem: "more than 16 requirements" };
        assert_eq!(many(MAX_REQUIREMENTS + 1), Err(error));
        let long = |n: usize| format!("a={}", "x".repeat(n - 2)).parse::<Selector>();
        assert!(long(MAX_SELECTOR_BYTES).is_ok());
        assert_eq!(long(MAX_SELECTOR_BYTES + 1).map_err(|error| error.at), Err(MAX_SELECTOR_BYTES));
    }
}
