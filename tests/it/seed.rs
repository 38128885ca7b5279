//! Seeded databases: their rows are those that the services would have written, and the services work on with them.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, Statement};
use serde_json::{Value, json};
use talent_portal::account::service::demo::{accounts, demo_session, mark_demo, person_of};
use talent_portal::application::entity::{application, document, event};
use talent_portal::application::model::case::{Case, State};
use talent_portal::application::model::clock::Lapse;
use talent_portal::application::model::document::{Content, JWS_TYPE};
use talent_portal::application::model::event::Event;
use talent_portal::application::model::number::is_case_number;
use talent_portal::application::model::rights::{Action, Side};
use talent_portal::application::policy::Standing;
use talent_portal::application::service::check::{Report, check_projections};
use talent_portal::application::service::engine::{clock_of, load_for_clock, read_events};
use talent_portal::audit::entity::trail;
use talent_portal::audit::model::Verdict;
use talent_portal::audit::service as audit;
use talent_portal::demo::{LOGINS, fill};
use talent_portal::kernel::ids::{PersonId, TypedId as _};
use talent_portal::kernel::role::Role;
use talent_portal::kernel::seal::Place;
use talent_portal::organisation::model::unit::UnitLevel;
use talent_portal::organisation::service::calendar;
use talent_portal::person::model::profile::NewPerson;
use talent_portal::person::service::{keys, new_person};
use talent_portal::seed::rows::address;
use talent_portal::seed::{ACTION, seed};
use talent_portal::talent_card::model::number::CardNumber;

use crate::support::{Pool, TestApp, both_engines, pool_of_one};

both_engines!(
    a_seeded_database_holds_what_its_scale_says_and_is_sealed,
    every_seeded_event_was_allowed_to_whom_it_names,
    a_seeded_talent_signs_in_and_staff_work_on_with_her_case,
    the_same_scale_gives_the_same_rows,
    a_database_that_is_no_demo_or_is_seeded_already_is_refused,
);
pool_of_one!(a_seeded_database_holds_what_its_scale_says_and_is_sealed);

/// 400 talents, 800 cases, 120 cards.
const SCALE: f64 = 0.0004;

/// Seeds; gives the lines to print.
async fn seeded(app: &TestApp, scale: f64) -> Vec<String> {
    seed(app.portal(), scale, |_, _| {}).await.expect("a seeded database")
}

/// The one number that a statement answers.
async fn number(app: &TestApp, statement: &str) -> i64 {
    let db = app.portal().db.read();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), statement)).await.expect("a statement").expect("a row");
    row.try_get_by_index(0).expect("a number")
}

async fn a_seeded_database_holds_what_its_scale_says_and_is_sealed(app: TestApp) {
    let mut told = Vec::new();
    seed(app.portal(), SCALE, |done, of| told.push((done, of))).await.unwrap();
    assert_eq!(told, [(400, 400)]);
    let seeded_persons = "FROM person WHERE id IN (SELECT person_id FROM identity_document)";
    for (what, count) in [
        (format!("SELECT count(*) {seeded_persons}"), 400),
        ("SELECT count(*) FROM identity_document WHERE verified_at IS NOT NULL".into(), 400),
        ("SELECT count(*) FROM application WHERE state <> 'DRAFT'".into(), 800),
        ("SELECT count(*) FROM application_order".into(), 400),
        ("SELECT count(*) FROM card WHERE status = 'ACTIVE'".into(), 120),
        ("SELECT count(*) FROM card_number WHERE ended_at IS NULL".into(), 120),
        ("SELECT last_sequence FROM card_product WHERE code = 'GUANGDONG_TALENT_CARD'".into(), 120),
        // Of the demo's people there are sixteen.
        ("SELECT count(*) FROM account".into(), 416),
        ("SELECT count(*) FROM contact_point".into(), 416),
        (format!("SELECT count(*) {seeded_persons} AND (birth_date < '1880-01-01' OR birth_date > '1899-12-31')"), 0),
        (format!("SELECT count(DISTINCT sex) {seeded_persons}"), 2),
        ("SELECT count(*) FROM outbox WHERE kind = 'APPLICATION_CHANGED'".into(), 0),
    ] {
        assert_eq!(number(&app, &what).await, count, "{what}");
    }
    let events = number(&app, "SELECT count(*) FROM application_event").await;
    assert!((4_000..5_600).contains(&events), "about six events a case: {events}");
    assert!(number(&app, "SELECT count(*) FROM benefit_balance").await > 10);
    let sum = async |of: &str| number(&app, &format!("SELECT CAST(sum({of}) AS BIGINT) FROM benefit_{}", if of == "used" { "balance" } else { "entry" })).await;
    assert_eq!(sum("used").await, sum("delta").await);
    let cases = application::Entity::find().all(app.portal().db.read()).await.unwrap();
    let mut states: BTreeMap<State, usize> = BTreeMap::new();
    for case in &cases {
        *states.entry(case.state).or_default() += 1;
        assert!(is_case_number(case.number.as_deref().unwrap()));
        // What lapses by time is written down already, so that the clock has nothing to catch up with.
        assert!(case.next_clock_at.is_none_or(|at| at > app.portal().env.now()));
    }
    // No event leads to the last two yet.
    for state in State::ALL.iter().filter(|state| !matches!(state, State::Draft | State::SupplementRequested | State::Terminated)) {
        assert!(states.contains_key(state), "{state}: {states:?}");
    }
    assert!(cases.iter().any(|case| case.state.is_open() && case.claimed_by.is_some()));
    assert_eq!(check_projections(app.portal(), |_| {}).await.unwrap(), Report { compared: 800, different: vec![] });
    let records = trail::Entity::find().filter(trail::Column::Action.eq(ACTION)).all(app.portal().db.read()).await.unwrap();
    assert_eq!(records.len(), 1);
    let details: Value = serde_json::from_str(&records[0].details).unwrap();
    assert_eq!((&details["talents"], &details["cases"], &details["cards"]), (&json!("400"), &json!("800"), &json!("120")));
    assert_eq!(details["events"], events.to_string());
    let Verdict::Intact { sealed, unsealed: 0, signed } = audit::verify(app.portal(), |_| {}).await.unwrap() else { panic!("the trail is not whole") };
    assert_eq!((sealed, signed), (number(&app, "SELECT count(*) FROM trail").await, sealed));
    // No single case, card or talent has a row; the demo's people have.
    let of_rows =
        "SELECT count(*) FROM trail WHERE object_kind IN ('APPLICATION', 'ORDER', 'CARD') OR (object_kind = 'ACCOUNT' AND action <> 'ADD_DEMO_ACCOUNT')";
    assert_eq!(number(&app, of_rows).await, 0);
}

async fn every_seeded_event_was_allowed_to_whom_it_names(app: TestApp) {
    seeded(&app, SCALE).await;
    let portal = app.portal();
    let calendar = calendar(portal).await.unwrap();
    let levels = [
        (Role::WindowOfficer, UnitLevel::City),
        (Role::Reviewer, UnitLevel::City),
        (Role::Reviewer, UnitLevel::Province),
        (Role::Approver, UnitLevel::Province),
    ];
    let reviewers: Vec<PersonId> = people(&app, &["reviewer", "reviewer2"]).await;
    let mut rows: HashMap<_, Vec<event::Model>> = HashMap::new();
    for row in event::Entity::find().order_by_asc(event::Column::Seq).all(portal.db.read()).await.unwrap() {
        rows.entry(row.application_id).or_default().push(row);
    }
    let mut allowed = 0;
    for (id, rows) in rows {
        let mut loaded = load_for_clock(portal, portal.db.read(), &calendar, id).await.unwrap().unwrap();
        let whole = std::mem::replace(&mut loaded.case, Case::draft());
        for (row, (event, at)) in rows.iter().zip(read_events(&rows).unwrap()) {
            let action = match event {
                Event::Submitted { .. } | Event::ClockMarked { .. } => None,
                Event::DeemedAccepted { at: lapse, as_of } => {
                    assert_eq!(lapse, at);
                    assert_eq!(loaded.case.lapsed(loaded.clock.as_ref().unwrap(), at), Some(Lapse { at, as_of }));
                    None
                }
                Event::Claimed { .. } => Some(Action::Claim),
                Event::Released => Some(Action::Release),
                Event::Accepted => Some(Action::Accept),
                Event::NotAccepted => Some(Action::RefuseAcceptance),
                Event::StepCompleted { .. } => Some(Action::CompleteStep),
                Event::Decided { .. } => Some(Action::Decide),
                Event::Delivered { .. } => Some(Action::Deliver),
                Event::Withdrawn => Some(Action::Withdraw),
                other => panic!("the seed writes no {}", other.kind()),
            };
            if let Some(action) = action {
                let (person, role) = (row.actor_id.unwrap(), row.actor_role.unwrap());
                let of_role =
                    |(r, level): &&(Role, UnitLevel)| *r == role && (role != Role::Reviewer || (*level == UnitLevel::City) == (person == reviewers[0]));
                loaded.levels = levels.iter().filter(of_role).copied().collect();
                loaded.standing = Standing {
                    side: (person == loaded.row.applicant_person_id).then_some(Side::Applicant),
                    roles: vec![role],
                    confirms: role == Role::EmployerConfirmer,
                    ..Standing::default()
                };
                assert_eq!(loaded.may(action, person, at), Ok(role), "{id} {action} {:?}", loaded.case);
                allowed += 1;
            }
            loaded.case.apply(&event, at);
            loaded.clock = clock_of(portal, &calendar, &loaded.case, loaded.offering.as_ref());
        }
        assert_eq!(loaded.case, whole);
    }
    assert!(allowed > 3_000, "{allowed}");
}

/// Persons of the demo by the first part of their addresses.
async fn people(app: &TestApp, names: &[&str]) -> Vec<PersonId> {
    let mut found = Vec::new();
    for name in names {
        found.push(person_of(app.portal(), &format!("{name}@demo.invalid")).await.unwrap().unwrap());
    }
    found
}

async fn token(app: &TestApp, name: &str) -> String {
    let login = LOGINS.into_iter().find(|login| login.starts_with(&format!("{name}@"))).unwrap();
    let account = accounts(app.portal(), &[login]).await.unwrap()[0].1;
    demo_session(app.portal(), account).await.unwrap()
}

async fn a_seeded_talent_signs_in_and_staff_work_on_with_her_case(app: TestApp) {
    let lines = seeded(&app, SCALE).await;
    let password = lines.iter().find_map(|line| line.strip_prefix("password ")).expect("the password").to_owned();
    let portal = app.portal();
    let sign_in = "mutation($input: SignInInput!) { signIn(input: $input) { result { ... on SessionPair { accessToken } } userErrors { code } } }";
    let signed_in = async |number| {
        let input = json!({ "contact": address(number), "password": password });
        let data = app.graphql(None, sign_in, json!({ "input": input })).await.ok();
        data["signIn"]["result"]["accessToken"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
    };
    // Every third or so of the older talents has a card.
    let mut card = Value::Null;
    for number in 1..10 {
        let document = "{ viewer { person { birthDate identityDocuments { maskedNumber verifiedAt } } } myCards { currentNumber { value } validUntil benefits { benefit { id } } } \
             myApplications { nodes { number state } } }";
        let mine = app.graphql(Some(&signed_in(number).await), document, json!({})).await.ok();
        assert!(mine["viewer"]["person"]["birthDate"].as_str().unwrap().starts_with("18"), "{mine}");
        assert_eq!(mine["viewer"]["person"]["identityDocuments"].as_array().unwrap().len(), 1);
        assert_eq!(mine["myApplications"]["nodes"].as_array().unwrap().len(), 2);
        if let Some(found) = mine["myCards"].get(0) {
            card = found.clone();
        }
    }
    assert!(CardNumber::parse(card["currentNumber"]["value"].as_str().expect("a card")).is_ok());
    assert!(card["benefits"].as_array().unwrap().len() > 3);
    // The documents of open cases open with the person's key, and their signatures hold.
    let papers = document::Entity::find().all(portal.db.read()).await.unwrap();
    assert!(papers.len() > 50);
    for paper in papers.iter().take(20) {
        let key = keys::data_key(portal, paper.key_owner_id).await.unwrap();
        let jws = key.open(Place::new("case_document", "jws_sealed", paper.id.0), &paper.jws_sealed).expect("an open document");
        let content: Content = portal.keyring.verify(JWS_TYPE, std::str::from_utf8(&jws).unwrap()).expect("a signature");
        assert_eq!(content.number, paper.number);
    }
    // Staff see the queue of the unit, and go on: a decided case is delivered, one for the card is reviewed and decided.
    let unit = unit_of_cases(&app).await;
    let officer = token(&app, "officer").await;
    let queue = async |filter: Value| {
        let document =
            "query($unit: ID!, $filter: WorkQueueFilter) { workQueue(unitId: $unit, filter: $filter, first: 100) { nodes { applicationId version } } }";
        let data = app.graphql(Some(&officer), document, json!({ "unit": unit, "filter": filter })).await.ok();
        data["workQueue"]["nodes"].as_array().unwrap().clone()
    };
    assert!(queue(json!({})).await.len() > 30);
    let act = async |by: &str, mutation: &str, input: &str, row: &Value, more: Value| {
        let document =
            format!("mutation($input: {input}!) {{ result: {mutation}(input: $input) {{ application {{ id version state }} userErrors {{ code }} }} }}");
        let mut input = json!({ "applicationId": row["applicationId"], "expectedVersion": row["version"] });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let data = app.graphql(Some(by), &document, json!({ "input": input })).await.ok();
        assert_eq!(data["result"]["userErrors"], json!([]), "{mutation}");
        data["result"]["application"]["state"].clone()
    };
    let decided = queue(json!({ "state": "DECIDED" })).await[0].clone();
    assert_eq!(act(&officer, "recordDelivery", "RecordDeliveryInput", &decided, json!({ "channel": "ONLINE" })).await, "DELIVERED");
    let received = queue(json!({ "state": "RECEIVED", "unclaimed": true })).await[0].clone();
    assert_eq!(act(&officer, "acceptApplication", "AcceptApplicationInput", &received, json!({})).await, "ACCEPTED");
    assert_eq!(check_projections(portal, |_| {}).await.unwrap().different, []);
    // A later start of the demo gives tokens to its own people, not to the first of a million talents.
    let lines = fill(portal).await.unwrap();
    assert!(LOGINS.iter().all(|login| lines.iter().any(|line| line.starts_with(login))), "{}", lines.len());
    assert!(!lines.iter().any(|line| line.contains("seed.invalid")));
}

async fn unit_of_cases(app: &TestApp) -> String {
    let case = application::Entity::find().one(app.portal().db.read()).await.unwrap().unwrap();
    case.current_unit_id.unwrap().global()
}

async fn the_same_scale_gives_the_same_rows(app: TestApp) {
    let other = TestApp::start(app.engine(), Pool::Product).await.expect("a second portal beside the first");
    let mut told = Vec::new();
    for app in [&app, &other] {
        seeded(app, 0.0001).await;
        let db = app.portal().db.read();
        let cases = application::Entity::find().order_by_asc(application::Column::Number).all(db).await.unwrap();
        let cases: Vec<_> = cases.into_iter().map(|case| (case.id, case.number, case.state, case.version, case.due_at, case.created_at)).collect();
        let record = trail::Entity::find().filter(trail::Column::Action.eq(ACTION)).one(db).await.unwrap().unwrap();
        told.push((cases, record.details));
    }
    assert_eq!(told[0].0.len(), 200);
    assert_eq!(told[0], told[1]);
}

async fn a_database_that_is_no_demo_or_is_seeded_already_is_refused(app: TestApp) {
    let portal = app.portal();
    let other = TestApp::start(app.engine(), Pool::Product).await.expect("a second portal beside the first");
    let txn = other.portal().db.begin_write().await.unwrap();
    new_person(&txn, other.portal(), PersonId::new(&portal.env), NewPerson::default()).await.unwrap();
    other.portal().commit(txn).await.unwrap();
    let refused = seed(other.portal(), 0.0001, |_, _| {}).await.unwrap_err();
    assert!(format!("{refused:#}").contains("an empty database or a demo only"), "{refused:#}");
    assert_eq!(number(&other, "SELECT count(*) FROM person").await, 1);
    for scale in [0.0, -1.0, 1e-9, f64::NAN, f64::INFINITY, 4.0] {
        assert!(seed(portal, scale, |_, _| {}).await.is_err(), "{scale}");
    }
    // A demo without its staff is refused before anything is marked.
    mark_demo(portal).await.unwrap();
    let refused = seed(portal, 0.0001, |_, _| {}).await.unwrap_err();
    assert!(format!("{refused:#}").contains("no unit") || format!("{refused:#}").contains("nobody called"), "{refused:#}");
    let third = TestApp::start(app.engine(), Pool::Product).await.expect("a third portal");
    seeded(&third, 0.0001).await;
    let refused = seed(third.portal(), 0.0001, |_, _| {}).await.unwrap_err();
    assert!(format!("{refused:#}").contains("was seeded before"), "{refused:#}");
    assert_eq!(number(&third, "SELECT count(*) FROM application").await, 200);
}
