//! Documents do not rot: what they name is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "schema/README.md", "docs/clients.md", SECURITY];
/// What is asked of a secure portal, and the tests that show it.
const SECURITY: &str = "docs/security.md";
/// What a name of a file of this project ends with.
const ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".sh", ".graphql", ".csv", ".ftl", ".json", ".lock", ".sha256", ".html"];
/// Made by building or running, not there in a clean checkout.
const MADE: &[&str] = &["target", "data"];

/// Paths that a text names and that are not below `root`: links, words with the ending of a file, words that begin with
/// a folder of the project.
fn missing(root: &Path, text: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
        if !link.is_empty() && !link.contains(':') && !root.join(link).exists() {
            found.insert(link.to_owned());
        }
    }
    let outside = |c: char| !(c.is_ascii_alphanumeric() || "_./-<>*{}:$=".contains(c));
    // An ellipsis makes a pattern of a word.
    for word in text.replace('…', "*").split(outside) {
        let word = word.trim_end_matches(['.', ':']).trim_start_matches("./");
        // Addresses, patterns and absolute paths name no file of the project.
        if word.starts_with('/') || word.contains(['<', '>', '*', '{', '}', ':', '$', '=']) {
            continue;
        }
        let (first, inner) = word.split_once('/').map_or((word, false), |(first, _)| (first, true));
        if first.is_empty() || MADE.contains(&first) {
            continue;
        }
        let file = ENDINGS.iter().any(|ending| word.len() > ending.len() && word.ends_with(ending));
        // Not `model.rs` alone: that is the name of a layer.
        let named = if inner { file || root.join(first).is_dir() } else { file && Path::new(word).extension().is_none_or(|e| e != "rs") };
        if named && !root.join(word).exists() {
            found.insert(word.to_owned());
        }
    }
    found.into_iter().collect()
}

#[test]
fn what_the_documents_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).unwrap_or_else(|error| panic!("{document}: {error}"));
        assert_eq!(missing(root, &text), Vec::<String>::new(), "{document} names what is not there");
    }
}

#[test]
fn a_planted_path_is_found_however_it_is_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for text in ["see `src/nothing/`.", "see [it](docs/nothing.md#part)", "bash nothing.sh", "src/kernel/nothing.rs: no", "([`nothing/at/all.rs`])"] {
        assert_eq!(missing(root, text).len(), 1, "{text}");
    }
    let fine =
        "`src/kernel/`, src/main.rs. [x](Cargo.toml) `src/<slice>/model.rs` model.rs /readyz http://127.0.0.1:8080/src/x.rs a/b target/debug/x ./data/x.json";
    assert_eq!(missing(root, fine), Vec::<String>::new());
}

/// The code of every file below a folder.
fn code(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            code(&entry, all);
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            all.push_str(&fs::read_to_string(entry).unwrap());
        }
    }
}

/// What is wrong with a table whose last column names tests: a row that names none and does not say so, a test that is
/// not there.
fn unshown(text: &str, code: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in text.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit()) {
        let shown = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let named: Vec<&str> = shown.split('`').skip(1).step_by(2).filter(|name| name.contains('_')).collect();
        if named.is_empty() && !shown.starts_with("not yet") {
            wrong.push(row.to_owned());
        }
        // A test takes nothing, or a portal.
        wrong.extend(
            named.iter().filter(|name| !["()", "(app: TestApp)"].iter().any(|takes| code.contains(&format!("fn {name}{takes}")))).map(ToString::to_string),
        );
    }
    wrong
}

#[test]
fn each_line_about_security_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (text, mut all) = (fs::read_to_string(root.join(SECURITY)).unwrap(), String::new());
    code(&root.join("src"), &mut all);
    code(&root.join("tests/it"), &mut all);
    assert!(text.lines().filter(|line| line.starts_with("| ")).count() > 40);
    assert_eq!(unshown(&text, &all), Vec::<String>::new());
    let planted =
        "| 1 | a | `a_test_that_is_not_there` |\n| 2 | b | nothing |\n| 3 | c | not yet |\n| 4 | d | `what_the_documents_name_is_there`; more: not yet |";
    assert_eq!(unshown(planted, &all), ["a_test_that_is_not_there", "| 2 | b | nothing |"]);
}
