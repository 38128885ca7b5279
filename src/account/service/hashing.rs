//! Passwords are hashed by a bounded pool, so that a storm of sign-ins never stalls the server.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::account::model::password::normalise;
use crate::config::Settings;
use crate::kernel::env::Env;
use crate::kernel::fault::Fault;

/// The pool: so many hashes at once, so many that wait; beyond that callers are told to come again.
#[derive(Debug)]
pub struct HashPool {
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
    params: Params,
    dummy: String,
}

/// Whether a password fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It does not fit, or there is none.
    No,
    /// It fits.
    Yes,
    /// It fits, and was hashed more weakly than is set now.
    YesButWeak,
}

/// Memory in KiB and passes of a hash at least (OWASP, for one lane); a setting below is told in the log.
pub const LEAST: (u32, u32) = (19_456, 2);

impl HashPool {
    /// A pool with the settings' parameters.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        let (memory, passes) = (settings.argon2_memory_kib, settings.argon2_passes);
        if memory < LEAST.0 || passes < LEAST.1 {
            tracing::warn!(argon2_memory_kib = memory, argon2_passes = passes, "passwords are hashed more weakly than is advised");
        }
        let params = Params::new(settings.argon2_memory_kib, settings.argon2_passes, 1, None).map_err(|e| anyhow::anyhow!("argon2: {e}"))?;
        let dummy = dummy(&params);
        Ok(Self {
            running: Arc::new(Semaphore::new(settings.hash_workers)),
            places: Arc::new(Semaphore::new(settings.hash_workers + settings.hash_queue)),
            params,
            dummy,
        })
    }

    /// The PHC string of a new password.
    ///
    /// Errors: [`Fault::RateLimited`] where too many wait.
    pub async fn hash(&self, env: &Env, password: &str) -> Result<String, Fault> {
        let (params, salt, password) = (self.params.clone(), env.bytes::<16>(), Zeroizing::new(normalise(password)));
        self.run(move || hash(&params, password.as_bytes(), &salt)).await?.map_err(|e| Fault::internal(anyhow::anyhow!("argon2: {e}")))
    }

    /// Compares a password with a PHC string. Without one as much work is done, and the answer is no.
    ///
    /// Errors: [`Fault::RateLimited`] where too many wait.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verified, Fault> {
        let known = stored.is_some();
        let (phc, password, wanted) = (stored.unwrap_or(&self.dummy).to_owned(), Zeroizing::new(normalise(password)), self.params.clone());
        self.run(move || {
            let Ok(parsed) = PasswordHash::new(&phc) else { return Verified::No };
            let fits = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && known;
            let weak = Params::try_from(&parsed).map_or(true, |p| p.m_cost() < wanted.m_cost() || p.t_cost() < wanted.t_cost());
            match (fits, weak) {
                (false, _) => Verified::No,
                (true, false) => Verified::Yes,
                (true, true) => Verified::YesButWeak,
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Fault::RateLimited(1))?;
        let permit = self.running.clone().acquire_owned().await.map_err(Fault::unavailable)?;
        // The permits go with the work: a caller that leaves does not make room before the hash has ended.
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop((permit, place));
            done
        })
        .await
        .map_err(Fault::internal)
    }
}

fn hash(params: &Params, password: &[u8], salt: &[u8]) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()).hash_password_with_salt(password, salt)?.to_string())
}

/// The hash of no password, against which unknown names are checked with as much work as a hash of these parameters
/// costs. It is written, not computed: a computation would leave its memory with the process that has just started.
fn dummy(params: &Params) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    let (salt, output) = (STANDARD_NO_PAD.encode([7; 16]), STANDARD_NO_PAD.encode([7; 32]));
    format!("$argon2id$v=19$m={},t={},p={}${salt}${output}", params.m_cost(), params.t_cost(), params.p_cost())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that does not parse would be refused without any work, which tells unknown names apart.
    #[test]
    fn the_hash_of_no_password_has_the_form_of_a_real_one() {
        let params = Params::new(64, 3, 1, None).unwrap();
        let (written, real) = (dummy(&params), hash(&params, b"one of the passwords", &[9; 16]).unwrap());
        let parsed = PasswordHash::new(&written).unwrap();
        let read = Params::try_from(&parsed).unwrap();
        assert_eq!((read.m_cost(), read.t_cost(), read.p_cost()), (64, 3, 1));
        assert_eq!(written.len(), real.len());
        assert_eq!(written.split('$').take(4).collect::<Vec<_>>(), real.split('$').take(4).collect::<Vec<_>>());
        let refused = Argon2::default().verify_password(b"one of the passwords", &parsed).unwrap_err();
        assert!(matches!(refused, argon2::password_hash::Error::PasswordInvalid), "{refused}");
    }

    #[tokio::test]
    async fn beyond_workers_and_queue_callers_are_told_to_come_again() {
        let mut settings = crate::config::Layers::default().build().unwrap().settings;
        (settings.hash_workers, settings.hash_queue) = (1, 1);
        let pool = Arc::new(HashPool::new(&settings).unwrap());
        let (ends, held) = std::sync::mpsc::channel::<()>();
        let hold = |pool: &Arc<HashPool>, work: Box<dyn FnOnce() + Send>| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.run(work).await })
        };
        let work = move || {
            let _ended = held.recv();
        };
        let running = hold(&pool, Box::new(work));
        let waiting = hold(&pool, Box::new(|| {}));
        while pool.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            assert!(matches!(pool.verify("one of the passwords", None).await, Err(Fault::RateLimited(1))));
        }
        drop(ends);
        assert!(running.await.unwrap().is_ok() && waiting.await.unwrap().is_ok());
        assert_eq!(pool.verify("one of the passwords", None).await.unwrap(), Verified::No);
    }
}
