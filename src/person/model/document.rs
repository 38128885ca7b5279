//! Identity documents: their kinds, the form of their numbers, check digits, what a number tells, masks.

use chrono::NaiveDate;

use crate::coded_enum;
use crate::kernel::identifier::{fold, gb_11643_check, icao_9303_check};
use crate::kernel::rejection::{Code, Rejection};
use crate::person::model::country::Country;

coded_enum! {
    /// A kind of identity document (证件类型). It says nothing about nationality.
    pub enum IdentityDocumentKind {
        /// Resident identity card of the Mainland (居民身份证), GB 11643.
        ResidentIdCard => "RESIDENT_ID_CARD",
        /// Residence permit for residents of Hong Kong, Macao and Taiwan (港澳台居民居住证).
        HkMacaoTaiwanResidencePermit => "HK_MACAO_TAIWAN_RESIDENCE_PERMIT",
        /// Mainland travel permit for Hong Kong and Macao residents of Chinese nationality (港澳居民来往内地通行证).
        HomeReturnPermit => "HOME_RETURN_PERMIT",
        /// The same permit for permanent residents who are not Chinese citizens, since 2024-07-10.
        HomeReturnPermitNonChinese => "HOME_RETURN_PERMIT_NON_CHINESE",
        /// Hong Kong identity card (香港身份證).
        Hkid => "HKID",
        /// Macao resident identity card (澳門居民身份證, BIR).
        MacaoBir => "MACAO_BIR",
        /// Passport, with its issuing state.
        Passport => "PASSPORT",
        /// Mainland travel permit for Taiwan residents (台湾居民来往大陆通行证).
        TaiwanPermit => "TAIWAN_PERMIT",
        /// Permanent resident identity card of a foreigner (外国人永久居留身份证), 15 characters until 2023, 18 since.
        ForeignPermanentResidentId => "FOREIGN_PERMANENT_RESIDENT_ID",
    }
}

coded_enum! {
    /// Sex as a document states it (GB/T 2261.1).
    pub enum Sex {
        /// Male.
        Male => "MALE",
        /// Female.
        Female => "FEMALE",
    }
}

coded_enum! {
    /// What is unusual about a number that may be right all the same.
    pub enum NumberWarning {
        /// A Chinese passport number of a form that is not known. Its forms are known from use, not from a standard.
        UnusualForm => "UNUSUAL_FORM",
    }
}

impl IdentityDocumentKind {
    /// Whether a person has at most one number of this kind in her life, so that two verified ones are two persons.
    pub const fn one_number_for_life(self) -> bool {
        match self {
            Self::ResidentIdCard | Self::HomeReturnPermit | Self::HomeReturnPermitNonChinese | Self::Hkid | Self::MacaoBir => true,
            Self::HkMacaoTaiwanResidencePermit | Self::Passport | Self::TaiwanPermit | Self::ForeignPermanentResidentId => false,
        }
    }
}

impl IdentityDocumentKind {
    /// Whether its numbers tell the sex, so that verifying one verifies it.
    pub const fn tells_sex(self) -> bool {
        match self {
            Self::ResidentIdCard | Self::HkMacaoTaiwanResidencePermit => true,
            Self::HomeReturnPermit
            | Self::HomeReturnPermitNonChinese
            | Self::Hkid
            | Self::MacaoBir
            | Self::Passport
            | Self::TaiwanPermit
            | Self::ForeignPermanentResidentId => false,
        }
    }

    /// Whether its numbers tell the birth date, so that verifying one verifies the date.
    pub const fn tells_birth(self) -> bool {
        match self {
            Self::ResidentIdCard | Self::HkMacaoTaiwanResidencePermit | Self::ForeignPermanentResidentId => true,
            Self::HomeReturnPermit | Self::HomeReturnPermitNonChinese | Self::Hkid | Self::MacaoBir | Self::Passport | Self::TaiwanPermit => false,
        }
    }
}

/// Why a number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// Nothing was given.
    Missing,
    /// It has not the form of a number of this kind.
    Malformed,
    /// The check digit does not fit.
    CheckDigit,
    /// It is a well-formed number of another kind of document.
    OtherKind,
    /// A passport without its issuing state.
    IssuingStateMissing,
    /// The issuing state is no code of ISO 3166-1, or the kind has none.
    IssuingStateNotAllowed,
}

impl NumberFault {
    /// The no at the field of the number or of the issuing state; `input` is the path of the object that holds them.
    pub fn rejection(self, input: &str) -> Rejection {
        let number = format!("{input}.documentNumber");
        let state = format!("{input}.issuingState");
        match self {
            Self::Missing => Rejection::at(Code::Required, &number),
            Self::Malformed => Rejection::at(Code::Malformed, &number),
            Self::CheckDigit => Rejection::at(Code::CheckDigitWrong, &number),
            Self::OtherKind => Rejection::at(Code::DocumentMismatch, &number),
            Self::IssuingStateMissing => Rejection::at(Code::Required, &state),
            Self::IssuingStateNotAllowed => Rejection::at(Code::NotAllowed, &state),
        }
    }
}

/// A number of the right form, normalised.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DocumentNumber {
    kind: IdentityDocumentKind,
    number: String,
    issuing_state: Option<Country>,
    issue_count: Option<i32>,
}

impl std::fmt::Debug for DocumentNumber {
    // The number is personal and must not slip into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DocumentNumber({})", self.kind)
    }
}

/// What a number tells about its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The birth date.
    pub birth: Option<BirthTold>,
    /// The sex.
    pub sex: Option<Sex>,
}

/// A birth date as a number holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BirthTold {
    /// The whole date.
    Date(NaiveDate),
    /// Year without century, month, day.
    WithoutCentury(u32, u32, u32),
}

impl BirthTold {
    /// Whether a birth date agrees with what the number tells.
    pub fn agrees(self, birth: NaiveDate) -> bool {
        use chrono::Datelike as _;
        match self {
            Self::Date(date) => date == birth,
            Self::WithoutCentury(year, month, day) => u32::try_from(birth.year().rem_euclid(100)) == Ok(year) && birth.month() == month && birth.day() == day,
        }
    }
}

impl DocumentNumber {
    /// Reads a number as typed.
    ///
    /// `issuing_state` (ISO 3166-1 alpha-3) goes with passports and with nothing else; `today` is the civil date after
    /// which nobody is born. Sources of the forms and checks: GB 11643-1999; the notices on 港澳台居民居住证 and on
    /// 港澳居民来往内地通行证; ICAO 9303. The number of a Macao card has a check digit whose algorithm is not published.
    pub fn parse(kind: IdentityDocumentKind, typed: &str, issuing_state: Option<&str>, today: NaiveDate) -> Result<Self, NumberFault> {
        let number = fold(typed);
        let state = Self::state_for(kind, issuing_state)?;
        if number.is_empty() {
            return Err(NumberFault::Missing);
        }
        let plain = |fits: bool| if fits { Ok(None) } else { Err(NumberFault::Malformed) };
        let issue_count = match kind {
            IdentityDocumentKind::ResidentIdCard => citizen_number(&number, false, today)?,
            IdentityDocumentKind::HkMacaoTaiwanResidencePermit => citizen_number(&number, true, today)?,
            IdentityDocumentKind::HomeReturnPermit => home_return_permit(&number)?,
            IdentityDocumentKind::HomeReturnPermitNonChinese => {
                if matches_form(&number, "PDDDDDDDD") || matches_form(&number, "PDDDDDDDDDD") {
                    return Err(NumberFault::OtherKind);
                }
                plain(matches_form(&number, "PADDDDDDD"))?
            }
            IdentityDocumentKind::Hkid => hkid(&number)?,
            IdentityDocumentKind::MacaoBir => plain(matches_form(&number, "DDDDDDDD") && number.starts_with(['1', '5', '7']))?,
            IdentityDocumentKind::Passport => plain((5..=17).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric()))?,
            IdentityDocumentKind::TaiwanPermit => plain(matches_form(&number, "DDDDDDDD"))?,
            IdentityDocumentKind::ForeignPermanentResidentId => foreign_permanent_resident(&number, today)?,
        };
        let number = if issue_count.is_some() { number.chars().take(9).collect() } else { number };
        Ok(Self { kind, number, issuing_state: state, issue_count })
    }

    /// A number that was stored, normalised, by this portal.
    pub const fn stored(kind: IdentityDocumentKind, number: String, issuing_state: Option<Country>, issue_count: Option<i32>) -> Self {
        Self { kind, number, issuing_state, issue_count }
    }

    fn state_for(kind: IdentityDocumentKind, given: Option<&str>) -> Result<Option<Country>, NumberFault> {
        let given = given.map(str::trim).filter(|s| !s.is_empty());
        match (kind, given) {
            (IdentityDocumentKind::Passport, None) => Err(NumberFault::IssuingStateMissing),
            (IdentityDocumentKind::Passport, Some(code)) => Country::parse(code).map(Some).ok_or(NumberFault::IssuingStateNotAllowed),
            (_, None) => Ok(None),
            (_, Some(_)) => Err(NumberFault::IssuingStateNotAllowed),
        }
    }

    /// The kind.
    pub const fn kind(&self) -> IdentityDocumentKind {
        self.kind
    }

    /// The number as it is stored (and sealed): no brackets, no spaces, capital letters.
    pub fn normalised(&self) -> &str {
        &self.number
    }

    /// The issuing state of a passport.
    pub const fn issuing_state(&self) -> Option<&Country> {
        self.issuing_state.as_ref()
    }

    /// How many times a home-return permit was issued (换证次数), where it is part of the printed number.
    pub const fn issue_count(&self) -> Option<i32> {
        self.issue_count
    }

    /// What the blind index is made over: equal for equal documents, so a passport with its state.
    pub fn index_text(&self) -> String {
        match &self.issuing_state {
            Some(state) => format!("{}:{}", state.as_str(), self.number),
            None => self.number.clone(),
        }
    }

    /// The number as it is printed: Hong Kong and Macao cards with brackets.
    pub fn display(&self) -> String {
        with_brackets(self.kind, &self.number)
    }

    /// The number with only its ends shown, for example `110***********002X` or `A*****6(3)`.
    pub fn masked(&self) -> String {
        let length = self.number.chars().count();
        let (head, tail) = if length >= 15 { (3, 4) } else { (1, 2) };
        let masked: String = self.number.chars().enumerate().map(|(i, c)| if i < head || i + tail >= length { c } else { '*' }).collect();
        with_brackets(self.kind, &masked)
    }

    /// What the number tells about birth and sex.
    pub fn told(&self) -> Told {
        let nothing = Told { birth: None, sex: None };
        match self.kind {
            IdentityDocumentKind::ResidentIdCard | IdentityDocumentKind::HkMacaoTaiwanResidencePermit => {
                Told { birth: self.number.get(6..14).and_then(date).map(BirthTold::Date), sex: sex_of_sequence(&self.number) }
            }
            IdentityDocumentKind::ForeignPermanentResidentId if self.number.len() == 18 => {
                Told { birth: self.number.get(6..14).and_then(date).map(BirthTold::Date), sex: sex_of_sequence(&self.number) }
            }
            // Whether the fourteenth character of the old card counts the sex or a sequence is not known.
            IdentityDocumentKind::ForeignPermanentResidentId => Told { birth: self.number.get(7..13).and_then(short_date), sex: None },
            IdentityDocumentKind::HomeReturnPermit
            | IdentityDocumentKind::HomeReturnPermitNonChinese
            | IdentityDocumentKind::Hkid
            | IdentityDocumentKind::MacaoBir
            | IdentityDocumentKind::Passport
            | IdentityDocumentKind::TaiwanPermit => nothing,
        }
    }

    /// What is unusual about the number; it is kept all the same.
    pub fn warnings(&self) -> Vec<NumberWarning> {
        let chinese = self.kind == IdentityDocumentKind::Passport && self.issuing_state.as_ref().is_some_and(|s| *s == Country::china());
        let known =
            self.number.starts_with(['E', 'D', 'S', 'P', 'H', 'M']) && (matches_form(&self.number, "LLDDDDDDD") || matches_form(&self.number, "LDDDDDDDD"));
        if chinese && !known { vec![NumberWarning::UnusualForm] } else { Vec::new() }
    }
}

/// Whether a text has a form: `D` a digit, `L` a capital letter, `P` the letter of a home-return permit (H or M), other
/// letters themselves.
fn matches_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(c, f)| match f {
            b'D' => c.is_ascii_digit(),
            b'L' => c.is_ascii_uppercase(),
            b'P' => matches!(c, b'H' | b'M'),
            literal => c == literal,
        })
}

fn with_brackets(kind: IdentityDocumentKind, number: &str) -> String {
    match (kind, number.char_indices().next_back()) {
        (IdentityDocumentKind::Hkid | IdentityDocumentKind::MacaoBir, Some((at, check))) => format!("{}({check})", number.get(..at).unwrap_or_default()),
        _ => number.to_owned(),
    }
}

/// `yyyymmdd`.
fn date(digits: &str) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(digits.get(..4)?.parse().ok()?, digits.get(4..6)?.parse().ok()?, digits.get(6..8)?.parse().ok()?)
}

/// `yymmdd` that is a day in some century; 29 February of a year 00 is one in 2000.
fn short_date(digits: &str) -> Option<BirthTold> {
    let (year, month, day) = (digits.get(..2)?.parse().ok()?, digits.get(2..4)?.parse().ok()?, digits.get(4..6)?.parse().ok()?);
    NaiveDate::from_ymd_opt(2000 + i32::try_from(year).ok()?, month, day).map(|_| BirthTold::WithoutCentury(year, month, day))
}

/// The seventeenth digit is odd for men and even for women.
fn sex_of_sequence(number: &str) -> Option<Sex> {
    let digit = number.chars().nth(16)?.to_digit(10)?;
    Some(if digit % 2 == 1 { Sex::Male } else { Sex::Female })
}

/// Resident cards and residence permits: region, birth date, sequence, check digit.
///
/// Permits stand under 810000 (Hong Kong), 820000 (Macao) and 830000 (Taiwan, whose division code is 710000).
fn citizen_number(number: &str, permit: bool, today: NaiveDate) -> Result<Option<i32>, NumberFault> {
    if !matches_form(number, "DDDDDDDDDDDDDDDDDD") && !matches_form(number, "DDDDDDDDDDDDDDDDDX") {
        return Err(NumberFault::Malformed);
    }
    if number.get(..17).and_then(gb_11643_check) != number.chars().nth(17) {
        return Err(NumberFault::CheckDigit);
    }
    if number.get(6..14).and_then(date).is_none_or(|birth| birth > today) || number.starts_with('0') {
        return Err(NumberFault::Malformed);
    }
    let of_permit = ["810000", "820000", "830000"].iter().any(|region| number.starts_with(region));
    if of_permit != permit {
        return Err(NumberFault::OtherKind);
    }
    Ok(None)
}

/// `H` or `M` and eight digits; an older print adds two digits that count the issues.
fn home_return_permit(number: &str) -> Result<Option<i32>, NumberFault> {
    if matches_form(number, "PDDDDDDDD") {
        Ok(None)
    } else if matches_form(number, "PDDDDDDDDDD") {
        number.get(9..).and_then(|count| count.parse().ok()).map(Some).ok_or(NumberFault::Malformed)
    } else if matches_form(number, "PADDDDDDD") {
        Err(NumberFault::OtherKind)
    } else {
        Err(NumberFault::Malformed)
    }
}

/// One or two letters, six digits, check character: weights 9 to 2, letters 10 to 35, a missing first letter 36.
fn hkid(number: &str) -> Result<Option<i32>, NumberFault> {
    let padded = if number.len() == 8 { format!(" {number}") } else { number.to_owned() };
    let (body, check) = padded.split_at_checked(8).ok_or(NumberFault::Malformed)?;
    let form = matches_form(body, "LLDDDDDD") || matches_form(body, " LDDDDDD");
    if !form || !(check == "A" || matches_form(check, "D")) {
        return Err(NumberFault::Malformed);
    }
    let sum: u32 = body.chars().zip((2..=9).rev()).map(|(c, weight)| c.to_digit(36).unwrap_or(36) * weight).sum();
    let expected = match (11 - sum % 11) % 11 {
        10 => Some('A'),
        digit => char::from_digit(digit, 10),
    };
    if check.chars().next() == expected { Ok(None) } else { Err(NumberFault::CheckDigit) }
}

/// Old: nationality, region, `yymmdd`, one digit, check by ICAO 9303. New (2023): `9`, province, country, birth date,
/// sequence, check by GB 11643. Both forms were read in a public repository, not in the standard itself.
fn foreign_permanent_resident(number: &str, today: NaiveDate) -> Result<Option<i32>, NumberFault> {
    if number.len() == 15 {
        let form = number.get(..3).is_some_and(|c| matches_form(c, "LLL")) && number.get(3..).is_some_and(|r| matches_form(r, "DDDDDDDDDDDD"));
        if !form || number.get(..3).and_then(Country::parse).is_none() || number.get(7..13).and_then(short_date).is_none() {
            return Err(NumberFault::Malformed);
        }
        return if number.get(..14).and_then(icao_9303_check) == number.chars().nth(14) { Ok(None) } else { Err(NumberFault::CheckDigit) };
    }
    if !number.starts_with('9') || !(matches_form(number, "DDDDDDDDDDDDDDDDDD") || matches_form(number, "DDDDDDDDDDDDDDDDDX")) {
        return Err(NumberFault::Malformed);
    }
    if number.get(..17).and_then(gb_11643_check) != number.chars().nth(17) {
        return Err(NumberFault::CheckDigit);
    }
    if number.get(6..14).and_then(date).is_none_or(|birth| birth > today) { Err(NumberFault::Malformed) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::IdentityDocumentKind as Kind;
    use super::*;
    use proptest::prelude::*;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 1).unwrap()
    }

    fn read(kind: Kind, typed: &str) -> Result<DocumentNumber, NumberFault> {
        DocumentNumber::parse(kind, typed, (kind == Kind::Passport).then_some("PRT"), today())
    }

    const RESIDENT_CARDS: [&str; 11] = [
        "11010519491231002X",
        "440524188001010014",
        "440103189003070011",
        "440305189508150029",
        "440402189202290017",
        "440605189806300036",
        "441302188712250112",
        "441900189909090129",
        "442000189104010074",
        "440703188606150211",
        "441202189402280163",
    ];

    #[test]
    fn every_sample_of_the_documents_is_read() {
        let samples: [(Kind, &[&str]); 9] = [
            (Kind::ResidentIdCard, &RESIDENT_CARDS),
            (
                Kind::HkMacaoTaiwanResidencePermit,
                &[
                    "810000199408230021",
                    "830000199201300022",
                    "81000018900101001X",
                    "810000189506300020",
                    "820000189001010011",
                    "820000189311110026",
                    "830000189001010013",
                ],
            ),
            (Kind::HomeReturnPermit, &["H00000000", "M00000000", "H0000000000"]),
            (Kind::HomeReturnPermitNonChinese, &["HA0000000", "MA0000000"]),
            (Kind::Hkid, &["A123456(3)", "AB987654(3)", "G123456(A)", "A123452(0)"]),
            (Kind::MacaoBir, &["1234567(8)", "1/234567/8"]),
            (Kind::Passport, &["L898902C3"]),
            (Kind::TaiwanPermit, &["00000000"]),
            (
                Kind::ForeignPermanentResidentId,
                &["KAZ110090123105", "911398199012310021", "USA440390010115", "GBR440195063028", "PRT440488010118", "944840189001010017"],
            ),
        ];
        assert_eq!(samples.len(), Kind::ALL.len());
        for (kind, numbers) in samples {
            for number in numbers {
                let parsed = read(kind, number).unwrap_or_else(|fault| panic!("{kind} {number}: {fault:?}"));
                assert_eq!(parsed.warnings(), [], "{kind} {number}");
                assert_eq!(read(kind, &parsed.display()).unwrap().normalised(), parsed.normalised(), "{kind} {number}");
            }
        }
    }

    #[test]
    fn a_number_that_cannot_be_is_refused_with_its_reason() {
        use NumberFault::{CheckDigit, Malformed, Missing, OtherKind};
        for (kind, number, fault) in [
            (Kind::ResidentIdCard, "110105194912310021", CheckDigit),
            (Kind::ResidentIdCard, "110105491231002", Malformed),
            (Kind::ResidentIdCard, "810000199408230021", OtherKind),
            (Kind::ResidentIdCard, "", Missing),
            (Kind::ResidentIdCard, " ()- ", Missing),
            (Kind::ResidentIdCard, "1101051949123100２张", Malformed),
            (Kind::HkMacaoTaiwanResidencePermit, "11010519491231002X", OtherKind),
            (Kind::HkMacaoTaiwanResidencePermit, "810000199408230022", CheckDigit),
            (Kind::HomeReturnPermit, "H0000000", Malformed),
            (Kind::HomeReturnPermit, "H000000000", Malformed),
            (Kind::HomeReturnPermit, "HA0000000", OtherKind),
            (Kind::HomeReturnPermit, "K00000000", Malformed),
            (Kind::HomeReturnPermitNonChinese, "H00000000", OtherKind),
            (Kind::HomeReturnPermitNonChinese, "HB0000000", Malformed),
            (Kind::Hkid, "A123456(4)", CheckDigit),
            (Kind::Hkid, "1234567(8)", Malformed),
            (Kind::Hkid, "ABC987654(3)", Malformed),
            (Kind::Hkid, "张123456(3)", Malformed),
            (Kind::MacaoBir, "2234567(8)", Malformed),
            (Kind::MacaoBir, "123456(8)", Malformed),
            (Kind::Passport, "L89", Malformed),
            (Kind::Passport, "L898902C3L898902C3", Malformed),
            (Kind::TaiwanPermit, "0000000", Malformed),
            (Kind::ForeignPermanentResidentId, "KAZ110090123106", CheckDigit),
            (Kind::ForeignPermanentResidentId, "XXX110090123105", Malformed),
            (Kind::ForeignPermanentResidentId, "911398199012310022", CheckDigit),
            (Kind::ForeignPermanentResidentId, "110105194912310021", Malformed),
        ] {
            assert_eq!(read(kind, number).unwrap_err(), fault, "{kind} {number}");
        }
    }

    #[test]
    fn nobody_is_born_tomorrow_or_on_the_thirtieth_of_february() {
        let with_check = |first: &str| format!("{first}{}", gb_11643_check(first).unwrap());
        assert!(read(Kind::ResidentIdCard, &with_check("44010320260101001")).is_ok());
        assert_eq!(read(Kind::ResidentIdCard, &with_check("44010320260102001")).unwrap_err(), NumberFault::Malformed);
        assert_eq!(read(Kind::ResidentIdCard, &with_check("44010318900230001")).unwrap_err(), NumberFault::Malformed);
        assert_eq!(read(Kind::ResidentIdCard, &with_check("44010318930229001")).unwrap_err(), NumberFault::Malformed);
    }

    #[test]
    fn a_passport_needs_its_issuing_state_and_nothing_else_has_one() {
        let parse = |kind, state| DocumentNumber::parse(kind, "00000000", state, today()).map(|n| n.issuing_state().cloned());
        assert_eq!(parse(Kind::Passport, None), Err(NumberFault::IssuingStateMissing));
        assert_eq!(parse(Kind::Passport, Some(" ")), Err(NumberFault::IssuingStateMissing));
        assert_eq!(parse(Kind::Passport, Some("ZZZ")), Err(NumberFault::IssuingStateNotAllowed));
        assert_eq!(parse(Kind::TaiwanPermit, Some("TWN")), Err(NumberFault::IssuingStateNotAllowed));
        assert_eq!(parse(Kind::Passport, Some("prt")), Ok(Country::parse("PRT")));
    }

    #[test]
    fn equal_passport_numbers_of_two_states_are_two_documents() {
        let of = |state| DocumentNumber::parse(Kind::Passport, "L898902C3", Some(state), today()).unwrap().index_text();
        assert_eq!(of("PRT"), "PRT:L898902C3");
        assert_ne!(of("PRT"), of("GBR"));
    }

    #[test]
    fn an_unknown_form_of_a_chinese_passport_warns() {
        let warnings = |number, state| DocumentNumber::parse(Kind::Passport, number, Some(state), today()).unwrap().warnings();
        for number in ["E00000000", "EA0000000", "H00000000"] {
            assert_eq!(warnings(number, "CHN"), [], "{number}");
        }
        assert_eq!(warnings("L898902C3", "CHN"), [NumberWarning::UnusualForm]);
        assert_eq!(warnings("L898902C3", "PRT"), []);
    }

    #[test]
    fn the_issue_count_of_an_old_permit_is_kept_apart() {
        let old = read(Kind::HomeReturnPermit, "h00000000 02").unwrap();
        assert_eq!((old.normalised(), old.issue_count()), ("H00000000", Some(2)));
        let new = read(Kind::HomeReturnPermit, "H00000000").unwrap();
        assert_eq!(new.issue_count(), None);
        assert_eq!(old.index_text(), new.index_text());
    }

    #[test]
    fn a_number_tells_birth_and_sex_where_it_holds_them() {
        let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
        let told = |kind, number| read(kind, number).unwrap().told();
        assert_eq!(told(Kind::ResidentIdCard, "11010519491231002X"), Told { birth: Some(BirthTold::Date(day(1949, 12, 31))), sex: Some(Sex::Female) });
        assert_eq!(told(Kind::ResidentIdCard, "440402189202290017"), Told { birth: Some(BirthTold::Date(day(1892, 2, 29))), sex: Some(Sex::Male) });
        assert_eq!(told(Kind::HkMacaoTaiwanResidencePermit, "820000189311110026").sex, Some(Sex::Female));
        assert_eq!(told(Kind::ForeignPermanentResidentId, "944840189001010017"), Told { birth: Some(BirthTold::Date(day(1890, 1, 1))), sex: Some(Sex::Male) });
        let old = told(Kind::ForeignPermanentResidentId, "USA440390010115");
        assert_eq!(old, Told { birth: Some(BirthTold::WithoutCentury(90, 1, 1)), sex: None });
        assert!(old.birth.unwrap().agrees(day(1890, 1, 1)));
        assert!(!old.birth.unwrap().agrees(day(1891, 1, 1)));
        assert_eq!(told(Kind::Hkid, "A123456(3)"), Told { birth: None, sex: None });
    }

    #[test]
    fn a_mask_shows_the_ends_only() {
        for (kind, number, masked, display) in [
            (Kind::ResidentIdCard, "11010519491231002X", "110***********002X", "11010519491231002X"),
            (Kind::Hkid, "a1234563", "A*****6(3)", "A123456(3)"),
            (Kind::Hkid, "AB9876543", "A******4(3)", "AB987654(3)"),
            (Kind::MacaoBir, "12345678", "1*****7(8)", "1234567(8)"),
            (Kind::HomeReturnPermit, "H0000000002", "H******00", "H00000000"),
            (Kind::Passport, "L898902C3", "L******C3", "L898902C3"),
            (Kind::ForeignPermanentResidentId, "USA440390010115", "USA********0115", "USA440390010115"),
        ] {
            let parsed = read(kind, number).unwrap();
            assert_eq!((parsed.masked().as_str(), parsed.display().as_str()), (masked, display));
            assert!(!format!("{parsed:?}").contains(parsed.normalised()));
        }
    }

    #[test]
    fn a_refusal_names_the_field() {
        assert_eq!(NumberFault::CheckDigit.rejection("input"), Rejection::at(Code::CheckDigitWrong, "input.documentNumber"));
        assert_eq!(NumberFault::IssuingStateMissing.rejection("input"), Rejection::at(Code::Required, "input.issuingState"));
    }

    proptest! {
        #[test]
        fn a_single_changed_digit_of_a_resident_card_is_found(card in 0usize..RESIDENT_CARDS.len(), at in 0usize..18, digit in 0u32..10) {
            let number = RESIDENT_CARDS[card];
            let digit = char::from_digit(digit, 10).unwrap();
            let changed: String = number.chars().enumerate().map(|(i, c)| if i == at { digit } else { c }).collect();
            prop_assume!(changed != number);
            prop_assert!(read(Kind::ResidentIdCard, &changed).is_err());
        }

        #[test]
        fn a_single_changed_digit_of_a_hong_kong_card_is_found(at in 2usize..7, digit in 0u32..10) {
            let changed: String = "A1234563".chars().enumerate().map(|(i, c)| if i == at { char::from_digit(digit, 10).unwrap() } else { c }).collect();
            prop_assume!(changed != "A1234563");
            prop_assert_eq!(read(Kind::Hkid, &changed).unwrap_err(), NumberFault::CheckDigit);
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(kind in 0usize..9, text in "[0-9A-Z张（）\u{ff10}-\u{ff19} ]{0,20}") {
            if let Ok(number) = read(Kind::ALL[kind], &text) {
                let _ = (number.masked(), number.display(), number.told(), number.warnings());
                prop_assert!(number.normalised().bytes().all(|b| b.is_ascii_alphanumeric()));
            }
        }
    }
}
