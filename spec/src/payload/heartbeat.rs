//! The heartbeat: the seven fields every node has always sent, and what a node of today adds.

use super::{PayloadError, Schema, at_most, present};
use crate::hash::Hash;
use crate::ids::Uuid;
use crate::time::parse_rfc3339;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MAX_TEXT_BYTES: usize = 256;
const MAX_PATH_BYTES: usize = 4096;

/// A value, or `"unknown"`: what cannot be read is never reported as healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading<T> {
    /// What was read.
    Known(T),
    /// It could not be read.
    Unknown,
}

impl<T> Reading<T> {
    /// The value, if there is one.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown => None,
        }
    }
}

impl<T> From<Option<T>> for Reading<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Self::Known)
    }
}

impl<T: Serialize> Serialize for Reading<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown => serializer.serialize_str("unknown"),
        }
    }
}

/// Values a [`Reading`] can hold: booleans and integers, told apart from the word by their JSON type.
trait Readable: Sized {
    fn from_bool(_: bool) -> Option<Self> {
        None
    }
    fn from_integer(_: i128) -> Option<Self> {
        None
    }
}

impl Readable for bool {
    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

impl Readable for u64 {
    fn from_integer(value: i128) -> Option<Self> {
        value.try_into().ok()
    }
}

impl Readable for i64 {
    fn from_integer(value: i128) -> Option<Self> {
        value.try_into().ok()
    }
}

struct ReadingVisitor<T>(std::marker::PhantomData<T>);

impl<T: Readable> serde::de::Visitor<'_> for ReadingVisitor<T> {
    type Value = Reading<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value of the field's type or \"unknown\"")
    }

    fn visit_bool<E: serde::de::Error>(self, v: bool) -> Result<Self::Value, E> {
        T::from_bool(v)
            .map(Reading::Known)
            .ok_or_else(|| E::invalid_type(serde::de::Unexpected::Bool(v), &self))
    }

    fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<Self::Value, E> {
        T::from_integer(v.into())
            .map(Reading::Known)
            .ok_or_else(|| E::invalid_type(serde::de::Unexpected::Unsigned(v), &self))
    }

    fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<Self::Value, E> {
        T::from_integer(v.into())
            .map(Reading::Known)
            .ok_or_else(|| E::invalid_type(serde::de::Unexpected::Signed(v), &self))
    }

    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Self::Value, E> {
        if v == "unknown" {
            Ok(Reading::Unknown)
        } else {
            Err(E::invalid_value(serde::de::Unexpected::Str(v), &self))
        }
    }
}

impl<'de, T: Readable> Deserialize<'de> for Reading<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadingVisitor(std::marker::PhantomData))
    }
}

/// Payload of `heartbeat`. The first seven fields are those of the command center's `NodeHeartbeat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// The node.
    pub node_id: Uuid,
    /// Its host name.
    pub hostname: String,
    /// Its operating system profile, such as `ArchVault`.
    pub os_profile: String,
    /// Whether the Cloudflare tunnel service runs.
    pub cloudflare_ok: Reading<bool>,
    /// Whether the watched services run.
    pub services_ok: Reading<bool>,
    /// Where VaultMesh keeps its data on the node.
    pub vaultmesh_root: String,
    /// The node's clock, RFC 3339.
    pub timestamp: String,

    /// Version of the agent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// Resident memory of the agent itself.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub agent_rss_bytes: Option<Reading<u64>>,
    /// The kernel's random id of this boot.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// The ledger's clock minus the node's, as the node last estimated it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<Reading<i64>>,
    /// Size of the file system that holds `vaultmesh_root`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub disk_total_bytes: Option<Reading<u64>>,
    /// What of it an unprivileged process can still use.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub disk_available_bytes: Option<Reading<u64>>,
    /// Seconds between two heartbeats.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub interval_secs: Option<u64>,
    /// Release of the running kernel.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub kernel_version: Option<String>,
    /// Load average over one minute, in thousandths.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub load1_milli: Option<Reading<u64>>,
    /// Load average over five minutes, in thousandths.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub load5_milli: Option<Reading<u64>>,
    /// Load average over fifteen minutes, in thousandths.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub load15_milli: Option<Reading<u64>>,
    /// Usable memory.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub memory_total_bytes: Option<Reading<u64>>,
    /// Memory that can be had without swapping.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub memory_available_bytes: Option<Reading<u64>>,
    /// Hash of the policy the node follows.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub policy_hash: Option<Hash>,
    /// Share of the last ten seconds in which some task waited for a processor, in thousandths of a percent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub pressure_cpu_milli: Option<Reading<u64>>,
    /// The same for input and output.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub pressure_io_milli: Option<Reading<u64>>,
    /// The same for memory.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub pressure_memory_milli: Option<Reading<u64>>,
    /// Events that wait on the node for delivery.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub spool_depth: Option<u64>,
    /// Events the node had to drop since it was enrolled.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub spool_dropped: Option<u64>,
    /// What of the swap space is taken; from version 2 on.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub swap_used_bytes: Option<Reading<u64>>,
    /// Seconds since boot.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub uptime_secs: Option<Reading<u64>>,
}

impl Heartbeat {
    /// Reads and checks a heartbeat, canonical or not: the seed's bare form as well.
    pub fn read(json: &str) -> Result<Self, PayloadError> {
        super::read(json)
    }

    /// The oldest version of the payload that can say this.
    pub fn version(&self) -> u64 {
        if self.swap_used_bytes.is_some() { 2 } else { 1 }
    }

    /// The same without what only a later version than this can say.
    #[must_use]
    pub fn in_version(self, version: u64) -> Self {
        Self { swap_used_bytes: self.swap_used_bytes.filter(|_| version >= 2), ..self }
    }
}

impl Schema for Heartbeat {
    const FLAT: bool = true;
    const VERSION: u64 = 2;

    fn version(&self) -> u64 {
        self.version()
    }

    fn validate(&self) -> Result<(), PayloadError> {
        at_most("hostname", &self.hostname, MAX_TEXT_BYTES)?;
        at_most("os_profile", &self.os_profile, MAX_TEXT_BYTES)?;
        at_most("vaultmesh_root", &self.vaultmesh_root, MAX_PATH_BYTES)?;
        for (field, text) in [
            ("agent_version", &self.agent_version),
            ("boot_id", &self.boot_id),
            ("kernel_version", &self.kernel_version),
        ] {
            at_most(field, text.as_deref().unwrap_or_default(), MAX_TEXT_BYTES)?;
        }
        parse_rfc3339(&self.timestamp)
            .map(drop)
            .ok_or_else(|| PayloadError::Schema("timestamp is not an RFC 3339 time".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical;

    const SEED: &str = r#"{"node_id":"550e8400-e29b-41d4-a716-446655440000","hostname":"vault-node-01",
        "os_profile":"ArchVault","cloudflare_ok":true,"services_ok":true,
        "vaultmesh_root":"/var/lib/vaultmesh","timestamp":"2024-01-15T10:30:00Z"}"#;

    #[test]
    fn the_seven_fields_of_the_seed_are_a_heartbeat() {
        let heartbeat = Heartbeat::read(SEED).unwrap();
        let again: serde_json::Value = serde_json::to_value(&heartbeat).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(SEED).unwrap());
        assert!(canonical::to_vec(&heartbeat).is_ok());
    }

    #[test]
    fn version_2_says_what_of_the_swap_space_is_taken() {
        let kind = crate::Kind::Heartbeat;
        let first = Heartbeat::read(SEED).unwrap();
        for swap_used_bytes in [Reading::Known(4096), Reading::Unknown] {
            let second = Heartbeat { swap_used_bytes: Some(swap_used_bytes), ..first.clone() };
            let json = String::from_utf8(canonical::to_vec(&second).unwrap()).unwrap();
            assert_eq!(Heartbeat::read(&json).as_ref(), Ok(&second));
            assert_eq!((kind.payload_version(&json), second.version()), (Ok(2), 2));
            assert!(kind.check_payload(1, &json).is_err() && kind.check_payload(2, &json).is_ok());
            assert_eq!(second.in_version(1), first);
        }
        assert_eq!((first.version(), first.clone().in_version(2)), (1, first));
    }

    #[test]
    fn unknown_is_a_word_and_null_is_nothing() {
        let with = |from: &str, to: &str| Heartbeat::read(&SEED.replace(from, to));
        let unknown = with("\"services_ok\":true", "\"services_ok\":\"unknown\"").unwrap();
        assert_eq!(unknown.services_ok, Reading::Unknown);
        assert_eq!(
            with("\"services_ok\":true", "\"services_ok\":true,\"uptime_secs\":\"unknown\"")
                .unwrap()
                .uptime_secs,
            Some(Reading::Unknown)
        );
        for bad in [
            "\"services_ok\":null",
            "\"services_ok\":\"yes\"",
            "\"services_ok\":1",
            "\"services_ok\":true,\"uptime_secs\":null",
            "\"services_ok\":true,\"uptime_secs\":-1",
            "\"services_ok\":true,\"uptime_secs\":1.5",
            "\"services_ok\":true,\"surprise\":1",
        ] {
            assert!(with("\"services_ok\":true", bad).is_err(), "{bad}");
        }
        assert!(with("2024-01-15T10:30:00Z", "yesterday").is_err());
    }
}
