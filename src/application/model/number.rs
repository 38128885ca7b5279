//! Case numbers (办件编号).

/// Case number (办件编号): region 6 ‖ item 5 ‖ date 8 ‖ sequence 6 ‖ check character. A proposal; the official
/// layout of 办件编码 was not found.
pub fn case_number(region: &str, item_code: &str, date: chrono::NaiveDate, sequence: i64) -> String {
    let tail: Vec<char> = item_code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let tail: String = tail.iter().skip(tail.len().saturating_sub(5)).collect();
    let body = format!("{region:0>6}{tail:0>5}{}{sequence:06}", date.format("%Y%m%d"));
    let check = check_character(&body);
    format!("{body}{check}")
}

/// Whether the check character of a case number fits.
pub fn is_case_number(text: &str) -> bool {
    let Some((last, body)) = text.char_indices().next_back().map(|(at, last)| (last, &text[..at])) else { return false };
    body.len() >= 25 && body.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) && check_character(body) == last
}

/// Check character after ISO/IEC 7064, MOD 37,36: finds every single wrong character and every swap of neighbours.
fn check_character(body: &str) -> char {
    let mut product = 36u32;
    for c in body.chars() {
        let value = c.to_digit(36).unwrap_or(0);
        let sum = (product + value) % 36;
        product = (if sum == 0 { 36 } else { sum }) * 2 % 37;
    }
    char::from_digit((37 - product) % 36, 36).unwrap_or('0').to_ascii_uppercase()
}

/// The prefix under which case numbers are counted.
pub fn number_prefix(region: &str, item_code: &str, date: chrono::NaiveDate) -> String {
    let number = case_number(region, item_code, date, 0);
    number[..number.len() - 7].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    #[test]
    fn a_case_number_finds_single_errors_and_swaps() {
        let number = case_number("440100", "GD-TALENT-CARD", NaiveDate::from_ymd_opt(2026, 1, 5).unwrap(), 42);
        assert_eq!(&number[..25], "440100TCARD20260105000042");
        assert!(is_case_number(&number));
        for at in 0..number.len() {
            let mut bytes = number.clone().into_bytes();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(changed == number || !is_case_number(&changed), "{changed}");
        }
        let mut swaps = 0;
        for at in 1..number.len() {
            let mut bytes = number.clone().into_bytes();
            bytes.swap(at - 1, at);
            let changed = String::from_utf8(bytes).unwrap();
            if changed != number {
                assert!(!is_case_number(&changed), "{changed}");
                swaps += 1;
            }
        }
        assert!(swaps > 12, "{swaps} neighbours differ");
        assert!(!is_case_number(""));
        assert!(!is_case_number("é"));
    }
}
