//! Column shorthand, the same on both engines.
//!
//! Ids are `uuid` (BLOB of 16 bytes on SQLite), instants `timestamptz` (RFC 3339 text on SQLite), dates `date`,
//! codes text with a CHECK, sealed values and digests binary.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// A table with this name.
pub fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(name).to_owned()
}

/// Primary key `id`.
pub fn id() -> ColumnDef {
    uuid("id").primary_key().to_owned()
}

/// NOT NULL uuid.
pub fn uuid(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).uuid().not_null().to_owned()
}

/// Nullable uuid.
pub fn uuid_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).uuid().to_owned()
}

/// NOT NULL text.
pub fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().to_owned()
}

/// Nullable text.
pub fn text_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().to_owned()
}

/// NOT NULL text that is one of `codes`.
pub fn code(name: &'static str, codes: &[&'static str]) -> ColumnDef {
    text(name).check(Expr::col(name).is_in(codes.iter().copied())).to_owned()
}

/// Text that is one of `codes`, or nothing.
pub fn code_null(name: &'static str, codes: &[&'static str]) -> ColumnDef {
    text_null(name).check(Expr::col(name).is_in(codes.iter().copied())).to_owned()
}

/// NOT NULL text that sorts by bytes on both engines, for sort keys.
pub fn sort_text(name: &'static str, manager: &SchemaManager<'_>) -> ColumnDef {
    let mut column = text(name);
    if manager.get_database_backend() == DatabaseBackend::Postgres {
        column.extra("COLLATE \"C\"");
    }
    column
}

/// NOT NULL 64-bit number.
pub fn bigint(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().to_owned()
}

/// Nullable 64-bit number.
pub fn bigint_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().to_owned()
}

/// NOT NULL 32-bit number.
pub fn int(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().to_owned()
}

/// Nullable 32-bit number.
pub fn int_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().to_owned()
}

/// NOT NULL Boolean.
pub fn boolean(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().to_owned()
}

/// NOT NULL instant, UTC.
pub fn instant(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).timestamp_with_time_zone().not_null().to_owned()
}

/// Nullable instant, UTC.
pub fn instant_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).timestamp_with_time_zone().to_owned()
}

/// NOT NULL civil date at UTC+8.
pub fn date(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).date().not_null().to_owned()
}

/// Nullable civil date at UTC+8.
pub fn date_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).date().to_owned()
}

/// NOT NULL JSON.
pub fn json(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).json_binary().not_null().to_owned()
}

/// Nullable JSON.
pub fn json_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).json_binary().to_owned()
}

/// NOT NULL bytes (sealed values, digests).
pub fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).binary().not_null().to_owned()
}

/// Nullable bytes.
pub fn bytes_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).binary().to_owned()
}

/// A foreign key to `id` of another table. Rows are never deleted under it.
pub fn refers(from: &'static str, column: &'static str, to: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().name(format!("fk_{from}_{column}")).from(from, column).to(to, "id").to_owned()
}

/// A foreign key to the code of another table, whose rows are never deleted either.
pub fn refers_code(from: &'static str, column: &'static str, to: &'static str, key: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().name(format!("fk_{from}_{column}")).from(from, column).to(to, key).to_owned()
}

/// Lets rows of a table only ever be added. On PostgreSQL by the function that the first migration makes.
pub async fn append_only(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    if manager.get_database_backend() == DatabaseBackend::Postgres {
        let trigger = "BEFORE UPDATE OR DELETE OR TRUNCATE ON";
        let text = format!("CREATE TRIGGER {name}_append_only {trigger} {name} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()");
        connection.execute_unprepared(&text).await?;
        return Ok(());
    }
    for change in ["UPDATE", "DELETE"] {
        let trigger = format!("{name}_no_{}", change.to_ascii_lowercase());
        let text = format!("CREATE TRIGGER {trigger} BEFORE {change} ON {name} BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END");
        connection.execute_unprepared(&text).await?;
    }
    Ok(())
}

/// An index over columns.
pub fn index(table: &'static str, name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    index.clone()
}

/// A unique index over columns; add `.and_where(..)` for a partial one.
pub fn unique(table: &'static str, name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index(table, name, columns).unique().to_owned()
}
