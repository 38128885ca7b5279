//! Handing a cart in: every line is judged, numbered, receipted, and becomes a case with a clock of its own.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::Value;

use crate::account::service::mandates::{mandate_holds, mandate_in_force};
use crate::application::model::case::Case;
use crate::application::model::document::{DocumentKind, Parties, Wording};
use crate::application::model::event::{Event, pin};
use crate::application::model::number::{case_number, number_prefix};
use crate::application::model::order::{OrderState, SubmitCart, check_receipt, fits};
use crate::application::model::projection::Projection;
use crate::application::model::rights::Side;
use crate::application::model::sight::Sight;
use crate::application::policy::{self, Standing};
use crate::application::service::engine::{self, Loaded};
use crate::application::service::view::{self, SeenCase, SeenOrder};
use crate::application::store::{self, Written};
use crate::audit::model::Entry;
use crate::audit::service::{self as audit, Claim};
use crate::catalogue::model::bundle::vocabulary;
use crate::catalogue::model::facts::{FactOrigin, FactValue, Facts};
use crate::catalogue::model::item::CompiledVersion;
use crate::catalogue::model::offering::{Channel, Offering, Route};
use crate::catalogue::model::rule::{Leaf, Outcome, RuleAnswer};
use crate::catalogue::model::version::Necessity;
use crate::catalogue::service as catalogue;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{BodyId, DocumentVersionId, EventId, OrderId, PersonId, TypedId};
use crate::kernel::rejection::{Code, Conflict, Rejection};
use crate::kernel::role::Assurance;
use crate::kernel::seal::Place;
use crate::material::service as material;
use crate::organisation::model::body::BodyKind;
use crate::organisation::model::calendar::Calendar;
use crate::organisation::model::unit::UnitNode;
use crate::organisation::service as organisation;
use crate::person::model::profile::Person;
use crate::person::service as persons;
use crate::person::service::keys;
use crate::portal::Portal;
use crate::talent::model::FamilyRelation;
use crate::talent::service as talent;

/// Hands a cart in. All lines or none. Gives the order with its cases.
///
/// The same key again answers with the same order. Every reason of a no is told at once, with the line that it is about:
/// besides those of `judge`, `NOT_ALLOWED` at a line whose unit the officer does not receive for, `MANDATE_INVALID` at a
/// line that the mandate does not cover, and what [`check_receipt`] says of a stated receipt.
pub async fn submit_cart(portal: &Portal, actor: &Actor, command: SubmitCart, key: &str) -> Result<SeenOrder, Refused> {
    let member = policy::signed_in(actor)?;
    let order = store::order(portal.db.read(), command.order).await?.ok_or(Fault::NotFound)?;
    let (applicant, side) = side_of(portal, portal.db.read(), actor, &order).await?;
    let known = prepare(portal, &order).await?;
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "submitCart", key, &command, command.order.0).await? {
        // A second connection may be asked for once this one is free.
        drop(txn);
        return Ok(view::order(portal, actor, OrderId(made)).await?);
    }
    if order.state != OrderState::Cart {
        return Err(Rejection::at(Code::WrongState, "input.orderId").into());
    }
    let now = portal.env.now();
    // Who hands in decides how it comes in: a talent who hands in what was filled at a window does so through the portal.
    let channel = if side == Side::Window { order.channel } else { Channel::Online };
    let mut wrong = Vec::new();
    if !fits(side, channel) {
        wrong.push(Rejection::at(Code::NotAllowed, "input.orderId"));
    }
    if command.received_at.is_none() && command.received_reason.is_some() {
        wrong.push(Rejection::at(Code::Required, "input.receivedAt"));
    }
    if let Some(stated) = command.received_at {
        if side != Side::Window {
            wrong.push(Rejection::at(Code::NotAllowed, "input.receivedAt"));
        }
        let (reason, days) = (command.received_reason.as_deref(), portal.settings.receipt_backdate_days);
        wrong.extend(check_receipt(stated, reason, channel, now, portal.env.today(), days));
    }
    // What was read before is of the version that is handed in, or it does not count. Every change of a cart and of its
    // lines raises the version.
    let seen = order.version == command.expected_version;
    if !seen || !store::bump_order(&txn, order.id, command.expected_version, now, Some(channel), Some(member.person)).await? {
        let now_is = store::order(&txn, order.id).await?.ok_or(Fault::NotFound)?;
        if now_is.state != OrderState::Cart {
            return Err(Rejection::at(Code::WrongState, "input.orderId").into());
        }
        let conflict = Conflict { version: now_is.version, at: now_is.updated_at, changed: vec!["applications".into()], by: None };
        return Err(Rejection::conflict(conflict).into());
    }
    // She stays who she is until the end: what is open is counted for all ids that mean her.
    let applicant = persons::lock_person(&txn, applicant).await?;
    let identities = persons::identities(&txn, applicant.id).await?;
    if known.lines.is_empty() {
        wrong.push(Rejection::at(Code::CartEmpty, "input.orderId"));
    }
    let mut ready = Vec::new();
    for (at, line) in known.lines.iter().enumerate() {
        let path = format!("lines.{at}");
        let (row, Some(about)) = line else {
            wrong.push(Rejection::at(Code::NotOffered, &path));
            continue;
        };
        if let (Side::Agent, Some(mandate)) = (side, order.mandate_id)
            && !mandate_in_force(&txn, mandate, member.person, applicant.id, &about.version.item_code, now).await?
        {
            wrong.push(Rejection::at(Code::MandateInvalid, &path));
            continue;
        }
        if side == Side::Window && about.lineage.first().is_some_and(|unit| !policy::receives_for(actor, &unit.path)) {
            wrong.push(Rejection::at(Code::NotAllowed, &path));
            continue;
        }
        if about.version.content.one_open_case && store::has_open(&txn, &identities, row.item_id).await? {
            wrong.push(Rejection::at(Code::OpenCaseExists, &path));
        }
        // At the window the officer has the person or her papers before her; how surely she is known is asked at the decision.
        let assurance = (side != Side::Window).then_some(applicant.assurance);
        match judge(portal, &txn, (row, &identities), about, &path, channel, assurance).await {
            Ok((offering, judged)) => ready.push(Ready { row: row.clone(), about, offering, judged, path }),
            Err(Refused::Rejected(reasons)) => wrong.extend(reasons),
            Err(fault) => return Err(fault),
        }
    }
    if !wrong.is_empty() {
        return Err(Refused::Rejected(wrong));
    }
    // Numbers are counted per prefix. All who hand in take them in one order, so that two carts never wait for each other.
    ready.sort_by_cached_key(|line| number_prefix(&line.offering.region, &line.about.version.item_code, portal.env.today()));
    let entry = Handed {
        side,
        channel,
        now,
        received_at: command.received_at,
        reason: command.received_reason.as_deref().map(str::trim),
        applicant: &applicant,
        identities: &identities,
    };
    let mut opened = Vec::with_capacity(ready.len());
    for line in ready {
        let id = line.row.id;
        opened.push(open_case(portal, &txn, actor, &known.calendar, line, &entry).await?);
        let mut trail = Entry::new("SUBMIT_APPLICATION").object("APPLICATION", id.0).person(applicant.id).detail("order", order.id.to_string());
        if let Some(stated) = command.received_at {
            trail = trail.detail("stated_received_at", stated.to_rfc3339());
        }
        if side != Side::Applicant {
            trail = trail.on_behalf(applicant.id, order.mandate_id);
        }
        audit::record(&txn, portal, actor, trail).await?;
    }
    portal.commit(txn).await?;
    opened.sort_by_key(|row| row.id);
    let lines = opened.into_iter().map(|row| SeenCase { row, sight: Sight::Whole }).collect();
    let row = store::OrderRow {
        channel,
        state: OrderState::Submitted,
        version: order.version + 1,
        updated_at: now,
        submitted_at: Some(now),
        submitted_by: Some(member.person),
        ..order
    };
    Ok(SeenOrder { row, own: side == Side::Applicant, lines: Some(lines) })
}

/// For whom and on which side the caller hands in an order; NOT_FOUND where it is none of hers.
///
/// Errors: `MANDATE_INVALID` where her mandate has ended, FORBIDDEN where she serves at no window any more.
async fn side_of(portal: &Portal, db: &impl ConnectionTrait, actor: &Actor, order: &store::OrderRow) -> Result<(PersonId, Side), Refused> {
    let member = policy::signed_in(actor)?;
    // Whoever is signed in is herself and no other by now; only an id of before leads to her by a look.
    let applicant = match order.applicant_person_id {
        own if own == member.person => own,
        other => persons::resolve(db, other).await?,
    };
    if applicant == member.person {
        return Ok((applicant, Side::Applicant));
    }
    if order.created_by != member.person {
        return Err(Fault::NotFound.into());
    }
    let Some(mandate) = order.mandate_id else {
        policy::window_officer(actor)?;
        return Ok((applicant, Side::Window));
    };
    // It is judged again for the item of each line; here, whether she may still know of the cart.
    if mandate_holds(db, mandate, member.person, applicant, portal.env.now()).await? {
        Ok((applicant, Side::Agent))
    } else {
        Err(Rejection::at(Code::MandateInvalid, "input.orderId").into())
    }
}

/// How all lines of a cart were handed in.
struct Handed<'a> {
    side: Side,
    channel: Channel,
    now: DateTime<Utc>,
    /// The true receipt as an officer stated it, and why.
    received_at: Option<DateTime<Utc>>,
    reason: Option<&'a str>,
    /// The applicant, redirects followed.
    applicant: &'a Person,
    /// The ids that mean her.
    identities: &'a [PersonId],
}

/// A line that nothing speaks against.
struct Ready<'a> {
    row: store::CaseRow,
    about: &'a About,
    offering: Offering,
    judged: Judged,
    path: String,
}

/// What the judgement of a line rests on.
struct Judged {
    facts: Facts,
    /// The materials that are bound.
    bound: Vec<store::MaterialRow>,
}

/// What submission asks of catalogue, profile and organisation.
struct Known {
    calendar: Arc<Calendar>,
    /// The lines in order; without the rest where no version of the item is in force.
    lines: Vec<(store::CaseRow, Option<About>)>,
}

/// The same for one line.
struct About {
    version: Arc<CompiledVersion>,
    offering: Option<Offering>,
    /// The unit that receives it and those above, nearest first.
    lineage: Vec<UnitNode>,
    facts: Facts,
    answers: Value,
    beneficiaries: Vec<PersonId>,
    /// What the beneficiaries are to the applicant.
    included: Vec<FamilyRelation>,
    /// The employer whom the answers name for a confirmation, or the pointer at which they name none that can confirm.
    employer: Result<Option<BodyId>, String>,
}

/// Reads what lines are judged by, before the transaction begins: inside it nothing may wait for a second connection.
///
/// The rules are those in force on the day of submission; a draft begun under older ones is judged by the new. A cart
/// that changes meanwhile has another version by then, which the transaction finds. The caller may hand the order in.
async fn prepare(portal: &Portal, order: &store::OrderRow) -> Result<Known, Fault> {
    let db = portal.db.read();
    let today = portal.env.today();
    let rows = if order.state == OrderState::Cart { store::lines_of(db, &[order.id]).await? } else { Vec::new() };
    let items: Vec<_> = rows.iter().map(|l| l.item_id).collect();
    let versions = catalogue::current_versions(portal, &items, today).await?;
    let mut beneficiaries = store::beneficiaries_of(db, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    let named: Vec<PersonId> = beneficiaries.values().flatten().copied().collect();
    let relatives = match rows.first().filter(|_| !named.is_empty()) {
        Some(row) => talent::relatives(portal, db, persons::resolve(db, row.applicant_person_id).await?, &named).await?,
        None => HashMap::new(),
    };
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(version) = versions.get(&row.item_id).cloned() else {
            lines.push((row, None));
            continue;
        };
        let asked = Route { region: row.region_code.as_deref().unwrap_or_default(), zone: row.zone_code.as_deref(), category: row.category.as_deref() };
        let offering = catalogue::route(portal, row.item_id, asked, today).await?;
        let lineage = match &offering {
            Some(offering) => organisation::lineage(db, offering.unit).await?,
            None => Vec::new(),
        };
        let facts = catalogue::known_facts(portal, row.applicant_person_id, &version).await?;
        let answers = engine::answers(portal, &row).await?;
        let employer = employer(db, &version, &answers).await?;
        let beneficiaries = beneficiaries.remove(&row.id).unwrap_or_default();
        let included = beneficiaries.iter().filter_map(|id| relatives.get(id)).map(|(_, relation)| *relation).collect();
        lines.push((row, Some(About { version, offering, lineage, facts, answers, beneficiaries, included, employer })));
    }
    Ok(Known { calendar: organisation::calendar(portal).await?, lines })
}

/// The employer that a step of the version lets confirm; it exists, is an employer, and is open.
pub(super) async fn employer(db: &impl ConnectionTrait, version: &CompiledVersion, answers: &Value) -> Result<Result<Option<BodyId>, String>, Fault> {
    let Some(pointer) = version.content.steps.iter().find_map(|s| s.confirmer.as_deref()) else { return Ok(Ok(None)) };
    // That it is answered at all is the form's to ask for.
    let Some(answer) = answers.pointer(pointer) else { return Ok(Ok(None)) };
    let body = match answer.as_str().and_then(BodyId::parse_global) {
        Some(id) => organisation::body(db, id).await?,
        None => None,
    };
    let fit = body.filter(|b| matches!(b.kind, BodyKind::Employer | BodyKind::PublicInstitution) && b.closed_at.is_none());
    Ok(fit.map(|body| Some(body.id)).ok_or_else(|| pointer.to_owned()))
}

/// Judges one line: offered here, assured enough (where that is asked already), form right, employer known, materials
/// there, rules met. Gives the offering, and what the judgement rests on.
async fn judge(
    portal: &Portal,
    txn: &DatabaseTransaction,
    (row, identities): (&store::CaseRow, &[PersonId]),
    about: &About,
    path: &str,
    channel: Channel,
    assurance: Option<Assurance>,
) -> Result<(Offering, Judged), Refused> {
    let mut wrong = Vec::new();
    let today = portal.env.today();
    let version = &about.version;
    let offering = about.offering.clone().filter(|o| o.terms.takes_applications(today) && o.terms.channels.contains(&channel));
    if offering.is_none() {
        wrong.push(Rejection::at(Code::NotOffered, path));
    }
    if assurance.is_some_and(|level| level < version.content.minimum_assurance) {
        wrong.push(Rejection::at(Code::AssuranceTooLow, path).text("needed", version.content.minimum_assurance.code()));
    }
    for error in version.form.validate(&about.answers) {
        wrong.push(Rejection::at(Code::FormInvalid, &format!("{path}.answers")).pointer(error.pointer).text("keyword", error.keyword));
    }
    if let Err(pointer) = &about.employer
        && !wrong.iter().any(|no| no.pointer.as_ref() == Some(pointer))
    {
        wrong.push(Rejection::at(Code::FormInvalid, &format!("{path}.answers")).pointer(pointer.clone()).text("keyword", "employer"));
    }
    let vocabulary = vocabulary().map_err(|p| Fault::internal(anyhow::anyhow!("the vocabulary does not load: {p:?}")))?;
    let mut facts = about.facts.clone();
    facts.claim(version.form.facts(&about.answers, vocabulary));
    // Who is included is said by who is named, whatever a box of the form says.
    for (path, relation) in [("family.spouse_included", FamilyRelation::Spouse), ("family.children_included", FamilyRelation::Child)] {
        let _undeclared = facts.insert(vocabulary, path, FactValue::Boolean(about.included.contains(&relation)), FactOrigin::Form);
    }
    facts.set_today(today);
    let bound = store::materials_of(txn, &[row.id]).await?;
    let ids: Vec<DocumentVersionId> = bound.iter().filter_map(|b| b.document_version_id).collect();
    let usable: HashMap<DocumentVersionId, String> = material::usable_versions(txn, identities, &ids).await?.into_iter().map(|v| (v.id, v.kind)).collect();
    for error in version.form.strange_documents(&about.answers, |id| usable.contains_key(&id)) {
        wrong.push(Rejection::at(Code::FormInvalid, &format!("{path}.answers")).pointer(error.pointer).text("keyword", error.keyword));
    }
    let bound_at = format!("{path}.materials");
    for (material, asked_for) in version.materials(&facts).map_err(Fault::internal)? {
        let mut mine = bound.iter().filter(|b| b.material_key == material.key).peekable();
        if mine.peek().is_none() && material.necessity == Necessity::Required && asked_for == Outcome::Pass {
            wrong.push(Rejection::at(Code::MaterialMissing, &bound_at).pointer(format!("/{}", material.key)).words("material", &material.name));
        }
        if mine.any(|b| b.document_version_id.is_some_and(|id| usable.get(&id).is_none_or(|kind| *kind != material.document_kind))) {
            let unusable = Rejection::at(Code::MaterialUnusable, &bound_at).pointer(format!("/{}", material.key));
            wrong.push(unusable.text("named", "yes").words("material", &material.name));
        }
    }
    let rules = version.rules.evaluate(&facts).map_err(Fault::internal)?;
    wrong.extend(not_eligible(&rules, path));
    match offering {
        Some(offering) if wrong.is_empty() => Ok((offering, Judged { facts, bound })),
        _ => Err(Refused::Rejected(wrong)),
    }
}

/// NOT_ELIGIBLE with each rule by which an answer of the rules fails, at `field`; nothing where it does not.
pub(super) fn not_eligible(rules: &RuleAnswer, field: &str) -> Vec<Rejection> {
    if rules.outcome != Outcome::Fail {
        return Vec::new();
    }
    let reason = |(leaf, outcome): (&Leaf, Outcome)| {
        let applies = if outcome == Outcome::Pass { "yes" } else { "no" };
        Rejection::at(Code::NotEligible, field).text("applies", applies).words("rule", &leaf.label)
    };
    rules.reasons().into_iter().map(reason).collect()
}

async fn open_case(
    portal: &Portal,
    txn: &DatabaseTransaction,
    actor: &Actor,
    calendar: &Arc<Calendar>,
    line: Ready<'_>,
    entry: &Handed<'_>,
) -> Result<store::CaseRow, Refused> {
    let Ready { mut row, about, offering, judged, path } = line;
    let Judged { facts, bound } = judged;
    let (version, now, today) = (about.version.clone(), entry.now, portal.env.today());
    let received_at = entry.received_at.unwrap_or(now);
    let sequence = store::next_number(txn, &number_prefix(&offering.region, &version.item_code, today)).await?;
    let facts = serde_json::to_vec(&facts).map_err(Fault::internal)?;
    let key = keys::data_key(portal, row.key_owner_id).await?;
    let seal = |column, plain: &[u8]| key.seal(&portal.env, Place::new("application", column, row.id.0), plain);
    let reason = entry.received_at.and(entry.reason).map(|why| seal("received_reason_sealed", why.as_bytes()));
    let facts = seal("facts_sealed", &facts);
    row.number = Some(case_number(&offering.region, &version.item_code, today, sequence));
    // Whoever acts under a mandate is named with it; what she filled and the applicant hands in herself is the applicant's.
    row.mandate_id = row.mandate_id.filter(|_| entry.side == Side::Agent);
    row.version_id = version.id;
    row.offering_id = Some(offering.id);
    row.employer_body_id = about.employer.clone().ok().flatten();
    row.submitted_by = actor.person();
    row.channel = entry.channel;
    row.receiving_unit_id = Some(offering.unit);
    row.current_unit_id = Some(offering.unit);
    row.received_at = Some(received_at);
    row.judged_on = Some(today);
    row.facts_sealed = Some(facts);
    row.received_reason_sealed = reason;
    row.open_key = version.content.one_open_case.then(|| store::open_key(entry.applicant.id, row.item_id));
    let steps = pin(&version.content.steps, &about.lineage);
    let event = Event::Submitted { offering: offering.id, unit: offering.unit, received_at, steps };
    let mut case = Case::draft();
    case.apply(&event, now);
    let clock = engine::clock_of(portal, calendar, &case, Some(&offering));
    let standing = Standing { side: Some(entry.side), ..Standing::default() };
    let mut loaded = Loaded {
        row,
        case,
        calendar: calendar.clone(),
        clock,
        version,
        offering: Some(offering),
        beneficiaries: about.beneficiaries.clone(),
        standing,
        outside: Vec::new(),
        levels: Vec::new(),
        assurance: None,
    };
    let impossible = engine::check_fulfilment(portal, txn, &loaded).await?;
    if !impossible.is_empty() {
        return Err(Refused::Rejected(impossible.into_iter().map(|r| Rejection { field: path.split('.').map(str::to_owned).collect(), ..r }).collect()));
    }
    let projection = Projection::of(&loaded.case, loaded.clock.as_ref());
    match store::write_submission(txn, &loaded.row, &projection, now).await? {
        Written::Done => {}
        Written::OneOpenAlready => return Err(Rejection::at(Code::OpenCaseExists, &path).into()),
        Written::Stale => return Err(Rejection::at(Code::WrongState, "input.orderId").into()),
    }
    let papers: Vec<DocumentVersionId> = bound.iter().filter_map(|b| b.document_version_id).collect();
    material::attach(txn, portal, entry.identities, &papers, &format!("{path}.materials")).await?;
    // The unit may have closed since the line was routed.
    let receiving = loaded.case.unit.ok_or_else(|| Fault::bug("a submitted case has no unit"))?;
    if !organisation::is_open(txn, receiving).await? {
        return Err(Rejection::at(Code::NotOffered, &path).into());
    }
    let by = engine::by(actor, entry.side.role(), &loaded);
    store::insert_event(txn, EventId::new(&portal.env), loaded.row.id, loaded.case.seq, (&event, None), now, by).await?;
    let content = &loaded.version.content;
    let materials =
        content.materials.iter().filter(|material| bound.iter().any(|b| b.material_key == material.key)).map(|material| material.name.clone()).collect();
    let unit = about.lineage.first().map(|unit| (unit.id, unit.name.clone()));
    let parties = Parties { applicant: entry.applicant.name.display().to_owned(), unit };
    let wording = Wording { materials, ..Wording::default() };
    engine::issue_to(portal, txn, &loaded, DocumentKind::Receipt, parties, wording, actor.person()).await?;
    engine::tell(portal, txn, &loaded, None, Some(&event)).await?;
    store::project(&mut loaded.row, &projection, now);
    Ok(loaded.row)
}
