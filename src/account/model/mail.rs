//! Words of the messages that the portal sends, by language.

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};

use crate::account::model::contact::Contact;
use crate::kernel::text::Language;

/// Which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// A code for a new account.
    SignUpCode,
    /// Somebody wanted to sign up with a contact point that has an account.
    SignUpKnown,
    /// A code for a new password.
    RecoveryCode,
    /// Somebody wanted to recover an account that does not exist.
    RecoveryUnknown,
    /// A code for a further contact point.
    ContactCode,
    /// An invitation to a role.
    Invitation,
    /// An officer's verification made another record part of the account holder's own.
    Merged,
}

/// Every message, for the test that all languages have all.
pub const TEMPLATES: [Template; 7] = [
    Template::SignUpCode,
    Template::SignUpKnown,
    Template::RecoveryCode,
    Template::RecoveryUnknown,
    Template::ContactCode,
    Template::Invitation,
    Template::Merged,
];

impl Template {
    const fn key(self) -> &'static str {
        match self {
            Self::SignUpCode => "sign-up-code",
            Self::SignUpKnown => "sign-up-known",
            Self::RecoveryCode => "recovery-code",
            Self::RecoveryUnknown => "recovery-unknown",
            Self::ContactCode => "contact-code",
            Self::Invitation => "invitation",
            Self::Merged => "merged",
        }
    }
}

/// A message that is ready to be sent. Personal: never logged.
#[derive(Clone)]
pub struct Letter {
    /// To whom.
    pub to: Contact,
    /// In which language.
    pub language: Language,
    /// Subject.
    pub subject: String,
    /// Text.
    pub text: String,
    /// The code or token in it, for the file sink of a portal without a mail server.
    pub secret: Option<String>,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Letter({:?})", self.to)
    }
}

/// Writes a message. `secret` is the code or token, `link` the address of the front end where one is set.
/// `None` where a wording is missing, which a test excludes.
pub fn write(template: Template, language: Language, to: Contact, secret: Option<String>, link: Option<&str>) -> Option<Letter> {
    let (tag, source) = match language {
        Language::ZhHans => ("zh-Hans", include_str!("../mail/zh-Hans.ftl")),
        Language::ZhHant => ("zh-Hant", include_str!("../mail/zh-Hant.ftl")),
        Language::En => ("en", include_str!("../mail/en.ftl")),
        Language::Pt => ("pt", include_str!("../mail/pt.ftl")),
    };
    let resource = FluentResource::try_new(source.to_owned()).ok()?;
    let mut bundle = FluentBundle::new(vec![tag.parse().ok()?]);
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).ok()?;
    let mut args = FluentArgs::new();
    args.set("secret", FluentValue::from(secret.clone().unwrap_or_default()));
    args.set("minutes", FluentValue::from(10));
    args.set("days", FluentValue::from(7));
    args.set("link", FluentValue::from(link.unwrap_or_default().to_owned()));
    let message = bundle.get_message(template.key())?;
    let mut errors = Vec::new();
    let subject = bundle.format_pattern(message.get_attribute("subject")?.value(), Some(&args), &mut errors).into_owned();
    let text = bundle.format_pattern(message.value()?, Some(&args), &mut errors).into_owned();
    errors.is_empty().then_some(Letter { to, language, subject, text, secret })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_there_in_every_language_and_holds_its_secret() {
        for template in TEMPLATES {
            for &language in Language::ALL {
                let to = Contact::parse("li@example.com").unwrap();
                let letter = write(template, language, to, Some("123456".into()), None).unwrap_or_else(|| panic!("{template:?} {language}"));
                let secret = matches!(template, Template::SignUpCode | Template::RecoveryCode | Template::ContactCode | Template::Invitation);
                assert_eq!(letter.text.contains("123456"), secret, "{template:?} {language}");
                assert!(!letter.subject.is_empty() && !letter.subject.contains("123456"));
            }
        }
    }
}
