//! What a talent tells about herself: education, employment, family members, and the talent categories she claims.
//!
//! Details are sealed with the key of the person for whom they were written; in the clear are ids and claimed
//! categories only. Family members are persons without an account. What is told here is a claim: it fills in forms and
//! feeds rules, with its source, and cases decide what is proved.

#[expect(missing_docs, reason = "columns are told by the migration and by the model")]
pub mod entity;
pub mod graphql;
pub mod model;
pub mod policy;
pub mod service;
pub mod store;
