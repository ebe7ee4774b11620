//! The providers' keys: fetched when they are first needed, fetched again when they are old or a token names one that
//! is not among them, and never more often than a stranger with forged tokens could make a nuisance of.

use crate::IdentityError;
use crate::claims::{Person, check_claims, person};
use crate::fetch::{self, FetchError};
use crate::flow::Endpoints;
use crate::jws::Jws;
use crate::keys::{KeySet, plain};
use serde_json::{Map, Value};
use spec::Timestamp;
use spec::payload::{ProviderKind, ProviderSettings};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Most answers of userinfo endpoints that are kept.
const MAX_USERINFO: usize = 4096;

/// How long such an answer is believed.
const USERINFO_LASTS: Duration = Duration::from_mins(5);

/// The pace at which keys are fetched.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Keys older than this are fetched again; those of before serve while the provider does not answer.
    pub renew_after: Duration,
    /// After this without an answer, keys serve no longer.
    pub give_up_after: Duration,
    /// At least so long between two fetches, whatever tokens name: the negative cache.
    pub rest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            renew_after: Duration::from_mins(10),
            give_up_after: Duration::from_hours(24),
            rest: Duration::from_secs(10),
        }
    }
}

/// Knowledge of the providers.
#[derive(Debug, Default)]
pub struct Identity {
    pace: Pace,
    client: OnceLock<reqwest::Client>,
    providers: Mutex<BTreeMap<String, Arc<Provider>>>,
    /// By the hash of the token.
    userinfo: Mutex<BTreeMap<[u8; 32], Told>>,
}

/// Until when it is believed, and what a userinfo endpoint said.
type Told = (Instant, Map<String, Value>);

/// What is known of one provider.
#[derive(Debug, Default)]
struct Provider {
    known: Mutex<Known>,
    /// Whoever holds it fetches, and the others wait for what comes of it.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    keys: Arc<KeySet>,
    endpoints: Endpoints,
    fetched: Option<Instant>,
    tried: Option<Instant>,
    failure: Option<FetchError>,
}

impl Identity {
    /// Nothing is known yet.
    pub fn new(pace: Pace) -> Self {
        Self { pace, ..Self::default() }
    }

    /// Sees to it that the keys are there by which a token can be judged, if the provider gives them.
    pub async fn prepare(&self, settings: &ProviderSettings, token: &str) {
        if let Ok(jws) = Jws::read(token) {
            self.renew(settings, Some(&jws)).await;
        }
    }

    /// Where a provider does what, as far as it says.
    pub async fn endpoints(&self, settings: &ProviderSettings) -> Endpoints {
        self.renew(settings, None).await;
        self.provider(&settings.issuer).known().endpoints
    }

    async fn renew(&self, settings: &ProviderSettings, for_token: Option<&Jws<'_>>) {
        let provider = self.provider(&settings.issuer);
        if !self.is_due(&provider.known(), for_token) {
            return;
        }
        let _turn = provider.fetching.lock().await;
        let known = provider.known();
        if !self.is_due(&known, for_token) {
            return;
        }
        let mut next = Known { tried: Some(Instant::now()), ..known };
        match self.fetch(settings).await {
            Ok((keys, endpoints)) => {
                let fetched = Some(Instant::now());
                next = Known { keys: Arc::new(keys), endpoints, fetched, failure: None, ..next };
            }
            Err(failure) => {
                tracing::warn!(issuer = settings.issuer, %failure, "the provider does not give its keys");
                next.failure = Some(failure);
            }
        }
        *provider.known.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Who a token vouches for, by the keys that are there.
    ///
    /// # Errors
    /// The token does not hold, or the provider never gave its keys.
    pub fn verify(
        &self,
        settings: &ProviderSettings,
        token: &str,
        now: Timestamp,
    ) -> Result<Person, IdentityError> {
        let jws = self.checked(settings, token)?;
        let mut person = person(settings, jws.claims, now)?;
        for (claim, value) in self.told(token).unwrap_or_default() {
            person.claims.entry(claim).or_insert(value);
        }
        Ok(person)
    }

    fn checked<'a>(&self, settings: &ProviderSettings, token: &'a str) -> Result<Jws<'a>, IdentityError> {
        let jws = Jws::read(token)?;
        let alg = plain(&jws.header.alg);
        if !settings.algorithms.iter().any(|may| may == alg) {
            return Err(IdentityError::Algorithm(jws.header.alg.chars().take(16).collect()));
        }
        let known = self.provider(&settings.issuer).known();
        let fresh = known.fetched.is_some_and(|at| at.elapsed() < self.pace.give_up_after);
        if !fresh {
            return Err(IdentityError::Unreachable(known.failure.unwrap_or(FetchError::NotAsked)));
        }
        known.keys.check(&jws)?;
        Ok(jws)
    }

    /// What a token of any kind says, its signature, issuer, audience and times checked: for those without a subject.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn claims(
        &self,
        settings: &ProviderSettings,
        token: &str,
        now: Timestamp,
    ) -> Result<Map<String, Value>, IdentityError> {
        let jws = self.checked(settings, token)?;
        check_claims(settings, &jws.claims, now)?;
        Ok(jws.claims)
    }

    /// Asks the provider's userinfo endpoint for what an access token does not say, once in a while.
    pub async fn ask_more(
        &self,
        settings: &ProviderSettings,
        token: &str,
        access: Option<&str>,
        person: &mut Person,
    ) {
        if self.told(token).is_some() {
            return;
        }
        let known = self.provider(&settings.issuer).known();
        let (Some(endpoint), Ok(client)) = (known.endpoints.userinfo, self.client()) else { return };
        let said = fetch::json(client.get(endpoint).bearer_auth(access.unwrap_or(token))).await;
        let said = said.ok().and_then(|said| said.as_object().cloned());
        // An answer about somebody else is none (OpenID Connect Core, section 5.3.2).
        let of_them = |said: &Map<String, Value>| {
            said.get("sub").and_then(Value::as_str) == Some(person.subject.as_str())
        };
        let said = said.filter(of_them);
        // What is not answered is asked again soon.
        let lasts = if said.is_some() { USERINFO_LASTS } else { self.pace.rest };
        let said = said.unwrap_or_default();
        for (claim, value) in &said {
            person.claims.entry(claim.clone()).or_insert_with(|| value.clone());
        }
        let mut all = self.userinfo.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        all.retain(|_, (until, _)| now < *until);
        if all.len() < MAX_USERINFO {
            all.insert(*blake3::hash(token.as_bytes()).as_bytes(), (now + lasts, said));
        }
    }

    fn told(&self, token: &str) -> Option<Map<String, Value>> {
        let all = self.userinfo.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, said) = all.get(blake3::hash(token.as_bytes()).as_bytes())?;
        (Instant::now() < *until).then(|| said.clone())
    }

    fn provider(&self, issuer: &str) -> Arc<Provider> {
        let mut all = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(issuer.to_owned()).or_default())
    }

    pub(crate) fn client(&self) -> reqwest::Result<&reqwest::Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = fetch::client()?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Whether the keys should be fetched for a token's sake, and may be.
    fn is_due(&self, known: &Known, for_token: Option<&Jws<'_>>) -> bool {
        let rested = known.tried.is_none_or(|at| at.elapsed() >= self.pace.rest);
        let old = known.fetched.is_none_or(|at| at.elapsed() >= self.pace.renew_after);
        rested && (old || for_token.is_some_and(|jws| !known.keys.may_know(jws)))
    }

    async fn fetch(&self, settings: &ProviderSettings) -> Result<(KeySet, Endpoints), FetchError> {
        let client = self.client()?;
        let base = settings.issuer.trim_end_matches('/');
        let (at, endpoints) = match settings.kind {
            ProviderKind::CloudflareAccess => (format!("{base}/cdn-cgi/access/certs"), Endpoints::default()),
            ProviderKind::Oidc => {
                let document = fetch::json(client.get(format!("{base}/.well-known/openid-configuration")));
                let document = document.await?;
                let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
                if text("issuer").as_deref() != Some(&settings.issuer) {
                    return Err(FetchError::Document("its discovery document is of another issuer"));
                }
                let at =
                    text("jwks_uri").ok_or(FetchError::Document("its discovery document names no keys"))?;
                let safe = |name: &str| text(name).filter(|url| is_safe(settings, url));
                let endpoints = Endpoints {
                    authorization: safe("authorization_endpoint"),
                    token: safe("token_endpoint"),
                    end_session: safe("end_session_endpoint"),
                    userinfo: safe("userinfo_endpoint"),
                };
                (at, endpoints)
            }
        };
        if !is_safe(settings, &at) {
            return Err(FetchError::Document("its keys are not behind TLS"));
        }
        let set = fetch::json(client.get(at)).await?;
        let keys = KeySet::read(&set).ok_or(FetchError::Document("what it gives is no set of keys"))?;
        Ok((keys, endpoints))
    }
}

impl Provider {
    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A provider that is behind TLS sends nobody elsewhere.
fn is_safe(settings: &ProviderSettings, url: &str) -> bool {
    url.starts_with("https://") || settings.issuer.starts_with("http://")
}
