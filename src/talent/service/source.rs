//! What the portal knows of a person, for the rules of the catalogue. Registered in `app`.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::catalogue::model::bundle::vocabulary;
use crate::catalogue::model::facts::{FactOrigin, FactValue, Facts};
use crate::catalogue::service::FactSource;
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::portal::Portal;
use crate::talent::model;
use crate::talent::service::facts as known;

/// Facts of person and profile: `person`, `talent`, `employment`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProfileFacts;

#[async_trait]
impl FactSource for ProfileFacts {
    fn roots(&self) -> &'static [&'static str] {
        &["person", "talent", "employment"]
    }

    async fn facts(&self, portal: &Portal, person: PersonId, asked: &BTreeSet<&str>) -> Result<Facts, Fault> {
        let vocabulary = vocabulary().map_err(|problem| Fault::internal(anyhow::anyhow!("{problem}")))?;
        let mut facts = Facts::new();
        for fact in known(portal, person, asked).await? {
            // What no rule may ask, and a claimed category that is none of the catalogue's, is left out: unknown.
            let _undeclared = facts.insert(vocabulary, fact.name, value(fact.value), origin(fact.origin));
        }
        Ok(facts)
    }
}

fn value(value: model::FactValue) -> FactValue {
    match value {
        model::FactValue::Text(text) => FactValue::Text(text),
        model::FactValue::Number(number) => FactValue::Integer(number),
        model::FactValue::Truth(truth) => FactValue::Boolean(truth),
        model::FactValue::Date(date) => FactValue::Date(date),
        model::FactValue::List(list) => FactValue::TextList(list),
    }
}

const fn origin(origin: model::FactOrigin) -> FactOrigin {
    match origin {
        model::FactOrigin::Profile => FactOrigin::Profile,
        model::FactOrigin::VerifiedDocument => FactOrigin::Verified,
    }
}
