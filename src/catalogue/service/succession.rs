//! What becomes of offerings and routes when a unit closes. Registered in `app`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::Days;
use sea_orm::DatabaseTransaction;

use crate::catalogue::model::offering::{Offering, OfferingTerms};
use crate::catalogue::store;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{OfferingId, TypedId as _, UnitId};
use crate::organisation::service::units::UnitFollower;
use crate::portal::Portal;

/// The successor offers from today what the closed unit offered, for the same regions, unless it does so already; new cases
/// are routed to it. What was offered stays with the cases that were handed in under it.
#[derive(Clone, Copy, Debug)]
pub struct OfferingSuccession;

#[async_trait]
impl UnitFollower for OfferingSuccession {
    async fn closing(&self, portal: &Portal, txn: &DatabaseTransaction, unit: UnitId, successor: UnitId) -> Result<(), Refused> {
        let today = portal.env.today();
        let yesterday = today.checked_sub_days(Days::new(1)).ok_or_else(|| Fault::bug("there is no day before today"))?;
        let offered = store::offerings_of_unit(txn, unit, today).await?;
        let items: BTreeSet<_> = offered.iter().map(|old| old.item).collect();
        for item in &items {
            store::lock_item(txn, *item).await?;
        }
        let mut others = store::offerings_of_unit(txn, successor, today).await?;
        for old in offered {
            if old.terms.effective_from < today {
                store::end_offering(txn, old.id, yesterday).await?;
            } else {
                store::withdraw_offering(txn, old.id, portal.env.now()).await?;
            }
            let terms = OfferingTerms { effective_from: today.max(old.terms.effective_from), ..old.terms.clone() };
            if others.iter().any(|other| other.item == old.item && other.terms.overlaps(&terms)) {
                continue;
            }
            let new = Offering { id: OfferingId::new(&portal.env), unit: successor, terms, ..old };
            store::insert_offering(txn, &new, portal.env.now()).await?;
            others.push(new);
        }
        Ok(store::move_routes(txn, unit, successor).await?)
    }
}
