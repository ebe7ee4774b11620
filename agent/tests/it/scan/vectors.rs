//! `spec/vectors/scan.json`: what is hashed into signed events, byte by byte.

use serde_json::{Value, json};
use spec::hash::write_hex;
use spec::{Domain, Hash};
use vaultmesh_agent::scan::baseline::{FORMAT, Head};
use vaultmesh_agent::scan::tree::{Leaf, Members, attributes_hash};
use vaultmesh_agent::scan::{evidence, text};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/vectors/scan.json");

fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    write_hex(bytes, &mut out);
    String::from_utf8(out).unwrap()
}

fn content(bytes: &[u8]) -> Hash {
    Hash(*blake3::hash(bytes).as_bytes())
}

fn leaf(path: &str, kind: &str, mode: u32) -> Leaf {
    Leaf {
        content: None,
        gid: 0,
        mode,
        path: path.to_owned(),
        rdev: None,
        size: None,
        r#type: kind.to_owned(),
        uid: 0,
        xattrs: None,
    }
}

fn said(leaf: &Leaf) -> Value {
    json!({"hash": leaf.hash(), "json": String::from_utf8(leaf.json()).unwrap()})
}

fn vectors() -> Value {
    let attributes =
        [(b"security.capability".to_vec(), vec![1, 0, 0, 2]), (b"user.empty".to_vec(), Vec::new())];
    let name = b"caf\xc3\xa9 \\ \xff\n";
    let program = Leaf {
        content: Some(content(b"program\n")),
        size: Some(8),
        xattrs: attributes_hash(&attributes),
        ..leaf("/bin/program", "file", 0o4755)
    };
    let odd = Leaf {
        content: Some(content(b"")),
        size: Some(0),
        ..leaf(&format!("/bin/{}", text::of_bytes(name)), "file", 0o644)
    };
    let link = Leaf { content: Some(content(b"/usr/lib")), ..leaf("/lib", "link", 0o777) };
    let device = Leaf { rdev: Some("259:1".to_owned()), ..leaf("/bin/device", "character-device", 0o600) };
    let mut members = Members::default();
    for member in [&odd, &device, &program] {
        members.push(member.hash());
    }
    let folder = Leaf { content: Some(members.root()), ..leaf("/bin", "directory", 0o755) };
    let mut top = Members::default();
    top.push(folder.hash());
    top.push(link.hash());
    let head = Head {
        format: FORMAT.to_owned(),
        root: "/".to_owned(),
        started_at: super::now(),
        watched: vec!["/bin".to_owned(), "/lib".to_owned()],
    };
    let mut baseline = spec::canonical::to_vec(&head).unwrap();
    let listed = Leaf { content: None, ..folder.clone() };
    for line in [listed.json(), odd.json(), device.json(), program.json(), link.json()] {
        baseline.extend_from_slice(&[b"\n".as_slice(), &line].concat());
    }
    let seen = evidence("listener", b"tcp 0.0.0.0:22");
    let last = format!(
        "\n{{\"check\":\"listener\",\"digest\":\"{seen}\",\"subject\":\"tcp 0.0.0.0:22\"}}\n{{\"tree_root\":\"{}\"}}\n",
        top.root()
    );
    baseline.extend_from_slice(last.as_bytes());
    json!({
        "about": "scans; see spec/scan.md. `paths`: bytes in hex and their text. `attributes`: names and values in hex and the \
                  hash of all. `evidence`: what a check saw, in hex. `tree`: the leaves of a tree of two watched paths, /bin \
                  with three members and /lib, each as canonical JSON with its hash; `members` is the root over those of \
                  /bin. `baseline`: the document of that tree, and its id",
        "attributes": {
            "hash": attributes_hash(&attributes),
            "of": attributes.iter().map(|(name, value)| json!({"name": hex(name), "value": hex(value)})).collect::<Vec<_>>(),
        },
        "baseline": {
            "id": Hash::of(Domain::Baseline, &[&baseline]),
            "text": String::from_utf8(baseline).unwrap(),
        },
        "evidence": [{"check": "listener", "hash": seen, "seen": hex(b"tcp 0.0.0.0:22")}],
        "paths": [{"bytes": hex(name), "text": text::of_bytes(name)}],
        "tree": {
            "leaves": [said(&folder), said(&odd), said(&device), said(&program), said(&link)],
            "members": members.root(),
            "root": top.root(),
        },
    })
}

fn made() -> String {
    format!("{}\n", serde_json::to_string_pretty(&vectors()).unwrap())
}

#[test]
#[ignore = "writes the file that the other test compares with"]
fn regenerate_vectors() {
    #[expect(clippy::disallowed_methods, reason = "test data in a working tree")]
    std::fs::write(PATH, made()).unwrap();
}

#[test]
fn the_committed_vectors_are_what_the_code_makes() {
    assert!(
        std::fs::read_to_string(PATH).unwrap() == made(),
        "scan.json is not what this code makes; if the change is meant, run \
         `cargo test -p vaultmesh-agent -- --ignored regenerate_vectors`"
    );
}
