//! `check projections`: what is stored beside the events is recomputed from them.

use crate::application::model::case::Case;
use crate::application::model::projection::Projection;
use crate::application::service::engine;
use crate::application::store;
use crate::catalogue::service as catalogue;
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
        let ids: Vec<ApplicationId> = rows.iter().map(|r| r.id).collect();
        let offerings = catalogue::offerings_by_ids(db, &rows.iter().filter_map(|r| r.offering_id).collect::<Vec<_>>()).await?;
        let events = store::events_of(db, &ids).await?;
        for row in &rows {
            let own: Vec<_> = events.iter().filter(|e| e.application_id == row.id).cloned().collect();
            let read = engine::read_events(&own)?;
            let case = Case::fold(read.iter().map(|(e, at)| (e, *at)));
            let clock = engine::clock_of(portal, &calendar, &case, case.offering.and_then(|id| offerings.get(&id)));
            let numbered = own.iter().zip(1..).all(|(e, seq)| e.seq == seq);
            if (!numbered || Projection::of(&case, clock.as_ref()) != store::stored_projection(row)) && report.different.len() < 100 {
                report.different.push(row.id);
            }
            report.compared += 1;
        }
        progress(report.compared);
    }
}
