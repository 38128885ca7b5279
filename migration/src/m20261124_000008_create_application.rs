//! Orders, cases, their events, bound materials and case documents.

use sea_orm_migration::prelude::*;

use crate::schema::{
    append_only, bigint, boolean, bytes, bytes_null, code, date_null, id, index, instant, instant_null, int, refers, refers_code, sort_text, table, text,
    text_null, unique, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const CHANNELS: [&str; 4] = ["ONLINE", "WINDOW", "POST", "EMPLOYER"];
const STATES: [&str; 10] =
    ["DRAFT", "RECEIVED", "SUPPLEMENT_REQUESTED", "ACCEPTED", "NOT_ACCEPTED", "IN_REVIEW", "DECIDED", "DELIVERED", "WITHDRAWN", "TERMINATED"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("application_order")
                    .col(id())
                    // A person or a body applies, never both.
                    .col(uuid_null("applicant_person_id"))
                    .col(uuid_null("applicant_body_id"))
                    .col(uuid("created_by"))
                    .col(uuid_null("submitted_by"))
                    .col(uuid_null("mandate_id"))
                    .col(code("channel", &CHANNELS))
                    .col(code("state", &["CART", "SUBMITTED"]))
                    .col(bigint("version"))
                    .col(instant("created_at"))
                    .col(instant("updated_at"))
                    .col(instant_null("submitted_at"))
                    .foreign_key(&mut refers("application_order", "applicant_person_id", "person"))
                    .foreign_key(&mut refers("application_order", "applicant_body_id", "body"))
                    .foreign_key(&mut refers("application_order", "created_by", "person"))
                    .foreign_key(&mut refers("application_order", "submitted_by", "person"))
                    .foreign_key(&mut refers("application_order", "mandate_id", "mandate"))
                    .check(Expr::cust("(applicant_person_id IS NULL) <> (applicant_body_id IS NULL)"))
                    .check(Expr::cust("(state = 'SUBMITTED') = (submitted_at IS NOT NULL)"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("application_order", "application_order_applicant", &["applicant_person_id", "id"])).await?;
        manager.create_index(index("application_order", "application_order_body", &["applicant_body_id", "id"])).await?;
        manager.create_index(index("application_order", "application_order_filler", &["created_by", "id"])).await?;
        let carts = index("application_order", "application_order_cart", &["created_by", "id"]);
        manager.create_index(carts.clone().and_where(Expr::col("state").eq("CART")).to_owned()).await?;
        manager
            .create_table(
                table("application")
                    .col(id())
                    .col(uuid("order_id"))
                    // Place in its order, from 0.
                    .col(int("position"))
                    .col(text_null("number"))
                    .col(uuid("item_id"))
                    .col(uuid("version_id"))
                    .col(uuid_null("offering_id"))
                    .col(uuid_null("applicant_person_id"))
                    .col(uuid_null("applicant_body_id"))
                    // Whose key seals answers and facts: the person or body that applies, under the id that it had then.
                    .col(uuid("key_owner_id"))
                    .col(uuid_null("employer_body_id"))
                    .col(uuid_null("submitted_by"))
                    .col(uuid_null("mandate_id"))
                    .col(code("channel", &CHANNELS))
                    .col(text_null("region_code"))
                    .col(text_null("zone_code"))
                    .col(text_null("category"))
                    .col(uuid_null("receiving_unit_id"))
                    .col(uuid_null("current_unit_id"))
                    .col(code("state", &STATES))
                    .col(text_null("decision").check(Expr::col("decision").is_in(["APPROVED", "REFUSED"])).to_owned())
                    // Why it ended without a decision, for example `SUPPLEMENT_LAPSED`.
                    .col(text_null("termination_reason"))
                    .col(int("step_index"))
                    .col(text_null("step_key"))
                    .col(text_null("step_kind"))
                    .col(bigint("version"))
                    .col(uuid_null("claimed_by"))
                    .col(instant_null("claimed_at"))
                    .col(instant_null("received_at"))
                    .col(instant_null("accepted_at"))
                    .col(instant_null("decided_at"))
                    .col(instant_null("closed_at"))
                    .col(instant_null("deemed_at"))
                    .col(instant_null("promised_due_at"))
                    .col(instant_null("statutory_due_at"))
                    .col(instant_null("near_breach_at"))
                    .col(instant_null("next_clock_at"))
                    // Sort key of the queue: what is due next, far ahead where nothing is.
                    .col(instant("due_at"))
                    .col(boolean("provisional"))
                    // Applicant and item while such a case is open and only one may be.
                    .col(text_null("open_key"))
                    .col(date_null("judged_on"))
                    .col(bytes_null("form_sealed"))
                    .col(bytes_null("facts_sealed"))
                    // Why an officer stated an earlier receipt.
                    .col(bytes_null("received_reason_sealed"))
                    .col(instant("created_at"))
                    .col(instant("updated_at"))
                    .foreign_key(&mut refers("application", "order_id", "application_order"))
                    .foreign_key(&mut refers("application", "item_id", "service_item"))
                    .foreign_key(&mut refers("application", "version_id", "item_version"))
                    .foreign_key(&mut refers("application", "offering_id", "item_offering"))
                    .foreign_key(&mut refers("application", "applicant_person_id", "person"))
                    .foreign_key(&mut refers("application", "applicant_body_id", "body"))
                    .foreign_key(&mut refers("application", "employer_body_id", "body"))
                    .foreign_key(&mut refers("application", "submitted_by", "person"))
                    .foreign_key(&mut refers("application", "mandate_id", "mandate"))
                    .foreign_key(&mut refers("application", "receiving_unit_id", "unit"))
                    .foreign_key(&mut refers("application", "current_unit_id", "unit"))
                    .foreign_key(&mut refers("application", "claimed_by", "person"))
                    .foreign_key(&mut refers_code("application", "region_code", "region", "code"))
                    .foreign_key(&mut refers_code("application", "zone_code", "zone", "code"))
                    .foreign_key(&mut refers_code("application", "category", "talent_class", "code"))
                    .check(Expr::cust("(applicant_person_id IS NULL) <> (applicant_body_id IS NULL)"))
                    .check(Expr::cust("(claimed_by IS NULL) = (claimed_at IS NULL)"))
                    .check(Expr::cust("step_index >= 0 AND version >= 0 AND position >= 0"))
                    .check(Expr::cust("(step_key IS NULL) = (step_kind IS NULL)"))
                    // What was handed in has a number, an offering, a unit and a receipt; a draft has none of them.
                    .check(Expr::cust("(state = 'DRAFT') = (number IS NULL)"))
                    .check(Expr::cust("(number IS NULL) = (offering_id IS NULL)"))
                    .check(Expr::cust("(number IS NULL) = (current_unit_id IS NULL)"))
                    .check(Expr::cust("(number IS NULL) = (receiving_unit_id IS NULL)"))
                    .check(Expr::cust("(number IS NULL) = (received_at IS NULL)"))
                    .check(Expr::cust("(decision IS NULL) = (decided_at IS NULL)"))
                    .check(Expr::cust("(state IN ('DELIVERED', 'NOT_ACCEPTED', 'WITHDRAWN', 'TERMINATED')) = (closed_at IS NOT NULL)"))
                    .check(Expr::cust("(state = 'TERMINATED') = (termination_reason IS NOT NULL)"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("application", "application_number", &["number"])).await?;
        manager.create_index(unique("application", "application_open_key", &["open_key"])).await?;
        manager.create_index(index("application", "application_order_lines", &["order_id", "position"])).await?;
        manager.create_index(index("application", "application_applicant", &["applicant_person_id", "id"])).await?;
        let open = Expr::col("state").is_in(["RECEIVED", "SUPPLEMENT_REQUESTED", "ACCEPTED", "IN_REVIEW", "DECIDED"]);
        manager.create_index(index("application", "application_queue", &["current_unit_id", "due_at", "id"]).and_where(open.clone()).to_owned()).await?;
        manager.create_index(index("application", "application_received", &["receiving_unit_id", "id"]).and_where(open).to_owned()).await?;
        manager
            .create_index(index("application", "application_clock", &["next_clock_at", "id"]).and_where(Expr::col("next_clock_at").is_not_null()).to_owned())
            .await?;
        manager
            .create_index(
                index("application", "application_employer", &["employer_body_id", "due_at", "id"])
                    .and_where(Expr::col("step_kind").eq("EMPLOYER_CONFIRMATION"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(index("application", "application_claimed", &["claimed_by", "id"]).and_where(Expr::col("claimed_by").is_not_null()).to_owned())
            .await?;
        manager.create_index(index("application", "application_body", &["applicant_body_id", "id"])).await?;
        manager
            .create_table(
                table("application_event")
                    .col(id())
                    .col(uuid("application_id"))
                    .col(bigint("seq"))
                    .col(text("kind"))
                    .col(int("schema_version"))
                    .col(instant("at"))
                    .col(uuid_null("actor_id"))
                    .col(text_null("actor_role"))
                    .col(uuid_null("on_behalf_of"))
                    .col(uuid_null("mandate_id"))
                    .col(uuid_null("unit_id"))
                    .col(text("payload"))
                    // What the actor says of it, in her words.
                    .col(bytes_null("reason_sealed"))
                    .foreign_key(&mut refers("application_event", "application_id", "application"))
                    .foreign_key(&mut refers("application_event", "actor_id", "person"))
                    .foreign_key(&mut refers("application_event", "on_behalf_of", "person"))
                    .foreign_key(&mut refers("application_event", "unit_id", "unit"))
                    .foreign_key(&mut refers("application_event", "mandate_id", "mandate"))
                    .check(Expr::cust("seq > 0"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("application_event", "application_event_seq", &["application_id", "seq"])).await?;
        manager
            .create_table(
                table("application_beneficiary")
                    .col(uuid("application_id"))
                    .col(uuid("person_id"))
                    .primary_key(Index::create().col("application_id").col("person_id"))
                    .foreign_key(&mut refers("application_beneficiary", "application_id", "application"))
                    .foreign_key(&mut refers("application_beneficiary", "person_id", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("application_beneficiary", "application_beneficiary_person", &["person_id", "application_id"])).await?;
        manager
            .create_table(
                table("application_material")
                    .col(id())
                    .col(uuid("application_id"))
                    .col(sort_text("material_key", manager))
                    // For example DOCUMENT; SHARED by an authority; UNDERTAKING, signed in its stead (告知承诺).
                    .col(text("basis"))
                    .col(uuid_null("document_version_id"))
                    .col(instant_null("original_seen_at"))
                    .col(uuid_null("original_seen_by"))
                    .foreign_key(&mut refers("application_material", "original_seen_by", "person"))
                    .check(Expr::cust("(basis = 'DOCUMENT') = (document_version_id IS NOT NULL)"))
                    .check(Expr::cust("(original_seen_at IS NULL) = (original_seen_by IS NULL)"))
                    .foreign_key(&mut refers("application_material", "application_id", "application"))
                    .foreign_key(&mut refers("application_material", "document_version_id", "document_version"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("application_material", "application_material_once", &["application_id", "material_key", "document_version_id"])).await?;
        manager
            .create_index(
                unique("application_material", "application_material_instead", &["application_id", "material_key"])
                    .and_where(Expr::col("document_version_id").is_null())
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("application_material", "application_material_version", &["document_version_id"])).await?;
        manager
            .create_table(
                table("case_document")
                    .col(id())
                    .col(uuid("application_id"))
                    .col(text("kind"))
                    .col(text("number"))
                    .col(bytes("data_sealed"))
                    .col(bytes("jws_sealed"))
                    .col(uuid("key_owner_id"))
                    .col(instant("issued_at"))
                    .col(uuid_null("issued_by"))
                    .foreign_key(&mut refers("case_document", "application_id", "application"))
                    .foreign_key(&mut refers("case_document", "issued_by", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("case_document", "case_document_number", &["number"])).await?;
        manager.create_index(index("case_document", "case_document_case", &["application_id", "id"])).await?;
        manager
            .create_table(
                table("case_delivery")
                    .col(id())
                    .col(uuid("case_document_id"))
                    .col(text("channel"))
                    // A person or a body, never both.
                    .col(uuid_null("recipient_id"))
                    .col(uuid_null("recipient_body_id"))
                    .col(uuid_null("recorded_by"))
                    .col(instant("delivered_at"))
                    .foreign_key(&mut refers("case_delivery", "case_document_id", "case_document"))
                    .foreign_key(&mut refers("case_delivery", "recipient_id", "person"))
                    .foreign_key(&mut refers("case_delivery", "recipient_body_id", "body"))
                    .check(Expr::cust("(recipient_id IS NULL) <> (recipient_body_id IS NULL)"))
                    .foreign_key(&mut refers("case_delivery", "recorded_by", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("case_delivery", "case_delivery_document", &["case_document_id"])).await?;
        for name in ["application_event", "case_document", "case_delivery"] {
            append_only(manager, name).await?;
        }
        manager.create_table(table("case_counter").col(ColumnDef::new("prefix").text().not_null().primary_key()).col(bigint("last")).to_owned()).await?;
        // One row: what the days of cases were last counted by.
        manager
            .create_table(
                table("clock_basis")
                    .col(int("id").primary_key().to_owned())
                    .col(text("basis"))
                    .col(instant("counted_at"))
                    .check(Expr::cust("id = 1"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in [
            "clock_basis",
            "case_counter",
            "case_delivery",
            "case_document",
            "application_material",
            "application_beneficiary",
            "application_event",
            "application",
            "application_order",
        ] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        Ok(())
    }
}
