//! The clock of cases over HTTP: limits, lapse of time, calendars and settings that change under open cases.

use std::sync::Arc;

use chrono::Duration;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use talent_portal::application::service::check::check_projections;
use talent_portal::application::service::recount;
use talent_portal::application::service::work::run_clock;
use talent_portal::kernel::code::Verification;
use talent_portal::organisation::model::reference::{CalendarYear, HolidayPeriod};
use talent_portal::organisation::store::put_calendar_year;
use talent_portal::portal::Portal;

use crate::application::{CASE, World, at, case_id, codes, instant, no, version};
use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    a_case_that_nobody_answers_is_accepted_by_lapse_of_time,
    the_clock_writes_the_lapse_down_and_the_older_version_stays_good,
    limits_pass_over_the_spring_festival,
    a_published_year_moves_open_cases_and_no_projection_differs,
    another_setting_of_the_clock_moves_open_cases_at_the_next_start,
);
pool_of_one!(
    a_case_that_nobody_answers_is_accepted_by_lapse_of_time,
    the_clock_writes_the_lapse_down_and_the_older_version_stays_good,
    a_published_year_moves_open_cases_and_no_projection_differs,
);

async fn a_case_that_nobody_answers_is_accepted_by_lapse_of_time(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let case = world.case(&talent).await;
    let lapse = at("2026-01-12T16:00:00Z");
    assert_eq!(instant(&case["deemedAcceptedAt"]), lapse);
    // One second before, nothing has happened; the tokens of a demo are good for a day, so new ones are fetched.
    world.app.set_time(lapse - Duration::seconds(1));
    let (officer, reviewer, talent) = (world.again(&officer).await, world.again(&reviewer).await, world.again(&talent).await);
    assert_eq!(world.read(&talent, &case, "state").await["state"], "RECEIVED");
    assert_eq!(world.queue(&officer, json!({ "state": "RECEIVED" })).await.len(), 1);
    assert_eq!(world.queue(&officer, json!({ "state": "ACCEPTED" })).await.len(), 0);
    world.app.set_time(lapse);
    assert_eq!(world.read(&talent, &case, "state").await["state"], "ACCEPTED");
    assert_eq!(world.queue(&officer, json!({ "state": "RECEIVED" })).await.len(), 0);
    let waiting = world.queue(&officer, json!({ "state": "ACCEPTED" })).await;
    assert_eq!((waiting.len(), &waiting[0]["state"], &waiting[0]["version"]), (1, &json!("ACCEPTED"), &json!(1)));
    // Nothing has run, and yet the answer comes too late: as such, not as a conflict.
    assert_eq!(codes(&no(world.act(&officer, "acceptApplication", &case, json!({})).await)), ["ALREADY_ACCEPTED"]);
    let noes = no(world.act(&officer, "refuseAcceptance", &case, json!({ "reason": "late" })).await);
    assert_eq!(codes(&noes), ["ALREADY_ACCEPTED"]);
    assert_eq!(world.events(&talent, &case).await.len(), 1, "a no stores nothing");
    // The next mutation writes it down first, dated at the lapse.
    world.app.advance(Duration::hours(9));
    let case = world.done(&reviewer, "claimApplication", &case, json!({})).await;
    // The fifth of seven days from the receipt has begun before the lapse: that mark is written down, too.
    assert_eq!((&case["state"], version(&case)), (&json!("ACCEPTED"), 4));
    assert_eq!(instant(&case["acceptedAt"]), lapse);
    // The limits run from the day of receipt: seven working days from 2026-01-05.
    assert_eq!(instant(&case["promisedDueAt"]), at("2026-01-14T16:00:00Z"));
    let shown = world.read(&talent, &case, "events { nodes { kind at byRole } } documents { kind }").await;
    assert_eq!(shown["events"]["nodes"][1]["kind"], "DEEMED_ACCEPTED");
    assert_eq!((instant(&shown["events"]["nodes"][1]["at"]), &shown["events"]["nodes"][1]["byRole"]), (lapse, &Value::Null));
    assert_eq!(shown["documents"].as_array().unwrap().iter().map(|d| d["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["RECEIPT", "ACCEPTANCE"]);
    let case = world.done(&reviewer, "completeStep", &case, json!({ "stepKey": "review", "outcome": "POSITIVE" })).await;
    assert_eq!(case["state"], "IN_REVIEW");
    assert_eq!(check_projections(world.app.portal(), |_| {}).await.unwrap().different, []);
}

async fn the_clock_writes_the_lapse_down_and_the_older_version_stays_good(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, reviewer) = (world.talent("talent").await, world.staff("officer").await, world.staff("reviewer").await);
    let (first, second) = (world.case(&talent).await, world.case(&talent).await);
    world.done(&officer, "acceptApplication", &second, json!({})).await;
    assert_eq!(run_clock(world.app.portal()).await.unwrap(), 0);
    world.app.advance(Duration::days(8));
    let (talent, officer, reviewer) = (world.again(&talent).await, world.again(&officer).await, world.again(&reviewer).await);
    // The first lapses, and both are nearly late.
    assert_eq!(run_clock(world.app.portal()).await.unwrap(), 2);
    assert_eq!(run_clock(world.app.portal()).await.unwrap(), 0, "once");
    let kinds: Vec<_> = world.events(&talent, &first).await;
    assert_eq!(kinds[1], ("DEEMED_ACCEPTED".to_owned(), None));
    let read = world.read(&talent, &first, CASE).await;
    assert_eq!((version(&read), instant(&read["acceptedAt"])), (2, at("2026-01-12T16:00:00Z")));
    // They saw version 1. Nobody but time has changed the case since.
    assert_eq!(codes(&no(world.act(&officer, "acceptApplication", &first, json!({})).await)), ["ALREADY_ACCEPTED"]);
    let claimed = world.done(&reviewer, "claimApplication", &first, json!({})).await;
    assert_eq!(version(&claimed), 4);
    assert_eq!(codes(&no(world.act(&reviewer, "releaseApplication", &first, json!({})).await)), ["CONFLICT"]);
    assert_eq!(check_projections(world.app.portal(), |_| {}).await.unwrap().different, []);
}

async fn limits_pass_over_the_spring_festival(app: TestApp) {
    let world = World::new(app).await;
    // Days off 2026-02-15 to 23; the Saturdays 2026-02-14 and 28 are working days (国办发明电〔2025〕7号).
    world.app.set_time(at("2026-02-10T02:00:00Z"));
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let (case, card) = (world.case(&talent).await, world.card_case(&talent).await);
    assert_eq!(instant(&case["deemedAcceptedAt"]), at("2026-02-24T16:00:00Z"));
    assert_eq!(instant(&case["dueAt"]), at("2026-02-24T16:00:00Z"));
    world.app.advance(Duration::hours(23));
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    assert_eq!(instant(&case["promisedDueAt"]), at("2026-02-27T16:00:00Z"));
    assert_eq!(instant(&case["statutoryDueAt"]), at("2026-03-17T16:00:00Z"));
    // The fifth of seven days begins, at 00:00 of the 25th.
    assert_eq!(instant(&case["nearBreachAt"]), at("2026-02-24T16:00:00Z"));
    assert_eq!((instant(&case["dueAt"]), &case["provisional"]), (at("2026-02-27T16:00:00Z"), &json!(false)));
    let card = world.done(&officer, "acceptApplication", &card, json!({})).await;
    assert_eq!(instant(&card["promisedDueAt"]), at("2026-03-10T16:00:00Z"));
    assert_eq!(instant(&card["nearBreachAt"]), at("2026-03-03T16:00:00Z"));
    let queue = world.queue(&officer, json!({ "dueBefore": "2026-03-01T00:00:00Z" })).await;
    assert_eq!((queue.len(), &queue[0]["applicationId"]), (1, &case["id"]));
}

/// A notice for 2027 as somebody might publish it: New Year's Day to the 8th of January, and a Saturday on which people work.
async fn publish_2027(portal: &Portal) {
    let day = |text: &str| text.parse().unwrap();
    let period = HolidayPeriod { name: "元旦".into(), from: day("2027-01-01"), to: day("2027-01-08"), make_up: vec![day("2027-01-16")] };
    let year = CalendarYear {
        year: 2027,
        title: "关于2027年部分节假日安排的通知（测试）".into(),
        number: "测试〔2026〕1号".into(),
        issued_on: day("2026-12-28"),
        source: "test".into(),
        read_in: "test".into(),
        verification: Verification::StandIn,
        periods: vec![period],
    };
    let txn = portal.db.begin_write().await.unwrap();
    put_calendar_year(&txn, &year).await.unwrap();
    portal.commit(txn).await.unwrap();
}

/// Counts as the job of a process does, as soon as the calendar before is forgotten; `None` where nothing has changed.
async fn followed(world: &World) -> Option<u64> {
    let portal = world.app.portal();
    world.app.advance(Duration::seconds(61));
    let basis = recount::basis(portal).await.unwrap();
    if recount::is_behind(portal, &basis).await.unwrap() { Some(recount::recount(portal).await.unwrap()) } else { None }
}

async fn a_published_year_moves_open_cases_and_no_projection_differs(app: TestApp) {
    let world = World::new(app).await;
    let (portal, officer) = (world.app.portal(), world.staff("officer").await);
    assert_eq!(followed(&world).await, None, "what a portal begins with is its basis");
    let done = world.case(&world.talent("talent2").await).await;
    let done = world.done(&officer, "refuseAcceptance", &done, json!({ "reason": "不属于本窗口" })).await;
    // A Tuesday evening, the year's last days.
    world.app.set_time(at("2026-12-29T02:00:00Z"));
    let officer = world.again(&officer).await;
    let talent = world.talent("talent").await;
    let (waits, accepted) = (world.case(&talent).await, world.case(&talent).await);
    let accepted = world.done(&officer, "acceptApplication", &accepted, json!({})).await;
    // Five working days of which the last ones are of a year that nobody has published: 30, 31, 1, 4, 5.
    assert_eq!((instant(&waits["deemedAcceptedAt"]), &waits["provisional"]), (at("2027-01-05T16:00:00Z"), &json!(true)));
    assert_eq!((instant(&accepted["promisedDueAt"]), &accepted["provisional"]), (at("2027-01-07T16:00:00Z"), &json!(true)));
    assert_eq!(followed(&world).await, None);
    assert_eq!(check_projections(portal, |_| {}).await.unwrap().different, []);

    publish_2027(portal).await;
    assert_eq!(check_projections(portal, |_| {}).await.unwrap().different.len(), 2, "both rows are behind");
    let announced = rows(portal, "SELECT COUNT(*) FROM outbox WHERE kind = 'APPLICATION_CHANGED'").await;
    assert_eq!(followed(&world).await, Some(2));
    assert_eq!(check_projections(portal, |_| {}).await.unwrap().different, []);
    assert_eq!(rows(portal, "SELECT COUNT(*) FROM outbox WHERE kind = 'APPLICATION_CHANGED'").await, announced + 2);
    assert_eq!(rows(portal, "SELECT COUNT(*) FROM trail WHERE action = 'RECOUNT_CASES' AND actor_kind = 'SYSTEM' AND details = '{\"cases\":\"2\"}'").await, 1);
    // 30, 31, 11, 12, 13: the holiday runs to the 8th. No version rose, and what is over stays.
    let now = world.read(&talent, &waits, CASE).await;
    assert_eq!((instant(&now["deemedAcceptedAt"]), instant(&now["dueAt"])), (at("2027-01-13T16:00:00Z"), at("2027-01-13T16:00:00Z")));
    assert_eq!((version(&now), &now["provisional"]), (version(&waits), &json!(false)));
    let now = world.read(&talent, &accepted, CASE).await;
    // The fifth of seven days is the 13th; of the twenty the eighth is a Saturday.
    assert_eq!((instant(&now["promisedDueAt"]), instant(&now["nearBreachAt"])), (at("2027-01-15T16:00:00Z"), at("2027-01-12T16:00:00Z")));
    assert_eq!(instant(&now["statutoryDueAt"]), at("2027-02-02T16:00:00Z"));
    assert_eq!((version(&now), &now["provisional"]), (version(&accepted), &json!(false)));
    assert_eq!(world.read(&officer, &done, "version state closedAt").await["closedAt"], done["closedAt"]);
    let queue = world.queue(&officer, json!({ "dueBefore": "2027-01-13T17:00:00Z" })).await;
    assert_eq!((queue.len(), &queue[0]["applicationId"]), (1, &waits["id"]));
    // Nothing is left to do, and the lapse comes when the new day says.
    assert_eq!(followed(&world).await, None);
    world.app.set_time(at("2027-01-13T15:59:59Z"));
    assert_eq!(run_clock(portal).await.unwrap(), 1, "the accepted one is nearly late");
    assert_eq!(run_clock(portal).await.unwrap(), 0);
    world.app.set_time(at("2027-01-13T16:00:00Z"));
    assert_eq!(run_clock(portal).await.unwrap(), 1);
    assert_eq!(check_projections(portal, |_| {}).await.unwrap().different, []);
}

async fn another_setting_of_the_clock_moves_open_cases_at_the_next_start(app: TestApp) {
    let world = World::new(app).await;
    assert_eq!(followed(&world).await, None);
    let talent = world.talent("talent").await;
    let case = world.case(&talent).await;
    assert_eq!(instant(&case["deemedAcceptedAt"]), at("2026-01-12T16:00:00Z"));
    // One that an officer accepts on the fourth day: in time, and a fact from then on.
    let accepted = world.case(&talent).await;
    world.app.set_time(at("2026-01-09T02:00:00Z"));
    let officer = world.staff("officer").await;
    let accepted = world.done(&officer, "acceptApplication", &accepted, json!({})).await;
    assert_eq!(instant(&accepted["promisedDueAt"]), at("2026-01-20T16:00:00Z"));
    let mut changed = world.app.portal().clone();
    let mut settings = talent_portal::config::Settings::clone(&changed.settings);
    settings.acceptance_days = 3;
    changed.settings = Arc::new(settings);
    assert_eq!(check_projections(&changed, |_| {}).await.unwrap().different, [case_id(&case)]);
    let basis = recount::basis(&changed).await.unwrap();
    assert!(recount::is_behind(&changed, &basis).await.unwrap());
    assert_eq!(recount::recount(&changed).await.unwrap(), 1);
    assert!(!recount::is_behind(&changed, &basis).await.unwrap());
    assert_eq!(check_projections(&changed, |_| {}).await.unwrap().different, []);
    let now = world.read(&officer, &accepted, CASE).await;
    assert_eq!((&now["promisedDueAt"], &now["acceptedAt"]), (&accepted["promisedDueAt"], &accepted["acceptedAt"]));
    // What differs otherwise is not painted over.
    world.execute("UPDATE application SET step_index = 7 WHERE id = $1", [case_id(&case).into()]).await;
    assert_eq!(recount::recount(&changed).await.unwrap(), 0);
    assert_eq!(check_projections(&changed, |_| {}).await.unwrap().different, [case_id(&case)]);
}

async fn rows(portal: &Portal, sql: &str) -> i64 {
    let db = portal.db.read();
    db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}
