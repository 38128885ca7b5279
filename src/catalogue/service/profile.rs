//! What the talent's profile says, as facts. The slices of persons and profiles come before this one, so that their facts
//! are taken in here; later slices implement [`FactSource`] themselves.

use async_trait::async_trait;

use crate::catalogue::model::bundle::vocabulary;
use crate::catalogue::model::facts::{FactOrigin, FactValue, Facts};
use crate::catalogue::service::eligibility::FactSource;
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::portal::Portal;
use crate::talent::model as profile;
use crate::talent::service as talent;

/// Facts of person and profile.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProfileFacts;

#[async_trait]
impl FactSource for ProfileFacts {
    fn roots(&self) -> &'static [&'static str] {
        &["person", "employment", "talent"]
    }

    async fn facts(&self, portal: &Portal, person: PersonId) -> Result<Facts, Fault> {
        let vocabulary = vocabulary().map_err(|problem| Fault::internal(anyhow::anyhow!("{problem}")))?;
        let mut facts = Facts::new();
        for fact in talent::facts(portal, person).await? {
            // What rules may not use (a name, an employer's name) is of use for prefill only and left out here; so is a
            // value that the vocabulary does not know, which is then unknown to the rules.
            let _ = facts.insert(vocabulary, fact.name, value(fact.value), origin(fact.origin));
        }
        Ok(facts)
    }
}

fn value(value: profile::FactValue) -> FactValue {
    match value {
        profile::FactValue::Text(text) => FactValue::Text(text),
        profile::FactValue::Number(number) => FactValue::Integer(number),
        profile::FactValue::Truth(truth) => FactValue::Boolean(truth),
        profile::FactValue::Date(date) => FactValue::Date(date),
        profile::FactValue::List(list) => FactValue::TextList(list),
    }
}

const fn origin(origin: profile::FactOrigin) -> FactOrigin {
    match origin {
        profile::FactOrigin::Profile => FactOrigin::Profile,
        profile::FactOrigin::VerifiedDocument => FactOrigin::Verified,
    }
}
