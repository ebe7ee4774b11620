//! A record line, read as it was written: word by word, in the one order that its fields have.
//!
//! Each field has one form, and each word between two fields stands in one place, so what is read here is what
//! [`Line::parse`](crate::Line::parse) reads, without a JSON parser and without writing it again to compare. Only
//! the payload is taken as it stands. That is enough for lines of a group whose commit line holds: the ledger
//! wrote them.

use crate::entry::{Entry, Lane, Position};
use crate::event::{ChainLink, ENVELOPE_VERSION, FORMAT, Header, Payload, Via};
use crate::hash::{Hash, read_hex};
use crate::ids::{Epoch, PublicKey, Signature};
use crate::limits::{MAX_ENTRY_BYTES, MAX_SAFE_INTEGER};
use crate::time::Timestamp;
use std::str::FromStr;

/// Reads a record line without its LF; `None` if it is written in any other way.
pub(crate) fn line(line: &str) -> Option<(Entry, Option<Payload>)> {
    let mut rest = Rest(line);
    rest.word("{\"entry\":")?;
    let from = rest.0.len();
    let entry = rest.entry()?;
    (from - rest.0.len() <= MAX_ENTRY_BYTES).then_some(())?;
    Some((entry, rest.payload()?))
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn word(&mut self, word: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    /// Reads a field if its word comes next.
    #[expect(clippy::option_option, reason = "absent is one thing, unreadable another")]
    fn perhaps<T>(&mut self, word: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.word(word).is_none() {
            return Some(None);
        }
        read(self).map(Some)
    }

    /// Up to the next quote, and past it.
    fn text(&mut self) -> Option<&'a str> {
        let (text, rest) = self.0.split_once('"')?;
        self.0 = rest;
        Some(text)
    }

    fn typed<T: FromStr>(&mut self) -> Option<T> {
        self.text()?.parse().ok()
    }

    /// Hex digits of `N` bytes and the quote behind them.
    fn hex<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (digits, rest) = self.0.split_at_checked(2 * N)?;
        let mut bytes = [0; N];
        self.0 = rest.strip_prefix('"')?;
        read_hex(digits, &mut bytes).then_some(bytes)
    }

    fn time(&mut self) -> Option<Timestamp> {
        Timestamp::parse(self.text()?).ok()
    }

    fn number(&mut self) -> Option<u64> {
        let end = self.0.bytes().position(|b| !b.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        let plain = digits == "0" || !digits.starts_with('0');
        digits.parse().ok().filter(|n| plain && *n <= MAX_SAFE_INTEGER)
    }

    fn entry(&mut self) -> Option<Entry> {
        self.word("{\"event\":")?;
        let (header, sig) = self.event()?;
        self.word(",\"lane\":{\"n\":")?;
        let n = self.number()?;
        self.word(",\"prev\":\"")?;
        let lane = Lane { n, prev: Hash(self.hex()?) };
        self.word("},\"prev\":\"")?;
        let prev = Hash(self.hex()?);
        self.word(",\"recorded_at\":\"")?;
        let recorded_at = self.time()?;
        self.word(",\"seq\":")?;
        let seq = self.number()?;
        self.word("}")?;
        Some(Entry { header, sig, position: Position { seq, prev, lane, recorded_at } })
    }

    /// A header with its signature.
    fn event(&mut self) -> Option<(Header, Signature)> {
        self.word("{\"author\":\"")?;
        let author = self.typed()?;
        let chain = self.perhaps(",\"chain\":{\"epoch\":\"", Self::chain)?;
        self.word(",\"format\":\"")?;
        self.word(FORMAT)?;
        self.word("\",\"id\":\"")?;
        let id = self.typed()?;
        self.word(",\"key\":\"")?;
        let key = PublicKey(self.hex()?);
        self.word(",\"kind\":\"")?;
        let kind = self.typed()?;
        self.word(",\"ledger\":\"")?;
        let ledger = Hash(self.hex()?);
        let node_id = self.perhaps(",\"node_id\":\"", Self::typed)?;
        self.word(",\"org\":\"")?;
        let org = self.typed()?;
        self.word(",\"payload_hash\":\"")?;
        let payload_hash = Hash(self.hex()?);
        self.word(",\"schema\":{\"envelope\":")?;
        let envelope = self.number()?;
        self.word(",\"payload\":")?;
        let payload_version = self.number()?;
        self.word("}")?;
        let severity = self.perhaps(",\"severity\":\"", Self::typed)?;
        self.word(",\"sig\":\"")?;
        let sig = self.typed()?;
        let tenant = self.perhaps(",\"tenant\":\"", Self::typed)?;
        self.word(",\"ts\":\"")?;
        let ts = self.time()?;
        let via = self.perhaps(",\"via\":{\"method\":\"", Self::via)?;
        self.word("}")?;
        let header = Header {
            author,
            chain,
            id,
            key,
            kind,
            ledger,
            node_id,
            org,
            payload_hash,
            payload_version,
            severity,
            tenant,
            ts,
            via,
        };
        let sound = envelope == ENVELOPE_VERSION
            && payload_version > 0
            && header.id.version() == 7
            && header.chain.is_some() != header.via.is_some();
        sound.then_some((header, sig))
    }

    fn chain(&mut self) -> Option<ChainLink> {
        let epoch = Epoch(self.hex()?);
        self.word(",\"prev\":\"")?;
        let prev = Hash(self.hex()?);
        self.word(",\"seq\":")?;
        let seq = self.number()?;
        self.word("}")?;
        Some(ChainLink { epoch, prev, seq })
    }

    fn via(&mut self) -> Option<Via> {
        let method = self.typed()?;
        let subject = self.perhaps(",\"subject\":\"", Self::typed)?;
        self.word("}")?;
        Some(Via { method, subject })
    }

    /// What stands behind the entry: payload and salt, or neither.
    #[expect(clippy::option_option, reason = "erased is one thing, unreadable another")]
    fn payload(&mut self) -> Option<Option<Payload>> {
        if self.0 == "}" {
            return Some(None);
        }
        self.word(",\"payload\":")?;
        let salt = self.0.len().checked_sub(",\"salt\":\"\"}".len() + 64)?;
        let (json, behind) = self.0.split_at_checked(salt)?;
        self.0 = behind;
        self.word(",\"salt\":\"")?;
        let salt = Hash(self.hex()?);
        (self.0 == "}").then(|| Some(Payload { json: json.into(), salt }))
    }
}
