//! Reading orders, cases and the queue of a unit.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::account::service::mandates::mandate_holds;
use crate::application::model::case::State;
use crate::application::model::clock::{ClockMark, receipt_day};
use crate::application::model::document::Content;
use crate::application::model::event::{Event, StepOutcome};
use crate::application::model::explain::{ClockEntry, explain};
use crate::application::model::order::OrderState;
use crate::application::model::queue::{QueueFilter, QueueRow};
use crate::application::model::rights::Action;
use crate::application::model::sight::Sight;
use crate::application::read;
use crate::application::service::engine::{self, Loaded};
use crate::application::{policy, store};
use crate::catalogue::model::item::CompiledVersion;
use crate::catalogue::service as catalogue;
use crate::kernel::actor::Actor;
use crate::kernel::cursor::Cursor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{ApplicationId, BodyId, CaseDocumentId, ItemVersionId, OrderId, PersonId, UnitId};
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::rejection::Code;
use crate::kernel::role::Role;
use crate::kernel::seal::{Place, SecretKey};
use crate::material::model::document::DocumentVersion;
use crate::material::service as material;
use crate::organisation::service as organisation;
use crate::person::model::profile::PersonName;
use crate::person::service as persons;
use crate::person::service::keys;
use crate::portal::Portal;

/// A case as stored, for readers whom a function of this module let through.
pub type CaseRow = store::CaseRow;
/// An order as stored, likewise.
pub type OrderRow = store::OrderRow;

/// Order of a person's lists, newest first.
pub const OWN_ORDER: &str = "own";
/// Order of the events of a case, oldest first.
pub const EVENT_ORDER: &str = "events";
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
    Ok(engine::load(portal, portal.db.read(), &calendar, actor, id).await?.as_it_stands(portal.env.now()))
}

/// Those of the cases that the caller may see, by id.
pub async fn applications(portal: &Portal, actor: &Actor, ids: Vec<ApplicationId>) -> Result<HashMap<ApplicationId, Loaded>, Fault> {
    policy::signed_in(actor)?;
    let calendar = organisation::calendar(portal).await?;
    let db = portal.db.read();
    let loaded = engine::load_all(portal, db, &calendar, actor, store::applications(db, &ids).await?).await?;
    let now = portal.env.now();
    Ok(loaded.into_iter().map(|loaded| (loaded.row.id, loaded.as_it_stands(now))).collect())
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
    let page = Page::cut(rows, &request, OWN_ORDER, |row| vec![row.id.0.to_string()]);
    Ok(page.counted(&request, store::count_applications(portal.db.read(), &persons)).await?)
}

/// The caller's orders, newest first.
pub async fn my_orders(portal: &Portal, actor: &Actor, request: PageRequest) -> Result<Page<store::OrderRow>, Fault> {
    let member = policy::signed_in(actor)?;
    let persons = persons::identities(portal.db.read(), member.person).await?;
    let rows = store::orders_of(portal.db.read(), &persons, after_id(&request)?, request.limit()).await?;
    let page = Page::cut(rows, &request, OWN_ORDER, |row| vec![row.id.0.to_string()]);
    Ok(page.counted(&request, store::count_orders(portal.db.read(), &persons)).await?)
}

/// Carts that the caller fills for others and may go on filling, newest first.
pub async fn filled_carts(portal: &Portal, actor: &Actor, request: PageRequest) -> Result<Page<store::OrderRow>, Fault> {
    let member = policy::signed_in(actor)?;
    let (db, now) = (portal.db.read(), portal.env.now());
    let (filler, officer) = (persons::identities(db, member.person).await?, policy::window_officer(actor).is_ok());
    let rows = read::carts_filled(db, &filler, officer, now, after_id(&request)?, request.limit()).await?;
    let page = Page::cut(rows, &request, OWN_ORDER, |row| vec![row.id.0.to_string()]);
    Ok(page.counted(&request, read::count_carts_filled(db, &filler, officer, now)).await?)
}

/// An order that the caller may see.
#[derive(Clone, Debug)]
pub struct SeenOrder {
    /// The order.
    pub row: OrderRow,
    /// Whether it is her own, with all its lines.
    pub own: bool,
    /// Its lines that she may see, where they were read already.
    pub lines: Option<Vec<SeenCase>>,
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
    if persons::resolve(db, row.applicant_person_id).await? == member.person {
        return Ok(SeenOrder { row, own: true, lines: None });
    }
    if row.created_by != member.person {
        return Err(Fault::NotFound);
    }
    let (may, lines) = match row.mandate_id {
        Some(mandate) => (mandate_holds(db, mandate, member.person, row.applicant_person_id, portal.env.now()).await?, None),
        None if row.state == OrderState::Cart => (policy::window_officer(actor).is_ok(), None),
        None => {
            let lines = seen_lines(portal, actor, &[id]).await?;
            (!lines.is_empty(), Some(lines))
        }
    };
    if may { Ok(SeenOrder { row, own: false, lines }) } else { Err(Fault::NotFound) }
}

/// The lines of orders that the caller may see, each as far as she may. One statement where the orders are her own.
pub async fn lines(portal: &Portal, actor: &Actor, orders: &[SeenOrder]) -> Result<Vec<SeenCase>, Fault> {
    policy::signed_in(actor)?;
    let unread = |own: bool| orders.iter().filter(|order| order.own == own && order.lines.is_none()).map(|order| order.row.id).collect::<Vec<_>>();
    let mut seen: Vec<SeenCase> = orders.iter().filter_map(|order| order.lines.as_ref()).flatten().cloned().collect();
    let own = store::lines_of(portal.db.read(), &unread(true)).await?;
    seen.extend(own.into_iter().map(|row| SeenCase { row, sight: Sight::Whole }));
    let others = unread(false);
    if !others.is_empty() {
        seen.extend(seen_lines(portal, actor, &others).await?);
    }
    Ok(seen)
}

async fn seen_lines(portal: &Portal, actor: &Actor, orders: &[OrderId]) -> Result<Vec<SeenCase>, Fault> {
    let db = portal.db.read();
    let calendar = organisation::calendar(portal).await?;
    let lines = store::lines_of(db, orders).await?;
    let now = portal.env.now();
    let seen = engine::load_all(portal, db, &calendar, actor, lines).await?;
    let seen = seen.into_iter().map(|loaded| loaded.as_it_stands(now));
    Ok(seen.map(|loaded| SeenCase { sight: loaded.sight(now), row: loaded.row }).collect())
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
    /// What it says, and its signed form; none once the data of its person are erased.
    pub sealed: Option<(Content, String)>,
}

/// That a case document reached somebody.
pub type Delivery = store::DeliveryRow;

/// Why an officer stated an earlier receipt, in her words; none for who sees no papers of the case.
pub async fn received_reason(portal: &Portal, row: &CaseRow, sight: &Sight) -> Result<Option<String>, Fault> {
    let Some(sealed) = row.received_reason_sealed.as_deref().filter(|_| sight.papers()) else { return Ok(None) };
    let key = keys::data_key(portal, row.key_owner_id).await?;
    let plain = key.open(Place::new("application", "received_reason_sealed", row.id.0), sealed);
    let plain = plain.ok_or_else(|| Fault::bug("the reason of a stated receipt does not open"))?;
    String::from_utf8(plain.to_vec()).map(Some).map_err(Fault::internal)
}

/// Those of the cases whose papers their reader sees.
fn with_papers(cases: &[(ApplicationId, Sight)]) -> Vec<ApplicationId> {
    cases.iter().filter(|(_, sight)| sight.papers()).map(|(id, _)| *id).collect()
}

/// The documents of cases, oldest first, where their reader sees papers. Two statements: rows and
/// data keys.
pub async fn documents(portal: &Portal, cases: &[(ApplicationId, Sight)]) -> Result<HashMap<ApplicationId, Vec<Opened>>, Fault> {
    let rows = store::documents_of(portal.db.read(), &with_papers(cases)).await?;
    let mut owners: Vec<PersonId> = rows.iter().map(|row| row.key_owner_id).collect();
    owners.sort_unstable();
    owners.dedup();
    let keys = keys::data_keys(portal, &owners).await?;
    let mut opened: HashMap<ApplicationId, Vec<Opened>> = HashMap::new();
    for row in rows {
        let sealed = keys.get(&row.key_owner_id).map(|key| open(key, &row)).transpose()?;
        opened.entry(row.application_id).or_default().push(Opened { row, sealed });
    }
    Ok(opened)
}

/// Something asked of an applicant, opened.
#[derive(Clone, Debug)]
pub struct RequestedItem {
    /// The stored row.
    pub row: store::RequestedRow,
    /// Why; none once the data of its person are erased.
    pub reason: Option<String>,
}

/// What was asked of the applicants of cases, as loaded for their reader, in order, where she sees papers. One statement, and
/// one for the keys.
pub async fn requested<S: BuildHasher>(
    portal: &Portal,
    cases: &[(ApplicationId, Sight)],
    loaded: &HashMap<ApplicationId, Loaded, S>,
) -> Result<HashMap<ApplicationId, Vec<RequestedItem>>, Fault> {
    let rows = store::requested_of(portal.db.read(), &with_papers(cases)).await?;
    let owners: HashMap<ApplicationId, PersonId> =
        rows.iter().filter_map(|row| Some((row.application_id, loaded.get(&row.application_id)?.row.key_owner_id))).collect();
    let keys = keys::data_keys(portal, &owners.values().copied().collect::<Vec<_>>()).await?;
    let mut opened: HashMap<ApplicationId, Vec<RequestedItem>> = HashMap::new();
    for row in rows {
        let reason = match owners.get(&row.application_id).and_then(|owner| keys.get(owner)) {
            Some(key) => {
                let plain = key.open(Place::new("requested_item", "reason_sealed", row.id.0), &row.reason_sealed);
                let plain = plain.ok_or_else(|| Fault::bug("the reason of what is asked for does not open"))?;
                Some(String::from_utf8(plain.to_vec()).map_err(Fault::internal)?)
            }
            None => None,
        };
        opened.entry(row.application_id).or_default().push(RequestedItem { row, reason });
    }
    Ok(opened)
}

/// What the clock of a case did by now, oldest first.
pub fn clock(portal: &Portal, loaded: &Loaded) -> Vec<ClockEntry> {
    let settings = engine::clock_settings(portal);
    let day = |at| receipt_day(at, &loaded.calendar, &settings).date;
    loaded.clock.as_ref().map(|clock| explain(&loaded.case, clock, day, portal.env.now())).unwrap_or_default()
}

fn open(key: &SecretKey, row: &store::DocumentRow) -> Result<(Content, String), Fault> {
    let data = key.open(Place::new("case_document", "data_sealed", row.id.0), &row.data_sealed);
    let jws = key.open(Place::new("case_document", "jws_sealed", row.id.0), &row.jws_sealed);
    let (Some(data), Some(jws)) = (data, jws) else { return Err(Fault::bug("a case document does not open")) };
    Ok((serde_json::from_slice(&data).map_err(Fault::internal)?, String::from_utf8(jws.to_vec()).map_err(Fault::internal)?))
}

/// The latest delivery of each document that a function of this module let through, where one was recorded. One statement.
pub async fn deliveries(portal: &Portal, documents: &[CaseDocumentId]) -> Result<HashMap<CaseDocumentId, Delivery>, Fault> {
    Ok(store::deliveries_of(portal.db.read(), documents).await?)
}

/// Whether the caller holds a role of the staff for some unit.
pub fn is_staff(actor: &Actor) -> bool {
    !policy::staff_units(actor).is_empty()
}

/// An event for its reader.
#[derive(Clone, Debug)]
pub struct SeenEvent {
    /// The stored row.
    pub row: store::EventRow,
    /// The step that was finished and its outcome, for staff of the case.
    pub step: Option<(String, StepOutcome)>,
    /// The mark that the clock passed, likewise.
    pub mark: Option<ClockMark>,
    /// What was said of it, likewise.
    pub reason: Option<String>,
}

/// The number of the event after which a page of events begins; 0 for the first page.
pub fn after_event(request: &PageRequest) -> Result<i64, Fault> {
    let key = request.after.as_deref().and_then(|keys| keys.first());
    key.map_or(Ok(0), |key| key.parse().ok().filter(|seq| *seq >= 0).ok_or(Fault::CursorInvalid))
}

/// The events of cases that their reader sees, oldest first: of each case as many as `part` says after that number. What a
/// step came to is shown to staff of the case: what is advised becomes the applicant's business with the decision.
///
/// `inside` are the cases as loaded for a reader who is staff somewhere. One statement, and one for each data key.
pub async fn events<S: BuildHasher>(
    portal: &Portal,
    cases: &[(ApplicationId, Sight)],
    part: (i64, u64),
    inside: Option<&HashMap<ApplicationId, Loaded, S>>,
) -> Result<HashMap<ApplicationId, Vec<SeenEvent>>, Fault> {
    let ids: Vec<ApplicationId> = cases.iter().map(|(id, _)| *id).collect();
    let mut events: HashMap<ApplicationId, Vec<SeenEvent>> = HashMap::new();
    for row in store::events_between(portal.db.read(), &ids, part).await? {
        let staff = inside.and_then(|inside| inside.get(&row.application_id)).filter(|loaded| policy::may_read_papers(&loaded.standing).is_ok());
        let seen = match staff {
            None => SeenEvent { row, step: None, mark: None, reason: None },
            Some(loaded) => {
                let (step, mark) = match serde_json::from_str(&row.payload).map_err(Fault::internal)? {
                    Event::StepCompleted { key, outcome, .. } => (Some((key, outcome)), None),
                    Event::ClockMarked { mark } => (None, Some(mark)),
                    _ => (None, None),
                };
                let reason = match &row.reason_sealed {
                    Some(sealed) => {
                        let key = keys::data_key(portal, loaded.row.key_owner_id).await?;
                        let plain = key.open(Place::new("application_event", "reason_sealed", row.id.0), sealed);
                        let plain = plain.ok_or_else(|| Fault::bug("the reason of an event does not open"))?;
                        Some(String::from_utf8(plain.to_vec()).map_err(Fault::internal)?)
                    }
                    None => None,
                };
                SeenEvent { row, step, mark, reason }
            }
        };
        events.entry(seen.row.application_id).or_default().push(seen);
    }
    Ok(events)
}

/// Who else cases are for, where their reader sees papers: by the names that were told of them. Two statements.
pub async fn beneficiaries(portal: &Portal, cases: &[(ApplicationId, Sight)]) -> Result<HashMap<ApplicationId, Vec<(PersonId, PersonName)>>, Fault> {
    let found = store::beneficiaries_of(portal.db.read(), &with_papers(cases)).await?;
    let asked: Vec<PersonId> = found.values().flatten().copied().collect();
    let told = persons::told_of(portal.db.read(), &asked).await?;
    let named = |id: PersonId| told.get(&id).map(|person| (id, person.name.clone()));
    Ok(found.into_iter().map(|(case, ids)| (case, ids.into_iter().filter_map(named).collect())).collect())
}

/// What stands for a material of a case.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The stored row.
    pub row: store::MaterialRow,
    /// The document version that it names.
    pub document: Option<DocumentVersion>,
}

/// What stands for the materials of cases, where their reader sees papers. Two statements.
pub async fn materials(portal: &Portal, cases: &[(ApplicationId, Sight)]) -> Result<HashMap<ApplicationId, Vec<Bound>>, Fault> {
    let rows = store::materials_of(portal.db.read(), &with_papers(cases)).await?;
    let versions: Vec<_> = rows.iter().filter_map(|row| row.document_version_id).collect();
    let versions = material::versions_by_ids(portal.db.read(), &versions).await?;
    let versions: HashMap<_, _> = versions.into_iter().map(|version| (version.id, version)).collect();
    let mut materials: HashMap<ApplicationId, Vec<Bound>> = HashMap::new();
    for row in rows {
        let document = row.document_version_id.and_then(|id| versions.get(&id)).cloned();
        materials.entry(row.application_id).or_default().push(Bound { row, document });
    }
    Ok(materials)
}

/// A page of a queue, and the versions to which its cases are pinned.
#[derive(Debug)]
pub struct Queue {
    /// The rows.
    pub page: Page<QueueRow>,
    /// Versions by id.
    pub versions: HashMap<ItemVersionId, Arc<CompiledVersion>>,
}

impl Queue {
    fn cut(rows: Vec<QueueRow>, versions: HashMap<ItemVersionId, Arc<CompiledVersion>>, request: &PageRequest) -> Self {
        let page = Page::cut(rows, request, QUEUE_ORDER, |row| vec![row.due_at.timestamp_millis().to_string(), row.id.0.to_string()]);
        Self { page, versions }
    }
}

async fn pinned(portal: &Portal, rows: &[QueueRow]) -> Result<HashMap<ItemVersionId, Arc<CompiledVersion>>, Fault> {
    let mut pinned: Vec<_> = rows.iter().map(|row| row.pinned).collect();
    pinned.sort_unstable();
    pinned.dedup();
    catalogue::versions(portal, &pinned).await
}

/// The queue of a unit, what is due first.
pub async fn work_queue(portal: &Portal, actor: &Actor, unit: UnitId, filter: QueueFilter, request: PageRequest) -> Result<Queue, Fault> {
    policy::signed_in(actor)?;
    let db = portal.db.read();
    let path = organisation::unit_path(db, unit).await?.ok_or(Fault::NotFound)?;
    policy::may_read_queue(actor, &path)?;
    let now = portal.env.now();
    let rows = read::queue(db, unit, &filter, after_due(&request)?, request.limit(), now).await?;
    let versions = pinned(portal, &rows).await?;
    let Queue { page, versions } = Queue::cut(rows, versions, &request);
    Ok(Queue { page: page.counted(&request, read::count_queue(db, unit, &filter, now)).await?, versions })
}

/// Cases that wait for the confirmation of an employer.
pub async fn employer_queue(portal: &Portal, actor: &Actor, body: BodyId, request: PageRequest) -> Result<Queue, Fault> {
    policy::signed_in(actor)?;
    if !actor.reaches_body(Role::EmployerConfirmer, body) {
        return Err(Fault::NotFound);
    }
    let db = portal.db.read();
    let rows = read::employer_queue(db, body, after_due(&request)?, request.limit(), portal.env.now()).await?;
    let versions = pinned(portal, &rows).await?;
    let Queue { page, versions } = Queue::cut(rows, versions, &request);
    Ok(Queue { page: page.counted(&request, read::count_employer_queue(db, body)).await?, versions })
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

/// The state that holds now, with what the mere passing of time has brought about.
pub fn state_now(portal: &Portal, row: &CaseRow) -> State {
    let now = portal.env.now();
    match row.state {
        State::Received if row.deemed_at.is_some_and(|at| at <= now) => State::Accepted,
        State::SupplementRequested if row.due_at <= now => State::Terminated,
        state => state,
    }
}
