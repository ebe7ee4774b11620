//! What an event says by itself against the rules of its kind: no state is asked, so that many cores can judge many
//! events before one of them has a place.

use super::Code;
use proofs::signature;
use serde::Deserialize;
use spec::payload::{
    Attention, Command, RolloutWave, ScheduleRun, User, WitnessKey, witness_possession_bytes,
};
use spec::{Author, Header, Kind, Uuid};

/// Why an event cannot be accepted, whose payload fits the schema of its kind.
pub(crate) fn amiss(header: &Header, payload: &str) -> Option<Code> {
    let holds = match &header.kind {
        Kind::Attention => read(payload, |said: Attention| {
            by(header, "attention") && header.id == said.id(&header.org, header.node_id)
        }),
        Kind::Command => read(payload, |said| match said {
            Command::Issue(order) => header.node_id == Some(order.node),
            Command::Approve { .. } | Command::Cancel { .. } => true,
        }),
        Kind::Heartbeat => heartbeat_is_own(header, payload),
        Kind::RolloutWave => read(payload, |said: RolloutWave| is_decision(header) && header.id == said.id()),
        Kind::ScheduleRun => read(payload, |said: ScheduleRun| is_decision(header) && header.id == said.id()),
        Kind::User => read(payload, |said: User| header.author == Author::User(said.id(&header.ledger))),
        Kind::WitnessKey => read(payload, |said: WitnessKey| is_offer(header, &said)),
        // Whatever their schemas let them say.
        Kind::Acceptance
        | Kind::Ack
        | Kind::Admission
        | Kind::Assign
        | Kind::Authority
        | Kind::Baseline
        | Kind::ChainFork
        | Kind::ChainGap
        | Kind::ChainOpen
        | Kind::Clock
        | Kind::Contradiction
        | Kind::Custom(_)
        | Kind::Enrolment
        | Kind::Genesis
        | Kind::Goodbye
        | Kind::IdentityProvider
        | Kind::Incident
        | Kind::Invoice
        | Kind::Key
        | Kind::KeyRotation
        | Kind::KeyStatus
        | Kind::Labels
        | Kind::Member
        | Kind::Note
        | Kind::Notice
        | Kind::Org
        | Kind::Policy
        | Kind::PriceBook
        | Kind::Receipt
        | Kind::Recovery
        | Kind::Refusal
        | Kind::Reopen
        | Kind::Resolve
        | Kind::Rollout
        | Kind::Ruleset
        | Kind::Scan
        | Kind::Schedule
        | Kind::Seal
        | Kind::Service
        | Kind::SignInRule
        | Kind::Silence
        | Kind::Slo
        | Kind::Tag
        | Kind::Token
        | Kind::Usage
        | Kind::Webhook
        | Kind::WitnessSet => true,
    };
    (!holds).then_some(Code::BadPayload)
}

fn read<'a, T: Deserialize<'a>>(payload: &'a str, holds: impl FnOnce(T) -> bool) -> bool {
    serde_json::from_str(payload).is_ok_and(holds)
}

/// Whether the author is this part of the service.
fn by(header: &Header, service: &str) -> bool {
    matches!(&header.author, Author::Service(name) if name.as_str() == service)
}

/// A decision of the scheduler is about an organisation, and no tenant or node of it.
fn is_decision(header: &Header) -> bool {
    by(header, "scheduler") && header.tenant.is_none() && header.node_id.is_none()
}

/// A heartbeat speaks of the node that sends it and of no other.
fn heartbeat_is_own(header: &Header, payload: &str) -> bool {
    #[derive(Deserialize)]
    struct About {
        node_id: Uuid,
    }
    let node = match header.author {
        Author::Node(id) => Some(id).filter(|id| header.node_id.is_none_or(|about| about == *id)),
        _ => header.node_id,
    };
    node.is_some_and(|node| read(payload, |about: About| about.node_id == node))
}

/// A node offers to cosign under its own name, with a key that it has shown it holds and that signs no events.
fn is_offer(header: &Header, offer: &WitnessKey) -> bool {
    let statement = witness_possession_bytes(&offer.key, &header.ledger, &offer.name);
    offer.name.as_str() == header.author.to_string()
        && offer.key != header.key
        && signature::check_key(&offer.key).is_ok()
        && signature::verify(&offer.key, &statement, &offer.pop)
}
