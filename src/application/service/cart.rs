//! Filling a cart.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use sea_orm::DatabaseTransaction;

use crate::account::service::mandates::mandate_in_force;
use crate::application::model::case::State;
use crate::application::model::order::{Line, MAX_LINES, MAX_OPEN_CARTS, OrderState, SaveCart, check_bounds, fits};
use crate::application::model::projection::never;
use crate::application::model::rights::Side;
use crate::application::{policy, store};
use crate::audit::model::Entry;
use crate::audit::service::{self as audit, Claim};
use crate::catalogue::model::item::CompiledVersion;
use crate::catalogue::model::offering::Route;
use crate::catalogue::service as catalogue;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ApplicationId, DocumentVersionId, ItemId, ItemVersionId, OrderId, PersonId, TypedId};
use crate::kernel::rejection::{Code, Conflict, Rejection};
use crate::kernel::seal::Place;
use crate::material::service as material;
use crate::organisation::service as organisation;
use crate::person::service as persons;
use crate::person::service::keys;
use crate::portal::Portal;

/// Makes a cart or replaces its lines. Answers may be incomplete; they are judged at submission.
///
/// A talent fills her own; an agent names applicant and mandate; window staff name the applicant of a walk-in, and say how
/// the papers came in: what they fill is for their own units. The same key again answers with the same cart, whatever has
/// changed meanwhile.
///
/// Rejections: `NOT_ALLOWED` at `input.applicantId` for an officer who has not had the person before her within a week, at
/// `input.channel` (ONLINE for oneself and for agents, WINDOW or POST for window staff), at a
/// material that the item does not ask for, and at a line whose unit the officer does not receive for; `NOT_OFFERED`;
/// `MANDATE_INVALID`; `CART_EMPTY` for an agent; `TOO_MANY` past [`MAX_OPEN_CARTS`]; `NOT_FOUND` at a line that is no draft
/// of this cart; `WRONG_STATE`; `CONFLICT`.
pub async fn save_cart(portal: &Portal, actor: &Actor, command: SaveCart, key: &str) -> Result<OrderId, Refused> {
    let member = policy::signed_in(actor)?;
    let mut absent = false;
    let (applicant, side) = match command.applicant {
        Some(person) if person != member.person && command.mandate.is_none() => {
            policy::window_officer(actor)?;
            let person = persons::person_for(portal, actor, person).await?;
            // A case of hers is no reason to begin another: she has to come.
            absent = command.order.is_none() && !persons::dealing::attended(portal, member.person, &person).await?;
            (person.id, Side::Window)
        }
        // Whom nobody knows is told like whom the mandate does not bind.
        Some(person) if command.mandate.is_some() => match persons::resolve(portal.db.read(), person).await {
            Ok(person) => (person, Side::Agent),
            Err(Fault::NotFound) => return Err(Rejection::at(Code::MandateInvalid, "input.mandateId").into()),
            Err(fault) => return Err(fault.into()),
        },
        None if command.mandate.is_some() => (member.person, Side::Agent),
        Some(_) | None => (member.person, Side::Applicant),
    };
    let items: Vec<_> = command.lines.iter().map(|l| l.item).collect();
    let versions = catalogue::current_versions(portal, &items, portal.env.today()).await?;
    let mut wrong = problems(portal, actor, &command, applicant, side, &versions).await?;
    if absent {
        wrong.push(Rejection::at(Code::NotAllowed, "input.applicantId"));
    }
    let data_key = if wrong.is_empty() { Some(keys::ensure_key(portal, applicant).await?) } else { None };
    let now = portal.env.now();
    let id = command.order.unwrap_or_else(|| OrderId::new(&portal.env));
    let txn = portal.db.begin_write().await?;
    // First the key: what was done stays done, also where the same would be refused by now.
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "saveCart", key, &command, id.0).await? {
        return Ok(OrderId(made));
    }
    let Some(data_key) = data_key else { return Err(Refused::Rejected(wrong)) };
    let mandate = if command.order.is_some() {
        let row = store::order(&txn, id).await?.ok_or(Fault::NotFound)?;
        // Her own cart, or one that she fills for another, on the same ground as when she began it.
        let same = persons::resolve(&txn, row.applicant_person_id).await? == applicant;
        if !same || (side != Side::Applicant && (row.created_by != member.person || row.mandate_id != command.mandate)) {
            return Err(Fault::NotFound.into());
        }
        if row.state != OrderState::Cart {
            return Err(Rejection::at(Code::WrongState, "input.orderId").into());
        }
        let expected = command.expected_version.ok_or_else(|| Rejection::at(Code::Required, "input.expectedVersion"))?;
        let channel = (side == Side::Window).then_some(command.channel);
        if row.version != expected || !store::bump_order(&txn, id, expected, now, channel, None).await? {
            return Err(Rejection::conflict(Conflict { version: row.version, at: row.updated_at, changed: vec!["lines".into()], by: None }).into());
        }
        row.mandate_id
    } else {
        // One after the other for one filler, so that the count holds.
        persons::lock_person(&txn, member.person).await?;
        if store::open_carts(&txn, member.person, now - Duration::days(1)).await? >= MAX_OPEN_CARTS {
            return Err(Rejection::at(Code::TooMany, "input.orderId").number("max", MAX_OPEN_CARTS).into());
        }
        let row = store::OrderRow {
            id,
            applicant_person_id: applicant,
            applicant_body_id: None,
            created_by: member.person,
            submitted_by: None,
            mandate_id: command.mandate,
            channel: command.channel,
            state: OrderState::Cart,
            version: 1,
            created_at: now,
            updated_at: now,
            submitted_at: None,
        };
        store::insert_order(&txn, row).await?;
        command.mandate
    };
    let kept: Vec<ApplicationId> = store::lines_of(&txn, &[id]).await?.into_iter().map(|l| l.id).collect();
    let named: HashSet<ApplicationId> = command.lines.iter().filter_map(|l| l.application).collect();
    let no_draft = |at: usize| Rejection::at(Code::NotFound, &format!("input.lines.{at}.applicationId"));
    if let Some(at) = command.lines.iter().position(|l| l.application.is_some_and(|a| !kept.contains(&a))) {
        return Err(no_draft(at).into());
    }
    let gone: Vec<ApplicationId> = kept.into_iter().filter(|k| !named.contains(k)).collect();
    if !store::delete_drafts(&txn, &gone).await? {
        return Err(Rejection::at(Code::WrongState, "input.orderId").into());
    }
    let identities = persons::identities(&txn, applicant).await?;
    for (at, line) in command.lines.iter().enumerate() {
        let Some(version) = versions.get(&line.item) else { continue };
        let case = line.application.unwrap_or_else(|| ApplicationId::new(&portal.env));
        let answers = serde_json::to_vec(&line.answers).map_err(Fault::internal)?;
        let mut row = draft((case, at), id, applicant, version.id, &command, line, now);
        row.mandate_id = mandate;
        row.form_sealed = Some(data_key.seal(&portal.env, Place::new("application", "form_sealed", case.0), &answers));
        if line.application.is_none() {
            store::insert_application(&txn, row).await?;
        } else if store::update_draft(&txn, row).await? {
            store::clear_bindings(&txn, &[case]).await?;
        } else {
            return Err(no_draft(at).into());
        }
        bind(portal, &txn, (applicant, &identities), case, at, line).await?;
    }
    let entry = Entry::new("SAVE_CART").object("ORDER", id.0).person(applicant).detail("lines", command.lines.len().to_string());
    let entry = if applicant == member.person { entry } else { entry.on_behalf(applicant, command.mandate) };
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(id)
}

/// What speaks against the cart, as the catalogue, the routing and the mandate stand now; all of it at once.
async fn problems(
    portal: &Portal,
    actor: &Actor,
    command: &SaveCart,
    applicant: PersonId,
    side: Side,
    versions: &HashMap<ItemId, Arc<CompiledVersion>>,
) -> Result<Vec<Rejection>, Fault> {
    let (db, now, today) = (portal.db.read(), portal.env.now(), portal.env.today());
    let mut wrong = check_bounds(command);
    if !fits(side, command.channel) {
        wrong.push(Rejection::at(Code::NotAllowed, "input.channel"));
    }
    if command.mandate.is_some() && command.lines.is_empty() {
        wrong.push(Rejection::at(Code::CartEmpty, "input.lines"));
    }
    for (at, line) in command.lines.iter().enumerate().take(MAX_LINES) {
        let Some(version) = versions.get(&line.item) else {
            wrong.push(Rejection::at(Code::NotOffered, &format!("input.lines.{at}.itemId")));
            continue;
        };
        for (m, (material, _)) in line.materials.iter().enumerate() {
            if version.content.material(material).is_none() {
                wrong.push(Rejection::at(Code::NotAllowed, &format!("input.lines.{at}.materials.{m}.key")));
            }
        }
        if let (Some(mandate), Some(agent)) = (command.mandate, actor.person())
            && !mandate_in_force(db, mandate, agent, applicant, &version.item_code, now).await?
        {
            wrong.push(Rejection::at(Code::MandateInvalid, "input.mandateId"));
        }
        if side == Side::Window {
            let asked = Route { region: line.region.as_deref().unwrap_or_default(), zone: line.zone.as_deref(), category: line.category.as_deref() };
            // What leads nowhere yet is told at submission.
            if let Some(offering) = catalogue::route(portal, line.item, asked, today).await?
                && !organisation::unit_path(db, offering.unit).await?.is_some_and(|path| policy::receives_for(actor, &path))
            {
                wrong.push(Rejection::at(Code::NotAllowed, &format!("input.lines.{at}")));
            }
        }
    }
    Ok(wrong)
}

fn draft(
    (id, position): (ApplicationId, usize),
    order: OrderId,
    applicant: PersonId,
    version: ItemVersionId,
    cart: &SaveCart,
    line: &Line,
    now: DateTime<Utc>,
) -> store::CaseRow {
    store::CaseRow {
        id,
        order_id: order,
        position: i32::try_from(position).unwrap_or(i32::MAX),
        number: None,
        item_id: line.item,
        version_id: version,
        offering_id: None,
        applicant_person_id: applicant,
        applicant_body_id: None,
        key_owner_id: applicant,
        employer_body_id: None,
        submitted_by: None,
        mandate_id: cart.mandate,
        channel: cart.channel,
        region_code: line.region.clone(),
        zone_code: line.zone.clone(),
        category: line.category.clone(),
        receiving_unit_id: None,
        current_unit_id: None,
        state: State::Draft,
        decision: None,
        step_index: 0,
        step_key: None,
        step_kind: None,
        termination_reason: None,
        version: 0,
        last_seq: 0,
        claimed_by: None,
        claimed_at: None,
        received_at: None,
        accepted_at: None,
        decided_at: None,
        closed_at: None,
        deemed_at: None,
        promised_due_at: None,
        statutory_due_at: None,
        near_breach_at: None,
        next_clock_at: None,
        due_at: never(),
        provisional: false,
        open_key: None,
        judged_on: None,
        form_sealed: None,
        facts_sealed: None,
        received_reason_sealed: None,
        created_at: now,
        updated_at: now,
    }
}

async fn bind(
    portal: &Portal,
    txn: &DatabaseTransaction,
    (applicant, identities): (PersonId, &[PersonId]),
    case: ApplicationId,
    at: usize,
    line: &Line,
) -> Result<(), Refused> {
    let mut bound = line.materials.clone();
    bound.sort();
    bound.dedup();
    let ids: Vec<DocumentVersionId> = bound.iter().map(|(_, id)| *id).collect();
    let usable = material::usable_versions(txn, identities, &ids).await?;
    // One that is swept this moment is found by the database.
    if ids.iter().any(|id| usable.iter().all(|version| version.id != *id)) || !store::bind_materials(txn, &portal.env, case, &bound).await? {
        return Err(Rejection::at(Code::MaterialUnusable, &format!("input.lines.{at}.materials")).into());
    }
    let mut beneficiaries = line.beneficiaries.clone();
    beneficiaries.sort();
    beneficiaries.dedup();
    for (b, person) in beneficiaries.iter().enumerate() {
        // A beneficiary is the applicant herself or a member of her family; anybody else does not exist for her.
        let family = *person == applicant || crate::talent::service::is_family(txn, applicant, *person).await?;
        if !family {
            return Err(Rejection::at(Code::NotFound, &format!("input.lines.{at}.beneficiaryIds.{b}")).into());
        }
    }
    Ok(store::add_beneficiaries(txn, case, &beneficiaries).await?)
}
