//! Snapshots: folds that were put down and taken up again are those that never were.

use crate::entries::folded;
use crate::facts::facts;
use crate::fleet::{fold, records};
use projections::Projections;
use proptest::prelude::*;
use spec::{Entry, Record};

proptest! {
    /// A snapshot says everything: what is folded onto it leads to what all entries lead to.
    #[test]
    fn a_snapshot_goes_on_as_the_whole(facts in facts(), cut in any::<prop::sample::Index>()) {
        let (cut, records) = (cut.index(facts.len() + 1), records(&facts));
        let snapshot = folded(&records[..cut]).snapshot();
        let mut restored = Projections::restore(&snapshot).unwrap();
        prop_assert_eq!(String::from_utf8(restored.snapshot()), String::from_utf8(snapshot));
        for record in &records[cut..] {
            restored.apply(record).unwrap();
        }
        let whole = folded(&records);
        prop_assert_eq!(restored.digests(), whole.digests());
        prop_assert_eq!(String::from_utf8(restored.snapshot()), String::from_utf8(whole.snapshot()));
    }
}

proptest! {
    /// A committed line is read as any line is, whatever was said in it.
    #[test]
    fn a_committed_line_reads_as_any(facts in facts()) {
        for record in records(&facts) {
            let line = String::from_utf8(record.to_line()).unwrap();
            let strict = Record::parse(&line).ok().map(|record| (record.entry, record.payload));
            prop_assert_eq!(Entry::committed(&line).ok(), strict);
        }
    }
}

#[test]
fn what_is_no_snapshot_of_these_folds_is_refused() {
    let snapshot = String::from_utf8(fold(&[]).snapshot()).unwrap();
    assert!(Projections::restore(snapshot.as_bytes()).is_ok());
    let older = snapshot.replacen("\"fleet\":1", "\"fleet\":0", 1);
    assert_ne!(older, snapshot);
    for wrong in [&older, "", "{}", &snapshot[..snapshot.len() - 1], &snapshot.replacen("size", "sizes", 1)] {
        assert!(Projections::restore(wrong.as_bytes()).is_err(), "{wrong}");
    }
}
