//! Notices: the inbox, who wants to be told where, devices, and how far readers of announcements have come.

use sea_orm_migration::prelude::*;

use crate::schema::{bigint, boolean, bytes, code, id, index, instant, instant_null, json, refers, table, text, unique, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLES: [&str; 4] = ["notice_device", "notice_preference", "notice", "stream_cursor"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("stream_cursor")
                    .col(ColumnDef::new("name").text().not_null().primary_key())
                    // The last position of the outbox that was read and done.
                    .col(bigint("position"))
                    .to_owned(),
            )
            .await?;
        // What was announced before there were notices is told to nobody.
        let begin = "INSERT INTO stream_cursor (name, position) SELECT 'notice', COALESCE(MAX(position), 0) FROM seal WHERE stream = 'OUTBOX'";
        manager.get_connection().execute_unprepared(begin).await?;
        manager
            .create_table(
                table("notice")
                    .col(id())
                    .col(uuid("person_id"))
                    // No CHECK: a new cause is no new migration.
                    .col(text("cause"))
                    .col(text("object_kind"))
                    .col(uuid("object_id"))
                    // Which of the causes of this kind of the object: the number of the event, or the position of the announcement.
                    .col(bigint("occurrence"))
                    // Public names and the number of the case, from which the words are made for each reader.
                    .col(json("about"))
                    .col(instant("created_at"))
                    .col(instant_null("read_at"))
                    .foreign_key(&mut refers("notice", "person_id", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("notice", "notice_once", &["person_id", "cause", "object_id", "occurrence"])).await?;
        manager.create_index(index("notice", "notice_person", &["person_id", "id"])).await?;
        let unread = index("notice", "notice_unread", &["person_id", "id"]).and_where(Expr::col("read_at").is_null()).to_owned();
        manager.create_index(unread).await?;
        manager
            .create_table(
                table("notice_preference")
                    .col(uuid("account_id"))
                    .col(text("cause_group"))
                    .col(code("channel", &["EMAIL", "SMS", "PUSH"]))
                    .col(boolean("wanted"))
                    .primary_key(Index::create().col("account_id").col("cause_group").col("channel"))
                    .foreign_key(&mut refers("notice_preference", "account_id", "account"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table("notice_device")
                    .col(id())
                    .col(uuid("account_id"))
                    // Under whose data key the token is sealed.
                    .col(uuid("key_owner_id"))
                    .col(code("platform", &["ANDROID", "IOS", "HARMONY", "WEB"]))
                    .col(bytes("token_sealed"))
                    .col(bytes("token_index"))
                    .col(instant("registered_at"))
                    .foreign_key(&mut refers("notice_device", "account_id", "account"))
                    .foreign_key(&mut refers("notice_device", "key_owner_id", "person"))
                    .to_owned(),
            )
            .await?;
        // One device rings for one account.
        manager.create_index(unique("notice_device", "notice_device_token", &["token_index"])).await?;
        manager.create_index(index("notice_device", "notice_device_account", &["account_id", "id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in TABLES {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        Ok(())
    }
}
