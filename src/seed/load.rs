//! Rows on their way into a database: by binary COPY into PostgreSQL, by long INSERTs into SQLite.
//!
//! A row is a list of values in the order of its table's columns, whichever engine takes it. Rows of tables with an
//! entity are the entity's own, so that a new column does not compile until it is filled.

use anyhow::{Context as _, bail};
use chrono::NaiveDate;
use sea_orm::{
    ActiveModelTrait as _, ActiveValue, ConnectionTrait as _, DatabaseConnection, EntityTrait, IdenStatic as _, IntoActiveModel, Iterable as _, ModelTrait,
    Statement, TransactionTrait as _, Value,
};

use crate::db::Engine;

/// What begins a binary COPY: signature, no flags, no extension.
const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What ends it.
const COPY_END: [u8; 2] = (-1i16).to_be_bytes();
/// Microseconds from 1970 to 2000, from where PostgreSQL counts.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
/// Values of one INSERT into SQLite, which takes 32,766.
const INSERT_VALUES: usize = 8_000;

/// Rows of one table.
#[derive(Debug)]
pub struct Rows {
    table: String,
    columns: Vec<String>,
    count: usize,
    data: Data,
}

#[derive(Debug)]
enum Data {
    Copy(Vec<u8>),
    Insert(Vec<Value>),
}

impl Rows {
    /// No rows yet of a table with these columns.
    pub fn listed(engine: Engine, table: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        let data = match engine {
            Engine::Postgres => Data::Copy(COPY_HEAD.to_vec()),
            Engine::Sqlite => Data::Insert(Vec::new()),
        };
        Self { table: table.to_owned(), columns, count: 0, data }
    }

    /// No rows yet of an entity's table, with all its columns.
    pub fn of<E: EntityTrait>(engine: Engine) -> Self {
        let columns: Vec<_> = E::Column::iter().map(|column| column.as_str().to_owned()).collect();
        Self::listed(engine, E::default().table_name(), &columns.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Adds a row of a listed table.
    pub fn row(&mut self, values: impl IntoIterator<Item = Value>) -> anyhow::Result<()> {
        let mut cells = 0;
        self.open();
        for value in values {
            self.cell(value)?;
            cells += 1;
        }
        if cells != self.columns.len() {
            bail!("a row of {} has {cells} values for {} columns", self.table, self.columns.len());
        }
        Ok(())
    }

    /// Adds a row of the entity that [`Rows::of`] named.
    pub fn model<M>(&mut self, model: M) -> anyhow::Result<()>
    where
        M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
    {
        let mut row = model.into_active_model();
        self.open();
        for column in <M::Entity as EntityTrait>::Column::iter() {
            match row.take(column) {
                ActiveValue::Set(value) | ActiveValue::Unchanged(value) => self.cell(value)?,
                ActiveValue::NotSet => bail!("a model of {} lacks a value", self.table),
            }
        }
        Ok(())
    }

    fn open(&mut self) {
        self.count += 1;
        if let Data::Copy(bytes) = &mut self.data {
            bytes.extend_from_slice(&i16::try_from(self.columns.len()).unwrap_or(i16::MAX).to_be_bytes());
        }
    }

    fn cell(&mut self, value: Value) -> anyhow::Result<()> {
        match &mut self.data {
            Data::Insert(values) => values.push(value),
            Data::Copy(bytes) => copy_cell(bytes, value).with_context(|| format!("a value of {}", self.table))?,
        }
        Ok(())
    }

    /// How many rows there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    fn column_list(&self) -> String {
        self.columns.join(", ")
    }
}

/// A value in the binary form in which its column sends it.
fn copy_cell(bytes: &mut Vec<u8>, value: Value) -> anyhow::Result<()> {
    let mut put = |field: &[u8]| -> anyhow::Result<()> {
        bytes.extend_from_slice(&i32::try_from(field.len())?.to_be_bytes());
        bytes.extend_from_slice(field);
        Ok(())
    };
    match value {
        Value::String(Some(text)) => put(text.as_bytes()),
        Value::Bytes(Some(field)) => put(&field),
        Value::Uuid(Some(id)) => put(id.as_bytes()),
        Value::Bool(Some(yes)) => put(&[u8::from(yes)]),
        Value::Int(Some(number)) => put(&number.to_be_bytes()),
        Value::BigInt(Some(number)) => put(&number.to_be_bytes()),
        Value::ChronoDateTimeUtc(Some(at)) => put(&(at.timestamp_micros() - POSTGRES_EPOCH).to_be_bytes()),
        Value::ChronoDate(Some(day)) => {
            let epoch = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default();
            put(&i32::try_from(day.signed_duration_since(epoch).num_days())?.to_be_bytes())
        }
        // The version of the form of jsonb goes before its text.
        Value::Json(Some(json)) => put(format!("\u{1}{json}").as_bytes()),
        null if null == null.as_null() => {
            bytes.extend_from_slice(&(-1i32).to_be_bytes());
            Ok(())
        }
        other => bail!("{other:?} has no form for COPY here"),
    }
}

/// Writes rows in one transaction, in the order in which they are given.
pub async fn load(db: &DatabaseConnection, engine: Engine, tables: Vec<Rows>) -> anyhow::Result<()> {
    let tables = tables.into_iter().filter(|rows| rows.count > 0);
    match engine {
        Engine::Postgres => {
            let mut txn = db.get_postgres_connection_pool().begin().await?;
            for rows in tables {
                let statement = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", rows.table, rows.column_list());
                let Data::Copy(mut bytes) = rows.data else { bail!("rows for SQLite on PostgreSQL") };
                bytes.extend_from_slice(&COPY_END);
                let mut copy = txn.copy_in_raw(&statement).await?;
                copy.send(bytes).await?;
                copy.finish().await.with_context(|| format!("rows of {}", rows.table))?;
            }
            txn.commit().await?;
        }
        Engine::Sqlite => {
            let txn = db.begin().await?;
            for rows in tables {
                let (head, width) = (format!("INSERT INTO {} ({}) VALUES ", rows.table, rows.column_list()), rows.columns.len());
                let Data::Insert(values) = rows.data else { bail!("rows for PostgreSQL on SQLite") };
                let mut values = values.into_iter().peekable();
                let places = format!("({})", vec!["?"; width].join(", "));
                while values.peek().is_some() {
                    let some: Vec<Value> = values.by_ref().take(INSERT_VALUES / width * width).collect();
                    let text = head.clone() + &vec![places.as_str(); some.len() / width].join(", ");
                    txn.execute_raw(Statement::from_sql_and_values(sea_orm::DbBackend::Sqlite, text, some))
                        .await
                        .with_context(|| format!("rows of {}", rows.table))?;
                }
            }
            txn.commit().await?;
        }
    }
    Ok(())
}
