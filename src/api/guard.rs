//! Bounds that hold before execution, and the caches of parsed and of validated documents.
//!
//! The library's own limits count too late or say too little, and a missing variable is found only after earlier
//! mutation fields have run; all of that is checked here, once per request.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute, NextParseQuery, NextValidation};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{Directive, ExecutableDocument, Field, OperationType, Selection, SelectionSet};
use async_graphql::{Pos, Positioned, Request, Response, ServerError, ServerResult, ValidationResult, Value, Variables};
use moka::sync::Cache;

use crate::api::reason::{Reason, of_library, of_parser, request_error};
use crate::api::values;
use crate::kernel::seal::sha256_parts;

/// Deepest selection.
pub const MAX_DEPTH: usize = 15;
/// Most points of one request; a list costs its page size times its fields.
pub const MAX_COMPLEXITY: usize = 6_000;
/// Most fields of a document, fragments counted once.
const MAX_FIELDS: usize = 500;
/// Most aliases of a document, fragments counted once.
const MAX_ALIASES: usize = 50;
/// Most directives of a document, fragments counted once.
const MAX_DIRECTIVES: usize = 50;
/// Most fields, spreads and inline fragments of an operation once each fragment stands where it is spread.
const MAX_EXPANDED: usize = 1_000;
/// Most of them over all operations and fragments: the library walks through each once more.
const MAX_EXPANDED_ALL: usize = 4_000;
/// Most aliases, and most directives, of an operation likewise.
const MAX_EXPANDED_MARKS: usize = 200;
/// Deepest nesting of fields, spreads and inline fragments likewise; the library recurses as deep.
const MAX_NESTING: usize = 64;
/// Most lines that one `__schema` or `__type` may be expected to give. The whole schema as client generators ask for it
/// is about 850,000 by the estimate of [`share`].
const MAX_INTROSPECTION: usize = 2_000_000;
/// Most bytes of one answer.
pub const MAX_ANSWER: usize = 8 << 20;
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
    /// The parsed form of a text, within the bounds of a document; from the cache where it was parsed before.
    pub fn parse(&self, text: &str) -> Result<Arc<ExecutableDocument>, ServerError> {
        if let Some(known) = self.0.get(text) {
            return Ok(known);
        }
        let document = Self::read(text)?;
        if text.len() <= MAX_CACHED {
            self.0.insert(text.to_owned(), document.clone());
        }
        Ok(document)
    }

    fn read(text: &str) -> Result<Arc<ExecutableDocument>, ServerError> {
        let document = parse_query(text).map_err(|error| of_parser(&error))?;
        refuse_document(&document)?;
        Ok(Arc::new(document))
    }
}

/// Marks a request whose document came through [`Documents::parse`].
#[derive(Clone, Copy, Debug)]
pub struct Vetted;

/// Requests that were judged and found in order: the judgement is a function of the schema, the text and the variables.
/// Kept by digest, since variables are the caller's own; mutations, whose variables are never the same twice, are not kept.
#[derive(Clone, Debug)]
pub struct Judged(Cache<[u8; 32], ()>);

impl Default for Judged {
    fn default() -> Self {
        Self(Cache::new(4096))
    }
}

/// What is to be judged of a request.
pub struct ToJudge {
    /// The document and the variables, without what belongs to the caller.
    pub request: Request,
    /// Under which the judgement is kept, if it is.
    pub digest: Option<[u8; 32]>,
}

impl Judged {
    /// What is to be judged of `request`, or `None` where that was done before. Gives `request` its document where it did
    /// not come through [`Documents::parse`].
    pub fn missing(&self, request: &mut Request) -> Result<Option<ToJudge>, ServerError> {
        if !request.data.contains_key(&TypeId::of::<Vetted>()) {
            // What the library would do next follows every spread, before anything could be counted.
            if let Some(reason) = refuse_text(&request.query) {
                return Err(request_error(reason));
            }
            request.set_parsed_query((*Documents::read(&request.query)?).clone());
        }
        let only_reads = request.parsed_query()?.operations.iter().all(|(_, operation)| operation.node.ty == OperationType::Query);
        let digest = if only_reads { digest(&request.query, &request.variables) } else { None };
        if digest.is_some_and(|digest| self.0.contains_key(&digest)) {
            return Ok(None);
        }
        let mut judged = Request::new(&request.query).variables(request.variables.clone());
        judged.operation_name.clone_from(&request.operation_name);
        judged.set_parsed_query(request.parsed_query()?.clone());
        Ok(Some(ToJudge { request: judged, digest }))
    }

    /// Keeps that the request of this digest is in order.
    pub fn keep(&self, digest: [u8; 32]) {
        self.0.insert(digest, ());
    }
}

/// Judges a request by all rules of the specification and the bounds of this module, and runs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Judge;

impl ExtensionFactory for Judge {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

/// Digest of a text with its variables; `None` where one of them is too long to be kept.
fn digest(text: &str, variables: &Variables) -> Option<[u8; 32]> {
    let variables = serde_json::to_vec(variables).ok().filter(|bytes| bytes.len() <= MAX_VARIABLES)?;
    (text.len() <= MAX_CACHED).then(|| sha256_parts(&[text.as_bytes(), &variables]))
}

/// Why a text is not even parsed, if so.
pub fn refuse_text(text: &str) -> Option<Reason> {
    if text.len() > MAX_DOCUMENT {
        return Some(Reason::DocumentTooLong);
    }
    let mut open = 0usize;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MAX_BRACKETS {
            return Some(Reason::TooDeep);
        }
    }
    None
}

/// What a selection comes to once each fragment stands where it is spread. Sums are saturating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    /// Fields, spreads and inline fragments.
    nodes: usize,
    aliases: usize,
    directives: usize,
    /// Nesting of the nodes.
    depth: usize,
    /// Lines of the answer, as far as the schema itself is asked for.
    lines: usize,
    /// `__schema` and `__type`.
    introspections: usize,
    /// The largest `lines` of one of them.
    introspection: usize,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.depth = self.depth.max(other.depth);
        self.lines = self.lines.saturating_add(other.lines);
        self.introspections = self.introspections.saturating_add(other.introspections);
        self.introspection = self.introspection.max(other.introspection);
    }

    /// One node around this.
    fn wrapped(mut self, directives: usize) -> Self {
        self.nodes = self.nodes.saturating_add(1);
        self.directives = self.directives.saturating_add(directives);
        self.depth = self.depth.saturating_add(1);
        self
    }

    const fn breaks(&self) -> Option<Reason> {
        if self.nodes > MAX_EXPANDED {
            Some(Reason::TooManyFields)
        } else if self.aliases > MAX_EXPANDED_MARKS {
            Some(Reason::TooManyAliases)
        } else if self.directives > MAX_EXPANDED_MARKS {
            Some(Reason::TooManyDirectives)
        } else if self.depth > MAX_NESTING {
            Some(Reason::TooDeep)
        } else if self.introspections > 1 || self.introspection > MAX_INTROSPECTION {
            Some(Reason::SchemaTooMuch)
        } else {
            None
        }
    }
}

/// How many entries a field of the introspection types is reckoned to give.
fn share(field: &str) -> usize {
    match field {
        "types" => 256,
        "fields" | "inputFields" | "possibleTypes" => 16,
        "enumValues" => 8,
        "args" | "directives" => 4,
        "interfaces" | "locations" => 2,
        _ => 1,
    }
}

/// Measures a document; each fragment once.
struct Measure<'a> {
    document: &'a ExecutableDocument,
    /// Fragments that are measured; `None` while one is being measured, so that a cycle is met.
    known: HashMap<&'a str, Option<Size>>,
}

impl<'a> Measure<'a> {
    fn fragment(&mut self, name: &'a str, pos: Pos, nesting: usize) -> Result<Size, ServerError> {
        match self.known.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                let mut error = request_error(Reason::FragmentCycle);
                error.locations.push(pos);
                return Err(error);
            }
            None => {}
        }
        // A fragment that is missing is told by the validation.
        let Some(found) = self.document.fragments.get(name) else { return Ok(Size::default()) };
        self.known.insert(name, None);
        let mut size = self.selection(&found.node.selection_set, nesting)?;
        size.directives = size.directives.saturating_add(found.node.directives.len());
        self.known.insert(name, Some(size));
        Ok(size)
    }

    fn field(&mut self, field: &'a Field, nesting: usize) -> Result<Size, ServerError> {
        let inside = self.selection(&field.selection_set, nesting)?;
        let name = field.name.node.as_str();
        let mut size = inside.wrapped(field.directives.len());
        size.aliases = size.aliases.saturating_add(usize::from(field.alias.is_some()));
        size.lines = inside.lines.saturating_mul(share(name)).saturating_add(share(name));
        if name == "__schema" || name == "__type" {
            size.introspections = size.introspections.saturating_add(1);
            size.introspection = size.introspection.max(size.lines);
        }
        Ok(size)
    }

    fn selection(&mut self, set: &'a Positioned<SelectionSet>, nesting: usize) -> Result<Size, ServerError> {
        // Measured before it is walked: this recurses, too.
        if nesting > MAX_NESTING {
            return Err(request_error(Reason::TooDeep));
        }
        let mut size = Size::default();
        for item in &set.node.items {
            size.add(match &item.node {
                Selection::Field(field) => self.field(&field.node, nesting + 1)?,
                Selection::FragmentSpread(spread) => {
                    self.fragment(spread.node.fragment_name.node.as_str(), spread.pos, nesting + 1)?.wrapped(spread.node.directives.len())
                }
                Selection::InlineFragment(fragment) => self.selection(&fragment.node.selection_set, nesting + 1)?.wrapped(fragment.node.directives.len()),
            });
        }
        Ok(size)
    }
}

/// What a document holds, fragments counted once.
#[derive(Default)]
struct Count {
    fields: usize,
    aliases: usize,
    directives: usize,
    /// Where a text holds a character that no text may hold.
    control: Option<Pos>,
}

impl Count {
    fn value(&mut self, value: &Value, pos: Pos) {
        if self.control.is_none() && holds_control(value) {
            self.control = Some(pos);
        }
    }

    fn directives(&mut self, directives: &[Positioned<Directive>]) {
        self.directives += directives.len();
        for (name, value) in directives.iter().flat_map(|directive| &directive.node.arguments) {
            if let Ok(value) = value.node.clone().into_const_with(|_| Ok::<_, ()>(Value::Null)) {
                self.value(&value, name.pos);
            }
        }
    }

    fn selection(&mut self, set: &Positioned<SelectionSet>) {
        for item in &set.node.items {
            match &item.node {
                Selection::Field(field) => {
                    self.fields += 1;
                    self.aliases += usize::from(field.node.alias.is_some());
                    self.directives(&field.node.directives);
                    for (name, value) in &field.node.arguments {
                        // Variables are looked at where they are given.
                        if let Ok(value) = value.node.clone().into_const_with(|_| Ok::<_, ()>(Value::Null)) {
                            self.value(&value, name.pos);
                        }
                    }
                    self.selection(&field.node.selection_set);
                }
                Selection::FragmentSpread(spread) => self.directives(&spread.node.directives),
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.node.directives);
                    self.selection(&fragment.node.selection_set);
                }
            }
        }
    }
}

/// A control character other than the three that stand in ordinary text; PostgreSQL takes no U+0000, and none of the
/// others means anything in a form.
pub fn is_refused(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t' | '\r')
}

fn holds_control(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(is_refused),
        Value::List(list) => list.iter().any(holds_control),
        Value::Object(object) => object.values().any(holds_control),
        _ => false,
    }
}

/// Where among the variables a text holds a character that no text may hold: the path to it, its own name first.
pub fn refused_variable(value: &serde_json::Value) -> Option<Vec<String>> {
    let inside = |name: String, value| {
        let mut path = refused_variable(value)?;
        path.insert(0, name);
        Some(path)
    };
    match value {
        serde_json::Value::String(text) => text.contains(is_refused).then(Vec::new),
        serde_json::Value::Array(list) => list.iter().enumerate().find_map(|(at, value)| inside(at.to_string(), value)),
        // A key is not repeated where it is itself what is wrong.
        serde_json::Value::Object(object) => {
            object.iter().find_map(|(key, value)| if key.contains(is_refused) { Some(Vec::new()) } else { inside(key.clone(), value) })
        }
        _ => None,
    }
}

/// Which bound a parsed document breaks, if any. It comes before the library looks at the document: its passes follow
/// every spread, so that forty fragments that each spread the next one twice would keep it busy for years.
pub fn refuse_document(document: &ExecutableDocument) -> Result<(), ServerError> {
    let no = |reason| Err(request_error(reason));
    let mut counts = Count::default();
    for (_, operation) in document.operations.iter() {
        counts.directives(&operation.node.directives);
        for definition in &operation.node.variable_definitions {
            counts.directives(&definition.node.directives);
            if let Some(default) = &definition.node.default_value {
                counts.value(&default.node, default.pos);
            }
        }
        counts.selection(&operation.node.selection_set);
    }
    for fragment in document.fragments.values() {
        counts.directives(&fragment.node.directives);
        counts.selection(&fragment.node.selection_set);
    }
    if let Some(pos) = counts.control {
        let mut error = request_error(Reason::ControlCharacter);
        error.locations.push(pos);
        return Err(error);
    }
    if counts.fields > MAX_FIELDS {
        return no(Reason::TooManyFields);
    } else if counts.aliases > MAX_ALIASES {
        return no(Reason::TooManyAliases);
    } else if counts.directives > MAX_DIRECTIVES {
        return no(Reason::TooManyDirectives);
    }
    let mut measure = Measure { document, known: HashMap::new() };
    let mut all = 0usize;
    for (_, operation) in document.operations.iter() {
        let size = measure.selection(&operation.node.selection_set, 0)?;
        if let Some(reason) = size.breaks() {
            return no(reason);
        }
        all = all.saturating_add(size.nodes);
    }
    for (name, fragment) in &document.fragments {
        // Also those that nothing spreads: the library walks through them all the same.
        let size = measure.fragment(name.as_str(), fragment.pos, 0)?;
        if let Some(reason) = size.breaks() {
            return no(reason);
        }
        all = all.saturating_add(size.nodes);
    }
    if all > MAX_EXPANDED_ALL { no(Reason::TooManyFields) } else { Ok(()) }
}

/// Tells each error of the library's own, which comes without a code, in our words: it is about a value that does not fit
/// its type, and holds the value.
pub fn code_errors(response: &mut Response) {
    for error in &mut response.errors {
        if error.extensions.as_ref().is_none_or(|extensions| extensions.get("code").is_none()) {
            *error = of_library(error, Reason::WrongType);
        }
    }
}

/// A variable that the chosen operation requires and the request does not give, with the place where it is declared.
pub fn missing_variable(document: &ExecutableDocument, operation: Option<&str>, variables: &Variables) -> Option<(String, Pos)> {
    let (_, chosen) = document.operations.iter().find(|(name, _)| operation.is_none_or(|wanted| name.is_some_and(|n| n.as_str() == wanted)))?;
    chosen.node.variable_definitions.iter().find_map(|Positioned { pos, node: definition }| {
        let given = variables.get(&definition.name.node);
        let required = !definition.var_type.node.nullable && definition.default_value.is_none();
        (required && given.is_none_or(|value| *value == async_graphql::Value::Null)).then(|| (definition.name.node.to_string(), *pos))
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
impl Extension for Judge {
    async fn parse_query(&self, ctx: &ExtensionContext<'_>, query: &str, variables: &Variables, next: NextParseQuery<'_>) -> ServerResult<ExecutableDocument> {
        let document = next.run(ctx, query, variables).await?;
        match values::misfit(&ctx.schema_env.registry, &document, variables) {
            Some(error) => Err(error),
            None => Ok(document),
        }
    }

    async fn validation(&self, ctx: &ExtensionContext<'_>, next: NextValidation<'_>) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(ctx).await.map_err(|errors| errors.iter().map(|error| of_library(error, Reason::DocumentInvalid)).collect::<Vec<_>>())?;
        if result.depth > MAX_DEPTH {
            return Err(vec![request_error(Reason::TooDeep)]);
        }
        if result.complexity > MAX_COMPLEXITY {
            return Err(vec![request_error(Reason::TooComplex)]);
        }
        Ok(result)
    }

    async fn execute(&self, _ctx: &ExtensionContext<'_>, _operation: Option<&str>, _next: NextExecute<'_>) -> Response {
        Response::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::reason::reason_of;

    #[test]
    fn nesting_and_length_are_bounded_before_the_parser() {
        assert!(refuse_text(&"{a".repeat(65)).is_some());
        assert!(refuse_text(&"[".repeat(20_000)).is_some());
        assert!(refuse_text(&" ".repeat(MAX_DOCUMENT + 1)).is_some());
        assert!(refuse_text("{ viewer { id } }").is_none());
    }

    fn judged(text: &str) -> Result<(), Reason> {
        refuse_document(&parse_query(text).unwrap()).map_err(|error| reason_of(error.extensions.as_ref()).unwrap())
    }

    fn size(text: &str) -> Size {
        let document = parse_query(text).unwrap();
        let mut measure = Measure { document: &document, known: HashMap::new() };
        let (_, operation) = document.operations.iter().next().unwrap();
        measure.selection(&operation.node.selection_set, 0).unwrap()
    }

    /// `{ viewer { ...f0 } }` with fragments that each spread the next one twice.
    fn doubled(levels: usize) -> String {
        multiplied(levels, 2)
    }

    fn multiplied(levels: usize, times: usize) -> String {
        let inner = (0..levels).map(|n| format!("fragment f{n} on Viewer {{ {} }} ", format!("...f{} ", n + 1).repeat(times)));
        format!("{{ viewer {{ ...f0 }} }} {}fragment f{levels} on Viewer {{ assurance }}", inner.collect::<String>())
    }

    #[test]
    fn fragments_are_counted_where_they_are_spread() {
        let plain = size("{ a b: c @skip(if: false) { d } }");
        assert_eq!(plain, Size { nodes: 3, aliases: 1, directives: 1, depth: 2, lines: 3, introspections: 0, introspection: 0 });
        let spread = size("{ a { ...F ...F @skip(if: false) ... on T { ...F } } } fragment F on T { x: b { c } d @skip(if: true) }");
        // a, three spreads and an inline fragment, and three fields for each spread.
        assert_eq!((spread.nodes, spread.aliases, spread.directives), (1 + 3 + 1 + 3 * 3, 3, 1 + 3));
        // a, the inline fragment, the spread, b, c.
        assert_eq!(spread.depth, 5);
        // Level n stands 2^n times: 1 + Σ 2^n spreads and 2^levels fields, and the viewer.
        assert_eq!(size(&doubled(3)).nodes, 1 + 1 + 2 + 4 + 8 + 8);
        assert_eq!(size(&doubled(30)).nodes, 1 + ((1 << 31) - 1) + (1 << 30));
        assert_eq!(size(&multiplied(50, 4)).nodes, usize::MAX, "sums do not overflow");
    }

    #[test]
    fn doubled_fragments_are_refused_in_no_time() {
        assert!(judged(&doubled(6)).is_ok());
        let begun = std::time::Instant::now();
        for levels in [9, 40, 60] {
            assert!(judged(&doubled(levels)).is_err(), "{levels}");
        }
        // Fragments that nothing spreads count as well, and a long chain is refused before it is walked to its end.
        assert!(judged(&doubled(40).replace("...f0 }", "assurance }")).is_err());
        let chain = (0..900).map(|n| format!("fragment c{n} on Viewer {{ ...c{} }}", n + 1)).collect::<Vec<_>>().join(" ");
        assert!(judged(&format!("{{ viewer {{ ...c0 }} }} {chain} fragment c900 on Viewer {{ assurance }}")).is_err());
        // Followed spread by spread, sixty levels would never end.
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_cycle_is_refused_at_its_spread() {
        for text in [
            "{ ...A } fragment A on Query { ...A }",
            "{ today } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A }",
            "{ ...A } fragment A on Query { viewer { person { ...B } } } fragment B on Person { ... on Person { ...A } }",
        ] {
            let error = refuse_document(&parse_query(text).unwrap()).unwrap_err();
            assert_eq!((reason_of(error.extensions.as_ref()), error.locations.len()), (Some(Reason::FragmentCycle), 1), "{text}");
        }
    }

    #[test]
    fn the_schema_is_asked_for_once_and_within_reason() {
        let twice = Reason::SchemaTooMuch;
        assert_eq!(judged("{ __schema { queryType { name } } __type(name: \"Query\") { name } }").unwrap_err(), twice);
        assert_eq!(judged("{ ...F a: viewer { id } ...F } fragment F on Query { __schema { queryType { name } } }").unwrap_err(), twice);
        assert_eq!(judged("query A { __schema { queryType { name } } } query B { __schema { queryType { name } } }"), Ok(()));
        let much = Reason::SchemaTooMuch;
        for inside in ["possibleTypes { fields { name } }", "interfaces { possibleTypes { fields { name } } }", "fields { type { fields { type { name } } } }"]
        {
            let text = format!("{{ __schema {{ types {{ fields {{ type {{ {inside} }} args {{ type {{ fields {{ name }} }} }} }} }} }} }}");
            assert_eq!(judged(&text).unwrap_err(), much, "{inside}");
        }
        assert_eq!(judged("{ __type(name: \"Query\") { fields { name type { fields { name type { name } } } } } }"), Ok(()));
    }

    #[test]
    fn a_control_character_is_found_with_its_path() {
        assert_eq!(judged("{ serviceItem(code: \"a\\u0000\") { id } }").unwrap_err(), Reason::ControlCharacter);
        assert!(judged("query($c: String = \"\\u0007\") { serviceItem(code: $c) { id } }").is_err());
        assert!(judged("{ today @include(if: true) serviceItem(code: \"a\\n\\t\") { id } }").is_ok());
        let variables = serde_json::json!({ "i": { "lines": [{ "answers": { "a": "fine\r\n" } }, { "answers": { "b": ["x", "\u{0}"] } }] } });
        assert_eq!(refused_variable(&variables).unwrap(), ["i", "lines", "1", "answers", "b", "1"]);
        assert_eq!(refused_variable(&serde_json::json!({ "i": { "\u{0}": 1 } })).unwrap(), ["i"]);
        assert_eq!(refused_variable(&serde_json::json!({ "i": "两行\n\u{85}" })).unwrap(), ["i"]);
        assert_eq!(refused_variable(&serde_json::json!({ "i": "两行\n" })), None);
    }
}
