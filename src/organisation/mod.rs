//! Bodies (机构), government units, regions, zones and the official calendar.
//!
//! A **body** is an organisation with, as a rule, a unified social credit code (USCC, 统一社会信用代码): GOVERNMENT,
//! DELIVERING, EMPLOYER, `PUBLIC_INSTITUTION`, PROFESSIONAL or EVALUATION. A **unit** is a place of work of a government
//! body in the one tree PROVINCE → CITY → DISTRICT → WINDOW; 东莞 and 中山 have no district level. Units close with a
//! successor and never vanish, and a grant at a unit reaches all below it by the materialised path.
//! **Regions** (GB/T 2260) and **zones** (前海, 南沙, 横琴) are attributes of a unit, not levels of the tree.
//! The **calendar** says which days are working days; every legal period counts by it.
//! Regions, zones and calendar come with the binary (`catalogue/*.toml`) and are written to the store at start.
//! Uses `audit`; is used by every later slice.

pub mod entity;
pub mod graphql;
pub mod loader;
pub mod model;
pub mod policy;
pub mod service;
pub mod store;
