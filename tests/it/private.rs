//! Nothing personal stands in the clear where it lies: both stores, the files, the log.
//!
//! Names and dates of birth are in the clear by decision, for the queue and the search of cases. Letters that lie as
//! files are what a mail server would have had, and go with their code.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use talent_portal::kernel::hex;
use talent_portal::kernel::ids::TypedId as _;

use crate::account::{PASSWORD, mutate, refresh, sign_in, sign_up, signed, text};
use crate::application::World;
use crate::dealing::claimed;
use crate::support::search::{Haystack, Log, everything, files};
use crate::support::{TestApp, both_engines};
use crate::talent_card;

both_engines!(nothing_personal_is_in_the_clear_in_database_or_log);

const CONTACT: &str = "canary-contact@example.com";
const MOBILE: &str = "13912345678";
const ANSWER: &str = "canary-answer 家庭情况";
const NOTE: &str = "canary-note 贵宾室";
/// The last day of a contract: an answer, and a fact by which the rules judge.
const CONTRACT: &str = "2029-11-13";
const FILE_NAME: &str = "canary-file-name.pdf";
const FILE: &str = "%PDF-1.7\ncanary-file-bytes\n%%EOF\n";
const REASONS: [&str; 5] = ["canary-reason-not-accepted", "canary-reason-step 学历", "canary-reason-decision", "canary-reason-reveal", "canary-reason-late"];

async fn nothing_personal_is_in_the_clear_in_database_or_log(app: TestApp) {
    let log = Log::begin();
    let world = World::new(app).await;
    let app = &world.app;
    // An account with two contact points, its tokens, and a password.
    let first = sign_up(app, CONTACT).await;
    let asked = mutate(app, Some(&first.access), "addContactPoint", "challenge { id }", json!({ "contact": MOBILE })).await;
    let input = json!({ "challengeId": asked["challenge"]["id"], "code": app.code_for(&format!("+86{MOBILE}")).await });
    assert!(mutate(app, Some(&first.access), "confirmContactPoint", "contactPoint { id }", input).await["contactPoint"].is_object());
    let second = signed(&sign_in(app, CONTACT, PASSWORD).await["result"]);
    app.advance(chrono::Duration::minutes(1));
    let third = signed(&refresh(app, &second.refresh).await["session"]);
    // A code that waits holds its contact point.
    mutate(app, None, "startRecovery", "challenge { id }", json!({ "contact": CONTACT })).await;
    app.mailbox().await;

    // A talent with a document, a profile and a file.
    let talent = world.talent("talent").await;
    let (officer, reviewer, approver) = (world.staff("officer").await, world.staff("reviewer").await, world.staff("approver").await);
    let document = claimed(&world, &talent, "HKID", "A123456(3)").await;
    let employment = json!({ "employerName": "canary-employer", "position": "canary-position", "startedOn": "2020-01-01", "idempotencyKey": world.key() });
    world.run(&talent, "addEmployment", "employment { id }", employment).await.unwrap();
    let education = json!({ "level": "DOCTOR", "institution": "canary-institution", "idempotencyKey": world.key() });
    world.run(&talent, "addEducation", "education { id }", education).await.unwrap();
    let declared = json!({
        "documentKind": "PASSPORT", "fileName": FILE_NAME, "size": FILE.len(), "mediaType": "application/pdf", "sha256": hex::encode(&Sha256::digest(FILE)),
    });
    let url = text(&world.run(&talent, "createUpload", "upload { url }", declared).await.unwrap()["url"]);
    let request = Request::put(&url).header(header::AUTHORIZATION, format!("Bearer {}", talent.token)).header(header::CONTENT_LENGTH, FILE.len());
    assert_eq!(world.app.send(request.body(Body::from(FILE)).unwrap()).await.0, StatusCode::CREATED);

    // Three cases: not accepted, refused, handed in by an officer as of another day.
    let case = async || {
        let line = world.service_line(json!({ "city": "440100", "remark": ANSWER })).await;
        let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
        world.submit(&talent, &order, json!({})).await.unwrap()["applications"][0].clone()
    };
    let not_accepted = world.done(&officer, "refuseAcceptance", &case().await, json!({ "reason": REASONS[0] })).await;
    let refused = world.done(&officer, "acceptApplication", &case().await, json!({})).await;
    let number = json!({ "personId": talent.person.global(), "field": "IDENTITY_DOCUMENT_NUMBER", "identityDocumentId": document, "purpose": "CASE_HANDLING", "reason": REASONS[3] });
    let shown = world.app.graphql(
        Some(&officer.token),
        "mutation($i: RevealPersonalDataInput!) { revealPersonalData(input: $i) { value userErrors { code } } }",
        json!({ "i": number }),
    );
    assert_eq!(shown.await.ok()["revealPersonalData"]["value"], "A123456(3)");
    let refused = world.done(&reviewer, "completeStep", &refused, json!({ "stepKey": "review", "outcome": "NEGATIVE", "reason": REASONS[1] })).await;
    let refused = world.done(&approver, "decideApplication", &refused, json!({ "decision": "REFUSED", "reason": REASONS[2] })).await;
    let walk_in = world.run(&officer, "registerPerson", "person { id }", json!({ "idempotencyKey": world.key(), "nameZh": "何永" })).await.unwrap();
    let line = world.service_line(json!({ "city": "440100", "remark": ANSWER })).await;
    let order = world.save(&officer, json!({ "applicantId": walk_in["id"], "channel": "WINDOW", "lines": [line] })).await.unwrap();
    let stated = json!({ "receivedAt": "2026-01-04T02:00:00Z", "receivedReason": REASONS[4] });
    world.submit(&officer, &order, stated).await.unwrap();
    // An answer that does not fit is told to her alone.
    let wrong = world.service_line(json!({ "city": "canary-city", "remark": ANSWER })).await;
    if let Ok(order) = world.save(&talent, json!({ "lines": [wrong] })).await {
        assert!(world.submit(&talent, &order, json!({})).await.is_err());
    }

    // What a family member is to her; the facts of a case that has rules; what a counter notes of a use.
    let child = json!({ "relation": "PARENT", "nameZh": "陈父", "idempotencyKey": world.key() });
    world.run(&talent, "addFamilyMember", "familyMember { id }", child).await.unwrap();
    let line = world.card_line(&world.materials(&talent).await, json!({ "contract_until": CONTRACT })).await;
    let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let card_case = world.submit(&talent, &order, json!({})).await.unwrap()["applications"][0].clone();
    let (counter, system) = (world.staff("counter").await, world.staff("system").await);
    let purpose = json!({ "unitId": world.units.window.global(), "purpose": "TRANSPORT", "allowed": true });
    world.run(&system, "setCounterPurpose", "counterPurpose { allowed }", purpose).await.unwrap();
    let by = talent_card::actor(talent.person, Vec::new());
    let card = talent_card::issue(&world.app, talent_card::order(&world.app, talent.person), &by).await.unwrap();
    let shown = world.run(&talent, "createCardToken", "cardToken { token }", json!({ "cardId": card.global() })).await.unwrap();
    let check = "mutation($i: CheckCardInput!) { checkCard(input: $i) { check { id } benefits { benefit { id } } userErrors { code } } }";
    let input = json!({ "by": { "token": shown["token"] }, "purpose": "TRANSPORT", "idempotencyKey": world.key() });
    let checked = world.app.graphql(Some(&counter.token), check, json!({ "i": input })).await.ok()["checkCard"].take();
    let used = json!({
        "checkId": checked["check"]["id"], "benefitId": checked["benefits"][0]["benefit"]["id"], "amount": 1, "note": NOTE, "idempotencyKey": world.key(),
    });
    let recorded = mutate(&world.app, Some(&counter.token), "recordBenefitUse", "use { amount }", used).await;
    assert_eq!(recorded, json!({ "use": { "amount": 1 }, "userErrors": [] }));
    // What is told of all this, and where.
    let device = json!({ "platform": "WEB", "token": "canary-device", "idempotencyKey": world.key() });
    world.run(&talent, "registerDevice", "device { id }", device).await.unwrap();
    crate::notice::told(&world.app).await;
    world.app.mailbox().await;
    // Each of them is kept, sealed: somewhere there is something to find.
    for kept in ["application WHERE facts_sealed", "benefit_entry WHERE note_sealed", "family_member WHERE details_sealed"] {
        let db = world.app.portal().db.read();
        let select = Statement::from_string(db.get_database_backend(), format!("SELECT COUNT(*) FROM {kept} IS NOT NULL"));
        let count: i64 = db.query_one_raw(select).await.unwrap().unwrap().try_get_by_index(0).unwrap();
        assert!(count > 0, "{kept}");
    }
    assert_eq!(world.read(&talent, &card_case, "answers").await["answers"]["contract_until"], CONTRACT);

    let mut jws = Vec::new();
    for case in [&not_accepted, &refused] {
        let papers = world.read(&talent, case, "answers documents { jws }").await;
        assert_eq!(papers["answers"]["remark"], ANSWER);
        jws.extend(papers["documents"].as_array().unwrap().iter().map(|paper| text(&paper["jws"])));
    }
    assert!(jws.len() >= 4, "{jws:?}");
    let mut needles = vec![
        CONTACT,
        MOBILE,
        "A123456",
        ANSWER,
        FILE_NAME,
        "canary-file-bytes",
        "canary-employer",
        "canary-position",
        "canary-institution",
        "canary-city",
        NOTE,
        "canary-device",
        CONTRACT,
        "\"PARENT\"",
        PASSWORD,
    ];
    needles.extend(REASONS);
    for signed in [&first, &second, &third] {
        needles.extend([signed.access.as_str(), &signed.refresh]);
    }
    needles.push(&talent.token);
    // Of a document the signed words and the signature each for themselves.
    needles.extend(jws.iter().flat_map(|jws| jws.split('.').skip(1).chain([jws.as_str()])));

    let (count, kept) = files(&world.app.folder().join("files"));
    // The file of this test and the six papers of the card.
    assert_eq!(count, 7);
    let places = [("stores", everything(&world.app).await), ("files", kept), ("log", log.end())].map(|(name, bytes)| (name, Haystack::new(&bytes)));
    let mut found = Vec::new();
    for (place, hay) in &places {
        found.extend(needles.iter().filter(|needle| hay.holds_in_any_form(needle.as_bytes())).map(|needle| format!("the {place}: {needle}")));
    }
    assert!(found.is_empty(), "in the clear: {found:#?}");
    // The search finds what is there.
    assert!(places[0].1.holds(b"REFUSE_ACCEPTANCE") && places[0].1.holds("何永".as_bytes()) && places[2].1.holds(b"graphql"));
}
