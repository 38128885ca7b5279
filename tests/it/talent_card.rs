//! Cards: issued once, shown once, checked for an allowed purpose, used up to the quota.

use futures_util::future::join_all;
use serde_json::{Value, json};
use talent_portal::account::service::demo::{NewDemoAccount, add_account, demo_session, mark_demo};
use talent_portal::demo;
use talent_portal::kernel::actor::{Actor, Grant, Member, Scope};
use talent_portal::kernel::fault::{Fault, Refused};
use talent_portal::kernel::ids::{AccountId, ApplicationId, CardId, PersonId, SessionId, TypedId as _, UnitId};
use talent_portal::kernel::page::PageRequest;
use talent_portal::kernel::rejection::Code;
use talent_portal::kernel::role::{Assurance, Role};
use talent_portal::organisation::model::body::BodyKind;
use talent_portal::person::model::profile::{NewPerson, PersonName};
use talent_portal::person::service as person;
use talent_portal::talent_card::model::bundle::Bundle;
use talent_portal::talent_card::model::check::{CheckAnswer, CheckPurpose, Counter};
use talent_portal::talent_card::model::ledger::BalanceKey;
use talent_portal::talent_card::model::product::{BenefitArea, ledger_year};
use talent_portal::talent_card::service::check::{self, RecordUse, Shown};
use talent_portal::talent_card::service::issue::{self, IssueCard};
use talent_portal::talent_card::service::{publish, view};
use talent_portal::talent_card::store;

use crate::support::{TestApp, both_engines};

both_engines!(
    a_token_is_spent_by_one_of_a_hundred_checks,
    the_last_unit_of_a_quota_is_used_once,
    a_holder_gets_one_card_of_a_product_and_sees_it_in_three_statements,
    a_counter_learns_what_its_purpose_needs_and_no_more,
    a_card_is_shown_checked_and_used_over_http,
    my_cards_with_their_benefits_cost_four_statements_over_http,
);

fn actor(person: PersonId, grants: Vec<Grant>) -> Actor {
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
        from: app.portal().env.today(),
        contract_until: None,
        permit_until: None,
    }
}

pub async fn issue(app: &TestApp, command: IssueCard, by: &Actor) -> Result<CardId, Refused> {
    let portal = app.portal();
    let txn = portal.db.begin_write().await.unwrap();
    let card = issue::issue_card(&txn, portal, by, command).await?;
    portal.commit(txn).await?;
    Ok(card)
}

/// Products with one lounge visit a year, a holder with her card, and a counter of a body that may check for transport.
async fn world(app: &TestApp) -> (Actor, CardId, Actor) {
    let portal = app.portal();
    let text = include_str!("../../catalogue/card_products.toml").replace("area = \"TRANSPORT\"\n", "area = \"TRANSPORT\"\nyearly_quota = 1\n");
    let bundle = Bundle::parse(&text).unwrap();
    assert_eq!(publish::publish(portal, &bundle).await.unwrap().added, 7);
    assert_eq!(publish::publish(portal, &bundle).await.unwrap(), publish::Published::default());
    // What was published under a number stays: the shipped bundle differs by the quota.
    assert_eq!(publish::publish_products(portal).await.unwrap().conflicts.len(), 2);
    let body = app.body(BodyKind::Delivering).await;
    let (holder, talent) = somebody(app, Vec::new()).await;
    let (_, counter) = somebody(app, vec![Grant { role: Role::Counter, scope: Scope::Body(body) }]).await;
    let (_, admin) = somebody(app, vec![Grant { role: Role::SystemAdmin, scope: Scope::Portal }]).await;
    check::allow_counter_purpose(portal, &admin, Counter::Body(body), CheckPurpose::Transport, true).await.unwrap();
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
    let (talent, card, counter) = world(app).await;
    let portal = app.portal();
    let token = check::create_card_token(portal, &talent, card).await.unwrap().jws;
    let tries = (0..100).map(|n| {
        let (counter, token) = (counter.clone(), token.clone());
        async move { check::check_card(portal, &counter, Shown::Token(token), CheckPurpose::Transport, &format!("token-check-{n:0>8}")).await }
    });
    let (won, lost): (Vec<_>, Vec<_>) = join_all(tries).await.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(lost.into_iter().all(|r| codes(r) == [Code::CardTokenSpent]));
    let late = check::create_card_token(portal, &talent, card).await.unwrap().jws;
    app.advance(chrono::Duration::seconds(60));
    let checked = check::check_card(portal, &counter, Shown::Token(late.clone()), CheckPurpose::Transport, "late-token-00001").await;
    assert_eq!(codes(checked), [Code::CardTokenExpired]);
    let forged = format!("{}A", &late[..late.len() - 1]);
    let checked = check::check_card(portal, &counter, Shown::Token(forged), CheckPurpose::Transport, "forged-token-001").await;
    assert_eq!(codes(checked), [Code::CardTokenInvalid]);
}

async fn the_last_unit_of_a_quota_is_used_once(app: TestApp) {
    let app = &app;
    let (talent, card, counter) = world(app).await;
    let portal = app.portal();
    let token = check::create_card_token(portal, &talent, card).await.unwrap().jws;
    let checked = check::check_card(portal, &counter, Shown::Token(token), CheckPurpose::Transport, "quota-check-0001").await.unwrap();
    let benefit = checked.benefits[0].0.id;
    let command = |note: Option<&str>| RecordUse { check: checked.check.id, benefit, beneficiary: None, amount: 1, note: note.map(Into::into) };
    let tries = (0..100).map(|n| {
        let (counter, command) = (counter.clone(), command(None));
        async move { check::record_benefit_use(portal, &counter, command, &format!("quota-use-{n:0>8}")).await }
    });
    let (won, lost): (Vec<_>, Vec<_>) = join_all(tries).await.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(lost.into_iter().all(|r| codes(r) == [Code::QuotaExhausted]));
    let seen = view::card(portal, &talent, card).await.unwrap();
    assert_eq!(seen.balances.iter().map(|b| (b.key.benefit, b.used, b.remaining())).collect::<Vec<_>>(), [(benefit, 1, Some(0))]);
    app.advance(chrono::Duration::minutes(15));
    assert_eq!(codes(check::record_benefit_use(portal, &counter, command(None), "too-late-use-0001").await), [Code::CheckExpired]);
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
    assert_eq!((first.grade.as_deref(), first.holder_name.as_deref()), (Some("A"), Some("陈**")));
    assert_eq!(first.benefits.iter().map(|(b, _)| b.area).collect::<Vec<_>>(), [BenefitArea::Transport]);
    let request = PageRequest { first: 20, after: None };
    let seen = view::checks(portal, &talent, card, &request).await.unwrap();
    assert_eq!(seen.edges.iter().map(|(_, c)| (c.id, c.purpose)).collect::<Vec<_>>(), [(first.check.id, CheckPurpose::Transport)]);
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
    const CHECK: &str = "check { id answer means purpose unitId validUntil } grade maskedHolderName benefits { id area } beneficiaries { relation maskedName }";
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
    let original = json!({ "personId": person, "kind": "RESIDENT_ID_CARD", "documentNumber": NUMBER });
    let verified = mutate(&app, &officer, "verifyIdentity", "", original).await;
    assert_eq!(verified["userErrors"], json!([]));
    let card = issue(&app, order(&app, holder), &actor(holder, Vec::new())).await.unwrap().global();
    let allowed = mutate(&app, &system, "allowCounterPurpose", "allowed", json!({ "unitId": unit.global(), "purpose": "TRANSPORT" })).await;
    assert_eq!(allowed["allowed"], true);
    let cards = app.graphql(Some(&talent), "{ myCards { id number { number } } }", json!({})).await.ok();
    assert_eq!(cards["myCards"][0]["id"], card);
    let card_number = cards["myCards"][0]["number"]["number"].as_str().unwrap().to_owned();
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
    assert_eq!((&good["grade"], &good["maskedHolderName"]), (&json!("A"), &json!("陈**")));
    assert!(good["benefits"].as_array().unwrap().iter().all(|b| b["area"] == "TRANSPORT"), "{good}");
    no(&checked(json!({ "token": shown }), "TRANSPORT").await, "CARD_TOKEN_SPENT", &["input", "by", "token"]);
    let shown = token().await;
    let forged = format!("{}AA", &shown.as_str().unwrap()[..shown.as_str().unwrap().len() - 2]);
    no(&checked(json!({ "token": forged }), "TRANSPORT").await, "CARD_TOKEN_INVALID", &["input", "by", "token"]);
    app.advance(chrono::Duration::seconds(60));
    no(&checked(json!({ "token": shown }), "TRANSPORT").await, "CARD_TOKEN_EXPIRED", &["input", "by", "token"]);
    // In person: number and document. Another's document and an unknown number have one answer.
    let by = |number: &str, document: &str| json!({ "number": { "cardNumber": number, "documentKind": "RESIDENT_ID_CARD", "documentNumber": document } });
    let in_person = checked(by(&card_number, NUMBER), "TRANSPORT").await;
    assert_eq!((&in_person["check"]["answer"], &in_person["check"]["means"]), (&json!("VALID"), &json!("NUMBER")));
    no(&checked(by(&card_number, "440305189508150029"), "TRANSPORT").await, "DOCUMENT_MISMATCH", &["input", "by", "number"]);
    let last = card_number.chars().last().unwrap();
    let wrong = format!("{}{}", &card_number[..card_number.len() - 1], if last == '0' { '1' } else { '0' });
    no(&checked(by(&wrong, NUMBER), "TRANSPORT").await, "CHECK_DIGIT_WRONG", &["input", "by", "number", "cardNumber"]);
    no(&checked(by(&card_number, "440103189003070012"), "TRANSPORT").await, "CHECK_DIGIT_WRONG", &["input", "by", "number", "documentNumber"]);
    // A use under the check, and none after a quarter of an hour.
    let used = async |key: &str, amount: i64| {
        let input = json!({ "checkId": in_person["check"]["id"], "benefitId": in_person["benefits"][0]["id"], "amount": amount, "idempotencyKey": key });
        mutate(&app, &counter, "recordBenefitUse", "useId balance { used }", input).await
    };
    let first = used("card-use-over-http-1", 1).await;
    assert_eq!((&first["balance"]["used"], &first["userErrors"]), (&json!(1), &json!([])));
    assert_eq!(used("card-use-over-http-1", 1).await, first);
    assert_eq!(used("card-use-over-http-1", 2).await["userErrors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
    app.advance(chrono::Duration::minutes(15));
    assert_eq!(used("card-use-over-http-2", 1).await["userErrors"], json!([{ "code": "CHECK_EXPIRED", "field": ["input", "checkId"] }]));
    // The holder sees both checks; nothing of what was refused.
    let seen = app
        .graphql(Some(&talent), "query($id: ID!) { card(id: $id) { checks { edges { node { means purpose answer } } } } }", json!({ "id": card }))
        .await
        .ok();
    let check = |means: &str| json!({ "node": { "means": means, "purpose": "TRANSPORT", "answer": "VALID" } });
    assert_eq!(seen["card"]["checks"]["edges"], json!([check("NUMBER"), check("TOKEN")]));
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
            store::take(&txn, key, benefit.yearly_quota, 1).await.unwrap().unwrap();
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
