//! The command line: help, man page and completions come from these definitions.

use clap::{Args, Parser, Subcommand};
use spec::{Name, Severity};
use std::path::PathBuf;
use tracing::Level;

/// Reports this node's state to a VaultMesh ledger and checks every receipt.
#[derive(Debug, Parser)]
#[command(
    name = "vaultmesh-agent",
    version,
    after_help = "Exit codes: 0 done, 1 refused or verification failed, 2 usage, 3 could not read or write."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Least severe messages to log: error, warn, info, debug or trace [env: VAULTMESH_LOG]; one JSON object each
    /// with VAULTMESH_LOG_FORMAT=json
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<Level>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make this node's key and have it introduced to a ledger
    Enroll(Enroll),
    /// Send heartbeats until told to stop
    Run(Run),
    /// Look through this machine, or a directory that holds one, for what is wrong
    Scan(Scan),
    /// What the agent runs with
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Tell the ledger that this node leaves, so that nobody misses it; the agent must be stopped
    Goodbye(Goodbye),
    /// Put a new key in place of this node's; the agent must be stopped
    RotateKey(RotateKey),
    /// Run many agents in this process, each with a key and a state directory of its own
    Simulate(Simulate),
    /// Say what the state directory holds
    Status(Status),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct StateDir {
    /// Directory for key, spool and memory [env: VAULTMESH_STATE_DIR] [default: /var/lib/vaultmesh/agent]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Enroll {
    /// Address of the service, such as https://vault.example.org [env: VAULTMESH_CC_URL]
    #[arg(long)]
    pub(crate) url: Option<String>,

    /// Enrolment token; `-` reads it from standard input [env: VAULTMESH_ENROLMENT_TOKEN]
    #[arg(long)]
    pub(crate) token: Option<String>,

    /// What people call this node, in place of its host name; if another node has that name, it gets a number
    #[arg(long)]
    pub(crate) name: Option<Name>,

    /// A label to begin with, such as env=prod; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(Name, String)>,

    #[command(flatten)]
    pub(crate) state: StateDir,
}

/// A label, which may do without a value.
fn label(text: &str) -> Result<(Name, String), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Ok((name.parse().map_err(|e| format!("{e}"))?, value.to_owned()))
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Send one heartbeat and all that waits, then end
    #[arg(long)]
    pub(crate) once: bool,

    /// Seconds between two heartbeats, instead of what the service asks for [env: VAULTMESH_HEARTBEAT_SECS]
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) interval: Option<u64>,

    /// Seconds between two scans; 0 is never [env: VAULTMESH_SCAN_SECS] [default: 86400]
    #[arg(long, value_name = "SECS")]
    pub(crate) scan_every: Option<u64>,

    /// Operating system profile, such as ArchVault [env: VAULTMESH_OS_PROFILE]
    #[arg(long, value_name = "NAME")]
    pub(crate) os_profile: Option<String>,

    /// What this node lets itself be told [env: VAULTMESH_POLICY] [default: /etc/vaultmesh/policy.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) state: StateDir,
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// Directory to look through: the root of this machine, or of an image or a copy
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,

    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t = ScanOutput::Table)]
    pub(crate) output: ScanOutput,

    /// Baseline to compare with, instead of the one in the state directory
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// Compare with no baseline
    #[arg(long, conflicts_with = "baseline")]
    pub(crate) no_baseline: bool,

    /// Write what is there now as a new baseline
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,

    /// Paths to watch beside those built in, one a line; `-PATH` is left out [default: watch, in the state directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) watch: Option<PathBuf>,

    /// Read every watched file, also those that seem not to have changed
    #[arg(long)]
    pub(crate) full: bool,

    /// Bytes to read per second at most; 0 is without a limit
    #[arg(long, value_name = "BYTES", default_value_t = crate::scan::DEFAULT_BYTES_PER_SEC)]
    pub(crate) max_bytes_per_sec: u64,

    /// Exit with 1 if there is a finding of this severity or above
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<FailOn>,

    #[command(flatten)]
    pub(crate) state: StateDir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ScanOutput {
    /// Lines for people
    Table,
    /// One JSON object: the payload of a `scan` event
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FailOn {
    Critical,
    High,
    Medium,
    Low,
}

impl From<FailOn> for Severity {
    fn from(limit: FailOn) -> Self {
        match limit {
            FailOn::Critical => Self::Critical,
            FailOn::High => Self::High,
            FailOn::Medium => Self::Medium,
            FailOn::Low => Self::Low,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what the agent would run with, and what is wrong with it, without changing anything
    Check(Check),
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// What this node lets itself be told [env: VAULTMESH_POLICY] [default: /etc/vaultmesh/policy.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) state: StateDir,
}

#[derive(Debug, Args)]
pub(crate) struct Goodbye {
    /// Why, such as "new disk"
    #[arg(long, default_value = "leaving")]
    pub(crate) reason: String,

    /// In how many seconds it expects to be back; without, it is not missed until it is heard of
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..=31_622_400))]
    pub(crate) back_in: Option<u64>,

    #[command(flatten)]
    pub(crate) state: StateDir,
}

#[derive(Debug, Args)]
pub(crate) struct RotateKey {
    #[command(flatten)]
    pub(crate) state: StateDir,
}

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// How many agents
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=50_000))]
    pub(crate) nodes: u64,

    /// Address of the service, such as http://127.0.0.1:8088 [env: VAULTMESH_CC_URL]
    #[arg(long)]
    pub(crate) url: Option<String>,

    /// Enrolment token with enough uses; `-` reads it from standard input [env: VAULTMESH_ENROLMENT_TOKEN]
    #[arg(long)]
    pub(crate) token: Option<String>,

    /// Seconds between two heartbeats of one agent, instead of what the service asks for
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) interval: Option<u64>,

    /// Seconds after which it ends by itself
    #[arg(long, value_name = "SECS")]
    pub(crate) duration: Option<u64>,

    /// Directory for the agents' state directories; agents that are there go on
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,

    #[command(flatten)]
    pub(crate) state: StateDir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// Lines for people
    Text,
    /// One JSON object
    Json,
}
