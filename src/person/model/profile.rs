//! Who a person is: names, birth date, sex, nationality, and what may be changed about it.

use chrono::{DateTime, NaiveDate, Utc};

use crate::kernel::ids::PersonId;
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::role::Assurance;
use crate::person::model::country::Country;
use crate::person::model::document::{IdentityDocumentKind, Sex};

/// The longest name, in characters.
pub const NAME_MAX: usize = 100;

/// Nobody alive was born before this day. Synthetic data begin here.
const EARLIEST_BIRTH: (i32, u32, u32) = (1880, 1, 1);

/// Names as they are written in documents. A person has at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonName {
    /// In Chinese characters.
    pub zh: Option<String>,
    /// In Latin letters, as in the passport.
    pub latin: Option<String>,
}

impl PersonName {
    /// The name to show: in Chinese characters where there is one. Empty after erasure.
    pub fn display(&self) -> &str {
        self.zh.as_deref().or(self.latin.as_deref()).unwrap_or_default()
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Id.
    pub id: PersonId,
    /// Names.
    pub name: PersonName,
    /// Birth date.
    pub birth_date: Option<NaiveDate>,
    /// Sex as documents state it.
    pub sex: Option<Sex>,
    /// Nationality, ISO 3166-1 alpha-3.
    pub nationality: Option<String>,
    /// How surely the portal knows her.
    pub assurance: Assurance,
    /// Whether she has an account.
    pub has_account: bool,
    /// The person that she turned out to be.
    pub merged_into: Option<PersonId>,
    /// Raised by each change.
    pub version: i64,
    /// Since when the portal knows her (UTC).
    pub created_at: DateTime<Utc>,
    /// Last change (UTC).
    pub updated_at: DateTime<Utc>,
}

/// What is known of a person at first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPerson {
    /// Names.
    pub name: PersonName,
    /// Birth date.
    pub birth_date: Option<NaiveDate>,
    /// Sex.
    pub sex: Option<Sex>,
    /// Nationality, ISO 3166-1 alpha-3.
    pub nationality: Option<String>,
}

/// What was typed about a person. What is absent is unknown (a new person) or stays as it is (a change).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PersonInput {
    /// Name in Chinese characters.
    pub name_zh: Option<String>,
    /// Name in Latin letters.
    pub name_latin: Option<String>,
    /// Birth date.
    pub birth_date: Option<NaiveDate>,
    /// Sex.
    pub sex: Option<Sex>,
    /// Nationality.
    pub nationality: Option<String>,
}

impl PersonInput {
    /// Reads what was typed; every problem at once, at the fields of the object at `path` (for example `input`).
    pub fn parse(self, path: &str, today: NaiveDate) -> Result<NewPerson, Vec<Rejection>> {
        let mut problems = Vec::new();
        let at = |field: &str| format!("{path}.{field}");
        let mut keep = |parsed: Result<Option<String>, Rejection>| match parsed {
            Ok(value) => value,
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        let zh = keep(read_name(self.name_zh.as_deref(), &at("nameZh"), is_chinese));
        let latin = keep(read_name(self.name_latin.as_deref(), &at("nameLatin"), is_latin));
        let nationality = keep(match self.nationality.as_deref().map(str::trim).filter(|n| !n.is_empty()) {
            None => Ok(None),
            Some(code) => Country::parse_nationality(code).map(|c| Some(c.into_code())).ok_or_else(|| Rejection::at(Code::NotAllowed, &at("nationality"))),
        });
        if let Some(birth) = self.birth_date {
            problems.extend(check_birth(birth, today, &at("birthDate")));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(NewPerson { name: PersonName { zh, latin }, birth_date: self.birth_date, sex: self.sex, nationality })
    }

    /// Reads what was typed about a new person, who needs a name.
    pub fn parse_new(self, path: &str, today: NaiveDate) -> Result<NewPerson, Vec<Rejection>> {
        let nameless = [&self.name_zh, &self.name_latin].iter().all(|n| n.as_deref().is_none_or(|n| n.trim().is_empty()));
        let missing = nameless.then(|| Rejection::at(Code::Required, &format!("{path}.nameZh")));
        match (missing, self.parse(path, today)) {
            (None, parsed) => parsed,
            (Some(missing), Ok(_)) => Err(vec![missing]),
            (Some(missing), Err(problems)) => Err(std::iter::once(missing).chain(problems).collect()),
        }
    }
}

fn check_birth(birth: NaiveDate, today: NaiveDate, field: &str) -> Option<Rejection> {
    let (year, month, day) = EARLIEST_BIRTH;
    if birth > today {
        Some(Rejection::at(Code::InFuture, field))
    } else if NaiveDate::from_ymd_opt(year, month, day).is_some_and(|earliest| birth < earliest) {
        Some(Rejection::at(Code::TooEarly, field))
    } else {
        None
    }
}

/// A name with its blanks put in order, or nothing where none was given.
fn read_name(typed: Option<&str>, field: &str, fits: fn(&str) -> bool) -> Result<Option<String>, Rejection> {
    let name = typed.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        Ok(None)
    } else if name.chars().count() > NAME_MAX {
        Err(Rejection::at(Code::TooLong, field).number("max", 100))
    } else if fits(&name) {
        Ok(Some(name))
    } else {
        Err(Rejection::at(Code::Malformed, field))
    }
}

/// Chinese characters (CJK ideographs, their extensions, and 〇).
const fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' | '〇')
}

/// At least one Chinese character, and dots between the parts of a transliterated name.
fn is_chinese(name: &str) -> bool {
    name.chars().any(is_han) && name.chars().all(|c| is_han(c) || matches!(c, '·' | '•' | '‧' | '・' | '．' | ' '))
}

/// At least one letter, none of them Chinese, and what stands between the parts of a name.
fn is_latin(name: &str) -> bool {
    name.chars().any(char::is_alphabetic)
        && name.chars().all(|c| (c.is_alphabetic() && !is_han(c)) || matches!(c, ' ' | '\'' | '’' | '-' | '.' | ',' | '\u{300}'..='\u{36f}'))
}

/// A change of a person: the person as she is afterwards, and the names (as in the API) of what changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Afterwards, with the version that she had before.
    pub person: Person,
    /// Names of the changed fields.
    pub changed: Vec<&'static str>,
}

/// Applies what a person changes about herself.
///
/// Once an officer has compared an original, both names are fixed, a missing one too: what signed papers say was read by an
/// officer. Birth date and sex are completed but not changed where the number of a verified kind tells them.
///
/// `cleared` are fields that are to be empty, by their names in the API; the last name and the language may not be.
pub fn change_own(person: &Person, verified: &[IdentityDocumentKind], new: NewPerson, cleared: &[&str]) -> Result<Change, Vec<Rejection>> {
    let proved = person.assurance >= Assurance::L2;
    let mut change = apply(person, new);
    for &field in cleared {
        let after = &mut change.person;
        let (name, had) = match field {
            "nameZh" => ("nameZh", after.name.zh.take().is_some()),
            "nameLatin" => ("nameLatin", after.name.latin.take().is_some()),
            "birthDate" => ("birthDate", after.birth_date.take().is_some()),
            "sex" => ("sex", after.sex.take().is_some()),
            "nationality" => ("nationality", after.nationality.take().is_some()),
            _ => return Err(vec![Rejection::at(Code::Required, &format!("input.{field}"))]),
        };
        change.changed.extend(had.then_some(name));
    }
    if let Some(field) = cleared.iter().find(|field| field.starts_with("name")).filter(|_| change.person.name == PersonName::default()) {
        return Err(vec![Rejection::at(Code::Required, &format!("input.{field}"))]);
    }
    let fixed = |field: &str| match field {
        "nameZh" | "nameLatin" => true,
        "birthDate" => person.birth_date.is_some() && verified.iter().any(|kind| kind.tells_birth()),
        "sex" => person.sex.is_some() && verified.iter().any(|kind| kind.tells_sex()),
        // No number tells the nationality.
        _ => false,
    };
    let refused: Vec<_> =
        change.changed.iter().filter(|field| proved && fixed(field)).map(|field| Rejection::at(Code::DocumentVerified, &format!("input.{field}"))).collect();
    if refused.is_empty() { Ok(change) } else { Err(refused) }
}

/// Applies what is given and names what differs.
fn apply(before: &Person, new: NewPerson) -> Change {
    let mut person = before.clone();
    let mut changed = Vec::new();
    let mut set = |name: &'static str, differs: bool| {
        if differs {
            changed.push(name);
        }
    };
    set("nameZh", replace(&mut person.name.zh, new.name.zh));
    set("nameLatin", replace(&mut person.name.latin, new.name.latin));
    set("birthDate", replace(&mut person.birth_date, new.birth_date));
    set("sex", replace(&mut person.sex, new.sex));
    set("nationality", replace(&mut person.nationality, new.nationality));
    Change { person, changed }
}

/// Replaces a value by one that was given; tells whether it differs.
fn replace<T: PartialEq>(old: &mut Option<T>, new: Option<T>) -> bool {
    let differs = new.is_some() && *old != new;
    if differs {
        *old = new;
    }
    differs
}

/// Fills what `person` does not have from `from`, as when two persons become one. Names what was filled. A name is not added
/// once an officer has compared an original of `person`: only what is read from one is.
pub fn complete(person: &Person, from: &Person) -> Change {
    let mut after = person.clone();
    let mut changed = Vec::new();
    let mut fill = |name: &'static str, filled: bool| {
        if filled {
            changed.push(name);
        }
    };
    if person.assurance < Assurance::L2 {
        fill("nameZh", fill_in(&mut after.name.zh, from.name.zh.as_ref()));
        fill("nameLatin", fill_in(&mut after.name.latin, from.name.latin.as_ref()));
    }
    fill("birthDate", fill_in(&mut after.birth_date, from.birth_date.as_ref()));
    fill("sex", fill_in(&mut after.sex, from.sex.as_ref()));
    fill("nationality", fill_in(&mut after.nationality, from.nationality.as_ref()));
    Change { person: after, changed }
}

fn fill_in<T: Clone>(own: &mut Option<T>, other: Option<&T>) -> bool {
    let filled = own.is_none() && other.is_some();
    if filled {
        *own = other.cloned();
    }
    filled
}

/// Completed years of age on a day; `None` before birth. Who was born on 29 February grows older on 1 March of a
/// common year.
pub fn age_on(birth: NaiveDate, day: NaiveDate) -> Option<u32> {
    day.years_since(birth)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn day(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).unwrap()
    }

    /// A person without anything known.
    pub fn nobody(id: u128) -> Person {
        Person {
            id: PersonId(uuid::Uuid::from_u128(id)),
            name: PersonName::default(),
            birth_date: None,
            sex: None,
            nationality: None,
            assurance: Assurance::L1,
            has_account: false,
            merged_into: None,
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for (zh, latin) in [(" 陈  大文 ", "CHAN, Tai Man"), ("阿卜杜拉·买买提", "Abdulla Memet"), ("李〇一", "O’Neil-Åström"), ("𠮷田", "José da Silva")]
        {
            let input = PersonInput { name_zh: Some(zh.into()), name_latin: Some(latin.into()), ..PersonInput::default() };
            let new = input.parse_new("input", day(2026, 1, 1)).unwrap();
            assert_eq!(new.name.zh.as_deref(), Some(zh.split_whitespace().collect::<Vec<_>>().join(" ").as_str()));
            assert_eq!(new.name.latin.as_deref(), Some(latin));
        }
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let input = PersonInput {
            name_zh: Some("Chan".into()),
            name_latin: Some("陈".into()),
            birth_date: Some(day(2026, 1, 2)),
            nationality: Some("HKG".into()),
            ..PersonInput::default()
        };
        assert_eq!(
            input.parse("input", day(2026, 1, 1)).unwrap_err(),
            [
                Rejection::at(Code::Malformed, "input.nameZh"),
                Rejection::at(Code::Malformed, "input.nameLatin"),
                Rejection::at(Code::NotAllowed, "input.nationality"),
                Rejection::at(Code::InFuture, "input.birthDate"),
            ]
        );
        let input = PersonInput { birth_date: Some(day(1879, 12, 31)), name_zh: Some(" ".into()), ..PersonInput::default() };
        assert_eq!(
            input.parse_new("input", day(2026, 1, 1)).unwrap_err(),
            [Rejection::at(Code::Required, "input.nameZh"), Rejection::at(Code::TooEarly, "input.birthDate")]
        );
        let input = PersonInput { name_latin: Some("a".repeat(101)), ..PersonInput::default() };
        assert_eq!(input.parse_new("input", day(2026, 1, 1)).unwrap_err(), [Rejection::at(Code::TooLong, "input.nameLatin").number("max", 100)]);
        for name in ["<b>", "12", "a\u{0}b", "'"] {
            let input = PersonInput { name_latin: Some(name.into()), ..PersonInput::default() };
            assert_eq!(input.parse("input", day(2026, 1, 1)).unwrap_err(), [Rejection::at(Code::Malformed, "input.nameLatin")]);
        }
    }

    #[test]
    fn names_are_fixed_once_an_original_was_compared() {
        let mut person = nobody(1);
        person.name.zh = Some("陈大文".into());
        let new = NewPerson { name: PersonName { zh: Some("陈大武".into()), latin: Some("CHAN Tai Mo".into()) }, ..NewPerson::default() };
        let change = change_own(&person, &[], new.clone(), &[]).unwrap();
        assert_eq!(change.changed, ["nameZh", "nameLatin"]);
        assert_eq!(change.person.name.zh.as_deref(), Some("陈大武"));
        person.assurance = Assurance::L2;
        let fixed = ["input.nameZh", "input.nameLatin"].map(|field| Rejection::at(Code::DocumentVerified, field));
        assert_eq!(change_own(&person, &[], new.clone(), &[]).unwrap_err(), fixed);
        let same = NewPerson { name: person.name.clone(), ..new };
        assert_eq!(change_own(&person, &[], same, &[]).unwrap().changed, [""; 0]);
        assert_eq!(change_own(&person, &[], NewPerson::default(), &[]).unwrap().changed, [""; 0]);
    }

    #[test]
    fn birth_date_and_sex_are_proved_by_a_number_that_tells_them_and_by_no_other() {
        let mut person = nobody(1);
        (person.assurance, person.birth_date, person.sex, person.nationality) = (Assurance::L2, Some(day(1890, 1, 1)), Some(Sex::Male), Some("CHN".into()));
        let new = NewPerson { birth_date: Some(day(1891, 1, 1)), sex: Some(Sex::Female), nationality: Some("PRT".into()), ..NewPerson::default() };
        let by = |kind| change_own(&person, &[kind], new.clone(), &[]).map(|change| change.changed);
        assert_eq!(by(IdentityDocumentKind::Hkid).unwrap(), ["birthDate", "sex", "nationality"]);
        let proved = [Rejection::at(Code::DocumentVerified, "input.birthDate"), Rejection::at(Code::DocumentVerified, "input.sex")];
        assert_eq!(by(IdentityDocumentKind::ResidentIdCard).unwrap_err(), proved);
    }

    #[test]
    fn completing_fills_gaps_only() {
        let mut mine = nobody(1);
        mine.name.zh = Some("陈大文".into());
        let mut other = nobody(2);
        other.name = PersonName { zh: Some("陈文".into()), latin: Some("CHAN".into()) };
        other.sex = Some(Sex::Male);
        let change = complete(&mine, &other);
        assert_eq!(change.changed, ["nameLatin", "sex"]);
        assert_eq!(change.person.name, PersonName { zh: Some("陈大文".into()), latin: Some("CHAN".into()) });
        assert_eq!(change.person.id, mine.id);
        mine.assurance = Assurance::L2;
        assert_eq!(complete(&mine, &other).changed, ["sex"]);
    }

    #[test]
    fn age_is_counted_in_completed_years() {
        for (birth, on, age) in [
            (day(1890, 3, 7), day(1908, 3, 6), Some(17)),
            (day(1890, 3, 7), day(1908, 3, 7), Some(18)),
            (day(1892, 2, 29), day(1910, 2, 28), Some(17)),
            (day(1892, 2, 29), day(1910, 3, 1), Some(18)),
            (day(1892, 2, 29), day(1892, 2, 28), None),
        ] {
            assert_eq!(age_on(birth, on), age, "{birth} {on}");
        }
    }

    #[test]
    fn the_chinese_name_is_shown_first() {
        assert_eq!(PersonName { zh: None, latin: Some("CHAN".into()) }.display(), "CHAN");
        assert_eq!(PersonName { zh: Some("陈".into()), latin: Some("CHAN".into()) }.display(), "陈");
        assert_eq!(PersonName::default().display(), "");
    }
}
