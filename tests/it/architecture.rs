//! Who imports whom. The rules stand in `ARCHITECTURE.md`; here they are held.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The slices; each may use those before it.
const SLICES: &[&str] = &[
    "audit",
    "organisation",
    "person",
    "account",
    "talent",
    "catalogue",
    "material",
    "application",
    "notice",
    "talent_card",
    "qualification",
    "service_window",
    "job",
];

/// Files that implement a trait of a later slice: the slice owns the trait, `app` registers the implementation.
const INVERSIONS: &[(&str, &str)] = &[("talent/service/source.rs", "catalogue")];

/// Each layer with what it may import; `*` also in the slices before, `**` in every slice.
const TABLE: &[(&str, &[&str])] = &[
    ("kernel", &["kernel"]),
    ("config", &["kernel"]),
    ("db", &["kernel", "config"]),
    ("portal", &["kernel", "config", "db"]),
    ("model", &["kernel", "*model"]),
    ("policy", &["kernel", "model"]),
    ("entity", &["kernel", "*model", "entity"]),
    ("store", &["kernel", "*model", "entity"]),
    ("read", &["kernel", "**model", "**entity"]),
    // `config` for its `Settings`, which `Portal` carries to every service.
    ("service", &["kernel", "config", "db", "portal", "*model", "policy", "store", "read", "*service"]),
    ("adapter", &["kernel", "portal", "*model"]),
    // `db` for its engine: what wakes the sequencer differs (PostgreSQL has LISTEN, SQLite has one process).
    // Its own adapter: what leaves the process leaves from a job, after the commit.
    ("job", &["kernel", "db", "portal", "adapter", "*model", "*service"]),
    ("loader", &["kernel", "*model", "store"]),
    ("graphql", &["kernel", "portal", "api", "**model", "**service", "loader", "**graphql"]),
    ("api", &["kernel", "portal", "api", "**loader", "**graphql", "**service"]),
    ("http", &["kernel", "portal", "config", "api", "http", "**service"]),
];

/// Where a file stands: its slice, if any, and its layer. `None` may import anything (`app`, `demo`, `seed`, `main`, `lib`, a slice's `mod`).
fn place(file: &str) -> Option<(Option<&str>, &str)> {
    let mut parts = file.trim_end_matches(".rs").split('/');
    let (first, second) = (parts.next()?, parts.next());
    if SLICES.contains(&first) {
        let layer = second.filter(|layer| *layer != "mod")?;
        return Some((Some(first), layer));
    }
    (!["app", "demo", "seed", "main", "lib"].contains(&first)).then_some((None, first))
}

/// Every complaint about one file of `src`, named by its path below `src`.
fn complaints(file: &str, source: &str) -> Vec<String> {
    let code = production_code(source);
    let Some((slice, layer)) = place(file) else { return Vec::new() };
    let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == layer) else {
        return vec![format!("{file}: no layer is called '{layer}'")];
    };
    let mut found = BTreeSet::new();
    // One step up from `person/model/document.rs` is the layer itself; from `person/model.rs` it is the slice.
    let inside = match slice {
        Some(_) => file.matches('/').count() > 1,
        None => file.contains('/'),
    } && !file.ends_with("/mod.rs");
    for (at, word) in words(&code) {
        if word == "super" && (!inside || code[at..].starts_with("super::super")) {
            found.insert(format!("{file}: this 'super::' leaves the layer and hides what is imported"));
        }
    }
    for path in imports(&code) {
        let first = path[0].as_str();
        let module = SLICES.contains(&first) || TABLE.iter().any(|(layer, _)| *layer == first) || first == "app";
        if path.len() == 1 && !module {
            continue; // A macro of the kernel; macros live at the root.
        }
        let to = if SLICES.contains(&first) {
            let Some(layer) = path.get(1) else {
                found.insert(format!("{file}: 'crate::{first}' names no layer"));
                continue;
            };
            (Some(first), layer.as_str())
        } else {
            (None, first)
        };
        let order = |slice: &str| SLICES.iter().position(|known| *known == slice);
        let fine = allowed.iter().any(|rule| {
            let name = rule.trim_start_matches('*');
            name == to.1
                && match (to.0, rule.len() - name.len()) {
                    (None, _) => !["model", "policy", "entity", "store", "read", "service", "adapter", "loader", "graphql"].contains(&name),
                    (target, 0) => target == slice,
                    (Some(target), 1) => slice.is_some_and(|own| order(target) <= order(own)),
                    (Some(_), _) => true,
                }
        });
        let inverted = INVERSIONS.iter().any(|(implementer, owner)| *implementer == file && to.0 == Some(*owner));
        if !fine && !inverted {
            found.insert(format!("{file}: {layer} may not import crate::{}", path.join("::")));
        }
    }
    found.into_iter().collect()
}

/// The source without comments, without the insides of strings, and without its `mod tests`.
fn production_code(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
        } else if c == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |at| at + 2)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find('\'').map_or(rest.len(), |at| at + 2 + usize::from(rest[1..].starts_with("\\'")))
        } else {
            0
        };
        if skip == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            rest = &rest[skip..];
        }
    }
    // `mod tests` stands last in a file.
    let end = code.find("#[cfg(test)]\nmod tests").unwrap_or(code.len());
    code.truncate(end);
    code
}

/// The number of `#` where a raw string begins.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// The words of the code with their places.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let boundary = |c: char| !c.is_alphanumeric() && c != '_';
    code.split(boundary).map(move |word| (word.as_ptr() as usize - code.as_ptr() as usize, word))
}

/// Every path that begins with `crate::`, a use tree in braces taken apart.
fn imports(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, word) in words(code) {
        if word == "crate" && code[at + word.len()..].starts_with("::") {
            tree(&code[at + word.len() + 2..], &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Reads one use tree; returns what follows it.
fn tree<'a>(text: &'a str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let before = rest.len();
            rest = tree(rest, prefix, found).trim_start();
            // `as name` and what is no use tree at all.
            let next = rest.find([',', '}']).unwrap_or(rest.len());
            rest = rest[next..].strip_prefix(',').unwrap_or(&rest[next..]);
            if rest.is_empty() || rest.len() == before {
                return rest;
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word == "self" {
        found.push(prefix.clone());
        return rest;
    }
    prefix.push(word.to_owned());
    let after = rest.strip_prefix("::").filter(|after| after.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '{'));
    let rest = if let Some(after) = after {
        tree(after, prefix, found)
    } else {
        found.push(prefix.clone());
        rest
    };
    prefix.pop();
    rest
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn imports_follow_the_tables() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let mut all = String::new();
    for file in files {
        let name = file.strip_prefix(&root).expect("a file of src").to_str().expect("a path in UTF-8").to_owned();
        for complaint in complaints(&name, &fs::read_to_string(&file).expect("a source")) {
            writeln!(all, "{complaint}").expect("a line");
        }
    }
    assert!(all.is_empty(), "\n{all}");
}

#[test]
fn a_planted_import_is_found_however_it_is_written() {
    for (file, source) in [
        ("person/model.rs", "use crate::person::store;"),
        ("person/model/document.rs", "use crate::db::Db;"),
        ("person/policy.rs", "use crate::organisation::model::Unit;"),
        ("person/service.rs", "fn f() { crate::account::service::session(); }"),
        ("person/service/keys.rs", "use crate::{kernel::env::Env, organisation::{model::Unit, store}};"),
        ("person/store.rs", "use crate::portal::Portal;"),
        ("person/entity.rs", "use crate::organisation::entity;"),
        ("person/graphql.rs", "use crate::person::{\n    model::Person, // fine\n    store as s,\n};"),
        ("person/loader.rs", "use crate::person::service;"),
        ("person/adapter.rs", "use crate::person::service;"),
        ("person/job.rs", "use crate::person::store;"),
        ("kernel/ids.rs", "use crate::person::model::Person;"),
        ("http/router.rs", "use crate::person::store;"),
        ("api/context.rs", "use crate::person::store;"),
        ("portal.rs", "use crate::person::service;"),
        ("person/service.rs", "use crate::organisation::entity;"),
        ("person/service.rs", "use super::store;"),
        ("person/model/mod.rs", "use super::store;"),
        ("person/model/document.rs", "use super::super::store;"),
        ("person/service.rs", "use crate::app;"),
        ("person/helpers.rs", "fn f() {}"),
        ("person/service.rs", "use crate::person;"),
        ("person/model.rs", "const A: &str = \"\\\"\"; const B: char = '\"'; use crate::person::store;"),
    ] {
        assert_eq!(complaints(file, source).len(), 1, "{file}: {source}");
    }
}

#[test]
fn what_the_tables_allow_is_not_complained_about() {
    for (file, source) in [
        ("person/model.rs", "// use crate::person::store;\n/* crate::db */ const A: &str = \"crate::db::Db\"; const B: &str = r#\"crate::\"db\"#;"),
        ("person/service.rs", "use crate::{db, kernel::env::Env, portal::Portal, person::{model, policy, store}, audit::service::{self, record}};"),
        ("person/model.rs", "crate::typed_id!(A, \"a\");\n#[cfg(test)]\nmod tests { use super::*; use crate::db::Db; }"),
        ("audit/read.rs", "use crate::person::{entity, model};"),
        ("audit/graphql/types.rs", "use crate::talent_card::{graphql::types::Card, service};"),
        ("person/model/document.rs", "use crate::coded_enum;\nuse super::country::Country;"),
        ("kernel/env.rs", "use super::clock::Clock;"),
        ("person/mod.rs", "pub mod model;"),
        ("app.rs", "use crate::person::store;"),
    ] {
        assert_eq!(complaints(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}

/// Runs a script of `.ci` with arguments: its exit code, and what it prints.
fn script(name: &str, arguments: &[&Path], path: Option<&Path>) -> (i32, String) {
    let mut command = Command::new("bash");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci").join(name)).args(arguments);
    if let Some(first) = path {
        let others = std::env::var_os("PATH").unwrap_or_default();
        command.env("PATH", std::env::join_paths(std::iter::once(first.to_owned()).chain(std::env::split_paths(&others))).expect("a path"));
    }
    let output = command.output().expect("bash");
    (output.status.code().expect("an end by itself"), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Runs the greps over a folder: whether they are content, and what they print.
fn greps(folder: &Path) -> (bool, String) {
    let (code, found) = script("greps", &[folder], None);
    assert!(code < 2, "the greps could not look: {found}");
    (code == 0, found)
}

#[test]
fn the_greps_find_nothing() {
    let (content, found) = greps(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(content, "\n{found}");
}

#[test]
fn the_greps_find_what_is_planted_in_files_and_in_folders() {
    let plant = |file: &str, source: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("src").join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::create_dir_all(folder.path().join("src/kernel")).expect("a folder");
        fs::write(path, source).expect("a source");
        greps(folder.path())
    };
    for (file, source) in [
        ("person/model.rs", "async fn f() {}"),
        ("person/model/document.rs", "use sea_orm::DbErr;"),
        ("person/policy.rs", "use axum::Router;"),
        ("person/service.rs", "use async_graphql::ID;"),
        ("person/service/keys.rs", "use async_graphql::ID;"),
        ("person/store.rs", "use async_graphql::ID;"),
        ("person/entity.rs", "use async_graphql::ID;"),
        ("kernel/ids.rs", "use async_graphql::ID;"),
        ("person/store.rs", "let t = db.begin().await;"),
        ("person/graphql.rs", "let t = db.begin_write().await;"),
        ("person/job.rs", "txn.commit().await;"),
        ("person/graphql.rs", "use async_graphql::Result;"),
        ("person/graphql/query.rs", "use async_graphql::{\n    Context,\n    Error,\n};"),
        ("person/graphql.rs", "use async_graphql::*;"),
        ("person/read.rs", "q.cursor_by((A, B))"),
    ] {
        let (content, found) = plant(file, source);
        assert!(!content && found.contains(file), "{file}: {source}\n{found}");
    }
    for (file, source) in [
        ("person/service.rs", "portal.db.begin_write().await; portal.commit(txn).await;"),
        ("person/service/keys.rs", "db.keys().begin().await; txn.commit().await;"),
        ("person/graphql.rs", "use async_graphql::{Context, Object};"),
    ] {
        assert_eq!(plant(file, source), (true, String::new()), "{file}: {source}");
    }
}

/// A grep that fails looks like one that finds nothing, unless its code is asked for.
#[test]
fn greps_that_cannot_look_fail() {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, source) in [("person/model.rs", ""), ("person/service.rs", ""), ("person/graphql.rs", ""), ("kernel/ids.rs", "")] {
        let path = folder.path().join("src").join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, source).expect("a source");
    }
    assert_eq!(script("greps", &[folder.path()], None), (0, String::new()));
    // One grep of all fails, as for a file that is gone or a pattern that is wrong.
    let programs = tempfile::tempdir().expect("a folder");
    let real = std::env::split_paths(&std::env::var_os("PATH").expect("a path")).map(|path| path.join("grep")).find(|path| path.exists()).expect("grep");
    for pattern in ["(model|policy)(", "(graphql)(", "axum", "\\basync_graphql", "begin_(write", "service(\\.rs|/[^:]", "use async_graphql", "cursor_by"] {
        let fake = format!("#!/bin/bash\n[[ \"$*\" != *'{pattern}'* ]] || exit 2\nexec {} \"$@\"\n", real.display());
        fs::write(programs.path().join("grep"), fake).expect("a program");
        fs::set_permissions(programs.path().join("grep"), fs::Permissions::from_mode(0o755)).expect("a mode");
        let (code, told) = script("greps", &[folder.path()], Some(programs.path()));
        assert_eq!(code, 2, "{pattern}: {told}");
    }
    // A link that leads nowhere: a grep that really fails.
    std::os::unix::fs::symlink("nowhere", folder.path().join("src/person/policy.rs")).expect("a link");
    let (code, told) = script("greps", &[folder.path()], None);
    assert!(code == 2 && told.contains("policy.rs"), "{code}: {told}");
    fs::remove_dir_all(folder.path().join("src")).expect("no sources");
    assert_ne!(script("greps", &[folder.path()], None).0, 0);
}

/// A checkout of migrations that have landed, changed by `edit` of a file: the code, and what is told.
fn landed_after(file: &str, edit: impl FnOnce(String) -> String) -> (i32, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = folder.path().join("migration/src");
    fs::create_dir_all(&sources).expect("a folder");
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migration/src")).expect("migrations") {
        let entry = entry.expect("a migration");
        fs::copy(entry.path(), sources.join(entry.file_name())).expect("a copy");
    }
    let (code, list) = script("landed", &[Path::new("--list"), folder.path()], None);
    assert_eq!(code, 0, "{list}");
    fs::write(folder.path().join("migration/landed.sha256"), list).expect("a list");
    let path = sources.join(file);
    let before = fs::read_to_string(&path).unwrap_or_default();
    let after = edit(before.clone());
    assert_ne!(before, after, "{file}: nothing was planted");
    if after.is_empty() {
        fs::remove_file(path).expect("a file");
    } else {
        fs::write(path, after).expect("a file");
    }
    script("landed", &[folder.path()], None)
}

const LANDED: &str = "m20261124_000002_create_organisation";

#[test]
fn what_landed_of_the_migrations_is_neither_changed_nor_reordered() {
    let line = |name: &str| format!("            Box::new({name}::Migration),\n");
    let (audit, organisation) = (line("m20261124_000001_create_audit"), line(LANDED));
    for (file, edit) in [
        (format!("{LANDED}.rs"), Box::new(|s: String| s + "\n// ") as Box<dyn FnOnce(String) -> String>),
        (format!("{LANDED}.rs"), Box::new(|_| String::new())),
        // A helper that every migration calls.
        ("schema.rs".into(), Box::new(|s| s.replace("ColumnDef::new(name).text().not_null()", "ColumnDef::new(name).text()"))),
        ("schema.rs".into(), Box::new(|s| s.replace("    let mut index = Index::create();\n", "    let mut index = Index::create();\n    index.unique();\n"))),
        ("schema.rs".into(), Box::new(|s| s.replace("fn uuid_null(", "fn maybe_uuid("))),
        ("lib.rs".into(), Box::new(|s| s.replace(&line(LANDED), ""))),
        ("lib.rs".into(), Box::new(move |s| s.replace(&format!("{audit}{organisation}"), &format!("{organisation}{audit}")))),
        ("lib.rs".into(), Box::new(|s| s.replace(&line(LANDED), &format!("{}{}", line("m20261201_000001_between"), line(LANDED))))),
        ("lib.rs".into(), Box::new(|s| s.replace("m20261124_000001_create_person_key::", "m20261124_000002_create_person_key::"))),
    ] {
        let (code, told) = landed_after(&file, edit);
        assert!(code == 1 && told.contains("changed since it landed"), "{file}: {code} {told}");
    }
}

#[test]
fn new_migrations_and_helpers_may_come_after_what_landed() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("migration/src/lib.rs")).expect("the lists");
    let list = lib.split("struct KeyMigrator").next().expect("the list of the data store");
    let last = list.lines().rfind(|line| line.trim_start().starts_with("Box::new(")).expect("a migration").to_owned() + "\n";
    let added = format!("{last}            Box::new(m20271201_000001_add::Migration),\n");
    for (file, edit) in [
        ("m20271201_000001_add.rs", Box::new(|_| "// new".to_owned()) as Box<dyn FnOnce(String) -> String>),
        ("schema.rs", Box::new(|s| s + "\n/// New.\npub fn new() {}\n")),
        ("schema.rs", Box::new(|s| s.replacen("/// Primary key `id`.", "/// New.\npub fn new() {}\n\n/// Primary key `id`.", 1))),
        ("lib.rs", Box::new(move |s| s.replace(&last, &added).replace("pub mod schema;", "mod m20271201_000001_add;\npub mod schema;"))),
    ] {
        assert_eq!(landed_after(file, edit), (0, String::new()), "{file}");
    }
}
