//! Persons, their identity documents, what was changed about them, who looked at their data in full, and who attended them.

use sea_orm_migration::prelude::*;

use crate::schema::{
    append_only, bigint, boolean, bytes, bytes_null, code, date_null, id, index, instant, instant_null, int_null, json, refers, table, text, text_null, unique,
    uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("person")
                    .col(id())
                    .col(text_null("name_zh"))
                    .col(text_null("name_latin"))
                    .col(date_null("birth_date"))
                    .col(text_null("sex"))
                    .col(text_null("nationality"))
                    .col(code("assurance", &["L1", "L2", "L3"]))
                    .col(boolean("has_account"))
                    // Always the surviving person itself, never a person who was merged in turn.
                    .col(uuid_null("merged_into"))
                    .col(bigint("version"))
                    .col(instant("created_at"))
                    .col(instant("updated_at"))
                    .foreign_key(&mut refers("person", "merged_into", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("person", "person_merged_into", &["merged_into"]).and_where(Expr::col("merged_into").is_not_null()).to_owned()).await?;
        manager
            .create_table(
                table("person_revision")
                    .col(uuid("person_id"))
                    .col(bigint("version"))
                    .col(json("changed"))
                    .col(text_null("role"))
                    .col(instant("at"))
                    .primary_key(Index::create().col("person_id").col("version"))
                    .foreign_key(&mut refers("person_revision", "person_id", "person"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table("identity_document")
                    .col(id())
                    .col(uuid("person_id"))
                    .col(text("kind"))
                    .col(text_null("issuing_state"))
                    .col(bytes("number_sealed"))
                    .col(bytes("number_index"))
                    .col(int_null("issue_count"))
                    .col(date_null("valid_from"))
                    .col(date_null("valid_until"))
                    .col(instant_null("verified_at"))
                    .col(uuid_null("verified_by"))
                    .col(instant("created_at"))
                    .foreign_key(&mut refers("identity_document", "person_id", "person"))
                    .foreign_key(&mut refers("identity_document", "verified_by", "person"))
                    .check(Expr::cust("(verified_at IS NULL) = (verified_by IS NULL)"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("identity_document", "identity_document_once", &["person_id", "kind", "number_index"])).await?;
        // A claimed number is never unique, else anybody could squat one or learn who is here.
        manager
            .create_index(
                unique("identity_document", "identity_document_verified", &["kind", "number_index"])
                    .and_where(Expr::col("verified_at").is_not_null())
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table("access_log")
                    .col(id())
                    .col(uuid("person_id"))
                    .col(uuid("actor_id"))
                    .col(text_null("role"))
                    .col(text("field"))
                    .col(uuid_null("document_id"))
                    .col(text("purpose"))
                    .col(bytes_null("reason_sealed"))
                    .col(text("request_id"))
                    .col(instant("at"))
                    .foreign_key(&mut refers("access_log", "person_id", "person"))
                    .foreign_key(&mut refers("access_log", "actor_id", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("access_log", "access_log_person", &["person_id", "id"])).await?;
        manager.create_index(index("access_log", "access_log_actor", &["actor_id", "at"])).await?;
        append_only(manager, "access_log").await?;
        // Who had whom before her at a window: registered her, compared her original, or tried to.
        manager
            .create_table(
                table("person_attendance")
                    .col(id())
                    .col(uuid("person_id"))
                    .col(uuid("officer_id"))
                    .col(code("kind", &["REGISTERED", "VERIFIED", "REFUSED"]))
                    .col(instant("at"))
                    .foreign_key(&mut refers("person_attendance", "person_id", "person"))
                    .foreign_key(&mut refers("person_attendance", "officer_id", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("person_attendance", "person_attendance_person", &["person_id", "officer_id"])).await?;
        manager.create_index(index("person_attendance", "person_attendance_officer", &["officer_id", "kind", "at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["person_attendance", "access_log", "identity_document", "person_revision", "person"] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        Ok(())
    }
}
