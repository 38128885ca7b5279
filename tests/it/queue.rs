//! The work queue of a unit over HTTP: filters, pages, and one winner of a claim.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::DateTime;
use serde_json::{Value, json};
use talent_portal::kernel::ids::TypedId as _;
use talent_portal::kernel::role::Role;

use crate::application::{CARD, SERVICE, World, codes, instant};
use crate::support::{TestApp, both_engines};

both_engines!(
    the_queue_is_filtered_by_item_step_and_what_is_to_be_decided,
    pages_of_the_queue_walk_every_row_once_in_five_statements,
    of_a_hundred_claims_one_wins,
);

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
