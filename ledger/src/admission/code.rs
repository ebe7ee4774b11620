//! Why an event is refused.

/// The reason why an event is refused: stable words, listed in `spec/event.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described by Code::detail")]
pub enum Code {
    UnknownKey,
    KeyRevoked,
    WrongUse,
    AuthorMismatch,
    ForeignLedger,
    BadSignature,
    DuplicateId,
    IdTime,
    EpochClosed,
    TooManyEpochs,
    TooManyKeys,
    ChainFork,
    ChainGap,
    Blocked,
    BadPayload,
    NotAllowed,
    WrongOrg,
    WrongTenant,
    TokenUnknown,
    TokenExpired,
    TokenRevoked,
    TokenExhausted,
    KeyInUse,
    AuthorTaken,
    BadKey,
    BadPossession,
    BadAuthority,
    TooLarge,
    LastOwner,
    OrgSuspended,
    TooMany,
}

impl Code {
    /// Every code, in the order of `spec/event.md`.
    pub const ALL: [Self; 31] = [
        Self::UnknownKey,
        Self::KeyRevoked,
        Self::WrongUse,
        Self::AuthorMismatch,
        Self::ForeignLedger,
        Self::BadSignature,
        Self::DuplicateId,
        Self::IdTime,
        Self::EpochClosed,
        Self::TooManyEpochs,
        Self::TooManyKeys,
        Self::ChainFork,
        Self::ChainGap,
        Self::Blocked,
        Self::BadPayload,
        Self::NotAllowed,
        Self::WrongOrg,
        Self::WrongTenant,
        Self::TokenUnknown,
        Self::TokenExpired,
        Self::TokenRevoked,
        Self::TokenExhausted,
        Self::KeyInUse,
        Self::AuthorTaken,
        Self::BadKey,
        Self::BadPossession,
        Self::BadAuthority,
        Self::TooLarge,
        Self::LastOwner,
        Self::OrgSuspended,
        Self::TooMany,
    ];

    /// The stable word.
    pub fn as_str(self) -> &'static str {
        self.text().0
    }

    /// The code of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }

    /// What it means.
    pub fn detail(self) -> &'static str {
        self.text().1
    }

    fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::UnknownKey => ("unknown-key", "the key was never introduced to this ledger"),
            Self::KeyRevoked => ("key-revoked", "the key is no longer valid"),
            Self::WrongUse => ("wrong-use", "the key was introduced for another use"),
            Self::AuthorMismatch => ("author-mismatch", "the key does not speak for this author"),
            Self::ForeignLedger => ("foreign-ledger", "the event is signed for another ledger"),
            Self::BadSignature => ("bad-signature", "the signature does not verify"),
            Self::DuplicateId => ("duplicate-id", "another event of this author has this id"),
            Self::IdTime => ("id-time", "the id's time is over 10 minutes ahead or 90 days behind"),
            Self::EpochClosed => ("epoch-closed", "this epoch of the chain has ended; open a new one"),
            Self::TooManyEpochs => ("too-many-epochs", "the key has opened 1024 epochs; replace it"),
            Self::TooManyKeys => ("too-many-keys", "the author has gone through 1024 keys; enrol it anew"),
            Self::ChainFork => ("chain-fork", "another event holds this place of the chain"),
            Self::ChainGap => ("chain-gap", "the event is not the next of its chain"),
            Self::Blocked => ("blocked", "an event before this one of the same chain was not accepted"),
            Self::BadPayload => ("bad-payload", "the payload does not fit its kind"),
            Self::NotAllowed => ("not-allowed", "this author may not say this kind"),
            Self::WrongOrg => ("wrong-org", "the author does not belong to this organisation"),
            Self::WrongTenant => ("wrong-tenant", "the author does not belong to this tenant"),
            Self::TokenUnknown => ("token-unknown", "no such token was made on this ledger"),
            Self::TokenExpired => ("token-expired", "the token has expired"),
            Self::TokenRevoked => ("token-revoked", "the token was revoked"),
            Self::TokenExhausted => ("token-exhausted", "the token was used as often as it may be"),
            Self::KeyInUse => ("key-in-use", "the key was introduced before, for something else"),
            Self::AuthorTaken => ("author-taken", "another key, or another organisation, has this author"),
            Self::BadKey => ("bad-key", "the public key is weak or not in canonical form"),
            Self::BadPossession => ("bad-possession", "the proof of possession does not verify"),
            Self::BadAuthority => ("bad-authority", "the change lacks the recovery keys' signatures"),
            Self::TooLarge => ("too-large", "the entry would exceed 65,535 bytes"),
            Self::LastOwner => {
                ("last-owner", "an organisation keeps an owner; grant the role to another first")
            }
            Self::OrgSuspended => ("org-suspended", "the organisation is suspended"),
            Self::TooMany => ("too-many", "the organisation has as many of these as it may"),
        }
    }

    /// Whether a validly signed event with this flaw, in its place, is recorded and passed over.
    pub(super) fn is_final(self) -> bool {
        matches!(
            self,
            Self::BadPayload
                | Self::NotAllowed
                | Self::WrongOrg
                | Self::WrongTenant
                | Self::IdTime
                | Self::DuplicateId
                | Self::TooLarge
                // Whoever uses a key after its end is to be noticed.
                | Self::KeyRevoked
        )
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
