//! Who may do what with carts and cases over HTTP: officers for walk-ins, agents, beneficiaries, employers, and what the clock
//! and the numbering do under load.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, Statement};
use serde_json::{Value, json};
use talent_portal::account::service::sessions::session_actor;
use talent_portal::app;
use talent_portal::application::entity::{application, event, material, order};
use talent_portal::application::service::check::check_projections;
use talent_portal::application::service::view;
use talent_portal::application::service::work::run_clock;
use talent_portal::catalogue::model::facts::{FactOrigin, Facts};
use talent_portal::catalogue::service::{current_versions, known_facts};
use talent_portal::kernel::actor::Actor;
use talent_portal::kernel::ids::{EventId, MandateId, OrderId, PersonId, TypedId as _, UnitId};
use talent_portal::kernel::role::Role;
use talent_portal::kernel::seal::Place;
use talent_portal::kernel::text::{Origin, Text};
use talent_portal::organisation::model::unit::{NewUnit, UnitLevel};
use talent_portal::organisation::service as organisation;
use talent_portal::person::entity::person_key;
use talent_portal::person::service::keys;
use talent_portal::portal::Portal;
use uuid::Uuid;

use crate::application::{CARD, CASE, SERVICE, Someone, World, at, case_id, codes, fields, instant, no, target, version, with};
use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    only_the_window_lets_somebody_in_whom_nobody_has_verified,
    a_draft_is_taken_out_of_its_cart_and_never_withdrawn,
    an_officer_takes_papers_for_her_own_units_only,
    a_beneficiary_sees_how_a_case_stands_and_works_on_it_as_little_as_the_applicant,
    an_order_is_seen_by_who_may_see_its_cases,
    one_open_case_is_counted_for_all_ids_of_a_person,
    an_employer_is_one_and_learns_of_a_case_when_she_is_asked,
    who_has_spoken_for_the_employer_does_not_review,
    an_approval_against_a_step_needs_a_reason,
    a_claim_ends_with_the_work_for_which_it_was_made,
    an_event_names_the_role_that_entitled,
    carts_in_opposite_order_do_not_wait_for_each_other,
    a_case_that_cannot_be_read_does_not_stop_the_clock,
    a_lapse_that_was_written_down_is_a_fact,
    what_was_saved_is_answered_again_whatever_has_changed,
    the_facts_that_were_judged_are_kept_with_their_sources,
    nobody_keeps_more_than_twenty_carts,
    an_agent_acts_under_a_mandate_until_it_is_withdrawn,
    who_handed_a_case_in_under_a_mandate_never_works_on_it,
    who_filled_a_cart_under_a_mandate_never_works_on_its_case,
    an_agent_works_on_no_case_of_her_principal_that_her_mandate_covers,
    an_agent_sends_documents_for_her_principal_and_reads_none,
);
pool_of_one!(
    only_the_window_lets_somebody_in_whom_nobody_has_verified,
    one_open_case_is_counted_for_all_ids_of_a_person,
    an_employer_is_one_and_learns_of_a_case_when_she_is_asked,
    a_case_that_cannot_be_read_does_not_stop_the_clock,
    what_was_saved_is_answered_again_whatever_has_changed,
    an_agent_acts_under_a_mandate_until_it_is_withdrawn,
);

/// A row of the trail.
#[derive(Debug)]
struct Trail {
    person: Option<PersonId>,
    on_behalf_of: Option<PersonId>,
    mandate: Option<Uuid>,
    details: Value,
}

/// What a test does besides what a client can.
impl World {
    async fn trail(&self, action: &str) -> Vec<Trail> {
        let db = self.app.portal().db.read();
        let text = "SELECT person_id, on_behalf_of, mandate_id, details FROM trail WHERE action = $1 ORDER BY id";
        let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), text, [action.into()])).await.unwrap();
        let read = |row: &sea_orm::QueryResult| Trail {
            person: row.try_get_by_index::<Option<Uuid>>(0).unwrap().map(PersonId),
            on_behalf_of: row.try_get_by_index::<Option<Uuid>>(1).unwrap().map(PersonId),
            mandate: row.try_get_by_index(2).unwrap(),
            details: serde_json::from_str(&row.try_get_by_index::<String>(3).unwrap()).unwrap(),
        };
        rows.iter().map(read).collect()
    }

    async fn sql(&self, text: &str, values: Vec<sea_orm::Value>) {
        let txn = self.app.portal().db.begin_write().await.unwrap();
        let changed = txn.execute_raw(Statement::from_sql_and_values(txn.get_database_backend(), text, values)).await.unwrap();
        assert!(changed.rows_affected() > 0, "{text}");
        txn.commit().await.unwrap();
    }

    async fn end_grants(&self, of: &Someone) {
        self.sql("UPDATE role_grant SET ended_at = starts_at WHERE person_id = $1", vec![of.person.0.into()]).await;
    }

    /// A unit of another city, which takes no cases.
    async fn elsewhere(&self) -> UnitId {
        let portal = self.app.portal();
        let db = portal.db.read();
        let body = organisation::unit(db, self.units.city).await.unwrap().unwrap().body;
        let name = Text::simplified("别处", Origin::Human);
        let id = UnitId::new(&portal.env);
        let new = NewUnit { body, parent: Some(self.units.province), level: UnitLevel::City, name, region_code: "440300".into(), zone_code: None };
        let txn = portal.db.begin_write().await.unwrap();
        organisation::insert_unit(&txn, portal, id, new).await.unwrap();
        portal.commit(txn).await.unwrap();
        id
    }

    async fn walk_in(&self, officer: &Someone) -> PersonId {
        let input = json!({ "nameZh": "人才甲", "idempotencyKey": self.key() });
        let person = self.run(officer, "registerPerson", "person { id }", input).await.unwrap();
        PersonId::parse_global(person["id"].as_str().unwrap()).unwrap()
    }

    /// The officer had her before her a moment ago, which lets the officer read her.
    async fn attend(&self, officer: &Someone, person: PersonId) {
        let id = Uuid::from_u128(u128::from(self.count()));
        let text = "INSERT INTO person_attendance (id, person_id, officer_id, kind, at) SELECT $1, $2, $3, 'REGISTERED', created_at FROM person WHERE id = $2";
        self.sql(text, vec![id.into(), person.0.into(), officer.person.0.into()]).await;
    }

    async fn verify(&self, officer: &Someone, person: PersonId, number: &str) -> Value {
        let input = json!({ "personId": person.global(), "kind": "HKID", "documentNumber": number, "expectedVersion": self.app.version_of(&json!(person.global())).await });
        self.run(officer, "verifyIdentity", "person { id }", input).await.unwrap()
    }

    async fn code_of(&self, by: &Someone, case: &Value) -> String {
        let document = "query($id: ID!) { application(id: $id) { id } }";
        self.app.graphql(Some(&by.token), document, json!({ "id": case["id"] })).await.code().to_owned()
    }

    async fn code_of_order(&self, by: &Someone, order: &Value) -> String {
        self.app.graphql(Some(&by.token), "query($id: ID!) { order(id: $id) { id } }", json!({ "id": order["id"] })).await.code().to_owned()
    }

    async fn order(&self, by: &Someone, order: &Value) -> Value {
        let document = "query($id: ID!) { order(id: $id) { id state applications { id answers } } }";
        self.app.graphql(Some(&by.token), document, json!({ "id": order["id"] })).await.ok()["order"].take()
    }

    /// A cart of one line, handed in by who filled it.
    async fn handed_in(&self, by: &Someone, input: Value) -> Result<Value, Vec<Value>> {
        let order = self.save(by, input).await.unwrap();
        self.submit(by, &order, json!({})).await.map(|order| order["applications"][0].clone())
    }

    async fn card_from(&self, talent: &Someone, employer: String) -> Result<Value, Vec<Value>> {
        let line = self.card_line(&self.materials(talent).await, json!({ "employer": employer })).await;
        self.handed_in(talent, json!({ "lines": [line] })).await
    }

    async fn row(&self, case: &Value) -> application::Model {
        application::Entity::find_by_id(case_id(case)).one(self.app.portal().db.read()).await.unwrap().unwrap()
    }
}

async fn only_the_window_lets_somebody_in_whom_nobody_has_verified(app: TestApp) {
    let world = World::new(app).await;
    let (unknown, officer) = (world.someone("talent2", None).await, world.staff("officer").await);
    let (reviewer, approver) = (world.staff("reviewer").await, world.staff("approver").await);
    let line = world.service_line(json!({ "city": "440100" })).await;
    for channel in ["WINDOW", "POST", "EMPLOYER"] {
        let noes = no(world.save(&unknown, json!({ "channel": channel, "lines": [line] })).await);
        assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_ALLOWED"], vec!["input.channel".to_owned()]), "{channel}");
    }
    let walk_in = world.walk_in(&officer).await;
    for channel in [json!({}), json!({ "channel": "ONLINE" }), json!({ "channel": "EMPLOYER" })] {
        let noes = no(world.save(&officer, with(json!({ "applicantId": walk_in.global(), "lines": [line] }), channel)).await);
        assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_ALLOWED"], vec!["input.channel".to_owned()]));
    }
    // What an officer filled for her at the window she may hand in herself; then it comes through the portal.
    world.attend(&officer, unknown.person).await;
    let filled = json!({ "applicantId": unknown.person.global(), "channel": "WINDOW", "lines": [line] });
    let cart = world.save(&officer, filled).await.unwrap();
    let noes = no(world.submit(&unknown, &cart, json!({})).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["ASSURANCE_TOO_LOW"], vec!["lines.0".to_owned()]));
    // The officer hands it in, and it is worked on; but nothing is granted to somebody whom nobody has verified.
    let case = world.submit(&officer, &cart, json!({})).await.unwrap()["applications"][0].clone();
    assert_eq!(world.row(&case).await.channel.code(), "WINDOW");
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    let case = world.done(&reviewer, "completeStep", &case, json!({ "stepKey": "review", "outcome": "POSITIVE" })).await;
    let noes = no(world.act(&approver, "decideApplication", &case, json!({ "decision": "APPROVED" })).await);
    assert_eq!(codes(&noes), ["APPLICANT_NOT_VERIFIED"]);
    world.verify(&officer, unknown.person, "A123456(3)").await;
    let case = world.done(&approver, "decideApplication", &case, json!({ "decision": "APPROVED" })).await;
    assert_eq!(case["decision"], "APPROVED");
    // Verified by now, she hands in the next one that an officer filled.
    let filled = json!({ "applicantId": unknown.person.global(), "channel": "WINDOW", "lines": [line] });
    let cart = world.save(&officer, filled).await.unwrap();
    let case = world.submit(&unknown, &cart, json!({})).await.unwrap()["applications"][0].clone();
    assert_eq!(world.row(&case).await.channel.code(), "ONLINE");
    let order = order::Entity::find_by_id(OrderId::parse_global(cart["id"].as_str().unwrap()).unwrap());
    assert_eq!(order.one(world.app.portal().db.read()).await.unwrap().unwrap().channel.code(), "ONLINE");
}

async fn a_draft_is_taken_out_of_its_cart_and_never_withdrawn(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let (card, materials) = (world.item(CARD).await, world.materials(&talent).await);
    let line = world.card_line(&materials, json!({})).await;
    let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let draft = order["applications"][0].clone();
    assert_eq!(codes(&no(world.act(&talent, "withdrawApplication", &draft, json!({})).await)), ["WRONG_STATE"]);
    // An event of a draft, which nothing writes, is found.
    let forged = event::ActiveModel {
        id: sea_orm::Set(EventId::new(&world.app.portal().env)),
        application_id: sea_orm::Set(case_id(&draft)),
        seq: sea_orm::Set(1),
        kind: sea_orm::Set("WITHDRAWN".parse().unwrap()),
        schema_version: sea_orm::Set(1),
        at: sea_orm::Set(at("2026-01-05T01:00:00Z")),
        actor_id: sea_orm::Set(None),
        actor_role: sea_orm::Set(None),
        on_behalf_of: sea_orm::Set(None),
        mandate_id: sea_orm::Set(None),
        unit_id: sea_orm::Set(None),
        payload: sea_orm::Set(json!({ "event": "WITHDRAWN" }).to_string()),
        reason_sealed: sea_orm::Set(None),
    };
    let txn = world.app.portal().db.begin_write().await.unwrap();
    event::Entity::insert(forged).exec_without_returning(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(check_projections(world.app.portal(), |_| {}).await.unwrap().different, [case_id(&draft)]);
    // What is no draft any more is neither changed nor removed by a cart: nothing of it, nor of what is bound to it.
    world.sql("UPDATE application SET version = 1 WHERE id = $1", vec![case_id(&draft).0.into()]).await;
    let kept = with(line.clone(), json!({ "applicationId": draft["id"], "materials": [] }));
    let change = json!({ "orderId": order["id"], "expectedVersion": order["version"], "lines": [kept] });
    let noes = no(world.save(&talent, change).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_FOUND"], vec!["input.lines.0.applicationId".to_owned()]));
    let noes = no(world.save(&talent, json!({ "orderId": order["id"], "expectedVersion": order["version"], "lines": [] })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["WRONG_STATE"], vec!["input.orderId".to_owned()]));
    assert_eq!(codes(&no(world.submit(&talent, &order, json!({})).await)), ["WRONG_STATE"]);
    let bound = material::Entity::find().filter(material::Column::ApplicationId.eq(case_id(&draft))).all(world.app.portal().db.read()).await.unwrap();
    assert_eq!(bound.len(), materials.as_array().unwrap().len());
    // A draft is one: its line is left out and it is gone.
    let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let draft = order["applications"][0].clone();
    let left_out = json!({ "orderId": order["id"], "expectedVersion": order["version"], "lines": [{ "itemId": card, "answers": {} }] });
    let order = world.save(&talent, left_out).await.unwrap();
    assert_eq!((order["applications"].as_array().unwrap().len(), order["applications"][0]["id"] == draft["id"]), (1, false));
    assert_eq!(world.code_of(&talent, &draft).await, "NOT_FOUND");
}

async fn an_officer_takes_papers_for_her_own_units_only(app: TestApp) {
    let world = World::new(app).await;
    let elsewhere = world.elsewhere().await;
    let stranger = world.with_roles("officer-elsewhere", vec![(Role::WindowOfficer, Some(elsewhere), None)]).await;
    let officer = world.staff("officer").await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    let walk_in = world.walk_in(&stranger).await;
    let filled = json!({ "applicantId": walk_in.global(), "channel": "WINDOW", "lines": [line] });
    let noes = no(world.save(&stranger, filled).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_ALLOWED"], vec!["input.lines.0".to_owned()]));
    // By post it is no other.
    let posted = json!({ "applicantId": walk_in.global(), "channel": "POST", "lines": [line] });
    assert_eq!(codes(&no(world.save(&stranger, posted).await)), ["NOT_ALLOWED"]);
    // An officer who has moved to another unit since hands in nothing here.
    let walk_in = world.walk_in(&officer).await;
    let filled = json!({ "applicantId": walk_in.global(), "channel": "WINDOW", "lines": [line] });
    let cart = world.save(&officer, filled).await.unwrap();
    let path = "UPDATE role_grant SET unit_id = $1 WHERE person_id = $2";
    world.sql(path, vec![elsewhere.0.into(), officer.person.0.into()]).await;
    let noes = no(world.submit(&officer, &cart, json!({})).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_ALLOWED"], vec!["lines.0".to_owned()]));
    world.sql(path, vec![world.units.window.0.into(), officer.person.0.into()]).await;
    // The reason of a stated receipt is kept, sealed, and the trail says that there is one.
    let stated = json!({ "receivedAt": "2025-12-15T02:00:00Z", "receivedReason": " 邮政延误 " });
    let case = world.submit(&officer, &cart, stated).await.unwrap()["applications"][0].clone();
    let row = world.row(&case).await;
    let key = keys::data_key(world.app.portal(), row.applicant_person_id).await.unwrap();
    let plain = key.open(Place::new("application", "received_reason_sealed", row.id.0), row.received_reason_sealed.as_ref().unwrap()).unwrap();
    assert_eq!(std::str::from_utf8(&plain).unwrap(), "邮政延误");
    let trail = world.trail("SUBMIT_APPLICATION").await.pop().unwrap();
    assert_eq!(trail.details["stated_received_at"], "2025-12-15T02:00:00+00:00");
    assert_eq!((trail.person, trail.on_behalf_of, trail.mandate), (Some(officer.person), Some(walk_in), None));
    // The limits run from the true receipt. Five days to answer it are left all the same, which lie ahead.
    assert_eq!((instant(&case["receivedAt"]), &case["state"]), (at("2025-12-15T02:00:00Z"), &json!("RECEIVED")));
    assert_eq!(instant(&case["deemedAcceptedAt"]), at("2026-01-12T16:00:00Z"));
    assert_eq!(instant(&case["promisedDueAt"]), at("2025-12-24T16:00:00Z"));
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    assert_eq!(case["state"], "ACCEPTED");
    assert_eq!(check_projections(world.app.portal(), |_| {}).await.unwrap().different, []);
    // A reason of nothing is no statement.
    let filled = json!({ "applicantId": walk_in.global(), "channel": "WINDOW", "lines": [line] });
    let cart = world.save(&officer, filled).await.unwrap();
    let noes = no(world.submit(&officer, &cart, json!({ "receivedReason": "none" })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["REQUIRED"], vec!["input.receivedAt".to_owned()]));
    let case = world.submit(&officer, &cart, json!({})).await.unwrap()["applications"][0].clone();
    assert_eq!(world.row(&case).await.received_reason_sealed, None);
    assert_eq!(world.trail("SUBMIT_APPLICATION").await.pop().unwrap().details["stated_received_at"], Value::Null);
}

async fn a_beneficiary_sees_how_a_case_stands_and_works_on_it_as_little_as_the_applicant(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let roles = [Role::WindowOfficer, Role::Reviewer, Role::Approver].map(|role| (role, Some(world.units.city), None)).to_vec();
    let spouse = world.with_roles("spouse", roles).await;
    world.verify(&officer, spouse.person, "A123456(3)").await;
    let member = json!({ "relation": "SPOUSE", "nameZh": "陈大文", "idempotencyKey": world.key() });
    let member = world.run(&talent, "addFamilyMember", "familyMember { personId }", member).await.unwrap()["personId"].clone();
    let mut line = world.card_line(&world.materials(&talent).await, json!({ "spouse": false })).await;
    line["beneficiaryIds"] = json!([member]);
    // Whoever is named is included, whatever the form says, and so her papers are asked for.
    let cart = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let noes = no(world.submit(&talent, &cart, json!({})).await);
    assert_eq!((codes(&noes), &noes[0]["pointer"]), (vec!["MATERIAL_MISSING"], &json!("/marriage_certificate")));
    let marriage = world.upload_for(&talent, talent.person, "MARRIAGE_CERTIFICATE").await;
    line["materials"].as_array_mut().unwrap().push(json!({ "key": "marriage_certificate", "documentVersionId": marriage }));
    let cart = world.save(&talent, json!({ "orderId": cart["id"], "expectedVersion": cart["version"], "lines": [line] })).await.unwrap();
    let case = world.submit(&talent, &cart, json!({})).await.unwrap()["applications"][0].clone();
    // By her number the member of the family turns out to be the spouse, whose account it is.
    let known = PersonId::parse_global(member.as_str().unwrap()).unwrap();
    assert_eq!(world.verify(&officer, known, "A123456(3)").await["id"], json!(spouse.person.global()));
    let shown = "id number state answers materials { key } documents { kind } availableActions { action allowed reason }";
    let seen = world.read(&spouse, &case, shown).await;
    assert_eq!((&seen["number"], &seen["state"]), (&case["number"], &json!("RECEIVED")));
    assert_eq!((&seen["answers"], &seen["materials"], &seen["documents"]), (&Value::Null, &Value::Null, &Value::Null));
    let actions = seen["availableActions"].as_array().unwrap();
    assert!(actions.iter().all(|a| a["allowed"] == false), "{actions:?}");
    for (mutation, more, code) in [
        ("withdrawApplication", json!({}), "NOT_ENTITLED"),
        ("claimApplication", json!({}), "OWN_CASE"),
        ("acceptApplication", json!({}), "OWN_CASE"),
        ("refuseAcceptance", json!({ "reason": "x" }), "OWN_CASE"),
        ("decideApplication", json!({ "decision": "APPROVED" }), "OWN_CASE"),
    ] {
        assert_eq!(codes(&no(world.act(&spouse, mutation, &case, more).await)), [code], "{mutation}");
    }
    assert_eq!(world.code_of_order(&spouse, &cart).await, "NOT_FOUND");
    let whole = world.read(&talent, &case, shown).await;
    assert_eq!((&whole["answers"]["grade"], whole["materials"].as_array().unwrap().len()), (&json!("A"), 7));
    assert_eq!(whole["documents"], json!([{ "kind": "RECEIPT" }]));
    assert_eq!(world.done(&officer, "acceptApplication", &case, json!({})).await["state"], "ACCEPTED");
}

async fn an_order_is_seen_by_who_may_see_its_cases(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let other = world.someone("officer-two", Some(Role::WindowOfficer)).await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    world.attend(&officer, talent.person).await;
    let filled = json!({ "applicantId": talent.person.global(), "channel": "WINDOW", "lines": [line] });
    let cart = world.save(&officer, filled).await.unwrap();
    assert_eq!(world.order(&officer, &cart).await["applications"][0]["answers"], json!({ "city": "440100" }));
    assert_eq!(world.order(&talent, &cart).await["applications"][0]["answers"], json!({ "city": "440100" }));
    assert_eq!(world.code_of_order(&other, &cart).await, "NOT_FOUND");
    let left = world.save(&officer, json!({ "applicantId": talent.person.global(), "channel": "WINDOW", "lines": [line] })).await.unwrap();
    world.submit(&officer, &cart, json!({})).await.unwrap();
    assert_eq!(world.order(&officer, &cart).await["applications"].as_array().unwrap().len(), 1);
    assert_eq!(world.code_of_order(&other, &cart).await, "NOT_FOUND", "she finds the case in her queue, not the order");
    // Who serves elsewhere sees the carts that she fills, and no case of her old unit.
    let elsewhere = world.elsewhere().await;
    world.sql("UPDATE role_grant SET unit_id = $1 WHERE person_id = $2", vec![elsewhere.0.into(), officer.person.0.into()]).await;
    assert_eq!(world.code_of_order(&officer, &cart).await, "NOT_FOUND");
    assert_eq!(world.order(&officer, &left).await["state"], "CART");
    // Who serves nowhere sees nothing.
    world.end_grants(&officer).await;
    assert_eq!(world.code_of_order(&officer, &left).await, "NOT_FOUND");
    assert_eq!(world.code_of(&officer, &left["applications"][0]).await, "NOT_FOUND");
    assert_eq!(world.order(&talent, &left).await["state"], "CART");
}

async fn one_open_case_is_counted_for_all_ids_of_a_person(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    world.verify(&officer, talent.person, "A123456(3)").await;
    let submit = async |walk_in: PersonId| {
        let line = world.card_line(&world.materials_for(&officer, walk_in).await, json!({})).await;
        let input = json!({ "applicantId": walk_in.global(), "channel": "WINDOW", "lines": [line] });
        world.handed_in(&officer, input).await.unwrap()
    };
    let own = async || {
        let line = world.card_line(&world.materials(&talent).await, json!({})).await;
        world.handed_in(&talent, json!({ "lines": [line] })).await
    };
    // A walk-in has an open case and turns out to be the talent.
    let first = world.walk_in(&officer).await;
    let absorbed = submit(first).await;
    assert_eq!(world.verify(&officer, first, "A123456(3)").await["id"], json!(talent.person.global()));
    let key = world.row(&absorbed).await.open_key.unwrap();
    assert!(key.starts_with(&talent.person.0.simple().to_string()), "{key}");
    assert_eq!(codes(&no(own().await)), ["OPEN_CASE_EXISTS"]);
    // It is hers: she withdraws it, and is free.
    let absorbed = world.done(&talent, "withdrawApplication", &absorbed, json!({})).await;
    assert_eq!(absorbed["state"], "WITHDRAWN");
    let mine = own().await.unwrap();
    // Another walk-in of hers has one, too: both go on, and there is no third before both are closed.
    let second = world.walk_in(&officer).await;
    let theirs = submit(second).await;
    world.verify(&officer, second, "A123456(3)").await;
    for case in [&mine, &theirs] {
        assert_eq!(world.read(&talent, case, "state").await["state"], "RECEIVED");
    }
    assert_eq!(codes(&no(own().await)), ["OPEN_CASE_EXISTS"]);
    world.done(&talent, "withdrawApplication", &mine, json!({})).await;
    let noes = no(own().await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["OPEN_CASE_EXISTS"], vec!["lines.0".to_owned()]));
    world.done(&talent, "withdrawApplication", &theirs, json!({})).await;
    assert_eq!(own().await.unwrap()["state"], "RECEIVED");
    assert_eq!(check_projections(world.app.portal(), |_| {}).await.unwrap().different, []);
}

async fn an_employer_is_one_and_learns_of_a_case_when_she_is_asked(app: TestApp) {
    let world = World::new(app).await;
    let department = organisation::unit(world.app.portal().db.read(), world.units.city).await.unwrap().unwrap().body;
    let talent = world.talent("talent").await;
    for employer in [format!("body_{:032x}", 7), department.global(), world.units.city.global()] {
        let noes = no(world.card_from(&talent, employer).await);
        assert_eq!((codes(&noes), fields(&noes)), (vec!["FORM_INVALID"], vec!["lines.0.answers".to_owned()]));
        assert_eq!(noes[0]["pointer"], "/employer");
    }
    world.sql("UPDATE body SET closed_at = created_at WHERE id = $1", vec![world.units.employer.0.into()]).await;
    assert_eq!(codes(&no(world.card_from(&talent, world.units.employer.global()).await)), ["FORM_INVALID"]);
    world.sql("UPDATE body SET closed_at = NULL WHERE id = $1", vec![world.units.employer.0.into()]).await;

    let case = world.card_from(&talent, world.units.employer.global()).await.unwrap();
    let (officer, confirmer) = (world.staff("officer").await, world.staff("confirmer").await);
    let step = json!({ "stepKey": "employer_confirmation", "outcome": "POSITIVE" });
    // Not before acceptance.
    assert_eq!(world.code_of(&confirmer, &case).await, "NOT_FOUND");
    assert_eq!(world.fault(&confirmer, "completeStep", with(target(&case), step.clone())).await, "NOT_FOUND");
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    // What concerns the employment, and no papers.
    let shown = "number applicantName answers materials { key } documents { kind }";
    let seen = world.read(&confirmer, &case, shown).await;
    assert_eq!(seen["answers"], json!({ "employer": world.units.employer.global(), "contract_until": "2028-12-31", "civil_servant": false }));
    assert_eq!((&seen["number"], &seen["materials"], &seen["documents"]), (&case["number"], &Value::Null, &Value::Null));
    let queue = "query($id: ID!) { employerQueue(bodyId: $id) { nodes { applicationId } } }";
    let queue = async || world.app.graphql(Some(&confirmer.token), queue, json!({ "id": world.units.employer.global() })).await.ok()["employerQueue"].take();
    assert_eq!(queue().await["nodes"], json!([{ "applicationId": case["id"] }]));
    let case = world.done(&confirmer, "completeStep", &case, step).await;
    assert_eq!(queue().await["nodes"], json!([]), "she has answered");
    // Afterwards how it stands.
    let seen = world.read(&confirmer, &case, &format!("{shown} state")).await;
    assert_eq!((&seen["state"], &seen["answers"], &seen["materials"], &seen["documents"]), (&json!("IN_REVIEW"), &Value::Null, &Value::Null, &Value::Null));
    let whole = world.read(&talent, &case, "answers documents { kind }").await;
    assert_eq!((&whole["answers"]["grade"], whole["documents"].as_array().unwrap().len()), (&json!("A"), 2));
}

async fn who_has_spoken_for_the_employer_does_not_review(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let both = vec![
        (Role::EmployerConfirmer, None, Some(world.units.employer)),
        (Role::Reviewer, Some(world.units.city), None),
        (Role::Reviewer, Some(world.units.province), None),
    ];
    let both = world.with_roles("both", both).await;
    let step = |key: &str| json!({ "stepKey": key, "outcome": "POSITIVE" });
    let case = world.card_case(&talent).await;
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    let case = world.done(&both, "completeStep", &case, step("employer_confirmation")).await;
    assert_eq!(codes(&no(world.act(&both, "completeStep", &case, step("city_review")).await)), ["SAME_PERSON"]);
    let case = world.done(&reviewer, "completeStep", &case, step("city_review")).await;
    assert_eq!(codes(&no(world.act(&both, "completeStep", &case, step("province_review")).await)), ["SAME_PERSON"]);
}

async fn an_approval_against_a_step_needs_a_reason(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let (reviewer, approver) = (world.staff("reviewer").await, world.staff("approver").await);
    let case = world.case(&talent).await;
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    let negative = json!({ "stepKey": "review", "outcome": "NEGATIVE" });
    let noes = no(world.act(&reviewer, "completeStep", &case, negative.clone()).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["REASON_REQUIRED"], vec!["input.reason".to_owned()]));
    let case = world.done(&reviewer, "completeStep", &case, with(negative, json!({ "reason": "学历未能核实" }))).await;
    // What a step came to is for staff of the case; the stored words are sealed.
    for (reader, step) in [(&approver, json!({ "stepKey": "review", "outcome": "NEGATIVE", "reason": "学历未能核实" })), (&talent, Value::Null)] {
        let seen = world.read(reader, &case, "events { nodes { kind stepKey outcome reason } }").await["events"]["nodes"][2].take();
        let hidden = json!({ "stepKey": null, "outcome": null, "reason": null });
        assert_eq!(seen, with(json!({ "kind": "STEP_COMPLETED" }), if step.is_null() { hidden } else { step }));
    }
    let sealed = event::Entity::find().filter(event::Column::ReasonSealed.is_not_null()).one(world.app.portal().db.read()).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(sealed.reason_sealed.as_deref().unwrap()).contains("学历") && !sealed.payload.contains("学历"));
    for reason in [json!({}), json!({ "reason": "  " })] {
        let noes = no(world.act(&approver, "decideApplication", &case, with(json!({ "decision": "APPROVED" }), reason)).await);
        assert_eq!((codes(&noes), fields(&noes)), (vec!["ADVISED_AGAINST"], vec!["input.reason".to_owned()]));
    }
    let case = world.done(&approver, "decideApplication", &case, json!({ "decision": "APPROVED", "reason": "复核后符合条件" })).await;
    assert_eq!(case["decision"], "APPROVED");
    let shown = world.read(&talent, &case, "documents { kind reason }").await;
    assert_eq!(shown["documents"][2], json!({ "kind": "DECISION", "reason": "复核后符合条件" }));
    let details = world.trail("DECIDE").await.pop().unwrap().details;
    assert_eq!(details, json!({ "decision": "APPROVED", "against_steps": "review" }));
}

async fn a_claim_ends_with_the_work_for_which_it_was_made(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, confirmer) = (world.talent("talent").await, world.staff("officer").await, world.staff("confirmer").await);
    let (reviewer, province, approver) = (world.staff("reviewer").await, world.staff("reviewer2").await, world.staff("approver").await);
    let step = |key: &str| json!({ "stepKey": key, "outcome": "POSITIVE" });
    let case = world.card_case(&talent).await;
    let case = world.done(&officer, "claimApplication", &case, json!({})).await;
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    assert_eq!(case["claimed"], false);
    let case = world.done(&confirmer, "completeStep", &case, step("employer_confirmation")).await;
    let case = world.done(&reviewer, "claimApplication", &case, json!({})).await;
    assert_eq!(case["claimed"], true);
    let case = world.done(&reviewer, "completeStep", &case, step("city_review")).await;
    assert_eq!(case["claimed"], false);
    let case = world.done(&province, "completeStep", &case, step("province_review")).await;
    let case = world.done(&approver, "claimApplication", &case, json!({})).await;
    let case = world.done(&approver, "decideApplication", &case, json!({ "decision": "APPROVED" })).await;
    assert_eq!(case["claimed"], false);
    let case = world.done(&officer, "recordDelivery", &case, json!({ "channel": "IN_PERSON" })).await;
    assert_eq!(case["state"], "DELIVERED");
    assert_eq!(check_projections(world.app.portal(), |_| {}).await.unwrap().different, []);
}

async fn an_event_names_the_role_that_entitled(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let all = [Role::Supervisor, Role::Approver, Role::Reviewer, Role::WindowOfficer].map(|role| (role, Some(world.units.city), None)).to_vec();
    let everything = world.with_roles("everything", all.clone()).await;
    let second = world.with_roles("everything-two", all).await;
    let case = world.case(&talent).await;
    let case = world.done(&everything, "claimApplication", &case, json!({})).await;
    let case = world.done(&second, "releaseApplication", &case, json!({})).await;
    let case = world.done(&everything, "acceptApplication", &case, json!({})).await;
    let case = world.done(&everything, "claimApplication", &case, json!({})).await;
    let case = world.done(&everything, "completeStep", &case, json!({ "stepKey": "review", "outcome": "POSITIVE" })).await;
    let case = world.done(&second, "claimApplication", &case, json!({})).await;
    let case = world.done(&second, "decideApplication", &case, json!({ "decision": "APPROVED" })).await;
    let case = world.done(&everything, "recordDelivery", &case, json!({ "channel": "ONLINE" })).await;
    let event = |kind: &str, role: &str| (kind.to_owned(), Some(role.to_owned()));
    assert_eq!(
        world.events(&talent, &case).await,
        [
            event("SUBMITTED", "TALENT"),
            event("CLAIMED", "WINDOW_OFFICER"),
            event("RELEASED", "SUPERVISOR"),
            event("ACCEPTED", "WINDOW_OFFICER"),
            event("CLAIMED", "REVIEWER"),
            event("STEP_COMPLETED", "REVIEWER"),
            event("CLAIMED", "APPROVER"),
            event("DECIDED", "APPROVER"),
            event("DELIVERED", "WINDOW_OFFICER"),
        ]
    );
    // What an officer asks for herself she asks for as a talent.
    world.raise(&everything).await;
    let own = world.case(&everything).await;
    let own = world.done(&everything, "withdrawApplication", &own, json!({})).await;
    assert_eq!(world.events(&everything, &own).await, [event("SUBMITTED", "TALENT"), event("WITHDRAWN", "TALENT")]);
}

async fn carts_in_opposite_order_do_not_wait_for_each_other(app: TestApp) {
    let world = World::new(app).await;
    let talents = [world.talent("talent").await, world.talent("talent2").await];
    let first = world.service_line(json!({ "city": "440100" })).await;
    let other = world.item("OS-02-R-VISA-LETTER").await;
    let second = with(first.clone(), json!({ "itemId": other }));
    let mut carts = Vec::new();
    for n in 0..24 {
        let by = talents[n % 2].clone();
        let lines = if n % 2 == 0 { json!([first, second, first, second]) } else { json!([second, first, second, first]) };
        carts.push((by.clone(), world.save(&by, json!({ "lines": lines })).await.unwrap()));
        if carts.len() < 12 {
            continue;
        }
        // Not more open carts than anybody may have.
        let submitted = carts.iter().map(async |(by, cart)| world.submit(by, cart, json!({})).await.unwrap());
        let submitted = futures_util::future::join_all(submitted).await;
        carts.clear();
        let mut numbers = HashSet::new();
        for order in submitted {
            for case in order["applications"].as_array().unwrap() {
                assert!(numbers.insert(case["number"].as_str().unwrap().to_owned()));
            }
        }
        assert_eq!(numbers.len(), 48);
    }
}

async fn a_case_that_cannot_be_read_does_not_stop_the_clock(app: TestApp) {
    let world = World::new(app).await;
    let (talent, unlucky) = (world.talent("talent").await, world.talent("talent2").await);
    let mut poisoned = vec![world.case(&unlucky).await, world.case(&talent).await];
    let good = [world.case(&talent).await, world.case(&talent).await];
    // One whose events say nothing, and one whose applicant's key and answers were erased, which only another process has seen.
    world.app.lift_append_only("application_event").await;
    world.sql("UPDATE application_event SET payload = '{}' WHERE application_id = $1", vec![case_id(&poisoned[1]).0.into()]).await;
    world.sql("UPDATE application SET form_sealed = $1 WHERE id = $2", vec![vec![0_u8].into(), case_id(&poisoned[0]).0.into()]).await;
    let portal = world.app.portal();
    let row = world.row(&poisoned[0]).await;
    person_key::Entity::delete_many().filter(person_key::Column::PersonId.eq(row.applicant_person_id)).exec(portal.db.keys()).await.unwrap();
    let parts = app::parts(&world.app.config()).unwrap();
    let process = Portal::new(portal.db.clone(), portal.env.clone(), portal.keyring.clone(), portal.settings.clone(), parts);
    world.app.advance(Duration::days(8));
    let written = run_clock(&process).await.unwrap();
    assert_eq!(written, 2, "those that can be read");
    assert_eq!(run_clock(&process).await.unwrap(), 0);
    let talent = world.again(&talent).await;
    for case in &good {
        assert_eq!(world.events(&talent, case).await[1], ("DEEMED_ACCEPTED".to_owned(), None));
    }
    for case in poisoned.drain(..) {
        assert_eq!(event::Entity::find().filter(event::Column::ApplicationId.eq(case_id(&case))).all(portal.db.read()).await.unwrap().len(), 1);
    }
}

async fn a_lapse_that_was_written_down_is_a_fact(app: TestApp) {
    let world = World::new(app).await;
    let (talent, reviewer) = (world.talent("talent").await, world.staff("reviewer").await);
    let case = world.case(&talent).await;
    world.app.advance(Duration::days(8));
    let (talent, reviewer) = (world.again(&talent).await, world.again(&reviewer).await);
    let portal = world.app.portal();
    assert_eq!(run_clock(portal).await.unwrap(), 1);
    let case = world.read(&talent, &case, CASE).await;
    let stored = event::Entity::find().filter(event::Column::ApplicationId.eq(case_id(&case))).filter(event::Column::Seq.eq(2)).one(portal.db.read()).await;
    let payload: Value = serde_json::from_str(&stored.unwrap().unwrap().payload).unwrap();
    assert_eq!((&payload["event"], &payload["as_of"]), (&json!("DEEMED_ACCEPTED"), &json!("2026-01-05")));
    assert_eq!(instant(&payload["at"]), at("2026-01-12T16:00:00Z"));
    // Offices that close at eight would have taken it in a day later, and had ten days for it: not any more.
    let mut settings = (*portal.settings).clone();
    settings.office_hours_end = chrono::NaiveTime::from_hms_opt(8, 0, 0).unwrap();
    settings.acceptance_days = 10;
    let mut changed = portal.clone();
    changed.settings = Arc::new(settings);
    assert_eq!(check_projections(&changed, |_| {}).await.unwrap().different, []);
    let member = session_actor(&changed, &reviewer.token).await.unwrap().unwrap().member;
    let actor = Actor { member: Some(member), request_id: "test".into() };
    let loaded = view::application(&changed, &actor, case_id(&case)).await.unwrap();
    let accepted = loaded.clock.unwrap().effective_acceptance(changed.env.now()).unwrap();
    assert_eq!((accepted.since, accepted.as_of.to_string(), accepted.by_lapse), (at("2026-01-12T16:00:00Z"), "2026-01-05".to_owned(), true));
}

async fn what_was_saved_is_answered_again_whatever_has_changed(app: TestApp) {
    let world = World::new(app).await;
    let (talent, stranger) = (world.talent("talent").await, world.talent("talent2").await);
    let line = world.service_line(json!({ "city": "440100" })).await;
    let key = world.key();
    let made = world.save(&talent, json!({ "idempotencyKey": key, "lines": [line] })).await.unwrap();
    // Who has nothing to do with an order learns nothing, and costs little: session, order, applicant.
    let theirs = json!({ "idempotencyKey": world.key(), "orderId": made["id"], "expectedVersion": 1 });
    let (statements, code) = world.app.statements(world.fault(&stranger, "submitCart", theirs)).await;
    assert_eq!(code, "NOT_FOUND");
    assert!(statements <= 3, "{statements} statements");
    // The version is in force no longer on the next day.
    world.sql("UPDATE item_version SET in_force_to = '2026-01-05' WHERE item_id IN (SELECT id FROM service_item WHERE code = $1)", vec![SERVICE.into()]).await;
    world.app.set_time(at("2026-01-06T00:30:00Z"));
    let talent = world.again(&talent).await;
    let noes = no(world.save(&talent, json!({ "lines": [line] })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_OFFERED"], vec!["input.lines.0.itemId".to_owned()]));
    let again = world.save(&talent, json!({ "idempotencyKey": key, "lines": [line] })).await.unwrap();
    assert_eq!((&again["id"], version(&again)), (&made["id"], 1));
}

async fn the_facts_that_were_judged_are_kept_with_their_sources(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    world.attend(&officer, talent.person).await;
    world.verify(&officer, talent.person, "A123456(3)").await;
    let line = world.card_line(&world.materials(&talent).await, json!({})).await;
    let cart = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let portal = world.app.portal();
    let draft = world.row(&cart["applications"][0]).await;
    let current = current_versions(portal, &[draft.item_id], portal.env.today()).await.unwrap();
    assert_eq!(draft.version_id, current[&draft.item_id].id);
    let case = world.submit(&talent, &cart, json!({})).await.unwrap()["applications"][0].clone();
    let row = world.row(&case).await;
    let key = keys::data_key(portal, row.applicant_person_id).await.unwrap();
    let plain = key.open(Place::new("application", "facts_sealed", row.id.0), row.facts_sealed.as_ref().unwrap()).unwrap();
    let facts: Facts = serde_json::from_slice(&plain).unwrap();
    let origin = |path: &str| facts.get(path).map(|fact| fact.origin);
    assert_eq!(origin("conduct.lawful"), Some(FactOrigin::Form));
    assert_eq!(origin("today"), Some(FactOrigin::Clock));
    // What the portal knew by itself is there, too; what nobody asked is not kept with the case.
    let known = known_facts(portal, talent.person, &current[&draft.item_id]).await.unwrap();
    assert_eq!(known.iter().map(|(path, _)| path).collect::<Vec<_>>(), ["person.origin", "today"]);
    assert_eq!((origin("person.origin"), origin("person.birth_date")), (Some(FactOrigin::Verified), None));
}

async fn nobody_keeps_more_than_twenty_carts(app: TestApp) {
    let world = World::new(app).await;
    let (talent, other) = (world.talent("talent").await, world.talent("talent2").await);
    let line = world.service_line(json!({ "city": "440100" })).await;
    let mut carts = Vec::new();
    for _ in 0..20 {
        carts.push(world.save(&talent, json!({ "lines": [line] })).await.unwrap());
    }
    let noes = no(world.save(&talent, json!({ "lines": [line] })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["TOO_MANY"], vec!["input.orderId".to_owned()]));
    assert_eq!(world.save(&other, json!({ "lines": [line] })).await.unwrap()["state"], "CART");
    // What is handed in is no cart any more; one that is changed is none more; one that was emptied counts for a day.
    world.submit(&talent, &carts[0], json!({})).await.unwrap();
    world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    world.save(&talent, json!({ "orderId": carts[1]["id"], "expectedVersion": 1, "lines": [] })).await.unwrap();
    assert_eq!(codes(&no(world.save(&talent, json!({ "lines": [line] })).await)), ["TOO_MANY"]);
    world.app.advance(Duration::hours(25));
    let talent = world.again(&talent).await;
    world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    assert_eq!(codes(&no(world.save(&talent, json!({ "lines": [line] })).await)), ["TOO_MANY"]);
}

async fn an_agent_acts_under_a_mandate_until_it_is_withdrawn(app: TestApp) {
    let world = World::new(app).await;
    let (talent, agent) = (world.talent("talent").await, world.someone("talent2", None).await);
    let officer = world.staff("officer").await;
    let term: DateTime<Utc> = world.app.portal().env.now() + Duration::days(30);
    let grant = json!({ "agentId": agent.person.global(), "itemCodes": [SERVICE], "endsAt": term, "idempotencyKey": world.key() });
    let mandate = world.run(&talent, "grantMandate", "mandate { id }", grant).await.unwrap();
    let line = world.service_line(json!({ "city": "440100" })).await;
    let for_her = |lines: Value| json!({ "applicantId": talent.person.global(), "mandateId": mandate["id"], "lines": lines });
    // Not through the window, not for another item, and for nobody else.
    let noes = no(world.save(&agent, with(for_her(json!([line])), json!({ "channel": "WINDOW" }))).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_ALLOWED"], vec!["input.channel".to_owned()]));
    let other = with(line.clone(), json!({ "itemId": world.item(CARD).await }));
    assert_eq!(codes(&no(world.save(&agent, for_her(json!([other]))).await)), ["MANDATE_INVALID"]);
    let noes = no(world.save(&agent, with(for_her(json!([line])), json!({ "applicantId": officer.person.global() }))).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["MANDATE_INVALID"], vec!["input.mandateId".to_owned()]));

    let cart = world.save(&agent, for_her(json!([line]))).await.unwrap();
    let left = world.save(&agent, for_her(json!([line]))).await.unwrap();
    let noes = no(world.submit(&agent, &cart, json!({ "receivedAt": "2025-12-31T02:00:00Z", "receivedReason": "early" })).await);
    assert!(codes(&noes).contains(&"NOT_ALLOWED"));
    let order = world.submit(&agent, &cart, json!({})).await.unwrap();
    let case = order["applications"][0].clone();
    let seen = world.read(&agent, &case, "answers documents { kind } availableActions { action allowed }").await;
    assert_eq!((&seen["answers"], &seen["documents"]), (&json!({ "city": "440100" }), &json!([{ "kind": "RECEIPT" }])));
    let withdrawn = world.handed_in(&agent, for_her(json!([line]))).await.unwrap();
    let withdrawn = world.done(&agent, "withdrawApplication", &withdrawn, json!({})).await;
    let events = |kinds: &[&str]| kinds.iter().map(|kind| ((*kind).to_owned(), Some("AGENT".to_owned()))).collect::<Vec<_>>();
    assert_eq!(world.events(&talent, &withdrawn).await, events(&["SUBMITTED", "WITHDRAWN"]));
    let stored = event::Entity::find().filter(event::Column::ApplicationId.eq(case_id(&case))).one(world.app.portal().db.read()).await.unwrap().unwrap();
    assert_eq!((stored.actor_id, stored.actor_role), (Some(agent.person), Some(Role::Agent)));
    for action in ["SAVE_CART", "SUBMIT_APPLICATION", "WITHDRAW"] {
        let row = world.trail(action).await.pop().unwrap();
        assert_eq!((row.person, row.on_behalf_of), (Some(agent.person), Some(talent.person)), "{action}");
        assert_eq!(row.mandate.map(|id| MandateId(id).global()), mandate["id"].as_str().map(str::to_owned), "{action}");
    }

    world.run(&talent, "endMandate", "mandate { id }", json!({ "mandateId": mandate["id"] })).await.unwrap();
    assert_eq!(world.code_of(&agent, &case).await, "NOT_FOUND");
    assert_eq!(world.code_of_order(&agent, &order).await, "NOT_FOUND");
    assert_eq!(world.code_of_order(&agent, &left).await, "NOT_FOUND");
    assert_eq!(world.code_of(&agent, &left["applications"][0]).await, "NOT_FOUND");
    let noes = no(world.submit(&agent, &left, json!({})).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["MANDATE_INVALID"], vec!["input.orderId".to_owned()]));
    let change = with(for_her(json!([line])), json!({ "orderId": left["id"], "expectedVersion": 1 }));
    assert_eq!(codes(&no(world.save(&agent, change).await)), ["MANDATE_INVALID"]);
    assert_eq!(world.fault(&agent, "withdrawApplication", target(&case)).await, "NOT_FOUND");
    // It is the principal's: she hands in herself what the agent left.
    let case = world.submit(&talent, &left, json!({})).await.unwrap()["applications"][0].clone();
    assert_eq!(world.events(&talent, &case).await, [("SUBMITTED".to_owned(), Some("TALENT".to_owned()))]);
}

/// Her mandate over, an agent who is staff, too, is no stranger to the case: she is a party, and sees nothing more of it.
async fn who_handed_a_case_in_under_a_mandate_never_works_on_it(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let agent = world.staff("approver").await;
    let term: DateTime<Utc> = world.app.portal().env.now() + Duration::days(30);
    let grant = json!({ "agentId": agent.person.global(), "itemCodes": [SERVICE], "endsAt": term, "idempotencyKey": world.key() });
    let mandate = world.run(&talent, "grantMandate", "mandate { id }", grant).await.unwrap();
    let line = world.service_line(json!({ "city": "440100" })).await;
    let filled = json!({ "applicantId": talent.person.global(), "mandateId": mandate["id"], "lines": [line] });
    let cart = world.save(&agent, filled).await.unwrap();
    let listed = async || {
        world.app.graphql(Some(&agent.token), "{ filledCarts { nodes { id applications { id } } } }", json!({})).await.ok()["filledCarts"]["nodes"].take()
    };
    assert_eq!(listed().await, json!([{ "id": cart["id"], "applications": [{ "id": cart["applications"][0]["id"] }] }]));
    let mandates = "query($after: String) { filledCarts { totalCount } myMandates(first: 1, after: $after) { totalCount pageInfo { endCursor hasNextPage } nodes { id } } }";
    for party in [&talent, &agent] {
        let mut data = world.app.graphql(Some(&party.token), mandates, json!({})).await.ok();
        assert_eq!(data["filledCarts"]["totalCount"], json!(i32::from(party.person == agent.person)));
        let page = data["myMandates"].take();
        assert_eq!((&page["totalCount"], &page["nodes"], &page["pageInfo"]["hasNextPage"]), (&json!(1), &json!([{ "id": mandate["id"] }]), &json!(false)));
        let next = world.app.graphql(Some(&party.token), mandates, json!({ "after": page["pageInfo"]["endCursor"] })).await.ok();
        assert_eq!(next["myMandates"]["nodes"], json!([]));
    }
    // Beyond its term a mandate lets nobody go on filling, although the cart is there.
    world.app.advance(Duration::days(31));
    let agent_later = world.again(&agent).await;
    let later = world.app.graphql(Some(&agent_later.token), "{ filledCarts { totalCount nodes { id } } }", json!({})).await.ok();
    assert_eq!(later["filledCarts"], json!({ "totalCount": 0, "nodes": [] }));
    world.app.advance(-Duration::days(31));
    let case = world.submit(&agent, &cart, json!({})).await.unwrap()["applications"][0].take();
    assert_eq!(listed().await, json!([]));
    assert_eq!(codes(&no(world.act(&agent, "claimApplication", &case, json!({})).await)), ["OWN_CASE"]);
    world.run(&talent, "endMandate", "mandate { id }", json!({ "mandateId": mandate["id"] })).await.unwrap();
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    let case = world.done(&reviewer, "completeStep", &case, json!({ "stepKey": "review", "outcome": "POSITIVE" })).await;
    assert_eq!(world.code_of(&agent, &case).await, "NOT_FOUND");
    for (mutation, more) in [("claimApplication", json!({})), ("decideApplication", json!({ "decision": "APPROVED" }))] {
        assert_eq!(world.fault(&agent, mutation, with(target(&case), more)).await, "NOT_FOUND");
    }
}

/// Gives a mandate for an item.
async fn mandate(world: &World, principal: &Someone, agent: &Someone, item: &str) -> Value {
    let term: DateTime<Utc> = world.app.portal().env.now() + Duration::days(30);
    let grant = json!({ "agentId": agent.person.global(), "itemCodes": [item], "endsAt": term, "idempotencyKey": world.key() });
    world.run(principal, "grantMandate", "mandate { id }", grant).await.unwrap()
}

async fn end_mandate(world: &World, by: &Someone, mandate: &Value) {
    world.run(by, "endMandate", "mandate { id }", json!({ "mandateId": mandate["id"] })).await.unwrap();
}

/// What an officer reads of a person with whom she deals by a case.
async fn read_person(world: &World, by: &Someone, person: &Someone) -> Value {
    let reply = world
        .app
        .graphql(Some(&by.token), "query($id: ID!) { node(id: $id) { ... on Person { displayName } } }", json!({ "id": person.person.global() }))
        .await;
    if reply.errors.is_empty() { json!("READ") } else { json!(reply.code()) }
}

async fn who_filled_a_cart_under_a_mandate_never_works_on_its_case(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, agent) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let given = mandate(&world, &talent, &agent, SERVICE).await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    let cart = world.save(&agent, json!({ "applicantId": talent.person.global(), "mandateId": given["id"], "lines": [line] })).await.unwrap();
    // The applicant hands in herself what the agent filled in, and the agent lays her mandate down.
    let case = world.submit(&talent, &cart, json!({})).await.unwrap()["applications"][0].take();
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    assert_eq!(codes(&no(world.act(&agent, "claimApplication", &case, json!({})).await)), ["OWN_CASE"]);
    end_mandate(&world, &agent, &given).await;
    for (mutation, more) in [("claimApplication", json!({})), ("completeStep", json!({ "stepKey": "review", "outcome": "POSITIVE" }))] {
        assert_eq!(world.fault(&agent, mutation, with(target(&case), more)).await, "NOT_FOUND");
    }
    assert_eq!(read_person(&world, &agent, &talent).await, "NOT_FOUND");
}

async fn an_agent_works_on_no_case_of_her_principal_that_her_mandate_covers(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, agent) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let case = world.case(&talent).await;
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    let other = mandate(&world, &talent, &agent, CARD).await;
    assert_eq!(world.read(&agent, &case, "answers").await["answers"], json!({ "city": "440100" }));
    assert_eq!(read_person(&world, &agent, &talent).await, "READ");
    end_mandate(&world, &talent, &other).await;
    let given = mandate(&world, &talent, &agent, SERVICE).await;
    for (mutation, more) in [("claimApplication", json!({})), ("completeStep", json!({ "stepKey": "review", "outcome": "POSITIVE" }))] {
        assert_eq!(codes(&no(world.act(&agent, mutation, &case, more).await)), ["OWN_CASE"], "{mutation}");
    }
    assert_eq!(world.read(&agent, &case, "answers").await["answers"], json!(null));
    assert_eq!(read_person(&world, &agent, &talent).await, "NOT_FOUND");
    end_mandate(&world, &talent, &given).await;
    world.done(&agent, "completeStep", &case, json!({ "stepKey": "review", "outcome": "POSITIVE" })).await;
}

async fn an_agent_sends_documents_for_her_principal_and_reads_none(app: TestApp) {
    let world = World::new(app).await;
    let (talent, agent) = (world.talent("talent").await, world.someone("talent2", None).await);
    let declared = json!({ "documentKind": "PHOTO", "size": 3, "mediaType": "image/png", "sha256": "ab".repeat(32), "forPersonId": talent.person.global() });
    let upload = "mutation($i: CreateUploadInput!) { createUpload(input: $i) { upload { url } } }";
    let code = async || world.app.graphql(Some(&agent.token), upload, json!({ "i": declared })).await.code().to_owned();
    assert_eq!(code().await, "FORBIDDEN");
    let given = mandate(&world, &talent, &agent, CARD).await;
    let materials = world.materials_for(&agent, talent.person).await;
    let entry = world.trail("CREATE_UPLOAD").await.pop().unwrap();
    assert_eq!((entry.person, entry.on_behalf_of), (Some(agent.person), Some(talent.person)));
    assert_eq!(entry.mandate.map(|id| json!(MandateId(id).global())), Some(given["id"].clone()));
    let count =
        async |by: &Someone| world.app.graphql(Some(&by.token), "{ myDocuments { totalCount } }", json!({})).await.ok()["myDocuments"]["totalCount"].take();
    assert_eq!((count(&talent).await, count(&agent).await), (json!(6), json!(0)));
    let line = world.card_line(&materials, json!({})).await;
    let cart = json!({ "applicantId": talent.person.global(), "mandateId": given["id"], "lines": [line] });
    world.save(&agent, cart).await.unwrap();
    end_mandate(&world, &talent, &given).await;
    assert_eq!(code().await, "FORBIDDEN");
}
