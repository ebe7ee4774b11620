//! `ledger policies`.

use super::hash;
use clap::{Args, Subcommand};
use spec::{Hash, Name, Uuid};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Policies {
    /// List the assignments that hold, the newest first.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
    },
    /// Show the policy that a node is to follow and the one it follows, or a policy by its hash.
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Say which policy nodes are to follow; they apply it on the command apply-policy.
    Assign {
        /// The policy, a JSON document.
        file: PathBuf,
        /// The node that is to follow it.
        #[arg(long, conflicts_with = "selector", required_unless_present = "selector")]
        node: Option<Uuid>,
        /// The nodes that are to follow it, by their labels, such as 'env=prod,!canary'; '' is all.
        #[arg(long)]
        selector: Option<String>,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// Tell the nodes at once, by a command each, to apply the policy they are to follow from now on.
        #[arg(long)]
        apply: bool,
    },
    /// End an assignment; nodes go on following the policy until they are told to apply another, or none.
    Withdraw {
        /// The assignment's id.
        #[arg(value_parser = hash)]
        assignment: Hash,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// Tell the nodes that it was for to apply what they are to follow now.
        #[arg(long)]
        apply: bool,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The node.
    #[arg(long)]
    pub(crate) node: Option<Uuid>,
    /// The policy's hash.
    #[arg(value_parser = hash)]
    pub(crate) policy: Option<Hash>,
}
