//! The command line: help, man pages and completions all come from these definitions.

mod commands;
mod incidents;
mod policies;
mod rollouts;
mod schedules;
mod witness;

pub(crate) use commands::Commands;
pub(crate) use incidents::{Incidents, Webhooks};
pub(crate) use policies::Policies;
pub(crate) use rollouts::{Rollouts, StartRollout, WhichRollout};
pub(crate) use schedules::{Schedules, SetSchedule};
pub(crate) use witness::{Change, Witness};

use axum::http::HeaderName;
use clap::{Args, Parser, Subcommand, ValueEnum};
use spec::payload::Role;
use spec::{Hash, Kind, Name, PublicKey, Severity, Uuid};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A ledger of signed events that anyone can verify: run it, read it, prove it.
#[derive(Debug, Parser)]
#[command(name = "ledger", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 ok, 1 does not verify or was refused, 2 usage, 3 could not read or write."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Data directory of the ledger.
    #[arg(long, global = true, env = "VAULTMESH_DATA", default_value = "./vaultmesh-data")]
    pub(crate) data: PathBuf,
    /// Address of a running service, in place of the data directory.
    #[arg(long, global = true, env = "VAULTMESH_CC_URL")]
    pub(crate) url: Option<String>,
    /// API token for --url.
    #[arg(long, global = true, env = "VAULTMESH_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// How answers are written to standard output.
    #[arg(short = 'o', long = "output", global = true, value_enum)]
    pub(crate) output: Option<Output>,
    /// How much is said on standard error.
    #[arg(long, global = true, env = "VAULTMESH_LOG", default_value = "warn")]
    pub(crate) log: tracing::Level,
}

/// Forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For people with room: more columns.
    Wide,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Jsonl,
    /// YAML.
    Yaml,
}

impl Global {
    /// Whether an answer is for people; it is unless another form was asked for.
    pub(crate) fn for_people(&self) -> bool {
        matches!(self.output, None | Some(Output::Table | Output::Wide))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new ledger: keys, entry 0, an owner token.
    Init(Init),
    /// Run the ledger and its HTTP service.
    Serve(Serve),
    /// Start everything on this machine with a few real agents, and show what it can do.
    Demo(Demo),
    /// Check a data directory, an export, a bundle, a proof chain or a running service.
    Verify(Verify),
    /// Write a bundle that proves one entry to anyone who knows the ledger id.
    Prove(Prove),
    /// Copy everything an auditor needs.
    Export(Export),
    /// Append events from JSON lines; repeating an import adds nothing.
    Import(Import),
    /// Append a seal now.
    Seal,
    /// Show the newest checkpoint.
    Checkpoint,
    /// Let nodes join.
    Enroll {
        #[command(subcommand)]
        command: Enroll,
    },
    /// API tokens with roles.
    Tokens {
        #[command(subcommand)]
        command: Tokens,
    },
    /// The fleet: how each node stands, and why.
    Nodes {
        #[command(subcommand)]
        command: Nodes,
    },
    /// Who needs a look, why, and what other rules would have said.
    Attention {
        #[command(subcommand)]
        command: Attention,
    },
    /// What somebody has to look after: see it, answer it, silence it.
    Incidents {
        #[command(subcommand)]
        command: Incidents,
    },
    /// Give nodes commands, approve them, and see what became of them.
    Commands {
        #[command(subcommand)]
        command: Commands,
    },
    /// What nodes may be told at most: assign it, apply it, see who follows it.
    Policies {
        #[command(subcommand)]
        command: Policies,
    },
    /// A command to many nodes, in waves.
    Rollouts {
        #[command(subcommand)]
        command: Rollouts,
    },
    /// What nodes are told to do again and again.
    Schedules {
        #[command(subcommand)]
        command: Schedules,
    },
    /// Who is told elsewhere of what happens.
    Webhooks {
        #[command(subcommand)]
        command: Webhooks,
    },
    /// Who cosigns the ledger's checkpoints, and cosigning from outside.
    Witness {
        #[command(subcommand)]
        command: Witness,
    },
    /// Find the entry at which a predicate over a projection turned.
    Bisect(Bisect),
    /// The keys of the ledger and its nodes.
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Show events, as `logs view`.
    Events(Filter),
    /// Read entries, on files or over HTTP.
    Logs {
        #[command(subcommand)]
        command: Logs,
    },
    /// Fold the entries again and show a projection as it was at any point.
    Replay(Replay),
    /// Build the index anew from the log.
    Reindex,
    /// The node agent, as `vaultmesh-agent`.
    #[command(disable_help_flag = true)]
    Agent {
        /// Arguments for the agent.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    /// Write shell completions to standard output.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the OpenAPI document of the HTTP service to standard output.
    Openapi,
    /// Write the man page to standard output, or all of them to a directory.
    Man {
        /// Directory for one page a command.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// First part of the ledger's origin.
    #[arg(long, default_value = "vaultmesh.local")]
    pub(crate) origin: Name,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on.
    #[arg(long, env = "VAULTMESH_LISTEN", default_value = "127.0.0.1:8088")]
    pub(crate) listen: SocketAddr,
    /// Make a ledger if there is none.
    #[arg(long)]
    pub(crate) init: bool,
    /// First part of the origin of a ledger made by --init.
    #[arg(long, default_value = "vaultmesh.local")]
    pub(crate) origin: Name,
    /// Seconds between seals; 0 for none.
    #[arg(long, default_value_t = 3600)]
    pub(crate) seal_every: u64,
    /// Seconds between a node's heartbeats.
    #[arg(long, env = "VAULTMESH_HEARTBEAT_SECS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) heartbeat_secs: u64,
    /// The header in which a tunnel or proxy on this machine names the client, such as CF-Connecting-IP; believed from
    /// loopback alone.
    #[arg(long, env = "VAULTMESH_CLIENT_ADDRESS_HEADER", value_name = "NAME")]
    pub(crate) client_address_header: Option<HeaderName>,
    /// Write a missing or unreadable ROOT.txt anew; the log records it.
    #[arg(long)]
    pub(crate) rebuild_root: bool,
    /// A copy of ROOT.txt kept on another machine: refuse to start if the log is shorter or differs.
    #[arg(long, value_name = "FILE")]
    pub(crate) anchor: Vec<PathBuf>,
    /// Let webhooks reach addresses that are not public, such as another service of this machine.
    #[arg(long)]
    pub(crate) allow_private_webhooks: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How many agents to start.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub(crate) nodes: u64,
    /// Address to listen on; a busy port moves to the next.
    #[arg(long, default_value = "127.0.0.1:8088")]
    pub(crate) listen: SocketAddr,
    /// Seconds after which the demo ends by itself.
    #[arg(long)]
    pub(crate) duration: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Data directory, export, bundle, PROOFCHAIN.json, equivocation file, or http(s) address.
    pub(crate) target: String,
    /// An older PROOFCHAIN.json or ROOT.txt that the target must extend.
    #[arg(long)]
    pub(crate) old: Option<PathBuf>,
    /// Ledger id, or a file with one or with a trust policy.
    #[arg(long)]
    pub(crate) trust: Option<String>,
    /// Count findings about authors as failures.
    #[arg(long)]
    pub(crate) strict: bool,
    /// The same as -o json.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false, id = "which")]
pub(crate) struct ProveWhich {
    /// The entry's number.
    #[arg(long)]
    pub(crate) seq: Option<u64>,
    /// The event's id.
    #[arg(long)]
    pub(crate) id: Option<Uuid>,
}

#[derive(Debug, Args)]
pub(crate) struct Prove {
    #[command(flatten)]
    pub(crate) which: ProveWhich,
    /// File to write.
    #[arg(long)]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Directory to write; must not exist or be empty.
    #[arg(long)]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Files of JSON lines `{"kind","org","ts","payload",…}`; `-` for standard input.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Name the events' author gets: `import:<name>`. The file's name, if absent.
    #[arg(long)]
    pub(crate) source: Option<Name>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Enroll {
    /// Make an enrolment token.
    Token {
        /// Organisation the nodes join.
        #[arg(long, default_value = "default")]
        org: Name,
        /// Tenant within it.
        #[arg(long)]
        tenant: Option<Name>,
        /// Seconds the token is good for.
        #[arg(long, default_value_t = 3600)]
        ttl: u64,
        /// How many nodes may use it.
        #[arg(long, default_value_t = 1)]
        uses: u64,
    },
    /// List enrolment tokens of an organisation.
    List {
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
    /// End a token before its time.
    Revoke {
        /// The token's id.
        token_id: String,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// Make an API token.
    Create {
        /// Organisation it is good for; `ledger` for all.
        #[arg(long, default_value = "default")]
        org: Name,
        /// org_owner, org_admin, node_admin, viewer, support or auditor.
        #[arg(long)]
        role: Role,
        /// What it is for.
        #[arg(long, default_value = "")]
        label: String,
        /// Seconds it is good for; until revoked, if absent.
        #[arg(long)]
        ttl: Option<u64>,
    },
    /// List API tokens.
    List,
    /// End a token.
    Revoke {
        /// The token's id.
        id: Uuid,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Nodes {
    /// List nodes, those that need attention first.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
        /// Only those in this band.
        #[arg(long, value_parser = ["OK", "ATTN", "CRIT"], ignore_case = true)]
        band: Option<String>,
        /// In the id, the host name or the profile.
        #[arg(long, short)]
        query: Option<String>,
    },
    /// Show one node, and what its attention rests on.
    Show {
        /// Its id.
        id: Uuid,
    },
    /// Say that what a node's latest scan was compared with is right.
    AcceptBaseline {
        /// The node's id.
        id: Uuid,
        /// The baseline's id; refused if the scan was compared with another.
        #[arg(value_parser = hash)]
        baseline: Option<Hash>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Which projection.
    #[arg(long, default_value = "fleet", value_parser = clap::builder::PossibleValuesParser::new(projections::Projections::NAMES))]
    pub(crate) projection: String,
    /// The seq of an entry, or a time of RFC 3339; the end of the log, if absent.
    #[arg(long, value_name = "SEQ|TIME")]
    pub(crate) at: Option<serving::history::Point>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Attention {
    /// List the nodes that are not well, the worst first.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
    },
    /// Show what a node's score is made of.
    Explain {
        /// Its id.
        id: Uuid,
    },
    /// Show which pages other rules would have sent, dropped or moved.
    Rehearse {
        /// A file with a ruleset in JSON.
        rules: PathBuf,
        /// Pages from an RFC 3339 time or a duration back (90s, 15m, 2h, 7d) on.
        #[arg(long)]
        since: Option<String>,
    },
}

/// 64 hex digits.
fn hash(text: &str) -> Result<Hash, String> {
    Hash::from_hex(text).map_err(|e| e.to_string())
}

#[derive(Debug, Args)]
pub(crate) struct Bisect {
    /// A jq filter over what the projection knows: an object with a member for each organisation.
    pub(crate) predicate: String,
    /// Which projection.
    #[arg(long, default_value = "attention", value_parser = clap::builder::PossibleValuesParser::new(projections::Projections::NAMES))]
    pub(crate) projection: String,
    /// The entry after which to begin; the first, if absent.
    #[arg(long, value_name = "SEQ")]
    pub(crate) from: Option<u64>,
    /// The entry after which to end; the last, if absent.
    #[arg(long, value_name = "SEQ")]
    pub(crate) to: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// List keys.
    Show,
    /// Make a key for a person's device and introduce it.
    Introduce {
        /// Organisation it belongs to.
        #[arg(long, default_value = "default")]
        org: Name,
        /// The person; a new id, if absent.
        #[arg(long)]
        user: Option<Uuid>,
        /// File for the private key; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Replace one of the ledger's own keys. The service must be stopped, the recovery key present.
    Rotate {
        /// checkpoint, checkpoint-sha256, service or command.
        #[arg(long = "use")]
        key_use: String,
        /// File of the recovery key.
        #[arg(long)]
        recovery_key: PathBuf,
    },
    /// End a node's key.
    Revoke {
        /// The public key.
        key: PublicKey,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
        /// It was stolen: doubt what it signed from this entry on.
        #[arg(long, value_name = "SEQ")]
        compromised_from: Option<u64>,
    },
}

/// Which entries.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Filter {
    /// Kinds, divided by commas.
    #[arg(long, value_delimiter = ',')]
    pub(crate) kind: Vec<Kind>,
    /// Entries about this node.
    #[arg(long)]
    pub(crate) node: Option<Uuid>,
    /// From an RFC 3339 time, a duration back (90s, 15m, 2h, 7d) or `seq:N` on.
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// At least this severity.
    #[arg(long)]
    pub(crate) min_severity: Option<Severity>,
    /// At most this many.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Logs {
    /// Show entries.
    View(Filter),
    /// Show new entries as they come.
    Tail(Filter),
    /// Count entries by node and kind.
    Stats(Filter),
}
