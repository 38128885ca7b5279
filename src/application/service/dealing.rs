//! Who deals with a person: staff whose grant reaches a case of hers. Registered in `app`.

use async_trait::async_trait;

use crate::account::service::mandates::mandates_held;
use crate::application::model::person::dealt;
use crate::application::{policy, read};
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::kernel::role::Role;
use crate::person::model::dealing::Dealt;
use crate::person::service::dealing::Dealing;
use crate::portal::Portal;

/// Cases of which the person is applicant or beneficiary, in the unit that works on them or that received them, but for
/// those to which the caller is a party.
#[derive(Clone, Copy, Debug, Default)]
pub struct CaseDealing;

#[async_trait]
impl Dealing for CaseDealing {
    async fn dealt(&self, portal: &Portal, actor: &Actor, roles: &[Role], person: PersonId) -> Result<Option<Dealt>, Fault> {
        let own = policy::signed_in(actor)?.person;
        let db = portal.db.read();
        let mut cases = read::cases_of_person(db, person, own).await?;
        if !cases.is_empty() {
            let held = mandates_held(db, own, portal.env.now()).await?;
            cases.retain(|case| !held.iter().any(|m| m.principal == case.applicant && m.scope.covers(&case.item_code)));
        }
        Ok(dealt(actor, roles, &cases))
    }
}
