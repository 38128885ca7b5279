//! How numbers typed by people are brought into one form, and the check digits that several numbers share.

/// Brings a typed number into one form: full-width to half-width, upper case; spaces, brackets, hyphens, dots and
/// slashes are left out. What remains may still hold other characters: the caller checks the form.
pub fn fold(text: &str) -> String {
    text.chars().filter_map(half_width).flat_map(char::to_uppercase).filter(|c| !is_ornament(*c)).collect()
}

/// The half-width form of a character; `None` for the ideographic space.
fn half_width(c: char) -> Option<char> {
    match c {
        '\u{3000}' => None,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0),
        other => Some(other),
    }
}

/// Characters that people put between or around digits.
const fn is_ornament(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t'
            | '\u{a0}'
            | '\u{2009}'
            | '\u{200b}'
            | '('
            | ')'
            | '['
            | ']'
            | '【'
            | '】'
            | '〔'
            | '〕'
            | '-'
            | '‐'
            | '‑'
            | '‒'
            | '–'
            | '—'
            | '−'
            | '.'
            | '/'
    )
}

/// Check character of a number by ISO 7064 MOD 11-2 over its first 17 digits, as GB 11643-1999 uses it.
///
/// Source: GB 11643-1999. `None` where `digits` are not 17 decimal digits.
pub fn gb_11643_check(digits: &str) -> Option<char> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: [char; 11] = ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'];
    if digits.len() != WEIGHTS.len() {
        return None;
    }
    let sum = digits.chars().zip(WEIGHTS).try_fold(0, |sum, (c, w)| Some(sum + c.to_digit(10)? * w))?;
    CHECKS.get((sum % 11) as usize).copied()
}

/// Check digit of the machine-readable zone (ICAO 9303): weights 7 3 1, letters A=10 … Z=35, `<` = 0, modulo 10.
///
/// `None` where a character has no value.
pub fn icao_9303_check(text: &str) -> Option<char> {
    let sum = text.chars().zip([7, 3, 1].into_iter().cycle()).try_fold(0, |sum, (c, w)| {
        let value = match c {
            '<' => 0,
            '0'..='9' | 'A'..='Z' => c.to_digit(36)?,
            _ => return None,
        };
        Some(sum + value * w)
    })?;
    char::from_digit(sum % 10, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_numbers_fold_to_one_form() {
        for typed in ["A123456(3)", "a123456（3）", "Ａ１２３４５６（３）", " A 123456 (3) ", "A123456-3", "A123456[3]", "A123456　3"] {
            assert_eq!(fold(typed), "A1234563", "{typed}");
        }
        assert_eq!(fold("11010519491231002x"), "11010519491231002X");
        assert_eq!(fold("1/234567/8"), "12345678");
        assert_eq!(fold("张"), "张");
    }

    #[test]
    fn icao_samples_have_their_check_digits() {
        assert_eq!(icao_9303_check("L898902C3"), Some('6'));
        assert_eq!(icao_9303_check("740812"), Some('2'));
        assert_eq!(icao_9303_check("120415"), Some('9'));
        assert_eq!(icao_9303_check("D23145890<7349"), icao_9303_check("D2314589007349"));
        assert_eq!(icao_9303_check("l898902c3"), None);
        assert_eq!(icao_9303_check("张"), None);
    }

    #[test]
    fn the_check_of_gb_11643_asks_for_seventeen_digits() {
        assert_eq!(gb_11643_check("11010519491231002"), Some('X'));
        assert_eq!(gb_11643_check("44052418800101001"), Some('4'));
        assert_eq!(gb_11643_check("1101051949123100"), None);
        assert_eq!(gb_11643_check("1101051949123100A"), None);
    }
}
