//! The one integration binary: a module per slice, and the tests of the whole.
#![cfg(test)]

mod architecture;
mod catalogue;
mod harness;
mod library;
mod material;
mod person;
mod support;
mod talent;
mod talent_card;
