//! How many requests come: a bucket of tokens for each network and for each session, in the memory of this process.
//!
//! It keeps the process answering while somebody asks without end, before anything is read or looked up. What guards
//! passwords and codes is counted in the database, for all processes.

use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::config::Settings;
use crate::http::sockets::network;

/// Buckets of one kind. A key is a number of sixteen bits, so that they never grow beyond some megabytes; now and then two
/// callers share one.
type Buckets = RateLimiter<u16, HashMapStateStore<u16>, DefaultClock>;

/// The buckets of one process.
#[derive(Debug)]
pub struct Rates {
    networks: Option<Buckets>,
    sessions: Option<Buckets>,
    /// Begins otherwise in each process: nobody can choose whose bucket she shares.
    hasher: RandomState,
    clock: DefaultClock,
}

impl Rates {
    /// Buckets that hold, and fill within, a minute's requests.
    pub fn new(settings: &Settings) -> Self {
        let buckets = |a_minute: u32| NonZeroU32::new(a_minute).map(|most| RateLimiter::hashmap(Quota::per_minute(most)));
        Self {
            networks: buckets(settings.requests_per_network),
            sessions: buckets(settings.requests_per_session),
            hasher: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Takes a token for a request from an address and, where it shows an access token, for that; whether it is good is not
    /// known yet.
    ///
    /// Errors: seconds to wait.
    pub fn take(&self, address: &str, token: Option<&str>) -> Result<(), u64> {
        self.take_of(self.networks.as_ref(), &network(address))?;
        token.map_or(Ok(()), |token| self.take_of(self.sessions.as_ref(), token))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower bits of a hash are a hash")]
    fn take_of(&self, buckets: Option<&Buckets>, key: &str) -> Result<(), u64> {
        let Some(buckets) = buckets else { return Ok(()) };
        let slot = self.hasher.hash_one(key) as u16;
        buckets.check_key(&slot).map_err(|until| until.wait_time_from(self.clock.now()).as_secs() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    fn rates(network: u32, session: u32) -> Rates {
        let settings = Layers::default().build().unwrap().settings;
        Rates::new(&Settings { requests_per_network: network, requests_per_session: session, ..settings })
    }

    #[test]
    fn a_network_has_so_many_requests_and_so_has_a_session_of_another() {
        let rates = rates(3, 2);
        assert_eq!((rates.take("2001:db8:0:1::1", Some("a")), rates.take("2001:db8:0:1::2", Some("a"))), (Ok(()), Ok(())));
        assert!((1..=31).contains(&rates.take("192.0.2.7", Some("a")).unwrap_err()), "the session's are used");
        assert_eq!(rates.take("2001:db8:0:1::3", None), Ok(()));
        assert!((1..=21).contains(&rates.take("2001:db8:0:1::4", Some("b")).unwrap_err()), "the network's are used, whoever asks");
    }

    #[test]
    fn what_is_kept_has_a_bound_and_nothing_is_kept_without_one() {
        let bounded = rates(1, 1);
        for n in 0..200_000u32 {
            let _either = bounded.take(&n.to_string(), None);
        }
        assert!(bounded.networks.as_ref().is_some_and(|buckets| buckets.len() <= 1 << 16));
        let unbounded = rates(0, 0);
        assert!((0..100_000).all(|_| unbounded.take("192.0.2.7", Some("a")).is_ok()));
    }
}
