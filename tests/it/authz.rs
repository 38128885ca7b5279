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

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use serde_json::{Value, json};
use talent_portal::account::service::demo::demo_session;
use talent_portal::audit::entity::trail;
use talent_portal::audit::model::Announcement;
use talent_portal::audit::service::Bus;
use talent_portal::db::Engine;
use talent_portal::kernel::ids::{ApplicationId, PendingCodeId, TypedId as _, UnitId};
use talent_portal::kernel::role::Role;

use crate::socket::{hear, say, serve, subscribe};
use crate::support::{TestApp, both_engines};

mod schema;
mod world;

use schema::{Below, Chosen, Schema, Selection, inner};
use world::Asked;

both_engines!(every_field_answers_each_role_as_the_committed_table_says);

const TABLE: &str = include_str!("authz.csv");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/authz.csv");
const AGAIN: &str = "PORTAL_UPDATE_AUTHZ=1 cargo test --test it -- authz::";

/// Types whose objects nobody is given here, with the reason. One that comes to be given, or is gone, is told.
const UNREACHED: &[(&str, &str)] = &[
    ("ApplicationExtension", "no limit here becomes longer; supplement.rs has one that does"),
    ("ApplicationRequest", "nothing is asked of an applicant here; supplement.rs has what is"),
    ("ApplicationRequestItem", "the same"),
    ("BenefitBalance", "no yearly quota of any shipped benefit is known"),
    ("CardCorrection", "as CardDecision"),
    ("CardDecision", "no card here was issued by a decided case; card_life.rs has some"),
    ("CaseDocumentDelivery", "no case here is delivered; application.rs has one that is"),
    ("CaseDocumentEntry", "the decided case here is refused; case_units.rs has one that is approved"),
    ("CaseDocumentRequest", "the same as ApplicationRequest"),
    ("CorrectCardPayload", "as CardDecision"),
    ("FrequentQuestion", "the catalogue that is shipped has none"),
    ("LiftCardSuspensionPayload", "as CardDecision"),
    ("RevokeCardPayload", "as CardDecision"),
    ("RunningProcedure", "no special procedure runs here; supplement.rs has some"),
    ("SecondFactor", "nobody here has an authenticator app; factors.rs has"),
    ("SecondFactorRequired", "the same"),
    ("ServiceIntakePeriod", "the catalogue that is shipped has none"),
    ("SuspendCardPayload", "as CardDecision"),
];

/// Types whose fields are asked wherever a root field leads to them: several lists and payloads share them.
const SHARED: &[&str] = &[
    "CardBenefit",
    "CardGrade",
    "CardProductVersion",
    "HeldBenefit",
    "IssuedCard",
    "Conflict",
    "NamedPerson",
    "OrderConnection",
    "OrderEdge",
    "QueueEntry",
    "QueueEntryConnection",
    "QueueEntryEdge",
    "UserError",
];

/// Mutations that are done without a row in the trail, with the reason.
const SILENT: &[(&str, &str)] = &[];

/// Mutations that nobody gets done here. `operations::every_stored_operation_answers_with_data` does each of them, and shows
/// the row that it leaves in the trail.
pub(crate) const NOT_DONE: &[&str] = &[
    "acceptInvitation",
    "answerSupplement",
    "closeUnit",
    "completeRecovery",
    "completeSignIn",
    "completeSignUp",
    "completeTotpEnrolment",
    "confirmContactPoint",
    "correctAnswers",
    "correctCard",
    "decideApplication",
    "decideExtension",
    "endSession",
    "endSpecialProcedure",
    "handOverApplication",
    "liftCardSuspension",
    "recordOfflineCheck",
    "refreshSession",
    "releaseApplication",
    "removeFactor",
    "requestSupplement",
    "resetFactors",
    "returnToStep",
    "reverseBenefitUse",
    "revokeCard",
    "submitCart",
    "suspendCard",
    "terminateApplication",
    "updateProfile",
];

/// What is limited by address: here the clock moves on between two who ask.
const LIMITED: [&str; 6] = ["completeRecovery", "completeSignIn", "completeSignUp", "signIn", "startRecovery", "startSignUp"];

/// Where to ask first: what is named by an id leads to the fields of its type. Then come the other root fields in order.
const FIRST: [(&str, Option<&str>); 14] = [
    // What everybody reads, for the type of all texts.
    ("talentClasses", None),
    ("regions", None),
    ("zones", None),
    ("unit", None),
    ("serviceItem", None),
    ("cardProducts", None),
    ("application", None),
    ("order", None),
    ("card", None),
    ("node", Some("Person")),
    ("node", Some("Document")),
    ("node", Some("ServiceItem")),
    ("node", Some("Unit")),
    ("node", Some("Application")),
];

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

/// How many rows the trail has.
async fn trail_rows(asked: &Asked) -> u64 {
    trail::Entity::find().count(asked.world.app.portal().db.read()).await.unwrap()
}

/// Gives the mutations that were done, and those of them that left no row of the trail.
async fn mutations(
    asked: &Asked,
    schema: &Schema,
    columns: &[(usize, bool, String)],
    known: &mut HashSet<String>,
    cells: &mut [Cells],
) -> [BTreeSet<String>; 2] {
    let [mut done, mut silent] = [BTreeSet::new(), BTreeSet::new()];
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
                "verifyIdentity" => {
                    let person = json!(target.ids.get("verifyIdentity.personId").unwrap_or(&target.ids["personId"]));
                    target.ids.insert("personVersion".into(), asked.world.app.version_of(&person).await.to_string());
                }
                "completeSignUp" | "completeRecovery" | "completeSignIn" => {
                    target.ids.insert("challengeId".into(), PendingCodeId::new(&asked.world.app.portal().env).global());
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
            let before = trail_rows(asked).await;
            let reply = asked.world.app.graphql(tokens.get(asker).map(String::as_str), &document, variables).await;
            let cell = root_cell(name, &reply);
            if cell == "VALUE" {
                stands = None;
                done.insert(name.to_owned());
                if trail_rows(asked).await == before {
                    silent.insert(name.to_owned());
                }
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
    [done, silent]
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
    let [done, silent] = mutations(&asked, &schema, &columns, &mut known, &mut cells).await;

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
    for name in silent.iter().filter(|name| !SILENT.iter().any(|(known, _)| known == name)) {
        let _ = writeln!(differences, "{name} is done without a row in the trail");
    }
    for (name, reason) in SILENT.iter().filter(|(name, _)| !silent.contains(*name)) {
        let _ = writeln!(differences, "{name} leaves a row in the trail now, or is not done here: take it out of SILENT ({reason})");
    }
    let all = schema.fields("Mutation");
    let all = all.iter().map(|field| field["name"].as_str().unwrap());
    for name in all.filter(|name| !done.contains(*name) && !NOT_DONE.contains(name)) {
        let _ = writeln!(differences, "{name} is done by nobody here: name it in NOT_DONE and do it in operations.rs");
    }
    for name in NOT_DONE.iter().filter(|name| done.contains(**name) || !schema.fields("Mutation").iter().any(|field| field["name"] == **name)) {
        let _ = writeln!(differences, "{name} is done here now, or gone: take it out of NOT_DONE");
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
