//! Payloads as columns: those of kinds and versions in this table whose members are all of their types. Every other
//! payload is kept as the text that it is.

use crate::cell::Cell;
use serde_json::{Map, Value};
use spec::canonical::{write_string, write_u64};
use spec::{Header, Timestamp, Uuid};

/// What a member of a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// An integer that is one of few.
    Int,
    /// An integer that moves.
    Count,
    Bool,
    Text,
    /// 64 hexadecimal digits.
    Hash,
    /// The id of the node that the event is about; nothing if the header says the same.
    Subject,
    /// A time as text; nothing if it is the header's `ts`.
    Stamp,
}

/// A kind whose payloads are columns.
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) kind: &'static str,
    /// The newest version of the payload that these fields are all of.
    pub(crate) version: u64,
    /// Whether a member may be the word `unknown` instead: the last column has a bit for each that is.
    pub(crate) readings: bool,
    /// Its members, sorted by name.
    pub(crate) fields: &'static [(&'static str, Field)],
}

/// The kinds, in the order of their columns.
pub(crate) const TYPED: &[Typed] = &[
    Typed {
        kind: "heartbeat",
        version: 2,
        readings: true,
        fields: &[
            ("agent_rss_bytes", Field::Count),
            ("agent_version", Field::Text),
            ("boot_id", Field::Text),
            ("clock_offset_ms", Field::Int),
            ("cloudflare_ok", Field::Bool),
            ("disk_available_bytes", Field::Count),
            ("disk_total_bytes", Field::Int),
            ("hostname", Field::Text),
            ("interval_secs", Field::Int),
            ("kernel_version", Field::Text),
            ("load15_milli", Field::Count),
            ("load1_milli", Field::Count),
            ("load5_milli", Field::Count),
            ("memory_available_bytes", Field::Count),
            ("memory_total_bytes", Field::Int),
            ("node_id", Field::Subject),
            ("os_profile", Field::Text),
            ("policy_hash", Field::Hash),
            ("pressure_cpu_milli", Field::Count),
            ("pressure_io_milli", Field::Count),
            ("pressure_memory_milli", Field::Count),
            ("services_ok", Field::Bool),
            ("spool_depth", Field::Int),
            ("spool_dropped", Field::Int),
            ("swap_used_bytes", Field::Count),
            ("timestamp", Field::Stamp),
            ("uptime_secs", Field::Count),
            ("vaultmesh_root", Field::Text),
        ],
    },
    Typed {
        kind: "service",
        version: 1,
        readings: false,
        fields: &[("action", Field::Text), ("version", Field::Text)],
    },
    Typed {
        kind: "usage",
        version: 1,
        readings: false,
        fields: &[("metric", Field::Text), ("product", Field::Text), ("quantity", Field::Count)],
    },
];

/// The word of a reading that could not be had.
const UNKNOWN: &str = "unknown";

impl Typed {
    /// The row of the table for a payload, and where its columns begin among those of all kinds.
    pub(crate) fn of(header: &Header) -> Option<(&'static Self, usize)> {
        let mut first = 0;
        for typed in TYPED {
            if typed.kind == header.kind.as_str() && header.payload_version <= typed.version {
                return Some((typed, first));
            }
            first += typed.width();
        }
        None
    }

    /// How many columns it has.
    pub(crate) fn width(&self) -> usize {
        self.fields.len() + usize::from(self.readings)
    }

    /// The cells of a payload, if they lead back to it byte for byte.
    pub(crate) fn take(&self, header: &Header, json: &str) -> Option<Vec<Cell>> {
        let members: Map<String, Value> = serde_json::from_str(json).ok()?;
        let mut cells = Vec::with_capacity(self.width());
        let (mut unknown, mut found) = (0_i64, 0);
        for (i, (name, field)) in self.fields.iter().enumerate() {
            let member = members.get(*name);
            found += usize::from(member.is_some());
            cells.push(match member {
                None => Cell::Nothing,
                Some(Value::String(word)) if self.readings && word == UNKNOWN && *field != Field::Text => {
                    unknown |= 1 << i;
                    Cell::Nothing
                }
                Some(value) => field.take(header, value)?,
            });
        }
        if self.readings {
            cells.push(Cell::Int(unknown));
        }
        let mut again = Vec::with_capacity(json.len());
        let whole = found == members.len() && self.write(header, &cells, &mut again).is_some();
        (whole && again == json.as_bytes()).then_some(cells)
    }

    /// Appends the payload that cells stand for; `None` if they stand for none.
    pub(crate) fn write(&self, header: &Header, cells: &[Cell], out: &mut Vec<u8>) -> Option<()> {
        let unknown = match cells.get(self.fields.len()) {
            Some(Cell::Int(bits)) => *bits,
            Some(Cell::Nothing) | None if !self.readings => 0,
            _ => return None,
        };
        let mut before = b'{';
        for (i, (name, field)) in self.fields.iter().enumerate() {
            let cell = cells.get(i)?;
            let is_unknown = unknown >> i & 1 == 1;
            let absent = matches!(cell, Cell::Nothing);
            if is_unknown && !absent {
                return None;
            }
            if absent && !is_unknown && !matches!(field, Field::Subject | Field::Stamp) {
                continue;
            }
            out.push(before);
            before = b',';
            write_string(name, out);
            out.push(b':');
            if is_unknown {
                write_string(UNKNOWN, out);
            } else {
                field.write(header, cell, out)?;
            }
        }
        if before == b'{' {
            out.push(b'{');
        }
        out.push(b'}');
        Some(())
    }
}

impl Field {
    fn take(self, header: &Header, value: &Value) -> Option<Cell> {
        Some(match (self, value) {
            (Self::Int | Self::Count, Value::Number(number)) => Cell::Int(number.as_i64()?),
            (Self::Bool, Value::Bool(value)) => Cell::Bool(*value),
            (Self::Text, Value::String(text)) => Cell::from(text.as_str()),
            (Self::Hash, Value::String(text)) => Cell::from(&spec::Hash::from_hex(text).ok()?.0),
            (Self::Subject, Value::String(text)) => {
                let id: Uuid = text.parse().ok()?;
                if header.subject_node() == Some(id) { Cell::Nothing } else { Cell::from(id.as_bytes()) }
            }
            (Self::Stamp, Value::String(text)) => {
                if *text == stamp(header.ts) {
                    Cell::Nothing
                } else {
                    Cell::from(text.as_str())
                }
            }
            _ => return None,
        })
    }

    fn write(self, header: &Header, cell: &Cell, out: &mut Vec<u8>) -> Option<()> {
        match (self, cell) {
            (Self::Int | Self::Count, Cell::Int(number)) => {
                if *number < 0 {
                    out.push(b'-');
                }
                write_u64(number.unsigned_abs(), out);
            }
            (Self::Bool, Cell::Bool(value)) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            (Self::Text | Self::Stamp, Cell::Bytes(text)) => {
                write_string(std::str::from_utf8(text.data()).ok()?, out);
            }
            (Self::Stamp, Cell::Nothing) => write_string(&stamp(header.ts), out),
            (Self::Hash, Cell::Bytes(bytes)) => {
                write_string(&spec::Hash(bytes.data().try_into().ok()?).to_hex(), out);
            }
            (Self::Subject, Cell::Bytes(bytes)) => {
                write_string(&Uuid::from_bytes(bytes.data().try_into().ok()?)?.to_string(), out);
            }
            (Self::Subject, Cell::Nothing) => write_string(&header.subject_node()?.to_string(), out),
            _ => return None,
        }
        Some(())
    }
}

fn stamp(time: Timestamp) -> String {
    let mut out = Vec::with_capacity(24);
    time.write(&mut out);
    String::from_utf8(out).unwrap_or_default()
}
