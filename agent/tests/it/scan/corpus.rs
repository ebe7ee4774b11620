//! Inputs of every parser, a file for each format (`corpus/`): right ones, odd ones and broken ones, each once through
//! the checks that read it. A scan of them ends, and is an event.

use super::formats::{FORMATS, Place};

/// Printable characters stand for themselves, `\xNN` for a byte.
fn bytes(line: &str) -> Vec<u8> {
    let mut parts = line.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

#[test]
fn no_input_of_the_corpus_stops_a_parser() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scan/corpus");
    for format in &FORMATS {
        let text = std::fs::read_to_string(folder.join(format!("{}.txt", format.name))).unwrap();
        assert!(text.lines().count() > 10, "{}: the corpus is gone", format.name);
        let root = tempfile::tempdir().unwrap();
        let place = Place::new(root.path(), format);
        text.lines().for_each(|line| place.scan(&bytes(line)));
    }
}
