//! Every size limit of the formats, in one place. Service limits (queues, rates, time-outs) stand with
//! the service.

/// The largest integer that every JSON reader keeps exactly: 2^53 − 1 (RFC 7493, section 2.2).
pub const MAX_SAFE_INTEGER: u64 = 9_007_199_254_740_991;

/// Deepest nesting of arrays and objects in canonical JSON.
pub const MAX_DEPTH: usize = 64;

/// Largest header with its signature, in bytes of canonical JSON. Keeps an entry within
/// [`MAX_ENTRY_BYTES`] whatever else the ledger adds to it.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Largest payload, in bytes of canonical JSON.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// Largest event: header, payload and the few bytes that name the three parts.
pub const MAX_EVENT_BYTES: usize = MAX_HEADER_BYTES + MAX_PAYLOAD_BYTES + 256;

/// Largest entry, in bytes of canonical JSON: what a 16-bit length prefix in a C2SP entry bundle holds.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// Most bytes of record lines in one group. A torn tail is at most this long plus its commit line.
pub const MAX_GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Most entries in one group: bounds the time between a caller's append and its answer.
pub const MAX_GROUP_ENTRIES: usize = 4096;

/// Longest commit line, LF included; today's longest is under 300 bytes.
pub const MAX_COMMIT_BYTES: usize = 512;

/// Longest name or id.
pub const MAX_NAME_BYTES: usize = 128;

/// Largest policy that is assigned to nodes, in bytes of canonical JSON: a fold keeps those that hold.
pub const MAX_POLICY_BYTES: usize = 32 * 1024;

/// Roll-outs of an organisation that are not over.
pub const MAX_ROLLOUTS: usize = 16;

/// Schedules of an organisation.
pub const MAX_SCHEDULES: usize = 256;

/// Webhooks of an organisation.
pub const MAX_WEBHOOKS: usize = 32;

/// How far an event id's time may lie ahead of the entry that records it.
pub const MAX_ID_AHEAD_MS: u64 = 10 * 60 * 1000;

/// How far an event id's time may lie behind the entry that records it (imports are exempt).
pub const MAX_ID_BEHIND_MS: u64 = 90 * 24 * 60 * 60 * 1000;
