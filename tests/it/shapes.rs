//! Shapes that front ends lean on: what fails alone, drafts that are opened again, null and absence, pages of events.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use talent_portal::api::operations;
use talent_portal::kernel::ids::TypedId as _;

use crate::application::{CARD, World, target, with};
use crate::support::{TestApp, both_engines};

both_engines!(
    one_damaged_entry_leaves_the_rest_of_the_profile,
    a_draft_is_saved_back_from_what_was_read,
    null_takes_away_and_absence_keeps,
    events_come_in_pages,
    a_queue_leads_to_its_cases_in_as_many_statements_for_any_number,
    of_an_item_without_rules_nothing_is_said,
);

async fn one_damaged_entry_leaves_the_rest_of_the_profile(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.someone("profile", None).await;
    let education = json!({ "level": "DOCTOR", "institution": "中山大学", "idempotencyKey": world.key() });
    world.run(&talent, "addEducation", "education { id }", education).await.unwrap();
    let employment = json!({ "employerName": "某公司", "position": "工程师", "startedOn": "2020-01-01", "idempotencyKey": world.key() });
    world.run(&talent, "addEmployment", "employment { id }", employment).await.unwrap();
    let child = json!({ "relation": "CHILD", "nameZh": "陈小文", "sex": "FEMALE", "nationality": "CHN", "idempotencyKey": world.key() });
    world.run(&talent, "addFamilyMember", "familyMember { id }", child).await.unwrap();
    let (db, damaged) = (&world.app.portal().db, vec![1_u8; 40]);
    let text = "UPDATE education SET details_sealed = $1";
    let txn = db.begin_write().await.unwrap();
    txn.execute_raw(Statement::from_sql_and_values(txn.get_database_backend(), text, [damaged.into()])).await.unwrap();
    txn.commit().await.unwrap();
    let query = "{ talentProfile { person { displayName } educations { id } employments { position } familyMembers { nameZh sex nationality } claimedCategories { id } } }";
    let answer = world.app.graphql(Some(&talent.token), query, json!({})).await;
    let profile = &answer.data["talentProfile"];
    assert_eq!((answer.code(), &answer.errors[0]["path"], &profile["educations"]), ("INTERNAL", &json!(["talentProfile", "educations"]), &Value::Null));
    assert_eq!(profile["employments"], json!([{ "position": "工程师" }]));
    assert_eq!(profile["familyMembers"], json!([{ "nameZh": "陈小文", "sex": "FEMALE", "nationality": "CHN" }]));
    assert_eq!((&profile["person"]["displayName"], &profile["claimedCategories"]), (&json!("陈大文"), &json!([])));
}

/// The text of a stored operation.
fn stored(file: &str) -> &'static str {
    let texts: BTreeMap<_, _> = operations::all().collect();
    texts[&*format!("{file}.graphql")]
}

/// The input of `saveCart` that changes nothing, made of what the stored operation shows of a cart.
fn saved_back(order: &Value, key: &str) -> Value {
    let line = |line: &Value| {
        let ids = |list: &Value| list.as_array().unwrap().iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
        let material = |bound: &Value| json!({ "key": bound["key"], "documentVersionId": bound["documentVersion"]["id"] });
        json!({
            "applicationId": line["id"], "itemId": line["itemId"], "regionCode": line["regionCode"], "zoneCode": line["zoneCode"],
            "category": line["category"], "answers": line["answers"], "beneficiaryIds": ids(&line["beneficiaries"]),
            "materials": line["materials"].as_array().unwrap().iter().map(material).collect::<Vec<_>>(),
        })
    };
    json!({
        "idempotencyKey": key, "orderId": order["id"], "expectedVersion": order["version"], "channel": order["channel"], "mandateId": order["mandateId"],
        "lines": order["applications"].as_array().unwrap().iter().map(line).collect::<Vec<_>>(),
    })
}

async fn a_draft_is_saved_back_from_what_was_read(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let child = json!({ "relation": "CHILD", "nameZh": "陈小文", "idempotencyKey": world.key() });
    let child = world.run(&talent, "addFamilyMember", "familyMember { personId }", child).await.unwrap();
    let more = json!({ "category": "DOCTOR", "beneficiaryIds": [child["personId"]] });
    let mut materials = world.materials(&talent).await;
    let birth = json!({ "key": "birth_certificate", "documentVersionId": world.upload(&talent, "BIRTH_CERTIFICATE").await });
    materials.as_array_mut().unwrap().insert(0, birth);
    let line = with(world.card_line(&materials, json!({})).await, more);
    let cart = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let read = async || world.app.graphql(Some(&talent.token), stored("apply/order"), json!({ "id": cart["id"] })).await.ok()["order"].take();
    let before = read().await;
    let shown = &before["applications"][0];
    assert_eq!((&before["channel"], &before["mandateId"], &before["applicant"]["id"]), (&json!("ONLINE"), &Value::Null, &json!(talent.person.global())));
    for field in ["itemId", "regionCode", "category", "answers"] {
        assert_eq!(shown[field], line[field], "{field}");
    }
    assert_eq!((shown["materials"].as_array().unwrap().len(), shown["beneficiaries"].as_array().unwrap().len()), (7, 1));
    let input = json!({ "input": saved_back(&before, &world.key()) });
    let saved = world.app.graphql(Some(&talent.token), stored("apply/save-cart"), input).await.ok()["saveCart"].take();
    assert_eq!(saved["userErrors"], json!([]));
    // Nothing but the version is another.
    let unversioned = |mut order: Value| {
        order["version"].take();
        order
    };
    assert_eq!(unversioned(saved["order"].clone()), unversioned(before));
    assert_eq!(read().await, saved["order"]);
    let input = json!({ "input": { "idempotencyKey": world.key(), "orderId": cart["id"], "expectedVersion": saved["order"]["version"] } });
    let submitted = world.app.graphql(Some(&talent.token), stored("apply/submit-cart"), input).await.ok()["submitCart"].take();
    assert_eq!((&submitted["userErrors"], &submitted["order"]["applications"][0]["state"]), (&json!([]), &json!("RECEIVED")), "{submitted}");
    let (case, region) = (&submitted["order"]["applications"][0], "regionCode region { code name { value } } zoneCode zone { code } category mandateId");
    let seen = world.read(&talent, case, region).await;
    assert_eq!((&seen["region"]["code"], &seen["category"], &seen["zone"]), (&json!("440100"), &json!("DOCTOR"), &Value::Null));
    let seen = world.read(&world.staff("officer").await, case, region).await;
    assert_eq!((&seen["regionCode"], &seen["category"]), (&json!("440100"), &json!("DOCTOR")));
}

async fn null_takes_away_and_absence_keeps(app: TestApp) {
    const SHOWN: &str = "nameZh nameLatin birthDate sex nationality version";
    let world = World::new(app).await;
    let talent = world.someone("profile", None).await;
    let update = async |given: Value| {
        let query = format!("{{ viewer {{ person {{ {SHOWN} }} }} }}");
        let version = world.app.graphql(Some(&talent.token), &query, json!({})).await.ok()["viewer"]["person"]["version"].clone();
        let document = format!(
            "mutation($input: UpdateProfileInput!) {{ updateProfile(input: $input) {{ person {{ {SHOWN} }} viewer {{ preferredLanguage }} userErrors {{ code field }} }} }}"
        );
        let input = json!({ "input": with(json!({ "expectedVersion": version }), given) });
        world.app.graphql(Some(&talent.token), &document, input).await.ok()["updateProfile"].take()
    };
    let full = json!({ "nameLatin": "CHAN Tai Man", "birthDate": "1990-02-03", "sex": "MALE", "nationality": "CHN", "preferredLanguage": "PT" });
    let done = update(full).await;
    assert_eq!((&done["userErrors"], &done["viewer"]["preferredLanguage"]), (&json!([]), &json!("PT")), "{done}");
    // What is left out stays; so does what is given by a variable that is not there.
    let document = "mutation($v: Int!, $sex: Sex, $n: String) { updateProfile(input: { expectedVersion: $v, sex: $sex, nationality: $n, birthDate: null }) \
        { person { birthDate sex nationality nameZh } userErrors { code field } } }";
    let sent = json!({ "v": done["person"]["version"], "n": "PRT" });
    let done = world.app.graphql(Some(&talent.token), document, sent).await.ok()["updateProfile"].take();
    assert_eq!(done, json!({ "person": { "birthDate": null, "sex": "MALE", "nationality": "PRT", "nameZh": "陈大文" }, "userErrors": [] }));
    let done = update(json!({ "sex": null, "nationality": null, "nameZh": null })).await;
    assert_eq!((&done["person"]["sex"], &done["person"]["nationality"], &done["person"]["nameZh"]), (&Value::Null, &Value::Null, &Value::Null), "{done}");
    assert_eq!(done["person"]["nameLatin"], "CHAN Tai Man");
    // What may not be empty says so.
    for field in ["nameLatin", "preferredLanguage"] {
        let noes = update(json!({ field: null })).await;
        assert_eq!((&noes["person"], &noes["userErrors"]), (&Value::Null, &json!([{ "code": "REQUIRED", "field": ["input", field] }])), "{noes}");
    }
    // What an original proved is not taken away.
    assert_eq!(update(json!({ "nameZh": "陈大文" })).await["userErrors"], json!([]));
    world.raise(&talent).await;
    let noes = update(json!({ "nameLatin": null })).await;
    assert_eq!(noes["userErrors"], json!([{ "code": "DOCUMENT_VERIFIED", "field": ["input", "nameLatin"] }]));
}

async fn events_come_in_pages(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let mut case = world.case(&talent).await;
    for act in ["claimApplication", "releaseApplication", "claimApplication", "releaseApplication"] {
        case = world.done(&officer, act, &case, json!({})).await;
    }
    let document = "query($id: ID!, $first: Int, $after: String) { application(id: $id) { version \
        events(first: $first, after: $after) { totalCount nodes { seq kind } pageInfo { hasNextPage endCursor } } } }";
    let page = async |first: i32, after: Value| {
        let variables = json!({ "id": case["id"], "first": first, "after": after });
        world.app.graphql(Some(&talent.token), document, variables).await.ok()["application"].take()
    };
    let (mut after, mut seen) = (Value::Null, Vec::new());
    loop {
        let application = page(2, after).await;
        let events = &application["events"];
        assert_eq!(events["totalCount"], application["version"]);
        seen.extend(events["nodes"].as_array().unwrap().iter().map(|event| (event["seq"].as_i64().unwrap(), event["kind"].as_str().unwrap().to_owned())));
        after = events["pageInfo"]["endCursor"].clone();
        if events["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    let kinds = ["SUBMITTED", "CLAIMED", "RELEASED", "CLAIMED", "RELEASED"];
    assert_eq!(seen, (1..).zip(kinds.map(str::to_owned)).collect::<Vec<(i64, String)>>());
    let wrong = world.app.graphql(Some(&talent.token), document, json!({ "id": case["id"], "first": 101 })).await;
    assert_eq!((wrong.code(), &wrong.data["application"]["events"]), ("BAD_REQUEST", &Value::Null));
    // Of cases beside each other one statement reads the events, whichever part is wanted.
    for _ in 0..4 {
        world.case(&talent).await;
    }
    let count = async |first: i32| {
        let query = format!("{{ myApplications(first: {first}) {{ nodes {{ id events(first: 3) {{ nodes {{ kind }} }} }} }} }}");
        let (statements, answer) = world.app.statements(world.app.graphql(Some(&talent.token), &query, json!({}))).await;
        (statements, answer.ok()["myApplications"]["nodes"].as_array().unwrap().len())
    };
    let (one, many) = (count(1).await, count(5).await);
    assert_eq!((one.0, many.1), (many.0, 5));
}

async fn a_queue_leads_to_its_cases_in_as_many_statements_for_any_number(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let mut cases = Vec::new();
    for _ in 0..5 {
        cases.push(world.case(&talent).await);
    }
    let queue = async |first: i32| {
        let document = "query($unit: ID!, $first: Int) { workQueue(unitId: $unit, first: $first) { nodes { applicationId application { id state applicantName regionCode } } } }";
        let variables = json!({ "unit": world.units.window.global(), "first": first });
        let (statements, answer) = world.app.statements(world.app.graphql(Some(&officer.token), document, variables)).await;
        (statements, answer.ok()["workQueue"]["nodes"].as_array().unwrap().clone())
    };
    let _warm = queue(1).await;
    let (one, many) = (queue(1).await, queue(5).await);
    assert_eq!((one.0, many.1.len()), (many.0, 5));
    for node in &many.1 {
        assert_eq!((&node["applicationId"], &node["application"]["state"]), (&node["application"]["id"], &json!("RECEIVED")), "{node}");
    }
    let withdrawn = world.run(&talent, "withdrawApplication", "application { state }", target(&cases[0])).await.unwrap();
    assert_eq!(withdrawn["state"], "WITHDRAWN");
    assert_eq!(queue(5).await.1.len(), 4);
}

async fn of_an_item_without_rules_nothing_is_said(app: TestApp) {
    let world = World::new(app).await;
    let query = "{ serviceItems(first: 100) { nodes { code currentVersion { hasRules } } } }";
    let items = world.app.graphql(None, query, json!({})).await.ok()["serviceItems"]["nodes"].as_array().unwrap().clone();
    let code = |rules: bool| items.iter().find(|item| item["currentVersion"]["hasRules"] == rules).expect("such an item")["code"].clone();
    let ask = async |code: Value| world.app.graphql(None, stored("apply/eligibility"), json!({ "code": code })).await.ok()["eligibility"].take();
    let nothing = ask(code(false)).await;
    assert_eq!((&nothing["outcome"], &nothing["nodes"], &nothing["version"]["hasRules"]), (&Value::Null, &json!([]), &json!(false)));
    let some = ask(json!(CARD)).await;
    assert_eq!((&some["outcome"], &some["version"]["hasRules"]), (&json!("UNKNOWN"), &json!(true)));
}
