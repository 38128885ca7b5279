//! The one integration binary: a module per slice, and the tests of the whole.
#![cfg(test)]

mod account;
mod application;
mod architecture;
mod authz;
mod catalogue;
mod documents;
mod harness;
mod http;
mod library;
mod material;
mod migrations;
mod organisation;
mod person;
mod schema;
mod seed;
mod support;
mod talent;
mod talent_card;
