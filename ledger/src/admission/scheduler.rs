//! What the ledger's scheduler may say.

use super::{Candidate, Check, Code, parse};
use crate::state::LEDGER_ORG;
use spec::kind::Speaker;
use spec::payload::Command;
use spec::{Author, Kind, Uuid, Via};

/// The scheduler says what it decides, and gives the commands that follow; `via` names what it rests on.
pub(super) fn check(candidate: &Candidate<'_>, via: &Via, speaker: Speaker) -> Check {
    let header = candidate.header;
    let orders = || Ok(matches!(parse::<Command>(candidate.payload)?, Command::Issue(_)));
    let allowed = match (&header.kind, speaker) {
        (Kind::Command, _) => orders()?,
        (_, speaker) => speaker == Speaker::Scheduler,
    };
    let own = matches!(&header.author, Author::Service(name) if name.as_str() == "scheduler");
    let names = via.subject.as_ref().is_some_and(|subject| subject.as_str().parse::<Uuid>().is_ok());
    if !own || !names || !allowed {
        return Err(Code::NotAllowed);
    }
    if header.org.as_str() == LEDGER_ORG { Err(Code::WrongOrg) } else { Ok(()) }
}
