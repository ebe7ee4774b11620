//! Every limit of the service, with its unit and its reason.

use std::time::Duration;

/// Largest body of a batch of events: what one group of the log holds.
pub const MAX_EVENTS_BODY_BYTES: usize = 8 * 1024 * 1024;

/// Most events in a batch: what one group of the log holds.
pub const MAX_BATCH_EVENTS: usize = 4096;

/// Largest body of events from whoever shows no credential that may write: the largest event, with the LF behind it. A
/// signed event is its own credential, but that is known only once it is read.
pub const MAX_STRANGER_BODY_BYTES: usize = spec::limits::MAX_EVENT_BYTES + 1;

/// Most memory that one JSON document may take once it is parsed. Texts and numbers take little more than their bytes;
/// empty objects take ninety times as much.
pub const MAX_PARSED_BYTES: usize = 32 * 1024 * 1024;

/// Bytes of a heartbeat that need no room: what comes with its headers. So a heartbeat is taken while all room is.
pub const FREE_HEARTBEAT_BYTES: usize = 4 * 1024;

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

/// How long nothing may come of a refused body until it is read no further.
pub const DISCARD_PAUSE: Duration = Duration::from_millis(500);

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

/// Seconds after which a body may be sent again that there was no room for.
pub const BODY_RETRY_SECS: u64 = 1;

/// Connections of one address that are looked through for one that may make room.
pub const MAX_LOOKED_THROUGH: usize = 512;

/// An allowance over time: `burst` at once, and `per_sec` in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run, each second.
    pub per_sec: u32,
    /// At once, after a time without any.
    pub burst: u32,
}

/// Bounds of what is held at once: by all, and by each of those who might take it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// By everyone together.
    pub all: usize,
    /// By one organisation.
    pub org: usize,
    /// By one network of IPv6, a /48.
    pub network: usize,
    /// By one address; of IPv6, its /64.
    pub address: usize,
    /// By one principal: a key or an API token.
    pub principal: usize,
    /// By all who show no credential.
    pub strangers: usize,
}

impl Shares {
    /// At most so many at once, whoever holds them.
    pub const fn of_anyone(most: usize) -> Self {
        Self { all: most, org: most, network: most, address: most, principal: most, strangers: most }
    }

    /// The same shares of what fits into `most`.
    #[must_use]
    pub fn within(self, most: usize) -> Self {
        Self {
            all: self.all.min(most),
            org: self.org.min(most),
            network: self.network.min(most),
            address: self.address.min(most),
            principal: self.principal.min(most),
            strangers: self.strangers.min(most),
        }
    }
}

/// The limits an operator may change.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once. Whoever comes beyond that, or beyond what is its address's, takes the place of a connection
    /// that waits for nothing in particular, or is sent away. From three quarters on idle ones are closed sooner.
    pub connections: Shares,
    /// From the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body, however fast it comes.
    pub body_timeout: Duration,
    /// For as long a body may come as slowly as it likes.
    pub body_grace: Duration,
    /// Least bytes a second of a body from then on: slower than any link on which a node could be worked with.
    pub body_rate: u32,
    /// Between two requests on a connection; longer than two heartbeats.
    pub keep_alive: Duration,
    /// Between two requests on a connection while connections are scarce.
    pub keep_alive_scarce: Duration,
    /// For a client that takes nothing of its answer.
    pub write_timeout: Duration,
    /// For requests that are being answered when the service stops.
    pub drain_timeout: Duration,
    /// Bytes of bodies held at once, with what they take once they are parsed.
    pub bodies: Shares,
    /// The same of heartbeats, beyond what is free: a reserve of their own.
    pub heartbeat_bodies: Shares,
    /// Requests at once that read the log. Whoever has all of its share waits, and nobody else does.
    pub reads: Shares,
    /// The same of what everyone may read: proofs and checkpoints.
    pub public_reads: Shares,
    /// The same of what nodes are to carry out: a reserve of their own.
    pub delivery_reads: Shares,
    /// Bodies that are parsed at once outside the threads that serve connections.
    pub works: Shares,
    /// Lists and pages of the folds that are rendered at once.
    pub renders: Shares,
    /// How long a read or a parse waits for its turn.
    pub turn_patience: Duration,
    /// Streams at once. Three quarters of the connections: who writes must get in beside those who read. An identity has
    /// as many people as look at a fleet through one console.
    pub streams: Shares,
    /// Questions of nodes at once that wait for their answers; beyond it they are answered without waiting.
    pub polls: Shares,
    /// The same of witnesses, who show no credential.
    pub open_polls: Shares,
    /// Events of one identity: a key or an API token. A spool of three days comes in one burst.
    pub identity_events: Rate,
    /// Bytes of these events.
    pub identity_bytes: Rate,
    /// Events of one organisation; and events from one address, and from one network.
    pub shared_events: Rate,
    /// Bytes of these events.
    pub shared_bytes: Rate,
    /// Events from one address, or of one API token, that were in the ledger before: each is looked up in the log.
    pub duplicates: Rate,
    /// Requests from one address. Behind a tunnel or a proxy all of the fleet comes from one, unless
    /// `Config::client_address_header` names the client's.
    pub address_requests: Rate,
    /// The same of heartbeats and questions for commands: a reserve of their own.
    pub address_heartbeats: Rate,
    /// Requests from one network.
    pub network_requests: Rate,
    /// Refusals for want of authentication to one address.
    pub address_failures: Rate,
}

const MIB: usize = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: Shares { network: 10_240, address: 8192, ..Shares::of_anyone(16_384) },
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            body_grace: Duration::from_secs(5),
            body_rate: 16 * 1024,
            keep_alive: Duration::from_secs(75),
            keep_alive_scarce: Duration::from_secs(5),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            bodies: Shares {
                all: 128 * MIB,
                org: 96 * MIB,
                network: 96 * MIB,
                address: 64 * MIB,
                principal: 48 * MIB,
                strangers: 32 * MIB,
            },
            heartbeat_bodies: Shares {
                network: 12 * MIB,
                address: 8 * MIB,
                principal: MIB,
                ..Shares::of_anyone(16 * MIB)
            },
            reads: Shares { all: 16, org: 8, network: 8, address: 8, principal: 4, strangers: 4 },
            public_reads: Shares { network: 4, address: 4, ..Shares::of_anyone(8) },
            delivery_reads: Shares { principal: 1, ..Shares::of_anyone(4) },
            works: Shares { all: 4, org: 3, network: 3, address: 3, principal: 2, strangers: 2 },
            renders: Shares { all: 8, org: 4, network: 4, address: 4, principal: 2, strangers: 2 },
            turn_patience: Duration::from_secs(10),
            streams: Shares {
                all: 12_288,
                org: 6144,
                network: 2048,
                address: 1024,
                principal: 1024,
                strangers: 0,
            },
            polls: Shares {
                org: 10_240,
                network: 10_240,
                address: 8192,
                principal: 4,
                ..Shares::of_anyone(12_288)
            },
            open_polls: Shares { network: 128, address: 64, ..Shares::of_anyone(1024) },
            identity_events: Rate { per_sec: 1000, burst: 20_000 },
            identity_bytes: Rate { per_sec: 1024 * 1024, burst: 64 * 1024 * 1024 },
            shared_events: Rate { per_sec: 10_000, burst: 200_000 },
            shared_bytes: Rate { per_sec: 16 * 1024 * 1024, burst: 512 * 1024 * 1024 },
            duplicates: Rate { per_sec: 1000, burst: 20_000 },
            address_requests: Rate { per_sec: 1000, burst: 10_000 },
            address_heartbeats: Rate { per_sec: 2000, burst: 20_000 },
            network_requests: Rate { per_sec: 5000, burst: 50_000 },
            address_failures: Rate { per_sec: 5, burst: 100 },
        }
    }
}

impl Limits {
    /// The limits of a process that has files for so many connections.
    #[must_use]
    pub fn for_connections(self, connections: usize) -> Self {
        let part = |shares: Shares, eighths: usize| shares.within(connections / 8 * eighths);
        Self {
            connections: Shares {
                address: self.connections.address.min(connections / 2),
                network: self.connections.network.min(connections / 8 * 5),
                ..self.connections.within(connections)
            },
            streams: part(self.streams, 6),
            polls: part(self.polls, 6),
            open_polls: part(self.open_polls, 1),
            ..self
        }
    }
}
