//! Use cases: read the catalogue, publish the bundle, offer and route, judge eligibility.

mod eligibility;
mod offering;
mod publish;
mod read;
pub mod succession;

pub use eligibility::{EligibilityAnswer, FactSource, FactSources, eligibility, known_facts};
pub use offering::{OfferItems, offer_items};
pub use publish::{Handlers, Offer, PublishReport, UnitPlace, bind_units, check_bundle, offer, publish_bundle, publish_given, route_to};
pub use read::{
    BY_CODE, BY_REGION, CompiledVersions, ItemFilter, OfferingFilter, class_list, current_versions, item_by_code, item_page, items_by_ids, offering_page,
    offerings_by_ids, offerings_of_items, route, version, version_in, versions, versions_in,
};
