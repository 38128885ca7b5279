//! Contact points: e-mail addresses and mobile numbers, normalised and masked.

use crate::coded_enum;

coded_enum! {
    /// Kind of a contact point.
    pub enum ContactKind {
        /// An e-mail address.
        Email => "EMAIL",
        /// A mobile number of mainland China, Hong Kong or Macao.
        Mobile => "MOBILE",
    }
}

/// A contact point in its normal form: an e-mail address in lower case, or a mobile number as E.164.
///
/// Personal: never logged, `Debug` shows the kind only.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    kind: ContactKind,
    value: String,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contact({})", self.kind)
    }
}

impl Contact {
    /// Reads what somebody typed; `None` where it is neither.
    ///
    /// Full-width characters count as their ASCII ones. A mobile number may have spaces, hyphens and brackets;
    /// eleven digits without a country code are a mainland number, eight digits without one are refused, since
    /// Hong Kong and Macao numbers look alike.
    pub fn parse(text: &str) -> Option<Self> {
        let text = fold_width(text);
        let text = text.trim();
        if text.contains('@') { Self::email(text) } else { Self::mobile(text) }
    }

    fn email(text: &str) -> Option<Self> {
        let value = text.to_ascii_lowercase();
        let (local, domain) = value.rsplit_once('@')?;
        // RFC 5321 4.5.3.1: 64 for the local part, 254 for the path. Quoted and non-ASCII local parts are not taken.
        let local_fits = (1..=64).contains(&local.len())
            && local.split('.').all(|atom| !atom.is_empty())
            && local.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b));
        let label =
            |l: &str| (1..=63).contains(&l.len()) && !l.starts_with('-') && !l.ends_with('-') && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let last = domain.rsplit('.').next()?;
        let domain_fits = domain.contains('.') && domain.split('.').all(label) && last.len() >= 2 && !last.bytes().all(|b| b.is_ascii_digit());
        (value.len() <= 254 && local_fits && domain_fits).then_some(Self { kind: ContactKind::Email, value })
    }

    fn mobile(text: &str) -> Option<Self> {
        if text.len() > 32 {
            return None;
        }
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
        let (prefixed, digits) = match (digits.strip_prefix('+'), digits.strip_prefix("00")) {
            (Some(rest), _) | (None, Some(rest)) => (true, rest.to_owned()),
            (None, None) => (false, digits),
        };
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let international = if prefixed { digits } else { format!("86{digits}") };
        let fits = if let Some(number) = international.strip_prefix("852") {
            prefixed && number.len() == 8 && matches!(number.as_bytes()[0], b'4'..=b'9')
        } else if let Some(number) = international.strip_prefix("853") {
            prefixed && number.len() == 8 && number.starts_with('6')
        } else if let Some(number) = international.strip_prefix("86") {
            number.len() == 11 && number.starts_with('1') && matches!(number.as_bytes()[1], b'3'..=b'9')
        } else {
            false
        };
        fits.then(|| Self { kind: ContactKind::Mobile, value: format!("+{international}") })
    }

    /// From the normal form as it was sealed.
    pub fn stored(value: &str) -> Option<Self> {
        Self::parse(value).filter(|c| c.value == value)
    }

    /// Its kind.
    pub const fn kind(&self) -> ContactKind {
        self.kind
    }

    /// The normal form, in full: to be sealed, indexed or sent to.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What may be shown: `138****8000`, `+852 61****78`, `l***@example.com`.
    pub fn masked(&self) -> String {
        match self.kind {
            ContactKind::Email => match self.value.split_once('@') {
                Some((local, domain)) => format!("{}***@{domain}", &local[..1]),
                None => "***".to_owned(),
            },
            ContactKind::Mobile => match self.value.strip_prefix("+86") {
                Some(number) => format!("{}****{}", &number[..3], &number[7..]),
                None => format!("{} {}****{}", &self.value[..4], &self.value[4..6], &self.value[10..]),
            },
        }
    }
}

/// Full-width ASCII forms (U+FF01 to U+FF5E) and the ideographic space as their ASCII characters.
pub fn fold_width(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{3000}' => ' ',
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ways_to_write_one_contact_point_have_one_normal_form_and_mask() {
        for (typed, normal, masked) in [
            ("13800138000", "+8613800138000", "138****8000"),
            ("+86 138-0013-8000", "+8613800138000", "138****8000"),
            ("0086 13800138000", "+8613800138000", "138****8000"),
            ("１３８００１３８０００", "+8613800138000", "138****8000"),
            ("+852 6123 4578", "+85261234578", "+852 61****78"),
            ("(+853) 6123 4578", "+85361234578", "+853 61****78"),
            (" Li.Na@Example.COM ", "li.na@example.com", "l***@example.com"),
            ("ｌｉ＠example.com", "li@example.com", "l***@example.com"),
        ] {
            let contact = Contact::parse(typed).unwrap_or_else(|| panic!("{typed} is refused"));
            assert_eq!(contact.value(), normal);
            assert_eq!(contact.masked(), masked);
            assert_eq!(Contact::stored(normal), Some(contact));
        }
    }

    #[test]
    fn what_is_no_contact_point_is_refused() {
        for typed in [
            "",
            "61234578",
            "12800138000",
            "1380013800",
            "138001380000",
            "+852 3123 4578",
            "+853 5123 4578",
            "+1 202 555 0100",
            "1380013800a",
            "a@b",
            "@example.com",
            "a@",
            "a b@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a@-example.com",
            "a@example..com",
            "a@127.0.0.1",
            "\"a\"@example.com",
            "李@example.com",
            "a@例子.com",
            "a@example.com\r\nBcc: x@example.com",
        ] {
            assert_eq!(Contact::parse(typed), None, "{typed}");
        }
        assert_eq!(Contact::parse(&format!("{}@example.com", "a".repeat(65))), None);
        assert_eq!(Contact::parse(&format!("a@{}.com", "b".repeat(64))), None);
    }

    #[test]
    fn a_contact_point_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", Contact::parse("13800138000")), "Some(Contact(MOBILE))");
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic_and_masks_hide_the_middle(text in ".{0,40}") {
            if let Some(contact) = Contact::parse(&text) {
                prop_assert!(!contact.masked().contains(contact.value()));
            }
        }

        #[test]
        fn every_mainland_number_is_normal_after_one_pass(number in "1[3-9][0-9]{9}") {
            let contact = Contact::parse(&number).unwrap();
            prop_assert_eq!(contact.value(), format!("+86{number}"));
        }
    }
}
