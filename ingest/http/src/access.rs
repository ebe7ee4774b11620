//! Who may do what: one matrix of roles and actions.

use crate::bucket::Subject;
use crate::problem::{FORBIDDEN, Problem, UNAUTHENTICATED};
use spec::payload::Role;
use spec::{LEDGER_ORG, Name, PublicKey, Uuid};

/// The condition of using a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everyone: health and public proof material.
    Public,
    /// Whoever sends something that is its own credential: a signature, an enrolment token.
    Credential,
    /// Every principal.
    Anyone,
    /// A principal whose role allows the action; in which organisation is for the handler to ask.
    Role(Action),
    /// A principal of the organisation `ledger` whose role allows the action.
    Everywhere(Action),
}

/// The power that a route gives its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// See events, entries, keys and tokens' names.
    Read,
    /// Write notes.
    WriteNote,
    /// Write events of every kind that people write.
    WriteEvent,
    /// Give, approve and cancel commands.
    IssueCommand,
    /// Make and end enrolment tokens.
    ManageEnrolment,
    /// Make and end API tokens.
    ManageTokens,
    /// Give and end roles, invite people, and say which claims give roles; in the organisation `ledger`, make and
    /// suspend organisations, and name providers.
    ManageMembers,
    /// Set rules of attention, assign policies, and make and remove webhooks.
    ManageRules,
    /// Revoke keys.
    GovernKeys,
    /// Import events from elsewhere.
    Import,
    /// Download the log as it lies on disk; in the organisation `ledger` only.
    Audit,
    /// Make the ledger seal itself; in the organisation `ledger` only.
    Seal,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 12] = [
        Self::Read,
        Self::WriteNote,
        Self::WriteEvent,
        Self::IssueCommand,
        Self::ManageEnrolment,
        Self::ManageTokens,
        Self::ManageMembers,
        Self::ManageRules,
        Self::GovernKeys,
        Self::Import,
        Self::Audit,
        Self::Seal,
    ];

    /// The action in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::WriteNote => "write notes",
            Self::WriteEvent => "write events",
            Self::IssueCommand => "issue commands",
            Self::ManageEnrolment => "manage enrolment tokens",
            Self::ManageTokens => "manage API tokens",
            Self::ManageMembers => "manage members",
            Self::ManageRules => "manage rules",
            Self::GovernKeys => "govern keys",
            Self::Import => "import events",
            Self::Audit => "download the log",
            Self::Seal => "seal the ledger",
        }
    }
}

/// The matrix.
pub fn allows(role: Role, action: Action) -> bool {
    match action {
        Action::Read => true,
        Action::WriteNote => {
            matches!(role, Role::OrgOwner | Role::OrgAdmin | Role::NodeAdmin | Role::Support)
        }
        Action::WriteEvent | Action::IssueCommand | Action::ManageEnrolment => {
            matches!(role, Role::OrgOwner | Role::OrgAdmin | Role::NodeAdmin)
        }
        Action::ManageTokens
        | Action::ManageMembers
        | Action::ManageRules
        | Action::GovernKeys
        | Action::Import
        | Action::Seal => {
            matches!(role, Role::OrgOwner | Role::OrgAdmin)
        }
        Action::Audit => matches!(role, Role::OrgOwner | Role::OrgAdmin | Role::Auditor),
    }
}

/// The way in which the asker was established.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalKind {
    /// Not at all.
    Anonymous,
    /// By a JWT that a node signed with its key.
    Node {
        /// The node.
        node: Uuid,
        /// Its key.
        key: PublicKey,
        /// Its tenant.
        tenant: Option<Name>,
    },
    /// By an API token.
    Token(Uuid),
    /// By a provider that vouches for them.
    User {
        /// The person.
        user: Uuid,
        /// The provider.
        provider: Name,
    },
    /// By access to the machine: the request came over the admin socket.
    Admin,
}

/// The asker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// How that was established.
    pub kind: PrincipalKind,
    /// The organisation it belongs to; `ledger` stands for all of them. None for the anonymous.
    pub org: Option<Name>,
    /// What it may do there; empty for nodes and the anonymous.
    pub roles: Vec<Role>,
}

impl Principal {
    /// Whoever shows nothing.
    pub const ANONYMOUS: Self = Self { kind: PrincipalKind::Anonymous, org: None, roles: Vec::new() };

    /// Whoever has access to the machine.
    pub fn admin() -> Self {
        let org = LEDGER_ORG.parse().ok();
        Self { kind: PrincipalKind::Admin, org, roles: vec![Role::OrgOwner] }
    }

    /// What the log calls it.
    pub fn id(&self) -> String {
        match &self.kind {
            PrincipalKind::Anonymous => "anonymous".to_owned(),
            PrincipalKind::Node { node, .. } => format!("node:{node}"),
            PrincipalKind::Token(id) => format!("token:{id}"),
            PrincipalKind::User { user, .. } => format!("user:{user}"),
            PrincipalKind::Admin => "service:admin".to_owned(),
        }
    }

    /// Whether it belongs to the organisation `ledger`, and so to all of them. Support does not: an organisation sees
    /// whom it lets in, and shows them out.
    pub fn is_everywhere(&self) -> bool {
        let in_ledger = self.org.as_ref().is_some_and(|org| org.as_str() == LEDGER_ORG);
        in_ledger && self.roles.iter().any(|role| *role != Role::Support)
    }

    /// The one organisation it is bound to; `None` if it is bound to none.
    pub fn bound_to(&self) -> Option<&Name> {
        self.org.as_ref().filter(|_| !self.is_everywhere())
    }

    /// The node it is, if it is one: then it sees what is about itself.
    pub fn node(&self) -> Option<Uuid> {
        match self.kind {
            PrincipalKind::Node { node, .. } => Some(node),
            PrincipalKind::Anonymous
            | PrincipalKind::Token(_)
            | PrincipalKind::User { .. }
            | PrincipalKind::Admin => None,
        }
    }

    /// Whose limits its own are.
    pub fn subject(&self) -> Option<Subject> {
        match &self.kind {
            PrincipalKind::Token(id) => Some(Subject::Token(*id)),
            PrincipalKind::User { user, .. } => Some(Subject::User(*user)),
            PrincipalKind::Node { key, .. } => Some(Subject::Key(*key)),
            PrincipalKind::Anonymous | PrincipalKind::Admin => None,
        }
    }

    /// Whether it may do something in some organisation.
    pub fn may_somewhere(&self, action: Action) -> bool {
        match self.kind {
            PrincipalKind::Node { .. } => action == Action::Read,
            _ => self.roles.iter().any(|role| allows(*role, action)),
        }
    }

    /// Whether it may have something recorded that it brings along.
    pub fn may_write(&self) -> bool {
        matches!(self.kind, PrincipalKind::Node { .. })
            || [Action::WriteNote, Action::WriteEvent].into_iter().any(|action| self.may_somewhere(action))
    }

    /// Refuses what it may not do in any organisation.
    pub fn require(&self, action: Action) -> Result<(), Problem> {
        if self.kind == PrincipalKind::Anonymous {
            return Err(Problem::new(UNAUTHENTICATED, "show an API token: Authorization: Bearer vmt1.…"));
        }
        if self.may_somewhere(action) {
            return Ok(());
        }
        if self.org.is_none() {
            let detail = "name one of your organisations in the header x-org-id";
            return Err(Problem::new(FORBIDDEN, detail));
        }
        Err(Problem::new(FORBIDDEN, format!("your role does not let you {}", action.as_str())))
    }

    /// Refuses what it may not do in an organisation.
    pub fn require_in(&self, action: Action, org: &Name) -> Result<(), Problem> {
        self.require(action)?;
        if self.is_everywhere() || self.org.as_ref() == Some(org) {
            return Ok(());
        }
        Err(Problem::new(FORBIDDEN, format!("you do not belong to the organisation {org}")))
    }

    /// Refuses what only the organisation `ledger` may do.
    pub fn require_everywhere(&self, action: Action) -> Result<(), Problem> {
        self.require(action)?;
        if self.is_everywhere() {
            return Ok(());
        }
        Err(Problem::new(FORBIDDEN, format!("only the organisation ledger may {}", action.as_str())))
    }
}
