//! The files in `spec/vectors` about proofs: made here, committed, and read back by their words alone.
//!
//! `cargo test -p proofs -- --ignored regenerate_vectors` writes them anew after a format has changed.

use crate::signature::{edge_cases, key_word, keys};
use crate::util::{Face, Ledger, tree_with};
use proofs::checkpoint::{cosign, ledger_key, witness_key};
use proofs::map::{self, Step, verify_absence, verify_presence};
use proofs::note::NoteKey;
use proofs::tile::{Tiles, consistency_proof, inclusion_proof, root_at};
use proofs::tree::{verify_consistency, verify_inclusion};
use proofs::{Blake3, Checkpoint, Sha256, SigningKey, SparseMap, TreeHash as _};
use serde_json::{Value, json};
use spec::hash::write_hex;
use spec::{Domain, Hash, PublicKey, canonical};
use std::path::PathBuf;

type Make = fn() -> String;

const FILES: [(&str, Make); 4] = [
    ("tree.json", || pretty(&tree_vectors())),
    ("map.json", || pretty(&map_vectors())),
    ("note.json", || pretty(&note_vectors())),
    ("signature.json", signature_vectors),
];

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors").join(file)
}

pub(crate) fn read(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap()
}

fn load(file: &str) -> Value {
    serde_json::from_str(&read(file)).unwrap()
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap();
    text.push('\n');
    text
}

fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    write_hex(bytes, &mut out);
    String::from_utf8(out).unwrap()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.is_ascii() && text.len().is_multiple_of(2));
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

#[test]
#[ignore = "writes the files that the other tests compare with"]
fn regenerate_vectors() {
    for (file, make) in FILES {
        #[expect(clippy::disallowed_methods, reason = "test data in a working tree")]
        std::fs::write(path(file), make()).unwrap();
    }
}

#[test]
fn the_committed_vectors_are_what_the_code_makes() {
    for (file, make) in FILES {
        assert!(
            read(file) == make(),
            "{file} is not what this code makes; if the change is meant, run \
             `cargo test -p proofs -- --ignored regenerate_vectors`"
        );
    }
}

const TREE_SIZE: usize = 13;

fn tree_leaf(i: usize) -> Vec<u8> {
    // An empty leaf, one that begins like an inner node, and ordinary ones.
    match i {
        0 => Vec::new(),
        1 => vec![0],
        2 => vec![1; 65],
        _ => format!("leaf {i}").into_bytes(),
    }
}

fn face_vectors<F: Face>() -> Value {
    let mut tiles = Tiles::<F>::default();
    (0..TREE_SIZE).for_each(|i| tiles.push(F::leaf(&tree_leaf(i))));
    let root = |size: u64| root_at::<F>(&tiles, size).unwrap();
    let size = TREE_SIZE as u64;
    let mut inclusion = Vec::new();
    let mut consistency = Vec::new();
    for size in [1, 2, 3, 4, 7, 8, size] {
        for index in 0..size {
            let proof = inclusion_proof::<F>(&tiles, index, size).unwrap();
            inclusion.push(json!({"index": index, "proof": proof, "size": size, "valid": true}));
        }
        for old in 0..=size {
            let proof = consistency_proof::<F>(&tiles, old, size).unwrap();
            consistency.push(json!({"new": size, "old": old, "proof": proof, "valid": true}));
        }
    }
    // Wrong ones: the lists of leaf 5 of 8 and of 3 to 7, damaged or about something else.
    let path = inclusion_proof::<F>(&tiles, 5, 8).unwrap();
    for (_, proof) in crate::util::damaged(&path, &[root(8)]) {
        inclusion.push(json!({"index": 5, "proof": proof, "size": 8, "valid": false}));
    }
    for (index, size) in [(4, 8), (6, 8), (7, 8), (0, 8), (5, 16), (5, 4), (5, 13), (8, 8), (0, 0)] {
        inclusion.push(json!({"index": index, "proof": path, "size": size, "valid": false}));
    }
    let path = consistency_proof::<F>(&tiles, 3, 7).unwrap();
    for (_, proof) in crate::util::damaged(&path, &[root(3), root(7)]) {
        consistency.push(json!({"new": 7, "old": 3, "proof": proof, "valid": false}));
    }
    for (old, new) in [(2, 7), (4, 7), (1, 7), (5, 7), (3, 3), (3, 4), (3, 13), (7, 3), (0, 7)] {
        consistency.push(json!({"new": new, "old": old, "proof": path, "valid": false}));
    }
    let leaves: Vec<Value> = (0..TREE_SIZE)
        .map(|i| json!({"bytes": hex(&tree_leaf(i)), "hash": F::leaf(&tree_leaf(i))}))
        .collect();
    let roots: Vec<Hash> = (0..=size).map(root).collect();
    json!({"consistency": consistency, "inclusion": inclusion, "leaves": leaves, "roots": roots})
}

fn tree_vectors() -> Value {
    // Long trees over the leaf hash of the decimal number of each index.
    let mut blake3 = Tiles::<Blake3>::default();
    let mut sha256 = Tiles::<Sha256>::default();
    let mut large = Vec::new();
    for i in 0..66_000_u32 {
        blake3.push(Blake3::leaf(i.to_string().as_bytes()));
        sha256.push(Sha256::leaf(i.to_string().as_bytes()));
        if [255, 256, 257, 65_535, 65_536, 65_537, 66_000].contains(&(i + 1)) {
            large.push(json!({"blake3": blake3.root(), "sha256": sha256.root(), "size": i + 1}));
        }
    }
    json!({
        "about": "trees; see spec/proof.md, \"Tree\". For both faces: `leaves` in hex with their hashes, \
                  `roots` by size from 0, proofs that hold and proofs that must be refused (`valid`), each \
                  against the leaf of its index and the root of its size; leaf and root of a place the tree \
                  does not have are 64 zeros. `large`: roots of trees whose leaf i is the decimal text of i",
        "blake3": face_vectors::<Blake3>(),
        "large": large,
        "sha256": face_vectors::<Sha256>(),
    })
}

fn check_face<F: Face>(face: &Value) {
    let hash = |value: &Value| Hash::from_hex(value.as_str().unwrap()).unwrap();
    let list = |value: &Value| -> Vec<Hash> { value.as_array().unwrap().iter().map(hash).collect() };
    let leaves: Vec<Hash> =
        face["leaves"].as_array().unwrap().iter().map(|leaf| hash(&leaf["hash"])).collect();
    for (leaf, row) in leaves.iter().zip(face["leaves"].as_array().unwrap()) {
        assert_eq!(F::leaf(&unhex(row["bytes"].as_str().unwrap())), *leaf);
    }
    let roots = list(&face["roots"]);
    let at = |list: &[Hash], i: u64| list.get(usize::try_from(i).unwrap()).copied().unwrap_or(Hash::ZERO);
    let mut verdicts = [0, 0];
    for row in face["inclusion"].as_array().unwrap() {
        let (index, size) = (row["index"].as_u64().unwrap(), row["size"].as_u64().unwrap());
        let (leaf, root) = (at(&leaves, index), at(&roots, size));
        let holds = verify_inclusion::<F>(&leaf, index, size, &list(&row["proof"]), &root).is_ok();
        assert_eq!(json!(holds), row["valid"], "{row}");
        verdicts[usize::from(holds)] += 1;
    }
    for row in face["consistency"].as_array().unwrap() {
        let (old, new) = (row["old"].as_u64().unwrap(), row["new"].as_u64().unwrap());
        let (before, after) = (at(&roots, old), at(&roots, new));
        let holds = verify_consistency::<F>(old, &before, new, &after, &list(&row["proof"])).is_ok();
        assert_eq!(json!(holds), row["valid"], "{row}");
        verdicts[usize::from(holds)] += 1;
    }
    assert!(verdicts.iter().all(|count| *count > 50), "{verdicts:?}");
}

#[test]
fn tree_vectors_hold() {
    let file = load("tree.json");
    check_face::<Blake3>(&file["blake3"]);
    check_face::<Sha256>(&file["sha256"]);
}

/// Members as the two maps of a checkpoint hold them: name of the domain, raw key, value.
fn members() -> Vec<(&'static str, Vec<u8>, Value)> {
    let node = SigningKey::from_seed(&[21; 32]).public();
    let gone = SigningKey::from_seed(&[22; 32]).public();
    let service = SigningKey::from_seed(&[23; 32]).public();
    vec![
        ("keys", service.0.to_vec(), json!({"introduced": 0, "org": "ledger", "use": "service"})),
        (
            "keys",
            node.0.to_vec(),
            json!({"author": "node:550e8400-e29b-41d4-a716-446655440000", "introduced": 7, "org": "acme", "tenant": "prod", "use": "node"}),
        ),
        (
            "keys",
            gone.0.to_vec(),
            json!({"author": "node:0193b3a0-7c1e-7d5a-9c3e-3f2a1b0c9d8e", "introduced": 8, "org": "acme", "suspect_from": 30, "until": 41, "use": "node"}),
        ),
        ("lanes", b"acme".to_vec(), json!({"last": Hash([5; 32]), "n": 40})),
        ("lanes", b"ledger".to_vec(), json!({"last": Hash([6; 32]), "n": 2})),
    ]
}

fn domain(name: &str) -> Domain {
    match name {
        "keys" => Domain::KeyPath,
        "lanes" => Domain::LanePath,
        _ => panic!("{name}"),
    }
}

fn proof_of(map: &SparseMap, values: &[(Hash, Value)], path: &Hash) -> Value {
    match map.prove(path) {
        Some((steps, found)) if found == *path => json!({"path": path, "present": true, "steps": steps}),
        Some((steps, found)) => {
            let value = &values.iter().find(|(path, _)| *path == found).unwrap().1;
            json!({"found": {"path": found, "value": value}, "path": path, "present": false, "steps": steps})
        }
        None => json!({"path": path, "present": false, "steps": []}),
    }
}

fn map_vectors() -> Value {
    let mut maps = serde_json::Map::new();
    for name in ["keys", "lanes"] {
        let mut map = SparseMap::default();
        let mut values = Vec::new();
        let mut rows = Vec::new();
        let absent = map::path(domain(name), b"nobody");
        let empty = proof_of(&map, &values, &absent);
        for (_, key, value) in members().into_iter().filter(|(of, ..)| *of == name) {
            let path = map::path(domain(name), &key);
            let bytes = canonical::to_vec(&value).unwrap();
            map.insert(&path, &bytes);
            rows.push(json!({
                "key": hex(&key), "leaf": map::leaf_hash(&path, &bytes), "path": path,
                "root": map.root(), "value": value,
            }));
            values.push((path, value));
        }
        let mut proofs: Vec<Value> = values.iter().map(|(path, _)| proof_of(&map, &values, path)).collect();
        proofs.push(proof_of(&map, &values, &absent));
        maps.insert(name.to_owned(), json!({"empty": empty, "members": rows, "proofs": proofs}));
    }
    // Paths given as such, sharing all but the last bits: the depth of the map.
    let mut map = SparseMap::default();
    let mut values = Vec::new();
    let mut rows = Vec::new();
    for (i, bit) in [None, Some(0), Some(1), Some(8), Some(254), Some(255)].into_iter().enumerate() {
        let mut path = Hash([0x5a; 32]);
        if let Some(bit) = bit {
            path.0[bit / 8] ^= 0x80 >> (bit % 8);
        }
        let value = json!(i);
        map.insert(&path, &canonical::to_vec(&value).unwrap());
        rows.push(json!({"path": path, "root": map.root(), "value": value}));
        values.push((path, value));
    }
    let mut absent = Hash([0x5a; 32]);
    absent.0[31] ^= 3;
    let mut proofs: Vec<Value> = values.iter().map(|(path, _)| proof_of(&map, &values, path)).collect();
    proofs.push(proof_of(&map, &values, &absent));
    maps.insert("deep".to_owned(), json!({"members": rows, "proofs": proofs}));
    maps.insert(
        "about".to_owned(),
        json!(
            "sparse maps; see spec/proof.md, \"Map\". `members` in the order they are put in, each with the \
             root afterwards; `key` is the raw key in hex, `value` is hashed in canonical form. `proofs` are \
             against the last root; `found` is the member at which the search for an absent path ends; \
             `empty` is the proof of absence from the map without members"
        ),
    );
    Value::Object(maps)
}

#[test]
fn map_vectors_hold() {
    let file = load("map.json");
    for name in ["keys", "lanes", "deep"] {
        let members = file[name]["members"].as_array().unwrap();
        let hash = |value: &Value| Hash::from_hex(value.as_str().unwrap()).unwrap();
        let value = |row: &Value| canonical::to_vec(&row["value"]).unwrap();
        let root = hash(&members[members.len() - 1]["root"]);
        for row in members.iter().filter(|row| row.get("key").is_some()) {
            let key = unhex(row["key"].as_str().unwrap());
            assert_eq!(map::path(domain(name), &key), hash(&row["path"]));
        }
        for row in file[name]["proofs"].as_array().unwrap() {
            let steps: Vec<Step> = serde_json::from_value(row["steps"].clone()).unwrap();
            let path = hash(&row["path"]);
            let member = members.iter().find(|member| member["path"] == row["path"]);
            assert_eq!(row["present"], json!(member.is_some()));
            if let Some(member) = member {
                assert!(verify_presence(&root, &path, &value(member), &steps), "{row}");
                assert!(!verify_presence(&root, &path, b"{}", &steps), "{row}");
            } else {
                let (other, bytes) = (hash(&row["found"]["path"]), value(&row["found"]));
                assert!(verify_absence(&root, &path, Some((&other, &bytes)), &steps), "{row}");
            }
        }
        if let Some(empty) = file[name].get("empty") {
            assert!(verify_absence(&Hash::empty(), &hash(&empty["path"]), None, &[]));
        }
    }
}

fn note_vectors() -> Value {
    let ledger = Ledger::new(1);
    let checkpoint = ledger.checkpoint(&tree_with(42, None), 42);
    let witness = SigningKey::from_seed(&[9; 32]);
    let stranger = SigningKey::from_seed(&[5; 32]);
    let name = "witness.example/w1";
    let own = checkpoint.sign(&ledger.key, 1_800_000_000);
    let mut cosigned = own.clone();
    cosigned.signatures.push(cosign(&own, name, &witness, 1_800_000_007));
    let mut unknown = cosigned.clone();
    unknown.signatures.push(cosign(&own, "somebody", &stranger, 7));
    let mut twice = cosigned.clone();
    twice.signatures.push(own.signatures[0].clone());
    let mut unsigned = cosigned.clone();
    unsigned.signatures.remove(0);
    let other_size = Checkpoint { size: 43, ..checkpoint.clone() };
    let mut moved = own.clone();
    moved.text = other_size.to_string();
    let text = cosigned.to_string();
    let refused = [
        ("a line of an unknown signer", unknown.to_string()),
        ("a line twice", twice.to_string()),
        ("no line of the ledger", unsigned.to_string()),
        ("another size under the signature", moved.to_string()),
        ("a leading zero", text.replacen("\n42\n", "\n042\n", 1)),
        ("a plus sign", text.replacen("\n42\n", "\n+42\n", 1)),
        ("a line more in the text", text.replacen("\n\n", "\nextra\n\n", 1)),
        ("carriage returns", text.replace('\n', "\r\n")),
        ("no LF at the end", text.trim_end().to_owned()),
        ("an LF more at the end", text.clone() + "\n"),
        ("no padding", text.replacen("=\n", "\n", 1)),
    ];
    json!({
        "about": "signed notes; see spec/proof.md, \"Notes and checkpoints\". `seeds`: Ed25519 seeds. `notes` \
                  open under both vkeys, with the times and witnesses given; `refused` do not",
        "checkpoint": {
            "keys": checkpoint.keys, "lanes": checkpoint.lanes, "origin": checkpoint.origin,
            "root": checkpoint.root, "sha256": checkpoint.sha256, "size": checkpoint.size,
        },
        "ledger": {"id": ledger.id, "vkey": ledger_key(&ledger.origin, ledger.key.public()).to_string()},
        "notes": [
            {"note": own.to_string(), "time": 1_800_000_000, "witnesses": []},
            {"note": text, "time": 1_800_000_000, "witnesses": [name]},
        ],
        "refused": refused.map(|(why, note)| json!({"note": note, "why": why})),
        "seeds": {"ledger": hex(ledger.key.seed()), "witness": hex(witness.seed())},
        "signed": {
            "cosignature": format!("vaultmesh/cosignature/v1\nname {name}\ntime 1800000007\n{}", own.text),
            "ledger": format!("vaultmesh/checkpoint/v1\ntime 1800000000\n{}", own.text),
        },
        "witness": {"name": name, "vkey": witness_key(name, witness.public()).to_string()},
    })
}

#[test]
fn note_vectors_hold() {
    let file = load("note.json");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ledger = NoteKey::parse(&text(&file["ledger"]["vkey"])).unwrap();
    let witness = NoteKey::parse(&text(&file["witness"]["vkey"])).unwrap();
    let id = Hash::from_hex(&text(&file["ledger"]["id"])).unwrap();
    assert!(ledger.name.ends_with(&format!("/{id}/blake3")));
    let open = |note: &str| Checkpoint::open(note.as_bytes(), &[ledger.key], std::slice::from_ref(&witness));
    for row in file["notes"].as_array().unwrap() {
        let verified = open(&text(&row["note"])).unwrap();
        assert_eq!(
            (json!(verified.time), json!(verified.cosignatures.iter().map(|c| &c.name).collect::<Vec<_>>())),
            (row["time"].clone(), row["witnesses"].clone())
        );
        assert_eq!(json!(verified.checkpoint.root), file["checkpoint"]["root"]);
        assert_eq!(json!(verified.checkpoint.size), file["checkpoint"]["size"]);
    }
    for row in file["refused"].as_array().unwrap() {
        assert!(open(&text(&row["note"])).is_err(), "{row}");
    }
}

fn signature_vectors() -> String {
    // One signature a line: there are hundreds.
    let mut out = String::from(
        "{\"about\":\"Ed25519 at its edges; see spec/proof.md, \\\"Signatures\\\". `keys`: the verdict at a \
         key's introduction. `signatures`: made for every pair of edge-case points, named by the flags of \
         the C2SP CCTV vectors; `valid` is the verdict of ZIP-215, alone and in any batch\",\n\"keys\":[\n",
    );
    let lines = |out: &mut String, rows: Vec<Value>| {
        let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        out.push_str(&lines.join(",\n"));
    };
    let rows =
        keys().into_iter().map(|(key, verdict)| json!({"key": PublicKey(key), "verdict": key_word(verdict)}));
    lines(&mut out, rows.collect());
    out.push_str("\n],\n\"signatures\":[\n");
    let rows = edge_cases().into_iter().map(|case| {
        json!({
            "flags": case.flags, "key": case.key, "message": case.message, "sig": hex(&case.sig.0),
            "valid": case.valid,
        })
    });
    lines(&mut out, rows.collect());
    out.push_str("\n]}\n");
    out
}
