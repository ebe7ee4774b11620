//! What a token says, once its signature holds.

use crate::IdentityError;
use serde_json::{Map, Value};
use spec::Timestamp;
use spec::payload::{MAX_EMAIL_BYTES, ProviderKind, ProviderSettings};

/// How far a provider's clock may be off, in seconds: a minute, and the second that it is rounded by.
const LEEWAY_SECS: f64 = 61.0;

/// Longest subject, as the payload of kind `user` has it.
const MAX_SUBJECT_BYTES: usize = 1024;

/// Longest name, as the payload of kind `user` has it.
const MAX_NAME_BYTES: usize = 256;

/// A person for whom a provider vouches.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The provider's issuer.
    pub issuer: String,
    /// What the provider calls them.
    pub subject: String,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// Everything the provider says.
    pub claims: Map<String, Value>,
}

impl Person {
    /// Where they can be reached; only if the provider has verified it.
    pub fn email(&self) -> Option<&str> {
        // Some issuers write the flag as text.
        let verified = self.claims.get("email_verified");
        if !verified.is_some_and(|flag| *flag == Value::Bool(true) || flag.as_str() == Some("true")) {
            return None;
        }
        self.text("email", MAX_EMAIL_BYTES)
    }

    /// What they are called.
    pub fn name(&self) -> Option<&str> {
        self.text("name", MAX_NAME_BYTES)
    }

    /// Whether a claim is this, or has it among others.
    pub fn says(&self, claim: &str, value: &str) -> bool {
        match self.claims.get(claim) {
            Some(Value::String(text)) => text == value,
            Some(Value::Bool(flag)) => value == if *flag { "true" } else { "false" },
            Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(value)),
            _ => false,
        }
    }

    fn text(&self, claim: &str, most: usize) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str).filter(|text| (1..=most).contains(&text.len()))
    }
}

/// Checks issuer, audience, times and subject of a token whose signature holds.
pub(crate) fn person(
    settings: &ProviderSettings,
    claims: Map<String, Value>,
    now: Timestamp,
) -> Result<Person, IdentityError> {
    let ends = check_claims(settings, &claims, now)?;
    let subject = subject(settings, &claims).ok_or(IdentityError::Claim("sub"))?;
    Ok(Person { issuer: settings.issuer.clone(), subject, expires_at: moment(ends + LEEWAY_SECS), claims })
}

/// Checks issuer, audience and times; when it ends.
pub(crate) fn check_claims(
    settings: &ProviderSettings,
    claims: &Map<String, Value>,
    now: Timestamp,
) -> Result<f64, IdentityError> {
    if claims.get("iss").and_then(Value::as_str) != Some(&settings.issuer) {
        return Err(IdentityError::Issuer);
    }
    let ours = |one: &Value| one.as_str().is_some_and(|one| settings.audiences.iter().any(|own| own == one));
    let for_us = match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(ours),
        Some(one) => ours(one),
        None => false,
    };
    if !for_us {
        return Err(IdentityError::Audience);
    }
    let now = seconds(now);
    let ends = number(claims, "exp")?.ok_or(IdentityError::Claim("exp"))?;
    if ends + LEEWAY_SECS <= now {
        return Err(IdentityError::Expired);
    }
    for since in ["nbf", "iat"] {
        if number(claims, since)?.is_some_and(|since| since > now + LEEWAY_SECS) {
            return Err(IdentityError::NotYet);
        }
    }
    Ok(ends)
}

/// The subject; a service token of Cloudflare Access has none, and is known by its name.
fn subject(settings: &ProviderSettings, claims: &Map<String, Value>) -> Option<String> {
    let text = |claim: &str| {
        let text = claims.get(claim)?.as_str()?;
        (1..=MAX_SUBJECT_BYTES - 16).contains(&text.len()).then(|| text.to_owned())
    };
    match (text("sub"), settings.kind) {
        (None, ProviderKind::CloudflareAccess) => {
            text("common_name").map(|name| format!("service-token:{name}"))
        }
        (subject, _) => subject,
    }
}

/// A NumericDate (RFC 7519, section 2), which may have a fraction.
fn number(claims: &Map<String, Value>, claim: &'static str) -> Result<Option<f64>, IdentityError> {
    match claims.get(claim) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(secs) if (0.0..=253_402_300_799.0).contains(&secs) => Ok(Some(secs)),
            _ => Err(IdentityError::Claim(claim)),
        },
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of the years 1970 to 9999 are exact")]
fn seconds(time: Timestamp) -> f64 {
    time.secs() as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of seconds of the years 1970 to 9999"
)]
fn moment(secs: f64) -> Timestamp {
    Timestamp::from_millis(secs as u64 * 1000)
}
