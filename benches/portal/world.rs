//! The rows that the requests are about: seeded by the portal's own command, then sessions and carts.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use sea_orm::{ConnectionTrait, Statement, TransactionTrait as _, Value as Bound};
use serde_json::{Value, json};
use talent_portal::api::operations;
use talent_portal::db::{Db, Options};
use talent_portal::kernel::env::Env;
use talent_portal::kernel::ids::{ApplicationId, DocumentVersionId, ItemId, OrderId, TypedId as _, UnitId};
use talent_portal::kernel::seal::token_hash;
use uuid::Uuid;

use crate::client::{all, request};
use crate::process::{PORTAL, Server, command, finish};

/// Sessions of talents who hold a card.
const HOLDERS: u64 = 500;
/// Carts to be handed in, at most.
const CARTS: u64 = 2_400;
/// The item that is applied for.
const ITEM: &str = "GD-TALENT-CARD";
/// Materials of the card that a Hong Kong resident with a degree needs.
const MATERIALS: [&str; 6] = ["application_form", "labour_contract", "employment_certificate", "travel_permit", "degree_authentication", "photo"];

/// Where the portal's rows lie.
#[derive(Clone, Debug)]
pub struct Place {
    /// The data folder, with the key file.
    pub folder: PathBuf,
    /// URL of the data store.
    pub url: String,
}

impl Place {
    /// A command of the portal on these rows.
    pub fn portal(&self, arguments: &[&str]) -> std::process::Command {
        let mut portal = command(PORTAL);
        portal.args(arguments).arg("--database-url").arg(&self.url).arg("--data-dir").arg(&self.folder);
        // The driver stands for a proxy, so that each sign-in comes from another network.
        portal.env("PORTAL_TRUSTED_PROXIES", "127.0.0.1");
        // It asks as often as it can.
        portal.env("PORTAL_REQUESTS_PER_NETWORK", "0").env("PORTAL_REQUESTS_PER_SESSION", "0");
        portal
    }

    /// The portal, serving these rows.
    pub fn serve(&self) -> anyhow::Result<Server> {
        Server::start(self.portal(&["serve", "--listen", "127.0.0.1:0"]), &self.folder.join("portal.log"))
    }
}

/// What the requests need.
pub struct World {
    /// Tokens of card holders.
    pub holders: Vec<String>,
    /// Token of a supervisor.
    pub supervisor: String,
    /// The unit with the longest queue, and its length.
    pub unit: (UnitId, i64),
    /// Carts: token of the applicant, id of the order.
    pub carts: Vec<(String, String)>,
    /// E-mail addresses of talents.
    pub addresses: Vec<String>,
    /// The password of all of them.
    pub password: String,
}

/// The text of a stored operation.
pub fn operation(path: &str) -> anyhow::Result<&'static str> {
    let found = operations::all().find(|(name, _)| *name == path).map(|(_, text)| text);
    found.with_context(|| format!("no operation {path}"))
}

fn word<'a>(lines: &'a str, first: &str, at: usize) -> anyhow::Result<&'a str> {
    lines
        .lines()
        .find(|line| line.starts_with(first))
        .and_then(|line| line.split_whitespace().nth(at))
        .with_context(|| format!("the seed did not tell of {first}"))
}

async fn rows(db: &impl ConnectionTrait, text: &str, values: Vec<Bound>) -> anyhow::Result<Vec<sea_orm::QueryResult>> {
    Ok(db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), text, values)).await?)
}

/// Seeds, signs talents in, fills carts through the API.
pub async fn make(place: &Place, scale: f64) -> anyhow::Result<World> {
    std::fs::create_dir_all(&place.folder)?;
    finish(place.portal(&["migrate", "up"]))?;
    let told = finish(place.portal(&["seed", "--scale", &scale.to_string()]))?;
    let password = word(&told, "password ", 1)?.to_owned();
    let supervisor = word(&told, "supervisor@demo.invalid ", 4)?.to_owned();
    let employer = word(&told, "body employer ", 2)?.to_owned();
    // Its own connections, closed before anything is copied.
    let db = Db::connect(&Options { url: place.url.clone(), key_url: None, connections: 2, single: false, on_statement: None }).await?;
    let unit = rows(
        db.read(),
        "SELECT current_unit_id, count(*) FROM application WHERE state IN ('RECEIVED', 'SUPPLEMENT_REQUESTED', 'ACCEPTED', 'IN_REVIEW', 'DECIDED') \
         GROUP BY current_unit_id ORDER BY count(*) DESC, current_unit_id LIMIT 1",
        vec![],
    )
    .await?;
    let unit = unit.first().context("no open case was seeded")?;
    let unit = (unit.try_get_by_index::<UnitId>(0)?, unit.try_get_by_index::<i64>(1)?);
    let holders = accounts(&db, "EXISTS (SELECT 1 FROM card c WHERE c.holder_person_id = a.person_id)", HOLDERS).await?;
    // The materials are those of residents of Hong Kong and Macao; what an officer found goes before what a form says.
    let applicants = accounts(
        &db,
        "NOT EXISTS (SELECT 1 FROM card c WHERE c.holder_person_id = a.person_id) AND NOT EXISTS \
         (SELECT 1 FROM application o WHERE o.applicant_person_id = a.person_id AND o.open_key IS NOT NULL) \
         AND EXISTS (SELECT 1 FROM person p WHERE p.id = a.person_id AND p.assurance = 'L2' AND p.has_account) \
         AND EXISTS (SELECT 1 FROM application o WHERE o.applicant_person_id = a.person_id) AND NOT EXISTS \
         (SELECT 1 FROM identity_document d WHERE d.person_id = a.person_id AND d.kind = 'RESIDENT_ID_CARD')",
        CARTS,
    )
    .await?;
    let item = rows(db.read(), "SELECT id FROM service_item WHERE code = $1", vec![ITEM.into()]).await?;
    let item: ItemId = item.first().context("the item is not published")?.try_get_by_index(0)?;
    let holders = sign_in(&db, &holders).await?.into_iter().map(|(token, _)| token).collect();
    let applicants = sign_in(&db, &applicants).await?;
    let mut carts = Vec::with_capacity(applicants.len());
    let mut requests = Vec::with_capacity(applicants.len());
    let save = operation("apply/save-cart.graphql")?;
    for (at, (token, documents)) in hand_over(&db, applicants).await?.into_iter().enumerate() {
        let materials: Vec<Value> =
            MATERIALS.iter().zip(&documents).map(|(key, version)| json!({ "key": key, "documentVersionId": version.global() })).collect();
        let photo = documents.last().context("a photo")?.global();
        let answers = json!({
            "grade": "B", "category": "DOCTOR", "evidence": "DEGREE", "origin": "HONG_KONG", "settled_overseas": false, "employer": employer,
            "post": "研究員", "contract_until": contract_until(), "city": "440100", "civil_servant": false, "insurance_months": 12, "tax_months": 12,
            "cooperation_agreement": false, "months_per_year": 10, "lawful": true, "honest": true, "outstanding": true, "name_chinese": "陳大文",
            "name_latin": "CHAN Tai Man", "spouse": false, "children": false, "photo": photo,
        });
        let line = json!({ "itemId": item.global(), "regionCode": "440100", "answers": answers, "materials": materials });
        let input = json!({ "idempotencyKey": format!("bench-save-cart-{at:06}"), "lines": [line] });
        requests.push(request("/graphql", Some(&token), None, &json!({ "query": save, "variables": { "input": input } })));
        carts.push(token);
    }
    db.close().await?;
    let server = place.serve()?;
    let answers = all(server.address, requests).await?;
    server.stop()?;
    let orders = answers.iter().map(|answer| Ok(answer["data"]["saveCart"]["order"]["id"].as_str().context("an order")?.to_owned()));
    let carts = carts.into_iter().zip(orders.collect::<anyhow::Result<Vec<_>>>()?).collect::<Vec<_>>();
    ensure!(!carts.is_empty(), "nobody can apply for the card");
    let last: u64 = word(&told, "e-mail ", 3)?.trim_start_matches("talent-").split('@').next().context("an address")?.parse()?;
    let addresses = (1..=last).map(|number| format!("talent-{number:07}@seed.invalid")).collect();
    Ok(World { holders, supervisor, unit, carts, addresses, password })
}

/// The last day of a contract, three years on.
fn contract_until() -> String {
    (Env::system().today() + chrono::Duration::days(3 * 365)).to_string()
}

/// Accounts and persons for which the condition holds.
async fn accounts(db: &Db, condition: &str, most: u64) -> anyhow::Result<Vec<(Uuid, Uuid)>> {
    let text = format!("SELECT a.id, a.person_id FROM account a WHERE a.status = 'ACTIVE' AND {condition} ORDER BY a.id LIMIT {most}");
    rows(db.read(), &text, vec![]).await?.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// Sessions for two hours, written as a sign-in would; gives token and person.
async fn sign_in(db: &Db, accounts: &[(Uuid, Uuid)]) -> anyhow::Result<Vec<(String, Uuid)>> {
    let env = Env::system();
    let (now, until) = (env.now(), env.now() + chrono::Duration::hours(2));
    let txn = db.writer().begin().await?;
    let mut made = Vec::with_capacity(accounts.len());
    for (account, person) in accounts {
        let token = env.secret();
        let text = "INSERT INTO session (id, account_id, family, kind, access_hash, access_until, refresh_hash, refresh_until, ends_at, second_factor, agent, \
                    created_at, last_seen_at) VALUES ($1, $2, $1, 'NORMAL', $3, $4, $5, $4, $4, $6, 'UNKNOWN', $7, $4)";
        let values: Vec<Bound> =
            vec![env.uuid().into(), (*account).into(), token_hash(&token).into(), until.into(), token_hash(&env.secret()).into(), false.into(), now.into()];
        txn.execute_raw(Statement::from_sql_and_values(txn.get_database_backend(), text, values)).await?;
        made.push((token, *person));
    }
    txn.commit().await?;
    Ok(made)
}

/// Documents of applicants, written as an upload would; their bytes are never read here.
async fn hand_over(db: &Db, applicants: Vec<(String, Uuid)>) -> anyhow::Result<Vec<(String, Vec<DocumentVersionId>)>> {
    let env = Env::system();
    let now = env.now();
    let txn = db.writer().begin().await?;
    let engine = txn.get_database_backend();
    let mut made = Vec::with_capacity(applicants.len());
    for (token, person) in applicants {
        let mut versions = Vec::with_capacity(MATERIALS.len());
        for key in MATERIALS {
            let (document, version, kind) = (env.uuid(), DocumentVersionId::new(&env), key.to_uppercase());
            let media = if key == "photo" { "PNG" } else { "PDF" };
            let text = "INSERT INTO document (id, owner_person, kind, created_at, version) VALUES ($1, $2, $3, $4, 1)";
            txn.execute_raw(Statement::from_sql_and_values(engine, text, [document.into(), person.into(), kind.as_str().into(), now.into()])).await?;
            let text = "INSERT INTO document_version (id, document_id, owner_person, kind, number, object_key, media_type, size, sha256, scan_state, key_number, \
                        created_at, uploaded_by) VALUES ($1, $2, $3, $4, 1, $5, $6, 100, $7, 'NOT_SCANNED', 1, $8, $3)";
            let values: [Bound; 8] =
                [version.0.into(), document.into(), person.into(), kind.into(), env.uuid().into(), media.into(), token_hash(&env.secret()).into(), now.into()];
            txn.execute_raw(Statement::from_sql_and_values(engine, text, values)).await?;
            versions.push(version);
        }
        made.push((token, versions));
    }
    txn.commit().await?;
    Ok(made)
}

/// Copies the rows and the key file of a portal that is stopped, for the floor.
pub async fn copy(place: &Place, to: &Path, postgres: Option<&crate::process::Postgres>) -> anyhow::Result<Place> {
    std::fs::create_dir_all(to)?;
    let url = match postgres {
        None => {
            for file in std::fs::read_dir(&place.folder)?.flatten() {
                let name = file.file_name();
                if name.to_string_lossy().contains(".db") {
                    std::fs::copy(file.path(), to.join(name))?;
                }
            }
            format!("sqlite://{}", to.join("portal.db").display())
        }
        Some(server) => {
            let maintenance = sea_orm::Database::connect(server.url("postgres")).await?;
            maintenance.execute_unprepared("CREATE DATABASE floor TEMPLATE portal").await?;
            maintenance.close().await?;
            server.url("floor")
        }
    };
    std::fs::copy(place.folder.join("portal.keys"), to.join("portal.keys"))?;
    Ok(Place { folder: to.to_owned(), url })
}

/// Ids in an answer that must be the same on both sides.
pub fn case_of(answer: &Value) -> anyhow::Result<(OrderId, ApplicationId)> {
    let order = &answer["data"]["submitCart"]["order"];
    let id = |value: &Value| value.as_str().map(str::to_owned).context("an id");
    let order_id = OrderId::parse_global(&id(&order["id"])?).context("an order")?;
    let case = ApplicationId::parse_global(&id(&order["applications"][0]["id"])?).context("a case")?;
    ensure!(order["applications"].as_array().is_some_and(|lines| lines.len() == 1) && order["state"] == "SUBMITTED", "{order}");
    ensure!(order["applications"][0]["state"] == "RECEIVED" && order["applications"][0]["number"].is_string(), "{order}");
    Ok((order_id, case))
}
