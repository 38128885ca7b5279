//! What is heard: from a real mutation through outbox and sequencer to a client at a WebSocket, and only with the rights
//! of that moment.

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use talent_portal::account::model::mandate::MandateScope;
use talent_portal::account::service::mandates::{GrantMandate, end_mandate, grant_mandate};
use talent_portal::account::service::sessions::session_actor;
use talent_portal::api::context::Ctx;
use talent_portal::audit::job;
use talent_portal::audit::model::Message as Announced;
use talent_portal::audit::service::{Bus, announce};
use talent_portal::kernel::actor::Actor;
use talent_portal::kernel::ids::TypedId as _;
use talent_portal::kernel::role::Role;
use talent_portal::kernel::text::Language;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::application::{Someone, World};
use crate::dealing::{end_grants, other_city, principal, staff};
use crate::socket::{Served, Socket, closed, next, say, serve};
use crate::support::{TestApp, both_engines};

both_engines!(
    changes_are_heard_in_order_by_who_may_see_the_case,
    a_grant_that_ends_ends_what_is_heard_by_it,
    one_role_of_two_that_ends_lets_hear_on_with_the_other,
    each_event_is_judged_when_it_comes,
    a_mandate_that_is_withdrawn_is_heard_no_more,
    a_session_that_ends_closes_its_socket,
);

/// The loops of the process that carry an event from its commit to the listeners, until dropped.
pub(crate) struct Loops {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.stop.cancel();
        for task in &self.tasks {
            task.abort();
        }
    }
}

pub(crate) async fn loops(world: &World) -> Loops {
    let stop = CancellationToken::new();
    let portal = world.app.portal();
    let tasks = vec![tokio::spawn(job::sequence(portal.clone(), stop.clone())), tokio::spawn(job::listen(portal.clone(), stop.clone()))];
    // A mark that is heard says that the loops run and that all that was announced before is told.
    let mut heard = portal.part::<Bus>().unwrap().listen();
    loop {
        let txn = portal.db.begin_write().await.unwrap();
        announce(&txn, portal, Announced::new("TEST_MARK", "TEST", portal.env.uuid())).await.unwrap();
        portal.commit(txn).await.unwrap();
        let mark = async { while heard.recv().await.unwrap().kind != "TEST_MARK" {} };
        if tokio::time::timeout(std::time::Duration::from_millis(500), mark).await.is_ok() {
            break;
        }
    }
    Loops { stop, tasks }
}

/// A subscription that has begun to listen.
async fn listening(world: &World, served: &Served, by: &Someone, document: &str, id: &Value) -> Socket {
    let mut socket = served.ready(json!({ "authorization": by.token })).await;
    begin(world, &mut socket, "1", document, id).await;
    socket
}

async fn begin(world: &World, socket: &mut Socket, name: &str, document: &str, id: &Value) {
    let bus = world.app.portal().part::<Bus>().unwrap();
    let before = bus.listeners();
    ask(socket, name, document, id).await;
    while bus.listeners() <= before {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn ask(socket: &mut Socket, name: &str, document: &str, id: &Value) {
    say(socket, &json!({ "id": name, "type": "subscribe", "payload": { "query": document, "variables": { "id": id } } })).await;
}

/// The next message, pings passed over.
async fn heard(socket: &mut Socket) -> Value {
    loop {
        match next(socket).await {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Ping(_) => {}
            other => panic!("no text: {other:?}"),
        }
    }
}

/// What a `next` message of a subscription says.
pub(crate) async fn told(socket: &mut Socket) -> Value {
    let mut message = heard(socket).await;
    assert_eq!(message["type"], "next", "{message}");
    assert!(message["payload"].get("errors").is_none(), "{message}");
    let mut data = message["payload"]["data"].take();
    data.as_object_mut().unwrap().values_mut().next().unwrap().take()
}

/// The code with which an operation ended.
fn no(message: &Value) -> (&str, &str) {
    assert_eq!((&message["type"], message["payload"].as_array().unwrap().len()), (&json!("error"), 1), "{message}");
    (message["id"].as_str().unwrap(), message["payload"][0]["extensions"]["code"].as_str().unwrap())
}

/// Nothing more is said, although the socket lives: it answers a ping.
async fn silent(socket: &mut Socket) {
    say(socket, &json!({ "type": "ping" })).await;
    assert_eq!(heard(socket).await, json!({ "type": "pong" }));
}

const CASE: &str =
    "subscription($id: ID!) { applicationChanged(id: $id) { refetch application { id version state claimed availableActions { action allowed } } } }";
const QUEUE: &str = "subscription($id: ID!) { workQueueChanged(unitId: $id) { refetch applicationId } }";

async fn changes_are_heard_in_order_by_who_may_see_the_case(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, confirmer) = (world.talent("talent").await, world.staff("officer").await, world.staff("confirmer").await);
    let (stranger, far) = (world.talent("talent2").await, staff(&world, "far-officer", Role::WindowOfficer, other_city(&world).await).await);
    let case = world.card_case(&talent).await;
    let window = json!(world.units.window.global());
    let _loops = loops(&world).await;
    let served = serve(&world.app).await;
    // Who may not see it, or the queue, is told so at once.
    for (by, document, id) in [(&stranger, CASE, &case["id"]), (&far, CASE, &case["id"]), (&far, QUEUE, &window), (&talent, QUEUE, &window)] {
        let mut socket = served.ready(json!({ "authorization": by.token })).await;
        ask(&mut socket, "1", document, id).await;
        assert_eq!(no(&heard(&mut socket).await), ("1", "NOT_FOUND"));
        silent(&mut socket).await;
    }
    let mut anonymous = served.ready(json!({})).await;
    ask(&mut anonymous, "1", CASE, &case["id"]).await;
    assert_eq!(no(&heard(&mut anonymous).await), ("1", "UNAUTHENTICATED"));

    let mut hers = listening(&world, &served, &talent, CASE, &case["id"]).await;
    let mut queue = listening(&world, &served, &officer, QUEUE, &window).await;
    let case = world.done(&officer, "claimApplication", &case, json!({})).await;
    let seen = told(&mut hers).await;
    assert_eq!((&seen["refetch"], &seen["application"]["id"], &seen["application"]["claimed"]), (&json!(false), &case["id"], &json!(true)));
    // Each event tells the case as it is when it is told, never as it was before.
    let mut version = seen["application"]["version"].as_i64().unwrap();
    assert!(version >= 2, "{seen}");
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    let seen = told(&mut hers).await;
    assert_eq!((&seen["application"]["state"], seen["application"]["version"].as_i64()), (&json!("ACCEPTED"), Some(3)));
    version = version.max(3);
    for _ in 0..2 {
        assert_eq!(told(&mut queue).await, json!({ "refetch": false, "applicationId": case["id"] }));
    }
    // An employer hears of it from the moment at which she is asked.
    let mut employers = listening(&world, &served, &confirmer, CASE, &case["id"]).await;
    let case = world.done(&confirmer, "completeStep", &case, json!({ "stepKey": "employer_confirmation", "outcome": "POSITIVE" })).await;
    for socket in [&mut hers, &mut employers] {
        let seen = told(socket).await;
        assert_eq!((&seen["application"]["state"], seen["application"]["version"].as_i64()), (&json!("IN_REVIEW"), Some(version + 1)));
    }
    assert_eq!(told(&mut queue).await["applicationId"], case["id"]);
    // Another case at the same window is heard in the queue and by nobody else.
    let other = world.case(&stranger).await;
    assert_eq!(told(&mut queue).await["applicationId"], other["id"]);
    silent(&mut hers).await;
    silent(&mut employers).await;
    // What she ends is heard no more.
    say(&mut hers, &json!({ "id": "1", "type": "complete" })).await;
    silent(&mut hers).await;
    // The case has gone to the city, whose queue it leaves now.
    let mut city = listening(&world, &served, &officer, QUEUE, &json!(world.units.city.global())).await;
    world.done(&talent, "withdrawApplication", &case, json!({})).await;
    assert_eq!(told(&mut city).await["applicationId"], case["id"]);
    for socket in [&mut queue, &mut hers] {
        silent(socket).await;
    }
}

async fn a_grant_that_ends_ends_what_is_heard_by_it(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, security) = (world.talent("talent").await, world.staff("officer").await, world.staff("security").await);
    let case = world.case(&talent).await;
    let window = json!(world.units.window.global());
    let _loops = loops(&world).await;
    let served = serve(&world.app).await;
    let mut socket = served.ready(json!({ "authorization": officer.token })).await;
    begin(&world, &mut socket, "case", CASE, &case["id"]).await;
    begin(&world, &mut socket, "queue", QUEUE, &window).await;
    end_grants(&world, &security, &officer).await;
    world.done(&talent, "withdrawApplication", &case, json!({})).await;
    // No event, but the no, once for each operation; whether the event or the look at the session was first.
    let (first, second) = (heard(&mut socket).await, heard(&mut socket).await);
    let mut ended = [no(&first), no(&second)];
    ended.sort_unstable();
    assert_eq!(ended, [("case", "NOT_FOUND"), ("queue", "NOT_FOUND")]);
    // The session goes on; what is asked now is judged by what is left.
    silent(&mut socket).await;
    ask(&mut socket, "case", CASE, &case["id"]).await;
    assert_eq!(no(&heard(&mut socket).await), ("case", "NOT_FOUND"));
    say(&mut socket, &json!({ "id": "me", "type": "subscribe", "payload": { "query": "{ viewer { grants { role } } }" } })).await;
    assert_eq!(told(&mut socket).await, json!({ "grants": [] }));
}

async fn one_role_of_two_that_ends_lets_hear_on_with_the_other(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, security) = (world.talent("talent").await, world.staff("officer").await, world.staff("security").await);
    let case = world.case(&talent).await;
    let input = json!({ "personId": officer.person.global(), "role": "SUPERVISOR",
        "unitId": world.units.city.global(), "idempotencyKey": world.key() });
    world.run(&security, "grantRole", "grant { id }", input).await.unwrap();
    let text = "query($p: ID!) { roleGrants(personId: $p) { nodes { id role } } }";
    let grants = world.app.graphql(Some(&security.token), text, json!({ "p": officer.person.global() })).await.ok();
    let first = grants["roleGrants"]["nodes"].as_array().unwrap().iter().find(|g| g["role"] == "WINDOW_OFFICER").unwrap()["id"].clone();
    let _loops = loops(&world).await;
    let served = serve(&world.app).await;
    let mut socket = listening(&world, &served, &officer, CASE, &case["id"]).await;
    world.run(&security, "endGrant", "grant { id }", json!({ "grantId": first })).await.unwrap();
    // She is told to ask anew, since what she may do has changed.
    assert_eq!(told(&mut socket).await, json!({ "refetch": true, "application": null }));
    let other = world.someone("officer-two", Some(Role::WindowOfficer)).await;
    world.done(&other, "acceptApplication", &case, json!({})).await;
    let seen = told(&mut socket).await;
    assert_eq!((&seen["refetch"], &seen["application"]["state"]), (&json!(false), &json!("ACCEPTED")));
    let allowed: Vec<&Value> =
        seen["application"]["availableActions"].as_array().unwrap().iter().filter(|a| a["allowed"] == true).map(|a| &a["action"]).collect();
    assert!(!allowed.contains(&&json!("RECORD_DELIVERY")) && !allowed.contains(&&json!("ACCEPT")), "{allowed:?}");
}

/// Without a socket nothing looks at the session from time to time: the event itself must.
async fn each_event_is_judged_when_it_comes(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer, security) = (world.talent("talent").await, world.staff("officer").await, world.staff("security").await);
    let case = world.case(&talent).await;
    let _loops = loops(&world).await;
    let portal = world.app.portal();
    let member = session_actor(portal, &officer.token).await.unwrap().unwrap().member;
    let actor = Actor { member: Some(member), request_id: "test".into() };
    let ctx = Ctx { portal: portal.clone(), actor: std::sync::Arc::new(actor), language: Language::En, address: "192.0.2.1".into() };
    let schema = talent_portal::api::schema::build();
    let variables = async_graphql::Variables::from_json(json!({ "id": case["id"] }));
    let mut stream = schema.execute_stream(async_graphql::Request::new(CASE).variables(variables).data(ctx)).boxed();
    let begun = {
        let bus = portal.part::<Bus>().unwrap();
        let before = bus.listeners();
        tokio::select! {
            early = stream.next() => panic!("{early:?}"),
            () = async { while bus.listeners() <= before { tokio::time::sleep(std::time::Duration::from_millis(5)).await; } } => before,
        }
    };
    assert_eq!(begun, 0);
    let case = world.done(&officer, "claimApplication", &case, json!({})).await;
    let seen = serde_json::to_value(stream.next().await.unwrap()).unwrap();
    assert_eq!(seen["data"]["applicationChanged"]["application"]["version"], 2, "{seen}");
    end_grants(&world, &security, &officer).await;
    world.done(&talent, "withdrawApplication", &case, json!({})).await;
    let last = serde_json::to_value(stream.next().await.unwrap()).unwrap();
    assert_eq!((&last["data"], &last["errors"][0]["extensions"]["code"]), (&Value::Null, &json!("NOT_FOUND")), "{last}");
    assert!(stream.next().await.is_none());
}

async fn a_mandate_that_is_withdrawn_is_heard_no_more(app: TestApp) {
    let world = World::new(app).await;
    let (talent, agent, officer) = (world.talent("talent").await, world.someone("agent", None).await, world.staff("officer").await);
    let principal = principal(&talent);
    let ends_at = world.app.portal().env.now() + chrono::Duration::days(10);
    let command = GrantMandate { agent: agent.person, scope: MandateScope::All, ends_at };
    let mandate = grant_mandate(world.app.portal(), &principal, command, &world.key()).await.unwrap();
    let line = world.service_line(json!({ "city": "440100" })).await;
    let applicant = talent.person.global();
    let input = json!({ "applicantId": applicant, "mandateId": mandate.id.global(), "lines": [line] });
    let order = world.save(&agent, input).await.unwrap();
    let case = world.submit(&agent, &order, json!({})).await.unwrap()["applications"][0].clone();
    let _loops = loops(&world).await;
    let served = serve(&world.app).await;
    let (mut agents, mut hers) = (listening(&world, &served, &agent, CASE, &case["id"]).await, listening(&world, &served, &talent, CASE, &case["id"]).await);
    let case = world.done(&officer, "claimApplication", &case, json!({})).await;
    for socket in [&mut agents, &mut hers] {
        assert_eq!(told(socket).await["application"]["version"], 2);
    }
    end_mandate(world.app.portal(), &principal, mandate.id).await.unwrap();
    world.done(&officer, "acceptApplication", &case, json!({})).await;
    assert_eq!(told(&mut hers).await["application"]["state"], "ACCEPTED");
    assert_eq!(no(&heard(&mut agents).await), ("1", "NOT_FOUND"));
    silent(&mut agents).await;
}

async fn a_session_that_ends_closes_its_socket(app: TestApp) {
    let world = World::new(app).await;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let case = world.case(&talent).await;
    let _loops = loops(&world).await;
    let served = serve(&world.app).await;
    let socket = listening(&world, &served, &talent, CASE, &case["id"]).await;
    let elsewhere = world.again(&talent).await;
    let mut other = listening(&world, &served, &elsewhere, CASE, &case["id"]).await;
    // Ended from another device; what happens then is heard there only.
    let text = "{ viewer { sessions { id current } } }";
    let sessions = world.app.graphql(Some(&talent.token), text, json!({})).await.ok();
    let id = sessions["viewer"]["sessions"].as_array().unwrap().iter().find(|s| s["current"] == true).unwrap()["id"].clone();
    world.run(&elsewhere, "endSession", "endedSessionId", json!({ "sessionId": id })).await.unwrap();
    world.done(&officer, "claimApplication", &case, json!({})).await;
    assert_eq!(told(&mut other).await["application"]["version"], 2);
    assert_eq!(without_events(socket).await, 4403);
}

/// The code with which a socket is closed that tells no event any more.
async fn without_events(mut socket: Socket) -> u16 {
    loop {
        match next(&mut socket).await {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(no(&message), ("1", "UNAUTHENTICATED"));
                return closed(socket).await;
            }
            Message::Close(frame) => return frame.unwrap().code.into(),
            _ => {}
        }
    }
}
