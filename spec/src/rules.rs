//! The rules of kinds: who may say one, how the service knows who it is, in which organisation, and what HTTP takes.
//!
//! The registry of kinds has a word of each for every kind; admission, the auditor and HTTP ask here and
//! nowhere else, so none of them lets a kind through that nobody has decided about. The text is `event.md`, sections
//! 6 and 9.

use crate::ids::{Author, Name};
use crate::key_use::KeyUse;
use crate::payload::Role;

/// The newest version of the admission rules.
pub const ADMISSION_VERSION: u64 = 2;

/// From this version on admission judges what a kind says, and not only who says it.
pub const JUDGES_CONTENT: u64 = 2;

/// The way in which the service knows who speaks: `via.method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The ledger speaks of itself.
    Itself,
    /// Somebody with access to the machine.
    Admin,
    /// A node's introduction with an enrolment token.
    Enrolment,
    /// A node that showed that it holds its key.
    NodeJwt,
    /// Whoever holds an API token.
    Token,
    /// A person whom a provider vouches for.
    SignIn,
    /// A line of an imported file.
    Import,
    /// What a schedule or a roll-out leads to.
    Schedule,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 8] = [
        Self::Itself,
        Self::Admin,
        Self::Enrolment,
        Self::NodeJwt,
        Self::Token,
        Self::SignIn,
        Self::Import,
        Self::Schedule,
    ];

    /// The word as it stands in `via`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Itself => "self",
            Self::Admin => "admin",
            Self::Enrolment => "enrolment",
            Self::NodeJwt => "node-jwt",
            Self::Token => "token",
            Self::SignIn => "sign-in",
            Self::Import => "import",
            Self::Schedule => "schedule",
        }
    }

    /// The method of this name, if it is one.
    pub fn named(name: &Name) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name.as_str())
    }

    /// Whether this is how the service knows such an author.
    pub fn knows(self, author: &Author) -> bool {
        let service = |wanted: &str| matches!(author, Author::Service(name) if wanted.is_empty() || name.as_str() == wanted);
        match self {
            Self::Itself => service(""),
            Self::Admin => service("admin"),
            Self::Enrolment | Self::NodeJwt => service("ingest"),
            Self::Token => matches!(author, Author::Token(_)),
            Self::SignIn => matches!(author, Author::User(_)),
            Self::Import => matches!(author, Author::Import(_)),
            Self::Schedule => service("scheduler"),
        }
    }
}

/// The speakers who may say a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// Only the ledger about itself: service key, `via` method `self`.
    Ledger,
    /// The service on behalf of whoever changes tokens and keys.
    Service,
    /// The service, for whoever shows an enrolment token.
    Enrolment,
    /// A node about its own chain: node or device key.
    Chain,
    /// A node, or the service on its behalf.
    Node,
    /// Anyone: nodes, devices, and the service on behalf of people, tokens and imports.
    Anyone,
    /// A person: with a device of theirs, or the service on behalf of them, of an API token, of whoever has access to
    /// the machine, and of imports. In version 1 anyone.
    Person,
    /// An operator: the service on behalf of an API token, of a person, or of whoever has access to the machine.
    Operator,
    /// The ledger's scheduler: service key, `via` method `schedule`.
    Scheduler,
}

impl Speaker {
    /// The word of the registry in the text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Service => "service",
            Self::Enrolment => "enrolment",
            Self::Chain => "chain",
            Self::Node => "node",
            Self::Anyone => "anyone",
            Self::Person => "person",
            Self::Operator => "operator",
            Self::Scheduler => "scheduler",
        }
    }

    /// Whether an author with a key of this use says it in its own chain, by a version of the admission rules.
    pub fn is_chained(self, key_use: KeyUse, version: u64) -> bool {
        match self {
            Self::Person if version < JUDGES_CONTENT => Self::Anyone.is_chained(key_use, version),
            Self::Chain | Self::Anyone => matches!(key_use, KeyUse::Node | KeyUse::Device),
            Self::Node => key_use == KeyUse::Node,
            Self::Person => key_use == KeyUse::Device,
            Self::Ledger | Self::Service | Self::Enrolment | Self::Operator | Self::Scheduler => false,
        }
    }

    /// Whether the service says it for somebody it knows by this method, by a version of the admission rules.
    pub fn speaks_by(self, method: Method, version: u64) -> bool {
        let content = version >= JUDGES_CONTENT;
        match self {
            Self::Ledger => method == Method::Itself,
            Self::Chain => false,
            Self::Node => matches!(method, Method::NodeJwt | Method::Import),
            Self::Anyone => {
                matches!(
                    method,
                    Method::Admin | Method::NodeJwt | Method::Token | Method::SignIn | Method::Import
                )
            }
            Self::Person if !content => Self::Anyone.speaks_by(method, version),
            Self::Person => matches!(method, Method::Admin | Method::Token | Method::SignIn | Method::Import),
            Self::Operator => matches!(method, Method::Admin | Method::Token | Method::SignIn),
            Self::Scheduler => method == Method::Schedule,
            // Version 1 took a node's session for as good as an operator's.
            Self::Service => {
                matches!(method, Method::Admin | Method::Token | Method::SignIn)
                    || !content && method == Method::NodeJwt
            }
            Self::Enrolment => {
                let lax = matches!(method, Method::Admin | Method::Token | Method::NodeJwt);
                method == Method::Enrolment || !content && lax
            }
        }
    }
}

/// The organisations in which a kind is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// In `ledger` alone.
    Ledger,
    /// In that of whom it is about.
    Subject,
    /// In every one but `ledger`.
    Customer,
    /// In every one; in `ledger` by its owner, its tokens and its people.
    Governed,
    /// In every one; in `ledger` by its owner alone.
    Any,
}

impl Home {
    /// Whether it is said in this organisation by this method.
    pub fn takes(self, in_ledger: bool, method: Method) -> bool {
        match self {
            Self::Ledger => in_ledger,
            Self::Subject => true,
            Self::Customer => !in_ledger,
            Self::Governed => !in_ledger || matches!(method, Method::Admin | Method::Token | Method::SignIn),
            Self::Any => !in_ledger || matches!(method, Method::Admin | Method::Itself),
        }
    }
}

/// The roles of API tokens and of people that may say a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roles {
    /// None.
    Nobody,
    /// `org_owner` and `org_admin`.
    Owners,
    /// These and `node_admin`.
    Admins,
    /// Every role that may write at all: not `viewer` and not `auditor`.
    Writers,
}

impl Roles {
    /// Whether a role is among them.
    pub fn contain(self, role: Role) -> bool {
        match self {
            Self::Nobody => false,
            Self::Owners => matches!(role, Role::OrgOwner | Role::OrgAdmin),
            Self::Admins => matches!(role, Role::OrgOwner | Role::OrgAdmin | Role::NodeAdmin),
            Self::Writers => role.may_write(),
        }
    }
}

/// The answer to whether HTTP takes a kind as a draft, which the service signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drafted {
    /// It is not for people to say.
    Never,
    /// It has a route of its own: the service signs more than the event, makes a secret, or counts.
    Elsewhere,
    /// From [`Roles::Owners`].
    Owners,
    /// From [`Roles::Admins`].
    Admins,
    /// From [`Roles::Writers`].
    Writers,
}
