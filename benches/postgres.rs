//! The obvious alternative: a hash-chained table in PostgreSQL, one INSERT per event.
//!
//! Starts a server of its own in a scratch directory with its default settings (so `fsync` and
//! `synchronous_commit` are on) and feeds it through `psql` on a local socket. The chain is computed
//! beforehand; the server only stores it.

use crate::report::{Rate, row, say, time};
use crate::world::{NODES, World, runtime};
use sha2::{Digest as _, Sha256};
use spec::hash::write_hex;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TABLE: &str = "CREATE TABLE log (seq bigint PRIMARY KEY, prev bytea NOT NULL, hash bytea NOT NULL UNIQUE, \
                     event text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now())";

pub(crate) fn run(events: usize) {
    let Some(server) = Server::start() else {
        say("skipped: needs root and the PostgreSQL server of Debian below /usr/lib/postgresql");
        return;
    };
    let mut world = runtime().block_on(World::new(NODES));
    let events: Vec<Vec<u8>> =
        world.heartbeats(events.min(20_000)).iter().map(spec::Event::to_canonical).collect();
    world.close(false);
    for batch in [1, 100, 1000] {
        let count = (batch * 200).clamp(1000, 20_000).min(events.len());
        let mut rounds = Vec::new();
        for _ in 0..3 {
            server.query(&format!("DROP TABLE IF EXISTS log; {TABLE}; CHECKPOINT"));
            let script = server.dir.path().join("script.sql");
            let mut file = std::fs::File::create(&script).unwrap();
            file.write_all(statements(&events[..count], batch).as_bytes()).unwrap();
            rounds.push(time(|| server.psql(&["-f", script.to_str().unwrap()])));
        }
        row(&format!("PostgreSQL, {batch} a transaction, one connection"), Rate::of(count, rounds), &[]);
    }
}

/// INSERTs with the chain in them, `batch` to a transaction.
fn statements(events: &[Vec<u8>], batch: usize) -> String {
    let mut prev = "00".repeat(32);
    let mut script = String::new();
    for (seq, event) in events.iter().enumerate() {
        if batch > 1 && seq % batch == 0 {
            script.push_str("BEGIN;\n");
        }
        let mut hash = Vec::new();
        write_hex(&Sha256::new().chain_update(&prev).chain_update(event).finalize(), &mut hash);
        let hash = String::from_utf8(hash).unwrap();
        let event = std::str::from_utf8(event).unwrap().replace('\'', "''");
        writeln!(script, "INSERT INTO log VALUES ({seq}, '\\x{prev}', '\\x{hash}', '{event}');").unwrap();
        prev = hash;
        if batch > 1 && (seq % batch == batch - 1 || seq + 1 == events.len()) {
            script.push_str("COMMIT;\n");
        }
    }
    script
}

struct Server {
    programs: PathBuf,
    dir: tempfile::TempDir,
}

impl Server {
    fn start() -> Option<Self> {
        let root = Command::new("id").arg("-u").output().ok()?.stdout == b"0\n";
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let programs = versions
            .filter_map(|version| Some(version.ok()?.path().join("bin")))
            .find(|programs| programs.join("initdb").exists())
            .filter(|_| root)?;
        // Where another user may go; on a disk, unlike what may be the case for `/tmp`.
        let server = Self { programs, dir: tempfile::tempdir_in("/var/tmp").ok()? };
        let data = server.data();
        let dir = server.dir.path().to_str()?;
        run_quietly(Command::new("chown").args(["postgres", dir]));
        server.as_postgres("initdb", &["-D", &data, "-A", "trust", "-E", "UTF8", "--no-locale"]);
        let settings = format!("-c listen_addresses= -c unix_socket_directories={dir}");
        server.as_postgres("pg_ctl", &["-D", &data, "-w", "-l", "/dev/null", "-o", &settings, "start"]);
        Some(server)
    }

    fn data(&self) -> String {
        self.dir.path().join("data").to_str().unwrap().to_owned()
    }

    fn as_postgres(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        run_quietly(Command::new("runuser").args(["-u", "postgres", "--"]).arg(program).args(arguments));
    }

    fn psql(&self, arguments: &[&str]) {
        let socket = self.dir.path();
        run_quietly(
            Command::new(self.programs.join("psql"))
                .args(["-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-h"])
                .arg(socket)
                .args(arguments),
        );
    }

    fn query(&self, sql: &str) {
        for statement in sql.split("; ") {
            self.psql(&["-c", statement]);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stop = ["-D", &self.data(), "-m", "immediate", "stop"];
        let program = self.programs.join("pg_ctl");
        // It may not have come up.
        let _ = Command::new("runuser").args(["-u", "postgres", "--"]).arg(program).args(stop).output();
    }
}

fn run_quietly(command: &mut Command) {
    let output = command.current_dir(Path::new("/")).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
