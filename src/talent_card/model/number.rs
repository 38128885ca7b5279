//! Card numbers: prefix of the product, grade, sequence of eight digits, check character.
//!
//! The check character is ISO 7064 MOD 37,36 over the whole number, letters and digits: it finds every single wrong
//! character and every transposition of neighbours but one pair. Which scheme official cards use was not found, so this
//! one is ours. Numbers are not secret: what protects a card is the token, or the document shown beside it.

/// Digits of the sequence.
const SEQUENCE_DIGITS: usize = 8;
/// The most that one product can number.
pub const MAX_SEQUENCE: i64 = 99_999_999;
/// The longest number that is read, before blanks are taken out.
const MAX_TYPED: usize = 40;

/// A card number whose check character fits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CardNumber(String);

/// Why a text is no card number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberProblem {
    /// It has not the form of one.
    Malformed,
    /// The check character does not fit.
    CheckDigitWrong,
}

impl CardNumber {
    /// The number of the card with this sequence, 1 to [`MAX_SEQUENCE`]; `None` for a sequence outside, or a prefix or
    /// grade with other than digits and capital letters.
    pub fn compose(prefix: &str, grade: &str, sequence: i64) -> Option<Self> {
        if !(1..=MAX_SEQUENCE).contains(&sequence) || !is_prefix(prefix) || !is_grade(grade) {
            return None;
        }
        let mut text = format!("{prefix}{grade}{sequence:0SEQUENCE_DIGITS$}");
        text.push(check_character(&text)?);
        Some(Self(text))
    }

    /// Reads a number as typed: blanks and hyphens are passed over, small letters and full-width characters are taken
    /// for what they mean.
    pub fn parse(typed: &str) -> Result<Self, NumberProblem> {
        if typed.len() > MAX_TYPED * 3 {
            return Err(NumberProblem::Malformed);
        }
        let text: String = typed.chars().map(half_width).filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect();
        let (payload, check) = text.char_indices().next_back().map(|(at, check)| (&text[..at], check)).ok_or(NumberProblem::Malformed)?;
        // Prefix of four to six characters and a grade of one.
        let head = payload.len().saturating_sub(SEQUENCE_DIGITS);
        if !text.is_ascii() || !(5..=7).contains(&head) || !payload[head..].bytes().all(|b| b.is_ascii_digit()) {
            return Err(NumberProblem::Malformed);
        }
        match check_character(payload) {
            None => Err(NumberProblem::Malformed),
            Some(right) if right == check => Ok(Self(text)),
            Some(_) => Err(NumberProblem::CheckDigitWrong),
        }
    }

    /// The number without blanks, as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number as stored.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Whether a text can stand at the head of numbers: four to six digits or capital letters.
pub fn is_prefix(text: &str) -> bool {
    (4..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

/// Whether a text can be a grade: one digit or capital letter.
pub fn is_grade(text: &str) -> bool {
    text.len() == 1 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

/// A full-width digit, letter or hyphen as its ordinary form.
fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    }
}

/// Check character by ISO 7064 MOD 37,36, or `None` where a character is neither digit nor capital letter.
fn check_character(payload: &str) -> Option<char> {
    let mut product = 36;
    for c in payload.chars() {
        if !(c.is_ascii_digit() || c.is_ascii_uppercase()) {
            return None;
        }
        let sum = (product + c.to_digit(36)?) % 36;
        product = (if sum == 0 { 36 } else { sum }) * 2 % 37;
    }
    char::from_digit((37 - product) % 36, 36).map(|c| c.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_check_character_is_that_of_the_standard() {
        // The sample of the Global Release Identifier, which uses ISO 7064 MOD 37,36.
        assert_eq!(check_character("A12425GABC1234002"), Some('M'));
    }

    #[test]
    fn a_number_is_read_back_however_it_is_typed() {
        let number = CardNumber::compose("4400", "A", 17).unwrap();
        let text = number.as_str();
        assert_eq!(text.len(), 14);
        assert!(text.starts_with("4400A00000017"), "{text}");
        let spaced = format!(" {}-{} {}", &text[..4], text[4..9].to_lowercase(), &text[9..]);
        assert_eq!(CardNumber::parse(&spaced), Ok(number.clone()));
        assert_eq!(CardNumber::parse(&text.replace("4400", "４４００")), Ok(number));
    }

    #[test]
    fn what_is_no_number_says_why() {
        let good = CardNumber::compose("4400", "A", 17).unwrap().into_string();
        let wrong = format!("{}{}", &good[..13], if good.ends_with('0') { '1' } else { '0' });
        assert_eq!(CardNumber::parse(&wrong), Err(NumberProblem::CheckDigitWrong));
        for text in ["", " ", "4400A", "4400A0000001", "人才优粤卡", "4400A0000001#Z", "4400A00000017人", &"4".repeat(400)] {
            assert_eq!(CardNumber::parse(text), Err(NumberProblem::Malformed), "{text}");
        }
        for (prefix, grade, sequence) in [("44", "A", 1), ("4400", "AB", 1), ("4400", "a", 1), ("4400", "A", 0), ("4400", "A", 100_000_000)] {
            assert_eq!(CardNumber::compose(prefix, grade, sequence), None);
        }
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_always_found(sequence in 1i64..=MAX_SEQUENCE, at in 5usize..13, by in 1u8..10) {
            let number = CardNumber::compose("4406", "T", sequence).unwrap().into_string();
            let mut bytes = number.into_bytes();
            bytes[at] = b'0' + (bytes[at] - b'0' + by) % 10;
            prop_assert_eq!(CardNumber::parse(&String::from_utf8(bytes).unwrap()), Err(NumberProblem::CheckDigitWrong));
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in ".{0,40}") {
            let _ = CardNumber::parse(&text);
        }
    }
}
