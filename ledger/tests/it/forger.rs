//! Somebody who holds the ledger's keys and keeps none of its rules: writes any line, group or side file, and
//! makes every hash that nobody signed fit. Admission is never asked.

use crate::support::{
    Node, Place, START, StorageSource, admin, append, draft, enrol, key, name, run, signed,
};
use ledger::Ledger;
use ledger::audit::{Audit, SegmentBytes, audit};
use ledger::fault::Fault;
use ledger::replay::replay_group;
use ledger::segment::{Next, next_group};
use ledger::state::{State, key_path, key_value};
use ledger::storage::{segment_first, segment_name};
use ledger::verify::{CheckStatus, Options, Report, Source, Verdict, verify_log};
use proofs::bundle::{Bundle, Included, KeyProof};
use proofs::proofchain::{ProofChain, Row};
use proofs::tile::{Tiles, consistency_proof, inclusion_proof};
use proofs::{Blake3, Checkpoint, Frontier, SigningKey, TreeHash as _};
use serde_json::{Value, json};
use spec::entry::{Entry, Lane, Position};
use spec::payload::{Seal, authority_bytes, possession_bytes};
use spec::{Author, Commit, Event, Hash, Header, KeyUse, Kind, Name, Record, Timestamp, Via};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

pub(crate) const ROOT: &str = "ROOT.txt";
pub(crate) const CHAIN: &str = "PROOFCHAIN.json";

/// A ledger's files in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

impl Files {
    pub(crate) fn of(place: &Place) -> Self {
        let mut files = BTreeMap::new();
        for (first, bytes) in place.segments() {
            files.insert(segment_name(first), bytes);
        }
        let ids = StorageSource(&*place.storage).list("ids").unwrap();
        let ids = ids.iter().map(|file| format!("ids/{file}"));
        for file in [ROOT, CHAIN].map(str::to_owned).into_iter().chain(ids) {
            let bytes = place.get(&file).unwrap();
            files.insert(file, bytes);
        }
        Self(files)
    }

    /// Name of the newest segment.
    pub(crate) fn last_segment(&self) -> String {
        segment_name(self.segments().unwrap().last().unwrap().0)
    }
}

impl Source for Files {
    fn segments(&self) -> Result<Vec<(u64, u64)>, Fault> {
        let names = self.0.iter().filter_map(|(name, bytes)| {
            Some((segment_first(name.strip_prefix("log/")?)?, bytes.len() as u64))
        });
        Ok(names.collect())
    }

    fn segment(&self, first: u64) -> Result<Vec<u8>, Fault> {
        Ok(self.0[&segment_name(first)].clone())
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.0.get(name).cloned())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        let prefix = format!("{folder}/");
        Ok(self.0.keys().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect())
    }
}

/// An honest ledger to start from: several segments, three seals, a node with a chain.
#[derive(Debug, Clone)]
struct Honest {
    files: Files,
    place: Place,
    ledger: Ledger,
    node: Node,
    /// A bundle of the node's second note.
    bundle: Bundle,
}

/// The one honest ledger of all tests: each forges a copy of its files.
fn honest() -> Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(make).clone()
}

fn make() -> Honest {
    let place = Place::memory();
    run(async {
        let ledger = place.start().await;
        let mut node = enrol(&place, &ledger, "acme").await;
        for _ in 0..3 {
            let events = node.notes(3);
            append(&ledger, events).await.unwrap();
            place.clock.advance(1000);
            ledger.seal().await.unwrap().unwrap();
        }
        let bundle = ledger::bundle::build(&ledger, 4).await.unwrap();
        ledger.close(false);
        let files = Files::of(&place);
        assert!(files.segments().unwrap().len() > 2, "too short to have closed segments");
        Honest { files, place, ledger, node, bundle }
    })
}

/// The forger at work on a copy of the honest ledger.
#[derive(Debug, Clone)]
pub(crate) struct Forger {
    pub(crate) files: Files,
    pub(crate) node: Node,
    /// The bundle that the honest ledger made of entry 4.
    pub(crate) honest_bundle: Bundle,
    /// What entries say that they were recorded at.
    pub(crate) now: Timestamp,
    /// Record lines that no commit line ends yet.
    pub(crate) group: Vec<u8>,
    /// Signs what the service signs.
    pub(crate) ledger: Ledger,
    pub(crate) checkpoint_key: SigningKey,
    pub(crate) service_key: SigningKey,
    leaves: Vec<Hash>,
    tree: Frontier<Blake3>,
    lanes: BTreeMap<Name, Lane>,
}

impl Forger {
    pub(crate) fn new() -> Self {
        let Honest { files, place, ledger, node, bundle } = honest();
        let mut forger = Self {
            files,
            node,
            honest_bundle: bundle,
            now: Timestamp::default(),
            group: Vec::new(),
            ledger,
            checkpoint_key: place.keys.checkpoint.clone(),
            service_key: place.keys.service.clone(),
            leaves: place.leaves(),
            tree: Frontier::default(),
            lanes: BTreeMap::new(),
        };
        for leaf in &forger.leaves {
            forger.tree.push(*leaf);
        }
        let state = forger.state();
        forger.now = state.last_recorded;
        forger.lanes = lanes_of(&state);
        forger
    }

    /// A forger with nothing but the keys.
    pub(crate) fn from_nothing() -> Self {
        let mut forger = Self::new();
        forger.files.0.retain(|name, _| name == ROOT);
        forger.files.0.insert(segment_name(0), Vec::new());
        // When the honest genesis was recorded: told again it makes the same ledger.
        forger.now = Timestamp::from_millis(START);
        (forger.leaves, forger.tree, forger.lanes) = (Vec::new(), Frontier::default(), BTreeMap::new());
        forger
    }

    /// The honest genesis event.
    pub(crate) fn genesis() -> Event {
        let Record { entry, payload, .. } = honest().place.records().remove(0);
        Event { header: entry.header, sig: entry.sig, payload: payload.unwrap() }
    }

    /// Forgets what stands behind a size, at the end of a group, and gives the events that stood there. What was signed
    /// stays as it is.
    pub(crate) fn rewind(&mut self, size: u64) -> Vec<Event> {
        let records = honest().place.records().split_off(usize::try_from(size).unwrap());
        for (first, _) in self.files.segments().unwrap() {
            let name = segment_name(first);
            let (mut at, bytes) = (0, self.files.0[&name].clone());
            while let Next::Group(group) = next_group(&bytes, at, 0)
                && group.commit.size <= size
            {
                at = usize::try_from(group.end).unwrap();
            }
            self.files.0.insert(name.clone(), bytes[..at].to_vec());
            if at == 0 {
                self.files.0.remove(&name);
            }
        }
        let state = self.state();
        self.leaves.truncate(usize::try_from(size).unwrap());
        self.tree = state.tree.clone();
        self.lanes = lanes_of(&state);
        self.now = state.last_recorded;
        let event = |Record { entry, payload, .. }: Record| Event {
            header: entry.header,
            sig: entry.sig,
            payload: payload.unwrap(),
        };
        records.into_iter().map(event).collect()
    }

    /// Number of entries, those of the open group included.
    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The fold over everything that is committed, which must still be sound.
    pub(crate) fn state(&self) -> State {
        self.state_at(u64::MAX)
    }

    /// The fold over the groups up to a size.
    pub(crate) fn state_at(&self, size: u64) -> State {
        let mut state = State::default();
        for (first, _) in self.files.segments().unwrap() {
            let bytes = self.files.segment(first).unwrap();
            let mut at = 0;
            while let Next::Group(group) = next_group(&bytes, at, 0) {
                if group.commit.size > size {
                    return state;
                }
                replay_group(&mut state, &group, &mut |_, _| Ok(())).unwrap();
                at = usize::try_from(group.end).unwrap();
            }
        }
        state
    }

    /// Writes the next record line, with what `lie` makes of it, and gives its seq.
    pub(crate) fn record(&mut self, event: &Event, lie: impl FnOnce(&mut Record)) -> u64 {
        let seq = self.tree.size();
        let org = &event.header.org;
        let position = Position {
            seq,
            prev: self.leaves.last().copied().unwrap_or(Hash::ZERO),
            lane: self.lanes.get(org).copied().unwrap_or(Lane { n: 0, prev: Hash::ZERO }),
            recorded_at: self.now,
        };
        let entry = Entry { header: event.header.clone(), sig: event.sig, position };
        let mut record = Record { entry, leaf: Hash::ZERO, payload: Some(event.payload.clone()) };
        lie(&mut record);
        let leaf = Blake3::leaf(&record.entry.to_canonical());
        self.lanes.insert(org.clone(), Lane { n: position.lane.n + 1, prev: leaf });
        self.tree.push(leaf);
        self.leaves.push(leaf);
        self.group.extend(record.to_line());
        self.group.push(b'\n');
        seq
    }

    /// A group of one record line with a lie.
    pub(crate) fn record_alone(&mut self, event: &Event, lie: impl FnOnce(&mut Record)) -> u64 {
        let seq = self.record(event, lie);
        self.commit();
        seq
    }

    /// The bytes of all segments.
    pub(crate) fn segments(&self) -> Vec<Vec<u8>> {
        self.files.segments().unwrap().iter().map(|(first, _)| self.files.segment(*first).unwrap()).collect()
    }

    /// Writes the next record line as it should be.
    pub(crate) fn say(&mut self, event: &Event) -> u64 {
        self.record(event, |_| ())
    }

    /// Ends the group with the commit line that `lie` makes of the right one.
    pub(crate) fn commit_as(&mut self, lie: impl FnOnce(&mut Commit)) {
        let mut commit = Commit::of(&self.group, self.tree.size(), self.tree.root());
        lie(&mut commit);
        let segment = self.segment();
        segment.0.extend(std::mem::take(segment.1));
        commit.write_line(segment.0);
    }

    fn segment(&mut self) -> (&mut Vec<u8>, &mut Vec<u8>) {
        let name = self.files.last_segment();
        (self.files.0.get_mut(&name).unwrap(), &mut self.group)
    }

    /// Ends the group.
    pub(crate) fn commit(&mut self) {
        self.commit_as(|_| ());
    }

    /// A group of one entry.
    pub(crate) fn append(&mut self, event: &Event) -> u64 {
        let seq = self.say(event);
        self.commit();
        seq
    }

    /// Goes on in a new segment that says it starts at `first`.
    pub(crate) fn open_segment(&mut self, first: u64) {
        self.files.0.insert(segment_name(first), Vec::new());
    }

    /// A note of the node at the next place of its chain.
    pub(crate) fn note(&mut self) -> Event {
        self.node.note("forged")
    }

    /// What an administrator says in an organisation.
    pub(crate) fn admin(&self, org: &str, kind: Kind, payload: Value) -> Event {
        admin(&self.ledger, org, kind, payload)
    }

    /// A note of an administrator.
    pub(crate) fn plain(&self) -> Event {
        self.admin("acme", Kind::Note, json!({"text": "plain"}))
    }

    /// What the ledger itself says.
    pub(crate) fn own(&self, kind: Kind, payload: Value) -> Event {
        let via = Via { method: name("self"), subject: None };
        let author = Author::Service(name("ledger"));
        self.ledger.sign(&draft(author, via, "ledger", kind, payload)).unwrap()
    }

    /// What the ledger says against the node, where the node belongs.
    pub(crate) fn accuse(&self, kind: Kind, payload: &Value) -> Event {
        let header = self.own(kind, payload.clone()).header;
        let header = Header { org: self.node.org.clone(), node_id: Some(self.node.id), ..header };
        signed(header, payload, &self.service_key)
    }

    /// A refusal of an event of the node's.
    pub(crate) fn refusal(&self, code: &str, of: &Event) -> Event {
        let payload = json!({"code": code, "header": header_of(of), "sig": of.sig});
        self.accuse(Kind::Refusal, &payload)
    }

    /// Word of a fork: of an event for a place that the entry `recorded` is said to hold.
    pub(crate) fn fork(&self, of: &Event, recorded: u64) -> Event {
        let link = of.header.chain.unwrap();
        let place = json!({"epoch": link.epoch, "seq": link.seq});
        let payload = json!({
            "header": header_of(of), "key": self.node.key.public(), "place": place, "recorded": recorded,
            "sig": of.sig,
        });
        self.accuse(Kind::ChainFork, &payload)
    }

    /// A seal over what is committed, as `lie` wants it, in a group of its own.
    pub(crate) fn seal(&mut self, lie: impl FnOnce(&mut Seal)) -> u64 {
        let state = self.state();
        let mut seal = Seal {
            admission: state.admission_digest(),
            advisory: BTreeMap::new(),
            index: state.seals.count,
            prev: state.seals.last,
            root: state.tree.root(),
        };
        lie(&mut seal);
        let event = self.own(Kind::Seal, serde_json::to_value(seal).unwrap());
        self.append(&event)
    }

    /// The entry that puts `new` in the place of the ledger's key of a use, signed by the recovery keys.
    pub(crate) fn change_of_keys(&self, key_use: KeyUse, new: &SigningKey) -> Event {
        let state = self.state();
        let statement =
            possession_bytes(&json!({"key": new.public(), "ledger": state.ledger, "use": key_use}));
        let change = spec::payload::AuthorityChange {
            new: new.public(),
            old: state.current_key(key_use).unwrap(),
            pop: new.sign(&statement),
            key_use,
        };
        let message = authority_bytes(&change, &state.ledger, &state.last_change);
        let mut signers = crate::support::recovery_keys();
        signers.sort_by_key(SigningKey::public);
        let signatures: Vec<Value> = signers
            .iter()
            .take(2)
            .map(|signer| json!({"key": signer.public(), "sig": signer.sign(&message)}))
            .collect();
        let payload = json!({"change": change, "prev_change": state.last_change, "signatures": signatures});
        self.own(Kind::Authority, payload)
    }

    /// Everything that proves entry `seq` under the checkpoint of what is committed, whatever the entry says.
    pub(crate) fn bundle(&self, seq: u64) -> Bundle {
        let state = self.state();
        let records = self.records();
        let at = |seq: u64| records[usize::try_from(seq).unwrap()].clone();
        let mut tiles = Tiles::<Blake3>::default();
        self.leaves.iter().for_each(|leaf| tiles.push(*leaf));
        let inclusion = |seq| inclusion_proof::<Blake3>(&tiles, seq, state.size()).unwrap();
        let record = at(seq);
        let key = record["entry"]["event"]["key"].as_str().unwrap().parse().unwrap();
        let known = &state.keys[&key];
        Bundle {
            authority: state.authority_seqs.iter().map(|seq| at(*seq)).collect(),
            checkpoint: self.signed(&self.checkpoint()),
            entry: record["entry"].clone(),
            format: proofs::bundle::FORMAT.to_owned(),
            inclusion: inclusion(seq),
            introduction: Included { inclusion: inclusion(known.introduced), record: at(known.introduced) },
            key: KeyProof {
                path: state.key_map().prove(&key_path(&key)).unwrap().0,
                record: key_value(known),
            },
            ledger: state.ledger,
            payload: record.get("payload").cloned(),
            salt: record["salt"].as_str().and_then(|salt| Hash::from_hex(salt).ok()),
        }
    }

    /// Every record, as JSON.
    fn records(&self) -> Vec<Value> {
        self.segments()
            .iter()
            .flat_map(|bytes| bytes.split(|b| *b == b'\n'))
            .filter(|line| line.starts_with(b"{\"entry\":"))
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    /// The checkpoint of what is committed.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.state().checkpoint()
    }

    /// Signs a checkpoint as the ledger does.
    pub(crate) fn signed(&self, checkpoint: &Checkpoint) -> String {
        checkpoint.sign(&self.checkpoint_key, 1_795_293_720).to_string()
    }

    /// Puts a signed checkpoint in the place of `ROOT.txt`.
    pub(crate) fn sign_root(&mut self, checkpoint: &Checkpoint) {
        let note = self.signed(checkpoint);
        self.files.0.insert(ROOT.to_owned(), note.into_bytes());
    }

    /// The proof chain as it is.
    pub(crate) fn chain(&self) -> ProofChain {
        ProofChain::parse(&self.files.0[CHAIN]).unwrap()
    }

    /// Writes the proof chain as `lie` wants it.
    pub(crate) fn lie_in_chain(&mut self, lie: impl FnOnce(&mut ProofChain)) {
        let mut chain = self.chain();
        lie(&mut chain);
        self.files.0.insert(CHAIN.to_owned(), chain.to_canonical());
    }

    /// A row for whatever entry ends a group, proved as a seal's is, behind the row for `old` entries.
    pub(crate) fn row(&self, index: u64, seq: u64, old: u64) -> Row {
        let size = seq + 1;
        let mut tiles = Tiles::<Blake3>::default();
        self.leaves.iter().for_each(|leaf| tiles.push(*leaf));
        Row {
            checkpoint: self.signed(&self.state_at(size).checkpoint()),
            consistency: consistency_proof::<Blake3>(&tiles, old, size).unwrap(),
            inclusion: inclusion_proof::<Blake3>(&tiles, seq, size).unwrap(),
            index,
            leaf: self.leaves[usize::try_from(seq).unwrap()],
            seq,
        }
    }

    pub(crate) fn verify_with(&self, options: &Options) -> Report {
        verify_log(&self.files, options, None, &mut |_| ())
    }

    pub(crate) fn verify(&self) -> Report {
        self.verify_with(&Options::default())
    }

    /// What the auditor of the log alone finds.
    pub(crate) fn audit(&self) -> Audit {
        let segments = self.files.segments().unwrap();
        let last = segments.last().unwrap().0;
        let bytes = segments.iter().map(|(first, _)| {
            let name = segment_name(*first);
            let bytes = self.files.0[&name].clone();
            Ok((SegmentBytes { first: *first, name, bytes }, *first == last))
        });
        audit(&BTreeSet::new(), bytes, None, &mut |_| ())
    }

    /// Nothing of it is refused.
    #[track_caller]
    pub(crate) fn passes(&self) -> Report {
        let report = self.verify();
        assert_eq!((report.verdict, &report.failures), (Verdict::Verified, &Vec::new()));
        report
    }
}

/// Where each organisation goes on.
fn lanes_of(state: &State) -> BTreeMap<Name, Lane> {
    let lanes = state.lanes.iter();
    lanes.map(|(org, lane)| (org.clone(), Lane { n: lane.count, prev: lane.last })).collect()
}

/// The failures of a report: code and seq. Each is counted against the check that the specification puts it under.
#[track_caller]
pub(crate) fn failures(report: &Report) -> Vec<(&'static str, Option<u64>)> {
    assert_eq!(report.verdict != Verdict::Verified, report.failure_count > 0, "{report:#?}");
    let failed = report.checks.iter().filter(|check| check.status == CheckStatus::Failed);
    let failed: BTreeSet<&str> = failed.map(|check| check.code.as_str()).collect();
    let named: BTreeSet<&str> = report.failures.iter().map(|fault| check_of(fault.code)).collect();
    assert_eq!(failed, named, "{:?}", report.failures);
    report.failures.iter().map(|fault| (fault.code, fault.seq)).collect()
}

/// The check of a code, as `spec/verify-codes.md` lists it.
fn check_of(code: &str) -> &'static str {
    let rows = include_str!("../../../spec/verify-codes.md").lines();
    let mut rows = rows.filter_map(|row| row.strip_prefix("| `")?.split_once("` | "));
    let (_, rest) = rows.find(|(listed, _)| *listed == code).unwrap();
    rest.split(" | ").next().unwrap()
}

/// The header of an event, as accusations quote it.
pub(crate) fn header_of(event: &Event) -> Value {
    spec::event::header_value(&event.header)
}

/// A key that no ledger knows.
pub(crate) fn stranger() -> SigningKey {
    key(99)
}
