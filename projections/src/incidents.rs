//! Incidents: what somebody has to look after, from the time it began until it is over.
//!
//! Attention opens one for each thing that is wrong with a node or a site, whatever the degree, and one for all that
//! scans found on a node, and resolves it; people open others. Only what is in the log counts: an announced change, or what a person said.
//!
//! ```text
//! opened    attention announced a reason, a storm or flapping; or an `incident` event
//! acked     `ack`, until it expires or the band gets worse
//! resolved  attention announced its end; or `resolve`
//! reopened  `reopen`, or the same thing again within a quarter of an hour
//! ```
//!
//! Notes, tags and whose it is change nothing about how it stands. A silence keeps it from being told elsewhere; what
//! is still open when the silence ends is told then.

mod bounds;
mod by_matter;
mod incident;
mod posture;
mod silences;
mod webhooks;

pub use bounds::{MAX_REMARK_BYTES, MAX_REPORTED_REMARK_BYTES};
pub use incident::{Acked, By, Incident, IncidentState, MAX_NOTES, MAX_TAGS, MAX_TEXT_BYTES, Matter, Remark};
pub use silences::{MAX_SILENCES, Silence, Silences};
pub use webhooks::{
    BandChange, DeliveryAttempt, GROUP_MS, Happening, MAX_GROUP, MAX_OWED, Message, PAUSES_MS, Webhook,
    WebhookStanding, Webhooks,
};

use crate::Projection;
use crate::attention::{Findings, Reason};
use crate::fact::{Fact, Said};
use crate::fold::part;
use bounds::{Remarks, Reports};
use incident::cut;
use posture::{POSTURE, Singles, Told};
use serde::{Deserialize, Serialize};
use spec::payload::{self, Attention, AttentionChange, Band, Onset, ReasonState, WeighedReason};
use spec::{Author, Hash, Name, Severity, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Incidents that are over and still known, the newest of an organisation.
pub const MAX_RESOLVED: usize = 1000;

/// Incidents of an organisation that are not over; of more the oldest are taken as resolved, reports before what
/// attention opened.
pub const MAX_OPEN: usize = 20_000;

/// Incidents that a person or a token reported and that are not over; further ones are only in the log.
pub const MAX_REPORTED: usize = 1000;

/// The same of a node, a device or an import: what needs a look is seen by the first few.
pub const MAX_REPORTED_BY_NODE: usize = 64;

/// The same thing again within this time is the same incident, in milliseconds.
pub const REOPEN_MS: u64 = 15 * 60_000;

/// The topic of what a person reported.
const PERSONS: &str = "incident";

/// What a webhook that is told of changes of bands wants.
const BAND_TYPE: &str = "attention.band";

/// The incidents of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incidents {
    /// How what scans find is told.
    findings: Findings,
    orgs: BTreeMap<Name, OrgIncidents>,
    /// When the first silence over something that is open ends.
    loud_at: Option<Timestamp>,
}

/// The incidents of one organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgIncidents {
    incidents: BTreeMap<Hash, Incident>,
    /// The newest incident about each thing that attention found.
    #[serde(with = "by_matter")]
    about: BTreeMap<Matter, Hash>,
    /// Those that are over, in the order in which that came about.
    resolved: VecDeque<Hash>,
    silences: Silences,
    webhooks: Webhooks,
    singles: Singles,
    #[serde(default)]
    reports: Reports,
    #[serde(default)]
    remarks: Remarks,
    /// Open ones that were not told because of a silence.
    quiet: BTreeSet<Hash>,
    /// When the first silence over one of those ends.
    loud_at: Option<Timestamp>,
    /// What became of incidents by the entry that is being taken in.
    #[serde(skip)]
    happened: Vec<(Turn, Hash)>,
}

/// What becomes of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Opened,
    Acked,
    Reopened,
    Resolved,
}

impl Turn {
    fn r#type(self) -> &'static str {
        match self {
            Self::Opened => "incident.opened",
            Self::Acked => "incident.acked",
            Self::Reopened => "incident.reopened",
            Self::Resolved => "incident.resolved",
        }
    }

    /// Whose doing it was.
    fn by(self, incident: &Incident) -> Option<&By> {
        match self {
            Self::Opened => Some(&incident.opened),
            Self::Acked => incident.acked.as_ref().map(|acked| &acked.by),
            Self::Reopened => incident.reopened.as_ref(),
            Self::Resolved => incident.resolved.as_ref(),
        }
    }
}

impl Incidents {
    /// Incidents by the rules of one of their versions, 2 or 3; `None` for others, which nobody has any more.
    pub fn of_version(version: u64) -> Option<Self> {
        let findings = match version {
            2 => Findings::Each,
            Self::VERSION => Findings::AsPosture,
            _ => return None,
        };
        Some(Self { findings, ..Self::default() })
    }

    /// The incidents of every organisation that has some.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &OrgIncidents)> {
        self.orgs.iter()
    }

    /// The incidents of an organisation.
    pub fn of(&self, org: &Name) -> Option<&OrgIncidents> {
        self.orgs.get(org)
    }
}

impl OrgIncidents {
    /// All that are known, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// The incident with an id.
    pub fn get(&self, id: &Hash) -> Option<&Incident> {
        self.incidents.get(id)
    }

    /// The silences.
    pub fn silences(&self) -> &Silences {
        &self.silences
    }

    /// The webhooks.
    pub fn webhooks(&self) -> &Webhooks {
        &self.webhooks
    }

    fn open(&mut self, incident: Incident, findings: Findings) {
        self.happened.push((Turn::Opened, incident.id));
        self.about.insert(incident.matter.clone(), incident.id);
        self.reports.begun(&incident);
        self.incidents.insert(incident.id, incident);
        if self.count_open() > MAX_OPEN {
            let unresolved = self.incidents.values().filter(|incident| incident.resolved.is_none());
            let goes_first = |incident: &Incident| {
                let stays = !findings.takes_nodes_at_their_word() && incident.matter.topic != PERSONS;
                (stays, incident.opened.seq)
            };
            let oldest = unresolved.min_by_key(|incident| goes_first(incident));
            if let Some((id, by)) = oldest.map(|incident| (incident.id, incident.opened.clone())) {
                self.resolve(&id, By { author: None, ..by });
            }
        }
    }

    fn count_open(&self) -> usize {
        self.incidents.len() - self.resolved.len()
    }

    /// Whether a report is one too many: what is reported takes no place of what attention found.
    fn is_full_for(&mut self, fact: &Fact<'_>) -> bool {
        let author = &fact.header.author;
        let by_person = fact.is_by_a_person() && !matches!(author, Author::Import(_));
        let most = if by_person { MAX_REPORTED } else { MAX_REPORTED_BY_NODE };
        self.count_open() >= MAX_OPEN || self.reports.of(author, &self.incidents) >= most
    }

    fn resolve(&mut self, id: &Hash, by: By) {
        let Some(incident) = self.incidents.get_mut(id).filter(|incident| incident.resolved.is_none()) else {
            return;
        };
        self.reports.over(incident);
        incident.resolve(by);
        self.happened.push((Turn::Resolved, *id));
        self.resolved.push_back(*id);
        if self.resolved.len() > MAX_RESOLVED
            && let Some(oldest) = self.resolved.pop_front()
            && let Some(gone) = self.incidents.remove(&oldest)
        {
            gone.notes.iter().for_each(|note| self.remarks.gone(note));
            if self.about.get(&gone.matter) == Some(&oldest) {
                self.about.remove(&gone.matter);
            }
        }
    }

    fn reopen(&mut self, id: &Hash, by: By) {
        let Some(incident) = self.incidents.get_mut(id).filter(|incident| incident.resolved.is_some()) else {
            return;
        };
        self.reports.begun(incident);
        incident.reopen(by);
        self.happened.push((Turn::Reopened, *id));
        self.resolved.retain(|other| other != id);
    }

    /// Something is wrong: a new incident, or one that is known already.
    fn begins(
        &mut self,
        (matter, title): (Matter, String),
        band: Band,
        id: Hash,
        by: By,
        findings: Findings,
    ) {
        let known = self.about.get(&matter).copied();
        let known = known.and_then(|id| self.incidents.get_mut(&id));
        match known {
            Some(incident) if incident.resolved.is_none() => {
                incident.title = title;
                incident.be(band);
            }
            Some(incident) if recently(incident.resolved.as_ref(), by.at) => {
                (incident.title, incident.band) = (title, band);
                let id = incident.id;
                self.reopen(&id, by);
            }
            _ => self.open(new(id, matter, title, band, by), findings),
        }
    }

    fn ends(&mut self, matter: &Matter, by: By) {
        if let Some(id) = self.about.get(matter).copied() {
            self.resolve(&id, by);
        }
    }

    /// Takes in a change that attention announced.
    fn announced(&mut self, fact: &Fact<'_>, announced: &Attention, findings: Findings) {
        let as_posture = findings == Findings::AsPosture;
        let by = By { author: None, ..by(fact) };
        let about = |topic: &str, subject: &str| Matter {
            tenant: fact.header.tenant.clone(),
            node_id: fact.header.node_id,
            site: None,
            topic: topic.to_owned(),
            subject: subject.to_owned(),
        };
        let (matter, title, begins) = match &announced.change {
            AttentionChange::Reason { posture, reason, subject, state, weight } => {
                let known = Reason::from_word(reason.as_str());
                let topic = match known {
                    Some(reason) => reason.topic(),
                    None => reason.as_str(),
                };
                let subject = subject.as_deref().unwrap_or_default();
                if let Some(known) = known.filter(|known| as_posture && known.is_finding()) {
                    let (finding, posture) = ((known, subject, *weight), posture.as_ref());
                    let told = Told { finding, state: *state, posture, event: fact.event_hash(), by };
                    self.found(about(POSTURE, ""), told);
                    return;
                }
                let title = format!("{reason} {subject}").trim_end().to_owned();
                (about(topic, subject), title, *state == ReasonState::Firing)
            }
            AttentionChange::Flapping { state } => {
                (about("flapping", ""), "flapping".to_owned(), *state == Onset::Began)
            }
            AttentionChange::Storm { site, state, nodes, of } => {
                let matter = Matter { site: Some(site.clone()), ..about("storm", "") };
                (matter, format!("{nodes} of {of} nodes of {site} are silent"), *state == Onset::Began)
            }
            AttentionChange::Band { from, to, reasons } => {
                self.band(fact, announced, (*from, *to), reasons);
                self.follow(&about("", ""), *to, findings);
                return;
            }
        };
        // A reason that only shows something still is worth a look while it is there.
        let band = announced.band.max(Band::Attn);
        if begins {
            self.begins((matter, title), band, fact.event_hash(), by, findings);
        } else {
            self.ends(&matter, by);
        }
    }

    /// What attention found on a node is as grave as the node stands. A posture is as grave as what is found, whatever
    /// else is wrong with the node, and what is reported as whoever reported it said.
    fn follow(&mut self, node: &Matter, to: Band, findings: Findings) {
        let follows = |incident: &Incident| {
            let own = [PERSONS, POSTURE].contains(&incident.matter.topic.as_str());
            !own && incident.resolved.is_none() && incident.matter.node_id == node.node_id
        };
        if findings.takes_nodes_at_their_word() {
            self.incidents.values_mut().filter(|one| follows(one)).for_each(|one| one.be(to));
            return;
        }
        let matters = self.about.range(node..);
        let of_node =
            matters.take_while(|(about, _)| (&about.tenant, about.node_id) == (&node.tenant, node.node_id));
        for id in of_node.map(|(_, id)| id) {
            if let Some(incident) = self.incidents.get_mut(id).filter(|incident| follows(incident)) {
                incident.be(to);
            }
        }
    }

    /// Takes in an incident that somebody opened.
    fn reported(&mut self, fact: &Fact<'_>, incident: &payload::Incident, findings: Findings) {
        if !findings.takes_nodes_at_their_word() && self.is_full_for(fact) {
            return;
        }
        let id = fact.event_hash();
        let matter = Matter {
            tenant: fact.header.tenant.clone(),
            node_id: fact.header.node_id,
            site: None,
            topic: PERSONS.to_owned(),
            subject: id.to_hex(),
        };
        let band = if fact.header.severity >= Some(Severity::High) { Band::Crit } else { Band::Attn };
        let opened = new(id, matter, incident.title.clone(), band, by(fact));
        let mut text = incident.text.clone();
        let is_cut = !findings.takes_nodes_at_their_word() && text.as_mut().is_some_and(cut);
        self.open(Incident { text, is_cut, ..opened }, findings);
    }

    fn silence(&mut self, fact: &Fact<'_>, silence: &payload::Silence) {
        match silence {
            payload::Silence::Create { expires_at, node, reason, subject, tenant, text } => {
                self.silences.add(Silence {
                    id: fact.event_hash(),
                    by: by(fact),
                    text: text.clone(),
                    until: *expires_at,
                    node_id: *node,
                    reason: reason.clone(),
                    subject: subject.clone(),
                    tenant: tenant.clone(),
                });
            }
            payload::Silence::End { silence } => {
                self.silences.end(silence, fact.at);
                self.loud_at = self.loud_at.map(|at| at.min(fact.at));
            }
        }
    }

    /// A node's band changed: those who want to know of bands are told, unless it is silenced as a whole.
    fn band(
        &mut self,
        fact: &Fact<'_>,
        announced: &Attention,
        (from, to): (Band, Band),
        why: &[WeighedReason],
    ) {
        let (node_id, tenant) = (fact.header.node_id, fact.header.tenant.clone());
        let topic = "band".to_owned();
        let matter = Matter { tenant: tenant.clone(), node_id, site: None, topic, subject: String::new() };
        if !self.webhooks.wants(BAND_TYPE) || self.silences.over(&matter, fact.at).is_some() {
            return;
        }
        let band = BandChange { node_id, tenant, from, to, score: announced.score, reasons: why.to_vec() };
        let by = By { author: None, ..by(fact) };
        self.owe(BAND_TYPE, &Happening { event: fact.event_hash(), by, incident: None, band: Some(band) });
    }

    fn owe(&mut self, r#type: &str, happening: &Happening) {
        if let Ok(r#type) = r#type.parse() {
            self.webhooks.owe(&r#type, happening);
        }
    }

    /// Owes the webhooks what became of incidents by this entry.
    fn tell(&mut self, fact: &Fact<'_>) {
        for (turn, id) in std::mem::take(&mut self.happened) {
            let Some(incident) = self.incidents.get(&id) else { continue };
            if matches!(turn, Turn::Opened | Turn::Reopened) {
                if let Some(silence) = self.silences.over(&incident.matter, fact.at) {
                    self.loud_at = self.loud_at.into_iter().chain([silence.until]).min();
                    self.quiet.insert(id);
                    continue;
                }
                self.quiet.remove(&id);
            } else if self.quiet.contains(&id) {
                // Nobody was told that it began.
                if turn == Turn::Resolved {
                    self.quiet.remove(&id);
                }
                continue;
            }
            if self.webhooks.wants(turn.r#type()) {
                // What was silenced is told later than it came about.
                let event = if turn == Turn::Opened { id } else { fact.event_hash() };
                let author = turn.by(incident).and_then(|by| by.author.clone());
                let incident = Some(Incident { notes: Vec::new(), ..incident.clone() });
                let by = By { author, ..by(fact) };
                self.owe(turn.r#type(), &Happening { event, by, incident, band: None });
            }
        }
    }

    /// Silences may have ended: what they covered and is still open is told now.
    fn speak_up(&mut self, fact: &Fact<'_>) {
        if self.loud_at.is_none_or(|at| at > fact.at) {
            return;
        }
        self.loud_at = None;
        self.happened = self.quiet.iter().map(|id| (Turn::Opened, *id)).collect();
        self.tell(fact);
    }

    /// What somebody says of an incident, unless it is of another organisation, or long forgotten.
    fn answered(&mut self, fact: &Fact<'_>, findings: Findings) {
        let happened = &mut self.happened;
        let mut on = |target: &Hash, work: &mut dyn FnMut(&mut Incident)| {
            if let Some(incident) = self.incidents.get_mut(target) {
                work(incident);
            }
        };
        let remarks = &mut self.remarks;
        let mut say = |incident: &mut Incident, text: Option<&String>| {
            let Some(text) = text else { return };
            let remark = Remark::new(by(fact), text, findings);
            remarks.made(incident.id, &remark);
            incident.note(remark, findings).iter().for_each(|gone| remarks.gone(gone));
        };
        match &fact.said {
            Said::Ack(ack) => on(&ack.target, &mut |incident| {
                say(incident, ack.text.as_ref());
                if incident.resolved.is_none() {
                    incident.ack(by(fact), ack.expires_at);
                    happened.push((Turn::Acked, incident.id));
                }
            }),
            Said::Assign(assign) => on(&assign.target, &mut |incident| {
                incident.assignee.clone_from(&assign.assignee);
                say(incident, assign.text.as_ref());
            }),
            Said::Note(note) => {
                if let Some(target) = &note.target {
                    on(target, &mut |incident| say(incident, Some(&note.text)));
                }
            }
            Said::Tag(tag) => on(&tag.target, &mut |incident| incident.tag(&tag.tags)),
            Said::Reopen(reply) => {
                on(&reply.target, &mut |incident| say(incident, reply.text.as_ref()));
                self.reopen(&reply.target, by(fact));
            }
            Said::Resolve(reply) => {
                on(&reply.target, &mut |incident| say(incident, reply.text.as_ref()));
                self.resolve(&reply.target, by(fact));
            }
            _ => {}
        }
        if !findings.takes_nodes_at_their_word() {
            self.remarks.fit(&mut self.incidents);
        }
    }
}

fn new(id: Hash, matter: Matter, title: String, band: Band, by: By) -> Incident {
    Incident {
        id,
        matter,
        title,
        text: None,
        is_cut: false,
        band,
        opened: by,
        reopened: None,
        acked: None,
        resolved: None,
        assignee: None,
        tags: BTreeSet::new(),
        notes: Vec::new(),
        posture: None,
    }
}

fn by(fact: &Fact<'_>) -> By {
    By { author: Some(fact.header.author.clone()), at: fact.at, seq: fact.seq }
}

fn recently(resolved: Option<&By>, now: Timestamp) -> bool {
    resolved.is_some_and(|by| now.millis().saturating_sub(by.at.millis()) <= REOPEN_MS)
}

impl Projection for Incidents {
    const NAME: &'static str = "incidents";
    const VERSION: u64 = 3;

    fn apply(&mut self, fact: &Fact<'_>) {
        let org = &fact.header.org;
        match &fact.said {
            Said::Webhook(webhook) => {
                self.orgs.entry(org.clone()).or_default().webhooks.set(webhook, by(fact));
            }
            Said::Notice(notice) => {
                if let Some(incidents) = self.orgs.get_mut(org) {
                    incidents.webhooks.told(notice, By { author: None, ..by(fact) });
                }
            }
            Said::Attention(announced) => {
                self.orgs.entry(org.clone()).or_default().announced(fact, announced, self.findings);
            }
            Said::Incident(incident) => {
                self.orgs.entry(org.clone()).or_default().reported(fact, incident, self.findings);
            }
            Said::Clock(_) => self.orgs.values_mut().for_each(|own| own.webhooks.set_back(fact.at)),
            Said::Silence(silence) => {
                self.orgs.entry(org.clone()).or_default().silence(fact, silence);
            }
            Said::Ack(_)
            | Said::Assign(_)
            | Said::Note(_)
            | Said::Reopen(_)
            | Said::Resolve(_)
            | Said::Tag(_) => {
                // Nodes report, and people answer; a remark is anybody's.
                let heard = matches!(fact.said, Said::Note(_)) || fact.is_by_a_person();
                if !heard && !self.findings.takes_nodes_at_their_word() {
                    return;
                }
                if let Some(incidents) = self.orgs.get_mut(org) {
                    incidents.answered(fact, self.findings);
                }
            }
            _ => {}
        }
        if let Some(incidents) = self.orgs.get_mut(org).filter(|incidents| !incidents.happened.is_empty()) {
            incidents.tell(fact);
            self.loud_at = self.loud_at.into_iter().chain(incidents.loud_at).min();
        }
        if self.loud_at.is_some_and(|at| at <= fact.at) || matches!(fact.said, Said::Silence(_)) {
            self.orgs.values_mut().for_each(|incidents| incidents.speak_up(fact));
            self.loud_at = self.orgs.values().filter_map(|incidents| incidents.loud_at).min();
        }
    }

    fn orgs(&self) -> Vec<&Name> {
        self.orgs.keys().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        #[derive(Serialize)]
        struct Part<'a> {
            incidents: Vec<&'a Incident>,
            silences: Vec<&'a Silence>,
            webhooks: Vec<&'a WebhookStanding>,
        }
        let of = self.orgs.get(org);
        part(&Part {
            incidents: of.into_iter().flat_map(OrgIncidents::iter).collect(),
            silences: of.into_iter().flat_map(|of| of.silences.iter()).collect(),
            webhooks: of.into_iter().flat_map(|of| of.webhooks.iter()).map(|hook| &hook.standing).collect(),
        })
    }
}
