//! Cases over HTTP: the whole journey, each refusal, the clock, the queue, the races, and what is checked afterwards.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::{DateTime, Duration};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, Statement};
use serde_json::{Value, json};
use talent_portal::application::entity::{application, event, order};
use talent_portal::application::model::case::is_case_number;
use talent_portal::application::model::document::{Content, JWS_TYPE};
use talent_portal::application::service::check::check_projections;
use talent_portal::application::service::recount;
use talent_portal::application::service::work::run_clock;
use talent_portal::audit::model::Verdict;
use talent_portal::audit::service as audit;
use talent_portal::catalogue::model::bundle::Bundle;
use talent_portal::kernel::actor::Actor;
use talent_portal::kernel::code::Verification;
use talent_portal::kernel::ids::{ApplicationId, OrderId, ProcessId, TypedId as _};
use talent_portal::kernel::role::Role;
use talent_portal::kernel::text::{Language, Text};
use talent_portal::material::service::sweep;
use talent_portal::material::store::waiting_bytes;
use talent_portal::organisation::model::reference::{CalendarYear, HolidayPeriod};
use talent_portal::organisation::store::put_calendar_year;
use talent_portal::person::entity::person_key;
use talent_portal::portal::Portal;

use crate::commands::{finish, portal as command};
use crate::support::{TestApp, both_engines, pool_of_one};

mod world;

use world::strangers_to_papers;
pub(crate) use world::{CARD, CASE, SERVICE, Someone, World, at, case_id, codes, fields, instant, no, target, version, with};

both_engines!(
    a_card_is_applied_for_reviewed_decided_delivered_and_held,
    answers_that_do_not_fit_are_told_by_pointer_and_nothing_is_stored,
    what_is_asked_for_is_judged_at_submission,
    an_idempotency_key_stands_for_one_input,
    a_stale_version_is_told_what_changed_and_by_which_role,
    each_action_has_its_state_its_step_and_its_person,
    a_reason_is_needed_for_every_no,
    a_decision_tells_its_legal_basis_and_the_remedies,
    the_queue_is_filtered_by_item_step_and_what_is_to_be_decided,
    what_is_not_yours_does_not_exist,
    papers_of_a_case_are_opened_by_its_staff_alone,
    an_original_is_seen_once_by_a_window_officer_of_the_unit,
    of_an_erased_person_the_documents_keep_number_kind_and_instant,
    objects_are_fetched_again_by_their_ids,
    the_lines_of_a_cart_keep_their_order,
    a_file_that_left_a_draft_waits_and_is_swept_and_one_in_a_draft_stays,
    an_officer_hands_in_for_a_walk_in_as_of_the_true_receipt,
    a_case_that_nobody_answers_is_accepted_by_lapse_of_time,
    the_clock_writes_the_lapse_down_and_the_older_version_stays_good,
    a_withdrawn_case_frees_the_applicant,
    limits_pass_over_the_spring_festival,
    a_published_year_moves_open_cases_and_no_projection_differs,
    another_setting_of_the_clock_moves_open_cases_at_the_next_start,
    pages_of_the_queue_walk_every_row_once_in_five_statements,
    of_a_hundred_claims_one_wins,
    fifty_equal_submissions_give_one_order,
    a_row_changed_by_hand_is_found,
    a_changed_row_of_the_trail_is_named,
    a_second_card_of_a_product_is_not_approved,
);
pool_of_one!(
    a_card_is_applied_for_reviewed_decided_delivered_and_held,
    what_is_asked_for_is_judged_at_submission,
    an_officer_hands_in_for_a_walk_in_as_of_the_true_receipt,
    a_case_that_nobody_answers_is_accepted_by_lapse_of_time,
    the_clock_writes_the_lapse_down_and_the_older_version_stays_good,
    a_published_year_moves_open_cases_and_no_projection_differs,
);

async fn a_card_is_applied_for_reviewed_decided_delivered_and_held(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let (officer, reviewer, province) = (world.staff("officer").await, world.staff("reviewer").await, world.staff("reviewer2").await);
    let (approver, confirmer) = (world.staff("approver").await, world.staff("confirmer").await);
    let case = world.card_case(&talent).await;
    assert_eq!(case["state"], "RECEIVED");
    let number = case["number"].as_str().unwrap().to_owned();
    assert!(is_case_number(&number) && number.starts_with("440100TCARD20260105000001"), "{number}");
    assert_eq!(instant(&case["receivedAt"]), world.app.portal().env.now());
    assert_eq!(world.queue(&officer, json!({ "unclaimed": true, "state": "RECEIVED" })).await.len(), 1);

    let case = world.done(&officer, "claimApplication", &case, json!({})).await;
    assert_eq!((case["claimed"].as_bool(), version(&case)), (Some(true), 2));
    assert_eq!(world.queue(&officer, json!({ "mine": true })).await.len(), 1);
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    assert_eq!((&case["state"], &case["step"]["key"]), (&json!("ACCEPTED"), &json!("employer_confirmation")));
    let case = world.done(&confirmer, "completeStep", &case, json!({ "stepKey": "employer_confirmation", "outcome": "POSITIVE" })).await;
    assert_eq!((&case["state"], &case["claimed"]), (&json!("IN_REVIEW"), &json!(false)));
    let case = world.done(&reviewer, "completeStep", &case, json!({ "stepKey": "city_review", "outcome": "POSITIVE" })).await;
    let case = world.done(&province, "completeStep", &case, json!({ "stepKey": "province_review", "outcome": "POSITIVE" })).await;
    assert_eq!((&case["step"], &case["stepsDone"]), (&Value::Null, &json!(3)));
    let case = world.done(&approver, "decideApplication", &case, json!({ "decision": "APPROVED" })).await;
    assert_eq!((&case["state"], &case["decision"]), (&json!("DECIDED"), &json!("APPROVED")));
    let case = world.done(&officer, "recordDelivery", &case, json!({ "channel": "ONLINE" })).await;
    assert_eq!((&case["state"], &case["dueAt"]), (&json!("DELIVERED"), &Value::Null));
    assert_eq!(instant(&case["closedAt"]), world.app.portal().env.now());
    assert_eq!(world.queue(&officer, json!({})).await.len(), 0);

    let cards =
        world.app.graphql(Some(&talent.token), "{ myCards { grade { code } status validFrom validUntil currentNumber { value } } }", json!({})).await.ok();
    let card = &cards["myCards"][0];
    assert_eq!((&card["grade"]["code"], &card["status"]), (&json!("A"), &json!("ACTIVE")));
    // Never beyond the contract.
    assert_eq!((&card["validFrom"], &card["validUntil"]), (&json!("2026-01-05"), &json!("2028-12-31")));

    let events = world.events(&talent, &case).await;
    let role = |kind: &str, role: &str| (kind.to_owned(), Some(role.to_owned()));
    assert_eq!(
        events,
        [
            role("SUBMITTED", "TALENT"),
            role("CLAIMED", "WINDOW_OFFICER"),
            role("ACCEPTED", "WINDOW_OFFICER"),
            role("STEP_COMPLETED", "EMPLOYER_CONFIRMER"),
            role("STEP_COMPLETED", "REVIEWER"),
            role("STEP_COMPLETED", "REVIEWER"),
            role("DECIDED", "APPROVER"),
            role("DELIVERED", "WINDOW_OFFICER"),
        ]
    );
    // Each document is signed, numbered after the case, and says what the API says.
    let shown = "documents { kind number jws reason decision delivery { channel deliveredAt recipient { id displayName } } }";
    let shown = world.read(&talent, &case, shown).await;
    let documents = shown["documents"].as_array().unwrap();
    assert_eq!(documents.iter().map(|d| d["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["RECEIPT", "ACCEPTANCE", "DECISION"]);
    for document in documents {
        let jws = document["jws"].as_str().unwrap();
        let content: Content = world.app.portal().keyring.verify(JWS_TYPE, jws).unwrap();
        assert_eq!((content.case_number.as_str(), json!(content.number)), (number.as_str(), document["number"].clone()));
        assert_eq!(json!(content.kind), document["kind"]);
        let (signed, signature) = jws.rsplit_once('.').unwrap();
        let changed = format!("{signed}.{}{signature}", if signature.starts_with('A') { "B" } else { "A" });
        assert!(world.app.portal().keyring.verify::<Content>(JWS_TYPE, &changed).is_none());
    }
    assert_eq!(documents[2]["decision"], "APPROVED");
    let recipient = json!({ "id": talent.person.global(), "displayName": "人才甲" });
    let delivery = json!({ "channel": "ONLINE", "deliveredAt": case["closedAt"], "recipient": recipient });
    assert_eq!([&documents[0]["delivery"], &documents[1]["delivery"], &documents[2]["delivery"]], [&Value::Null, &Value::Null, &delivery]);
    // How all documents of a page were delivered costs one statement.
    let statements = async |shown: &str| {
        let document = format!("{{ myApplications {{ nodes {{ documents {{ id {shown} }} }} }} }}");
        world.app.statements(world.app.graphql(Some(&talent.token), &document, json!({}))).await.0
    };
    statements("").await;
    assert_eq!(statements("delivery { channel }").await, statements("").await + 1);
    let mine = world.app.graphql(Some(&talent.token), "{ myApplications { totalCount nodes { id state itemCode applicantName } } }", json!({})).await.ok();
    assert_eq!((mine["myApplications"]["nodes"].as_array().unwrap().len(), &mine["myApplications"]["totalCount"]), (1, &json!(1)));
    assert_eq!((&mine["myApplications"]["nodes"][0]["id"], &mine["myApplications"]["nodes"][0]["itemCode"]), (&case["id"], &json!(CARD)));
    let report = check_projections(world.app.portal(), |_| {}).await.unwrap();
    assert_eq!((report.compared, report.different), (1, Vec::new()));
}

async fn answers_that_do_not_fit_are_told_by_pointer_and_nothing_is_stored(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let good = world.service_line(json!({ "city": "440100" })).await;
    let bad = world.service_line(json!({ "city": "Guangzhou", "extra": true })).await;
    let empty = world.service_line(json!({})).await;
    let order = world.save(&talent, json!({ "lines": [good, bad, empty] })).await.unwrap();
    let key = world.key();
    let noes = no(world.submit(&talent, &order, json!({ "idempotencyKey": key })).await);
    let told: Vec<_> = noes.iter().map(|n| (n["code"].as_str().unwrap(), n["pointer"].as_str().unwrap())).collect();
    assert_eq!(told, [("FORM_INVALID", "/city"), ("FORM_INVALID", "/extra"), ("FORM_INVALID", "/city")]);
    assert_eq!(fields(&noes), ["lines.1.answers", "lines.1.answers", "lines.2.answers"]);
    assert!(noes.iter().all(|n| !n["message"].as_str().unwrap().contains("Guangzhou")), "nothing that was typed is echoed");
    assert_eq!(world.stored_events().await, 0);
    let id = OrderId::parse_global(order["id"].as_str().unwrap()).unwrap();
    let stored = order::Entity::find_by_id(id).one(world.app.portal().db.read()).await.unwrap().unwrap();
    assert_eq!((stored.state.code(), stored.version, stored.submitted_at), ("CART", 1, None));
    // All lines or none, and the key is free still.
    let lines = json!({ "orderId": order["id"], "expectedVersion": 1, "lines": [world.service_line(json!({ "city": "440100" })).await] });
    let order = world.save(&talent, lines).await.unwrap();
    let order = world.submit(&talent, &order, json!({ "idempotencyKey": key })).await.unwrap();
    assert_eq!((order["state"].as_str(), world.stored_events().await), (Some("SUBMITTED"), 1));
}

async fn what_is_asked_for_is_judged_at_submission(app: TestApp) {
    let world = World::new(app).await;
    let (talent, unknown) = (world.talent("talent").await, world.someone("talent2", None).await);
    let materials = world.materials(&talent).await;
    // A civil servant, under the rules of 2023; everything else fits.
    let line = world.card_line(&materials, json!({ "civil_servant": true })).await;
    let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let noes = no(world.submit(&talent, &order, json!({})).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_ELIGIBLE"], vec!["lines.0".to_owned()]));
    // Two materials are left out, and one is of another kind.
    let mut few = materials.as_array().unwrap().clone();
    few.remove(1);
    let permit = few[2]["documentVersionId"].clone();
    few[0]["documentVersionId"] = permit;
    let line = world.card_line(&Value::Array(few), json!({})).await;
    let order = world.save(&talent, json!({ "orderId": order["id"], "expectedVersion": order["version"], "lines": [line] })).await.unwrap();
    let mut noes = no(world.submit(&talent, &order, json!({})).await);
    noes.sort_by_key(|n| n["code"].to_string());
    assert_eq!((codes(&noes), fields(&noes)[0].as_str()), (vec!["MATERIAL_MISSING", "MATERIAL_UNUSABLE"], "lines.0.materials"));
    // A contract that has ended gives no card: told at submission already.
    let line = world.card_line(&materials, json!({ "contract_until": "2025-12-31" })).await;
    let order = world.save(&talent, json!({ "orderId": order["id"], "expectedVersion": order["version"], "lines": [line] })).await.unwrap();
    let noes = no(world.submit(&talent, &order, json!({})).await);
    assert_eq!((codes(&noes), noes[0]["pointer"].as_str()), (vec!["FULFILMENT_IMPOSSIBLE"], Some("/contract_until")));
    // Somebody whose identity nobody has seen; a region where nobody offers it; nothing at all.
    let line = world.service_line(json!({ "city": "440100" })).await;
    let order = world.save(&unknown, json!({ "lines": [line] })).await.unwrap();
    assert_eq!(codes(&no(world.submit(&unknown, &order, json!({})).await)), ["ASSURANCE_TOO_LOW"]);
    let elsewhere = with(world.service_line(json!({ "city": "440300" })).await, json!({ "regionCode": "440300" }));
    let order = world.save(&talent, json!({ "lines": [elsewhere] })).await.unwrap();
    let noes = no(world.submit(&talent, &order, json!({})).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_OFFERED"], vec!["lines.0".to_owned()]));
    let order = world.save(&talent, json!({ "lines": [] })).await.unwrap();
    assert_eq!(codes(&no(world.submit(&talent, &order, json!({})).await)), ["CART_EMPTY"]);
    let unoffered = json!({ "itemId": format!("item_{:032x}", 7), "answers": {} });
    let noes = no(world.save(&talent, json!({ "lines": [unoffered] })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_OFFERED"], vec!["input.lines.0.itemId".to_owned()]));
    assert_eq!(world.stored_events().await, 0);
}

async fn an_idempotency_key_stands_for_one_input(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    let key = world.key();
    let first = world.save(&talent, json!({ "idempotencyKey": key, "lines": [line] })).await.unwrap();
    let again = world.save(&talent, json!({ "idempotencyKey": key, "lines": [line] })).await.unwrap();
    assert_eq!(first["id"], again["id"]);
    let noes = no(world.save(&talent, json!({ "idempotencyKey": key, "lines": [] })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["IDEMPOTENCY_KEY_REUSED"], vec!["input.idempotencyKey".to_owned()]));
    let noes = no(world.save(&talent, json!({ "idempotencyKey": "short", "lines": [] })).await);
    assert_eq!(codes(&noes), ["MALFORMED"]);
    let key = world.key();
    let done = world.submit(&talent, &first, json!({ "idempotencyKey": key })).await.unwrap();
    let again = world.submit(&talent, &first, json!({ "idempotencyKey": key })).await.unwrap();
    assert_eq!((&done["id"], &done["applications"][0]["number"]), (&again["id"], &again["applications"][0]["number"]));
    let noes = no(world.submit(&talent, &first, json!({ "idempotencyKey": key, "expectedVersion": 9 })).await);
    assert_eq!(codes(&noes), ["IDEMPOTENCY_KEY_REUSED"]);
    // Another key for the same cart comes too late.
    assert_eq!(codes(&no(world.submit(&talent, &first, json!({})).await)), ["WRONG_STATE"]);
    assert_eq!(world.stored_events().await, 1);
}

async fn a_stale_version_is_told_what_changed_and_by_which_role(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let line = world.service_line(json!({ "city": "440100" })).await;
    let old = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let new = world.save(&talent, json!({ "orderId": old["id"], "expectedVersion": 1, "lines": [line] })).await.unwrap();
    assert_eq!(version(&new), 2);
    let noes = no(world.save(&talent, json!({ "orderId": old["id"], "expectedVersion": 1, "lines": [] })).await);
    assert_eq!((codes(&noes), &noes[0]["conflict"]["version"]), (vec!["CONFLICT"], &json!(2)));
    let noes = no(world.submit(&talent, &old, json!({})).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["CONFLICT"], vec!["input.expectedVersion".to_owned()]));
    let case = world.submit(&talent, &new, json!({})).await.unwrap()["applications"][0].clone();
    world.done(&officer, "claimApplication", &case, json!({})).await;
    let noes = no(world.act(&talent, "withdrawApplication", &case, json!({})).await);
    assert_eq!(codes(&noes), ["CONFLICT"]);
    assert_eq!((&noes[0]["conflict"]["version"], &noes[0]["conflict"]["byRole"]), (&json!(2), &json!("WINDOW_OFFICER")));
    // A version from the future is no better.
    let ahead = with(case.clone(), json!({ "version": 3 }));
    assert_eq!(codes(&no(world.act(&officer, "acceptApplication", &ahead, json!({})).await)), ["CONFLICT"]);
}

async fn each_action_has_its_state_its_step_and_its_person(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let other = world.someone("officer-two", Some(Role::WindowOfficer)).await;
    let (reviewer, province) = (world.staff("reviewer").await, world.staff("reviewer2").await);
    let (approver, confirmer, supervisor) = (world.staff("approver").await, world.staff("confirmer").await, world.staff("supervisor").await);
    let case = world.card_case(&talent).await;
    let step = |key: &str| json!({ "stepKey": key, "outcome": "POSITIVE" });
    let refused = async |by: &Someone, mutation: &str, case: &Value, more: Value, code: &str| {
        let noes = no(world.act(by, mutation, case, more).await);
        assert_eq!(codes(&noes), [code], "{mutation}");
    };
    // Her own case, and an action of the other side.
    refused(&talent, "claimApplication", &case, json!({}), "OWN_CASE").await;
    refused(&officer, "withdrawApplication", &case, json!({}), "NOT_ENTITLED").await;
    refused(&reviewer, "acceptApplication", &case, json!({}), "NOT_ENTITLED").await;
    // The employer named in it hears of a case when she is asked.
    let early = with(target(&case), step("employer_confirmation"));
    assert_eq!(world.fault(&confirmer, "completeStep", early).await, "NOT_FOUND");
    refused(&officer, "releaseApplication", &case, json!({}), "NOT_CLAIMED").await;
    // What the viewer may do is told with the reason why not.
    let shown = world.read(&reviewer, &case, "availableActions { action allowed reason message }").await;
    let about = |action: &str| shown["availableActions"].as_array().unwrap().iter().find(|a| a["action"] == action).unwrap().clone();
    for action in ["CLAIM", "ACCEPT"] {
        assert_eq!((&about(action)["allowed"], &about(action)["reason"]), (&json!(false), &json!("NOT_ENTITLED")));
        assert!(about(action)["message"].as_str().is_some_and(|m| !m.is_empty()));
    }
    let shown = world.read(&officer, &case, "availableActions { action allowed reason }").await;
    let claim = shown["availableActions"].as_array().unwrap().iter().find(|a| a["action"] == "CLAIM").unwrap();
    assert_eq!((&claim["allowed"], &claim["reason"]), (&json!(true), &Value::Null));

    let case = world.done(&officer, "claimApplication", &case, json!({})).await;
    refused(&other, "claimApplication", &case, json!({}), "CLAIMED_BY_ANOTHER").await;
    refused(&other, "acceptApplication", &case, json!({}), "CLAIMED_BY_ANOTHER").await;
    refused(&other, "releaseApplication", &case, json!({}), "CLAIMED_BY_ANOTHER").await;
    let case = world.done(&supervisor, "releaseApplication", &case, json!({})).await;
    let case = world.done(&other, "acceptApplication", &case, json!({})).await;
    refused(&other, "acceptApplication", &case, json!({}), "WRONG_STATE").await;
    refused(&officer, "recordDelivery", &case, json!({ "channel": "POST" }), "WRONG_STATE").await;
    refused(&approver, "decideApplication", &case, json!({ "decision": "APPROVED" }), "STEP_DUE").await;
    refused(&confirmer, "completeStep", &case, step("city_review"), "WRONG_STEP").await;
    refused(&reviewer, "completeStep", &case, step("employer_confirmation"), "NOT_ENTITLED").await;
    let case = world.done(&confirmer, "completeStep", &case, step("employer_confirmation")).await;
    // A step is done at its level, and by another person than the step before.
    refused(&province, "completeStep", &case, step("city_review"), "NOT_ENTITLED").await;
    let both = world.reviewer_of_both().await;
    let case = world.done(&both, "completeStep", &case, step("city_review")).await;
    refused(&reviewer, "completeStep", &case, step("province_review"), "NOT_ENTITLED").await;
    refused(&both, "completeStep", &case, step("province_review"), "SAME_PERSON").await;
    let case = world.done(&province, "completeStep", &case, step("province_review")).await;
    let case = world.done(&approver, "decideApplication", &case, json!({ "decision": "REFUSED", "reason": "材料不足" })).await;
    refused(&talent, "withdrawApplication", &case, json!({}), "WRONG_STATE").await;
    let case = world.done(&officer, "recordDelivery", &case, json!({ "channel": "POST" })).await;
    refused(&officer, "claimApplication", &case, json!({}), "WRONG_STATE").await;
    let cards = world.app.graphql(Some(&talent.token), "{ myCards { id } }", json!({})).await.ok();
    assert_eq!(cards["myCards"], json!([]), "a refusal gives no card");
    // An officer is a person, too: her own case is none of hers.
    world.raise(&officer).await;
    let own = world.case(&officer).await;
    refused(&officer, "acceptApplication", &own, json!({}), "OWN_CASE").await;
    world.done(&other, "acceptApplication", &own, json!({})).await;
}

async fn a_reason_is_needed_for_every_no(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let (reviewer, approver) = (world.staff("reviewer").await, world.staff("approver").await);
    let case = world.case(&talent).await;
    let noes = no(world.act(&officer, "refuseAcceptance", &case, json!({ "reason": "  " })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["REASON_REQUIRED"], vec!["input.reason".to_owned()]));
    let noes = no(world.act(&officer, "refuseAcceptance", &case, json!({ "reason": "长".repeat(2001) })).await);
    assert_eq!(codes(&noes), ["TOO_LONG"]);
    let case = world.done(&officer, "refuseAcceptance", &case, json!({ "reason": "不属于本机关职权范围" })).await;
    assert_eq!(case["state"], "NOT_ACCEPTED");
    let shown = world.read(&talent, &case, "documents { kind reason jws }").await;
    assert_eq!((&shown["documents"][1]["kind"], &shown["documents"][1]["reason"]), (&json!("NOT_ACCEPTED"), &json!("不属于本机关职权范围")));
    let content: Content = world.app.portal().keyring.verify(JWS_TYPE, shown["documents"][1]["jws"].as_str().unwrap()).unwrap();
    assert!(content.reconsideration.is_some() && content.litigation.is_some(), "a refusal tells the remedies");

    let case = world.case(&talent).await;
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    let case = world.done(&reviewer, "completeStep", &case, json!({ "stepKey": "review", "outcome": "NEGATIVE", "reason": "学历未能核实" })).await;
    let noes = no(world.act(&approver, "decideApplication", &case, json!({ "decision": "REFUSED" })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["REASON_REQUIRED"], vec!["input.reason".to_owned()]));
    let case = world.done(&approver, "decideApplication", &case, json!({ "decision": "REFUSED", "reason": "条件不符" })).await;
    let shown = world.read(&talent, &case, "documents { kind reason decision }").await;
    assert_eq!(shown["documents"][2], json!({ "kind": "DECISION", "reason": "条件不符", "decision": "REFUSED" }));
}

async fn of_an_erased_person_the_documents_keep_number_kind_and_instant(app: TestApp) {
    let mut world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let case = world.case(&talent).await;
    let keys = world.app.portal().db.keys();
    person_key::Entity::delete_many().filter(person_key::Column::PersonId.eq(talent.person)).exec(keys).await.unwrap();
    world.app.restart();
    let shown = "documents { id kind number issuedAt caseNumber itemName { value } applicantName receivedAt materials { value } provisional \
        given { name { value } } legalBasis { number } jws delivery { channel } }";
    let data = world.read(&officer, &case, shown).await;
    let document = data["documents"][0].as_object().unwrap();
    for (field, value) in document {
        assert_eq!(value.is_null(), !["id", "kind", "number", "issuedAt"].contains(&field.as_str()), "{field}: {value}");
    }
    assert_eq!((data["documents"].as_array().unwrap().len(), &document["kind"]), (1, &json!("RECEIPT")));
}

async fn a_decision_tells_its_legal_basis_and_the_remedies(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let (officer, confirmer) = (world.staff("officer").await, world.staff("confirmer").await);
    let (reviewer, province, approver) = (world.staff("reviewer").await, world.staff("reviewer2").await, world.staff("approver").await);
    let case = world.card_case(&talent).await;
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    let mut case = world.done(&confirmer, "completeStep", &case, json!({ "stepKey": "employer_confirmation", "outcome": "POSITIVE" })).await;
    for (by, step) in [(&reviewer, "city_review"), (&province, "province_review")] {
        case = world.done(by, "completeStep", &case, json!({ "stepKey": step, "outcome": "NEGATIVE", "reason": "社保记录不足" })).await;
    }
    let case = world.done(&approver, "decideApplication", &case, json!({ "decision": "REFUSED", "reason": "条件不符" })).await;
    let shown = "documents { kind decision reason jws legalBasis { document number source verification } reconsideration { value } litigation { value } }";
    let documents = world.read(&talent, &case, shown).await["documents"].take();
    let item = Bundle::embedded().unwrap().items.into_iter().find(|item| item.code == CARD).unwrap();
    let content = &item.versions.iter().find(|version| version.edition == "2023").unwrap().content;
    let basis = json!(
        content
            .legal_basis
            .iter()
            .map(|b| json!({ "document": b.document, "number": b.number, "source": b.source, "verification": b.verification.code() }))
            .collect::<Vec<_>>()
    );
    assert!(!content.legal_basis.is_empty());
    let words = |text: &Text| json!({ "value": text.localized(Language::ZhHans).value });
    let decision = &documents[2];
    assert_eq!((&decision["kind"], &decision["decision"], &decision["reason"]), (&json!("DECISION"), &json!("REFUSED"), &json!("条件不符")));
    assert_eq!((&decision["legalBasis"], &decision["reconsideration"]), (&basis, &words(&content.remedies.reconsideration)));
    assert_eq!(decision["litigation"], words(&content.remedies.litigation));
    // What is signed says the same; a receipt and an acceptance take nothing away that one could go to court about.
    let signed: Content = world.app.portal().keyring.verify(JWS_TYPE, decision["jws"].as_str().unwrap()).unwrap();
    assert_eq!((signed.legal_basis, signed.reconsideration), (content.legal_basis.clone(), Some(content.remedies.reconsideration.clone())));
    assert_eq!(signed.litigation, Some(content.remedies.litigation.clone()));
    for document in [&documents[0], &documents[1]] {
        assert_eq!((&document["legalBasis"], &document["reconsideration"], &document["litigation"]), (&basis, &Value::Null, &Value::Null));
    }
}

async fn the_queue_is_filtered_by_item_step_and_what_is_to_be_decided(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let received = world.case(&talent).await;
    let mut cases = Vec::new();
    for _ in 0..2 {
        let case = world.case(&talent).await;
        cases.push(world.done(&officer, "acceptApplication", &case, json!({})).await);
    }
    let reviewed = world.done(&reviewer, "completeStep", &cases[1], json!({ "stepKey": "review", "outcome": "POSITIVE" })).await;
    let card = world.card_case(&talent).await;
    let card = world.done(&officer, "acceptApplication", &card, json!({})).await;
    let (service, of_card) = (world.item(SERVICE).await, world.item(CARD).await);
    let ids = |cases: &[&Value]| cases.iter().map(|case| case["id"].as_str().unwrap().to_owned()).collect::<HashSet<_>>();
    for (filter, wanted) in [
        (json!({}), ids(&[&received, &cases[0], &reviewed, &card])),
        (json!({ "itemId": service }), ids(&[&received, &cases[0], &reviewed])),
        (json!({ "itemId": of_card }), ids(&[&card])),
        (json!({ "stepKey": "review" }), ids(&[&cases[0]])),
        (json!({ "stepKey": "employer_confirmation" }), ids(&[&card])),
        (json!({ "stepKey": "nothing" }), ids(&[])),
        (json!({ "toDecide": true }), ids(&[&reviewed])),
        (json!({ "toDecide": true, "itemId": of_card }), ids(&[])),
        (json!({ "itemId": service, "stepKey": "review" }), ids(&[&cases[0]])),
        (json!({ "itemId": of_card, "stepKey": "review" }), ids(&[])),
    ] {
        let rows = world.queue(&officer, filter.clone()).await;
        let found: HashSet<String> = rows.iter().map(|row| row["applicationId"].as_str().unwrap().to_owned()).collect();
        assert_eq!((found, rows.len()), (wanted.clone(), wanted.len()), "{filter}");
    }
}

async fn objects_are_fetched_again_by_their_ids(app: TestApp) {
    let world = World::new(app).await;
    let (talent, other) = (world.talent("talent").await, world.talent("talent2").await);
    let case = world.case(&talent).await;
    let order = world.read(&talent, &case, "orderId").await["orderId"].take();
    let item = world.item(SERVICE).await;
    let document = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Application { number } ... on Unit { regionCode } ... on Order { state } } }";
    let ids = json!([case["id"], item, world.units.city.global(), talent.person.global(), order]);
    let data = world.app.graphql(Some(&talent.token), document, json!({ "ids": ids })).await.ok();
    let nodes = data["nodes"].as_array().unwrap();
    assert_eq!(nodes.iter().map(|n| n["__typename"].as_str().unwrap()).collect::<Vec<_>>(), ["Application", "ServiceItem", "Unit", "Person", "Order"]);
    assert_eq!(nodes.iter().map(|n| n["id"].clone()).collect::<Vec<_>>(), *ids.as_array().unwrap());
    assert_eq!((&nodes[0]["number"], &nodes[2]["regionCode"], &nodes[4]["state"]), (&case["number"], &json!("440100"), &json!("SUBMITTED")));

    // What is not hers does not exist for another, who still gets the rest; the path names the place in the list.
    let reply = world.app.graphql(Some(&other.token), document, json!({ "ids": [case["id"], item, talent.person.global(), order] })).await;
    assert_eq!((&reply.data["nodes"][0], &reply.data["nodes"][1]["__typename"], &reply.data["nodes"][2]), (&Value::Null, &json!("ServiceItem"), &Value::Null));
    assert_eq!(reply.data["nodes"][3], Value::Null);
    let errors: Vec<_> = reply.errors.iter().map(|e| (e["extensions"]["code"].clone(), e["path"].clone())).collect();
    assert_eq!(errors, [(json!("NOT_FOUND"), json!(["nodes", 0])), (json!("NOT_FOUND"), json!(["nodes", 2])), (json!("NOT_FOUND"), json!(["nodes", 3]))]);

    let reply = world.app.graphql(Some(&talent.token), "{ node(id: \"no id\") { id } }", json!({})).await;
    assert_eq!((reply.code(), &reply.data["node"]), ("BAD_REQUEST", &Value::Null));
}

async fn the_lines_of_a_cart_keep_their_order(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let items = world.app.graphql(None, "{ serviceItems(first: 12) { nodes { id } } }", json!({})).await.ok();
    let mut wanted: Vec<Value> = items["serviceItems"]["nodes"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(wanted.len(), 12);
    // Neither the order of the catalogue nor its reverse.
    wanted.reverse();
    wanted.rotate_left(5);
    wanted.swap(2, 9);
    let order = "query($id: ID!) { order(id: $id) { version applications { id itemId } } }";
    let shown = |order: &Value| order["applications"].as_array().unwrap().iter().map(|line| line["itemId"].clone()).collect::<Vec<_>>();
    let save = async |lines: &[Value], more: Value| {
        let input = with(json!({ "idempotencyKey": world.key(), "lines": lines }), more);
        world.run(&talent, "saveCart", "order { id version applications { id itemId } }", input).await.unwrap()
    };
    let lines: Vec<Value> = wanted.iter().map(|item| json!({ "itemId": item, "answers": {} })).collect();
    let saved = save(&lines, json!({})).await;
    assert_eq!(shown(&saved), wanted);
    let read = world.app.graphql(Some(&talent.token), order, json!({ "id": saved["id"] })).await.ok()["order"].take();
    assert_eq!(shown(&read), wanted);
    // Known lines in another order, one of them gone and a new one first.
    let known = read["applications"].as_array().unwrap();
    let mut lines: Vec<Value> = known.iter().map(|line| json!({ "applicationId": line["id"], "itemId": line["itemId"], "answers": {} })).collect();
    lines.remove(4);
    lines.reverse();
    lines.insert(0, json!({ "itemId": wanted[4], "answers": {} }));
    let wanted: Vec<Value> = lines.iter().map(|line| line["itemId"].clone()).collect();
    let saved = save(&lines, json!({ "orderId": saved["id"], "expectedVersion": saved["version"] })).await;
    assert_eq!(shown(&saved), wanted);
    let read = world.app.graphql(Some(&talent.token), order, json!({ "id": saved["id"] })).await.ok()["order"].take();
    assert_eq!(shown(&read), wanted);
}

async fn a_file_that_left_a_draft_waits_and_is_swept_and_one_in_a_draft_stays(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let (portal, materials) = (world.app.portal(), world.materials(&talent).await);
    let line = world.card_line(&materials, json!({})).await;
    let cart = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let waiting = async || waiting_bytes(portal.db.read(), &[talent.person], portal.env.now()).await.unwrap();
    let all = waiting().await;
    // All but the first and the last leave the draft.
    let left = json!([materials[0], materials[5]]);
    let kept = json!({ "applicationId": cart["applications"][0]["id"], "materials": left });
    let more = json!({ "orderId": cart["id"], "expectedVersion": cart["version"], "lines": [with(line, kept)] });
    world.save(&talent, more).await.unwrap();
    assert_eq!(waiting().await, all, "what a draft names is not handed in yet");
    let names = async |by: &Someone| {
        let documents = world.app.graphql(Some(&by.token), "{ myDocuments(first: 20) { nodes { versions { id } } } }", json!({})).await.ok();
        let nodes = documents["myDocuments"]["nodes"].as_array().unwrap();
        nodes.iter().map(|node| node["versions"][0]["id"].as_str().unwrap().to_owned()).collect::<HashSet<_>>()
    };
    world.app.advance(Duration::hours(23));
    assert_eq!(sweep::sweep(portal).await.unwrap().versions, 0);
    assert_eq!(names(&talent).await.len(), 6);
    world.app.advance(Duration::hours(2));
    assert_eq!(sweep::sweep(portal).await.unwrap().versions, 4);
    let talent = world.again(&talent).await;
    let id = |at: usize| materials[at]["documentVersionId"].as_str().unwrap().to_owned();
    assert_eq!(names(&talent).await, HashSet::from([id(0), id(5)]));
    assert!(waiting().await < all);
    // Long after, too.
    world.app.advance(Duration::days(60));
    assert_eq!(sweep::sweep(portal).await.unwrap().versions, 0);
}

async fn what_is_not_yours_does_not_exist(app: TestApp) {
    let world = World::new(app).await;
    let (talent, stranger) = (world.talent("talent").await, world.talent("talent2").await);
    let (confirmer, counter) = (world.staff("confirmer").await, world.staff("counter").await);
    let case = world.case(&talent).await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    let cart = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let read = "query($id: ID!) { application(id: $id) { id } }";
    for other in [&stranger, &confirmer, &counter] {
        let reply = world.app.graphql(Some(&other.token), read, json!({ "id": case["id"] })).await;
        assert_eq!((reply.code(), &reply.data["application"]), ("NOT_FOUND", &Value::Null));
        for mutation in ["claimApplication", "acceptApplication", "withdrawApplication", "releaseApplication"] {
            assert_eq!(world.fault(other, mutation, target(&case)).await, "NOT_FOUND", "{mutation}");
        }
    }
    let nobody = json!({ "id": ApplicationId(uuid::Uuid::from_u128(1)).global(), "version": 1 });
    assert_eq!(world.fault(&stranger, "withdrawApplication", target(&nobody)).await, "NOT_FOUND");
    let wrong_kind = json!({ "applicationId": cart["id"], "expectedVersion": 1 });
    assert_eq!(world.fault(&talent, "withdrawApplication", wrong_kind).await, "BAD_REQUEST");
    let reply = world.app.graphql(None, read, json!({ "id": case["id"] })).await;
    assert_eq!(reply.code(), "UNAUTHENTICATED");
    // Carts.
    let key = world.key();
    let save = json!({ "idempotencyKey": key, "orderId": cart["id"], "expectedVersion": 1, "lines": [] });
    assert_eq!(world.fault(&stranger, "saveCart", save).await, "NOT_FOUND");
    let submit = json!({ "idempotencyKey": key, "orderId": cart["id"], "expectedVersion": 1 });
    assert_eq!(world.fault(&stranger, "submitCart", submit).await, "NOT_FOUND");
    let reply = world.app.graphql(Some(&stranger.token), "query($id: ID!) { order(id: $id) { id } }", json!({ "id": cart["id"] })).await;
    assert_eq!(reply.code(), "NOT_FOUND");
    let for_another = json!({ "idempotencyKey": world.key(), "applicantId": talent.person.global(), "lines": [line] });
    assert_eq!(world.fault(&stranger, "saveCart", for_another).await, "FORBIDDEN");
    // Another person's draft, file, and relative.
    let draft = with(line.clone(), json!({ "applicationId": cart["applications"][0]["id"] }));
    let noes = no(world.save(&stranger, json!({ "lines": [draft] })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_FOUND"], vec!["input.lines.0.applicationId".to_owned()]));
    let file = world.upload(&talent, "PHOTO").await;
    let stolen = world.card_line(&json!([{ "key": "photo", "documentVersionId": file }]), json!({})).await;
    assert_eq!(codes(&no(world.save(&stranger, json!({ "lines": [stolen] })).await)), ["MATERIAL_UNUSABLE"]);
    let kin = with(line, json!({ "beneficiaryIds": [talent.person.global()] }));
    let noes = no(world.save(&stranger, json!({ "lines": [kin] })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_FOUND"], vec!["input.lines.0.beneficiaryIds.0".to_owned()]));
    // The queue of a unit, and that of an employer.
    let queue = "query($id: ID!) { workQueue(unitId: $id) { nodes { number } } }";
    let reply = world.app.graphql(Some(&stranger.token), queue, json!({ "id": world.units.window.global() })).await;
    assert_eq!(reply.code(), "NOT_FOUND");
    let queue = "query($id: ID!) { employerQueue(bodyId: $id) { nodes { number } } }";
    let reply = world.app.graphql(Some(&stranger.token), queue, json!({ "id": world.units.employer.global() })).await;
    assert_eq!(reply.code(), "NOT_FOUND");
    assert_eq!(world.events(&talent, &case).await.len(), 1);
}

async fn papers_of_a_case_are_opened_by_its_staff_alone(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let (officer, reviewer, province) = (world.staff("officer").await, world.staff("reviewer").await, world.staff("approver").await);
    let (case, materials) = world.case_at_the_city(&talent).await;
    let version = &materials[1]["documentVersionId"];
    for staff in [&officer, &reviewer, &province] {
        let granted = world.paper(Some(staff), "createCaseDownload", &case, version).await.unwrap();
        assert_eq!(granted["userErrors"], json!([]));
        let request = Request::get(granted["download"]["url"].as_str().unwrap()).header(header::AUTHORIZATION, format!("Bearer {}", staff.token));
        let (status, _, bytes) = world.app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        assert!(bytes.starts_with(b"%PDF-1.7\nLABOUR_CONTRACT"));
        // The link is the officer's own.
        let request = Request::get(granted["download"]["url"].as_str().unwrap()).header(header::AUTHORIZATION, format!("Bearer {}", talent.token));
        assert_eq!(world.app.send(request.body(Body::empty()).unwrap()).await.0, StatusCode::NOT_FOUND);
    }
    let trail = world.paper_trail("CREATE_CASE_DOWNLOAD").await;
    assert_eq!(trail.len(), 3);
    for (kind, object, subject, details) in trail {
        assert_eq!((kind.as_str(), object, subject), ("APPLICATION", case_id(&case).uuid(), talent.person.uuid()));
        assert!(details.contains(version.as_str().unwrap()), "{details}");
    }
    for stranger in strangers_to_papers(&world, &talent).await {
        assert_eq!(world.paper(Some(&stranger), "createCaseDownload", &case, version).await.unwrap_err(), "NOT_FOUND");
    }
    assert_eq!(world.paper(None, "createCaseDownload", &case, version).await.unwrap_err(), "UNAUTHENTICATED");
    // A paper of hers that is bound to no case, or to another one, is none of this case.
    let other = world.talent("talent3").await;
    for elsewhere in [world.upload(&talent, "PHOTO").await, world.upload(&other, "PHOTO").await] {
        let refused = world.paper(Some(&officer), "createCaseDownload", &case, &elsewhere).await.unwrap();
        assert_eq!((&refused["userErrors"][0]["code"], &refused["userErrors"][0]["field"]), (&json!("NOT_FOUND"), &json!(["input", "documentVersionId"])));
    }
    // Nobody is an officer in her own matter: as the applicant, and as one for whom it is.
    let both = world.someone("both-at-once", Some(Role::WindowOfficer)).await;
    world.raise(&both).await;
    let (own, papers) = world.case_at_the_city(&both).await;
    assert_eq!(world.paper(Some(&both), "createCaseDownload", &own, &papers[0]["documentVersionId"]).await.unwrap_err(), "NOT_FOUND");
    assert!(world.paper(Some(&officer), "createCaseDownload", &own, &papers[0]["documentVersionId"]).await.is_ok());
    let relative = "INSERT INTO application_beneficiary (application_id, person_id) VALUES ($1, $2)";
    world.execute(relative, [case_id(&case).into(), reviewer.person.into()]).await;
    assert_eq!(world.paper(Some(&reviewer), "createCaseDownload", &case, version).await.unwrap_err(), "NOT_FOUND");
    // What is not handed in is nobody's business yet.
    let line = world.card_line(&materials, json!({})).await;
    let draft = world.save(&talent, json!({ "lines": [line] })).await.unwrap()["applications"][0].clone();
    assert_eq!(world.paper(Some(&officer), "createCaseDownload", &draft, version).await.unwrap_err(), "NOT_FOUND");
}

async fn an_original_is_seen_once_by_a_window_officer_of_the_unit(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let (officer, reviewer) = (world.staff("officer").await, world.staff("reviewer").await);
    let second = world.someone("officer-two", Some(Role::WindowOfficer)).await;
    let (case, materials) = world.case_at_the_city(&talent).await;
    let version = &materials[1]["documentVersionId"];
    for stranger in strangers_to_papers(&world, &talent).await {
        assert_eq!(world.paper(Some(&stranger), "markOriginalSeen", &case, version).await.unwrap_err(), "NOT_FOUND");
    }
    let refused = world.paper(Some(&reviewer), "markOriginalSeen", &case, version).await.unwrap();
    assert_eq!(refused["userErrors"][0]["code"], "NOT_ENTITLED");
    let stale = json!({ "applicationId": case["id"], "documentVersionId": version, "expectedVersion": 99 });
    assert_eq!(codes(&no(world.run(&officer, "markOriginalSeen", "application { id }", stale).await)), ["CONFLICT"]);
    let good = json!({ "applicationId": case["id"], "documentVersionId": version, "expectedVersion": case["version"] });
    let seen = world.run(&officer, "markOriginalSeen", "application { version materials { documentVersion { id } originalSeenAt } }", good).await.unwrap();
    let first = world.app.portal().env.now();
    assert_eq!(seen["version"], case["version"], "nothing of the case has changed");
    for material in seen["materials"].as_array().unwrap() {
        let marked = material["originalSeenAt"].as_str().map(|_| instant(&material["originalSeenAt"]));
        assert_eq!(marked, (material["documentVersion"]["id"] == *version).then_some(first), "{material}");
    }
    // Who comes later changes nothing, and leaves no row.
    world.app.advance(Duration::hours(1));
    let again = world.paper(Some(&second), "markOriginalSeen", &case, version).await.unwrap();
    let marked: Vec<_> = again["application"]["materials"].as_array().unwrap().iter().filter(|m| m["originalSeenAt"].is_string()).collect();
    assert_eq!((marked.len(), instant(&marked[0]["originalSeenAt"])), (1, first));
    let trail = world.paper_trail("MARK_ORIGINAL_SEEN").await;
    assert_eq!(trail.len(), 1);
    assert_eq!((trail[0].0.as_str(), trail[0].1, trail[0].2), ("APPLICATION", case_id(&case).uuid(), talent.person.uuid()));
    let db = world.app.portal().db.read();
    let select = "SELECT original_seen_by FROM application_material WHERE original_seen_by IS NOT NULL";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), select)).await.unwrap();
    assert_eq!(rows.iter().map(|r| r.try_get_by_index::<uuid::Uuid>(0).unwrap()).collect::<Vec<_>>(), [officer.person.uuid()]);
    // A case that is closed stays as it was.
    let closed = world.done(&talent, "withdrawApplication", &case, json!({})).await;
    let refused = world.paper(Some(&officer), "markOriginalSeen", &closed, &materials[0]["documentVersionId"]).await.unwrap();
    assert_eq!(refused["userErrors"][0]["code"], "WRONG_STATE");
}

async fn an_officer_hands_in_for_a_walk_in_as_of_the_true_receipt(app: TestApp) {
    let world = World::new(app).await;
    let (officer, talent) = (world.staff("officer").await, world.talent("talent").await);
    let other = world.someone("officer-two", Some(Role::WindowOfficer)).await;
    let input = json!({ "nameZh": "李小明", "idempotencyKey": world.key() });
    let walk_in = world.run(&officer, "registerPerson", "person { id }", input).await.unwrap();
    let line = world.service_line(json!({ "city": "440100" })).await;
    let cart = world.save(&officer, json!({ "applicantId": walk_in["id"], "channel": "WINDOW", "lines": [line] })).await.unwrap();
    let noes = no(world.submit(&officer, &cart, json!({ "receivedAt": "2026-01-05T02:00:00Z", "receivedReason": "" })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["IN_FUTURE", "REASON_REQUIRED"], vec!["input.receivedAt".to_owned(), "input.receivedReason".to_owned()]));
    let noes = no(world.submit(&officer, &cart, json!({ "receivedAt": "2025-12-31T02:00:00Z" })).await);
    assert_eq!(codes(&noes), ["REASON_REQUIRED"]);
    let noes = no(world.submit(&officer, &cart, json!({ "receivedAt": "2024-12-31T02:00:00Z", "receivedReason": "old" })).await);
    assert_eq!(codes(&noes), ["TOO_EARLY"]);
    // 2025-12-31 was a Wednesday; 2026-01-01 to 03 are days off and Sunday the 4th is a make-up day.
    let stated = json!({ "receivedAt": "2025-12-31T02:00:00Z", "receivedReason": "系统停机期间收件" });
    let order = world.submit(&officer, &cart, stated).await.unwrap();
    let case = &order["applications"][0];
    assert_eq!(instant(&case["receivedAt"]), at("2025-12-31T02:00:00Z"));
    // The five days in which it must be answered begin with the day of entry.
    assert_eq!(instant(&case["deemedAcceptedAt"]), at("2026-01-12T16:00:00Z"));
    assert_eq!(world.events(&officer, case).await[0], ("SUBMITTED".to_owned(), Some("WINDOW_OFFICER".to_owned())));
    let stored = application::Entity::find_by_id(case_id(case)).one(world.app.portal().db.read()).await.unwrap().unwrap();
    assert_eq!((stored.applicant_person_id.global(), stored.submitted_by), (walk_in["id"].as_str().unwrap().to_owned(), Some(officer.person)));
    // Who filled the form works on the case like anybody else of the window, and nobody hands in another officer's cart.
    world.done(&officer, "claimApplication", case, json!({})).await;
    let cart = world.save(&officer, json!({ "applicantId": walk_in["id"], "channel": "WINDOW", "lines": [line] })).await.unwrap();
    let submit = json!({ "idempotencyKey": world.key(), "orderId": cart["id"], "expectedVersion": 1 });
    assert_eq!(world.fault(&other, "submitCart", submit).await, "NOT_FOUND");
    // A talent does not state when it arrived.
    let own = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let noes = no(world.submit(&talent, &own, json!({ "receivedAt": "2025-12-31T02:00:00Z", "receivedReason": "early" })).await);
    assert!(codes(&noes).contains(&"NOT_ALLOWED"));
}

async fn a_case_that_nobody_answers_is_accepted_by_lapse_of_time(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let case = world.case(&talent).await;
    let lapse = at("2026-01-12T16:00:00Z");
    assert_eq!(instant(&case["deemedAcceptedAt"]), lapse);
    // One second before, nothing has happened; the tokens of a demo are good for a day, so new ones are fetched.
    world.app.set_time(lapse - Duration::seconds(1));
    let (officer, reviewer, talent) = (world.again(&officer).await, world.again(&reviewer).await, world.again(&talent).await);
    assert_eq!(world.read(&talent, &case, "state").await["state"], "RECEIVED");
    assert_eq!(world.queue(&officer, json!({ "state": "RECEIVED" })).await.len(), 1);
    assert_eq!(world.queue(&officer, json!({ "state": "ACCEPTED" })).await.len(), 0);
    world.app.set_time(lapse);
    assert_eq!(world.read(&talent, &case, "state").await["state"], "ACCEPTED");
    assert_eq!(world.queue(&officer, json!({ "state": "RECEIVED" })).await.len(), 0);
    let waiting = world.queue(&officer, json!({ "state": "ACCEPTED" })).await;
    assert_eq!((waiting.len(), &waiting[0]["state"], &waiting[0]["version"]), (1, &json!("ACCEPTED"), &json!(1)));
    // Nothing has run, and yet the answer comes too late: as such, not as a conflict.
    assert_eq!(codes(&no(world.act(&officer, "acceptApplication", &case, json!({})).await)), ["ALREADY_ACCEPTED"]);
    let noes = no(world.act(&officer, "refuseAcceptance", &case, json!({ "reason": "late" })).await);
    assert_eq!(codes(&noes), ["ALREADY_ACCEPTED"]);
    assert_eq!(world.events(&talent, &case).await.len(), 1, "a no stores nothing");
    // The next mutation writes it down first, dated at the lapse.
    world.app.advance(Duration::hours(9));
    let case = world.done(&reviewer, "claimApplication", &case, json!({})).await;
    assert_eq!((&case["state"], version(&case)), (&json!("ACCEPTED"), 3));
    assert_eq!(instant(&case["acceptedAt"]), lapse);
    // The limits run from the day of receipt: seven working days from 2026-01-05.
    assert_eq!(instant(&case["promisedDueAt"]), at("2026-01-14T16:00:00Z"));
    let shown = world.read(&talent, &case, "events { nodes { kind at byRole } } documents { kind }").await;
    assert_eq!(shown["events"]["nodes"][1]["kind"], "DEEMED_ACCEPTED");
    assert_eq!((instant(&shown["events"]["nodes"][1]["at"]), &shown["events"]["nodes"][1]["byRole"]), (lapse, &Value::Null));
    assert_eq!(shown["documents"].as_array().unwrap().iter().map(|d| d["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["RECEIPT", "ACCEPTANCE"]);
    let case = world.done(&reviewer, "completeStep", &case, json!({ "stepKey": "review", "outcome": "POSITIVE" })).await;
    assert_eq!(case["state"], "IN_REVIEW");
    assert_eq!(check_projections(world.app.portal(), |_| {}).await.unwrap().different, []);
}

async fn the_clock_writes_the_lapse_down_and_the_older_version_stays_good(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let (first, second) = (world.case(&talent).await, world.case(&talent).await);
    world.done(&officer, "acceptApplication", &second, json!({})).await;
    assert_eq!(run_clock(world.app.portal()).await.unwrap(), 0);
    world.app.advance(Duration::days(8));
    let (talent, officer, reviewer) = (world.again(&talent).await, world.again(&officer).await, world.again(&reviewer).await);
    assert_eq!(run_clock(world.app.portal()).await.unwrap(), 1);
    assert_eq!(run_clock(world.app.portal()).await.unwrap(), 0, "once");
    let kinds: Vec<_> = world.events(&talent, &first).await;
    assert_eq!(kinds[1], ("DEEMED_ACCEPTED".to_owned(), None));
    let read = world.read(&talent, &first, CASE).await;
    assert_eq!((version(&read), instant(&read["acceptedAt"])), (2, at("2026-01-12T16:00:00Z")));
    // They saw version 1. Nobody but time has changed the case since.
    assert_eq!(codes(&no(world.act(&officer, "acceptApplication", &first, json!({})).await)), ["ALREADY_ACCEPTED"]);
    let claimed = world.done(&reviewer, "claimApplication", &first, json!({})).await;
    assert_eq!(version(&claimed), 3);
    assert_eq!(codes(&no(world.act(&reviewer, "releaseApplication", &first, json!({})).await)), ["CONFLICT"]);
    assert_eq!(check_projections(world.app.portal(), |_| {}).await.unwrap().different, []);
}

async fn a_withdrawn_case_frees_the_applicant(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let case = world.card_case(&talent).await;
    let line = world.card_line(&world.materials(&talent).await, json!({})).await;
    let second = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let noes = no(world.submit(&talent, &second, json!({})).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["OPEN_CASE_EXISTS"], vec!["lines.0".to_owned()]));
    let gone = world.done(&talent, "withdrawApplication", &case, json!({})).await;
    assert_eq!((&gone["state"], &gone["dueAt"]), (&json!("WITHDRAWN"), &Value::Null));
    assert_eq!(codes(&no(world.act(&talent, "withdrawApplication", &gone, json!({})).await)), ["WRONG_STATE"]);
    let order = world.submit(&talent, &second, json!({})).await.unwrap();
    let number = order["applications"][0]["number"].as_str().unwrap();
    assert!(number.starts_with("440100TCARD20260105000002") && is_case_number(number), "{number}");
    assert_eq!(check_projections(world.app.portal(), |_| {}).await.unwrap().different, []);
}

async fn limits_pass_over_the_spring_festival(app: TestApp) {
    let world = World::new(app).await;
    // Days off 2026-02-15 to 23; the Saturdays 2026-02-14 and 28 are working days (国办发明电〔2025〕7号).
    world.app.set_time(at("2026-02-10T02:00:00Z"));
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let (case, card) = (world.case(&talent).await, world.card_case(&talent).await);
    assert_eq!(instant(&case["deemedAcceptedAt"]), at("2026-02-24T16:00:00Z"));
    assert_eq!(instant(&case["dueAt"]), at("2026-02-24T16:00:00Z"));
    world.app.advance(Duration::hours(23));
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    assert_eq!(instant(&case["promisedDueAt"]), at("2026-02-27T16:00:00Z"));
    assert_eq!(instant(&case["statutoryDueAt"]), at("2026-03-17T16:00:00Z"));
    // The fifth of seven days begins, at 00:00 of the 25th.
    assert_eq!(instant(&case["nearBreachAt"]), at("2026-02-24T16:00:00Z"));
    assert_eq!((instant(&case["dueAt"]), &case["provisional"]), (at("2026-02-27T16:00:00Z"), &json!(false)));
    let card = world.done(&officer, "acceptApplication", &card, json!({})).await;
    assert_eq!(instant(&card["promisedDueAt"]), at("2026-03-10T16:00:00Z"));
    assert_eq!(instant(&card["nearBreachAt"]), at("2026-03-03T16:00:00Z"));
    let queue = world.queue(&officer, json!({ "dueBefore": "2026-03-01T00:00:00Z" })).await;
    assert_eq!((queue.len(), &queue[0]["applicationId"]), (1, &case["id"]));
}

/// A notice for 2027 as somebody might publish it: New Year's Day to the 8th of January, and a Saturday on which people work.
async fn publish_2027(portal: &Portal) {
    let day = |text: &str| text.parse().unwrap();
    let period = HolidayPeriod { name: "元旦".into(), from: day("2027-01-01"), to: day("2027-01-08"), make_up: vec![day("2027-01-16")] };
    let year = CalendarYear {
        year: 2027,
        title: "关于2027年部分节假日安排的通知（测试）".into(),
        number: "测试〔2026〕1号".into(),
        issued_on: day("2026-12-28"),
        source: "test".into(),
        read_in: "test".into(),
        verification: Verification::StandIn,
        periods: vec![period],
    };
    let txn = portal.db.begin_write().await.unwrap();
    put_calendar_year(&txn, &year).await.unwrap();
    portal.commit(txn).await.unwrap();
}

/// Counts as the job of a process does, as soon as the calendar before is forgotten; `None` where nothing has changed.
async fn followed(world: &World) -> Option<u64> {
    let portal = world.app.portal();
    world.app.advance(Duration::seconds(61));
    let basis = recount::basis(portal).await.unwrap();
    if recount::is_behind(portal, &basis).await.unwrap() { Some(recount::recount(portal).await.unwrap()) } else { None }
}

async fn a_published_year_moves_open_cases_and_no_projection_differs(app: TestApp) {
    let world = World::new(app).await;
    let (portal, officer) = (world.app.portal(), world.staff("officer").await);
    assert_eq!(followed(&world).await, None, "what a portal begins with is its basis");
    let done = world.case(&world.talent("talent2").await).await;
    let done = world.done(&officer, "refuseAcceptance", &done, json!({ "reason": "不属于本窗口" })).await;
    // A Tuesday evening, the year's last days.
    world.app.set_time(at("2026-12-29T02:00:00Z"));
    let officer = world.again(&officer).await;
    let talent = world.talent("talent").await;
    let (waits, accepted) = (world.case(&talent).await, world.case(&talent).await);
    let accepted = world.done(&officer, "acceptApplication", &accepted, json!({})).await;
    // Five working days of which the last ones are of a year that nobody has published: 30, 31, 1, 4, 5.
    assert_eq!((instant(&waits["deemedAcceptedAt"]), &waits["provisional"]), (at("2027-01-05T16:00:00Z"), &json!(true)));
    assert_eq!((instant(&accepted["promisedDueAt"]), &accepted["provisional"]), (at("2027-01-07T16:00:00Z"), &json!(true)));
    assert_eq!(followed(&world).await, None);
    assert_eq!(check_projections(portal, |_| {}).await.unwrap().different, []);

    publish_2027(portal).await;
    assert_eq!(check_projections(portal, |_| {}).await.unwrap().different.len(), 2, "both rows are behind");
    let announced = rows(portal, "SELECT COUNT(*) FROM outbox WHERE kind = 'APPLICATION_CHANGED'").await;
    assert_eq!(followed(&world).await, Some(2));
    assert_eq!(check_projections(portal, |_| {}).await.unwrap().different, []);
    assert_eq!(rows(portal, "SELECT COUNT(*) FROM outbox WHERE kind = 'APPLICATION_CHANGED'").await, announced + 2);
    assert_eq!(rows(portal, "SELECT COUNT(*) FROM trail WHERE action = 'RECOUNT_CASES' AND actor_kind = 'SYSTEM' AND details = '{\"cases\":\"2\"}'").await, 1);
    // 30, 31, 11, 12, 13: the holiday runs to the 8th. No version rose, and what is over stays.
    let now = world.read(&talent, &waits, CASE).await;
    assert_eq!((instant(&now["deemedAcceptedAt"]), instant(&now["dueAt"])), (at("2027-01-13T16:00:00Z"), at("2027-01-13T16:00:00Z")));
    assert_eq!((version(&now), &now["provisional"]), (version(&waits), &json!(false)));
    let now = world.read(&talent, &accepted, CASE).await;
    // The fifth of seven days is the 13th; of the twenty the eighth is a Saturday.
    assert_eq!((instant(&now["promisedDueAt"]), instant(&now["nearBreachAt"])), (at("2027-01-15T16:00:00Z"), at("2027-01-12T16:00:00Z")));
    assert_eq!(instant(&now["statutoryDueAt"]), at("2027-02-02T16:00:00Z"));
    assert_eq!((version(&now), &now["provisional"]), (version(&accepted), &json!(false)));
    assert_eq!(world.read(&officer, &done, "version state closedAt").await["closedAt"], done["closedAt"]);
    let queue = world.queue(&officer, json!({ "dueBefore": "2027-01-13T17:00:00Z" })).await;
    assert_eq!((queue.len(), &queue[0]["applicationId"]), (1, &waits["id"]));
    // Nothing is left to do, and the lapse comes when the new day says.
    assert_eq!(followed(&world).await, None);
    world.app.set_time(at("2027-01-13T15:59:59Z"));
    assert_eq!(run_clock(portal).await.unwrap(), 0);
    world.app.set_time(at("2027-01-13T16:00:00Z"));
    assert_eq!(run_clock(portal).await.unwrap(), 1);
    assert_eq!(check_projections(portal, |_| {}).await.unwrap().different, []);
}

async fn another_setting_of_the_clock_moves_open_cases_at_the_next_start(app: TestApp) {
    let world = World::new(app).await;
    assert_eq!(followed(&world).await, None);
    let talent = world.talent("talent").await;
    let case = world.case(&talent).await;
    assert_eq!(instant(&case["deemedAcceptedAt"]), at("2026-01-12T16:00:00Z"));
    // One that an officer accepts on the fourth day: in time, and a fact from then on.
    let accepted = world.case(&talent).await;
    world.app.set_time(at("2026-01-09T02:00:00Z"));
    let officer = world.staff("officer").await;
    let accepted = world.done(&officer, "acceptApplication", &accepted, json!({})).await;
    assert_eq!(instant(&accepted["promisedDueAt"]), at("2026-01-20T16:00:00Z"));
    let mut changed = world.app.portal().clone();
    let mut settings = talent_portal::config::Settings::clone(&changed.settings);
    settings.acceptance_days = 3;
    changed.settings = Arc::new(settings);
    assert_eq!(check_projections(&changed, |_| {}).await.unwrap().different, [case_id(&case)]);
    let basis = recount::basis(&changed).await.unwrap();
    assert!(recount::is_behind(&changed, &basis).await.unwrap());
    assert_eq!(recount::recount(&changed).await.unwrap(), 1);
    assert!(!recount::is_behind(&changed, &basis).await.unwrap());
    assert_eq!(check_projections(&changed, |_| {}).await.unwrap().different, []);
    let now = world.read(&officer, &accepted, CASE).await;
    assert_eq!((&now["promisedDueAt"], &now["acceptedAt"]), (&accepted["promisedDueAt"], &accepted["acceptedAt"]));
    // What differs otherwise is not painted over.
    world.execute("UPDATE application SET step_index = 7 WHERE id = $1", [case_id(&case).into()]).await;
    assert_eq!(recount::recount(&changed).await.unwrap(), 0);
    assert_eq!(check_projections(&changed, |_| {}).await.unwrap().different, [case_id(&case)]);
}

async fn rows(portal: &Portal, sql: &str) -> i64 {
    let db = portal.db.read();
    db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn pages_of_the_queue_walk_every_row_once_in_five_statements(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let line = world.service_line(json!({ "city": "440100" })).await;
    for _ in 0..3 {
        let order = world.save(&talent, json!({ "lines": vec![line.clone(); 19] })).await.unwrap();
        world.submit(&talent, &order, json!({})).await.unwrap();
    }
    let reviewer = world.staff("reviewer").await;
    let first = world.queue(&officer, json!({})).await[0].clone();
    let accepted = world.done(&officer, "acceptApplication", &json!({ "id": first["applicationId"], "version": first["version"] }), json!({})).await;
    world.done(&reviewer, "claimApplication", &accepted, json!({})).await;
    let document = "query($unit: ID!, $first: Int!, $after: String) { workQueue(unitId: $unit, first: $first, after: $after) {
        edges { node { applicationId number itemName { value } applicantName stepName { value } claimedByName state dueAt version } } pageInfo { hasNextPage endCursor } } }";
    let page = async |first: i32, after: Value| {
        let variables = json!({ "unit": world.units.window.global(), "first": first, "after": after });
        world.app.graphql(Some(&officer.token), document, variables).await.ok()["workQueue"].take()
    };
    page(2, Value::Null).await;
    // What is counted is the list as its reader has it, by one more statement, and only where it is asked for.
    let counted = async |filter: Value, total: &str| {
        let document =
            format!("query($unit: ID!, $filter: WorkQueueFilter) {{ workQueue(unitId: $unit, filter: $filter, first: 1) {{ nodes {{ number }} {total} }} }}");
        let variables = json!({ "unit": world.units.window.global(), "filter": filter });
        let (statements, reply) = world.app.statements(world.app.graphql(Some(&officer.token), &document, variables)).await;
        (statements, reply.ok()["workQueue"]["totalCount"].take())
    };
    let (statements, total) = counted(json!({}), "totalCount").await;
    assert_eq!((counted(json!({}), "").await, total), ((statements - 1, Value::Null), json!(57)));
    assert_eq!(counted(json!({ "mine": true }), "totalCount").await.1, json!(0));
    assert_eq!(counted(json!({ "unclaimed": true, "state": "RECEIVED" }), "totalCount").await.1, json!(56));
    let mine = "{ myApplications { totalCount } myOrders { totalCount } filledCarts { totalCount } myDocuments { totalCount } myMandates { totalCount } }";
    let totals = |data: &Value| ["myApplications", "myOrders", "filledCarts", "myDocuments", "myMandates"].map(|list| data[list]["totalCount"].clone());
    assert_eq!(totals(&world.app.graphql(Some(&talent.token), mine, json!({})).await.ok()), [json!(57), json!(3), json!(0), json!(0), json!(0)]);
    assert_eq!(totals(&world.app.graphql(Some(&officer.token), mine, json!({})).await.ok()), [0, 0, 0, 0, 0].map(|none| json!(none)));
    // The last row has a step and somebody who claimed it.
    for first in [1, 57] {
        let (statements, answer) = world.app.statements(page(first, Value::Null)).await;
        assert_eq!(answer["edges"].as_array().unwrap().len(), usize::try_from(first).unwrap());
        assert!(statements <= 5, "{statements} statements for {first} rows");
    }
    let (mut seen, mut after, mut pages) = (HashSet::new(), Value::Null, 0);
    let mut last = DateTime::UNIX_EPOCH;
    loop {
        let mut answer = page(10, after).await;
        for edge in answer["edges"].as_array().unwrap() {
            assert!(seen.insert(edge["node"]["applicationId"].to_string()), "a row came twice");
            let due = instant(&edge["node"]["dueAt"]);
            assert!(last <= due);
            last = due;
            let claimed = edge["node"]["applicationId"] == accepted["id"];
            let wanted =
                if claimed { (json!("ACCEPTED"), json!({ "value": "审查" }), json!("审查甲")) } else { (json!("RECEIVED"), Value::Null, Value::Null) };
            assert_eq!((&edge["node"]["state"], &edge["node"]["stepName"], &edge["node"]["claimedByName"]), (&wanted.0, &wanted.1, &wanted.2));
            assert_eq!(edge["node"]["applicantName"], "人才甲");
            assert!(!edge["node"]["itemName"]["value"].as_str().unwrap().is_empty());
        }
        pages += 1;
        if answer["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = answer["pageInfo"]["endCursor"].take();
    }
    assert_eq!((seen.len(), pages), (57, 6));
    let reply = world.app.graphql(Some(&officer.token), document, json!({ "unit": world.units.window.global(), "first": 10, "after": "x" })).await;
    assert_eq!(reply.code(), "CURSOR_INVALID");
    let reply = world.app.graphql(Some(&officer.token), document, json!({ "unit": world.units.window.global(), "first": 101 })).await;
    assert_eq!(reply.code(), "BAD_REQUEST");
}

async fn of_a_hundred_claims_one_wins(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let officers = [world.staff("officer").await, world.someone("officer-two", Some(Role::WindowOfficer)).await];
    let case = world.case(&talent).await;
    let world = Arc::new(world);
    let claims: Vec<_> = (0..100)
        .map(|n| {
            let (world, by, case) = (world.clone(), officers[n % 2].clone(), case.clone());
            tokio::spawn(async move { world.act(&by, "claimApplication", &case, json!({})).await })
        })
        .collect();
    let mut won = 0;
    for claim in claims {
        match claim.await.unwrap() {
            Ok(_) => won += 1,
            Err(noes) => assert!(matches!(codes(&noes)[..], ["CONFLICT" | "CLAIMED_BY_ANOTHER"]), "{noes:?}"),
        }
    }
    assert_eq!((won, world.events(&talent, &case).await.len()), (1, 2));
}

async fn fifty_equal_submissions_give_one_order(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let world = Arc::new(world);
    let key = world.key();
    let submissions: Vec<_> = (0..50)
        .map(|_| {
            let (world, talent, order, key) = (world.clone(), talent.clone(), order.clone(), key.clone());
            tokio::spawn(async move { world.submit(&talent, &order, json!({ "idempotencyKey": key })).await })
        })
        .collect();
    let mut numbers = HashSet::new();
    for submission in submissions {
        let made = submission.await.unwrap().unwrap();
        assert_eq!((&made["id"], made["state"].as_str()), (&order["id"], Some("SUBMITTED")));
        numbers.insert(made["applications"][0]["number"].as_str().unwrap().to_owned());
    }
    assert_eq!((numbers.len(), world.stored_events().await), (1, 1));
}

/// The card of another case came between the submission and the decision.
async fn a_second_card_of_a_product_is_not_approved(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let (officer, confirmer) = (world.staff("officer").await, world.staff("confirmer").await);
    let (reviewer, province, approver) = (world.staff("reviewer").await, world.staff("reviewer2").await, world.staff("approver").await);
    let case = world.card_case(&talent).await;
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    let mut case = world.done(&confirmer, "completeStep", &case, json!({ "stepKey": "employer_confirmation", "outcome": "POSITIVE" })).await;
    for (by, step) in [(&reviewer, "city_review"), (&province, "province_review")] {
        case = world.done(by, "completeStep", &case, json!({ "stepKey": step, "outcome": "POSITIVE" })).await;
    }
    let by = Actor::anonymous("test");
    crate::talent_card::issue(&world.app, crate::talent_card::order(&world.app, talent.person), &by).await.unwrap();
    let noes = no(world.act(&approver, "decideApplication", &case, json!({ "decision": "APPROVED" })).await);
    assert_eq!((codes(&noes), &noes[0]["message"]), (vec!["CARD_EXISTS"], &json!("已持有同类有效卡。")));
    let now = world.read(&talent, &case, CASE).await;
    assert_eq!((&now["state"], &now["decision"], &now["version"]), (&json!("IN_REVIEW"), &Value::Null, &case["version"]));
    let cards = world.app.graphql(Some(&talent.token), "{ myCards { id } }", json!({})).await.ok();
    assert_eq!(cards["myCards"].as_array().unwrap().len(), 1);
}

async fn a_row_changed_by_hand_is_found(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let (first, second) = (world.case(&talent).await, world.case(&talent).await);
    world.done(&officer, "acceptApplication", &second, json!({})).await;
    let report = check_projections(world.app.portal(), |_| {}).await.unwrap();
    assert_eq!((report.compared, report.different), (2, Vec::new()));
    world.app.write_keys();
    let check = || {
        let (folder, url) = (world.app.folder().to_str().unwrap().to_owned(), world.app.database_url());
        finish(command(&["check", "projections", "--data-dir", &folder, "--database-url", &url]).env("PORTAL_DATABASE_CONNECTIONS", "2"))
    };
    assert_eq!(check(), (0, "2 cases compared, 0 differ\n".to_owned(), String::new()));
    let late = application::ActiveModel { promised_due_at: sea_orm::Set(Some(at("2030-01-01T00:00:00Z"))), ..Default::default() };
    let txn = world.app.portal().db.begin_write().await.unwrap();
    application::Entity::update_many().set(late).filter(application::Column::Id.eq(case_id(&second))).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(check_projections(world.app.portal(), |_| {}).await.unwrap().different, [case_id(&second)]);
    assert_eq!(check(), (1, format!("2 cases compared, 1 differ\n{}\n", case_id(&second)), String::new()));
    // An event that is taken away is missed, too.
    world.app.lift_append_only("application_event").await;
    let txn = world.app.portal().db.begin_write().await.unwrap();
    event::Entity::delete_many().filter(event::Column::ApplicationId.eq(case_id(&first))).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(check_projections(world.app.portal(), |_| {}).await.unwrap().different, [case_id(&first), case_id(&second)]);
}

async fn a_changed_row_of_the_trail_is_named(app: TestApp) {
    let world = World::new(app).await;
    let portal = world.app.portal();
    let talent = world.talent("talent").await;
    world.case(&talent).await;
    let process = ProcessId::new(&portal.env);
    while audit::seal_batch(portal, process).await.unwrap() != Some(0) {}
    // What came was announced in order: the submission is heard by the bus.
    let mut heard = portal.part::<audit::Bus>().unwrap().listen();
    assert_eq!(audit::tell_bus(portal, 0).await.unwrap(), audit::last_position(portal).await.unwrap());
    let mut kinds = Vec::new();
    while let Ok(announcement) = heard.try_recv() {
        kinds.push(announcement.kind.clone());
    }
    assert!(kinds.iter().any(|kind| kind == "APPLICATION_CHANGED"), "{kinds:?}");
    world.case(&talent).await;
    let Verdict::Intact { sealed, unsealed, signed } = audit::verify(portal, |_| {}).await.unwrap() else { panic!("the trail is not intact") };
    assert!(sealed >= 4 && unsealed >= 2 && signed == sealed, "{sealed} {unsealed} {signed}");
    let change = "UPDATE trail SET action = 'CHANGED' WHERE id = (SELECT row_id FROM seal WHERE stream = 'TRAIL' AND position = 3)";
    assert!(portal.db.writer().execute_unprepared(change).await.is_err(), "the trail is append-only");
    world.app.lift_append_only("trail").await;
    portal.db.writer().execute_unprepared(change).await.unwrap();
    let Verdict::Broken { position, .. } = audit::verify(portal, |_| {}).await.unwrap() else { panic!("the change was not found") };
    assert_eq!(position, 3);
}
