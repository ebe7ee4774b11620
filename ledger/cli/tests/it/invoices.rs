//! What proves an invoice, checked by the executable alone.

use crate::support::{json, ledger};
use std::path::{Path, PathBuf};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn committed() -> PathBuf {
    crate::workspace::root().join("spec/vectors/invoice.jsonl")
}

#[test]
fn a_file_proves_its_invoice_and_nothing_else() {
    let file = committed();
    let proved = json(&["invoice", "verify", text(&file)], 0);
    assert_eq!(
        (&proved["org"], &proved["tenant"], &proved["currency"]),
        (&"acme".into(), &"prod".into(), &"EUR".into())
    );
    assert_eq!(proved["trust"], "unpinned");
    let (total, due) = (proved["total_cents"].as_i64().unwrap(), proved["due_cents"].as_i64().unwrap());
    assert_eq!(total - due, 13, "half a cent goes away from zero");
    let id = proved["ledger"].as_str().unwrap();
    let pinned = json(&["invoice", "verify", text(&file), "--trust", id], 0);
    assert_eq!(pinned["trust"], "pinned");
    assert_eq!(
        ledger(&["invoice", "verify", text(&file), "--trust", &"0".repeat(64)]).status.code(),
        Some(1)
    );

    let whole = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let dir = tempfile::tempdir().unwrap();
    let changed = dir.path().join("changed.jsonl");
    let verdict = |content: String| {
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&changed, content).unwrap();
        ledger(&["invoice", "verify", text(&changed)]).status.code()
    };
    let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    for n in 0..lines.len() {
        let mut without = lines.clone();
        let line = without.remove(n);
        // What is given back may be left out; then more is due.
        let expected = if line.contains("\"corrects\"") { Some(0) } else { Some(1) };
        assert_eq!(verdict(joined(&without)), expected, "without line {n}");
        let twice = [&lines[..], &[line]].concat();
        assert_eq!(verdict(joined(&twice)), Some(1), "line {n} twice");
    }
    for (from, to) in [
        ("\"quantity\":125", "\"quantity\":126"),
        ("\"cents\":9", "\"cents\":8"),
        ("\"base_cents\":4900", "\"base_cents\":4901"),
    ] {
        assert!(whole.contains(from), "{from}");
        assert_eq!(verdict(whole.replacen(from, to, 1)), Some(1), "{from}");
    }
    assert_eq!(verdict(String::new()), Some(1));
    assert_eq!(ledger(&["invoice", "verify", text(&dir.path().join("none"))]).status.code(), Some(3));
}
