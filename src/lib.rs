//! The backend of the Greater Bay Area talent-service portal: one GraphQL API over SQLite or PostgreSQL.
//!
//! Read [`kernel`] first, then a slice (each tells itself in its `mod.rs`), then [`app`], which puts all together.
//! `ARCHITECTURE.md` draws the house.

pub mod config;
pub mod db;
pub mod kernel;
pub mod portal;

#[macro_use]
pub mod api;

// The slices, each using only those before it.
pub mod account;
pub mod application;
pub mod audit;
pub mod catalogue;
pub mod material;
pub mod notice;
pub mod organisation;
pub mod person;
pub mod talent;
pub mod talent_card;

pub mod app;
pub mod demo;
pub mod http;
pub mod seed;
