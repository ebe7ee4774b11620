//! Organisations, the people who belong to them, and how people are let in.

use super::{PayloadError, Role, Schema, at_most, filled, present, rule, within};
use crate::hash::{Domain, Hash};
use crate::ids::{Name, Uuid};
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MAX_NAME_BYTES: usize = 256;
const MAX_REASON_BYTES: usize = 1024;
const MAX_URL_BYTES: usize = 2048;

/// Longest subject of a provider: OpenID Connect has 255 characters.
const MAX_SUBJECT_BYTES: usize = 1024;

/// Longest claim or value that a rule compares.
const MAX_CLAIM_BYTES: usize = 256;

/// What an ID token or a bearer token may be good for.
const MAX_AUDIENCES: u64 = 16;

/// The algorithms by which a provider may sign, sorted: none that takes a shared secret.
pub const SIGN_IN_ALGORITHMS: [&str; 9] =
    ["ES256", "ES384", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

/// Payload of `org`. The organisation is that of the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OrganisationPayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Organisation {
    /// It is made.
    Create {
        /// What people call it, 1 to 256 bytes.
        name: String,
    },
    /// People call it otherwise.
    Rename {
        /// What they call it, 1 to 256 bytes.
        name: String,
    },
    /// Its people and tokens are kept out; its nodes go on.
    Suspend {
        /// Why, 1 to 1,024 bytes.
        reason: String,
    },
    /// They are let in again.
    Resume {},
}

impl Schema for Organisation {
    fn validate(&self) -> Result<(), PayloadError> {
        match self {
            Self::Create { name } | Self::Rename { name } => filled("name", name, MAX_NAME_BYTES),
            Self::Suspend { reason } => filled("reason", reason, MAX_REASON_BYTES),
            Self::Resume {} => Ok(()),
        }
    }
}

/// Payload of `member`: who has which role in the organisation of the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MemberPayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Member {
    /// A person has a role.
    Grant {
        /// When it ends by itself; never with the role `org_owner`, always with `support` that a person takes.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        /// The invitation that the person showed.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        invitation: Option<Uuid>,
        /// Why, at most 1,024 bytes.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The role.
        role: Role,
        /// The rule of sign-in that the person's claims fit.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        rule: Option<Uuid>,
        /// The person.
        user: Uuid,
    },
    /// A person has a role no longer.
    End {
        /// Why, at most 1,024 bytes.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The role.
        role: Role,
        /// The rule by which the person had it; absent: what somebody granted.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        rule: Option<Uuid>,
        /// The person.
        user: Uuid,
    },
    /// Whoever shows a secret may have a role, once.
    Invite {
        /// When the invitation ends.
        expires_at: Timestamp,
        /// Its id.
        id: Uuid,
        /// The role.
        role: Role,
        /// `BLAKE3(14 ‖ secret)`; the secret is never stored.
        secret: Hash,
    },
    /// An invitation ends before its time.
    Uninvite {
        /// Its id.
        id: Uuid,
    },
}

impl Schema for Member {
    fn validate(&self) -> Result<(), PayloadError> {
        match self {
            Self::Grant { expires_at, invitation, reason, role, rule: by_rule, .. } => {
                rule(invitation.is_none() || by_rule.is_none(), "invitation and rule exclude each other")?;
                rule(*role != Role::OrgOwner || expires_at.is_none(), "an owner has no expires_at")?;
                at_most("reason", reason.as_deref().unwrap_or_default(), MAX_REASON_BYTES)
            }
            Self::End { reason, .. } => {
                at_most("reason", reason.as_deref().unwrap_or_default(), MAX_REASON_BYTES)
            }
            Self::Invite { .. } | Self::Uninvite { .. } => Ok(()),
        }
    }
}

/// Payload of `user`: what a provider says of the person that speaks. The organisation is `ledger`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UserPayload")]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Where they say they can be reached, at most 320 bytes.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The provider's issuer.
    pub issuer: String,
    /// What they are called, at most 256 bytes.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the provider calls them.
    pub subject: String,
}

/// Longest e-mail address (RFC 3696, errata).
pub const MAX_EMAIL_BYTES: usize = 320;

impl Schema for User {
    fn validate(&self) -> Result<(), PayloadError> {
        at_most("email", self.email.as_deref().unwrap_or_default(), MAX_EMAIL_BYTES)?;
        at_most("name", self.name.as_deref().unwrap_or_default(), MAX_NAME_BYTES)?;
        filled("issuer", &self.issuer, MAX_URL_BYTES)?;
        filled("subject", &self.subject, MAX_SUBJECT_BYTES)
    }
}

impl User {
    /// The id of the person: it follows from ledger, issuer and subject, so two first sign-ins at once make one person.
    pub fn id(&self, ledger: &Hash) -> Uuid {
        user_id(ledger, &self.issuer, &self.subject)
    }
}

/// The UUID of version 8 from the first sixteen bytes of `BLAKE3(31 ‖ ledger ‖ issuer ‖ 00 ‖ subject)`.
pub fn user_id(ledger: &Hash, issuer: &str, subject: &str) -> Uuid {
    let hash = Hash::of(Domain::User, &[&ledger.0, issuer.as_bytes(), &[0], subject.as_bytes()]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(hash.0.get(..16).unwrap_or(&[0; 16]));
    Uuid::v8(bytes)
}

/// The kind of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    /// OpenID Connect: the keys are where its discovery document says.
    Oidc,
    /// Cloudflare Access: the keys are below the team's domain, the token comes in a header of its own.
    CloudflareAccess,
}

/// The provider that vouches for people, and how it is believed. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// Algorithms by which it may sign, 1 to 9 of [`SIGN_IN_ALGORITHMS`], sorted.
    pub algorithms: Vec<String>,
    /// What its tokens may be for, 1 to 16, sorted.
    pub audiences: Vec<String>,
    /// The client by which people sign in to the console; absent: they do not.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Its `iss`, exactly.
    pub issuer: String,
    /// What kind it is.
    pub kind: ProviderKind,
}

/// Payload of `identity-provider`. The organisation is `ledger`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "IdentityProviderPayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum IdentityProvider {
    /// From now on it is believed so.
    Set {
        /// Its id.
        id: Name,
        /// How.
        settings: ProviderSettings,
    },
    /// It is believed no longer.
    Remove {
        /// Its id.
        id: Name,
    },
}

impl Schema for IdentityProvider {
    fn validate(&self) -> Result<(), PayloadError> {
        let Self::Set { settings, .. } = self else { return Ok(()) };
        let ProviderSettings { algorithms, audiences, client_id, issuer, .. } = settings;
        within("algorithms", algorithms.len(), 1..=SIGN_IN_ALGORITHMS.len() as u64)?;
        rule(algorithms.is_sorted_by(|a, b| a < b), "algorithms must be sorted, each once")?;
        let known = algorithms.iter().all(|one| SIGN_IN_ALGORITHMS.contains(&one.as_str()));
        rule(known, "algorithms must be known and take no shared secret")?;
        within("audiences", audiences.len(), 1..=MAX_AUDIENCES)?;
        rule(audiences.is_sorted_by(|a, b| a < b), "audiences must be sorted, each once")?;
        audiences.iter().try_for_each(|one| filled("audiences", one, MAX_CLAIM_BYTES))?;
        client_id.iter().try_for_each(|one| filled("client_id", one, MAX_CLAIM_BYTES))?;
        at_most("issuer", issuer, MAX_URL_BYTES)?;
        rule(
            issuer.starts_with("https://") || issuer.starts_with("http://"),
            "issuer must begin with https:// or http://",
        )
    }
}

/// Payload of `sign-in-rule`: whoever comes from a provider with a claim of this value has a role in the organisation of
/// the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SignInRulePayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum SignInRule {
    /// The rule holds from now on.
    Set {
        /// The claim's name, 1 to 256 bytes; a text, a boolean, or a list of texts.
        claim: String,
        /// The rule's id.
        id: Uuid,
        /// The provider.
        provider: Name,
        /// The role.
        role: Role,
        /// What the claim must be, or have among others, 1 to 256 bytes.
        value: String,
    },
    /// It holds no longer, and who had a role by it has it no longer.
    Remove {
        /// Its id.
        id: Uuid,
    },
}

impl Schema for SignInRule {
    fn validate(&self) -> Result<(), PayloadError> {
        let Self::Set { claim, value, .. } = self else { return Ok(()) };
        filled("claim", claim, MAX_CLAIM_BYTES)?;
        filled("value", value, MAX_CLAIM_BYTES)
    }
}
