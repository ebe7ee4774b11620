//! Canonical JSON: RFC 8785 with the I-JSON limits of RFC 7493 kept strictly.
//!
//! ```text
//! {"a":1,"b":[true,"\n"],"é":1.5}
//! ```
//!
//! Keys are sorted by UTF-16 code units, numbers are written as ECMAScript writes them, strings escape
//! only what they must, and no white space stands between tokens. Beyond RFC 8785 a document is refused
//! when a number's magnitude exceeds 2^53 − 1, a key occurs twice, a string holds a lone surrogate, the
//! bytes are not UTF-8, or nesting exceeds [`MAX_DEPTH`].
//!
//! [`check`] accepts bytes that *are* canonical and names the first byte that is not; [`write()`] produces
//! them. A reader of signed input uses `check`: two documents never share a signature.

use crate::limits::{MAX_DEPTH, MAX_SAFE_INTEGER};
use serde_json::Value;

/// The reason why bytes are not canonical JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub struct CanonicalError {
    /// Offset of the first byte that breaks the rule, from 0.
    pub at: usize,
    /// The rule that is broken.
    pub problem: Problem,
}

/// The rules a document can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The bytes end before the document does.
    #[error("unexpected end of input")]
    End,
    /// A byte that cannot stand here; white space between tokens is one case.
    #[error("unexpected byte")]
    Byte,
    /// Bytes follow the document.
    #[error("bytes after the end of the document")]
    Trailing,
    /// The bytes are not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// A string escapes what need not be escaped, or in another way than RFC 8785 says.
    #[error("escape that canonical form does not use")]
    Escape,
    /// A `\u` escape names half of a surrogate pair.
    #[error("lone surrogate")]
    Surrogate,
    /// A key equals the one before it.
    #[error("duplicate key")]
    Duplicate,
    /// A key sorts before the one in front of it.
    #[error("keys out of order")]
    Order,
    /// A number is not in its shortest ECMAScript form.
    #[error("number not in canonical form")]
    Number,
    /// A number's magnitude exceeds 2^53 − 1.
    #[error("number beyond 2^53-1")]
    Range,
    /// Arrays and objects are nested more than [`MAX_DEPTH`] deep.
    #[error("nested deeper than 64")]
    Depth,
}

/// A value that has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A number's magnitude exceeds 2^53 − 1.
    #[error("number beyond 2^53-1")]
    Range,
    /// Arrays and objects are nested more than [`MAX_DEPTH`] deep.
    #[error("nested deeper than 64")]
    Depth,
    /// The type cannot be written as JSON at all.
    #[error("value cannot be written as JSON")]
    Json,
}

/// Accepts `bytes` if they are one canonical JSON document, and returns them as text.
pub fn check(bytes: &[u8]) -> Result<&str, CanonicalError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| CanonicalError { at: e.valid_up_to(), problem: Problem::Utf8 })?;
    check_at(text, 0).map(|()| text)
}

/// Accepts `text` if a document that is canonical otherwise may have it as a member of its outermost object.
pub fn check_member(text: &str) -> Result<(), CanonicalError> {
    check_at(text, 1)
}

fn check_at(text: &str, depth: usize) -> Result<(), CanonicalError> {
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: 0, depth };
    scanner.value()?;
    if scanner.at == text.len() { Ok(()) } else { scanner.fail(Problem::Trailing) }
}

/// Appends the canonical form of `value` to `out`. After an error `out` holds an unfinished document.
pub fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), WriteError> {
    write_at(value, out, 0)
}

/// The canonical form of anything serde can turn into a JSON value.
///
/// A NaN or an infinity inside `value` becomes `null` before this function can see it, as `serde_json`
/// has it. The types of this crate hold no doubles; a caller whose types do checks them first.
pub fn to_vec<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, WriteError> {
    let value = serde_json::to_value(value).map_err(|_| WriteError::Json)?;
    let mut out = Vec::with_capacity(256);
    write(&value, &mut out)?;
    Ok(out)
}

/// Appends `text` as a canonical JSON string, quotes included.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut clean_from = 0;
    for (i, &b) in bytes.iter().enumerate() {
        if b >= 0x20 && b != b'"' && b != b'\\' {
            continue;
        }
        out.extend_from_slice(bytes.get(clean_from..i).unwrap_or_default());
        clean_from = i + 1;
        match short_escape(b) {
            Some(short) => out.extend_from_slice(&[b'\\', short]),
            None => out.extend_from_slice(format!("\\u{b:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(bytes.get(clean_from..).unwrap_or_default());
    out.push(b'"');
}

/// Appends an unsigned integer in decimal.
pub fn write_u64(mut n: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(n % 10).unwrap_or(0);
        used += 1;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

/// The letter of the two-character escape that RFC 8785 prescribes for `byte`, if it has one.
fn short_escape(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => return None,
    })
}

fn write_at(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), WriteError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out)?,
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            if depth == MAX_DEPTH {
                return Err(WriteError::Depth);
            }
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_at(item, out, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            if depth == MAX_DEPTH {
                return Err(WriteError::Depth);
            }
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (i, (key, member)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_string(key, out);
                out.push(b':');
                write_at(member, out, depth + 1)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_number(number: &serde_json::Number, out: &mut Vec<u8>) -> Result<(), WriteError> {
    if let Some(n) = number.as_u64() {
        if n > MAX_SAFE_INTEGER {
            return Err(WriteError::Range);
        }
        write_u64(n, out);
    } else if let Some(n) = number.as_i64() {
        if n.unsigned_abs() > MAX_SAFE_INTEGER {
            return Err(WriteError::Range);
        }
        out.push(b'-');
        write_u64(n.unsigned_abs(), out);
    } else {
        let x = number.as_f64().ok_or(WriteError::Range)?;
        if !in_range(x) {
            return Err(WriteError::Range);
        }
        out.extend_from_slice(ryu_js::Buffer::new().format_finite(x).as_bytes());
    }
    Ok(())
}

/// Whether a double is finite and its magnitude at most 2^53 − 1.
#[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact in a double")]
fn in_range(x: f64) -> bool {
    x.abs() <= MAX_SAFE_INTEGER as f64
}

/// One pass over the bytes; never looks back, never allocates for plain ASCII keys.
struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    fn fail<T>(&self, problem: Problem) -> Result<T, CanonicalError> {
        Err(CanonicalError { at: self.at, problem })
    }

    fn peek(&self) -> Result<u8, CanonicalError> {
        match self.bytes.get(self.at) {
            Some(&b) => Ok(b),
            None => self.fail(Problem::End),
        }
    }

    fn expect(&mut self, wanted: u8) -> Result<(), CanonicalError> {
        if self.peek()? == wanted {
            self.at += 1;
            Ok(())
        } else {
            self.fail(Problem::Byte)
        }
    }

    fn value(&mut self) -> Result<(), CanonicalError> {
        match self.peek()? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.fail(Problem::Byte),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), CanonicalError> {
        word.iter().try_for_each(|&b| self.expect(b))
    }

    fn nested(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<(), CanonicalError>,
    ) -> Result<(), CanonicalError> {
        if self.depth == MAX_DEPTH {
            return self.fail(Problem::Depth);
        }
        self.depth += 1;
        self.at += 1;
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self) -> Result<(), CanonicalError> {
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value()?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.fail(Problem::Byte),
            }
        }
    }

    fn object(&mut self) -> Result<(), CanonicalError> {
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        let mut previous: Option<Key<'a>> = None;
        loop {
            let start = self.at;
            let key = self.string()?;
            if let Some(previous) = &previous {
                let problem = match key.cmp(previous) {
                    std::cmp::Ordering::Greater => None,
                    std::cmp::Ordering::Equal => Some(Problem::Duplicate),
                    std::cmp::Ordering::Less => Some(Problem::Order),
                };
                if let Some(problem) = problem {
                    return Err(CanonicalError { at: start, problem });
                }
            }
            previous = Some(key);
            self.expect(b':')?;
            self.value()?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.fail(Problem::Byte),
            }
        }
    }

    fn string(&mut self) -> Result<Key<'a>, CanonicalError> {
        self.expect(b'"')?;
        let start = self.at;
        let mut plain = true;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    plain = false;
                    self.escape()?;
                }
                0x00..=0x1f => return self.fail(Problem::Byte),
                b => {
                    plain &= b < 0x80;
                    self.at += 1;
                }
            }
        }
        let raw = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(if plain { Key::Plain(raw) } else { Key::Units(unescape(raw)) })
    }

    fn escape(&mut self) -> Result<(), CanonicalError> {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        match rest {
            [b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r', ..] => {
                self.at += 2;
                Ok(())
            }
            [b'u', digits @ ..] => self.unicode_escape(digits),
            [] => {
                self.at += 1;
                self.fail(Problem::End)
            }
            _ => self.fail(Problem::Escape),
        }
    }

    /// `\u` and four hex digits at `self.at`: canonical only for a control character that has no short escape.
    fn unicode_escape(&mut self, rest: &[u8]) -> Result<(), CanonicalError> {
        let digits = rest.get(..4).unwrap_or(rest);
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return self.fail(Problem::Escape);
        }
        let &[a, b, c, d] = digits else {
            self.at = self.bytes.len();
            return self.fail(Problem::End);
        };
        match [a, b, c, d] {
            [b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..] => self.fail(Problem::Surrogate),
            [b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f']
            | [b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f'] => {
                self.at += 6;
                Ok(())
            }
            _ => self.fail(Problem::Escape),
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<(), CanonicalError> {
        let start = self.at;
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        let whole_from = self.at;
        let whole = self.digits();
        if whole == 0 {
            self.peek()?;
            return self.fail(Problem::Byte);
        }
        let leading_zero = whole > 1 && self.bytes.get(whole_from) == Some(&b'0');
        let is_integer = !matches!(self.bytes.get(self.at), Some(b'.' | b'e' | b'E'));
        if is_integer && !leading_zero {
            let digits = self.text.get(whole_from..self.at).unwrap_or_default();
            return match digits.parse::<u64>() {
                Ok(0) if negative => Err(CanonicalError { at: start, problem: Problem::Number }),
                Ok(n) if n <= MAX_SAFE_INTEGER => Ok(()),
                _ => Err(CanonicalError { at: start, problem: Problem::Range }),
            };
        }
        self.fraction_and_exponent()?;
        let text = self.text.get(start..self.at).unwrap_or_default();
        let problem = match text.parse::<f64>() {
            Ok(x) if !in_range(x) => Problem::Range,
            Ok(x) if !leading_zero && ryu_js::Buffer::new().format_finite(x) == text => return Ok(()),
            _ => Problem::Number,
        };
        Err(CanonicalError { at: start, problem })
    }

    fn fraction_and_exponent(&mut self) -> Result<(), CanonicalError> {
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                self.peek()?;
                return self.fail(Problem::Byte);
            }
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                self.peek()?;
                return self.fail(Problem::Byte);
            }
        }
        Ok(())
    }
}

/// A key as it is ordered: ASCII as it stands, anything else as UTF-16 code units.
enum Key<'a> {
    Plain(&'a str),
    Units(Vec<u16>),
}

impl Key<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Plain(a), Self::Plain(b)) => a.cmp(b),
            (Self::Units(a), Self::Units(b)) => a.cmp(b),
            (Self::Plain(a), Self::Units(b)) => a.encode_utf16().cmp(b.iter().copied()),
            (Self::Units(a), Self::Plain(b)) => a.iter().copied().cmp(b.encode_utf16()),
        }
    }
}

/// The UTF-16 code units of a string body whose escapes have been checked.
fn unescape(raw: &str) -> Vec<u16> {
    let mut units = Vec::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
            continue;
        }
        units.push(match chars.next() {
            Some('b') => 0x08,
            Some('t') => 0x09,
            Some('n') => 0x0a,
            Some('f') => 0x0c,
            Some('r') => 0x0d,
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                u16::from_str_radix(&digits, 16).unwrap_or(0)
            }
            Some('"') => 0x22,
            _ => 0x5c,
        });
    }
    units
}

#[cfg(test)]
mod tests;
