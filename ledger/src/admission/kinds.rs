//! The rules of each kind against the state: what it may say, and which things it speaks of must be there.
//!
//! Every kind stands in one arm, so that none is let through without a decision. What a kind says by itself, whatever
//! the state, is judged in [`super::alone`].

use super::{Candidate, Check, Code, parse};
use crate::state::{KeyRecord, LEDGER_ORG, State};
use proofs::signature;
use spec::payload::{
    Admission, Clock, Command, CommandOrder, Enrolment, KeySignature, KeyStatus, Token, WitnessKey,
    command_bytes,
};
use spec::rules::{ADMISSION_VERSION, JUDGES_CONTENT};
use spec::{Author, Header, KeyUse, Kind, Timestamp};

impl State {
    /// Whether this version of the rules judges what kinds say.
    pub(crate) fn judges_content(&self) -> bool {
        self.admission >= JUDGES_CONTENT
    }

    pub(super) fn check_kind(&self, candidate: &Candidate<'_>, record: &KeyRecord, now: Timestamp) -> Check {
        let Candidate { header, payload, amiss, .. } = *candidate;
        amiss.map_or(Ok(()), Err)?;
        match &header.kind {
            Kind::Admission => self.check_going_over(parse(payload)?),
            Kind::Authority => self.check_authority(&parse(payload)?),
            Kind::Clock => self.check_clock(&parse(payload)?, now),
            Kind::Enrolment => self.check_enrolment(header, &parse(payload)?),
            Kind::Genesis => Err(Code::NotAllowed),
            Kind::Labels if self.judges_content() => self.check_labelled(header),
            Kind::Key => self.check_introduction(header, &parse(payload)?, now),
            Kind::KeyRotation => self.check_rotation(header, record, &parse(payload)?),
            Kind::KeyStatus => self.check_key_status(header, &parse(payload)?),
            Kind::IdentityProvider => self.check_provider(&parse(payload)?),
            Kind::Member => self.check_member(header, &parse(payload)?, now),
            Kind::Org => self.check_org(header, &parse(payload)?, now),
            Kind::SignInRule => self.check_rule(header, &parse(payload)?, now),
            Kind::Token => self.check_api_token(header, &parse(payload)?),
            Kind::WitnessSet => self.check_witness_set(&parse(payload)?),
            Kind::ChainFork | Kind::Command | Kind::Refusal | Kind::WitnessKey if !self.judges_content() => {
                Ok(())
            }
            Kind::ChainFork => self.check_fork(header, &parse(payload)?, now),
            Kind::Command => match parse(payload)? {
                Command::Issue(order) => self.check_order(header, &order),
                Command::Approve { .. } | Command::Cancel { .. } => Ok(()),
            },
            Kind::Refusal => self.check_refusal(header, &parse(payload)?, now),
            Kind::WitnessKey => self.check_offer(header, &parse(payload)?),
            // They change nothing that admission rests on, and speak of nothing that it knows.
            Kind::Acceptance
            | Kind::Ack
            | Kind::Assign
            | Kind::Attention
            | Kind::Baseline
            | Kind::ChainGap
            | Kind::ChainOpen
            | Kind::Contradiction
            | Kind::Custom(_)
            | Kind::Goodbye
            | Kind::Heartbeat
            | Kind::Incident
            | Kind::Invoice
            | Kind::Labels
            | Kind::Note
            | Kind::Notice
            | Kind::Policy
            | Kind::PriceBook
            | Kind::Receipt
            | Kind::Recovery
            | Kind::Reopen
            | Kind::Resolve
            | Kind::Rollout
            | Kind::RolloutWave
            | Kind::Ruleset
            | Kind::Scan
            | Kind::Schedule
            | Kind::ScheduleRun
            | Kind::Seal
            | Kind::Service
            | Kind::Silence
            | Kind::Slo
            | Kind::Tag
            | Kind::Usage
            | Kind::User
            | Kind::Webhook => Ok(()),
        }
    }

    /// One version after the other, and none that nobody here knows.
    fn check_going_over(&self, payload: Admission) -> Check {
        let next = payload.version == self.admission + 1 && payload.version <= ADMISSION_VERSION;
        if next { Ok(()) } else { Err(Code::BadPayload) }
    }

    /// Whether the clock is set back from where it stands, to when this is recorded, with the recovery threshold.
    pub(crate) fn check_clock(&self, said: &Clock, now: Timestamp) -> Check {
        let recovery = self.recovery.as_ref().ok_or(Code::BadAuthority)?;
        if said.after != self.head || said.last != self.last_recorded || said.time != now {
            return Err(Code::BadAuthority);
        }
        let message = said.bytes(&self.ledger);
        let of_ours = |s: &&KeySignature| recovery.keys.contains(&s.key);
        let valid = said.signatures.iter().filter(of_ours);
        let valid = valid.filter(|s| signature::verify(&s.key, &message, &s.sig)).count() as u64;
        if valid >= recovery.threshold { Ok(()) } else { Err(Code::BadAuthority) }
    }

    fn check_key_status(&self, header: &Header, payload: &KeyStatus) -> Check {
        let record = self.keys.get(&payload.key).ok_or(Code::UnknownKey)?;
        match record.key_use {
            // Who is in the witness set is for the set to say.
            KeyUse::Witness if record.author.is_none() => Err(Code::WrongUse),
            KeyUse::Node | KeyUse::Device | KeyUse::Witness if record.org == header.org => Ok(()),
            KeyUse::Node | KeyUse::Device | KeyUse::Witness => Err(Code::WrongOrg),
            KeyUse::Recovery
            | KeyUse::Checkpoint
            | KeyUse::CheckpointSha256
            | KeyUse::Service
            | KeyUse::Command => Err(Code::WrongUse),
        }
    }

    fn check_enrolment(&self, header: &Header, payload: &Enrolment) -> Check {
        match payload {
            Enrolment::Create { org, uses, token, .. } => {
                if org.as_str() == LEDGER_ORG || *org != header.org {
                    return Err(Code::WrongOrg);
                }
                let fresh = *uses > 0 && !self.enrolments.contains_key(token);
                if fresh { Ok(()) } else { Err(Code::BadPayload) }
            }
            Enrolment::Revoke { token } => match self.enrolments.get(token) {
                None => Err(Code::TokenUnknown),
                Some(state) if state.org != header.org => Err(Code::WrongOrg),
                Some(_) => Ok(()),
            },
        }
    }

    fn check_api_token(&self, header: &Header, payload: &Token) -> Check {
        match payload {
            Token::Create { org, id, .. } => {
                if *org != header.org {
                    return Err(Code::WrongOrg);
                }
                if self.tokens.contains_key(id) { Err(Code::DuplicateId) } else { Ok(()) }
            }
            Token::Revoke { id } => match self.tokens.get(id) {
                None => Err(Code::TokenUnknown),
                Some(state) if state.org != header.org => Err(Code::WrongOrg),
                Some(_) => Ok(()),
            },
        }
    }

    /// Labels are those of a node, and of none of another organisation.
    fn check_labelled(&self, header: &Header) -> Check {
        let node = header.node_id.ok_or(Code::BadPayload)?;
        let known = self.authors.get(&Author::Node(node)).and_then(|key| self.keys.get(key));
        if known.is_some_and(|record| record.org != header.org) { Err(Code::WrongOrg) } else { Ok(()) }
    }

    /// An order goes to no node of another organisation, and is signed by the command key of this place.
    fn check_order(&self, header: &Header, order: &CommandOrder) -> Check {
        let known = self.authors.get(&Author::Node(order.node)).and_then(|key| self.keys.get(key));
        if known.is_some_and(|record| record.org != header.org) {
            return Err(Code::WrongOrg);
        }
        let key = self.current_key(KeyUse::Command).ok_or(Code::UnknownKey)?;
        let signed = signature::verify(&key, &command_bytes(order, &self.ledger), &order.sig);
        if signed { Ok(()) } else { Err(Code::BadSignature) }
    }

    /// A node offers a key that is for nothing else, in its own chain.
    fn check_offer(&self, header: &Header, offer: &WitnessKey) -> Check {
        if header.chain.is_none() {
            return Err(Code::NotAllowed);
        }
        let other = self.keys.get(&offer.key).is_some_and(|known| known.key_use != KeyUse::Witness);
        if other { Err(Code::BadPayload) } else { Ok(()) }
    }
}
