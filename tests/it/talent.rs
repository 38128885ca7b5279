//! A talent's profile: entries, their seals, and the facts that follow.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use talent_portal::catalogue::model::bundle::vocabulary;
use talent_portal::catalogue::model::facts::FactOrigin;
use talent_portal::catalogue::service::FactSource as _;
use talent_portal::kernel::actor::{Actor, Member};
use talent_portal::kernel::fault::{Fault, Refused};
use talent_portal::kernel::ids::{AccountId, EducationId, PersonId, SessionId, TypedId as _};
use talent_portal::kernel::rejection::{Code, Rejection};
use talent_portal::kernel::role::Assurance;
use talent_portal::person::model::profile::{NewPerson, PersonInput, PersonName};
use talent_portal::person::service as person;
use talent_portal::talent::entity::{education, employment, family_member};
use talent_portal::talent::model::{Education, EducationLevel, Employment, FactValue, FamilyRelation};
use talent_portal::talent::service::source::ProfileFacts;
use talent_portal::talent::service::{self, AddFamilyMember};

use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    entries_are_sealed_listed_and_removed,
    an_employer_is_a_body_or_a_name,
    a_family_member_becomes_a_person,
    a_category_is_claimed_once,
    nobody_else_reads_or_changes_a_profile,
    a_profile_gives_facts_and_silence_gives_none,
    a_profile_costs_six_statements,
    of_two_spouses_added_at_once_one_is_refused,
);
pool_of_one!(entries_are_sealed_listed_and_removed, a_family_member_becomes_a_person, a_category_is_claimed_once);

fn day(y: i32, m: u32, d: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(y, m, d).unwrap()
}

fn key(n: u32) -> String {
    format!("key-{n:0>16}")
}

fn actor(person: PersonId) -> Actor {
    Actor {
        member: Some(Member {
            person,
            account: AccountId(person.uuid()),
            session: SessionId(person.uuid()),
            assurance: Assurance::L1,
            second_factor: false,
            grants: Vec::new(),
        }),
        request_id: "test".into(),
    }
}

async fn talent(app: &TestApp) -> (PersonId, Actor) {
    let portal = app.portal();
    let id = PersonId::new(&portal.env);
    let txn = portal.db.begin_write().await.unwrap();
    let name = PersonName { zh: Some("陈大文".into()), latin: None };
    let new = NewPerson { name, birth_date: Some(day(1990, 1, 5)), nationality: Some("CHN".into()), ..NewPerson::default() };
    person::new_person(&txn, portal, id, new).await.unwrap();
    person::mark_has_account(&txn, portal, id).await.unwrap();
    portal.commit(txn).await.unwrap();
    (id, actor(id))
}

fn study(institution: &str) -> Education {
    Education {
        level: EducationLevel::Doctor,
        institution: institution.into(),
        field_of_study: Some("Optics".into()),
        country: Some("prt".into()),
        started_on: Some(day(2015, 9, 1)),
        completed_on: Some(day(2019, 7, 1)),
    }
}

fn work(employer_name: Option<&str>) -> Employment {
    Employment {
        employer_name: employer_name.map(Into::into),
        position: "Engineer".into(),
        region: Some("440106".into()),
        started_on: day(2020, 1, 1),
        ended_on: None,
        contract_until: Some(day(2027, 12, 31)),
    }
}

#[track_caller]
fn rejections<T: std::fmt::Debug>(result: Result<T, Refused>) -> Vec<Rejection> {
    match result {
        Err(Refused::Rejected(reasons)) => reasons,
        other => panic!("no rejection: {other:?}"),
    }
}

async fn entries_are_sealed_listed_and_removed(app: TestApp) {
    let (id, one) = talent(&app).await;
    let portal = app.portal();
    let school = "Universidade de Coimbra";
    let added = service::add_education(portal, &one, study(school), &key(1)).await.unwrap();
    assert_eq!(added.details.country.as_deref(), Some("PRT"));
    assert_eq!(service::add_education(portal, &one, study(school), &key(1)).await.unwrap(), added);
    assert_eq!(
        rejections(service::add_education(portal, &one, study("Other"), &key(1)).await).iter().map(|r| r.code).collect::<Vec<_>>(),
        [Code::IdempotencyKeyReused]
    );
    assert_eq!(service::educations(portal, &one, id).await.unwrap(), std::slice::from_ref(&added));
    for row in education::Entity::find().all(portal.db.read()).await.unwrap() {
        assert!(!row.details_sealed.windows(school.len()).any(|w| w == school.as_bytes()));
    }
    assert_eq!(service::remove_education(portal, &one, added.id).await.unwrap(), added.id);
    assert_eq!(rejections(service::remove_education(portal, &one, added.id).await), [Rejection::at(Code::NotFound, "input.educationId")]);
    assert_eq!(education::Entity::find().count(portal.db.read()).await.unwrap(), 0);
    for n in 0..50 {
        service::add_education(portal, &one, study(school), &key(100 + n)).await.unwrap();
    }
    assert_eq!(rejections(service::add_education(portal, &one, study(school), &key(2)).await), [Rejection::new(Code::TooMany).number("max", 50)]);
}

async fn an_employer_is_a_body_or_a_name(app: TestApp) {
    let (id, one) = talent(&app).await;
    let portal = app.portal();
    assert_eq!(rejections(service::add_employment(portal, &one, None, work(None), &key(1)).await), [Rejection::at(Code::Required, "input.employerName")]);
    let added = service::add_employment(portal, &one, None, work(Some("A company")), &key(1)).await.unwrap();
    assert_eq!(service::add_employment(portal, &one, None, work(Some("A company")), &key(1)).await.unwrap(), added);
    let reversed = service::end_employment(portal, &one, added.id, day(2019, 1, 1)).await;
    assert_eq!(rejections(reversed), [Rejection::at(Code::PeriodReversed, "input.endedOn")]);
    let ended = service::end_employment(portal, &one, added.id, day(2025, 12, 31)).await.unwrap();
    assert_eq!(ended.details.ended_on, Some(day(2025, 12, 31)));
    assert_eq!(service::employments(portal, &one, id).await.unwrap(), [ended]);
    assert_eq!(service::remove_employment(portal, &one, added.id).await.unwrap(), added.id);
    assert_eq!(employment::Entity::find().count(portal.db.read()).await.unwrap(), 0);
    assert_eq!(rejections(service::end_employment(portal, &one, added.id, day(2025, 12, 31)).await), [Rejection::at(Code::NotFound, "input.employmentId")]);
}

async fn a_family_member_becomes_a_person(app: TestApp) {
    let (id, one) = talent(&app).await;
    let portal = app.portal();
    let member = |relation| AddFamilyMember {
        person: PersonInput { name_zh: Some("李小明".into()), birth_date: Some(day(2018, 6, 1)), ..PersonInput::default() },
        relation,
    };
    let child = service::add_family_member(portal, &one, member(FamilyRelation::Child), &key(1)).await.unwrap();
    assert!(!person::person(portal, child.member).await.unwrap().has_account);
    assert_eq!(service::add_family_member(portal, &one, member(FamilyRelation::Child), &key(1)).await.unwrap(), child);
    let spouse = service::add_family_member(portal, &one, member(FamilyRelation::Spouse), &key(2)).await.unwrap();
    assert_eq!(
        rejections(service::add_family_member(portal, &one, member(FamilyRelation::Spouse), &key(3)).await),
        [Rejection::at(Code::AlreadyExists, "input.relation")]
    );
    let nameless = AddFamilyMember { person: PersonInput::default(), relation: FamilyRelation::Parent };
    assert_eq!(rejections(service::add_family_member(portal, &one, nameless, &key(4)).await), [Rejection::at(Code::Required, "input.nameZh")]);
    assert_eq!(service::family(portal, &one, id).await.unwrap(), [child.clone(), spouse.clone()]);
    service::remove_family_member(portal, &one, spouse.id).await.unwrap();
    assert_eq!(rejections(service::remove_family_member(portal, &one, spouse.id).await), [Rejection::at(Code::NotFound, "input.familyMemberId")]);
    assert_eq!(service::family_of(portal, portal.db.read(), id).await.unwrap(), [child]);
    assert_eq!(person::person(portal, spouse.member).await.unwrap().id, spouse.member);
    for row in family_member::Entity::find().all(portal.db.read()).await.unwrap() {
        assert!(!row.details_sealed.windows(5).any(|w| w == b"CHILD"));
    }
}

async fn a_category_is_claimed_once(app: TestApp) {
    app.publish().await;
    let (id, one) = talent(&app).await;
    let portal = app.portal();
    let claimed = service::claim_category(portal, &one, "DOCTOR", None, &key(1)).await.unwrap();
    assert_eq!(service::claim_category(portal, &one, "DOCTOR", None, &key(1)).await.unwrap(), claimed);
    assert_eq!(rejections(service::claim_category(portal, &one, "DOCTOR", None, &key(2)).await), [Rejection::at(Code::AlreadyExists, "input.category")]);
    assert_eq!(rejections(service::claim_category(portal, &one, "院士", None, &key(3)).await), [Rejection::at(Code::Malformed, "input.category")]);
    assert_eq!(service::categories(portal, &one, id).await.unwrap(), std::slice::from_ref(&claimed));
    service::withdraw_category(portal, &one, claimed.id).await.unwrap();
    assert_eq!(rejections(service::withdraw_category(portal, &one, claimed.id).await), [Rejection::at(Code::NotFound, "input.categoryId")]);
    service::claim_category(portal, &one, "DOCTOR", None, &key(4)).await.unwrap();
}

async fn nobody_else_reads_or_changes_a_profile(app: TestApp) {
    let (id, one) = talent(&app).await;
    let (_, other) = talent(&app).await;
    let portal = app.portal();
    let entry = service::add_education(portal, &one, study("A"), &key(1)).await.unwrap();
    assert!(matches!(service::educations(portal, &other, id).await, Err(Fault::NotFound)));
    assert!(matches!(service::employments(portal, &other, id).await, Err(Fault::NotFound)));
    assert!(matches!(service::family(portal, &other, id).await, Err(Fault::NotFound)));
    assert!(matches!(service::categories(portal, &other, id).await, Err(Fault::NotFound)));
    assert_eq!(rejections(service::remove_education(portal, &other, entry.id).await), [Rejection::at(Code::NotFound, "input.educationId")]);
    let anonymous = Actor::anonymous("test");
    assert!(matches!(service::educations(portal, &anonymous, id).await, Err(Fault::Unauthenticated)));
    assert!(matches!(service::add_education(portal, &anonymous, study("A"), &key(1)).await, Err(Refused::Fault(Fault::Unauthenticated))));
    assert!(matches!(service::remove_education(portal, &anonymous, EducationId::new(&portal.env)).await, Err(Refused::Fault(Fault::Unauthenticated))));
    assert_eq!(service::educations(portal, &one, id).await.unwrap(), [entry]);
}

async fn a_profile_gives_facts_and_silence_gives_none(app: TestApp) {
    app.publish().await;
    let (id, one) = talent(&app).await;
    let portal = app.portal();
    let asked: BTreeSet<&str> = vocabulary().unwrap().elements().map(|element| element.path.as_str()).collect();
    let names = |facts: &[talent_portal::talent::model::Fact]| facts.iter().map(|f| f.name).collect::<Vec<_>>();
    assert_eq!(
        names(&service::facts(portal, id, &asked).await.unwrap()),
        ["person.name.chinese", "person.birth_date", "person.age", "person.nationality", "person.document_kinds"]
    );
    service::add_education(portal, &one, study("A"), &key(1)).await.unwrap();
    service::add_employment(portal, &one, None, work(Some("B")), &key(1)).await.unwrap();
    service::claim_category(portal, &one, "DOCTOR", None, &key(1)).await.unwrap();
    let facts = service::facts(portal, id, &asked).await.unwrap();
    let value = |name| facts.iter().find(|f| f.name == name).map(|f| f.value.clone());
    assert_eq!(value("person.age"), Some(FactValue::Number(36)));
    assert_eq!(value("talent.highest_degree"), Some(FactValue::Text("DOCTOR".into())));
    assert_eq!(value("talent.category"), Some(FactValue::Text("DOCTOR".into())));
    assert_eq!(value("employment.in_guangdong"), Some(FactValue::Truth(true)));
    assert_eq!(value("employment.contract_until"), Some(FactValue::Date(day(2027, 12, 31))));
    assert_eq!(value("employment.employer_body"), None);

    // The rules of the catalogue get those that it declares, with their source.
    let declared = ProfileFacts.facts(portal, id, &asked).await.unwrap();
    let paths: Vec<&str> = declared.iter().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        [
            "employment.contract_until",
            "employment.in_guangdong",
            "person.age",
            "person.birth_date",
            "person.document_kinds",
            "person.nationality",
            "talent.category",
            "talent.highest_degree"
        ]
    );
    // Only the kinds of documents that an officer compared are more than what the person wrote.
    let verified: Vec<&str> = declared.iter().filter(|(_, fact)| fact.origin != FactOrigin::Profile).map(|(path, _)| path).collect();
    assert_eq!(verified, ["person.document_kinds"]);
    assert_eq!(declared.get("person.document_kinds").map(|f| f.origin), Some(FactOrigin::Verified));
    assert!(matches!(ProfileFacts.facts(portal, PersonId::new(&portal.env), &asked).await, Err(Fault::NotFound)));
    // One that is asked alone is the same as among all, and nothing comes with it.
    for fact in &facts {
        assert_eq!(service::facts(portal, id, &BTreeSet::from([fact.name])).await.unwrap(), std::slice::from_ref(fact));
    }
}

async fn a_profile_costs_six_statements(app: TestApp) {
    let (id, one) = talent(&app).await;
    let portal = app.portal();
    for n in 0..5 {
        service::add_education(portal, &one, study("A"), &key(n)).await.unwrap();
        service::add_employment(portal, &one, None, work(Some("B")), &key(n)).await.unwrap();
    }
    let asked: BTreeSet<&str> = vocabulary().unwrap().elements().map(|element| element.path.as_str()).collect();
    let (statements, facts) = app.statements(service::facts(portal, id, &asked)).await;
    assert_eq!(facts.unwrap().len(), 10);
    assert!(statements <= 6, "{statements}");
    let (statements, facts) = app.statements(service::facts(portal, id, &BTreeSet::from(["person.nationality"]))).await;
    assert_eq!((statements, facts.unwrap().len()), (1, 1));
    let profile = async {
        let found = person::person_for(portal, &one, id).await.unwrap();
        person::identity::documents(portal, &one, &found).await.unwrap();
        service::educations(portal, &one, id).await.unwrap();
        service::employments(portal, &one, id).await.unwrap();
    };
    // Session look-up and, in a process that has not seen her, her key come on top.
    assert_eq!(app.statements(profile).await.0, 4);
}

async fn of_two_spouses_added_at_once_one_is_refused(app: TestApp) {
    let (_, caller) = talent(&app).await;
    let tries = (0..8).map(|n| {
        let (portal, caller) = (app.portal().clone(), caller.clone());
        let spouse = PersonInput { name_zh: Some("李小红".into()), ..PersonInput::default() };
        tokio::spawn(async move {
            service::add_family_member(&portal, &caller, AddFamilyMember { person: spouse, relation: FamilyRelation::Spouse }, &key(n)).await
        })
    });
    let mut added = 0;
    for tried in tries.collect::<Vec<_>>() {
        match tried.await.unwrap() {
            Ok(_) => added += 1,
            Err(Refused::Rejected(reasons)) => assert_eq!(reasons, [Rejection::at(Code::AlreadyExists, "input.relation")]),
            Err(Refused::Fault(fault)) => panic!("{fault:?}"),
        }
    }
    assert_eq!(added, 1);
}
