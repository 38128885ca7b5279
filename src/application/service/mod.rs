//! Use cases of the slice.

pub mod cart;
pub mod check;
pub mod dealing;
pub mod engine;
pub mod fulfilment;
pub mod merge;
pub mod news;
pub mod origin;
pub mod papers;
pub mod recount;
pub mod requests;
pub mod steps;
pub mod submit;
pub mod succession;
pub mod view;
pub mod work;
