//! Persons: claimed and verified documents, merges, looks at data in full, keys.

use std::sync::Arc;

use chrono::{Duration, NaiveDate};
use sea_orm::{ConnectionTrait as _, EntityTrait as _, PaginatorTrait as _};
use serde_json::json;
use talent_portal::account::service::demo::{NewDemoAccount, add_account, demo_session, mark_demo};
use talent_portal::api::context::Ctx;
use talent_portal::kernel::actor::{Actor, Grant, Member, Scope};
use talent_portal::kernel::fault::{Fault, Refused};
use talent_portal::kernel::ids::{AccountId, IdentityDocumentId, PersonId, SessionId, TypedId as _};
use talent_portal::kernel::page::PageRequest;
use talent_portal::kernel::rejection::{Code, Rejection};
use talent_portal::kernel::role::{Assurance, Role};
use talent_portal::kernel::text::Language;
use talent_portal::person::entity::{access_log, identity_document, person_key};
use talent_portal::person::model::access::{AccessPurpose, PersonalDataField};
use talent_portal::person::model::document::{DocumentNumber, IdentityDocumentKind, Sex};
use talent_portal::person::model::profile::{NewPerson, Person, PersonInput, PersonName};
use talent_portal::person::service;
use talent_portal::person::service::access::{self, RevealPersonalData};
use talent_portal::person::service::identity::{self, AddDocument, VerifyIdentity};
use talent_portal::person::service::keys;
use talent_portal::person::service::profile::{RegisterPerson, UpdateProfile, register_person, update_profile};

use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    a_claimed_number_is_sealed_masked_and_never_unique,
    an_original_verifies_a_claimed_document_and_raises_the_level,
    what_is_not_the_claimed_document_is_refused,
    two_accounts_do_not_share_a_verified_number,
    a_walk_in_becomes_the_person_who_signs_up_later,
    persons_whose_facts_contradict_are_not_merged,
    ids_redirect_in_one_step_after_two_merges,
    equal_verifications_at_once_give_one_verified_document,
    only_window_officers_register_and_verify,
    data_in_full_is_logged_and_the_person_reads_the_log,
    data_in_full_is_limited_per_hour_also_at_once,
    nobody_else_reads_a_person_her_documents_or_her_log,
    a_stale_profile_is_told_what_changed,
    a_verified_document_stays_and_a_claimed_one_goes,
    a_walk_in_is_registered_once_per_key,
    a_key_is_made_once_and_orphans_are_swept_after_a_day,
    front_ends_get_what_they_ask_for,
    every_operation_asks_the_anonymous_to_sign_in,
    an_id_of_another_kind_is_a_bad_request,
    a_claim_removed_while_it_is_verified_leaves_no_verified_ghost,
    an_original_is_judged_by_what_the_officer_reads,
    an_officer_compares_so_many_originals_an_hour,
    a_number_that_tells_no_birth_date_proves_none,
    a_family_list_shows_what_the_talent_typed_after_a_merge_too,
    persons_who_cannot_be_one_are_told_over_http,
    names_of_a_verified_person_are_read_by_an_officer,
);
pool_of_one!(
    a_claimed_number_is_sealed_masked_and_never_unique,
    an_original_verifies_a_claimed_document_and_raises_the_level,
    a_walk_in_becomes_the_person_who_signs_up_later,
    data_in_full_is_logged_and_the_person_reads_the_log,
    a_stale_profile_is_told_what_changed,
    a_walk_in_is_registered_once_per_key,
);

const CARD: &str = "440103189003070011";
const OTHER_CARD: &str = "440305189508150029";

fn actor(person: PersonId, roles: &[Role]) -> Actor {
    Actor {
        member: Some(Member {
            person,
            account: AccountId(person.uuid()),
            session: SessionId(person.uuid()),
            assurance: Assurance::L1,
            second_factor: true,
            grants: roles.iter().map(|&role| Grant { role, scope: Scope::Portal }).collect(),
        }),
        request_id: "test".into(),
    }
}

async fn made(app: &TestApp, name: &str, account: bool) -> PersonId {
    let portal = app.portal();
    let id = PersonId::new(&portal.env);
    let txn = portal.db.begin_write().await.unwrap();
    let name = PersonName { zh: Some(name.into()), latin: None };
    service::new_person(&txn, portal, id, NewPerson { name, ..NewPerson::default() }).await.unwrap();
    if account {
        service::mark_has_account(&txn, portal, id).await.unwrap();
    }
    portal.commit(txn).await.unwrap();
    id
}

async fn talent(app: &TestApp, name: &str) -> (PersonId, Actor) {
    let id = made(app, name, true).await;
    (id, actor(id, &[]))
}

async fn officer(app: &TestApp) -> Actor {
    actor(made(app, "窗口员", true).await, &[Role::WindowOfficer])
}

fn original(kind: IdentityDocumentKind, number: &str) -> AddDocument {
    AddDocument { kind, document_number: number.into(), issuing_state: None, valid_from: None, valid_until: None }
}

fn card(number: &str) -> AddDocument {
    original(IdentityDocumentKind::ResidentIdCard, number)
}

fn key(n: u32) -> String {
    format!("key-{n:0>16}")
}

/// A verification of the version of the person that is stored.
async fn verify(portal: &talent_portal::portal::Portal, person: PersonId, document: Option<IdentityDocumentId>, original: AddDocument) -> VerifyIdentity {
    let expected_version = talent_portal::person::service::person(portal, person).await.map_or(0, |person| person.version);
    VerifyIdentity { person, document, original, name: PersonName::default(), expected_version: Some(expected_version) }
}

#[track_caller]
fn rejections<T: std::fmt::Debug>(result: Result<T, Refused>) -> Vec<Rejection> {
    match result {
        Err(Refused::Rejected(reasons)) => reasons,
        other => panic!("no rejection: {other:?}"),
    }
}

#[track_caller]
fn fault<T: std::fmt::Debug>(result: Result<T, Refused>) -> Fault {
    match result {
        Err(Refused::Fault(fault)) => fault,
        other => panic!("no fault: {other:?}"),
    }
}

async fn person(app: &TestApp, id: PersonId) -> Person {
    service::person(app.portal(), id).await.unwrap()
}

async fn a_claimed_number_is_sealed_masked_and_never_unique(app: TestApp) {
    let (first, one) = talent(&app, "陈大文").await;
    let (_, two) = talent(&app, "李四").await;
    let added = identity::add_document(app.portal(), &one, card(" 440103 18900307 0011 "), &key(1)).await.unwrap();
    assert_eq!(added.document.masked_number, "440***********0011");
    assert_eq!(added.document.verified_at, None);
    let again = identity::add_document(app.portal(), &one, card(" 440103 18900307 0011 "), &key(1)).await.unwrap();
    assert_eq!(again.document, added.document);
    identity::add_document(app.portal(), &two, card(CARD), &key(1)).await.unwrap();
    assert_eq!(rejections(identity::add_document(app.portal(), &one, card(CARD), &key(2)).await), [Rejection::at(Code::AlreadyExists, "input.documentNumber")]);
    assert_eq!(
        rejections(identity::add_document(app.portal(), &one, card("440103189003070012"), &key(3)).await),
        [Rejection::at(Code::CheckDigitWrong, "input.documentNumber")]
    );
    assert_eq!(
        rejections(identity::add_document(app.portal(), &one, card(OTHER_CARD), &key(1)).await).iter().map(|r| r.code).collect::<Vec<_>>(),
        [Code::IdempotencyKeyReused]
    );
    assert_eq!(identity::documents(app.portal(), &one, &person(&app, first).await).await.unwrap(), [added.document]);
    let rows = identity_document::Entity::find().all(app.portal().db.read()).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].number_index, rows[1].number_index);
    for row in rows {
        assert!(!row.number_sealed.windows(CARD.len()).any(|w| w == CARD.as_bytes()));
    }
}

async fn an_original_verifies_a_claimed_document_and_raises_the_level(app: TestApp) {
    let (id, one) = talent(&app, "陈大文").await;
    let officer = officer(&app).await;
    let claimed = identity::add_document(app.portal(), &one, card(CARD), &key(1)).await.unwrap().document;
    let verified =
        identity::verify_identity(app.portal(), &officer, verify(app.portal(), id, Some(claimed.id), card("４４０１０３１８９００３０７００１１")).await)
            .await
            .unwrap();
    assert_eq!((verified.document.id, verified.merged), (claimed.id, None));
    assert_eq!(verified.document.verified_at, Some(app.portal().env.now()));
    let now = person(&app, id).await;
    assert_eq!(now, verified.person);
    assert_eq!((now.assurance, now.birth_date, now.sex), (Assurance::L2, NaiveDate::from_ymd_opt(1890, 3, 7), Some(Sex::Male)));
    let number = DocumentNumber::parse(IdentityDocumentKind::ResidentIdCard, CARD, None, app.portal().env.today()).unwrap();
    assert_eq!(service::find_by_document(app.portal(), app.portal().db.read(), &number).await.unwrap(), Some(id));
    assert!(service::holds_document(app.portal(), app.portal().db.read(), id, &number).await.unwrap());
    // A second reading of the same original changes nothing but the version.
    let again = identity::verify_identity(app.portal(), &officer, verify(app.portal(), id, None, card(CARD)).await).await.unwrap();
    assert_eq!(again.document.id, claimed.id);
    let refused = update_profile(
        app.portal(),
        &one,
        UpdateProfile {
            person: PersonInput { birth_date: NaiveDate::from_ymd_opt(1891, 3, 7), name_latin: Some("CHAN".into()), ..PersonInput::default() },
            cleared: Vec::new(),
            language: None,
            expected_version: again.person.version,
        },
    )
    .await;
    let fixed = ["input.nameLatin", "input.birthDate"].map(|field| Rejection::at(Code::DocumentVerified, field));
    assert_eq!(rejections(refused), fixed);
}

async fn what_is_not_the_claimed_document_is_refused(app: TestApp) {
    let (id, one) = talent(&app, "陈大文").await;
    let officer = officer(&app).await;
    let claimed = identity::add_document(app.portal(), &one, card(CARD), &key(1)).await.unwrap().document;
    let mismatch = [Rejection::at(Code::DocumentMismatch, "input.documentNumber")];
    let result = identity::verify_identity(app.portal(), &officer, verify(app.portal(), id, Some(claimed.id), card(OTHER_CARD)).await).await;
    assert_eq!(rejections(result), mismatch);
    let foreign = IdentityDocumentId::new(&app.portal().env);
    let result = identity::verify_identity(app.portal(), &officer, verify(app.portal(), id, Some(foreign), card(CARD)).await).await;
    assert_eq!(rejections(result), [Rejection::at(Code::NotFound, "input.identityDocumentId")]);
    let nobody = PersonId::new(&app.portal().env);
    let result = identity::verify_identity(app.portal(), &officer, verify(app.portal(), nobody, None, card(CARD)).await).await;
    assert_eq!(rejections(result), [Rejection::at(Code::NotFound, "input.personId")]);
    let own = officer.person().unwrap();
    let result = identity::verify_identity(app.portal(), &officer, verify(app.portal(), own, None, card(CARD)).await).await;
    assert_eq!(rejections(result), [Rejection::at(Code::OwnCase, "input.personId")]);
    let stale = VerifyIdentity { expected_version: Some(1), ..verify(app.portal(), id, None, card(CARD)).await };
    let result = rejections(identity::verify_identity(app.portal(), &officer, stale).await);
    assert_eq!(result.iter().map(|r| r.code).collect::<Vec<_>>(), [Code::Conflict]);
    identity::verify_identity(app.portal(), &officer, verify(app.portal(), id, Some(claimed.id), card(CARD)).await).await.unwrap();
    let result = identity::verify_identity(app.portal(), &officer, verify(app.portal(), id, None, card("440605189806300036")).await).await;
    assert_eq!(rejections(result), mismatch);
}

async fn two_accounts_do_not_share_a_verified_number(app: TestApp) {
    let (one, _) = talent(&app, "陈大文").await;
    let (two, second) = talent(&app, "陈大武").await;
    let officer = officer(&app).await;
    identity::verify_identity(app.portal(), &officer, verify(app.portal(), one, None, card(CARD)).await).await.unwrap();
    identity::add_document(app.portal(), &second, card(CARD), &key(1)).await.unwrap();
    let result = identity::verify_identity(app.portal(), &officer, verify(app.portal(), two, None, card(CARD)).await).await;
    assert_eq!(rejections(result), [Rejection::at(Code::DocumentTaken, "input.documentNumber")]);
    assert_eq!(person(&app, two).await.assurance, Assurance::L1);
}

async fn a_walk_in_becomes_the_person_who_signs_up_later(app: TestApp) {
    let officer = officer(&app).await;
    let walk_in = PersonInput { name_zh: Some("陈大文".into()), name_latin: Some("CHAN Tai Man".into()), ..PersonInput::default() };
    let walk_in = register_person(app.portal(), &officer, RegisterPerson { person: walk_in, idempotency_key: key(1) }).await.unwrap();
    let first = identity::verify_identity(app.portal(), &officer, verify(app.portal(), walk_in.id, None, card(CARD)).await).await.unwrap();
    assert!(!first.person.has_account);

    let (id, one) = talent(&app, "陈大文").await;
    let claimed = identity::add_document(app.portal(), &one, card(CARD), &key(1)).await.unwrap().document;
    let verified = identity::verify_identity(app.portal(), &officer, verify(app.portal(), id, Some(claimed.id), card(CARD)).await).await.unwrap();
    assert_eq!(verified.merged, Some(walk_in.id));
    assert_eq!(verified.person.id, id);
    assert_eq!(verified.person.name.latin.as_deref(), Some("CHAN Tai Man"));
    assert_eq!(verified.document.id, first.document.id);
    // The id of the walk-in leads to the account, and her document is read with her own key.
    assert_eq!(person(&app, walk_in.id).await.id, id);
    let documents = identity::documents(app.portal(), &one, &person(&app, id).await).await.unwrap();
    assert_eq!(documents.iter().map(|d| (d.id, d.masked_number.as_str())).collect::<Vec<_>>(), [(first.document.id, "440***********0011")]);
    let mut both = vec![id, walk_in.id];
    both.sort();
    assert_eq!(service::identities(app.portal().db.read(), id).await.unwrap(), both);
    let names = service::names_of(app.portal().db.read(), &[walk_in.id]).await.unwrap();
    assert_eq!(names[&walk_in.id].display(), "陈大文");

    // The other way round: a walk-in whose number the account holds turns out to be her.
    let again = register_person(
        app.portal(),
        &officer,
        RegisterPerson { person: PersonInput { name_zh: Some("陈大文".into()), ..PersonInput::default() }, idempotency_key: key(2) },
    )
    .await
    .unwrap();
    let verified = identity::verify_identity(app.portal(), &officer, verify(app.portal(), again.id, None, card(CARD)).await).await.unwrap();
    assert_eq!((verified.person.id, verified.merged), (id, Some(again.id)));
    assert!(verified.person.has_account);
}

async fn persons_whose_facts_contradict_are_not_merged(app: TestApp) {
    let officer = officer(&app).await;
    let walk_in = made(&app, "陈大文", false).await;
    // A Hong Kong card tells nothing about birth, so only what is known contradicts.
    identity::verify_identity(app.portal(), &officer, verify(app.portal(), walk_in, None, original(IdentityDocumentKind::Hkid, "A123456(3)")).await)
        .await
        .unwrap();
    identity::verify_identity(app.portal(), &officer, verify(app.portal(), walk_in, None, card(CARD)).await).await.unwrap();
    let (id, _) = talent(&app, "陈大武").await;
    identity::verify_identity(app.portal(), &officer, verify(app.portal(), id, None, card(OTHER_CARD)).await).await.unwrap();
    let result =
        identity::verify_identity(app.portal(), &officer, verify(app.portal(), id, None, original(IdentityDocumentKind::Hkid, "A123456(3)")).await).await;
    assert_eq!(rejections(result), [Rejection::at(Code::MergeImpossible, "input.personId")]);
    assert_eq!(person(&app, walk_in).await.id, walk_in);
}

async fn ids_redirect_in_one_step_after_two_merges(app: TestApp) {
    let officer = officer(&app).await;
    let oldest = made(&app, "陈大文", false).await;
    identity::verify_identity(app.portal(), &officer, verify(app.portal(), oldest, None, card(CARD)).await).await.unwrap();
    let newer = made(&app, "陈大文", false).await;
    let merged = identity::verify_identity(app.portal(), &officer, verify(app.portal(), newer, None, card(CARD)).await).await.unwrap();
    assert_eq!((merged.person.id, merged.merged), (oldest, Some(newer)));
    let (id, _) = talent(&app, "陈大文").await;
    let merged = identity::verify_identity(app.portal(), &officer, verify(app.portal(), id, None, card(CARD)).await).await.unwrap();
    assert_eq!((merged.person.id, merged.merged), (id, Some(oldest)));
    for old in [oldest, newer] {
        assert_eq!(person(&app, old).await.id, id);
    }
    // An officer may still be looking at an old id.
    let verified =
        identity::verify_identity(app.portal(), &officer, verify(app.portal(), newer, None, original(IdentityDocumentKind::Hkid, "A123456(3)")).await)
            .await
            .unwrap();
    assert_eq!(verified.person.id, id);
}

async fn equal_verifications_at_once_give_one_verified_document(app: TestApp) {
    let officer = officer(&app).await;
    let mut persons = Vec::new();
    for _ in 0..8 {
        persons.push(talent(&app, "陈大文").await.0);
    }
    let tries = persons.iter().map(|&id| {
        let (portal, officer) = (app.portal().clone(), officer.clone());
        tokio::spawn(async move { identity::verify_identity(&portal, &officer, verify(&portal, id, None, card(CARD)).await).await })
    });
    let mut won = 0;
    for tried in tries.collect::<Vec<_>>() {
        match tried.await.unwrap() {
            Ok(_) => won += 1,
            refused => assert_eq!(rejections(refused), [Rejection::at(Code::DocumentTaken, "input.documentNumber")]),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(identity_document::Entity::find().count(app.portal().db.read()).await.unwrap(), 1);
}

async fn only_window_officers_register_and_verify(app: TestApp) {
    let (id, one) = talent(&app, "陈大文").await;
    let walk_in = || RegisterPerson { person: PersonInput { name_zh: Some("李四".into()), ..PersonInput::default() }, idempotency_key: key(1) };
    for (caller, anonymous) in
        [(Actor::anonymous("test"), true), (one, false), (actor(made(&app, "审查员", true).await, &[Role::Reviewer, Role::SystemAdmin]), false)]
    {
        for fault in [
            fault(register_person(app.portal(), &caller, walk_in()).await),
            fault(identity::verify_identity(app.portal(), &caller, verify(app.portal(), id, None, card(CARD)).await).await),
        ] {
            assert!(if anonymous { matches!(fault, Fault::Unauthenticated) } else { matches!(fault, Fault::Forbidden) }, "{fault:?}");
        }
    }
    assert_eq!(identity_document::Entity::find().count(app.portal().db.read()).await.unwrap(), 0);
}

fn reveal(person: PersonId, document: IdentityDocumentId, purpose: AccessPurpose, reason: &str) -> RevealPersonalData {
    RevealPersonalData { person, field: PersonalDataField::IdentityDocumentNumber, document: Some(document), purpose, reason: reason.into() }
}

fn page(first: i32) -> PageRequest {
    PageRequest::parse(Some(first), None, access::ORDER, 1).unwrap()
}

/// A person whom the officer registered, and she herself.
async fn walk_in_of(app: &TestApp, officer: &Actor) -> (PersonId, Actor) {
    let walk_in = PersonInput { name_zh: Some("陈大文".into()), ..PersonInput::default() };
    let id = register_person(app.portal(), officer, RegisterPerson { person: walk_in, idempotency_key: key(900) }).await.unwrap().id;
    (id, actor(id, &[]))
}

async fn data_in_full_is_logged_and_the_person_reads_the_log(app: TestApp) {
    let officer = officer(&app).await;
    let (id, one) = walk_in_of(&app, &officer).await;
    let document = identity::add_document(app.portal(), &one, original(IdentityDocumentKind::Hkid, "a1234563"), &key(1)).await.unwrap().document;
    let shown = access::reveal_personal_data(app.portal(), &one, reveal(id, document.id, AccessPurpose::OwnData, "")).await.unwrap();
    assert_eq!(shown.value, "A123456(3)");
    app.advance(Duration::minutes(1));
    let reason = "Compare with the paper";
    let shown = access::reveal_personal_data(app.portal(), &officer, reveal(id, document.id, AccessPurpose::IdentityCheck, reason)).await.unwrap();
    assert_eq!(shown.value, "A123456(3)");
    for (command, expected) in [
        (reveal(id, document.id, AccessPurpose::IdentityCheck, " "), vec![Rejection::at(Code::ReasonRequired, "input.reason")]),
        (reveal(id, document.id, AccessPurpose::OwnData, "x"), vec![Rejection::at(Code::NotAllowed, "input.purpose")]),
        (
            reveal(id, IdentityDocumentId::new(&app.portal().env), AccessPurpose::Correction, "x"),
            vec![Rejection::at(Code::NotFound, "input.identityDocumentId")],
        ),
        (
            RevealPersonalData { document: None, ..reveal(id, document.id, AccessPurpose::Correction, "") },
            vec![Rejection::at(Code::ReasonRequired, "input.reason"), Rejection::at(Code::Required, "input.identityDocumentId")],
        ),
    ] {
        assert_eq!(rejections(access::reveal_personal_data(app.portal(), &officer, command).await), expected);
    }
    let log = access::access_log(app.portal(), &one, id, &page(1)).await.unwrap();
    assert!(log.has_next);
    let (cursor, newest) = &log.edges[0];
    assert_eq!((newest.role, newest.purpose, newest.reason.as_deref()), (Some(Role::WindowOfficer), AccessPurpose::IdentityCheck, Some(reason)));
    let rest = PageRequest::parse(Some(5), Some(cursor), access::ORDER, 1).unwrap();
    let rest = access::access_log(app.portal(), &one, id, &rest).await.unwrap();
    assert_eq!(rest.edges.iter().map(|(_, a)| (a.role, a.purpose)).collect::<Vec<_>>(), [(None, AccessPurpose::OwnData)]);
    for row in access_log::Entity::find().all(app.portal().db.read()).await.unwrap() {
        assert!(!row.reason_sealed.unwrap_or_default().windows(reason.len()).any(|w| w == reason.as_bytes()));
    }
}

async fn data_in_full_is_limited_per_hour_also_at_once(app: TestApp) {
    let officer = officer(&app).await;
    let (id, one) = walk_in_of(&app, &officer).await;
    let document = identity::add_document(app.portal(), &one, card(CARD), &key(1)).await.unwrap().document.id;
    let limit = u64::from(app.portal().settings.reveals_per_hour);
    let looks: Vec<_> = (0..limit + 5)
        .map(|_| {
            let (portal, officer) = (app.portal().clone(), officer.clone());
            tokio::spawn(async move { access::reveal_personal_data(&portal, &officer, reveal(id, document, AccessPurpose::CaseHandling, "x")).await })
        })
        .collect();
    let mut refused = 0;
    for look in looks {
        if let Err(Refused::Fault(fault)) = look.await.unwrap() {
            assert!(matches!(fault, Fault::RateLimited(3600)), "{fault:?}");
            refused += 1;
        }
    }
    assert_eq!(refused, 5);
    assert_eq!(access_log::Entity::find().count(app.portal().db.read()).await.unwrap(), limit);
    // Another person is not hit, and an hour later there is room again.
    access::reveal_personal_data(app.portal(), &one, reveal(id, document, AccessPurpose::OwnData, "")).await.unwrap();
    app.advance(Duration::hours(1));
    access::reveal_personal_data(app.portal(), &officer, reveal(id, document, AccessPurpose::CaseHandling, "x")).await.unwrap();
}

async fn nobody_else_reads_a_person_her_documents_or_her_log(app: TestApp) {
    let (id, one) = talent(&app, "陈大文").await;
    let document = identity::add_document(app.portal(), &one, card(CARD), &key(1)).await.unwrap().document.id;
    let (_, other) = talent(&app, "李四").await;
    let counter = actor(made(&app, "柜台", true).await, &[Role::Counter, Role::AuditAdmin]);
    let found = person(&app, id).await;
    let officer = officer(&app).await;
    let reviewer = actor(made(&app, "审查员", true).await, &[Role::Reviewer, Role::Approver, Role::Supervisor]);
    // Staff who have nothing to do with her are nobody to her, whatever their role.
    for caller in [&other, &counter, &officer, &reviewer] {
        assert!(matches!(service::person_for(app.portal(), caller, id).await, Err(Fault::NotFound)));
        assert!(matches!(identity::documents(app.portal(), caller, &found).await, Err(Fault::NotFound)));
        let result = access::reveal_personal_data(app.portal(), caller, reveal(id, document, AccessPurpose::CaseHandling, "x")).await;
        assert!(matches!(fault(result), Fault::NotFound));
        assert_eq!(rejections(identity::remove_document(app.portal(), caller, document).await), [Rejection::at(Code::NotFound, "input.identityDocumentId")]);
    }
    let (walk_in, _) = walk_in_of(&app, &officer).await;
    assert_eq!(service::person_for(app.portal(), &officer, walk_in).await.unwrap().id, walk_in);
    for caller in [&other, &counter, &officer] {
        assert!(matches!(access::access_log(app.portal(), caller, id, &page(5)).await, Err(Fault::NotFound)));
    }
    let anonymous = Actor::anonymous("test");
    assert!(matches!(service::person_for(app.portal(), &anonymous, id).await, Err(Fault::Unauthenticated)));
    let missing = PersonId::new(&app.portal().env);
    assert!(matches!(service::person_for(app.portal(), &officer, missing).await, Err(Fault::NotFound)));
    assert_eq!(access_log::Entity::find().count(app.portal().db.read()).await.unwrap(), 0);
}

async fn a_stale_profile_is_told_what_changed(app: TestApp) {
    let (id, one) = talent(&app, "陈大文").await;
    let seen = person(&app, id).await.version;
    let change = |input: PersonInput, expected_version| {
        update_profile(app.portal(), &one, UpdateProfile { person: input, cleared: Vec::new(), language: None, expected_version })
    };
    let latin = PersonInput { name_latin: Some("CHAN Tai Man".into()), ..PersonInput::default() };
    let first = change(latin.clone(), seen).await.unwrap();
    assert_eq!((first.version, first.name.latin.as_deref()), (seen + 1, Some("CHAN Tai Man")));
    app.advance(Duration::minutes(1));
    let reasons = rejections(change(PersonInput { nationality: Some("CHN".into()), ..PersonInput::default() }, seen).await);
    assert_eq!(reasons.len(), 1);
    let conflict = reasons[0].conflict.clone().unwrap();
    assert_eq!((conflict.version, conflict.changed, conflict.by, conflict.at), (seen + 1, vec!["nameLatin".to_owned()], None, first.updated_at));
    // What is the same already changes nothing.
    assert_eq!(change(latin, seen + 1).await.unwrap().version, seen + 1);
    assert!(matches!(
        fault(
            update_profile(
                app.portal(),
                &Actor::anonymous("test"),
                UpdateProfile { person: PersonInput::default(), cleared: Vec::new(), language: None, expected_version: 1 }
            )
            .await
        ),
        Fault::Unauthenticated
    ));
}

async fn a_verified_document_stays_and_a_claimed_one_goes(app: TestApp) {
    let (id, one) = talent(&app, "陈大文").await;
    let officer = officer(&app).await;
    let claimed = identity::add_document(app.portal(), &one, original(IdentityDocumentKind::Hkid, "A123456(3)"), &key(1)).await.unwrap().document.id;
    let verified = identity::verify_identity(app.portal(), &officer, verify(app.portal(), id, None, card(CARD)).await).await.unwrap().document.id;
    assert_eq!(identity::remove_document(app.portal(), &one, claimed).await.unwrap(), claimed);
    assert_eq!(rejections(identity::remove_document(app.portal(), &one, verified).await), [Rejection::at(Code::DocumentVerified, "input.identityDocumentId")]);
    assert_eq!(identity::documents(app.portal(), &one, &person(&app, id).await).await.unwrap().len(), 1);
}

async fn a_walk_in_is_registered_once_per_key(app: TestApp) {
    let officer = officer(&app).await;
    let walk_in = |name: &str| RegisterPerson { person: PersonInput { name_zh: Some(name.into()), ..PersonInput::default() }, idempotency_key: key(1) };
    let first = register_person(app.portal(), &officer, walk_in("李四")).await.unwrap();
    let again = register_person(app.portal(), &officer, walk_in("李四")).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(
        rejections(register_person(app.portal(), &officer, walk_in("李五")).await).iter().map(|r| r.code).collect::<Vec<_>>(),
        [Code::IdempotencyKeyReused]
    );
    assert_eq!(
        rejections(register_person(app.portal(), &officer, RegisterPerson { person: PersonInput::default(), idempotency_key: key(2) }).await),
        [Rejection::at(Code::Required, "input.nameZh")]
    );
}

async fn a_key_is_made_once_and_orphans_are_swept_after_a_day(app: TestApp) {
    let portal = app.portal();
    let (kept, orphan) = (made(&app, "陈大文", false).await, PersonId::new(&portal.env));
    assert!(matches!(keys::data_key(portal, orphan).await, Err(Fault::NotFound)));
    keys::ensure_key(portal, kept).await.unwrap();
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let portal = portal.clone();
            tokio::spawn(async move { keys::ensure_key(&portal, orphan).await.unwrap() })
        })
        .collect();
    let place = talent_portal::kernel::seal::Place::new("t", "c", orphan.uuid());
    let sealed = keys::data_key(portal, kept).await.unwrap().seal(&portal.env, place, b"x");
    let mut made = Vec::new();
    for tried in tries {
        made.push(tried.await.unwrap());
    }
    let own = made[0].seal(&portal.env, place, b"x");
    for key in &made {
        assert_eq!(key.open(place, &own).unwrap().as_slice(), b"x");
        assert!(key.open(place, &sealed).is_none());
    }
    app.advance(Duration::hours(23));
    assert_eq!(keys::sweep_orphan_keys(portal).await.unwrap(), 0);
    app.advance(Duration::hours(2));
    assert_eq!(keys::sweep_orphan_keys(portal).await.unwrap(), 1);
    assert!(matches!(keys::data_key(portal, orphan).await, Err(Fault::NotFound)));
    let left = person_key::Entity::find().all(portal.db.keys()).await.unwrap();
    assert_eq!(left.iter().map(|k| k.person_id).collect::<Vec<_>>(), [kept]);
}

/// Executes a stored operation of `schema/operations` as the front ends send it.
async fn send(app: &TestApp, caller: &Actor, path: &str, variables: serde_json::Value) -> (serde_json::Value, Vec<String>) {
    let document = talent_portal::api::operations::all().find(|(name, _)| *name == path).unwrap_or_else(|| panic!("no operation {path}")).1;
    let ctx = Ctx { portal: app.portal().clone(), actor: Arc::new(caller.clone()), language: Language::En, address: "192.0.2.1".into() };
    let request = async_graphql::Request::new(document).variables(async_graphql::Variables::from_json(variables)).data(ctx);
    let answer = talent_portal::api::schema::build().execute(request).await;
    let codes = answer.errors.iter().map(|e| serde_json::to_value(&e.extensions).unwrap()["code"].as_str().unwrap_or("-").to_owned()).collect();
    let mut data = answer.data.into_json().unwrap();
    bare(&mut data);
    (data, codes)
}

/// Without the names of types, which clients add everywhere.
fn bare(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.remove("__typename");
            fields.values_mut().for_each(bare);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(bare),
        _ => {}
    }
}

async fn front_ends_get_what_they_ask_for(app: TestApp) {
    let officer = officer(&app).await;
    let (id, one) = walk_in_of(&app, &officer).await;
    let input = json!({ "input": { "nameLatin": "CHAN Tai Man", "nationality": "chn", "expectedVersion": 1 } });
    let (data, errors) = send(&app, &one, "profile/update-profile.graphql", input).await;
    // Who asks here is a person without an account, and so without its language; the rest of the answer is good.
    assert_eq!(errors, ["UNAUTHENTICATED"]);
    assert_eq!(
        data["updateProfile"],
        json!({
            "person": {
                "id": id.global(), "version": 2, "displayName": "陈大文", "nameZh": "陈大文", "nameLatin": "CHAN Tai Man", "birthDate": null, "sex": null,
                "nationality": "CHN",
            },
            "viewer": { "preferredLanguage": null },
            "userErrors": [],
        })
    );
    let input = json!({ "input": { "kind": "HKID", "documentNumber": "A123456(4)", "idempotencyKey": key(1) } });
    let (data, errors) = send(&app, &one, "profile/add-identity-document.graphql", input).await;
    assert_eq!(errors, [""; 0]);
    let refused = &data["addIdentityDocument"];
    assert_eq!((&refused["identityDocument"], &refused["warnings"]), (&json!(null), &json!([])));
    assert_eq!((&refused["userErrors"][0]["code"], &refused["userErrors"][0]["field"]), (&json!("CHECK_DIGIT_WRONG"), &json!(["input", "documentNumber"])));
    assert!(!refused.to_string().contains("123456"), "nothing personal is echoed");
    let input = json!({ "input": { "kind": "HKID", "documentNumber": "A123456(3)", "idempotencyKey": key(1) } });
    let (data, _) = send(&app, &one, "profile/add-identity-document.graphql", input).await;
    let document = data["addIdentityDocument"]["identityDocument"]["id"].clone();
    assert_eq!(data["addIdentityDocument"]["identityDocument"]["maskedNumber"], "A*****6(3)");

    let input =
        json!({ "input": { "personId": id.global(), "identityDocumentId": document, "kind": "HKID", "documentNumber": "A123456(3)", "expectedVersion": 2 } });
    let (data, errors) = send(&app, &officer, "window/verify-identity.graphql", input).await;
    assert_eq!(errors, [""; 0]);
    assert_eq!(
        data["verifyIdentity"],
        json!({
            "person": { "id": id.global(), "version": 3, "displayName": "陈大文", "assurance": "L2", "hasAccount": false },
            "identityDocument": { "id": document, "kind": "HKID", "maskedNumber": "A*****6(3)", "verified": true, "verifiedAt": "2026-01-05T01:00:00.000Z" },
            "mergedId": null, "warnings": [], "userErrors": [],
        })
    );
    let input = json!({ "input": {
        "personId": id.global(), "field": "IDENTITY_DOCUMENT_NUMBER", "identityDocumentId": document, "purpose": "CASE_HANDLING", "reason": "Compare",
    } });
    let (data, errors) = send(&app, &officer, "profile/reveal-personal-data.graphql", input).await;
    assert_eq!(errors, [""; 0]);
    assert_eq!(data["revealPersonalData"]["value"], "A123456(3)");
    let (data, errors) = send(&app, &one, "profile/access-log.graphql", json!({ "first": 5 })).await;
    assert_eq!(errors, [""; 0]);
    let log = &data["talentProfile"]["person"]["accessLog"];
    assert_eq!(log["edges"].as_array().unwrap().len(), 1);
    assert_eq!((&log["edges"][0]["node"]["byRole"], &log["edges"][0]["node"]["reason"]), (&json!("WINDOW_OFFICER"), &json!("Compare")));
    assert_eq!(log["pageInfo"]["hasNextPage"], false);

    let (statements, (data, errors)) = app.statements(send(&app, &one, "profile/profile.graphql", json!({}))).await;
    assert_eq!(errors, [""; 0]);
    assert_eq!(data["talentProfile"]["person"]["identityDocuments"][0]["verified"], true);
    assert_eq!((&data["talentProfile"]["educations"], &data["talentProfile"]["employments"]), (&json!([]), &json!([])));
    // The session look-up comes on top: five of at most six.
    assert_eq!(statements, 4);
}

async fn every_operation_asks_the_anonymous_to_sign_in(app: TestApp) {
    let anonymous = Actor::anonymous("test");
    let some = |prefix: &str| format!("{prefix}_{:032}", 1);
    let person =
        json!({ "personId": some("person"), "identityDocumentId": some("identity"), "kind": "HKID", "documentNumber": "A123456(3)", "expectedVersion": 1 });
    for (path, field, input) in [
        ("profile/profile.graphql", "talentProfile", json!(null)),
        ("profile/family.graphql", "talentProfile", json!(null)),
        ("profile/access-log.graphql", "talentProfile", json!(null)),
        ("profile/update-profile.graphql", "updateProfile", json!({ "expectedVersion": 1 })),
        ("profile/add-identity-document.graphql", "addIdentityDocument", json!({ "kind": "HKID", "documentNumber": "x", "idempotencyKey": key(1) })),
        ("profile/remove-identity-document.graphql", "removeIdentityDocument", json!({ "identityDocumentId": some("identity") })),
        (
            "profile/reveal-personal-data.graphql",
            "revealPersonalData",
            json!({ "personId": some("person"), "field": "IDENTITY_DOCUMENT_NUMBER", "purpose": "OWN_DATA" }),
        ),
        ("profile/add-education.graphql", "addEducation", json!({ "level": "DOCTOR", "institution": "A", "idempotencyKey": key(1) })),
        (
            "profile/add-employment.graphql",
            "addEmployment",
            json!({ "employerName": "A", "position": "B", "startedOn": "2020-01-01", "idempotencyKey": key(1) }),
        ),
        ("profile/end-employment.graphql", "endEmployment", json!({ "employmentId": some("employment"), "endedOn": "2020-01-01" })),
        ("profile/add-family-member.graphql", "addFamilyMember", json!({ "relation": "CHILD", "nameZh": "李", "idempotencyKey": key(1) })),
        ("profile/claim-talent-category.graphql", "claimTalentCategory", json!({ "category": "DOCTOR", "idempotencyKey": key(1) })),
        ("profile/remove-education.graphql", "removeEducation", json!({ "educationId": some("education") })),
        ("profile/remove-employment.graphql", "removeEmployment", json!({ "employmentId": some("employment") })),
        ("profile/remove-family-member.graphql", "removeFamilyMember", json!({ "familyMemberId": some("family") })),
        ("profile/withdraw-talent-category.graphql", "withdrawTalentCategory", json!({ "categoryId": some("category") })),
        ("window/register-person.graphql", "registerPerson", json!({ "nameZh": "李", "idempotencyKey": key(1) })),
        ("window/verify-identity.graphql", "verifyIdentity", person),
    ] {
        let (data, errors) = send(&app, &anonymous, path, json!({ "input": input })).await;
        assert_eq!((errors, data), (vec!["UNAUTHENTICATED".to_owned()], json!({ field: null })), "{path}");
    }
}

async fn an_id_of_another_kind_is_a_bad_request(app: TestApp) {
    let (id, one) = talent(&app, "陈大文").await;
    for (path, field, input) in [
        ("profile/remove-identity-document.graphql", "removeIdentityDocument", json!({ "identityDocumentId": id.global() })),
        ("profile/remove-education.graphql", "removeEducation", json!({ "educationId": "education_1" })),
        ("profile/reveal-personal-data.graphql", "revealPersonalData", json!({ "personId": "1", "field": "IDENTITY_DOCUMENT_NUMBER", "purpose": "OWN_DATA" })),
        (
            "window/verify-identity.graphql",
            "verifyIdentity",
            json!({ "personId": id.global(), "identityDocumentId": id.global(), "kind": "HKID", "documentNumber": "x", "expectedVersion": 1 }),
        ),
    ] {
        let (data, errors) = send(&app, &one, path, json!({ "input": input })).await;
        assert_eq!((errors, data), (vec!["BAD_REQUEST".to_owned()], json!({ field: null })), "{path}");
    }
}

async fn a_claim_removed_while_it_is_verified_leaves_no_verified_ghost(app: TestApp) {
    let app = &app;
    let portal = app.portal();
    let officer = officer(app).await;
    for n in 0..8u32 {
        let (id, own) = talent(app, "陈大文").await;
        let number = format!("P{n:0>7}");
        let passport = AddDocument { issuing_state: Some("PRT".into()), ..original(IdentityDocumentKind::Passport, &number) };
        let claimed = identity::add_document(portal, &own, passport.clone(), &key(n)).await.unwrap().document;
        let command = verify(portal, id, Some(claimed.id), passport).await;
        let (verified, removed) = tokio::join!(identity::verify_identity(portal, &officer, command), identity::remove_document(portal, &own, claimed.id));
        // One of them was first, and what was answered is what is there.
        let stored = identity::documents(portal, &own, &person(app, id).await).await.unwrap();
        match verified {
            Ok(done) => {
                assert_eq!(stored.iter().map(|d| (d.id, d.verified_at.is_some())).collect::<Vec<_>>(), [(done.document.id, true)]);
                assert!(removed.is_err());
            }
            Err(refused) => {
                assert!(matches!(&refused, Refused::Rejected(why) if matches!(why[0].code, Code::Conflict | Code::NotFound)), "{refused:?}");
                assert!(removed.is_ok() && stored.is_empty());
            }
        }
    }
}

/// A demo world over HTTP: the token of a window officer, and a talent's with her id.
async fn window(app: &TestApp) -> (String, String, String) {
    let portal = app.portal();
    mark_demo(portal).await.unwrap();
    let sign_in = async |login: &str, roles| {
        let new = NewDemoAccount {
            login: login.into(),
            password: "seven green herons at dusk".into(),
            name_zh: "陈大文".into(),
            name_latin: "Chan Tai Man".into(),
            birth_date: None,
            roles,
        };
        demo_session(portal, add_account(portal, new).await.unwrap()).await.unwrap()
    };
    app.publish().await;
    let unit = talent_portal::demo::build(portal).await.unwrap().window;
    let officer = sign_in("officer@demo.invalid", vec![(Role::WindowOfficer, Some(unit), None)]).await;
    let talent = sign_in("talent@demo.invalid", Vec::new()).await;
    let person = app.graphql(Some(&talent), "{ viewer { person { id } } }", json!({})).await.ok();
    (officer, talent, person["viewer"]["person"]["id"].as_str().unwrap().to_owned())
}

async fn mutate(app: &TestApp, token: &str, name: &str, selection: &str, input: serde_json::Value) -> serde_json::Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let document = format!("mutation($input: {kind}!) {{ {name}(input: $input) {{ {selection} userErrors {{ code field }} }} }}");
    app.graphql(Some(token), &document, json!({ "input": input })).await.ok()[name].take()
}

async fn an_original_is_judged_by_what_the_officer_reads(app: TestApp) {
    let app = &app;
    let (officer, talent, person) = window(app).await;
    let claim = json!({ "kind": "HOME_RETURN_PERMIT", "documentNumber": "H1234567801", "validUntil": "2035-01-01", "idempotencyKey": "claim-permit-0001" });
    assert_eq!(mutate(app, &talent, "addIdentityDocument", "identityDocument { id }", claim).await["userErrors"], json!([]));
    let read = async |more: serde_json::Value| {
        let mut input = json!({ "personId": person, "kind": "HOME_RETURN_PERMIT", "documentNumber": "H1234567801", "expectedVersion": app.version_of(&json!(person)).await });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mutate(app, &officer, "verifyIdentity", "identityDocument { validFrom validUntil verifiedAt }", input).await
    };
    let no = |answer: &serde_json::Value, code: &str, field: &str| {
        assert_eq!(answer["userErrors"], json!([{ "code": code, "field": ["input", field] }]));
        assert!(answer["identityDocument"].is_null());
    };
    no(&read(json!({ "validUntil": "2026-01-04" })).await, "DOCUMENT_EXPIRED", "validUntil");
    no(&read(json!({ "nameZh": "陈小文" })).await, "NAME_MISMATCH", "nameZh");
    no(&read(json!({ "nameZh": "陈大文", "nameLatin": "WONG Tai Man" })).await, "NAME_MISMATCH", "nameLatin");
    // The dates are those of the original, not those that were claimed; a renewed one has others.
    let good = read(json!({ "nameZh": "陈大文", "nameLatin": "CHAN TAI MAN", "validFrom": "2017-01-01", "validUntil": "2026-01-05" })).await;
    assert_eq!((&good["identityDocument"]["validFrom"], &good["identityDocument"]["validUntil"]), (&json!("2017-01-01"), &json!("2026-01-05")));
    let renewed = read(json!({ "validFrom": "2026-01-02", "validUntil": "2036-01-01" })).await;
    assert_eq!(renewed["identityDocument"]["validUntil"], "2036-01-01");
    let seen = app.graphql(Some(&talent), "{ viewer { person { identityDocuments { validUntil } } } }", json!({})).await.ok();
    assert_eq!(seen["viewer"]["person"]["identityDocuments"], json!([{ "validUntil": "2036-01-01" }]));
}

async fn an_officer_compares_so_many_originals_an_hour(app: TestApp) {
    let app = &app;
    let (officer, _, person) = window(app).await;
    let ask = async |number: &str| {
        let document = "mutation($input: VerifyIdentityInput!) { verifyIdentity(input: $input) { userErrors { code } } }";
        app.graphql(
            Some(&officer),
            document,
            json!({ "input": { "personId": person, "kind": "HKID", "documentNumber": number, "expectedVersion": app.version_of(&json!(person)).await } }),
        )
        .await
    };
    // Each try counts, also one that answers no.
    for _ in 0..60 {
        assert_eq!(ask("A123456(0)").await.ok()["verifyIdentity"]["userErrors"][0]["code"], "CHECK_DIGIT_WRONG");
    }
    let reply = ask("A123456(3)").await;
    assert_eq!((reply.code(), &reply.errors[0]["extensions"]["retryAfterSeconds"]), ("RATE_LIMITED", &json!(60)));
    app.advance(Duration::minutes(1));
    assert_eq!(ask("A123456(3)").await.ok()["verifyIdentity"]["userErrors"], json!([]));
}

async fn a_number_that_tells_no_birth_date_proves_none(app: TestApp) {
    let app = &app;
    let (officer, talent, person) = window(app).await;
    let update = async |birth: &str, sex: &str| {
        let version = app.graphql(Some(&talent), "{ viewer { person { version } } }", json!({})).await.ok()["viewer"]["person"]["version"].take();
        let input = json!({ "birthDate": birth, "sex": sex, "nationality": "CHN", "expectedVersion": version });
        mutate(app, &talent, "updateProfile", "person { birthDate }", input).await
    };
    assert_eq!(update("1890-03-07", "MALE").await["userErrors"], json!([]));
    let verify = async |kind: &str, number: &str| {
        let input = json!({ "personId": person, "kind": kind, "documentNumber": number, "expectedVersion": app.version_of(&json!(person)).await });
        assert_eq!(mutate(app, &officer, "verifyIdentity", "person { assurance }", input).await["person"]["assurance"], "L2");
    };
    verify("HKID", "A123456(3)").await;
    assert_eq!(update("1889-03-07", "MALE").await["person"]["birthDate"], "1889-03-07");
    assert_eq!(update("1890-03-07", "MALE").await["userErrors"], json!([]));
    verify("RESIDENT_ID_CARD", "440103189003070011").await;
    let refused = update("1889-03-07", "FEMALE").await;
    let no = |field: &str| json!({ "code": "DOCUMENT_VERIFIED", "field": ["input", field] });
    assert_eq!(refused["userErrors"], json!([no("birthDate"), no("sex")]));
}

async fn a_family_list_shows_what_the_talent_typed_after_a_merge_too(app: TestApp) {
    let app = &app;
    let (officer, talent, _) = window(app).await;
    let input = json!({ "relation": "SPOUSE", "nameZh": "李小红", "birthDate": "1890-03-07", "idempotencyKey": "add-spouse-000001" });
    let member = mutate(app, &talent, "addFamilyMember", "familyMember { id personId nameZh nameLatin birthDate }", input).await["familyMember"].take();
    // Her own record says more, and otherwise.
    let walk_in = json!({ "nameZh": "李小红", "nameLatin": "LI Siu Hung", "idempotencyKey": "walk-in-00000001" });
    let walk_in = mutate(app, &officer, "registerPerson", "person { id }", walk_in).await["person"]["id"].take();
    for person in [&walk_in, &member["personId"]] {
        let input = json!({ "personId": person, "kind": "RESIDENT_ID_CARD", "documentNumber": "440103189003070011", "expectedVersion": app.version_of(&json!(person)).await });
        assert_eq!(mutate(app, &officer, "verifyIdentity", "person { nameLatin }", input).await["userErrors"], json!([]));
    }
    let seen = app.graphql(Some(&talent), "{ talentProfile { familyMembers { id personId nameZh nameLatin birthDate } } }", json!({})).await.ok();
    let mut shown = seen["talentProfile"]["familyMembers"][0].clone();
    assert_eq!(shown["personId"].take(), walk_in);
    let mut typed = member;
    typed["personId"].take();
    assert_eq!(shown, typed);
    assert_eq!((&shown["nameLatin"], &shown["birthDate"]), (&json!(null), &json!("1890-03-07")));
}

async fn persons_who_cannot_be_one_are_told_over_http(app: TestApp) {
    let app = &app;
    let (officer, talent, person) = window(app).await;
    let verify = async |person: &str, kind: &str, number: &str, more: serde_json::Value| {
        let mut input = json!({ "personId": person, "kind": kind, "documentNumber": number, "expectedVersion": app.version_of(&json!(person)).await });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mutate(app, &officer, "verifyIdentity", "identityDocument { id } mergedId", input).await
    };
    let no = |answer: &serde_json::Value, code: &str, field: &str| {
        assert_eq!(answer["userErrors"], json!([{ "code": code, "field": ["input", field] }]));
        assert!(answer["identityDocument"].is_null() && answer["mergedId"].is_null());
    };
    // A period that ends before it begins, of an original and of a place of work.
    no(
        &verify(&person, "HOME_RETURN_PERMIT", "H1234567801", json!({ "validFrom": "2025-01-02", "validUntil": "2025-01-01" })).await,
        "PERIOD_REVERSED",
        "validUntil",
    );
    let employment =
        json!({ "employerName": "某公司", "position": "工程师", "startedOn": "2025-01-02", "endedOn": "2025-01-01", "idempotencyKey": "employment-00001" });
    let refused = mutate(app, &talent, "addEmployment", "employment { id }", employment).await;
    assert_eq!(refused, json!({ "employment": null, "userErrors": [{ "code": "PERIOD_REVERSED", "field": ["input", "endedOn"] }] }));
    // A walk-in with two originals; whoever comes later with the one and a number of her own for the other is somebody else.
    let walk_in = json!({ "nameZh": "陈大文", "idempotencyKey": "walk-in-00000001" });
    let walk_in = mutate(app, &officer, "registerPerson", "person { id }", walk_in).await["person"]["id"].as_str().unwrap().to_owned();
    for (kind, number) in [("HKID", "A123456(3)"), ("RESIDENT_ID_CARD", CARD)] {
        assert_eq!(verify(&walk_in, kind, number, json!({})).await["userErrors"], json!([]));
    }
    assert_eq!(verify(&person, "RESIDENT_ID_CARD", OTHER_CARD, json!({})).await["userErrors"], json!([]));
    no(&verify(&person, "HKID", "A123456(3)", json!({})).await, "MERGE_IMPOSSIBLE", "personId");
    // Two accounts are never one.
    let new = NewDemoAccount {
        login: "talent2@demo.invalid".into(),
        password: "seven green herons at dusk".into(),
        name_zh: "陈大武".into(),
        name_latin: "Chan Tai Mou".into(),
        birth_date: None,
        roles: Vec::new(),
    };
    let second = demo_session(app.portal(), add_account(app.portal(), new).await.unwrap()).await.unwrap();
    let second = app.graphql(Some(&second), "{ viewer { person { id } } }", json!({})).await.ok()["viewer"]["person"]["id"].as_str().unwrap().to_owned();
    no(&verify(&second, "RESIDENT_ID_CARD", OTHER_CARD, json!({})).await, "DOCUMENT_TAKEN", "documentNumber");
    // Each no is in the trail by its code, and in the reader's language.
    let document = "mutation($input: VerifyIdentityInput!) { verifyIdentity(input: $input) { userErrors { code message } } }";
    let input = json!({ "input": { "personId": second, "kind": "RESIDENT_ID_CARD", "documentNumber": OTHER_CARD, "expectedVersion": app.version_of(&json!(second)).await } });
    for (language, message) in [("en", "The number was verified for another person already."), ("pt", "O número já foi confirmado para outra pessoa.")] {
        let request = axum::http::Request::post("/graphql").header("content-type", "application/json").header("accept-language", language);
        let request = request.header("authorization", format!("Bearer {officer}"));
        let body = json!({ "query": document, "variables": input }).to_string();
        let (_, _, answer) = app.send(request.body(axum::body::Body::from(body)).unwrap()).await;
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["data"]["verifyIdentity"]["userErrors"], json!([{ "code": "DOCUMENT_TAKEN", "message": message }]));
    }
}

async fn names_of_a_verified_person_are_read_by_an_officer(app: TestApp) {
    let app = &app;
    let (officer, talent, person) = window(app).await;
    app.portal().db.writer().execute_unprepared("UPDATE person SET name_zh = NULL").await.unwrap();
    let verify = async |person: &str, more: serde_json::Value| {
        let mut input = json!({ "personId": person, "kind": "HKID", "documentNumber": "A123456(3)" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mutate(app, &officer, "verifyIdentity", "person { id nameZh nameLatin assurance } mergedId", input).await
    };
    let hers = |name_zh: Option<&str>| json!({ "id": person, "nameZh": name_zh, "nameLatin": "Chan Tai Man", "assurance": "L2" });
    assert_eq!(verify(&person, json!({})).await["person"], hers(None));
    let input = json!({ "nameZh": "陈小文", "expectedVersion": app.version_of(&json!(person)).await });
    let refused = mutate(app, &talent, "updateProfile", "person { nameZh }", input).await;
    assert_eq!(refused["userErrors"], json!([{ "code": "DOCUMENT_VERIFIED", "field": ["input", "nameZh"] }]));
    let walk_in = async |name_zh: &str, name_latin: &str| {
        let input = json!({ "nameZh": name_zh, "nameLatin": name_latin, "idempotencyKey": format!("walk-in-{:0>16}", name_latin.len()) });
        mutate(app, &officer, "registerPerson", "person { id }", input).await["person"]["id"].as_str().unwrap().to_owned()
    };
    // Another name is another person; and a name that nobody read from an original is not taken over.
    let other = verify(&walk_in("陈小文", "WONG").await, json!({})).await;
    assert_eq!(other["userErrors"], json!([{ "code": "MERGE_IMPOSSIBLE", "field": ["input", "personId"] }]));
    let same = walk_in("陈小文", "CHAN, Tai-man").await;
    let merged = verify(&same, json!({})).await;
    assert_eq!((&merged["person"], &merged["mergedId"]), (&hers(None), &json!(same)));
    let malformed = verify(&person, json!({ "nameZh": "Chan" })).await;
    assert_eq!(malformed["userErrors"], json!([{ "code": "MALFORMED", "field": ["input", "nameZh"] }]));
    assert_eq!(verify(&person, json!({ "nameZh": " 陈大文" })).await["person"], hers(Some("陈大文")));
}
