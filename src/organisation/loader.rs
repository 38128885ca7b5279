//! Units and bodies by id for fields beside bare ids: one statement for all of a list. Both are shown where their id is.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use sea_orm::DatabaseConnection;

use crate::kernel::fault::Fault;
use crate::kernel::ids::{BodyId, UnitId};
use crate::organisation::model::body::Body;
use crate::organisation::model::unit::Unit;
use crate::organisation::store;

/// Loads by the connection for reading.
#[derive(Clone, Debug)]
pub struct OrganisationLoader(pub DatabaseConnection);

impl Loader<BodyId> for OrganisationLoader {
    type Value = Body;
    type Error = Fault;

    async fn load(&self, ids: &[BodyId]) -> Result<HashMap<BodyId, Body>, Fault> {
        Ok(store::bodies(&self.0, ids).await?)
    }
}

impl Loader<UnitId> for OrganisationLoader {
    /// With its body.
    type Value = (Unit, Body);
    type Error = Fault;

    async fn load(&self, ids: &[UnitId]) -> Result<HashMap<UnitId, (Unit, Body)>, Fault> {
        let units = store::units(&self.0, ids).await?;
        let mut bodies: Vec<BodyId> = units.values().map(|unit| unit.body).collect();
        bodies.sort_unstable();
        bodies.dedup();
        let bodies = store::bodies(&self.0, &bodies).await?;
        let placed = |(id, unit): (UnitId, Unit)| bodies.get(&unit.body).cloned().map(|body| (id, (unit, body)));
        Ok(units.into_iter().filter_map(placed).collect())
    }
}
