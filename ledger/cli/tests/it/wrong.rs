//! Wrong inputs, and what each is answered: one line that says what is wrong and what to do, and no library's words.
//!
//! The answers are committed in `tests/shown/wrong.txt`; `UPDATE_EXPECT=1` writes them anew.

use crate::support::{Service, command, json};
use expect_test::expect_file;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

/// A command a line, as it would be typed; a group a paragraph. Words in braces are filled in.
const LINES: &str = include_str!("wrong/lines.txt");

/// What no answer for people has in it.
const LIBRARY_WORDS: [&str; 14] = [
    "{\"",
    "panicked",
    "os error",
    "serde",
    "at line 1 column",
    "at line 2 column",
    "reqwest",
    "hyper",
    "TcpStream",
    "ParseIntError",
    "invalid digit",
    "expected value",
    "EOF while",
    "Utf8Error",
];

/// What `serve` says before all else of a directory that `init` made.
const KEY_LEFT: &str = "{data}/recovery.key lies beside the keys that it replaces: whoever takes them has it too. Move it to \
                        another machine.\n";

/// How many there are at least.
const LEAST: usize = 100;

struct World {
    service: Service,
    /// What words in braces stand for, and what stands for it in the committed answers.
    words: Vec<(&'static str, String)>,
    home: std::path::PathBuf,
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

impl World {
    fn new(dir: &Path) -> Self {
        let service = Service::start(&dir.join("ledger"));
        let data = service.data.to_str().unwrap().to_owned();
        for (state, name) in [("a", "web-1"), ("b", "web-2"), ("c", "db-1")] {
            let (state, token) = (dir.join(state), service.enrolment_token(1));
            let args =
                ["agent", "enroll", "--url", &service.url, "--token", &token, "--name", name, "--state-dir"];
            json(&[&args[..], &[state.to_str().unwrap()]].concat(), 0);
        }
        let viewer = json(&["tokens", "create", "--data", &data, "--org", "acme", "--role", "viewer"], 0);
        let home = dir.join("home");
        std::fs::create_dir(&home).unwrap();
        for (name, bytes) in [
            ("notes.txt", &b"remember the milk\n"[..]),
            (
                "events.json",
                b"{\"level\":\"info\",\"msg\":\"started\"}\n{\"level\":\"warn\",\"msg\":\"slow\"}\n",
            ),
            ("broken.json", b"{\"allow\": {,}}\n"),
            (
                "policy.json",
                b"{\"allow\":{\"fly\":{}},\"format\":\"vaultmesh-policy-v1\",\"mode\":\"enforce\"}",
            ),
            (".DS_Store", b"\0\0\0\x01Bud1\0\0\x10\0\0\0\x08\0\xff\xfe"),
            ("log.gz", b"\x1f\x8b\x08\0\0\0\0\0"),
            ("empty", b""),
        ] {
            write(&home.join(name), bytes);
        }
        std::fs::create_dir(home.join("nothing")).unwrap();
        let words = vec![
            ("url", service.url.clone()),
            ("address", service.url.trim_start_matches("http://").to_owned()),
            ("token", viewer["token"].as_str().unwrap().to_owned()),
            ("data", data),
            ("ledger", service.ledger_id.to_hex()),
            ("home", home.to_str().unwrap().to_owned()),
        ];
        Self { service, words, home }
    }

    fn fill(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, is)| text.replace(&format!("{{{word}}}"), is))
    }

    /// Without what differs from one run to the next; ids and times are in none of these answers.
    fn plain(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, is)| text.replace(is, &format!("{{{word}}}")))
    }

    fn answer(&self, line: &str) -> String {
        let words = split(&self.fill(line));
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = command(&args);
        command.env("XDG_CONFIG_HOME", self.home.join("config")).current_dir(&self.home);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let wrong = String::from_utf8(output.stderr).unwrap();
        let code = output.status.code();
        assert!(matches!(code, Some(1..=3)), "ledger {line}: {code:?} {wrong}");
        // An import says how many it took all the same.
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(out.is_empty() || line.starts_with("import "), "ledger {line}: {out}");
        let wrong = wrong.trim_start_matches(&self.fill(KEY_LEFT));
        for word in LIBRARY_WORDS {
            assert!(!wrong.contains(word), "ledger {line}: {word:?} in {wrong}");
        }
        // Clap says how a command is used; the first paragraph is what is wrong.
        let said = wrong.split("\n\nUsage:").next().unwrap_or_default();
        let said = said.split("\n\nFor more information").next().unwrap_or_default();
        format!("{}\n[{}]\n", self.plain(said.trim_end()), code.unwrap_or_default())
    }
}

/// The words of a line, as a shell would split it.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

#[test]
fn each_wrong_input_has_its_answer() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path());
    let (mut text, mut count) = (String::new(), 0);
    for line in LINES.lines() {
        if line.is_empty() || line.starts_with('#') {
            let _ = writeln!(text, "{line}");
            continue;
        }
        let _ = write!(text, "$ ledger {line}\n{}", world.answer(line));
        count += 1;
    }
    assert!(count >= LEAST, "{count}");
    expect_file!["../shown/wrong.txt"].assert_eq(&text);
    assert_eq!(world.service.terminate(), Some(0));
}
