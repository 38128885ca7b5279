//! The unified social credit code (统一社会信用代码) of a body, GB 32100-2015.
//!
//! 18 characters: registering department, category, six digits of region, nine characters of organisation code
//! (GB 11714), check character. Some early pilot codes are legal and fail the check, so a wrong check is a warning.

use super::identifier::fold;
use crate::coded_enum;

/// The characters of a code: no I, O, S, V, Z.
const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

/// A code of the right form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uscc(String);

coded_enum! {
    /// What is unusual about a code of the right form; it may be legal all the same.
    pub enum UsccWarning {
        /// The eighteenth character is not the check of the first seventeen.
        CheckWrong => "CHECK_WRONG",
        /// The ninth character of the organisation code inside is not its check.
        OrganisationCheckWrong => "ORGANISATION_CHECK_WRONG",
    }
}

impl Uscc {
    /// Reads a code as typed; `None` where it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let code = fold(text);
        let form = code.len() == 18 && code.chars().all(|c| ALPHABET.contains(c)) && code.get(2..8).is_some_and(|r| r.bytes().all(|b| b.is_ascii_digit()));
        form.then_some(Self(code))
    }

    /// The code, 18 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region (GB/T 2260) at which the body was registered.
    pub fn region(&self) -> &str {
        self.0.get(2..8).unwrap_or_default()
    }

    /// What the check characters say; empty where they fit.
    pub fn warnings(&self) -> Vec<UsccWarning> {
        let mut warnings = Vec::new();
        if check_character(&self.0) != self.0.chars().nth(17) {
            warnings.push(UsccWarning::CheckWrong);
        }
        if self.0.get(8..16).and_then(organisation_check) != self.0.chars().nth(16) {
            warnings.push(UsccWarning::OrganisationCheckWrong);
        }
        warnings
    }
}

/// The check character over the first seventeen. Source: GB 32100-2015.
fn check_character(code: &str) -> Option<char> {
    let sum = code.chars().zip(WEIGHTS).try_fold(0, |sum, (c, w)| Some(sum + ALPHABET.find(c)? * w))?;
    ALPHABET.chars().nth((31 - sum % 31) % 31)
}

/// The check character of the first eight of an organisation code. Source: GB 11714.
fn organisation_check(code: &str) -> Option<char> {
    let sum = code.chars().zip(ORGANISATION_WEIGHTS).try_fold(0, |sum, (c, w)| Some(sum + c.to_digit(36)? * w))?;
    match 11 - sum % 11 {
        10 => Some('X'),
        11 => Some('0'),
        digit => char::from_digit(digit, 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_with_the_right_check_give_no_warning() {
        for code in [
            "91440101MA0000007B",
            "91440300000000019B",
            "91440400MA4X00004N",
            "12440000900000006W",
            "51440000500000007H",
            "52440300MJ000000XW",
            "1144030059071685XK",
        ] {
            assert_eq!(Uscc::parse(code).unwrap().warnings(), [], "{code}");
        }
        assert_eq!(Uscc::parse("９１４４０１０１-ma0000007b").unwrap().as_str(), "91440101MA0000007B");
        assert_eq!(Uscc::parse("91440101MA0000007B").unwrap().region(), "440101");
    }

    #[test]
    fn a_wrong_check_warns_and_a_wrong_form_is_no_code() {
        assert_eq!(Uscc::parse("91440101MA0000007C").unwrap().warnings(), [UsccWarning::CheckWrong]);
        assert_eq!(Uscc::parse("91440101MA0000008B").unwrap().warnings(), [UsccWarning::CheckWrong, UsccWarning::OrganisationCheckWrong]);
        for text in ["", "91440101MA0000007", "91440101MA0000007BB", "91440101MAO000007B", "9144A101MA0000007B", "9144010１张A00000７B"] {
            assert_eq!(Uscc::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_single_changed_character_is_found(at in 0usize..18, other in 0usize..31) {
            let code = "91440101MA0000007B";
            let changed: String = code.chars().enumerate().map(|(i, c)| if i == at { ALPHABET.chars().nth(other).unwrap() } else { c }).collect();
            prop_assume!(changed != code);
            prop_assert!(Uscc::parse(&changed).is_none_or(|c| c.warnings().contains(&UsccWarning::CheckWrong)));
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".{0,24}") {
            let _ = Uscc::parse(&text).map(|c| c.warnings());
        }
    }
}
