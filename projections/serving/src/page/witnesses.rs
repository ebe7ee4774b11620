//! The page's witnesses: who must sign, and how old what they signed together is.

use super::{ago, state};
use ledger::Ledger;
use ledger::witness_set::{PlacedSet, set_at};
use ledger::witnessing::{Cosigned, LastSigned};
use maud::{Markup, html};
use proofs::checkpoint::check_cosignature;
use proofs::note::Note;
use spec::Timestamp;
use spec::payload::Witness;

/// From when on the newest checkpoint with its quorum counts as old: one is offered every minute.
const OLD_MS: u64 = 180_000;

/// The section, if the ledger names witnesses.
pub(super) fn section(ledger: &Ledger, now: Timestamp) -> Markup {
    let size = ledger.head().borrow().size;
    let set = ledger.directory(|directory| set_at(&directory.witness_sets, size).cloned());
    let cosigned = ledger.witnessing().cosigned().borrow().clone();
    html! {
        @if let Some(set) = set {
            p {
                "Quorum " (set.set.quorum) " of " (set.set.witnesses.len()) ". "
                (newest(ledger, cosigned.as_deref(), size, now))
            }
            table {
                thead {
                    tr { @for name in ["Witness", "Where", "Signed last", "When"] { th scope="col" { (name) } } }
                }
                tbody { @for witness in &set.set.witnesses { (row(ledger, witness, now)) } }
            }
        }
    }
}

/// How far the witnesses have come together.
fn newest(ledger: &Ledger, cosigned: Option<&Cosigned>, size: u64, now: Timestamp) -> Markup {
    let Some(cosigned) = cosigned else { return state("crit", "No checkpoint has its quorum yet") };
    let set = ledger.directory(|directory| set_at(&directory.witness_sets, cosigned.size).cloned());
    let at = set.and_then(|set| signed_at(&set, cosigned));
    let is_old =
        cosigned.size < size && at.is_some_and(|at| now.millis().saturating_sub(at.millis()) > OLD_MS);
    html! {
        "The newest checkpoint with its quorum has " (cosigned.size) " of " (size) " entries"
        @if let Some(at) = at {
            " and is " @if is_old { b.attn { (ago(now, at)) " old" } } @else { (ago(now, at)) " old" }
        }
        "."
    }
}

/// When the first of the witnesses signed it: it is no younger.
fn signed_at(set: &PlacedSet, cosigned: &Cosigned) -> Option<Timestamp> {
    let note = Note::parse(cosigned.note.as_bytes()).ok()?;
    let keys = set.note_keys();
    let lines = note
        .signatures
        .iter()
        .flat_map(|line| keys.iter().filter_map(|key| check_cosignature(&note.text, line, key).ok()));
    lines.map(|line| Timestamp::from_millis(line.time.saturating_mul(1000))).min()
}

fn row(ledger: &Ledger, witness: &Witness, now: Timestamp) -> Markup {
    let last = ledger.witnessing().last_signed(&witness.key);
    html! {
        tr data-witness=(witness.name) {
            th scope="row" { (witness.name) }
            td { @if witness.outside { "outside" } @else { "inside" } }
            @match last {
                Some(LastSigned { size, time }) => {
                    td { (size) " entries" }
                    td { (ago(now, Timestamp::from_millis(time.saturating_mul(1000)))) " ago" }
                },
                None => { td { "nothing since the service began" } td { "" } },
            }
        }
    }
}
