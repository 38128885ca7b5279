//! Filling a cart.

use std::collections::HashSet;

use sea_orm::DatabaseTransaction;

use crate::account::service::mandates::mandate_in_force;
use crate::application::model::case::State;
use crate::application::model::order::{Line, OrderState, SaveCart, check_bounds};
use crate::application::model::projection::never;
use crate::application::{policy, store};
use crate::audit::model::Entry;
use crate::audit::service::{self as audit, Claim};
use crate::catalogue::service as catalogue;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ApplicationId, DocumentVersionId, OrderId, PersonId, TypedId};
use crate::kernel::rejection::{Code, Conflict, Rejection};
use crate::kernel::seal::Place;
use crate::material::service as material;
use crate::person::service as persons;
use crate::person::service::keys;
use crate::portal::Portal;

/// Makes a cart or replaces its lines. Answers may be incomplete; they are judged at submission.
///
/// A talent fills her own; an agent names applicant and mandate; window staff name the applicant of a walk-in.
pub async fn save_cart(portal: &Portal, actor: &Actor, command: SaveCart, key: &str) -> Result<OrderId, Refused> {
    let member = policy::signed_in(actor)?;
    let applicant = match command.applicant {
        Some(person) if person != member.person && command.mandate.is_none() => {
            policy::window_officer(actor)?;
            persons::person_for(portal, actor, person).await?.id
        }
        Some(person) => person,
        None => member.person,
    };
    let mut wrong = check_bounds(&command);
    let items: Vec<_> = command.lines.iter().map(|l| l.item).collect();
    let versions = catalogue::current_versions(portal, &items, portal.env.today()).await?;
    for (at, line) in command.lines.iter().enumerate() {
        match versions.get(&line.item) {
            None => wrong.push(Rejection::at(Code::NotOffered, &format!("input.lines.{at}.itemId"))),
            Some(version) => {
                for (m, (material, _)) in line.materials.iter().enumerate() {
                    if version.content.material(material).is_none() {
                        wrong.push(Rejection::at(Code::NotAllowed, &format!("input.lines.{at}.materials.{m}.key")));
                    }
                }
                if let Some(mandate) = command.mandate
                    && !mandate_in_force(portal.db.read(), mandate, member.person, applicant, &version.item_code, portal.env.now()).await?
                {
                    wrong.push(Rejection::at(Code::MandateInvalid, "input.mandateId"));
                }
            }
        }
    }
    if command.mandate.is_some() && command.lines.is_empty() {
        wrong.push(Rejection::at(Code::CartEmpty, "input.lines"));
    }
    if !wrong.is_empty() {
        return Err(Refused::Rejected(wrong));
    }
    let data_key = keys::ensure_key(portal, applicant).await?;
    let now = portal.env.now();
    let id = command.order.unwrap_or_else(|| OrderId::new(&portal.env));
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "saveCart", key, &command, id.0).await? {
        return Ok(OrderId(made));
    }
    if command.order.is_some() {
        // Her own cart, or one that she fills for another, on the same ground as when she began it.
        let mine = |o: &store::OrderRow| {
            o.applicant_person_id == applicant && (applicant == member.person || o.created_by == member.person && o.mandate_id == command.mandate)
        };
        let row = store::order(&txn, id).await?.filter(mine).ok_or(Fault::NotFound)?;
        if row.state != OrderState::Cart {
            return Err(Rejection::at(Code::WrongState, "input.orderId").into());
        }
        let expected = command.expected_version.ok_or_else(|| Rejection::at(Code::Required, "input.expectedVersion"))?;
        if row.version != expected || !store::bump_order(&txn, id, expected, now, None).await? {
            return Err(Rejection::conflict(Conflict { version: row.version, at: row.updated_at, changed: vec!["lines".into()], by: None }).into());
        }
    } else {
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
    }
    let kept: Vec<ApplicationId> = store::lines_of(&txn, &[id]).await?.into_iter().map(|l| l.id).collect();
    let named: HashSet<ApplicationId> = command.lines.iter().filter_map(|l| l.application).collect();
    if let Some(at) = command.lines.iter().position(|l| l.application.is_some_and(|a| !kept.contains(&a))) {
        return Err(Rejection::at(Code::NotFound, &format!("input.lines.{at}.applicationId")).into());
    }
    let gone: Vec<ApplicationId> = kept.iter().copied().filter(|k| !named.contains(k)).collect();
    store::delete_drafts(&txn, &gone).await?;
    let stays: Vec<ApplicationId> = kept.into_iter().filter(|k| named.contains(k)).collect();
    if !stays.is_empty() {
        store::clear_bindings(&txn, &stays).await?;
    }
    for (at, line) in command.lines.iter().enumerate() {
        let Some(version) = versions.get(&line.item) else { continue };
        let case = line.application.unwrap_or_else(|| ApplicationId::new(&portal.env));
        let answers = serde_json::to_vec(&line.answers).map_err(Fault::internal)?;
        let mut row = draft(case, id, applicant, &command, line, now);
        row.version_id = version.id;
        row.form_sealed = Some(data_key.seal(&portal.env, Place::new("application", "form_sealed", case.0), &answers));
        if line.application.is_some() {
            store::update_draft(&txn, row).await?;
        } else {
            store::insert_application(&txn, row).await?;
        }
        bind(portal, &txn, applicant, case, at, line).await?;
    }
    let entry = Entry::new("SAVE_CART").object("ORDER", id.0).person(applicant).detail("lines", command.lines.len().to_string());
    let entry = if applicant == member.person { entry } else { entry.on_behalf(applicant, command.mandate) };
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(id)
}

fn draft(id: ApplicationId, order: OrderId, applicant: PersonId, cart: &SaveCart, line: &Line, now: chrono::DateTime<chrono::Utc>) -> store::CaseRow {
    store::CaseRow {
        id,
        order_id: order,
        number: None,
        item_id: line.item,
        version_id: crate::kernel::ids::ItemVersionId(line.item.0),
        offering_id: None,
        applicant_person_id: applicant,
        applicant_body_id: None,
        key_person_id: applicant,
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
        version: 0,
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
        created_at: now,
        updated_at: now,
    }
}

async fn bind(portal: &Portal, txn: &DatabaseTransaction, applicant: PersonId, case: ApplicationId, at: usize, line: &Line) -> Result<(), Refused> {
    let mut bound = line.materials.clone();
    bound.sort();
    bound.dedup();
    let ids: Vec<DocumentVersionId> = bound.iter().map(|(_, id)| *id).collect();
    material::attach(txn, portal, applicant, &ids, &format!("input.lines.{at}.materials")).await?;
    store::bind_materials(txn, &portal.env, case, &bound).await?;
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
