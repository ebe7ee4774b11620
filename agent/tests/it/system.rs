//! The thin parts on a real file system: `/proc` as a fixture, the disk, the lock.

use spec::payload::Reading;
use spec::{Timestamp, Uuid};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use vaultmesh_agent::config::Environment;
use vaultmesh_agent::disk::{Disk as _, FileDisk};
use vaultmesh_agent::durable;
use vaultmesh_agent::heartbeat::{OwnState, Sampler as _};
use vaultmesh_agent::lock::{LockError, StateLock};
use vaultmesh_agent::procfs::Root;
use vaultmesh_agent::units;

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = fs::File::create(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

fn own() -> OwnState {
    OwnState {
        node_id: Uuid::v4([1; 16]),
        now: Timestamp::from_millis(1_795_293_720_123),
        interval_secs: 30,
        spool_depth: 2,
        spool_dropped: 3,
        clock_offset_ms: Some(-4),
        policy_hash: None,
    }
}

fn environment() -> Environment {
    Environment { services: vec!["ledger.service".into(), "nginx.service".into()], ..Environment::default() }
}

#[test]
fn a_node_that_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("proc/loadavg", "0.52 1.08 12.5 1/389 12345\n"),
        (
            "proc/meminfo",
            "MemTotal:       16303536 kB\nMemFree: 1 kB\nMemAvailable:    8000000 kB\n\
          SwapTotal: 2048 kB\nSwapFree: 1024 kB\n",
        ),
        ("proc/uptime", "54321.99 1.0\n"),
        ("proc/pressure/cpu", "some avg10=1.53 avg60=0.00 avg300=0.00 total=5\n"),
        ("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\nfull avg10=9.00 x\n"),
        ("proc/pressure/memory", "full avg10=1.53 avg60=0.00 avg300=0.00 total=5\n"),
        ("proc/sys/kernel/random/boot_id", "7c0f5c4e-0000-4000-8000-000000000000\n"),
        ("proc/sys/kernel/osrelease", "6.12.0-amd64\n"),
        ("proc/sys/kernel/hostname", "vault-node-01\n"),
        ("proc/self/status", "Name:\tx\nVmRSS:\t    9000 kB\n"),
        ("etc/os-release", "NAME=\"Debian\"\nID=debian\n"),
        ("var/lib/vaultmesh/x", ""),
        ("sys/fs/cgroup/system.slice/cloudflared.service/cgroup.events", "populated 1\nfrozen 0\n"),
        ("sys/fs/cgroup/system.slice/ledger.service/cgroup.events", "populated 1\nfrozen 0\n"),
        ("sys/fs/cgroup/system.slice/nginx.service/cgroup.events", "populated 0\nfrozen 0\n"),
    ] {
        put(dir.path(), path, text);
    }
    assert_eq!(Root::new(dir.path()).swap_used_bytes(), Some(1 << 20));
    let heartbeat = environment().sampler(Root::new(dir.path())).sample(&own());
    let json = serde_json::to_value(&heartbeat).unwrap();
    for (field, expected) in [
        ("hostname", "\"vault-node-01\""),
        ("os_profile", "\"DebianVault\""),
        ("cloudflare_ok", "true"),
        ("services_ok", "false"),
        ("vaultmesh_root", "\"/var/lib/vaultmesh\""),
        ("timestamp", "\"2026-11-21T20:42:00.123Z\""),
        ("load1_milli", "520"),
        ("load5_milli", "1080"),
        ("load15_milli", "12500"),
        ("memory_total_bytes", "16694820864"),
        ("memory_available_bytes", "8192000000"),
        ("swap_used_bytes", "1048576"),
        ("uptime_secs", "54321"),
        ("pressure_cpu_milli", "1530"),
        ("pressure_io_milli", "0"),
        ("pressure_memory_milli", "\"unknown\""),
        ("kernel_version", "\"6.12.0-amd64\""),
        ("agent_rss_bytes", "9216000"),
        ("interval_secs", "30"),
        ("spool_depth", "2"),
        ("spool_dropped", "3"),
        ("clock_offset_ms", "-4"),
    ] {
        assert_eq!(json[field].to_string(), expected, "{field}");
    }
    assert!(json["disk_total_bytes"].is_u64() && json["disk_available_bytes"].is_u64());
}

#[test]
fn what_cannot_be_read_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let empty = environment().sampler(Root::new(dir.path())).sample(&own());
    for (path, text) in [
        ("proc/loadavg", "high\n"),
        ("proc/meminfo", "MemTotal: many kB\n"),
        ("proc/uptime", "\n"),
        ("proc/pressure/cpu", "some avg10=high\n"),
        ("proc/self/status", ""),
        ("sys/fs/cgroup/system.slice/cloudflared.service/cgroup.events", "populated 2\n"),
        ("sys/fs/cgroup/system.slice/ledger.service/memory.max", "1"),
        ("sys/fs/cgroup/system.slice/nginx.service/cgroup.events", "populated 1\n"),
    ] {
        put(dir.path(), path, text);
    }
    let odd = environment().sampler(Root::new(dir.path())).sample(&own());
    for heartbeat in [empty, odd] {
        assert_eq!((heartbeat.cloudflare_ok, heartbeat.services_ok), (Reading::Unknown, Reading::Unknown));
        assert_eq!((heartbeat.hostname.as_str(), heartbeat.os_profile.as_str()), ("unknown", "unknown"));
        for reading in [
            heartbeat.load1_milli,
            heartbeat.memory_total_bytes,
            heartbeat.disk_total_bytes,
            heartbeat.uptime_secs,
            heartbeat.pressure_cpu_milli,
            heartbeat.agent_rss_bytes,
        ] {
            assert_eq!(reading, Some(Reading::Unknown));
        }
        let json = serde_json::to_string(&heartbeat).unwrap();
        let newest = spec::Kind::Heartbeat.info().version;
        assert_eq!(spec::Kind::Heartbeat.check_payload(newest, &json), Ok(()));
    }
}

#[test]
fn a_unit_name_stays_below_its_slice() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "sys/fs/cgroup/system.slice/a.service/cgroup.events", "populated 1\n");
    let root = Root::new(dir.path());
    assert_eq!(units::is_running(&root, "a.service"), Some(true));
    assert_eq!(units::is_running(&root, "b.service"), Some(false));
    for bad in ["", "..", "../system.slice/a.service", "a/b", "a b"] {
        assert_eq!(units::is_running(&root, bad), None, "{bad}");
    }
    assert_eq!(units::all_running(&root, &[]), None, "nothing watched is nothing known");
}

#[test]
fn files_are_private_and_replaced_whole() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FileDisk::new(dir.path());
    durable::create(&disk, "a", b"one").unwrap();
    assert_eq!(durable::create(&disk, "a", b"two").unwrap_err().kind(), ErrorKind::AlreadyExists);
    put(dir.path(), "a.tmp", "left by a crash");
    durable::replace(&disk, "a", b"three").unwrap();
    disk.append("a", b", four").unwrap();
    disk.sync("a").unwrap();
    assert_eq!(durable::read(&disk, "a", 100).unwrap().unwrap(), b"three, four");
    assert!(durable::read(&disk, "a", 5).is_err());
    assert_eq!(disk.read_at("a", 7, 100).unwrap(), b"four");
    disk.truncate("a", 5).unwrap();
    assert_eq!(disk.len("a").unwrap(), Some(5));
    assert_eq!(fs::metadata(dir.path().join("a")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(disk.create("a").unwrap_err().kind(), ErrorKind::AlreadyExists);
    disk.remove("a").unwrap();
    disk.remove("a").unwrap();
    assert_eq!(durable::read(&disk, "a", 100).unwrap(), None);
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
}

#[test]
fn one_agent_to_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let lock = StateLock::take(dir.path()).unwrap();
    assert!(matches!(StateLock::take(dir.path()), Err(LockError::Taken(_))));
    drop(lock);
    assert!(StateLock::take(dir.path()).is_ok());
    assert!(matches!(StateLock::take(&dir.path().join("none")), Err(LockError::Io { .. })));
}
