//! What is kept and logged, searched for what must not be there in the clear.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, QueryResult, Statement};
use talent_portal::db::Engine;
use talent_portal::kernel::hex;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::format::FmtSpan;

use super::TestApp;

/// The log of this thread at its fullest, from [`Log::begin`] until it is read.
#[derive(Debug)]
pub struct Log {
    bytes: Written,
    _guard: DefaultGuard,
}

#[derive(Clone, Debug, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Begins to write down what is logged.
    pub fn begin() -> Self {
        let bytes = Written::default();
        let writer = bytes.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_span_events(FmtSpan::NEW).with_ansi(false);
        let guard = tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish());
        Self { bytes, _guard: guard }
    }

    /// Ends it; gives what was logged.
    pub fn end(self) -> Vec<u8> {
        self.bytes.0.lock().unwrap().clone()
    }
}

async fn rows(store: &DatabaseConnection, statement: String) -> Vec<QueryResult> {
    store.query_all_raw(Statement::from_string(store.get_database_backend(), statement)).await.unwrap()
}

/// Everything that both stores hold: each value of each table, bytes as they are or hexadecimal, and the files of SQLite.
pub async fn everything(app: &TestApp) -> Vec<u8> {
    let db = &app.portal().db;
    let mut all = Vec::new();
    if app.engine() == Engine::Postgres {
        // The keys lie in a schema of the same database.
        let tables = "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables WHERE table_type = 'BASE TABLE'";
        for table in rows(db.read(), tables.into()).await {
            let table: String = table.try_get_by_index(0).unwrap();
            for row in rows(db.read(), format!("SELECT t::text FROM {table} t")).await {
                all.extend(row.try_get_by_index::<String>(0).unwrap().into_bytes());
                all.push(b'\n');
            }
        }
        return all;
    }
    // A value that is longer than a page does not stand in one piece in the file.
    for store in [db.read(), db.keys()] {
        let columns = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'";
        for column in rows(store, columns.into()).await {
            let (table, column): (String, String) = (column.try_get_by_index(0).unwrap(), column.try_get_by_index(1).unwrap());
            for row in rows(store, format!("SELECT CAST(\"{column}\" AS BLOB) FROM \"{table}\" WHERE \"{column}\" IS NOT NULL")).await {
                all.extend(row.try_get_by_index::<Vec<u8>>(0).unwrap());
                all.push(b'\n');
            }
        }
    }
    for file in std::fs::read_dir(app.folder()).unwrap().map(|file| file.unwrap().path()) {
        if file.file_name().is_some_and(|name| name.to_string_lossy().contains(".db")) {
            all.extend(std::fs::read(file).unwrap());
        }
    }
    all
}

/// Every byte of every file below a folder, and how many files there are.
pub fn files(folder: &Path) -> (usize, Vec<u8>) {
    let (mut count, mut all) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            let (below, bytes) = files(&entry);
            count += below;
            all.extend(bytes);
        } else {
            count += 1;
            all.extend(std::fs::read(entry).unwrap());
        }
    }
    (count, all)
}

/// A place that is searched.
#[derive(Debug)]
pub struct Haystack(String);

impl Haystack {
    /// Of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(latin(bytes))
    }

    /// Whether these bytes stand in it as they are.
    pub fn holds(&self, needle: &[u8]) -> bool {
        self.0.contains(&latin(needle))
    }

    /// Whether they stand in it as they are, in hexadecimal, or inside something in base64.
    pub fn holds_in_any_form(&self, needle: &[u8]) -> bool {
        let hexadecimal = hex::encode(needle);
        // What stands before it in a group of three changes the first characters, what comes after it the last.
        let base64 = [0, 1, 2].map(|before| {
            let text = STANDARD_NO_PAD.encode([&vec![0; before], needle].concat());
            text[[0, 2, 3][before]..text.len() - 2].to_owned()
        });
        self.holds(needle)
            || self.0.contains(&hexadecimal)
            || self.0.contains(&hexadecimal.to_ascii_uppercase())
            || base64.iter().any(|form| self.0.contains(form) || self.0.contains(&form.replace('+', "-").replace('/', "_")))
    }
}

/// A character for each byte: texts are searched much faster than bytes are.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[test]
fn a_needle_is_found_in_each_form() {
    let hay = |text: &str| Haystack::new(text.as_bytes());
    for before in ["", "x", "xy", "xyz"] {
        for after in ["", "x", "xy"] {
            let text = format!("{before}a canary 文{after}");
            for form in [text.clone(), hex::encode(text.as_bytes()), STANDARD_NO_PAD.encode(&text)] {
                assert!(hay(&format!("{{\"a\":\"{form}\"}}")).holds_in_any_form("a canary 文".as_bytes()), "{form}");
            }
        }
    }
    assert!(!hay("another bird").holds_in_any_form(b"a canary"));
}
