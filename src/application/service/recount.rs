//! The days of cases are counted anew where the calendar or a setting of the clock has changed.

use sea_orm::ConnectionTrait;
use sha2::{Digest as _, Sha256};

use crate::application::model::projection::Projection;
use crate::application::service::engine;
use crate::application::store::{self, CaseRow, Written};
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::hex;
use crate::organisation::model::calendar::Calendar;
use crate::organisation::service as organisation;
use crate::portal::Portal;

/// Cases of one batch, which is one transaction at most.
const BATCH: u64 = 200;

/// What days are counted by: the published calendar and this process's settings of the clock, as a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis(String);

/// The basis that holds now. Two statements.
pub async fn basis(portal: &Portal) -> Result<Basis, Fault> {
    Ok(basis_of(portal, &organisation::calendar_in(portal.db.read()).await?))
}

fn basis_of(portal: &Portal, calendar: &Calendar) -> Basis {
    // Another version of the program may write the same differently; then cases are counted once without need.
    Basis(hex::encode(&Sha256::digest(format!("{calendar:?} {:?}", engine::clock_settings(portal)))))
}

/// Whether the cases were last counted by another basis. A portal that never counted takes this one as its first: what it
/// has was written by it.
pub async fn is_behind(portal: &Portal, basis: &Basis) -> Result<bool, Fault> {
    if let Some(stored) = store::clock_basis(portal.db.read()).await? {
        return Ok(stored != basis.0);
    }
    let txn = portal.db.begin_write().await?;
    store::put_clock_basis(&txn, &basis.0, portal.env.now()).await?;
    portal.commit(txn).await?;
    Ok(false)
}

/// Counts the days of all cases by the calendar and the settings that hold now, and says so to whom a case that moved
/// concerns. How many moved.
///
/// No version rises: nothing happened to a case. Only what follows from the clock is written, so that a row which differs
/// from its events otherwise is still found. It can be broken off and run again, also beside itself.
pub async fn recount(portal: &Portal) -> Result<u64, Fault> {
    let calendar = organisation::calendar_in(portal.db.read()).await?;
    let (mut moved, mut after) = (0, None);
    loop {
        let rows = store::walk(portal.db.read(), after, BATCH).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        let changed = changed(portal, portal.db.read(), &calendar, &rows).await?;
        if changed.is_empty() {
            continue;
        }
        let txn = portal.db.begin_write().await?;
        let now = portal.env.now();
        for (row, projection) in changed {
            // Whoever was faster has counted by the new calendar.
            if store::write_projection(&txn, row.id, row.version, &projection, now).await? == Written::Done {
                engine::tell_of(&txn, portal, row, row.version, (row.current_unit_id, None), None).await?;
                moved += 1;
            }
        }
        portal.commit(txn).await?;
    }
    let txn = portal.db.begin_write().await?;
    store::put_clock_basis(&txn, &basis_of(portal, &calendar).0, portal.env.now()).await?;
    if moved > 0 {
        let entry = Entry::new("RECOUNT_CASES").detail("cases", moved.to_string()).by_system();
        audit::record(&txn, portal, &Actor::anonymous("clock"), entry).await?;
    }
    portal.commit(txn).await?;
    Ok(moved)
}

/// The cases whose stored days are not those of their events, with what is to be stored. Two statements.
async fn changed<'a>(portal: &Portal, db: &impl ConnectionTrait, calendar: &Calendar, rows: &'a [CaseRow]) -> Result<Vec<(&'a CaseRow, Projection)>, Fault> {
    let recounted = engine::projections(portal, db, calendar, rows).await?;
    Ok(rows
        .iter()
        .zip(recounted)
        .filter_map(|(row, (projection, _))| {
            let stored = store::stored_projection(row);
            let counted = projection.days_into(&stored);
            (counted != stored).then_some((row, counted))
        })
        .collect())
}
