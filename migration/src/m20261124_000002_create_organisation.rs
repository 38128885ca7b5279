//! Regions, zones, bodies, government units and the official calendar.

use sea_orm_migration::prelude::*;

use crate::schema::{
    bigint, boolean, code, date, id, index, instant, instant_null, int, json, refers, refers_code, sort_text, table, text, text_null, unique, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const VERIFICATION: &[&str] = &["OFFICIAL", "REPORTED", "STAND_IN"];

/// Tables in the order in which they are made; they are dropped the other way round.
const TABLES: &[&str] = &["region", "zone", "body", "unit", "calendar_year", "calendar_day"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let region = table("region")
            .col(text("code").primary_key())
            .col(text("level"))
            .col(text_null("parent_code"))
            .col(json("name"))
            .col(boolean("greater_bay_area"))
            .col(boolean("has_districts"))
            .col(code("verification", VERIFICATION))
            .col(text("source"))
            .foreign_key(&mut refers_code("region", "parent_code", "region", "code"))
            .to_owned();
        manager.create_table(region).await?;
        let zone = table("zone")
            .col(text("code").primary_key())
            .col(text("city_code"))
            .col(json("name"))
            .col(code("verification", VERIFICATION))
            .foreign_key(&mut refers_code("zone", "city_code", "region", "code"))
            .to_owned();
        manager.create_table(zone).await?;
        let kinds = ["GOVERNMENT", "DELIVERING", "EMPLOYER", "PUBLIC_INSTITUTION", "PROFESSIONAL", "EVALUATION"];
        let body = table("body")
            .col(id())
            .col(code("kind", &kinds))
            .col(json("name"))
            .col(text_null("uscc"))
            .col(text_null("region_code"))
            .col(code("verification", VERIFICATION))
            .col(instant("created_at"))
            .col(instant_null("closed_at"))
            .col(uuid_null("successor_id"))
            .col(bigint("version"))
            .foreign_key(&mut refers_code("body", "region_code", "region", "code"))
            .foreign_key(&mut refers("body", "successor_id", "body"))
            .to_owned();
        manager.create_table(body).await?;
        manager.create_index(unique("body", "body_uscc_open", &["uscc"]).and_where(Expr::col("closed_at").is_null()).to_owned()).await?;
        manager.create_index(index("body", "body_kind", &["kind", "id"])).await?;
        let unit = table("unit")
            .col(id())
            .col(uuid("body_id"))
            .col(uuid_null("parent_id"))
            .col(text("level"))
            // Ids from the root, each as 32 hexadecimal digits followed by `/`; begins with `/`.
            .col(sort_text("path", manager))
            .col(json("name"))
            .col(text("region_code"))
            .col(text_null("zone_code"))
            .col(instant("created_at"))
            .col(instant_null("closed_at"))
            .col(uuid_null("successor_id"))
            .col(bigint("version"))
            .foreign_key(&mut refers("unit", "body_id", "body"))
            .foreign_key(&mut refers("unit", "parent_id", "unit"))
            .foreign_key(&mut refers("unit", "successor_id", "unit"))
            .foreign_key(&mut refers_code("unit", "region_code", "region", "code"))
            .foreign_key(&mut refers_code("unit", "zone_code", "zone", "code"))
            // It closes with a successor, it never vanishes.
            .check(Expr::cust("(closed_at IS NULL) = (successor_id IS NULL)"))
            .check(Expr::cust("successor_id <> id"))
            .to_owned();
        manager.create_table(unit).await?;
        manager.create_index(unique("unit", "unit_path", &["path"])).await?;
        manager.create_index(index("unit", "unit_parent", &["parent_id", "path"])).await?;
        manager.create_index(index("unit", "unit_body", &["body_id"])).await?;
        let year = table("calendar_year")
            .col(int("year").primary_key())
            .col(text("title"))
            .col(text("number"))
            .col(date("issued_on"))
            .col(text("source"))
            .col(code("verification", VERIFICATION))
            .to_owned();
        manager.create_table(year).await?;
        let day = table("calendar_day")
            // The notice of a year may name days of its neighbours: the year is that of the notice.
            .col(date("day"))
            .col(int("year"))
            .col(code("kind", &["DAY_OFF", "MAKE_UP"]))
            .col(text("name"))
            .primary_key(Index::create().col("day").col("year"))
            .foreign_key(&mut refers_code("calendar_day", "year", "calendar_year", "year"))
            .to_owned();
        manager.create_table(day).await?;
        manager.create_index(index("calendar_day", "calendar_day_year", &["year"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in TABLES.iter().rev() {
            manager.drop_table(Table::drop().table(*name).to_owned()).await?;
        }
        Ok(())
    }
}
