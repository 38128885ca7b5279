//! Who of the staff has to do with a person: over HTTP, what each of them may read, reveal and begin for her.

use chrono::Duration;
use sea_orm::{ConnectionTrait as _, EntityTrait as _, QueryFilter as _, Statement};
use serde_json::{Value, json};
use talent_portal::account::model::mandate::MandateScope;
use talent_portal::account::service::demo::{NewDemoAccount, add_account, demo_session};
use talent_portal::account::service::mandates::{GrantMandate, end_mandate, grant_mandate};
use talent_portal::kernel::actor::{Actor, Member};
use talent_portal::kernel::ids::{ApplicationId, PersonId, SessionId, TypedId as _, UnitId};
use talent_portal::kernel::role::{Assurance, Role};
use talent_portal::organisation::model::unit::{NewUnit, UnitLevel};
use talent_portal::organisation::service as organisation;
use talent_portal::person::entity::attendance;
use talent_portal::person::model::dealing::AttendanceKind;

use crate::application::{Someone, World, case_id, codes, no};
use crate::support::{TestApp, both_engines};

both_engines!(
    staff_see_those_whose_cases_their_grant_reaches,
    a_handed_over_case_is_dealt_with_by_both_units,
    a_walk_in_is_seen_in_full_by_who_registered_her,
    who_had_the_original_before_her_may_open_a_case_and_no_more,
    a_closed_case_leaves_correction_and_legal_duty,
    cases_of_a_merged_person_tie_staff_to_who_she_became,
    a_beneficiary_is_dealt_with_like_the_applicant,
    an_agent_sees_nothing_in_full_whatever_her_roles,
    data_in_full_is_limited_per_hour_over_http,
    numbers_cannot_be_guessed_by_comparing,
    a_mandate_that_was_withdrawn_opens_and_submits_nothing,
    who_was_an_officer_sees_no_more_what_she_filled,
    an_employer_sees_what_is_said_of_the_employment_until_she_has_confirmed,
);

const HKID: &str = "A123456(3)";
/// Of somebody born on the day of the people of the demo.
const CARD: &str = "440103189001010015";

/// Adds a claimed document; gives its id.
pub(crate) async fn claimed(world: &World, by: &Someone, kind: &str, number: &str) -> Value {
    let input = json!({ "kind": kind, "documentNumber": number, "idempotencyKey": world.key() });
    world.run(by, "addIdentityDocument", "identityDocument { id }", input).await.unwrap()["id"].take()
}

/// What `revealPersonalData` answers: the value, a code of `userErrors`, or the code of the error.
async fn reveal(world: &World, by: &Someone, person: &str, document: &Value, purpose: &str) -> String {
    let text = "mutation($i: RevealPersonalDataInput!) { revealPersonalData(input: $i) { value userErrors { code } } }";
    let input =
        json!({ "personId": person, "field": "IDENTITY_DOCUMENT_NUMBER", "identityDocumentId": document, "purpose": purpose, "reason": "at her request" });
    let reply = world.app.graphql(Some(&by.token), text, json!({ "i": input })).await;
    let payload = &reply.data["revealPersonalData"];
    match (payload["value"].as_str(), payload["userErrors"][0]["code"].as_str()) {
        (Some(value), None) => value.to_owned(),
        (None, Some(code)) => code.to_owned(),
        _ => reply.code().to_owned(),
    }
}

/// What `node` answers about a person with her documents: the masked numbers, or the code of the error.
async fn read(world: &World, by: &Someone, person: &str) -> Result<Vec<String>, String> {
    let text = "query($id: ID!) { node(id: $id) { ... on Person { displayName identityDocuments { maskedNumber } } } }";
    let reply = world.app.graphql(Some(&by.token), text, json!({ "id": person })).await;
    if reply.errors.is_empty() {
        let documents = reply.data["node"]["identityDocuments"].as_array().unwrap();
        Ok(documents.iter().map(|d| d["maskedNumber"].as_str().unwrap().to_owned()).collect())
    } else {
        Err(reply.code().to_owned())
    }
}

/// Whether an officer may begin anything for a person: send a document, fill a cart.
/// Whether she may begin a case for the person. Papers are sent for whoever she deals with; a case begins with who came.
async fn begins(world: &World, by: &Someone, person: &str) -> bool {
    let declared = json!({ "documentKind": "PASSPORT", "size": 10, "mediaType": "application/pdf", "sha256": "0".repeat(64), "forPersonId": person });
    let upload = world.run(by, "createUpload", "upload { url }", declared).await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    let text = "mutation($i: SaveCartInput!) { saveCart(input: $i) { order { id } userErrors { code } } }";
    let input = json!({ "idempotencyKey": world.key(), "applicantId": person, "channel": "WINDOW", "lines": [line] });
    let cart = world.app.graphql(Some(&by.token), text, json!({ "i": input })).await;
    match &upload {
        Ok(_) => assert_eq!(cart.errors.len(), 0, "{:?}", cart.errors),
        Err(noes) => assert_eq!((codes(noes), cart.code()), (vec!["NOT_FOUND"], "NOT_FOUND")),
    }
    let noes = cart.data["saveCart"]["userErrors"].as_array().cloned().unwrap_or_default();
    assert!(noes.iter().all(|no| no["code"] == "NOT_ALLOWED"), "{noes:?}");
    upload.is_ok() && noes.is_empty()
}

pub(crate) async fn staff(world: &World, login: &str, role: Role, unit: UnitId) -> Someone {
    let new = NewDemoAccount {
        login: format!("{login}@demo.invalid"),
        password: "one of the passwords".into(),
        name_zh: "陈大文".into(),
        name_latin: login.into(),
        birth_date: None,
        roles: vec![(role, Some(unit), None)],
    };
    let account = add_account(world.app.portal(), new).await.unwrap();
    let token = demo_session(world.app.portal(), account).await.unwrap();
    let viewer = world.app.graphql(Some(&token), "{ viewer { person { id } } }", json!({})).await.ok();
    Someone { person: PersonId::parse_global(viewer["viewer"]["person"]["id"].as_str().unwrap()).unwrap(), token, account }
}

/// A unit of another city, under the same province.
pub(crate) async fn other_city(world: &World) -> UnitId {
    let portal = world.app.portal();
    let province = organisation::unit(portal.db.read(), world.units.province).await.unwrap().unwrap();
    let city = organisation::unit(portal.db.read(), world.units.city).await.unwrap().unwrap();
    let id = UnitId::new(&portal.env);
    let new = NewUnit {
        body: province.body,
        parent: Some(world.units.province),
        level: UnitLevel::City,
        name: city.name,
        region_code: "440300".into(),
        zone_code: None,
    };
    let txn = portal.db.begin_write().await.unwrap();
    organisation::insert_unit(&txn, portal, id, new).await.unwrap();
    portal.commit(txn).await.unwrap();
    id
}

async fn log(world: &World, of: &Someone) -> Vec<(String, String)> {
    let text = "{ viewer { person { accessLog(first: 100) { nodes { byRole purpose reason } } } } }";
    let data = world.app.graphql(Some(&of.token), text, json!({})).await.ok();
    let entry = |n: &Value| (n["byRole"].as_str().unwrap_or("SELF").to_owned(), n["purpose"].as_str().unwrap().to_owned());
    data["viewer"]["person"]["accessLog"]["nodes"].as_array().unwrap().iter().map(entry).collect()
}

async fn verify(world: &World, by: &Someone, person: &str, kind: &str, number: &str) -> Value {
    let text = "mutation($i: VerifyIdentityInput!) { verifyIdentity(input: $i) { mergedId person { id hasAccount identityDocuments { maskedNumber } } \
        identityDocument { id } userErrors { code } } }";
    let input = json!({ "personId": person, "kind": kind, "documentNumber": number, "expectedVersion": world.app.version_of(&json!(person)).await });
    world.app.graphql(Some(&by.token), text, json!({ "i": input })).await.ok()["verifyIdentity"].take()
}

async fn registered(world: &World, by: &Someone, name: &str) -> String {
    let input = json!({ "nameZh": name, "idempotencyKey": world.key() });
    world.run(by, "registerPerson", "person { id }", input).await.unwrap()["id"].as_str().unwrap().to_owned()
}

async fn staff_see_those_whose_cases_their_grant_reaches(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let person = talent.person.global();
    let document = claimed(&world, &talent, "HKID", HKID).await;
    let far = other_city(&world).await;
    let window = staff(&world, "window", Role::WindowOfficer, world.units.window).await;
    let mut reached = Vec::new();
    for name in ["officer", "reviewer", "reviewer2", "approver"] {
        reached.push(world.staff(name).await);
    }
    reached.push(window);
    let mut foreign = vec![
        staff(&world, "far-officer", Role::WindowOfficer, far).await,
        staff(&world, "far-reviewer", Role::Reviewer, far).await,
        staff(&world, "far-approver", Role::Approver, far).await,
        world.someone("talent2", None).await,
    ];
    for name in ["counter", "confirmer", "manager", "system", "security", "audit"] {
        foreign.push(world.staff(name).await);
    }
    let supervisor = world.staff("supervisor").await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    // A draft is the applicant's alone.
    for one in reached.iter().chain(&foreign).chain([&supervisor]) {
        assert_eq!(reveal(&world, one, &person, &document, "CASE_HANDLING").await, "NOT_FOUND");
        assert_eq!(read(&world, one, &person).await, Err("NOT_FOUND".into()));
    }
    assert!(!begins(&world, &reached[0], &person).await && !begins(&world, &foreign[0], &person).await);
    world.submit(&talent, &order, json!({})).await.unwrap();
    for one in &reached {
        assert_eq!(reveal(&world, one, &person, &document, "CASE_HANDLING").await, HKID);
        assert_eq!(read(&world, one, &person).await, Ok(vec!["A*****6(3)".into()]));
    }
    assert_eq!(read(&world, &supervisor, &person).await, Ok(vec!["A*****6(3)".into()]));
    assert_eq!(reveal(&world, &supervisor, &person, &document, "CASE_HANDLING").await, "NOT_FOUND");
    for one in &foreign {
        assert_eq!(reveal(&world, one, &person, &document, "CASE_HANDLING").await, "NOT_FOUND");
        assert_eq!(reveal(&world, one, &person, &document, "OWN_DATA").await, "NOT_FOUND");
        assert_eq!(read(&world, one, &person).await, Err("NOT_FOUND".into()));
    }
    // What is nobody's and what is not hers are told alike.
    assert_eq!(reveal(&world, &foreign[0], &PersonId::new(&world.app.portal().env).global(), &document, "CASE_HANDLING").await, "NOT_FOUND");
    assert!(!begins(&world, &reached[0], &person).await && !begins(&world, &foreign[0], &person).await);
    assert_eq!(reveal(&world, &talent, &person, &document, "OWN_DATA").await, HKID);
    // The person reads who looked, newest first; who was refused is not there.
    let looks = [("SELF", "OWN_DATA"), ("WINDOW_OFFICER", "CASE_HANDLING"), ("APPROVER", "CASE_HANDLING"), ("REVIEWER", "CASE_HANDLING")];
    let expected: Vec<_> = [looks[0], looks[1], looks[2], looks[3], looks[3], looks[1]].map(|(r, p)| (r.to_owned(), p.to_owned())).to_vec();
    assert_eq!(log(&world, &talent).await, expected);
}

async fn a_handed_over_case_is_dealt_with_by_both_units(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let person = talent.person.global();
    let document = claimed(&world, &talent, "HKID", HKID).await;
    let far = other_city(&world).await;
    let receiver = staff(&world, "far-reviewer", Role::Reviewer, far).await;
    let case = case_id(&world.case(&talent).await);
    assert_eq!(reveal(&world, &receiver, &person, &document, "CASE_HANDLING").await, "NOT_FOUND");
    hand_over(&world, case, far, false).await;
    assert_eq!(reveal(&world, &receiver, &person, &document, "CASE_HANDLING").await, HKID);
    assert_eq!(reveal(&world, &officer, &person, &document, "CASE_HANDLING").await, HKID);
}

/// Lets another unit work on a case; one that takes it over whole counts as the one that received it, too.
async fn hand_over(world: &World, case: ApplicationId, unit: UnitId, whole: bool) {
    let db = world.app.portal().db.writer();
    let statement = if whole {
        "UPDATE application SET current_unit_id = $1, receiving_unit_id = $1 WHERE id = $2"
    } else {
        "UPDATE application SET current_unit_id = $1 WHERE id = $2"
    };
    let done = db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), statement, [unit.into(), case.into()])).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
}

async fn a_walk_in_is_seen_in_full_by_who_registered_her(app: TestApp) {
    let world = World::new(app).await;
    let officer = world.staff("officer").await;
    let other = world.someone("officer-two", Some(Role::WindowOfficer)).await;
    let walk_in = registered(&world, &officer, "李小明").await;
    assert_eq!(read(&world, &officer, &walk_in).await, Ok(Vec::new()));
    let verified = verify(&world, &officer, &walk_in, "HKID", HKID).await;
    assert_eq!((&verified["userErrors"], &verified["mergedId"]), (&json!([]), &Value::Null));
    let document = verified["identityDocument"]["id"].clone();
    assert_eq!(reveal(&world, &officer, &walk_in, &document, "IDENTITY_CHECK").await, HKID);
    assert_eq!(read(&world, &other, &walk_in).await, Err("NOT_FOUND".into()));
    assert_eq!(reveal(&world, &other, &walk_in, &document, "IDENTITY_CHECK").await, "NOT_FOUND");
    assert!(!begins(&world, &other, &walk_in).await && begins(&world, &officer, &walk_in).await);
    // Weeks later she is her walk-in still; the colleague comes in with the case.
    world.app.advance(Duration::days(30));
    let (officer, other) = (world.again(&officer).await, world.again(&other).await);
    assert_eq!(reveal(&world, &officer, &walk_in, &document, "CORRECTION").await, HKID);
    let line = world.service_line(json!({ "city": "440100" })).await;
    let cart = world.save(&officer, json!({ "applicantId": walk_in, "channel": "WINDOW", "lines": [line] })).await.unwrap();
    assert_eq!(reveal(&world, &other, &walk_in, &document, "CASE_HANDLING").await, "NOT_FOUND");
    world.submit(&officer, &cart, json!({})).await.unwrap();
    assert_eq!(reveal(&world, &other, &walk_in, &document, "CASE_HANDLING").await, HKID);
}

async fn who_had_the_original_before_her_may_open_a_case_and_no_more(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.someone("talent", None).await, world.staff("officer").await);
    let other = world.someone("officer-two", Some(Role::WindowOfficer)).await;
    let person = talent.person.global();
    let document = claimed(&world, &talent, "HKID", HKID).await;
    assert_eq!(read(&world, &officer, &person).await, Err("NOT_FOUND".into()));
    // A window takes whoever comes with her original; the payload shows her, with her documents masked.
    let verified = verify(&world, &officer, &person, "HKID", HKID).await;
    assert_eq!((&verified["userErrors"], &verified["person"]["identityDocuments"][0]["maskedNumber"]), (&json!([]), &json!("A*****6(3)")));
    assert_eq!(read(&world, &officer, &person).await, Ok(vec!["A*****6(3)".into()]));
    assert!(begins(&world, &officer, &person).await);
    assert_eq!(reveal(&world, &officer, &person, &document, "IDENTITY_CHECK").await, "NOT_FOUND");
    assert_eq!(read(&world, &other, &person).await, Err("NOT_FOUND".into()));
    world.app.advance(Duration::days(8));
    let officer = world.again(&officer).await;
    assert_eq!(read(&world, &officer, &person).await, Err("NOT_FOUND".into()));
    assert!(!begins(&world, &officer, &person).await);
}

async fn a_closed_case_leaves_correction_and_legal_duty(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let person = talent.person.global();
    let document = claimed(&world, &talent, "HKID", HKID).await;
    let case = world.case(&talent).await;
    world.done(&talent, "withdrawApplication", &case, json!({})).await;
    for (purpose, answer) in [("CASE_HANDLING", "NOT_ALLOWED"), ("IDENTITY_CHECK", "NOT_ALLOWED"), ("CORRECTION", HKID), ("LEGAL_DUTY", HKID)] {
        assert_eq!(reveal(&world, &officer, &person, &document, purpose).await, answer, "{purpose}");
    }
    assert_eq!(read(&world, &officer, &person).await, Ok(vec!["A*****6(3)".into()]));
    // Nor does it let the officer open another in her name, which would tie him to her anew.
    assert!(!begins(&world, &officer, &person).await);
    assert_eq!(reveal(&world, &officer, &person, &document, "CASE_HANDLING").await, "NOT_ALLOWED");
    // A second case that is open counts more than the closed one.
    world.case(&talent).await;
    assert_eq!(reveal(&world, &officer, &person, &document, "CASE_HANDLING").await, HKID);
}

async fn cases_of_a_merged_person_tie_staff_to_who_she_became(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.someone("talent", None).await, world.staff("officer").await, world.staff("reviewer").await);
    let far = staff(&world, "far-officer", Role::WindowOfficer, other_city(&world).await).await;
    let walk_in = registered(&world, &officer, "人才甲").await;
    let document = verify(&world, &officer, &walk_in, "HKID", HKID).await["identityDocument"]["id"].take();
    let line = world.service_line(json!({ "city": "440100" })).await;
    let cart = world.save(&officer, json!({ "applicantId": walk_in, "channel": "WINDOW", "lines": [line] })).await.unwrap();
    world.submit(&officer, &cart, json!({})).await.unwrap();
    // She has an account; at another window her original shows that both are one.
    let account = talent.person.global();
    assert_eq!(reveal(&world, &reviewer, &account, &document, "CASE_HANDLING").await, "NOT_FOUND");
    let merged = verify(&world, &far, &account, "HKID", HKID).await;
    assert_eq!((&merged["mergedId"], &merged["person"]["id"]), (&json!(walk_in), &json!(account)));
    for id in [&account, &walk_in] {
        assert_eq!(reveal(&world, &reviewer, id, &document, "CASE_HANDLING").await, HKID);
        assert_eq!(read(&world, &reviewer, id).await, Ok(vec!["A*****6(3)".into()]));
        assert_eq!(read(&world, &far, id).await, Ok(vec!["A*****6(3)".into()]));
        assert_eq!(reveal(&world, &far, id, &document, "CASE_HANDLING").await, "NOT_FOUND");
    }
    assert_eq!(log(&world, &talent).await.len(), 2);
    // Whom an officer registered is a walk-in no more once she turns out to have an account.
    let again = registered(&world, &far, "人才甲").await;
    assert_eq!(verify(&world, &far, &again, "HKID", HKID).await["mergedId"], json!(again));
    assert_eq!(reveal(&world, &far, &again, &document, "IDENTITY_CHECK").await, "NOT_FOUND");
}

async fn a_beneficiary_is_dealt_with_like_the_applicant(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let input = json!({ "relation": "CHILD", "nameZh": "李小明", "idempotencyKey": world.key() });
    let child = world.run(&talent, "addFamilyMember", "familyMember { personId }", input).await.unwrap()["personId"].as_str().unwrap().to_owned();
    assert_eq!(read(&world, &officer, &child).await, Err("NOT_FOUND".into()));
    let mut line = world.service_line(json!({ "city": "440100" })).await;
    line["beneficiaryIds"] = json!([child]);
    let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    world.submit(&talent, &order, json!({})).await.unwrap();
    assert_eq!(read(&world, &officer, &child).await, Ok(Vec::new()));
    let document = verify(&world, &officer, &child, "HKID", HKID).await["identityDocument"]["id"].take();
    let reviewer = world.staff("reviewer").await;
    assert_eq!(reveal(&world, &reviewer, &child, &document, "CASE_HANDLING").await, HKID);
    // The applicant, whose family member she is, is not staff.
    assert_eq!(reveal(&world, &talent, &child, &document, "CASE_HANDLING").await, "NOT_FOUND");
}

/// Somebody as she is in her own session.
pub(crate) fn principal(talent: &Someone) -> Actor {
    let member = Member {
        person: talent.person,
        account: talent.account,
        session: SessionId(talent.person.0),
        assurance: Assurance::L2,
        second_factor: true,
        grants: Vec::new(),
    };
    Actor { member: Some(member), request_id: "test".into() }
}

async fn an_agent_sees_nothing_in_full_whatever_her_roles(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let person = talent.person.global();
    let document = claimed(&world, &talent, "HKID", HKID).await;
    // One agent is an officer of the unit as well, the other is nobody else.
    for (login, role) in [("officer-two", Some(Role::WindowOfficer)), ("agent", None)] {
        let agent = world.someone(login, role).await;
        let principal = principal(&talent);
        let ends_at = world.app.portal().env.now() + Duration::days(10);
        let command = GrantMandate { agent: agent.person, scope: MandateScope::All, ends_at };
        let mandate = grant_mandate(world.app.portal(), &principal, command, &world.key()).await.unwrap();
        let line = world.service_line(json!({ "city": "440100" })).await;
        let input = json!({ "applicantId": person, "mandateId": mandate.id.global(), "lines": [line] });
        let order = world.save(&agent, input).await.unwrap();
        let case = world.submit(&agent, &order, json!({})).await.unwrap()["applications"][0].clone();
        assert_eq!(world.read(&agent, &case, "state").await["state"], "RECEIVED");
        assert_eq!(reveal(&world, &agent, &person, &document, "CASE_HANDLING").await, "NOT_FOUND");
        assert_eq!(reveal(&world, &agent, &person, &document, "OWN_DATA").await, "NOT_FOUND");
        assert_eq!(read(&world, &agent, &person).await, Err("NOT_FOUND".into()));
        world.done(&talent, "withdrawApplication", &case, json!({})).await;
    }
}

async fn data_in_full_is_limited_per_hour_over_http(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let person = talent.person.global();
    let document = claimed(&world, &talent, "HKID", HKID).await;
    world.case(&talent).await;
    let limit = world.app.portal().settings.reveals_per_hour;
    for _ in 0..limit {
        assert_eq!(reveal(&world, &officer, &person, &document, "CASE_HANDLING").await, HKID);
    }
    assert_eq!(reveal(&world, &officer, &person, &document, "CASE_HANDLING").await, "RATE_LIMITED");
    assert_eq!(reveal(&world, &reviewer, &person, &document, "CASE_HANDLING").await, HKID);
    world.app.advance(Duration::hours(1));
    assert_eq!(reveal(&world, &officer, &person, &document, "CASE_HANDLING").await, HKID);
}

async fn numbers_cannot_be_guessed_by_comparing(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.someone("talent", None).await, world.staff("officer").await);
    let other = world.someone("officer-two", Some(Role::WindowOfficer)).await;
    let person = talent.person.global();
    let document = claimed(&world, &talent, "RESIDENT_ID_CARD", CARD).await;
    let text = "mutation($i: VerifyIdentityInput!) { verifyIdentity(input: $i) { person { id } userErrors { code } } }";
    let compare = async |by: &Someone, number: &str| {
        let input = json!({ "personId": person, "identityDocumentId": document, "kind": "RESIDENT_ID_CARD", "documentNumber": number, "expectedVersion": world.app.version_of(&json!(person)).await });
        let reply = world.app.graphql(Some(&by.token), text, json!({ "i": input })).await;
        match reply.data["verifyIdentity"]["userErrors"].as_array() {
            Some(noes) => noes.first().map_or("DONE", |no| no["code"].as_str().unwrap()).to_owned(),
            None => reply.code().to_owned(),
        }
    };
    for _ in 0..10 {
        assert_eq!(compare(&officer, "440305189508150029").await, "DOCUMENT_MISMATCH");
    }
    // The right number would not be told either, until the hour has passed; a colleague is not hit.
    assert_eq!(compare(&officer, CARD).await, "RATE_LIMITED");
    assert_eq!(compare(&other, "440305189508150029").await, "DOCUMENT_MISMATCH");
    let refused = attendance::Entity::find().filter(sea_orm::ColumnTrait::eq(&attendance::Column::Kind, AttendanceKind::Refused));
    assert_eq!(refused.all(world.app.portal().db.read()).await.unwrap().len(), 11);
    let audit = world.staff("audit").await;
    let trail = "query($s: ID!) { trail(subjectId: $s, first: 100) { nodes { action result } } }";
    let trail = world.app.graphql(Some(&audit.token), trail, json!({ "s": person })).await.ok();
    let told = trail["trail"]["nodes"].as_array().unwrap();
    assert_eq!(told.iter().filter(|n| n["action"] == "VERIFY_IDENTITY" && n["result"] == "DOCUMENT_MISMATCH").count(), 11, "{told:?}");
    world.app.advance(Duration::hours(1));
    assert_eq!(compare(&officer, CARD).await, "DONE");
}

/// What `order` and `application` answer: the ids of the lines and the answers, or the code of the error.
async fn filled(world: &World, by: &Someone, order: &Value) -> Result<Vec<Value>, String> {
    let text = "query($id: ID!) { order(id: $id) { applications { id answers } } }";
    let reply = world.app.graphql(Some(&by.token), text, json!({ "id": order["id"] })).await;
    match reply.data["order"]["applications"].as_array() {
        Some(lines) => Ok(lines.iter().map(|line| line["answers"].clone()).collect()),
        None => Err(reply.code().to_owned()),
    }
}

async fn opened(world: &World, by: &Someone, case: &Value) -> Result<Value, String> {
    let text = "query($id: ID!) { application(id: $id) { state answers materials { key } documents { kind jws } } }";
    let mut reply = world.app.graphql(Some(&by.token), text, json!({ "id": case["id"] })).await;
    if reply.errors.is_empty() { Ok(reply.data["application"].take()) } else { Err(reply.code().to_owned()) }
}

async fn a_mandate_that_was_withdrawn_opens_and_submits_nothing(app: TestApp) {
    let world = World::new(app).await;
    let (talent, agent) = (world.talent("talent").await, world.someone("agent", None).await);
    let principal = principal(&talent);
    let ends_at = world.app.portal().env.now() + Duration::days(10);
    let command = GrantMandate { agent: agent.person, scope: MandateScope::All, ends_at };
    let mandate = grant_mandate(world.app.portal(), &principal, command, &world.key()).await.unwrap();
    let line = world.service_line(json!({ "city": "440100" })).await;
    let input = json!({ "applicantId": talent.person.global(), "mandateId": mandate.id.global(), "lines": [line] });
    let submitted = world.save(&agent, input.clone()).await.unwrap();
    let case = world.submit(&agent, &submitted, json!({})).await.unwrap()["applications"][0].clone();
    let cart = world.save(&agent, input).await.unwrap();
    assert_eq!(filled(&world, &agent, &submitted).await, Ok(vec![json!({ "city": "440100" })]));
    assert_eq!(filled(&world, &agent, &cart).await, Ok(vec![json!({ "city": "440100" })]));
    end_mandate(world.app.portal(), &principal, mandate.id).await.unwrap();
    for order in [&submitted, &cart] {
        assert_eq!(filled(&world, &agent, order).await, Err("NOT_FOUND".into()));
        assert_eq!(filled(&world, &talent, order).await, Ok(vec![json!({ "city": "440100" })]));
    }
    assert_eq!(opened(&world, &agent, &case).await, Err("NOT_FOUND".into()));
    assert_eq!(opened(&world, &agent, &cart["applications"][0]).await, Err("NOT_FOUND".into()));
    let noes = no(world.submit(&agent, &cart, json!({})).await);
    assert_eq!(codes(&noes), ["MANDATE_INVALID"]);
}

async fn who_was_an_officer_sees_no_more_what_she_filled(app: TestApp) {
    let world = World::new(app).await;
    let (officer, security) = (world.staff("officer").await, world.staff("security").await);
    let walk_in = registered(&world, &officer, "李小明").await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    let input = json!({ "applicantId": walk_in, "channel": "WINDOW", "lines": [line] });
    let submitted = world.save(&officer, input.clone()).await.unwrap();
    let case = world.submit(&officer, &submitted, json!({})).await.unwrap()["applications"][0].clone();
    let cart = world.save(&officer, input).await.unwrap();
    assert_eq!(filled(&world, &officer, &submitted).await, Ok(vec![json!({ "city": "440100" })]));
    // The case went to another city, and the order, of which she sees nothing more, with it.
    hand_over(&world, case_id(&case), other_city(&world).await, true).await;
    assert_eq!(filled(&world, &officer, &submitted).await, Err("NOT_FOUND".into()));
    assert_eq!(filled(&world, &officer, &cart).await, Ok(vec![json!({ "city": "440100" })]));
    end_grants(&world, &security, &officer).await;
    for order in [&submitted, &cart] {
        assert_eq!(filled(&world, &officer, order).await, Err("NOT_FOUND".into()));
    }
    assert_eq!(opened(&world, &officer, &cart["applications"][0]).await, Err("NOT_FOUND".into()));
    assert_eq!(read(&world, &officer, &walk_in).await, Err("NOT_FOUND".into()));
}

/// Ends every role of somebody.
pub(crate) async fn end_grants(world: &World, security: &Someone, of: &Someone) {
    let text = "query($p: ID!) { roleGrants(personId: $p) { nodes { id endedAt } } }";
    let grants = world.app.graphql(Some(&security.token), text, json!({ "p": of.person.global() })).await.ok();
    for grant in grants["roleGrants"]["nodes"].as_array().unwrap().iter().filter(|g| g["endedAt"].is_null()) {
        world.run(security, "endGrant", "grant { id }", json!({ "grantId": grant["id"] })).await.unwrap();
    }
}

async fn an_employer_sees_what_is_said_of_the_employment_until_she_has_confirmed(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, confirmer) = (world.talent("talent").await, world.staff("officer").await, world.staff("confirmer").await);
    let (reviewer, province, approver) = (world.staff("reviewer").await, world.staff("reviewer2").await, world.staff("approver").await);
    let case = world.card_case(&talent).await;
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    let seen = opened(&world, &confirmer, &case).await.unwrap();
    let employment = json!({ "employer": world.units.employer.global(), "contract_until": "2028-12-31", "civil_servant": false });
    assert_eq!((&seen["answers"], &seen["materials"], &seen["documents"]), (&employment, &Value::Null, &Value::Null));
    for one in [&talent, &officer] {
        let seen = opened(&world, one, &case).await.unwrap();
        assert_eq!((&seen["answers"]["name_latin"], seen["documents"].as_array().unwrap().len()), (&json!("Talent One"), 2));
    }
    let text = "mutation($i: CompleteStepInput!) { completeStep(input: $i) { application { version answers documents { jws } } userErrors { code } } }";
    let input = json!({ "applicationId": case["id"], "expectedVersion": case["version"], "stepKey": "employer_confirmation", "outcome": "POSITIVE" });
    let done = world.app.graphql(Some(&confirmer.token), text, json!({ "i": input })).await.ok()["completeStep"]["application"].take();
    // She has answered: from now on she sees how it stands.
    assert_eq!((&done["answers"], &done["documents"]), (&Value::Null, &Value::Null));
    let case = json!({ "id": case["id"], "version": done["version"] });
    let case = world.done(&reviewer, "completeStep", &case, json!({ "stepKey": "city_review", "outcome": "POSITIVE" })).await;
    let case = world.done(&province, "completeStep", &case, json!({ "stepKey": "province_review", "outcome": "POSITIVE" })).await;
    let case = world.done(&approver, "decideApplication", &case, json!({ "decision": "REFUSED", "reason": "材料不足" })).await;
    let seen = opened(&world, &confirmer, &case).await.unwrap();
    assert_eq!((&seen["answers"], &seen["materials"], &seen["documents"]), (&Value::Null, &Value::Null, &Value::Null));
}
