//! Types and rules of bodies, units, regions and the calendar.

pub mod body;
pub mod calendar;
pub mod name;
pub mod reference;
pub mod unit;
