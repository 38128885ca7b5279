//! Cards: issued once, shown once, checked for an allowed purpose, used up to the quota.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use talent_portal::account::service::demo::{NewDemoAccount, add_account, demo_session, mark_demo};
use talent_portal::application::service::fulfilment::{Fulfilment as _, FulfilmentCase};
use talent_portal::demo;
use talent_portal::kernel::actor::{Actor, Grant, Member, Scope};
use talent_portal::kernel::fault::{Fault, Refused};
use talent_portal::kernel::ids::{AccountId, ApplicationId, CardId, PersonId, SessionId, TypedId as _, UnitId};
use talent_portal::kernel::page::PageRequest;
use talent_portal::kernel::rejection::Code;
use talent_portal::kernel::role::{Assurance, Role};
use talent_portal::organisation::model::body::BodyKind;
use talent_portal::organisation::model::unit::UnitLevel;
use talent_portal::organisation::service as organisation;
use talent_portal::person::model::profile::{NewPerson, PersonName};
use talent_portal::person::service as person;
use talent_portal::talent_card::model::bundle::Bundle;
use talent_portal::talent_card::model::check::{CheckAnswer, CheckPurpose, Counter};
use talent_portal::talent_card::model::ledger::BalanceKey;
use talent_portal::talent_card::model::number::CardNumber;
use talent_portal::talent_card::model::product::{Beneficiary, BenefitArea, ledger_year};
use talent_portal::talent_card::service::check::{self, Shown};
use talent_portal::talent_card::service::fulfilment::CardFulfilment;
use talent_portal::talent_card::service::issue::{self, IssueCard};
use talent_portal::talent_card::service::{publish, view};
use talent_portal::talent_card::store;

use uuid::Uuid;

use crate::application::instant;
use crate::support::{TestApp, both_engines};

both_engines!(
    a_token_is_spent_by_one_of_a_hundred_checks,
    the_last_unit_of_a_quota_is_used_once,
    a_use_under_the_check_of_another_counter_is_refused,
    a_card_token_verifies_by_the_published_key,
    a_card_that_ran_out_or_was_revoked_is_shown_by_no_token,
    the_ledger_refuses_by_itself,
    a_sub_card_uses_the_ledger_of_its_principal,
    a_holder_gets_one_card_of_a_product_and_sees_it_in_three_statements,
    a_counter_learns_what_its_purpose_needs_and_no_more,
    a_card_is_shown_checked_and_used_over_http,
    a_merge_begins_no_quota_anew_and_is_told_to_the_account,
    a_balance_of_one_benefit_moves_with_the_sum_up_to_the_quota,
    a_regional_benefit_is_given_where_the_counter_stands,
    a_mismatch_is_written_down_and_limited_by_card_and_counter,
    a_supervisor_sets_purposes_below_her_unit_and_not_above,
    the_family_of_a_card_is_that_of_its_case,
    a_check_is_told_again_while_it_is_open_and_its_purpose_stands,
    a_card_ends_with_the_contract_and_with_the_permit_that_was_verified,
    products_are_read_once_and_by_anybody,
    my_cards_with_their_benefits_cost_four_statements_over_http,
    a_second_card_of_a_case_is_a_fault_and_no_card_in_force,
);

pub(crate) fn actor(person: PersonId, grants: Vec<Grant>) -> Actor {
    let member = Member { person, account: AccountId(person.uuid()), session: SessionId(person.uuid()), assurance: Assurance::L2, second_factor: true, grants };
    Actor { member: Some(member), request_id: "test".into() }
}

async fn somebody(app: &TestApp, grants: Vec<Grant>) -> (PersonId, Actor) {
    let portal = app.portal();
    let id = PersonId::new(&portal.env);
    let txn = portal.db.begin_write().await.unwrap();
    let new = NewPerson { name: PersonName { zh: Some("陈大文".into()), latin: None }, ..NewPerson::default() };
    person::new_person(&txn, portal, id, new).await.unwrap();
    portal.commit(txn).await.unwrap();
    (id, actor(id, grants))
}

pub fn order(app: &TestApp, holder: PersonId) -> IssueCard {
    IssueCard {
        application: ApplicationId::new(&app.portal().env),
        product: "GUANGDONG_TALENT_CARD".into(),
        version: 2,
        grade: "A".into(),
        holder,
        beneficiaries: Vec::new(),
        from: app.portal().env.today(),
        contract_until: None,
        permit_until: None,
    }
}

/// The rows of a case that a card may name.
async fn case_of(app: &TestApp, txn: &impl ConnectionTrait, case: ApplicationId, holder: PersonId) {
    let (one, case, holder, now) = (Uuid::from_u128(1), case.0, holder.0, app.portal().env.now());
    let rows: [(&str, Vec<sea_orm::Value>); 4] = [
        (
            "service_item (id, code, area, name, verification, maker, created_at, version) VALUES ($1, 'ONE', 'TALENT_CARD', $2, 'STAND_IN', 'API', $3, 1)",
            vec![one.into(), json!({ "zh-Hans": { "t": "一", "o": "HUMAN" } }).into(), now.into()],
        ),
        (
            "item_version (id, item_id, item_code, edition, state, digest, maker, content, created_at) VALUES ($1, $1, 'ONE', '1', 'DRAFT', '', 'API', $2, $3)",
            vec![one.into(), json!({}).into(), now.into()],
        ),
        (
            "application_order (id, applicant_person_id, created_by, channel, state, version, created_at, updated_at) \
             VALUES ($1, $2, $2, 'ONLINE', 'CART', 1, $3, $3)",
            vec![case.into(), holder.into(), now.into()],
        ),
        (
            "application (id, order_id, position, item_id, version_id, applicant_person_id, key_owner_id, channel, state, step_index, version, due_at, provisional, \
             created_at, updated_at) VALUES ($1, $1, 0, $2, $2, $3, $3, 'ONLINE', 'DRAFT', 0, 0, $4, FALSE, $4, $4)",
            vec![case.into(), one.into(), holder.into(), now.into()],
        ),
    ];
    for (text, values) in rows {
        let text = format!("INSERT INTO {text} ON CONFLICT DO NOTHING");
        txn.execute_raw(Statement::from_sql_and_values(txn.get_database_backend(), text, values)).await.unwrap();
    }
}

pub async fn issue(app: &TestApp, command: IssueCard, by: &Actor) -> Result<CardId, Refused> {
    let portal = app.portal();
    let txn = portal.db.begin_write().await.unwrap();
    case_of(app, &txn, command.application, command.holder).await;
    let card = issue::issue_card(&txn, portal, by, command).await?;
    portal.commit(txn).await?;
    Ok(card.card)
}

/// Products with one lounge visit a year, a holder with her card, and a counter of a body that may check for transport.
async fn world(app: &TestApp) -> (Actor, CardId, Actor) {
    let portal = app.portal();
    let text = include_str!("../../catalogue/card_products.toml").replace("area = \"TRANSPORT\"\n", "area = \"TRANSPORT\"\nyearly_quota = 1\n");
    let bundle = Bundle::parse(&text).unwrap();
    talent_portal::organisation::service::publish_reference_data(portal).await.unwrap();
    assert_eq!(publish::publish(portal, &bundle).await.unwrap().added, 7);
    assert_eq!(publish::publish(portal, &bundle).await.unwrap(), publish::Published::default());
    // What was published under a number stays: the shipped bundle differs by the quota.
    assert_eq!(publish::publish_products(portal).await.unwrap().conflicts.len(), 2);
    let body = app.body(BodyKind::Delivering).await;
    let (holder, talent) = somebody(app, Vec::new()).await;
    let (_, counter) = somebody(app, vec![Grant { role: Role::Counter, scope: Scope::Body(body) }]).await;
    let (_, admin) = somebody(app, vec![Grant { role: Role::SystemAdmin, scope: Scope::Portal }]).await;
    check::set_counter_purpose(portal, &admin, Counter::Body(body), CheckPurpose::Transport, true).await.unwrap();
    let card = issue(app, order(app, holder), &admin).await.unwrap();
    (talent, card, counter)
}

fn codes<T: std::fmt::Debug>(result: Result<T, Refused>) -> Vec<Code> {
    match result {
        Err(Refused::Rejected(reasons)) => reasons.into_iter().map(|r| r.code).collect(),
        other => panic!("{other:?}"),
    }
}

async fn a_token_is_spent_by_one_of_a_hundred_checks(app: TestApp) {
    let app = &app;
    let desk = desk(app, str::to_owned, &["TRANSPORT"]).await;
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let holder = person_of(app, &talent).await;
    let card = issue(app, order(app, holder), &actor(holder, Vec::new())).await.unwrap();
    let token = token_of(app, &talent, card).await;
    let tries = (0..100).map(|n| by_shown(app, &desk.counter, &token, "TRANSPORT", format!("token-check-{n:0>8}")));
    let (won, lost): (Vec<_>, Vec<_>) = join_all(tries).await.into_iter().partition(|answer| answer["userErrors"] == json!([]));
    assert_eq!((won.len(), won[0]["check"]["answer"].as_str()), (1, Some("VALID")));
    let spent = json!([{ "code": "CARD_TOKEN_SPENT", "field": ["input", "by", "token"] }]);
    assert!(lost.iter().all(|answer| answer["userErrors"] == spent && answer["check"].is_null()));
    assert_eq!(count_rows(app, "SELECT COUNT(*) FROM card_check").await, 1);
}

async fn the_last_unit_of_a_quota_is_used_once(app: TestApp) {
    let app = &app;
    let quota = |text: &str| text.replace("area = \"TRANSPORT\"\n", "area = \"TRANSPORT\"\nyearly_quota = 1\n");
    let desk = desk(app, quota, &["TRANSPORT"]).await;
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let holder = person_of(app, &talent).await;
    let card = issue(app, order(app, holder), &actor(holder, Vec::new())).await.unwrap();
    let checked = by_token(app, &talent, &desk.counter, card, "TRANSPORT", "quota-check-0001").await;
    let keys: Vec<String> = (0..100).map(|n| format!("quota-use-{n:0>8}")).collect();
    let (won, lost): (Vec<_>, Vec<_>) =
        join_all(keys.iter().map(|key| used(app, &desk.counter, &checked, key))).await.into_iter().partition(|answer| answer["userErrors"] == json!([]));
    assert_eq!((won.len(), &won[0]["balance"]["used"], &won[0]["balance"]["remaining"]), (1, &json!(1), &json!(0)));
    let exhausted = json!([{ "code": "QUOTA_EXHAUSTED", "field": ["input", "amount"] }]);
    assert!(lost.iter().all(|answer| answer["userErrors"] == exhausted && answer["use"].is_null()));
    assert_eq!(count_rows(app, "SELECT COUNT(*) FROM benefit_entry").await, 1);
}

async fn a_use_under_the_check_of_another_counter_is_refused(app: TestApp) {
    let app = &app;
    let desk = desk(app, str::to_owned, &["TRANSPORT"]).await;
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let holder = person_of(app, &talent).await;
    let card = issue(app, order(app, holder), &actor(holder, Vec::new())).await.unwrap();
    let checked = by_token(app, &talent, &desk.counter, card, "TRANSPORT", "others-check-001").await;
    // Another unit, which may check for the same purpose.
    let unit = app.unit(UnitLevel::Window, "440106", None).await;
    let input = json!({ "unitId": unit.global(), "purpose": "TRANSPORT", "allowed": true });
    assert_eq!(mutate(app, &desk.system, "setCounterPurpose", "counterPurpose { allowed }", input).await["counterPurpose"]["allowed"], true);
    let other = signed_in(app, "other@demo.invalid", Some((Role::Counter, Some(unit)))).await;
    let refused = used(app, &other, &checked, "others-use-00001").await;
    assert_eq!(refused, json!({ "use": null, "balance": null, "userErrors": [{ "code": "CHECK_EXPIRED", "field": ["input", "checkId"] }] }));
    assert_eq!((count_rows(app, "SELECT COUNT(*) FROM benefit_entry").await, count_rows(app, "SELECT COUNT(*) FROM benefit_balance").await), (0, 0));
    assert_eq!(used(app, &desk.counter, &checked, "others-use-00002").await["userErrors"], json!([]));
    assert_eq!(count_rows(app, "SELECT COUNT(*) FROM benefit_entry").await, 1);
}

/// Verified by nothing of ours but the published key, as a counter's own program would.
async fn a_card_token_verifies_by_the_published_key(app: TestApp) {
    let app = &app;
    mark_demo(app.portal()).await.unwrap();
    app.publish().await;
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let holder = person_of(app, &talent).await;
    let card = issue(app, order(app, holder), &actor(holder, Vec::new())).await.unwrap();
    let token = token_of(app, &talent, card).await;
    let token = token.as_str().unwrap();
    let request = axum::http::Request::get("/.well-known/jwks.json").body(axum::body::Body::empty()).unwrap();
    let (status, headers, body) = app.send(request).await;
    assert_eq!((status.as_u16(), headers["content-type"].to_str().unwrap()), (200, "application/json"));
    let keys: Value = serde_json::from_slice(&body).unwrap();
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let read = |text: &str| -> Value { serde_json::from_slice(&bytes(text)).unwrap() };
    let (head, claims) = (read(head), read(claims));
    assert_eq!((&head["alg"], &head["typ"]), (&json!("EdDSA"), &json!("card-token+jws")));
    let named: Vec<&Value> = keys["keys"].as_array().unwrap().iter().filter(|key| key["kid"] == head["kid"]).collect();
    assert_eq!((named.len(), &named[0]["kty"], &named[0]["crv"], &named[0]["use"]), (1, &json!("OKP"), &json!("Ed25519"), &json!("sig")));
    assert!(named[0].get("d").is_none(), "no key tells its secret");
    let key = VerifyingKey::from_bytes(&bytes(named[0]["x"].as_str().unwrap()).try_into().unwrap()).unwrap();
    let signature = Signature::from_slice(&bytes(signature)).unwrap();
    key.verify_strict(signed.as_bytes(), &signature).unwrap();
    assert!(key.verify_strict(&signed.as_bytes()[1..], &signature).is_err());
    let now = app.portal().env.now().timestamp();
    assert_eq!((&claims["sub"], claims["iat"].as_i64(), claims["exp"].as_i64()), (&json!(card.global()), Some(now), Some(now + 60)));
    // Who she is stands nowhere in it.
    assert_eq!(claims.as_object().unwrap().keys().collect::<Vec<_>>(), ["jti", "sub", "iat", "exp", "status"]);
    assert_eq!(claims["status"]["status_list"].as_object().unwrap().keys().collect::<Vec<_>>(), ["idx", "uri"]);
}

async fn a_card_that_ran_out_or_was_revoked_is_shown_by_no_token(app: TestApp) {
    let app = &app;
    let desk = desk(app, str::to_owned, &["TRANSPORT"]).await;
    let portal = app.portal();
    let inactive = json!([{ "code": "CARD_NOT_ACTIVE", "field": ["input", "cardId"] }]);
    let refused = async |token: &str, card: CardId| {
        let made = mutate(app, token, "createCardToken", "cardToken { token }", json!({ "cardId": card.global() })).await;
        assert_eq!((&made["userErrors"], &made["cardToken"]), (&inactive, &Value::Null));
    };
    // One that is revoked between two checks, and one that ends with its contract.
    let (first, second) = (signed_in(app, "talent@demo.invalid", None).await, signed_in(app, "talent2@demo.invalid", None).await);
    let (one, two) = (person_of(app, &first).await, person_of(app, &second).await);
    for (person, number) in [(one, CARD_OF_HOLDER), (two, OTHER_DOCUMENT)] {
        assert_eq!(verify(app, &desk.officer, person, number).await["userErrors"], json!([]));
    }
    let ends = IssueCard { contract_until: Some("2026-01-05".parse().unwrap()), ..order(app, two) };
    let order = order(app, one);
    let application = order.application;
    let revoked = issue(app, order, &actor(one, Vec::new())).await.unwrap();
    let expires = issue(app, ends, &actor(two, Vec::new())).await.unwrap();
    let numbers = [number_of(app, revoked).await, number_of(app, expires).await];
    let shown = by_token(app, &first, &desk.counter, revoked, "TRANSPORT", "before-revoked-01").await;
    let early = token_of(app, &first, revoked).await;
    assert_eq!(by_number(app, &desk.counter, &numbers[0], CARD_OF_HOLDER, "TRANSPORT", "before-revoked-02").await["check"]["answer"], "VALID");
    let key = person::keys::data_key(portal, one).await.unwrap();
    let txn = portal.db.begin_write().await.unwrap();
    assert_eq!(issue::revoke_card(&txn, portal, &actor(one, Vec::new()), application, "放弃", &key).await.unwrap(), Some(revoked));
    portal.commit(txn).await.unwrap();
    refused(&first, revoked).await;
    // A token made before, the number, and a use under a check made before.
    let nothing = |answer: &Value| {
        assert_eq!((&answer["userErrors"], &answer["check"]["answer"], &answer["benefits"]), (&json!([]), &json!("NOT_VALID"), &json!([])));
    };
    nothing(&by_shown(app, &desk.counter, &early, "TRANSPORT", "after-revoked-001".into()).await);
    nothing(&by_number(app, &desk.counter, &numbers[0], CARD_OF_HOLDER, "TRANSPORT", "after-revoked-002").await);
    assert_eq!(used(app, &desk.counter, &shown, "use-after-revoked").await["userErrors"][0]["code"], "CARD_NOT_ACTIVE");
    let last_moment = token_of(app, &second, expires).await;
    app.set_time("2026-01-05T15:59:59Z".parse().unwrap());
    assert_eq!(by_number(app, &desk.counter, &numbers[1], OTHER_DOCUMENT, "TRANSPORT", "before-midnight-1").await["check"]["answer"], "VALID");
    let late = token_of(app, &second, expires).await;
    // At UTC+8 the next day begins.
    app.set_time("2026-01-05T16:00:00Z".parse().unwrap());
    refused(&second, expires).await;
    nothing(&by_shown(app, &desk.counter, &late, "TRANSPORT", "after-midnight-01".into()).await);
    nothing(&by_number(app, &desk.counter, &numbers[1], OTHER_DOCUMENT, "TRANSPORT", "after-midnight-02").await);
    let expired = by_shown(app, &desk.counter, &last_moment, "TRANSPORT", "after-midnight-03".into()).await;
    assert_eq!(expired["userErrors"][0]["code"], "CARD_TOKEN_EXPIRED");
    let cards = app.graphql(Some(&second), "{ myCards { status } }", json!({})).await.ok();
    assert_eq!(cards["myCards"], json!([{ "status": "EXPIRED" }]));
}

/// Whoever writes past the portal is stopped by the database.
async fn the_ledger_refuses_by_itself(app: TestApp) {
    let app = &app;
    let quota = |text: &str| text.replace("area = \"TRANSPORT\"\n", "area = \"TRANSPORT\"\nyearly_quota = 2\n");
    let desk = desk(app, quota, &["TRANSPORT"]).await;
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let holder = person_of(app, &talent).await;
    let card = issue(app, order(app, holder), &actor(holder, Vec::new())).await.unwrap();
    let checked = by_token(app, &talent, &desk.counter, card, "TRANSPORT", "ledger-check-001").await;
    assert_eq!(used(app, &desk.counter, &checked, "ledger-use-00001").await["userErrors"], json!([]));
    let db = app.portal().db.writer();
    let copy = |id: &str, delta: i64, reverses: &str| {
        let kind = if reverses == "NULL" { "USE" } else { "REVERSAL" };
        format!(
            "INSERT INTO benefit_entry (id, card_id, benefit_id, beneficiary_person_id, year, kind, delta, check_id, delivered_at, recorded_by_person_id, unit_id, \
             body_id, channel, reverses_id) SELECT {id}, card_id, benefit_id, beneficiary_person_id, year, '{kind}', {delta}, check_id, delivered_at, \
             recorded_by_person_id, unit_id, body_id, channel, {reverses} FROM benefit_entry WHERE delta > 0"
        )
    };
    // The id of another row of the world, where an id is wanted that no entry has.
    let other = "card_id";
    for (what, statement) in [
        ("more than the quota", "UPDATE benefit_balance SET used = quota + 1".to_owned()),
        ("less than nothing", "UPDATE benefit_balance SET used = -1".to_owned()),
        ("a changed entry", "UPDATE benefit_entry SET delta = 2".to_owned()),
        ("an entry that is gone", "DELETE FROM benefit_entry".to_owned()),
        ("an entry of nothing", copy(other, 0, "NULL")),
        ("what is given back for nothing", copy(other, -1, "NULL")),
        ("a use that reverses", copy(other, 1, "id")),
        ("a second entry of one id", copy("id", 1, "NULL")),
    ] {
        let done = db.execute_unprepared(&statement).await;
        assert!(done.is_err(), "{what}");
    }
    // It was no other column that was wrong: the same with a good delta is taken, and its reversal once.
    db.execute_unprepared(&copy(other, -1, "id")).await.unwrap();
    assert!(db.execute_unprepared(&copy("benefit_id", -1, "(SELECT reverses_id FROM benefit_entry WHERE delta < 0)")).await.is_err(), "reversed twice");
    assert_eq!(count_rows(app, "SELECT used FROM benefit_balance").await, 1);
    assert_eq!(count_rows(app, "SELECT COUNT(*) FROM benefit_entry").await, 2);
}

async fn a_sub_card_uses_the_ledger_of_its_principal(app: TestApp) {
    let app = &app;
    let quota = |text: &str| text.replace("area = \"SPOUSE_EMPLOYMENT\"\n", "area = \"SPOUSE_EMPLOYMENT\"\nyearly_quota = 2\n");
    let desk = desk(app, quota, &["SPOUSE_EMPLOYMENT"]).await;
    let (talent, spouse) = (signed_in(app, "talent@demo.invalid", None).await, signed_in(app, "talent2@demo.invalid", None).await);
    let (holder, other) = (person_of(app, &talent).await, person_of(app, &spouse).await);
    let principal = issue(app, order(app, holder), &actor(holder, Vec::new())).await.unwrap();
    let portal = app.portal();
    let sub = CardId::new(&portal.env);
    let txn = portal.db.begin_write().await.unwrap();
    let insert = "INSERT INTO card (id, product_id, product_version_id, grade, holder_person_id, beneficiary, principal_card_id, valid_from, valid_to, status, \
                  issued_at, version) SELECT $1, product_id, product_version_id, grade, $2, 'SPOUSE', id, valid_from, valid_to, status, issued_at, 1 \
                  FROM card WHERE id = $3";
    txn.execute_raw(sea_orm::Statement::from_sql_and_values(txn.get_database_backend(), insert, [sub.0.into(), other.0.into(), principal.0.into()]))
        .await
        .unwrap();
    let number = CardNumber::compose("4400", "A", 900).unwrap();
    store::insert_number(&txn, sub, number.as_str(), portal.env.now()).await.unwrap();
    portal.commit(txn).await.unwrap();
    let checked = by_token(app, &spouse, &desk.counter, sub, "SPOUSE_EMPLOYMENT", "sub-check-000001").await;
    let first = used(app, &desk.counter, &checked, "sub-use-00000001").await;
    assert_eq!((&first["userErrors"], &first["balance"]["beneficiaryId"]), (&json!([]), &json!(other.global())));
    assert_eq!(
        count_rows(app, "SELECT COUNT(*) FROM benefit_balance b JOIN card c ON c.id = b.card_id WHERE c.principal_card_id IS NULL AND b.used = 1").await,
        1
    );
    assert_eq!(count_rows(app, "SELECT COUNT(*) FROM benefit_balance").await, 1);
    // Under the principal card the same year goes on, and ends for both.
    let checked_there = by_token(app, &talent, &desk.counter, principal, "SPOUSE_EMPLOYMENT", "sub-check-000002").await;
    let input = |key: &str| json!({ "checkId": checked_there["check"]["id"], "benefitId": checked_there["benefits"][0]["benefit"]["id"], "beneficiaryId": other.global(), "amount": 1, "idempotencyKey": key });
    let second = mutate(app, &desk.counter, "recordBenefitUse", "balance { used remaining }", input("sub-use-00000002")).await;
    assert_eq!((&second["userErrors"], &second["balance"]), (&json!([]), &json!({ "used": 2, "remaining": 0 })));
    assert_eq!(mutate(app, &desk.counter, "recordBenefitUse", "balance { used }", input("sub-use-00000003")).await["userErrors"][0]["code"], "QUOTA_EXHAUSTED");
    assert_eq!(used(app, &desk.counter, &checked, "sub-use-00000004").await["userErrors"][0]["code"], "QUOTA_EXHAUSTED");
}

async fn a_holder_gets_one_card_of_a_product_and_sees_it_in_three_statements(app: TestApp) {
    let app = &app;
    let (talent, card, counter) = world(app).await;
    let portal = app.portal();
    let holder = talent.person().unwrap();
    assert_eq!(codes(issue(app, order(app, holder), &counter).await), [Code::CardExists]);
    let city = IssueCard { product: "FOSHAN_TALENT_CARD".into(), version: 1, ..order(app, holder) };
    assert_eq!(codes(issue(app, city, &counter).await), [Code::FulfilmentImpossible]);
    let (statements, cards) = app.statements(view::my_cards(portal, &talent)).await;
    let cards = cards.unwrap();
    assert!(statements <= 3, "{statements}");
    assert_eq!(cards.len(), 1);
    assert_eq!(cards[0].card.id, card);
    assert!(cards[0].card.number().unwrap().number.starts_with("4400A00000001"));
    assert_eq!(app.statements(view::my_cards(portal, &talent)).await.0, 2);
    let (_, other) = somebody(app, Vec::new()).await;
    assert!(view::my_cards(portal, &other).await.unwrap().is_empty());
    assert!(matches!(view::card(portal, &other, card).await, Err(Fault::NotFound)));
}

async fn a_counter_learns_what_its_purpose_needs_and_no_more(app: TestApp) {
    let app = &app;
    let (talent, card, counter) = world(app).await;
    let portal = app.portal();
    let token = check::create_card_token(portal, &talent, card).await.unwrap().jws;
    let refused = check::check_card(portal, &counter, Shown::Token(token.clone()), CheckPurpose::Housing, "wrong-purpose-01").await;
    assert_eq!(codes(refused), [Code::PurposeNotAllowed]);
    let refused = check::check_card(portal, &talent, Shown::Token(token.clone()), CheckPurpose::Transport, "not-a-counter-01").await;
    assert!(matches!(refused, Err(Refused::Fault(Fault::Forbidden))));
    // The refusals spent nothing; a replay answers the same check.
    let first = check::check_card(portal, &counter, Shown::Token(token.clone()), CheckPurpose::Transport, "right-purpose-01").await.unwrap();
    let again = check::check_card(portal, &counter, Shown::Token(token), CheckPurpose::Transport, "right-purpose-01").await.unwrap();
    assert_eq!(first.check, again.check);
    assert_eq!(first.check.answer, CheckAnswer::Valid);
    assert_eq!((first.grade.as_ref().map(|grade| grade.code.as_str()), first.holder_name.as_deref()), (Some("A"), Some("陈**")));
    assert_eq!(first.benefits.iter().map(|(b, _)| b.area).collect::<Vec<_>>(), [BenefitArea::Transport]);
    let request = PageRequest { first: 20, after: None, total: false };
    let seen = view::checks(portal, &talent, card, &request).await.unwrap();
    assert_eq!(seen.edges.iter().map(|(_, (c, _))| (c.id, c.purpose)).collect::<Vec<_>>(), [(first.check.id, CheckPurpose::Transport)]);
}

async fn signed_in(app: &TestApp, login: &str, role: Option<(Role, Option<UnitId>)>) -> String {
    let new = NewDemoAccount {
        login: login.into(),
        password: "seven green herons at dusk".into(),
        name_zh: "陈大文".into(),
        name_latin: "Chan Tai Man".into(),
        birth_date: None,
        roles: role.into_iter().map(|(role, unit)| (role, unit, None)).collect(),
    };
    demo_session(app.portal(), add_account(app.portal(), new).await.unwrap()).await.unwrap()
}

async fn mutate(app: &TestApp, token: &str, name: &str, selection: &str, input: Value) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let document = format!("mutation($input: {kind}!) {{ {name}(input: $input) {{ {selection} userErrors {{ code field }} }} }}");
    let mut data = app.graphql(Some(token), &document, json!({ "input": input })).await.ok();
    data[name].take()
}

async fn a_card_is_shown_checked_and_used_over_http(app: TestApp) {
    const NUMBER: &str = "440103189003070011";
    const CHECK: &str = "check { id answer means purpose unitId validUntil } grade { code title { value } } maskedHolderName benefits { benefit { id area } } beneficiaries { relation maskedName }";
    let portal = app.portal();
    mark_demo(portal).await.unwrap();
    app.publish().await;
    let unit = demo::build(portal).await.unwrap().city;
    let talent = signed_in(&app, "talent@demo.invalid", None).await;
    let officer = signed_in(&app, "officer@demo.invalid", Some((Role::WindowOfficer, Some(unit)))).await;
    let counter = signed_in(&app, "counter@demo.invalid", Some((Role::Counter, Some(unit)))).await;
    let system = signed_in(&app, "system@demo.invalid", Some((Role::SystemAdmin, None))).await;
    let person = app.graphql(Some(&talent), "{ viewer { person { id } } }", json!({})).await.ok()["viewer"]["person"]["id"].take();
    let holder = PersonId::parse_global(person.as_str().unwrap()).unwrap();
    let original = json!({ "personId": person, "kind": "RESIDENT_ID_CARD", "documentNumber": NUMBER, "expectedVersion": app.version_of(&person).await });
    let verified = mutate(&app, &officer, "verifyIdentity", "", original).await;
    assert_eq!(verified["userErrors"], json!([]));
    let card = issue(&app, order(&app, holder), &actor(holder, Vec::new())).await.unwrap().global();
    let allowed =
        mutate(&app, &system, "setCounterPurpose", "counterPurpose { allowed }", json!({ "unitId": unit.global(), "purpose": "TRANSPORT", "allowed": true }))
            .await;
    assert_eq!(allowed["counterPurpose"]["allowed"], true);
    let cards = app.graphql(Some(&talent), "{ myCards { id currentNumber { value } } }", json!({})).await.ok();
    assert_eq!(cards["myCards"][0]["id"], card);
    let card_number = cards["myCards"][0]["currentNumber"]["value"].as_str().unwrap().to_owned();
    let mut keys = (0..).map(|n| format!("card-over-http-{n:0>4}"));
    let mut checked = async |by: Value, purpose: &str| {
        let input = json!({ "by": by, "purpose": purpose, "idempotencyKey": keys.next() });
        mutate(&app, &counter, "checkCard", CHECK, input).await
    };
    let no = |payload: &Value, code: &str, field: &[&str]| {
        assert_eq!(payload["userErrors"], json!([{ "code": code, "field": field }]));
        assert_eq!((&payload["check"], &payload["grade"], &payload["benefits"]), (&Value::Null, &Value::Null, &json!([])));
    };
    let token = async || mutate(&app, &talent, "createCardToken", "cardToken { token }", json!({ "cardId": card })).await["cardToken"]["token"].take();
    let shown = token().await;
    no(&checked(json!({ "token": shown }), "HOUSING").await, "PURPOSE_NOT_ALLOWED", &["input", "purpose"]);
    let good = checked(json!({ "token": shown }), "TRANSPORT").await;
    assert_eq!(good["userErrors"], json!([]));
    assert_eq!((&good["check"]["answer"], &good["check"]["means"], &good["check"]["unitId"]), (&json!("VALID"), &json!("TOKEN"), &json!(unit.global())));
    assert_eq!((&good["grade"]["code"], &good["maskedHolderName"]), (&json!("A"), &json!("陈**")));
    assert!(good["benefits"].as_array().unwrap().iter().all(|b| b["benefit"]["area"] == "TRANSPORT"), "{good}");
    no(&checked(json!({ "token": shown }), "TRANSPORT").await, "CARD_TOKEN_SPENT", &["input", "by", "token"]);
    let shown = token().await;
    let forged = format!("{}AA", &shown.as_str().unwrap()[..shown.as_str().unwrap().len() - 2]);
    no(&checked(json!({ "token": forged }), "TRANSPORT").await, "CARD_TOKEN_INVALID", &["input", "by", "token"]);
    app.advance(chrono::Duration::seconds(60));
    no(&checked(json!({ "token": shown }), "TRANSPORT").await, "CARD_TOKEN_EXPIRED", &["input", "by", "token"]);
    // In person: number and document. Another's document and an unknown number have one answer.
    let by =
        |number: &str, document: &str| json!({ "number": { "cardNumber": number, "identityDocumentKind": "RESIDENT_ID_CARD", "documentNumber": document } });
    let in_person = checked(by(&card_number, NUMBER), "TRANSPORT").await;
    assert_eq!((&in_person["check"]["answer"], &in_person["check"]["means"]), (&json!("VALID"), &json!("NUMBER")));
    no(&checked(by(&card_number, "440305189508150029"), "TRANSPORT").await, "DOCUMENT_MISMATCH", &["input", "by", "number"]);
    let last = card_number.chars().last().unwrap();
    let wrong = format!("{}{}", &card_number[..card_number.len() - 1], if last == '0' { '1' } else { '0' });
    no(&checked(by(&wrong, NUMBER), "TRANSPORT").await, "CHECK_DIGIT_WRONG", &["input", "by", "number", "cardNumber"]);
    no(&checked(by(&card_number, "440103189003070012"), "TRANSPORT").await, "CHECK_DIGIT_WRONG", &["input", "by", "number", "documentNumber"]);
    // A use under the check, and none after a quarter of an hour.
    let used = async |key: &str, amount: i64| {
        let input =
            json!({ "checkId": in_person["check"]["id"], "benefitId": in_person["benefits"][0]["benefit"]["id"], "amount": amount, "idempotencyKey": key });
        mutate(&app, &counter, "recordBenefitUse", "use { id amount } balance { used }", input).await
    };
    let first = used("card-use-over-http-1", 1).await;
    assert_eq!((&first["balance"]["used"], &first["userErrors"]), (&json!(1), &json!([])));
    assert_eq!(used("card-use-over-http-1", 1).await, first);
    assert_eq!(used("card-use-over-http-1", 2).await["userErrors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
    app.advance(chrono::Duration::minutes(15));
    assert_eq!(used("card-use-over-http-2", 1).await["userErrors"], json!([{ "code": "CHECK_EXPIRED", "field": ["input", "checkId"] }]));
    // The holder sees both checks, and that somebody showed her number with another's document.
    let seen = app
        .graphql(Some(&talent), "query($id: ID!) { card(id: $id) { checks { edges { node { means purpose answer } } } } }", json!({ "id": card }))
        .await
        .ok();
    // It is fetched again by its id, by its holder only.
    let node = "query($id: ID!) { node(id: $id) { __typename id ... on TalentCard { status } } }";
    let mine = app.graphql(Some(&talent), node, json!({ "id": card })).await.ok();
    assert_eq!(mine["node"], json!({ "__typename": "TalentCard", "id": card, "status": "ACTIVE" }));
    let others = app.graphql(Some(&officer), node, json!({ "id": card })).await;
    assert_eq!((&others.data["node"], others.code()), (&Value::Null, "NOT_FOUND"));
    let check = |means: &str, answer: &str| json!({ "node": { "means": means, "purpose": "TRANSPORT", "answer": answer } });
    assert_eq!(seen["card"]["checks"]["edges"], json!([check("NUMBER", "MISMATCH"), check("NUMBER", "VALID"), check("TOKEN", "VALID")]));
}

const CARD_OF_HOLDER: &str = "440103189003070011";
const OTHER_DOCUMENT: &str = "440305189508150029";

/// A counter in a demo world: its token, and the unit at which it stands.
struct Desk {
    officer: String,
    counter: String,
    system: String,
    unit: UnitId,
}

/// Publishes the products with what `edit` makes of the bundle's text, and a counter at the city's unit for these purposes.
async fn desk(app: &TestApp, edit: impl Fn(&str) -> String, purposes: &[&str]) -> Desk {
    let portal = app.portal();
    mark_demo(portal).await.unwrap();
    talent_portal::organisation::service::publish_reference_data(portal).await.unwrap();
    let bundle = Bundle::parse(&edit(include_str!("../../catalogue/card_products.toml"))).unwrap();
    publish::publish(portal, &bundle).await.unwrap();
    app.publish().await;
    let unit = demo::build(portal).await.unwrap().city;
    let desk = Desk {
        officer: signed_in(app, "officer@demo.invalid", Some((Role::WindowOfficer, Some(unit)))).await,
        counter: signed_in(app, "counter@demo.invalid", Some((Role::Counter, Some(unit)))).await,
        system: signed_in(app, "system@demo.invalid", Some((Role::SystemAdmin, None))).await,
        unit,
    };
    for purpose in purposes {
        let allowed = mutate(
            app,
            &desk.system,
            "setCounterPurpose",
            "counterPurpose { allowed }",
            json!({ "unitId": unit.global(), "purpose": purpose, "allowed": true }),
        )
        .await;
        assert_eq!(allowed["counterPurpose"]["allowed"], true);
    }
    desk
}

async fn person_of(app: &TestApp, token: &str) -> PersonId {
    let data = app.graphql(Some(token), "{ viewer { person { id } } }", json!({})).await.ok();
    PersonId::parse_global(data["viewer"]["person"]["id"].as_str().unwrap()).unwrap()
}

async fn verify(app: &TestApp, officer: &str, person: PersonId, number: &str) -> Value {
    let input = json!({ "personId": person.global(), "kind": "RESIDENT_ID_CARD", "documentNumber": number, "expectedVersion": app.version_of(&json!(person.global())).await });
    mutate(app, officer, "verifyIdentity", "mergedId", input).await
}

async fn number_of(app: &TestApp, card: CardId) -> String {
    let card = store::card(app.portal().db.read(), card).await.unwrap().unwrap();
    card.number().unwrap().number.clone()
}

async fn by_number(app: &TestApp, counter: &str, number: &str, document: &str, purpose: &str, key: &str) -> Value {
    let by = json!({ "number": { "cardNumber": number, "identityDocumentKind": "RESIDENT_ID_CARD", "documentNumber": document } });
    let input = json!({ "by": by, "purpose": purpose, "idempotencyKey": key });
    mutate(
        app,
        counter,
        "checkCard",
        "check { id answer counterName { value } purposeText { value } } benefits { benefit { id } } beneficiaries { id relation }",
        input,
    )
    .await
}

/// A token of a card, as its holder shows it.
async fn token_of(app: &TestApp, holder: &str, card: CardId) -> Value {
    let mut made = mutate(app, holder, "createCardToken", "cardToken { token }", json!({ "cardId": card.global() })).await;
    assert_eq!(made["userErrors"], json!([]));
    made["cardToken"]["token"].take()
}

/// A check of a token that is there already.
async fn by_shown(app: &TestApp, counter: &str, token: &Value, purpose: &str, key: String) -> Value {
    let input = json!({ "by": { "token": token }, "purpose": purpose, "idempotencyKey": key });
    mutate(app, counter, "checkCard", "check { id answer } benefits { benefit { id } }", input).await
}

async fn by_token(app: &TestApp, holder: &str, counter: &str, card: CardId, purpose: &str, key: &str) -> Value {
    let input = json!({ "by": { "token": token_of(app, holder, card).await }, "purpose": purpose, "idempotencyKey": key });
    mutate(app, counter, "checkCard", "check { id } benefits { benefit { id } } beneficiaries { id relation }", input).await
}

async fn used(app: &TestApp, counter: &str, checked: &Value, key: &str) -> Value {
    let input = json!({ "checkId": checked["check"]["id"], "benefitId": checked["benefits"][0]["benefit"]["id"], "amount": 1, "idempotencyKey": key });
    mutate(app, counter, "recordBenefitUse", "use { id amount } balance { used remaining beneficiaryId }", input).await
}

async fn a_merge_begins_no_quota_anew_and_is_told_to_the_account(app: TestApp) {
    let app = &app;
    let quota = |text: &str| text.replace("area = \"TRANSPORT\"\n", "area = \"TRANSPORT\"\nyearly_quota = 2\n");
    let desk = desk(app, quota, &["TRANSPORT"]).await;
    let input = json!({ "nameZh": "陈大文", "idempotencyKey": "walk-in-00000001" });
    let walk_in = mutate(app, &desk.officer, "registerPerson", "person { id }", input).await["person"]["id"].take();
    let walk_in = PersonId::parse_global(walk_in.as_str().unwrap()).unwrap();
    assert_eq!(verify(app, &desk.officer, walk_in, CARD_OF_HOLDER).await["userErrors"], json!([]));
    let system = actor(walk_in, Vec::new());
    let first = issue(app, order(app, walk_in), &system).await.unwrap();
    let number = number_of(app, first).await;
    let checked = by_number(app, &desk.counter, &number, CARD_OF_HOLDER, "TRANSPORT", "merge-check-0001").await;
    let before = used(app, &desk.counter, &checked, "merge-use-0000001").await;
    assert_eq!(before["balance"]["remaining"], 1);
    let walked = checked;
    // She signs up, and has a card of the product under the new account, before an officer sees that both are one.
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let person = person_of(app, &talent).await;
    let second = issue(app, order(app, person), &system).await.unwrap();
    let merged = verify(app, &desk.officer, person, CARD_OF_HOLDER).await;
    assert_eq!(merged["mergedId"], walk_in.global());
    // Both cards stay, no third is issued; under both together one unit is left.
    let cards = app.graphql(Some(&talent), "{ myCards { id status } }", json!({})).await.ok();
    assert_eq!(cards["myCards"].as_array().unwrap().iter().map(|c| &c["status"]).collect::<Vec<_>>(), ["ACTIVE", "ACTIVE"]);
    assert_eq!(codes(issue(app, order(app, person), &system).await), [Code::CardExists]);
    let checked = by_token(app, &talent, &desk.counter, second, "TRANSPORT", "merge-check-0002").await;
    let one = used(app, &desk.counter, &checked, "merge-use-0000002").await;
    assert_eq!((&one["userErrors"], &one["balance"]["beneficiaryId"]), (&json!([]), &json!(person.global())));
    assert_eq!(used(app, &desk.counter, &checked, "merge-use-0000003").await["userErrors"][0]["code"], "QUOTA_EXHAUSTED");
    let checked = by_token(app, &talent, &desk.counter, first, "TRANSPORT", "merge-check-0003").await;
    assert_eq!(used(app, &desk.counter, &checked, "merge-use-0000004").await["userErrors"][0]["code"], "QUOTA_EXHAUSTED");
    // A replay of the first use finds the balance where it went.
    let replayed = used(app, &desk.counter, &walked, "merge-use-0000001").await;
    assert_eq!((&replayed["use"], &replayed["balance"]["beneficiaryId"]), (&before["use"], &json!(person.global())));
    let letters = app.mailbox().await;
    let letter = letters.iter().find(|l| l["to"] == "talent@demo.invalid").expect("a letter about the merge");
    assert!(letter["secret"].is_null() && !letter["subject"].as_str().unwrap().is_empty());
}

async fn a_balance_of_one_benefit_moves_with_the_sum_up_to_the_quota(app: TestApp) {
    let app = &app;
    let quota = |text: &str| text.replace("area = \"TRANSPORT\"\n", "area = \"TRANSPORT\"\nyearly_quota = 3\n");
    let desk = desk(app, quota, &["TRANSPORT"]).await;
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let (holder, (other, _)) = (person_of(app, &talent).await, somebody(app, Vec::new()).await);
    let card = issue(app, order(app, holder), &actor(holder, Vec::new())).await.unwrap();
    let checked = by_token(app, &talent, &desk.counter, card, "TRANSPORT", "sum-check-000001").await;
    for key in ["sum-use-00000001", "sum-use-00000002"] {
        assert_eq!(used(app, &desk.counter, &checked, key).await["userErrors"], json!([]));
    }
    // What was written under another id of hers, as before ids were followed.
    let (portal, year) = (app.portal(), 2026);
    let txn = portal.db.begin_write().await.unwrap();
    let copy = "INSERT INTO benefit_balance (card_id, benefit_id, beneficiary_person_id, year, quota, used) \
                SELECT card_id, benefit_id, $1, year, quota, 2 FROM benefit_balance WHERE year = $2";
    txn.execute_raw(sea_orm::Statement::from_sql_and_values(txn.get_database_backend(), copy, [other.0.into(), year.into()])).await.unwrap();
    assert_eq!(store::move_balances(&txn, other, holder).await.unwrap(), 1);
    portal.commit(txn).await.unwrap();
    let seen = app.graphql(Some(&talent), "{ myCards { benefits { benefit { area } balances { used remaining } } } }", json!({})).await.ok();
    let benefits = seen["myCards"][0]["benefits"].as_array().unwrap().iter().find(|b| b["benefit"]["area"] == "TRANSPORT").unwrap().clone();
    assert_eq!(benefits["balances"], json!([{ "used": 3, "remaining": 0 }]));
    assert_eq!(used(app, &desk.counter, &checked, "sum-use-00000003").await["userErrors"][0]["code"], "QUOTA_EXHAUSTED");
}

async fn a_regional_benefit_is_given_where_the_counter_stands(app: TestApp) {
    let app = &app;
    let there = |text: &str| {
        text.replacen("area = \"TRANSPORT\"\n", "area = \"TRANSPORT\"\nregion_code = \"440100\"\n", 2).replacen(
            "area = \"VEHICLE\"\n",
            "area = \"VEHICLE\"\nregion_code = \"440600\"\n",
            2,
        )
    };
    let desk = desk(app, there, &["TRANSPORT", "VEHICLE"]).await;
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let holder = person_of(app, &talent).await;
    let card = issue(app, order(app, holder), &actor(holder, Vec::new())).await.unwrap();
    let checked = by_token(app, &talent, &desk.counter, card, "TRANSPORT", "region-check-001").await;
    assert_eq!(used(app, &desk.counter, &checked, "region-use-00001").await["userErrors"], json!([]));
    let first = app.portal().env.now();
    app.advance(chrono::Duration::minutes(7));
    let checked = by_token(app, &talent, &desk.counter, card, "VEHICLE", "region-check-002").await;
    let elsewhere = used(app, &desk.counter, &checked, "region-use-00002").await;
    assert_eq!(elsewhere["userErrors"], json!([{ "code": "BENEFIT_NOT_GRANTED", "field": ["input", "benefitId"] }]));
    // The holder reads where and for what, in words.
    // The holder reads when it was, too.
    let document = "{ myCards { checks { edges { node { checkedAt counterName { value } purposeText { value } } } } } }";
    let seen = app.graphql(Some(&talent), document, json!({})).await.ok();
    let instants = seen["myCards"][0]["checks"]["edges"].as_array().unwrap().iter().map(|edge| instant(&edge["node"]["checkedAt"])).collect::<Vec<_>>();
    assert_eq!(instants, [first + chrono::Duration::minutes(7), first]);
    let first = &seen["myCards"][0]["checks"]["edges"][1]["node"];
    assert_eq!(first["purposeText"]["value"], "贵宾室或快速通道");
    assert!(first["counterName"]["value"].as_str().is_some_and(|name| !name.is_empty()), "{first}");
}

async fn a_mismatch_is_written_down_and_limited_by_card_and_counter(app: TestApp) {
    let app = &app;
    let desk = desk(app, str::to_owned, &["TRANSPORT"]).await;
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let holder = person_of(app, &talent).await;
    assert_eq!(verify(app, &desk.officer, holder, CARD_OF_HOLDER).await["userErrors"], json!([]));
    let card = issue(app, order(app, holder), &actor(holder, Vec::new())).await.unwrap();
    let number = number_of(app, card).await;
    let ask = async |counter: &str, number: &str, document: &str, key: String| {
        let by = json!({ "number": { "cardNumber": number, "identityDocumentKind": "RESIDENT_ID_CARD", "documentNumber": document } });
        let input = json!({ "input": { "by": by, "purpose": "TRANSPORT", "idempotencyKey": key } });
        let document = "mutation($input: CheckCardInput!) { checkCard(input: $input) { check { answer } userErrors { code } } }";
        let reply = app.graphql(Some(counter), document, input).await;
        if reply.errors.is_empty() {
            let payload = &reply.data["checkCard"];
            payload["userErrors"][0]["code"].as_str().or(payload["check"]["answer"].as_str()).unwrap().to_owned()
        } else {
            assert!(reply.errors[0]["extensions"]["retryAfterSeconds"].as_u64().is_some_and(|wait| (1..=720).contains(&wait)), "{:?}", reply.errors);
            reply.code().to_owned()
        }
    };
    // A fitting document counts for nothing, however often.
    for n in 0..7 {
        assert_eq!(ask(&desk.counter, &number, CARD_OF_HOLDER, format!("fits-check-{n:0>6}")).await, "VALID");
    }
    // Thirty at once: five are answered. The refusal keeps no key: the same key may be used for the next try.
    let tries = (0..30).map(|n| ask(&desk.counter, &number, OTHER_DOCUMENT, format!("miss-check-{n:0>6}")));
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|a| *a == "DOCUMENT_MISMATCH").count(), 5);
    assert_eq!(answers.iter().filter(|a| *a == "RATE_LIMITED").count(), 25);
    // Not even the right document, and not by another counter.
    let second = signed_in(app, "second@demo.invalid", Some((Role::Counter, Some(desk.unit)))).await;
    for counter in [&desk.counter, &second] {
        assert_eq!(ask(counter, &number, CARD_OF_HOLDER, format!("late-check-{:0>6}", counter.len())).await, "RATE_LIMITED");
    }
    // A number that no card has is answered and limited alike, and fifteen of them are the rest of the counter's hour.
    let unknown = |sequence| CardNumber::compose("4400", "A", sequence).unwrap();
    for (card, tries) in [(900, 5), (901, 5), (902, 5)] {
        for n in 0..tries {
            assert_eq!(ask(&desk.counter, unknown(card).as_str(), CARD_OF_HOLDER, format!("none-{card}-{n:0>8}")).await, "DOCUMENT_MISMATCH");
        }
        assert_eq!(ask(&desk.counter, unknown(card).as_str(), CARD_OF_HOLDER, format!("none-{card}-{tries:0>8}")).await, "RATE_LIMITED");
    }
    assert_eq!(ask(&desk.counter, unknown(903).as_str(), CARD_OF_HOLDER, "none-903-00000000".into()).await, "RATE_LIMITED");
    app.advance(chrono::Duration::minutes(12));
    assert_eq!(ask(&second, &number, CARD_OF_HOLDER, "again-check-00001".into()).await, "VALID");
    // The holder sees each: where, when, and that it did not fit.
    let document = "query($id: ID!) { card(id: $id) { checks(first: 50) { edges { node { answer means } } } } }";
    let seen = app.graphql(Some(&talent), document, json!({ "id": card.global() })).await.ok();
    let nodes = seen["card"]["checks"]["edges"].as_array().unwrap();
    let count = |answer: &str| nodes.iter().filter(|edge| edge["node"]["answer"] == answer).count();
    assert_eq!((count("MISMATCH"), count("VALID"), nodes.len()), (5, 8, 13));
    assert_eq!(count_rows(app, "SELECT COUNT(*) FROM trail WHERE action = 'CHECK_CARD' AND result = 'DOCUMENT_MISMATCH'").await, 20);
}

async fn count_rows(app: &TestApp, sql: &str) -> i64 {
    let db = app.portal().db.read();
    db.query_one_raw(sea_orm::Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn a_supervisor_sets_purposes_below_her_unit_and_not_above(app: TestApp) {
    let app = &app;
    let portal = app.portal();
    mark_demo(portal).await.unwrap();
    app.publish().await;
    let world = demo::build(portal).await.unwrap();
    let supervisor = signed_in(app, "supervisor@demo.invalid", Some((Role::Supervisor, Some(world.city)))).await;
    let allow = async |unit: UnitId| {
        let document = "mutation($input: SetCounterPurposeInput!) { setCounterPurpose(input: $input) { counterPurpose { allowed unitId unit { id } bodyId body { id } } userErrors { code } } }";
        app.graphql(Some(&supervisor), document, json!({ "input": { "unitId": unit.global(), "purpose": "TRANSPORT", "allowed": true } })).await
    };
    for below in [world.city, world.window] {
        assert_eq!(allow(below).await.ok()["setCounterPurpose"]["counterPurpose"]["allowed"], true);
    }
    for not_hers in [world.province, UnitId::new(&portal.env)] {
        assert_eq!(allow(not_hers).await.code(), "FORBIDDEN");
    }
    // Counters of the whole body are for who supervises its root.
    let body = organisation::unit(portal.db.read(), world.city).await.unwrap().unwrap().body;
    let whole = json!({ "input": { "bodyId": body.global(), "purpose": "TRANSPORT", "allowed": true } });
    let document = "mutation($input: SetCounterPurposeInput!) { setCounterPurpose(input: $input) { counterPurpose { allowed } userErrors { code } } }";
    assert_eq!(app.graphql(Some(&supervisor), document, whole.clone()).await.code(), "FORBIDDEN");
    let root = signed_in(app, "root@demo.invalid", Some((Role::Supervisor, Some(world.province)))).await;
    assert_eq!(app.graphql(Some(&root), document, whole).await.ok()["setCounterPurpose"]["counterPurpose"]["allowed"], true);
}

/// The same key tells the same check again: while it is open, to a counter that may still ask.
async fn a_check_is_told_again_while_it_is_open_and_its_purpose_stands(app: TestApp) {
    let app = &app;
    let desk = desk(app, str::to_owned, &["TRANSPORT"]).await;
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let holder = person_of(app, &talent).await;
    let card = issue(app, order(app, holder), &actor(holder, Vec::new())).await.unwrap();
    let input = json!({ "by": { "token": token_of(app, &talent, card).await }, "purpose": "TRANSPORT", "idempotencyKey": "again-check-00001" });
    let check = async || mutate(app, &desk.counter, "checkCard", "check { id answer } benefits { benefit { id } }", input.clone()).await;
    let first = check().await;
    assert_eq!(first["check"]["answer"], "VALID");
    assert_eq!(check().await, first);
    let used_input =
        json!({ "checkId": first["check"]["id"], "benefitId": first["benefits"][0]["benefit"]["id"], "amount": 1, "idempotencyKey": "again-use-000001" });
    let use_once = async || mutate(app, &desk.counter, "recordBenefitUse", "use { id }", used_input.clone()).await;
    let recorded = use_once().await;
    assert_eq!((&recorded["userErrors"], use_once().await), (&json!([]), recorded.clone()));
    let (_, admin) = somebody(app, vec![Grant { role: Role::SystemAdmin, scope: Scope::Portal }]).await;
    let allow = async |allowed| {
        check::set_counter_purpose(app.portal(), &admin, Counter::Unit(desk.unit), CheckPurpose::Transport, allowed).await.unwrap();
    };
    allow(false).await;
    assert_eq!(check().await["userErrors"][0]["code"], "PURPOSE_NOT_ALLOWED");
    assert_eq!(use_once().await["userErrors"][0]["code"], "CHECK_EXPIRED");
    allow(true).await;
    assert_eq!(check().await["check"], first["check"]);
    app.advance(chrono::Duration::minutes(15));
    assert_eq!(check().await["userErrors"][0]["code"], "CHECK_EXPIRED");
    assert_eq!(use_once().await, recorded);
    assert_eq!(count_rows(app, "SELECT COUNT(*) FROM card_check").await, 1);
}

/// For whom a card is was said by its case: what the holder writes in her profile afterwards changes nothing.
async fn the_family_of_a_card_is_that_of_its_case(app: TestApp) {
    let app = &app;
    let desk =
        desk(app, |text| text.replace("area = \"SPOUSE_EMPLOYMENT\"\n", "area = \"SPOUSE_EMPLOYMENT\"\nyearly_quota = 1\n"), &["SPOUSE_EMPLOYMENT"]).await;
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let holder = person_of(app, &talent).await;
    let spouse = |n: u32| json!({ "relation": "SPOUSE", "nameZh": "李小红", "idempotencyKey": format!("add-spouse-{n:06}") });
    let add = async |n| mutate(app, &talent, "addFamilyMember", "familyMember { id personId }", spouse(n)).await["familyMember"].take();
    let member = add(1).await;
    let id = PersonId::parse_global(member["personId"].as_str().unwrap()).unwrap();
    let with_her = IssueCard { beneficiaries: vec![(id, Beneficiary::Spouse)], ..order(app, holder) };
    let card = issue(app, with_her, &actor(holder, Vec::new())).await.unwrap();
    let checked = by_token(app, &talent, &desk.counter, card, "SPOUSE_EMPLOYMENT", "family-check-001").await;
    let input = |person: &Value, key: &str| json!({ "checkId": checked["check"]["id"], "benefitId": checked["benefits"][0]["benefit"]["id"], "beneficiaryId": person, "amount": 1, "idempotencyKey": key });
    let record = async |input: Value| mutate(app, &desk.counter, "recordBenefitUse", "use { id amount } balance { used }", input).await;
    let once = record(input(&member["personId"], "family-use-00001")).await;
    assert_eq!((&once["userErrors"], &once["balance"]["used"]), (&json!([]), &json!(1)));
    // Taken off the profile and written down anew she would be somebody else with a year of her own.
    mutate(app, &talent, "removeFamilyMember", "removedId", json!({ "familyMemberId": member["id"] })).await;
    let again = add(2).await;
    assert_ne!(again["personId"], member["personId"]);
    assert_eq!(record(input(&again["personId"], "family-use-00002")).await["userErrors"][0]["code"], "BENEFIT_NOT_GRANTED");
    assert_eq!(record(input(&member["personId"], "family-use-00003")).await["userErrors"][0]["code"], "QUOTA_EXHAUSTED");
    assert_eq!(record(input(&member["personId"], "family-use-00001")).await, once, "a replay is not judged anew");
}

async fn a_card_ends_with_the_contract_and_with_the_permit_that_was_verified(app: TestApp) {
    let app = &app;
    let portal = app.portal();
    let desk = desk(app, str::to_owned, &[]).await;
    let talent = signed_in(app, "talent@demo.invalid", None).await;
    let holder = person_of(app, &talent).await;
    let case = |contract: &str| FulfilmentCase {
        application: ApplicationId::new(&portal.env),
        item_code: "TALENT_CARD_APPLY".into(),
        params: json!({ "product": "GUANGDONG_TALENT_CARD", "grade_pointer": "/grade", "contract_pointer": "/job/until" }),
        applicant: holder,
        beneficiaries: Vec::new(),
        form: json!({ "grade": "A", "job": { "until": contract } }),
        on: portal.env.today(),
        received_on: portal.env.today(),
        region_code: None,
    };
    let permit = json!({ "personId": holder.global(), "kind": "HOME_RETURN_PERMIT", "documentNumber": "H1234567801", "validUntil": "2027-03-31", "expectedVersion": app.version_of(&json!(holder.global())).await });
    let claimed =
        json!({ "kind": "PASSPORT", "issuingState": "PRT", "documentNumber": "CA123456", "validUntil": "2026-02-01", "idempotencyKey": "add-passport-0001" });
    // What nobody verified bounds nothing.
    assert_eq!(mutate(app, &talent, "addIdentityDocument", "identityDocument { id }", claimed).await["userErrors"], json!([]));
    assert_eq!(mutate(app, &desk.officer, "verifyIdentity", "identityDocument { validUntil }", permit).await["identityDocument"]["validUntil"], "2027-03-31");
    let txn = portal.db.begin_write().await.unwrap();
    assert_eq!(CardFulfilment.check(portal, &txn, &case("2026-01-04")).await.unwrap()[0].code, Code::FulfilmentImpossible);
    let granted = case("2028-12-31");
    case_of(app, &txn, granted.application, holder).await;
    CardFulfilment.fulfil(portal, &txn, &actor(holder, Vec::new()), &granted).await.unwrap();
    portal.commit(txn).await.unwrap();
    let cards = app.graphql(Some(&talent), "{ myCards { validUntil } }", json!({})).await.ok();
    assert_eq!(cards, json!({ "myCards": [{ "validUntil": "2027-03-31" }] }));
}

async fn products_are_read_once_and_by_anybody(app: TestApp) {
    app.publish().await;
    let document = "{ cardProducts { code versions { number product { code } benefits { area } } } }";
    let (first, all) = app.statements(app.graphql(None, document, json!({}))).await;
    let (again, same) = app.statements(app.graphql(None, document, json!({}))).await;
    assert_eq!((first, again), (2, 1));
    let all = all.ok();
    assert_eq!(all, same.ok());
    let products = all["cardProducts"].as_array().unwrap();
    let versions = |product: &Value| product["versions"].as_array().unwrap().clone();
    let seen: Vec<_> = products.iter().flat_map(|p| versions(p).into_iter().map(|v| (p["code"].as_str().unwrap().to_owned(), v["number"].as_i64()))).collect();
    assert!(seen.len() == 7 && seen.is_sorted(), "{seen:?}");
    assert!(products.iter().all(|p| versions(p).iter().all(|v| v["product"]["code"] == p["code"])), "{all}");
    // A version leads to its product and to the versions beside it.
    let document = "{ cardProducts { versions { product { versions { id } } } } }";
    let around = app.graphql(None, document, json!({})).await.ok();
    let beside = around["cardProducts"][0]["versions"][0]["product"]["versions"].as_array().unwrap().len();
    assert_eq!(beside, versions(&products[0]).len());
    // Issuing reads the one version that it needs, and that from memory by now.
    let (holder, by) = somebody(&app, Vec::new()).await;
    let (statements, card) = app.statements(issue(&app, order(&app, holder), &by)).await;
    card.unwrap();
    // Four of them are the rows of the case.
    assert!(statements <= 16, "{statements}");
}

/// The budget holds for one card and for several, used or not, the look-up of the session counted.
async fn my_cards_with_their_benefits_cost_four_statements_over_http(app: TestApp) {
    let portal = app.portal();
    mark_demo(portal).await.unwrap();
    app.publish().await;
    let (_, admin) = somebody(&app, vec![Grant { role: Role::SystemAdmin, scope: Scope::Portal }]).await;
    let new = NewDemoAccount {
        login: "talent@demo.invalid".into(),
        password: "seven green herons at dusk".into(),
        name_zh: "陈大文".into(),
        name_latin: "Chan Tai Man".into(),
        birth_date: None,
        roles: Vec::new(),
    };
    let account = add_account(portal, new).await.unwrap();
    let document = include_str!("../../schema/operations/my-card/my-cards.graphql");
    for cards in 1..=4 {
        let token = demo_session(portal, account).await.unwrap();
        let viewer = app.graphql(Some(&token), "{ viewer { person { id } } }", json!({})).await.ok();
        let holder = PersonId::parse_global(viewer["viewer"]["person"]["id"].as_str().unwrap()).unwrap();
        let card = issue(&app, order(&app, holder), &admin).await.unwrap();
        let card = view::card(portal, &actor(holder, Vec::new()), card).await.unwrap();
        let txn = portal.db.begin_write().await.unwrap();
        for benefit in &card.offer.benefits {
            let key = BalanceKey { card: card.card.id, benefit: benefit.id, beneficiary: holder, year: ledger_year(portal.env.today()) };
            store::take(&txn, key, benefit.yearly_quota, 1, 0).await.unwrap().unwrap();
        }
        portal.commit(txn).await.unwrap();
        let (statements, data) = app.statements(app.graphql(Some(&token), document, json!({}))).await;
        let shown = data.ok()["myCards"].take();
        assert_eq!(shown.as_array().unwrap().len(), cards);
        let benefits = shown[cards - 1]["benefits"].as_array().unwrap();
        assert!(!benefits.is_empty() && benefits.iter().all(|benefit| benefit["balances"][0]["used"] == 1), "{benefits:?}");
        assert!(statements <= 4, "{statements} statements for {cards} cards");
        // A card lapses, and the next one is issued.
        app.advance(chrono::Duration::days(6 * 366));
    }
}

/// What cannot happen is no answer to the officer: a case gives its card once.
async fn a_second_card_of_a_case_is_a_fault_and_no_card_in_force(app: TestApp) {
    let app = &app;
    world(app).await;
    let (holder, by) = somebody(app, Vec::new()).await;
    let command = order(app, holder);
    issue(app, command.clone(), &by).await.unwrap();
    app.portal().db.writer().execute_unprepared("UPDATE card SET status = 'REVOKED'").await.unwrap();
    assert!(matches!(issue(app, command, &by).await, Err(Refused::Fault(_))));
    issue(app, order(app, holder), &by).await.unwrap();
    assert_eq!(codes(issue(app, order(app, holder), &by).await), [Code::CardExists]);
}
