//! The core of the engine: a case is loaded with its events, judged, and advanced by one event in one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::Value;

use crate::account::service::mandates::mandates_held;
use crate::application::model::case::{ByTime, Case, Request, State};
use crate::application::model::clock::{self, Acceptance, ClockMark, ClockSettings, ClockState, Limits};
use crate::application::model::document::{CaseFacts, DocumentKind, JWS_TYPE, Parties, Wording, write};
use crate::application::model::event::{Event, EventKind, TerminationReason};
use crate::application::model::projection::Projection;
use crate::application::model::rights::{Action, Side, StepRule, Who, may};
use crate::application::model::sight::Sight;
use crate::application::policy::{self, Standing};
use crate::application::read;
use crate::application::service::fulfilment::{FulfilmentCase, Fulfilments};
use crate::application::service::steps::StepKinds;
use crate::application::store::{self, EventBy, Written};
use crate::audit::model::{Entry, Message};
use crate::audit::service as audit;
use crate::catalogue::model::item::CompiledVersion;
use crate::catalogue::model::offering::Offering;
use crate::catalogue::model::version::StepKindCode;
use crate::catalogue::service as catalogue;
use crate::kernel::actor::Actor;
use crate::kernel::clock::civil_date;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ApplicationId, CaseDocumentId, EventId, MandateId, PersonId, TypedId, UnitId};
use crate::kernel::rejection::{Code, Conflict, Rejection};
use crate::kernel::role::{Assurance, Role};
use crate::kernel::seal::{Place, SecretKey};
use crate::organisation::model::calendar::Calendar;
use crate::organisation::model::unit::UnitLevel;
use crate::organisation::service as organisation;
use crate::person::service as persons;
use crate::person::service::keys;
use crate::portal::Portal;

/// A case in the hands of the engine.
#[derive(Debug)]
pub struct Loaded {
    /// The stored row.
    pub row: store::CaseRow,
    /// The case as its events tell it.
    pub case: Case,
    /// The calendar by which its clock runs.
    pub calendar: Arc<Calendar>,
    /// Its clock; a draft has none.
    pub clock: Option<ClockState>,
    /// The pinned version.
    pub version: Arc<CompiledVersion>,
    /// The pinned offering; a draft has none.
    pub offering: Option<Offering>,
    /// Who else it is for.
    pub beneficiaries: Vec<PersonId>,
    /// What ties the caller to it.
    pub standing: Standing,
    /// For each pinned step, whether somebody outside the units finishes it.
    pub outside: Vec<bool>,
    /// Levels of the units for which the caller holds her roles.
    pub levels: Vec<(Role, UnitLevel)>,
    /// How surely the applicant is known, where that was asked.
    pub assurance: Option<Assurance>,
}

/// The clock's settings, from those of the portal.
pub fn clock_settings(portal: &Portal) -> ClockSettings {
    ClockSettings { office_hours_end: portal.settings.office_hours_end, acceptance_days: portal.settings.acceptance_days, ..ClockSettings::default() }
}

/// The limits of an offering.
pub fn limits(offering: &Offering) -> Limits {
    Limits { promised_days: offering.terms.promised.map(|l| l.days), statutory_days: offering.terms.statutory.map(|l| l.days) }
}

/// The clock of a case; a draft has none.
pub fn clock_of(portal: &Portal, calendar: &Calendar, case: &Case, offering: Option<&Offering>) -> Option<ClockState> {
    let (Some(timeline), Some(offering)) = (&case.timeline, offering) else { return None };
    Some(clock::compute(timeline, &limits(offering), calendar, &clock_settings(portal)))
}

/// Reads stored events; one that cannot be read is a fault.
pub fn read_events(rows: &[store::EventRow]) -> Result<Vec<(Event, DateTime<Utc>)>, Fault> {
    rows.iter().map(|row| Ok((serde_json::from_str(&row.payload).map_err(Fault::internal)?, row.at))).collect()
}

/// What the events of cases come to, in the order of their rows, and whether the events are numbered from 1 without a gap.
/// Two statements.
pub async fn projections(portal: &Portal, db: &impl ConnectionTrait, calendar: &Calendar, rows: &[store::CaseRow]) -> Result<Vec<(Projection, bool)>, Fault> {
    let offerings = catalogue::offerings_by_ids(db, &rows.iter().filter_map(|row| row.offering_id).collect::<Vec<_>>()).await?;
    let mut events: HashMap<ApplicationId, Vec<store::EventRow>> = HashMap::new();
    for event in store::events_of(db, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await? {
        events.entry(event.application_id).or_default().push(event);
    }
    let project = |row: &store::CaseRow| {
        let own = events.remove(&row.id).unwrap_or_default();
        let read = read_events(&own)?;
        let case = Case::fold(read.iter().map(|(event, at)| (event, *at)));
        let clock = clock_of(portal, calendar, &case, case.offering.and_then(|id| offerings.get(&id)));
        let numbered = own.iter().zip(1..).all(|(event, seq)| event.seq == seq);
        Ok((Projection::of(&case, clock.as_ref()), numbered))
    };
    rows.iter().map(project).collect()
}

/// Loads a case for the caller, or NOT_FOUND where nothing ties her to it.
///
/// The calendar is fetched before a transaction begins: whoever waits for a second connection inside one may wait for
/// others who do the same.
pub async fn load(portal: &Portal, db: &impl ConnectionTrait, calendar: &Arc<Calendar>, actor: &Actor, id: ApplicationId) -> Result<Loaded, Fault> {
    policy::signed_in(actor)?;
    let row = store::application(db, id).await?.ok_or(Fault::NotFound)?;
    load_all(portal, db, calendar, actor, vec![row]).await?.pop().ok_or(Fault::NotFound)
}

/// The same inside a transaction that will change the case: its row is locked first, so that nobody else's event comes in
/// between, the clock's neither.
pub async fn load_for_change(portal: &Portal, txn: &DatabaseTransaction, calendar: &Arc<Calendar>, actor: &Actor, id: ApplicationId) -> Result<Loaded, Fault> {
    policy::signed_in(actor)?;
    let row = store::lock_application(txn, id).await?.ok_or(Fault::NotFound)?;
    load_all(portal, txn, calendar, actor, vec![row]).await?.pop().ok_or(Fault::NotFound)
}

/// Loads those of the cases that something ties the caller to, in the order of their rows. Nine statements at most,
/// whatever the number of rows, and one more for each draft of a walk-in.
pub async fn load_all(
    portal: &Portal,
    db: &impl ConnectionTrait,
    calendar: &Arc<Calendar>,
    actor: &Actor,
    rows: Vec<store::CaseRow>,
) -> Result<Vec<Loaded>, Fault> {
    let member = policy::signed_in(actor)?;
    let now = portal.env.now();
    let ids: Vec<ApplicationId> = rows.iter().map(|row| row.id).collect();
    let mut beneficiaries = store::beneficiaries_of(db, &ids).await?;
    // Who they turned out to be, where persons were merged.
    let asked: Vec<PersonId> = rows.iter().map(|row| row.applicant_person_id).chain(beneficiaries.values().flatten().copied()).collect();
    let known = persons::persons_of(db, &asked).await?;
    let now_is = |id: &PersonId| known.get(id).map_or(*id, |person| person.id);
    // Who holds no role handles no case: what she is the agent of, the row says.
    let (roles, under_mandate) = (!member.grants.is_empty(), rows.iter().any(|row| row.mandate_id.is_some()));
    let held = if roles || under_mandate { mandates_held(db, member.person, now).await? } else { Vec::new() };
    let orders: Vec<_> = rows.iter().map(|row| row.order_id).collect();
    let filled = if roles { read::orders_filled_as_agent(db, &orders, member.person).await? } else { HashSet::new() };
    let cases = assemble(portal, db, calendar, rows).await?;
    let mut wanted = policy::staff_units(actor);
    wanted.extend(cases.iter().flat_map(|loaded| [loaded.unit(now), loaded.row.receiving_unit_id]).flatten());
    let units = organisation::units_by_ids(db, &wanted).await?;
    let path = |unit: Option<UnitId>| Some(units.get(&unit?)?.path.as_str());
    let level = |(role, unit): &(Role, UnitId)| Some((*role, units.get(unit)?.level));
    let mut all = Vec::with_capacity(cases.len());
    for mut loaded in cases {
        let row = &loaded.row;
        loaded.beneficiaries = beneficiaries.remove(&row.id).unwrap_or_default();
        loaded.assurance = known.get(&row.applicant_person_id).map(|person| person.assurance);
        let others: Vec<PersonId> = loaded.beneficiaries.iter().map(now_is).collect();
        let applicant = now_is(&row.applicant_person_id);
        let mandates: Vec<_> = held.iter().filter(|m| m.principal == applicant && m.scope.covers(&loaded.version.item_code)).map(|m| m.id).collect();
        let acts_for = acts_for(db, actor, row, &mandates).await?;
        // Where the case is by now, whether or not the lapse of its time was written down.
        let paths = (path(loaded.unit(now)), path(row.receiving_unit_id));
        let was_agent = filled.contains(&row.order_id);
        let standing = policy::standing(actor, applicant, &others, acts_for, paths, row.employer_body_id)
            .map(|standing| if mandates.is_empty() { standing } else { standing.as_agent_of_applicant() })
            .and_then(|standing| if was_agent { standing.as_former_agent() } else { Ok(standing) })
            .and_then(|mut standing| {
                // An employer named in a form learns of it when she is asked, not before.
                standing.confirms &= loaded.confirmation(now).is_some();
                standing.or_not_found()
            });
        match standing {
            Ok(standing) => {
                loaded.levels = standing.grants.iter().filter_map(level).collect();
                all.push(Loaded { standing, ..loaded });
            }
            Err(Fault::NotFound) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(all)
}

/// Loads a case for a job of the portal, which no person stands behind, and locks it.
pub async fn load_for_clock(portal: &Portal, txn: &impl ConnectionTrait, calendar: &Arc<Calendar>, id: ApplicationId) -> Result<Option<Loaded>, Fault> {
    let Some(row) = store::lock_application(txn, id).await? else { return Ok(None) };
    let beneficiaries = store::beneficiaries_of(txn, &[id]).await?.remove(&id).unwrap_or_default();
    let loaded = assemble(portal, txn, calendar, vec![row]).await?.pop();
    Ok(loaded.map(|loaded| Loaded { beneficiaries, ..loaded }))
}

/// Cases with their events, clocks, versions and offerings; who else they are for and who asks is the caller's to add.
async fn assemble(portal: &Portal, db: &impl ConnectionTrait, calendar: &Arc<Calendar>, rows: Vec<store::CaseRow>) -> Result<Vec<Loaded>, Fault> {
    let ids: Vec<ApplicationId> = rows.iter().map(|row| row.id).collect();
    let mut events: HashMap<ApplicationId, Vec<store::EventRow>> = HashMap::new();
    for event in store::events_of(db, &ids).await? {
        events.entry(event.application_id).or_default().push(event);
    }
    let versions: Vec<_> = rows.iter().map(|row| row.version_id).collect();
    let versions = catalogue::versions_in(portal, db, &versions).await?;
    let offerings: Vec<_> = rows.iter().filter_map(|row| row.offering_id).collect();
    let offerings = catalogue::offerings_by_ids(db, &offerings).await?;
    let kinds = portal.part::<StepKinds>()?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let events = read_events(&events.remove(&row.id).unwrap_or_default())?;
        let case = Case::fold(events.iter().map(|(event, at)| (event, *at)));
        let version = versions.get(&row.version_id).cloned().ok_or_else(|| Fault::bug("a case has no version"))?;
        let offering = case.offering.and_then(|id| offerings.get(&id)).cloned();
        let clock = clock_of(portal, calendar, &case, offering.as_ref());
        let outside = version.content.steps.iter().map(|step| Ok(kinds.of(step.kind)?.outside())).collect::<Result<_, Fault>>()?;
        all.push(Loaded {
            row,
            case,
            calendar: calendar.clone(),
            clock,
            version,
            offering,
            beneficiaries: Vec::new(),
            standing: Standing::default(),
            outside,
            levels: Vec::new(),
            assurance: None,
        });
    }
    Ok(all)
}

/// How the caller acts for the applicant: under one of her `mandates` that hold now for the case, or as the officer at
/// whose window a cart is filled. An agent's right is her mandate alone, an officer's ends with the submission.
async fn acts_for(db: &impl ConnectionTrait, actor: &Actor, row: &store::CaseRow, mandates: &[MandateId]) -> Result<Option<Side>, Fault> {
    let Some(person) = actor.person() else { return Ok(None) };
    if let Some(mandate) = row.mandate_id {
        return Ok(mandates.contains(&mandate).then_some(Side::Agent));
    }
    let fills = row.state == State::Draft && actor.has(Role::WindowOfficer) && store::order(db, row.order_id).await?.is_some_and(|o| o.created_by == person);
    Ok(fills.then_some(Side::Window))
}

/// Where the confirmation of an employer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// She is asked now.
    Due,
    /// She has answered.
    Given,
}

impl Loaded {
    /// The state that holds at `now`.
    pub fn state(&self, now: DateTime<Utc>) -> State {
        self.clock.as_ref().map_or(self.case.state, |clock| self.case.effective(clock, now))
    }

    /// The case with what is true at `now` by the mere passing of time, where no event says so yet.
    fn lapsed(&self, now: DateTime<Utc>) -> Option<Case> {
        let (event, at) = self.clock.as_ref().and_then(|clock| self.case.by_time(clock, now))?.event();
        let mut case = self.case.clone();
        case.apply(&event, at);
        Some(case)
    }

    /// The unit that works on it at `now`.
    fn unit(&self, now: DateTime<Utc>) -> Option<UnitId> {
        self.lapsed(now).map_or(self.row.current_unit_id, |case| case.unit)
    }

    /// For readers: as it stands at `now`. Version and limits are the stored ones, which the next mutation brings up to date.
    #[must_use]
    pub fn as_it_stands(mut self, now: DateTime<Utc>) -> Self {
        if let Some(case) = self.lapsed(now) {
            self.row.current_unit_id = case.unit;
            self.row.step_key = case.step().map(str::to_owned);
            self.row.step_kind = case.pinned_step().map(|step| step.kind);
            self.row.accepted_at = case.accepted_at;
            (self.row.closed_at, self.row.termination_reason) = (case.timeline.as_ref().and_then(|timeline| timeline.ended_at), case.termination);
            (self.row.claimed_by, self.row.claimed_at) = (None, None);
            self.case = Case { version: self.case.version, ..case };
        }
        self
    }

    /// Until when an open request waits: for a notice the end of the answer, for a procedure its latest end.
    pub fn request_due(&self, request: &Request) -> Option<DateTime<Utc>> {
        let clock = self.clock.as_ref()?;
        match clock.acceptance {
            Acceptance::AwaitingSupplement { lapses } if request.supplement => Some(lapses.at),
            _ => clock.open_pause.map(|(_, until)| until),
        }
    }

    /// The rule of the step that is due.
    pub fn step(&self) -> Option<StepRule<'_>> {
        let due = self.case.pinned_step()?;
        let (step, outside) = self.version.content.steps.iter().zip(&self.outside).find(|(step, _)| step.key == due.key)?;
        // Where no unit of the level was found the step is done where the case is.
        let level = due.unit.and(step.unit_level);
        Some(StepRule { role: step.role, level, not_same_person_as: &step.not_same_person_as, outside: *outside })
    }

    /// The role that entitles the caller to an action now, or why she may not.
    pub fn may(&self, action: Action, person: PersonId, now: DateTime<Utc>) -> Result<Role, Code> {
        let Standing { side, beneficiary, roles, confirms, received, .. } = &self.standing;
        let receives = received.contains(&Role::WindowOfficer);
        let who = Who { person, side: *side, beneficiary: *beneficiary, roles, levels: &self.levels, confirms: *confirms, receives };
        let role = may(action, &self.case, self.state(now), who, self.step())?;
        // Who hands in through the portal is known as surely as the item demands; of a walk-in it is asked at the decision.
        let unsure = action == Action::Submit && *side != Some(Side::Window) && self.assurance_needed().is_some();
        if unsure { Err(Code::AssuranceTooLow) } else { Ok(role) }
    }

    /// The level of assurance that the item demands, where the applicant is not known as surely.
    pub fn assurance_needed(&self) -> Option<Assurance> {
        let needed = self.version.content.minimum_assurance;
        self.assurance.is_some_and(|known| known < needed).then_some(needed)
    }

    /// Where the confirmation of the employer stands; `None` before she is asked.
    pub fn confirmation(&self, now: DateTime<Utc>) -> Option<Confirmation> {
        let outside = |key: &str| self.version.content.step(key).is_some_and(|step| step.kind == StepKindCode::EmployerConfirmation);
        if matches!(self.state(now), State::Accepted | State::InReview) && self.case.step().is_some_and(outside) {
            Some(Confirmation::Due)
        } else {
            self.case.done.iter().any(|done| outside(&done.key)).then_some(Confirmation::Given)
        }
    }

    /// How much of the case the caller sees.
    ///
    /// A beneficiary sees how it stands, whatever roles she holds. An employer who is asked sees what the form says of the
    /// employment and where it names her; afterwards how the case stands.
    pub fn sight(&self, now: DateTime<Utc>) -> Sight {
        let Standing { side, beneficiary, .. } = &self.standing;
        if side.is_some() || (self.standing.staff() && !beneficiary) {
            return Sight::Whole;
        }
        if *beneficiary || self.confirmation(now) != Some(Confirmation::Due) {
            return Sight::Row;
        }
        let named: Vec<&str> = self.version.content.steps.iter().filter_map(|step| step.confirmer.as_deref()).collect();
        let concerns = |(pointer, element): &(&str, &str)| element.starts_with("employment.") || named.contains(pointer);
        Sight::Fields(self.version.form.elements().filter(concerns).map(|(pointer, _)| pointer.to_owned()).collect())
    }
}

/// A no with the reason why an action is barred.
pub fn barred(code: Code) -> Refused {
    Rejection::new(code).into()
}

/// CONFLICT with what the last event changed. Towards a talent the officer is a role name only, as to everybody.
pub async fn conflict(db: &impl ConnectionTrait, id: ApplicationId) -> Result<Refused, Fault> {
    let last = store::events(db, id).await?.pop();
    let (version, at, by, kind) = last.map_or((0, DateTime::UNIX_EPOCH, None, None), |e| (e.seq, e.at, e.actor_role, Some(e.kind)));
    let changed = kind.map(EventKind::changes).unwrap_or_default().iter().map(|field| (*field).to_owned()).collect();
    Ok(Rejection::conflict(Conflict { version, at, changed, by }).into())
}

/// First in every transaction on a case: the client's version is compared, and what time has brought about is written down,
/// each at the instant at which it became true. A version from before a lapse is still good, whoever wrote the lapse down:
/// nobody else has changed anything.
pub async fn settle(portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, loaded: &mut Loaded, expected: Option<i64>) -> Result<(), Refused> {
    if expected.is_some_and(|v| !loaded.case.is_seen(v)) {
        return Err(conflict(txn, loaded.row.id).await?);
    }
    pass_marks(portal, txn, actor, loaded).await?;
    Ok(())
}

/// Writes down what the clock has brought about by now; gives how much. Nothing of it twice: the case is locked.
pub async fn pass_marks(portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, loaded: &mut Loaded) -> Result<usize, Refused> {
    let now = portal.env.now();
    let mut passed = 0;
    while let Some(clock) = &loaded.clock {
        let by = by_clock(loaded);
        let entry = |action| Entry::new(action).object("APPLICATION", loaded.row.id.uuid()).person(loaded.row.applicant_person_id).by_system();
        let (event, at, paper, entry) = if let Some(by_time) = loaded.case.by_time(clock, now) {
            let (event, at) = by_time.event();
            match by_time {
                ByTime::Accepted(_) => (event, at, Some(DocumentKind::Acceptance), entry("DEEM_ACCEPTED")),
                ByTime::Terminated(_) => {
                    (event, at, Some(DocumentKind::Termination), entry("TERMINATE").detail("reason", TerminationReason::SupplementLapsed.code()))
                }
            }
        } else {
            match loaded.case.next_mark(clock).filter(|(at, _)| *at <= now) {
                Some((at, mark)) => (Event::ClockMarked { mark }, at, None, entry("CLOCK_MARK").detail("mark", mark.code())),
                None => break,
            }
        };
        advance(portal, txn, loaded, event, at, by).await?;
        if let Some(kind) = paper {
            issue(portal, txn, loaded, kind, Wording::default(), &by).await?;
        }
        audit::record(txn, portal, actor, entry).await?;
        passed += 1;
    }
    Ok(passed)
}

/// Appends one event and writes the projection; somebody else's change in between is a CONFLICT.
pub async fn advance(portal: &Portal, txn: &DatabaseTransaction, loaded: &mut Loaded, event: Event, at: DateTime<Utc>, by: EventBy) -> Result<(), Refused> {
    advance_with(portal, txn, loaded, (event, None), at, by).await
}

/// The same with what the actor says of it, which is sealed with the key of the case.
pub async fn advance_with(
    portal: &Portal,
    txn: &DatabaseTransaction,
    loaded: &mut Loaded,
    (event, reason): (Event, Option<&str>),
    at: DateTime<Utc>,
    by: EventBy,
) -> Result<(), Refused> {
    let (before, left) = (loaded.case.seq, loaded.case.unit);
    loaded.case.apply(&event, at);
    loaded.clock = clock_of(portal, &loaded.calendar, &loaded.case, loaded.offering.as_ref());
    let projection = Projection::of(&loaded.case, loaded.clock.as_ref());
    // The compare-and-set comes first: on PostgreSQL the loser waits here and reads the winner's version.
    if store::write_projection(txn, loaded.row.id, before, &projection, portal.env.now()).await? == Written::Stale {
        return Err(conflict(txn, loaded.row.id).await?);
    }
    let id = EventId::new(&portal.env);
    let reason = match reason {
        Some(words) => {
            let key = keys::data_key(portal, loaded.row.key_owner_id).await?;
            Some(key.seal(&portal.env, Place::new("application_event", "reason_sealed", id.0), words.as_bytes()))
        }
        None => None,
    };
    store::insert_event(txn, id, loaded.row.id, loaded.case.seq, (&event, reason), at, by).await?;
    (loaded.row.current_unit_id, loaded.row.receiving_unit_id) = (loaded.case.unit, loaded.case.received_by);
    tell(portal, txn, loaded, left, Some(&event)).await?;
    Ok(())
}

/// Announces that a case changed, to whom it concerns; `left` is the unit where it was before, `event` what has happened.
pub async fn tell(portal: &Portal, txn: &DatabaseTransaction, loaded: &Loaded, left: Option<UnitId>, event: Option<&Event>) -> Result<(), Fault> {
    tell_of(txn, portal, &loaded.row, loaded.case.version, (loaded.case.unit, left), event).await
}

/// The same for a case that is not in the hands of the engine: its version, the unit where it is, and the one it left.
pub async fn tell_of(
    txn: &DatabaseTransaction,
    portal: &Portal,
    row: &store::CaseRow,
    version: i64,
    (unit, left): (Option<UnitId>, Option<UnitId>),
    event: Option<&Event>,
) -> Result<(), Fault> {
    let mark = event.and_then(|event| if let Event::ClockMarked { mark } = event { Some(*mark) } else { None });
    let data = serde_json::json!({
        "kind": event.map(|event| event.kind().code()),
        "mark": mark.map(ClockMark::code),
        "role": mark.and_then(ClockMark::escalates_to).map(Role::code),
        "version": version,
        "unit": unit.map(|u| u.0),
        "left": left.filter(|left| Some(*left) != unit).map(|u| u.0),
        "applicant": row.applicant_person_id.0,
    });
    audit::announce(txn, portal, Message::new("APPLICATION_CHANGED", "APPLICATION", row.id.uuid()).data(data)).await
}

/// Who acts, for an event: the person, the role that entitles her, and the unit.
pub fn by(actor: &Actor, role: Role, loaded: &Loaded) -> EventBy {
    let for_another = matches!(loaded.standing.side, Some(Side::Agent | Side::Window));
    EventBy {
        person: actor.person(),
        role: Some(role),
        unit: loaded.row.current_unit_id,
        on_behalf_of: for_another.then_some(loaded.row.applicant_person_id),
        mandate: loaded.row.mandate_id.filter(|_| loaded.standing.side == Some(Side::Agent)),
    }
}

/// The clock, for an event that nobody brought about.
pub fn by_clock(loaded: &Loaded) -> EventBy {
    EventBy { person: None, role: None, unit: loaded.row.current_unit_id, on_behalf_of: None, mandate: None }
}

/// What a case document is drawn up from.
#[derive(Clone, Debug)]
pub struct Paper<'a> {
    /// The stored row.
    pub row: &'a store::CaseRow,
    /// The case as it stands with the event that the document is about.
    pub case: &'a Case,
    /// Its clock.
    pub clock: Option<&'a ClockState>,
    /// The pinned version.
    pub version: &'a CompiledVersion,
    /// Kind.
    pub kind: DocumentKind,
    /// Whom it names.
    pub parties: Parties,
    /// What it says besides.
    pub wording: Wording<'a>,
    /// Who issues it.
    pub by: Option<PersonId>,
}

/// Draws a case document up: numbered, signed, sealed with the applicant's key.
pub fn draw_up(portal: &Portal, key: &SecretKey, id: CaseDocumentId, at: DateTime<Utc>, paper: Paper<'_>) -> Result<store::DocumentRow, Fault> {
    let Paper { row, case, clock, version, kind, parties, wording, by } = paper;
    let projection = Projection::of(case, clock);
    let facts = CaseFacts {
        application: row.id,
        number: row.number.as_deref().unwrap_or_default(),
        seq: case.seq,
        decision: case.decision,
        termination: case.termination,
        received_at: case.timeline.as_ref().map_or(at, |t| t.received_at),
        acceptance_due_at: projection.deemed_at,
        answer_due_at: (case.state == State::SupplementRequested).then_some(projection.due_at),
        promised_due_at: projection.promised_due_at,
        statutory_due_at: projection.statutory_due_at,
        provisional: projection.provisional,
    };
    let content = write(id, kind, at, &facts, &version.content, parties, wording);
    let jws = portal.keyring.signing().sign(JWS_TYPE, &content).map_err(Fault::internal)?;
    let data = serde_json::to_vec(&content).map_err(Fault::internal)?;
    Ok(store::DocumentRow {
        id,
        application_id: row.id,
        kind,
        number: content.number,
        data_sealed: key.seal(&portal.env, Place::new("case_document", "data_sealed", id.0), &data),
        jws_sealed: key.seal(&portal.env, Place::new("case_document", "jws_sealed", id.0), jws.as_bytes()),
        key_owner_id: row.key_owner_id,
        issued_at: at,
        issued_by: by,
    })
}

/// Issues a case document about the event that `by` brought about, in the name of the unit where that was.
pub async fn issue(portal: &Portal, txn: &DatabaseTransaction, loaded: &Loaded, kind: DocumentKind, wording: Wording<'_>, by: &EventBy) -> Result<(), Fault> {
    let applicant = loaded.row.applicant_person_id;
    let name = persons::names_of(txn, &[applicant]).await?.remove(&applicant);
    let unit = match by.unit {
        Some(id) => organisation::unit(txn, id).await?.map(|unit| (id, unit.name)),
        None => None,
    };
    let parties = Parties { applicant: name.map(|name| name.display().to_owned()).unwrap_or_default(), unit };
    issue_to(portal, txn, loaded, kind, parties, wording, by.person).await
}

/// The same where it is known already whom the document names.
pub async fn issue_to(
    portal: &Portal,
    txn: &DatabaseTransaction,
    loaded: &Loaded,
    kind: DocumentKind,
    parties: Parties,
    wording: Wording<'_>,
    by: Option<PersonId>,
) -> Result<(), Fault> {
    let id = CaseDocumentId::new(&portal.env);
    let key = keys::data_key(portal, loaded.row.key_owner_id).await?;
    let paper = Paper { row: &loaded.row, case: &loaded.case, clock: loaded.clock.as_ref(), version: &loaded.version, kind, parties, wording, by };
    Ok(store::insert_document(txn, draw_up(portal, &key, id, portal.env.now(), paper)?).await?)
}

/// The answers of the form, opened.
pub async fn answers(portal: &Portal, row: &store::CaseRow) -> Result<Value, Fault> {
    let Some(sealed) = &row.form_sealed else { return Ok(Value::Object(serde_json::Map::new())) };
    let key = keys::data_key(portal, row.key_owner_id).await?;
    let plain = key.open(Place::new("application", "form_sealed", row.id.0), sealed).ok_or_else(|| Fault::bug("the answers of a case do not open"))?;
    serde_json::from_slice(&plain).map_err(Fault::internal)
}

/// The fulfilment of a case with what it is asked with, where the version has one.
pub async fn fulfilment_case(portal: &Portal, loaded: &Loaded) -> Result<Option<(String, FulfilmentCase)>, Fault> {
    let Some(spec) = &loaded.version.content.fulfilment else { return Ok(None) };
    let case = FulfilmentCase {
        application: loaded.row.id,
        item_code: loaded.version.item_code.clone(),
        params: spec.params.clone(),
        applicant: loaded.row.applicant_person_id,
        beneficiaries: loaded.beneficiaries.clone(),
        form: answers(portal, &loaded.row).await?,
        on: portal.env.today(),
        received_on: loaded.case.timeline.as_ref().map_or_else(|| portal.env.today(), |timeline| civil_date(timeline.received_at)),
        region_code: loaded.offering.as_ref().map(|o| o.region.clone()),
    };
    Ok(Some((spec.kind.clone(), case)))
}

/// Why the fulfilment could not be carried out, empty where it could or there is none.
pub async fn check_fulfilment(portal: &Portal, txn: &DatabaseTransaction, loaded: &Loaded) -> Result<Vec<Rejection>, Fault> {
    match fulfilment_case(portal, loaded).await? {
        None => Ok(Vec::new()),
        Some((kind, case)) => portal.part::<Fulfilments>()?.of(&kind)?.check(portal, txn, &case).await,
    }
}
