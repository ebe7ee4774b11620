//! Organisations, who has which role in them, and how people are let in: the part of the state by which people are
//! admitted. A fold, as the rest of the state.

use proofs::map::{self, SparseMap};
use serde::{Deserialize, Serialize};
use spec::payload::{IdentityProvider, Member, Organisation, ProviderSettings, Role, SignInRule};
use spec::{Domain, Hash, LEDGER_ORG, Name, Timestamp, Uuid, canonical};
use std::collections::BTreeMap;

/// Most roles that people have in one organisation: beyond it, groups of the provider do better than grants.
pub const MAX_GRANTS_PER_ORG: usize = 10_000;

/// Most invitations of an organisation that nobody has taken up or taken back.
pub const MAX_INVITATIONS_PER_ORG: usize = 1_000;

/// Most rules of sign-in of an organisation: each is asked of whoever comes.
pub const MAX_RULES_PER_ORG: usize = 256;

/// Most providers of a ledger.
pub const MAX_PROVIDERS: usize = 32;

/// A role that a person has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// The rule by which they have it; none: it was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Uuid>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Grant {
    /// Whether it is good at a time.
    pub fn live_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// A role that is offered to whoever shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationState {
    /// When it ends.
    pub expires_at: Timestamp,
    /// The role.
    pub role: Role,
    /// `BLAKE3(14 ‖ secret)`.
    pub secret: Hash,
}

/// Claims that give a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleState {
    /// The claim's name.
    pub claim: String,
    /// The provider.
    pub provider: Name,
    /// The role.
    pub role: Role,
    /// What the claim must be, or have among others.
    pub value: String,
}

/// Knowledge of an organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgState {
    /// What people call it; none while nobody has made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether its people and tokens are kept out.
    pub suspended: bool,
    /// Who has which roles, sorted by role and rule.
    pub members: BTreeMap<Uuid, Vec<Grant>>,
    /// Invitations that nobody has taken up or taken back.
    pub invitations: BTreeMap<Uuid, InvitationState>,
    /// Its rules of sign-in.
    pub rules: BTreeMap<Uuid, RuleState>,
}

impl OrgState {
    /// The roles a person has at a time; each once.
    pub fn roles(&self, user: &Uuid, now: Timestamp) -> Vec<Role> {
        let grants = self.members.get(user).into_iter().flatten().filter(|grant| grant.live_at(now));
        let mut roles: Vec<Role> = grants.map(|grant| grant.role).collect();
        roles.dedup();
        roles
    }

    /// How many people own it by a grant: what a rule gives, a rule takes.
    pub fn owners(&self) -> usize {
        let owns = |grants: &&Vec<Grant>| {
            grants.iter().any(|grant| grant.role == Role::OrgOwner && grant.rule.is_none())
        };
        self.members.values().filter(owns).count()
    }

    /// Whether a person has a role, granted or by a rule.
    pub fn has(&self, user: &Uuid, role: Role, by_rule: Option<Uuid>) -> bool {
        let mut grants = self.members.get(user).into_iter().flatten();
        grants.any(|grant| grant.role == role && grant.rule == by_rule)
    }

    /// How many roles people have in it.
    pub fn grants(&self) -> usize {
        self.members.values().map(Vec::len).sum()
    }

    fn grant(&mut self, user: Uuid, grant: Grant) {
        let grants = self.members.entry(user).or_default();
        let place = |grant: &Grant| (grant.role.as_str(), grant.rule);
        match grants.binary_search_by_key(&place(&grant), place) {
            Ok(at) => drop(grants.get_mut(at).map(|known| *known = grant)),
            Err(at) => grants.insert(at, grant),
        }
    }

    fn end(&mut self, ends: impl Fn(&Uuid, &Grant) -> bool) {
        for (user, grants) in &mut self.members {
            grants.retain(|grant| !ends(user, grant));
        }
        self.members.retain(|_, grants| !grants.is_empty());
    }
}

/// All organisations and providers that entries speak of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisations {
    /// Organisations.
    pub orgs: BTreeMap<Name, OrgState>,
    /// Providers of sign-in.
    pub providers: BTreeMap<Name, ProviderSettings>,
}

impl Organisations {
    /// What is known of an organisation.
    pub fn get(&self, org: &Name) -> Option<&OrgState> {
        self.orgs.get(org)
    }

    /// Whether its people and tokens are kept out.
    pub fn is_suspended(&self, org: &Name) -> bool {
        self.get(org).is_some_and(|state| state.suspended)
    }

    /// The roles a person has in an organisation at a time.
    pub fn roles(&self, user: &Uuid, org: &str, now: Timestamp) -> Vec<Role> {
        self.orgs.get(org).map(|state| state.roles(user, now)).unwrap_or_default()
    }

    /// The roles by which a person of the organisation `ledger` belongs to all of them: all but `support`, which opens
    /// no organisation by itself.
    pub fn everywhere(&self, user: &Uuid, now: Timestamp) -> Vec<Role> {
        let mut roles = self.roles(user, LEDGER_ORG, now);
        roles.retain(|role| *role != Role::Support);
        roles
    }

    /// The organisations in which a person has roles, with these.
    pub fn of(&self, user: &Uuid, now: Timestamp) -> Vec<(Name, Vec<Role>)> {
        let all = self.orgs.iter().map(|(org, state)| (org.clone(), state.roles(user, now)));
        all.filter(|(_, roles)| !roles.is_empty()).collect()
    }

    pub(crate) fn apply_org(&mut self, org: &Name, said: Organisation) {
        let state = self.orgs.entry(org.clone()).or_default();
        match said {
            Organisation::Create { name } | Organisation::Rename { name } => state.name = Some(name),
            Organisation::Suspend { .. } => state.suspended = true,
            Organisation::Resume {} => state.suspended = false,
        }
    }

    pub(crate) fn apply_member(&mut self, org: &Name, said: &Member) {
        let state = self.orgs.entry(org.clone()).or_default();
        match *said {
            Member::Grant { expires_at, invitation, role, rule: by, user, .. } => {
                if let Some(invitation) = invitation {
                    state.invitations.remove(&invitation);
                }
                state.grant(user, Grant { role, rule: by, expires_at });
            }
            Member::End { role, rule: by, user, .. } => {
                state.end(|who, grant| *who == user && grant.role == role && grant.rule == by);
            }
            Member::Invite { expires_at, id, role, secret } => {
                state.invitations.insert(id, InvitationState { expires_at, role, secret });
            }
            Member::Uninvite { id } => drop(state.invitations.remove(&id)),
        }
    }

    pub(crate) fn apply_rule(&mut self, org: &Name, said: SignInRule) {
        let state = self.orgs.entry(org.clone()).or_default();
        let (SignInRule::Set { id, .. } | SignInRule::Remove { id }) = &said;
        let changed = *id;
        // Who had a role by the rule as it was has it no longer: by the new one they come in again.
        state.end(|_, grant| grant.rule == Some(changed));
        match said {
            SignInRule::Set { claim, id, provider, role, value } => {
                state.rules.insert(id, RuleState { claim, provider, role, value });
            }
            SignInRule::Remove { id } => drop(state.rules.remove(&id)),
        }
    }

    pub(crate) fn apply_provider(&mut self, said: IdentityProvider) {
        match said {
            IdentityProvider::Set { id, settings } => drop(self.providers.insert(id, settings)),
            IdentityProvider::Remove { id } => {
                self.providers.remove(&id);
                for state in self.orgs.values_mut() {
                    let of = |rule: &Uuid| state.rules.get(rule).is_some_and(|rule| rule.provider == id);
                    let gone: Vec<Uuid> = state.rules.keys().filter(|rule| of(rule)).copied().collect();
                    state.end(|_, grant| grant.rule.is_some_and(|rule| gone.contains(&rule)));
                }
            }
        }
    }

    /// The roots of both maps, of those that have members: logs of before know neither.
    pub(crate) fn roots(&self) -> (Option<Hash>, Option<Hash>) {
        let root = |members: &mut dyn Iterator<Item = (&Name, Vec<u8>)>| {
            let mut map = SparseMap::default();
            let mut any = false;
            for (name, value) in members {
                map.insert(&map::path(Domain::LanePath, name.as_str().as_bytes()), &value);
                any = true;
            }
            any.then(|| map.root())
        };
        let mut orgs = self.orgs.iter().map(|(org, state)| (org, bytes(state)));
        let mut providers = self.providers.iter().map(|(id, said)| (id, bytes(said)));
        (root(&mut orgs), root(&mut providers))
    }
}

/// Canonical form of a value of typed parts, which always has one.
fn bytes(value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let _ = canonical::write(&serde_json::to_value(value).unwrap_or_default(), &mut out);
    out
}
