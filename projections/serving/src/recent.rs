//! The newest entries, kept in memory for those who follow the ledger; whoever is further behind reads the log.

use axum::body::Bytes;
use spec::Record;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

/// Entries kept in memory at most.
pub const MAX_RECENT_ENTRIES: usize = 4096;

/// Bytes they may take: each as it was read and as streams tell it.
pub const MAX_RECENT_BYTES: usize = 32 * 1024 * 1024;

/// What the header of an entry takes at most, as fields and as text.
const HEADER_BYTES: usize = 4096;

/// An entry, and the text in which every stream tells it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) record: Record,
    text: OnceLock<Bytes>,
}

impl Told {
    pub(crate) fn new(record: Record) -> Self {
        Self { record, text: OnceLock::new() }
    }

    pub(crate) fn seq(&self) -> u64 {
        self.record.entry.position.seq
    }

    /// Written when the first stream wants it, for all of them.
    pub(crate) fn text(&self) -> &Bytes {
        self.text.get_or_init(|| text(&self.record).into())
    }

    /// What it takes in memory, whether its text is written yet or not.
    fn weight(&self) -> usize {
        HEADER_BYTES + 2 * self.record.payload.as_ref().map_or(0, |payload| payload.json.len())
    }
}

/// An entry as a stream tells it: its seq, its kind, and the event with both its times.
fn text(record: &Record) -> Vec<u8> {
    let entry = &record.entry;
    let (position, payload) = (&entry.position, record.payload.as_ref().map(|payload| &payload.json));
    let mut out = Vec::with_capacity(1536 + payload.map_or(0, |json| json.len()));
    let kind = entry.header.kind.as_str();
    // Canonical JSON has no line feed in it.
    let head = format!(
        "id: {}\nevent: {kind}\ndata: {{\"seq\":{},\"recorded_at\":\"{}\",\"event\":",
        position.seq, position.seq, position.recorded_at
    );
    out.extend_from_slice(head.as_bytes());
    entry.header.write(Some(&entry.sig), &mut out);
    if let Some(json) = payload {
        out.extend_from_slice(b",\"payload\":");
        out.extend_from_slice(json.as_bytes());
    }
    out.extend_from_slice(b"}\n\n");
    out
}

/// The newest entries, without a gap.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    entries: VecDeque<Arc<Told>>,
    bytes: usize,
}

impl Recent {
    pub(crate) fn push(&mut self, told: Arc<Told>) {
        self.bytes += told.weight();
        self.entries.push_back(told);
        while self.entries.len() > MAX_RECENT_ENTRIES || self.bytes > MAX_RECENT_BYTES {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.weight();
        }
    }

    /// The entries from `seq` on; `None` if the first of them is no longer here.
    pub(crate) fn since(&self, seq: u64) -> Option<impl Iterator<Item = &Arc<Told>>> {
        let first = self.entries.front()?.seq();
        let skip = usize::try_from(seq.checked_sub(first)?).ok()?;
        Some(self.entries.iter().skip(skip))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use spec::entry::{Entry, Lane, Position};
    use spec::event::Payload;
    use spec::{Author, Hash, Header, Kind, PublicKey, Signature, Timestamp, Uuid};

    fn told(seq: u64, bytes: usize) -> Arc<Told> {
        told_about(seq, bytes, None)
    }

    pub(crate) fn told_about(seq: u64, bytes: usize, node_id: Option<Uuid>) -> Arc<Told> {
        let json = serde_json::json!({"text": "x".repeat(bytes)}).to_string();
        let payload = Payload { salt: Hash::ZERO, json: json.into() };
        let header = Header {
            author: Author::Service("test".parse().unwrap()),
            chain: None,
            id: Uuid::v4([7; 16]),
            key: PublicKey([0; 32]),
            kind: "x-test".parse::<Kind>().unwrap(),
            ledger: Hash::ZERO,
            node_id,
            org: "acme".parse().unwrap(),
            payload_hash: Hash::ZERO,
            payload_version: 1,
            severity: None,
            tenant: None,
            ts: Timestamp::from_millis(0),
            via: None,
        };
        let position = Position {
            lane: Lane { n: 0, prev: Hash::ZERO },
            prev: Hash::ZERO,
            recorded_at: Timestamp::from_millis(0),
            seq,
        };
        let entry = Entry { header, position, sig: Signature([0; 64]) };
        Arc::new(Told::new(Record { entry, leaf: Hash::ZERO, payload: Some(payload) }))
    }

    #[test]
    fn entries_are_kept_up_to_a_number() {
        let mut recent = Recent::default();
        for seq in 0..MAX_RECENT_ENTRIES as u64 + 10 {
            recent.push(told(seq, 10));
        }
        assert_eq!(recent.entries.len(), MAX_RECENT_ENTRIES);
        assert!(recent.since(9).is_none());
        assert_eq!(recent.since(10).unwrap().count(), MAX_RECENT_ENTRIES);
        assert_eq!(recent.since(MAX_RECENT_ENTRIES as u64 + 9).unwrap().count(), 1);
        assert_eq!(recent.since(MAX_RECENT_ENTRIES as u64 + 10).unwrap().count(), 0);
    }

    #[test]
    fn entries_are_kept_up_to_so_many_bytes() {
        let mut recent = Recent::default();
        for seq in 0..100 {
            recent.push(told(seq, 1_000_000));
            assert!(recent.bytes <= MAX_RECENT_BYTES);
        }
        assert_eq!(recent.entries.len(), 16);
        assert!(recent.since(83).is_none());
        let taken: usize = recent.entries.iter().map(|told| told.text().len()).sum();
        assert!(taken * 2 <= MAX_RECENT_BYTES, "{taken}");
        recent.push(told(100, 10));
        assert_eq!(recent.entries.len(), 17);
    }

    #[test]
    fn a_text_is_written_once_and_weighs_what_was_counted() {
        let one = told(7, 100);
        let text = one.text().clone();
        assert_eq!(text.as_ptr(), one.text().as_ptr());
        assert!(text.len() < one.weight());
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(text.starts_with("id: 7\nevent: x-test\ndata: {\"seq\":7,\"recorded_at\":\"1970-"), "{text}");
        assert!(text.ends_with("xxx\"}}\n\n"), "{text}");
        assert_eq!(text.lines().count(), 4);
    }
}
