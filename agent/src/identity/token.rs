//! The enrolment token: `vm1.<ledger id>.<secret>`. It names the ledger, so nothing is trusted on first
//! use.

use spec::Hash;
use spec::payload::token_hash;
use std::fmt;
use std::str::FromStr;

/// An enrolment token. `Debug` does not show the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentToken {
    /// The ledger it is for.
    pub ledger: Hash,
    secret: [u8; 32],
}

/// A text that is no enrolment token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an enrolment token has the form vm1.<64 hex digits>.<64 hex digits>")]
pub struct TokenError;

impl EnrolmentToken {
    /// The name by which the ledger knows the token.
    pub fn hash(&self) -> Hash {
        token_hash(&self.secret)
    }
}

impl FromStr for EnrolmentToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let (ledger, secret) =
            text.strip_prefix("vm1.").and_then(|rest| rest.split_once('.')).ok_or(TokenError)?;
        let hex = |text| Hash::from_hex(text).map_err(|_| TokenError);
        Ok(Self { ledger: hex(ledger)?, secret: hex(secret)?.0 })
    }
}

impl fmt::Display for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vm1.{}.{}", self.ledger, Hash(self.secret))
    }
}

impl fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolmentToken(vm1.{}.…)", self.ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_keeps_its_secret() {
        let text = format!("vm1.{}.{}", "ab".repeat(32), "cd".repeat(32));
        let token: EnrolmentToken = text.parse().unwrap();
        assert_eq!(token.to_string(), text);
        assert!(!format!("{token:?}").contains("cdcd"));
        for bad in ["", "vm1.", "vm2.a.b", &text[1..], &text.to_uppercase(), &format!("{text}.x")] {
            assert_eq!(bad.parse::<EnrolmentToken>(), Err(TokenError), "{bad}");
        }
    }
}
