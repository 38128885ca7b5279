//! How much of a case somebody sees whom it concerns.

use serde_json::{Map, Value};

/// How much of a case its reader sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of it: the applicant, her agent, and staff of the unit.
    Whole,
    /// The row and the answers at these JSON pointers: an employer whose confirmation is due.
    Fields(Vec<String>),
    /// The row: number, item, state, dates. A beneficiary, and an employer who has confirmed.
    Row,
}

impl Sight {
    /// Whether materials and documents of the case are shown.
    pub const fn papers(&self) -> bool {
        matches!(self, Self::Whole)
    }

    /// What is shown of the answers, if anything is.
    pub fn answers(&self, answers: Value) -> Option<Value> {
        match self {
            Self::Whole => Some(answers),
            Self::Fields(pointers) => Some(narrow(&answers, pointers)),
            Self::Row => None,
        }
    }
}

/// The answers with only the fields at these pointers, in the objects that hold them.
fn narrow(answers: &Value, pointers: &[String]) -> Value {
    let mut shown = Map::new();
    for pointer in pointers {
        let Some(value) = answers.pointer(pointer) else { continue };
        // A pointer escapes `~` and `/` in names.
        let mut names = pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~")).peekable();
        let mut into = &mut shown;
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                into.insert(name, value.clone());
                break;
            }
            match into.entry(name).or_insert_with(|| Value::Object(Map::new())) {
                Value::Object(inner) => into = inner,
                _ => break,
            }
        }
    }
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_employer_sees_the_fields_named_and_nothing_else() {
        let answers = json!({ "employer": "body_1", "income": 5, "job": { "post": "engineer", "illness": "none" }, "a/b": true });
        let sight = Sight::Fields(["/employer", "/job/post", "/a~1b", "/missing"].map(str::to_owned).to_vec());
        assert_eq!(sight.answers(answers.clone()), Some(json!({ "employer": "body_1", "job": { "post": "engineer" }, "a/b": true })));
        assert_eq!(Sight::Row.answers(answers.clone()), None);
        assert_eq!(Sight::Whole.answers(answers.clone()), Some(answers));
        assert!(Sight::Whole.papers() && !sight.papers() && !Sight::Row.papers());
    }
}
