//! Reading below a root: what links cannot do, what is not opened, how fast.

use super::Machine;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vaultmesh_agent::scan::source::Source;
use vaultmesh_agent::scan::{Pace, Timer};

fn source(machine: &Machine) -> Source {
    Source::open(&machine.root(), Pace::new(None, None)).unwrap()
}

#[test]
fn links_lead_nowhere_outside() {
    let machine = Machine::healthy();
    let outside = machine.root().parent().unwrap().join("secret");
    std::io::Write::write_all(&mut std::fs::File::create(&outside).unwrap(), b"secret").unwrap();
    machine.link("etc/a", outside.to_str().unwrap());
    machine.link("etc/b", "../../secret");
    machine.link("etc/c", "../../../../../../../../../../../../../../etc/nsswitch.conf");
    machine.link("etc/d", "/proc/self/root/etc/hostname");
    machine.link("etc/folder", "../..");
    let source = source(&machine);
    for path in ["/etc/a", "/etc/b", "/etc/d", "/../secret", "/etc/folder/secret"] {
        assert!(source.text(path).is_err(), "{path}: {:?}", source.text(path));
    }
    assert_eq!(
        source.text("/etc/c").unwrap(),
        "passwd: files\n",
        "as after chroot, the root is its own parent"
    );
    assert!(source.list("/etc/folder").unwrap().contains(&"etc".to_owned()));
}

#[test]
fn a_root_full_of_links_out_of_it_says_nothing_of_the_machine_itself() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["etc", "proc", "sys", "usr", "var", "root", "boot", "run", "tmp"] {
        std::os::unix::fs::symlink(format!("/{name}"), dir.path().join(name)).unwrap();
    }
    let options = vaultmesh_agent::scan::Options { root: dir.path().to_owned(), ..Default::default() };
    let scan = vaultmesh_agent::scan::run(&options, super::now(), None, None).unwrap().scan;
    assert_eq!(scan.findings, []);
}

#[test]
fn nothing_but_regular_files_is_opened() {
    let machine = Machine::healthy();
    machine.pipe("etc/pipe");
    machine.looped("etc/profile");
    let source = source(&machine);
    assert_eq!(source.text("/etc/pipe").unwrap_err().to_string(), "/etc/pipe is not a regular file");
    assert_eq!(source.text("/etc").unwrap_err().to_string(), "/etc is not a regular file");
    assert!(source.text("/etc/profile").unwrap_err().to_string().contains("symbolic links"));
    assert!(source.text("/etc/absent").unwrap_err().is_missing());
    assert!(source.text("/etc/passwd/below").is_err());
}

/// Time that passes by sleeping alone.
struct Slept(Arc<Mutex<Duration>>);

impl Timer for Slept {
    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, pause: Duration) {
        *self.0.lock().unwrap() += pause;
    }
}

#[test]
fn bytes_are_counted_and_slowed_down() {
    let machine = Machine::healthy();
    machine.put("etc/big", &"x".repeat(3 * 1024 * 1024));
    let slept = Arc::new(Mutex::new(Duration::ZERO));
    let pace = Pace::new(Some(10 * 1024 * 1024), None).by(Box::new(Slept(Arc::clone(&slept))));
    let source = Source::open(&machine.root(), pace).unwrap();
    let mut length = 0;
    source.stream("/etc/big", |bytes| length += bytes.len()).unwrap();
    assert_eq!((length, source.bytes_read()), (3 * 1024 * 1024, 3 * 1024 * 1024));
    // The first MiB is free, the other two are a fifth of a second.
    assert_eq!(*slept.lock().unwrap(), Duration::from_millis(200));
}

#[test]
fn lines_come_whole_whatever_the_pieces_they_are_read_in() {
    let machine = Machine::healthy();
    let long = "y".repeat(100_000);
    let text = format!("{}\n\n{long}\nlast", "line\n".repeat(30_000).trim_end());
    machine.put("etc/lines", &text);
    let mut lines = Vec::new();
    source(&machine).each_line("/etc/lines", |line| lines.push(line.to_owned())).unwrap();
    assert_eq!(lines.len(), 30_003);
    assert_eq!(
        (lines[29_999].as_str(), lines[30_000].as_str(), lines[30_002].as_str()),
        ("line", "", "last")
    );
    assert_eq!(lines[30_001].len(), 64 * 1024, "of a line that is too long, the beginning");
}
