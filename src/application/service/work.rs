//! Working on a case: claim, accept or refuse, steps, decision, delivery, withdrawal. One transaction each.

use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;

use crate::application::model::case::ExtensionState;
use crate::application::model::document::{DocumentKind, Wording};
use crate::application::model::event::{Decision, DeliveryChannel, Event, StepOutcome, TerminationReason};
use crate::application::model::order::MAX_REASON;
use crate::application::model::rights::{Action, Side};
use crate::application::policy;
use crate::application::service::engine::{self, Loaded};
use crate::application::service::fulfilment::{Fulfilments, Outcome};
use crate::application::store::{self, EventBy};
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ApplicationId, PersonId, TypedId, UnitId};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::role::Role;
use crate::organisation::service as organisation;
use crate::portal::Portal;

/// What a caller names of the case that she means.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The case.
    pub id: ApplicationId,
    /// The version that she saw.
    pub expected_version: i64,
}

/// An action that is being done.
pub(super) struct Work {
    pub(super) txn: DatabaseTransaction,
    pub(super) loaded: Loaded,
    pub(super) person: PersonId,
    pub(super) role: Role,
    pub(super) now: DateTime<Utc>,
}

/// Opens the transaction, loads, settles the clock, and asks whether the action may be done.
pub(super) async fn begin(portal: &Portal, actor: &Actor, target: Target, action: Action) -> Result<Work, Refused> {
    let person = policy::signed_in(actor)?.person;
    let calendar = organisation::calendar(portal).await?;
    let txn = portal.db.begin_write().await?;
    let mut loaded = engine::load_for_change(portal, &txn, &calendar, actor, target.id).await?;
    engine::settle(portal, &txn, actor, &mut loaded, Some(target.expected_version)).await?;
    let now = portal.env.now();
    let role = loaded.may(action, person, now).map_err(engine::barred)?;
    Ok(Work { txn, loaded, person, role, now })
}

/// Writes the trail and commits.
pub(super) async fn end(portal: &Portal, actor: &Actor, work: Work, action: Action, details: &[(&'static str, &str)]) -> Result<ApplicationId, Refused> {
    let row = &work.loaded.row;
    let mut entry = Entry::new(action.code()).object("APPLICATION", row.id.uuid()).person(row.applicant_person_id);
    for (name, value) in details {
        entry = entry.detail(name, *value);
    }
    if work.loaded.standing.side == Some(Side::Agent) {
        entry = entry.on_behalf(row.applicant_person_id, row.mandate_id);
    }
    audit::record(&work.txn, portal, actor, entry).await?;
    portal.commit(work.txn).await?;
    Ok(work.loaded.row.id)
}

async fn step(portal: &Portal, actor: &Actor, work: &mut Work, event: Event) -> Result<EventBy, Refused> {
    let by = engine::by(actor, work.role, &work.loaded);
    engine::advance(portal, &work.txn, &mut work.loaded, event, work.now, by).await?;
    Ok(by)
}

/// A reason in somebody's words: REASON_REQUIRED or TOO_LONG where it is none.
pub(super) fn reason(text: &str, field: &str) -> Result<String, Refused> {
    let text = text.trim();
    if text.is_empty() {
        Err(Rejection::at(Code::ReasonRequired, field).into())
    } else if text.chars().count() > MAX_REASON {
        Err(Rejection::at(Code::TooLong, field).into())
    } else {
        Ok(text.to_owned())
    }
}

/// Takes a case from the queue. Of many who try at once, one wins; the others get CONFLICT or CLAIMED_BY_ANOTHER.
pub async fn claim(portal: &Portal, actor: &Actor, target: Target) -> Result<ApplicationId, Refused> {
    let mut work = begin(portal, actor, target, Action::Claim).await?;
    let by = work.person;
    step(portal, actor, &mut work, Event::Claimed { by }).await?;
    end(portal, actor, work, Action::Claim, &[]).await
}

/// Gives a case back to the queue.
pub async fn release(portal: &Portal, actor: &Actor, target: Target) -> Result<ApplicationId, Refused> {
    let mut work = begin(portal, actor, target, Action::Release).await?;
    step(portal, actor, &mut work, Event::Released).await?;
    end(portal, actor, work, Action::Release, &[]).await
}

/// Accepts a case (受理) and issues the notice of acceptance.
pub async fn accept(portal: &Portal, actor: &Actor, target: Target) -> Result<ApplicationId, Refused> {
    let mut work = begin(portal, actor, target, Action::Accept).await?;
    let by = step(portal, actor, &mut work, Event::Accepted).await?;
    engine::issue(portal, &work.txn, &work.loaded, DocumentKind::Acceptance, Wording::default(), &by).await?;
    end(portal, actor, work, Action::Accept, &[]).await
}

/// Refuses acceptance (不予受理) with a reason, and tells the remedies.
pub async fn refuse_acceptance(portal: &Portal, actor: &Actor, target: Target, why: &str) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    let why = reason(why, "input.reason")?;
    let mut work = begin(portal, actor, target, Action::RefuseAcceptance).await?;
    let by = step(portal, actor, &mut work, Event::NotAccepted).await?;
    let wording = Wording { reason: Some(&why), ..Wording::default() };
    engine::issue(portal, &work.txn, &work.loaded, DocumentKind::NotAccepted, wording, &by).await?;
    end(portal, actor, work, Action::RefuseAcceptance, &[]).await
}

/// Finishes the step that is due. `key` names the step that the caller means. Who advises against approval says why.
pub async fn complete_step(
    portal: &Portal,
    actor: &Actor,
    target: Target,
    key: &str,
    (outcome, why): (StepOutcome, Option<&str>),
) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    let why = match (outcome, why.map(str::trim).filter(|why| !why.is_empty())) {
        (StepOutcome::Negative, None) => return Err(Rejection::at(Code::ReasonRequired, "input.reason").into()),
        (_, Some(why)) => Some(reason(why, "input.reason")?),
        (StepOutcome::Positive, None) => None,
    };
    let mut work = begin(portal, actor, target, Action::CompleteStep).await?;
    if work.loaded.case.step() != Some(key) {
        return Err(Rejection::at(Code::WrongStep, "input.stepKey").into());
    }
    let event = Event::StepCompleted { key: key.to_owned(), by: work.person, outcome };
    let by = engine::by(actor, work.role, &work.loaded);
    engine::advance_with(portal, &work.txn, &mut work.loaded, (event, why.as_deref()), work.now, by).await?;
    end(portal, actor, work, Action::CompleteStep, &[("step", key), ("outcome", outcome.code())]).await
}

/// Decides (决定). An approval carries out the fulfilment in the same transaction.
///
/// A refusal needs a reason, and so does an approval against a step that advised against it (ADVISED_AGAINST), which the trail
/// names. Whoever
/// was let in at the window must be known to the portal by now as surely as the item demands.
pub async fn decide(portal: &Portal, actor: &Actor, target: Target, decision: Decision, why: Option<&str>) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    let why = match (decision, why.map(str::trim).filter(|w| !w.is_empty())) {
        (Decision::Refused, None) => return Err(Rejection::at(Code::ReasonRequired, "input.reason").into()),
        (_, Some(text)) => Some(reason(text, "input.reason")?),
        (Decision::Approved, None) => None,
    };
    let mut work = begin(portal, actor, target, Action::Decide).await?;
    let against: Vec<&str> = work.loaded.case.done.iter().filter(|d| d.outcome == StepOutcome::Negative).map(|d| d.key.as_str()).collect();
    let against = against.join(",");
    let mut details = vec![("decision", decision.code())];
    if decision == Decision::Approved {
        if !against.is_empty() {
            if why.is_none() {
                return Err(Rejection::at(Code::AdvisedAgainst, "input.reason").into());
            }
            details.push(("against_steps", &against));
        }
        if let Some(needed) = work.loaded.assurance_needed() {
            return Err(Rejection::new(Code::ApplicantNotVerified).text("needed", needed.code()).into());
        }
        let impossible = engine::check_fulfilment(portal, &work.txn, &work.loaded).await?;
        if !impossible.is_empty() {
            return Err(Refused::Rejected(impossible));
        }
    }
    let event = Event::Decided { decision, by: work.person };
    let by = step(portal, actor, &mut work, event).await?;
    let mut wording = Wording { reason: why.as_deref(), ..Wording::default() };
    if decision == Decision::Approved
        && let Some((kind, case)) = engine::fulfilment_case(portal, &work.loaded).await?
    {
        match portal.part::<Fulfilments>()?.of(&kind)?.fulfil(portal, &work.txn, actor, &case).await? {
            Outcome::Done(given) => wording.given = given,
            Outcome::Pending => {}
        }
    }
    engine::issue(portal, &work.txn, &work.loaded, DocumentKind::Decision, wording, &by).await?;
    end(portal, actor, work, Action::Decide, &details).await
}

/// Records that the decision reached the applicant (送达), which closes the case.
pub async fn deliver(portal: &Portal, actor: &Actor, target: Target, channel: DeliveryChannel) -> Result<ApplicationId, Refused> {
    let mut work = begin(portal, actor, target, Action::Deliver).await?;
    step(portal, actor, &mut work, Event::Delivered { channel }).await?;
    let documents = store::documents_of(&work.txn, &[target.id]).await?;
    let decision = documents.iter().rev().find(|d| d.kind == DocumentKind::Decision).ok_or_else(|| Fault::bug("a decided case has no decision document"))?;
    store::insert_delivery(&work.txn, portal.env.uuid(), decision.id, channel.code(), work.loaded.row.applicant_person_id, Some(work.person), work.now).await?;
    end(portal, actor, work, Action::Deliver, &[("channel", channel.code())]).await
}

/// Withdraws a case (撤回) that is not decided yet.
pub async fn withdraw(portal: &Portal, actor: &Actor, target: Target) -> Result<ApplicationId, Refused> {
    let mut work = begin(portal, actor, target, Action::Withdraw).await?;
    step(portal, actor, &mut work, Event::Withdrawn).await?;
    end(portal, actor, work, Action::Withdraw, &[]).await
}

/// Most working days by which limits become longer (行政许可法 Art. 42: ten).
pub const MAX_EXTENSION_DAYS: u32 = 10;

/// LIMIT_PASSED where no limit is ahead that could become longer: the clock takes none that is granted afterwards.
fn still_running(work: &Work) -> Result<(), Refused> {
    let limits = work.loaded.clock.as_ref().map(|clock| [clock.promised, clock.statutory]);
    let ahead = limits.is_some_and(|limits| limits.iter().flatten().any(|due| due.at > work.now));
    if ahead { Ok(()) } else { Err(Rejection::new(Code::LimitPassed).into()) }
}

/// Asks for longer limits (申请延长). Rejections: LIMIT_PASSED, NOT_ALLOWED at `input.days`, REASON_REQUIRED or TOO_LONG at `input.reason`.
pub async fn request_extension(portal: &Portal, actor: &Actor, target: Target, days: u32, why: &str) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    let why = reason(why, "input.reason")?;
    if !(1..=MAX_EXTENSION_DAYS).contains(&days) {
        return Err(Rejection::at(Code::NotAllowed, "input.days").into());
    }
    let mut work = begin(portal, actor, target, Action::RequestExtension).await?;
    still_running(&work)?;
    let event = Event::ExtensionRequested { days, by: work.person };
    let by = engine::by(actor, work.role, &work.loaded);
    engine::advance_with(portal, &work.txn, &mut work.loaded, (event, Some(&why)), work.now, by).await?;
    end(portal, actor, work, Action::RequestExtension, &[("days", &days.to_string())]).await
}

/// Grants or declines longer limits, for the organ (行政许可法 Art. 42); who is granted them, the applicant, is told the reason.
/// A limit that has passed becomes no longer. Rejections: LIMIT_PASSED where both have, REASON_REQUIRED or TOO_LONG at
/// `input.reason`.
pub async fn decide_extension(portal: &Portal, actor: &Actor, target: Target, granted: bool, why: &str) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    let why = reason(why, "input.reason")?;
    let mut work = begin(portal, actor, target, Action::DecideExtension).await?;
    let Some(ExtensionState::Asked { days, .. }) = work.loaded.case.extension else { return Err(Rejection::new(Code::NoExtension).into()) };
    if granted {
        still_running(&work)?;
    }
    let event = if granted { Event::ExtensionGranted { days } } else { Event::ExtensionDeclined };
    let by = engine::by(actor, work.role, &work.loaded);
    engine::advance_with(portal, &work.txn, &mut work.loaded, (event, Some(&why)), work.now, by).await?;
    if granted {
        let wording = Wording { reason: Some(&why), days: Some(days), ..Wording::default() };
        engine::issue(portal, &work.txn, &work.loaded, DocumentKind::Extension, wording, &by).await?;
    }
    end(portal, actor, work, Action::DecideExtension, &[("granted", if granted { "yes" } else { "no" })]).await
}

/// Sends a case back to an earlier step (退回). What was finished from there on is to be done again. Rejections: WRONG_STEP at
/// `input.stepKey` where no such step is finished, REASON_REQUIRED or TOO_LONG at `input.reason`.
pub async fn return_to_step(portal: &Portal, actor: &Actor, target: Target, key: &str, why: &str) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    let why = reason(why, "input.reason")?;
    let mut work = begin(portal, actor, target, Action::ReturnToStep).await?;
    if !work.loaded.case.done.iter().any(|done| done.key == key) {
        return Err(Rejection::at(Code::WrongStep, "input.stepKey").into());
    }
    let event = Event::Returned { to: key.to_owned(), by: work.person };
    let by = engine::by(actor, work.role, &work.loaded);
    engine::advance_with(portal, &work.txn, &mut work.loaded, (event, Some(&why)), work.now, by).await?;
    end(portal, actor, work, Action::ReturnToStep, &[("step", key)]).await
}

/// Hands a case to another unit of the same level (移送): before acceptance the one that answers for it, later the one that
/// does the step. Rejections: UNIT_UNFIT at `input.unitId`, REASON_REQUIRED or TOO_LONG at `input.reason`.
pub async fn hand_over(portal: &Portal, actor: &Actor, target: Target, to: UnitId, why: &str) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    let why = reason(why, "input.reason")?;
    let mut work = begin(portal, actor, target, Action::HandOver).await?;
    let now_at = work.loaded.case.unit.ok_or_else(|| Fault::bug("a case under way has no unit"))?;
    let units = organisation::units_by_ids(&work.txn, &[now_at]).await?;
    let level = units.get(&now_at).map(|unit| unit.level);
    // Locked, so that it does not close meanwhile.
    let unit = organisation::lock_unit(&work.txn, to).await?;
    if !unit.is_some_and(|unit| unit.closed_at.is_none() && unit.id != now_at && Some(unit.level) == level) {
        return Err(Rejection::at(Code::UnitUnfit, "input.unitId").into());
    }
    let by = engine::by(actor, work.role, &work.loaded);
    engine::advance_with(portal, &work.txn, &mut work.loaded, (Event::HandedOver { to }, Some(&why)), work.now, by).await?;
    end(portal, actor, work, Action::HandOver, &[("unit", &to.global())]).await
}

/// Ends a case without a decision (终止); the applicant is told why, and the remedies. Rejections: NOT_ALLOWED at `input.cause`
/// for what only time brings about, REASON_REQUIRED or TOO_LONG at `input.reason`.
pub async fn terminate(portal: &Portal, actor: &Actor, target: Target, cause: TerminationReason, why: &str) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    let why = reason(why, "input.reason")?;
    if cause == TerminationReason::SupplementLapsed {
        return Err(Rejection::at(Code::NotAllowed, "input.cause").into());
    }
    let mut work = begin(portal, actor, target, Action::Terminate).await?;
    let event = Event::Terminated { reason: cause, at: work.now };
    let by = engine::by(actor, work.role, &work.loaded);
    engine::advance_with(portal, &work.txn, &mut work.loaded, (event, Some(&why)), work.now, by).await?;
    let wording = Wording { reason: Some(&why), ..Wording::default() };
    engine::issue(portal, &work.txn, &work.loaded, DocumentKind::Termination, wording, &by).await?;
    end(portal, actor, work, Action::Terminate, &[("cause", cause.code())]).await
}

/// Cases looked at in one statement of the clock.
const CLOCK_BATCH: u64 = 100;

/// Writes down what time has brought about and nobody has met yet, in how many cases.
///
/// A case that cannot be written down is told in the log by its id and left for the next round; it holds up no other.
pub async fn run_clock(portal: &Portal) -> Result<usize, Fault> {
    let now = portal.env.now();
    let (mut done, mut after) = (0, None);
    loop {
        let due = store::clock_due(portal.db.read(), now, after, CLOCK_BATCH).await?;
        let Some(last) = due.last().copied() else { return Ok(done) };
        for (_, id) in &due {
            match pass(portal, *id).await {
                Ok(passed) => done += usize::from(passed),
                // Nothing is wrong with the case where the database does not answer.
                Err(Fault::Unavailable(cause)) => return Err(Fault::Unavailable(cause)),
                Err(fault) => tracing::error!(job = "clock", application = %id.uuid(), fault = ?fault, "what time brought about could not be written down"),
            }
        }
        after = Some(last);
    }
}

/// Writes down what time has brought about in one case, if nobody was faster.
async fn pass(portal: &Portal, id: ApplicationId) -> Result<bool, Fault> {
    let calendar = organisation::calendar(portal).await?;
    let txn = portal.db.begin_write().await?;
    let actor = Actor::anonymous("clock");
    let Some(mut loaded) = engine::load_for_clock(portal, &txn, &calendar, id).await? else { return Ok(false) };
    match engine::pass_marks(portal, &txn, &actor, &mut loaded).await {
        Ok(0) | Err(Refused::Rejected(_)) => Ok(false),
        Ok(_) => {
            portal.commit(txn).await?;
            Ok(true)
        }
        Err(Refused::Fault(fault)) => Err(fault),
    }
}
