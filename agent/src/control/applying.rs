//! Applying a policy: the node was told its hash by a command that is in the ledger, and fetches the document.

use crate::clock::{Clock, Now};
use crate::control::applied::Applied;
use crate::control::commander::Commander;
use crate::control::work::Done;
use crate::disk::Disk;
use crate::entropy::Entropy;
use crate::heartbeat::Sampler;
use crate::identity::jwt::{self, Claims};
use crate::network::{Network, Request};
use crate::problem::Problem;
use crate::session::Session;
use serde::Deserialize;
use serde_json::value::RawValue;
use spec::{Hash, Timestamp};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    document: &'a RawValue,
}

impl<D: Disk, E: Entropy, S: Sampler> Session<D, E, S> {
    /// A question that is proved by the node's key.
    pub(crate) fn question(&self, now: Now, path: String) -> Request {
        let credentials = self.author.credentials();
        // The service allows for half a minute between the clocks.
        let offset = self.clock_offset_ms.unwrap_or_default();
        let issued_at = Timestamp::from_millis(now.wall.millis().saturating_add_signed(offset));
        let claims = Claims {
            issuer: &credentials.author,
            ledger: &credentials.ledger,
            issued_at,
            lifetime_secs: jwt::MAX_LIFETIME_SECS,
            body: b"",
        };
        // The ledger knows the node by this key, also while another is about to take its place.
        Request::get(path).with_bearer(jwt::sign(&self.identity.key, &claims))
    }

    /// Applies the policies that commands ask for, one after the other.
    pub(crate) async fn apply_policies(&mut self, clock: &impl Clock, network: &impl Network) {
        while let Some((command, policy)) = self.commander.as_mut().and_then(Commander::next_policy) {
            let fetched = self.fetch_policy(clock.now(), network, policy).await;
            let done = match fetched.and_then(|applied| self.follow(applied)) {
                Ok(said) => Done::saying(true, &said),
                Err(why) => Done::saying(false, &why),
            };
            self.close(clock.now(), command, &done);
        }
    }

    /// The policy with a hash; with 64 zeros, none.
    async fn fetch_policy(&self, now: Now, network: &impl Network, policy: Hash) -> Result<Applied, String> {
        if policy == Hash::ZERO {
            return Ok(Applied::Nothing);
        }
        let request = self.question(now, format!("/api/policies/{policy}"));
        let response =
            network.send(request).await.map_err(|e| format!("the policy cannot be fetched: {e}"))?;
        if response.status != 200 {
            let problem = Problem::read(&response.body).describe();
            return Err(format!("the policy cannot be fetched: status {}, {problem}", response.status));
        }
        let answer: Answer<'_> = serde_json::from_slice(&response.body)
            .map_err(|e| format!("not an answer to a question for a policy: {e}"))?;
        Applied::read(answer.document.get(), policy).map_err(|why| format!("not the policy {policy}: {why}"))
    }

    /// Follows a policy from now on, also after a restart.
    fn follow(&mut self, applied: Applied) -> Result<String, String> {
        applied.store(&self.disk).map_err(|e| format!("the policy could not be stored: {e}"))?;
        let said = match applied.hash() {
            Some(hash) => format!("follows {hash}\n"),
            None => "follows no policy\n".to_owned(),
        };
        tracing::info!(policy = ?applied.hash(), "a policy is applied");
        self.applied = applied;
        Ok(said)
    }
}
