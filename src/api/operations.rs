//! Stored operations: what the front ends really send, by the SHA-256 of the document.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

use crate::kernel::seal::sha256_hex;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/schema/operations");

static BY_ID: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| all().map(|(_, text)| (sha256_hex(text), text)).collect());

static NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| all().flat_map(|(_, text)| names(text)).collect());

/// The names of the operations of a stored document, each of which begins its line.
fn names(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter_map(|line| {
        let rest = ["query ", "mutation ", "subscription "].iter().find_map(|kind| line.strip_prefix(kind))?;
        rest.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).next().filter(|name| !name.is_empty())
    })
}

/// The name, where a stored operation has it.
pub fn stored_name(name: &str) -> Option<&'static str> {
    NAMES.get(name).copied()
}

fn files(dir: &'static Dir<'static>) -> Vec<&'static include_dir::File<'static>> {
    dir.files().chain(dir.dirs().flat_map(files)).collect()
}

/// Path and text of every stored operation.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    files(&FILES).into_iter().filter(|f| f.path().extension().is_some_and(|e| e == "graphql")).filter_map(|f| Some((f.path().to_str()?, f.contents_utf8()?)))
}

/// The document with this id (64 hexadecimal digits), if it is stored.
pub fn document(id: &str) -> Option<&'static str> {
    BY_ID.get(id).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_operation_is_known_by_its_name() {
        for (path, text) in all() {
            let document = async_graphql::parser::parse_query(text).unwrap();
            let parsed: HashSet<&str> = document.operations.iter().filter_map(|(name, _)| name.map(async_graphql::Name::as_str)).collect();
            assert!(!parsed.is_empty() && parsed == names(text).collect(), "{path}");
        }
        assert_eq!(stored_name("ChenDaWen"), None);
    }
}
