//! The world as a service sees it: time and chance, both passed in.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::clock::{Clock, SystemClock};

/// Where chance comes from.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `bytes` with chance fit for secrets.
    fn fill(&self, bytes: &mut [u8]);
}

/// The generator of the operating system.
#[derive(Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        rand::Rng::fill_bytes(&mut rand::rng(), bytes);
    }
}

/// Counts up, so that ids and tokens of a test are the same in every run. Never for a server.
#[derive(Debug, Default)]
pub struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            let len = chunk.len();
            chunk.copy_from_slice(&next[8 - len..]);
        }
    }
}

/// Clock and chance of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Env {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The chance.
    pub entropy: Arc<dyn Entropy>,
    /// Milliseconds and chance (74 bits) of the last id.
    last: Arc<Mutex<(u64, u128)>>,
}

/// Chance in a UUIDv7.
const CHANCE: u128 = (1 << 74) - 1;

impl Env {
    /// This clock, this generator.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy, last: Arc::default() }
    }

    /// The machine's clock and generator.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// The present instant, UTC, milliseconds.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The civil date at UTC+8.
    pub fn today(&self) -> NaiveDate {
        self.clock.today()
    }

    /// A new UUIDv7 of now, greater than each that this process made before (RFC 9562, 6.2, method 2): rows sort by id in
    /// the order in which they were made.
    pub fn uuid(&self) -> Uuid {
        let millis = u64::try_from(self.now().timestamp_millis()).unwrap_or(0);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = if millis > last.0 {
            (millis, u128::from_be_bytes(self.bytes()) & CHANCE)
        } else {
            match last.1 + 1 + u128::from(u32::from_be_bytes(self.bytes())) {
                full if full > CHANCE => (last.0 + 1, full & CHANCE),
                next => (last.0, next),
            }
        };
        let (millis, chance) = *last;
        drop(last);
        // Twelve bits beside the version, sixty-two beside the variant.
        let halves = ((chance >> 62) << 64) | (chance & ((1 << 62) - 1));
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&halves.to_be_bytes()[6..]);
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }

    /// `N` bytes of chance.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A secret of 256 bits as 43 characters of base64url.
    pub fn secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// A code of `digits` decimal digits (at most 18), each equally likely.
    pub fn digits(&self, digits: u32) -> String {
        let bound = 10u64.pow(digits.min(18));
        // The rest of 2^64 by the bound is thrown away, else small codes would come up more often.
        let limit = u64::MAX - u64::MAX % bound;
        loop {
            let value = u64::from_be_bytes(self.bytes());
            if value < limit {
                return format!("{:0width$}", value % bound, width = digits.min(18) as usize);
            }
        }
    }
}
