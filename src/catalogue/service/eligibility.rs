//! Eligibility: facts from the slices that know them, and what the asker supposes, judged by the rules of a version.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use crate::catalogue::model::facts::Facts;
use crate::catalogue::model::item::CompiledVersion;
use crate::catalogue::model::rule::{Outcome, RuleAnswer, RuleFault};
use crate::catalogue::policy;
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::portal::Portal;

/// A slice that knows facts of persons. Registered in `app`.
#[async_trait]
pub trait FactSource: Send + Sync {
    /// First words of the paths that it knows, for example `employment`.
    fn roots(&self) -> &'static [&'static str];

    /// What is known of a person among the asked paths. What is not known is left out, what nobody asks is not read.
    async fn facts(&self, portal: &Portal, person: PersonId, asked: &BTreeSet<&str>) -> Result<Facts, Fault>;
}

/// The registered sources, a [`Portal`] part. Later ones win where two know the same fact.
#[derive(Clone, Default)]
pub struct FactSources(Vec<Arc<dyn FactSource>>);

impl std::fmt::Debug for FactSources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FactSources({})", self.0.len())
    }
}

impl FactSources {
    /// Adds a source.
    #[must_use]
    pub fn with(mut self, source: Arc<dyn FactSource>) -> Self {
        self.0.push(source);
        self
    }
}

/// What the rules of a version say, and which materials would be asked for.
#[derive(Clone, Debug)]
pub struct EligibilityAnswer {
    /// The rules.
    pub rules: RuleAnswer,
    /// Keys of the materials with whether each is asked for.
    pub materials: Vec<(String, Outcome)>,
}

fn fault(fault: RuleFault) -> Fault {
    Fault::internal(fault)
}

/// What the registered sources know of a person that the version's rules ask for, and the day.
pub async fn known_facts(portal: &Portal, person: PersonId, version: &CompiledVersion) -> Result<Facts, Fault> {
    let asked = version.rules.facts();
    let mut facts = Facts::new();
    for source in &portal.part::<FactSources>()?.0 {
        if source.roots().iter().any(|root| asked.iter().any(|path| path.split('.').next() == Some(root))) {
            facts.extend(source.facts(portal, person, &asked).await?);
        }
    }
    facts.set_today(portal.env.today());
    Ok(facts)
}

/// Judges an actor by the rules of a version. `what_if` goes before what is known; nothing is stored.
///
/// Without an account only `what_if` and the day are known.
pub async fn eligibility(portal: &Portal, actor: &Actor, version: &CompiledVersion, what_if: Facts) -> Result<EligibilityAnswer, Fault> {
    policy::may_read(actor)?;
    let mut facts = match actor.person() {
        Some(person) => known_facts(portal, person, version).await?,
        None => Facts::new(),
    };
    facts.extend(what_if);
    facts.set_today(portal.env.today());
    let materials = version.materials(&facts).map_err(fault)?.into_iter().map(|(m, outcome)| (m.key.clone(), outcome)).collect();
    Ok(EligibilityAnswer { rules: version.rules.evaluate(&facts).map_err(fault)?, materials })
}
