//! Reading orders, cases and the queue of a unit.

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use serde_json::Value;
use uuid::Uuid;

use crate::account::service::mandates::mandate_holds;
use crate::application::model::case::{Action, State};
use crate::application::model::document::Content;
use crate::application::model::queue::{QueueFilter, QueueRow};
use crate::application::read;
use crate::application::service::engine::{self, Loaded};
use crate::application::{policy, store};
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

/// An order of the caller, or one that she filled: as an officer, or as an agent whose mandate holds still.
pub async fn order(portal: &Portal, actor: &Actor, id: OrderId) -> Result<store::OrderRow, Fault> {
    let member = policy::signed_in(actor)?;
    let db = portal.db.read();
    let row = store::order(db, id).await?.ok_or(Fault::NotFound)?;
    let own = persons::resolve(db, row.applicant_person_id).await? == member.person;
    let filled = row.created_by == member.person
        && match row.mandate_id {
            None => policy::window_officer(actor).is_ok(),
            Some(mandate) => mandate_holds(db, mandate, member.person, row.applicant_person_id, portal.env.now()).await?,
        };
    if own || filled { Ok(row) } else { Err(Fault::NotFound) }
}

/// The lines of an order that the caller may see. Its applicant sees all; who filled it for her sees those cases to
/// which something ties her still.
pub async fn lines(portal: &Portal, actor: &Actor, order: &store::OrderRow) -> Result<Vec<store::CaseRow>, Fault> {
    let member = policy::signed_in(actor)?;
    let db = portal.db.read();
    let rows = store::lines_of(db, &[order.id]).await?;
    if order.applicant_person_id == member.person || persons::resolve(db, order.applicant_person_id).await? == member.person {
        return Ok(rows);
    }
    let mut seen = Vec::new();
    for row in rows {
        match application(portal, actor, row.id).await {
            Ok(loaded) => seen.push(loaded.row),
            Err(Fault::NotFound) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(seen)
}

/// Whether the caller sees a case that she was shown only as the confirmer of its employer. No statement for others.
async fn confirms_only(portal: &Portal, actor: &Actor, row: &store::CaseRow) -> Result<bool, Fault> {
    if !row.employer_body_id.is_some_and(|body| actor.reaches_body(Role::EmployerConfirmer, body)) {
        return Ok(false);
    }
    match application(portal, actor, row.id).await {
        Ok(loaded) => Ok(policy::confirms_only(&loaded.standing)),
        // Her own act took the case out of her sight, or time did: she sees as little as before.
        Err(Fault::NotFound) => Ok(true),
        Err(fault) => Err(fault),
    }
}

/// The answers of a case that the caller may see; to an employer's confirmer those about the employment.
pub async fn answers(portal: &Portal, actor: &Actor, row: &store::CaseRow) -> Result<Value, Fault> {
    let answers = engine::answers(portal, row).await?;
    if !confirms_only(portal, actor, row).await? {
        return Ok(answers);
    }
    let version = catalogue::version(portal, row.version_id).await?;
    let mut shown = serde_json::Map::new();
    for (pointer, element) in version.form.elements() {
        // Elements stand at the top of the form; what lies deeper is not shown.
        let name = pointer.trim_start_matches('/');
        if element.starts_with("employment.")
            && !name.contains('/')
            && let Some(value) = answers.pointer(pointer)
        {
            shown.insert(name.to_owned(), value.clone());
        }
    }
    Ok(Value::Object(shown))
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

/// The documents of a case that the caller may see, oldest first; none for an employer's confirmer.
pub async fn documents(portal: &Portal, actor: &Actor, case: &store::CaseRow) -> Result<Option<Vec<Opened>>, Fault> {
    if confirms_only(portal, actor, case).await? {
        return Ok(None);
    }
    let rows = store::documents_of(portal.db.read(), &[case.id]).await?;
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
    let rows = read::employer_queue(portal.db.read(), body, after_due(&request)?, request.limit(), portal.env.now()).await?;
    Ok(Page::cut(rows, &request, QUEUE_ORDER, |row| vec![row.due_at.timestamp_millis().to_string(), row.id.0.to_string()]))
}

fn after_due(request: &PageRequest) -> Result<Option<(DateTime<Utc>, Uuid)>, Fault> {
    let Some([due, id]) = request.after.as_deref() else { return Ok(None) };
    let due = Cursor::instant(due).ok_or(Fault::CursorInvalid)?;
    Ok(Some((due, Uuid::try_parse(id).map_err(|_| Fault::CursorInvalid)?)))
}

/// Whether a listener may hear of a case: asked for each event, since roles and mandates end.
pub async fn may_hear(portal: &Portal, db: &impl ConnectionTrait, actor: &Actor, id: ApplicationId) -> Result<bool, Fault> {
    let calendar = organisation::calendar(portal).await?;
    match engine::load(portal, db, &calendar, actor, id).await {
        Ok(_) => Ok(true),
        Err(Fault::NotFound | Fault::Unauthenticated) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Whether a listener may hear of the queue of a unit.
pub async fn may_hear_queue(portal: &Portal, actor: &Actor, unit: UnitId) -> Result<(), Fault> {
    policy::signed_in(actor)?;
    let path = organisation::unit_path(portal.db.read(), unit).await?.ok_or(Fault::NotFound)?;
    policy::may_read_queue(actor, &path)
}

/// Document versions bound to a case that the caller may see; none for an employer's confirmer.
pub async fn materials(portal: &Portal, actor: &Actor, case: &store::CaseRow) -> Result<Option<Vec<MaterialRow>>, Fault> {
    if confirms_only(portal, actor, case).await? {
        return Ok(None);
    }
    Ok(Some(store::materials_of(portal.db.read(), &[case.id]).await?))
}

/// The state that holds now, acceptance by lapse of time included.
pub fn state_now(portal: &Portal, row: &CaseRow) -> State {
    let lapsed = row.state == State::Received && row.deemed_at.is_some_and(|at| at <= portal.env.now());
    if lapsed { State::Accepted } else { row.state }
}
