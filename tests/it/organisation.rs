//! Bodies and the tree of units through the API; regions, zones and the calendar as they are published.

use std::sync::Arc;

use async_graphql::{Request, Variables};
use chrono::{Duration, NaiveDate};
use sea_orm::{ConnectionTrait as _, EntityTrait as _, PaginatorTrait as _};
use serde_json::{Value, json};
use talent_portal::api::context::Ctx;
use talent_portal::api::schema;
use talent_portal::audit::entity::{outbox, trail};
use talent_portal::kernel::actor::{Actor, Grant, Member, Scope};
use talent_portal::kernel::code::Verification;
use talent_portal::kernel::ids::{AccountId, BodyId, PersonId, SessionId, TypedId as _, UnitId};
use talent_portal::kernel::role::{Assurance, Role};
use talent_portal::kernel::text::{Language, Origin, Text};
use talent_portal::organisation::entity::{body, calendar_day, region, unit, zone};
use talent_portal::organisation::model::body::{BodyKind, NewBody};
use talent_portal::organisation::model::unit::{NewUnit, UnitLevel};
use talent_portal::organisation::service;

use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    reference_data_is_published_once_and_mended,
    the_calendar_is_that_of_the_store_at_most_a_minute_old,
    regions_and_zones_are_read_by_everybody,
    a_body_is_made_with_its_code_and_a_wrong_check_is_a_warning,
    every_wrong_value_of_a_body_is_told_at_once,
    an_open_body_s_code_is_not_given_twice,
    of_two_equal_codes_at_once_one_is_made,
    the_tree_is_built_from_the_root_and_keeps_its_order,
    a_misplaced_unit_is_refused_with_every_reason,
    a_unit_closes_with_a_successor_and_stays_readable,
    an_equal_call_gives_the_same_unit_and_another_input_is_refused,
    only_the_system_administrator_writes,
    pages_walk_every_unit_and_body_once,
    a_page_of_units_costs_two_statements,
);
pool_of_one!(
    reference_data_is_published_once_and_mended,
    the_calendar_is_that_of_the_store_at_most_a_minute_old,
    a_body_is_made_with_its_code_and_a_wrong_check_is_a_warning,
    a_unit_closes_with_a_successor_and_stays_readable,
);

const CREATE_BODY: &str = "mutation ($input: CreateBodyInput!) { createBody(input: $input) {
    body { id kind name { value language origin } uscc regionCode verification closedAt version }
    warnings userErrors { code field } } }";
const CREATE_UNIT: &str = "mutation ($input: CreateUnitInput!) { createUnit(input: $input) {
    unit { id parentId level regionCode zoneCode name { value } body { id } version } userErrors { code field } } }";
const CLOSE_UNIT: &str = "mutation ($input: CloseUnitInput!) { closeUnit(input: $input) {
    unit { id closedAt successorId version } userErrors { code field conflict { version changedFields byRole } } } }";

fn actor(role: Option<Role>) -> Actor {
    Actor {
        member: Some(Member {
            person: PersonId(uuid::Uuid::from_u128(1)),
            account: AccountId(uuid::Uuid::from_u128(2)),
            session: SessionId(uuid::Uuid::from_u128(3)),
            assurance: Assurance::L3,
            second_factor: true,
            grants: role.into_iter().map(|role| Grant { role, scope: Scope::Portal }).collect(),
        }),
        request_id: "test".into(),
    }
}

async fn ask(app: &TestApp, actor: Actor, document: &str, variables: Value) -> Value {
    let ctx = Ctx { portal: app.portal().clone(), actor: Arc::new(actor), language: Language::En, address: "127.0.0.1".into() };
    let response = schema::build().execute(Request::new(document).variables(Variables::from_json(variables)).data(ctx)).await;
    serde_json::to_value(response).expect("an answer is JSON")
}

/// The payload of a mutation that the system administrator sends.
async fn order(app: &TestApp, document: &str, input: Value) -> Value {
    let mut answer = ask(app, actor(Some(Role::SystemAdmin)), document, json!({ "input": input })).await;
    assert_eq!(answer["errors"], Value::Null, "{answer:#}");
    answer["data"].as_object_mut().expect("data").values_mut().next().expect("a field").take()
}

fn key(n: u32) -> String {
    format!("key-{n:0>16}")
}

fn body_input(n: u32, uscc: Option<&str>) -> Value {
    json!({ "kind": "GOVERNMENT", "name": { "zhHans": "广州市人力资源和社会保障局", "en": "Bureau" }, "uscc": uscc, "regionCode": "440100", "idempotencyKey": key(n) })
}

fn unit_input(n: u32, body: &Value, parent: Option<&Value>, level: &str, region: &str) -> Value {
    json!({ "bodyId": body, "parentId": parent, "level": level, "name": { "zhHans": "单位" }, "regionCode": region, "idempotencyKey": key(n) })
}

async fn published(app: &TestApp) {
    service::publish_reference_data(app.portal()).await.unwrap();
}

/// Ids of a body, a province, a city, a district and a window.
async fn tree(app: &TestApp) -> [Value; 5] {
    published(app).await;
    let body = order(app, CREATE_BODY, body_input(100, None)).await["body"]["id"].clone();
    let mut ids = vec![body.clone()];
    let mut above: Option<Value> = None;
    for (n, level, region) in [(101, "PROVINCE", "440000"), (102, "CITY", "440100"), (103, "DISTRICT", "440106"), (104, "WINDOW", "440106")] {
        let made = order(app, CREATE_UNIT, unit_input(n, &body, above.as_ref(), level, region)).await;
        assert_eq!(made["userErrors"], json!([]), "{level}");
        ids.push(made["unit"]["id"].clone());
        above = Some(made["unit"]["id"].clone());
    }
    ids.try_into().unwrap()
}

async fn reference_data_is_published_once_and_mended(app: TestApp) {
    let db = &app.portal().db;
    published(&app).await;
    let counts = async || {
        let counts =
            (region::Entity::find().count(db.read()).await, zone::Entity::find().count(db.read()).await, calendar_day::Entity::find().count(db.read()).await);
        (counts.0.unwrap(), counts.1.unwrap(), counts.2.unwrap())
    };
    let first = counts().await;
    assert!(first.0 >= 38 && first.1 == 3 && first.2 > 80, "{first:?}");
    let (again, ()) = app.statements(published(&app)).await;
    assert_eq!(again, 4, "what is there is read and not written");
    assert_eq!(counts().await, first);
    for damage in [
        "UPDATE region SET greater_bay_area = FALSE WHERE code = '440300'",
        "DELETE FROM zone",
        "DELETE FROM calendar_day WHERE year = 2025",
        "UPDATE calendar_year SET number = '?' WHERE year = 2024",
    ] {
        db.writer().execute_unprepared(damage).await.unwrap();
        let before = region::Entity::find_by_id("440300").one(db.read()).await.unwrap().unwrap();
        published(&app).await;
        let after = region::Entity::find_by_id("440300").one(db.read()).await.unwrap().unwrap();
        assert!(after.greater_bay_area && (before.greater_bay_area || damage.contains("region")), "{damage}");
        assert_eq!(counts().await, first, "{damage}");
        assert_eq!(app.statements(published(&app)).await.0, 4, "{damage}");
    }
}

async fn the_calendar_is_that_of_the_store_at_most_a_minute_old(app: TestApp) {
    let day: NaiveDate = "2026-01-04".parse().unwrap();
    let works = async || service::calendar(app.portal()).await.unwrap().is_working_day(day);
    // A Sunday that is worked: the binary knows it before anything is published.
    assert_eq!(works().await, (true, false));
    published(&app).await;
    assert_eq!(works().await, (true, false));
    assert_eq!(app.statements(works()).await.0, 0, "the cache holds");
    app.portal().db.writer().execute_unprepared("DELETE FROM calendar_day WHERE year = 2026").await.unwrap();
    app.advance(Duration::seconds(59));
    assert_eq!(works().await, (true, false));
    app.advance(Duration::seconds(1));
    assert_eq!(app.statements(works()).await, (2, (false, false)));
    app.portal().db.writer().execute_unprepared("DELETE FROM calendar_day").await.unwrap();
    app.portal().db.writer().execute_unprepared("DELETE FROM calendar_year WHERE year = 2026").await.unwrap();
    app.advance(Duration::seconds(60));
    assert_eq!(works().await, (false, true), "in a year without notice weekdays count, provisionally");
}

async fn regions_and_zones_are_read_by_everybody(app: TestApp) {
    published(&app).await;
    let document = "{ cities: regions(level: CITY) { code } districts: regions(parentCode: \"440300\") { code parentCode level }
        all: regions { code greaterBayArea hasDistricts name { value language } verification source } zones { code cityCode name { value } } }";
    let answer = ask(&app, Actor::anonymous("test"), document, json!({})).await;
    assert_eq!(answer["errors"], Value::Null);
    let data = &answer["data"];
    assert_eq!(data["cities"].as_array().unwrap().len(), 21);
    let districts = data["districts"].as_array().unwrap();
    assert!(!districts.is_empty() && districts.iter().all(|d| d["parentCode"] == "440300" && d["level"] == "DISTRICT"));
    let dongguan = data["all"].as_array().unwrap().iter().find(|r| r["code"] == "441900").unwrap();
    assert_eq!(
        (&dongguan["hasDistricts"], &dongguan["greaterBayArea"], &dongguan["name"]),
        (&json!(false), &json!(true), &json!({ "value": "Dongguan", "language": "EN" }))
    );
    let cities: Vec<&Value> = data["zones"].as_array().unwrap().iter().map(|z| &z["cityCode"]).collect();
    assert_eq!(cities.len(), 3);
    assert!(["440100", "440300", "440400"].iter().all(|city| cities.contains(&&json!(city))));
}

async fn a_body_is_made_with_its_code_and_a_wrong_check_is_a_warning(app: TestApp) {
    published(&app).await;
    let made = order(&app, CREATE_BODY, body_input(1, Some("９１４４０１０１-ma0000007b"))).await;
    assert_eq!((&made["warnings"], &made["userErrors"]), (&json!([]), &json!([])));
    let id = made["body"]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        made["body"],
        json!({ "id": id, "kind": "GOVERNMENT", "name": { "value": "Bureau", "language": "EN", "origin": "HUMAN" }, "uscc": "91440101MA0000007B",
            "regionCode": "440100", "verification": "REPORTED", "closedAt": null, "version": 1 })
    );
    let warned = order(&app, CREATE_BODY, body_input(2, Some("91440101MA0000007C"))).await;
    assert_eq!((&warned["warnings"], &warned["body"]["uscc"]), (&json!(["CHECK_WRONG"]), &json!("91440101MA0000007C")));
    let db = app.portal().db.read();
    let rows = trail::Entity::find().all(db).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.action.as_str()).collect::<Vec<_>>(), ["CREATE_BODY", "CREATE_BODY"]);
    assert_eq!(rows[0].object_id, Some(BodyId::parse_global(&id).unwrap().uuid()));
    assert_eq!(outbox::Entity::find().count(db).await.unwrap(), 2);
}

async fn every_wrong_value_of_a_body_is_told_at_once(app: TestApp) {
    published(&app).await;
    let input = json!({ "kind": "EMPLOYER", "name": { "zhHans": " ", "pt": "a".repeat(201) }, "uscc": "91440101MA000000I7", "regionCode": "999999", "idempotencyKey": key(1) });
    let refused = order(&app, CREATE_BODY, input).await;
    assert_eq!(refused["body"], Value::Null);
    assert_eq!(
        refused["userErrors"],
        json!([
            { "code": "REQUIRED", "field": ["input", "name", "zhHans"] },
            { "code": "TOO_LONG", "field": ["input", "name", "pt"] },
            { "code": "MALFORMED", "field": ["input", "uscc"] },
            { "code": "NOT_FOUND", "field": ["input", "regionCode"] },
        ])
    );
    // Nothing is stored, not even the key: the same key serves for a right input.
    let made = order(&app, CREATE_BODY, body_input(1, None)).await;
    assert_eq!((&made["userErrors"], &made["body"]["uscc"]), (&json!([]), &Value::Null));
    assert_eq!(body::Entity::find().count(app.portal().db.read()).await.unwrap(), 1);
}

async fn an_open_body_s_code_is_not_given_twice(app: TestApp) {
    published(&app).await;
    order(&app, CREATE_BODY, body_input(1, Some("91440101MA0000007B"))).await;
    let refused = order(&app, CREATE_BODY, body_input(2, Some("91440101MA0000007B"))).await;
    assert_eq!(refused, json!({ "body": null, "warnings": [], "userErrors": [{ "code": "ALREADY_EXISTS", "field": ["input", "uscc"] }] }));
    app.portal().db.writer().execute_unprepared("UPDATE body SET closed_at = created_at").await.unwrap();
    assert_eq!(order(&app, CREATE_BODY, body_input(2, Some("91440101MA0000007B"))).await["userErrors"], json!([]));
}

async fn of_two_equal_codes_at_once_one_is_made(app: TestApp) {
    published(&app).await;
    let answers = futures_util::future::join_all((0..8).map(|n| order(&app, CREATE_BODY, body_input(n, Some("91440101MA0000007B"))))).await;
    let (made, refused): (Vec<Value>, Vec<Value>) = answers.into_iter().partition(|answer| answer["body"] != Value::Null);
    assert_eq!((made.len(), refused.len()), (1, 7));
    assert!(refused.iter().all(|answer| answer["userErrors"][0]["code"] == "ALREADY_EXISTS"));
    assert_eq!(body::Entity::find().count(app.portal().db.read()).await.unwrap(), 1);
}

async fn the_tree_is_built_from_the_root_and_keeps_its_order(app: TestApp) {
    let [body, province, city, district, window] = tree(&app).await;
    // 东莞 has no district level: its windows stand under the city.
    let dongguan = order(&app, CREATE_UNIT, unit_input(1, &body, Some(&province), "CITY", "441900")).await["unit"]["id"].clone();
    let hall = order(&app, CREATE_UNIT, unit_input(2, &body, Some(&dongguan), "WINDOW", "441900")).await["unit"]["id"].clone();
    let list =
        "query ($parentId: ID, $regionCode: String, $level: UnitLevel) { units(parentId: $parentId, regionCode: $regionCode, level: $level) { nodes { id } } }";
    let ids = async |variables: Value| {
        let answer = ask(&app, Actor::anonymous("test"), list, variables).await;
        answer["data"]["units"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(|node| node["id"].clone()).collect::<Vec<_>>()
    };
    let all = [&province, &city, &district, &window, &dongguan, &hall].map(Clone::clone);
    assert_eq!(ids(json!({})).await, all);
    assert_eq!(ids(json!({ "parentId": province })).await, [city.clone(), dongguan.clone()]);
    assert_eq!(ids(json!({ "regionCode": "440100" })).await, [city.clone(), district.clone(), window.clone()]);
    assert_eq!(ids(json!({ "regionCode": "440000", "level": "WINDOW" })).await, [window.clone(), hall.clone()]);
    assert_eq!(ids(json!({ "regionCode": "440300" })).await, Vec::<Value>::new());
    let db = app.portal().db.read();
    let path = service::unit_path(db, UnitId::parse_global(window.as_str().unwrap()).unwrap()).await.unwrap().unwrap();
    let digits = |id: &Value| id.as_str().unwrap().trim_start_matches("unit_").to_owned();
    assert_eq!(path, format!("/{}/{}/{}/{}/", digits(&province), digits(&city), digits(&district), digits(&window)));
    for region in ["44", "44010a", "4401%%"] {
        let answer = ask(&app, Actor::anonymous("test"), list, json!({ "regionCode": region })).await;
        assert_eq!(answer["errors"][0]["extensions"], json!({ "code": "BAD_REQUEST", "reason": "ARGUMENT_INVALID", "field": ["regionCode"] }), "{region}");
    }
}

async fn a_misplaced_unit_is_refused_with_every_reason(app: TestApp) {
    let [body, province, city, _, window] = tree(&app).await;
    let employer = json!({ "kind": "EMPLOYER", "name": { "zhHans": "公司" }, "idempotencyKey": key(1) });
    let employer = order(&app, CREATE_BODY, employer).await["body"]["id"].clone();
    let zhongshan = order(&app, CREATE_UNIT, unit_input(2, &body, Some(&province), "CITY", "442000")).await["unit"]["id"].clone();
    let unknown = json!(UnitId(uuid::Uuid::from_u128(7)).global());
    let before = unit::Entity::find().count(app.portal().db.read()).await.unwrap();
    let no = |code: &str, field: &str| json!({ "code": code, "field": ["input", field] });
    for (input, expected) in [
        (unit_input(3, &body, None, "CITY", "440300"), json!([no("UNIT_MISPLACED", "level")])),
        (unit_input(3, &body, Some(&province), "DISTRICT", "440106"), json!([no("UNIT_MISPLACED", "level")])),
        (unit_input(3, &body, Some(&zhongshan), "DISTRICT", "440106"), json!([no("UNIT_MISPLACED", "level"), no("UNIT_MISPLACED", "regionCode")])),
        (unit_input(3, &body, Some(&city), "DISTRICT", "440305"), json!([no("UNIT_MISPLACED", "regionCode")])),
        (unit_input(3, &employer, Some(&window), "WINDOW", "440106"), json!([no("NOT_ALLOWED", "bodyId"), no("UNIT_MISPLACED", "level")])),
        (unit_input(3, &body, Some(&unknown), "CITY", "999999"), json!([no("NOT_FOUND", "parentId"), no("NOT_FOUND", "regionCode")])),
    ] {
        let refused = order(&app, CREATE_UNIT, input.clone()).await;
        assert_eq!(refused, json!({ "unit": null, "userErrors": expected }), "{input}");
    }
    let mut zoned = unit_input(4, &body, Some(&city), "WINDOW", "440106");
    zoned["zoneCode"] = json!("NOWHERE");
    assert_eq!(order(&app, CREATE_UNIT, zoned.clone()).await["userErrors"], json!([no("NOT_FOUND", "zoneCode")]));
    let zones = zone::Entity::find().all(app.portal().db.read()).await.unwrap();
    let of = |city: &str| json!(zones.iter().find(|zone| zone.city_code == city).unwrap().code);
    zoned["zoneCode"] = of("440300");
    assert_eq!(order(&app, CREATE_UNIT, zoned.clone()).await["userErrors"], json!([no("UNIT_MISPLACED", "zoneCode")]));
    zoned["zoneCode"] = of("440100");
    assert_eq!(order(&app, CREATE_UNIT, zoned).await["unit"]["zoneCode"], of("440100"));
    assert_eq!(unit::Entity::find().count(app.portal().db.read()).await.unwrap(), before + 1);
}

async fn a_unit_closes_with_a_successor_and_stays_readable(app: TestApp) {
    let [body, _, city, district, window] = tree(&app).await;
    let next = order(&app, CREATE_UNIT, unit_input(1, &body, Some(&city), "WINDOW", "440106")).await["unit"]["id"].clone();
    let close = |n: u32, unit: &Value, successor: &Value, version: i64| json!({ "unitId": unit, "successorId": successor, "expectedVersion": version, "idempotencyKey": key(n) });
    let no = |code: &str, field: &str| json!({ "code": code, "field": ["input", field], "conflict": null });
    let refused = order(&app, CLOSE_UNIT, close(2, &district, &city, 1)).await;
    assert_eq!(refused["userErrors"], json!([no("WRONG_STATE", "unitId"), no("NOT_ALLOWED", "successorId")]));
    let closed = order(&app, CLOSE_UNIT, close(2, &window, &next, 1)).await;
    assert_eq!(closed, json!({ "unit": { "id": window, "closedAt": "2026-01-05T01:00:00.000Z", "successorId": next, "version": 2 }, "userErrors": [] }));
    assert_eq!(order(&app, CLOSE_UNIT, close(2, &window, &next, 1)).await, closed, "an equal call gives the same answer");
    let stale = order(&app, CLOSE_UNIT, close(3, &window, &next, 1)).await;
    let conflict = json!({ "version": 2, "changedFields": ["closedAt", "successorId"], "byRole": "SYSTEM_ADMIN" });
    assert_eq!(stale["userErrors"], json!([{ "code": "CONFLICT", "field": ["input", "expectedVersion"], "conflict": conflict }]));
    assert_eq!(order(&app, CLOSE_UNIT, close(3, &window, &next, 2)).await["userErrors"], json!([no("WRONG_STATE", "unitId")]));
    assert_eq!(order(&app, CLOSE_UNIT, close(3, &next, &window, 1)).await["userErrors"], json!([no("NOT_ALLOWED", "successorId")]));
    let under = order(&app, CREATE_UNIT, unit_input(4, &body, Some(&window), "WINDOW", "440106")).await;
    assert_eq!(
        under["userErrors"],
        json!([{ "code": "UNIT_MISPLACED", "field": ["input", "level"] }, { "code": "NOT_ALLOWED", "field": ["input", "parentId"] }])
    );
    let answer =
        ask(&app, Actor::anonymous("test"), "query ($id: ID!) { unit(id: $id) { closedAt successorId } units { nodes { id } } }", json!({ "id": window }))
            .await;
    assert_eq!(answer["data"]["unit"], json!({ "closedAt": "2026-01-05T01:00:00.000Z", "successorId": next }));
    assert!(!answer["data"]["units"]["nodes"].as_array().unwrap().contains(&json!({ "id": window })));
    let actions: Vec<String> = trail::Entity::find().all(app.portal().db.read()).await.unwrap().into_iter().map(|row| row.action).collect();
    assert_eq!(actions.iter().filter(|action| *action == "CLOSE_UNIT").count(), 1);
}

async fn an_equal_call_gives_the_same_unit_and_another_input_is_refused(app: TestApp) {
    let [body, province, ..] = tree(&app).await;
    let input = unit_input(1, &body, Some(&province), "CITY", "440300");
    let answers = futures_util::future::join_all((0..5).map(|_| order(&app, CREATE_UNIT, input.clone()))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer["unit"]["regionCode"] == "440300"), "{answers:#?}");
    let other = order(&app, CREATE_UNIT, unit_input(1, &body, Some(&province), "CITY", "440400")).await;
    assert_eq!(other, json!({ "unit": null, "userErrors": [{ "code": "IDEMPOTENCY_KEY_REUSED", "field": ["input", "idempotencyKey"] }] }));
    assert_eq!(unit::Entity::find().count(app.portal().db.read()).await.unwrap(), 5);
}

async fn only_the_system_administrator_writes(app: TestApp) {
    let [body, province, city, ..] = tree(&app).await;
    let rows = unit::Entity::find().count(app.portal().db.read()).await.unwrap();
    let closing = json!({ "unitId": city, "successorId": province, "expectedVersion": 1, "idempotencyKey": key(1) });
    for (document, input) in [(CREATE_BODY, body_input(1, None)), (CREATE_UNIT, unit_input(1, &body, Some(&province), "CITY", "440300")), (CLOSE_UNIT, closing)]
    {
        let anonymous = ask(&app, Actor::anonymous("test"), document, json!({ "input": input })).await;
        assert_eq!(anonymous["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
        for role in [None, Some(Role::SecurityAdmin), Some(Role::AuditAdmin), Some(Role::Supervisor)] {
            let answer = ask(&app, actor(role), document, json!({ "input": input })).await;
            assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{role:?}");
            assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{role:?}");
        }
    }
    let list = "{ bodies { nodes { id } } }";
    assert_eq!(ask(&app, Actor::anonymous("test"), list, json!({})).await["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(ask(&app, actor(None), list, json!({})).await["data"]["bodies"]["nodes"], json!([{ "id": body }]));
    assert_eq!(unit::Entity::find().count(app.portal().db.read()).await.unwrap(), rows);
    let foreign = ask(&app, actor(None), "query ($id: ID!) { unit(id: $id) { id } }", json!({ "id": body })).await;
    assert_eq!(foreign["errors"][0]["extensions"], json!({ "code": "BAD_REQUEST", "reason": "ARGUMENT_INVALID", "field": ["id"] }));
    let unknown = ask(&app, actor(None), "query ($id: ID!) { unit(id: $id) { id } }", json!({ "id": UnitId(uuid::Uuid::nil()).global() })).await;
    assert_eq!(unknown, json!({ "data": { "unit": null } }));
}

/// A body with `n` windows below one province, as demo data makes them.
async fn windows(app: &TestApp, n: u32) {
    published(app).await;
    let portal = app.portal();
    let txn = portal.db.begin_write().await.unwrap();
    let name = || Text::simplified("窗口", Origin::Human);
    for kind in [BodyKind::Government, BodyKind::Employer, BodyKind::Delivering] {
        let new = NewBody { kind, name: name(), uscc: None, region_code: None, verification: Verification::StandIn };
        let id = BodyId::new(&portal.env);
        service::insert_body(&txn, portal, id, new).await.unwrap();
        if kind != BodyKind::Government {
            continue;
        }
        let root = UnitId::new(&portal.env);
        let unit = |parent, level| NewUnit { body: id, parent, level, name: name(), region_code: "440000".into(), zone_code: None };
        service::insert_unit(&txn, portal, root, unit(None, UnitLevel::Province)).await.unwrap();
        for _ in 0..n {
            service::insert_unit(&txn, portal, UnitId::new(&portal.env), unit(Some(root), UnitLevel::Window)).await.unwrap();
        }
    }
    portal.commit(txn).await.unwrap();
}

async fn pages_walk_every_unit_and_body_once(app: TestApp) {
    windows(&app, 10).await;
    for (field, size, expected) in
        [("units", 3_usize, 11_usize), ("units", 11, 11), ("units(level: WINDOW", 4, 10), ("bodies", 1, 3), ("bodies(kind: EMPLOYER", 1, 1)]
    {
        let open = if field.contains('(') { format!("{field}, ") } else { format!("{field}(") };
        let (mut seen, mut after, mut pages) = (Vec::new(), Value::Null, 0_usize);
        loop {
            let document = format!(
                "query ($first: Int, $after: String) {{ list: {open}first: $first, after: $after) {{ nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }} }}"
            );
            let answer = ask(&app, actor(None), &document, json!({ "first": size, "after": after })).await;
            let list = &answer["data"]["list"];
            seen.extend(list["nodes"].as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(|node| node["id"].as_str().unwrap().to_owned()));
            pages += 1;
            if list["pageInfo"]["hasNextPage"] != json!(true) {
                break;
            }
            after = list["pageInfo"]["endCursor"].clone();
        }
        let unique: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), unique.len(), pages), (expected, expected, expected.div_ceil(size)), "{field} by {size}");
    }
    let answer = ask(&app, actor(None), "{ units(first: 101) { nodes { id } } bodies(after: \"x\") { nodes { id } } }", json!({})).await;
    let codes: Vec<&Value> = answer["errors"].as_array().unwrap().iter().map(|error| &error["extensions"]["code"]).collect();
    assert!(codes.len() == 2 && codes.contains(&&json!("BAD_REQUEST")) && codes.contains(&&json!("CURSOR_INVALID")), "{answer}");
}

async fn a_page_of_units_costs_two_statements(app: TestApp) {
    windows(&app, 50).await;
    let document = "{ units(first: 50) { nodes { id name { value } body { name { value } } } } }";
    let (count, answer) = app.statements(ask(&app, Actor::anonymous("test"), document, json!({}))).await;
    assert_eq!(answer["data"]["units"]["nodes"].as_array().unwrap().len(), 50);
    assert_eq!(count, 2);
}
