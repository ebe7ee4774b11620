//! What a heartbeat says: the node's state, as far as it can be read.

use crate::procfs::Root;
use crate::units;
use spec::limits::MAX_SAFE_INTEGER;
use spec::payload::{Heartbeat, Reading};
use spec::{Hash, Timestamp, Uuid};
use std::path::PathBuf;

/// The agent's knowledge of itself when a heartbeat is due.
#[derive(Debug, Clone, Copy)]
pub struct OwnState {
    /// The node.
    pub node_id: Uuid,
    /// When.
    pub now: Timestamp,
    /// Seconds between two heartbeats.
    pub interval_secs: u64,
    /// Events that wait for their receipts.
    pub spool_depth: u64,
    /// Events dropped since enrolment.
    pub spool_dropped: u64,
    /// The ledger's clock minus the node's.
    pub clock_offset_ms: Option<i64>,
    /// The policy that was applied.
    pub policy_hash: Option<Hash>,
}

/// The source of the rest of a heartbeat.
pub trait Sampler {
    /// The node's state at this moment.
    fn sample(&mut self, own: &OwnState) -> Heartbeat;
}

/// Reads the node's own files.
#[derive(Debug, Clone)]
pub struct SystemSampler {
    /// Below which `/proc`, `/sys` and `/etc` are found.
    pub root: Root,
    /// The operating system profile; derived from `/etc/os-release` if absent.
    pub os_profile: Option<String>,
    /// Where VaultMesh keeps its data on the node.
    pub vaultmesh_root: PathBuf,
    /// The unit behind `cloudflare_ok`.
    pub cloudflare_unit: String,
    /// The units behind `services_ok`.
    pub services: Vec<String>,
}

impl Sampler for SystemSampler {
    fn sample(&mut self, own: &OwnState) -> Heartbeat {
        let root = &self.root;
        let (load, memory, disk) = (root.load(), root.memory(), self.disk());
        let milli = |resource| Some(root.pressure_milli(resource).into());
        Heartbeat {
            node_id: own.node_id,
            hostname: short(root.hostname(), 256),
            os_profile: short(self.os_profile.clone().or_else(|| root.os_profile()), 256),
            cloudflare_ok: units::is_running(root, &self.cloudflare_unit).into(),
            services_ok: units::all_running(root, &self.services).into(),
            vaultmesh_root: short(self.vaultmesh_root.to_str().map(str::to_owned), 4096),
            timestamp: own.now.to_string(),
            agent_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            agent_rss_bytes: Some(root.own_rss_bytes().into()),
            boot_id: Some(short(root.boot_id(), 256)),
            clock_offset_ms: Some(own.clock_offset_ms.into()),
            disk_total_bytes: Some(disk.map(|d| d.0).into()),
            disk_available_bytes: Some(disk.map(|d| d.1).into()),
            interval_secs: Some(own.interval_secs),
            kernel_version: Some(short(root.kernel_release(), 256)),
            load1_milli: Some(load.map(|l| l.one).into()),
            load5_milli: Some(load.map(|l| l.five).into()),
            load15_milli: Some(load.map(|l| l.fifteen).into()),
            memory_total_bytes: Some(memory.map(|m| m.total).into()),
            memory_available_bytes: Some(memory.map(|m| m.available).into()),
            policy_hash: own.policy_hash,
            pressure_cpu_milli: milli("cpu"),
            pressure_io_milli: milli("io"),
            pressure_memory_milli: milli("memory"),
            spool_depth: Some(own.spool_depth),
            spool_dropped: Some(own.spool_dropped),
            swap_used_bytes: Some(root.swap_used_bytes().into()),
            uptime_secs: Some(Reading::from(root.uptime_secs())),
        }
    }
}

impl SystemSampler {
    /// Size of the file system under `vaultmesh_root`, and what of it can still be used.
    fn disk(&self) -> Option<(u64, u64)> {
        let path = self.root.path(self.vaultmesh_root.to_str()?);
        let stat = rustix::fs::statvfs(&path).ok()?;
        let bytes = |blocks: u64| blocks.checked_mul(stat.f_frsize).filter(|b| *b <= MAX_SAFE_INTEGER);
        Some((bytes(stat.f_blocks)?, bytes(stat.f_bavail)?))
    }
}

/// A text of at most `limit` bytes; `unknown` if there is none.
fn short(text: Option<String>, limit: usize) -> String {
    let mut text = text.filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned());
    text.truncate(text.floor_char_boundary(limit));
    text
}
