//! Orders (carts) and cases (办件): one engine for every service item.
//!
//! The legal clock of a case is pure: [`model::clock`].

pub mod model;
