//! Trail, seals, outbox, leases and idempotency keys.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

use crate::schema::{append_only, bigint, boolean, bytes, code, id, index, instant, instant_null, int, table, text, text_null, unique, uuid, uuid_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("trail")
                    .col(id())
                    .col(instant("at"))
                    .col(text("request_id"))
                    .col(code("actor_kind", &["MEMBER", "ANONYMOUS", "SYSTEM"]))
                    .col(uuid_null("person_id"))
                    .col(uuid_null("account_id"))
                    .col(uuid_null("session_id"))
                    .col(uuid_null("on_behalf_of"))
                    .col(uuid_null("mandate_id"))
                    .col(text("action"))
                    .col(text_null("object_kind"))
                    .col(uuid_null("object_id"))
                    .col(uuid_null("subject_id"))
                    .col(text("result"))
                    // Text, not JSON: the bytes are hashed, and PostgreSQL would order the keys anew.
                    .col(text("details"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("trail", "trail_object", &["object_id", "id"])).await?;
        manager.create_index(index("trail", "trail_subject", &["subject_id", "id"])).await?;
        manager.create_index(index("trail", "trail_person", &["person_id", "id"])).await?;
        manager
            .create_table(
                table("outbox")
                    .col(id())
                    .col(text("kind"))
                    .col(text("object_kind"))
                    .col(uuid("object_id"))
                    .col(text("data"))
                    .col(instant("created_at"))
                    .col(code("state", &["NOTICE", "PENDING", "DONE", "DEAD"]))
                    .col(int("attempts"))
                    .col(instant("next_attempt_at"))
                    .col(instant_null("leased_until"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("outbox", "outbox_pending", &["next_attempt_at", "id"]).and_where(Expr::col("state").eq("PENDING")).to_owned()).await?;
        manager.create_index(index("outbox", "outbox_object", &["object_id", "id"]).and_where(Expr::col("state").eq("PENDING")).to_owned()).await?;
        manager
            .create_table(
                table("unsealed")
                    .col(code("stream", &["TRAIL", "OUTBOX"]))
                    .col(uuid("row_id"))
                    .primary_key(Index::create().col("stream").col("row_id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table("seal")
                    .col(code("stream", &["TRAIL", "OUTBOX"]))
                    .col(bigint("position"))
                    .col(uuid("row_id"))
                    .col(bytes("hash"))
                    .primary_key(Index::create().col("stream").col("position"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("seal", "seal_row", &["stream", "row_id"])).await?;
        manager
            .create_table(
                table("trail_head")
                    .col(ColumnDef::new("position").big_integer().not_null().primary_key())
                    .col(bytes("hash"))
                    .col(text("kid"))
                    .col(bytes("signature"))
                    .col(instant("signed_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table("lease")
                    .col(ColumnDef::new("name").text().not_null().primary_key())
                    .col(uuid("holder"))
                    .col(bigint("epoch"))
                    .col(instant("expires_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table("idempotency_key")
                    .col(uuid("principal"))
                    .col(text("mutation"))
                    .col(text("key"))
                    .col(bytes("input_hash"))
                    .col(uuid("result_id"))
                    .col(instant("created_at"))
                    .primary_key(Index::create().col("principal").col("mutation").col("key"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("idempotency_key", "idempotency_key_age", &["created_at"])).await?;
        manager
            .create_table(
                table("portal_marker").col(ColumnDef::new("name").text().not_null().primary_key()).col(boolean("value")).col(instant("set_at")).to_owned(),
            )
            .await?;
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            let function =
                "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$";
            manager.get_connection().execute_unprepared(function).await?;
        }
        append_only(manager, "trail").await?;
        append_only(manager, "seal").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["portal_marker", "idempotency_key", "lease", "trail_head", "seal", "unsealed", "outbox", "trail"] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            manager.get_connection().execute_unprepared("DROP FUNCTION refuse_change()").await?;
        }
        Ok(())
    }
}
