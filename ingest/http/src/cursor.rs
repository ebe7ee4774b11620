//! The opaque cursor of a query: where the next page starts, within the bounds of the first one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use spec::Timestamp;

/// The bounds that a query had on its first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The first entry that may be on it.
    pub from: u64,
    /// The entry behind the last that may be.
    pub to: u64,
    /// Recorded since.
    pub since: Option<Timestamp>,
    /// Recorded until.
    pub until: Option<Timestamp>,
}

/// The place from which to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The entry that the next page begins with.
    pub next: u64,
    /// Whether the newest come first.
    pub descending: bool,
    /// Those of the first page.
    pub bounds: Bounds,
}

/// What stands for a time that is not given: no entry is recorded in 1970.
const NO_TIME: u64 = u64::MAX;

impl Cursor {
    /// A text that is good for the query with this filter only.
    pub fn encode(&self, filter: &str) -> String {
        let mut bytes = self.to_bytes();
        let tag = tag(&bytes, filter);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Cursor::encode`] wrote for the same filter.
    pub fn decode(text: &str, filter: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, found) = bytes.split_last_chunk::<TAG_BYTES>()?;
        if tag(body, filter) != *found {
            return None;
        }
        let (&descending, rest) = body.split_first()?;
        let (numbers, []) = rest.as_chunks::<8>() else { return None };
        let &[next, from, to, since, until] = numbers else { return None };
        let time =
            |bytes| Some(u64::from_be_bytes(bytes)).filter(|t| *t != NO_TIME).map(Timestamp::from_millis);
        let [next, from, to] = [next, from, to].map(u64::from_be_bytes);
        let bounds = Bounds { from, to, since: time(since), until: time(until) };
        Some(Self { next, descending: descending == 1, bounds })
    }

    fn to_bytes(self) -> Vec<u8> {
        let Bounds { from, to, since, until } = self.bounds;
        let millis = |time: Option<Timestamp>| time.map_or(NO_TIME, Timestamp::millis);
        let mut bytes = vec![u8::from(self.descending)];
        for number in [self.next, from, to, millis(since), millis(until)] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes
    }
}

const TAG_BYTES: usize = 8;

/// Tells a cursor of another query from one of this; nothing rests on it but the reader's own comfort.
fn tag(bytes: &[u8], filter: &str) -> [u8; TAG_BYTES] {
    let hash = blake3::Hasher::new().update(bytes).update(filter.as_bytes()).finalize();
    *hash.as_bytes().first_chunk().unwrap_or(&[0; TAG_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_query() {
        let bounds = Bounds { from: 3, to: 900, since: Some(Timestamp::from_millis(7)), until: None };
        let cursor = Cursor { next: 42, descending: true, bounds };
        let text = cursor.encode("org acme ");
        assert_eq!(Cursor::decode(&text, "org acme "), Some(cursor));
        assert_eq!(Cursor::decode(&text, "org other "), None);
        assert_eq!(Cursor::decode(&text[1..], "org acme "), None);
        assert_eq!(Cursor::decode("", "org acme "), None);
    }
}
