//! `check projections`: what is stored beside the events is recomputed from them.

use crate::application::service::engine;
use crate::application::store;
use crate::kernel::fault::Fault;
use crate::kernel::ids::ApplicationId;
use crate::organisation::service as organisation;
use crate::portal::Portal;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Cases compared.
    pub compared: u64,
    /// Cases whose stored columns differ, at most 100.
    pub different: Vec<ApplicationId>,
}

/// Compares all cases, in batches, as they stood at one instant: what is written meanwhile is no finding.
pub async fn check_projections(portal: &Portal, mut progress: impl FnMut(u64)) -> Result<Report, Fault> {
    let db = &portal.db.begin_read().await?;
    let mut report = Report::default();
    let mut after = None;
    let calendar = organisation::calendar_in(db).await?;
    loop {
        let rows = store::walk(db, after, 200).await?;
        let Some(last) = rows.last() else { return Ok(report) };
        after = Some(last.id);
        for (row, (projection, numbered)) in rows.iter().zip(engine::projections(portal, db, &calendar, &rows).await?) {
            if (!numbered || projection != store::stored_projection(row)) && report.different.len() < 100 {
                report.different.push(row.id);
            }
            report.compared += 1;
        }
        progress(report.compared);
    }
}
