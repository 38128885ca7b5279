//! Documents that people hand in (材料): uploaded once, kept sealed, used in many cases.
//!
//! A client declares a file (`createUpload`), sends its bytes to `PUT /uploads/{token}` in one or more pieces, and
//! gets a version of a document. The bytes are judged by content, compared with the declared SHA-256, sealed with the
//! owner's data key piece by piece, and lie in an object store under names made of ids. File first, row second:
//! what has no row is swept. A version never changes; it is read through a short-lived token (`createDownload`,
//! `GET /files/{token}`, a small picture of it by `GET /files/{token}/preview`), by an officer only through a case that she reaches, and not before the virus scanner, where
//! one is configured, has judged it. What is never handed in within 24 hours is swept too.

pub mod adapter;
pub mod entity;
pub mod graphql;
pub mod job;
pub mod model;
pub mod policy;
pub mod service;
pub mod store;
