//! What becomes of a card: lost and replaced, suspended and withdrawn, renewed, its sub-cards, uses taken back.

use std::io::Read as _;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use flate2::read::ZlibDecoder;
use futures_util::future::join_all;
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, Statement};
use serde_json::{Value, json};
use talent_portal::application::service::fulfilment::{Fulfilment, FulfilmentCase};
use talent_portal::kernel::actor::{Actor, Member};
use talent_portal::kernel::ids::{ApplicationId, CardId, PersonId, SessionId, TypedId as _};
use talent_portal::kernel::rejection::Code;
use talent_portal::kernel::role::{Assurance, Role};
use talent_portal::organisation::service as organisation;
use talent_portal::person::entity::person_key;
use talent_portal::portal::Portal;
use talent_portal::talent_card::model::bundle::Bundle;
use talent_portal::talent_card::model::life::{DECISION_TYPE, DecisionContent};
use talent_portal::talent_card::model::status_list::{Offline, judge};
use talent_portal::talent_card::service::publish;
use talent_portal::talent_card::service::renewal::{RenewalFulfilment, remind};
use talent_portal::talent_card::service::replacement::ReplacementFulfilment;
use talent_portal::talent_card::service::sub_card::SubCardFulfilment;

use crate::application::{Someone, World, at, case_id, codes, fields, no, with};
use crate::dealing::other_city;
use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    a_lost_card_and_its_tokens_fail_at_once,
    a_window_officer_reports_the_loss_for_who_stands_before_her,
    a_lost_card_gets_another_number_by_its_case,
    a_damaged_card_is_replaced_and_the_replacement_taken_back,
    a_card_is_suspended_lifted_and_withdrawn_by_decisions_that_its_holder_reads,
    nobody_decides_on_a_card_that_is_none_of_her_unit_or_her_own,
    of_two_decisions_on_one_version_one_is_taken,
    sub_cards_go_as_the_principal_card_goes,
    a_use_is_taken_back_once_and_the_ledger_adds_up,
    a_use_is_taken_back_by_its_counter_for_a_week_and_by_its_supervisor_until_january,
    a_card_is_renewed_where_it_ends,
    a_renewal_is_applied_for_in_its_window_and_bounded_by_contract_and_permit,
    a_holder_is_reminded_once_by_one_of_several_processes,
    a_card_is_checked_offline_by_token_and_list_and_told_afterwards,
    a_status_list_tells_what_became_of_cards,
    what_is_left_of_a_year_goes_over_where_the_benefit_says_so,
    issued_data_are_corrected_by_a_decision_with_another_number,
);
pool_of_one!(
    a_lost_card_gets_another_number_by_its_case,
    a_card_is_suspended_lifted_and_withdrawn_by_decisions_that_its_holder_reads,
    a_use_is_taken_back_once_and_the_ledger_adds_up,
    a_card_is_renewed_where_it_ends,
    a_card_is_checked_offline_by_token_and_list_and_told_afterwards,
);

const DOCUMENT: &str = "440103189001010015";
const REPLACEMENT: &str = "GD-TALENT-CARD-REPLACEMENT";
const RENEWAL: &str = "GD-TALENT-CARD-RENEWAL";

/// Staff who bring cases and cards forward, with their sessions.
struct Hands {
    officer: Someone,
    confirmer: Someone,
    reviewer: Someone,
    province: Someone,
    approver: Someone,
    supervisor: Someone,
    counter: Someone,
}

impl Hands {
    async fn new(world: &World) -> Self {
        let hands = Self {
            officer: world.staff("officer").await,
            confirmer: world.staff("confirmer").await,
            reviewer: world.staff("reviewer").await,
            province: world.staff("reviewer2").await,
            approver: world.staff("approver").await,
            supervisor: world.staff("supervisor").await,
            counter: world.staff("counter").await,
        };
        let system = world.staff("system").await;
        for purpose in ["TRANSPORT", "SPOUSE_EMPLOYMENT"] {
            let input = json!({ "unitId": world.units.window.global(), "purpose": purpose, "allowed": true });
            world.run(&system, "setCounterPurpose", "counterPurpose { allowed }", input).await.unwrap();
        }
        hands
    }

    /// New sessions, after a day or more.
    async fn again(&self, world: &World) -> Self {
        Self {
            officer: world.again(&self.officer).await,
            confirmer: world.again(&self.confirmer).await,
            reviewer: world.again(&self.reviewer).await,
            province: world.again(&self.province).await,
            approver: world.again(&self.approver).await,
            supervisor: world.again(&self.supervisor).await,
            counter: world.again(&self.counter).await,
        }
    }

    /// Brings a case to its decision: everybody agrees.
    async fn approve(&self, world: &World, case: &Value) -> Value {
        let mut case = world.done(&self.officer, "acceptApplication", case, json!({})).await;
        while let Some(step) = case["step"]["key"].as_str().map(str::to_owned) {
            let by = match step.as_str() {
                "employer_confirmation" => &self.confirmer,
                "province_review" => &self.province,
                _ => &self.reviewer,
            };
            case = world.done(by, "completeStep", &case, json!({ "stepKey": step, "outcome": "POSITIVE" })).await;
        }
        world.done(&self.approver, "decideApplication", &case, json!({ "decision": "APPROVED" })).await
    }

    /// A card by its case, whose contract ends on this day.
    async fn card(&self, world: &World, talent: &Someone, contract_until: &str) -> Value {
        let line = world.card_line(&world.materials(talent).await, json!({ "contract_until": contract_until })).await;
        let order = world.save(talent, json!({ "lines": [line] })).await.unwrap();
        let case = world.submit(talent, &order, json!({})).await.unwrap()["applications"][0].clone();
        self.approve(world, &case).await;
        card_of(world, talent).await
    }

    async fn check(&self, world: &World, by: Value, purpose: &str) -> Value {
        let input = json!({ "by": by, "purpose": purpose, "idempotencyKey": world.key() });
        mutate(world, &self.counter, "checkCard", "check { id answer } benefits { benefit { id area } }", input).await
    }
}

const CARD: &str = "id version status lost validFrom validUntil currentNumber { value } numbers { value endReason } events { kind } relation principalCardId";

/// The one card of a holder.
async fn card_of(world: &World, holder: &Someone) -> Value {
    let mut cards = world.app.graphql(Some(&holder.token), &format!("{{ myCards {{ {CARD} }} }}"), json!({})).await.ok();
    assert_eq!(cards["myCards"].as_array().unwrap().len(), 1);
    cards["myCards"][0].take()
}

async fn mutate(world: &World, by: &Someone, name: &str, selection: &str, input: Value) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let document = format!("mutation($input: {kind}!) {{ {name}(input: $input) {{ {selection} userErrors {{ code field message }} }} }}");
    let mut data = world.app.graphql(Some(&by.token), &document, json!({ "input": input })).await.ok();
    data[name].take()
}

async fn fault(world: &World, by: &Someone, name: &str, input: Value) -> String {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let document = format!("mutation($input: {kind}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}");
    world.app.graphql(Some(&by.token), &document, json!({ "input": input })).await.code().to_owned()
}

fn target(card: &Value) -> Value {
    json!({ "cardId": card["id"], "expectedVersion": card["version"] })
}

const ISSUED: &str = "card { id version status lost currentNumber { value } maskedHolderName }";

async fn lost(world: &World, by: &Someone, card: &Value) -> Result<Value, Vec<Value>> {
    world.run(by, "reportCardLost", ISSUED, target(card)).await
}

/// The document of a holder is verified, which also says that she stood before the officer.
async fn verify(world: &World, officer: &Someone, person: PersonId, number: &str) {
    let input = json!({
        "personId": person.global(), "kind": "RESIDENT_ID_CARD", "documentNumber": number, "expectedVersion": world.app.version_of(&json!(person.global())).await,
    });
    assert_eq!(mutate(world, officer, "verifyIdentity", "mergedId", input).await["userErrors"], json!([]));
}

async fn token_of(world: &World, holder: &Someone, card: &Value) -> Value {
    let mut made = mutate(world, holder, "createCardToken", "cardToken { token }", json!({ "cardId": card["id"] })).await;
    assert_eq!(made["userErrors"], json!([]));
    made["cardToken"]["token"].take()
}

fn by_number(number: &Value) -> Value {
    json!({ "number": { "cardNumber": number, "identityDocumentKind": "RESIDENT_ID_CARD", "documentNumber": DOCUMENT } })
}

async fn rows(world: &World, sql: &str) -> i64 {
    let db = world.app.portal().db.read();
    db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[track_caller]
fn refused(answer: &Value, code: &str, field: &str) {
    let noes = answer["userErrors"].as_array().unwrap();
    assert_eq!((codes(noes), fields(noes)), (vec![code], vec![field.to_owned()]), "{answer}");
    assert!(noes[0]["message"].as_str().is_some_and(|words| !words.is_empty()));
}

fn card_id(card: &Value) -> CardId {
    CardId::parse_global(card["id"].as_str().unwrap()).unwrap()
}

async fn a_lost_card_and_its_tokens_fail_at_once(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2028-12-31").await;
    verify(&world, &hands.officer, talent.person, DOCUMENT).await;
    let number = card["currentNumber"]["value"].clone();
    let early = token_of(&world, &talent, &card).await;
    let checked = hands.check(&world, by_number(&number), "TRANSPORT").await;
    assert_eq!(checked["check"]["answer"], "VALID");

    let stale = with(card.clone(), json!({ "version": 7 }));
    assert_eq!(codes(&no(lost(&world, &talent, &stale).await)), ["CONFLICT"]);
    let told = lost(&world, &talent, &card).await.unwrap();
    assert_eq!((&told["lost"], &told["currentNumber"], &told["status"], &told["version"]), (&json!(true), &Value::Null, &json!("ACTIVE"), &json!(2)));
    // The number with the right document, a token made before, a new token, and a use under the check made before.
    refused(&hands.check(&world, by_number(&number), "TRANSPORT").await, "CARD_LOST", "input.by.number");
    refused(&hands.check(&world, json!({ "token": early }), "TRANSPORT").await, "CARD_LOST", "input.by.token");
    refused(&mutate(&world, &talent, "createCardToken", "cardToken { token }", json!({ "cardId": card["id"] })).await, "CARD_LOST", "input.cardId");
    let used = json!({
        "checkId": checked["check"]["id"], "benefitId": checked["benefits"][0]["benefit"]["id"], "amount": 1, "idempotencyKey": world.key(),
    });
    refused(&mutate(&world, &hands.counter, "recordBenefitUse", "use { id }", used).await, "CARD_LOST", "input.checkId");
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM benefit_entry").await, 0);
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM card_token WHERE spent_at IS NULL").await, 0);
    // A second report says that it is known; a stranger knows nothing of the card.
    let now = card_of(&world, &talent).await;
    assert_eq!(codes(&no(lost(&world, &talent, &now).await)), ["CARD_LOST"]);
    let stranger = world.talent("talent2").await;
    assert_eq!(fault(&world, &stranger, "reportCardLost", target(&now)).await, "NOT_FOUND");
    // She sees what happened, and that somebody tried: both refused checks are hers to see.
    let kinds: Vec<_> = now["events"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!((kinds, &now["numbers"][0]["endReason"]), (vec![json!("ISSUED"), json!("LOST")], &json!("LOST")));
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM card_check WHERE answer = 'NOT_VALID'").await, 2);
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM trail WHERE action = 'CHECK_CARD' AND result = 'CARD_LOST'").await, 2);
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM trail WHERE action = 'REPORT_CARD_LOST' AND result = 'OK'").await, 1);
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM outbox WHERE kind = 'CARD_REPORTED_LOST'").await, 1);
}

async fn a_window_officer_reports_the_loss_for_who_stands_before_her(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2028-12-31").await;
    let other = world.with_roles("officer-two", vec![(Role::WindowOfficer, Some(world.units.window), None)]).await;
    let cards = "query($id: ID) { issuedCards(holderId: $id) { id version status lost maskedHolderName holderId } }";
    let look = async |by: &Someone| world.app.graphql(Some(&by.token), cards, json!({ "id": talent.person.global() })).await;
    // Before the holder has shown her original, no officer knows of the card.
    assert_eq!(look(&other).await.ok()["issuedCards"], json!([]));
    assert_eq!(fault(&world, &other, "reportCardLost", target(&card)).await, "NOT_FOUND");
    assert_eq!(look(&talent).await.code(), "FORBIDDEN");
    verify(&world, &other, talent.person, DOCUMENT).await;
    let seen = look(&other).await.ok()["issuedCards"][0].clone();
    assert_eq!((&seen["id"], &seen["maskedHolderName"], &seen["holderId"]), (&card["id"], &json!("人**"), &json!(talent.person.global())));
    assert_eq!(look(&hands.officer).await.ok()["issuedCards"], json!([]), "she stood before another");
    assert_eq!(lost(&world, &other, &seen).await.unwrap()["lost"], true);
    let details = "SELECT COUNT(*) FROM trail WHERE action = 'REPORT_CARD_LOST' AND details LIKE '%\"by\":\"WINDOW\"%'";
    assert_eq!(rows(&world, details).await, 1);
    // A week later she is before her no more.
    world.app.advance(Duration::days(8));
    assert_eq!(look(&world.again(&other).await).await.ok()["issuedCards"], json!([]));
}

/// Submits a case of the replacement.
async fn replacement(world: &World, talent: &Someone, reason: &str) -> Result<Value, Vec<Value>> {
    let line = json!({ "itemId": world.item(REPLACEMENT).await, "regionCode": "440100", "answers": { "reason": reason, "city": "440100" } });
    let order = world.save(talent, json!({ "lines": [line] })).await.unwrap();
    Ok(world.submit(talent, &order, json!({})).await?["applications"][0].clone())
}

async fn a_lost_card_gets_another_number_by_its_case(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    assert_eq!(codes(&no(replacement(&world, &talent, "LOST").await)), ["CARD_NOT_ACTIVE"], "who has no card has none to be replaced");
    let card = hands.card(&world, &talent, "2028-12-31").await;
    verify(&world, &hands.officer, talent.person, DOCUMENT).await;
    // The old number fails at once: so the report comes first.
    assert_eq!(codes(&no(replacement(&world, &talent, "LOST").await)), ["CARD_NOT_LOST"]);
    lost(&world, &talent, &card).await.unwrap();
    let case = replacement(&world, &talent, "LOST").await.unwrap();
    let decided = hands.approve(&world, &case).await;
    let now = card_of(&world, &talent).await;
    let (old, new) = (&card["currentNumber"]["value"], &now["currentNumber"]["value"]);
    assert_ne!(old, new);
    assert_eq!((&now["id"], &now["validFrom"], &now["validUntil"]), (&card["id"], &card["validFrom"], &card["validUntil"]));
    assert_eq!((&now["lost"], &now["status"]), (&json!(false), &json!("ACTIVE")));
    assert_eq!(now["numbers"], json!([{ "value": old, "endReason": "LOST" }, { "value": new, "endReason": null }]));
    refused(&hands.check(&world, by_number(old), "TRANSPORT").await, "CARD_LOST", "input.by.number");
    assert_eq!(hands.check(&world, by_number(new), "TRANSPORT").await["check"]["answer"], "VALID");
    let token = token_of(&world, &talent, &now).await;
    assert_eq!(hands.check(&world, json!({ "token": token }), "TRANSPORT").await["check"]["answer"], "VALID");
    // The decision names the number.
    let shown = world.read(&talent, &decided, "documents { kind given { value { value } } }").await;
    let decision = shown["documents"].as_array().unwrap().iter().find(|d| d["kind"] == "DECISION").unwrap();
    assert_eq!(decision["given"], json!([{ "value": { "value": new } }, { "value": { "value": "2028-12-31" } }]));
    let kinds: Vec<_> = now["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ISSUED", "LOST", "REPLACED"]);
}

fn member(someone: &Someone) -> Actor {
    let member = Member {
        person: someone.person,
        account: someone.account,
        session: SessionId(someone.person.0),
        assurance: Assurance::L2,
        second_factor: true,
        grants: Vec::new(),
    };
    Actor { member: Some(member), request_id: "test".into() }
}

/// Reopening a decision has no mutation yet: what it asks of the fulfilment is asked here.
async fn taken_back(portal: &Portal, fulfilment: &dyn Fulfilment, by: &Someone, case: &FulfilmentCase) {
    let txn = portal.db.begin_write().await.unwrap();
    fulfilment.revoke(portal, &txn, &member(by), case, "材料不实").await.unwrap();
    portal.commit(txn).await.unwrap();
}

fn fulfilment_case(world: &World, application: ApplicationId, applicant: PersonId, params: Value) -> FulfilmentCase {
    let today = world.app.portal().env.today();
    FulfilmentCase {
        application,
        item_code: String::new(),
        params,
        applicant,
        beneficiaries: Vec::new(),
        form: json!({}),
        on: today,
        received_on: today,
        region_code: None,
    }
}

async fn a_damaged_card_is_replaced_and_the_replacement_taken_back(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2028-12-31").await;
    verify(&world, &hands.officer, talent.person, DOCUMENT).await;
    let case = replacement(&world, &talent, "DAMAGED").await.unwrap();
    assert_eq!(codes(&no(replacement(&world, &talent, "DAMAGED").await)), ["OPEN_CASE_EXISTS"]);
    // Good until the decision.
    let old = card["currentNumber"]["value"].clone();
    assert_eq!(hands.check(&world, by_number(&old), "TRANSPORT").await["check"]["answer"], "VALID");
    let decided = hands.approve(&world, &case).await;
    world.done(&hands.officer, "recordDelivery", &decided, json!({ "channel": "ONLINE" })).await;
    let now = card_of(&world, &talent).await;
    assert_eq!(now["numbers"][0], json!({ "value": old, "endReason": "DAMAGED" }));
    // An old piece of plastic is no alarm: the answer is that of any ended number.
    assert_eq!(hands.check(&world, by_number(&old), "TRANSPORT").await["check"]["answer"], "NOT_VALID");
    let new = now["currentNumber"]["value"].clone();
    let reopened = fulfilment_case(&world, case_id(&case), talent.person, json!({}));
    for _ in 0..2 {
        taken_back(world.app.portal(), &ReplacementFulfilment, &hands.approver, &reopened).await;
    }
    let now = card_of(&world, &talent).await;
    assert_eq!((&now["currentNumber"], &now["lost"], &now["status"]), (&Value::Null, &json!(false), &json!("ACTIVE")));
    assert_eq!(now["numbers"][1], json!({ "value": new, "endReason": "REVOKED" }));
    assert_eq!(hands.check(&world, by_number(&new), "TRANSPORT").await["check"]["answer"], "NOT_VALID");
    refused(&mutate(&world, &talent, "createCardToken", "cardToken { token }", json!({ "cardId": card["id"] })).await, "CARD_NOT_ACTIVE", "input.cardId");
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM card_event WHERE kind = 'REPLACEMENT_REVOKED'").await, 1);
    // She applies anew, and the card goes on.
    let again = replacement(&world, &talent, "DAMAGED").await.unwrap();
    hands.approve(&world, &again).await;
    assert_eq!(card_of(&world, &talent).await["validUntil"], "2028-12-31");
}

const DECISIONS: &str = "decisions { id measure number issuedAt unitId unitName { value } cardNumber ground reason provision legalBasis { number document } \
    reconsideration { value } litigation { value } jws }";

async fn a_card_is_suspended_lifted_and_withdrawn_by_decisions_that_its_holder_reads(app: TestApp) {
    let mut world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2028-12-31").await;
    verify(&world, &hands.officer, talent.person, DOCUMENT).await;
    let number = card["currentNumber"]["value"].clone();
    let checked = hands.check(&world, by_number(&number), "TRANSPORT").await;
    let used = async |checked: &Value| {
        let input = json!({
            "checkId": checked["check"]["id"], "benefitId": checked["benefits"][0]["benefit"]["id"], "amount": 1, "idempotencyKey": world.key(),
        });
        mutate(&world, &hands.counter, "recordBenefitUse", "balance { used }", input).await
    };
    assert_eq!(used(&checked).await["balance"]["used"], 1);
    // The approver finds the card by its number.
    let find = "query($n: String) { issuedCards(number: $n) { id version status } }";
    let found = world.app.graphql(Some(&hands.approver.token), find, json!({ "n": number })).await.ok()["issuedCards"][0].clone();
    assert_eq!(found["id"], card["id"]);
    let suspend = |card: &Value, more: Value| with(with(target(card), json!({ "ground": "DATA_CHECK_FAILED", "reason": " 社保记录中断 " })), more);
    for (more, code, field) in [
        (json!({ "reason": "  " }), "REASON_REQUIRED", "input.reason"),
        (json!({ "reason": "长".repeat(2001) }), "TOO_LONG", "input.reason"),
        (json!({ "ground": "LEFT_PROVINCE" }), "NOT_ALLOWED", "input.ground"),
        (json!({ "provision": "条".repeat(201) }), "TOO_LONG", "input.provision"),
        (json!({ "expectedVersion": 9 }), "CONFLICT", "input.expectedVersion"),
    ] {
        refused(&mutate(&world, &hands.approver, "suspendCard", ISSUED, suspend(&found, more)).await, code, field);
    }
    let lift = |card: &Value| with(target(card), json!({ "reason": "记录已补正" }));
    refused(&mutate(&world, &hands.approver, "liftCardSuspension", ISSUED, lift(&found)).await, "WRONG_STATE", "");
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM card_decision").await, 0);

    let suspended = world.run(&hands.approver, "suspendCard", ISSUED, suspend(&found, json!({ "provision": "第十条" }))).await.unwrap();
    assert_eq!((&suspended["status"], &suspended["currentNumber"]["value"]), (&json!("SUSPENDED"), &number));
    // Frozen: no check, no token, no use under the check made before.
    assert_eq!(hands.check(&world, by_number(&number), "TRANSPORT").await["check"]["answer"], "NOT_VALID");
    refused(&mutate(&world, &talent, "createCardToken", "cardToken { token }", json!({ "cardId": card["id"] })).await, "CARD_NOT_ACTIVE", "input.cardId");
    refused(&used(&checked).await, "CARD_NOT_ACTIVE", "input.checkId");
    refused(&mutate(&world, &hands.approver, "suspendCard", ISSUED, suspend(&suspended, json!({}))).await, "WRONG_STATE", "");
    let lifted = world.run(&hands.approver, "liftCardSuspension", ISSUED, lift(&suspended)).await.unwrap();
    assert_eq!(lifted["status"], "ACTIVE");
    // Not lost: what was used and what is left are as they were.
    assert_eq!(used(&hands.check(&world, by_number(&number), "TRANSPORT").await).await["balance"]["used"], 2);
    let revoke = |card: &Value| with(target(card), json!({ "ground": "FALSE_MATERIALS", "reason": "材料不实" }));
    let revoked = world.run(&hands.approver, "revokeCard", ISSUED, revoke(&lifted)).await.unwrap();
    assert_eq!((&revoked["status"], &revoked["currentNumber"]), (&json!("REVOKED"), &Value::Null));
    refused(&mutate(&world, &hands.approver, "revokeCard", ISSUED, revoke(&revoked)).await, "WRONG_STATE", "");
    assert_eq!(hands.check(&world, by_number(&number), "TRANSPORT").await["check"]["answer"], "NOT_VALID");

    let document = format!("query($id: ID!) {{ card(id: $id) {{ {DECISIONS} }} }}");
    let read = world.app.graphql(Some(&talent.token), &document, json!({ "id": card["id"] })).await.ok()["card"]["decisions"].take();
    let decisions = read.as_array().unwrap();
    let told = |name: &str| decisions.iter().map(|d| d[name].clone()).collect::<Vec<_>>();
    assert_eq!(told("measure"), ["SUSPENSION", "LIFTING", "REVOCATION"]);
    assert_eq!(told("reason"), ["社保记录中断", "记录已补正", "材料不实"]);
    assert_eq!((&decisions[0]["ground"], &decisions[0]["provision"]), (&json!("DATA_CHECK_FAILED"), &json!("第十条")));
    let remedies: Vec<_> = decisions.iter().map(|d| (d["reconsideration"].is_null(), d["litigation"].is_null())).collect();
    assert_eq!(remedies, [(false, false), (true, true), (false, false)], "what takes something away tells the remedies");
    for decision in decisions {
        assert_eq!((&decision["unitId"], &decision["cardNumber"]), (&json!(world.units.province.global()), &number));
        assert_eq!(decision["legalBasis"][0]["number"], "粤府〔2023〕29号");
        let signed: DecisionContent = world.app.portal().keyring.verify(DECISION_TYPE, decision["jws"].as_str().unwrap()).unwrap();
        assert_eq!((json!(signed.number), json!(signed.reason)), (decision["number"].clone(), decision["reason"].clone()));
        assert_eq!(signed.holder, "人才甲");
    }
    for (action, kind) in [("SUSPEND_CARD", "CARD_SUSPENDED"), ("LIFT_CARD_SUSPENSION", "CARD_SUSPENSION_LIFTED"), ("REVOKE_CARD", "CARD_REVOKED")] {
        assert_eq!(rows(&world, &format!("SELECT COUNT(*) FROM trail WHERE action = '{action}' AND result = 'OK'")).await, 1);
        assert_eq!(rows(&world, &format!("SELECT COUNT(*) FROM outbox WHERE kind = '{kind}'")).await, 1);
    }
    // Only the holder reads them, and of an erased holder number, kind and time stay.
    let others = world.app.graphql(Some(&hands.approver.token), &document, json!({ "id": card["id"] })).await;
    assert_eq!(others.code(), "NOT_FOUND");
    let keys = world.app.portal().db.keys();
    person_key::Entity::delete_many().filter(person_key::Column::PersonId.eq(talent.person)).exec(keys).await.unwrap();
    world.app.restart();
    let left = world.app.graphql(Some(&talent.token), &document, json!({ "id": card["id"] })).await.ok()["card"]["decisions"][0].take();
    for (field, value) in left.as_object().unwrap() {
        assert_eq!(value.is_null(), !["id", "measure", "number", "issuedAt", "unitId"].contains(&field.as_str()), "{field}: {value}");
    }
}

async fn nobody_decides_on_a_card_that_is_none_of_her_unit_or_her_own(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2028-12-31").await;
    let suspend = with(target(&card), json!({ "ground": "CONDITIONS_DOUBTFUL", "reason": "存疑" }));
    // Without the role; with it elsewhere; with it below the unit that decided.
    for by in [&talent, &hands.officer, &hands.province, &hands.supervisor, &hands.counter] {
        assert_eq!(fault(&world, by, "suspendCard", suspend.clone()).await, "FORBIDDEN");
    }
    let far = other_city(&world).await;
    for (name, unit) in [("approver-far", far), ("approver-city", world.units.city), ("approver-window", world.units.window)] {
        let by = world.with_roles(name, vec![(Role::Approver, Some(unit), None)]).await;
        assert_eq!(fault(&world, &by, "suspendCard", suspend.clone()).await, "NOT_FOUND", "{name}");
        let find = "query($n: String) { issuedCards(number: $n) { id } }";
        let found = world.app.graphql(Some(&by.token), find, json!({ "n": card["currentNumber"]["value"] })).await.ok();
        assert_eq!(found["issuedCards"], json!([]), "{name}");
    }
    // An approver is a person, too: her own card, and one that is for her, are none of hers.
    let approver = async |name: &str| world.with_roles(name, vec![(Role::Approver, Some(world.units.province), None)]).await;
    let own = approver("approver-own").await;
    world.raise(&own).await;
    let hers = hands.card(&world, &own, "2028-12-31").await;
    let input = with(target(&hers), json!({ "ground": "CONDITIONS_DOUBTFUL", "reason": "存疑" }));
    refused(&mutate(&world, &own, "suspendCard", ISSUED, input.clone()).await, "OWN_CASE", "");
    let spouse = approver("approver-spouse").await;
    let relative = "INSERT INTO card_beneficiary (card_id, person_id, relation) VALUES ($1, $2, 'SPOUSE')";
    world.execute(relative, [card_id(&card).0.into(), spouse.person.0.into()]).await;
    refused(&mutate(&world, &spouse, "suspendCard", ISSUED, suspend.clone()).await, "OWN_CASE", "");
    let beneficiary = approver("approver-beneficiary").await;
    let row = "INSERT INTO application_beneficiary (application_id, person_id) SELECT application_id, $2 FROM card WHERE id = $1";
    world.execute(row, [card_id(&card).0.into(), beneficiary.person.0.into()]).await;
    refused(&mutate(&world, &beneficiary, "suspendCard", ISSUED, suspend.clone()).await, "OWN_CASE", "");
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM card_decision").await, 0);
    // Another approver of the unit does it.
    assert_eq!(world.run(&hands.approver, "suspendCard", ISSUED, input).await.unwrap()["status"], "SUSPENDED");
}

async fn of_two_decisions_on_one_version_one_is_taken(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2028-12-31").await;
    let suspend = with(target(&card), json!({ "ground": "CONDITIONS_DOUBTFUL", "reason": "存疑" }));
    let revoke = with(target(&card), json!({ "ground": "FALSE_MATERIALS", "reason": "材料不实" }));
    let tries = (0..20).map(|n| {
        let (name, input) = if n % 2 == 0 { ("suspendCard", suspend.clone()) } else { ("revokeCard", revoke.clone()) };
        mutate(&world, &hands.approver, name, ISSUED, input)
    });
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer["userErrors"] == json!([])).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["userErrors"] == json!([]) || answer["userErrors"][0]["code"] == "CONFLICT"), "{answers:?}");
    assert_eq!((rows(&world, "SELECT COUNT(*) FROM card_decision").await, rows(&world, "SELECT version FROM card").await), (1, 2));
}

/// The portal with products as `edit` makes them of the bundle's text.
async fn with_products(app: TestApp, edit: impl Fn(&str) -> String) -> World {
    organisation::publish_reference_data(app.portal()).await.unwrap();
    let bundle = Bundle::parse(&edit(include_str!("../../catalogue/card_products.toml"))).unwrap();
    publish::publish(app.portal(), &bundle).await.unwrap();
    World::new(app).await
}

async fn sub_cards_go_as_the_principal_card_goes(app: TestApp) {
    // No product that is issued here is known to have sub-cards: for the test the province's has.
    let world = with_products(app, |text| text.replacen("sub_cards = \"UNKNOWN\"", "sub_cards = \"FAMILY\"", 1)).await;
    world.execute("UPDATE card_product SET sub_cards = 'FAMILY' WHERE code = $1", ["GUANGDONG_TALENT_CARD".into()]).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let principal = hands.card(&world, &talent, "2028-12-31").await;
    let portal = world.app.portal();
    let spouse = json!({ "relation": "SPOUSE", "nameZh": "李小红", "idempotencyKey": world.key() });
    let relative = world.run(&talent, "addFamilyMember", "familyMember { id personId }", spouse).await.unwrap();
    let spouse = PersonId::parse_global(relative["personId"].as_str().unwrap()).unwrap();
    // The case of the sub-card: one of the small service, which stands for it.
    let case = world.case(&talent).await;
    let params = json!({ "product": "GUANGDONG_TALENT_CARD" });
    let sub_case = FulfilmentCase { beneficiaries: vec![spouse], ..fulfilment_case(&world, case_id(&case), talent.person, params) };
    let txn = portal.db.begin_write().await.unwrap();
    assert_eq!(SubCardFulfilment.check(portal, &txn, &sub_case).await.unwrap(), []);
    let of_nobody = FulfilmentCase { beneficiaries: vec![hands.officer.person], ..sub_case.clone() };
    assert_eq!(SubCardFulfilment.check(portal, &txn, &of_nobody).await.unwrap()[0].code, Code::FulfilmentImpossible);
    SubCardFulfilment.fulfil(portal, &txn, &member(&hands.approver), &sub_case).await.unwrap();
    assert_eq!(SubCardFulfilment.check(portal, &txn, &sub_case).await.unwrap()[0].code, Code::CardExists);
    portal.commit(txn).await.unwrap();
    // The member of the family turns out to be who has an account: her document is verified for both.
    let her = world.talent("talent2").await;
    world.execute("UPDATE card SET holder_person_id = $1 WHERE principal_card_id IS NOT NULL", [her.person.0.into()]).await;
    let sub = card_of(&world, &her).await;
    assert_eq!((&sub["relation"], &sub["principalCardId"], &sub["validUntil"]), (&json!("SPOUSE"), &principal["id"], &json!("2028-12-31")));
    let check = async |token: Value| hands.check(&world, json!({ "token": token }), "SPOUSE_EMPLOYMENT").await["check"]["answer"].clone();
    assert_eq!(check(token_of(&world, &her, &sub).await).await, "VALID");

    let suspend = with(target(&principal), json!({ "ground": "CONDITIONS_DOUBTFUL", "reason": "存疑" }));
    let early = token_of(&world, &her, &sub).await;
    let suspended = world.run(&hands.approver, "suspendCard", ISSUED, suspend).await.unwrap();
    assert_eq!(card_of(&world, &her).await["status"], "SUSPENDED");
    assert_eq!(check(early).await, "NOT_VALID");
    let lifted = with(target(&suspended), json!({ "reason": "条件符合" }));
    let lifted = world.run(&hands.approver, "liftCardSuspension", ISSUED, lifted).await.unwrap();
    assert_eq!(card_of(&world, &her).await["status"], "ACTIVE");
    // It ends with the last day of the principal card, whatever its own is.
    world.execute("UPDATE card SET valid_to = '2026-02-28' WHERE principal_card_id IS NULL AND id = $1", [card_id(&principal).0.into()]).await;
    world.app.set_time(at("2026-03-01T01:00:00Z"));
    let (later, hands) = (world.again(&her).await, hands.again(&world).await);
    assert_eq!((card_of(&world, &later).await["status"].clone(), card_of(&world, &later).await["validUntil"].clone()), (json!("ENDED"), json!("2028-12-31")));
    world.execute("UPDATE card SET valid_to = '2028-12-31' WHERE principal_card_id IS NULL AND id = $1", [card_id(&principal).0.into()]).await;
    assert_eq!(card_of(&world, &later).await["status"], "ACTIVE");
    // Withdrawn, it takes the sub-card with it, which is written down and told.
    let revoke = with(target(&lifted), json!({ "ground": "LEFT_PROVINCE", "reason": "已离粤" }));
    world.run(&hands.approver, "revokeCard", ISSUED, revoke).await.unwrap();
    let ended = card_of(&world, &later).await;
    assert_eq!((&ended["status"], &ended["currentNumber"], &ended["numbers"][0]["endReason"]), (&json!("ENDED"), &Value::Null, &json!("PRINCIPAL_ENDED")));
    assert_eq!(ended["events"], json!([{ "kind": "ISSUED" }, { "kind": "ENDED" }]));
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM outbox WHERE kind = 'CARD_ENDED'").await, 1);
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM trail WHERE action = 'END_SUB_CARD'").await, 1);
}

/// Records a use of the first benefit that the check shows; gives its id.
async fn used(world: &World, hands: &Hands, checked: &Value, amount: i64) -> Value {
    let input = json!({
        "checkId": checked["check"]["id"], "benefitId": checked["benefits"][0]["benefit"]["id"], "amount": amount, "idempotencyKey": world.key(),
    });
    let recorded = mutate(world, &hands.counter, "recordBenefitUse", "use { id } balance { used remaining }", input).await;
    assert_eq!(recorded["userErrors"], json!([]));
    recorded["use"]["id"].clone()
}

const REVERSED: &str = "reversal { id amount cardId benefitId } balance { used remaining }";

async fn a_use_is_taken_back_once_and_the_ledger_adds_up(app: TestApp) {
    let world = with_products(app, |text| text.replace("area = \"TRANSPORT\"\n", "area = \"TRANSPORT\"\nyearly_quota = 3\n")).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2028-12-31").await;
    let checked = hands.check(&world, json!({ "token": token_of(&world, &talent, &card).await }), "TRANSPORT").await;
    let (first, second) = (used(&world, &hands, &checked, 2).await, used(&world, &hands, &checked, 1).await);
    let reverse = |use_id: &Value, key: String| json!({ "useId": use_id, "reason": "重复登记", "idempotencyKey": key });
    refused(
        &mutate(&world, &hands.counter, "reverseBenefitUse", REVERSED, with(reverse(&first, world.key()), json!({ "reason": " " }))).await,
        "REASON_REQUIRED",
        "input.reason",
    );
    let too_long = with(reverse(&first, world.key()), json!({ "reason": "长".repeat(501) }));
    refused(&mutate(&world, &hands.counter, "reverseBenefitUse", REVERSED, too_long).await, "TOO_LONG", "input.reason");
    // Of twenty at once one takes it back.
    let answers = join_all((0..20).map(|_| mutate(&world, &hands.counter, "reverseBenefitUse", REVERSED, reverse(&first, world.key())))).await;
    let (done, noes): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer["userErrors"] == json!([]));
    assert_eq!((done.len(), &done[0]["reversal"]["amount"], &done[0]["balance"]), (1, &json!(-2), &json!({ "used": 1, "remaining": 2 })));
    assert!(noes.iter().all(|answer| answer["userErrors"][0]["code"] == "ALREADY_REVERSED"), "{noes:?}");
    // The same key tells the same; a reversal itself is not taken back.
    let key = world.key();
    let back = mutate(&world, &hands.counter, "reverseBenefitUse", REVERSED, reverse(&second, key.clone())).await;
    assert_eq!(back["balance"], json!({ "used": 0, "remaining": 3 }));
    assert_eq!(mutate(&world, &hands.counter, "reverseBenefitUse", REVERSED, reverse(&second, key.clone())).await, back);
    refused(&mutate(&world, &hands.counter, "reverseBenefitUse", REVERSED, reverse(&first, key)).await, "IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey");
    refused(&mutate(&world, &hands.counter, "reverseBenefitUse", REVERSED, reverse(&back["reversal"]["id"], world.key())).await, "NOT_FOUND", "input.useId");
    // What came free is used again, up to the quota and no further.
    used(&world, &hands, &checked, 3).await;
    let input = json!({
        "checkId": checked["check"]["id"], "benefitId": checked["benefits"][0]["benefit"]["id"], "amount": 1, "idempotencyKey": world.key(),
    });
    refused(&mutate(&world, &hands.counter, "recordBenefitUse", "use { id }", input).await, "QUOTA_EXHAUSTED", "input.amount");
    let different = "SELECT COUNT(*) FROM benefit_balance b WHERE b.used <> (SELECT SUM(e.delta) FROM benefit_entry e WHERE e.card_id = b.card_id \
                     AND e.benefit_id = b.benefit_id AND e.beneficiary_person_id = b.beneficiary_person_id AND e.year = b.year)";
    assert_eq!(rows(&world, different).await, 0);
    assert_eq!((rows(&world, "SELECT COUNT(*) FROM benefit_entry").await, rows(&world, "SELECT used FROM benefit_balance").await), (5, 3));
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM outbox WHERE kind = 'BENEFIT_USE_REVERSED'").await, 2);
}

async fn a_use_is_taken_back_by_its_counter_for_a_week_and_by_its_supervisor_until_january(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2028-12-31").await;
    let checked = hands.check(&world, json!({ "token": token_of(&world, &talent, &card).await }), "TRANSPORT").await;
    let (one, two, three) = (used(&world, &hands, &checked, 1).await, used(&world, &hands, &checked, 1).await, used(&world, &hands, &checked, 1).await);
    let reverse = async |by: &Someone, use_id: &Value| {
        let input = json!({ "useId": use_id, "reason": "登记有误", "idempotencyKey": world.key() });
        mutate(&world, by, "reverseBenefitUse", REVERSED, input).await
    };
    // Neither the holder nor staff without the role; not another counter, nor who supervises another city.
    let input = json!({ "useId": one, "reason": "登记有误", "idempotencyKey": world.key() });
    for by in [&talent, &hands.officer, &hands.approver] {
        assert_eq!(fault(&world, by, "reverseBenefitUse", input.clone()).await, "FORBIDDEN");
    }
    let far = other_city(&world).await;
    let far_supervisor = world.with_roles("supervisor-far", vec![(Role::Supervisor, Some(far), None)]).await;
    let city_counter = world.with_roles("counter-city", vec![(Role::Counter, Some(world.units.city), None)]).await;
    for by in [&far_supervisor, &city_counter] {
        refused(&reverse(by, &one).await, "NOT_FOUND", "input.useId");
    }
    // A supervisor whom the card is for, too, leaves it to another.
    let tied = world.with_roles("supervisor-tied", vec![(Role::Supervisor, Some(world.units.city), None)]).await;
    let relative = "INSERT INTO card_beneficiary (card_id, person_id, relation) VALUES ($1, $2, 'SPOUSE')";
    world.execute(relative, [card_id(&card).0.into(), tied.person.0.into()]).await;
    refused(&reverse(&tied, &one).await, "OWN_CASE", "");
    // On the seventh day the counter still may, on the eighth its supervisor only, and in February nobody.
    world.app.set_time(at("2026-01-12T15:59:00Z"));
    let later = hands.again(&world).await;
    assert_eq!(reverse(&later.counter, &one).await["userErrors"], json!([]));
    world.app.set_time(at("2026-01-12T16:00:00Z"));
    refused(&reverse(&later.counter, &two).await, "REVERSAL_TOO_LATE", "input.useId");
    assert_eq!(reverse(&later.supervisor, &two).await["userErrors"], json!([]));
    world.app.set_time(at("2027-01-31T16:00:00Z"));
    let later = hands.again(&world).await;
    refused(&reverse(&later.supervisor, &three).await, "REVERSAL_TOO_LATE", "input.useId");
    world.app.set_time(at("2027-01-31T15:59:00Z"));
    let later = hands.again(&world).await;
    assert_eq!(reverse(&later.supervisor, &three).await["balance"]["used"], 0);
}

/// Submits a case of the renewal.
async fn renewal(world: &World, talent: &Someone, changed: Value) -> Result<Value, Vec<Value>> {
    let mut materials = Vec::new();
    for key in ["labour_contract", "employment_certificate"] {
        materials.push(json!({ "key": key, "documentVersionId": world.upload(talent, &key.to_uppercase()).await }));
    }
    let answers = json!({
        "employer": world.units.employer.global(), "contract_until": "2029-06-30", "city": "440100", "civil_servant": false, "insurance_months": 12,
        "lawful": true, "honest": true, "outstanding": true,
    });
    let line = json!({ "itemId": world.item(RENEWAL).await, "regionCode": "440100", "answers": with(answers, changed), "materials": materials });
    let order = world.save(talent, json!({ "lines": [line] })).await.unwrap();
    Ok(world.submit(talent, &order, json!({})).await?["applications"][0].clone())
}

async fn a_card_is_renewed_where_it_ends(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2026-12-31").await;
    assert_eq!(card["validUntil"], "2026-12-31");
    world.app.set_time(at("2026-11-16T01:00:00Z"));
    let (talent, hands) = (world.again(&talent).await, hands.again(&world).await);
    // The conditions are judged again.
    assert_eq!(codes(&no(renewal(&world, &talent, json!({ "civil_servant": true })).await)), ["NOT_ELIGIBLE"]);
    let case = renewal(&world, &talent, json!({})).await.unwrap();
    let decided = hands.approve(&world, &case).await;
    let renewed = card_of(&world, &talent).await;
    assert_eq!((&renewed["id"], &renewed["validFrom"], &renewed["validUntil"]), (&card["id"], &card["validFrom"], &json!("2029-06-30")));
    assert_eq!((&renewed["currentNumber"], &renewed["version"], &renewed["status"]), (&card["currentNumber"], &json!(2), &json!("ACTIVE")));
    let shown = world.read(&talent, &decided, "documents { kind given { value { value } } }").await;
    let decision = shown["documents"].as_array().unwrap().iter().find(|d| d["kind"] == "DECISION").unwrap();
    assert_eq!(decision["given"], json!([{ "value": { "value": "2027-01-01" } }, { "value": { "value": "2029-06-30" } }]));
    // The day after the old end it is good.
    world.app.set_time(at("2027-01-01T01:00:00Z"));
    assert_eq!(card_of(&world, &world.again(&talent).await).await["status"], "ACTIVE");
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM outbox WHERE kind = 'CARD_RENEWED'").await, 1);
    // Where the decision is reopened the card ends where it ended.
    let reopened = fulfilment_case(&world, case_id(&case), talent.person, json!({}));
    for _ in 0..2 {
        taken_back(world.app.portal(), &RenewalFulfilment, &hands.approver, &reopened).await;
    }
    let ended = card_of(&world, &world.again(&talent).await).await;
    assert_eq!((&ended["validUntil"], &ended["status"], &ended["version"]), (&json!("2026-12-31"), &json!("EXPIRED"), &json!(3)));
}

async fn a_renewal_is_applied_for_in_its_window_and_bounded_by_contract_and_permit(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    assert_eq!(codes(&no(renewal(&world, &talent, json!({})).await)), ["CARD_NOT_ACTIVE"]);
    hands.card(&world, &talent, "2026-12-31").await;
    for (now, open) in [("2026-10-31T15:59:00Z", false), ("2026-12-01T16:00:00Z", false), ("2026-12-01T15:59:00Z", true)] {
        world.app.set_time(at(now));
        let talent = world.again(&talent).await;
        let noes = no(renewal(&world, &talent, json!({ "contract_until": "2026-12-31" })).await);
        // Within the window the contract is next to be in the way.
        assert_eq!(codes(&noes), [if open { "FULFILMENT_IMPOSSIBLE" } else { "RENEWAL_NOT_OPEN" }], "{now}");
        assert!(open || noes[0]["message"].as_str().unwrap().contains("2026-11-01"), "{noes:?}");
    }
    let (talent, hands) = (world.again(&talent).await, hands.again(&world).await);
    let card = card_of(&world, &talent).await;
    // A lost card is replaced first; a suspended one is not renewed.
    lost(&world, &talent, &card).await.unwrap();
    assert_eq!(codes(&no(renewal(&world, &talent, json!({})).await)), ["CARD_LOST"]);
    let case = replacement(&world, &talent, "LOST").await.unwrap();
    hands.approve(&world, &case).await;
    let suspend = with(target(&card_of(&world, &talent).await), json!({ "ground": "CONDITIONS_DOUBTFUL", "reason": "存疑" }));
    let suspended = world.run(&hands.approver, "suspendCard", ISSUED, suspend).await.unwrap();
    assert_eq!(codes(&no(renewal(&world, &talent, json!({})).await)), ["CARD_NOT_ACTIVE"]);
    world.run(&hands.approver, "liftCardSuspension", ISSUED, with(target(&suspended), json!({ "reason": "条件符合" }))).await.unwrap();
    // The permit that an officer saw ends before contract and years; the decision comes after the card has ended.
    let permit = json!({
        "personId": talent.person.global(), "kind": "HOME_RETURN_PERMIT", "documentNumber": "H1234567801", "validUntil": "2028-03-31",
        "expectedVersion": world.app.version_of(&json!(talent.person.global())).await,
    });
    assert_eq!(mutate(&world, &hands.officer, "verifyIdentity", "mergedId", permit).await["userErrors"], json!([]));
    let case = renewal(&world, &talent, json!({ "contract_until": "2040-12-31" })).await.unwrap();
    world.app.set_time(at("2027-01-04T01:00:00Z"));
    let (talent, hands) = (world.again(&talent).await, hands.again(&world).await);
    assert_eq!(card_of(&world, &talent).await["status"], "EXPIRED");
    let seen = world.read(&talent, &case, "id version state").await;
    let mut case = seen.clone();
    if seen["state"] == "RECEIVED" {
        case = world.done(&hands.officer, "acceptApplication", &seen, json!({})).await;
    } else {
        case = world.read(&talent, &case, "id number version state decision stepsDone step { key }").await;
    }
    while let Some(step) = case["step"]["key"].as_str().map(str::to_owned) {
        let by = if step == "employer_confirmation" { &hands.confirmer } else { &hands.province };
        case = world.done(by, "completeStep", &case, json!({ "stepKey": step, "outcome": "POSITIVE" })).await;
    }
    world.done(&hands.approver, "decideApplication", &case, json!({ "decision": "APPROVED" })).await;
    let renewed = card_of(&world, &talent).await;
    assert_eq!((&renewed["validUntil"], &renewed["status"]), (&json!("2028-03-31"), &json!("ACTIVE")));
}

async fn a_holder_is_reminded_once_by_one_of_several_processes(app: TestApp) {
    let mut world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2026-12-31").await;
    let told = async |world: &World| rows(world, "SELECT COUNT(*) FROM outbox WHERE kind = 'CARD_ENDS_SOON'").await;
    let run = async |world: &World, now: DateTime<Utc>| {
        world.app.set_time(now);
        // Several processes at once.
        let portal = world.app.portal();
        let found: usize = join_all((0..4).map(|_| remind(portal))).await.into_iter().map(Result::unwrap).sum();
        (found, told(world).await)
    };
    // The first second of the sixtieth day before the last, at UTC+8, and the one before.
    assert_eq!(run(&world, at("2026-10-31T15:59:59Z")).await, (0, 0));
    assert_eq!(run(&world, at("2026-10-31T16:00:00Z")).await, (1, 1));
    world.app.restart();
    assert_eq!(run(&world, at("2026-11-20T01:00:00Z")).await, (0, 1));
    assert_eq!(run(&world, at("2026-11-30T15:59:59Z")).await, (0, 1));
    assert_eq!(run(&world, at("2026-11-30T16:00:00Z")).await, (1, 2));
    world.app.restart();
    assert_eq!(run(&world, at("2026-12-31T01:00:00Z")).await, (0, 2));
    assert_eq!(run(&world, at("2027-01-01T01:00:00Z")).await, (0, 2));
    let data = "SELECT COUNT(*) FROM outbox WHERE kind = 'CARD_ENDS_SOON' AND (CAST(data AS TEXT) LIKE '%30%' OR CAST(data AS TEXT) LIKE '%60%')";
    assert_eq!(rows(&world, data).await, 2);
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM trail WHERE action = 'REMIND_OF_CARD_END' AND actor_kind = 'SYSTEM'").await, 2);
    // Another last day is another cause; who was down over both is told once, of what is left.
    world.execute("UPDATE card SET valid_to = '2027-06-30' WHERE id = $1", [card_id(&card).0.into()]).await;
    assert_eq!(run(&world, at("2027-06-20T01:00:00Z")).await, (1, 3));
    // A card that was withdrawn or is suspended is not spoken of.
    world.execute("UPDATE card SET valid_to = '2028-06-30', status = 'SUSPENDED' WHERE id = $1", [card_id(&card).0.into()]).await;
    assert_eq!(run(&world, at("2028-06-20T01:00:00Z")).await, (0, 3));
}

/// The claims of a compact JWS, unverified.
fn claims(jws: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jws.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// A status list as it is published.
async fn list_at(world: &World, path: &str) -> (StatusCode, String, axum::http::HeaderMap) {
    let (status, headers, bytes) = world.app.send(Request::get(path).body(Body::empty()).unwrap()).await;
    (status, String::from_utf8(bytes.to_vec()).unwrap(), headers)
}

async fn list(world: &World) -> String {
    let (status, list, _) = list_at(world, "/.well-known/card-status/0").await;
    assert_eq!(status, StatusCode::OK);
    list
}

/// The two bits of a place, unpacked by nothing of ours.
fn bits(list: &str, idx: u64) -> u8 {
    let packed = URL_SAFE_NO_PAD.decode(claims(list)["status_list"]["lst"].as_str().unwrap()).unwrap();
    let mut bytes = Vec::new();
    ZlibDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    bytes[usize::try_from(idx / 4).unwrap()] >> (idx % 4 * 2) & 3
}

async fn a_status_list_tells_what_became_of_cards(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent, other) = (Hands::new(&world).await, world.talent("talent").await, world.talent("talent2").await);
    for path in ["/.well-known/card-status/1", "/.well-known/card-status/00", "/.well-known/card-status/x"] {
        assert_eq!(list_at(&world, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let card = hands.card(&world, &talent, "2028-12-31").await;
    let second = hands.card(&world, &other, "2026-01-06").await;
    let status = claims(token_of(&world, &talent, &card).await.as_str().unwrap())["status"]["status_list"].take();
    let (idx, other_idx) = (status["idx"].as_u64().unwrap(), {
        let token = token_of(&world, &other, &second).await;
        claims(token.as_str().unwrap())["status"]["status_list"]["idx"].as_u64().unwrap()
    });
    // A card keeps its place, which is its own and says nothing of it.
    let again = claims(token_of(&world, &talent, &card).await.as_str().unwrap())["status"]["status_list"].take();
    assert_eq!((&again, idx == other_idx), (&status, false));
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM card_place").await, 2);
    let (code, first, headers) = list_at(&world, "/.well-known/card-status/0").await;
    assert_eq!((code, headers[header::CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, "application/statuslist+jwt"));
    assert_eq!(headers[header::CACHE_CONTROL].to_str().unwrap(), "public, max-age=60");
    let head: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(first.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!((&head["typ"], &head["alg"]), (&json!("statuslist+jwt"), &json!("EdDSA")));
    let told = claims(&first);
    let now = world.app.portal().env.now().timestamp();
    assert_eq!((&told["sub"], told["iat"].as_i64(), told["exp"].as_i64(), &told["ttl"]), (&status["uri"], Some(now), Some(now + 86_400), &json!(60)));
    assert_eq!(told["status_list"]["bits"], 2);
    assert_eq!((bits(&first, idx), bits(&first, other_idx)), (0, 0));
    // Within a minute the same list is given, whoever asks.
    let suspend = with(target(&card), json!({ "ground": "CONDITIONS_DOUBTFUL", "reason": "存疑" }));
    let suspended = world.run(&hands.approver, "suspendCard", ISSUED, suspend).await.unwrap();
    world.app.advance(Duration::seconds(59));
    let (statements, same) = world.app.statements(list(&world)).await;
    assert_eq!((statements, same), (0, first));
    world.app.advance(Duration::seconds(1));
    assert_eq!(bits(&list(&world).await, idx), 2);
    let lifted = world.run(&hands.approver, "liftCardSuspension", ISSUED, with(target(&suspended), json!({ "reason": "条件符合" }))).await.unwrap();
    world.app.advance(Duration::seconds(60));
    assert_eq!(bits(&list(&world).await, idx), 0);
    // Lost, expired at midnight at UTC+8, withdrawn: not valid, and no reason.
    lost(&world, &talent, &lifted).await.unwrap();
    world.app.set_time(at("2026-01-06T15:59:59Z"));
    let before = list(&world).await;
    assert_eq!((bits(&before, idx), bits(&before, other_idx)), (1, 0));
    world.app.set_time(at("2026-01-06T16:01:00Z"));
    assert_eq!(bits(&list(&world).await, other_idx), 1);
}

async fn a_card_is_checked_offline_by_token_and_list_and_told_afterwards(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2028-12-31").await;
    let token = token_of(&world, &talent, &card).await;
    let old = list(&world).await;
    let now = world.app.portal().env.now();
    // What a counter does without the portal.
    let (_, judged) = judge(&world.app.portal().keyring, token.as_str().unwrap(), &old, now).unwrap();
    assert_eq!(judged, Offline::ValidAsOf(now));
    let shown = "check { id answer means checkedAt validUntil statusAsOf counterName { value } }";
    let input = |token: &Value, list: &str, at: DateTime<Utc>| json!({ "token": token, "statusList": list, "checkedAt": at, "purpose": "TRANSPORT", "idempotencyKey": world.key() });
    let told = async |input: Value| mutate(&world, &hands.counter, "recordOfflineCheck", shown, input).await;
    let made = now + Duration::seconds(20);
    world.app.advance(Duration::hours(2));
    let changed = format!("{}{}", &old[..old.len() - 4], if old.ends_with("AAAA") { "BBBB" } else { "AAAA" });
    let forged = json!(format!("{}AAAA", &token.as_str().unwrap()[..token.as_str().unwrap().len() - 4]));
    for (input, code, field) in [
        (input(&token, &changed, made), "STATUS_LIST_INVALID", "input.statusList"),
        (input(&token, token.as_str().unwrap(), made), "STATUS_LIST_INVALID", "input.statusList"),
        (input(&forged, &old, made), "CARD_TOKEN_INVALID", "input.token"),
        (input(&token, &old, now + Duration::seconds(60)), "CARD_TOKEN_EXPIRED", "input.token"),
        (input(&token, &old, now + Duration::hours(3)), "IN_FUTURE", "input.checkedAt"),
        (input(&token, &old, now - Duration::days(8)), "TOO_EARLY", "input.checkedAt"),
        (with(input(&token, &old, made), json!({ "purpose": "HOUSING" })), "PURPOSE_NOT_ALLOWED", "input.purpose"),
    ] {
        refused(&told(input).await, code, field);
    }
    assert_eq!(fault(&world, &talent, "recordOfflineCheck", input(&token, &old, made)).await, "FORBIDDEN");
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM card_check").await, 0);
    let good = input(&token, &old, made);
    let first = told(good.clone()).await;
    assert_eq!((&first["check"]["answer"], &first["check"]["means"], &first["userErrors"]), (&json!("VALID_AS_OF"), &json!("OFFLINE"), &json!([])));
    let instant = |at: DateTime<Utc>| json!(at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
    assert_eq!((&first["check"]["checkedAt"], &first["check"]["statusAsOf"]), (&instant(made), &instant(now)));
    assert_eq!(told(good).await, first);
    // A token that was shown twice, offline or here, is found out.
    refused(&told(input(&token, &old, made)).await, "CARD_TOKEN_SPENT", "input.token");
    let online = token_of(&world, &talent, &card).await;
    assert_eq!(hands.check(&world, json!({ "token": online }), "TRANSPORT").await["check"]["answer"], "VALID");
    refused(&told(input(&online, &list(&world).await, world.app.portal().env.now())).await, "CARD_TOKEN_SPENT", "input.token");
    // Nothing is recorded under it: whoever was there is gone.
    let used =
        json!({ "checkId": first["check"]["id"], "benefitId": benefit(&world, &hands, &talent, &card).await, "amount": 1, "idempotencyKey": world.key() });
    refused(&mutate(&world, &hands.counter, "recordBenefitUse", "use { id }", used).await, "CHECK_EXPIRED", "input.checkId");
    // Cut short, and suspended meanwhile.
    let token = token_of(&world, &talent, &card).await;
    let present = list(&world).await;
    let at_once = world.app.portal().env.now();
    let cut = told(input(&token, &present[..present.len() / 2], at_once)).await;
    assert_eq!((&cut["check"]["answer"], &cut["check"]["statusAsOf"]), (&json!("STATUS_UNKNOWN"), &Value::Null));
    world.app.advance(Duration::seconds(60));
    let token = token_of(&world, &talent, &card).await;
    let version = card_of(&world, &talent).await;
    let suspend = with(target(&version), json!({ "ground": "CONDITIONS_DOUBTFUL", "reason": "存疑" }));
    let suspended = world.run(&hands.approver, "suspendCard", ISSUED, suspend).await.unwrap();
    let at_once = world.app.portal().env.now();
    assert_eq!(told(input(&token, &list(&world).await, at_once)).await["check"]["answer"], "NOT_VALID");
    world.run(&hands.approver, "liftCardSuspension", ISSUED, with(target(&suspended), json!({ "reason": "条件符合" }))).await.unwrap();
    // A list of more than a day ago tells nothing.
    world.app.advance(Duration::hours(23));
    let (talent, hands) = (world.again(&talent).await, hands.again(&world).await);
    let token = token_of(&world, &talent, &card).await;
    let at_once = world.app.portal().env.now();
    let aged = mutate(&world, &hands.counter, "recordOfflineCheck", shown, input(&token, &old, at_once)).await;
    assert_eq!((&aged["check"]["answer"], &aged["check"]["statusAsOf"]), (&json!("STATUS_UNKNOWN"), &Value::Null));
    // The holder sees them all.
    let seen = "query($id: ID!) { card(id: $id) { checks(first: 20) { nodes { means answer } } } }";
    let seen = world.app.graphql(Some(&talent.token), seen, json!({ "id": card["id"] })).await.ok()["card"]["checks"]["nodes"].take();
    let offline: Vec<_> = seen.as_array().unwrap().iter().filter(|c| c["means"] == "OFFLINE").map(|c| c["answer"].as_str().unwrap()).collect();
    assert_eq!(offline, ["STATUS_UNKNOWN", "NOT_VALID", "STATUS_UNKNOWN", "VALID_AS_OF"]);
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM trail WHERE action = 'RECORD_OFFLINE_CHECK' AND result = 'OK'").await, 4);
}

/// The first benefit that a check of the card shows.
async fn benefit(world: &World, hands: &Hands, talent: &Someone, card: &Value) -> Value {
    let checked = hands.check(world, json!({ "token": token_of(world, talent, card).await }), "TRANSPORT").await;
    checked["benefits"][0]["benefit"]["id"].clone()
}

async fn what_is_left_of_a_year_goes_over_where_the_benefit_says_so(app: TestApp) {
    let quota = "area = \"TRANSPORT\"\nyearly_quota = 2\ncarry_over = \"NEXT_YEAR\"\n";
    let world = with_products(app, |text| text.replace("area = \"TRANSPORT\"\n", quota)).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2029-12-31").await;
    let year = async |at: DateTime<Utc>, wanted: i64| {
        world.app.set_time(at);
        let (hands, talent) = (hands.again(&world).await, world.again(&talent).await);
        let checked = hands.check(&world, json!({ "token": token_of(&world, &talent, &card).await }), "TRANSPORT").await;
        let input = |amount: i64| json!({ "checkId": checked["check"]["id"], "benefitId": checked["benefits"][0]["benefit"]["id"], "amount": amount, "idempotencyKey": world.key() });
        let more = mutate(&world, &hands.counter, "recordBenefitUse", "balance { quota }", input(wanted + 1)).await;
        refused(&more, "QUOTA_EXHAUSTED", "input.amount");
        let done = mutate(&world, &hands.counter, "recordBenefitUse", "balance { quota used remaining }", input(wanted)).await;
        assert_eq!(done["balance"]["remaining"], 0, "{done}");
        done["balance"]["quota"].clone()
    };
    // In the first year nothing was before; all of it was used, so that nothing goes over into the second.
    assert_eq!(year(at("2026-03-02T01:00:00Z"), 2).await, 2);
    assert_eq!(year(at("2027-03-01T01:00:00Z"), 2).await, 2);
    // Of 2028 nothing is used: in 2029 there are two years' units, no more.
    assert_eq!(year(at("2029-03-01T01:00:00Z"), 4).await, 4);
}

async fn issued_data_are_corrected_by_a_decision_with_another_number(app: TestApp) {
    let world = World::new(app).await;
    let (hands, talent) = (Hands::new(&world).await, world.talent("talent").await);
    let card = hands.card(&world, &talent, "2028-12-31").await;
    verify(&world, &hands.officer, talent.person, DOCUMENT).await;
    let old = card["currentNumber"]["value"].clone();
    let early = token_of(&world, &talent, &card).await;
    let correct = |card: &Value, more: Value| with(with(target(card), json!({ "reason": "合同期录入有误" })), more);
    for (more, code, field) in [
        (json!({}), "REQUIRED", "input"),
        (json!({ "gradeCode": "A", "validUntil": "2028-12-31" }), "REQUIRED", "input"),
        (json!({ "gradeCode": "Z" }), "NOT_ALLOWED", "input.gradeCode"),
        (json!({ "validUntil": "2031-01-05" }), "NOT_ALLOWED", "input.validUntil"),
        (json!({ "validUntil": "2026-01-04" }), "NOT_ALLOWED", "input.validUntil"),
        (json!({ "gradeCode": "B", "reason": "" }), "REASON_REQUIRED", "input.reason"),
        (json!({ "gradeCode": "B", "expectedVersion": 5 }), "CONFLICT", "input.expectedVersion"),
    ] {
        refused(&mutate(&world, &hands.approver, "correctCard", ISSUED, correct(&card, more)).await, code, field);
    }
    assert_eq!(fault(&world, &talent, "correctCard", correct(&card, json!({ "gradeCode": "B" }))).await, "FORBIDDEN");
    let right = json!({ "gradeCode": "B", "validUntil": "2031-01-04" });
    let corrected = world.run(&hands.approver, "correctCard", ISSUED, correct(&card, right)).await.unwrap();
    let new = corrected["currentNumber"]["value"].clone();
    assert!(new != old && new.as_str().unwrap().starts_with("4400B"), "{new}");
    let now = card_of(&world, &talent).await;
    assert_eq!((&now["id"], &now["validUntil"], &now["status"], &now["version"]), (&card["id"], &json!("2031-01-04"), &json!("ACTIVE"), &json!(2)));
    assert_eq!(now["numbers"], json!([{ "value": old, "endReason": "CORRECTED" }, { "value": new, "endReason": null }]));
    // What was shown before is good no more.
    refused(&hands.check(&world, json!({ "token": early }), "TRANSPORT").await, "CARD_TOKEN_SPENT", "input.by.token");
    assert_eq!(hands.check(&world, by_number(&old), "TRANSPORT").await["check"]["answer"], "NOT_VALID");
    assert_eq!(hands.check(&world, by_number(&new), "TRANSPORT").await["check"]["answer"], "VALID");
    let document = "query($id: ID!) { card(id: $id) { grade { code } decisions { measure ground reason corrected { gradeCodeBefore gradeCode validUntilBefore \
                    validUntil } litigation { value } jws } } }";
    let read = world.app.graphql(Some(&talent.token), document, json!({ "id": card["id"] })).await.ok()["card"].take();
    let decision = &read["decisions"][0];
    assert_eq!((&read["grade"]["code"], &decision["measure"], &decision["ground"]), (&json!("B"), &json!("CORRECTION"), &json!("ISSUED_IN_ERROR")));
    let told = json!({ "gradeCodeBefore": "A", "gradeCode": "B", "validUntilBefore": "2028-12-31", "validUntil": "2031-01-04" });
    assert_eq!((&decision["corrected"], decision["litigation"].is_null()), (&told, false));
    let signed: DecisionContent = world.app.portal().keyring.verify(DECISION_TYPE, decision["jws"].as_str().unwrap()).unwrap();
    assert_eq!(signed.corrected.unwrap().grade, "B");
    assert_eq!(rows(&world, "SELECT COUNT(*) FROM outbox WHERE kind = 'CARD_CORRECTED'").await, 1);
    // A lost card is corrected without getting a number by it; a withdrawn one is not corrected.
    let lost_one = lost(&world, &talent, &now).await.unwrap();
    let corrected = world.run(&hands.approver, "correctCard", ISSUED, correct(&lost_one, json!({ "gradeCode": "A" }))).await.unwrap();
    assert_eq!((&corrected["lost"], &corrected["currentNumber"]), (&json!(true), &Value::Null));
    let revoke = with(target(&corrected), json!({ "ground": "LEFT_PROVINCE", "reason": "已离粤" }));
    let revoked = world.run(&hands.approver, "revokeCard", ISSUED, revoke).await.unwrap();
    refused(&mutate(&world, &hands.approver, "correctCard", ISSUED, correct(&revoked, json!({ "gradeCode": "B" }))).await, "WRONG_STATE", "");
}
