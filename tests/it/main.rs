//! The one integration binary: a module per slice, and the tests of the whole.
#![cfg(test)]

mod account;
mod application;
mod application_rights;
mod architecture;
mod audit;
mod authz;
mod case_units;
mod catalogue;
mod commands;
mod dealing;
mod documents;
mod factors;
mod harness;
mod http;
mod library;
mod live;
mod mail;
mod material;
mod migrations;
mod operations;
mod organisation;
mod passwords;
mod person;
mod private;
mod refusals;
mod s3;
mod schema;
mod seed;
mod shapes;
mod socket;
mod support;
mod talent;
mod talent_card;
