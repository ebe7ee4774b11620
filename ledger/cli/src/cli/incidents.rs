//! `ledger incidents` and `ledger webhooks`.

use super::hash;
use clap::Subcommand;
use spec::{Hash, Name, Severity, Uuid};

#[derive(Debug, Subcommand)]
pub(crate) enum Incidents {
    /// List incidents, the newest first.
    List {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
        /// Only those in this state; without, those that are not over.
        #[arg(long, value_parser = ["open", "acked", "resolved", "all"])]
        state: Option<String>,
        /// Only those about this node.
        #[arg(long)]
        node: Option<Uuid>,
    },
    /// Show one incident with all that was said of it.
    Show {
        /// Its id.
        #[arg(value_parser = hash)]
        id: Hash,
    },
    /// Report something that somebody has to look after.
    Open {
        /// One line.
        title: String,
        /// More than that.
        #[arg(long)]
        text: Option<String>,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// The node it is about.
        #[arg(long)]
        node: Option<Uuid>,
        /// info, low, medium, high or critical.
        #[arg(long)]
        severity: Option<Severity>,
    },
    /// Say that you look after it.
    Ack {
        /// Its id.
        #[arg(value_parser = hash)]
        id: Hash,
        /// Until an RFC 3339 time, or for so long (15m, 2h, 7d); 30 minutes for CRIT and 8 hours else, if absent.
        #[arg(long)]
        until: Option<String>,
        /// A remark.
        #[arg(long)]
        text: Option<String>,
    },
    /// Say that it is over.
    Resolve {
        /// Its id.
        #[arg(value_parser = hash)]
        id: Hash,
        /// A remark.
        #[arg(long)]
        text: Option<String>,
    },
    /// Say that it is not over after all.
    Reopen {
        /// Its id.
        #[arg(value_parser = hash)]
        id: Hash,
        /// A remark.
        #[arg(long)]
        text: Option<String>,
    },
    /// Add a remark.
    Note {
        /// Its id.
        #[arg(value_parser = hash)]
        id: Hash,
        /// The remark.
        text: String,
    },
    /// Say whose it is.
    Assign {
        /// Its id.
        #[arg(value_parser = hash)]
        id: Hash,
        /// Whose; nobody's, if absent.
        to: Option<String>,
    },
    /// Add words to find it by.
    Tag {
        /// Its id.
        #[arg(value_parser = hash)]
        id: Hash,
        /// The words.
        #[arg(required = true)]
        tags: Vec<String>,
    },
    /// Keep incidents from being told for a while.
    Silence {
        /// Until an RFC 3339 time, or for so long (15m, 2h, 7d).
        #[arg(long)]
        until: String,
        /// Why.
        #[arg(long)]
        why: String,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
        /// Those about this node.
        #[arg(long)]
        node: Option<Uuid>,
        /// Those for this reason of attention.
        #[arg(long)]
        reason: Option<Name>,
        /// Only about this subject of the reason.
        #[arg(long, requires = "reason")]
        subject: Option<String>,
        /// Those of this tenant.
        #[arg(long)]
        tenant: Option<Name>,
    },
    /// List the silences that hold.
    Silences {
        /// Of this organisation.
        #[arg(long)]
        org: Option<Name>,
    },
    /// End a silence before its time.
    Unsilence {
        /// Its id.
        #[arg(value_parser = hash)]
        id: Hash,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// Make a webhook; the answer is the only one that shows its secret.
    Create {
        /// Where messages go; the log keeps it, so no password in it.
        #[arg(value_name = "URL")]
        address: String,
        /// What it is told: incident.opened, incident.acked, incident.reopened, incident.resolved, attention.band;
        /// without, that incidents begin and end.
        #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
        types: Vec<Name>,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
    /// List webhooks and how they fare.
    List {
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
    /// Tell a webhook nothing more.
    Remove {
        /// Its id.
        id: Uuid,
        /// The organisation.
        #[arg(long, default_value = "default")]
        org: Name,
    },
}
