//! Carts and submission over HTTP: what is asked for, whose files, and one order for equal requests.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::Duration;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};
use talent_portal::application::entity::{application, order};
use talent_portal::kernel::ids::{OrderId, TypedId as _};
use talent_portal::kernel::role::Role;
use talent_portal::material::service::sweep;
use talent_portal::material::store::waiting_bytes;

use crate::application::{Someone, World, at, case_id, codes, fields, instant, no, with};
use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    answers_that_do_not_fit_are_told_by_pointer_and_nothing_is_stored,
    what_is_asked_for_is_judged_at_submission,
    an_idempotency_key_stands_for_one_input,
    the_lines_of_a_cart_keep_their_order,
    a_file_that_left_a_draft_waits_and_is_swept_and_one_in_a_draft_stays,
    an_officer_hands_in_for_a_walk_in_as_of_the_true_receipt,
    fifty_equal_submissions_give_one_order,
);
pool_of_one!(what_is_asked_for_is_judged_at_submission, an_officer_hands_in_for_a_walk_in_as_of_the_true_receipt,);

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
