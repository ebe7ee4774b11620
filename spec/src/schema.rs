//! The JSON schemas of what is written by hand: texts with a form, events, entries, records.
//!
//! All other schemas are derived from their types. None of them is normative: they describe the formats to clients, and
//! say less than the text beside this crate.

use crate::cron::Cron;
use crate::entry::{Entry, Lane, Record};
use crate::event::{ChainLink, Event, Header, Severity, Via};
use crate::hash::Hash;
use crate::ids::{Author, Epoch, Name, PublicKey, Signature, Uuid};
use crate::kind::Kind;
use crate::payload::Reading;
use crate::time::Timestamp;
use crate::window::ClockTime;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const NAME: &str = "[a-z0-9._:-]{1,128}";
const HEX_32_BYTES: &str = "[0-9a-f]{64}";

/// The schema of a type that is a text of some form.
macro_rules! text {
    ($type:ty, $name:literal, $description:literal, $pattern:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let pattern = $pattern;
                json_schema!({"type": "string", "description": $description, "pattern": format!("^{pattern}$")})
            }
        }
    };
}

text!(Hash, "Hash", "A BLAKE3 hash, or 32 other bytes, in lowercase hex.", HEX_32_BYTES);
text!(PublicKey, "PublicKey", "An Ed25519 public key in lowercase hex.", HEX_32_BYTES);
text!(Signature, "Signature", "An Ed25519 signature in padded base64.", "[A-Za-z0-9+/]{85}[AQgw]==");
text!(Epoch, "Epoch", "A run of an author chain: 16 random bytes in lowercase hex.", "[0-9a-f]{32}");
text!(Uuid, "Uuid", "A lowercase UUID (RFC 9562).", UUID);
text!(Name, "Name", "The name of an organisation, a tenant, a service, a label and the like.", NAME);
text!(Kind, "Kind", "The kind of an event: a registered one, or `x-<name>`.", NAME);
text!(
    Author,
    "Author",
    "Who says something: a node, a person, an API token, a service, or an import.",
    format!("((node|user|token):{UUID}|(service|import):{NAME})")
);

/// The schema of a text that is part of others, without a name of its own.
macro_rules! inline_text {
    ($type:ty, $name:literal, $($schema:tt)*) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($($schema)*)
            }
        }
    };
}

inline_text!(Timestamp, "Timestamp", {"type": "string", "format": "date-time"});
inline_text!(Cron, "Cron", {"type": "string", "maxLength": 512});
inline_text!(ClockTime, "ClockTime", {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"});

impl<T: JsonSchema> JsonSchema for Reading<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}Reading", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let known = generator.subschema_for::<T>();
        json_schema!({"anyOf": [known, {"type": "string", "enum": ["unknown"]}]})
    }
}

/// A payload of any kind.
#[derive(Debug, Clone, Copy)]
pub struct EventPayload;

impl JsonSchema for EventPayload {
    fn schema_name() -> Cow<'static, str> {
        "EventPayload".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut kinds = Kind::payload_schemas(generator);
        kinds.dedup();
        kinds.push(
            json_schema!({"type": "object", "description": "The payload of a kind `x-<name>`: any object."}),
        );
        json_schema!({
            "description": "What an event says: of the schema that its kind has, named after it.", "anyOf": kinds,
        })
    }
}

/// The parameters of a command, by name.
#[derive(Debug, Clone, Copy)]
pub struct CommandParameters;

impl JsonSchema for CommandParameters {
    fn schema_name() -> Cow<'static, str> {
        "CommandParameters".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object", "additionalProperties": {"type": "string"},
            "description": "The parameters of a command, by name.",
        })
    }
}

/// Describes a type by another that has the members it is written with.
macro_rules! written_as {
    ($type:ty, $members:ty) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                <$members>::schema_name()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                <$members>::json_schema(generator)
            }
        }
    };
}

written_as!(ChainLink, ChainLinkMembers);
written_as!(Via, ViaMembers);
written_as!(Header, HeaderMembers);
written_as!(Event, EventMembers);
written_as!(Lane, LaneMembers);
written_as!(Entry, EntryMembers);
written_as!(Record, RecordMembers);

/// An event's place in its author's own chain.
#[derive(JsonSchema)]
#[schemars(rename = "ChainLink")]
#[expect(dead_code, reason = "describes what `Header::write` writes")]
struct ChainLinkMembers {
    /// The run of the chain: random, new after each restore from a backup.
    epoch: Epoch,
    /// Event hash of the event before, or of the key's introduction at `seq` 0.
    prev: Hash,
    /// Position in this epoch, from 0.
    seq: u64,
}

/// How it was established who the author of an event is that the service signed.
#[derive(JsonSchema)]
#[schemars(rename = "Via")]
#[expect(dead_code, reason = "describes what `Header::write` writes")]
struct ViaMembers {
    /// In which way: `self`, `token`, `node-jwt`, `admin`, `import`.
    method: Name,
    /// What that rests on: a token's id, a node's key, a file's name.
    #[schemars(skip_serializing_if = "Option::is_none")]
    subject: Option<Name>,
}

/// Versions of the formats that an event is written in.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes what `Header::write` writes")]
struct SchemaVersions {
    /// Of the envelope.
    envelope: u64,
    /// Of the payload, by its kind.
    payload: u64,
}

/// An event without its payload, as it was signed.
#[derive(JsonSchema)]
#[schemars(rename = "EventHeader")]
#[expect(dead_code, reason = "describes what `Header::write` writes")]
struct HeaderMembers {
    /// Who speaks.
    author: Author,
    /// The place in the author's chain; absent exactly when `via` is present.
    #[schemars(skip_serializing_if = "Option::is_none")]
    chain: Option<ChainLink>,
    /// The format, `vm-event-envelope-v1`.
    format: String,
    /// A UUID of version 7 that the author chose; with `org` and `author` it makes a resend recognisable.
    id: Uuid,
    /// The key that signs.
    key: PublicKey,
    /// What kind of fact it is.
    kind: Kind,
    /// The ledger it is for.
    ledger: Hash,
    /// The node it is about, when that is not the author.
    #[schemars(skip_serializing_if = "Option::is_none")]
    node_id: Option<Uuid>,
    /// The organisation it belongs to.
    org: Name,
    /// Hash of the payload under its salt.
    payload_hash: Hash,
    /// Versions of the formats.
    schema: SchemaVersions,
    /// How grave it is.
    #[schemars(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    /// The signature over all other members.
    sig: Signature,
    /// The tenant within the organisation.
    #[schemars(skip_serializing_if = "Option::is_none")]
    tenant: Option<Name>,
    /// When the author says it happened.
    ts: Timestamp,
    /// How its author was established, if the service signed it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    via: Option<Via>,
}

/// An event that its author signed.
#[derive(JsonSchema)]
#[schemars(rename = "SignedEvent", deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `Event::parse` reads")]
struct EventMembers {
    /// The header.
    #[schemars(flatten)]
    header: Header,
    /// What it says.
    payload: EventPayload,
    /// 32 random bytes, under which the header commits to the payload.
    salt: Hash,
}

/// A place among the entries of an organisation.
#[derive(JsonSchema)]
#[schemars(rename = "Lane")]
#[expect(dead_code, reason = "describes what `Position::write_entry` writes")]
struct LaneMembers {
    /// Number within the organisation, from 0 without gaps.
    n: u64,
    /// Leaf of the organisation's entry before, or 64 zeros.
    prev: Hash,
}

/// An entry of the ledger, as its leaf is made of it.
#[derive(JsonSchema)]
#[schemars(rename = "Entry")]
#[expect(dead_code, reason = "describes what `Position::write_entry` writes")]
struct EntryMembers {
    /// The event.
    event: Header,
    /// Its place among those of its organisation.
    lane: Lane,
    /// Leaf of the entry before, or 64 zeros.
    prev: Hash,
    /// When it was recorded.
    recorded_at: Timestamp,
    /// Number in the ledger, from 0 without gaps.
    seq: u64,
}

/// An entry as it is stored, with its payload unless that was erased.
#[derive(JsonSchema)]
#[schemars(rename = "Record")]
#[expect(dead_code, reason = "describes what `Record` is read from")]
struct RecordMembers {
    /// The entry.
    entry: Entry,
    /// What its event says, of the schema of its kind.
    #[schemars(skip_serializing_if = "Option::is_none")]
    payload: Option<serde_json::Map<String, serde_json::Value>>,
    /// The payload's salt.
    #[schemars(skip_serializing_if = "Option::is_none")]
    salt: Option<Hash>,
}
