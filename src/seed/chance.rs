//! Chance that is the same in every run: SplitMix64 (Steele, Lea, Flood 2014), one stream for each talent, so that her
//! rows do not depend on who was made before.

use chrono::{DateTime, Utc};

use crate::kernel::ids::TypedId;

/// A stream of numbers. Nothing secret comes from it: keys and nonces are drawn from the portal's own chance.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The stream of one talent.
    pub fn of(index: u64) -> Self {
        let mut mixed = Self(index);
        Self(mixed.draw())
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to `bound`, which is not reached.
    pub fn below(&mut self, bound: u32) -> u32 {
        let product = u128::from(self.draw()) * u128::from(bound);
        u32::try_from(product >> 64).unwrap_or(0)
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u32, most: u32) -> u32 {
        least + self.below(most - least + 1)
    }

    /// Yes in so many of a hundred.
    pub fn percent(&mut self, share: u32) -> bool {
        self.below(100) < share
    }

    /// One of some things.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(u32::try_from(things.len()).unwrap_or(u32::MAX)) as usize]
    }

    /// An id as if made at `at`.
    pub fn id<T: TypedId>(&mut self, at: DateTime<Utc>) -> T {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.draw().to_be_bytes());
        bytes[8..].copy_from_slice(&self.draw().to_be_bytes()[..2]);
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        T::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }
}
