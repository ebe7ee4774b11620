//! `ledger witness`.

use super::hash;
use clap::{Args, Subcommand};
use spec::{Hash, Name, Uuid};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Witness {
    /// Follow a ledger from outside: cosign its checkpoints, and keep the proof if it contradicts itself.
    Run {
        /// Where the key and the memory of this witness are.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The ledger's id, known from elsewhere.
        #[arg(long, value_parser = hash)]
        ledger: Hash,
        /// Look once and end.
        #[arg(long)]
        once: bool,
    },
    /// Make a witness's key, or show the one that is there: what the operator adds with `witness add --outside`.
    Key {
        /// Where the key and the memory of this witness are.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The name it signs under, such as auditor.example.org.
        #[arg(long)]
        name: Name,
        /// The ledger's id, known from elsewhere.
        #[arg(long, value_parser = hash)]
        ledger: Hash,
    },
    /// Add witnesses to the set: nodes, or what `witness key` said elsewhere.
    Add {
        /// Nodes that have sent a heartbeat since they can cosign.
        nodes: Vec<Uuid>,
        /// A file with what `witness key` said, of a witness outside your control; - reads standard input.
        #[arg(long, value_name = "FILE")]
        outside: Vec<PathBuf>,
        /// The same of one within your control.
        #[arg(long, value_name = "FILE")]
        inside: Vec<PathBuf>,
        #[command(flatten)]
        change: Change,
    },
    /// Take witnesses out of the set.
    Remove {
        /// Their names.
        #[arg(required = true)]
        names: Vec<Name>,
        #[command(flatten)]
        change: Change,
    },
    /// List the set and how far each witness has come.
    List,
    /// Write the trust policy for `ledger verify --trust`.
    Policy,
    /// Sign a change of the set with a witness's key, beside those who signed it before.
    Sign {
        /// The change, as `witness add -o json` or `witness remove -o json` wrote it.
        change: PathBuf,
        /// Where the key of this witness is.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The ledger's id, known from elsewhere.
        #[arg(long, value_parser = hash)]
        ledger: Hash,
    },
    /// Send a change of the set that is signed.
    Submit {
        /// The change.
        change: PathBuf,
    },
}

/// How a set is changed.
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// How many must cosign; more than two thirds, which is also what is taken if this is left out.
    #[arg(long)]
    pub(crate) quorum: Option<u64>,
    /// A recovery key. Without one nothing changes: with -o json the change is written out, for the quorum of the present
    /// set to sign.
    #[arg(long, value_name = "FILE")]
    pub(crate) recovery_key: Vec<PathBuf>,
}
