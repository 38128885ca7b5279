//! A body (机构): an organisation, inside the government or not.

use chrono::{DateTime, Utc};

use crate::coded_enum;
use crate::kernel::code::Verification;
use crate::kernel::ids::BodyId;
use crate::kernel::text::Text;

coded_enum! {
    /// What a body is to the portal.
    pub enum BodyKind {
        /// A government body (行政机关), whose units handle cases.
        Government => "GOVERNMENT",
        /// A body that delivers benefits, for example a hospital or a school.
        Delivering => "DELIVERING",
        /// An employer.
        Employer => "EMPLOYER",
        /// A public institution (事业单位).
        PublicInstitution => "PUBLIC_INSTITUTION",
        /// A professional body, for example of accountants.
        Professional => "PROFESSIONAL",
        /// A body that evaluates skills or titles (评价机构).
        Evaluation => "EVALUATION",
    }
}

/// A body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Id.
    pub id: BodyId,
    /// What it is to the portal.
    pub kind: BodyKind,
    /// Name.
    pub name: Text,
    /// Unified social credit code, 18 characters; bodies outside the Mainland have none.
    pub uscc: Option<String>,
    /// Region (GB/T 2260) where it sits.
    pub region_code: Option<String>,
    /// How far the row may be relied on.
    pub verification: Verification,
    /// When the portal came to know it (UTC).
    pub created_at: DateTime<Utc>,
    /// When it was closed (UTC).
    pub closed_at: Option<DateTime<Utc>>,
    /// Who took over.
    pub successor: Option<BodyId>,
    /// Version for optimistic concurrency, from 1.
    pub version: i64,
}

/// What a new body is made of. Values are parsed already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBody {
    /// What it is to the portal.
    pub kind: BodyKind,
    /// Name.
    pub name: Text,
    /// Unified social credit code, 18 characters.
    pub uscc: Option<String>,
    /// Region where it sits.
    pub region_code: Option<String>,
    /// How far the row may be relied on.
    pub verification: Verification,
}
