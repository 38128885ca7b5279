//! Handing a cart in: every line is judged, numbered, receipted, and becomes a case with a clock of its own.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::DatabaseTransaction;
use serde_json::Value;

use crate::account::service::mandates::{mandate_holds, mandate_in_force};
use crate::application::model::case::{Case, Event, case_number, number_prefix};
use crate::application::model::document::DocumentKind;
use crate::application::model::order::{OrderState, SubmitCart, check_receipt};
use crate::application::model::projection::Projection;
use crate::application::policy::{self, Standing};
use crate::application::service::engine::{self, Loaded};
use crate::application::store::{self, EventBy, Written};
use crate::audit::model::Entry;
use crate::audit::service::{self as audit, Claim};
use crate::catalogue::model::bundle::vocabulary;
use crate::catalogue::model::facts::Facts;
use crate::catalogue::model::item::CompiledVersion;
use crate::catalogue::model::offering::{Channel, Offering, Route};
use crate::catalogue::model::rule::Outcome;
use crate::catalogue::model::version::Necessity;
use crate::catalogue::service as catalogue;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ApplicationId, BodyId, DocumentVersionId, EventId, OrderId, TypedId};
use crate::kernel::rejection::{Code, Conflict, Rejection};
use crate::kernel::role::Role;
use crate::kernel::seal::Place;
use crate::material::service as material;
use crate::organisation::model::calendar::Calendar;
use crate::organisation::service as organisation;
use crate::person::service as persons;
use crate::person::service::keys;
use crate::portal::Portal;

/// Hands a cart in. All lines or none.
///
/// The same key again answers with the same order. Every reason of a no is told at once, with the line that it is about.
pub async fn submit_cart(portal: &Portal, actor: &Actor, command: SubmitCart, key: &str) -> Result<OrderId, Refused> {
    let member = policy::signed_in(actor)?;
    let known = prepare(portal, command.order).await?;
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "submitCart", key, &command, command.order.0).await? {
        return Ok(OrderId(made));
    }
    let order = store::order(&txn, command.order).await?.ok_or(Fault::NotFound)?;
    let applicant = persons::person_in(&txn, order.applicant_person_id).await?;
    let own = applicant.id == member.person;
    if !own && order.created_by != member.person {
        return Err(Fault::NotFound.into());
    }
    match order.mandate_id {
        Some(_) if own => {}
        // It is judged again for each item below; here, whether she may still know of the cart.
        Some(mandate) => {
            if !mandate_holds(&txn, mandate, member.person, applicant.id, portal.env.now()).await? {
                return Err(Rejection::at(Code::MandateInvalid, "input.orderId").into());
            }
        }
        None if own => {}
        None => drop(policy::window_officer(actor)?),
    }
    if order.state != OrderState::Cart {
        return Err(Rejection::at(Code::WrongState, "input.orderId").into());
    }
    let now = portal.env.now();
    let mut wrong = Vec::new();
    let received_at = match command.received_at {
        None => now,
        Some(stated) => {
            if own || order.mandate_id.is_some() {
                wrong.push(Rejection::at(Code::NotAllowed, "input.receivedAt"));
            }
            wrong.extend(check_receipt(
                stated,
                command.received_reason.as_deref(),
                order.channel,
                now,
                portal.env.today(),
                portal.settings.receipt_backdate_days,
            ));
            stated
        }
    };
    // What was read before is of the version that is handed in, or it does not count.
    let seen = known.version == Some(command.expected_version);
    if !seen || !store::bump_order(&txn, order.id, command.expected_version, now, Some(member.person)).await? {
        let conflict = Conflict { version: order.version, at: order.updated_at, changed: vec!["lines".into()], by: None };
        return Err(Rejection::conflict(conflict).into());
    }
    let lines = store::lines_of(&txn, &[order.id]).await?;
    if lines.is_empty() {
        wrong.push(Rejection::at(Code::CartEmpty, "input.orderId"));
    }
    let mut ready = Vec::new();
    for (at, row) in lines.into_iter().enumerate() {
        let path = format!("lines.{at}");
        let Some(about) = known.lines.get(&row.id) else {
            wrong.push(Rejection::at(Code::NotOffered, &path));
            continue;
        };
        // A mandate may have been withdrawn or have ended since the cart was saved.
        if let (false, Some(mandate)) = (own, order.mandate_id)
            && !mandate_in_force(&txn, mandate, member.person, applicant.id, &about.version.item_code, now).await?
        {
            wrong.push(Rejection::at(Code::MandateInvalid, &path));
            continue;
        }
        match judge(portal, &txn, &row, about, &path, order.channel, applicant.assurance).await {
            Ok((offering, answers)) => ready.push((row, about.version.clone(), offering, answers, path)),
            Err(Refused::Rejected(reasons)) => wrong.extend(reasons),
            Err(fault) => return Err(fault),
        }
    }
    if !wrong.is_empty() {
        return Err(Refused::Rejected(wrong));
    }
    for (row, version, offering, answers, path) in ready {
        let mandate = order.mandate_id;
        let id = row.id;
        open_case(portal, &txn, actor, &known.calendar, row, version, offering, &answers, &path, received_at).await?;
        let mut entry = Entry::new("SUBMIT_APPLICATION").object("APPLICATION", id.0).person(applicant.id).detail("order", order.id.to_string());
        if !own {
            entry = entry.on_behalf(applicant.id, mandate);
        }
        audit::record(&txn, portal, actor, entry).await?;
    }
    portal.commit(txn).await?;
    Ok(command.order)
}

/// What submission asks of catalogue and profile.
struct Known {
    /// Version of the cart that the lines are of; none where it is no cart any more.
    version: Option<i64>,
    calendar: Arc<Calendar>,
    lines: HashMap<ApplicationId, About>,
}

/// The same for one line.
struct About {
    version: Arc<CompiledVersion>,
    offering: Option<Offering>,
    facts: Facts,
}

/// Reads what lines are judged by, before the transaction begins: inside it nothing may wait for a second connection.
///
/// The rules are those in force on the day of submission; a draft begun under older ones is judged by the new. A cart
/// that changes meanwhile has another version by then, which the transaction finds.
async fn prepare(portal: &Portal, order: OrderId) -> Result<Known, Fault> {
    let db = portal.db.read();
    let today = portal.env.today();
    let mut lines = HashMap::new();
    let version = store::order(db, order).await?.filter(|o| o.state == OrderState::Cart).map(|o| o.version);
    let rows = if version.is_some() { store::lines_of(db, &[order]).await? } else { Vec::new() };
    let items: Vec<_> = rows.iter().map(|l| l.item_id).collect();
    let versions = catalogue::current_versions(portal, &items, today).await?;
    for row in rows {
        let Some(rules) = versions.get(&row.item_id).cloned() else { continue };
        let asked = Route { region: row.region_code.as_deref().unwrap_or_default(), zone: row.zone_code.as_deref(), category: row.category.as_deref() };
        let offering = catalogue::route(portal, row.item_id, asked, today).await?;
        let facts = catalogue::known_facts(portal, row.applicant_person_id, &rules).await?;
        lines.insert(row.id, About { version: rules, offering, facts });
    }
    Ok(Known { version, calendar: organisation::calendar(portal).await?, lines })
}

/// Judges one line: offered here, assured enough, form right, materials there, rules met.
async fn judge(
    portal: &Portal,
    txn: &DatabaseTransaction,
    row: &store::CaseRow,
    about: &About,
    path: &str,
    channel: Channel,
    assurance: crate::kernel::role::Assurance,
) -> Result<(Offering, Value), Refused> {
    let mut wrong = Vec::new();
    let today = portal.env.today();
    let version = &about.version;
    let offering = about.offering.clone().filter(|o| o.terms.takes_applications(today) && o.terms.channels.contains(&channel));
    if offering.is_none() {
        wrong.push(Rejection::at(Code::NotOffered, path));
    }
    // At the window the officer has seen the person.
    if channel == Channel::Online && assurance < version.content.minimum_assurance {
        wrong.push(Rejection::at(Code::AssuranceTooLow, path).text("needed", version.content.minimum_assurance.code()));
    }
    let answers = engine::answers(portal, row).await?;
    for error in version.form.validate(&answers) {
        wrong.push(Rejection::at(Code::FormInvalid, &format!("{path}.answers")).pointer(error.pointer).text("keyword", error.keyword));
    }
    let vocabulary = vocabulary().map_err(|p| Fault::internal(anyhow::anyhow!("the vocabulary does not load: {p:?}")))?;
    let mut facts = about.facts.clone();
    facts.extend(version.form.facts(&answers, vocabulary));
    facts.set_today(today);
    let bound = store::materials_of(txn, &[row.id]).await?;
    let ids: Vec<DocumentVersionId> = bound.iter().filter_map(|b| b.document_version_id).collect();
    let usable: HashMap<DocumentVersionId, String> =
        material::usable_versions(txn, row.applicant_person_id, &ids).await?.into_iter().map(|v| (v.id, v.kind)).collect();
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
    if rules.outcome == Outcome::Fail {
        for (leaf, outcome) in rules.reasons() {
            let applies = if outcome == Outcome::Pass { "yes" } else { "no" };
            wrong.push(Rejection::at(Code::NotEligible, path).text("applies", applies).words("rule", &leaf.label));
        }
    }
    match offering {
        Some(offering) if wrong.is_empty() => Ok((offering, answers)),
        _ => Err(Refused::Rejected(wrong)),
    }
}

#[expect(clippy::too_many_arguments, reason = "one line of a cart with all that was found out about it")]
async fn open_case(
    portal: &Portal,
    txn: &DatabaseTransaction,
    actor: &Actor,
    calendar: &Arc<Calendar>,
    mut row: store::CaseRow,
    version: Arc<CompiledVersion>,
    offering: Offering,
    answers: &Value,
    path: &str,
    received_at: chrono::DateTime<chrono::Utc>,
) -> Result<(), Refused> {
    let now = portal.env.now();
    let today = portal.env.today();
    let sequence = store::next_number(txn, &number_prefix(&offering.region, &version.item_code, today)).await?;
    let vocabulary = vocabulary().map_err(|p| Fault::internal(anyhow::anyhow!("the vocabulary does not load: {p:?}")))?;
    let facts = serde_json::to_vec(&version.form.facts(answers, vocabulary)).map_err(Fault::internal)?;
    let key = keys::data_key(portal, row.key_person_id).await?;
    row.number = Some(case_number(&offering.region, &version.item_code, today, sequence));
    row.version_id = version.id;
    row.offering_id = Some(offering.id);
    row.employer_body_id = version.content.steps.iter().find_map(|s| s.confirmer.as_deref()).and_then(|p| BodyId::parse_global(answers.pointer(p)?.as_str()?));
    row.submitted_by = actor.person();
    row.receiving_unit_id = Some(offering.unit);
    row.current_unit_id = Some(offering.unit);
    row.received_at = Some(received_at);
    row.judged_on = Some(today);
    row.facts_sealed = Some(key.seal(&portal.env, Place::new("application", "facts_sealed", row.id.0), &facts));
    row.open_key = version.content.one_open_case.then(|| store::open_key(row.applicant_person_id, row.item_id));
    let event =
        Event::Submitted { offering: offering.id, unit: offering.unit, received_at, steps: version.content.steps.iter().map(|s| s.key.clone()).collect() };
    let mut case = Case::draft();
    case.apply(&event, now);
    let clock = engine::clock_of(portal, calendar, &case, Some(&offering));
    let beneficiaries = store::beneficiaries_of(txn, &[row.id]).await?.remove(&row.id).unwrap_or_default();
    let standing = Standing { own: true, roles: Vec::new(), grants: Vec::new(), confirms: false };
    let loaded =
        Loaded { row, case, calendar: calendar.clone(), clock, version, offering: Some(offering), beneficiaries, standing, outside: false, levels: Vec::new() };
    let impossible = engine::check_fulfilment(portal, txn, &loaded).await?;
    if !impossible.is_empty() {
        return Err(Refused::Rejected(impossible.into_iter().map(|r| Rejection { field: path.split('.').map(str::to_owned).collect(), ..r }).collect()));
    }
    let projection = Projection::of(&loaded.case, loaded.clock.as_ref());
    let submission = store::Submission { row: loaded.row.clone() };
    match store::write_submission(txn, submission, &projection, now).await? {
        Written::Done => {}
        Written::OneOpenAlready => return Err(Rejection::at(Code::OpenCaseExists, path).into()),
        Written::Stale => return Err(Rejection::at(Code::WrongState, "input.orderId").into()),
    }
    let by = EventBy {
        person: actor.person(),
        role: Some(if actor.has(Role::WindowOfficer) { Role::WindowOfficer } else { Role::Talent }),
        unit: loaded.row.current_unit_id,
    };
    store::insert_event(txn, EventId::new(&portal.env), loaded.row.id, loaded.case.version, &event, now, by).await?;
    engine::issue(portal, txn, &loaded, DocumentKind::Receipt, None, actor.person()).await?;
    engine::tell(portal, txn, &loaded).await?;
    Ok(())
}
