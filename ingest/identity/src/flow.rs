//! The authorization code flow with PKCE (RFC 6749, RFC 7636; OpenID Connect Core, section 3.1), as a client of a provider.

use crate::claims::Person;
use crate::fetch::{self, FetchError};
use crate::{Identity, IdentityError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use spec::Timestamp;
use spec::payload::ProviderSettings;

/// The addresses at which a provider does what.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// Where people sign in.
    pub authorization: Option<String>,
    /// Where codes and refresh tokens are redeemed.
    pub token: Option<String>,
    /// Where people sign out.
    pub end_session: Option<String>,
    pub(crate) userinfo: Option<String>,
}

/// Tokens that a provider gives for a code or a refresh token.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Says who it is.
    pub id_token: String,
    /// Opens the userinfo endpoint.
    pub access_token: Option<String>,
    /// Is good for the next tokens.
    pub refresh_token: Option<String>,
}

/// The outcome of a refresh.
#[derive(Debug)]
pub enum Refreshed {
    /// New tokens.
    Tokens(Box<Tokens>),
    /// The provider says that it is over.
    Over,
    /// The provider does not answer.
    Unknown,
}

/// A sign-in that has begun: what must agree with it when it comes back.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The `nonce` of the ID token.
    pub nonce: String,
    /// The secret half of the code challenge.
    pub verifier: String,
    /// Where the provider sends people back to.
    pub redirect_uri: String,
}

impl Begun {
    /// `BASE64URL(SHA256(verifier))` (RFC 7636, section 4.2).
    pub fn challenge(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, self.verifier.as_bytes());
        URL_SAFE_NO_PAD.encode(digest)
    }
}

impl Identity {
    /// Redeems a code.
    ///
    /// # Errors
    /// The provider does not take it, or does not answer.
    pub async fn redeem(
        &self,
        settings: &ProviderSettings,
        secret: Option<&str>,
        begun: &Begun,
        code: &str,
    ) -> Result<Tokens, IdentityError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &begun.redirect_uri),
            ("code_verifier", &begun.verifier),
        ];
        let said = self.ask_for_tokens(settings, secret, &form).await;
        tokens(&said.map_err(IdentityError::Unreachable)?, None).ok_or(IdentityError::Form)
    }

    /// Redeems a refresh token.
    pub async fn refresh(
        &self,
        settings: &ProviderSettings,
        secret: Option<&str>,
        before: &Tokens,
    ) -> Refreshed {
        let Some(token) = &before.refresh_token else { return Refreshed::Over };
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        match self.ask_for_tokens(settings, secret, &form).await {
            Ok(said) => match tokens(&said, Some(before)) {
                Some(tokens) => Refreshed::Tokens(Box::new(tokens)),
                None => Refreshed::Over,
            },
            // RFC 6749, section 5.2: what is wrong with the grant or the client.
            Err(FetchError::Status(400 | 401)) => Refreshed::Over,
            Err(_) => Refreshed::Unknown,
        }
    }

    async fn ask_for_tokens(
        &self,
        settings: &ProviderSettings,
        secret: Option<&str>,
        form: &[(&str, &str)],
    ) -> Result<Value, FetchError> {
        let endpoint =
            self.endpoints(settings).await.token.ok_or(FetchError::Document("it names no token endpoint"))?;
        let client_id = settings.client_id.as_deref().unwrap_or_default();
        let mut fields = form.to_vec();
        fields.push(("client_id", client_id));
        fields.extend(secret.map(|secret| ("client_secret", secret)));
        let body: String = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", escaped(value)))
            .collect::<Vec<_>>()
            .join("&");
        let client = self.client()?;
        let request = client.post(endpoint).header("content-type", "application/x-www-form-urlencoded");
        fetch::json(request.header("accept", "application/json").body(body)).await
    }

    /// Who an ID token of a sign-in vouches for: as any other token, and it is the one that was asked for.
    ///
    /// # Errors
    /// It does not hold, or is an answer to somebody else.
    pub fn signed_in(
        &self,
        settings: &ProviderSettings,
        tokens: &Tokens,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Person, IdentityError> {
        let person = self.verify(settings, &tokens.id_token, now)?;
        let text = |claim: &str| person.claims.get(claim).and_then(Value::as_str);
        if text("nonce") != Some(nonce) {
            return Err(IdentityError::Claim("nonce"));
        }
        if person.claims.contains_key("azp") && text("azp") != settings.client_id.as_deref() {
            return Err(IdentityError::Claim("azp"));
        }
        Ok(person)
    }
}

fn tokens(said: &Value, before: Option<&Tokens>) -> Option<Tokens> {
    let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Tokens {
        id_token: text("id_token").or_else(|| before.map(|before| before.id_token.clone()))?,
        access_token: text("access_token"),
        refresh_token: text("refresh_token").or_else(|| before?.refresh_token.clone()),
    })
}

/// Percent-encoded, all but the unreserved characters (RFC 3986, section 2.3).
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
            out.extend([digit(byte >> 4), digit(byte & 15)].map(|digit| digit.to_ascii_uppercase()));
        }
    }
    out
}
