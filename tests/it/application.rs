//! Cases over HTTP: the whole journey, each refusal, who sees which papers, and what is checked afterwards.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::Duration;
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, Statement};
use serde_json::{Value, json};
use talent_portal::application::entity::{application, event};
use talent_portal::application::model::document::{Content, JWS_TYPE};
use talent_portal::application::model::number::is_case_number;
use talent_portal::application::service::check::check_projections;
use talent_portal::audit::model::Verdict;
use talent_portal::audit::service as audit;
use talent_portal::catalogue::model::bundle::Bundle;
use talent_portal::kernel::actor::Actor;
use talent_portal::kernel::ids::{ApplicationId, ProcessId, TypedId as _};
use talent_portal::kernel::role::Role;
use talent_portal::kernel::text::{Language, Text};
use talent_portal::person::entity::person_key;

use crate::commands::{finish, portal as command};
use crate::support::{TestApp, both_engines, pool_of_one};

mod world;

use world::strangers_to_papers;
pub(crate) use world::{CARD, CASE, SERVICE, Someone, World, at, case_id, codes, fields, instant, no, target, version, with};

both_engines!(
    a_card_is_applied_for_reviewed_decided_delivered_and_held,
    a_stale_version_is_told_what_changed_and_by_which_role,
    each_action_has_its_state_its_step_and_its_person,
    a_reason_is_needed_for_every_no,
    a_decision_tells_its_legal_basis_and_the_remedies,
    what_is_not_yours_does_not_exist,
    papers_of_a_case_are_opened_by_its_staff_alone,
    an_original_is_seen_once_by_a_window_officer_of_the_unit,
    of_an_erased_person_the_documents_keep_number_kind_and_instant,
    objects_are_fetched_again_by_their_ids,
    a_withdrawn_case_frees_the_applicant,
    a_row_changed_by_hand_is_found,
    a_changed_row_of_the_trail_is_named,
    a_second_card_of_a_product_is_not_approved,
);
pool_of_one!(a_card_is_applied_for_reviewed_decided_delivered_and_held,);

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
