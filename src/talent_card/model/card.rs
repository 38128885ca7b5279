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
        /// The card was withdrawn.
        Revoked => "REVOKED",
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

    /// The standing on a day: a card expires by itself, whether or not anything has run.
    pub fn status_on(&self, day: NaiveDate) -> CardStatus {
        status_on(self.status, self.valid_to, day)
    }

    /// Whether the card gives its benefits on a day.
    pub fn is_good_on(&self, day: NaiveDate) -> bool {
        self.valid_from <= day && self.status_on(day) == CardStatus::Active
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
        CardStatus::Active | CardStatus::Suspended | CardStatus::Revoked | CardStatus::Expired => stored,
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
    fn a_masked_name_shows_the_surname_only() {
        for (name, masked) in [("陈大文", "陈**"), ("CHAN Tai Man", "CHAN *** ***"), ("Li", "L*"), ("", ""), ("  欧阳 修 ", "欧阳 *")] {
            assert_eq!(mask_name(name), masked);
        }
    }
}
