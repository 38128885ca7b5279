//! The catalogue on both engines: publishing, offering, routing, and what the API shows of it.

use std::sync::Arc;

use async_graphql::{Request, Variables};
use chrono::{Duration, NaiveDate};
use serde_json::{Value, json};
use talent_portal::api::context::Ctx;
use talent_portal::api::schema;
use talent_portal::catalogue::model::bundle::{Bundle, digest, vocabulary};
use talent_portal::catalogue::model::facts::{Fact, FactOrigin, FactValue};
use talent_portal::catalogue::model::item::{Version, VersionState};
use talent_portal::catalogue::model::offering::{Channel, Limit, Maker, OfferingTerms, Route};
use talent_portal::catalogue::model::version::StepKindCode;
use talent_portal::catalogue::service::{self, FactSource as _, Offer, UnitPlace};
use talent_portal::catalogue::store;
use talent_portal::kernel::actor::Actor;
use talent_portal::kernel::code::Verification;
use talent_portal::kernel::fault::Refused;
use talent_portal::kernel::ids::{ItemVersionId, PersonId, TypedId as _, UnitId};
use talent_portal::kernel::rejection::Code;
use talent_portal::kernel::text::{Language, Origin, Text};
use talent_portal::organisation::model::unit::UnitLevel;
use talent_portal::person::model::profile::{NewPerson, PersonName};
use talent_portal::talent::service::source::ProfileFacts;

use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    the_bundle_is_published_once_and_again_changes_nothing,
    a_changed_edition_makes_a_new_version_and_offerings_go_over_to_it,
    what_no_code_carries_out_is_not_published,
    what_the_api_made_is_left_and_told,
    an_older_bundle_is_refused,
    periods_of_an_offering_never_overlap,
    of_two_equal_offers_at_once_one_is_made,
    a_case_is_routed_to_the_closest_unit_by_the_rules_of_its_day,
    pages_of_items_walk_every_item_once,
    a_page_of_fifty_items_with_versions_and_offerings_costs_four_statements,
    an_item_is_shown_in_the_readers_language_with_what_it_rests_on,
    eligibility_may_be_asked_without_an_account,
    what_the_profile_says_is_known_to_the_rules_with_its_source,
);
pool_of_one!(the_bundle_is_published_once_and_again_changes_nothing, periods_of_an_offering_never_overlap);

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

async fn ask(app: &TestApp, language: Language, document: &str, variables: Value) -> Value {
    let ctx = Ctx { portal: app.portal().clone(), actor: Arc::new(Actor::anonymous("test")), language, address: "127.0.0.1".into() };
    let response = schema::build().execute(Request::new(document).variables(Variables::from_json(variables)).data(ctx)).await;
    serde_json::to_value(response).expect("an answer is JSON")
}

async fn bind(app: &TestApp, units: &[UnitPlace]) -> u32 {
    let txn = app.portal().db.begin_write().await.unwrap();
    let made = service::bind_units(&txn, app.portal(), units).await.unwrap();
    app.portal().commit(txn).await.unwrap();
    made
}

async fn window(app: &TestApp, region: &str, zone: Option<&str>) -> UnitPlace {
    UnitPlace { unit: app.unit(UnitLevel::Window, region, zone).await, level: UnitLevel::Window, region: region.to_owned(), zone: zone.map(str::to_owned) }
}

async fn published(app: &TestApp) {
    service::publish_bundle(app.portal()).await.unwrap();
}

async fn the_bundle_is_published_once_and_again_changes_nothing(app: TestApp) {
    let first = service::publish_bundle(app.portal()).await.unwrap();
    assert_eq!((first.items_added.len(), first.versions_added.len(), first.conflicts.len()), (35, 36, 0));
    let again = service::publish_bundle(app.portal()).await.unwrap();
    assert!(!again.changed());
    assert_eq!((again.refused_for, again.conflicts), (None, vec![]));
    let rows = talent_portal::audit::store::count_trail(app.portal().db.read()).await.unwrap();
    assert_eq!(rows, 1);
    let unit = [window(&app, "440100", None).await];
    assert_eq!(bind(&app, &unit).await, 36);
    assert_eq!(bind(&app, &unit).await, 0);
}

/// The bundle with a higher number and another count of visits in the 2023 edition of the card.
fn changed(number: i64, visits: u32) -> Bundle {
    let mut bundle = Bundle::embedded().unwrap();
    bundle.number = number;
    bundle.items[0].versions[1].content.visits = visits;
    bundle
}

async fn a_changed_edition_makes_a_new_version_and_offerings_go_over_to_it(app: TestApp) {
    published(&app).await;
    let unit = window(&app, "440100", None).await;
    bind(&app, std::slice::from_ref(&unit)).await;
    let item = service::item_by_code(app.portal(), "GD-TALENT-CARD").await.unwrap().unwrap();
    let today = app.portal().env.today();
    let before = service::offerings_of_items(app.portal(), &[item.id], today).await.unwrap().remove(&item.id).unwrap();
    assert_eq!(before.len(), 1);

    let report = service::publish_given(app.portal(), &changed(3, 7)).await.unwrap();
    assert_eq!(report.versions_added, ["GD-TALENT-CARD/2023"]);
    let after = service::offerings_of_items(app.portal(), &[item.id], today).await.unwrap().remove(&item.id).unwrap();
    assert_eq!(after.len(), 1);
    assert_ne!((after[0].id, after[0].version), (before[0].id, before[0].version));
    assert_eq!((after[0].terms.effective_from, after[0].unit), (today, unit.unit));
    // The offering that a case may have pinned is there, ended yesterday, with the version that it had.
    let old = service::offerings_by_ids(app.portal().db.read(), &[before[0].id]).await.unwrap().remove(&before[0].id).unwrap();
    assert_eq!((old.version, old.terms.effective_to), (before[0].version, today.pred_opt()));
    assert_eq!(service::version(app.portal(), old.version).await.unwrap().content.visits, 1);
    let current = service::current_versions(app.portal(), &[item.id], today).await.unwrap();
    assert_eq!((current[&item.id].id, current[&item.id].content.visits), (after[0].version, 7));

    // On the same day once more: one of the newest version takes the place of the offering that began today, to which cases
    // may be pinned: it goes on to name its own version, and is offered no more.
    service::publish_given(app.portal(), &changed(4, 8)).await.unwrap();
    let again = service::offerings_of_items(app.portal(), &[item.id], today).await.unwrap().remove(&item.id).unwrap();
    assert_eq!((again.len(), again[0].terms.effective_from), (1, today));
    assert_ne!(again[0].id, after[0].id);
    let pinned = service::offerings_by_ids(app.portal().db.read(), &[after[0].id]).await.unwrap();
    assert_eq!(pinned[&after[0].id].version, after[0].version);
    assert_eq!(service::version(app.portal(), again[0].version).await.unwrap().content.visits, 8);
}

async fn what_no_code_carries_out_is_not_published(app: TestApp) {
    published(&app).await;
    let mut bundle = changed(3, 7);
    bundle.items[0].versions[1].content.steps[0].kind = StepKindCode::Committee;
    bundle.items[0].versions[1].content.fulfilment.as_mut().unwrap().kind = "NOTHING".into();
    let missing: Vec<String> = talent_portal::app::handlers().missing(&bundle).iter().map(ToString::to_string).collect();
    assert_eq!(
        missing,
        ["GD-TALENT-CARD/2023/steps/0/kind: no handler for steps of kind COMMITTEE", "GD-TALENT-CARD/2023/fulfilment/kind: no fulfilment of kind NOTHING"]
    );
    assert!(service::publish_given(app.portal(), &bundle).await.is_err());
    // Nothing of it went in, its number neither.
    assert_eq!(service::publish_given(app.portal(), &changed(3, 7)).await.unwrap().versions_added, ["GD-TALENT-CARD/2023"]);
}

async fn what_the_api_made_is_left_and_told(app: TestApp) {
    published(&app).await;
    let item = service::item_by_code(app.portal(), "GD-TALENT-CARD").await.unwrap().unwrap();
    let mut content = Bundle::embedded().unwrap().items[0].versions[1].content.clone();
    content.visits = 3;
    let own = Version {
        id: ItemVersionId::new(&app.portal().env),
        item: item.id,
        item_code: item.code.clone(),
        edition: "2023".to_owned(),
        number: 3,
        digest: digest(&content),
        state: VersionState::Published,
        maker: Maker::Api,
        content,
    };
    let txn = app.portal().db.begin_write().await.unwrap();
    store::insert_version(&txn, &own, app.portal().env.now()).await.unwrap();
    app.portal().commit(txn).await.unwrap();
    assert_eq!(service::publish_bundle(app.portal()).await.unwrap().conflicts, Vec::<String>::new());
    let report = service::publish_given(app.portal(), &changed(3, 7)).await.unwrap();
    assert_eq!((report.versions_added.len(), report.conflicts), (0, vec!["GD-TALENT-CARD/2023".to_owned()]));
    let current = service::current_versions(app.portal(), &[item.id], app.portal().env.today()).await.unwrap();
    assert_eq!(current[&item.id].id, own.id);
}

async fn an_older_bundle_is_refused(app: TestApp) {
    service::publish_given(app.portal(), &changed(5, 7)).await.unwrap();
    let report = service::publish_given(app.portal(), &changed(4, 9)).await.unwrap();
    assert_eq!((report.refused_for, report.changed()), (Some(5), false));
    let item = service::item_by_code(app.portal(), "GD-TALENT-CARD").await.unwrap().unwrap();
    let current = service::current_versions(app.portal(), &[item.id], app.portal().env.today()).await.unwrap();
    assert_eq!(current[&item.id].content.visits, 7);
}

async fn card_offer(app: &TestApp, unit: UnitId, from: &str, to: Option<&str>) -> Offer {
    let item = service::item_by_code(app.portal(), "GD-TALENT-CARD").await.unwrap().unwrap();
    let version = service::current_versions(app.portal(), &[item.id], app.portal().env.today()).await.unwrap()[&item.id].id;
    let terms = OfferingTerms {
        authority: Text::simplified("演示", Origin::Human),
        promised: Some(Limit { days: 5, verification: Verification::StandIn }),
        statutory: Some(Limit { days: 20, verification: Verification::StandIn }),
        channels: vec![Channel::Online],
        intake: Vec::new(),
        quota: None,
        effective_from: day(from),
        effective_to: to.map(day),
        verification: Verification::StandIn,
        source: "test".to_owned(),
    };
    Offer { item: item.id, version, unit, region: "440100".to_owned(), zone: None, terms, maker: Maker::Api }
}

async fn try_offer(app: &TestApp, offer: Offer) -> Result<(), Vec<Code>> {
    let txn = app.portal().db.begin_write().await.unwrap();
    match service::offer(&txn, app.portal(), offer).await {
        Ok(_) => {
            app.portal().commit(txn).await.unwrap();
            Ok(())
        }
        Err(Refused::Rejected(reasons)) => Err(reasons.into_iter().map(|r| r.code).collect()),
        Err(Refused::Fault(fault)) => panic!("{fault:?}"),
    }
}

async fn periods_of_an_offering_never_overlap(app: TestApp) {
    published(&app).await;
    let unit = app.unit(UnitLevel::Window, "440100", None).await;
    for (from, to, expected) in [
        ("2026-02-01", Some("2026-03-31"), Ok(())),
        ("2026-03-31", None, Err(vec![Code::AlreadyExists])),
        ("2026-01-01", Some("2026-02-01"), Err(vec![Code::AlreadyExists])),
        ("2026-01-01", None, Err(vec![Code::AlreadyExists])),
        ("2026-01-01", Some("2026-01-31"), Ok(())),
        ("2026-04-02", Some("2026-04-01"), Err(vec![Code::PeriodReversed])),
        ("2026-04-01", None, Ok(())),
        ("2030-01-01", Some("2030-01-01"), Err(vec![Code::AlreadyExists])),
    ] {
        let offer = card_offer(&app, unit, from, to).await;
        assert_eq!(try_offer(&app, offer).await, expected, "{from} {to:?}");
    }
    let other = card_offer(&app, app.unit(UnitLevel::Window, "440100", None).await, "2026-01-01", None).await;
    let mut wrong = Offer { version: ItemVersionId::new(&app.portal().env), ..other.clone() };
    wrong.terms.channels.clear();
    assert_eq!(try_offer(&app, wrong).await, Err(vec![Code::NotAllowed, Code::NotFound]));
    assert_eq!(try_offer(&app, other).await, Ok(()));
}

async fn of_two_equal_offers_at_once_one_is_made(app: TestApp) {
    published(&app).await;
    let unit = app.unit(UnitLevel::Window, "440100", None).await;
    let first = card_offer(&app, unit, "2026-01-01", None).await;
    let second = card_offer(&app, unit, "2026-06-01", None).await;
    let (one, two) = tokio::join!(try_offer(&app, first), try_offer(&app, second));
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
}

async fn a_case_is_routed_to_the_closest_unit_by_the_rules_of_its_day(app: TestApp) {
    published(&app).await;
    let units = [window(&app, "440000", None).await, window(&app, "440300", None).await, window(&app, "440300", Some("QIANHAI")).await];
    bind(&app, &units).await;
    let item = service::item_by_code(app.portal(), "GD-TALENT-CARD").await.unwrap().unwrap();
    for (region, zone, date, expected) in [
        ("440300", Some("QIANHAI"), "2026-01-05", Some((units[2].unit, "2023"))),
        ("440304", None, "2026-01-05", Some((units[1].unit, "2023"))),
        ("440100", None, "2026-01-05", Some((units[0].unit, "2023"))),
        ("440300", None, "2023-04-30", Some((units[1].unit, "2018"))),
        ("440300", None, "2023-05-01", Some((units[1].unit, "2023"))),
        ("440300", None, "2028-05-01", None),
        ("810000", None, "2026-01-05", None),
    ] {
        let found = service::route(app.portal(), item.id, Route { region, zone, category: None }, day(date)).await.unwrap();
        let found = match found {
            Some(offering) => Some((offering.unit, service::version(app.portal(), offering.version).await.unwrap().edition.clone())),
            None => None,
        };
        assert_eq!(found.as_ref().map(|(unit, edition)| (*unit, edition.as_str())), expected, "{region} {zone:?} {date}");
    }
}

async fn pages_of_items_walk_every_item_once(app: TestApp) {
    published(&app).await;
    let page = "query($n: Int, $after: String) { serviceItems(first: $n, after: $after) { nodes { code } pageInfo { hasNextPage endCursor } } }";
    for size in [1, 7, 35, 100] {
        let (mut codes, mut after) = (Vec::new(), Value::Null);
        loop {
            let answer = ask(&app, Language::En, page, json!({ "n": size, "after": after })).await;
            let list = &answer["data"]["serviceItems"];
            codes.extend(list["nodes"].as_array().unwrap().iter().map(|n| n["code"].as_str().unwrap().to_owned()));
            if list["pageInfo"]["hasNextPage"] != json!(true) {
                break;
            }
            after = list["pageInfo"]["endCursor"].clone();
        }
        let mut sorted = codes.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((codes.len(), &codes), (35, &sorted), "pages of {size}");
    }
    let filtered = ask(&app, Language::En, "{ serviceItems(area: EDUCATION, audience: NATURAL_PERSON) { nodes { code } } }", json!({})).await;
    let expected = json!({ "serviceItems": { "nodes": [{ "code": "OS-12-CHILD-SCHOOLING" }, { "code": "OS-13-CHILD-UPPER-SECONDARY" }] } });
    assert_eq!(filtered["data"], expected);
    let nobody = ask(&app, Language::En, "{ serviceItems(audience: ENTERPRISE) { nodes { code } } }", json!({})).await;
    assert_eq!(nobody["data"], json!({ "serviceItems": { "nodes": [] } }));
    for (n, after, code) in [(101, Value::Null, "BAD_REQUEST"), (-1, Value::Null, "BAD_REQUEST"), (1, json!("x"), "CURSOR_INVALID")] {
        let refused = ask(&app, Language::En, page, json!({ "n": n, "after": after })).await;
        assert_eq!(refused["errors"].as_array().unwrap().len(), 1);
        assert_eq!((&refused["errors"][0]["extensions"]["code"], &refused["data"]), (&json!(code), &json!({ "serviceItems": null })));
    }
}

async fn a_page_of_fifty_items_with_versions_and_offerings_costs_four_statements(app: TestApp) {
    published(&app).await;
    bind(&app, &[window(&app, "440100", None).await, window(&app, "440300", None).await]).await;
    let document = "{ serviceItems(first: 50) { nodes { code currentVersion { name { value } } offerings { nodes { promisedDays } } } } }";
    for expected in [4, 3] {
        let (count, answer) = app.statements(ask(&app, Language::En, document, json!({}))).await;
        assert_eq!(answer["errors"], Value::Null);
        let nodes = answer["data"]["serviceItems"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 35);
        assert!(nodes.iter().all(|n| n["offerings"]["nodes"].as_array().unwrap().len() == 2 && n["currentVersion"]["name"]["value"].is_string()));
        assert_eq!(count, expected, "cold, then warm");
    }
    // One by one, by region, and counted without a statement more.
    let text = r#"query($region: String, $zone: String, $after: String) { serviceItem(code: "GD-TALENT-CARD") { currentVersion { number inForceFrom state }
        offerings(regionCode: $region, zoneCode: $zone, first: 1, after: $after) { totalCount nodes { regionCode itemVersionId } pageInfo { hasNextPage endCursor } } } }"#;
    let page = async |variables: Value| ask(&app, Language::En, text, variables).await;
    let first = page(json!({})).await["data"]["serviceItem"].take();
    assert_eq!((&first["currentVersion"]["state"], &first["currentVersion"]["number"]), (&json!("PUBLISHED"), &json!(2)));
    assert!(first["currentVersion"]["inForceFrom"].is_string());
    let first = &first["offerings"];
    assert_eq!((&first["totalCount"], &first["nodes"][0]["regionCode"], &first["pageInfo"]["hasNextPage"]), (&json!(2), &json!("440100"), &json!(true)));
    let second = page(json!({ "after": first["pageInfo"]["endCursor"] })).await["data"]["serviceItem"]["offerings"].take();
    assert_eq!((&second["totalCount"], &second["nodes"][0]["regionCode"], &second["pageInfo"]["hasNextPage"]), (&json!(2), &json!("440300"), &json!(false)));
    for (filter, total) in
        [(json!({ "region": "440000" }), 2), (json!({ "region": "440300" }), 1), (json!({ "region": "440305" }), 0), (json!({ "zone": "NANSHA" }), 0)]
    {
        assert_eq!(page(filter.clone()).await["data"]["serviceItem"]["offerings"]["totalCount"], total, "{filter}");
    }
    let wrong = page(json!({ "region": "44" })).await;
    assert_eq!((&wrong["errors"][0]["extensions"]["field"], &wrong["data"]["serviceItem"]["offerings"]), (&json!(["regionCode"]), &Value::Null));
    let items = ask(&app, Language::En, "{ serviceItems(first: 1, area: TALENT_CARD) { totalCount } all: serviceItems { totalCount } }", json!({})).await;
    assert_eq!(items["data"]["all"]["totalCount"], 35);
    assert!(items["data"]["serviceItems"]["totalCount"].as_i64().is_some_and(|total| (1..35).contains(&total)), "{items}");
}

async fn an_item_is_shown_in_the_readers_language_with_what_it_rests_on(app: TestApp) {
    published(&app).await;
    let document = r#"{
        serviceItem(code: "GD-TALENT-CARD") {
            code area verification name { value language origin }
            currentVersion {
                edition number minimumAssurance oneOpenCase inForceTo verification
                legalBasis { number verification }
                form { schema etag }
                materials { key name { value } conditional necessity maxAgeDays }
                steps { key kind role unitLevel name { value origin } verification }
            }
        }
        talentClasses { code verification }
    }"#;
    let answer = ask(&app, Language::Pt, document, json!({})).await;
    assert_eq!(answer["errors"], Value::Null);
    let item = &answer["data"]["serviceItem"];
    assert_eq!(item["name"], json!({ "value": "Requerimento do cartão «Youyue» de talentos", "language": "PT", "origin": "MACHINE" }));
    let version = &item["currentVersion"];
    assert_eq!(version["legalBasis"], json!([{ "number": "粤府〔2023〕29号", "verification": "REPORTED" }]));
    assert_eq!((&version["edition"], &version["inForceTo"], &version["minimumAssurance"]), (&json!("2023"), &json!("2028-04-30"), &json!("L2")));
    assert_eq!(version["form"]["schema"]["properties"]["employer"]["title"], "Entidade empregadora");
    let steps: Vec<(&str, &str)> =
        version["steps"].as_array().unwrap().iter().map(|s| (s["kind"].as_str().unwrap(), s["verification"].as_str().unwrap())).collect();
    assert_eq!(steps, [("EMPLOYER_CONFIRMATION", "STAND_IN"), ("REVIEW", "STAND_IN"), ("REVIEW", "STAND_IN")]);
    let certificate = &version["materials"][2];
    assert_eq!((&certificate["key"], &certificate["maxAgeDays"], &certificate["conditional"]), (&json!("employment_certificate"), &json!(60), &json!(false)));
    assert_eq!(answer["data"]["talentClasses"].as_array().unwrap().len(), 15);

    let missing = ask(&app, Language::En, r#"{ serviceItem(code: "NONE") { code } }"#, json!({})).await;
    assert_eq!((&missing["errors"][0]["extensions"]["code"], &missing["data"]), (&json!("NOT_FOUND"), &json!({ "serviceItem": null })));
    for document in ["{ serviceItem { code } }", r#"{ serviceItem(id: "card_1") { code } }"#, r#"{ serviceItem(id: "x", code: "y") { code } }"#] {
        let refused = ask(&app, Language::En, document, json!({})).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_REQUEST", "{document}");
    }
    // After the 2023 measure has lapsed nothing is in force.
    app.advance(Duration::days(900));
    let lapsed = ask(&app, Language::En, r#"{ serviceItem(code: "GD-TALENT-CARD") { currentVersion { edition } } }"#, json!({})).await;
    assert_eq!(lapsed["data"], json!({ "serviceItem": { "currentVersion": null } }));
}

async fn eligibility_may_be_asked_without_an_account(app: TestApp) {
    published(&app).await;
    let document = r#"query($facts: [WhatIfFact!]) {
        eligibility(code: "GD-TALENT-CARD", whatIf: $facts) {
            outcome
            nodes { kind parent outcome condition { key turns { value } facts { path value origin } } }
            materials { key outcome }
        }
    }"#;
    let nothing = ask(&app, Language::En, document, json!({})).await;
    assert_eq!(nothing["data"]["eligibility"]["outcome"], "UNKNOWN");
    let facts = json!([
        { "path": "conduct.lawful", "value": true }, { "path": "conduct.honest", "value": true }, { "path": "talent.outstanding", "value": true },
        { "path": "contribution.insurance_months", "value": 5 }, { "path": "contribution.tax_months", "value": 7 },
        { "path": "employment.civil_servant", "value": false }, { "path": "person.origin", "value": "MACAO" },
    ]);
    let answer = ask(&app, Language::En, document, json!({ "facts": facts })).await;
    assert_eq!(answer["errors"], Value::Null);
    let eligibility = &answer["data"]["eligibility"];
    assert_eq!(eligibility["outcome"], "PASS");
    let nodes = eligibility["nodes"].as_array().unwrap();
    let leaf = |key: &str| nodes.iter().find(|n| n["condition"]["key"] == key).unwrap();
    assert_eq!((&leaf("insurance")["outcome"], &leaf("tax")["outcome"], &leaf("agreement")["outcome"]), (&json!("FAIL"), &json!("PASS"), &json!("UNKNOWN")));
    assert_eq!(leaf("insurance")["condition"]["turns"], json!({ "value": "Six consecutive months or more" }));
    assert_eq!(leaf("tax")["condition"]["turns"], Value::Null);
    assert_eq!(leaf("insurance")["condition"]["facts"], json!([{ "path": "contribution.insurance_months", "value": 5, "origin": "WHAT_IF" }]));
    let materials = eligibility["materials"].as_array().unwrap();
    let material = |key: &str| materials.iter().find(|m| m["key"] == key).unwrap()["outcome"].clone();
    let outcomes = (material("travel_permit"), material("passport"), material("tax_record"));
    assert_eq!(outcomes, (json!("PASS"), json!("FAIL"), json!("UNKNOWN")));

    for (fact, field) in [
        (json!({ "path": "conduct.unheard_of", "value": true }), "path"),
        (json!({ "path": "person.name.latin", "value": "X" }), "path"),
        (json!({ "path": "conduct.lawful", "value": "yes" }), "value"),
        (json!({ "path": "conduct.lawful", "value": null }), "value"),
        (json!({ "path": "request.grade", "value": 1 }), "value"),
        (json!({ "path": "person.origin", "value": "MARS" }), "value"),
    ] {
        let refused = ask(&app, Language::En, document, json!({ "facts": [fact] })).await;
        assert_eq!(refused["errors"].as_array().unwrap().len(), 1);
        assert_eq!(refused["errors"][0]["extensions"]["field"], json!(["whatIf", "0", field]), "{fact}");
        assert_eq!(refused["data"], json!({ "eligibility": null }));
    }
}

async fn what_the_profile_says_is_known_to_the_rules_with_its_source(app: TestApp) {
    let portal = app.portal();
    let id = PersonId::new(&portal.env);
    let txn = portal.db.begin_write().await.unwrap();
    let name = PersonName { zh: Some("陈大文".to_owned()), latin: None };
    let new = NewPerson { name, birth_date: Some(day("1990-01-06")), nationality: Some("CHN".to_owned()), ..NewPerson::default() };
    talent_portal::person::service::new_person(&txn, portal, id, new).await.unwrap();
    portal.commit(txn).await.unwrap();
    let asked = vocabulary().unwrap().elements().map(|element| element.path.as_str()).collect();
    let facts = ProfileFacts.facts(portal, id, &asked).await.unwrap();
    let told = |value| Some(Fact { value, origin: FactOrigin::Profile });
    assert_eq!(facts.get("person.birth_date").cloned(), told(FactValue::Date(day("1990-01-06"))));
    assert_eq!(facts.get("person.age").cloned(), told(FactValue::Integer(35)));
    assert_eq!(facts.get("person.nationality").cloned(), told(FactValue::Text("CHN".to_owned())));
    // A name is no fact for rules, and what nobody told is not known.
    assert_eq!((facts.get("person.name.chinese"), facts.get("person.origin"), facts.get("employment.in_guangdong")), (None, None, None));
}
