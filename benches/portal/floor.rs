//! The floor: what the four operations cost by hand, with axum and sqlx on the same rows.
//!
//! It looks the session up and asks the same policy by the same statements, keeps in memory what the portal keeps there
//! (versions of cards and items never change), inserts the same rows, hashes passwords by the same parameters, and
//! answers byte for byte what the portal answers to the two queries. It does not parse GraphQL, judge forms and rules,
//! seal or sign (it stores as many bytes of nothing), nor chain the trail afterwards.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::types::Json;
use sqlx::{Pool, Row as _};
use talent_portal::application::model::number::{case_number, number_prefix};
use talent_portal::kernel::env::Env;
use talent_portal::kernel::seal::{Keyring, token_hash};
use talent_portal::kernel::text::{Language, Text};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Connections, as many as the portal has by default.
const CONNECTIONS: u32 = 8;

/// Serves until the process is ended; says where on its standard output.
pub async fn serve(url: &str, key_file: &str) -> anyhow::Result<()> {
    let keyring = Arc::new(Keyring::parse(&std::fs::read_to_string(key_file)?).map_err(anyhow::Error::msg)?);
    let router = if url.starts_with("sqlite:") {
        let options = |writes: bool| {
            anyhow::Ok(
                url.parse::<SqliteConnectOptions>()?
                    .foreign_keys(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(5))
                    .pragma("query_only", if writes { "OFF" } else { "ON" })
                    .pragma("temp_store", "MEMORY")
                    .pragma("cache_size", "-8000"),
            )
        };
        let pool = |connections| SqlitePoolOptions::new().max_connections(connections).min_connections(1).test_before_acquire(false);
        let writer = pool(1).connect_with(options(true)?).await?;
        let reader = pool(CONNECTIONS).connect_with(options(false)?).await?;
        sqlite::router(reader, writer, keyring).await?
    } else {
        let options = url.parse::<sqlx::postgres::PgConnectOptions>()?.options([("synchronous_commit", "on"), ("jit", "off"), ("timezone", "UTC")]);
        let pool =
            sqlx::postgres::PgPoolOptions::new().max_connections(CONNECTIONS).min_connections(1).test_before_acquire(false).connect_with(options).await?;
        postgres::router(pool.clone(), pool, keyring).await?
    };
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    crate::say(&format!("API      http://{}/", listener.local_addr()?));
    let listener = listener.tap_io(|stream| {
        let _best_effort = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

/// The queries and handlers for one engine; the text is the same, the types are not.
mod sqlite {
    use super::*;
    use sqlx::Sqlite as Engine;
    const BEGIN: &str = "BEGIN IMMEDIATE";
    include!("queries.rs");
}

/// The same for the other.
mod postgres {
    use super::*;
    use sqlx::Postgres as Engine;
    const BEGIN: &str = "BEGIN";
    include!("queries.rs");
}

/// What is wrong with a request.
enum No {
    Status(StatusCode),
    Fault(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for No {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        match self {
            Self::Status(status) => status.into_response(),
            Self::Fault(error) => {
                crate::say(&format!("{error:#}"));
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

fn answer(body: &impl Serialize) -> Result<Response, No> {
    #[derive(Serialize)]
    struct Data<'a, T> {
        data: &'a T,
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], serde_json::to_vec(&Data { data: body })?).into_response())
}

fn global(prefix: &str, id: Uuid) -> String {
    format!("{prefix}_{}", id.simple())
}

fn parse_global(prefix: &str, id: &str) -> Result<Uuid, No> {
    let digits = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(No::Status(StatusCode::BAD_REQUEST))?;
    Uuid::try_parse(digits).map_err(|_| No::Status(StatusCode::BAD_REQUEST))
}

fn words(text: &Text, language: Language) -> Words {
    Words { value: text.localized(language).value.to_owned(), typename: "Text" }
}

#[derive(Clone, Serialize)]
struct Words {
    value: String,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

/// Who asks.
struct Member {
    session: Uuid,
    account: Uuid,
    person: Uuid,
    language: Language,
    staff_paths: Vec<String>,
}

/// A version of a card with its benefits.
struct Offer {
    number: i32,
    code: String,
    name: Text,
    issuer: Option<Text>,
    verification: String,
    source: String,
    grades: Vec<Grade>,
    benefits: Vec<Benefit>,
}

#[derive(Deserialize)]
struct Grade {
    code: String,
    title: Text,
}

struct Benefit {
    id: Uuid,
    area: String,
    grade: String,
    beneficiary: String,
    region_code: Option<String>,
    title: Text,
    description: Text,
    authority: Text,
    quota: Option<i64>,
    unit: String,
    verification: String,
    area_verification: String,
    source: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MyCards<'a> {
    my_cards: Vec<CardOut<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CardOut<'a> {
    id: String,
    version: i64,
    status: String,
    grade: GradeOut<'a>,
    relation: String,
    principal_card_id: Option<String>,
    current_number: Option<NumberOut>,
    valid_from: NaiveDate,
    valid_until: NaiveDate,
    issued_at: String,
    product_version: VersionOut<'a>,
    benefits: Vec<HeldOut<'a>>,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

#[derive(Serialize)]
struct HeldOut<'a> {
    benefit: BenefitOut<'a>,
    balances: Vec<BalanceOut>,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NumberOut {
    value: String,
    issued_at: String,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionOut<'a> {
    id: String,
    number: i32,
    product: ProductOut<'a>,
    verification: &'a str,
    source: &'a str,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

#[derive(Serialize)]
struct ProductOut<'a> {
    code: &'a str,
    name: Wording<'a>,
    issuer: Option<Wording<'a>>,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

#[derive(Serialize)]
struct GradeOut<'a> {
    code: &'a str,
    title: Wording<'a>,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

#[derive(Serialize)]
struct Wording<'a> {
    value: &'a str,
    origin: &'static str,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

impl<'a> Wording<'a> {
    fn of(text: &'a Text, language: Language) -> Self {
        let chosen = text.localized(language);
        Self { value: chosen.value, origin: chosen.origin.code(), typename: "Text" }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BenefitOut<'a> {
    id: String,
    area: &'a str,
    title: Wording<'a>,
    description: Wording<'a>,
    authority: Wording<'a>,
    relation: &'a str,
    region_code: Option<&'a str>,
    unit_of_count: &'a str,
    yearly_quota: Option<i64>,
    verification: &'a str,
    area_verification: &'a str,
    source: &'a str,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BalanceOut {
    benefit_id: String,
    beneficiary_id: String,
    year: i32,
    used: i64,
    quota: Option<i64>,
    remaining: Option<i64>,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueIn {
    unit_id: String,
    first: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueueOut {
    work_queue: QueuePage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueuePage {
    nodes: Vec<QueueRow>,
    page_info: PageInfo,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueueRow {
    application_id: String,
    version: i64,
    number: String,
    applicant_name: String,
    item_id: String,
    item_name: Words,
    state: String,
    step_key: Option<String>,
    step_name: Option<Words>,
    claimed_by_id: Option<String>,
    claimed_by_name: Option<String>,
    received_at: String,
    due_at: String,
    promised_due_at: Option<String>,
    statutory_due_at: Option<String>,
    near_breach_at: Option<String>,
    provisional: bool,
    #[serde(rename = "__typename")]
    typename: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubmitIn {
    idempotency_key: String,
    order_id: String,
    expected_version: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubmitOut {
    submit_cart: SubmitPayload,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubmitPayload {
    order: OrderOut,
    user_errors: [(); 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderOut {
    id: String,
    version: i64,
    state: &'static str,
    created_at: String,
    submitted_at: String,
    applications: Vec<LineOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LineOut {
    id: String,
    version: i64,
    number: String,
    state: &'static str,
    item_name: Words,
    promised_due_at: String,
    statutory_due_at: String,
}

/// How an item is handled where, and how long what is sealed of a case is.
#[derive(Clone)]
struct Handling {
    item_code: String,
    name: Text,
    version: Uuid,
    offering: Uuid,
    unit: Uuid,
    employer: Option<Uuid>,
    event: String,
    facts: usize,
    data: usize,
    jws: usize,
}

#[derive(Deserialize)]
struct SignInIn {
    contact: String,
    password: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignInOut {
    sign_in: SignInPayload,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignInPayload {
    result: PairOut,
    user_errors: [(); 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PairOut {
    #[serde(rename = "__typename")]
    kind: &'static str,
    session_id: String,
    access_token: String,
    access_expires_at: String,
    refresh_token: String,
    refresh_expires_at: String,
}
