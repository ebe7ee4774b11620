//! Signing in to services, and what commands then go to; `ledger status`, `ledger doctor`, reports.

use crate::support::{Service, command, json, ledger};
use serde_json::{Value, json};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// A person with a home.
struct Person {
    home: tempfile::TempDir,
}

impl Person {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("vaultmesh/contexts.json")
    }

    /// Runs the executable where they are at home, with something on standard input.
    fn run(&self, args: &[&str], input: &str) -> Output {
        let mut command = command(args);
        command.env("XDG_CONFIG_HOME", self.home.path()).current_dir(self.home.path());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn says(&self, args: &[&str], input: &str) -> String {
        let output = self.run(args, input);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, args: &[&str], input: &str, code: i32) -> String {
        let output = self.run(args, input);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }
}

fn token(service: &Service) -> String {
    let data = service.data.to_str().unwrap();
    let made = json(&["tokens", "create", "--data", data, "--org", "ledger", "--role", "auditor"], 0);
    made["token"].as_str().unwrap().to_owned()
}

#[test]
fn commands_go_where_one_has_signed_in() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let (person, token) = (Person::new(), token(&service));
    let said = person.says(&["login", &service.url, "--name", "lab"], &format!("{token}\n"));
    assert!(said.contains(&service.ledger_id.to_string()) && !said.contains(&token), "{said}");
    assert_eq!(person.file().metadata().unwrap().permissions().mode() & 0o777, 0o600);

    assert!(person.says(&["nodes", "list"], "").contains("no nodes"));
    let status = person.says(&["status"], "");
    assert!(status.contains(&format!("ready at {}", service.url)), "{status}");
    let verified: Value = serde_json::from_str(&person.says(&["verify", "--json"], "")).unwrap();
    assert_eq!((&verified["trust"], &verified["verdict"]), (&json!("pinned"), &json!("verified")));
    let listed = person.says(&["contexts", "list", "-o", "json"], "");
    assert!(listed.contains("\"lab\"") && !listed.contains(&token), "{listed}");

    // A directory that is named comes before what one has signed in to.
    let other = person.home.path().join("other");
    ledger(&["init", "--data", other.to_str().unwrap()]);
    let here: Value =
        serde_json::from_str(&person.says(&["status", "--data", other.to_str().unwrap(), "-o", "json"], ""))
            .unwrap();
    assert_ne!(here["ledger"], json!(service.ledger_id));
    let named: Value =
        serde_json::from_str(&person.says(&["status", "--context", "lab", "-o", "json"], "")).unwrap();
    assert_eq!(named["ledger"], json!(service.ledger_id));
    assert!(person.refused(&["status", "--context", "prod"], "", 2).contains("no context prod: lab"));

    assert!(person.says(&["logout"], "").contains("forgot lab"));
    assert!(person.refused(&["nodes", "list"], "", 2).contains("no ledger in ./vaultmesh-data"));
    verify(&service.data);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn who_is_not_let_in_is_told_and_nothing_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let person = Person::new();
    let url = service.url.as_str();
    let wrong = format!("vmt1.01010101-0101-4101-8101-010101010101.{}", "0".repeat(64));
    assert!(person.refused(&["login", url], &wrong, 1).contains("unauthenticated"), "a wrong token");
    assert!(person.refused(&["login", url], "\n", 2).contains("no token"), "none");
    assert!(person.refused(&["login", "vault.example.org"], "", 2).contains("is not an http(s) address"));
    assert!(person.refused(&["login", "http://127.0.0.1:1"], "", 3).contains("127.0.0.1:1"));
    assert!(!person.file().exists());

    // From a file, which `ps` and the history of a shell do not show; and again with a ledger that is another.
    let file = person.home.path().join("token");
    std::fs::write(&file, token(&service)).unwrap();
    person.says(&["login", url, "--name", "lab", "--token-file", file.to_str().unwrap()], "");
    let other = Service::start(&dir.path().join("other"));
    let told = person.refused(&["login", &other.url, "--name", "lab"], &token(&other), 1);
    assert!(
        told.contains("another ledger than at the first login") && told.contains("ledger logout lab"),
        "{told}"
    );

    std::fs::set_permissions(person.file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(person.refused(&["nodes", "list"], "", 1).contains("chmod 600"));
    verify(&service.data);
}

/// What the doctor found; whether the disk of this machine is full enough to be wrong is no matter of the test.
fn doctor(path: &str) -> Value {
    let output = ledger(&["doctor", "--data", path, "-o", "json"]);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_doctor_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let nothing = ledger(&["doctor", "--data", path]);
    assert_eq!(nothing.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("`ledger serve --init"));
    ledger(&["init", "--data", path]);
    let found = doctor(path);
    let look: Vec<&str> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["grade"] == "look")
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert!(
        look.contains(&"service") && look.contains(&"directory") && look.contains(&"witnesses"),
        "{found}"
    );
    std::fs::remove_file(data.join("recovery.key")).unwrap();
    let service = Service::start(&data);
    let found = doctor(path);
    let service_is = found["items"].as_array().unwrap().iter().find(|one| one["what"] == "service").unwrap();
    assert_eq!(service_is["grade"], "ok", "{found}");
    drop(service);
    verify(&data);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn a_report_is_for_paper() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("ledger"), dir.path().join("export"));
    let path = data.to_str().unwrap();
    ledger(&["init", "--data", path]);
    ledger(&["seal", "--data", path]);
    ledger(&["export", "--data", path, "--out", out.to_str().unwrap()]);
    let (page, text) = (dir.path().join("report.html"), dir.path().join("report.md"));
    let none = dir.path().join("none");
    let args = ["verify", path, out.to_str().unwrap(), "--report"];
    let run = |more: &[&str]| ledger(&[&args, more].concat());
    assert_eq!(run(&[page.to_str().unwrap()]).status.code(), Some(0));
    assert_eq!(run(&[text.to_str().unwrap(), "--json"]).status.code(), Some(0));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    for said in [read(&page), read(&text)] {
        for part in ["VERIFIED", "What this proves", "no id was given with --trust", "signatures"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(said.matches("What this proves").count(), 2, "{said}");
    }
    assert!(!read(&page).contains("<script"));
    // One that does not verify gives the exit code; what is no target at all is told.
    let root = out.join("ROOT.txt");
    std::fs::write(&root, read(&root).replacen("vaultmesh", "vaultmesh2", 1)).unwrap();
    let bad = json(&["verify", path, out.to_str().unwrap()], 1);
    assert_eq!(bad["items"][0]["verdict"], "verified");
    assert_ne!(bad["items"][1]["verdict"], "verified");
    assert_eq!(ledger(&["verify", none.to_str().unwrap()]).status.code(), Some(3));
    assert_eq!(run(&["report.pdf"]).status.code(), Some(2));
}

fn verify(data: &Path) {
    crate::support::verify(data, &[]);
}
