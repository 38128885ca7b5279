//! Persons, with or without an account: name, birth date, nationality, identity documents, and the key that seals
//! what is known about them.
//!
//! A person who never signed up (a child, a spouse, a walk-in) is a person all the same. Verified document numbers are
//! unique, claimed ones never: nobody can squat a number or learn from a refusal who is here. An officer who reads an
//! original verifies a document; if the number is verified for somebody else without an account, the two become one:
//! the id of the one redirects to the other, and what was written under it stays where it is, sealed with its own key.
//! So whoever lists what belongs to a person asks for all her identities ([`service::identities`]).

#[expect(missing_docs, reason = "columns are told by the migration and by the model")]
pub mod entity;
pub mod graphql;
pub mod loader;
pub mod model;
pub mod policy;
pub mod service;
pub mod store;
