//! The life of talent cards: decisions on them, renewals, reminders, and their places in the signed status list.

use sea_orm_migration::prelude::*;

use crate::schema::{append_only, bytes, date, id, index, instant, instant_null, int, refers, table, text, unique, uuid};

/// One change: what happens to cards after they were issued.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// Tables in the order in which they are made; they are dropped the other way round.
const TABLES: &[&str] = &["card_decision", "card_renewal", "card_reminder", "card_place"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        decisions(manager).await?;
        renewals(manager).await?;
        places(manager).await?;
        // The date of the status list that an offline check went by.
        manager.alter_table(Table::alter().table("card_check").add_column(instant_null("list_at")).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("card_check").drop_column("list_at").to_owned()).await?;
        manager.drop_index(Index::drop().name("ix_card_valid_to").table("card").to_owned()).await?;
        for name in TABLES.iter().rev() {
            manager.drop_table(Table::drop().table(*name).to_owned()).await?;
        }
        Ok(())
    }
}

async fn decisions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("card_decision")
                .col(id())
                .col(uuid("card_id"))
                .col(text("measure"))
                .col(text("number"))
                // What it says and its signed form, under the holder's data key.
                .col(bytes("data_sealed"))
                .col(bytes("jws_sealed"))
                .col(uuid("key_owner_id"))
                .col(uuid("unit_id"))
                .col(instant("issued_at"))
                .col(uuid("issued_by"))
                .foreign_key(&mut refers("card_decision", "card_id", "card"))
                .foreign_key(&mut refers("card_decision", "key_owner_id", "person"))
                .foreign_key(&mut refers("card_decision", "unit_id", "unit"))
                .foreign_key(&mut refers("card_decision", "issued_by", "person"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("card_decision", "ix_card_decision_card", &["card_id", "id"])).await?;
    manager.create_index(unique("card_decision", "uq_card_decision_number", &["number"])).await?;
    append_only(manager, "card_decision").await
}

async fn renewals(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("card_renewal")
                .col(id())
                .col(uuid("card_id"))
                .col(uuid("application_id"))
                // Under which version it was before.
                .col(uuid("version_before_id"))
                // The last day before it, and the one that it gave.
                .col(date("ended_on"))
                .col(date("valid_to"))
                .col(instant("at"))
                .foreign_key(&mut refers("card_renewal", "card_id", "card"))
                .foreign_key(&mut refers("card_renewal", "application_id", "application"))
                .foreign_key(&mut refers("card_renewal", "version_before_id", "card_product_version"))
                .check(Expr::cust("ended_on < valid_to"))
                .to_owned(),
        )
        .await?;
    manager.create_index(unique("card_renewal", "uq_card_renewal_application", &["application_id"])).await?;
    manager.create_index(index("card_renewal", "ix_card_renewal_card", &["card_id", "id"])).await?;
    append_only(manager, "card_renewal").await?;
    manager
        .create_table(
            table("card_reminder")
                .col(uuid("card_id"))
                // The last day that it reminds of, and how many days before.
                .col(date("valid_to"))
                .col(int("days"))
                .col(instant("at"))
                .primary_key(Index::create().col("card_id").col("valid_to").col("days"))
                .foreign_key(&mut refers("card_reminder", "card_id", "card"))
                .to_owned(),
        )
        .await?;
    append_only(manager, "card_reminder").await?;
    // For the job that reminds.
    manager.create_index(index("card", "ix_card_valid_to", &["valid_to", "id"])).await
}

async fn places(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("card_place")
                .col(uuid("card_id").primary_key().to_owned())
                .col(int("list"))
                .col(int("place"))
                .foreign_key(&mut refers("card_place", "card_id", "card"))
                .check(Expr::cust("list >= 0 AND place >= 0"))
                .to_owned(),
        )
        .await?;
    manager.create_index(unique("card_place", "uq_card_place", &["list", "place"])).await?;
    append_only(manager, "card_place").await
}
