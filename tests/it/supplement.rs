//! What goes beyond the straight way of a case, over HTTP: notices and their answers, special procedures, longer limits, marks
//! of the clock, returns, hand-overs, terminations.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use talent_portal::application::service::check::check_projections;
use talent_portal::application::service::work::run_clock;
use talent_portal::kernel::ids::TypedId as _;
use talent_portal::kernel::role::Role;
use talent_portal::organisation::model::unit::UnitLevel;

use crate::application::{CASE, Someone, World, at, case_id, codes, fields, instant, no, target, version, with};
use crate::notice::told;
use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    a_notice_is_answered_item_by_item_and_begins_the_period_anew,
    what_does_not_fit_a_notice_is_told_and_stored_nowhere,
    a_notice_that_nobody_answers_is_reminded_of_and_ends_the_case,
    a_window_hands_in_for_a_walk_in_what_was_asked_for,
    special_procedures_stop_the_limits,
    what_is_asked_during_review_goes_on_with_its_answer,
    limits_become_longer_once_and_by_somebody_else,
    each_mark_is_passed_once_at_its_instant_also_by_two_at_once,
    a_case_goes_back_to_a_step_and_to_another_unit,
    a_case_is_ended_without_a_decision,
    answers_are_corrected_where_nothing_rests_on_them,
    applicant_and_staff_are_told_what_the_clock_brings,
);
pool_of_one!(a_notice_is_answered_item_by_item_and_begins_the_period_anew, a_notice_that_nobody_answers_is_reminded_of_and_ends_the_case);

const REQUESTS: &str = "state version terminationReason requests { requestedAt supplement dueAt closedAt \
    items { id kind materialKey pointer name { value } reason answeredAt } }";

async fn untouched(world: &World) {
    let report = check_projections(world.app.portal(), |_| {}).await.unwrap();
    assert_eq!(report.different, []);
}

fn material(key: &str, reason: &str) -> Value {
    json!({ "what": { "materialKey": key }, "reason": reason })
}

fn question(pointer: &str, reason: &str) -> Value {
    json!({ "what": { "pointer": pointer }, "reason": reason })
}

/// The items of the request that waits, as the reader sees them.
async fn asked(world: &World, by: &Someone, case: &Value) -> Vec<Value> {
    let read = world.read(by, case, REQUESTS).await;
    let requests = read["requests"].as_array().unwrap();
    requests.last().unwrap()["items"].as_array().unwrap().clone()
}

/// The case as it is now, for the next action.
async fn now(world: &World, by: &Someone, case: &Value) -> Value {
    world.read(by, case, CASE).await
}

async fn documents(world: &World, by: &Someone, case: &Value) -> Vec<Value> {
    let shown =
        "documents { kind number reason answerDueAt days specialProcedure terminationReason asked { name { value } reason } reconsideration { value } }";
    world.read(by, case, shown).await["documents"].as_array().unwrap().clone()
}

fn kinds(documents: &[Value]) -> Vec<&str> {
    documents.iter().map(|document| document["kind"].as_str().unwrap()).collect()
}

async fn a_notice_is_answered_item_by_item_and_begins_the_period_anew(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let case = world.card_case(&talent).await;
    let items = json!([material("degree_authentication", "第二页看不清"), question("/insurance_months", "Please count again.")]);
    let told = world.done(&officer, "requestSupplement", &case, json!({ "items": items, "answerDays": 10 })).await;
    assert_eq!((&told["state"], &told["deemedAcceptedAt"]), (&json!("SUPPLEMENT_REQUESTED"), &Value::Null));
    // Monday 2026-01-05 and ten working days: until the end of Monday the 19th at UTC+8.
    let until = at("2026-01-19T16:00:00Z");
    assert_eq!(instant(&told["dueAt"]), until);
    let seen = world.read(&talent, &case, REQUESTS).await;
    let request = &seen["requests"][0];
    assert_eq!((&request["supplement"], instant(&request["dueAt"]), &request["closedAt"]), (&json!(true), until, &Value::Null));
    assert_eq!((&request["items"][0]["materialKey"], &request["items"][0]["reason"]), (&json!("degree_authentication"), &json!("第二页看不清")));
    assert_eq!((&request["items"][1]["pointer"], &request["items"][1]["kind"]), (&json!("/insurance_months"), &json!("ANSWER")));
    assert!(request["items"].as_array().unwrap().iter().all(|item| item["answeredAt"].is_null() && item["name"]["value"] != ""));
    let notice = documents(&world, &talent, &case).await.pop().unwrap();
    assert_eq!((&notice["kind"], instant(&notice["answerDueAt"])), (&json!("SUPPLEMENT_NOTICE"), until));
    assert_eq!((notice["asked"].as_array().unwrap().len(), &notice["asked"][1]["reason"]), (2, &json!("Please count again.")));
    assert_eq!(codes(&no(world.act(&officer, "acceptApplication", &told, json!({})).await)), ["WRONG_STATE"]);

    // One thing is handed in and closed; the case waits for the other.
    let items = asked(&world, &talent, &case).await;
    let (degree, months) = (items[0]["id"].clone(), items[1]["id"].clone());
    let paper = world.upload(&talent, "DEGREE_AUTHENTICATION").await;
    let again = world.upload(&talent, "DEGREE_AUTHENTICATION").await;
    let one = json!({ "items": [{ "itemId": degree, "documentVersionIds": [again] }] });
    let first = world.done(&talent, "answerSupplement", &told, one.clone()).await;
    assert_eq!(first["state"], "SUPPLEMENT_REQUESTED");
    assert_eq!(codes(&no(world.act(&talent, "answerSupplement", &first, one).await)), ["NOT_ASKED_FOR"], "it is closed");
    let left = asked(&world, &talent, &case).await;
    assert!(left[0]["answeredAt"].is_string() && left[1]["answeredAt"].is_null());
    // The paper takes the place of the one before, which staff can still open.
    let bound = world.read(&officer, &case, "materials { key documentVersion { id } }").await;
    let degrees: Vec<_> = bound["materials"].as_array().unwrap().iter().filter(|m| m["key"] == "degree_authentication").collect();
    assert_eq!((degrees.len(), &degrees[0]["documentVersion"]["id"]), (1, &again));
    assert_ne!(paper, again);

    // On Thursday the rest arrives: received anew, and five working days begin.
    world.app.set_time(at("2026-01-08T02:00:00Z"));
    let (talent, officer) = (world.again(&talent).await, world.again(&officer).await);
    let back = world.done(&talent, "answerSupplement", &first, json!({ "items": [{ "itemId": months, "answer": 24 }] })).await;
    assert_eq!((&back["state"], instant(&back["deemedAcceptedAt"])), (&json!("RECEIVED"), at("2026-01-15T16:00:00Z")));
    let read = world.read(&officer, &case, "answers requests { closedAt } documents { kind }").await;
    assert_eq!((&read["answers"]["insurance_months"], read["requests"][0]["closedAt"].is_string()), (&json!(24), true));
    assert_eq!(kinds(read["documents"].as_array().unwrap()), ["RECEIPT", "SUPPLEMENT_NOTICE", "RECEIPT"]);

    // All is told once: another notice is the supervisor's, with her reason.
    let more = json!({ "items": [material("photo", "blurred")] });
    assert_eq!(codes(&no(world.act(&officer, "requestSupplement", &back, more.clone()).await)), ["SUPERVISOR_NEEDED"]);
    let supervisor = world.staff("supervisor").await;
    let noes = no(world.act(&supervisor, "requestSupplement", &back, more.clone()).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["REASON_REQUIRED"], vec!["input.secondNoticeReason".to_owned()]));
    let second = world.done(&supervisor, "requestSupplement", &back, with(more, json!({ "secondNoticeReason": "The photo came to light late." }))).await;
    assert_eq!(second["state"], "SUPPLEMENT_REQUESTED");

    // Each start, stop and restart is explained in four languages.
    let clock = "query($id: ID!) { application(id: $id) { clock { at step countsAsOf days explanation } } }";
    for language in ["zh-CN", "zh-HK", "en", "pt-MO"] {
        let reply = world.app.graphql_in(language, Some(&talent.token), clock, json!({ "id": case["id"] })).await.ok();
        let steps: Vec<_> = reply["application"]["clock"].as_array().unwrap().iter().map(|entry| entry["step"].as_str().unwrap().to_owned()).collect();
        assert_eq!(steps, ["RECEIVED", "SUPPLEMENT_REQUESTED", "SUPPLEMENT_ANSWERED", "SUPPLEMENT_REQUESTED"]);
        let words: Vec<_> = reply["application"]["clock"].as_array().unwrap().iter().map(|entry| entry["explanation"].as_str().unwrap()).collect();
        assert!(words.iter().all(|words| !words.contains("CLOCK_")) && words[1].contains("10"), "{words:?}");
    }
    untouched(&world).await;
}

async fn what_does_not_fit_a_notice_is_told_and_stored_nowhere(app: TestApp) {
    let world = World::new(app).await;
    let (talent, other, officer) = (world.talent("talent").await, world.talent("talent2").await, world.staff("officer").await);
    let case = world.card_case(&talent).await;
    let before = world.stored_events().await;
    for (items, code, field) in [
        (json!([]), "REQUIRED", "input.items"),
        (json!([material("nothing", "why")]), "NOT_FOUND", "input.items.0.what.materialKey"),
        (json!([question("/nothing", "why")]), "NOT_FOUND", "input.items.0.what.pointer"),
        (json!([material("photo", " ")]), "REASON_REQUIRED", "input.items.0.reason"),
        (json!([material("photo", &"长".repeat(501))]), "TOO_LONG", "input.items.0.reason"),
        (json!([material("photo", "a"), material("photo", "b")]), "NOT_ALLOWED", "input.items.1.what.materialKey"),
    ] {
        let noes = no(world.act(&officer, "requestSupplement", &case, json!({ "items": items })).await);
        assert_eq!((codes(&noes), fields(&noes)), (vec![code], vec![field.to_owned()]));
    }
    let noes = no(world.act(&officer, "requestSupplement", &case, json!({ "items": [material("photo", "a")], "answerDays": 61 })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_ALLOWED"], vec!["input.answerDays".to_owned()]));
    assert_eq!(codes(&no(world.act(&talent, "requestSupplement", &case, json!({ "items": [material("photo", "a")] })).await)), ["OWN_CASE"]);
    assert_eq!(
        codes(&no(world.act(&talent, "answerSupplement", &case, json!({ "items": [{ "itemId": format!("requested_{:032x}", 1) }] })).await)),
        ["WRONG_STATE"]
    );
    assert_eq!(world.stored_events().await, before);

    let items = json!([material("photo", "a"), question("/contract_until", "b")]);
    let told = world.done(&officer, "requestSupplement", &case, json!({ "items": items })).await;
    assert_eq!(
        world.fault(&other, "answerSupplement", with(target(&told), json!({ "items": [{ "itemId": format!("requested_{:032x}", 1) }] }))).await,
        "NOT_FOUND"
    );
    let items = asked(&world, &talent, &case).await;
    let (photo, until) = (&items[0]["id"], &items[1]["id"]);
    let (foreign, wrong_kind) = (world.upload(&other, "PHOTO").await, world.upload(&talent, "LABOUR_CONTRACT").await);
    let bound = world.read(&talent, &case, "materials { key documentVersion { id } }").await;
    let bound = bound["materials"].as_array().unwrap().iter().find(|m| m["key"] == "photo").unwrap()["documentVersion"]["id"].clone();
    let before = world.stored_events().await;
    for (items, code, field) in [
        (json!([]), "REQUIRED", "input.items"),
        (json!([{ "itemId": format!("requested_{:032x}", 1) }]), "NOT_ASKED_FOR", "input.items.0.itemId"),
        (Value::Array(vec![json!({ "itemId": photo }); 51]), "TOO_MANY", "input.items"),
        (json!([{ "itemId": photo }]), "REQUIRED", "input.items.0.documentVersionIds"),
        (json!([{ "itemId": photo, "documentVersionIds": vec![foreign.clone(); 21] }]), "TOO_MANY", "input.items.0.documentVersionIds"),
        (json!([{ "itemId": photo, "documentVersionIds": [foreign] }]), "MATERIAL_UNUSABLE", "input.items.0.documentVersionIds"),
        (json!([{ "itemId": photo, "documentVersionIds": [wrong_kind] }]), "MATERIAL_UNUSABLE", "input.items.0.documentVersionIds"),
        (json!([{ "itemId": photo, "documentVersionIds": [bound] }]), "MATERIAL_UNUSABLE", "input.items.0.documentVersionIds"),
        (json!([{ "itemId": until }]), "REQUIRED", "input.items.0.answer"),
        (json!([{ "itemId": until, "answer": "soon" }]), "FORM_INVALID", "input.items.0.answer"),
    ] {
        let noes = no(world.act(&talent, "answerSupplement", &told, json!({ "items": items })).await);
        assert_eq!((codes(&noes), fields(&noes)), (vec![code], vec![field.to_owned()]), "{items}");
    }
    let noes = no(world.act(&talent, "answerSupplement", &told, json!({ "items": [{ "itemId": until, "answer": "soon" }] })).await);
    assert_eq!(noes[0]["pointer"], "/contract_until");
    let noes = no(world.act(&talent, "answerSupplement", &case, json!({ "items": [{ "itemId": until, "answer": "2028-06-30" }] })).await);
    assert_eq!((codes(&noes), &noes[0]["conflict"]["changedFields"]), (vec!["CONFLICT"], &json!(["state", "requests"])));
    assert_eq!(world.stored_events().await, before);
    untouched(&world).await;
}

async fn a_notice_that_nobody_answers_is_reminded_of_and_ends_the_case(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let case = world.card_case(&talent).await;
    let told = world.done(&officer, "requestSupplement", &case, json!({ "items": [question("/post", "Which?")], "answerDays": 10 })).await;
    let item = asked(&world, &talent, &case).await[0]["id"].clone();
    // Reminded at the start of the fifth working day before the last and of the one before it: the 12th and the 16th.
    for (day, written) in [("2026-01-11T15:59:59Z", 0), ("2026-01-11T16:00:00Z", 1), ("2026-01-11T16:00:00Z", 0), ("2026-01-15T16:00:00Z", 1)] {
        world.app.set_time(at(day));
        assert_eq!(run_clock(world.app.portal()).await.unwrap(), written, "{day}");
    }
    world.app.set_time(at("2026-01-19T15:59:59Z"));
    let (talent, officer) = (world.again(&talent).await, world.again(&officer).await);
    assert_eq!(now(&world, &talent, &case).await["version"], told["version"], "a reminder is nobody's change");
    assert_eq!(now(&world, &talent, &case).await["state"], "SUPPLEMENT_REQUESTED");
    assert_eq!(world.queue(&officer, json!({ "state": "SUPPLEMENT_REQUESTED" })).await.len(), 1);
    let lapse = at("2026-01-19T16:00:00Z");
    world.app.set_time(lapse);
    // True from that instant on, although nothing has run.
    let ended = world.read(&talent, &case, REQUESTS).await;
    assert_eq!((&ended["state"], &ended["terminationReason"]), (&json!("TERMINATED"), &json!("SUPPLEMENT_LAPSED")));
    assert_eq!(world.queue(&officer, json!({})).await.len(), 0);
    let late = json!({ "items": [{ "itemId": item, "answer": "Engineer" }] });
    assert_eq!(codes(&no(world.act(&talent, "answerSupplement", &told, late.clone()).await)), ["SUPPLEMENT_LAPSED"]);
    assert_eq!(run_clock(world.app.portal()).await.unwrap(), 1);
    assert_eq!(run_clock(world.app.portal()).await.unwrap(), 0);
    assert_eq!(codes(&no(world.act(&talent, "answerSupplement", &told, late).await)), ["SUPPLEMENT_LAPSED"], "told as such, not as a conflict");
    let read = world.read(&talent, &case, "closedAt events { nodes { kind at mark } } documents { kind terminationReason reconsideration { value } }").await;
    assert_eq!(instant(&read["closedAt"]), lapse);
    let events: Vec<_> = read["events"]["nodes"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(events, ["SUBMITTED", "SUPPLEMENT_REQUESTED", "CLOCK_MARKED", "CLOCK_MARKED", "TERMINATED"]);
    assert_eq!(instant(&read["events"]["nodes"][4]["at"]), lapse);
    let notice = read["documents"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&notice["kind"], &notice["terminationReason"], notice["reconsideration"].is_object()),
        (&json!("TERMINATION"), &json!("SUPPLEMENT_LAPSED"), true)
    );
    // She may apply anew.
    let again = world.card_case(&talent).await;
    assert_eq!(again["state"], "RECEIVED");
    untouched(&world).await;
}

async fn a_window_hands_in_for_a_walk_in_what_was_asked_for(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let case = world.card_case(&talent).await;
    let told = world.done(&officer, "requestSupplement", &case, json!({ "items": [question("/post", "Which?")] })).await;
    let item = asked(&world, &officer, &case).await[0]["id"].clone();
    let given = json!({ "items": [{ "itemId": item, "answer": "Engineer" }] });
    assert_eq!(codes(&no(world.act(&reviewer, "answerSupplement", &told, given.clone()).await)), ["NOT_ENTITLED"]);
    let back = world.done(&officer, "answerSupplement", &told, given).await;
    assert_eq!(back["state"], "RECEIVED");
    assert_eq!(world.events(&talent, &case).await.last().unwrap(), &("REQUEST_ANSWERED".to_owned(), Some("WINDOW_OFFICER".to_owned())));
}

/// A case of the small service, accepted on Monday 2026-01-05; seven working days are promised, twenty the statute's.
async fn accepted(world: &World, talent: &Someone, officer: &Someone) -> Value {
    let case = world.case(talent).await;
    world.done(officer, "acceptApplication", &case, json!({})).await
}

async fn special_procedures_stop_the_limits(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let case = accepted(&world, &talent, &officer).await;
    assert_eq!(instant(&case["promisedDueAt"]), at("2026-01-14T16:00:00Z"));
    let expert = |days: i32| json!({ "procedure": "EXPERT_REVIEW", "atMostDays": days, "reason": "Two experts read it." });
    for (input, code, field) in [
        (expert(0), "NOT_ALLOWED", "input.atMostDays"),
        (with(expert(5), json!({ "reason": " " })), "REASON_REQUIRED", "input.reason"),
        (with(expert(5), json!({ "items": [question("/city", "why")] })), "NOT_ALLOWED", "input.items"),
        (with(expert(5), json!({ "procedure": "WAITING_FOR_APPLICANT" })), "REQUIRED", "input.items"),
    ] {
        let noes = no(world.act(&reviewer, "startSpecialProcedure", &case, input).await);
        assert_eq!((codes(&noes), fields(&noes)), (vec![code], vec![field.to_owned()]));
    }
    let paused = world.done(&reviewer, "startSpecialProcedure", &case, expert(5)).await;
    // While it runs, its five days are taken out: due on Wednesday the 21st.
    assert_eq!(instant(&paused["promisedDueAt"]), at("2026-01-21T16:00:00Z"));
    let shown = world.read(&talent, &case, "specialProcedure { procedure since atMostDays until } punctuality").await;
    assert_eq!((&shown["specialProcedure"]["procedure"], instant(&shown["specialProcedure"]["until"])), (&json!("EXPERT_REVIEW"), at("2026-01-12T16:00:00Z")));
    let notice = documents(&world, &talent, &case).await.pop().unwrap();
    assert_eq!((&notice["kind"], &notice["days"], &notice["reason"]), (&json!("PROCEDURE"), &json!(5), &json!("Two experts read it.")));
    let review = json!({ "stepKey": "review", "outcome": "POSITIVE" });
    assert_eq!(codes(&no(world.act(&reviewer, "completeStep", &paused, review.clone()).await)), ["PROCEDURE_RUNNING"]);
    assert_eq!(codes(&no(world.act(&reviewer, "startSpecialProcedure", &paused, expert(5)).await)), ["PROCEDURE_RUNNING"]);
    // Ended on Wednesday: Tuesday and Wednesday are taken out.
    world.app.advance(Duration::days(2));
    let (reviewer, talent) = (world.again(&reviewer).await, world.again(&talent).await);
    let back = world.done(&reviewer, "endSpecialProcedure", &paused, json!({})).await;
    assert_eq!(instant(&back["promisedDueAt"]), at("2026-01-16T16:00:00Z"));
    assert_eq!(codes(&no(world.act(&reviewer, "endSpecialProcedure", &back, json!({})).await)), ["NO_PROCEDURE"]);
    // One that nobody ends is over with the time that was told, and the limits run again.
    let paused = world.done(&reviewer, "startSpecialProcedure", &back, expert(2)).await;
    world.app.set_time(at("2026-01-09T16:00:00Z"));
    let (reviewer, talent) = (world.again(&reviewer).await, world.again(&talent).await);
    assert_eq!(run_clock(world.app.portal()).await.unwrap(), 1);
    let shown = world.read(&talent, &case, "version specialProcedure { procedure } events { nodes { kind mark escalatedTo } }").await;
    assert_eq!((version(&shown), &shown["specialProcedure"]), (version(&paused), &Value::Null));
    assert_eq!(shown["events"]["nodes"].as_array().unwrap().last().unwrap()["mark"], Value::Null, "marks are for staff");
    let done = world.done(&reviewer, "completeStep", &paused, review).await;
    assert_eq!(done["state"], "IN_REVIEW");
    untouched(&world).await;
}

async fn what_is_asked_during_review_goes_on_with_its_answer(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let case = accepted(&world, &talent, &officer).await;
    let wait = json!({ "procedure": "WAITING_FOR_APPLICANT", "atMostDays": 10, "reason": "One thing is unclear.", "items": [question("/city", "Which?")] });
    let waits = world.done(&reviewer, "startSpecialProcedure", &case, wait).await;
    assert_eq!(waits["state"], "ACCEPTED", "after acceptance nothing restarts the period");
    let seen = world.read(&talent, &case, REQUESTS).await;
    assert_eq!(seen["requests"][0]["supplement"], false);
    let item = seen["requests"][0]["items"][0]["id"].clone();
    world.app.advance(Duration::days(1));
    let talent = world.again(&talent).await;
    let back = world.done(&talent, "answerSupplement", &waits, json!({ "items": [{ "itemId": item, "answer": "440300" }] })).await;
    assert_eq!((&back["state"], instant(&back["promisedDueAt"])), (&json!("ACCEPTED"), at("2026-01-15T16:00:00Z")));
    let read = world.read(&talent, &case, "specialProcedure { procedure } answers requests { closedAt }").await;
    assert_eq!((&read["specialProcedure"], &read["answers"]["city"]), (&Value::Null, &json!("440300")));
    let nothing = json!({ "items": [{ "itemId": item, "answer": "440100" }] });
    assert_eq!(codes(&no(world.act(&talent, "answerSupplement", &back, nothing).await)), ["NOTHING_ASKED"]);
    untouched(&world).await;
}

async fn limits_become_longer_once_and_by_somebody_else(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer, approver) =
        (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await, world.staff("approver").await);
    let case = accepted(&world, &talent, &officer).await;
    let ask = |days: i32| json!({ "days": days, "reason": "A register does not answer." });
    let noes = no(world.act(&reviewer, "requestExtension", &case, ask(11)).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_ALLOWED"], vec!["input.days".to_owned()]));
    assert_eq!(codes(&no(world.act(&approver, "decideExtension", &case, json!({ "granted": true, "reason": "yes" })).await)), ["NO_EXTENSION"]);
    let asked = world.done(&reviewer, "requestExtension", &case, ask(10)).await;
    assert_eq!(asked["promisedDueAt"], case["promisedDueAt"], "asking changes nothing");
    assert_eq!(world.read(&talent, &case, "extension { granted }").await["extension"], Value::Null, "the applicant is told what was granted");
    assert_eq!(codes(&no(world.act(&reviewer, "requestExtension", &asked, ask(5)).await)), ["EXTENSION_ASKED"]);
    let both = world.with_roles("both", vec![(Role::Approver, Some(world.units.province), None), (Role::Reviewer, Some(world.units.province), None)]).await;
    assert_eq!(codes(&no(world.act(&reviewer, "decideExtension", &asked, json!({ "granted": true, "reason": "yes" })).await)), ["NOT_ENTITLED"]);
    let declined = world.done(&approver, "decideExtension", &asked, json!({ "granted": false, "reason": "Not needed." })).await;
    let asked = world.done(&both, "requestExtension", &declined, ask(10)).await;
    assert_eq!(codes(&no(world.act(&both, "decideExtension", &asked, json!({ "granted": true, "reason": "yes" })).await)), ["SAME_PERSON"]);
    let longer = world.done(&approver, "decideExtension", &asked, json!({ "granted": true, "reason": "A register does not answer." })).await;
    // Ten working days more on both limits: 17 and 30 from the 5th. The last of the thirty is Saturday the 14th of February, which
    // is worked before the Spring Festival.
    assert_eq!(instant(&longer["promisedDueAt"]), at("2026-01-28T16:00:00Z"));
    assert_eq!(instant(&longer["statutoryDueAt"]), at("2026-02-14T16:00:00Z"));
    assert_eq!(world.read(&talent, &case, "extension { granted days }").await["extension"], json!({ "granted": true, "days": 10 }));
    let notice = documents(&world, &talent, &case).await.pop().unwrap();
    assert_eq!((&notice["kind"], &notice["days"], &notice["reason"]), (&json!("EXTENSION"), &json!(10), &json!("A register does not answer.")));
    assert_eq!(codes(&no(world.act(&reviewer, "requestExtension", &longer, ask(5)).await)), ["EXTENSION_USED"]);
    // What is asked for in time and granted after both limits have passed would make none longer.
    let late = accepted(&world, &talent, &officer).await;
    let late = world.done(&reviewer, "requestExtension", &late, ask(10)).await;
    world.app.set_time(instant(&late["statutoryDueAt"]));
    let approver = world.again(&approver).await;
    let grant = |granted: bool| json!({ "granted": granted, "reason": "late" });
    assert_eq!(codes(&no(world.act(&approver, "decideExtension", &late, grant(true)).await)), ["LIMIT_PASSED"]);
    let declined = world.done(&approver, "decideExtension", &late, grant(false)).await;
    let reviewer = world.again(&reviewer).await;
    assert_eq!(codes(&no(world.act(&reviewer, "requestExtension", &declined, ask(5)).await)), ["LIMIT_PASSED"]);
    untouched(&world).await;
}

async fn each_mark_is_passed_once_at_its_instant_also_by_two_at_once(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let cases = [accepted(&world, &talent, &officer).await, accepted(&world, &talent, &officer).await];
    let thresholds: [(DateTime<Utc>, &str, &str); 3] = [
        (instant(&cases[0]["nearBreachAt"]), "NEAR_BREACH", "REVIEWER"),
        (instant(&cases[0]["promisedDueAt"]), "PROMISE_PASSED", "SUPERVISOR"),
        (instant(&cases[0]["statutoryDueAt"]), "STATUTE_PASSED", "APPROVER"),
    ];
    for (at, mark, _) in thresholds {
        world.app.set_time(at - Duration::milliseconds(1));
        assert_eq!(run_clock(world.app.portal()).await.unwrap(), 0, "{mark}");
        world.app.set_time(at);
        let (one, other) = tokio::join!(run_clock(world.app.portal()), run_clock(world.app.portal()));
        assert_eq!(one.unwrap() + other.unwrap(), 2, "{mark}: each case by one of them");
        let officer = world.again(&officer).await;
        let shown = world.read(&officer, &cases[0], "punctuality").await;
        assert_eq!(shown["punctuality"], mark);
    }
    let officer = world.again(&officer).await;
    for case in &cases {
        let shown = world.read(&officer, case, "version events { totalCount nodes { kind at mark escalatedTo } }").await;
        assert_eq!((version(&shown), &shown["events"]["totalCount"]), (version(case), &json!(5)));
        let marks: Vec<_> = shown["events"]["nodes"].as_array().unwrap().iter().filter(|event| event["kind"] == "CLOCK_MARKED").collect();
        let told: Vec<_> = marks.iter().map(|m| (instant(&m["at"]), m["mark"].as_str().unwrap(), m["escalatedTo"].as_str().unwrap())).collect();
        assert_eq!(told, thresholds);
    }
    // A case that a portal finds late has its marks all the same, each at its instant.
    let late = world.case(&world.again(&talent).await).await;
    world.app.advance(Duration::days(60));
    assert_eq!(run_clock(world.app.portal()).await.unwrap(), 1);
    let officer = world.again(&officer).await;
    let shown = world.read(&officer, &late, "events { nodes { kind mark } }").await;
    let passed: Vec<_> =
        shown["events"]["nodes"].as_array().unwrap().iter().map(|e| e["mark"].as_str().unwrap_or_else(|| e["kind"].as_str().unwrap())).collect();
    assert_eq!(passed, ["SUBMITTED", "DEEMED_ACCEPTED", "NEAR_BREACH", "PROMISE_PASSED", "STATUTE_PASSED"]);
    untouched(&world).await;
}

async fn a_case_goes_back_to_a_step_and_to_another_unit(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let other = world.app.unit(UnitLevel::Window, "440106", None).await;
    let there = world.with_roles("there", vec![(Role::WindowOfficer, Some(other), None)]).await;
    let case = world.case(&talent).await;
    let why = json!({ "reason": "It belongs to Tianhe." });
    for unit in [world.units.window, world.units.city] {
        let noes = no(world.act(&officer, "handOverApplication", &case, with(why.clone(), json!({ "unitId": unit.global() }))).await);
        assert_eq!((codes(&noes), fields(&noes)), (vec!["UNIT_UNFIT"], vec!["input.unitId".to_owned()]));
    }
    let input = with(target(&case), with(why, json!({ "unitId": other.global() })));
    let handed = world.app.graphql(Some(&officer.token), HAND_OVER, json!({ "input": input })).await.ok();
    assert_eq!(handed["handOverApplication"]["userErrors"], json!([]));
    let seen = world.read(&there, &case, &format!("{CASE} receivingUnit {{ id }} currentUnit {{ id }}")).await;
    assert_eq!((&seen["receivingUnit"]["id"], &seen["currentUnit"]["id"]), (&json!(other.global()), &json!(other.global())));
    assert_eq!(seen["deemedAcceptedAt"], case["deemedAcceptedAt"], "handing over stops no clock");
    world.done(&there, "acceptApplication", &seen, json!({})).await;

    // Back to a step that was finished: it is due again, with all after it.
    let second = accepted(&world, &talent, &officer).await;
    let reviewer = world.staff("reviewer").await;
    let reviewed = world.done(&reviewer, "completeStep", &second, json!({ "stepKey": "review", "outcome": "POSITIVE" })).await;
    let approver = world.staff("approver").await;
    let noes = no(world.act(&approver, "returnToStep", &reviewed, json!({ "stepKey": "nothing", "reason": "why" })).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["WRONG_STEP"], vec!["input.stepKey".to_owned()]));
    assert_eq!(codes(&no(world.act(&reviewer, "returnToStep", &reviewed, json!({ "stepKey": "review", "reason": "why" })).await)), ["NOT_ENTITLED"]);
    let back = world.done(&approver, "returnToStep", &reviewed, json!({ "stepKey": "review", "reason": "The permit was not looked at." })).await;
    assert_eq!((&back["state"], &back["step"]["key"], &back["stepsDone"]), (&json!("ACCEPTED"), &json!("review"), &json!(0)));
    let shown = world.read(&reviewer, &second, "events { nodes { kind reason } }").await;
    assert_eq!(shown["events"]["nodes"].as_array().unwrap().last().unwrap(), &json!({ "kind": "RETURNED", "reason": "The permit was not looked at." }));
    let shown = world.read(&talent, &second, "events { nodes { kind reason } }").await;
    assert_eq!(shown["events"]["nodes"].as_array().unwrap().last().unwrap()["reason"], Value::Null, "it is for staff");
    world.done(&reviewer, "completeStep", &back, json!({ "stepKey": "review", "outcome": "POSITIVE" })).await;
    untouched(&world).await;
}

const HAND_OVER: &str = "mutation($input: HandOverApplicationInput!) { handOverApplication(input: $input) { application { id } userErrors { code } } }";

async fn a_case_is_ended_without_a_decision(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, supervisor) = (world.talent("talent").await, world.staff("officer").await, world.staff("supervisor").await);
    let case = accepted(&world, &talent, &officer).await;
    let end = |cause: &str, reason: &str| json!({ "cause": cause, "reason": reason });
    assert_eq!(codes(&no(world.act(&officer, "terminateApplication", &case, end("IMPOSSIBLE", "why")).await)), ["NOT_ENTITLED"]);
    let noes = no(world.act(&supervisor, "terminateApplication", &case, end("SUPPLEMENT_LAPSED", "why")).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_ALLOWED"], vec!["input.cause".to_owned()]));
    let noes = no(world.act(&supervisor, "terminateApplication", &case, end("IMPOSSIBLE", "")).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["REASON_REQUIRED"], vec!["input.reason".to_owned()]));
    let ended = world.done(&supervisor, "terminateApplication", &case, end("IMPOSSIBLE", "The quota is used up.")).await;
    assert_eq!(ended["state"], "TERMINATED");
    assert_eq!(world.read(&talent, &case, REQUESTS).await["terminationReason"], "IMPOSSIBLE");
    let notice = documents(&world, &talent, &case).await.pop().unwrap();
    assert_eq!((&notice["kind"], &notice["reason"], notice["reconsideration"].is_object()), (&json!("TERMINATION"), &json!("The quota is used up."), true));
    for action in ["acceptApplication", "claimApplication"] {
        assert_eq!(codes(&no(world.act(&officer, action, &ended, json!({})).await)), ["WRONG_STATE"], "{action}");
    }
    assert!(case_id(&ended) == case_id(&case));
    untouched(&world).await;
}

async fn answers_are_corrected_where_nothing_rests_on_them(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let case = world.card_case(&talent).await;
    let correctable = world.read(&officer, &case, "correctable").await["correctable"].as_array().unwrap().clone();
    assert!(correctable.contains(&json!("/post")), "{correctable:?}");
    for pointer in ["/insurance_months", "/employer", "/photo", "/grade", "/contract_until"] {
        assert!(!correctable.contains(&json!(pointer)), "{pointer}");
    }
    assert_eq!(world.read(&talent, &case, "correctable").await["correctable"], Value::Null);
    let correct = |pointer: &str, answer: Value| json!({ "corrections": [{ "pointer": pointer, "answer": answer }], "reason": "She said so at the window." });
    for (input, code, field) in [
        (correct("/insurance_months", json!(99)), "NOT_CORRECTABLE", "input.corrections.0.pointer"),
        (correct("/nothing", json!(1)), "NOT_CORRECTABLE", "input.corrections.0.pointer"),
        (correct("/post", json!(1)), "FORM_INVALID", "input.corrections.0.answer"),
        (json!({ "corrections": [], "reason": "why" }), "REQUIRED", "input.corrections"),
        (with(correct("/post", json!("Engineer")), json!({ "reason": "" })), "REASON_REQUIRED", "input.reason"),
    ] {
        let noes = no(world.act(&officer, "correctAnswers", &case, input).await);
        assert_eq!((codes(&noes), fields(&noes)), (vec![code], vec![field.to_owned()]));
    }
    assert_eq!(codes(&no(world.act(&talent, "correctAnswers", &case, correct("/post", json!("Engineer"))).await)), ["OWN_CASE"]);
    let right = world.done(&officer, "correctAnswers", &case, correct("/post", json!("Engineer"))).await;
    assert_eq!((&right["state"], right["deemedAcceptedAt"] == case["deemedAcceptedAt"]), (&json!("RECEIVED"), true), "it stops no clock");
    assert_eq!(world.read(&talent, &case, "answers").await["answers"]["post"], "Engineer");
    untouched(&world).await;
}

/// What somebody's inbox tells of a case, oldest first.
async fn told_of(world: &World, by: &Someone, case: &Value) -> Vec<String> {
    told(&world.app).await;
    let inbox = world.app.graphql(Some(&by.token), "{ myNotices(first: 100) { nodes { cause applicationId text } } }", json!({})).await.ok();
    let notices = inbox["myNotices"]["nodes"].as_array().unwrap().clone();
    assert!(notices.iter().all(|notice| !notice["text"].as_str().unwrap().is_empty()));
    notices.iter().rev().filter(|notice| notice["applicationId"] == case["id"]).map(|notice| notice["cause"].as_str().unwrap().to_owned()).collect()
}

async fn applicant_and_staff_are_told_what_the_clock_brings(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let (reviewer, supervisor, approver) = (world.staff("reviewer").await, world.staff("supervisor").await, world.staff("approver").await);
    let waits = world.case(&talent).await;
    world.done(&officer, "requestSupplement", &waits, json!({ "items": [question("/city", "Which?")], "answerDays": 10 })).await;
    let late = accepted(&world, &talent, &officer).await;
    for day in ["2026-01-11T16:00:00Z", "2026-01-15T16:00:00Z", "2026-03-05T16:00:00Z"] {
        world.app.set_time(at(day));
        run_clock(world.app.portal()).await.unwrap();
    }
    let (talent, reviewer) = (world.again(&talent).await, world.again(&reviewer).await);
    let (supervisor, approver) = (world.again(&supervisor).await, world.again(&approver).await);
    let causes = ["SUBMITTED", "SUPPLEMENT_REQUESTED", "SUPPLEMENT_REMINDER", "SUPPLEMENT_REMINDER", "TERMINATED"];
    assert_eq!(told_of(&world, &talent, &waits).await, causes);
    assert_eq!(told_of(&world, &reviewer, &late).await, ["NEAR_BREACH"]);
    assert_eq!(told_of(&world, &supervisor, &late).await, ["PROMISE_PASSED"]);
    assert_eq!(told_of(&world, &approver, &late).await, ["STATUTE_PASSED"]);
    assert_eq!(told_of(&world, &talent, &late).await, ["SUBMITTED", "ACCEPTED"]);
}
