//! Reading orders, cases and the queue of a unit.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::account::service::mandates::mandate_holds;
use crate::application::model::case::{Action, State};
use crate::application::model::document::Content;
use crate::application::model::order::OrderState;
use crate::application::model::queue::{QueueFilter, QueueRow};
use crate::application::model::sight::Sight;
use crate::application::read;
use crate::application::service::engine::{self, Loaded};
use crate::application::{policy, store};
use crate::catalogue::model::version::StepKindCode;
use crate::catalogue::service as catalogue;
use crate::kernel::actor::Actor;
use crate::kernel::cursor::Cursor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{ApplicationId, BodyId, OrderId, UnitId};
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::rejection::Code;
use crate::kernel::role::Role;
use crate::kernel::seal::Place;
use crate::organisation::service as organisation;
use crate::person::service as persons;
use crate::person::service::keys;
use crate::portal::Portal;

/// A case as stored, for readers whom a function of this module let through.
pub type CaseRow = store::CaseRow;
/// An order as stored, likewise.
pub type OrderRow = store::OrderRow;
/// An event as stored, likewise.
pub type EventRow = store::EventRow;
/// A bound document version as stored, likewise.
pub type MaterialRow = store::MaterialRow;

/// Order of a person's lists, newest first.
pub const OWN_ORDER: &str = "own";
/// Order of a unit's queue: what is due first.
pub const QUEUE_ORDER: &str = "queue";

/// An action with the reason why it is barred, if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    /// The action.
    pub action: Action,
    /// Why it may not be done now.
    pub reason: Option<Code>,
}

/// A case for its reader.
pub async fn application(portal: &Portal, actor: &Actor, id: ApplicationId) -> Result<Loaded, Fault> {
    let calendar = organisation::calendar(portal).await?;
    engine::load(portal, portal.db.read(), &calendar, actor, id).await
}

/// What the caller may do with a case now, each action with the reason if not.
pub fn available(portal: &Portal, actor: &Actor, loaded: &Loaded) -> Vec<Available> {
    let Some(person) = actor.person() else { return Vec::new() };
    let now = portal.env.now();
    Action::ALL.iter().map(|&action| Available { action, reason: loaded.may(action, person, now).err() }).collect()
}

fn after_id(request: &PageRequest) -> Result<Option<Uuid>, Fault> {
    let key = request.after.as_deref().and_then(|keys| keys.first());
    key.map(|k| Uuid::try_parse(k).map_err(|_| Fault::CursorInvalid)).transpose()
}

/// The caller's cases, newest first.
pub async fn my_applications(portal: &Portal, actor: &Actor, request: PageRequest) -> Result<Page<store::CaseRow>, Fault> {
    let member = policy::signed_in(actor)?;
    let persons = persons::identities(portal.db.read(), member.person).await?;
    let rows = store::applications_of(portal.db.read(), &persons, after_id(&request)?, request.limit()).await?;
    Ok(Page::cut(rows, &request, OWN_ORDER, |row| vec![row.id.0.to_string()]))
}

/// The caller's orders, newest first.
pub async fn my_orders(portal: &Portal, actor: &Actor, request: PageRequest) -> Result<Page<store::OrderRow>, Fault> {
    let member = policy::signed_in(actor)?;
    let persons = persons::identities(portal.db.read(), member.person).await?;
    let rows = store::orders_of(portal.db.read(), &persons, after_id(&request)?, request.limit()).await?;
    Ok(Page::cut(rows, &request, OWN_ORDER, |row| vec![row.id.0.to_string()]))
}

/// An order that the caller may see.
#[derive(Clone, Debug)]
pub struct SeenOrder {
    /// The order.
    pub row: OrderRow,
    /// Whether it is her own, with all its lines.
    pub own: bool,
}

/// A case of an order that the caller may see, and how much of it.
#[derive(Clone, Debug)]
pub struct SeenCase {
    /// The case.
    pub row: CaseRow,
    /// How much of it.
    pub sight: Sight,
}

/// An order of the caller, or one that she filled: as an agent while her mandate holds; as an officer while it is a cart and
/// she serves at a window, afterwards as long as she may see one of its cases.
pub async fn order(portal: &Portal, actor: &Actor, id: OrderId) -> Result<SeenOrder, Fault> {
    let member = policy::signed_in(actor)?;
    let db = portal.db.read();
    let row = store::order(db, id).await?.ok_or(Fault::NotFound)?;
    let own = persons::resolve(db, row.applicant_person_id).await? == member.person;
    let may = own
        || row.created_by == member.person
            && match row.mandate_id {
                Some(mandate) => mandate_holds(db, mandate, member.person, row.applicant_person_id, portal.env.now()).await?,
                None if row.state == OrderState::Cart => policy::window_officer(actor).is_ok(),
                None => !seen_lines(portal, actor, &row).await?.is_empty(),
            };
    if may { Ok(SeenOrder { row, own }) } else { Err(Fault::NotFound) }
}

/// The lines of an order that the caller may see, each as far as she may. One statement where the order is her own.
pub async fn lines(portal: &Portal, actor: &Actor, order: &SeenOrder) -> Result<Vec<SeenCase>, Fault> {
    if order.own {
        let rows = store::lines_of(portal.db.read(), &[order.row.id]).await?;
        return Ok(rows.into_iter().map(|row| SeenCase { row, sight: Sight::Whole }).collect());
    }
    seen_lines(portal, actor, &order.row).await
}

async fn seen_lines(portal: &Portal, actor: &Actor, order: &OrderRow) -> Result<Vec<SeenCase>, Fault> {
    let db = portal.db.read();
    let calendar = organisation::calendar(portal).await?;
    let mut seen = Vec::new();
    for row in store::lines_of(db, &[order.id]).await? {
        match engine::load(portal, db, &calendar, actor, row.id).await {
            Ok(loaded) => seen.push(SeenCase { sight: loaded.sight(portal.env.now()), row: loaded.row }),
            Err(Fault::NotFound) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(seen)
}

/// The answers of a case, as far as its reader sees them.
pub async fn answers(portal: &Portal, row: &store::CaseRow, sight: &Sight) -> Result<Option<Value>, Fault> {
    match sight {
        Sight::Row => Ok(None),
        Sight::Whole | Sight::Fields(_) => Ok(sight.answers(engine::answers(portal, row).await?)),
    }
}

/// A case document, opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The stored row.
    pub row: store::DocumentRow,
    /// What it says.
    pub content: Content,
    /// The signed form.
    pub jws: String,
}

/// The documents of a case, oldest first; none for who sees no papers of it.
pub async fn documents(portal: &Portal, id: ApplicationId, sight: &Sight) -> Result<Option<Vec<Opened>>, Fault> {
    if !sight.papers() {
        return Ok(None);
    }
    let rows = store::documents_of(portal.db.read(), &[id]).await?;
    let mut opened = Vec::with_capacity(rows.len());
    for row in rows {
        let key = keys::data_key(portal, row.key_person_id).await?;
        let data = key.open(Place::new("case_document", "data_sealed", row.id.0), &row.data_sealed);
        let jws = key.open(Place::new("case_document", "jws_sealed", row.id.0), &row.jws_sealed);
        let (Some(data), Some(jws)) = (data, jws) else { return Err(Fault::bug("a case document does not open")) };
        let content = serde_json::from_slice(&data).map_err(Fault::internal)?;
        let jws = String::from_utf8(jws.to_vec()).map_err(Fault::internal)?;
        opened.push(Opened { row, content, jws });
    }
    Ok(Some(opened))
}

/// An event as it is shown: kind, time, role.
pub async fn events(portal: &Portal, id: ApplicationId) -> Result<Vec<EventRow>, Fault> {
    Ok(store::events(portal.db.read(), id).await?)
}

/// The queue of a unit, what is due first.
pub async fn work_queue(portal: &Portal, actor: &Actor, unit: UnitId, filter: QueueFilter, request: PageRequest) -> Result<Page<QueueRow>, Fault> {
    policy::signed_in(actor)?;
    let db = portal.db.read();
    let path = organisation::unit_path(db, unit).await?.ok_or(Fault::NotFound)?;
    policy::may_read_queue(actor, &path)?;
    let rows = read::queue(db, unit, &filter, after_due(&request)?, request.limit(), portal.env.now()).await?;
    Ok(Page::cut(rows, &request, QUEUE_ORDER, |row| vec![row.due_at.timestamp_millis().to_string(), row.id.0.to_string()]))
}

/// Cases that wait for the confirmation of an employer.
pub async fn employer_queue(portal: &Portal, actor: &Actor, body: BodyId, request: PageRequest) -> Result<Page<QueueRow>, Fault> {
    policy::signed_in(actor)?;
    if !actor.reaches_body(Role::EmployerConfirmer, body) {
        return Err(Fault::NotFound);
    }
    let limit = usize::try_from(request.limit()).unwrap_or(usize::MAX);
    let (mut after, mut asked) = (after_due(&request)?, Vec::new());
    // Cases of the body that are at another step are none of hers now. Which kind a step is stands in the pinned version.
    loop {
        let rows = read::employer_queue(portal.db.read(), body, after, request.limit(), portal.env.now()).await?;
        let last = rows.len() < limit;
        after = rows.last().map(|row| (row.due_at, row.id.0));
        let mut pinned: Vec<_> = rows.iter().map(|row| row.pinned).collect();
        pinned.sort_unstable();
        pinned.dedup();
        let versions = catalogue::versions(portal, &pinned).await?;
        let kind = |row: &QueueRow| versions.get(&row.pinned)?.content.step(row.step_key.as_deref()?).map(|step| step.kind);
        asked.extend(rows.into_iter().filter(|row| kind(row) == Some(StepKindCode::EmployerConfirmation)));
        if last || asked.len() >= limit {
            break;
        }
    }
    asked.truncate(limit);
    Ok(Page::cut(asked, &request, QUEUE_ORDER, |row| vec![row.due_at.timestamp_millis().to_string(), row.id.0.to_string()]))
}

fn after_due(request: &PageRequest) -> Result<Option<(DateTime<Utc>, Uuid)>, Fault> {
    let Some([due, id]) = request.after.as_deref() else { return Ok(None) };
    let due = Cursor::instant(due).ok_or(Fault::CursorInvalid)?;
    Ok(Some((due, Uuid::try_parse(id).map_err(|_| Fault::CursorInvalid)?)))
}

/// Whether a listener may hear of the queue of a unit.
pub async fn may_hear_queue(portal: &Portal, actor: &Actor, unit: UnitId) -> Result<(), Fault> {
    policy::signed_in(actor)?;
    let path = organisation::unit_path(portal.db.read(), unit).await?.ok_or(Fault::NotFound)?;
    policy::may_read_queue(actor, &path)
}

/// Document versions bound to a case; none for who sees no papers of it.
pub async fn materials(portal: &Portal, id: ApplicationId, sight: &Sight) -> Result<Option<Vec<MaterialRow>>, Fault> {
    if !sight.papers() {
        return Ok(None);
    }
    Ok(Some(store::materials_of(portal.db.read(), &[id]).await?))
}

/// The state that holds now, acceptance by lapse of time included.
pub fn state_now(portal: &Portal, row: &CaseRow) -> State {
    let lapsed = row.state == State::Received && row.deemed_at.is_some_and(|at| at <= portal.env.now());
    if lapsed { State::Accepted } else { row.state }
}
