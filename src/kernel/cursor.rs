//! Opaque cursors: version, name of the order, keys of the last row.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

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

    /// The keys inside a cursor of this order, or `None` for any other text.
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
        (found.len() == keys).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_back_by_its_own_order_only(keys in proptest::collection::vec("[^\u{1f}]{0,20}", 1..4)) {
            let text = Cursor::write("due", &keys);
            prop_assert_eq!(Cursor::read(&text, "due", keys.len()), Some(keys.clone()));
            prop_assert_eq!(Cursor::read(&text, "name", keys.len()), None);
            prop_assert_eq!(Cursor::read(&text, "due", keys.len() + 1), None);
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in ".*") {
            let _ = Cursor::read(&text, "due", 2);
        }
    }
}
