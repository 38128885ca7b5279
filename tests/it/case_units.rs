//! Where a case is: the unit of the step that is due has it in its queue, the one that received it still answers for it;
//! and what hangs below a list of cases is read once for all of them.

use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use talent_portal::application::service::check::check_projections;
use talent_portal::application::service::work::run_clock;
use talent_portal::kernel::ids::{TypedId as _, UnitId};
use talent_portal::kernel::role::Role;

use crate::application::{Someone, World, codes, no};
use crate::support::{TestApp, both_engines};

both_engines!(
    a_case_waits_in_the_queue_of_the_unit_whose_step_is_due,
    what_hangs_below_a_list_of_cases_is_read_once_for_all,
    a_lapse_moves_the_case_whether_or_not_it_was_written_down,
    who_is_not_known_surely_enough_is_told_before_she_hands_in,
    the_reason_of_a_stated_receipt_is_shown_to_whom_it_concerns,
);

async fn queue(world: &World, by: &Someone, unit: UnitId) -> Vec<Value> {
    let document = "query($unit: ID!) { workQueue(unitId: $unit) { nodes { applicationId stepName { value } claimedByName } } }";
    world.app.graphql(Some(&by.token), document, json!({ "unit": unit.global() })).await.ok()["workQueue"]["nodes"].as_array().unwrap().clone()
}

/// Reasons why actions are barred, by action; `null` where one is allowed.
async fn reasons(world: &World, by: &Someone, case: &Value) -> Value {
    let case = world.read(by, case, "availableActions { action reason }").await;
    let actions = case["availableActions"].as_array().unwrap().iter();
    actions.map(|a| (a["action"].as_str().unwrap().to_owned(), a["reason"].clone())).collect::<serde_json::Map<_, _>>().into()
}

async fn a_case_waits_in_the_queue_of_the_unit_whose_step_is_due(app: TestApp) {
    let world = World::new(app).await;
    let (window, city, province) = (world.units.window, world.units.city, world.units.province);
    let talent = world.talent("talent").await;
    let at_window = world.with_roles("below", vec![(Role::WindowOfficer, Some(window), None)]).await;
    let (reviewer, provincial, approver) = (world.staff("reviewer").await, world.staff("reviewer2").await, world.staff("approver").await);
    let (supervisor, confirmer) = (world.staff("supervisor").await, world.staff("confirmer").await);
    let case = world.card_case(&talent).await;
    let lies_at = async |unit: UnitId| {
        for asked in [window, city, province] {
            let rows = queue(&world, &supervisor, asked).await;
            assert_eq!(rows.len(), usize::from(asked == unit), "{rows:?}");
        }
        let shown = world.read(&talent, &case, "receivingUnit { id name { value } } currentUnit { id }").await;
        assert_eq!((&shown["receivingUnit"]["id"], &shown["currentUnit"]["id"]), (&json!(window.global()), &json!(unit.global())));
        assert!(!shown["receivingUnit"]["name"]["value"].as_str().unwrap().is_empty());
    };
    lies_at(window).await;
    let case = world.done(&at_window, "acceptApplication", &case, json!({})).await;
    // The employer is outside the tree: the case stays where it is, and nobody takes it meanwhile.
    lies_at(window).await;
    assert_eq!(codes(&no(world.act(&at_window, "claimApplication", &case, json!({})).await)), ["WAITS_OUTSIDE"]);
    let case = world.done(&confirmer, "completeStep", &case, json!({ "stepKey": "employer_confirmation", "outcome": "POSITIVE" })).await;
    lies_at(city).await;

    // The window sees how it goes on, and has nothing to do.
    let seen = reasons(&world, &at_window, &case).await;
    assert!(seen.as_object().unwrap().values().all(|reason| !reason.is_null()), "{seen}");
    assert_eq!((&seen["CLAIM"], &seen["COMPLETE_STEP"], &seen["ACCEPT"]), (&json!("NOT_ENTITLED"), &json!("NOT_ENTITLED"), &json!("WRONG_STATE")));
    assert_eq!(codes(&no(world.act(&at_window, "claimApplication", &case, json!({})).await)), ["NOT_ENTITLED"]);
    // Nor has who reviews for the province, or supervises: the step is the city's.
    for other in [&provincial, &supervisor] {
        assert_eq!(codes(&no(world.act(other, "claimApplication", &case, json!({})).await)), ["NOT_ENTITLED"]);
    }
    let case = world.done(&reviewer, "claimApplication", &case, json!({})).await;
    let row = queue(&world, &reviewer, city).await.remove(0);
    assert_eq!((&row["claimedByName"], row["stepName"]["value"].as_str().is_some_and(|name| !name.is_empty())), (&json!("审查甲"), true));
    assert_eq!(reasons(&world, &reviewer, &case).await["CLAIM"], "ALREADY_CLAIMED");
    assert_eq!(codes(&no(world.act(&reviewer, "claimApplication", &case, json!({})).await)), ["ALREADY_CLAIMED"]);
    let case = world.done(&reviewer, "completeStep", &case, json!({ "stepKey": "city_review", "outcome": "POSITIVE" })).await;
    lies_at(province).await;
    let case = world.done(&provincial, "completeStep", &case, json!({ "stepKey": "province_review", "outcome": "POSITIVE" })).await;
    // For the decision it stays where the last step was, for the delivery it goes back.
    lies_at(province).await;
    let case = world.done(&approver, "decideApplication", &case, json!({ "decision": "APPROVED" })).await;
    lies_at(window).await;
    let stale = no(world.act(&at_window, "recordDelivery", &json!({ "id": case["id"], "version": 1 }), json!({ "channel": "IN_PERSON" })).await);
    assert_eq!(stale[0]["conflict"]["changedFields"], json!(["state", "decision", "currentUnit", "decidedAt"]));
    world.done(&at_window, "recordDelivery", &case, json!({ "channel": "IN_PERSON" })).await;
    let shown = world.read(&talent, &case, "documents { kind unitName { value } applicantName materials { value } given { name { value } value { value } } acceptanceDueAt promisedDueAt jws }").await;
    let documents = shown["documents"].as_array().unwrap();
    assert!(documents.iter().all(|document| document["applicantName"] == "人才甲"), "{documents:?}");
    assert_eq!((documents[0]["kind"].as_str(), documents[0]["materials"].as_array().map(Vec::len)), (Some("RECEIPT"), Some(6)));
    // Limits run from acceptance: the receipt promises an answer to the application, the notice a decision.
    let dates: Vec<_> = documents.iter().map(|document| [&document["acceptanceDueAt"], &document["promisedDueAt"]].map(Value::is_string)).collect();
    assert_eq!(dates, [[true, false], [false, true], [false, true]]);
    // The window receives and accepts, the province decides; the decision names the card.
    let units: Vec<_> = documents.iter().map(|document| document["unitName"]["value"].as_str().unwrap()).collect();
    assert_eq!(units, ["示范分窗口", "示范分窗口", "示范省级窗口"]);
    let cards = world.app.graphql(Some(&talent.token), "{ myCards { validUntil currentNumber { value } } }", json!({})).await.ok();
    let card = &cards["myCards"][0];
    let given: Vec<_> = documents[2]["given"].as_array().unwrap().iter().map(|given| given["value"]["value"].clone()).collect();
    assert_eq!((&given[0], &given[2]), (&card["currentNumber"]["value"], &card["validUntil"]));
    assert!(check_projections(world.app.portal(), |_| {}).await.unwrap().different.is_empty());
}

async fn what_hangs_below_a_list_of_cases_is_read_once_for_all(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    let below = "number itemName { value } step { name { value } } applicantName receivingUnit { name { value } } currentUnit { id } assuranceNeeded \
        beneficiaries { id displayName } materials { key } documents { kind number } events { nodes { kind } } availableActions { action allowed } answers";
    let cases = format!("{{ myApplications(first: 20) {{ nodes {{ {below} }} }} }}");
    let orders = format!("{{ myOrders(first: 5) {{ nodes {{ id applications {{ {below} }} }} }} }}");
    let mut counted = Vec::new();
    for (carts, lines) in [(1, 1), (1, 3), (3, 5)] {
        for _ in 0..carts {
            let order = world.save(&talent, json!({ "lines": vec![line.clone(); lines] })).await.unwrap();
            world.submit(&talent, &order, json!({})).await.unwrap();
        }
        let (first, data) = world.app.statements(world.app.graphql(Some(&talent.token), &cases, json!({}))).await;
        let nodes = data.ok()["myApplications"]["nodes"].take();
        for case in nodes.as_array().unwrap() {
            assert_eq!((case["documents"].as_array().unwrap().len(), &case["events"]["nodes"][0]["kind"]), (1, &json!("SUBMITTED")));
            let withdraw = case["availableActions"].as_array().unwrap().iter().find(|a| a["action"] == "WITHDRAW").unwrap();
            assert_eq!((&withdraw["allowed"], &case["answers"]), (&json!(true), &json!({ "city": "440100" })));
        }
        let (second, data) = world.app.statements(world.app.graphql(Some(&talent.token), &orders, json!({}))).await;
        let orders = data.ok()["myOrders"]["nodes"].take();
        let lines: usize = orders.as_array().unwrap().iter().map(|order| order["applications"].as_array().unwrap().len()).sum();
        assert_eq!(lines, nodes.as_array().unwrap().len());
        counted.push((first, second));
    }
    counted.dedup();
    assert_eq!(counted.len(), 1, "statements grow with the number of cases: {counted:?}");
}

async fn who_is_not_known_surely_enough_is_told_before_she_hands_in(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.someone("talent", None).await;
    let line = world.card_line(&json!([]), json!({})).await;
    let draft = world.save(&talent, json!({ "lines": [line] })).await.unwrap()["applications"][0].take();
    assert_eq!(reasons(&world, &talent, &draft).await["SUBMIT"], "ASSURANCE_TOO_LOW");
    assert_eq!(world.read(&talent, &draft, "assuranceNeeded").await["assuranceNeeded"], "L2");
    world.raise(&talent).await;
    assert_eq!(reasons(&world, &talent, &draft).await["SUBMIT"], Value::Null);
    assert_eq!(world.read(&talent, &draft, "assuranceNeeded").await["assuranceNeeded"], Value::Null);
}

async fn the_reason_of_a_stated_receipt_is_shown_to_whom_it_concerns(app: TestApp) {
    let world = World::new(app).await;
    let (officer, other) = (world.staff("officer").await, world.someone("officer-two", Some(Role::WindowOfficer)).await);
    let walk_in = world.run(&officer, "registerPerson", "person { id }", json!({ "idempotencyKey": world.key(), "nameZh": "何永" })).await.unwrap();
    let line = world.service_line(json!({ "city": "440100" })).await;
    let order = world.save(&officer, json!({ "applicantId": walk_in["id"], "channel": "WINDOW", "lines": [line] })).await.unwrap();
    let stated = json!({ "receivedAt": "2026-01-04T02:00:00Z", "receivedReason": "handed over on Sunday" });
    let case = world.submit(&officer, &order, stated).await.unwrap()["applications"][0].take();
    let shown = world.read(&other, &case, "receivedReason channel receivedAt applicantName documents { applicantName unitName { value } }").await;
    assert_eq!((&shown["receivedReason"], &shown["channel"]), (&json!("handed over on Sunday"), &json!("WINDOW")));
    assert_eq!((&shown["documents"][0]["applicantName"], &shown["applicantName"]), (&json!("何永"), &json!("何永")));
    assert!(!shown["documents"][0]["unitName"]["value"].as_str().unwrap().is_empty());
}

/// The service's one step has no level, so that the steps are given one: its review is the city's.
async fn a_lapse_moves_the_case_whether_or_not_it_was_written_down(app: TestApp) {
    let world = World::new(app).await;
    let (window, city) = (world.units.window, world.units.city);
    let talent = world.talent("talent").await;
    let (officer, reviewer) = (world.staff("officer").await, world.staff("reviewer").await);
    let case = world.case(&talent).await;
    // As if the version had given its step to the city.
    let db = world.app.portal().db.writer();
    world.app.lift_append_only("application_event").await;
    let payload = "UPDATE application_event SET payload = REPLACE(payload, '\"key\":\"review\"', $1)";
    let pinned = format!("\"key\":\"review\",\"unit\":\"{}\"", city.0);
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), payload, [pinned.into()])).await.unwrap();
    world.done(&officer, "claimApplication", &case, json!({})).await;
    world.app.advance(chrono::Duration::days(8));
    let (talent, officer, reviewer) = (world.again(&talent).await, world.again(&officer).await, world.again(&reviewer).await);
    // Nothing has run: it is accepted, at the city, in nobody's hands, and the claim of before is over.
    for _ in 0..2 {
        let seen = world.read(&reviewer, &case, "state claimed currentUnit { id } step { key } acceptedAt version").await;
        assert_eq!((&seen["state"], &seen["claimed"], &seen["step"]["key"]), (&json!("ACCEPTED"), &json!(false), &json!("review")));
        assert_eq!((&seen["currentUnit"]["id"], &seen["acceptedAt"]), (&json!(city.global()), &json!("2026-01-12T16:00:00.000Z")));
        let (hers, windows) = (reasons(&world, &reviewer, &case).await, reasons(&world, &officer, &case).await);
        assert_eq!((&hers["CLAIM"], &hers["COMPLETE_STEP"]), (&Value::Null, &Value::Null));
        assert_eq!((&windows["RELEASE"], &windows["ACCEPT"]), (&json!("NOT_CLAIMED"), &json!("ALREADY_ACCEPTED")));
        run_clock(world.app.portal()).await.unwrap();
    }
    assert_eq!(queue(&world, &reviewer, city).await.len(), 1);
    assert_eq!(queue(&world, &officer, window).await.len(), 0);
    let seen = world.read(&reviewer, &case, "id version").await;
    let done = json!({ "stepKey": "review", "outcome": "POSITIVE" });
    let case = world.done(&reviewer, "completeStep", &seen, done).await;
    assert_eq!(case["stepsDone"], 1);
    assert!(check_projections(world.app.portal(), |_| {}).await.unwrap().different.is_empty());
    assert_eq!(
        world.read(&talent, &case, "events { nodes { kind stepKey } }").await["events"]["nodes"].as_array().unwrap().last().unwrap(),
        &json!({ "kind": "STEP_COMPLETED", "stepKey": null })
    );
}
