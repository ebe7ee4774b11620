//! What stands in the log in somebody else's name: headers that accusations quote, and versions of the rules.

use crate::fault::Fault;
use crate::replay::Replayed;
use crate::state::{State, quoted};
use proofs::signature;
use spec::Kind;
use spec::payload::{Admission, ChainFork, Genesis, Refusal};
use spec::rules::ADMISSION_VERSION;

/// Rules that are not known here are not guessed.
pub(super) fn check_version(kind: &Kind, json: &str) -> Result<(), Fault> {
    let version = match kind {
        Kind::Admission => serde_json::from_str(json).map(|said: Admission| said.version),
        Kind::Genesis => serde_json::from_str(json).map(|said: Genesis| said.admission),
        _ => return Ok(()),
    };
    match version {
        Ok(version) if version > ADMISSION_VERSION => {
            let detail =
                format!("version {version} of the admission rules is not known here; use a newer verifier");
            Err(Fault::new("admission-version", detail))
        }
        _ => Ok(()),
    }
}

/// What the ledger says that an author signed bears the author's signature; the place of a fork is the one the
/// author signed for, and can have been taken before.
pub(super) fn check_quote(state: &State, item: &Replayed) -> Result<(), Fault> {
    let json = item.record.payload.as_ref().map_or("", |p| &p.json);
    let shape = |e: serde_json::Error| Fault::new("payload-schema", e.to_string());
    let (header, sig, fork) = match item.record.entry.header.kind {
        Kind::ChainFork => {
            let fork: ChainFork = serde_json::from_str(json).map_err(shape)?;
            (fork.header, fork.sig, Some((fork.key, fork.place)))
        }
        Kind::Refusal => {
            let refusal: Refusal = serde_json::from_str(json).map_err(shape)?;
            (refusal.header, refusal.sig, None)
        }
        _ => return Ok(()),
    };
    let fault = |detail| Fault::new("signature", detail);
    let signed = quoted(&header, &sig).filter(|(header, _)| {
        header.ledger == state.ledger && signature::verify(&header.key, &header.signing_bytes(), &sig)
    });
    let Some((header, _)) = signed else {
        return Err(fault("it quotes an event that its author did not sign"));
    };
    let Some((key, place)) = fork else { return Ok(()) };
    let taken = header.chain.as_ref().is_some_and(|link| {
        let known = state.keys.get(&key).is_some_and(|record| record.may_hold(link));
        header.key == key && link.epoch == place.epoch && link.seq == place.seq && known
    });
    if taken { Ok(()) } else { Err(fault("the event it quotes is not for a place that was taken")) }
}
