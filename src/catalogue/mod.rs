//! Service items (事项), their versions, offerings, routing, forms, materials, rules and texts.
//!
//! An item says what; a version says how, by legal basis: form, materials, rules, steps, fulfilment. An offering says
//! where and by when: unit × version with limits, channels, intake periods and effective dates. Routing leads from a
//! region, zone and category to an offering. A case pins version and offering at its submission.
//!
//! The data live in `catalogue/` and are embedded. Publishing a bundle adds versions where the content differs,
//! alters none, and refuses an older bundle. Every row tells how far it may be relied on and where it was read.
//!
//! Rules are three-valued trees over declared facts; later slices give the facts through
//! `service::FactSource`.

pub mod entity;
pub mod graphql;
pub mod model;
pub mod policy;
pub mod service;
pub mod store;
