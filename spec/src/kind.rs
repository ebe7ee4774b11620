//! The registry of kinds: what each event may be, who may say it, and whether its payload may be erased.
//!
//! Anything not listed here is refused, except `x-<name>`, which is for users' own events.

use crate::ids::{Name, TextError};
use crate::payload::{self, PayloadError};
use crate::rules::{Drafted, Home, Roles, Speaker};
use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One row of the registry.
#[derive(Debug, Clone, Copy)]
pub struct KindInfo {
    /// The text of `kind`.
    pub name: &'static str,
    /// Who may say it.
    pub speaker: Speaker,
    /// In which organisations.
    pub home: Home,
    /// Which API tokens may say it there, if operators may.
    pub tokens: Roles,
    /// Whether HTTP takes it as a draft.
    pub drafted: Drafted,
    /// Whether the payload may be erased. False for everything admission, keys, roles and proofs rest on.
    pub erasable: bool,
    /// The newest version of the payload's schema.
    pub version: u64,
    /// Reads a payload in canonical JSON: the oldest version whose schema it fits.
    schema: fn(&str) -> Result<u64, PayloadError>,
}

/// Writes the enum and its table from one list, so that neither can lack a row. A row says who may say the kind, where,
/// by which tokens, whether HTTP takes it as a draft, whether its payload may be erased, and the payload's type, which
/// knows its versions.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal $speaker:ident $home:ident $tokens:ident $drafted:ident $erasable:ident $schema:ty;)*) => {
        /// The kind of fact that an event states.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $variant,)*
            /// `x-<name>`: a kind of the user's own; any canonical JSON object is its payload.
            Custom(Name),
        }

        impl Kind {
            /// The registered kinds, in alphabetical order of their names.
            pub const REGISTERED: &[Self] = &[$(Self::$variant),*];

            /// The JSON schemas of the payloads, in the order of [`Kind::REGISTERED`].
            pub(crate) fn payload_schemas(generator: &mut SchemaGenerator) -> Vec<Schema> {
                vec![$(generator.subschema_for::<$schema>()),*]
            }

            /// The registry's row for this kind.
            pub fn info(&self) -> KindInfo {
                match self {
                    $(Self::$variant => KindInfo {
                        name: $name,
                        speaker: Speaker::$speaker,
                        home: Home::$home,
                        tokens: Roles::$tokens,
                        drafted: Drafted::$drafted,
                        erasable: $erasable,
                        version: <$schema as payload::Schema>::VERSION,
                        schema: payload::oldest_version::<$schema>,
                    },)*
                    Self::Custom(_) => KindInfo {
                        name: "x-",
                        speaker: Speaker::Anyone,
                        home: Home::Any,
                        tokens: Roles::Writers,
                        drafted: Drafted::Admins,
                        erasable: true,
                        version: crate::limits::MAX_SAFE_INTEGER,
                        schema: |json| payload::check_object(json).map(|()| 1),
                    },
                }
            }
        }
    };
}

kinds! {
    /// Findings that people know of are accepted for a while, or no longer.
    Acceptance "acceptance" Operator Any Admins Admins false payload::Acceptance;
    /// An operator has seen an incident.
    Ack "ack" Person Any Writers Admins true payload::Ack;
    /// The ledger goes over to a newer version of the admission rules.
    Admission "admission" Ledger Ledger Nobody Never false payload::Admission;
    /// Who looks after an incident.
    Assign "assign" Person Any Writers Admins true payload::Assign;
    /// How a node or a site stands has changed.
    Attention "attention" Ledger Subject Nobody Never true payload::Attention;
    /// A change of the ledger's own keys, under the recovery threshold.
    Authority "authority" Ledger Ledger Nobody Never false payload::Authority;
    /// A person accepts what the scans of a node are compared with.
    Baseline "baseline" Operator Any Admins Admins false payload::Baseline;
    /// An author offered a second event for a place its chain had already taken.
    ChainFork "chain-fork" Ledger Subject Nobody Never false payload::ChainFork;
    /// An author's spool had to drop a run of events.
    ChainGap "chain-gap" Chain Any Nobody Never false payload::ChainGap;
    /// An author opens a new epoch of its chain.
    ChainOpen "chain-open" Chain Any Nobody Never false payload::ChainOpen;
    /// A clock that was ahead is set back, under the recovery threshold.
    Clock "clock" Ledger Ledger Nobody Never false payload::Clock;
    /// A command to a node is given, approved or taken back.
    Command "command" Operator Any Admins Elsewhere false payload::Command;
    /// Checkpoints that the ledger signed and cannot both be true.
    Contradiction "contradiction" Ledger Subject Nobody Never false payload::Contradiction;
    /// An enrolment token is made or revoked.
    Enrolment "enrolment" Service Customer Admins Elsewhere false payload::Enrolment;
    /// Entry 0.
    Genesis "genesis" Ledger Ledger Nobody Never false payload::Genesis;
    /// A node falls silent on purpose.
    Goodbye "goodbye" Node Any Nobody Never true payload::Goodbye;
    /// A node's state, as the node reports it.
    Heartbeat "heartbeat" Node Any Nobody Never true payload::Heartbeat;
    /// A provider of sign-in is believed, or no longer.
    IdentityProvider "identity-provider" Operator Ledger Owners Elsewhere false payload::IdentityProvider;
    /// Something an operator should look at.
    Incident "incident" Anyone Any Writers Admins true payload::Incident;
    /// A month is billed to a tenant, or a bill is corrected.
    Invoice "invoice" Operator Customer Owners Elsewhere false payload::Invoice;
    /// A key is introduced.
    Key "key" Enrolment Customer Nobody Elsewhere false payload::KeyIntroduction;
    /// An author goes over to a new key.
    KeyRotation "key-rotation" Chain Any Nobody Never false payload::KeyRotation;
    /// A key's status changes.
    KeyStatus "key-status" Service Governed Admins Elsewhere false payload::KeyStatus;
    /// The labels of a node.
    Labels "labels" Operator Any Admins Admins true payload::Labels;
    /// A person has a role in an organisation, or no longer.
    Member "member" Operator Governed Owners Elsewhere false payload::Member;
    /// A remark.
    Note "note" Anyone Any Writers Writers true payload::Note;
    /// What a webhook was sent.
    Notice "notice" Ledger Subject Nobody Never true payload::Notice;
    /// An organisation is made, renamed, suspended, or let in again.
    Org "org" Operator Customer Owners Elsewhere false payload::Organisation;
    /// A policy is assigned to nodes, or no longer.
    Policy "policy" Operator Any Owners Owners false payload::Policy;
    /// What usage costs a tenant from now on.
    PriceBook "price-book" Operator Customer Owners Elsewhere false payload::PriceBook;
    /// What became of a command.
    Receipt "receipt" Node Any Nobody Never true payload::CommandReceipt;
    /// What an open of the ledger had to repair.
    Recovery "recovery" Ledger Ledger Nobody Never false payload::Recovery;
    /// A validly signed event that is refused for good.
    Refusal "refusal" Ledger Subject Nobody Never false payload::Refusal;
    /// An incident was not over.
    Reopen "reopen" Person Any Writers Admins true payload::Reply;
    /// An incident is over.
    Resolve "resolve" Person Any Writers Admins true payload::Reply;
    /// A command to a selection of nodes in waves is started, held or ended.
    Rollout "rollout" Operator Customer Admins Elsewhere false payload::RolloutAction;
    /// What is decided about a roll-out.
    RolloutWave "rollout-wave" Scheduler Customer Nobody Never false payload::RolloutWave;
    /// The organisation's rules of attention.
    Ruleset "ruleset" Operator Any Owners Owners false payload::Ruleset;
    /// What a scan of a node found.
    Scan "scan" Node Any Nobody Never true payload::Scan;
    /// Something that nodes are told to do again and again is set or removed.
    Schedule "schedule" Operator Customer Admins Elsewhere false payload::Schedule;
    /// What becomes of what a schedule has due.
    ScheduleRun "schedule-run" Scheduler Customer Nobody Never false payload::ScheduleRun;
    /// The ledger commits to its state.
    Seal "seal" Ledger Ledger Nobody Never false payload::Seal;
    /// The service started, stopped, or is alive.
    Service "service" Ledger Ledger Nobody Never true payload::Service;
    /// Claims that give a role, or no longer.
    SignInRule "sign-in-rule" Operator Governed Owners Elsewhere false payload::SignInRule;
    /// What operators do not want to be told for a while.
    Silence "silence" Operator Any Admins Admins true payload::Silence;
    /// How the operations of a span of time ended.
    Slo "slo" Node Any Nobody Never true payload::Slo;
    /// Words to find an event by.
    Tag "tag" Person Any Writers Admins true payload::Tag;
    /// An API token is made or revoked.
    Token "token" Service Governed Owners Elsewhere false payload::Token;
    /// What a tenant used.
    Usage "usage" Anyone Any Writers Admins true payload::Usage;
    /// What a provider says of a person.
    User "user" Operator Ledger Nobody Never true payload::User;
    /// A webhook is made or removed.
    Webhook "webhook" Operator Any Owners Elsewhere false payload::Webhook;
    /// The key with which a node would cosign.
    WitnessKey "witness-key" Node Any Nobody Never false payload::WitnessKey;
    /// The witnesses whose quorum counts.
    WitnessSet "witness-set" Ledger Ledger Nobody Never false payload::WitnessSetChange;
}

impl Kind {
    /// The text of `kind`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Custom(name) => name.as_str(),
            registered => registered.info().name,
        }
    }

    /// Checks a payload in canonical JSON against this kind's schema.
    pub fn check_payload(&self, version: u64, json: &str) -> Result<(), PayloadError> {
        let info = self.info();
        if !(1..=info.version).contains(&version) {
            return Err(PayloadError::Version { kind: self.as_str().to_owned(), version });
        }
        match (info.schema)(json)? {
            oldest if oldest <= version => Ok(()),
            oldest => Err(PayloadError::Newer { version, oldest }),
        }
    }

    /// The oldest version whose schema a payload in canonical JSON fits, which most readers know.
    pub fn payload_version(&self, json: &str) -> Result<u64, PayloadError> {
        (self.info().schema)(json)
    }
}

impl FromStr for Kind {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        if let Ok(i) = Self::REGISTERED.binary_search_by(|kind| kind.info().name.cmp(text)) {
            return Self::REGISTERED.get(i).cloned().ok_or_else(|| TextError::new("a kind", text));
        }
        match text.strip_prefix("x-") {
            Some(rest) if !rest.is_empty() => text.parse().map(Self::Custom),
            _ => Err(TextError::new("a registered kind or x-<name>", text)),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registered_name_reads_back() {
        for kind in Kind::REGISTERED {
            assert_eq!(kind.as_str().parse::<Kind>().as_ref(), Ok(kind));
        }
        assert!(Kind::REGISTERED.is_sorted_by_key(Kind::as_str));
        assert!("x-mine".parse::<Kind>().is_ok());
        for bad in ["x-", "X-mine", "gossip", "", "heartbeat "] {
            assert!(bad.parse::<Kind>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_version_keeps_its_schema() {
        let first = format!(r#"{{"target":"{}"}}"#, "00".repeat(32));
        let second = first.replace('{', r#"{"expires_at":"2026-11-21T20:42:00.000Z","#);
        assert_eq!(Kind::Ack.info().version, 2);
        assert!(Kind::Ack.check_payload(1, &first).is_ok() && Kind::Ack.check_payload(2, &first).is_ok());
        assert!(Kind::Ack.check_payload(1, &second).is_err() && Kind::Ack.check_payload(2, &second).is_ok());
        assert_eq!(Kind::Ack.payload_version(&first), Ok(1));
        assert_eq!(Kind::Ack.payload_version(&second), Ok(2));
        assert!(Kind::Ack.payload_version("{}").is_err());
        let custom: Kind = "x-mine".parse().unwrap();
        assert_eq!(custom.payload_version("{}"), Ok(1));
        assert_eq!(custom.check_payload(crate::limits::MAX_SAFE_INTEGER, "{}"), Ok(()));
        assert!(custom.payload_version("[]").is_err());
    }
}
