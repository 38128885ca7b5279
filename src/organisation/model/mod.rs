//! Types and rules of bodies, units, regions and the calendar.

pub mod calendar;
pub mod reference;
