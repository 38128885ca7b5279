//! Names by id for fields beside bare ids: two statements at most for all of a list. A name is shown where its id is.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use sea_orm::DatabaseConnection;

use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::person::model::profile::PersonName;
use crate::person::store;

/// Loads by the connection for reading.
#[derive(Clone, Debug)]
pub struct NameLoader(pub DatabaseConnection);

impl Loader<PersonId> for NameLoader {
    /// Of who she is by now, where persons were merged.
    type Value = PersonName;
    type Error = Fault;

    async fn load(&self, ids: &[PersonId]) -> Result<HashMap<PersonId, PersonName>, Fault> {
        Ok(store::persons(&self.0, ids).await?.into_iter().map(|(id, person)| (id, person.name)).collect())
    }
}
