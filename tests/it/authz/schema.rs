//! Operations that ask for every field, made from the schema itself.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use talent_portal::kernel::role::Role;

use crate::support::TestApp;

use super::world::{Asked, Asker, Stage, Target, login};
use super::{SHARED, text};

pub(super) const INTROSPECTION: &str = "{ __schema { types { kind name enumValues { name } possibleTypes { name } \
    inputFields { name defaultValue type { ...T } } fields { name args { name defaultValue type { ...T } } type { ...T } } } } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The types of the schema by name.
pub(super) struct Schema(pub(super) HashMap<String, Value>);

/// A selection of an object type: each field with how it is written and what is selected of it.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// For each possible type its fields; one entry but for a union or interface.
    pub(super) types: Vec<(String, Vec<Chosen>)>,
}

#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) below: Below,
}

#[derive(Clone, Debug)]
pub(super) enum Below {
    /// A scalar or enum.
    Leaf,
    /// An object whose fields are asked elsewhere.
    Known,
    /// An object whose fields are asked here.
    Here(Selection),
}

/// The innermost name of a type, and whether it is a list.
pub(super) fn inner(kind: &Value) -> (&str, bool) {
    let mut at = kind;
    let mut list = false;
    while !at["ofType"].is_null() {
        list |= at["kind"] == "LIST";
        at = &at["ofType"];
    }
    (at["name"].as_str().expect("a name"), list)
}

/// The GraphQL notation of a type.
pub(super) fn notation(kind: &Value) -> String {
    match kind["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", notation(&kind["ofType"])),
        Some("LIST") => format!("[{}]", notation(&kind["ofType"])),
        _ => kind["name"].as_str().expect("a name").to_owned(),
    }
}

impl Schema {
    pub(super) async fn of(app: &TestApp) -> Self {
        let mut told = app.graphql(None, INTROSPECTION, json!({})).await.ok();
        let types = told["__schema"]["types"].take();
        Self(types.as_array().unwrap().iter().map(|t| (text(&t["name"]), t.clone())).collect())
    }

    pub(super) fn fields(&self, kind: &str) -> Vec<&Value> {
        let mut fields: Vec<&Value> = self.0[kind]["fields"].as_array().into_iter().flatten().collect();
        fields.sort_by_key(|f| f["name"].as_str().map(str::to_owned));
        fields
    }

    pub(super) fn is_object(&self, kind: &str) -> bool {
        matches!(self.0[kind]["kind"].as_str(), Some("OBJECT" | "UNION" | "INTERFACE"))
    }

    /// All of a type, but of types that are in `known` only that they are there; what is selected here becomes known.
    pub(super) fn select(&self, kind: &str, known: &mut HashSet<String>) -> Selection {
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

    pub(super) fn write(&self, selection: &Selection) -> String {
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
                    // What a step came to is not among the first events of a case.
                    let page = if field.name == "events" { "(first: 9)" } else { "(first: 2)" };
                    format!("{}{}{below}", field.name, if paged { page } else { "" })
                })
                .collect();
            let _ = if many { write!(text, "... on {kind} {{ {} }} ", list.join(" ")) } else { write!(text, "{} ", list.join(" ")) };
        }
        text + "}"
    }

    /// A value for an argument or input field: by its name where that matters, else by its type.
    pub(super) fn sample(&self, asked: &Asked, asker: &Asker, target: &Target, field: &str, name: &str, kind: &Value, cell: usize) -> Value {
        let (inner, list) = inner(kind);
        if list && !["lines", "itemIds"].contains(&name) && field != "nodes" {
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
                "reportCardLost" | "correctCard" | "suspendCard" | "liftCardSuspension" | "revokeCard" => json!(1),
                "verifyIdentity" => json!(target.ids["personVersion"].parse::<i64>().unwrap()),
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
            ("String", "category") => json!("ACADEMICIAN"),
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
    pub(super) fn stage<'a>(asked: &'a Asked, asker: &Asker, field: &str) -> &'a Stage {
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
    pub(super) fn object(&self, asked: &Asked, asker: &Asker, target: &Target, field: &str, kind: &str, cell: usize) -> Value {
        let mut object = Map::new();
        for input in self.0[kind]["inputFields"].as_array().into_iter().flatten() {
            let name = input["name"].as_str().expect("a name");
            let needed = input["type"]["kind"] == "NON_NULL" && input["defaultValue"].is_null();
            let wanted = match name {
                "unitId" => ["grantRole", "inviteStaff", "setCounterPurpose"].contains(&field),
                "identityDocumentId" => field == "revealPersonalData",
                "reason" => ["revealPersonalData", "decideApplication"].contains(&field),
                "forPersonId" => field == "createUpload",
                "parentId" => field == "createUnit",
                "nameZh" | "issuingState" => !["verifyIdentity"].contains(&field),
                "employerName" => true,
                "allowed" => field == "setCounterPurpose",
                _ => false,
            };
            if needed || wanted {
                object.insert(name.to_owned(), self.sample(asked, asker, target, field, name, &input["type"], cell));
            }
        }
        if field == "setCounterPurpose" {
            object.insert("allowed".into(), json!(true));
        }
        Value::Object(object)
    }

    /// The document of a root field with its variables.
    pub(super) fn operation(&self, asked: &Asked, asker: &Asker, target: &Target, root: &str, field: &Value, shown: &str, cell: usize) -> (String, Value) {
        let name = field["name"].as_str().expect("a name");
        let (mut head, mut call, mut variables) = (String::new(), String::new(), Map::new());
        for argument in field["args"].as_array().into_iter().flatten() {
            let argument_name = argument["name"].as_str().expect("a name");
            let by_code = argument_name == "code" && ["eligibility", "serviceItem"].contains(&name);
            let value = if by_code {
                json!("GD-TALENT-CARD")
            } else if argument_name == "first" {
                json!(2)
            } else if argument["type"]["kind"] == "NON_NULL" || [("roleGrants", "personId"), ("issuedCards", "holderId")].contains(&(name, argument_name)) {
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
