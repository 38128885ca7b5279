//! Words of notices, by Fluent: for each cause a title and a text, in the reader's language.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use serde::{Deserialize, Serialize};
use unic_langid::LanguageIdentifier;

use crate::kernel::text::{Language, Text};
use crate::notice::model::cause::Cause;

const SOURCES: [(Language, &str); 4] = [
    (Language::ZhHans, include_str!("../words/zh-Hans.ftl")),
    (Language::ZhHant, include_str!("../words/zh-Hant.ftl")),
    (Language::En, include_str!("../words/en.ftl")),
    (Language::Pt, include_str!("../words/pt.ftl")),
];

static BUNDLES: LazyLock<Vec<(Language, FluentBundle<FluentResource>)>> = LazyLock::new(|| {
    SOURCES
        .iter()
        .map(|(language, source)| {
            let tag: LanguageIdentifier = language.code().parse().unwrap_or_default();
            let mut bundle = FluentBundle::new_concurrent(vec![tag]);
            bundle.set_use_isolating(false);
            // A broken file gives the parts that could be read; a test holds that nothing is missing.
            let resource = FluentResource::try_new((*source).to_owned()).unwrap_or_else(|(resource, _)| resource);
            let _doubles = bundle.add_resource(resource);
            (*language, bundle)
        })
        .collect()
});

/// What the words name: public names of the catalogue and the number of a case, nothing personal. Stored with the notice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Name of the service item or of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Text>,
    /// Number of the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// A notice in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Title.
    pub title: String,
    /// Text.
    pub text: String,
}

/// The words of a cause for a reader; `None` where some are missing, which a test excludes.
pub fn words(cause: Cause, about: &About, language: Language) -> Option<Words> {
    let mut args = FluentArgs::new();
    if let Some(item) = &about.item {
        args.set("item", FluentValue::from(item.localized(language).value));
    }
    if let Some(number) = &about.number {
        args.set("number", FluentValue::from(number.as_str()));
    }
    Some(Words { title: format(language, cause.code(), Some("title"), &args)?, text: format(language, cause.code(), None, &args)? })
}

/// The last line of a message outside the portal: where to read on.
pub fn read_on(language: Language, link: Option<&str>) -> Option<String> {
    let mut args = FluentArgs::new();
    let key = match link {
        Some(link) => {
            args.set("link", FluentValue::from(link));
            "READ-AT"
        }
        None => "READ-ON",
    };
    format(language, key, None, &args)
}

fn format(language: Language, key: &str, attribute: Option<&str>, args: &FluentArgs<'_>) -> Option<String> {
    let (_, bundle) = BUNDLES.iter().find(|(known, _)| *known == language)?;
    let message = bundle.get_message(key)?;
    let pattern = match attribute {
        Some(name) => message.get_attribute(name)?.value(),
        None => message.value()?,
    };
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
    errors.is_empty().then_some(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::notice::model::cause::Group;

    #[test]
    fn every_cause_has_words_of_its_own_in_every_language_and_names_its_case_or_card() {
        let item = Text::own(["某事项", "某事項", "Some item", "Um serviço"]);
        let about = About { item: Some(item.clone()), number: Some("2026-7".into()) };
        let mut seen = BTreeSet::new();
        for &cause in Cause::ALL {
            for &language in Language::ALL {
                let words = words(cause, &about, language).unwrap_or_else(|| panic!("{cause} {language}"));
                let name = item.localized(language).value;
                let (case, named) = match cause.group() {
                    Group::Case | Group::Work => (true, true),
                    Group::Card => (false, true),
                    Group::Account => (false, false),
                };
                assert_eq!(words.text.contains("2026-7"), case, "{cause} {language}: {}", words.text);
                assert_eq!(words.text.contains(name), named, "{cause} {language}: {}", words.text);
                assert!(!words.title.is_empty() && !words.title.contains('\n'), "{cause} {language}");
                assert!(seen.insert(words.text.clone()), "{cause} {language} says what another says: {}", words.text);
            }
        }
        // Words that lack what they name are no words.
        assert_eq!(words(Cause::Submitted, &About::default(), Language::En), None);
    }

    #[test]
    fn a_message_outside_ends_with_where_to_read_on() {
        for &language in Language::ALL {
            let (link, none) = (read_on(language, Some("https://portal.example/notices")).unwrap(), read_on(language, None).unwrap());
            assert!(link.ends_with("https://portal.example/notices") && !none.contains("http"), "{link} {none}");
        }
        assert_eq!(SOURCES.map(|(language, _)| language), Language::ALL);
    }
}
