//! Stored operations: what the front ends really send, by the SHA-256 of the document.

use std::collections::HashMap;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

use crate::kernel::seal::sha256_hex;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/schema/operations");

static BY_ID: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| all().map(|(_, text)| (sha256_hex(text), text)).collect());

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
