//! Keys that seal what is known about a person, wrapped by the key ring. They lie in a store of their own.

use sea_orm_migration::prelude::*;

use crate::schema::{bytes, index, instant, int, table, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("person_key")
                    .col(uuid("person_id"))
                    // One more where her rows are sealed anew: both are there until the last of them is.
                    .col(int("number"))
                    .col(bytes("wrapped"))
                    .col(int("wrapping_key"))
                    .col(instant("created_at"))
                    .primary_key(Index::create().col("person_id").col("number"))
                    .to_owned(),
            )
            .await?;
        // For re-wrapping after a rotation of the key ring.
        manager.create_index(index("person_key", "person_key_wrapping", &["wrapping_key", "person_id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("person_key").to_owned()).await
    }
}
