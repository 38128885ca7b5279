//! Why a request was not run: the finer code beside `BAD_REQUEST` and its like, and the library's errors told in ours.
//!
//! The library's messages hold what the client sent. None of them reaches her: from each we take the reason and those of its
//! names that stand in the schema.

use std::collections::HashSet;
use std::sync::LazyLock;

use async_graphql::parser::types::{InputValueDefinition, ServiceDocument, TypeKind, TypeSystemDefinition};
use async_graphql::parser::{Error as ParseError, parse_schema};
use async_graphql::{ErrorExtensionValues, Positioned, ServerError};

use crate::api::error::LANGUAGE;
use crate::api::messages::message;
use crate::api::schema;
use crate::coded_enum;
use crate::kernel::rejection::Arg;
use crate::kernel::text::Language;

coded_enum! {
    /// The finer code of a request that was not run, in `extensions.reason`. `docs/errors.md` lists them.
    pub enum Reason {
        /// The document cannot be parsed; `locations` says where.
        Syntax => "SYNTAX",
        /// The document holds no operation.
        OperationMissing => "OPERATION_MISSING",
        /// Two operations, fragments, variables, arguments or directives have one name, or an unnamed operation stands beside others.
        NameRepeated => "NAME_REPEATED",
        /// The type has no such field.
        UnknownField => "UNKNOWN_FIELD",
        /// The field or directive takes no such argument.
        UnknownArgument => "UNKNOWN_ARGUMENT",
        /// The input type has no such field.
        UnknownInputField => "UNKNOWN_INPUT_FIELD",
        /// The schema has no such type.
        UnknownType => "UNKNOWN_TYPE",
        /// The document has no such fragment.
        UnknownFragment => "UNKNOWN_FRAGMENT",
        /// The schema has no such directive.
        UnknownDirective => "UNKNOWN_DIRECTIVE",
        /// The directive may not stand here.
        DirectiveMisplaced => "DIRECTIVE_MISPLACED",
        /// An argument or a field of an input that must be given is missing.
        ArgumentRequired => "ARGUMENT_REQUIRED",
        /// A value, in the document or in a variable, is not one of the type that is asked for.
        WrongType => "WRONG_TYPE",
        /// Of an object fields must be chosen.
        SelectionRequired => "SELECTION_REQUIRED",
        /// A value without fields has a selection.
        SelectionForbidden => "SELECTION_FORBIDDEN",
        /// Two fields of one name in the answer differ.
        FieldsConflict => "FIELDS_CONFLICT",
        /// A fragment spreads itself.
        FragmentCycle => "FRAGMENT_CYCLE",
        /// A fragment can never hold here.
        FragmentMisplaced => "FRAGMENT_MISPLACED",
        /// A fragment is used nowhere.
        FragmentUnused => "FRAGMENT_UNUSED",
        /// A variable is used that the operation does not declare.
        VariableUndefined => "VARIABLE_UNDEFINED",
        /// A variable is declared and not used.
        VariableUnused => "VARIABLE_UNUSED",
        /// A variable has a type that does not fit where it is used, or that no variable can have.
        VariableMisplaced => "VARIABLE_MISPLACED",
        /// The document is not valid in another way.
        DocumentInvalid => "DOCUMENT_INVALID",
        /// No stored operation has this `documentId`.
        DocumentUnknown => "DOCUMENT_UNKNOWN",
        /// The document is longer than 32 KiB.
        DocumentTooLong => "DOCUMENT_TOO_LONG",
        /// The document, or its answer, is nested too deeply.
        TooDeep => "TOO_DEEP",
        /// The document has too many fields, fragments counted where they are spread.
        TooManyFields => "TOO_MANY_FIELDS",
        /// The document has too many aliases.
        TooManyAliases => "TOO_MANY_ALIASES",
        /// The document has too many directives.
        TooManyDirectives => "TOO_MANY_DIRECTIVES",
        /// The request would cost more than 6,000 points; ask for shorter lists or fewer fields.
        TooComplex => "TOO_COMPLEX",
        /// The schema is asked for twice, or for too much of it at once.
        SchemaTooMuch => "SCHEMA_TOO_MUCH",
        /// The answer is longer than 8 MiB.
        AnswerTooLong => "ANSWER_TOO_LONG",
        /// The body, or the query string, is not a GraphQL request in JSON.
        RequestMalformed => "REQUEST_MALFORMED",
        /// There is neither `query` nor `documentId`.
        QueryMissing => "QUERY_MISSING",
        /// There are both `query` and `documentId`.
        QueryAmbiguous => "QUERY_AMBIGUOUS",
        /// `variables` is not a JSON object.
        VariablesMalformed => "VARIABLES_MALFORMED",
        /// A variable that the operation requires is not given.
        VariableRequired => "VARIABLE_REQUIRED",
        /// A text holds a control character.
        ControlCharacter => "CONTROL_CHARACTER",
        /// The document has no operation of this name.
        OperationUnknown => "OPERATION_UNKNOWN",
        /// The document has several operations and `operationName` chooses none.
        OperationNameRequired => "OPERATION_NAME_REQUIRED",
        /// Subscriptions are served at `/graphql/ws`.
        SubscriptionElsewhere => "SUBSCRIPTION_ELSEWHERE",
        /// An argument has the right type and makes no sense, for example an id of another kind; `field` says which.
        ArgumentInvalid => "ARGUMENT_INVALID",
        /// Nothing is served at this path.
        RouteUnknown => "ROUTE_UNKNOWN",
        /// This method is not served here; by GET only queries are.
        MethodNotAllowed => "METHOD_NOT_ALLOWED",
        /// None of the media types of `Accept` can be given.
        NotAcceptable => "NOT_ACCEPTABLE",
        /// The body must be `application/json` in UTF-8.
        MediaTypeNotSupported => "MEDIA_TYPE_NOT_SUPPORTED",
        /// The body is larger than allowed.
        BodyTooLarge => "BODY_TOO_LARGE",
        /// The body did not come, or the answer was not ready, in time.
        Timeout => "TIMEOUT",
        /// The page that opens a socket is of another origin.
        OriginForeign => "ORIGIN_FOREIGN",
        /// Too many sockets of this address are open.
        TooManySockets => "TOO_MANY_SOCKETS",
        /// Too many requests came from this network, or of this session.
        TooManyRequests => "TOO_MANY_REQUESTS",
    }
}

impl Reason {
    /// The top-level code that it stands beside.
    pub const fn class(self) -> &'static str {
        match self {
            Self::RouteUnknown => "NOT_FOUND",
            Self::Timeout => "UNAVAILABLE",
            Self::OriginForeign => "FORBIDDEN",
            Self::TooManySockets | Self::TooManyRequests => "RATE_LIMITED",
            _ => "BAD_REQUEST",
        }
    }

    /// Whether a well-formed request is refused for its document, for which operation it chooses in it, or for a variable
    /// that is missing. An older client reads of that after status 200.
    pub fn is_about_document(self) -> bool {
        (Self::Syntax..=Self::AnswerTooLong).contains(&self) || matches!(self, Self::VariableRequired | Self::OperationUnknown | Self::OperationNameRequired)
    }

    /// Its message for a reader.
    pub fn message(self, language: Language, args: &[(&'static str, Arg)]) -> String {
        message(language, &format!("REASON_{}", self.code()), args)
    }
}

/// The language of the running request.
fn language() -> Language {
    LANGUAGE.try_with(|language| *language).unwrap_or(Language::ZhHans)
}

/// An error with a top-level code.
pub fn coded_error(code: &'static str, message: String) -> ServerError {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code);
    error
}

/// The error of a request that is not run, in the language of the running request.
pub fn request_error(reason: Reason) -> ServerError {
    named_error(reason, &[])
}

/// As [`request_error`], with names of the schema.
fn named_error(reason: Reason, names: &[(&'static str, String)]) -> ServerError {
    let named = |key| names.iter().find(|(k, _)| *k == key).map_or("…", |(_, name)| name);
    let args = ["type", "name"].map(|key| (key, Arg::Text(named(key).to_owned())));
    let mut error = coded_error(reason.class(), reason.message(language(), &args));
    error.extensions.get_or_insert_default().set("reason", reason.code());
    error
}

/// The reason of an error that has one.
pub fn reason_of(extensions: Option<&ErrorExtensionValues>) -> Option<Reason> {
    match extensions?.get("reason")? {
        async_graphql::Value::String(code) => code.parse().ok(),
        _ => None,
    }
}

/// Why a text was not parsed, with the places.
pub fn of_parser(error: &ParseError) -> ServerError {
    let reason = match error {
        ParseError::MissingOperation => Reason::OperationMissing,
        ParseError::MultipleOperations { .. } | ParseError::OperationDuplicated { .. } | ParseError::FragmentDuplicated { .. } => Reason::NameRepeated,
        ParseError::RecursionLimitExceeded => Reason::TooDeep,
        _ => Reason::Syntax,
    };
    ServerError { locations: error.positions().collect(), ..request_error(reason) }
}

/// What a message of the library begins with, what else it holds, the reason, and where among its quoted words the names are
/// that may be shown, counted from the front.
type Sign = (&'static str, &'static str, Reason, &'static [(&'static str, usize)]);

/// The messages of the library's validation, the more special ones first.
const SIGNS: &[Sign] = &[
    ("Unknown field ", "", Reason::UnknownField, &[("type", 1)]),
    ("Unknown argument ", " on directive ", Reason::UnknownArgument, &[("name", 1)]),
    ("Unknown argument ", "", Reason::UnknownArgument, &[("name", 1)]),
    ("Unknown type ", "", Reason::UnknownType, &[]),
    ("Unknown fragment", "", Reason::UnknownFragment, &[]),
    ("Unknown directive ", "", Reason::UnknownDirective, &[]),
    ("Directive ", " may not be used on ", Reason::DirectiveMisplaced, &[]),
    ("Directive ", " is required but not provided", Reason::ArgumentRequired, &[("name", 1)]),
    ("Field ", " must not have a selection ", Reason::SelectionForbidden, &[("name", 0), ("type", 1)]),
    ("Field ", " must have a selection ", Reason::SelectionRequired, &[("name", 0), ("type", 1)]),
    ("Field ", " is required but not provided", Reason::ArgumentRequired, &[("name", 1)]),
    ("Fields ", " conflict because ", Reason::FieldsConflict, &[]),
    ("Cannot spread fragment ", "", Reason::FragmentCycle, &[]),
    ("Fragment ", " is never used", Reason::FragmentUnused, &[]),
    ("Fragment ", "", Reason::FragmentMisplaced, &[]),
    ("Variable ", " is not defined", Reason::VariableUndefined, &[]),
    ("Variable ", " is not used", Reason::VariableUnused, &[]),
    ("Variable ", " used in position expecting ", Reason::VariableMisplaced, &[("type", 2)]),
    ("Variable ", "", Reason::VariableMisplaced, &[("type", 1)]),
    ("There can only be one ", "", Reason::NameRepeated, &[]),
    ("Duplicate directive ", "", Reason::NameRepeated, &[]),
    // Of a value that is parsed while a request is measured or runs: the type is the first that is quoted, what was sent follows.
    ("Expected input type ", "", Reason::WrongType, &[("type", 0)]),
    ("Failed to parse ", "", Reason::WrongType, &[("type", 0)]),
];

/// The same of a value, after the path that its message begins with.
const VALUE_SIGNS: &[Sign] = &[
    ("field ", "", Reason::ArgumentRequired, &[("name", 0)]),
    ("unknown field ", "", Reason::UnknownInputField, &[("type", usize::MAX)]),
    ("", "", Reason::WrongType, &[("type", 0)]),
];

/// The error of the library in our words; `otherwise` is the reason where its message is none that we know.
pub fn of_library(error: &ServerError, otherwise: Reason) -> ServerError {
    let value = ["Invalid value for argument ", "Invalid default value for argument: "].iter().find_map(|sign| error.message.strip_prefix(sign));
    let (path, text, signs) = match value.and_then(|rest| rest.strip_prefix('"')?.split_once("\", ")) {
        Some((path, rest)) => (Some(path), rest, VALUE_SIGNS),
        None => (None, error.message.as_str(), SIGNS),
    };
    let sign = signs.iter().find(|(begins, holds, ..)| text.starts_with(begins) && text.contains(holds));
    let mut made = match sign {
        Some((_, _, reason, names)) => {
            let quoted: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
            let word = |at: usize| if at == usize::MAX { quoted.last() } else { quoted.get(at) };
            let names: Vec<_> = names.iter().map(|(key, at)| (*key, word(*at).filter(|name| is_of_schema(name)).map_or("…", |name| name).to_owned())).collect();
            named_error(*reason, &names)
        }
        None => request_error(otherwise),
    };
    // A path is of the schema's own names and of places in lists; a default value's begins with a name of the client's.
    let path: Option<Vec<String>> =
        path.map(|path| path.split('.').filter(|s| is_of_schema(s) || s.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned).collect());
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        made.extensions.get_or_insert_default().set("field", path);
    }
    ServerError { locations: error.locations.clone(), path: error.path.clone(), ..made }
}

/// Names of types, fields, arguments and directives.
static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let built_in = ["Int", "Float", "String", "Boolean", "ID", "include", "skip", "if", "__schema", "__type", "__typename", "name"].map(str::to_owned);
    let mut names = HashSet::from(built_in);
    let document = parse_schema(schema::sdl()).unwrap_or(ServiceDocument { definitions: Vec::new() });
    let arguments = |names: &mut HashSet<String>, values: Vec<Positioned<InputValueDefinition>>| {
        names.extend(values.into_iter().map(|value| value.node.name.node.to_string()));
    };
    for definition in document.definitions {
        match definition {
            TypeSystemDefinition::Type(ty) => {
                names.insert(ty.node.name.node.to_string());
                let fields = match ty.node.kind {
                    TypeKind::Object(object) => object.fields,
                    TypeKind::Interface(interface) => interface.fields,
                    TypeKind::InputObject(input) => {
                        arguments(&mut names, input.fields);
                        continue;
                    }
                    _ => continue,
                };
                for field in fields {
                    names.insert(field.node.name.node.to_string());
                    arguments(&mut names, field.node.arguments);
                }
            }
            TypeSystemDefinition::Directive(directive) => {
                names.insert(directive.node.name.node.to_string());
                arguments(&mut names, directive.node.arguments);
            }
            TypeSystemDefinition::Schema(_) => {}
        }
    }
    names
});

/// Whether a name, or a type with its marks of lists and non-null, is the schema's own.
fn is_of_schema(name: &str) -> bool {
    NAMES.contains(name.trim_matches(['[', ']', '!', '@']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_line_in_the_documents() {
        let text = include_str!("../../docs/errors.md");
        for &reason in Reason::ALL {
            let line = format!("| `{}` | `{}` | {} |\n", reason.class(), reason.code(), reason.description().trim());
            assert!(text.contains(&line), "{line}");
        }
        assert_eq!(text.matches("\n| `").count(), Reason::ALL.len(), "a line of no reason");
    }

    #[test]
    fn what_the_client_wrote_is_not_told_back() {
        let of = |text: &str| of_library(&ServerError::new(text, None), Reason::DocumentInvalid);
        let field = |error: &ServerError| error.extensions.as_ref().and_then(|x| x.get("field").cloned());
        for (text, reason) in [
            ("Expected input type \"SignInInput\", found {contact: \"whispered\", \"x\": 1}.", Reason::WrongType),
            ("Failed to parse \"DateTime\": whispered (occurred while parsing \"whispered\")", Reason::WrongType),
            ("Invalid value for argument \"input.role\", enumeration type \"Role\" does not contain the value \"whispered\"", Reason::WrongType),
            ("Invalid value for argument \"input\", unknown field \"whispered\" of type \"whispered\" of type \"SignInInput\"", Reason::UnknownInputField),
            ("Invalid default value for argument: \"whispered.role\", expected type \"Role\"", Reason::WrongType),
            ("Unknown field \"whispered\" on type \"Viewer\".", Reason::UnknownField),
            ("whispered", Reason::DocumentInvalid),
        ] {
            let error = of(text);
            assert_eq!(reason_of(error.extensions.as_ref()), Some(reason), "{text}");
            assert!(!serde_json::to_string(&error).unwrap().contains("whispered"), "{error:?}");
        }
        assert_eq!(
            field(&of("Invalid value for argument \"input.lines.0.itemId\", expected type \"ID\"")),
            Some(["input", "lines", "0", "itemId"].map(str::to_owned).to_vec().into())
        );
    }
}
