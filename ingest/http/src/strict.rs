//! JSON from people and programs that do not sign: any spacing and order, but only one meaning.
//!
//! Refused: duplicate keys at any level, numbers beyond 2^53 − 1, nesting over 64, lone surrogates.

use crate::problem::{BAD_JSON, INVALID, Problem};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::limits::{MAX_DEPTH, MAX_SAFE_INTEGER};
use std::fmt::{self, Display};
use std::str::FromStr;

/// Reads a JSON object as a struct.
pub fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    // serde reads an array as a struct too.
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Problem::new(BAD_JSON, "expected a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|e| Problem::new(BAD_JSON, e.to_string()))
}

/// Reads a member that may be absent but not `null`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A member of the body that is read from text.
///
/// # Errors
/// The refusal of a text that is none of these.
pub fn member<T: FromStr<Err: Display>>(pointer: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|e| invalid(pointer, e))
}

/// A number from 1 to `most`.
///
/// # Errors
/// The refusal of any other.
pub fn within(pointer: &str, value: Option<u64>, default: u64, most: u64) -> Result<u64, Problem> {
    let value = value.unwrap_or(default);
    if (1..=most).contains(&value) {
        Ok(value)
    } else {
        Err(invalid(pointer, format_args!("expected 1 to {most}")))
    }
}

/// A member of the body that is not what it should be.
pub fn invalid(pointer: &str, problem: impl Display) -> Problem {
    Problem::new(INVALID, format!("{pointer}: {problem}")).pointer(pointer)
}

/// Most bytes of memory that a JSON document takes once it is parsed as values: a bound, told from its text alone.
///
/// An object's members lie in nodes that have room for eleven, of which at least five are taken but in the last; an
/// array grows by doubling.
pub fn parsed_bytes(document: &[u8]) -> usize {
    const MEMBER: usize = size_of::<String>() + size_of::<Value>();
    const NODE: usize = 11 * MEMBER + 64;
    const ITEM: usize = 2 * size_of::<Value>();
    let (mut bytes, mut in_string, mut escaped) = (document.len(), false, false);
    for byte in document {
        if in_string {
            (in_string, escaped) = (escaped || *byte != b'"', !escaped && *byte == b'\\');
            continue;
        }
        bytes += match byte {
            b'"' => {
                in_string = true;
                // The least that an allocation takes.
                32
            }
            b'{' => NODE,
            b':' => NODE / 5,
            b'[' => 4 * size_of::<Value>(),
            b',' => ITEM,
            _ => 0,
        };
    }
    bytes
}

/// A JSON value with one meaning.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct StrictValue(pub Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Nested(0).deserialize(deserializer).map(Self)
    }
}

/// Reads a value so many levels below the outermost.
#[derive(Clone, Copy)]
struct Nested(usize);

impl Nested {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.0 < MAX_DEPTH { Ok(Self(self.0 + 1)) } else { Err(E::custom("nested deeper than 64")) }
    }
}

impl<'de> DeserializeSeed<'de> for Nested {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact in a double")]
const MAX_MAGNITUDE: f64 = MAX_SAFE_INTEGER as f64;

impl<'de> Visitor<'de> for Nested {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Value, E> {
        if v <= MAX_SAFE_INTEGER { Ok(v.into()) } else { Err(E::custom("number beyond 2^53-1")) }
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Value, E> {
        if v.unsigned_abs() <= MAX_SAFE_INTEGER {
            Ok(v.into())
        } else {
            Err(E::custom("number beyond 2^53-1"))
        }
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Value, E> {
        if v.abs() <= MAX_MAGNITUDE { Ok(v.into()) } else { Err(E::custom("number beyond 2^53-1")) }
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let below = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(below)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let below = self.deeper()?;
        let mut members = serde_json::Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if members.contains_key(&key) {
                return Err(A::Error::custom(format_args!("duplicate key {key:?}")));
            }
            members.insert(key, access.next_value_seed(below)?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_document_takes_is_told_from_its_text() {
        let many = |item: &str| format!("[{}{item}]", format!("{item},").repeat(999));
        for (text, each) in [
            (many("{}"), 0..1000),
            (many("[]"), 32..400),
            (many("0"), 32..100),
            // One member takes a node that has room for eleven.
            (many("{\"\":0}"), 600..1000),
            (many("\"text\""), 56..150),
            (many("\"{{{{,,,:::\\\\\\\"[[[\""), 56..150),
        ] {
            let bytes = parsed_bytes(text.as_bytes()) / 1000;
            assert!(each.contains(&bytes), "{bytes} of {}", &text[..20]);
        }
        let heartbeat = r#"{"kind":"note","payload":{"text":"all is well"}}"#;
        assert!(parsed_bytes(heartbeat.as_bytes()) < 4096);
    }

    #[test]
    fn one_meaning_or_none() {
        let read = |text: &str| serde_json::from_str::<StrictValue>(text);
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        for good in ["{\"a\": 1, \"b\": [1.5, null]}", "9007199254740991", "-1", &deep(64)] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "{\"a\":1,\"a\":1}",
            "[{\"a\":{\"b\":1,\"b\":2}}]",
            "9007199254740992",
            "-9007199254740992",
            "1e20",
            "\"\\ud800\"",
            &deep(65),
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
