//! What a trail row says, how it is hashed, and what an outbox row carries. Ids and codes only, never personal values.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::coded_enum;
use crate::kernel::ids::{MandateId, OutboxId, PersonId, TrailId};
use crate::kernel::seal::SecretKey;

coded_enum! {
    /// Who acted.
    pub enum ActorKind {
        /// A signed-in person.
        Member => "MEMBER",
        /// Nobody signed in.
        Anonymous => "ANONYMOUS",
        /// A job of the portal.
        System => "SYSTEM",
    }
}

coded_enum! {
    /// The two sequences.
    pub enum Stream {
        /// Rows of the trail, chained by hash.
        Trail => "TRAIL",
        /// Rows of the outbox.
        Outbox => "OUTBOX",
    }
}

coded_enum! {
    /// Where an outbox row stands.
    pub enum OutboxState {
        /// Only heard by subscriptions and other readers of positions.
        Notice => "NOTICE",
        /// A worker has something to do.
        Pending => "PENDING",
        /// Done.
        Done => "DONE",
        /// Given up after too many tries.
        Dead => "DEAD",
    }
}

/// What a use case writes to the trail.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Stable code of the action, for example `SUBMIT_CART`.
    pub action: &'static str,
    /// Kind and id of the object.
    pub object: Option<(&'static str, Uuid)>,
    /// The person whose data or case it is.
    pub subject: Option<PersonId>,
    /// The principal of a mandate.
    pub on_behalf_of: Option<PersonId>,
    /// The mandate.
    pub mandate: Option<MandateId>,
    /// `OK`, or the code of a refusal.
    pub result: &'static str,
    /// Ids and codes, in the order in which they are shown.
    pub details: Vec<(&'static str, String)>,
    /// Whether a job of the portal acts rather than the caller.
    pub by_system: bool,
}

impl Entry {
    /// An entry for an action that succeeded.
    pub const fn new(action: &'static str) -> Self {
        Self { action, object: None, subject: None, on_behalf_of: None, mandate: None, result: "OK", details: Vec::new(), by_system: false }
    }

    /// Names the object.
    #[must_use]
    pub const fn object(mut self, kind: &'static str, id: Uuid) -> Self {
        self.object = Some((kind, id));
        self
    }

    /// Names the person concerned.
    #[must_use]
    pub const fn person(mut self, person: PersonId) -> Self {
        self.subject = Some(person);
        self
    }

    /// Names the principal and the mandate.
    #[must_use]
    pub const fn on_behalf(mut self, principal: PersonId, mandate: Option<MandateId>) -> Self {
        self.on_behalf_of = Some(principal);
        self.mandate = mandate;
        self
    }

    /// Names a refusal by its code.
    #[must_use]
    pub const fn refused(mut self, code: &'static str) -> Self {
        self.result = code;
        self
    }

    /// Adds an id or a code.
    #[must_use]
    pub fn detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// A job of the portal acts.
    #[must_use]
    pub const fn by_system(mut self) -> Self {
        self.by_system = true;
        self
    }
}

/// A trail row as stored. The order of the fields is the order in which they are hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrailRow {
    /// Id.
    pub id: TrailId,
    /// When (UTC).
    pub at: DateTime<Utc>,
    /// Id of the request.
    pub request_id: String,
    /// Who, by kind.
    pub actor_kind: ActorKind,
    /// The person who acted.
    pub person_id: Option<Uuid>,
    /// Her account.
    pub account_id: Option<Uuid>,
    /// Her session.
    pub session_id: Option<Uuid>,
    /// The principal of a mandate.
    pub on_behalf_of: Option<Uuid>,
    /// The mandate.
    pub mandate_id: Option<Uuid>,
    /// The action.
    pub action: String,
    /// Kind of the object.
    pub object_kind: Option<String>,
    /// Id of the object.
    pub object_id: Option<Uuid>,
    /// The person concerned.
    pub subject_id: Option<Uuid>,
    /// `OK` or a code.
    pub result: String,
    /// JSON text of ids and codes.
    pub details: String,
}

impl TrailRow {
    /// The link of the chain at `position` after `previous`.
    pub fn link(&self, chain: &SecretKey, position: i64, previous: &[u8]) -> Vec<u8> {
        // A row of plain strings and ids is always JSON; an empty text would not match any stored link.
        let row = serde_json::to_vec(self).unwrap_or_default();
        chain.digest("trail", &[previous, &position.to_be_bytes(), &row]).to_vec()
    }
}

/// The bytes that are signed for a head of the chain.
pub fn head_bytes(position: i64, hash: &[u8]) -> Vec<u8> {
    let mut bytes = b"trail-head".to_vec();
    bytes.extend_from_slice(&position.to_be_bytes());
    bytes.extend_from_slice(hash);
    bytes
}

/// What a use case announces.
#[derive(Clone, Debug)]
pub struct Message {
    /// Stable code, for example `APPLICATION_CHANGED`.
    pub kind: &'static str,
    /// Kind of the object.
    pub object_kind: &'static str,
    /// Id of the object; messages of one object are worked off in order.
    pub object_id: Uuid,
    /// Ids and codes.
    pub data: serde_json::Value,
    /// Whether a worker has something to do.
    pub work: bool,
}

impl Message {
    /// A message for readers of positions: subscriptions, notices, figures.
    pub const fn new(kind: &'static str, object_kind: &'static str, object_id: Uuid) -> Self {
        Self { kind, object_kind, object_id, data: serde_json::Value::Null, work: false }
    }

    /// Adds ids and codes.
    #[must_use]
    pub fn data(mut self, data: serde_json::Value) -> Self {
        self.data = data;
        self
    }

    /// A worker has something to do.
    #[must_use]
    pub const fn work(mut self) -> Self {
        self.work = true;
        self
    }
}

/// A sealed outbox row, as listeners hear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Position in the outbox stream.
    pub position: i64,
    /// Stable code.
    pub kind: String,
    /// Kind of the object.
    pub object_kind: String,
    /// Id of the object.
    pub object_id: Uuid,
    /// Ids and codes.
    pub data: serde_json::Value,
}

/// An outbox row that a worker took.
#[derive(Clone, Debug)]
pub struct Work {
    /// Id; also the id by which a retried effect is recognised.
    pub id: OutboxId,
    /// Stable code.
    pub kind: String,
    /// Kind of the object.
    pub object_kind: String,
    /// Id of the object.
    pub object_id: Uuid,
    /// Ids and codes.
    pub data: serde_json::Value,
    /// Tries so far, this one included.
    pub attempts: i32,
}

/// Which rows of the outbox one loop works off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Those of these kinds.
    Only(Vec<&'static str>),
    /// All but those of these kinds.
    AllBut(Vec<&'static str>),
}

/// Tries after which a row is given up.
pub const MAX_ATTEMPTS: i32 = 12;

/// Seconds to wait after the `attempt`-th failed try: doubling from 5 seconds to an hour at most.
pub fn back_off_seconds(attempt: i32) -> i64 {
    let exponent = u32::try_from(attempt.clamp(1, 20) - 1).unwrap_or(0);
    (5i64 << exponent).min(3600)
}

/// Outcome of a walk over the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All links hold.
    Intact {
        /// Rows in the chain.
        sealed: i64,
        /// Rows committed and not yet in the chain.
        unsealed: u64,
        /// Position up to which a signed head vouches.
        signed: i64,
    },
    /// A row was changed, deleted, moved or slipped in.
    Broken {
        /// Position of the first bad row.
        position: i64,
        /// What is wrong there.
        what: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(action: &str) -> TrailRow {
        TrailRow {
            id: TrailId(Uuid::from_u128(1)),
            at: DateTime::UNIX_EPOCH,
            request_id: "r".into(),
            actor_kind: ActorKind::System,
            person_id: None,
            account_id: None,
            session_id: None,
            on_behalf_of: None,
            mandate_id: None,
            action: action.into(),
            object_kind: None,
            object_id: None,
            subject_id: None,
            result: "OK".into(),
            details: "{}".into(),
        }
    }

    #[test]
    fn a_link_depends_on_the_row_its_place_and_all_before() {
        let key = SecretKey::new(1, [7; 32]);
        let link = row("A").link(&key, 1, b"before");
        assert_eq!(link, row("A").link(&key, 1, b"before"));
        assert_ne!(link, row("B").link(&key, 1, b"before"));
        assert_ne!(link, row("A").link(&key, 2, b"before"));
        assert_ne!(link, row("A").link(&key, 1, b"other"));
        assert_ne!(link, row("A").link(&SecretKey::new(1, [8; 32]), 1, b"before"));
    }

    #[test]
    fn waiting_grows_to_an_hour_and_no_further() {
        assert_eq!([1, 2, 3, 11, 12, 40].map(back_off_seconds), [5, 10, 20, 3600, 3600, 3600]);
    }
}
