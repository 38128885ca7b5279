//! Typed ids over UUIDv7. Ids of different things do not fit each other; id order is creation order.

use std::fmt;

use uuid::Uuid;

use super::env::Env;

/// An id of one kind of thing.
pub trait TypedId: Copy + Eq + std::hash::Hash + fmt::Debug + Send + Sync + 'static {
    /// Prefix of the global id, for example `card`.
    const PREFIX: &'static str;
    /// Wraps a raw uuid that is known to be of this kind.
    fn from_uuid(uuid: Uuid) -> Self;
    /// The raw uuid, as stored.
    fn uuid(self) -> Uuid;
    /// A new id from the clock and chance of `env`.
    fn new(env: &Env) -> Self {
        Self::from_uuid(env.uuid())
    }
    /// Global id: prefix, underscore, 32 hexadecimal digits. Opaque to clients.
    fn global(self) -> String {
        format!("{}_{}", Self::PREFIX, self.uuid().simple())
    }
    /// Reads a global id of this kind; anything else is `None`.
    fn parse_global(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(Self::PREFIX)?.strip_prefix('_')?;
        if digits.len() != 32 || digits.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        Uuid::try_parse(digits).ok().map(Self::from_uuid)
    }
}

/// Declares ids that are primary or foreign keys on both engines.
macro_rules! typed_ids {
    ($($(#[$meta:meta])* $name:ident = $prefix:literal;)+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, sea_orm::DeriveValueType, serde::Serialize, serde::Deserialize)]
            pub struct $name(pub Uuid);

            impl TypedId for $name {
                const PREFIX: &'static str = $prefix;
                fn from_uuid(uuid: Uuid) -> Self { Self(uuid) }
                fn uuid(self) -> Uuid { self.0 }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}_{}", Self::PREFIX, self.0.simple()) }
            }

            // sea-orm asks it of every primary key; ours are never numbers.
            impl sea_orm::TryFromU64 for $name {
                fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
                    Err(sea_orm::DbErr::ConvertFromU64(stringify!($name)))
                }
            }
        )+

        /// Every prefix, for the test that they differ.
        #[cfg(test)]
        pub const PREFIXES: &[&str] = &[$($prefix),+];
    };
}

typed_ids! {
    /// A row of the trail.
    TrailId = "trail";
    /// A row of the outbox.
    OutboxId = "outbox";
    /// A body (机构): government, employer, public institution ...
    BodyId = "body";
    /// A unit of the government tree.
    UnitId = "unit";
    /// A person, with or without an account.
    PersonId = "person";
    /// A document that proves who a person is.
    IdentityDocumentId = "identity";
    /// A sign-in of a person.
    AccountId = "account";
    /// An e-mail address or mobile number of an account.
    ContactPointId = "contact";
    /// A code that was sent and not used yet.
    PendingCodeId = "code";
    /// A session of an account.
    SessionId = "session";
    /// A second factor of an account.
    FactorId = "factor";
    /// A role given to a person for a unit or body.
    GrantId = "grant";
    /// An invitation or one-time token that gives a role.
    InvitationId = "invitation";
    /// A mandate (授权) of one person to another.
    MandateId = "mandate";
    /// One look at personal data in full.
    AccessId = "access";
    /// One attendance of a person at a window.
    AttendanceId = "attendance";
    /// A record of education.
    EducationId = "education";
    /// A record of employment.
    EmploymentId = "employment";
    /// A member of a talent's family.
    FamilyMemberId = "family";
    /// A talent category that a person claims or holds.
    TalentCategoryId = "category";
    /// A service item (事项).
    ItemId = "item";
    /// A version of a service item.
    ItemVersionId = "itemversion";
    /// An offering of an item version by a unit.
    OfferingId = "offering";
    /// A routing rule.
    RoutingId = "routing";
    /// A document handed in (材料).
    DocumentId = "document";
    /// An immutable version of a document.
    DocumentVersionId = "docversion";
    /// An upload that is going on.
    UploadId = "upload";
    /// An order (cart).
    OrderId = "order";
    /// A case (办件).
    ApplicationId = "application";
    /// An event of a case.
    EventId = "event";
    /// Something that is asked of an applicant again.
    RequestedItemId = "requested";
    /// A material of a case: what stands for it.
    BoundMaterialId = "material";
    /// A numbered document of a case, for example a receipt.
    CaseDocumentId = "casedoc";
    /// A notice in an inbox.
    NoticeId = "notice";
    /// A device that rings for an account.
    DeviceId = "device";
    /// A card product, for example 人才优粤卡.
    CardProductId = "cardproduct";
    /// A version of a card product, by legal basis.
    CardProductVersionId = "cardversion";
    /// A benefit of a card product version.
    BenefitId = "benefit";
    /// A card: an entitlement with its numbers.
    CardId = "card";
    /// A check of a card.
    CardCheckId = "check";
    /// An entry of the benefit ledger.
    BenefitEntryId = "use";
    /// A decision on a card that was issued.
    CardDecisionId = "carddecision";
    /// A process that holds a lease.
    ProcessId = "process";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_differ() {
        let mut seen = PREFIXES.to_vec();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), PREFIXES.len());
    }

    #[test]
    fn a_global_id_is_read_back_by_its_own_kind_only() {
        let card = CardId(Uuid::from_u128(7));
        assert_eq!(CardId::parse_global(&card.global()), Some(card));
        assert_eq!(BenefitId::parse_global(&card.global()), None);
        assert_eq!(CardId::parse_global("card_0000000000000000000000000000000G"), None);
        assert_eq!(CardId::parse_global("card_00000000-0000-0000-0000-00000000"), None);
    }
}
