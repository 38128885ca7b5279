//! Identity documents of a person, and when two persons are one.

use chrono::{DateTime, NaiveDate, Utc};
use unicode_normalization::UnicodeNormalization as _;

use crate::kernel::ids::{IdentityDocumentId, PersonId};
use crate::kernel::rejection::{Code, Rejection};
use crate::person::model::document::{DocumentNumber, IdentityDocumentKind};
use crate::person::model::profile::{Person, PersonName};

/// The most documents of one person.
pub const DOCUMENTS_MAX: usize = 20;

/// A document as stored, its number sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// Id.
    pub id: IdentityDocumentId,
    /// The person under whom it was recorded; after a merge she redirects to another.
    pub person: PersonId,
    /// Kind.
    pub kind: IdentityDocumentKind,
    /// Issuing state of a passport.
    pub issuing_state: Option<String>,
    /// The number, sealed with the key of `person`.
    pub number_sealed: Vec<u8>,
    /// Blind index of kind and number.
    pub number_index: Vec<u8>,
    /// Issues of a home-return permit.
    pub issue_count: Option<i32>,
    /// First day of validity.
    pub valid_from: Option<NaiveDate>,
    /// Last day of validity.
    pub valid_until: Option<NaiveDate>,
    /// When an officer compared the original (UTC).
    pub verified_at: Option<DateTime<Utc>>,
    /// The officer.
    pub verified_by: Option<PersonId>,
    /// When it was recorded (UTC).
    pub created_at: DateTime<Utc>,
}

/// A document as it is shown: the number masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityDocument {
    /// Id.
    pub id: IdentityDocumentId,
    /// The person under whom it was recorded.
    pub person: PersonId,
    /// Kind.
    pub kind: IdentityDocumentKind,
    /// Issuing state of a passport.
    pub issuing_state: Option<String>,
    /// The number with its ends only.
    pub masked_number: String,
    /// Issues of a home-return permit.
    pub issue_count: Option<i32>,
    /// First day of validity.
    pub valid_from: Option<NaiveDate>,
    /// Last day of validity.
    pub valid_until: Option<NaiveDate>,
    /// When an officer compared the original (UTC).
    pub verified_at: Option<DateTime<Utc>>,
    /// When it was recorded (UTC).
    pub created_at: DateTime<Utc>,
}

/// Checks the period of validity. `path` is the input object.
pub fn check_validity(from: Option<NaiveDate>, until: Option<NaiveDate>, today: NaiveDate, path: &str) -> Vec<Rejection> {
    let mut problems = Vec::new();
    if from.is_some_and(|from| from > today) {
        problems.push(Rejection::at(Code::InFuture, &format!("{path}.validFrom")));
    }
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        problems.push(Rejection::at(Code::PeriodReversed, &format!("{path}.validUntil")));
    }
    problems
}

/// Whether birth date and sex of a person agree with what the number tells; what is not known agrees.
pub fn agrees(person: &Person, number: &DocumentNumber) -> bool {
    let told = number.told();
    let birth = told.birth.zip(person.birth_date).is_none_or(|(told, own)| told.agrees(own));
    let sex = told.sex.zip(person.sex).is_none_or(|(told, own)| told == own);
    birth && sex
}

/// Whether the name that an officer read is the person's, as far as both are known: spaces, case and width do not count.
///
/// `NAME_MISMATCH` at the name that differs.
pub fn same_name(read: &PersonName, person: &Person) -> Result<(), Rejection> {
    for (read, own, field) in [(&read.zh, &person.name.zh, "input.nameZh"), (&read.latin, &person.name.latin, "input.nameLatin")] {
        if read.as_deref().zip(own.as_deref()).is_some_and(|(read, own)| plain(read) != plain(own)) {
            return Err(Rejection::at(Code::NameMismatch, field));
        }
    }
    Ok(())
}

fn plain(name: &str) -> String {
    name.nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// Whether a person has another verified number of a kind of which nobody has two.
pub fn contradicts(documents: &[StoredDocument], kind: IdentityDocumentKind, index: &[u8]) -> bool {
    kind.one_number_for_life() && documents.iter().any(|d| d.verified_at.is_some() && d.kind == kind && d.number_index != index)
}

/// Which of two persons stays when both turn out to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    /// Who stays: the one with the account; where nobody has one, the one whose document was verified first.
    pub survivor: PersonId,
    /// Whose id redirects from now on.
    pub merged: PersonId,
}

/// Decides whether the person at the counter and the holder of the verified number may become one.
///
/// `DOCUMENT_TAKEN` where both have an account; `MERGE_IMPOSSIBLE` where what is known contradicts: another name, other
/// birth date, other sex, or two verified numbers of a kind of which a person has only one.
pub fn merge(at_counter: &Person, holder: &Person, verified: (&[StoredDocument], &[StoredDocument])) -> Result<Merge, Rejection> {
    if at_counter.has_account && holder.has_account {
        return Err(Rejection::at(Code::DocumentTaken, "input.documentNumber"));
    }
    let differ =
        |one: &StoredDocument| one.kind.one_number_for_life() && verified.1.iter().any(|two| two.kind == one.kind && two.number_index != one.number_index);
    let contradiction = same_name(&at_counter.name, holder).is_err()
        || at_counter.birth_date.zip(holder.birth_date).is_some_and(|(a, b)| a != b)
        || at_counter.sex.zip(holder.sex).is_some_and(|(a, b)| a != b)
        || verified.0.iter().any(differ);
    if contradiction {
        return Err(Rejection::at(Code::MergeImpossible, "input.personId"));
    }
    Ok(if at_counter.has_account { Merge { survivor: at_counter.id, merged: holder.id } } else { Merge { survivor: holder.id, merged: at_counter.id } })
}

/// The last day of the document on which a person stays: the newest verified residence or travel permit that has one, where
/// there is none the newest such passport or foreigner's card. Identity cards do not bound a stay.
pub fn stay_until(documents: &[StoredDocument]) -> Option<NaiveDate> {
    let newest = |kinds: &[IdentityDocumentKind]| {
        let bound = documents.iter().filter(|d| kinds.contains(&d.kind) && d.valid_until.is_some());
        bound.filter_map(|d| Some((d.verified_at?, d.id, d.valid_until?))).max_by_key(|(at, id, _)| (*at, *id)).map(|(_, _, until)| until)
    };
    newest(&[
        IdentityDocumentKind::HkMacaoTaiwanResidencePermit,
        IdentityDocumentKind::HomeReturnPermit,
        IdentityDocumentKind::HomeReturnPermitNonChinese,
        IdentityDocumentKind::TaiwanPermit,
    ])
    .or_else(|| newest(&[IdentityDocumentKind::Passport, IdentityDocumentKind::ForeignPermanentResidentId]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::model::document::Sex;
    use crate::person::model::profile::tests::nobody;
    use uuid::Uuid;

    fn day(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).unwrap()
    }

    fn verified(person: &Person, kind: IdentityDocumentKind, index: u8) -> StoredDocument {
        StoredDocument {
            id: IdentityDocumentId(Uuid::from_u128(1)),
            person: person.id,
            kind,
            issuing_state: None,
            number_sealed: Vec::new(),
            number_index: vec![index],
            issue_count: None,
            valid_from: None,
            valid_until: None,
            verified_at: Some(DateTime::UNIX_EPOCH),
            verified_by: None,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_one_with_the_account_stays() {
        let (mut counter, mut holder) = (nobody(1), nobody(2));
        let stays = |a: &Person, b: &Person| merge(a, b, (&[], &[]));
        assert_eq!(stays(&counter, &holder), Ok(Merge { survivor: holder.id, merged: counter.id }));
        counter.has_account = true;
        assert_eq!(stays(&counter, &holder), Ok(Merge { survivor: counter.id, merged: holder.id }));
        assert_eq!(stays(&holder, &counter), Ok(Merge { survivor: counter.id, merged: holder.id }));
        holder.has_account = true;
        assert_eq!(stays(&counter, &holder), Err(Rejection::at(Code::DocumentTaken, "input.documentNumber")));
    }

    #[test]
    fn persons_whose_facts_contradict_are_two() {
        let (mut counter, mut holder) = (nobody(1), nobody(2));
        let impossible = Err(Rejection::at(Code::MergeImpossible, "input.personId"));
        counter.birth_date = Some(day(1890, 1, 1));
        assert!(merge(&counter, &holder, (&[], &[])).is_ok());
        holder.birth_date = Some(day(1890, 1, 2));
        assert_eq!(merge(&counter, &holder, (&[], &[])), impossible);
        holder.birth_date = counter.birth_date;
        counter.sex = Some(Sex::Male);
        holder.sex = Some(Sex::Female);
        assert_eq!(merge(&counter, &holder, (&[], &[])), impossible);
        holder.sex = None;
        counter.name.latin = Some("CHAN Tai Man".into());
        holder.name.latin = Some("WONG".into());
        assert_eq!(merge(&counter, &holder, (&[], &[])), impossible);
        holder.name = PersonName { zh: Some("陈大文".into()), latin: Some("Chan, Tai-man".into()) };
        assert!(merge(&counter, &holder, (&[], &[])).is_ok());
        let (one, same, other) = (
            verified(&counter, IdentityDocumentKind::Hkid, 1),
            verified(&holder, IdentityDocumentKind::Hkid, 1),
            verified(&holder, IdentityDocumentKind::Hkid, 2),
        );
        assert!(merge(&counter, &holder, (std::slice::from_ref(&one), &[same])).is_ok());
        assert_eq!(merge(&counter, &holder, (&[one], &[other])), impossible);
        let passports = (verified(&counter, IdentityDocumentKind::Passport, 1), verified(&holder, IdentityDocumentKind::Passport, 2));
        assert!(merge(&counter, &holder, (&[passports.0], &[passports.1])).is_ok());
    }

    #[test]
    fn a_name_read_is_the_persons_but_for_spaces_case_and_width() {
        let person = Person { name: PersonName { zh: Some("陈大文".into()), latin: Some("Chan Tai-man".into()) }, ..nobody(1) };
        let read = |zh: Option<&str>, latin: Option<&str>| same_name(&PersonName { zh: zh.map(Into::into), latin: latin.map(Into::into) }, &person);
        assert!(read(None, None).is_ok());
        assert!(read(Some(" 陈 大文"), Some("CHAN, TAI MAN")).is_ok());
        assert!(read(None, Some("ＣＨＡＮ tai man")).is_ok());
        assert_eq!(read(Some("陈小文"), None), Err(Rejection::at(Code::NameMismatch, "input.nameZh")));
        assert_eq!(read(Some("陈大文"), Some("Wong")), Err(Rejection::at(Code::NameMismatch, "input.nameLatin")));
        assert!(same_name(&PersonName { zh: Some("陈".into()), latin: None }, &Person { name: PersonName::default(), ..nobody(1) }).is_ok());
    }

    #[test]
    fn a_number_has_to_agree_with_what_is_known() {
        let number = DocumentNumber::parse(IdentityDocumentKind::ResidentIdCard, "440402189202290017", None, day(2026, 1, 1)).unwrap();
        let mut person = nobody(1);
        assert!(agrees(&person, &number));
        person.birth_date = Some(day(1892, 2, 29));
        person.sex = Some(Sex::Male);
        assert!(agrees(&person, &number));
        person.sex = Some(Sex::Female);
        assert!(!agrees(&person, &number));
        person.sex = None;
        person.birth_date = Some(day(1892, 2, 28));
        assert!(!agrees(&person, &number));
    }

    #[test]
    fn a_second_verified_number_contradicts_where_nobody_has_two() {
        let person = nobody(1);
        let claimed = StoredDocument { verified_at: None, ..verified(&person, IdentityDocumentKind::Hkid, 2) };
        let documents = [verified(&person, IdentityDocumentKind::Hkid, 1), verified(&person, IdentityDocumentKind::Passport, 1), claimed];
        assert!(!contradicts(&documents, IdentityDocumentKind::Hkid, &[1]));
        assert!(contradicts(&documents, IdentityDocumentKind::Hkid, &[2]));
        assert!(!contradicts(&documents, IdentityDocumentKind::Passport, &[2]));
        assert!(!contradicts(&documents, IdentityDocumentKind::MacaoBir, &[2]));
    }

    #[test]
    fn a_stay_ends_with_the_newest_verified_permit_and_only_without_one_with_a_passport() {
        let person = nobody(1);
        let document = |id: u128, kind, verified: bool, until| StoredDocument {
            id: IdentityDocumentId(Uuid::from_u128(id)),
            verified_at: verified.then_some(DateTime::UNIX_EPOCH),
            valid_until: until,
            ..super::tests::verified(&person, kind, 1)
        };
        let (passport, permit) = (IdentityDocumentKind::Passport, IdentityDocumentKind::HomeReturnPermit);
        let (early, late) = (Some(day(2027, 1, 1)), Some(day(2030, 1, 1)));
        assert_eq!(stay_until(&[]), None);
        assert_eq!(stay_until(&[document(1, IdentityDocumentKind::Hkid, true, early)]), None);
        assert_eq!(stay_until(&[document(1, permit, false, early)]), None);
        assert_eq!(stay_until(&[document(1, passport, true, early)]), early);
        assert_eq!(stay_until(&[document(2, passport, true, early), document(1, permit, true, late)]), late);
        assert_eq!(stay_until(&[document(1, permit, true, late), document(2, permit, true, early)]), early);
        assert_eq!(stay_until(&[document(1, permit, true, late), document(2, permit, true, None)]), late);
    }

    #[test]
    fn a_document_is_issued_already_and_ends_after_it_begins() {
        let today = day(2026, 1, 1);
        assert_eq!(check_validity(Some(today), None, today, "input"), []);
        assert_eq!(check_validity(None, Some(day(2020, 1, 1)), today, "input"), []);
        assert_eq!(
            check_validity(Some(day(2026, 1, 2)), Some(day(2026, 1, 1)), today, "input"),
            [Rejection::at(Code::InFuture, "input.validFrom"), Rejection::at(Code::PeriodReversed, "input.validUntil")]
        );
    }
}
