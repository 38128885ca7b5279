//! Talent cards: products, benefits, cards, numbers, tokens, checks and the benefit ledger.

use sea_orm_migration::prelude::*;

use crate::schema::{
    append_only, bigint, bigint_null, bytes_null, code, date, date_null, id, index, instant, instant_null, int, int_null, json, json_null, refers, refers_code,
    sort_text, table, text, text_null, unique, uuid, uuid_null,
};

/// One change: everything of the slice `talent_card`.
#[derive(DeriveMigrationName)]
pub struct Migration;

const VERIFICATION: &[&str] = &["OFFICIAL", "REPORTED", "STAND_IN"];

/// Tables in the order in which they are made; they are dropped the other way round.
const TABLES: &[&str] = &[
    "card_product",
    "card_product_version",
    "benefit",
    "card",
    "card_beneficiary",
    "card_event",
    "card_number",
    "card_token",
    "counter_purpose",
    "card_check",
    "benefit_balance",
    "benefit_entry",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        products(manager).await?;
        cards(manager).await?;
        checks(manager).await?;
        ledger(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in TABLES.iter().rev() {
            manager.drop_table(Table::drop().table(*name).to_owned()).await?;
        }
        Ok(())
    }
}

async fn products(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("card_product")
                .col(id())
                .col(sort_text("code", manager))
                .col(code("level", &["PROVINCE", "CITY"]))
                .col(text("region_code"))
                .col(json_null("issuer"))
                .col(uuid_null("issuer_body_id"))
                .col(json("name"))
                .col(text("number_prefix"))
                // The last number given out; raised in the transaction that issues.
                .col(bigint("last_sequence"))
                .col(code("sub_cards", &["NONE", "FAMILY", "UNKNOWN"]))
                .col(code("verification", VERIFICATION))
                .col(text("source"))
                .col(bigint("bundle"))
                .foreign_key(&mut refers("card_product", "issuer_body_id", "body"))
                .foreign_key(&mut refers_code("card_product", "region_code", "region", "code"))
                .to_owned(),
        )
        .await?;
    manager.create_index(unique("card_product", "uq_card_product_code", &["code"])).await?;
    manager.create_index(unique("card_product", "uq_card_product_number_prefix", &["number_prefix"])).await?;
    manager
        .create_table(
            table("card_product_version")
                .col(id())
                .col(uuid("product_id"))
                .col(int("number"))
                .col(json_null("legal_basis"))
                .col(date_null("effective_from"))
                .col(date_null("effective_to"))
                .col(json("grades"))
                // Unknown rules leave it empty; such a version cannot be issued.
                .col(int_null("max_years"))
                .col(code("verification", VERIFICATION))
                .col(text("source"))
                // SHA-256 of what the bundle said, so that a changed published version is noticed.
                .col(text("content_hash"))
                .foreign_key(&mut refers("card_product_version", "product_id", "card_product"))
                .check(Expr::cust("max_years IS NULL OR max_years BETWEEN 1 AND 50"))
                .check(Expr::cust("effective_from IS NULL OR effective_to IS NULL OR effective_from <= effective_to"))
                .to_owned(),
        )
        .await?;
    manager.create_index(unique("card_product_version", "uq_card_product_version_number", &["product_id", "number"])).await?;
    manager
        .create_table(
            table("benefit")
                .col(id())
                .col(uuid("product_version_id"))
                .col(int("position"))
                // What it is called in its version; an area may have several.
                .col(text("code"))
                .col(text("area"))
                .col(text("grade"))
                .col(text("beneficiary"))
                // NULL: the whole province.
                .col(text_null("region_code"))
                .col(json("authority"))
                .col(uuid_null("authority_body_id"))
                // NULL: unlimited.
                .col(bigint_null("yearly_quota"))
                .col(text("unit_of_count"))
                .col(code("carry_over", &["NONE", "NEXT_YEAR"]))
                .col(json("title"))
                .col(json("description"))
                .col(code("area_verification", VERIFICATION))
                .col(code("verification", VERIFICATION))
                .col(text("source"))
                .foreign_key(&mut refers("benefit", "product_version_id", "card_product_version"))
                .foreign_key(&mut refers("benefit", "authority_body_id", "body"))
                .foreign_key(&mut refers_code("benefit", "region_code", "region", "code"))
                .check(Expr::cust("yearly_quota IS NULL OR yearly_quota > 0"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("benefit", "ix_benefit_position", &["product_version_id", "position"])).await?;
    let key = &["product_version_id", "code", "grade", "beneficiary"];
    manager.create_index(unique("benefit", "uq_benefit_province", key).and_where(Expr::col("region_code").is_null()).to_owned()).await?;
    let key = &["product_version_id", "code", "grade", "beneficiary", "region_code"];
    manager.create_index(unique("benefit", "uq_benefit_region", key).and_where(Expr::col("region_code").is_not_null()).to_owned()).await
}

async fn cards(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("card")
                .col(id())
                .col(uuid("product_id"))
                .col(uuid("product_version_id"))
                .col(text("grade"))
                .col(uuid("holder_person_id"))
                // Who the holder is to the principal card: HOLDER on the principal card itself.
                .col(text("beneficiary"))
                .col(uuid_null("principal_card_id"))
                .col(uuid_null("application_id"))
                .col(date("valid_from"))
                .col(date("valid_to"))
                .col(code("status", &["ACTIVE", "SUSPENDED", "REVOKED", "EXPIRED", "REPLACED", "ENDED"]))
                .col(instant("issued_at"))
                .col(bigint("version"))
                .foreign_key(&mut refers("card", "product_id", "card_product"))
                .foreign_key(&mut refers("card", "product_version_id", "card_product_version"))
                .foreign_key(&mut refers("card", "holder_person_id", "person"))
                .foreign_key(&mut refers("card", "principal_card_id", "card"))
                .foreign_key(&mut refers("card", "application_id", "application"))
                .check(Expr::cust("valid_from <= valid_to"))
                .check(Expr::cust("(beneficiary = 'HOLDER') = (principal_card_id IS NULL)"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("card", "ix_card_holder", &["holder_person_id", "id"])).await?;
    manager.create_index(index("card", "ix_card_principal", &["principal_card_id"])).await?;
    manager.create_index(unique("card", "uq_card_application", &["application_id", "holder_person_id"])).await?;
    manager
        .create_index(
            unique("card", "uq_card_one_sub_card", &["principal_card_id", "holder_person_id"])
                .and_where(Expr::cust("status IN ('ACTIVE', 'SUSPENDED')"))
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            unique("card", "uq_card_one_in_force", &["holder_person_id", "product_id"])
                .and_where(Expr::cust("status IN ('ACTIVE', 'SUSPENDED') AND principal_card_id IS NULL"))
                .to_owned(),
        )
        .await?;
    // For whom of the family it is, too, as the case said that gave it.
    manager
        .create_table(
            table("card_beneficiary")
                .col(uuid("card_id"))
                .col(uuid("person_id"))
                .col(text("relation"))
                .primary_key(Index::create().col("card_id").col("person_id"))
                .foreign_key(&mut refers("card_beneficiary", "card_id", "card"))
                .foreign_key(&mut refers("card_beneficiary", "person_id", "person"))
                .to_owned(),
        )
        .await?;
    manager
        .create_table(
            table("card_event")
                .col(id())
                .col(uuid("card_id"))
                .col(text("kind"))
                .col(instant("at"))
                .col(uuid_null("by_person_id"))
                .col(uuid_null("application_id"))
                // The words of the reason, under the holder's data key.
                .col(bytes_null("reason_sealed"))
                .foreign_key(&mut refers("card_event", "card_id", "card"))
                .foreign_key(&mut refers("card_event", "by_person_id", "person"))
                .foreign_key(&mut refers("card_event", "application_id", "application"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("card_event", "ix_card_event_card", &["card_id", "id"])).await?;
    append_only(manager, "card_event").await?;
    manager
        .create_table(
            table("card_number")
                .col(text("number").primary_key().to_owned())
                .col(uuid("card_id"))
                .col(instant("issued_at"))
                .col(instant_null("ended_at"))
                .col(text_null("end_reason"))
                .foreign_key(&mut refers("card_number", "card_id", "card"))
                .check(Expr::cust("(ended_at IS NULL) = (end_reason IS NULL)"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("card_number", "ix_card_number_card", &["card_id", "issued_at"])).await?;
    manager.create_index(unique("card_number", "uq_card_number_current", &["card_id"]).and_where(Expr::col("ended_at").is_null()).to_owned()).await
}

async fn checks(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("card_token")
                .col(uuid("jti").primary_key().to_owned())
                .col(uuid("card_id"))
                .col(instant("expires_at"))
                .col(instant_null("spent_at"))
                .foreign_key(&mut refers("card_token", "card_id", "card"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("card_token", "ix_card_token_card", &["card_id", "expires_at"])).await?;
    manager
        .create_table(
            table("counter_purpose")
                .col(id())
                .col(uuid_null("unit_id"))
                .col(uuid_null("body_id"))
                .col(text("purpose"))
                .col(uuid("allowed_by_person_id"))
                .col(instant("allowed_at"))
                .foreign_key(&mut refers("counter_purpose", "unit_id", "unit"))
                .foreign_key(&mut refers("counter_purpose", "body_id", "body"))
                .foreign_key(&mut refers("counter_purpose", "allowed_by_person_id", "person"))
                .check(Expr::cust("(unit_id IS NULL) <> (body_id IS NULL)"))
                .to_owned(),
        )
        .await?;
    manager.create_index(unique("counter_purpose", "uq_counter_purpose_unit", &["unit_id", "purpose"])).await?;
    manager.create_index(unique("counter_purpose", "uq_counter_purpose_body", &["body_id", "purpose"])).await?;
    manager
        .create_table(
            table("card_check")
                .col(id())
                .col(uuid("card_id"))
                .col(uuid("checked_by_person_id"))
                .col(uuid_null("unit_id"))
                .col(uuid_null("body_id"))
                .col(text("purpose"))
                .col(code("via", &["TOKEN", "NUMBER", "OFFLINE"]))
                .col(instant("checked_at"))
                .col(instant("valid_until"))
                .col(code("answer", &["VALID", "NOT_VALID", "MISMATCH", "VALID_AS_OF", "STATUS_UNKNOWN"]))
                .foreign_key(&mut refers("card_check", "card_id", "card"))
                .foreign_key(&mut refers("card_check", "checked_by_person_id", "person"))
                .foreign_key(&mut refers("card_check", "unit_id", "unit"))
                .foreign_key(&mut refers("card_check", "body_id", "body"))
                .check(Expr::cust("(unit_id IS NULL) <> (body_id IS NULL)"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("card_check", "ix_card_check_card", &["card_id", "id"])).await?;
    manager.create_index(index("card_check", "ix_card_check_checker", &["checked_by_person_id", "id"])).await
}

async fn ledger(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("benefit_balance")
                .col(uuid("card_id"))
                .col(uuid("benefit_id"))
                .col(uuid("beneficiary_person_id"))
                .col(int("year"))
                .col(bigint_null("quota"))
                .col(bigint("used"))
                .primary_key(Index::create().col("card_id").col("benefit_id").col("beneficiary_person_id").col("year"))
                .foreign_key(&mut refers("benefit_balance", "card_id", "card"))
                .foreign_key(&mut refers("benefit_balance", "benefit_id", "benefit"))
                .foreign_key(&mut refers("benefit_balance", "beneficiary_person_id", "person"))
                .check(Expr::cust("used >= 0 AND (quota IS NULL OR used <= quota)"))
                .to_owned(),
        )
        .await?;
    // For the merge of two persons, and for what a person used under several cards.
    manager.create_index(index("benefit_balance", "ix_benefit_balance_beneficiary", &["beneficiary_person_id", "year"])).await?;
    manager
        .create_table(
            table("benefit_entry")
                .col(id())
                .col(uuid("card_id"))
                .col(uuid("benefit_id"))
                .col(uuid("beneficiary_person_id"))
                .col(int("year"))
                // A use; one taken back; or what the portal itself corrects, as where two persons become one.
                .col(code("kind", &["USE", "REVERSAL", "ADJUSTMENT"]))
                .col(bigint("delta"))
                .col(uuid_null("check_id"))
                .col(instant("delivered_at"))
                // Empty where the portal itself corrects.
                .col(uuid_null("recorded_by_person_id"))
                .col(uuid_null("unit_id"))
                .col(uuid_null("body_id"))
                .col(text("channel"))
                .col(uuid_null("reverses_id"))
                // Words of a note or of the reason of a reversal, under the holder's data key.
                .col(bytes_null("note_sealed"))
                .foreign_key(&mut refers("benefit_entry", "card_id", "card"))
                .foreign_key(&mut refers("benefit_entry", "benefit_id", "benefit"))
                .foreign_key(&mut refers("benefit_entry", "check_id", "card_check"))
                .foreign_key(&mut refers("benefit_entry", "beneficiary_person_id", "person"))
                .foreign_key(&mut refers("benefit_entry", "recorded_by_person_id", "person"))
                .foreign_key(&mut refers("benefit_entry", "unit_id", "unit"))
                .foreign_key(&mut refers("benefit_entry", "body_id", "body"))
                .check(Expr::cust("unit_id IS NULL OR body_id IS NULL"))
                .foreign_key(&mut refers("benefit_entry", "reverses_id", "benefit_entry"))
                .check(Expr::cust("delta <> 0"))
                .check(Expr::cust("recorded_by_person_id IS NOT NULL OR kind = 'ADJUSTMENT'"))
                .check(Expr::cust("(kind = 'REVERSAL') = (reverses_id IS NOT NULL)"))
                .check(Expr::cust("(kind = 'USE' AND delta > 0) OR (kind = 'REVERSAL' AND delta < 0) OR kind = 'ADJUSTMENT'"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("benefit_entry", "ix_benefit_entry_balance", &["card_id", "benefit_id", "beneficiary_person_id", "year", "id"])).await?;
    manager.create_index(unique("benefit_entry", "uq_benefit_entry_reverses", &["reverses_id"])).await?;
    append_only(manager, "benefit_entry").await
}
