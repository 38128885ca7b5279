//! Who gets which answer from each root field of the API: the committed table `tests/it/authz.csv`, made by asking.
//!
//! The fields come from the schema itself, so that a new one without a row fails here. Everything asked for belongs to
//! `talent`, and her case lies at the unit of `officer`, `reviewer`, `approver` and `counter`; `other_talent` and
//! `other_officer` (of a unit below) are the foreign ones. A cell holds `OK`, `NULL`, or the codes of the answer. Each
//! cell has a session of its own. What changes something asks for what cannot be done (a draft is not accepted or decided,
//! a code is wrong): then the code tells how far the caller came.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Map, Value, json};
use talent_portal::account::service::demo::{NewDemoAccount, add_account, demo_session, mark_demo};
use talent_portal::db::Engine;
use talent_portal::demo;
use talent_portal::kernel::actor::{Actor, Member};
use talent_portal::kernel::ids::{
    AccountId, ApplicationId, BenefitId, CardCheckId, DocumentVersionId, EducationId, EmploymentId, FamilyMemberId, GrantId, PendingCodeId, PersonId,
    SessionId, TalentCategoryId, TypedId as _, UnitId,
};
use talent_portal::kernel::role::{Assurance, Role};

use crate::support::{TestApp, both_engines};
use crate::talent_card;

both_engines!(every_root_field_answers_each_role_as_the_committed_table_says);

const TABLE: &str = include_str!("authz.csv");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/authz.csv");
const AGAIN: &str = "PORTAL_UPDATE_AUTHZ=1 cargo test --test it authz::";

const INTROSPECTION: &str = "{ __schema { queryType { name } mutationType { name } types { kind name enumValues { name } \
    inputFields { name defaultValue type { ...T } } fields { name args { name defaultValue type { ...T } } type { ...T } } } } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The types of the schema by name.
struct Schema(HashMap<String, Value>);

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

/// What the sample values are made of.
struct World {
    ids: HashMap<&'static str, String>,
    accounts: Vec<(&'static str, Option<AccountId>)>,
    /// Versions of the order and of the case.
    order: i64,
    application: i64,
}

impl Schema {
    fn fields(&self, kind: &str) -> Vec<&Value> {
        let mut fields: Vec<&Value> = self.0[kind]["fields"].as_array().into_iter().flatten().collect();
        fields.sort_by_key(|f| f["name"].as_str().map(str::to_owned));
        fields
    }

    /// A value for an argument or input field: by its name where that matters, else by its type.
    fn sample(&self, world: &World, field: &str, name: &str, kind: &Value, cell: usize) -> Value {
        let (inner, list) = inner(kind);
        if list && name != "lines" && field != "nodes" {
            return json!([]);
        }
        let value = match (inner, name) {
            // A node is a case: the object of which most is to be said.
            ("ID", "id" | "ids") if field == "node" || field == "nodes" => json!(world.ids["application"]),
            ("ID", "id") => json!(world.ids.get(field).unwrap_or_else(|| panic!("no sample for the id of {field}"))),
            ("ID", _) => {
                json!(world.ids.get(&*format!("{field}.{name}")).or(world.ids.get(name)).unwrap_or_else(|| panic!("no sample for the id {name} of {field}")))
            }
            ("Int", "expectedVersion") => match field {
                "submitCart" => json!(world.order),
                "updateProfile" => json!(999),
                _ => json!(world.application),
            },
            ("Int", _) => json!(1),
            ("Boolean", _) => json!(false),
            ("JSON", _) => json!({}),
            ("Date", _) => json!("2026-01-05"),
            ("DateTime", _) => json!("2026-01-05T00:00:00Z"),
            ("String", "idempotencyKey") => json!(format!("authorisation-{cell:0>6}")),
            ("String", "contact") => json!(format!("nobody{cell}@example.com")),
            ("String", "sha256") => json!("0".repeat(64)),
            ("String", "nameZh") => json!("陈大文"),
            ("String", "reason") => json!("asked for by the holder at the window"),
            ("AccessPurpose", _) => json!("IDENTITY_CHECK"),
            ("String", "password") => json!("seven green herons at dusk"),
            ("String", _) => json!("x"),
            ("Role", _) => json!("REVIEWER"),
            ("CardShownInput", _) => json!({ "token": "x" }),
            (other, _) => match self.0[other]["kind"].as_str() {
                Some("ENUM") => self.0[other]["enumValues"][0]["name"].clone(),
                Some("INPUT_OBJECT") => self.object(world, field, other, cell),
                kind => panic!("no sample for {name}: {other} ({kind:?}) of {field}"),
            },
        };
        if list { json!([value]) } else { value }
    }

    /// The required fields of an input, and those that say where.
    fn object(&self, world: &World, field: &str, kind: &str, cell: usize) -> Value {
        let mut object = Map::new();
        for input in self.0[kind]["inputFields"].as_array().into_iter().flatten() {
            let name = input["name"].as_str().expect("a name");
            let needed = input["type"]["kind"] == "NON_NULL" && input["defaultValue"].is_null();
            let wanted = match name {
                "unitId" => ["grantRole", "inviteStaff", "allowCounterPurpose"].contains(&field),
                "documentId" | "reason" => field == "revealPersonalData",
                "nameZh" => true,
                _ => false,
            };
            if needed || wanted {
                object.insert(name.to_owned(), self.sample(world, field, name, &input["type"], cell));
            }
        }
        Value::Object(object)
    }

    /// The document of a root field with its variables.
    fn operation(&self, world: &World, root: &str, field: &Value, cell: usize) -> (String, Value) {
        let name = field["name"].as_str().expect("a name");
        let (mut head, mut call, mut variables) = (String::new(), String::new(), Map::new());
        for argument in field["args"].as_array().into_iter().flatten() {
            let argument_name = argument["name"].as_str().expect("a name");
            let by_code = argument_name == "code" && ["eligibility", "serviceItem"].contains(&name);
            if argument["type"]["kind"] != "NON_NULL" && !by_code {
                continue;
            }
            let _ = write!(head, "${argument_name}: {} ", notation(&argument["type"]));
            let _ = write!(call, "{argument_name}: ${argument_name} ");
            let value = if by_code { json!("GD-TALENT-CARD") } else { self.sample(world, name, argument_name, &argument["type"], cell) };
            variables.insert(argument_name.to_owned(), value);
        }
        let (result, _) = inner(&field["type"]);
        let selection = match self.0[result]["kind"].as_str() {
            Some("SCALAR" | "ENUM") => "",
            _ if self.fields(result).iter().any(|f| f["name"] == "userErrors") => "{ __typename userErrors { code } }",
            _ => "{ __typename }",
        };
        let brackets = |text: String| if text.is_empty() { text } else { format!("({})", text.trim_end()) };
        (format!("{}{} {{ {name}{} {selection} }}", root.to_lowercase(), brackets(head), brackets(call)), Value::Object(variables))
    }
}

/// What a cell says of an answer.
fn cell(name: &str, reply: &crate::support::app::Reply) -> String {
    let mut codes: Vec<&str> = reply.errors.iter().filter_map(|e| e["extensions"]["code"].as_str()).collect();
    assert!(!codes.iter().any(|c| c.starts_with("DOCUMENT_") || *c == "INTERNAL" || *c == "UNAVAILABLE"), "{name}: {:?}", reply.errors);
    assert_eq!(codes.len(), reply.errors.len(), "{name}: {:?}", reply.errors);
    let value = &reply.data[name];
    codes.extend(value["userErrors"].as_array().into_iter().flatten().filter_map(|e| e["code"].as_str()));
    codes.dedup();
    match codes.is_empty() {
        false => codes.join("+"),
        true if value.is_null() => "NULL".to_owned(),
        true => "OK".to_owned(),
    }
}

async fn account(app: &TestApp, login: &str, role: Option<(Role, Option<UnitId>)>) -> AccountId {
    let new = NewDemoAccount {
        login: login.into(),
        password: "seven green herons at dusk".into(),
        name_zh: "测试".into(),
        name_latin: "Test".into(),
        birth_date: None,
        roles: role.into_iter().map(|(role, unit)| (role, unit, None)).collect(),
    };
    add_account(app.portal(), new).await.unwrap()
}

/// Units, staff, two talents; one talent has a draft, an identity document and a card.
async fn world(app: &TestApp) -> World {
    let portal = app.portal();
    mark_demo(portal).await.unwrap();
    app.publish().await;
    let units = demo::build(portal).await.unwrap();
    let city = Some(units.city);
    let mut accounts = vec![("anonymous", None)];
    for (name, role) in [
        ("talent", None),
        ("other_talent", None),
        ("officer", Some((Role::WindowOfficer, city))),
        ("other_officer", Some((Role::WindowOfficer, Some(units.window)))),
        ("reviewer", Some((Role::Reviewer, city))),
        ("approver", Some((Role::Approver, city))),
        ("counter", Some((Role::Counter, city))),
        ("system_admin", Some((Role::SystemAdmin, None))),
        ("security_admin", Some((Role::SecurityAdmin, None))),
        ("audit_admin", Some((Role::AuditAdmin, None))),
    ] {
        accounts.push((name, Some(account(app, &format!("{name}@demo.invalid").replace('_', "-"), role).await)));
    }
    let talent = demo_session(portal, accounts[1].1.unwrap()).await.unwrap();
    let asked = app.graphql(Some(&talent), "{ viewer { person { id } } serviceItem(code: \"GD-TALENT-CARD\") { id } }", json!({})).await.ok();
    let (person, item) = (text(&asked["viewer"]["person"]["id"]), text(&asked["serviceItem"]["id"]));
    let id = PersonId::parse_global(&person).unwrap();
    let document = "mutation($i: AddIdentityDocumentInput!) { addIdentityDocument(input: $i) { document { id } userErrors { code } } }";
    let mut identities = Vec::new();
    for number in ["440103189003070011", "440305189508150029"] {
        let input = json!({ "kind": "RESIDENT_ID_CARD", "documentNumber": number, "idempotencyKey": format!("identity-{number}") });
        identities.push(text(&app.graphql(Some(&talent), document, json!({ "i": input })).await.ok()["addIdentityDocument"]["document"]["id"]));
    }
    let document = "mutation($i: SaveCartInput!) { saveCart(input: $i) { order { id version applications { id version } } userErrors { code } } }";
    let input = json!({ "idempotencyKey": "authorisation-cart", "lines": [{ "itemId": item, "regionCode": "440100", "answers": {} }] });
    let order = app.graphql(Some(&talent), document, json!({ "i": input })).await.ok()["saveCart"]["order"].take();
    let application = ApplicationId::parse_global(&text(&order["applications"][0]["id"])).unwrap();
    // The draft lies at the city's unit, so that roles decide, not the state alone.
    let db = portal.db.writer();
    let statement = "UPDATE application SET current_unit_id = $1 WHERE id = $2";
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), statement, [units.city.into(), application.into()])).await.unwrap();
    let member =
        Member { person: id, account: AccountId(id.uuid()), session: SessionId(id.uuid()), assurance: Assurance::L2, second_factor: true, grants: Vec::new() };
    let issuer = Actor { member: Some(member), request_id: "test".into() };
    let card = talent_card::issue(app, talent_card::order(app, id), &issuer).await.unwrap().global();
    let env = &portal.env;
    let ids = HashMap::from([
        ("application", application.global()),
        ("applicationId", application.global()),
        ("order", text(&order["id"])),
        ("orderId", text(&order["id"])),
        ("card", card.clone()),
        ("cardId", card),
        ("itemId", item),
        ("personId", person.clone()),
        ("subjectId", person),
        ("unitId", units.city.global()),
        // A unit is closed in favour of another; what does not exist closes nothing that the next rows need.
        ("closeUnit.unitId", UnitId::new(env).global()),
        ("successorId", units.province.global()),
        ("unit", units.city.global()),
        ("bodyId", units.employer.global()),
        ("documentId", identities.remove(0)),
        ("removeIdentityDocument.documentId", identities.remove(0)),
        ("versionId", DocumentVersionId::new(env).global()),
        ("documentVersionId", DocumentVersionId::new(env).global()),
        ("educationId", EducationId::new(env).global()),
        ("employmentId", EmploymentId::new(env).global()),
        ("familyMemberId", FamilyMemberId::new(env).global()),
        ("categoryId", TalentCategoryId::new(env).global()),
        ("sessionId", SessionId::new(env).global()),
        ("grantId", GrantId::new(env).global()),
        ("challenge", PendingCodeId::new(env).global()),
        ("benefitId", BenefitId::new(env).global()),
        ("checkId", CardCheckId::new(env).global()),
    ]);
    let versions = [&order["version"], &order["applications"][0]["version"]].map(|v| v.as_i64().expect("a version"));
    World { ids, accounts, order: versions[0], application: versions[1] }
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Rows of a table by field.
fn rows(table: &str) -> BTreeMap<&str, &str> {
    table.lines().filter_map(|line| line.split_once(',')).collect()
}

async fn every_root_field_answers_each_role_as_the_committed_table_says(app: TestApp) {
    let mut world = world(&app).await;
    let mut told = app.graphql(None, INTROSPECTION, json!({})).await.ok()["__schema"].take();
    let types = told["types"].take().as_array().unwrap().iter().map(|t| (text(&t["name"]), t.clone())).collect();
    let schema = Schema(types);
    let mut table = format!("field,{}\n", world.accounts.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(","));
    let mut count = 0;
    for root in ["Query", "Mutation"] {
        for field in schema.fields(root) {
            let name = field["name"].as_str().unwrap();
            let _ = write!(table, "{root}.{name}");
            // The owner comes last in asking, so that what she does is not in the way of the others.
            let mut cells = vec![String::new(); world.accounts.len()];
            let order = (0..world.accounts.len()).filter(|&i| world.accounts[i].0 != "talent").chain([1]);
            for at in order {
                count += 1;
                world.ids.insert("challenge", PendingCodeId::new(&app.portal().env).global());
                let (document, variables) = schema.operation(&world, root, field, count);
                let token = match world.accounts[at].1 {
                    Some(account) => Some(demo_session(app.portal(), account).await.unwrap()),
                    None => None,
                };
                let reply = app.graphql(token.as_deref(), &document, variables).await;
                cells[at] = cell(name, &reply);
            }
            let _ = writeln!(table, ",{}", cells.join(","));
        }
    }
    if std::env::var_os("PORTAL_UPDATE_AUTHZ").is_some() {
        if app.engine() == Engine::Sqlite {
            std::fs::write(PATH, &table).expect("the table");
        }
        return;
    }
    let (now, committed) = (rows(&table), rows(TABLE));
    let mut differences = String::new();
    for (field, cells) in &now {
        match committed.get(field) {
            None => {
                let _ = writeln!(differences, "{field} has no row");
            }
            Some(old) if old != cells => {
                let _ = writeln!(differences, "{field}\n  committed {old}\n  now       {cells}");
            }
            Some(_) => {}
        }
    }
    for gone in committed.keys().filter(|field| !now.contains_key(*field)) {
        let _ = writeln!(differences, "{gone} is a row of no field");
    }
    assert!(differences.is_empty(), "who may do what has changed; look at each line, then make the table again with\n  {AGAIN}\n{differences}");
}
