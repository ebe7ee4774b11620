//! Signed notes and checkpoints: every damaged byte is noticed, every text has one form.

use crate::util::{Ledger, tree_with};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofs::checkpoint::{self, CHECKPOINT_TYPE, COSIGNATURE_TYPE, cosign, ledger_key, witness_key};
use proofs::note::{MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError, NoteKey, NoteSignature};
use proofs::{Checkpoint, CheckpointError, SigningKey};
use sha2::Digest as _;
use spec::{Hash, PublicKey};

struct Fixture {
    ledger: Ledger,
    checkpoint: Checkpoint,
    witness: SigningKey,
    witnesses: Vec<NoteKey>,
    note: Note,
}

/// A checkpoint with one cosignature.
fn fixture() -> Fixture {
    let ledger = Ledger::new(1);
    let checkpoint = ledger.checkpoint(&tree_with(42, None), 42);
    let witness = SigningKey::from_seed(&[9; 32]);
    let witnesses = vec![witness_key("witness.example/w1", witness.public())];
    let mut note = checkpoint.sign(&ledger.key, 1_800_000_000);
    note.signatures.push(cosign(&note, "witness.example/w1", &witness, 1_800_000_007));
    Fixture { ledger, checkpoint, witness, witnesses, note }
}

impl Fixture {
    fn open(&self, bytes: &[u8]) -> Result<checkpoint::Verified, CheckpointError> {
        Checkpoint::open(bytes, &[self.ledger.key.public()], &self.witnesses)
    }

    /// A note of `text` with the ledger's line made for this very text.
    fn sign_text(&self, text: &str) -> String {
        let origin = text.lines().next().unwrap_or_default();
        let message = [b"vaultmesh/checkpoint/v1\ntime 5\n", text.as_bytes()].concat();
        let body = [&5_u64.to_be_bytes()[..], &self.ledger.key.sign(&message).0].concat();
        let key_id = ledger_key(origin, self.ledger.key.public()).id();
        let line = NoteSignature { name: origin.to_owned(), key_id, body };
        Note { text: text.to_owned(), signatures: vec![line] }.to_string()
    }
}

#[test]
fn what_is_signed_opens() {
    let f = fixture();
    let bytes = f.note.to_string();
    let verified = f.open(bytes.as_bytes()).unwrap();
    assert_eq!(verified.checkpoint, f.checkpoint);
    assert_eq!(verified.time, 1_800_000_000);
    assert_eq!(verified.cosignatures.iter().map(|c| &c.name).collect::<Vec<_>>(), ["witness.example/w1"]);
    assert_eq!(Note::parse(bytes.as_bytes()).unwrap(), f.note);
    assert_eq!(Checkpoint::parse(&f.note.text).unwrap(), f.checkpoint);
    // The order of the lines means nothing.
    let turned = Note { signatures: f.note.signatures.iter().rev().cloned().collect(), ..f.note.clone() };
    assert_eq!(f.open(turned.to_string().as_bytes()), Ok(verified));
    // Several keys of the ledger may be known; one signed.
    let keys = [SigningKey::from_seed(&[77; 32]).public(), f.ledger.key.public()];
    assert!(Checkpoint::open(bytes.as_bytes(), &keys, &f.witnesses).is_ok());
    assert_eq!(f.sign_text(&f.note.text).lines().count(), 8);
    assert!(f.open(f.sign_text(&f.note.text).as_bytes()).is_ok());
}

#[test]
fn what_is_signed_is_spelled_out() {
    let f = fixture();
    let line = |i: usize| &f.note.signatures[i];
    let own = [b"vaultmesh/checkpoint/v1\ntime 1800000000\n", f.note.text.as_bytes()].concat();
    let body = [&1_800_000_000_u64.to_be_bytes()[..], &f.ledger.key.sign(&own).0].concat();
    assert_eq!(line(0).body, body);
    let cosigned =
        format!("vaultmesh/cosignature/v1\nname witness.example/w1\ntime 1800000007\n{}", f.note.text);
    let body = [&1_800_000_007_u64.to_be_bytes()[..], &f.witness.sign(cosigned.as_bytes()).0].concat();
    assert_eq!(line(1).body, body);
}

#[test]
fn every_bit_counts() {
    let f = fixture();
    let bytes = f.note.to_string().into_bytes();
    let without_cosignature = f.checkpoint.sign(&f.ledger.key, 1_800_000_000).to_string();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(f.open(&damaged).is_err(), "bit {bit} of byte {at}");
        }
        let removed = [&bytes[..at], &bytes[at + 1..]].concat();
        assert!(removed == bytes || f.open(&removed).is_err(), "byte {at} removed");
        // The note without its cosignature is a note; nothing binds a cosignature to a checkpoint.
        let cosigned = at == without_cosignature.len();
        assert_eq!(f.open(&bytes[..at]).is_ok(), cosigned, "cut at {at}");
        for extra in [b' ', b'\n', b'0', b'A', b'=', b'\r', 0, 0x7f] {
            let longer = [&bytes[..at], &[extra], &bytes[at..]].concat();
            assert!(f.open(&longer).is_err(), "{extra:#x} at {at}");
        }
    }
    assert!(f.open(&[&bytes[..], b"\n"].concat()).is_err());
}

#[test]
fn lines_nobody_can_check_are_refused() {
    let f = fixture();
    let open = |note: &Note| f.open(note.to_string().as_bytes());
    let with = |signatures: Vec<NoteSignature>| Note { text: f.note.text.clone(), signatures };
    let [own, cosigned] = &f.note.signatures[..] else { panic!() };

    let stranger = SigningKey::from_seed(&[5; 32]);
    let unknown = cosign(&f.note, "somebody", &stranger, 7);
    assert_eq!(
        open(&with(vec![own.clone(), unknown.clone()])),
        Err(CheckpointError::Unknown("somebody".to_owned()))
    );
    // The known name over another key, and another name over the known key.
    let other_key = cosign(&f.note, &cosigned.name, &stranger, 7);
    assert!(matches!(open(&with(vec![own.clone(), other_key])), Err(CheckpointError::Unknown(_))));
    let other_name = cosign(&f.note, "witness.example/w2", &f.witness, 7);
    assert!(matches!(open(&with(vec![own.clone(), other_name])), Err(CheckpointError::Unknown(_))));
    // A known key id over a signature that is not its own.
    let forged = NoteSignature { key_id: cosigned.key_id, name: cosigned.name.clone(), ..unknown };
    assert!(matches!(open(&with(vec![own.clone(), forged])), Err(CheckpointError::Signature(_))));

    for twice in [own, cosigned] {
        let mut lines = f.note.signatures.clone();
        lines.push(twice.clone());
        assert_eq!(open(&with(lines)), Err(CheckpointError::Signature(twice.name.clone())));
    }
    // The same signer again at another time is a duplicate too.
    let again = cosign(&f.note, &cosigned.name, &f.witness, 1_800_000_099);
    assert!(open(&with(vec![own.clone(), cosigned.clone(), again])).is_err());
    let again = f.checkpoint.sign(&f.ledger.key, 1_800_000_001).signatures[0].clone();
    assert!(open(&with(vec![own.clone(), again])).is_err());

    assert_eq!(open(&with(vec![cosigned.clone()])), Err(CheckpointError::Unsigned));
    assert!(matches!(open(&with(Vec::new())), Err(CheckpointError::Note(_))));
    // Another ledger's key, or another ledger's text.
    let other = Ledger::new(2);
    let bytes = f.note.to_string();
    assert!(Checkpoint::open(bytes.as_bytes(), &[other.key.public()], &f.witnesses).is_err());
    assert!(Checkpoint::open(bytes.as_bytes(), &[], &f.witnesses).is_err());
    assert!(Checkpoint::open(bytes.as_bytes(), &[f.ledger.key.public()], &[]).is_err());
    // A witness key is no ledger key, and its line no ledger line.
    let as_ledger = NoteSignature { name: f.ledger.origin.clone(), ..cosigned.clone() };
    assert!(open(&with(vec![as_ledger])).is_err());
    let wrong_type = NoteKey {
        name: f.ledger.origin.clone(),
        signature_type: COSIGNATURE_TYPE.to_vec(),
        key: f.ledger.key.public(),
    };
    assert_ne!(wrong_type.id(), own.key_id);
    let bare = NoteSignature { key_id: wrong_type.id(), ..own.clone() };
    assert!(open(&with(vec![bare])).is_err());
}

#[test]
fn signature_bodies_have_one_length() {
    let f = fixture();
    let own = &f.note.signatures[0];
    for length in [0, 1, 7, 8, 64, 71, 73, 80] {
        let mut body = own.body.clone();
        body.resize(length, 0);
        let note =
            Note { text: f.note.text.clone(), signatures: vec![NoteSignature { body, ..own.clone() }] };
        assert!(f.open(note.to_string().as_bytes()).is_err(), "{length}");
    }
    // A time that JSON could not carry, though signed for.
    let time = u64::MAX;
    let note = f.checkpoint.sign(&f.ledger.key, time);
    assert!(matches!(f.open(note.to_string().as_bytes()), Err(CheckpointError::Signature(_))));
}

#[test]
fn a_checkpoint_has_one_text() {
    let f = fixture();
    let text = f.note.text.clone();
    let lines: Vec<&str> = text.lines().collect();
    let replaced = |i: usize, line: &str| {
        let mut lines: Vec<&str> = lines.clone();
        lines[i] = line;
        lines.join("\n") + "\n"
    };
    let without = |i: usize| {
        let mut lines = lines.clone();
        lines.remove(i);
        lines.join("\n") + "\n"
    };
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    let root = lines[2];
    let hex = f.checkpoint.root.to_hex();
    let short = STANDARD.encode([1; 31]);
    let long = STANDARD.encode([1; 33]);
    // The last character before "=" carries two bits that must be zero.
    let trailing_bits = format!("{}{}=", &root[..42], char::from(root.as_bytes()[42] + 1));
    let mut variations = vec![
        replaced(1, "042"),
        replaced(1, "+42"),
        replaced(1, "-42"),
        replaced(1, "42 "),
        replaced(1, " 42"),
        replaced(1, "42.0"),
        replaced(1, "4_2"),
        replaced(1, "0x2a"),
        replaced(1, ""),
        replaced(1, "9007199254740992"),
        replaced(1, "18446744073709551616"),
        replaced(1, "٤٢"),
        replaced(0, ""),
        replaced(2, &hex),
        replaced(2, &short),
        replaced(2, &long),
        replaced(2, root.trim_end_matches('=')),
        replaced(2, &format!("{root} ")),
        replaced(2, &trailing_bits),
        replaced(3, &lines[3].replace("keys ", "keys  ")),
        replaced(3, &lines[3].replace("keys ", "Keys ")),
        replaced(3, &lines[3].replace("keys ", "key ")),
        replaced(3, &lines[3].replace("keys ", "")),
        replaced(5, &lines[5].replace("sha256", "sha-256")),
        swapped.join("\n") + "\n",
        text.clone() + "extra\n",
        text.clone() + "\n",
        text.trim_end().to_owned(),
        text.replace('\n', "\r\n"),
        text.replacen('\n', "\r\n", 1),
        format!("\n{text}"),
        String::new(),
        "\n".to_owned(),
    ];
    variations.extend((0..6).map(without));
    for variation in &variations {
        assert!(Checkpoint::parse(variation).is_err(), "{variation:?}");
        // Though it is signed as it stands.
        assert!(f.open(f.sign_text(variation).as_bytes()).is_err(), "{variation:?}");
    }
    assert_eq!(Checkpoint::parse(&text).unwrap().to_string(), text);
    let zero = Checkpoint { size: 0, root: Hash::empty(), ..f.checkpoint.clone() };
    assert_eq!(Checkpoint::parse(&zero.to_string()), Ok(zero));
    let largest = replaced(1, "9007199254740991");
    assert_eq!(Checkpoint::parse(&largest).unwrap().size, 9_007_199_254_740_991);

    assert_eq!(Checkpoint::parse(&replaced(2, "?")), Err(CheckpointError::Line(3)));
    assert_eq!(Checkpoint::parse(&replaced(3, "?")), Err(CheckpointError::Line(4)));
    assert_eq!(Checkpoint::parse(&replaced(1, "x")), Err(CheckpointError::Line(2)));
    assert_eq!(Checkpoint::parse(&(text + "extra\n")), Err(CheckpointError::Line(7)));
}

#[test]
fn an_origin_that_no_line_can_name_is_refused() {
    let f = fixture();
    for origin in ["two words", "a+b", "tab\there", "return\r", "wide\u{2003}space", "\u{85}"] {
        let checkpoint = Checkpoint { origin: origin.to_owned(), ..f.checkpoint.clone() };
        assert_eq!(Checkpoint::parse(&checkpoint.to_string()), Err(CheckpointError::Line(1)), "{origin:?}");
        let note = checkpoint.sign(&f.ledger.key, 5).to_string();
        assert!(f.open(note.as_bytes()).is_err(), "{origin:?}");
    }
}

#[test]
fn notes_have_limits_and_a_shape() {
    let f = fixture();
    let line = f.note.to_string().lines().last().unwrap().to_owned();
    let note = |text: &str, lines: usize| format!("{text}\n{}", format!("{line}\n").repeat(lines));
    let parse = |text: &str| Note::parse(text.as_bytes());
    assert_eq!(parse(&note("a\n", MAX_SIGNATURES)).unwrap().signatures.len(), MAX_SIGNATURES);
    assert_eq!(parse(&note("a\n", MAX_SIGNATURES + 1)), Err(NoteError::TooMany));
    assert_eq!(MAX_NOTE_BYTES, 65_536, "what the refusal says");
    let room = MAX_NOTE_BYTES - note("\n", 1).len();
    assert!(parse(&note(&format!("{}\n", "x".repeat(room)), 1)).is_ok());
    assert_eq!(parse(&note(&format!("{}\n", "x".repeat(room + 1)), 1)), Err(NoteError::Text));

    assert_eq!(Note::parse(b"a\n\n\xff"), Err(NoteError::Text));
    for bad in ["a\tb\n", "a\r\n", "a\0\n", "a\x1b[0m\n", "a\x7f\n"] {
        assert_eq!(parse(&note(bad, 1)), Err(NoteError::Text), "{bad:?}");
    }
    assert_eq!(parse(""), Err(NoteError::Structure));
    assert_eq!(parse("a\n"), Err(NoteError::Structure));
    assert_eq!(parse(&format!("a\n{line}\n")), Err(NoteError::Structure));
    assert_eq!(parse(&format!("a\n\n{line}")), Err(NoteError::Structure));
    assert_eq!(parse("a\n\n"), Err(NoteError::Structure));
    assert!(parse(&note("é — ∑\n\nsecond paragraph\n", 1)).is_ok());

    let (_, encoded) = line.rsplit_once(' ').unwrap();
    for bad in [
        "-- name AAAAAAA=".to_owned(),
        format!("—  {encoded}"),
        format!("— name  {encoded}"),
        format!("— name {encoded} "),
        format!("— name {encoded}="),
        format!("— na+me {encoded}"),
        format!("— na\u{a0}me {encoded}"),
        format!("— na\u{85}me {encoded}"),
        format!("— name {}", encoded.trim_end_matches('=')),
        format!("— name {}", encoded.replace('/', "_").replace('+', "-") + "-_=="),
        "— name".to_owned(),
        "— name ".to_owned(),
        "— name AAAA".to_owned(),
        "— name AAAAAA==".to_owned(),
        "— name AAAAAAB=".to_owned(),
    ] {
        assert_eq!(parse(&format!("a\n\n{line}\n{bad}\n")), Err(NoteError::Signature(1)), "{bad:?}");
    }
    assert!(parse("a\n\n— name AAAAAAA=\n").is_ok());
}

#[test]
fn vkeys_have_one_form() {
    let f = fixture();
    let key = ledger_key(&f.ledger.origin, f.ledger.key.public());
    let vkey = key.to_string();
    assert_eq!(NoteKey::parse(&vkey), Some(key.clone()));
    let cosigner = &f.witnesses[0];
    assert_eq!(NoteKey::parse(&cosigner.to_string()).as_ref(), Some(cosigner));

    // The id is what C2SP says it is.
    let input = [key.name.as_bytes(), b"\n", CHECKPOINT_TYPE, &key.key.0].concat();
    assert_eq!(key.id(), sha2::Sha256::digest(input)[..4]);
    let same_key = witness_key(&key.name, key.key);
    assert_ne!(same_key.id(), key.id());

    for at in 0..vkey.len() {
        for to in ['0', 'a', 'A', 'f', '+', ' ', '='] {
            let mut damaged = vkey.clone();
            damaged.replace_range(at..=at, &to.to_string());
            assert!(damaged == vkey || NoteKey::parse(&damaged).is_none(), "{damaged}");
        }
        assert!(NoteKey::parse(&vkey[..at]).is_none());
    }
    let named = |name: &str, signature_type: &[u8]| NoteKey {
        name: name.to_owned(),
        signature_type: signature_type.to_vec(),
        key: PublicKey([1; 32]),
    };
    assert!(NoteKey::parse(&named("ed25519", &[1]).to_string()).is_some());
    for bad in [named("", &[1]), named("a b", &[1]), named("a\u{1}b", &[1]), named("no.type", &[])] {
        assert_eq!(NoteKey::parse(&bad.to_string()), None, "{bad}");
    }
    let (id, encoded) = vkey.rsplit_once('+').map(|(left, right)| (left.to_owned(), right)).unwrap();
    assert_eq!(NoteKey::parse(&format!("{}+{encoded}", id.to_uppercase())), None);
    assert_eq!(NoteKey::parse("name+00000000+AAAA"), None);
    assert_eq!(NoteKey::parse(&format!("{vkey}\n")), None);
}
