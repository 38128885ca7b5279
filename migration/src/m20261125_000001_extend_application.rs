//! What is asked of applicants again, answers that were replaced, and events that are nobody's change of a case.

use sea_orm_migration::prelude::*;

use crate::schema::{append_only, bigint, bigint_null, bytes, code, id, instant, int, refers, table, text, unique, uuid, uuid_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Number of the last event. Marks of the clock have one and do not raise the version.
        let last = bigint("last_seq").default(0).to_owned();
        manager.alter_table(Table::alter().table("application").add_column(last).to_owned()).await?;
        manager.get_connection().execute_unprepared("UPDATE application SET last_seq = version").await?;
        // Where an answer to a notice has another paper in its place: the number of that event.
        manager.alter_table(Table::alter().table("application_material").add_column(bigint_null("superseded_seq")).to_owned()).await?;
        manager
            .create_table(
                table("requested_item")
                    .col(id())
                    .col(uuid("application_id"))
                    // Number of the event that asks for it.
                    .col(bigint("seq"))
                    .col(int("position"))
                    .col(code("kind", &["MATERIAL", "ANSWER"]))
                    // Key of the material, or JSON pointer of the answer.
                    .col(text("key"))
                    .col(bytes("reason_sealed"))
                    .foreign_key(&mut refers("requested_item", "application_id", "application"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("requested_item", "requested_item_place", &["application_id", "seq", "position"])).await?;
        manager.create_index(unique("requested_item", "requested_item_once", &["application_id", "seq", "kind", "key"])).await?;
        append_only(manager, "requested_item").await?;
        manager
            .create_table(
                table("replaced_answers")
                    .col(id())
                    .col(uuid("application_id"))
                    // Number of the event that replaced them.
                    .col(bigint("seq"))
                    .col(bytes("form_sealed"))
                    .col(instant("replaced_at"))
                    .col(uuid_null("replaced_by"))
                    .foreign_key(&mut refers("replaced_answers", "application_id", "application"))
                    .foreign_key(&mut refers("replaced_answers", "replaced_by", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("replaced_answers", "replaced_answers_seq", &["application_id", "seq"])).await?;
        append_only(manager, "replaced_answers").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("replaced_answers").to_owned()).await?;
        manager.drop_table(Table::drop().table("requested_item").to_owned()).await?;
        manager.alter_table(Table::alter().table("application_material").drop_column("superseded_seq").to_owned()).await?;
        manager.alter_table(Table::alter().table("application").drop_column("last_seq").to_owned()).await
    }
}
