//! Use cases of documents.

pub mod files;
