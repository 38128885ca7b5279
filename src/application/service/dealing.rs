//! Who deals with a person: staff whose grant reaches a case of hers. Registered in `app`.

use async_trait::async_trait;

use crate::application::model::person::dealt;
use crate::application::{policy, read};
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::kernel::role::Role;
use crate::person::model::dealing::Dealt;
use crate::person::service::dealing::Dealing;
use crate::portal::Portal;

/// Cases of which the person is applicant or beneficiary, in the unit that works on them or that received them.
#[derive(Clone, Copy, Debug, Default)]
pub struct CaseDealing;

#[async_trait]
impl Dealing for CaseDealing {
    async fn dealt(&self, portal: &Portal, actor: &Actor, roles: &[Role], person: PersonId) -> Result<Option<Dealt>, Fault> {
        let own = policy::signed_in(actor)?.person;
        let cases = read::cases_of_person(portal.db.read(), person, own).await?;
        Ok(dealt(actor, roles, &cases))
    }
}
