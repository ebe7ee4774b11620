//! Every limit of the service, with its unit and its reason.

use std::time::Duration;

/// Largest body of a batch of events: what one group of the log holds.
pub const MAX_EVENTS_BODY_BYTES: usize = 8 * 1024 * 1024;

/// Most events in a batch: what one group of the log holds.
pub const MAX_BATCH_EVENTS: usize = 4096;

/// Largest body of a heartbeat; the longest its schema allows takes a sixth of it.
pub const MAX_HEARTBEAT_BODY_BYTES: usize = 64 * 1024;

/// Largest body of every other request: a handful of names and texts.
pub const MAX_JSON_BODY_BYTES: usize = 16 * 1024;

/// Largest body that assigns a policy: room for the spacing of a document written by hand.
pub const MAX_POLICY_BODY_BYTES: usize = 2 * spec::limits::MAX_POLICY_BYTES;

/// Most bytes of request headers; also what a connection buffers of a body that nobody reads yet.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Most header fields of a request.
pub const MAX_HEADERS: usize = 64;

/// Most items in one page of a list.
pub const MAX_PAGE_ITEMS: usize = 500;

/// Items in one page of a list if the caller does not say.
pub const DEFAULT_PAGE_ITEMS: usize = 100;

/// Most record lines in one answer of `/api/ledger/entries`.
pub const MAX_ENTRIES: usize = 1000;

/// Bytes of a segment that are read at once while it is sent.
pub const SEGMENT_CHUNK_BYTES: usize = 256 * 1024;

/// Bytes of a refused body that are read and thrown away, so that the client gets to read why.
pub const MAX_DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// How long a refused body is read for the same reason.
pub const DISCARD_TIME: Duration = Duration::from_secs(5);

/// From this size on a body is parsed, and its events are signed, outside the threads that serve
/// connections: smaller ones take less time than the way there.
pub const MAX_INLINE_PARSE_BYTES: usize = 16 * 1024;

/// Longest validity of an enrolment token.
pub const MAX_ENROLMENT_TTL_SECS: u64 = 30 * 24 * 60 * 60;

/// Validity of an enrolment token if the caller does not say.
pub const DEFAULT_ENROLMENT_TTL_SECS: u64 = 60 * 60;

/// Most keys one enrolment token may introduce.
pub const MAX_ENROLMENT_USES: u64 = 10_000;

/// Longest validity of an API token with an end.
pub const MAX_TOKEN_TTL_SECS: u64 = 10 * 366 * 24 * 60 * 60;

/// Longest life of an invitation: who has not come in a month is asked anew.
pub const MAX_INVITATION_TTL_SECS: u64 = 30 * 24 * 60 * 60;

/// Life of an invitation that says nothing else.
pub const DEFAULT_INVITATION_TTL_SECS: u64 = 7 * 24 * 60 * 60;

/// Longest visit of support, as admission has it.
pub const MAX_SUPPORT_TTL_SECS: u64 = 7 * 24 * 60 * 60;

/// Entries that the folds may lack for the service to be ready: what they take in within a tenth of a second or so.
pub const MAX_FOLDS_BEHIND: u64 = 4096;

/// Longest validity of a command.
pub const MAX_COMMAND_TTL_SECS: u64 = 30 * 24 * 60 * 60;

/// Longest time that a roll-out waits for approval: what was meant a month ago is to be said again.
pub const MAX_APPROVAL_SECS: u64 = 30 * 24 * 60 * 60;

/// Most commands that a node gets in one answer; the others come with the next.
pub const MAX_COMMANDS_DELIVERED: usize = 16;

/// Longest time that a node's question for commands stays open: under the patience of common proxies.
pub const MAX_POLL_SECS: u64 = 25;

/// Seconds after which a stream that was refused may be asked for again.
pub const STREAM_RETRY_SECS: u64 = 5;

/// How much of something is allowed over time: `burst` at once, and `per_sec` in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run, each second.
    pub per_sec: u32,
    /// At once, after a time without any.
    pub burst: u32,
}

/// The limits an operator may change.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once; more wait to be accepted. From three quarters on idle ones are closed sooner.
    pub connections: usize,
    /// From the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body.
    pub body_timeout: Duration,
    /// Between two requests on a connection; longer than two heartbeats.
    pub keep_alive: Duration,
    /// Between two requests on a connection while connections are scarce.
    pub keep_alive_scarce: Duration,
    /// For a client that takes nothing of its answer.
    pub write_timeout: Duration,
    /// For requests that are being answered when the service stops.
    pub drain_timeout: Duration,
    /// Bytes of bodies held at once, over all connections.
    pub body_bytes: usize,
    /// Requests at once that read the log.
    pub reads: usize,
    /// Streams at once. Three quarters of the connections: who writes must get in beside those who read.
    pub streams: usize,
    /// Streams at once of one identity: as many people as look at a fleet through one console.
    pub identity_streams: usize,
    /// Streams at once from one address, where addresses are limited.
    pub address_streams: usize,
    /// Events of one identity: a key or an API token. A spool of three days comes in one burst.
    pub identity_events: Rate,
    /// Requests from one address. Loopback is exempt unless `Config::client_address_header` names the
    /// address: behind a tunnel or a proxy all of the fleet comes from there.
    pub address_requests: Rate,
    /// Refusals for want of authentication to one address.
    pub address_failures: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            keep_alive_scarce: Duration::from_secs(5),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            body_bytes: 256 * 1024 * 1024,
            reads: 16,
            streams: 12_288,
            identity_streams: 1024,
            address_streams: 1024,
            identity_events: Rate { per_sec: 1000, burst: 20_000 },
            address_requests: Rate { per_sec: 1000, burst: 10_000 },
            address_failures: Rate { per_sec: 5, burst: 100 },
        }
    }
}
