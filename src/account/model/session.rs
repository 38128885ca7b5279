//! Sessions: pairs of opaque tokens, their lives, rotation and re-use.

use chrono::{DateTime, Duration, Utc};

use super::client::AgentClass;
use crate::coded_enum;
use crate::kernel::actor::Member;
use crate::kernel::ids::SessionId;
use crate::kernel::text::Language;

/// Lives that are settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lives {
    /// Of an access token.
    pub access: Duration,
    /// Of a session without a second factor (ASVS 7.3: at most 30 days for the public).
    pub public: Duration,
}

/// How long a session with a second factor lasts (ASVS 7.3: 12 hours for staff).
pub const STAFF: Duration = Duration::hours(12);
/// How long a session with a second factor may rest.
pub const STAFF_IDLE: Duration = Duration::minutes(30);
/// How long a demo token lasts.
pub const DEMO: Duration = Duration::days(1);
/// How long an answer to `refreshSession` may be lost: within it the spent refresh token works once more.
pub const GRACE: Duration = Duration::seconds(60);
/// How often at most a session's last use is written.
pub const LAST_SEEN_EVERY: Duration = Duration::minutes(5);
/// How long a challenge of `signIn` or of a recovery waits for the second factor.
pub const HALF_SIGN_IN: Duration = Duration::minutes(3);

coded_enum! {
    /// Kind of a session.
    pub enum SessionKind {
        /// Begun by sign-in, sign-up or recovery.
        Normal => "NORMAL",
        /// A one-day token of a demo database.
        Demo => "DEMO",
    }
}

coded_enum! {
    /// Why a session ended.
    pub enum SessionEnd {
        /// Its owner signed out or ended it.
        SignedOut => "SIGNED_OUT",
        /// A refresh token was used twice.
        RefreshReused => "REFRESH_REUSED",
        /// The password was changed by recovery.
        Recovery => "RECOVERY",
        /// The owner signed in again in the same program.
        Replaced => "REPLACED",
        /// A second factor was confirmed in another session, removed or reset.
        FactorChanged => "FACTOR_CHANGED",
        /// The account was disabled.
        Disabled => "DISABLED",
    }
}

coded_enum! {
    /// How a client wants to hold its tokens.
    pub enum Transport {
        /// In the answer, to be sent as `Authorization: Bearer`.
        Bearer => "BEARER",
        /// As cookies that scripts cannot read.
        Cookie => "COOKIE",
    }
}

/// When a session and its tokens end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// End of the access token.
    pub access_until: DateTime<Utc>,
    /// End of the refresh token.
    pub refresh_until: DateTime<Utc>,
    /// End of the session, whatever is refreshed.
    pub ends_at: DateTime<Utc>,
}

impl Lifetime {
    /// Of a session that begins now.
    pub fn begin(lives: Lives, second_factor: bool, now: DateTime<Utc>) -> Self {
        Self::renewed(lives, second_factor, now, now + if second_factor { STAFF } else { lives.public })
    }

    /// Of new tokens of a session that ends at `ends_at` at the latest.
    pub fn renewed(lives: Lives, second_factor: bool, now: DateTime<Utc>, ends_at: DateTime<Utc>) -> Self {
        let idle = if second_factor { now + STAFF_IDLE } else { ends_at };
        Self { access_until: (now + lives.access).min(ends_at), refresh_until: idle.min(ends_at), ends_at }
    }
}

/// The facts of a session that judge a refresh token of it.
#[derive(Clone, Debug)]
pub struct RefreshFacts {
    /// Hash of the refresh token in force.
    pub current: Vec<u8>,
    /// Hash of the one before.
    pub previous: Option<Vec<u8>>,
    /// When the one before was spent.
    pub rotated_at: Option<DateTime<Utc>>,
    /// When the session was last used.
    pub last_seen_at: DateTime<Utc>,
    /// End of the refresh token.
    pub refresh_until: DateTime<Utc>,
    /// When the session ended, if it did.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What follows from a refresh token that is genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// It is in force: a new pair, and this token becomes the one before.
    Rotate,
    /// It was spent less than [`GRACE`] ago and its successor was not used: the answer was lost. A new pair; the
    /// successor dies.
    Replace,
    /// It was spent before: somebody has a copy. The session ends.
    Reused,
    /// The session has ended or expired.
    Over,
}

impl RefreshFacts {
    /// Judges a genuine token of this session by its hash (RFC 9700 4.14.2, with a grace for lost answers).
    pub fn judge(&self, hash: &[u8], now: DateTime<Utc>) -> Refresh {
        if self.ended_at.is_some() || now >= self.refresh_until {
            return Refresh::Over;
        }
        if self.current == hash {
            return Refresh::Rotate;
        }
        let lost = self.previous.as_deref() == Some(hash) && self.rotated_at.is_some_and(|at| now < at + GRACE && self.last_seen_at < at);
        if lost { Refresh::Replace } else { Refresh::Reused }
    }
}

/// Whether the use of a session is to be written: every five minutes, and at the first use of a new pair, which a
/// later re-use of the token before is judged by.
pub fn use_is_due(last_seen_at: DateTime<Utc>, rotated_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    now >= last_seen_at + LAST_SEEN_EVERY || rotated_at.is_some_and(|at| last_seen_at < at)
}

/// A pair of tokens as handed out, the only time that they exist in the clear.
#[derive(Clone)]
pub struct SessionPair {
    /// The session.
    pub session: SessionId,
    /// Access token.
    pub access: String,
    /// Refresh token.
    pub refresh: String,
    /// Ends of both.
    pub lifetime: Lifetime,
}

impl std::fmt::Debug for SessionPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionPair({})", self.session)
    }
}

/// Name of the cookie with the access token.
pub const ACCESS_COOKIE: &str = "__Host-portal-access";
/// Name of the cookie with the refresh token.
pub const REFRESH_COOKIE: &str = "__Host-portal-refresh";

impl SessionPair {
    /// The `Set-Cookie` header values that carry the pair.
    pub fn cookies(&self, now: DateTime<Utc>) -> [String; 2] {
        let cookie = |name: &str, value: &str, until: DateTime<Utc>| {
            format!("{name}={value}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Strict", (until - now).num_seconds().max(0))
        };
        [cookie(ACCESS_COOKIE, &self.access, self.lifetime.access_until), cookie(REFRESH_COOKIE, &self.refresh, self.lifetime.refresh_until)]
    }
}

/// The `Set-Cookie` header values that take the pair away.
pub fn clearing_cookies() -> [String; 2] {
    [ACCESS_COOKIE, REFRESH_COOKIE].map(|name| format!("{name}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"))
}

/// The session behind an access token.
#[derive(Clone, Debug)]
pub struct SessionActor {
    /// Who is signed in.
    pub member: Member,
    /// The account's language for messages.
    pub language: Language,
    /// End of the access token; a socket opened with it is closed then.
    pub access_until: DateTime<Utc>,
}

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// The session.
    pub id: SessionId,
    /// Kind.
    pub kind: SessionKind,
    /// Class of the program.
    pub agent: AgentClass,
    /// Whether a second factor was shown.
    pub second_factor: bool,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to five minutes.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends at the latest.
    pub ends_at: DateTime<Utc>,
    /// Whether it is the one of this request.
    pub current: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVES: Lives = Lives { access: Duration::minutes(15), public: Duration::days(30) };

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn facts() -> RefreshFacts {
        RefreshFacts { current: vec![2], previous: Some(vec![1]), rotated_at: Some(at(100)), last_seen_at: at(50), refresh_until: at(10_000), ended_at: None }
    }

    #[test]
    fn a_spent_token_works_once_more_only_within_a_minute_and_while_its_successor_rests() {
        assert_eq!(facts().judge(&[2], at(9_999)), Refresh::Rotate);
        assert_eq!(facts().judge(&[1], at(159)), Refresh::Replace);
        assert_eq!(facts().judge(&[1], at(160)), Refresh::Reused);
        assert_eq!(RefreshFacts { last_seen_at: at(100), ..facts() }.judge(&[1], at(159)), Refresh::Reused);
        assert_eq!(facts().judge(&[0], at(159)), Refresh::Reused);
    }

    #[test]
    fn nothing_renews_a_session_that_is_over() {
        assert_eq!(facts().judge(&[2], at(10_000)), Refresh::Over);
        assert_eq!(RefreshFacts { ended_at: Some(at(150)), ..facts() }.judge(&[2], at(151)), Refresh::Over);
    }

    #[test]
    fn a_session_with_a_second_factor_is_short_and_may_not_rest() {
        let public = Lifetime::begin(LIVES, false, at(0));
        assert_eq!((public.access_until, public.refresh_until), (at(900), at(30 * 86_400)));
        let staff = Lifetime::begin(LIVES, true, at(0));
        assert_eq!((staff.access_until, staff.refresh_until, staff.ends_at), (at(900), at(1_800), at(43_200)));
        let late = Lifetime::renewed(LIVES, true, at(43_000), staff.ends_at);
        assert_eq!((late.access_until, late.refresh_until), (at(43_200), at(43_200)));
    }

    #[test]
    fn the_last_use_is_written_every_five_minutes_and_at_the_first_use_of_a_new_pair() {
        assert!(!use_is_due(at(0), None, at(299)));
        assert!(use_is_due(at(0), None, at(300)));
        assert!(use_is_due(at(0), Some(at(10)), at(11)));
        assert!(!use_is_due(at(11), Some(at(10)), at(12)));
    }

    #[test]
    fn cookies_are_bound_to_the_host_and_hidden_from_scripts() {
        let pair =
            SessionPair { session: SessionId(uuid::Uuid::nil()), access: "a".into(), refresh: "r".into(), lifetime: Lifetime::begin(LIVES, false, at(0)) };
        assert_eq!(
            pair.cookies(at(0)),
            [
                "__Host-portal-access=a; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Strict".to_owned(),
                "__Host-portal-refresh=r; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Strict".to_owned(),
            ]
        );
        assert!(clearing_cookies().iter().all(|c| c.contains("Max-Age=0;")));
        assert!(!format!("{pair:?}").contains("access"));
    }
}
