//! Data texts in the reader's language.

use async_graphql::{Enum, InputObject, SimpleObject};

use crate::kernel::text::{Language, Origin, Text};

/// A language of the portal.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(name = "Language", remote = "crate::kernel::text::Language")]
pub enum ApiLanguage {
    /// Simplified Chinese (简体中文). Every data text has it.
    ZhHans,
    /// Traditional Chinese as written in Hong Kong (繁體中文).
    ZhHant,
    /// English.
    En,
    /// Portuguese as used in Macao.
    Pt,
}

/// A text of the data in the best language for the reader.
///
/// The language is that of `Accept-Language` or of the viewer's setting; where it is missing the next of the chain
/// Portuguese → English → Simplified, Traditional → Simplified, English → Simplified is taken, and `language` says so.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "Text")]
pub struct LocalizedText {
    /// The words.
    pub value: String,
    /// The language that the words are in.
    pub language: ApiLanguage,
    /// Where the words come from; only OFFICIAL may be shown as official.
    pub origin: Origin,
}

impl LocalizedText {
    /// The wording of `text` for a reader of `language`.
    pub fn of(text: &Text, language: Language) -> Self {
        let chosen = text.localized(language);
        Self { value: chosen.value.to_owned(), language: chosen.language.into(), origin: chosen.origin }
    }
}

/// Words for a data text in up to four languages. What is written here is shown as HUMAN, never as official.
#[derive(InputObject, Clone, Debug)]
pub struct TextInput {
    /// In Simplified Chinese (简体中文), which every text needs.
    pub zh_hans: String,
    /// In Traditional Chinese as written in Hong Kong (繁體中文).
    pub zh_hant: Option<String>,
    /// In English.
    pub en: Option<String>,
    /// In Portuguese as used in Macao.
    pub pt: Option<String>,
}

impl TextInput {
    /// The wordings that were given.
    pub fn wordings(self) -> Vec<(Language, String)> {
        let others = [(Language::ZhHant, self.zh_hant), (Language::En, self.en), (Language::Pt, self.pt)];
        let given = others.into_iter().filter_map(|(language, value)| Some((language, value?)));
        std::iter::once((Language::ZhHans, self.zh_hans)).chain(given).collect()
    }
}
