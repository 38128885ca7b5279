//! Codes that are sent to a contact point, and the challenges that wait for them.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::coded_enum;
use crate::kernel::ids::{AccountId, PendingCodeId};
use crate::kernel::seal::{SecretKey, token_hash};
use crate::kernel::text::Language;

/// How long a code waits.
pub const LIFE: Duration = Duration::minutes(10);
/// Wrong tries until a code is dead.
pub const TRIES: i32 = 5;
/// Digits of a code.
pub const DIGITS: u32 = 6;

coded_enum! {
    /// What a code is for.
    pub enum CodePurpose {
        /// A new account.
        SignUp => "SIGN_UP",
        /// A new password.
        Recovery => "RECOVERY",
        /// A further contact point.
        Contact => "CONTACT",
        /// The second factor of a sign-in.
        SignIn => "SIGN_IN",
    }
}

/// What is handed out when a code was asked for; alike for known and unknown contact points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// To be sent back with the code.
    pub id: PendingCodeId,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// What lies sealed with a challenge until it is used or expires.
#[derive(Serialize, Deserialize)]
pub struct Sealed {
    /// Normal form of the contact point.
    pub contact: String,
    /// The code, where one fits.
    pub code: Option<String>,
}

/// A challenge as stored.
#[derive(Clone, Debug)]
pub struct PendingCode {
    /// Its id.
    pub id: PendingCodeId,
    /// What it is for.
    pub purpose: CodePurpose,
    /// The account, where there is one.
    pub account: Option<AccountId>,
    /// Blind index of the contact point.
    pub contact_index: Vec<u8>,
    /// [`Sealed`], until used or expired.
    pub sealed: Option<Vec<u8>>,
    /// Keyed hash of the code, where one fits.
    pub code_hash: Option<Vec<u8>>,
    /// Language of the message.
    pub language: Language,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// When the message was handed over.
    pub sent_at: Option<DateTime<Utc>>,
}

/// Keyed hash of a code; six digits would be found by trying if the hash had no key.
pub fn hash(key: &SecretKey, challenge: Uuid, code: &str) -> Vec<u8> {
    key.digest("pending-code", &[challenge.as_bytes(), code.as_bytes()]).to_vec()
}

impl PendingCode {
    /// Whether the code typed is the one that was sent.
    pub fn fits(&self, key: &SecretKey, typed: &str) -> bool {
        let typed = hash(key, self.id.0, typed.trim());
        // Both sides are keyed digests, hashed once more, so that the time of the comparison tells nothing.
        self.code_hash.as_deref().is_some_and(|stored| digest(stored) == digest(&typed))
    }
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    token_hash(&crate::kernel::hex::encode(bytes))
}
