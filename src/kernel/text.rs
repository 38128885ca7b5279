//! Texts in four languages, with their origin.

use std::collections::BTreeMap;

use crate::coded_enum;

coded_enum! {
    /// A language of the portal.
    pub enum Language {
        /// Simplified Chinese, always present in data texts.
        ZhHans => "zh-Hans",
        /// Traditional Chinese as written in Hong Kong.
        ZhHant => "zh-Hant",
        /// English.
        En => "en",
        /// Portuguese as used in Macao.
        Pt => "pt",
    }
}

coded_enum! {
    /// Where the wording of a text comes from.
    pub enum Origin {
        /// Wording of the official source.
        Official => "OFFICIAL",
        /// Written or translated by a person; not official.
        Human => "HUMAN",
        /// Translated by a machine; not official.
        Machine => "MACHINE",
    }
}

impl Language {
    /// The languages to try in turn, this one first.
    pub const fn fallbacks(self) -> &'static [Self] {
        match self {
            Self::ZhHans => &[Self::ZhHans],
            Self::ZhHant => &[Self::ZhHant, Self::ZhHans],
            Self::En => &[Self::En, Self::ZhHans],
            Self::Pt => &[Self::Pt, Self::En, Self::ZhHans],
        }
    }

    /// The best language of an `Accept-Language` header; `None` where it names none of ours, as `*` does.
    ///
    /// `zh-HK`, `zh-MO`, `zh-TW` and every `zh-Hant-…` mean Traditional; other `zh` Simplified.
    /// A broken weight counts as nothing, never as an error.
    pub fn negotiate(header: &str) -> Option<Self> {
        let mut best: Option<(Self, u16)> = None;
        for part in header.split(',').take(32) {
            let mut pieces = part.split(';');
            let Some(language) = pieces.next().and_then(Self::of_tag) else { continue };
            let weight = match pieces.map(str::trim).find_map(|p| p.strip_prefix("q=")) {
                None => 1000,
                Some(q) => q.parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q)).map_or(0, thousandths),
            };
            if weight > 0 && best.is_none_or(|(_, w)| weight > w) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }

    /// The portal's language for one language tag.
    fn of_tag(tag: &str) -> Option<Self> {
        let tag = tag.trim().to_ascii_lowercase();
        let mut subtags = tag.split(['-', '_']);
        match subtags.next()? {
            "zh" | "yue" => {
                let rest: Vec<&str> = subtags.collect();
                let traditional = rest.iter().any(|s| matches!(*s, "hant" | "hk" | "mo" | "tw")) && !rest.contains(&"hans");
                Some(if traditional || tag == "yue" { Self::ZhHant } else { Self::ZhHans })
            }
            "en" => Some(Self::En),
            "pt" => Some(Self::Pt),
            _ => None,
        }
    }
}

/// A weight between 0 and 1 in thousandths.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is between 0 and 1000")]
fn thousandths(weight: f32) -> u16 {
    (weight * 1000.0).round() as u16
}

/// A text of the data, as stored: one wording per language. Simplified Chinese is always there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Text(BTreeMap<Language, Wording>);

/// A wording in one language.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// The words.
    #[serde(rename = "t")]
    pub value: String,
    /// Where they come from.
    #[serde(rename = "o")]
    pub origin: Origin,
}

/// A wording chosen for a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Localized<'a> {
    /// The words.
    pub value: &'a str,
    /// The language that they are in, which may be a fallback of the one asked for.
    pub language: Language,
    /// Where they come from.
    pub origin: Origin,
}

/// A text without Simplified Chinese.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimplifiedMissing;

impl std::fmt::Display for SimplifiedMissing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text needs a wording in Simplified Chinese")
    }
}

impl std::error::Error for SimplifiedMissing {}

impl Text {
    /// A text with its wordings.
    pub fn new(wordings: impl IntoIterator<Item = (Language, Wording)>) -> Result<Self, SimplifiedMissing> {
        let wordings: BTreeMap<_, _> = wordings.into_iter().collect();
        if wordings.get(&Language::ZhHans).is_none_or(|w| w.value.trim().is_empty()) {
            return Err(SimplifiedMissing);
        }
        Ok(Self(wordings))
    }

    /// A text in Simplified Chinese only.
    pub fn simplified(value: impl Into<String>, origin: Origin) -> Self {
        Self(BTreeMap::from([(Language::ZhHans, Wording { value: value.into(), origin })]))
    }

    /// A text of the portal's own in all four languages, written by people.
    pub fn own([simplified, traditional, english, portuguese]: [&str; 4]) -> Self {
        let text = Self::simplified(simplified, Origin::Human).with(Language::ZhHant, traditional, Origin::Human);
        text.with(Language::En, english, Origin::Human).with(Language::Pt, portuguese, Origin::Human)
    }

    /// Adds or replaces a wording.
    #[must_use]
    pub fn with(mut self, language: Language, value: impl Into<String>, origin: Origin) -> Self {
        self.0.insert(language, Wording { value: value.into(), origin });
        self
    }

    /// The same words where their source does not speak of what they stand for: none of them is official then.
    #[must_use]
    pub fn unofficial(mut self) -> Self {
        for wording in self.0.values_mut().filter(|wording| wording.origin == Origin::Official) {
            wording.origin = Origin::Human;
        }
        self
    }

    /// The wording for a reader of `language`, by the fallback chain of [`Language::fallbacks`].
    pub fn localized(&self, language: Language) -> Localized<'_> {
        language.fallbacks().iter().find_map(|l| self.0.get(l).map(|w| Localized { value: &w.value, language: *l, origin: w.origin })).unwrap_or(Localized {
            value: "",
            language: Language::ZhHans,
            origin: Origin::Machine,
        })
    }

    /// Every wording.
    pub fn wordings(&self) -> impl Iterator<Item = (Language, &Wording)> {
        self.0.iter().map(|(l, w)| (*l, w))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_her_language_or_the_next_of_its_chain() {
        let text = Text::simplified("人才优粤卡", Origin::Official).with(Language::En, "Talent Youyue Card", Origin::Human);
        assert_eq!(text.localized(Language::ZhHant).value, "人才优粤卡");
        assert_eq!(text.localized(Language::Pt).language, Language::En);
        assert_eq!(text.localized(Language::En).origin, Origin::Human);
        assert_eq!(Text::new([]), Err(SimplifiedMissing));
    }

    #[test]
    fn accept_language_is_read_with_weights_and_regions() {
        for (header, language) in [
            ("zh-HK,zh;q=0.9", Language::ZhHant),
            ("zh-MO", Language::ZhHant),
            ("zh-Hans-HK", Language::ZhHans),
            ("zh-CN", Language::ZhHans),
            ("fr, pt-MO;q=0.8, en;q=0.9", Language::En),
            ("pt;q=1, en;q=0.5", Language::Pt),
            ("en;q=zero, pt;q=0.1", Language::Pt),
        ] {
            assert_eq!(Language::negotiate(header), Some(language), "{header}");
        }
        for header in ["", "*", "fr, *;q=0.5", "en;q=0"] {
            assert_eq!(Language::negotiate(header), None, "{header}");
        }
    }
}
