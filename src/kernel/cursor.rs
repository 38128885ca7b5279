//! Opaque cursors: version, name of the order, keys of the last row.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike as _, Utc};

/// Writes and reads cursors.
#[derive(Clone, Copy, Debug)]
pub struct Cursor;

const VERSION: &str = "1";
const SEPARATOR: char = '\u{1f}';

impl Cursor {
    /// The cursor of a row.
    pub fn write(order: &str, keys: &[String]) -> String {
        let mut text = format!("{VERSION}{SEPARATOR}{order}");
        for key in keys {
            text.push(SEPARATOR);
            text.push_str(key);
        }
        URL_SAFE_NO_PAD.encode(text)
    }

    /// The keys inside a cursor of this order, or `None` for any other text. No key that the portal wrote holds a control
    /// character.
    pub fn read(text: &str, order: &str, keys: usize) -> Option<Vec<String>> {
        if text.len() > 1024 {
            return None;
        }
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = text.split(SEPARATOR);
        if parts.next() != Some(VERSION) || parts.next() != Some(order) {
            return None;
        }
        let found: Vec<String> = parts.map(str::to_owned).collect();
        (found.len() == keys && !found.iter().any(|key| key.contains(char::is_control))).then_some(found)
    }

    /// The instant that a key holds in milliseconds, or `None` for one that the portal never wrote.
    pub fn instant(key: &str) -> Option<DateTime<Utc>> {
        key.parse().ok().and_then(DateTime::from_timestamp_millis).filter(|at| (1900..=9999).contains(&at.year()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_back_by_its_own_order_only(keys in proptest::collection::vec("\\PC{0,20}", 1..4)) {
            let text = Cursor::write("due", &keys);
            prop_assert_eq!(Cursor::read(&text, "due", keys.len()), Some(keys.clone()));
            prop_assert_eq!(Cursor::read(&text, "name", keys.len()), None);
            prop_assert_eq!(Cursor::read(&text, "due", keys.len() + 1), None);
        }

        #[test]
        fn a_control_character_is_in_no_cursor(key in "\\PC{0,9}[\u{0}-\u{1e}\u{7f}-\u{9f}]\\PC{0,9}") {
            prop_assert_eq!(Cursor::read(&Cursor::write("due", &[key]), "due", 1), None);
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in ".*") {
            let _ = Cursor::read(&text, "due", 2);
        }
    }

    #[test]
    fn an_instant_that_no_row_has_is_refused() {
        assert_eq!(Cursor::instant("1767574800000").map(|at| at.to_rfc3339()).as_deref(), Some("2026-01-05T01:00:00+00:00"));
        for key in ["9223372036854775807", "-9223372036854775808", "8210266876799999", "-8334601228800000", "253402300800000", "", "x", "1e3"] {
            assert_eq!(Cursor::instant(key), None, "{key}");
        }
    }
}
