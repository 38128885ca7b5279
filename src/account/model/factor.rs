//! Second factors: one-time passwords by time (TOTP, RFC 6238), as every authenticator app makes them.

use chrono::{DateTime, Duration, Utc};
use totp_rs::{Builder, Totp};

use crate::coded_enum;
use crate::kernel::ids::FactorId;

/// How long an enrolment waits for its first code.
pub const ENROLMENT: Duration = Duration::minutes(15);
/// Wrong codes in a row after which a factor is good only where its account has signed in lately.
pub const MOST_FAILURES: i32 = 100;
/// The same from wherever: neighbours in a network may know a password, too.
pub const MOST_FAILURES_ANYWHERE: i32 = 1000;
/// Bytes of a secret (RFC 4226 4: 160 bits).
pub const SECRET: usize = 20;
/// Whose code it is, as an authenticator app shows it.
const ISSUER: &str = "Talent Portal";

coded_enum! {
    /// Kind of a second factor.
    pub enum FactorKind {
        /// Codes of an authenticator app (TOTP): six digits, a new one every 30 seconds.
        Totp => "TOTP",
    }
}

coded_enum! {
    /// Why security administration takes somebody's second factor away. It stands in the trail, which holds no free text.
    pub enum FactorResetReason {
        /// The device is lost, broken or replaced.
        DeviceLost => "DEVICE_LOST",
        /// The device or its secret may be in the hands of somebody else.
        Compromised => "COMPROMISED",
        /// Too many wrong codes were tried.
        LockedOut => "LOCKED_OUT",
    }
}

/// A second factor as stored.
#[derive(Clone, Debug)]
pub struct Factor {
    /// Its id.
    pub id: FactorId,
    /// Kind.
    pub kind: FactorKind,
    /// Sealed secret.
    pub sealed: Vec<u8>,
    /// When the enrolment began.
    pub created_at: DateTime<Utc>,
    /// When the first code came; before, it is none.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When a code was last taken.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Wrong codes in a row.
    pub failures: i32,
}

/// A secret as its owner sees it, once.
pub struct Enrolment {
    /// In base32, to be typed.
    pub secret: String,
    /// `otpauth://…`, to be shown as a QR code.
    pub uri: String,
    /// Until when the first code must come.
    pub expires_at: DateTime<Utc>,
}

/// SHA-1, six digits, 30 seconds and one step of skew: what authenticator apps do, and what this builder begins with.
/// `None` where the secret is shorter than 128 bits.
fn totp(secret: &[u8], account: &str) -> Option<Totp> {
    Builder::new().with_secret(secret).with_issuer(Some(ISSUER)).with_account_name(account).build().ok()
}

/// Shows a new secret to its owner; `account` is how the app names it. `None` where a colon stands in that name.
pub fn enrolment(secret: &[u8], account: &str, now: DateTime<Utc>) -> Option<Enrolment> {
    let totp = totp(secret, account)?;
    Some(Enrolment { secret: totp.secret().to_base32(), uri: totp.to_url().ok()?, expires_at: now + ENROLMENT })
}

/// The step of which a code is: that of `now`, the one before or the one after. Spaces between the digits do not matter.
pub fn step_of(secret: &[u8], typed: &str, now: DateTime<Utc>) -> Option<i64> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).take(7).collect();
    let step = totp(secret, "")?.check(&digits, u64::try_from(now.timestamp()).ok()?)?;
    i64::try_from(step).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, SHA-1: instants, their steps and the last six of the eight digits.
    const VECTORS: [(i64, i64, &str); 6] = [
        (59, 0x0000_0001, "287082"),
        (1_111_111_109, 0x0235_23EC, "081804"),
        (1_111_111_111, 0x0235_23ED, "050471"),
        (1_234_567_890, 0x0273_EF07, "005924"),
        (2_000_000_000, 0x03F9_40AA, "279037"),
        (20_000_000_000, 0x27BC_86AA, "353130"),
    ];
    const KEY: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_codes_are_those_of_the_standard() {
        for (seconds, step, code) in VECTORS {
            assert_eq!(step_of(KEY, code, at(seconds)), Some(step), "{seconds}");
            assert_eq!(step_of(KEY, &format!(" {} {} ", &code[..3], &code[3..]), at(seconds)), Some(step));
            assert_eq!(step_of(b"another key of 20 by", code, at(seconds)), None);
        }
    }

    #[test]
    fn a_code_is_good_for_its_step_and_one_to_either_side() {
        for (seconds, good) in [(-31, false), (-30, true), (0, true), (29, true), (59, true), (60, false)] {
            // Step 37037037 begins at 1111111110.
            assert_eq!(step_of(KEY, "050471", at(1_111_111_110 + seconds)).is_some(), good, "{seconds}");
        }
    }

    #[test]
    fn what_is_no_code_is_of_no_step() {
        for typed in ["", "28708", "2870820", "0287082", "+87082", "28708२", "२८७०८२", "287083"] {
            assert_eq!(step_of(KEY, typed, at(59)), None, "{typed}");
        }
        assert_eq!(step_of(KEY, "287082", at(-1)), None);
        assert_eq!(step_of(b"short", "287082", at(59)), None);
    }

    #[test]
    fn the_owner_sees_the_secret_in_both_forms() {
        let shown = enrolment(KEY, "138****8000", at(0)).unwrap();
        assert_eq!(shown.secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let read = Totp::from_url(&shown.uri).unwrap();
        assert_eq!((read.issuer(), read.account_name(), read.digits(), read.step()), (Some(ISSUER), "138****8000", 6, 30));
        assert_eq!((read.algorithm(), read.secret().as_bytes()), (totp_rs::Algorithm::SHA1, KEY));
        assert_eq!(shown.expires_at, at(900));
        assert!(enrolment(KEY, "a:b", at(0)).is_none());
    }
}
