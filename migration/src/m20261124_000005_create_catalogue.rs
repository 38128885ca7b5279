//! Service items, versions, offerings, routing, talent classes, and the number of the bundle published last.

use sea_orm_migration::prelude::*;

use crate::schema::{
    bigint, code, code_null, date, date_null, id, index, instant, instant_null, int, int_null, json, refers, refers_code, sort_text, table, text, text_null,
    unique, uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const VERIFICATIONS: &[&str] = &["OFFICIAL", "REPORTED", "STAND_IN"];
const MAKERS: &[&str] = &["BUNDLE", "API"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("service_item")
                    .col(id())
                    .col(sort_text("code", manager))
                    .col(text("area"))
                    .col(json("name"))
                    .col(code("verification", VERIFICATIONS))
                    .col(code("maker", MAKERS))
                    .col(instant("created_at"))
                    .col(bigint("version"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("service_item", "uq_service_item_code", &["code"])).await?;

        manager
            .create_table(
                table("item_audience")
                    .col(uuid("item_id"))
                    .col(text("audience"))
                    .primary_key(Index::create().col("item_id").col("audience"))
                    .foreign_key(&mut refers("item_audience", "item_id", "service_item"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("item_audience", "ix_item_audience_audience", &["audience", "item_id"])).await?;

        manager
            .create_table(
                table("item_version")
                    .col(id())
                    .col(uuid("item_id"))
                    // Repeated from the item, whose code never changes, so that a version is read by one statement.
                    .col(text("item_code"))
                    .col(text("edition"))
                    // A draft has neither number nor first day; what is published never changes.
                    .col(code("state", &["DRAFT", "PUBLISHED", "RETIRED"]).default("PUBLISHED").to_owned())
                    .col(int_null("number"))
                    .col(text("digest"))
                    .col(code("maker", MAKERS))
                    .col(json("content"))
                    .col(date_null("in_force_from"))
                    .col(date_null("in_force_to"))
                    .col(instant("created_at"))
                    .check(Expr::cust("state = 'DRAFT' OR (number IS NOT NULL AND in_force_from IS NOT NULL)"))
                    .check(Expr::cust("in_force_to >= in_force_from"))
                    .foreign_key(&mut refers("item_version", "item_id", "service_item"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("item_version", "uq_item_version_number", &["item_id", "number"])).await?;

        manager
            .create_table(
                table("item_offering")
                    .col(id())
                    .col(uuid("item_id"))
                    .col(uuid("version_id"))
                    .col(uuid("unit_id"))
                    .col(text("region_code"))
                    .col(text_null("zone_code"))
                    .col(json("authority"))
                    // A limit that nobody knows is empty, and so is its mark.
                    .col(int_null("promised_days"))
                    .col(int_null("statutory_days"))
                    .col(code_null("promised_verification", VERIFICATIONS))
                    .col(code_null("statutory_verification", VERIFICATIONS))
                    .col(json("channels"))
                    .col(json("intake"))
                    .col(int_null("quota"))
                    .col(date("effective_from"))
                    .col(date_null("effective_to"))
                    .col(code("verification", VERIFICATIONS))
                    .col(text("source"))
                    .col(code("maker", MAKERS))
                    .col(instant("created_at"))
                    // Where another took its place before its first day was over: it is offered no more, whatever its period.
                    .col(instant_null("withdrawn_at"))
                    .check(Expr::cust("promised_days >= 0 AND statutory_days >= 0"))
                    .check(Expr::cust("(promised_days IS NULL) = (promised_verification IS NULL)"))
                    .check(Expr::cust("(statutory_days IS NULL) = (statutory_verification IS NULL)"))
                    .check(Expr::cust("effective_to IS NULL OR effective_to >= effective_from"))
                    .foreign_key(&mut refers("item_offering", "item_id", "service_item"))
                    .foreign_key(&mut refers("item_offering", "version_id", "item_version"))
                    .foreign_key(&mut refers("item_offering", "unit_id", "unit"))
                    .foreign_key(&mut refers_code("item_offering", "region_code", "region", "code"))
                    .foreign_key(&mut refers_code("item_offering", "zone_code", "zone", "code"))
                    .to_owned(),
            )
            .await?;
        // Periods do not overlap: the service compares them under a lock of the item; the index holds equal beginnings off.
        let start = unique("item_offering", "uq_item_offering_start", &["item_id", "unit_id", "effective_from"]);
        manager.create_index(start.clone().and_where(Expr::col("withdrawn_at").is_null()).to_owned()).await?;
        manager.create_index(index("item_offering", "item_offering_unit", &["unit_id"])).await?;
        manager.create_index(index("item_offering", "item_offering_version", &["version_id"])).await?;

        manager
            .create_table(
                table("talent_class")
                    .col(ColumnDef::new("code").text().not_null().primary_key())
                    .col(int("position"))
                    .col(json("name"))
                    .col(code("verification", VERIFICATIONS))
                    .col(text("source"))
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                table("item_route")
                    .col(id())
                    .col(uuid("item_id"))
                    .col(text_null("region_code"))
                    .col(text_null("zone_code"))
                    .col(text_null("category"))
                    .col(uuid("unit_id"))
                    .col(code("maker", MAKERS))
                    .foreign_key(&mut refers("item_route", "item_id", "service_item"))
                    .foreign_key(&mut refers("item_route", "unit_id", "unit"))
                    .foreign_key(&mut refers_code("item_route", "region_code", "region", "code"))
                    .foreign_key(&mut refers_code("item_route", "zone_code", "zone", "code"))
                    .foreign_key(&mut refers_code("item_route", "category", "talent_class", "code"))
                    .to_owned(),
            )
            .await?;
        let once = "item_id, COALESCE(region_code, ''), COALESCE(zone_code, ''), COALESCE(category, ''), unit_id";
        manager.get_connection().execute_unprepared(&format!("CREATE UNIQUE INDEX uq_item_route_once ON item_route ({once})")).await?;
        manager.create_index(index("item_route", "ix_item_route_unit", &["unit_id"])).await?;

        manager
            .create_table(
                table("catalogue_state")
                    .col(ColumnDef::new("id").integer().not_null().primary_key().check(Expr::col("id").eq(1)))
                    .col(bigint("bundle_number"))
                    .col(instant_null("published_at"))
                    .to_owned(),
            )
            .await?;
        manager.execute(Query::insert().into_table("catalogue_state").columns(["id", "bundle_number"]).values_panic([1.into(), 0i64.into()]).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["catalogue_state", "item_route", "talent_class", "item_offering", "item_version", "item_audience", "service_item"] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        Ok(())
    }
}
