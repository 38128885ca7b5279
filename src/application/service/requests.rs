//! What is asked of applicants: the notice of what is missing (一次性告知), special procedures (特别程序), their answers, and
//! corrections on the spot (当场更正). One transaction each.

use std::collections::HashMap;

use sea_orm::DatabaseTransaction;
use serde_json::Value;

use crate::application::model::document::{Asked, DocumentKind, Wording};
use crate::application::model::event::{Event, Procedure};
use crate::application::model::request::{self, AskFor, AskedKind, MAX_ASKED};
use crate::application::model::rights::Action;
use crate::application::policy;
use crate::application::service::engine::{self, Loaded};
use crate::application::service::submit::{employer, not_eligible};
use crate::application::service::work::{Target, Work, begin, end, reason};
use crate::application::store;
use crate::catalogue::model::bundle::vocabulary;
use crate::catalogue::model::facts::Facts;
use crate::catalogue::service as catalogue;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ApplicationId, BodyId, DocumentVersionId, PersonId, RequestedItemId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::material::service as material;
use crate::person::service as persons;
use crate::person::service::keys;
use crate::portal::Portal;

/// Most documents that stand for one material.
const MAX_PAPERS: usize = 20;
/// Most working days that a notice or a special procedure may take.
const MAX_DAYS: u32 = 60;

/// Tells the applicant, once, all that is missing (行政许可法 Art. 32). The acceptance period begins anew with her answer.
///
/// `answer_days` are the working days that she has; without them those of the setting. A second notice is a supervisor's, who
/// says why in `again`. Rejections: those of [`request::check`] at `input.items`, REASON_REQUIRED or TOO_LONG at
/// `input.secondNoticeReason`, NOT_ALLOWED at `input.answerDays`, and why the action is barred.
pub async fn request_supplement(
    portal: &Portal,
    actor: &Actor,
    target: Target,
    asked: Vec<AskFor>,
    answer_days: Option<u32>,
    again: Option<&str>,
) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    let days = answer_days.unwrap_or(portal.settings.supplement_days);
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(Rejection::at(Code::NotAllowed, "input.answerDays").into());
    }
    let mut work = begin(portal, actor, target, Action::RequestSupplement).await?;
    let again = match again {
        None if work.loaded.case.requests.is_empty() => None,
        why => Some(reason(why.unwrap_or_default(), "input.secondNoticeReason")?),
    };
    refuse(request::check(&asked, &work.loaded.version, "input.items"))?;
    let ids = ids(portal, &asked);
    let event = Event::SupplementRequested { items: ids.clone(), answer_days: days };
    let by = engine::by(actor, work.role, &work.loaded);
    engine::advance_with(portal, &work.txn, &mut work.loaded, (event, again.as_deref()), work.now, by).await?;
    let asked = ask(portal, &work, ids, asked).await?;
    let wording = Wording { asked, ..Wording::default() };
    engine::issue(portal, &work.txn, &work.loaded, DocumentKind::SupplementNotice, wording, &by).await?;
    end(portal, actor, work, Action::RequestSupplement, &[("days", &days.to_string())]).await
}

/// Begins a special procedure (特别程序): the limits stand until it ends, at most for the days that the applicant is told
/// (行政许可法 Art. 45). One that waits for the applicant says what it waits for.
///
/// Rejections: REASON_REQUIRED or TOO_LONG at `input.reason`, NOT_ALLOWED at `input.atMostDays` or, for another procedure, at
/// `input.items`, those of [`request::check`], and why the action is barred.
pub async fn start_procedure(
    portal: &Portal,
    actor: &Actor,
    target: Target,
    (procedure, at_most_days): (Procedure, u32),
    why: &str,
    asked: Vec<AskFor>,
) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    let why = reason(why, "input.reason")?;
    if !(1..=MAX_DAYS).contains(&at_most_days) {
        return Err(Rejection::at(Code::NotAllowed, "input.atMostDays").into());
    }
    let waits = procedure == Procedure::WaitingForApplicant;
    if !waits && !asked.is_empty() {
        return Err(Rejection::at(Code::NotAllowed, "input.items").into());
    }
    let mut work = begin(portal, actor, target, Action::StartProcedure).await?;
    if waits {
        refuse(request::check(&asked, &work.loaded.version, "input.items"))?;
    }
    let ids = ids(portal, &asked);
    let event = Event::ProcedureStarted { procedure, at_most_days, items: ids.clone() };
    let by = engine::by(actor, work.role, &work.loaded);
    engine::advance_with(portal, &work.txn, &mut work.loaded, (event, Some(&why)), work.now, by).await?;
    let asked = ask(portal, &work, ids, asked).await?;
    let wording = Wording { reason: Some(&why), asked, procedure: Some(procedure), days: Some(at_most_days), ..Wording::default() };
    engine::issue(portal, &work.txn, &work.loaded, DocumentKind::Procedure, wording, &by).await?;
    end(portal, actor, work, Action::StartProcedure, &[("procedure", procedure.code())]).await
}

/// Ends the special procedure that is going on; the limits run again.
pub async fn end_procedure(portal: &Portal, actor: &Actor, target: Target) -> Result<ApplicationId, Refused> {
    let mut work = begin(portal, actor, target, Action::EndProcedure).await?;
    let by = engine::by(actor, work.role, &work.loaded);
    engine::advance(portal, &work.txn, &mut work.loaded, Event::ProcedureEnded, work.now, by).await?;
    end(portal, actor, work, Action::EndProcedure, &[]).await
}

/// REQUIRED where a list holds nothing, TOO_MANY where it holds more than it may.
fn counted(given: usize, most: usize, field: &str) -> Result<(), Refused> {
    match given {
        0 => Err(Rejection::at(Code::Required, field).into()),
        n if n > most => Err(Rejection::at(Code::TooMany, field).into()),
        _ => Ok(()),
    }
}

fn refuse(wrong: Vec<Rejection>) -> Result<(), Refused> {
    if wrong.is_empty() { Ok(()) } else { Err(Refused::Rejected(wrong)) }
}

fn ids(portal: &Portal, asked: &[AskFor]) -> Vec<RequestedItemId> {
    asked.iter().map(|_| RequestedItemId::new(&portal.env)).collect()
}

/// Stores what the last event asks for, each reason under the key of the case, and gives it as the notice tells it.
async fn ask(portal: &Portal, work: &Work, ids: Vec<RequestedItemId>, asked: Vec<AskFor>) -> Result<Vec<Asked>, Refused> {
    let loaded = &work.loaded;
    let key = keys::data_key(portal, loaded.row.key_owner_id).await?;
    let (mut rows, mut told) = (Vec::with_capacity(asked.len()), Vec::with_capacity(asked.len()));
    for (position, (id, AskFor { kind, key: name, reason })) in (0..).zip(ids.into_iter().zip(asked)) {
        let reason = reason.trim().to_owned();
        let reason_sealed = key.seal(&portal.env, Place::new("requested_item", "reason_sealed", id.0), reason.as_bytes());
        let of = request::name_of(kind, &name, &loaded.version).cloned().ok_or_else(|| Fault::bug("what is asked for has no name"))?;
        told.push(Asked { name: of, reason });
        rows.push(store::RequestedRow { id, application_id: loaded.row.id, seq: loaded.case.seq, position, kind, key: name, reason_sealed });
    }
    store::insert_requested(&work.txn, rows).await.map_err(Fault::from)?;
    Ok(told)
}

/// What an applicant hands in for one thing that was asked for.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked for.
    pub item: RequestedItemId,
    /// For a material: the documents that take the place of those before.
    pub documents: Vec<DocumentVersionId>,
    /// For an answer of the form: the new answer.
    pub answer: Option<Value>,
}

/// Hands in some or all of what was asked for (补正): by the applicant, her agent, or an officer at the window for her.
///
/// What is handed in is closed; with the last of it a case before acceptance is received anew, and a case under way goes on.
/// Changed answers are judged again by the pinned rules. Rejections at `input.items.N`: NOT_ASKED_FOR at `itemId`, REQUIRED,
/// TOO_MANY or MATERIAL_UNUSABLE at `documentVersionIds`, REQUIRED or FORM_INVALID at `answer`; NOT_ELIGIBLE with the rule; REQUIRED or
/// TOO_MANY at `input.items`; NOTHING_ASKED, SUPPLEMENT_LAPSED and why else the action is barred.
pub async fn answer_request(portal: &Portal, actor: &Actor, target: Target, given: Vec<Answer>) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    counted(given.len(), MAX_ASKED, "input.items")?;
    let known = known_facts(portal, target.id).await?;
    let mut work = begin(portal, actor, target, Action::AnswerRequest).await?;
    let rows = store::requested_of(&work.txn, &[target.id]).await.map_err(Fault::from)?;
    let rows: HashMap<RequestedItemId, &store::RequestedRow> = rows.iter().map(|row| (row.id, row)).collect();
    let identities = persons::identities(&work.txn, work.loaded.row.applicant_person_id).await?;
    let (mut wrong, mut changes, mut papers, mut closed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (at, Answer { item, documents, answer }) in given.into_iter().enumerate() {
        let path = format!("input.items.{at}");
        let waits = work.loaded.case.open_request().is_some_and(|request| request.waits_for(item)) && !closed.contains(&item);
        let Some(row) = rows.get(&item).filter(|_| waits) else {
            wrong.push(Rejection::at(Code::NotAskedFor, &format!("{path}.itemId")));
            continue;
        };
        closed.push(item);
        match (row.kind, answer) {
            (AskedKind::Material, _) if documents.is_empty() => wrong.push(Rejection::at(Code::Required, &format!("{path}.documentVersionIds"))),
            (AskedKind::Material, _) if documents.len() > MAX_PAPERS => wrong.push(Rejection::at(Code::TooMany, &format!("{path}.documentVersionIds"))),
            (AskedKind::Material, _) => {
                let usable = usable(&work.txn, &work.loaded, &identities, &row.key, &documents).await?;
                if !usable {
                    wrong.push(Rejection::at(Code::MaterialUnusable, &format!("{path}.documentVersionIds")));
                }
                papers.push((row.key.clone(), documents, format!("{path}.documentVersionIds")));
            }
            (AskedKind::Answer, None) => wrong.push(Rejection::at(Code::Required, &format!("{path}.answer"))),
            (AskedKind::Answer, Some(answer)) => changes.push((row.key.clone(), answer, format!("{path}.answer"))),
        }
    }
    let change = match changed(portal, &work, &identities, &changes).await {
        Ok(change) => change,
        Err(Refused::Rejected(more)) => {
            wrong.extend(more);
            None
        }
        Err(fault) => return Err(fault),
    };
    refuse(wrong)?;
    let facts = change.as_ref().map(|change| judged(&work.loaded, known, &change.after)).transpose()?;
    let (event, by) = (Event::RequestAnswered { items: closed.clone() }, engine::by(actor, work.role, &work.loaded));
    engine::advance(portal, &work.txn, &mut work.loaded, event, work.now, by).await?;
    let seq = work.loaded.case.seq;
    for (key, documents, path) in papers {
        store::supersede_materials(&work.txn, target.id, &key, seq).await.map_err(Fault::from)?;
        let bound: Vec<_> = documents.iter().map(|version| (key.clone(), *version)).collect();
        if !store::bind_materials(&work.txn, &portal.env, target.id, &bound).await.map_err(Fault::from)? {
            return Err(Rejection::at(Code::MaterialUnusable, &path).into());
        }
        material::attach(&work.txn, portal, &identities, &documents, &path).await?;
    }
    if let Some(change) = change {
        replace(portal, &work, &change, facts.as_ref()).await?;
    }
    if work.loaded.case.open_request().is_none() {
        let version = &work.loaded.version;
        let received = closed.iter().filter_map(|id| rows.get(id)).filter_map(|row| request::name_of(row.kind, &row.key, version).cloned());
        let wording = Wording { materials: received.collect(), ..Wording::default() };
        engine::issue(portal, &work.txn, &work.loaded, DocumentKind::Receipt, wording, &by).await?;
    }
    end(portal, actor, work, Action::AnswerRequest, &[("items", &closed.len().to_string())]).await
}

/// What the portal knows of the applicant, read before a transaction begins. Who may not see the case is told later.
async fn known_facts(portal: &Portal, id: ApplicationId) -> Result<Facts, Fault> {
    let row = store::application(portal.db.read(), id).await?.ok_or(Fault::NotFound)?;
    let version = catalogue::version(portal, row.version_id).await?;
    catalogue::known_facts(portal, row.applicant_person_id, &version).await
}

/// Whether documents may stand for a material: the applicant's own, of its kind, not infected, each once and none that stood
/// for it before.
async fn usable(txn: &DatabaseTransaction, loaded: &Loaded, identities: &[PersonId], key: &str, documents: &[DocumentVersionId]) -> Result<bool, Fault> {
    let Some(wanted) = loaded.version.content.material(key) else { return Ok(false) };
    let found = material::usable_versions(txn, identities, documents).await?;
    let fit = |id: &DocumentVersionId| found.iter().any(|version| version.id == *id && version.kind == wanted.document_kind);
    let once = documents.iter().enumerate().all(|(at, id)| !documents[..at].contains(id));
    if !once || !documents.iter().all(fit) {
        return Ok(false);
    }
    for document in documents {
        if store::has_paper(txn, loaded.row.id, *document).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Answers that others take the place of.
struct Change {
    before: Value,
    after: Value,
    /// Whom the new ones name for a confirmation.
    employer: Option<BodyId>,
}

/// The answers of the form with changes at these pointers, as the form wants them; `None` where nothing changes. Rejections:
/// FORM_INVALID at the field of the change, or at `input.items`.
async fn changed(portal: &Portal, work: &Work, identities: &[PersonId], changes: &[(String, Value, String)]) -> Result<Option<Change>, Refused> {
    if changes.is_empty() {
        return Ok(None);
    }
    let loaded = &work.loaded;
    let version = &loaded.version;
    let before = engine::answers(portal, &loaded.row).await?;
    let mut answers = before.clone();
    for (pointer, answer, _) in changes {
        put(&mut answers, pointer, answer.clone());
    }
    let field = |pointer: &str| changes.iter().find(|(changed, ..)| changed == pointer).map_or("input.items", |(_, _, field)| field.as_str());
    let no = |pointer: String, keyword: &str| Rejection::at(Code::FormInvalid, field(&pointer)).text("keyword", keyword).pointer(pointer);
    let mut wrong: Vec<Rejection> = version.form.validate(&answers).into_iter().map(|error| no(error.pointer, &error.keyword)).collect();
    let named: Vec<DocumentVersionId> = changes
        .iter()
        .filter(|(pointer, ..)| version.form.names_document(pointer))
        .filter_map(|(_, answer, _)| DocumentVersionId::parse_global(answer.as_str()?))
        .collect();
    let usable = material::usable_versions(&work.txn, identities, &named).await?;
    let strange = version.form.strange_documents(&answers, |id| !named.contains(&id) || usable.iter().any(|version| version.id == id));
    wrong.extend(strange.into_iter().map(|error| no(error.pointer, &error.keyword)));
    let employer = match employer(&work.txn, version, &answers).await? {
        Ok(employer) => employer,
        Err(pointer) => {
            wrong.push(no(pointer, "employer"));
            None
        }
    };
    if wrong.is_empty() { Ok(Some(Change { before, after: answers, employer })) } else { Err(Refused::Rejected(wrong)) }
}

/// Puts a value at a JSON pointer, with the objects above it that are not there. A null takes the answer away.
fn put(answers: &mut Value, pointer: &str, value: Value) {
    let mut at = answers;
    let mut names = pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~")).peekable();
    while let Some(name) = names.next() {
        if !at.is_object() {
            *at = Value::Object(serde_json::Map::new());
        }
        let Some(object) = at.as_object_mut() else { return };
        if names.peek().is_some() {
            at = object.entry(name).or_insert(Value::Null);
        } else if value.is_null() {
            object.remove(&name);
            return;
        } else {
            object.insert(name, value);
            return;
        }
    }
}

/// The facts that changed answers are judged by; NOT_ELIGIBLE where a rule of the pinned version fails by them.
fn judged(loaded: &Loaded, mut facts: Facts, answers: &Value) -> Result<Facts, Refused> {
    let vocabulary = vocabulary().map_err(|p| Fault::internal(anyhow::anyhow!("the vocabulary does not load: {p:?}")))?;
    facts.claim(loaded.version.form.facts(answers, vocabulary));
    if let Some(judged_on) = loaded.row.judged_on {
        facts.set_today(judged_on);
    }
    let rules = loaded.version.rules.evaluate(&facts).map_err(Fault::internal)?;
    refuse(not_eligible(&rules, "input.items"))?;
    Ok(facts)
}

/// Keeps the answers before and puts the new ones in their place, by the last event.
async fn replace(portal: &Portal, work: &Work, change: &Change, facts: Option<&Facts>) -> Result<(), Refused> {
    let row = &work.loaded.row;
    let key = keys::data_key(portal, row.key_owner_id).await?;
    let before = serde_json::to_vec(&change.before).map_err(Fault::internal)?;
    let id = portal.env.uuid();
    let replaced = store::ReplacedRow {
        id,
        application_id: row.id,
        seq: work.loaded.case.seq,
        form_sealed: key.seal(&portal.env, Place::new("replaced_answers", "form_sealed", id), &before),
        replaced_at: work.now,
        replaced_by: Some(work.person),
    };
    let seal = |column, plain: &[u8]| key.seal(&portal.env, Place::new("application", column, row.id.0), plain);
    let form = seal("form_sealed", &serde_json::to_vec(&change.after).map_err(Fault::internal)?);
    let facts = facts.map(|facts| Ok::<_, Fault>(seal("facts_sealed", &serde_json::to_vec(facts).map_err(Fault::internal)?))).transpose()?;
    store::replace_answers(&work.txn, replaced, form, facts, change.employer).await.map_err(Fault::from)?;
    Ok(())
}

/// Corrects answers with the applicant on the spot (当场更正, 行政许可法 Art. 32): those on which neither a rule nor a material
/// rests. The answers before are kept.
///
/// Rejections: REQUIRED or TOO_MANY at `input.corrections`, NOT_CORRECTABLE at `input.corrections.N.pointer`, FORM_INVALID at
/// `input.corrections.N.answer`, REASON_REQUIRED or TOO_LONG at `input.reason`, and why the action is barred.
pub async fn correct_answers(portal: &Portal, actor: &Actor, target: Target, corrections: Vec<(String, Value)>, why: &str) -> Result<ApplicationId, Refused> {
    policy::signed_in(actor)?;
    let why = reason(why, "input.reason")?;
    counted(corrections.len(), MAX_ASKED, "input.corrections")?;
    let mut work = begin(portal, actor, target, Action::CorrectAnswers).await?;
    let fixed = |(at, (pointer, _)): (usize, &(String, Value))| {
        let no = Rejection::at(Code::NotCorrectable, &format!("input.corrections.{at}.pointer"));
        (!work.loaded.version.is_correctable(pointer)).then_some(no)
    };
    refuse(corrections.iter().enumerate().filter_map(fixed).collect())?;
    let pointers = corrections.iter().map(|(pointer, _)| pointer.clone()).collect();
    let changes: Vec<_> =
        corrections.into_iter().enumerate().map(|(at, (pointer, answer))| (pointer, answer, format!("input.corrections.{at}.answer"))).collect();
    let identities = persons::identities(&work.txn, work.loaded.row.applicant_person_id).await?;
    let Some(change) = changed(portal, &work, &identities, &changes).await? else { return Err(Rejection::at(Code::Required, "input.corrections").into()) };
    let by = engine::by(actor, work.role, &work.loaded);
    engine::advance_with(portal, &work.txn, &mut work.loaded, (Event::AnswersCorrected { pointers }, Some(&why)), work.now, by).await?;
    replace(portal, &work, &change, None).await?;
    end(portal, actor, work, Action::CorrectAnswers, &[]).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_put_where_its_pointer_says() {
        let mut answers = json!({ "a": { "b": 1 }, "c": 2 });
        put(&mut answers, "/a/b", json!(3));
        put(&mut answers, "/d/e~1f", json!("x"));
        put(&mut answers, "/c", Value::Null);
        assert_eq!(answers, json!({ "a": { "b": 3 }, "d": { "e/f": "x" } }));
    }
}
