//! Bounds that hold before execution, and the caches of parsed and of validated documents.
//!
//! The library's own limits count too late or say too little, and a missing variable is found only after earlier
//! mutation fields have run; all of that is checked here, once per request.

use std::sync::{Arc, OnceLock};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextParseQuery, NextValidation};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Positioned, ServerError, ServerResult, ValidationResult, Variables};
use moka::sync::Cache;

use crate::kernel::seal::sha256_parts;

/// Deepest selection.
pub const MAX_DEPTH: usize = 15;
/// Most points of one request; a list costs its page size times its fields.
pub const MAX_COMPLEXITY: usize = 6_000;
/// Most fields of a document, fragments counted once.
const MAX_FIELDS: usize = 500;
/// Most aliases of a document.
const MAX_ALIASES: usize = 50;
/// Most directives of a document.
const MAX_DIRECTIVES: usize = 50;
/// Longest document in bytes.
pub const MAX_DOCUMENT: usize = 32 * 1024;
/// Deepest nesting of brackets, counted before the parser recurses.
const MAX_BRACKETS: usize = 64;
/// Documents longer than this are not kept in the cache.
const MAX_CACHED: usize = 8 * 1024;
/// With variables longer than this what a validation gave is not kept.
const MAX_VARIABLES: usize = 1024;

/// Parsed documents by text, shared by all requests.
#[derive(Clone, Debug)]
pub struct Documents(Cache<String, Arc<ExecutableDocument>>);

impl Default for Documents {
    fn default() -> Self {
        Self(Cache::new(512))
    }
}

impl Documents {
    /// The parsed form of a text, from the cache where it was parsed before.
    pub fn parse(&self, text: &str) -> Result<Arc<ExecutableDocument>, ServerError> {
        if let Some(known) = self.0.get(text) {
            return Ok(known);
        }
        let document = Arc::new(parse_query(text)?);
        if text.len() <= MAX_CACHED {
            self.0.insert(text.to_owned(), document.clone());
        }
        Ok(document)
    }
}

/// What is known of queries that were validated: the result is a function of the schema, the text and the variables.
/// Kept by digest, since variables are the caller's own; mutations, whose variables are never the same twice, are not kept.
#[derive(Clone)]
struct Validated(Cache<[u8; 32], ValidationResult>);

/// Makes one `Guard` per request.
#[derive(Clone)]
pub struct GuardFactory {
    validated: Validated,
}

impl Default for GuardFactory {
    fn default() -> Self {
        Self { validated: Validated(Cache::new(4096)) }
    }
}

impl std::fmt::Debug for GuardFactory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardFactory").finish_non_exhaustive()
    }
}

impl ExtensionFactory for GuardFactory {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Guard { validated: self.validated.clone(), request: OnceLock::new() })
    }
}

struct Guard {
    validated: Validated,
    /// Digest of text and variables, where the result of the validation may be kept.
    request: OnceLock<[u8; 32]>,
}

/// Digest of a text with its variables; `None` where one of them is too long to be kept.
fn digest(text: &str, variables: &Variables) -> Option<[u8; 32]> {
    let variables = serde_json::to_vec(variables).ok().filter(|bytes| bytes.len() <= MAX_VARIABLES)?;
    (text.len() <= MAX_CACHED).then(|| sha256_parts(&[text.as_bytes(), &variables]))
}

/// An error of the request with its code; the HTTP layer turns it into a status.
pub fn request_error(code: &'static str, words: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(words.into(), None);
    let mut extensions = async_graphql::ErrorExtensionValues::default();
    extensions.set("code", code);
    error.extensions = Some(extensions);
    error
}

/// Why a text is not even parsed, if so.
pub fn refuse_text(text: &str) -> Option<&'static str> {
    if text.len() > MAX_DOCUMENT {
        return Some("the document is longer than 32 KiB");
    }
    let mut open = 0usize;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MAX_BRACKETS {
            return Some("the document is nested too deeply");
        }
    }
    None
}

#[derive(Default)]
struct Count {
    fields: usize,
    aliases: usize,
    directives: usize,
}

fn count(set: &Positioned<SelectionSet>, counts: &mut Count) {
    for item in &set.node.items {
        match &item.node {
            Selection::Field(field) => {
                counts.fields += 1;
                counts.aliases += usize::from(field.node.alias.is_some());
                counts.directives += field.node.directives.len();
                count(&field.node.selection_set, counts);
            }
            Selection::FragmentSpread(spread) => counts.directives += spread.node.directives.len(),
            Selection::InlineFragment(fragment) => {
                counts.directives += fragment.node.directives.len();
                count(&fragment.node.selection_set, counts);
            }
        }
    }
}

/// Which bound a parsed document breaks, if any.
fn refuse_document(document: &ExecutableDocument) -> Option<&'static str> {
    let mut counts = Count::default();
    for (_, operation) in document.operations.iter() {
        counts.directives += operation.node.directives.len();
        count(&operation.node.selection_set, &mut counts);
    }
    for fragment in document.fragments.values() {
        count(&fragment.node.selection_set, &mut counts);
    }
    if counts.fields > MAX_FIELDS {
        Some("the document has too many fields")
    } else if counts.aliases > MAX_ALIASES {
        Some("the document has too many aliases")
    } else if counts.directives > MAX_DIRECTIVES {
        Some("the document has too many directives")
    } else {
        None
    }
}

/// Variables that the chosen operation requires and the request does not give.
pub fn missing_variable(document: &ExecutableDocument, operation: Option<&str>, variables: &Variables) -> Option<String> {
    let (_, chosen) = document.operations.iter().find(|(name, _)| operation.is_none_or(|wanted| name.is_some_and(|n| n.as_str() == wanted)))?;
    chosen.node.variable_definitions.iter().find_map(|definition| {
        let definition = &definition.node;
        let given = variables.get(&definition.name.node);
        let required = !definition.var_type.node.nullable && definition.default_value.is_none();
        (required && given.is_none_or(|value| *value == async_graphql::Value::Null)).then(|| definition.name.node.to_string())
    })
}

/// Kind of the chosen operation, or `None` where the name fits none.
pub fn operation_type(document: &ExecutableDocument, operation: Option<&str>) -> Option<OperationType> {
    match operation {
        Some(wanted) => document.operations.iter().find(|(name, _)| name.is_some_and(|n| n.as_str() == wanted)),
        None => document.operations.iter().next(),
    }
    .map(|(_, operation)| operation.node.ty)
}

#[async_trait::async_trait]
impl Extension for Guard {
    async fn parse_query(&self, ctx: &ExtensionContext<'_>, query: &str, variables: &Variables, next: NextParseQuery<'_>) -> ServerResult<ExecutableDocument> {
        // A document that `http` parsed before passes through; it was bounded there by the same rule.
        if let Some(words) = refuse_text(query) {
            return Err(request_error("DOCUMENT_TOO_COMPLEX", words));
        }
        let document = next.run(ctx, query, variables).await.map_err(|mut error| {
            error.extensions.get_or_insert_default().set("code", "DOCUMENT_INVALID");
            error
        })?;
        if let Some(words) = refuse_document(&document) {
            return Err(request_error("DOCUMENT_TOO_COMPLEX", words));
        }
        if document.operations.iter().all(|(_, operation)| operation.node.ty == OperationType::Query)
            && let Some(digest) = digest(query, variables)
        {
            let _once = self.request.set(digest);
        }
        Ok(document)
    }

    async fn validation(&self, ctx: &ExtensionContext<'_>, next: NextValidation<'_>) -> Result<ValidationResult, Vec<ServerError>> {
        let request = self.request.get();
        if let Some(known) = request.and_then(|digest| self.validated.0.get(digest)) {
            return Ok(known);
        }
        let result = next.run(ctx).await.map_err(|errors| {
            errors
                .into_iter()
                .map(|mut error| {
                    error.extensions.get_or_insert_default().set("code", "DOCUMENT_INVALID");
                    error
                })
                .collect::<Vec<_>>()
        })?;
        if result.depth > MAX_DEPTH {
            return Err(vec![request_error("DOCUMENT_TOO_COMPLEX", format!("depth {} exceeds {MAX_DEPTH}", result.depth))]);
        }
        if result.complexity > MAX_COMPLEXITY {
            return Err(vec![request_error("DOCUMENT_TOO_COMPLEX", format!("complexity {} exceeds {MAX_COMPLEXITY}", result.complexity))]);
        }
        if let Some(digest) = request {
            self.validated.0.insert(*digest, result);
        }
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_and_length_are_bounded_before_the_parser() {
        assert!(refuse_text(&"{a".repeat(65)).is_some());
        assert!(refuse_text(&"[".repeat(20_000)).is_some());
        assert!(refuse_text(&" ".repeat(MAX_DOCUMENT + 1)).is_some());
        assert!(refuse_text("{ viewer { id } }").is_none());
    }
}
