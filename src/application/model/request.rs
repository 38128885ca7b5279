//! What is asked of an applicant again (补正): materials and answers, each with its reason.

use std::collections::HashSet;

use crate::catalogue::model::item::CompiledVersion;
use crate::coded_enum;
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::text::Text;

coded_enum! {
    /// Kind of something that is asked for.
    pub enum AskedKind {
        /// A material.
        Material => "MATERIAL",
        /// An answer of the form.
        Answer => "ANSWER",
    }
}

/// Most that one notice asks for.
pub const MAX_ASKED: usize = 50;
/// Longest reason of one thing that is asked for, in characters.
pub const MAX_ASKED_REASON: usize = 500;

/// Something that an officer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskFor {
    /// Kind.
    pub kind: AskedKind,
    /// Key of the material, or JSON pointer of the answer.
    pub key: String,
    /// Why, as the applicant reads it.
    pub reason: String,
}

/// Name of what is asked for under the pinned version; `None` where it has no such thing.
pub fn name_of<'a>(kind: AskedKind, key: &str, version: &'a CompiledVersion) -> Option<&'a Text> {
    match kind {
        AskedKind::Material => version.content.material(key).map(|material| &material.name),
        AskedKind::Answer => version.form.title(key),
    }
}

/// What is wrong with what an officer asks for; all at once, below `field`.
///
/// REQUIRED where nothing is asked for, TOO_MANY, and of each REASON_REQUIRED, TOO_LONG, NOT_FOUND where the item has no such
/// material or question, NOT_ALLOWED where it stands twice.
pub fn check(asked: &[AskFor], version: &CompiledVersion, field: &str) -> Vec<Rejection> {
    if asked.is_empty() {
        return vec![Rejection::at(Code::Required, field)];
    }
    if asked.len() > MAX_ASKED {
        return vec![Rejection::at(Code::TooMany, field)];
    }
    let mut seen = HashSet::new();
    let mut wrong = Vec::new();
    for (at, item) in asked.iter().enumerate() {
        let mut no = |code, name: &str| wrong.push(Rejection::at(code, &format!("{field}.{at}.{name}")));
        match item.reason.trim().chars().count() {
            0 => no(Code::ReasonRequired, "reason"),
            n if n > MAX_ASKED_REASON => no(Code::TooLong, "reason"),
            _ => {}
        }
        let name = if item.kind == AskedKind::Material { "what.materialKey" } else { "what.pointer" };
        if name_of(item.kind, &item.key, version).is_none() {
            no(Code::NotFound, name);
        } else if !seen.insert((item.kind, &item.key)) {
            no(Code::NotAllowed, name);
        }
    }
    wrong
}
