//! Going over to a new key.
//!
//! ```text
//! rotation.json   {"command":"<hash>","event":{…},"format":"vaultmesh-rotation-v1","seed":"<64 hex>","stage":"told"}
//!                                                                                                         mode 0600
//! nothing waits → rotation.json → an empty spool where the new key's chain starts
//! its receipt   → enrolment.json → node.key → the command's receipt → rotation.json is removed
//! refused       → rotation.json, withdrawn → what waits is signed again with the old key → its first receipt
//!               → rotation.json is removed
//! ```
//!
//! The event that says so is signed by the old key and sent before anything else. What the node says meanwhile is signed
//! with the new key, and waits: so nothing is lost however long the service is away, and each file can be read after a
//! crash at any point. The service is asked with the old key until the receipt of the rotation is proved.
//!
//! Nobody signs a refusal, so it may be a lie, and the ledger has the rotation all the same. The new key is kept until
//! something that the old one signed afterwards is proved to be in the ledger; if the ledger calls the old key ended
//! instead, the rotation is sent once more.

use crate::chain::author::{Credentials, Draft};
use crate::chain::outbox::sign_again;
use crate::chain::spool::Spool;
use crate::chain::spool::write::Writer;
use crate::clock::Now;
use crate::control::commander::Commander;
use crate::control::work::Done;
use crate::disk::Disk;
use crate::durable;
use crate::entropy::Entropy;
use crate::heartbeat::Sampler;
use crate::identity::enrol::Enrolment;
use crate::identity::key::Identity;
use crate::session::{Session, SessionError};
use proofs::SigningKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::payload::{KeyRotation, rotation_possession_bytes};
use spec::{ChainLink, Event, Hash, Kind, PublicKey, canonical};
use std::io;

/// The file; there is none when no rotation is under way.
pub const ROTATION_FILE: &str = "rotation.json";

const FORMAT: &str = "vaultmesh-rotation-v1";
const MAX_FILE_BYTES: usize = 64 * 1024;

/// Why a rotation cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The file cannot be read or written.
    #[error("{ROTATION_FILE}: {0}")]
    Io(#[from] io::Error),
    /// The file is not what was written.
    #[error(
        "{ROTATION_FILE} is damaged: {0}; restore it, or remove it and, if the ledger does not accept this node's key \
         any more, enrol anew"
    )]
    Damaged(String),
    /// The file is of another enrolment.
    #[error("{ROTATION_FILE} is of another enrolment than {file}; remove it", file = crate::identity::enrol::ENROLMENT_FILE)]
    Foreign,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    /// The ledger was told, or will be, and has not answered yet.
    Told,
    /// As told, after it was withdrawn: what the old key signed meanwhile waits.
    Again,
    /// The ledger has recorded it.
    Recorded,
    /// The ledger will not have it.
    Withdrawn,
}

/// A rotation under way.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    key: SigningKey,
    event: Event,
    /// The command that asked for it.
    pub(crate) command: Option<Hash>,
    stage: Stage,
    /// Whether the old key is proved to be good after the rotation was withdrawn.
    outlived: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<Hash>,
    event: Value,
    format: String,
    seed: Hash,
    stage: Stage,
}

impl Rotation {
    /// Reads the file. The key is the new one if the enrolment says so, whatever the key file does.
    pub(crate) fn load(
        disk: &impl Disk,
        identity: &mut Identity,
        enrolment: &Enrolment,
    ) -> Result<Option<Self>, RotationError> {
        let Some(bytes) = durable::read(disk, ROTATION_FILE, MAX_FILE_BYTES)? else { return Ok(None) };
        // What is wrong is said without quoting a byte of the file.
        let damaged = |problem: &str| RotationError::Damaged(problem.to_owned());
        let file: RotationFile =
            serde_json::from_slice(&bytes).map_err(|_| damaged("it is not the JSON object it should be"))?;
        if file.format != FORMAT {
            return Err(damaged("its format is unknown"));
        }
        let event = canonical::to_vec(&file.event).map_err(|_| damaged("its event has no canonical form"))?;
        let event = Event::parse(&event).map_err(|e| RotationError::Damaged(e.to_string()))?;
        let key = SigningKey::from_seed(&file.seed.0);
        let said = serde_json::from_str::<KeyRotation>(&event.payload.json);
        let belong = said.is_ok_and(|said| said.key == key.public() && said.replaces == event.header.key);
        if !belong || event.header.author != identity.author() || event.header.ledger != enrolment.ledger {
            return Err(damaged("its parts do not belong together"));
        }
        let stage = match (enrolment.key == key.public(), enrolment.key == event.header.key) {
            (true, _) => Stage::Recorded,
            (false, true) if file.stage == Stage::Recorded => {
                return Err(damaged("its stage is not that of a file"));
            }
            (false, true) => file.stage,
            (false, false) => return Err(RotationError::Foreign),
        };
        if stage == Stage::Recorded {
            identity.key = key.clone();
        }
        Ok(Some(Self { key, event, command: file.command, stage, outlived: false }))
    }

    fn store(&self, disk: &impl Disk) -> io::Result<()> {
        let file = RotationFile {
            command: self.command,
            event: serde_json::from_slice(&self.event.to_canonical()).map_err(io::Error::other)?,
            format: FORMAT.to_owned(),
            seed: Hash(*self.key.seed()),
            stage: self.stage,
        };
        let mut bytes = canonical::to_vec(&file).map_err(io::Error::other)?;
        bytes.push(b'\n');
        durable::replace(disk, ROTATION_FILE, &bytes)
    }

    /// Who speaks from now on: the new key, unless the rotation was withdrawn.
    pub(crate) fn speaker(&self, enrolled: Credentials) -> Credentials {
        match self.stage {
            Stage::Withdrawn => enrolled,
            Stage::Told | Stage::Again | Stage::Recorded => {
                Credentials { key: self.key.clone(), introduction: self.event.hash(), ..enrolled }
            }
        }
    }

    /// The key that comes.
    pub(crate) fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Whether the ledger has not answered yet.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self.stage, Stage::Told | Stage::Again)
    }

    /// Whether what a spool holds was signed, or will be, with the new key.
    fn has(&self, spool: &Spool, newest: Option<&Event>) -> bool {
        match newest {
            Some(event) => event.header.key == self.key.public(),
            None => spool.next().seq == 0 && spool.next().prev == self.event.hash(),
        }
    }
}

impl<D: Disk, E: Entropy, S: Sampler> Session<D, E, S> {
    /// The rotation that waits for the ledger's answer.
    pub(crate) fn told_rotation(&self) -> Option<&Rotation> {
        self.rotation.as_ref().filter(|rotation| rotation.is_told())
    }

    /// Whether a new key waits for the ledger's answer.
    pub fn is_going_over(&self) -> bool {
        self.told_rotation().is_some()
    }

    /// The event to send before all others.
    pub(crate) fn rotation_event(&self) -> Option<Event> {
        self.told_rotation().map(|rotation| rotation.event.clone())
    }

    /// Goes over to a new key; `None` if something waits that the old one has signed, or another rotation is under way.
    ///
    /// # Errors
    /// The rotation could not be made durable; the disk tells later whether it was begun.
    pub fn rotate(&mut self, now: Now, command: Option<Hash>) -> Result<Option<PublicKey>, SessionError> {
        self.ensure_spool(now)?;
        if self.rotation.is_some() || self.spool.pending() > 0 || self.drops.run.is_some() {
            return Ok(None);
        }
        let key = SigningKey::from_seed(&self.entropy.salt()?.0);
        let who = self.author.credentials();
        let (public, replaces) = (key.public(), who.key.public());
        let pop = key.sign(&rotation_possession_bytes(&who.author, &public, &who.ledger, &replaces));
        let payload = KeyRotation { key: public, pop, replaces };
        let draft = Draft::new(Kind::KeyRotation, &payload, now.wall, &mut self.entropy)?;
        self.author.go_to(self.spool.next());
        let event = self.author.sign(draft);
        let rotation = Rotation { key, event, command, stage: Stage::Told, outlived: false };
        self.rotation_unsure = true;
        rotation.store(&self.disk)?;
        self.rotation = Some(rotation);
        self.go_over(now)?;
        tracing::info!(key = %public, "the node goes over to a new key");
        Ok(Some(public))
    }

    /// After a failed write: what the disk has of a rotation counts.
    pub(crate) fn ensure_rotation(&mut self, now: Now) -> Result<(), SessionError> {
        if !self.rotation_unsure {
            return Ok(());
        }
        self.rotation =
            Rotation::load(&self.disk, &mut self.identity, &self.enrolment).map_err(io::Error::other)?;
        if let Some(rotation) = &self.rotation {
            // Written once more, so that it is there after a loss of power as well.
            rotation.store(&self.disk)?;
        }
        self.go_over(now)
    }

    /// Brings author and spool to where the rotation is.
    pub(crate) fn go_over(&mut self, now: Now) -> Result<(), SessionError> {
        self.rotation_unsure = true;
        if let Some(rotation) = self.rotation.clone() {
            self.spool.ensure(&self.disk)?;
            let newest = self.spool.newest(&self.disk)?;
            let gone_over = rotation.has(&self.spool, newest.as_ref());
            self.author.become_author(rotation.speaker(self.enrolment.credentials(&self.identity)));
            match rotation.stage {
                // What the old key had signed is all proved.
                Stage::Told if !gone_over => {
                    let first = self.first_place(&rotation)?;
                    self.spool.restart(&self.disk, first)?;
                }
                Stage::Again if !gone_over => self.go_forward(now, &rotation)?,
                Stage::Withdrawn if gone_over => self.go_back(now, &rotation)?,
                Stage::Told | Stage::Again | Stage::Recorded | Stage::Withdrawn => {}
            }
        }
        self.rotation_unsure = false;
        Ok(())
    }

    /// Where the chain of the new key starts.
    fn first_place(&mut self, rotation: &Rotation) -> io::Result<ChainLink> {
        Ok(ChainLink { epoch: self.entropy.epoch()?, prev: rotation.event.hash(), seq: 0 })
    }

    /// Signs what waits with the new key, where its chain starts.
    fn go_forward(&mut self, now: Now, rotation: &Rotation) -> Result<(), SessionError> {
        let first = self.first_place(rotation)?;
        self.author.go_to(first);
        let writer = self.spool.writer(&self.disk, first)?;
        self.sign_waiting(now, writer)
    }

    /// Signs what waits again with the old key, in an epoch of its own.
    fn go_back(&mut self, now: Now, rotation: &Rotation) -> Result<(), SessionError> {
        let place = rotation.event.header.chain.unwrap_or_else(|| self.author.next_link());
        self.author.go_to(place);
        let last = (place.seq > 0).then_some(place.prev);
        let reason = "the ledger did not take the key that was to come";
        let open = self.author.open_epoch(last, reason, now.wall, &mut self.entropy)?;
        let mut writer = self.spool.writer(&self.disk, open.header.chain.unwrap_or(place))?;
        writer.push(&self.disk, &open)?;
        self.sign_waiting(now, writer)
    }

    /// Puts what waits behind what a writer has, signed again for the places to come, in the spool's place.
    fn sign_waiting(&mut self, now: Now, mut writer: Writer) -> Result<(), SessionError> {
        for i in 0..self.spool.pending() {
            let Some(event) = self.spool.waiting(&self.disk, i)? else { continue };
            sign_again(event, &mut self.author, now, &mut self.entropy)?
                .map_or(Ok(()), |event| writer.push(&self.disk, &event))?;
        }
        self.spool.become_written(&self.disk, writer).map_err(SessionError::from)
    }

    /// The ledger has recorded the rotation: the old key is gone.
    pub(crate) fn rotated(&mut self, now: Now) -> Result<(), SessionError> {
        let Some(rotation) = &mut self.rotation else { return Ok(()) };
        let enrolment = self.enrolment.with_key(rotation.key.public(), rotation.event.hash());
        enrolment.store(&self.disk).map_err(io::Error::other)?;
        self.enrolment = enrolment;
        self.identity.key = rotation.key.clone();
        rotation.stage = Stage::Recorded;
        tracing::info!(key = %self.identity.public(), "the ledger knows this node by its new key");
        self.finish_rotation(now);
        Ok(())
    }

    /// Does what is left to do about a rotation that the ledger has answered: the key file, the command's receipt, and
    /// at last `rotation.json`. What fails is tried again; whoever obeys no commands leaves the receipt to who does.
    pub(crate) fn finish_rotation(&mut self, now: Now) {
        let Some(rotation) = self.rotation.clone().filter(|rotation| !rotation.is_told()) else { return };
        let recorded = rotation.stage == Stage::Recorded;
        if recorded && let Err(error) = self.identity.replace(&self.disk) {
            tracing::error!(%error, "the new key stays in {ROTATION_FILE} for now");
            return;
        }
        let done = if recorded {
            Done::saying(true, &format!("speaks with the key {}\n", rotation.public()))
        } else {
            Done::saying(false, "the ledger did not take the new key\n")
        };
        if !self.is_told_of(now, rotation.command, &done) || !(recorded || rotation.outlived) {
            return;
        }
        if let Err(error) = self.forget_rotation() {
            tracing::error!(%error, "{ROTATION_FILE} is of no use any more, and cannot be removed");
        }
    }

    /// Says what became of a command unless that was said; whether it is.
    fn is_told_of(&mut self, now: Now, command: Option<Hash>, done: &Done) -> bool {
        let Some(command) = command else { return true };
        let is_open = |session: &Self| session.commander.as_ref().map(|c| c.is_open(&command));
        if is_open(self) == Some(true) {
            self.close(now, command, done);
        }
        is_open(self) == Some(false)
    }

    /// Something of this node is proved to be in the ledger. If the old key signed it after a rotation was withdrawn,
    /// there is none.
    pub(crate) fn outlives_rotation(&mut self, now: Now) {
        if let Some(rotation) = self.rotation.as_mut().filter(|r| r.stage == Stage::Withdrawn) {
            rotation.outlived = true;
            self.finish_rotation(now);
        }
    }

    /// Takes a withdrawn rotation up again, for the ledger calls the old key ended; whether there was one.
    pub(crate) fn takes_up_rotation(&mut self, now: Now) -> Result<bool, SessionError> {
        if self.rotation.as_ref().is_none_or(|rotation| rotation.stage != Stage::Withdrawn) {
            return Ok(false);
        }
        tracing::error!("the old key is ended: the ledger has the rotation that it was said to refuse");
        self.turn_rotation(now, Stage::Again)?;
        Ok(true)
    }

    /// Brings a rotation to another stage, first on the disk.
    fn turn_rotation(&mut self, now: Now, stage: Stage) -> Result<(), SessionError> {
        let Some(rotation) = &mut self.rotation else { return Ok(()) };
        rotation.stage = stage;
        self.rotation_unsure = true;
        rotation.store(&self.disk)?;
        self.go_over(now)
    }

    fn forget_rotation(&mut self) -> Result<(), SessionError> {
        self.disk.remove(ROTATION_FILE)?;
        self.disk.sync_dir()?;
        self.rotation = None;
        Ok(())
    }

    /// The ledger will not have the rotation: the old key goes on.
    pub(crate) fn withdraw_rotation(&mut self, now: Now, why: &str) -> Result<(), SessionError> {
        tracing::error!(refusal = why, "the ledger does not take the new key; the old one goes on");
        self.turn_rotation(now, Stage::Withdrawn)?;
        self.finish_rotation(now);
        Ok(())
    }

    /// Begins the rotation that a command asks for, once everything before it is delivered.
    pub(crate) fn rotate_if_asked(&mut self, now: Now) {
        let Some(command) = self.commander.as_ref().and_then(Commander::asked_to_rotate) else { return };
        let begun = |session: &Self| session.rotation.as_ref().is_some_and(|r| r.command == Some(command));
        if !begun(self)
            && let Err(error) = self.rotate(now, Some(command))
        {
            tracing::error!(%error, "the rotation of the key could not be made durable");
        }
        if begun(self)
            && let Some(commander) = &mut self.commander
        {
            commander.begins_to_rotate();
        }
    }
}
