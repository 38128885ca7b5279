//! Cards: the entitlement, its numbers, its standing on a day.

use chrono::{DateTime, NaiveDate, Utc};

use crate::coded_enum;
use crate::kernel::ids::{ApplicationId, CardId, CardProductVersionId, PersonId};
use crate::talent_card::model::product::Beneficiary;

coded_enum! {
    /// Standing of a card.
    pub enum CardStatus {
        /// In force.
        Active => "ACTIVE",
        /// Its benefits are frozen, not lost.
        Suspended => "SUSPENDED",
        /// Withdrawn.
        Revoked => "REVOKED",
        /// Its last day has passed.
        Expired => "EXPIRED",
        /// A sub-card whose principal card was withdrawn or has expired.
        Ended => "ENDED",
    }
}

coded_enum! {
    /// What happened to a card.
    pub enum CardEventKind {
        /// It was issued.
        Issued => "ISSUED",
        /// It was suspended.
        Suspended => "SUSPENDED",
        /// A suspension ended.
        Lifted => "LIFTED",
        /// It was withdrawn.
        Revoked => "REVOKED",
        /// Its last day had passed when it was next touched.
        Expired => "EXPIRED",
        /// It was renewed.
        Renewed => "RENEWED",
        /// It got another number.
        Replaced => "REPLACED",
        /// Issued data were corrected.
        Corrected => "CORRECTED",
        /// It was reported lost, and its number ended.
        Lost => "LOST",
        /// It ended with its principal card.
        Ended => "ENDED",
        /// The case that had replaced it was reopened.
        ReplacementRevoked => "REPLACEMENT_REVOKED",
        /// The case that had renewed it was reopened.
        RenewalRevoked => "RENEWAL_REVOKED",
    }
}

impl CardEventKind {
    /// Names of the API's fields that it changes.
    pub const fn changes(self) -> &'static [&'static str] {
        match self {
            Self::Issued => &[],
            Self::Suspended | Self::Lifted | Self::Revoked | Self::Expired | Self::Ended => &["status"],
            Self::Renewed | Self::RenewalRevoked => &["validUntil"],
            Self::Replaced | Self::Lost | Self::ReplacementRevoked => &["numbers"],
            Self::Corrected => &["grade"],
        }
    }
}

coded_enum! {
    /// Why a number is no longer good.
    pub enum NumberEnd {
        /// The card was lost.
        Lost => "LOST",
        /// The card was damaged.
        Damaged => "DAMAGED",
        /// Issued data were corrected.
        Corrected => "CORRECTED",
        /// The card was renewed.
        Renewed => "RENEWED",
        /// The card, or the replacement that gave the number, was withdrawn.
        Revoked => "REVOKED",
        /// The principal card ended, of a sub-card.
        PrincipalEnded => "PRINCIPAL_ENDED",
    }
}

/// A card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Id.
    pub id: CardId,
    /// Under which version it was issued.
    pub product_version: CardProductVersionId,
    /// Grade.
    pub grade: String,
    /// Holder.
    pub holder: PersonId,
    /// Who the holder is to the principal card: `HOLDER` on a principal card.
    pub beneficiary: Beneficiary,
    /// The principal card, of a sub-card.
    pub principal: Option<CardId>,
    /// How the principal card is stored: its standing and its last day.
    pub above: Option<(CardStatus, NaiveDate)>,
    /// The case that it was issued for.
    pub application: Option<ApplicationId>,
    /// First day.
    pub valid_from: NaiveDate,
    /// Last day.
    pub valid_to: NaiveDate,
    /// Stored standing; [`Card::status_on`] tells that of a day.
    pub status: CardStatus,
    /// When it was issued (UTC).
    pub issued_at: DateTime<Utc>,
    /// Raised by each change.
    pub version: i64,
    /// Its numbers, oldest first.
    pub numbers: Vec<IssuedNumber>,
}

/// A number of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedNumber {
    /// The number.
    pub number: String,
    /// Since when it is good (UTC).
    pub issued_at: DateTime<Utc>,
    /// Until when it was (UTC).
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it ended.
    pub end_reason: Option<NumberEnd>,
}

impl Card {
    /// The number that is good now.
    pub fn number(&self) -> Option<&IssuedNumber> {
        self.numbers.iter().find(|n| n.ended_at.is_none())
    }

    /// The standing on a day: a card expires by itself, and a sub-card goes as its principal card, whether or not anything
    /// has run.
    pub fn status_on(&self, day: NaiveDate) -> CardStatus {
        let own = status_on(self.status, self.valid_to, day);
        self.above.map_or(own, |(status, valid_to)| under(own, status_on(status, valid_to, day)))
    }

    /// Whether the card gives its benefits on a day.
    pub fn is_good_on(&self, day: NaiveDate) -> bool {
        self.valid_from <= day && self.status_on(day) == CardStatus::Active
    }

    /// Whether the card was reported lost and has no other number yet.
    pub fn is_lost(&self) -> bool {
        self.number().is_none() && self.numbers.last().is_some_and(|last| last.end_reason == Some(NumberEnd::Lost))
    }

    /// The card that the ledger is kept under: the principal card of a sub-card.
    pub fn entitlement(&self) -> CardId {
        self.principal.unwrap_or(self.id)
    }
}

/// The standing on a day of a card stored with this status and last day.
pub fn status_on(stored: CardStatus, valid_to: NaiveDate, day: NaiveDate) -> CardStatus {
    match stored {
        CardStatus::Active | CardStatus::Suspended if day > valid_to => CardStatus::Expired,
        CardStatus::Active | CardStatus::Suspended | CardStatus::Revoked | CardStatus::Expired | CardStatus::Ended => stored,
    }
}

/// The standing of a sub-card whose own is `own` under a principal card that stands so (domain.md 1.4, a proposal).
pub fn under(own: CardStatus, principal: CardStatus) -> CardStatus {
    match (own, principal) {
        (CardStatus::Revoked | CardStatus::Expired | CardStatus::Ended, _) | (_, CardStatus::Active) => own,
        (CardStatus::Active | CardStatus::Suspended, CardStatus::Suspended) => CardStatus::Suspended,
        (CardStatus::Active | CardStatus::Suspended, CardStatus::Revoked | CardStatus::Expired | CardStatus::Ended) => CardStatus::Ended,
    }
}

/// Shows the surname or first word of a name and hides the rest: `陈大文` → `陈**`, `CHAN Tai Man` → `CHAN *** ***`.
///
/// Of a name of one word only its first character is shown.
pub fn mask_name(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    match words.as_slice() {
        [] => String::new(),
        [word] => word.chars().enumerate().map(|(at, c)| if at == 0 { c } else { '*' }).collect(),
        [first, rest @ ..] => std::iter::once((*first).to_owned()).chain(rest.iter().map(|w| "*".repeat(w.chars().count()))).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_expires_by_itself_and_a_revoked_one_stays_revoked() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let end = day("2027-01-31");
        for (stored, on, status) in [
            (CardStatus::Active, "2027-01-31", CardStatus::Active),
            (CardStatus::Active, "2027-02-01", CardStatus::Expired),
            (CardStatus::Suspended, "2027-01-31", CardStatus::Suspended),
            (CardStatus::Suspended, "2027-02-01", CardStatus::Expired),
            (CardStatus::Revoked, "2027-02-01", CardStatus::Revoked),
            (CardStatus::Expired, "2027-01-01", CardStatus::Expired),
        ] {
            assert_eq!(status_on(stored, end, day(on)), status, "{stored} on {on}");
        }
    }

    #[test]
    fn a_sub_card_is_never_better_than_its_principal_card() {
        use CardStatus::{Active, Ended, Expired, Revoked, Suspended};
        for (own, principal, status) in [
            (Active, Active, Active),
            (Active, Suspended, Suspended),
            (Active, Revoked, Ended),
            (Active, Expired, Ended),
            (Suspended, Active, Suspended),
            (Suspended, Expired, Ended),
            (Revoked, Active, Revoked),
            (Expired, Revoked, Expired),
            (Ended, Active, Ended),
        ] {
            assert_eq!(under(own, principal), status, "{own} under {principal}");
        }
    }

    #[test]
    fn a_masked_name_shows_the_surname_only() {
        for (name, masked) in [("陈大文", "陈**"), ("CHAN Tai Man", "CHAN *** ***"), ("Li", "L*"), ("", ""), ("  欧阳 修 ", "欧阳 *")] {
            assert_eq!(mask_name(name), masked);
        }
    }
}
