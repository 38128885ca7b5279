//! Names of bodies and units as an administrator gives them.

use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::text::{Language, Origin, Text, Wording};

/// The most characters of a name in one language.
pub const NAME_MAX: usize = 200;

/// Reads the wordings of a name; `path` is the field that holds them, for example `input.name`.
///
/// A blank wording counts as none; Simplified Chinese must be there. Wordings are not official, since nothing shows that
/// they are those of a source.
///
/// Errors: `REQUIRED` and `TOO_LONG`, all at once.
pub fn parse_name(wordings: &[(Language, String)], path: &str) -> Result<Text, Vec<Rejection>> {
    let given: Vec<(Language, &str)> = wordings.iter().map(|(language, value)| (*language, value.trim())).filter(|(_, value)| !value.is_empty()).collect();
    let mut problems: Vec<Rejection> = given
        .iter()
        .filter(|(_, value)| value.chars().count() > NAME_MAX)
        .map(|(language, _)| Rejection::at(Code::TooLong, &format!("{path}.{}", field(*language))).number("max", i64::try_from(NAME_MAX).unwrap_or(i64::MAX)))
        .collect();
    let text = Text::new(given.into_iter().map(|(language, value)| (language, Wording { value: value.to_owned(), origin: Origin::Human })));
    match text {
        Ok(text) if problems.is_empty() => Ok(text),
        Ok(_) => Err(problems),
        Err(_) => {
            problems.insert(0, Rejection::at(Code::Required, &format!("{path}.{}", field(Language::ZhHans))));
            Err(problems)
        }
    }
}

const fn field(language: Language) -> &'static str {
    match language {
        Language::ZhHans => "zhHans",
        Language::ZhHant => "zhHant",
        Language::En => "en",
        Language::Pt => "pt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_simplified_chinese_and_fits() {
        let named = parse_name(&[(Language::ZhHans, " 广州市政务服务中心 ".into()), (Language::En, "  ".into())], "input.name").unwrap();
        assert_eq!(named, Text::simplified("广州市政务服务中心", Origin::Human));
        let problems = parse_name(&[(Language::ZhHans, " ".into()), (Language::Pt, "á".repeat(201))], "input.name").unwrap_err();
        assert_eq!(problems, [Rejection::at(Code::Required, "input.name.zhHans"), Rejection::at(Code::TooLong, "input.name.pt").number("max", 200)]);
        assert!(parse_name(&[(Language::ZhHans, "市".repeat(200))], "input.name").is_ok());
    }
}
