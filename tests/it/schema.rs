//! The contract of the API: the committed SDL, its descriptions, and the operations that front ends send.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use async_graphql::parser::types::{Selection, SelectionSet};
use async_graphql::{Positioned, Request};
use serde_json::Value;
use talent_portal::api::{operations, schema};
use talent_portal::kernel::rejection::Code;
use talent_portal::kernel::seal::sha256_hex;

const COMMITTED: &str = "schema/schema.graphql";

/// Reads no resolver: types only.
const TYPES: &str = "{ __schema { types { name description kind
    fields(includeDeprecated: true) { name description args { name description } }
    inputFields { name description } enumValues(includeDeprecated: true) { name description } } } }";

#[test]
fn the_committed_sdl_is_the_one_that_is_built() {
    let committed = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED)).unwrap_or_default();
    let built = schema::sdl();
    let first = built.lines().zip(committed.lines()).position(|(built, committed)| built != committed);
    let line = first.unwrap_or_else(|| built.lines().count().min(committed.lines().count())) + 1;
    assert!(committed == built, "{COMMITTED} is stale from line {line} on; run: cargo run -- schema > {COMMITTED}");
}

/// What has no description, as `Type.field(argument)`.
fn undescribed(types: &Value) -> Vec<String> {
    let empty = Vec::new();
    let list = |value: &Value, key: &str| value[key].as_array().unwrap_or(&empty).clone();
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let bare = |value: &Value| value["description"].as_str().is_none_or(|words| words.trim().is_empty());
    let mut found = Vec::new();
    for kind in types.as_array().unwrap_or(&empty) {
        let owner = name(kind);
        // The specification describes these.
        if owner.starts_with("__") || owner == "ID" {
            continue;
        }
        if bare(kind) {
            found.push(owner.clone());
        }
        for field in list(kind, "fields") {
            if bare(&field) {
                found.push(format!("{owner}.{}", name(&field)));
            }
            found.extend(list(&field, "args").iter().filter(|arg| bare(arg)).map(|arg| format!("{owner}.{}({})", name(&field), name(arg))));
        }
        for key in ["inputFields", "enumValues"] {
            found.extend(list(kind, key).iter().filter(|member| bare(member)).map(|member| format!("{owner}.{}", name(member))));
        }
    }
    found
}

#[tokio::test]
async fn everything_in_the_schema_is_described() {
    let answer = schema::build().execute(TYPES).await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    let types = answer.data.into_json().expect("JSON")["__schema"]["types"].take();
    assert!(types.as_array().is_some_and(|types| types.len() > 50), "the types were not found");
    let found = undescribed(&types);
    assert!(found.is_empty(), "without a description:\n{}", found.join("\n"));
}

#[test]
fn a_missing_description_is_found_wherever_it_is() {
    let planted = serde_json::json!([
        { "name": "A", "description": " ", "fields": null, "inputFields": [{ "name": "i", "description": null }], "enumValues": null },
        { "name": "B", "description": "b", "fields": [
            { "name": "f", "description": null, "args": [{ "name": "x", "description": null }, { "name": "y", "description": "y" }] } ],
          "inputFields": null, "enumValues": [{ "name": "V", "description": "" }] },
        { "name": "__C", "description": null },
    ]);
    assert_eq!(undescribed(&planted), ["A", "A.i", "B.f", "B.f(x)", "B.V"]);
}

/// What validation says about a document. It is executed under a name that it does not have, so that nothing runs after
/// validation and the only error of a valid one is that name.
async fn validation(schema: &schema::PortalSchema, document: &str) -> Vec<String> {
    let answer = schema.execute(Request::new(document).operation_name("NoSuchOperation")).await;
    assert!(!answer.errors.is_empty(), "an unknown operation was executed");
    answer.errors.into_iter().map(|error| error.message).filter(|words| words != "Unknown operation named \"NoSuchOperation\"").collect()
}

#[tokio::test]
async fn every_stored_operation_is_valid_and_has_a_name_of_its_own() {
    let schema = schema::build();
    let (mut names, mut complaints) = (BTreeSet::new(), Vec::new());
    for (path, document) in operations::all() {
        complaints.extend(validation(&schema, document).await.into_iter().map(|words| format!("{path}: {words}")));
        let Ok(parsed) = async_graphql::parser::parse_query(document) else { continue };
        let named: Vec<_> = parsed.operations.iter().filter_map(|(name, _)| Some(name?.to_string())).collect();
        if named.len() != 1 || !names.insert(named[0].clone()) {
            complaints.push(format!("{path}: not one operation with a name of its own: {named:?}"));
        }
    }
    assert!(!names.is_empty(), "no operation was found");
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Selections without `__typename`, which Apollo and urql add to each but that of the operation itself: without it their
/// documents are others than ours.
fn untyped(set: &SelectionSet) -> usize {
    let typed = |item: &Positioned<Selection>| matches!(&item.node, Selection::Field(field) if field.node.name.node == "__typename");
    usize::from(!set.items.iter().any(typed)) + below(set)
}

fn below(set: &SelectionSet) -> usize {
    let inside = |item: &Positioned<Selection>| match &item.node {
        Selection::Field(field) if field.node.selection_set.node.items.is_empty() => 0,
        Selection::Field(field) => untyped(&field.node.selection_set.node),
        Selection::InlineFragment(fragment) => untyped(&fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => 0,
    };
    set.items.iter().map(inside).sum()
}

#[test]
fn stored_operations_are_as_clients_send_them_and_share_their_fragments() {
    let mut fragments: BTreeMap<String, &str> = BTreeMap::new();
    for (path, text) in operations::all() {
        let document = async_graphql::parser::parse_query(text).unwrap();
        let operations: usize = document.operations.iter().map(|(_, operation)| below(&operation.node.selection_set.node)).sum();
        let own: usize = document.fragments.values().map(|fragment| untyped(&fragment.node.selection_set.node)).sum();
        assert_eq!(operations + own, 0, "{path}: a selection without __typename");
        for part in text.split("\nfragment ").skip(1) {
            let name = part.split(' ').next().unwrap().to_owned();
            assert_eq!(*fragments.entry(name).or_insert(part), part, "{path}: another fragment of this name is another");
        }
    }
    assert!(fragments.contains_key("CaseFields"), "{fragments:?}");
    let parsed = async_graphql::parser::parse_query("{ a { b { c } __typename } }").unwrap();
    assert_eq!(parsed.operations.iter().map(|(_, operation)| below(&operation.node.selection_set.node)).sum::<usize>(), 1);
}

const RELEASED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/operations/released.txt");

/// What is wrong with the list of released operations, and the lines that it lacks.
fn unreleased(list: &str, files: &BTreeMap<&str, String>) -> (Vec<String>, Vec<String>) {
    let listed: BTreeMap<&str, &str> = list.lines().filter_map(|line| line.split_once("  ")).map(|(id, path)| (path, id)).collect();
    let changed = listed.iter().filter(|(path, id)| files.get(*path).is_none_or(|now| now != *id));
    let new = files.iter().filter(|(path, _)| !listed.contains_key(*path));
    (changed.map(|(path, _)| (*path).to_owned()).collect(), new.map(|(path, id)| format!("{id}  {path}")).collect())
}

#[test]
fn what_was_released_is_still_known_and_unchanged() {
    let files: BTreeMap<&str, String> = operations::all().map(|(path, text)| (path, sha256_hex(text))).collect();
    let list = fs::read_to_string(RELEASED).unwrap_or_default();
    let (changed, new) = unreleased(&list, &files);
    assert_eq!(changed, Vec::<String>::new(), "released files never change; a new version is a new file");
    if std::env::var_os("PORTAL_RELEASE_OPERATIONS").is_some() {
        let lines = list.lines().map(str::to_owned).chain(new);
        fs::write(RELEASED, lines.map(|line| line + "\n").collect::<String>()).unwrap();
        return;
    }
    assert_eq!(new, Vec::<String>::new(), "not in schema/operations/released.txt; run: PORTAL_RELEASE_OPERATIONS=1 cargo test --test it -- released");
    for id in list.lines().filter_map(|line| line.split_once("  ")).map(|(id, _)| id) {
        assert!(operations::document(id).is_some(), "{id}");
    }
}

#[test]
fn a_released_file_that_changed_or_is_gone_is_found() {
    let files = BTreeMap::from([("a.graphql", "1".to_owned()), ("b.graphql", "2".to_owned())]);
    let (changed, new) = unreleased("1  a.graphql\n3  b.graphql\n4  c.graphql\n", &files);
    assert_eq!((changed, new.len()), (vec!["b.graphql".to_owned(), "c.graphql".to_owned()], 0));
    assert_eq!(unreleased("1  a.graphql\n", &files), (Vec::new(), vec!["2  b.graphql".to_owned()]));
}

#[tokio::test]
async fn an_operation_that_the_schema_does_not_have_is_found() {
    let schema = schema::build();
    for document in ["query A { nothingLikeThis }", "query A { ", "query A($x: Nothing) { __typename }"] {
        assert_ne!(validation(&schema, document).await, Vec::<String>::new(), "{document}");
    }
    assert_eq!(validation(&schema, "query A { __typename }").await, Vec::<String>::new());
}

/// Fields of input types whose instants are read by `chrono` itself, as `file: line`.
fn wide_instants(file: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in source.lines() {
        // The macro `inputs!` declares inputs, too.
        inside |= line.contains("derive(") && line.contains("InputObject") || line.starts_with("inputs! {");
        if inside && line.contains("DateTime<") {
            found.push(format!("{file}: {}", line.trim()));
        }
        if line == "}" {
            inside = false;
        }
    }
    found
}

/// `chrono` reads years that neither the calendar nor a database can hold; inputs take `api::scalars::Instant`.
#[test]
fn no_input_reads_an_instant_beyond_the_calendar() {
    fn walk(folder: &Path, found: &mut Vec<String>, inputs: &mut usize) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found, inputs);
            } else if path.to_str().is_some_and(|p| p.contains("graphql")) {
                let source = fs::read_to_string(&path).unwrap();
                *inputs += source.matches("InputObject").count();
                found.extend(wide_instants(path.to_str().unwrap(), &source));
            }
        }
    }
    let (mut found, mut inputs) = (Vec::new(), 0);
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found, &mut inputs);
    assert!(inputs > 20, "the inputs were not found");
    assert_eq!(found, Vec::<String>::new());
    let planted =
        "#[derive(InputObject, Debug)]\npub struct A {\n    /// At.\n    pub at: Option<DateTime<Utc>>,\n}\npub struct B {\n    at: DateTime<Utc>,\n}\n";
    assert_eq!(wide_instants("a.rs", planted).len(), 1);
}

/// What makes a new thing, so that a request sent twice makes two, by the beginning of its name.
const MAKES: &[&str] =
    &["create", "add", "register", "save", "submit", "grant", "invite", "claim", "record", "check", "offer", "close", "set", "start", "verify", "accept"];

/// Those without an idempotency key, and why a request sent twice does no harm.
const WITHOUT_KEY: &[(&str, &str)] = &[
    ("createCardToken", "a secret for a minute, shown once; another is made"),
    ("createUpload", "a secret for one file, shown once; what is not sent is swept"),
    ("createDownload", "a link for minutes, shown once; another is made"),
    ("createCaseDownload", "a link for minutes, shown once; another is made"),
    ("addContactPoint", "sends a code; nothing is added before it comes back"),
    ("startSignUp", "sends a code; nothing is made before it comes back"),
    ("startRecovery", "sends a code; nothing is changed before it comes back"),
    ("startTotpEnrolment", "a secret, shown once; a second takes the place of the first"),
    ("acceptInvitation", "the token is good once"),
    ("setCounterPurpose", "says what holds, whatever held before"),
    ("setNoticePreferences", "says what holds, whatever held before"),
    ("verifyIdentity", "a document is verified once"),
    ("claimApplication", "guarded by expectedVersion"),
    ("acceptApplication", "guarded by expectedVersion"),
    ("recordDelivery", "guarded by expectedVersion"),
    ("startSpecialProcedure", "guarded by expectedVersion"),
];

/// Mutations that make something and have neither a key nor a place in the list, and places that are not needed.
fn keyless(types: &Value) -> Vec<String> {
    let empty = Vec::new();
    let fields = |kind: &str, list: &str| {
        let found = types.as_array().unwrap_or(&empty).iter().find(|found| found["name"] == kind);
        found.and_then(|found| found[list].as_array()).unwrap_or(&empty).iter().filter_map(|field| field["name"].as_str()).collect::<Vec<_>>()
    };
    let with = |name: &str, field: &str| fields(&format!("{}{}Input", name[..1].to_uppercase(), &name[1..]), "inputFields").contains(&field);
    let mutations = fields("Mutation", "fields");
    let makes = |name: &&&str| MAKES.iter().any(|verb| name.strip_prefix(verb).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())));
    let excused = |name: &str| WITHOUT_KEY.iter().any(|(other, _)| *other == name);
    let mut found: Vec<String> =
        mutations.iter().filter(makes).filter(|name| !with(name, "idempotencyKey") && !excused(name)).map(|name| (*name).to_owned()).collect();
    for (name, why) in WITHOUT_KEY {
        let guarded = !why.contains("expectedVersion") || with(name, "expectedVersion");
        if !mutations.contains(name) || with(name, "idempotencyKey") || !guarded {
            found.push(format!("{name}, which is no exception"));
        }
    }
    found
}

#[tokio::test]
async fn what_makes_something_has_an_idempotency_key_or_a_reason_why_not() {
    let answer = schema::build().execute(TYPES).await;
    let mut types = answer.data.into_json().expect("JSON")["__schema"]["types"].take();
    assert_eq!(keyless(&types), Vec::<String>::new());
    // One without is found, and so is an exception that is none.
    let planted = types.as_array_mut().unwrap().iter_mut().find(|kind| kind["name"] == "Mutation").unwrap();
    let fields = planted["fields"].as_array_mut().unwrap();
    fields.retain(|field| field["name"] != "claimApplication");
    fields.push(serde_json::json!({ "name": "registerSomething" }));
    assert_eq!(keyless(&types), ["registerSomething", "claimApplication, which is no exception"]);
}

/// What is wrong with the list of user errors at the end of each mutation's description.
fn untold(types: &Value) -> Vec<String> {
    let empty = Vec::new();
    let of = |kind: &str, list: &str| {
        let found = types.as_array().unwrap_or(&empty).iter().find(|found| found["name"] == kind);
        found.and_then(|found| found[list].as_array()).unwrap_or(&empty).clone()
    };
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.code()).collect();
    let mut found = Vec::new();
    for mutation in of("Mutation", "fields") {
        let name = mutation["name"].as_str().unwrap_or_default();
        let words = mutation["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let list = words.split_once("User errors: ").map_or("", |(_, list)| list);
        let named: BTreeSet<&str> = list.split(|c: char| c != '_' && !c.is_ascii_uppercase()).filter(|word| word.len() > 1).collect();
        found.extend(named.difference(&known).map(|code| format!("{name}: no code {code}")));
        if named.is_empty() != words.ends_with("No user errors.") {
            found.push(format!("{name}: neither codes nor none"));
        }
        let inputs = of(&format!("{}{}Input", name[..1].to_uppercase(), &name[1..]), "inputFields");
        for (field, code) in [("idempotencyKey", Code::IdempotencyKeyReused), ("idempotencyKey", Code::Malformed), ("expectedVersion", Code::Conflict)] {
            if inputs.iter().any(|input| input["name"] == field) && !named.contains(code.code()) {
                found.push(format!("{name}: {field} without {}", code.code()));
            }
        }
    }
    found
}

#[tokio::test]
async fn every_mutation_names_its_user_errors() {
    let answer = schema::build().execute(TYPES).await;
    let types = answer.data.into_json().expect("JSON")["__schema"]["types"].take();
    assert!(types.as_array().is_some_and(|types| types.iter().any(|kind| kind["name"] == "Mutation")), "the mutations were not found");
    assert_eq!(untold(&types), Vec::<String>::new());
    let planted = serde_json::json!([
        { "name": "Mutation", "fields": [
            { "name": "a", "description": "Does it." },
            { "name": "b", "description": "Does it. User errors: NOT_FOUND (none),\nUNHEARD_OF." },
            { "name": "c", "description": "Does it. No user errors." } ] },
        { "name": "CInput", "inputFields": [{ "name": "expectedVersion" }] },
    ]);
    assert_eq!(untold(&planted), ["a: neither codes nor none", "b: no code UNHEARD_OF", "c: expectedVersion without CONFLICT"]);
}
