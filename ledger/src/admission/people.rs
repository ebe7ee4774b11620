//! What people may say, and what may be said of who they are and what they may do.

use super::{Candidate, Check, Code, parse};
use crate::organisations::{
    MAX_GRANTS_PER_ORG, MAX_INVITATIONS_PER_ORG, MAX_PROVIDERS, MAX_RULES_PER_ORG, OrgState,
};
use crate::state::{LEDGER_ORG, State};
use spec::payload::{IdentityProvider, Member, Organisation, Role, SignInRule};
use spec::rules::Roles;
use spec::{Author, Header, Kind, Name, Timestamp};

/// Longest that support takes access for itself at a time.
pub(super) const MAX_SUPPORT_MS: u64 = 7 * 86_400 * 1000;

impl State {
    /// A person whom a provider vouches for: what their roles allow, and what anybody may say of himself.
    pub(super) fn check_person(&self, candidate: &Candidate<'_>, roles: Roles, now: Timestamp) -> Check {
        let header = candidate.header;
        let Author::User(user) = &header.author else { return Err(Code::NotAllowed) };
        if header.kind == Kind::User {
            return Ok(());
        }
        let everywhere = self.organisations.everywhere(user, now);
        if everywhere.is_empty() {
            self.check_open(&header.org)?;
        }
        if header.kind == Kind::Member && self.is_for_himself(header, &parse(candidate.payload)?, now) {
            return Ok(());
        }
        let own = self.organisations.roles(user, header.org.as_str(), now);
        if own.is_empty() && everywhere.is_empty() {
            return Err(Code::WrongOrg);
        }
        let may = own.iter().chain(&everywhere).any(|role| roles.contain(*role));
        if may { Ok(()) } else { Err(Code::NotAllowed) }
    }

    /// People take up what they were invited to, what a rule gives them, and, as support of the ledger, a visit.
    fn is_for_himself(&self, header: &Header, said: &Member, now: Timestamp) -> bool {
        let Author::User(author) = &header.author else { return false };
        match said {
            Member::Grant { user, invitation: Some(_), .. } | Member::Grant { user, rule: Some(_), .. } => {
                user == author
            }
            Member::Grant { user, role: Role::Support, expires_at: Some(end), reason: Some(_), .. } => {
                let support = self.organisations.roles(author, LEDGER_ORG, now).contains(&Role::Support);
                let short = end.millis() <= now.millis().saturating_add(MAX_SUPPORT_MS);
                user == author && support && short
            }
            // Nobody is kept in a role against his will, and what a rule gave, the provider has taken.
            Member::End { user, .. } => user == author,
            _ => false,
        }
    }

    /// Whether people and tokens of an organisation are let in.
    pub(super) fn check_open(&self, org: &Name) -> Check {
        if self.organisations.is_suspended(org) { Err(Code::OrgSuspended) } else { Ok(()) }
    }

    /// Whether the author belongs to all organisations.
    fn is_everywhere(&self, header: &Header, now: Timestamp) -> bool {
        match &header.author {
            Author::Token(id) => self.tokens.get(id).is_some_and(|token| token.org.as_str() == LEDGER_ORG),
            Author::User(user) => !self.organisations.everywhere(user, now).is_empty(),
            author => matches!(author, Author::Service(_)),
        }
    }

    /// Whether the author owns the organisation: nobody deals with owners but owners.
    fn is_owner(&self, header: &Header, now: Timestamp) -> bool {
        match &header.author {
            Author::Token(id) => self.tokens.get(id).is_some_and(|token| token.role == Role::OrgOwner),
            Author::User(user) => {
                let own = self.organisations.roles(user, header.org.as_str(), now);
                own.contains(&Role::OrgOwner)
                    || self.organisations.everywhere(user, now).contains(&Role::OrgOwner)
            }
            author => matches!(author, Author::Service(_)),
        }
    }

    pub(super) fn check_org(&self, header: &Header, said: &Organisation, now: Timestamp) -> Check {
        let known = self.organisations.get(&header.org).filter(|state| state.name.is_some());
        match (said, known) {
            (Organisation::Create { .. }, Some(_)) => Err(Code::DuplicateId),
            (Organisation::Rename { .. }, Some(_)) => Ok(()),
            (Organisation::Create { .. }, None)
            | (Organisation::Suspend { .. } | Organisation::Resume {}, Some(_)) => {
                if self.is_everywhere(header, now) { Ok(()) } else { Err(Code::NotAllowed) }
            }
            (_, None) => Err(Code::WrongOrg),
        }
    }

    pub(super) fn check_member(&self, header: &Header, said: &Member, now: Timestamp) -> Check {
        let nobody = OrgState::default();
        let state = self.organisations.get(&header.org).unwrap_or(&nobody);
        let (Member::Grant { role, .. } | Member::End { role, .. } | Member::Invite { role, .. }) = said
        else {
            let Member::Uninvite { id } = said else { return Ok(()) };
            return if state.invitations.contains_key(id) { Ok(()) } else { Err(Code::TokenUnknown) };
        };
        let himself = matches!(header.author, Author::User(_)) && self.is_for_himself(header, said, now);
        if *role == Role::OrgOwner && !himself && !self.is_owner(header, now) {
            return Err(Code::NotAllowed);
        }
        match said {
            Member::Grant { invitation, rule, user, .. } => {
                if !state.has(user, *role, *rule) && state.grants() >= MAX_GRANTS_PER_ORG {
                    return Err(Code::TooMany);
                }
                if let Some(id) = invitation {
                    let known = state.invitations.get(id).filter(|_| himself).ok_or(Code::TokenUnknown)?;
                    if now >= known.expires_at {
                        return Err(Code::TokenExpired);
                    }
                    return if known.role == *role { Ok(()) } else { Err(Code::NotAllowed) };
                }
                if let Some(id) = rule {
                    let known = state.rules.get(id).filter(|_| himself);
                    return known.filter(|rule| rule.role == *role).map(|_| ()).ok_or(Code::NotAllowed);
                }
                Ok(())
            }
            Member::End { role, rule, user, .. } => {
                if !state.has(user, *role, *rule) {
                    return Err(Code::BadPayload);
                }
                let last = *role == Role::OrgOwner && rule.is_none() && state.owners() == 1;
                if last { Err(Code::LastOwner) } else { Ok(()) }
            }
            Member::Invite { id, .. } if state.invitations.contains_key(id) => Err(Code::DuplicateId),
            Member::Invite { .. } if state.invitations.len() >= MAX_INVITATIONS_PER_ORG => Err(Code::TooMany),
            Member::Invite { .. } | Member::Uninvite { .. } => Ok(()),
        }
    }

    pub(super) fn check_provider(&self, said: &IdentityProvider) -> Check {
        let known = &self.organisations.providers;
        match said {
            IdentityProvider::Set { id, settings } => {
                // Two providers of one issuer would make one person of two.
                if known.iter().any(|(other, said)| other != id && said.issuer == settings.issuer) {
                    return Err(Code::DuplicateId);
                }
                let room = known.contains_key(id) || known.len() < MAX_PROVIDERS;
                if room { Ok(()) } else { Err(Code::TooMany) }
            }
            IdentityProvider::Remove { id } if known.contains_key(id) => Ok(()),
            IdentityProvider::Remove { .. } => Err(Code::BadPayload),
        }
    }

    pub(super) fn check_rule(&self, header: &Header, said: &SignInRule, now: Timestamp) -> Check {
        let rules = self.organisations.get(&header.org).map(|state| &state.rules);
        let known = |id| rules.and_then(|rules| rules.get(id));
        let (SignInRule::Set { id, .. } | SignInRule::Remove { id }) = said;
        let of_owners = known(id).is_some_and(|rule| rule.role == Role::OrgOwner)
            || matches!(said, SignInRule::Set { role: Role::OrgOwner, .. });
        if of_owners && !self.is_owner(header, now) {
            return Err(Code::NotAllowed);
        }
        match said {
            SignInRule::Set { provider, .. } if !self.organisations.providers.contains_key(provider) => {
                Err(Code::BadPayload)
            }
            SignInRule::Set { id, .. } if known(id).is_some() => Ok(()),
            SignInRule::Set { .. } if rules.is_some_and(|rules| rules.len() >= MAX_RULES_PER_ORG) => {
                Err(Code::TooMany)
            }
            SignInRule::Remove { id } if known(id).is_none() => Err(Code::BadPayload),
            SignInRule::Set { .. } | SignInRule::Remove { .. } => Ok(()),
        }
    }
}
