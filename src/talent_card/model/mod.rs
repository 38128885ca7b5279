//! Types and rules of talent cards: pure, total, no time of their own.

pub mod bundle;
pub mod card;
pub mod check;
pub mod ledger;
pub mod life;
pub mod number;
pub mod product;
pub mod status_list;
