//! Messages in four languages, by Fluent. Keys are the codes; the code is the contract, the message a courtesy.

use std::borrow::Cow;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::kernel::rejection::Arg;
use crate::kernel::text::Language;

const SOURCES: [(Language, &str); 4] = [
    (Language::ZhHans, include_str!("locales/zh-Hans.ftl")),
    (Language::ZhHant, include_str!("locales/zh-Hant.ftl")),
    (Language::En, include_str!("locales/en.ftl")),
    (Language::Pt, include_str!("locales/pt.ftl")),
];

static BUNDLES: LazyLock<Vec<(Language, FluentBundle<FluentResource>)>> = LazyLock::new(|| {
    SOURCES
        .iter()
        .map(|(language, source)| {
            let tag: LanguageIdentifier = language.code().parse().unwrap_or_default();
            let mut bundle = FluentBundle::new_concurrent(vec![tag]);
            bundle.set_use_isolating(false);
            // A broken file gives the parts that could be read; a test holds that there are no errors.
            let resource = FluentResource::try_new((*source).to_owned()).unwrap_or_else(|(resource, _)| resource);
            let _doubles = bundle.add_resource(resource);
            (*language, bundle)
        })
        .collect()
});

/// The message of a key for a reader, or the key itself where there is none (held by a test not to happen).
pub fn message(language: Language, key: &str, args: &[(&'static str, Arg)]) -> String {
    let mut fluent = FluentArgs::new();
    for (name, arg) in args {
        match arg {
            Arg::Number(number) => fluent.set(*name, FluentValue::from(*number)),
            Arg::Text(text) => fluent.set(*name, FluentValue::from(text.as_str())),
            Arg::Words(text) => fluent.set(*name, FluentValue::from(text.localized(language).value)),
        }
    }
    for wanted in language.fallbacks() {
        let found = BUNDLES.iter().find(|(l, _)| l == wanted).and_then(|(_, bundle)| {
            let pattern = bundle.get_message(key)?.value()?;
            Some(bundle.format_pattern(pattern, Some(&fluent), &mut Vec::new()).into_owned())
        });
        if let Some(text) = found {
            return text;
        }
    }
    Cow::Borrowed(key).into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use fluent_syntax::ast::{Entry, Expression, InlineExpression, PatternElement};

    use super::*;
    use crate::api::error::FAULT_CODES;
    use crate::api::reason::Reason;
    use crate::kernel::rejection::Code;

    fn variables(source: &str) -> BTreeMap<String, BTreeSet<String>> {
        fn walk(elements: &[PatternElement<&str>], found: &mut BTreeSet<String>) {
            for element in elements {
                if let PatternElement::Placeable { expression } = element {
                    let inline = |e: &InlineExpression<&str>, found: &mut BTreeSet<String>| {
                        if let InlineExpression::VariableReference { id } = e {
                            found.insert(id.name.to_owned());
                        }
                    };
                    match expression {
                        Expression::Inline(e) => inline(e, found),
                        Expression::Select { selector, variants } => {
                            inline(selector, found);
                            for variant in variants {
                                walk(&variant.value.elements, found);
                            }
                        }
                    }
                }
            }
        }
        let resource = fluent_syntax::parser::parse(source).expect("the file parses");
        resource
            .body
            .iter()
            .filter_map(|entry| match entry {
                Entry::Message(message) => {
                    let mut found = BTreeSet::new();
                    if let Some(value) = &message.value {
                        walk(&value.elements, &mut found);
                    }
                    Some((message.id.name.to_owned(), found))
                }
                _ => None,
            })
            .collect()
    }

    #[test]
    fn the_four_languages_have_the_same_messages_with_the_same_variables() {
        let reference = variables(SOURCES[0].1);
        for (language, source) in &SOURCES[1..] {
            assert_eq!(variables(source), reference, "{language}");
        }
    }

    #[test]
    fn a_no_about_a_form_tells_what_is_wanted_in_the_readers_words() {
        use crate::kernel::rejection::Rejection;
        use crate::kernel::text::{Origin, Text};

        let shown = |language, rejection: Rejection| message(language, rejection.code.code(), &rejection.args);
        let name = Text::simplified("劳动合同", Origin::Human).with(Language::ZhHant, "勞動合約", Origin::Human);
        let missing = Rejection::new(Code::MaterialMissing).words("material", &name);
        assert_eq!(shown(Language::ZhHant, missing.clone()), "缺少必交文件：勞動合約。");
        assert_eq!(shown(Language::En, missing), "A required document is missing: 劳动合同.");
        let form = |keyword: &str| shown(Language::En, Rejection::new(Code::FormInvalid).text("keyword", keyword));
        assert_eq!([form("required"), form("format")], ["This must be answered.", "This answer of the form does not fit."]);
        assert_eq!(shown(Language::En, Rejection::new(Code::MaterialUnusable)), "This document cannot be used.");
    }

    #[test]
    fn every_code_has_a_message() {
        let known = variables(SOURCES[0].1);
        let codes = Code::ALL.iter().map(|c| c.code()).chain(FAULT_CODES.iter().copied()).map(str::to_owned);
        let missing: Vec<String> = codes.chain(Reason::ALL.iter().map(|r| format!("REASON_{r}"))).filter(|c| !known.contains_key(c)).collect();
        assert_eq!(missing, Vec::<String>::new());
    }
}
