//! Who gets what from each field of the API: the committed table `tests/it/authz.csv`, made by asking over HTTP.
//!
//! The fields come from the schema itself: a field without a row, or a changed cell, fails here. Rows are `Type.field`.
//! Each role of the portal, and the anonymous, has somebody who asks twice: for what is `own` and for what is `foreign`.
//! Own is what belongs to the talent who asks, what the agent handed in under a mandate, and, for all others, what belongs
//! to that talent, whose case lies at a window below the city of everybody's grant and names the employer of the
//! confirmer. Foreign is the same of another talent, at a unit of another city, with another employer.
//!
//! A field of an object is asked where the schema first leads to its type, from what is named by id on. Cells:
//! `VALUE`, `MASKED` (stars in it), `EMPTY` (a list), `NULL`; the code of the error or of `userErrors`; `-` where the
//! object that has the field was not there. Of many objects in a list the best of these counts. A subscription is asked
//! over a WebSocket. What a mutation changed on the own case is put back before the next one asks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, Statement};
use serde_json::{Map, Value, json};
use talent_portal::account::model::mandate::MandateScope;
use talent_portal::account::service::demo::{NewDemoAccount, add_account, demo_session};
use talent_portal::account::service::mandates::{GrantMandate, grant_mandate};
use talent_portal::application::entity::{application, document, event};
use talent_portal::audit::model::Announcement;
use talent_portal::audit::service::Bus;
use talent_portal::db::Engine;
use talent_portal::kernel::actor::{Actor, Member};
use talent_portal::kernel::code::Verification;
use talent_portal::kernel::ids::{AccountId, ApplicationId, BodyId, PendingCodeId, PersonId, SessionId, TypedId as _, UnitId};
use talent_portal::kernel::role::{Assurance, Role};
use talent_portal::kernel::text::{Origin, Text};
use talent_portal::organisation::model::body::{BodyKind, NewBody};
use talent_portal::organisation::service as organisation;

use crate::application::{Someone, World, case_id};
use crate::dealing::{claimed, other_city, staff};
use crate::http::{hear, say, serve, subscribe};
use crate::support::{TestApp, both_engines};
use crate::talent_card;

both_engines!(every_field_answers_each_role_as_the_committed_table_says);

const TABLE: &str = include_str!("authz.csv");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/authz.csv");
const AGAIN: &str = "PORTAL_UPDATE_AUTHZ=1 cargo test --test it -- authz::";

/// Types whose objects nobody is given here, with the reason. One that comes to be given, or is gone, is told.
const UNREACHED: &[(&str, &str)] = &[
    ("BenefitBalance", "no yearly quota of any shipped benefit is known"),
    ("FrequentQuestion", "the catalogue that is shipped has none"),
    ("SecondFactorRequired", "no second factor can be set up yet, so that no sign-in asks for one"),
    ("ServiceIntakePeriod", "the catalogue that is shipped has none"),
];

/// Types whose fields are asked wherever a root field leads to them: several lists and payloads share them.
const SHARED: &[&str] = &["CardBenefit", "CardGrade", "CardProductVersion", "Conflict", "QueueEntry", "QueueEntryConnection", "QueueEntryEdge", "UserError"];

/// What is limited by address: here the clock moves on between two who ask.
const LIMITED: [&str; 6] = ["completeRecovery", "completeSignIn", "completeSignUp", "signIn", "startRecovery", "startSignUp"];

/// Where to ask first: what is named by an id leads to the fields of its type. Then come the other root fields in order.
const FIRST: [(&str, Option<&str>); 9] = [
    // What everybody reads, for the type of all texts.
    ("talentClasses", None),
    ("application", None),
    ("order", None),
    ("card", None),
    ("node", Some("Person")),
    ("node", Some("Document")),
    ("node", Some("ServiceItem")),
    ("node", Some("Unit")),
    ("node", Some("Application")),
];

const INTROSPECTION: &str = "{ __schema { types { kind name enumValues { name } possibleTypes { name } \
    inputFields { name defaultValue type { ...T } } fields { name args { name defaultValue type { ...T } } type { ...T } } } } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The types of the schema by name.
struct Schema(HashMap<String, Value>);

/// A selection of an object type: each field with how it is written and what is selected of it.
#[derive(Clone, Debug)]
struct Selection {
    /// For each possible type its fields; one entry but for a union or interface.
    types: Vec<(String, Vec<Chosen>)>,
}

#[derive(Clone, Debug)]
struct Chosen {
    name: String,
    below: Below,
}

#[derive(Clone, Debug)]
enum Below {
    /// A scalar or enum.
    Leaf,
    /// An object whose fields are asked elsewhere.
    Known,
    /// An object whose fields are asked here.
    Here(Selection),
}

/// The innermost name of a type, and whether it is a list.
fn inner(kind: &Value) -> (&str, bool) {
    let mut at = kind;
    let mut list = false;
    while !at["ofType"].is_null() {
        list |= at["kind"] == "LIST";
        at = &at["ofType"];
    }
    (at["name"].as_str().expect("a name"), list)
}

/// The GraphQL notation of a type.
fn notation(kind: &Value) -> String {
    match kind["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", notation(&kind["ofType"])),
        Some("LIST") => format!("[{}]", notation(&kind["ofType"])),
        _ => kind["name"].as_str().expect("a name").to_owned(),
    }
}

/// Who asks.
struct Asker {
    name: String,
    role: Option<Role>,
    someone: Option<Someone>,
}

/// What is asked for: own or foreign.
#[derive(Clone, Debug, Default)]
struct Target {
    ids: HashMap<String, String>,
    /// Version of the cart.
    order: i64,
    card: String,
    holder_token: String,
    number: &'static str,
}

/// A case at some moment, to be put back.
#[derive(Clone, Debug)]
struct Stage {
    row: application::Model,
    events: Vec<event::Model>,
    documents: Vec<document::Model>,
}

impl Stage {
    async fn take(world: &World, id: ApplicationId) -> Self {
        let db = world.app.portal().db.read();
        Self {
            row: application::Entity::find_by_id(id).one(db).await.unwrap().unwrap(),
            events: event::Entity::find().filter(event::Column::ApplicationId.eq(id)).all(db).await.unwrap(),
            documents: document::Entity::find().filter(document::Column::ApplicationId.eq(id)).all(db).await.unwrap(),
        }
    }

    async fn put_back(&self, world: &World) {
        let db = world.app.portal().db.writer();
        let id = self.row.id;
        let statement = "DELETE FROM case_delivery WHERE case_document_id IN (SELECT id FROM case_document WHERE application_id = $1)";
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), statement, [id.into()])).await.unwrap();
        document::Entity::delete_many().filter(document::Column::ApplicationId.eq(id)).exec(db).await.unwrap();
        event::Entity::delete_many().filter(event::Column::ApplicationId.eq(id)).exec(db).await.unwrap();
        event::Entity::insert_many(self.events.iter().cloned().map(|row| row.into_active_model().reset_all())).exec_without_returning(db).await.unwrap();
        document::Entity::insert_many(self.documents.iter().cloned().map(|row| row.into_active_model().reset_all())).exec_without_returning(db).await.unwrap();
        self.row.clone().into_active_model().reset_all().update(db).await.unwrap();
    }
}

/// Everything that is asked about.
struct Asked {
    world: World,
    askers: Vec<Asker>,
    own: Target,
    foreign: Target,
    /// Of the own case: received, accepted, under the city's review, reviewed, decided.
    stages: Vec<Stage>,
    /// Of the agent's own case.
    agents: Stage,
}

impl Schema {
    async fn of(app: &TestApp) -> Self {
        let mut told = app.graphql(None, INTROSPECTION, json!({})).await.ok();
        let types = told["__schema"]["types"].take();
        Self(types.as_array().unwrap().iter().map(|t| (text(&t["name"]), t.clone())).collect())
    }

    fn fields(&self, kind: &str) -> Vec<&Value> {
        let mut fields: Vec<&Value> = self.0[kind]["fields"].as_array().into_iter().flatten().collect();
        fields.sort_by_key(|f| f["name"].as_str().map(str::to_owned));
        fields
    }

    fn is_object(&self, kind: &str) -> bool {
        matches!(self.0[kind]["kind"].as_str(), Some("OBJECT" | "UNION" | "INTERFACE"))
    }

    /// All of a type, but of types that are in `known` only that they are there; what is selected here becomes known.
    fn select(&self, kind: &str, known: &mut HashSet<String>) -> Selection {
        let possible: Vec<String> = match self.0[kind]["possibleTypes"].as_array() {
            Some(types) => types.iter().map(|t| text(&t["name"])).collect(),
            None => vec![kind.to_owned()],
        };
        known.extend(possible.iter().cloned());
        let fields = |kind: &String, known: &mut HashSet<String>| {
            let chosen = |field: &&Value| {
                let (result, _) = inner(&field["type"]);
                let below = if !self.is_object(result) {
                    Below::Leaf
                } else if known.contains(result) && !SHARED.contains(&result) {
                    Below::Known
                } else {
                    Below::Here(self.select(result, known))
                };
                Chosen { name: text(&field["name"]), below }
            };
            self.fields(kind).iter().map(chosen).collect()
        };
        Selection { types: possible.into_iter().map(|kind| (kind.clone(), fields(&kind, known))).collect() }
    }

    fn write(&self, selection: &Selection) -> String {
        let many = selection.types.len() > 1;
        let mut text = String::from("{ __typename ");
        for (kind, fields) in &selection.types {
            let list: Vec<String> = fields
                .iter()
                .map(|field| {
                    let paged =
                        self.fields(kind).iter().any(|f| f["name"] == *field.name && f["args"].as_array().unwrap().iter().any(|a| a["name"] == "first"));
                    let below = match &field.below {
                        Below::Leaf => String::new(),
                        Below::Known => " { __typename }".to_owned(),
                        Below::Here(selection) => format!(" {}", self.write(selection)),
                    };
                    format!("{}{}{below}", field.name, if paged { "(first: 2)" } else { "" })
                })
                .collect();
            let _ = if many { write!(text, "... on {kind} {{ {} }} ", list.join(" ")) } else { write!(text, "{} ", list.join(" ")) };
        }
        text + "}"
    }

    /// A value for an argument or input field: by its name where that matters, else by its type.
    fn sample(&self, asked: &Asked, asker: &Asker, target: &Target, field: &str, name: &str, kind: &Value, cell: usize) -> Value {
        let (inner, list) = inner(kind);
        if list && name != "lines" && field != "nodes" {
            return json!([]);
        }
        let id = |name: &str| target.ids.get(&format!("{field}.{name}")).or(target.ids.get(name)).cloned();
        let value = match (inner, name) {
            ("ID", "id" | "ids") if ["application", "node", "nodes", "applicationChanged"].contains(&field) => json!(id("applicationId").unwrap()),
            ("ID", "id") => json!(target.ids.get(field).unwrap_or_else(|| panic!("no sample for the id of {field}"))),
            ("ID", _) => json!(id(name).unwrap_or_else(|| panic!("no sample for the id {name} of {field}"))),
            ("Int", "expectedVersion") => match field {
                "submitCart" => json!(target.order),
                "updateProfile" | "closeUnit" => json!(999),
                _ => json!(Self::stage(asked, asker, field).row.version),
            },
            ("Int", _) => json!(1),
            ("Boolean", _) => json!(false),
            ("JSON", _) => json!({}),
            ("Date", _) => json!("2026-01-05"),
            ("DateTime", "endsAt") => json!("2026-06-01T00:00:00Z"),
            ("DateTime", _) => json!("2026-01-05T00:00:00Z"),
            ("String", "idempotencyKey") => json!(format!("authorisation-{cell:0>6}")),
            ("String", "contact") if field == "signIn" => match &asker.someone {
                Some(_) if target.card == asked.own.card => json!(login(asker)),
                _ => json!("nobody@example.com"),
            },
            ("String", "contact") => json!(format!("nobody{cell}@example.com")),
            ("String", "sha256") => json!("0".repeat(64)),
            ("String", "nameZh" | "zhHans") => json!("陈大文"),
            ("String", "reason") => json!("asked for by the holder at the window"),
            ("String", "documentNumber") if field == "verifyIdentity" => json!(target.number),
            ("String", "documentNumber") => json!(format!("{:0>9}", 100_000_000 + cell)),
            ("String", "issuingState") => json!("GBR"),
            ("IdentityDocumentKind", _) => json!(if field == "verifyIdentity" { "RESIDENT_ID_CARD" } else { "PASSPORT" }),
            ("String", "documentKind") => json!("PASSPORT"),
            ("String", "mediaType") => json!("application/pdf"),
            ("String", "regionCode") => json!("440100"),
            ("String", "employerName") => json!("示范"),
            ("String", "category") => json!("SCIENTIST"),
            ("String", "stepKey") => json!(if asker.role == Some(Role::EmployerConfirmer) { "employer_confirmation" } else { "city_review" }),
            ("AccessPurpose", _) if asker.role == Some(Role::Talent) => json!("OWN_DATA"),
            ("AccessPurpose", _) => json!("CASE_HANDLING"),
            ("String", "password") => json!("one of the passwords"),
            ("String", _) => json!("x"),
            ("Role", _) => json!("REVIEWER"),
            ("Decision", _) => json!("REFUSED"),
            ("UnitLevel", _) => json!("WINDOW"),
            ("BodyKind", _) => json!("PROFESSIONAL"),
            ("CardCheckPurpose", _) => json!("TRANSPORT"),
            ("CardShownInput", _) => json!({ "token": target.ids.get("token").map_or("x", String::as_str) }),
            (other, _) => match self.0[other]["kind"].as_str() {
                Some("ENUM") => self.0[other]["enumValues"][0]["name"].clone(),
                Some("INPUT_OBJECT") => self.object(asked, asker, target, field, other, cell),
                kind => panic!("no sample for {name}: {other} ({kind:?}) of {field}"),
            },
        };
        if list { json!([value]) } else { value }
    }

    /// The case as a mutation wants it: where the role may do it.
    fn stage<'a>(asked: &'a Asked, asker: &Asker, field: &str) -> &'a Stage {
        if asker.role == Some(Role::Agent) {
            return &asked.agents;
        }
        let confirms = asker.role == Some(Role::EmployerConfirmer);
        &asked.stages[match field {
            "completeStep" if confirms => 1,
            "completeStep" => 2,
            "decideApplication" => 3,
            "recordDelivery" => 4,
            "acceptApplication" | "refuseAcceptance" | "claimApplication" | "releaseApplication" | "withdrawApplication" if !confirms => 0,
            _ => 2,
        }]
    }

    /// The required fields of an input, and those that say where or for whom.
    fn object(&self, asked: &Asked, asker: &Asker, target: &Target, field: &str, kind: &str, cell: usize) -> Value {
        let mut object = Map::new();
        for input in self.0[kind]["inputFields"].as_array().into_iter().flatten() {
            let name = input["name"].as_str().expect("a name");
            let needed = input["type"]["kind"] == "NON_NULL" && input["defaultValue"].is_null();
            let wanted = match name {
                "unitId" => ["grantRole", "inviteStaff", "allowCounterPurpose"].contains(&field),
                "documentId" => field == "revealPersonalData",
                "reason" => ["revealPersonalData", "decideApplication"].contains(&field),
                "forPersonId" => field == "createUpload",
                "parentId" => field == "createUnit",
                "nameZh" | "issuingState" => !["verifyIdentity"].contains(&field),
                "employerName" => true,
                "allowed" => field == "allowCounterPurpose",
                _ => false,
            };
            if needed || wanted {
                object.insert(name.to_owned(), self.sample(asked, asker, target, field, name, &input["type"], cell));
            }
        }
        if field == "allowCounterPurpose" {
            object.insert("allowed".into(), json!(true));
        }
        Value::Object(object)
    }

    /// The document of a root field with its variables.
    fn operation(&self, asked: &Asked, asker: &Asker, target: &Target, root: &str, field: &Value, shown: &str, cell: usize) -> (String, Value) {
        let name = field["name"].as_str().expect("a name");
        let (mut head, mut call, mut variables) = (String::new(), String::new(), Map::new());
        for argument in field["args"].as_array().into_iter().flatten() {
            let argument_name = argument["name"].as_str().expect("a name");
            let by_code = argument_name == "code" && ["eligibility", "serviceItem"].contains(&name);
            let value = if by_code {
                json!("GD-TALENT-CARD")
            } else if argument_name == "first" {
                json!(2)
            } else if argument["type"]["kind"] == "NON_NULL" {
                self.sample(asked, asker, target, name, argument_name, &argument["type"], cell)
            } else {
                continue;
            };
            let _ = write!(head, "${argument_name}: {} ", notation(&argument["type"]));
            let _ = write!(call, "{argument_name}: ${argument_name} ");
            variables.insert(argument_name.to_owned(), value);
        }
        let brackets = |text: String| if text.is_empty() { text } else { format!("({})", text.trim_end()) };
        (format!("{}{} {{ {name}{} {shown} }}", root.to_lowercase(), brackets(head), brackets(call)), Value::Object(variables))
    }
}

fn login(asker: &Asker) -> String {
    format!("authz-{}@demo.invalid", asker.name.to_lowercase().replace('_', "-"))
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Cells of one column by row.
type Cells = BTreeMap<String, String>;

/// What says more goes before what says less, where a field was met more than once.
fn note(cells: &mut Cells, kind: &str, field: &str, found: &str) {
    let rank = |cell: &str| match cell {
        "-" => 0,
        "NULL" => 2,
        "EMPTY" => 3,
        "MASKED" => 4,
        "VALUE" => 5,
        _code => 1,
    };
    let cell = cells.entry(format!("{kind}.{field}")).or_insert_with(|| "-".to_owned());
    if rank(found) > rank(cell) {
        found.clone_into(cell);
    }
}

fn code(error: &Value) -> &str {
    let code = error["extensions"]["code"].as_str().unwrap_or_default();
    assert!(!code.is_empty() && !code.starts_with("DOCUMENT_") && code != "INTERNAL" && code != "UNAVAILABLE", "{error}");
    code
}

/// The code of the error that made the value at a path null, if one did.
fn code_at<'a>(errors: &'a [Value], path: &[Value]) -> Option<&'a str> {
    errors.iter().find(|e| e["path"].as_array().is_some_and(|p| p.starts_with(path))).map(code)
}

fn leaf(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Array(list) if list.is_empty() => "EMPTY",
        Value::String(text) if text.contains("**") => "MASKED",
        _ => "VALUE",
    }
}

/// Notes every field of an object that should stand at `path`.
fn walk(cells: &mut Cells, selection: &Selection, value: &Value, errors: &[Value], path: &mut Vec<Value>) {
    if let Value::Array(list) = value {
        for (at, one) in list.iter().enumerate() {
            path.push(json!(at));
            walk(cells, selection, one, errors, path);
            path.pop();
        }
        if list.is_empty() {
            absent(cells, selection, "-");
        }
        return;
    }
    if value.is_null() {
        let why = code_at(errors, path).unwrap_or("-").to_owned();
        return absent(cells, selection, &why);
    }
    for (kind, fields) in &selection.types {
        if value["__typename"] != **kind {
            absent_fields(cells, kind, fields, "-");
            continue;
        }
        for field in fields {
            let found = &value[&field.name];
            path.push(json!(field.name));
            let here = if found.is_null() { code_at(errors, path).unwrap_or("NULL") } else { leaf(found) };
            note(cells, kind, &field.name, here);
            if let Below::Here(below) = &field.below {
                walk(cells, below, found, errors, path);
            }
            path.pop();
        }
    }
}

fn absent(cells: &mut Cells, selection: &Selection, why: &str) {
    for (kind, fields) in &selection.types {
        absent_fields(cells, kind, fields, why);
    }
}

fn absent_fields(cells: &mut Cells, kind: &str, fields: &[Chosen], why: &str) {
    for field in fields {
        note(cells, kind, &field.name, why);
        if let Below::Here(below) = &field.below {
            absent(cells, below, why);
        }
    }
}

/// What the cell of a root field says: the codes of errors and of `userErrors`, else how the value looks.
fn root_cell(name: &str, reply: &crate::support::app::Reply) -> String {
    let value = &reply.data[name];
    let mut codes: Vec<&str> = Vec::new();
    if value.is_null() {
        codes.extend(reply.errors.iter().map(code));
    }
    if value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_null)) {
        codes.extend(reply.errors.iter().map(code));
    }
    codes.extend(value["userErrors"].as_array().into_iter().flatten().filter_map(|e| e["code"].as_str()));
    codes.dedup();
    if codes.is_empty() { leaf(value).to_owned() } else { codes.join("+") }
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

impl Asked {
    /// Units, somebody of each role, and two talents with profile, document, card and a case under review.
    async fn new(app: TestApp) -> Self {
        let world = World::new(app).await;
        let portal = world.app.portal().clone();
        let (far, other_employer) = (other_city(&world).await, BodyId::new(&portal.env));
        let txn = portal.db.begin_write().await.unwrap();
        let name = Text::simplified("示范（非真实企业）", Origin::Human);
        let new = NewBody { kind: BodyKind::Employer, name, uscc: None, region_code: None, verification: Verification::StandIn };
        organisation::insert_body(&txn, &portal, other_employer, new).await.unwrap();
        portal.commit(txn).await.unwrap();
        let mut askers = vec![Asker { name: "anonymous".into(), role: None, someone: None }];
        for &role in Role::ALL {
            let (city, employer) = (Some(world.units.city), Some(world.units.employer));
            let roles = match role {
                Role::Talent | Role::Agent => Vec::new(),
                Role::SystemAdmin | Role::SecurityAdmin | Role::AuditAdmin => vec![(role, None, None)],
                Role::EmployerConfirmer | Role::Recruiter => vec![(role, None, employer)],
                _ => vec![(role, city, None)],
            };
            let mut asker = Asker { name: role.code().to_owned(), role: Some(role), someone: None };
            let new = NewDemoAccount {
                login: login(&asker),
                password: "one of the passwords".into(),
                name_zh: "陈大文".into(),
                name_latin: "Chan".into(),
                birth_date: None,
                roles,
            };
            asker.someone = Some(signed_in(&world, add_account(&portal, new).await.unwrap()).await);
            askers.push(asker);
        }
        let of = |role: Role| askers.iter().find(|a| a.role == Some(role)).and_then(|a| a.someone.clone()).unwrap();
        let (talent, agent, counter) = (of(Role::Talent), of(Role::Agent), of(Role::Counter));
        let other = signed_in(&world, add_account(&portal, demo_talent("authz-other@demo.invalid")).await.unwrap()).await;
        for one in [&talent, &other, &agent] {
            world.raise(one).await;
        }
        for unit in [world.units.city, far] {
            let input = json!({ "unitId": unit.global(), "purpose": "TRANSPORT", "allowed": true });
            world.run(&of(Role::SystemAdmin), "allowCounterPurpose", "allowed", input).await.unwrap();
        }
        let (own, stages) = target(&world, &talent, &counter, "440103189003070011", true).await;
        let (foreign, _) = target(&world, &other, &counter, "440305189508150029", false).await;
        let foreign_case = ApplicationId::parse_global(&foreign.ids["applicationId"]).unwrap();
        let statement = "UPDATE application SET current_unit_id = $1, receiving_unit_id = $1, employer_body_id = $2 WHERE id = $3";
        let db = portal.db.writer();
        let values = [far.into(), other_employer.into(), foreign_case.into()];
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), statement, values)).await.unwrap();
        let mut asked = Self { own, foreign, stages, agents: Stage::take(&world, foreign_case).await, askers, world };
        let spare = staff(&asked.world, "authz-spare", Role::Reviewer, asked.world.units.city).await;
        let far_spare = staff(&asked.world, "authz-far", Role::Reviewer, far).await;
        let security = asked.asker(Role::SecurityAdmin).clone();
        for (target, unit, employer, spare) in
            [(&mut asked.own, asked.world.units.city, asked.world.units.employer, &spare), (&mut asked.foreign, far, other_employer, &far_spare)]
        {
            let query = "query($p: ID!) { roleGrants(personId: $p) { id } }";
            let grants = asked.world.app.graphql(Some(&security.token), query, json!({ "p": spare.person.global() })).await.ok();
            let item = asked.world.item("GD-TALENT-CARD").await;
            let window = if unit == far { far } else { asked.world.units.window };
            for (name, id) in [
                ("grantId", text(&grants["roleGrants"][0]["id"])),
                ("roleGrants.personId", spare.person.global()),
                ("grantRole.personId", talent_of_none(&asked.world).await),
                ("unitId", unit.global()),
                ("unit", unit.global()),
                ("workQueue.unitId", window.global()),
                ("workQueueChanged.unitId", window.global()),
                ("parentId", unit.global()),
                ("closeUnit.unitId", UnitId::new(&portal.env).global()),
                ("successorId", asked.world.units.province.global()),
                ("employerQueue.bodyId", employer.global()),
                ("bodyId", organisation::unit(portal.db.read(), unit).await.unwrap().unwrap().body.global()),
                ("itemId", item),
                ("sessionId", SessionId::new(&portal.env).global()),
            ] {
                target.ids.insert(name.to_owned(), id);
            }
        }
        // What the agent handed in for the talent, and her cart.
        let ends_at = portal.env.now() + chrono::Duration::days(10);
        let command = GrantMandate { agent: agent.person, scope: MandateScope::All, ends_at };
        let mandate = grant_mandate(&portal, &member(&talent), command, "authorisation-mandate").await.unwrap().id;
        let line = asked.world.service_line(json!({ "city": "440100" })).await;
        let input = json!({ "applicantId": talent.person.global(), "mandateId": mandate.global(), "lines": [line] });
        let order = asked.world.save(&agent, input.clone()).await.unwrap();
        let case = asked.world.submit(&agent, &order, json!({})).await.unwrap()["applications"][0].clone();
        asked.agents = Stage::take(&asked.world, case_id(&case)).await;
        asked
    }

    fn asker(&self, role: Role) -> &Someone {
        self.askers.iter().find(|a| a.role == Some(role)).and_then(|a| a.someone.as_ref()).expect("an asker")
    }

    /// What an asker means by own or foreign.
    fn target(&self, asker: &Asker, own: bool) -> Target {
        let mut target = if own { self.own.clone() } else { self.foreign.clone() };
        if own && asker.role == Some(Role::Agent) {
            for name in ["application", "applicationId"] {
                target.ids.insert(name.to_owned(), self.agents.row.id.global());
            }
            target.ids.insert("order".into(), self.agents.row.order_id.global());
        }
        target
    }
}

fn demo_talent(login: &str) -> NewDemoAccount {
    NewDemoAccount {
        login: login.into(),
        password: "one of the passwords".into(),
        name_zh: "陈大文".into(),
        name_latin: "Chan".into(),
        birth_date: None,
        roles: Vec::new(),
    }
}

/// Somebody who has no part in anything.
async fn talent_of_none(world: &World) -> String {
    let login = format!("authz-none-{}@demo.invalid", world.key());
    signed_in(world, add_account(world.app.portal(), demo_talent(&login)).await.unwrap()).await.person.global()
}

async fn signed_in(world: &World, account: AccountId) -> Someone {
    let token = demo_session(world.app.portal(), account).await.unwrap();
    let viewer = world.app.graphql(Some(&token), "{ viewer { person { id } } }", json!({})).await.ok();
    Someone { person: PersonId::parse_global(viewer["viewer"]["person"]["id"].as_str().unwrap()).unwrap(), token, account }
}

/// Everything of one talent, with her case under the city's review, and, if asked for, all its stages.
async fn target(world: &World, talent: &Someone, counter: &Someone, number: &'static str, all: bool) -> (Target, Vec<Stage>) {
    let made = async |mutation: &str, kind: &str, input: Value| {
        let mut input = input;
        input["idempotencyKey"] = json!(world.key());
        text(&world.run(talent, mutation, &format!("{kind} {{ id }}"), input).await.unwrap()["id"])
    };
    let education = made("addEducation", "education", json!({ "level": "DOCTOR", "institution": "A" })).await;
    let employment = made("addEmployment", "employment", json!({ "employerName": "A", "position": "B", "startedOn": "2020-01-01" })).await;
    let family = made("addFamilyMember", "familyMember", json!({ "relation": "CHILD", "nameZh": "陈小文" })).await;
    let category = made("claimTalentCategory", "claimedCategory", json!({ "category": "DOCTOR" })).await;
    let identity = text(&claimed(world, talent, "RESIDENT_ID_CARD", number).await);
    let spare = text(&claimed(world, talent, "HKID", "A123456(3)").await);
    let look = json!({ "personId": talent.person.global(), "field": "IDENTITY_DOCUMENT_NUMBER", "documentId": identity, "purpose": "OWN_DATA" });
    world.run(talent, "revealPersonalData", "value", look).await.unwrap();
    let case = world.card_case(talent).await;
    let id = case_id(&case);
    let version = text(&world.read(talent, &case, "materials { documentVersionId }").await["materials"][0]["documentVersionId"]);
    let documents = world.app.graphql(Some(&talent.token), "{ myDocuments(first: 1) { nodes { id } } }", json!({})).await.ok();
    let mut stages = vec![Stage::take(world, id).await];
    let (officer, confirmer) = (known(world, "officer").await, known(world, "confirmer").await);
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    stages.push(Stage::take(world, id).await);
    let case = world.done(&confirmer, "completeStep", &case, json!({ "stepKey": "employer_confirmation", "outcome": "POSITIVE" })).await;
    stages.push(Stage::take(world, id).await);
    if all {
        let (city, province, approver) = (known(world, "reviewer").await, known(world, "reviewer2").await, known(world, "approver").await);
        let case = world.done(&city, "completeStep", &case, json!({ "stepKey": "city_review", "outcome": "POSITIVE" })).await;
        let case = world.done(&province, "completeStep", &case, json!({ "stepKey": "province_review", "outcome": "POSITIVE" })).await;
        stages.push(Stage::take(world, id).await);
        world.done(&approver, "decideApplication", &case, json!({ "decision": "REFUSED", "reason": "材料不足" })).await;
        stages.push(Stage::take(world, id).await);
        stages[2].put_back(world).await;
    }
    let line = json!({ "itemId": world.item("GD-TALENT-CARD").await, "regionCode": "440100", "answers": {} });
    let cart = world.save(talent, json!({ "lines": [line] })).await.unwrap();
    let card = talent_card::issue(&world.app, talent_card::order(&world.app, talent.person), &member(talent)).await.unwrap().global();
    let mut target = Target { order: cart["version"].as_i64().unwrap(), card: card.clone(), holder_token: talent.token.clone(), number, ..Target::default() };
    let portal = world.app.portal();
    let command = GrantMandate {
        agent: PersonId::parse_global(&talent_of_none(world).await).unwrap(),
        scope: MandateScope::All,
        ends_at: portal.env.now() + chrono::Duration::days(10),
    };
    let mandate = grant_mandate(portal, &member(talent), command, "authorisation-spare1").await.unwrap().id;
    let token = target.token(world).await;
    let input = json!({ "by": { "token": token }, "purpose": "TRANSPORT", "idempotencyKey": world.key() });
    let document = "mutation($i: CheckCardInput!) { checkCard(input: $i) { check { id } benefits { id } userErrors { code } } }";
    let checked = world.app.graphql(Some(&counter.token), document, json!({ "i": input })).await.ok()["checkCard"].take();
    assert_eq!(checked["userErrors"], json!([]));
    for (name, value) in [
        ("applicationId", id.global()),
        ("application", id.global()),
        ("order", text(&cart["id"])),
        ("orderId", text(&cart["id"])),
        ("card", card.clone()),
        ("cardId", card),
        ("personId", talent.person.global()),
        ("forPersonId", talent.person.global()),
        ("documentId", identity),
        ("removeIdentityDocument.documentId", spare),
        ("document", text(&documents["myDocuments"]["nodes"][0]["id"])),
        ("versionId", version.clone()),
        ("documentVersionId", version),
        ("educationId", education),
        ("employmentId", employment),
        ("familyMemberId", family),
        ("categoryId", category),
        ("benefitId", text(&checked["benefits"][0]["id"])),
        ("checkId", text(&checked["check"]["id"])),
        ("endMandate.mandateId", mandate.global()),
        ("grantMandate.agentId", talent_of_none(world).await),
        ("challenge", PendingCodeId::new(&world.app.portal().env).global()),
    ] {
        target.ids.insert(name.to_owned(), value);
    }
    (target, stages)
}

/// Staff of the demo, who bring a case forward.
async fn known(world: &World, name: &str) -> Someone {
    use talent_portal::account::service::demo::accounts;
    let login = format!("{name}@demo.invalid");
    let logins: Vec<&str> = talent_portal::demo::LOGINS.iter().copied().filter(|l| *l == login).collect();
    let known = accounts(world.app.portal(), &logins).await.unwrap().pop();
    match known {
        Some((_, account)) => signed_in(world, account).await,
        None => world.staff(name).await,
    }
}

impl Target {
    /// A token of the card, as its holder shows it.
    async fn token(&self, world: &World) -> String {
        let document = "mutation($i: CreateCardTokenInput!) { createCardToken(input: $i) { cardToken { token } } }";
        let data = world.app.graphql(Some(&self.holder_token), document, json!({ "i": { "cardId": self.card } })).await.ok();
        text(&data["createCardToken"]["cardToken"]["token"])
    }

    /// What `node` is asked for, by type.
    fn node(&self, kind: &str) -> Self {
        let id = match kind {
            "Person" => &self.ids["personId"],
            "Document" => &self.ids["document"],
            "ServiceItem" => &self.ids["itemId"],
            "Unit" => &self.ids["unit"],
            _ => &self.ids["applicationId"],
        };
        let mut target = self.clone();
        target.ids.insert("applicationId".into(), id.clone());
        target
    }
}

/// Rows of a table by field.
fn rows(table: &str) -> BTreeMap<&str, &str> {
    table.lines().filter_map(|line| line.split_once(',')).collect()
}

/// The columns: each asker with what she asks for, the anonymous once.
fn columns(asked: &Asked) -> Vec<(usize, bool, String)> {
    let column = |at: usize, own: bool| {
        let name = &asked.askers[at].name;
        (at, own, if asked.askers[at].someone.is_none() { name.clone() } else { format!("{name}:{}", if own { "own" } else { "foreign" }) })
    };
    let all = (0..asked.askers.len()).flat_map(|at| [column(at, true), column(at, false)]);
    all.filter(|(at, own, _)| *own || asked.askers[*at].someone.is_some()).collect()
}

async fn queries(asked: &Asked, schema: &Schema, columns: &[(usize, bool, String)], known: &mut HashSet<String>, cells: &mut [Cells]) {
    let root = schema.fields("Query");
    let rest = root.iter().map(|f| (f["name"].as_str().unwrap(), None)).filter(|(name, _)| !FIRST.iter().any(|(first, _)| first == name));
    for (name, narrowed) in FIRST.into_iter().chain(rest) {
        let field = root.iter().find(|f| f["name"] == name).expect("a root field");
        let (result, _) = inner(&field["type"]);
        let kind = narrowed.unwrap_or(result);
        let selection = (kind != "Node" && schema.is_object(kind) && (!known.contains(kind) || SHARED.contains(&kind))).then(|| schema.select(kind, known));
        let shown = match (&selection, narrowed) {
            (Some(selection), None) => schema.write(selection),
            (Some(selection), Some(kind)) => format!("{{ __typename ... on {kind} {} }}", schema.write(selection)),
            (None, _) if schema.is_object(result) => "{ __typename }".to_owned(),
            (None, _) => String::new(),
        };
        for (at, (asker, own, _)) in columns.iter().enumerate() {
            let asker = &asked.askers[*asker];
            let mut target = asked.target(asker, *own);
            if let Some(kind) = narrowed {
                target = target.node(kind);
            }
            let (document, variables) = schema.operation(asked, asker, &target, "Query", field, &shown, 0);
            let reply = asked.world.app.graphql(asker.someone.as_ref().map(|s| &*s.token), &document, variables).await;
            if narrowed.is_none_or(|kind| kind == "Application") {
                cells[at].insert(format!("Query.{name}"), root_cell(name, &reply));
            }
            if let Some(selection) = &selection {
                walk(&mut cells[at], selection, &reply.data[name], &reply.errors, &mut vec![json!(name)]);
            }
        }
    }
}

async fn mutations(asked: &Asked, schema: &Schema, columns: &[(usize, bool, String)], known: &mut HashSet<String>, cells: &mut [Cells]) {
    let mut count = 0;
    // The talent and her agent come last in asking, so that what they do is not in the way of the others.
    let theirs = |at: &usize| matches!(asked.askers[columns[*at].0].role, Some(Role::Talent | Role::Agent));
    let order: Vec<usize> = (0..columns.len()).filter(|at| !theirs(at)).chain((0..columns.len()).filter(theirs)).collect();
    let mut tokens: HashMap<usize, String> = HashMap::new();
    // Those for which the clock moves on come last: what others stand on would run out.
    let mut fields = schema.fields("Mutation");
    fields.sort_by_key(|field| LIMITED.contains(&field["name"].as_str().unwrap()));
    for field in fields {
        let name = field["name"].as_str().unwrap();
        if LIMITED.contains(&name) {
            asked.world.app.advance(chrono::Duration::hours(1));
        }
        let (result, _) = inner(&field["type"]);
        let selection = schema.select(result, known);
        let shown = schema.write(&selection);
        let ends_sessions = ["signIn", "signOut", "endAllSessions"].contains(&name);
        let mut stands: Option<i64> = None;
        for &at in &order {
            let (asker, own, _) = &columns[at];
            let caller = &asked.askers[*asker];
            let mut target = asked.target(caller, *own);
            count += 1;
            match name {
                "checkCard" => {
                    target.ids.insert("token".into(), target.token(&asked.world).await);
                }
                "completeSignUp" | "completeRecovery" | "completeSignIn" => {
                    target.ids.insert("challenge".into(), PendingCodeId::new(&asked.world.app.portal().env).global());
                }
                _ => {}
            }
            if LIMITED.contains(&name) {
                asked.world.app.advance(chrono::Duration::minutes(5));
            }
            let on_case = schema
                .0
                .get(&format!("{}{}Input", name[..1].to_uppercase(), &name[1..]))
                .is_some_and(|input| input["inputFields"].as_array().unwrap().iter().any(|f| f["name"] == "applicationId") && *own);
            if on_case {
                let stage = Schema::stage(asked, caller, name);
                if stands != Some(stage.row.version) || caller.role == Some(Role::Agent) {
                    stage.put_back(&asked.world).await;
                    stands = Some(stage.row.version);
                }
            }
            if let Some(someone) = &caller.someone
                && (ends_sessions || !tokens.contains_key(asker))
            {
                tokens.insert(*asker, demo_session(asked.world.app.portal(), someone.account).await.unwrap());
            }
            let (document, variables) = schema.operation(asked, caller, &target, "Mutation", field, &shown, count);
            let reply = asked.world.app.graphql(tokens.get(asker).map(String::as_str), &document, variables).await;
            let cell = root_cell(name, &reply);
            if cell == "VALUE" {
                stands = None;
            }
            if cell == "VALUE" && ends_sessions {
                tokens.remove(asker);
            }
            cells[at].insert(format!("Mutation.{name}"), cell);
            walk(&mut cells[at], &selection, &reply.data[name], &reply.errors, &mut vec![json!(name)]);
        }
        if stands.is_none() {
            asked.stages[2].put_back(&asked.world).await;
            asked.agents.put_back(&asked.world).await;
        }
    }
}

async fn subscriptions(asked: &Asked, schema: &Schema, columns: &[(usize, bool, String)], known: &mut HashSet<String>, cells: &mut [Cells]) {
    let served = serve(&asked.world.app).await;
    let bus = asked.world.app.portal().part::<Bus>().unwrap();
    for field in schema.fields("Subscription") {
        let name = field["name"].as_str().unwrap();
        let (result, _) = inner(&field["type"]);
        let selection = schema.select(result, known);
        for (at, (asker, own, _)) in columns.iter().enumerate() {
            let asker = &asked.askers[*asker];
            let target = asked.target(asker, *own);
            let payload = match &asker.someone {
                Some(someone) => json!({ "authorization": demo_session(asked.world.app.portal(), someone.account).await.unwrap() }),
                None => json!({}),
            };
            let mut socket = served.ready(payload).await;
            let (document, variables) = schema.operation(asked, asker, &target, "Subscription", field, &schema.write(&selection), 0);
            let mut message = subscribe("1", &document);
            message["payload"]["variables"] = variables;
            say(&mut socket, &message).await;
            let case = ApplicationId::parse_global(&target.ids["applicationId"]).unwrap();
            let unit = UnitId::parse_global(&target.ids["workQueueChanged.unitId"]).unwrap();
            let data = json!({ "unit": unit.uuid().to_string() });
            let told = Announcement { position: 0, kind: "APPLICATION_CHANGED".into(), object_kind: "APPLICATION".into(), object_id: case.uuid(), data };
            // Told again until it is heard: who asks begins to listen some time after she has asked.
            let heard = tokio::select! {
                heard = hear(&mut socket) => heard,
                () = async { loop { tokio::time::sleep(std::time::Duration::from_millis(10)).await; bus.tell(told.clone()); } } => unreachable!("it never ends"),
            };
            let (data, errors) = match heard["type"].as_str() {
                Some("next") => (heard["payload"]["data"].clone(), heard["payload"]["errors"].as_array().cloned().unwrap_or_default()),
                Some("error") => (Value::Null, heard["payload"].as_array().cloned().unwrap_or_default()),
                other => panic!("{other:?}: {heard}"),
            };
            let reply = crate::support::app::Reply { status: axum::http::StatusCode::OK, data, errors };
            cells[at].insert(format!("Subscription.{name}"), root_cell(name, &reply));
            walk(&mut cells[at], &selection, &reply.data[name], &reply.errors, &mut vec![json!(name)]);
        }
    }
}

async fn every_field_answers_each_role_as_the_committed_table_says(app: TestApp) {
    let engine = app.engine();
    let asked = Asked::new(app).await;
    let schema = Schema::of(&asked.world.app).await;
    let columns = columns(&asked);
    let mut cells = vec![Cells::new(); columns.len()];
    let mut known = HashSet::new();
    queries(&asked, &schema, &columns, &mut known, &mut cells).await;
    subscriptions(&asked, &schema, &columns, &mut known, &mut cells).await;
    mutations(&asked, &schema, &columns, &mut known, &mut cells).await;

    let mut table = format!("field,{}\n", columns.iter().map(|(_, _, name)| &**name).collect::<Vec<_>>().join(","));
    let (mut differences, mut given, mut types) = (String::new(), HashSet::new(), Vec::new());
    for (kind, about) in &schema.0 {
        if about["kind"] == "OBJECT" && !kind.starts_with("__") {
            types.push(kind.as_str());
        }
    }
    types.sort_unstable();
    let mut lines = Vec::new();
    for kind in &types {
        for field in schema.fields(kind) {
            let row = format!("{kind}.{}", field["name"].as_str().unwrap());
            let line: Vec<&str> = cells.iter().map(|column| column.get(&row).map_or("-", String::as_str)).collect();
            if line.iter().any(|cell| ["VALUE", "MASKED", "EMPTY", "NULL"].contains(cell)) || ["Query", "Mutation", "Subscription"].contains(kind) {
                given.insert(*kind);
            }
            lines.push(format!("{row},{}", line.join(",")));
        }
    }
    lines.sort_unstable();
    table.push_str(&lines.join("\n"));
    table.push('\n');
    for kind in types.iter().filter(|kind| !given.contains(*kind) && !UNREACHED.iter().any(|(known, _)| known == *kind)) {
        let _ = writeln!(differences, "nobody is given a {kind}: name it in UNREACHED with the reason, or let the table reach it");
    }
    for (kind, reason) in UNREACHED.iter().filter(|(kind, _)| given.contains(kind) || !types.contains(kind)) {
        let _ = writeln!(differences, "{kind} is given now, or gone: take it out of UNREACHED ({reason})");
    }
    if std::env::var_os("PORTAL_UPDATE_AUTHZ").is_some() && engine == Engine::Sqlite {
        std::fs::write(PATH, &table).expect("the table");
    } else if std::env::var_os("PORTAL_UPDATE_AUTHZ").is_none() {
        compare(&table, TABLE, &mut differences);
    }
    assert!(differences.is_empty(), "who may do what has changed; look at each line, then make the table again with\n  {AGAIN}\n{differences}");
}

/// Tells where the table and the committed one differ, cell by cell.
fn compare(table: &str, committed: &str, differences: &mut String) {
    let (now, committed) = (rows(table), rows(committed));
    let columns: Vec<&str> = now["field"].split(',').collect();
    for (field, cells) in &now {
        match committed.get(field) {
            None => {
                let _ = writeln!(differences, "{field} has no row");
            }
            Some(old) if old != cells => {
                for ((old, new), column) in old.split(',').zip(cells.split(',')).zip(&columns).filter(|((old, new), _)| old != new) {
                    let _ = writeln!(differences, "{field} for {column}: committed {old}, now {new}");
                }
                if *field == "field" {
                    let _ = writeln!(differences, "the columns are {cells}");
                }
            }
            Some(_) => {}
        }
    }
    for gone in committed.keys().filter(|field| !now.contains_key(*field)) {
        let _ = writeln!(differences, "{gone} is a row of no field");
    }
}

#[test]
fn a_changed_cell_a_field_without_a_row_and_a_row_of_no_field_are_told() {
    let committed = "field,anonymous,TALENT:own\nPerson.id,NOT_FOUND,VALUE\nPerson.sex,NOT_FOUND,VALUE\n";
    let told = |now: &str| {
        let mut differences = String::new();
        compare(now, committed, &mut differences);
        differences
    };
    assert_eq!(told(committed), "");
    let changed = "field,anonymous,TALENT:own\nPerson.id,VALUE,VALUE\nPerson.name,VALUE,VALUE\n";
    assert_eq!(told(changed), "Person.id for anonymous: committed NOT_FOUND, now VALUE\nPerson.name has no row\nPerson.sex is a row of no field\n");
    let columns = "field,anonymous,OTHER:own\nPerson.id,NOT_FOUND,VALUE\nPerson.sex,NOT_FOUND,VALUE\n";
    assert!(told(columns).contains("the columns are anonymous,OTHER:own"), "{}", told(columns));
}
