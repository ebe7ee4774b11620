//! Carrying commands out: typed tasks, programs without a shell, bounded in time and output.

use super::policy::Task;
use super::trusted;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use spec::Hash;
use std::io::Read;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of a command's output that go into its receipt; its digest is over all of it.
pub const MAX_OUTPUT_BYTES: usize = 16 * 1024;

/// Bytes of output after which a program is ended.
const MAX_READ_BYTES: u64 = 64 * 1024 * 1024;

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The outcome of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Whether it was carried out.
    pub succeeded: bool,
    /// With which status its process ended.
    pub exit: Option<u8>,
    /// What it wrote, or the end of that.
    pub output: String,
    /// Length of the whole output, in bytes.
    pub output_bytes: u64,
    /// BLAKE3 of the whole output.
    pub output_hash: Hash,
    /// How long it took.
    pub duration: Duration,
}

impl Done {
    /// A task that wrote this much and no more.
    pub fn saying(succeeded: bool, text: &str) -> Self {
        let mut output = Output::default();
        output.take(text.as_bytes());
        output.done(succeeded, None, Instant::now())
    }
}

/// Carries a task out; [`Task::Scan`], [`Task::ApplyPolicy`] and [`Task::RotateKey`] are the caller's. Blocks until it is over.
pub fn carry_out(task: &Task) -> Done {
    let started = Instant::now();
    match task {
        Task::Scan => Done::saying(false, "this agent does not scan"),
        Task::ApplyPolicy(_) => Done::saying(false, "this agent applies no policy"),
        Task::RotateKey => Done::saying(false, "this agent keeps its key"),
        Task::CollectEvidence(paths) => collect(paths, started),
        Task::Run { program, arguments, timeout } => run(program, arguments, *timeout, started),
    }
}

/// What was written so far: a digest of all of it, and its end.
#[derive(Debug, Default)]
struct Output {
    hasher: blake3::Hasher,
    bytes: u64,
    end: Vec<u8>,
}

impl Output {
    fn take(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.end.extend_from_slice(bytes);
        // The end says how it went.
        let surplus = self.end.len().saturating_sub(MAX_OUTPUT_BYTES);
        self.end.drain(..surplus);
    }

    fn done(self, succeeded: bool, exit: Option<u8>, started: Instant) -> Done {
        // Control characters other than these have no place in a receipt.
        let text = String::from_utf8_lossy(&self.end);
        let fit = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
        let mut output: String = text.chars().filter(fit).collect();
        output.truncate(output.floor_char_boundary(MAX_OUTPUT_BYTES));
        Done {
            succeeded,
            exit,
            output,
            output_bytes: self.bytes,
            output_hash: Hash(*self.hasher.finalize().as_bytes()),
            duration: started.elapsed(),
        }
    }
}

/// Files' digests and sizes: evidence, without contents.
fn collect(paths: &[String], started: Instant) -> Done {
    let (mut output, mut all) = (Output::default(), true);
    for path in paths {
        let line = match digest(path) {
            Ok((bytes, hash)) => format!("{hash} {bytes} {path}\n"),
            Err(error) => {
                all = false;
                format!("- - {path}: {error}\n")
            }
        };
        output.take(line.as_bytes());
    }
    output.done(all, None, started)
}

/// Opened by the kernel as it is named, without a link on the way that somebody may have laid since it was listed, and
/// looked at once it is open.
fn digest(path: &str) -> std::io::Result<(u64, blake3::Hash)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let file = openat2(CWD, path, flags, Mode::empty(), resolve).map_err(|error| match error {
        Errno::LOOP => std::io::Error::other("a symbolic link is on its way; list the path that it leads to"),
        error => error.into(),
    })?;
    let mut file = std::fs::File::from(file);
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut hasher = blake3::Hasher::new();
    let bytes = std::io::copy(&mut file, &mut hasher)?;
    Ok((bytes, hasher.finalize()))
}

/// Runs a program with an empty environment and no input, and ends it, and all that it started, when its time is
/// over.
fn run(program: &str, arguments: &[String], timeout: Duration, started: Instant) -> Done {
    use std::os::unix::process::CommandExt as _;
    let failed = |why: String| {
        let mut output = Output::default();
        output.take(why.as_bytes());
        output.done(false, None, started)
    };
    // Since the policy was read somebody may have put another in its place.
    if let Ok(metadata) = std::fs::metadata(program)
        && let Err(why) = trusted::check(&metadata)
    {
        return failed(format!("{program}: {why}"));
    }
    let (mut reader, writer) = match std::io::pipe() {
        Ok(pipe) => pipe,
        Err(error) => return failed(format!("no pipe: {error}")),
    };
    let other = match writer.try_clone() {
        Ok(other) => other,
        Err(error) => return failed(format!("no pipe: {error}")),
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("LC_ALL", "C.UTF-8");
    command.current_dir("/").stdin(Stdio::null()).stdout(writer).stderr(other).process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return failed(format!("{program}: {error}")),
    };
    // The command holds the writing ends, which would keep the pipe open.
    drop(command);
    let reading = std::thread::spawn(move || {
        let (mut output, mut buffer) = (Output::default(), vec![0; 16 * 1024]);
        while let Ok(read) = reader.read(&mut buffer) {
            if read == 0 || output.bytes > MAX_READ_BYTES {
                break;
            }
            output.take(buffer.get(..read).unwrap_or_default());
        }
        output
    });
    let mut end = None;
    while end.is_none() && started.elapsed() < timeout && !reading.is_finished() {
        std::thread::sleep(LOOK);
        end = child.try_wait().ok().flatten();
    }
    // It may have closed its output and still be at work for the rest of its time.
    while end.is_none() && started.elapsed() < timeout {
        end = child.try_wait().ok().flatten();
        std::thread::sleep(LOOK);
    }
    let in_time = end.is_some();
    // What it left behind goes with it.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let status = end.or_else(|| child.wait().ok());
    let mut output = reading.join().unwrap_or_default();
    if !in_time {
        output.take(format!("\nended after {} s\n", timeout.as_secs()).as_bytes());
    }
    let code = status.and_then(|status| status.code().or_else(|| status.signal().map(|signal| 128 + signal)));
    let exit = code.and_then(|code| u8::try_from(code).ok());
    output.done(in_time && exit == Some(0), exit, started)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, timeout: Duration) -> Done {
        run("/bin/sh", &["-c".to_owned(), script.to_owned()], timeout, Instant::now())
    }

    #[test]
    fn output_and_status_are_those_of_the_program() {
        let done = sh("echo out; echo err >&2; exit 3", Duration::from_mins(5));
        assert_eq!((done.succeeded, done.exit, done.output.as_str()), (false, Some(3), "out\nerr\n"));
        assert_eq!(done.output_hash.0, *blake3::hash(b"out\nerr\n").as_bytes());
        let done = sh("env | sort", Duration::from_mins(5));
        assert!(done.succeeded && !done.output.contains("HOME"), "{}", done.output);
    }

    #[test]
    fn a_program_and_what_it_started_end_with_their_time() {
        // As much time as the shell needs to come as far as its second sleep, whatever else the machine has to do.
        let times = (0..10).map(|n| Duration::from_millis(300 << n));
        let mut tries = times.map(|time| sh("sleep 3600 & echo $!; sleep 3600", time));
        let done = tries.find(|done| done.output.ends_with('\n')).unwrap();
        assert_eq!((done.succeeded, done.exit), (false, Some(137)));
        assert!(done.duration < Duration::from_hours(1), "{done:?}");
        let pid = done.output.lines().next().unwrap().to_owned();
        let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let gone = |state: String| state.is_empty() || state.contains(" Z ");
        for _ in 0..10_000 {
            if gone(state()) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        panic!("{}", state());
    }

    #[test]
    fn of_much_output_the_end_is_kept_and_all_is_in_the_digest() {
        let done = sh("seq 6000", Duration::from_mins(5));
        assert!(done.succeeded && done.output.len() <= MAX_OUTPUT_BYTES);
        assert!(done.output.ends_with("\n6000\n"));
        let all: Vec<String> = (1..=6000).map(|n| n.to_string()).collect();
        let all = all.join("\n") + "\n";
        assert_eq!(
            (done.output_bytes, done.output_hash.0),
            (all.len() as u64, *blake3::hash(all.as_bytes()).as_bytes())
        );
    }

    #[test]
    fn what_cannot_be_run_or_read_has_failed() {
        let done = run("/no/such/program", &[], Duration::from_secs(1), Instant::now());
        assert!(!done.succeeded && done.output.contains("/no/such/program"), "{done:?}");
        let done =
            carry_out(&Task::CollectEvidence(vec!["/proc/self/cmdline".to_owned(), "/no/such".to_owned()]));
        assert!(!done.succeeded && done.output.contains("/no/such: "), "{done:?}");
        let done = carry_out(&Task::CollectEvidence(vec!["/etc".to_owned()]));
        assert!(done.output.contains("not a regular file"));
    }

    #[test]
    fn evidence_is_collected_of_what_is_named_and_of_nothing_that_a_link_leads_to() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let path = |name: &str| dir.join(name).display().to_string();
        std::fs::create_dir(dir.join("folder")).unwrap();
        let written = std::fs::File::create(dir.join("folder/file"));
        std::io::Write::write_all(&mut written.unwrap(), b"evidence").unwrap();
        std::os::unix::fs::symlink(dir.join("folder"), dir.join("way")).unwrap();
        std::os::unix::fs::symlink(dir.join("folder/file"), dir.join("link")).unwrap();
        rustix::fs::mknodat(CWD, dir.join("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        let (bytes, hash) = digest(&path("folder/file")).unwrap();
        assert_eq!((bytes, hash), (8, blake3::hash(b"evidence")));
        for name in ["way/file", "link"] {
            let error = digest(&path(name)).unwrap_err().to_string();
            assert!(error.contains("symbolic link"), "{name}: {error}");
        }
        for name in ["folder", "pipe"] {
            assert!(digest(&path(name)).unwrap_err().to_string().contains("regular"), "{name}");
        }
    }

    #[test]
    fn a_program_that_others_may_write_by_now_is_not_run() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        let written = std::fs::File::create(&program);
        std::io::Write::write_all(&mut written.unwrap(), b"#!/bin/sh\necho ran\n").unwrap();
        for (mode, ran) in [(0o700, true), (0o777, false)] {
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(mode)).unwrap();
            let done = run(program.to_str().unwrap(), &[], Duration::from_secs(20), Instant::now());
            assert_eq!((done.succeeded, done.output.contains("ran\n")), (ran, ran), "{done:?}");
        }
    }
}
