//! What a notice about a case is made from: ids, codes and public names, for whoever turns announcements into words.

use crate::application::model::case::{Case, State};
use crate::application::service::engine::read_events;
use crate::application::store;
use crate::catalogue::model::version::StepKindCode;
use crate::catalogue::service as catalogue;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{ApplicationId, BodyId, PersonId, UnitId};
use crate::kernel::text::Text;
use crate::portal::Portal;

/// A case, and what its event brought about.
#[derive(Clone, Debug)]
pub struct News {
    /// Number of the case.
    pub number: Option<String>,
    /// Name of the item.
    pub item: Text,
    /// The applicant, as she was written down.
    pub applicant: PersonId,
    /// Who has claimed it.
    pub claimed_by: Option<PersonId>,
    /// The unit that works on it.
    pub unit: Option<UnitId>,
    /// The employer who is asked for a confirmation by this event; `None` where it asks nobody.
    pub asks: Option<BodyId>,
    /// Whether who acted did so for the applicant.
    pub for_another: bool,
}

/// What is told of a case, and of its event with this number where one is named. Nothing is decided here about who may
/// know; `None` where there is no such case or event.
pub async fn news(portal: &Portal, id: ApplicationId, event: Option<i64>) -> Result<Option<News>, Fault> {
    let db = portal.db.read();
    let Some(row) = store::application(db, id).await? else { return Ok(None) };
    let item = catalogue::version_in(portal, db, row.version_id).await?.content.name.clone();
    let (mut asks, mut for_another) = (None, false);
    if let Some(seq) = event {
        let mut rows = store::events(db, id).await?;
        rows.retain(|row| row.seq <= seq);
        let Some(last) = rows.last().filter(|row| row.seq == seq) else { return Ok(None) };
        for_another = last.on_behalf_of.is_some();
        let events = read_events(&rows)?;
        let (before, _) = events.split_at(events.len() - 1);
        let asked = |case: &Case| {
            let due = matches!(case.state, State::Accepted | State::InReview).then(|| case.pinned_step()).flatten();
            due.filter(|step| step.kind == StepKindCode::EmployerConfirmation).map(|step| step.key.clone())
        };
        let [before, after] = [before, &events].map(|events| asked(&Case::fold(events.iter().map(|(event, at)| (event, *at)))));
        asks = row.employer_body_id.filter(|_| after.is_some() && after != before);
    }
    Ok(Some(News { number: row.number, item, applicant: row.applicant_person_id, claimed_by: row.claimed_by, unit: row.current_unit_id, asks, for_another }))
}
