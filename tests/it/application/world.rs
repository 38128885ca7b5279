//! The world of the tests about cases: a portal with a catalogue, units and people, and its verbs.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait as _, EntityTrait as _, PaginatorTrait as _, Statement};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use talent_portal::account::service::demo::{NewDemoAccount, add_account, demo_session, mark_demo};
use talent_portal::application::entity::event;
use talent_portal::catalogue::service::item_by_code;
use talent_portal::demo;
use talent_portal::kernel::hex;
use talent_portal::kernel::ids::{AccountId, ApplicationId, BodyId, PersonId, TypedId as _, UnitId};
use talent_portal::kernel::role::{Assurance, Role};
use talent_portal::person::service::raise_assurance;

use crate::support::TestApp;

pub(crate) const CARD: &str = "GD-TALENT-CARD";
/// A service with one review, no material, and limits of 7 and 20 working days.
pub(crate) const SERVICE: &str = "OS-01-FOREIGN-WORK-PERMIT";
pub(crate) const CASE: &str = "id number version state decision stepsDone step { key } claimed receivedAt acceptedAt deemedAcceptedAt dueAt promisedDueAt \
    statutoryDueAt nearBreachAt provisional closedAt";

/// A portal with a published catalogue, bodies, units, and people as they are asked for.
pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) units: demo::World,
    pub(super) count: AtomicU32,
}

/// Somebody with a session.
#[derive(Clone)]
pub(crate) struct Someone {
    pub(crate) token: String,
    pub(crate) person: PersonId,
    pub(crate) account: AccountId,
}

/// `userErrors` of a payload.
pub(crate) type Noes = Vec<Value>;

pub(crate) fn codes(noes: &[Value]) -> Vec<&str> {
    noes.iter().map(|no| no["code"].as_str().unwrap()).collect()
}

pub(crate) fn fields(noes: &[Value]) -> Vec<String> {
    noes.iter().map(|no| no["field"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect::<Vec<_>>().join(".")).collect()
}

#[track_caller]
pub(crate) fn no(result: Result<Value, Noes>) -> Noes {
    match result {
        Err(noes) => noes,
        Ok(value) => panic!("it was done: {value}"),
    }
}

pub(crate) fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap_or_else(|| panic!("no instant: {value}")).parse().unwrap()
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn version(case: &Value) -> i64 {
    case["version"].as_i64().unwrap()
}

pub(crate) fn case_id(case: &Value) -> ApplicationId {
    ApplicationId::parse_global(case["id"].as_str().unwrap()).unwrap()
}

/// Names and versions of a case that a mutation needs.
pub(crate) fn target(case: &Value) -> Value {
    json!({ "applicationId": case["id"], "expectedVersion": case["version"] })
}

#[expect(clippy::needless_pass_by_value, reason = "it is called with literals")]
pub(crate) fn with(mut input: Value, more: Value) -> Value {
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

impl World {
    pub(crate) async fn new(app: TestApp) -> Self {
        app.publish().await;
        mark_demo(app.portal()).await.unwrap();
        let units = demo::build(app.portal()).await.unwrap();
        Self { app, units, count: AtomicU32::new(0) }
    }

    /// A number that was not given before.
    pub(crate) fn count(&self) -> u32 {
        self.count.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn key(&self) -> String {
        format!("test-key-{:0>12}", self.count())
    }

    /// Somebody of the demo by the first part of her address, or a new person with these roles.
    pub(crate) async fn someone(&self, name: &str, roles: Option<Role>) -> Someone {
        let login = format!("{name}@demo.invalid");
        let known = demo::people(&self.units).into_iter().find(|p| p.login == login);
        let account = match (roles, known) {
            (None, Some(person)) => person.account("one of the passwords"),
            (role, _) => NewDemoAccount {
                login,
                password: "one of the passwords".into(),
                name_zh: "陈大文".into(),
                name_latin: name.into(),
                birth_date: None,
                roles: role.map(|role| (role, Some(self.units.city), None)).into_iter().collect(),
            },
        };
        self.signed_in(account).await
    }

    /// Somebody who reviews for the city and for the province.
    pub(crate) async fn reviewer_of_both(&self) -> Someone {
        self.with_roles("both", [self.units.city, self.units.province].map(|unit| (Role::Reviewer, Some(unit), None)).to_vec()).await
    }

    /// A new person with these roles, each for a unit or a body.
    pub(crate) async fn with_roles(&self, name: &str, roles: Vec<(Role, Option<UnitId>, Option<BodyId>)>) -> Someone {
        let account = NewDemoAccount {
            login: format!("{name}@demo.invalid"),
            password: "one of the passwords".into(),
            name_zh: "陈大文".into(),
            name_latin: name.into(),
            birth_date: None,
            roles,
        };
        self.signed_in(account).await
    }

    pub(super) async fn signed_in(&self, account: NewDemoAccount) -> Someone {
        let account = add_account(self.app.portal(), account).await.unwrap();
        let token = demo_session(self.app.portal(), account).await.unwrap();
        let viewer = self.app.graphql(Some(&token), "{ viewer { person { id } } }", json!({})).await.ok();
        let person = PersonId::parse_global(viewer["viewer"]["person"]["id"].as_str().unwrap()).unwrap();
        Someone { token, person, account }
    }

    /// A new session: those of a demo are good for one day.
    pub(crate) async fn again(&self, someone: &Someone) -> Someone {
        Someone { token: demo_session(self.app.portal(), someone.account).await.unwrap(), ..someone.clone() }
    }

    /// The account of somebody who signed up.
    pub(crate) async fn account_of(&self, person: PersonId) -> AccountId {
        let db = self.app.portal().db.read();
        let select = Statement::from_sql_and_values(db.get_database_backend(), "SELECT id FROM account WHERE person_id = $1", [person.uuid().into()]);
        AccountId(db.query_one_raw(select).await.unwrap().unwrap().try_get_by_index(0).unwrap())
    }

    pub(crate) async fn staff(&self, name: &str) -> Someone {
        self.someone(name, None).await
    }

    /// A talent whose identity was verified.
    pub(crate) async fn talent(&self, name: &str) -> Someone {
        let talent = self.someone(name, None).await;
        self.raise(&talent).await;
        talent
    }

    pub(crate) async fn raise(&self, someone: &Someone) {
        let portal = self.app.portal();
        let txn = portal.db.begin_write().await.unwrap();
        raise_assurance(&txn, portal, someone.person, Assurance::L2).await.unwrap();
        portal.commit(txn).await.unwrap();
    }

    /// Runs a mutation whose payload has one object: the object, or the noes.
    pub(crate) async fn run(&self, by: &Someone, mutation: &str, shown: &str, input: Value) -> Result<Value, Noes> {
        let data = self.app.graphql(Some(&by.token), &document(mutation, shown), json!({ "input": input })).await.ok();
        outcome(data)
    }

    /// The code of the top-level error that a mutation ends with.
    pub(crate) async fn fault(&self, by: &Someone, mutation: &str, input: Value) -> String {
        let shown = if mutation.ends_with("Cart") { "order { id }" } else { "application { id }" };
        let reply = self.app.graphql(Some(&by.token), &document(mutation, shown), json!({ "input": input })).await;
        assert_eq!(reply.data["result"], Value::Null, "{mutation}");
        reply.code().to_owned()
    }

    pub(crate) async fn act(&self, by: &Someone, mutation: &str, case: &Value, more: Value) -> Result<Value, Noes> {
        self.run(by, mutation, &format!("application {{ {CASE} }}"), with(target(case), more)).await
    }

    /// The same, which succeeds.
    pub(crate) async fn done(&self, by: &Someone, mutation: &str, case: &Value, more: Value) -> Value {
        self.act(by, mutation, case, more).await.unwrap_or_else(|noes| panic!("{mutation}: {noes:?}"))
    }

    pub(crate) async fn save(&self, by: &Someone, input: Value) -> Result<Value, Noes> {
        let input = with(json!({ "idempotencyKey": self.key() }), input);
        self.run(by, "saveCart", &format!("order {{ id version state applications {{ {CASE} }} }}"), input).await
    }

    pub(crate) async fn submit(&self, by: &Someone, order: &Value, more: Value) -> Result<Value, Noes> {
        let input = with(json!({ "idempotencyKey": self.key(), "orderId": order["id"], "expectedVersion": order["version"] }), more);
        self.run(by, "submitCart", &format!("order {{ id version state applications {{ {CASE} }} }}"), input).await
    }

    pub(crate) async fn item(&self, code: &str) -> String {
        item_by_code(self.app.portal(), code).await.unwrap().unwrap().id.global()
    }

    pub(crate) async fn service_line(&self, answers: Value) -> Value {
        json!({ "itemId": self.item(SERVICE).await, "regionCode": "440100", "answers": answers })
    }

    /// A submitted case of the small service.
    pub(crate) async fn case(&self, talent: &Someone) -> Value {
        let line = self.service_line(json!({ "city": "440100" })).await;
        let order = self.save(talent, json!({ "lines": [line] })).await.unwrap();
        self.submit(talent, &order, json!({})).await.unwrap()["applications"][0].clone()
    }

    /// Sends a file over HTTP; gives the id of the version.
    pub(crate) async fn upload(&self, by: &Someone, kind: &str) -> Value {
        self.upload_for(by, by.person, kind).await
    }

    /// The same for a walk-in, where it is not the sender herself.
    pub(crate) async fn upload_for(&self, by: &Someone, person: PersonId, kind: &str) -> Value {
        let file = format!("%PDF-1.7\n{kind} {person}\n%%EOF\n");
        let walk_in = (person != by.person).then(|| person.global());
        let declared = json!({
            "documentKind": kind, "size": file.len(), "mediaType": "application/pdf", "sha256": hex::encode(&Sha256::digest(&file)),
            "forPersonId": walk_in,
        });
        let upload = self.run(by, "createUpload", "upload { url }", declared).await.unwrap();
        let request = Request::put(upload["url"].as_str().unwrap())
            .header(header::AUTHORIZATION, format!("Bearer {}", by.token))
            .header(header::CONTENT_LENGTH, file.len())
            .body(Body::from(file))
            .unwrap();
        let (status, _, bytes) = self.app.send(request).await;
        assert_eq!(status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice::<Value>(&bytes).unwrap()["documentVersionId"].take()
    }

    /// Materials for the card of a Hong Kong resident with a degree.
    pub(crate) async fn materials(&self, by: &Someone) -> Value {
        self.materials_for(by, by.person).await
    }

    /// The same for a walk-in, where it is not the sender herself.
    pub(crate) async fn materials_for(&self, by: &Someone, person: PersonId) -> Value {
        let mut materials = Vec::new();
        for key in ["application_form", "labour_contract", "employment_certificate", "travel_permit", "degree_authentication", "photo"] {
            let version = self.upload_for(by, person, &key.to_uppercase()).await;
            materials.push(json!({ "key": key, "documentVersionId": version }));
        }
        Value::Array(materials)
    }

    pub(crate) async fn card_line(&self, materials: &Value, changed: Value) -> Value {
        let photo = materials.as_array().and_then(|all| all.last()).map_or(json!(format!("docversion_{:032x}", 1)), |m| m["documentVersionId"].clone());
        let answers = json!({
            "grade": "A", "category": "DOCTOR", "evidence": "DEGREE", "origin": "HONG_KONG", "employer": self.units.employer.global(),
            "contract_until": "2028-12-31", "city": "440100", "civil_servant": false, "insurance_months": 12, "lawful": true, "honest": true,
            "outstanding": true, "name_latin": "Talent One", "photo": photo,
        });
        json!({ "itemId": self.item(CARD).await, "regionCode": "440100", "answers": with(answers, changed), "materials": materials })
    }

    /// A submitted case of the card.
    pub(crate) async fn card_case(&self, talent: &Someone) -> Value {
        let line = self.card_line(&self.materials(talent).await, json!({})).await;
        let order = self.save(talent, json!({ "lines": [line] })).await.unwrap();
        self.submit(talent, &order, json!({})).await.unwrap()["applications"][0].clone()
    }

    pub(crate) async fn read(&self, by: &Someone, case: &Value, shown: &str) -> Value {
        let document = format!("query($id: ID!) {{ application(id: $id) {{ {shown} }} }}");
        self.app.graphql(Some(&by.token), &document, json!({ "id": case["id"] })).await.ok()["application"].take()
    }

    pub(crate) async fn events(&self, by: &Someone, case: &Value) -> Vec<(String, Option<String>)> {
        let case = self.read(by, case, "events { nodes { seq kind byRole } }").await;
        let events = case["events"]["nodes"].as_array().unwrap();
        assert!(events.iter().zip(1..).all(|(e, seq)| e["seq"] == seq));
        events.iter().map(|e| (e["kind"].as_str().unwrap().to_owned(), e["byRole"].as_str().map(str::to_owned))).collect()
    }

    pub(crate) async fn queue(&self, by: &Someone, filter: Value) -> Vec<Value> {
        let document = "query($unit: ID!, $filter: WorkQueueFilter) {
            workQueue(unitId: $unit, filter: $filter, first: 100) { nodes { applicationId state version } } }";
        let unit = self.units.window.global();
        self.app.graphql(Some(&by.token), document, json!({ "unit": unit, "filter": filter })).await.ok()["workQueue"]["nodes"].as_array().unwrap().clone()
    }

    pub(crate) async fn stored_events(&self) -> u64 {
        event::Entity::find().count(self.app.portal().db.read()).await.unwrap()
    }
}

pub(crate) fn document(mutation: &str, shown: &str) -> String {
    let (first, rest) = mutation.split_at(1);
    format!(
        "mutation($input: {}{rest}Input!) {{ result: {mutation}(input: $input) {{ {shown} userErrors {{ code message field pointer conflict {{ version \
         byRole changedFields }} }} }} }}",
        first.to_uppercase()
    )
}

pub(crate) fn outcome(mut data: Value) -> Result<Value, Noes> {
    let mut payload = data["result"].take();
    let noes = payload["userErrors"].as_array().unwrap().clone();
    payload.as_object_mut().unwrap().remove("userErrors");
    let object = payload.as_object().unwrap().values().next().unwrap().clone();
    assert_eq!(object.is_null(), !noes.is_empty(), "object or noes: {object} {noes:?}");
    assert!(noes.iter().all(|no| !no["message"].as_str().unwrap().is_empty()));
    if noes.is_empty() { Ok(object) } else { Err(noes) }
}

impl World {
    /// A submitted case of the card that lies at the city, with its papers.
    pub(super) async fn case_at_the_city(&self, talent: &Someone) -> (Value, Value) {
        let materials = self.materials(talent).await;
        let line = self.card_line(&materials, json!({})).await;
        let order = self.save(talent, json!({ "lines": [line] })).await.unwrap();
        let case = self.submit(talent, &order, json!({})).await.unwrap()["applications"][0].clone();
        self.execute("UPDATE application SET current_unit_id = $1, receiving_unit_id = $1 WHERE id = $2", [self.units.city.into(), case_id(&case).into()])
            .await;
        (case, materials)
    }

    pub(crate) async fn execute<const N: usize>(&self, statement: &str, values: [sea_orm::Value; N]) {
        let db = self.app.portal().db.writer();
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), statement, values)).await.unwrap();
    }

    /// A window officer of the window below the city.
    pub(super) async fn officer_below(&self) -> Someone {
        let officer = NewDemoAccount {
            login: "below@demo.invalid".into(),
            password: "one of the passwords".into(),
            name_zh: "陈大文".into(),
            name_latin: "below".into(),
            birth_date: None,
            roles: vec![(Role::WindowOfficer, Some(self.units.window), None)],
        };
        let account = add_account(self.app.portal(), officer).await.unwrap();
        let token = demo_session(self.app.portal(), account).await.unwrap();
        Someone { token, person: PersonId::new(&self.app.portal().env), account }
    }

    /// What a mutation about a paper comes to: `data` of the payload, or the code of the top-level error.
    pub(super) async fn paper(&self, by: Option<&Someone>, mutation: &str, case: &Value, version: &Value) -> Result<Value, String> {
        let shown =
            if mutation == "createCaseDownload" { "download { url }" } else { "application { version materials { documentVersion { id } originalSeenAt } }" };
        let mut input = json!({ "applicationId": case["id"], "documentVersionId": version });
        if mutation == "markOriginalSeen" {
            input["expectedVersion"] = case["version"].clone();
        }
        let reply = self.app.graphql(by.map(|by| by.token.as_str()), &document(mutation, shown), json!({ "input": input })).await;
        if reply.errors.is_empty() { Ok(reply.data["result"].clone()) } else { Err(reply.code().to_owned()) }
    }

    /// Object, subject and details of the trail's rows of an action.
    pub(super) async fn paper_trail(&self, action: &str) -> Vec<(String, uuid::Uuid, uuid::Uuid, String)> {
        let db = self.app.portal().db.read();
        let select = "SELECT object_kind, object_id, subject_id, details FROM trail WHERE action = $1 AND result = 'OK' ORDER BY id";
        let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), select, [action.into()])).await.unwrap();
        rows.iter()
            .map(|r| (r.try_get_by_index(0).unwrap(), r.try_get_by_index(1).unwrap(), r.try_get_by_index(2).unwrap(), r.try_get_by_index(3).unwrap()))
            .collect()
    }
}

/// Who may not know of the papers of a talent's case: herself as a party, her employer's confirmer, other roles, other units.
pub(super) async fn strangers_to_papers(world: &World, talent: &Someone) -> Vec<Someone> {
    vec![
        talent.clone(),
        world.talent("talent2").await,
        world.staff("confirmer").await,
        world.staff("counter").await,
        world.staff("manager").await,
        world.staff("audit").await,
        world.officer_below().await,
    ]
}
