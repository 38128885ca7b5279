//! Documents, their versions, uploads and download tokens.

use sea_orm_migration::prelude::*;

use crate::schema::{bigint, bytes, bytes_null, code, id, index, instant, instant_null, int, refers, sort_text, table, text, unique, uuid, uuid_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("document")
                    .col(id())
                    // A person or a body, never both.
                    .col(uuid_null("owner_person"))
                    .col(uuid_null("owner_body"))
                    .col(sort_text("kind", manager))
                    .col(bytes_null("title_sealed"))
                    .col(instant("created_at"))
                    .col(bigint("version"))
                    .foreign_key(&mut refers("document", "owner_person", "person"))
                    .foreign_key(&mut refers("document", "owner_body", "body"))
                    .check(Expr::cust("(owner_person IS NULL) <> (owner_body IS NULL)"))
                    .to_owned(),
            )
            .await?;
        // The list of a person's documents, newest first: id order is order of creation.
        manager.create_index(index("document", "ix_document_owner", &["owner_person", "id"])).await?;

        manager
            .create_table(
                table("document_version")
                    .col(id())
                    .col(uuid("document_id"))
                    // A person or a body, never both.
                    .col(uuid_null("owner_person"))
                    .col(uuid_null("owner_body"))
                    .col(text("kind"))
                    .col(int("number"))
                    .col(uuid("object_key"))
                    .col(text("media_type"))
                    .col(bigint("size"))
                    .col(bytes("sha256"))
                    .col(code("scan_state", &["PENDING", "CLEAN", "INFECTED", "NOT_SCANNED"]))
                    .col(int("key_number"))
                    .col(instant("created_at"))
                    .col(uuid("uploaded_by"))
                    .col(instant_null("attached_at"))
                    .foreign_key(&mut refers("document_version", "document_id", "document"))
                    .foreign_key(&mut refers("document_version", "owner_person", "person"))
                    .foreign_key(&mut refers("document_version", "owner_body", "body"))
                    .check(Expr::cust("(owner_person IS NULL) <> (owner_body IS NULL)"))
                    .foreign_key(&mut refers("document_version", "uploaded_by", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("document_version", "uq_document_version_number", &["document_id", "number"])).await?;
        manager.create_index(unique("document_version", "uq_document_version_object", &["object_key"])).await?;
        // What waits for the scanner, and what waits to be handed in: small parts of a large table.
        manager
            .create_index(index("document_version", "ix_document_version_pending", &["id"]).and_where(Expr::col("scan_state").eq("PENDING")).to_owned())
            .await?;
        let unattached = index("document_version", "ix_document_version_unattached", &["id"]);
        manager.create_index(unattached.clone().and_where(Expr::col("attached_at").is_null()).to_owned()).await?;
        manager
            .create_index(
                index("document_version", "ix_document_version_waiting", &["owner_person", "created_at"])
                    .and_where(Expr::col("attached_at").is_null())
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                table("upload")
                    .col(id())
                    .col(bytes("token_hash"))
                    // A person or a body, never both.
                    .col(uuid_null("owner_person"))
                    .col(uuid_null("owner_body"))
                    .col(uuid("uploaded_by"))
                    .col(text("kind"))
                    .col(bytes_null("title_sealed"))
                    .col(bigint("size"))
                    .col(text("media_type"))
                    .col(bytes("sha256"))
                    .col(bigint("received").check(Expr::col("received").lte(Expr::col("size"))).to_owned())
                    .col(int("segments"))
                    .col(code("state", &["RECEIVING", "COMPLETE", "REFUSED"]))
                    .col(uuid_null("document_id"))
                    .col(uuid_null("version_id"))
                    .col(instant("created_at"))
                    .col(instant("expires_at"))
                    .foreign_key(&mut refers("upload", "owner_person", "person"))
                    .foreign_key(&mut refers("upload", "owner_body", "body"))
                    .check(Expr::cust("(owner_person IS NULL) <> (owner_body IS NULL)"))
                    .foreign_key(&mut refers("upload", "uploaded_by", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("upload", "uq_upload_token", &["token_hash"])).await?;
        manager.create_index(index("upload", "ix_upload_owner", &["owner_person", "state"])).await?;
        manager.create_index(index("upload", "ix_upload_sender", &["uploaded_by", "state"])).await?;
        manager.create_index(index("upload", "ix_upload_expires", &["expires_at"])).await?;

        manager
            .create_table(
                table("upload_segment")
                    .col(id())
                    .col(uuid("upload_id"))
                    .col(bigint("start"))
                    .col(bigint("size"))
                    .foreign_key(&mut refers("upload_segment", "upload_id", "upload"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("upload_segment", "uq_upload_segment_start", &["upload_id", "start"])).await?;

        manager
            .create_table(
                table("file_token")
                    .col(id())
                    .col(bytes("token_hash"))
                    .col(uuid("person_id"))
                    .col(uuid("version_id"))
                    .col(instant("created_at"))
                    .col(instant("expires_at"))
                    .foreign_key(&mut refers("file_token", "person_id", "person"))
                    .foreign_key(&mut refers("file_token", "version_id", "document_version"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("file_token", "uq_file_token_token", &["token_hash"])).await?;
        manager.create_index(index("file_token", "ix_file_token_version", &["version_id"])).await?;
        manager.create_index(index("file_token", "ix_file_token_expires", &["expires_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["file_token", "upload_segment", "upload", "document_version", "document"] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        Ok(())
    }
}
