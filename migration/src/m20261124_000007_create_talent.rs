//! What a talent tells about herself: education, employment, family, categories.

use sea_orm_migration::prelude::*;

use crate::schema::{bytes, id, index, instant, refers, refers_code, table, text, unique, uuid, uuid_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("education")
                    .col(id())
                    .col(uuid("person_id"))
                    .col(bytes("details_sealed"))
                    .col(instant("created_at"))
                    .foreign_key(&mut refers("education", "person_id", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("education", "education_person", &["person_id", "id"])).await?;
        manager
            .create_table(
                table("employment")
                    .col(id())
                    .col(uuid("person_id"))
                    .col(uuid_null("employer_id"))
                    .col(bytes("details_sealed"))
                    .col(instant("created_at"))
                    .foreign_key(&mut refers("employment", "person_id", "person"))
                    .foreign_key(&mut refers("employment", "employer_id", "body"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("employment", "employment_person", &["person_id", "id"])).await?;
        manager.create_index(index("employment", "employment_employer", &["employer_id"])).await?;
        manager
            .create_table(
                table("family_member")
                    .col(id())
                    .col(uuid("person_id"))
                    .col(uuid("member_id"))
                    .col(bytes("details_sealed"))
                    .col(instant("created_at"))
                    .foreign_key(&mut refers("family_member", "person_id", "person"))
                    .foreign_key(&mut refers("family_member", "member_id", "person"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("family_member", "family_member_once", &["person_id", "member_id"])).await?;
        manager.create_index(index("family_member", "family_member_member", &["member_id"])).await?;
        manager
            .create_table(
                table("talent_category")
                    .col(id())
                    .col(uuid("person_id"))
                    .col(text("category"))
                    .col(uuid_null("evidence_id"))
                    .col(instant("created_at"))
                    .foreign_key(&mut refers("talent_category", "person_id", "person"))
                    .foreign_key(&mut refers_code("talent_category", "category", "talent_class", "code"))
                    .foreign_key(&mut refers("talent_category", "evidence_id", "document"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("talent_category", "talent_category_once", &["person_id", "category"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["talent_category", "family_member", "employment", "education"] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        Ok(())
    }
}
