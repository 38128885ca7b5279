//! Every query of the slice.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect as _, SqlErr};

use crate::kernel::ids::{BodyId, DocumentId, EducationId, EmploymentId, FamilyMemberId, PersonId, TalentCategoryId};
use crate::talent::entity::{education, employment, family_member, talent_category};

/// A sealed record of education.
pub type EducationRow = education::Model;
/// A sealed record of employment.
pub type EmploymentRow = employment::Model;
/// A sealed record of a family member.
pub type FamilyRow = family_member::Model;
/// A claimed category.
pub type CategoryRow = talent_category::Model;

/// How an insert ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is there.
    Done,
    /// It was there already; on PostgreSQL the transaction is void.
    Exists,
    /// What it refers to does not exist; on PostgreSQL the transaction is void.
    Dangling,
}

fn inserted<T>(result: Result<T, DbErr>) -> Result<Inserted, DbErr> {
    match result {
        Ok(_) => Ok(Inserted::Done),
        Err(error) => match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Ok(Inserted::Exists),
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => Ok(Inserted::Dangling),
            _ => Err(error),
        },
    }
}

/// Adds education.
pub async fn insert_education(txn: &impl ConnectionTrait, id: EducationId, person: PersonId, sealed: Vec<u8>, now: DateTime<Utc>) -> Result<(), DbErr> {
    education::Entity::insert(education::ActiveModel { id: Set(id), person_id: Set(person), details_sealed: Set(sealed), created_at: Set(now) })
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}

/// Education of these ids of one person, oldest entry first.
pub async fn educations(db: &impl ConnectionTrait, person: PersonId) -> Result<Vec<EducationRow>, DbErr> {
    education::Entity::find().filter(education::Column::PersonId.in_subquery(identities(person))).order_by_asc(education::Column::Id).all(db).await
}

/// Removes education of a person. False: there is none.
pub async fn delete_education(txn: &impl ConnectionTrait, person: PersonId, id: EducationId) -> Result<bool, DbErr> {
    let query = education::Entity::delete_many().filter(education::Column::Id.eq(id)).filter(education::Column::PersonId.in_subquery(identities(person)));
    Ok(query.exec(txn).await?.rows_affected == 1)
}

/// Adds employment. [`Inserted::Dangling`]: no such employer.
pub async fn insert_employment(
    txn: &impl ConnectionTrait,
    id: EmploymentId,
    person: PersonId,
    employer: Option<BodyId>,
    sealed: Vec<u8>,
    now: DateTime<Utc>,
) -> Result<Inserted, DbErr> {
    let row = employment::ActiveModel { id: Set(id), person_id: Set(person), employer_id: Set(employer), details_sealed: Set(sealed), created_at: Set(now) };
    inserted(employment::Entity::insert(row).exec_without_returning(txn).await)
}

/// Employment of a person, oldest entry first.
pub async fn employments(db: &impl ConnectionTrait, person: PersonId) -> Result<Vec<EmploymentRow>, DbErr> {
    employment::Entity::find().filter(employment::Column::PersonId.in_subquery(identities(person))).order_by_asc(employment::Column::Id).all(db).await
}

/// Replaces what is sealed of an employment. False: there is none.
pub async fn update_employment(txn: &impl ConnectionTrait, id: EmploymentId, sealed: Vec<u8>) -> Result<bool, DbErr> {
    let query = employment::Entity::update_many()
        .set(employment::ActiveModel { details_sealed: Set(sealed), ..Default::default() })
        .filter(employment::Column::Id.eq(id));
    Ok(query.exec(txn).await?.rows_affected == 1)
}

/// Removes employment of a person. False: there is none.
pub async fn delete_employment(txn: &impl ConnectionTrait, person: PersonId, id: EmploymentId) -> Result<bool, DbErr> {
    let query = employment::Entity::delete_many().filter(employment::Column::Id.eq(id)).filter(employment::Column::PersonId.in_subquery(identities(person)));
    Ok(query.exec(txn).await?.rows_affected == 1)
}

/// Adds a family member, who is a person.
pub async fn insert_family(
    txn: &impl ConnectionTrait,
    id: FamilyMemberId,
    person: PersonId,
    member: PersonId,
    sealed: Vec<u8>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = family_member::ActiveModel { id: Set(id), person_id: Set(person), member_id: Set(member), details_sealed: Set(sealed), created_at: Set(now) };
    family_member::Entity::insert(row).exec_without_returning(txn).await.map(|_| ())
}

/// Family of a person, oldest entry first.
pub async fn family(db: &impl ConnectionTrait, person: PersonId) -> Result<Vec<FamilyRow>, DbErr> {
    family_member::Entity::find().filter(family_member::Column::PersonId.in_subquery(identities(person))).order_by_asc(family_member::Column::Id).all(db).await
}

/// Removes a family member of a person from the profile; the person that she is stays. False: there is none.
pub async fn delete_family(txn: &impl ConnectionTrait, person: PersonId, id: FamilyMemberId) -> Result<bool, DbErr> {
    let query =
        family_member::Entity::delete_many().filter(family_member::Column::Id.eq(id)).filter(family_member::Column::PersonId.in_subquery(identities(person)));
    Ok(query.exec(txn).await?.rows_affected == 1)
}

/// Adds a claimed category. [`Inserted::Exists`]: it is claimed already.
pub async fn insert_category(
    txn: &impl ConnectionTrait,
    id: TalentCategoryId,
    person: PersonId,
    category: String,
    evidence: Option<DocumentId>,
    now: DateTime<Utc>,
) -> Result<Inserted, DbErr> {
    let row = talent_category::ActiveModel { id: Set(id), person_id: Set(person), category: Set(category), evidence_id: Set(evidence), created_at: Set(now) };
    inserted(talent_category::Entity::insert(row).exec_without_returning(txn).await)
}

/// Claimed categories of a person, oldest entry first.
pub async fn categories(db: &impl ConnectionTrait, person: PersonId) -> Result<Vec<CategoryRow>, DbErr> {
    talent_category::Entity::find()
        .filter(talent_category::Column::PersonId.in_subquery(identities(person)))
        .order_by_asc(talent_category::Column::Id)
        .all(db)
        .await
}

/// Removes a claimed category of a person. False: there is none.
pub async fn delete_category(txn: &impl ConnectionTrait, person: PersonId, id: TalentCategoryId) -> Result<bool, DbErr> {
    let query = talent_category::Entity::delete_many()
        .filter(talent_category::Column::Id.eq(id))
        .filter(talent_category::Column::PersonId.in_subquery(identities(person)));
    Ok(query.exec(txn).await?.rows_affected == 1)
}

/// The ids that mean a person, as a subquery: her own and those that redirect to her.
fn identities(person: PersonId) -> sea_orm::sea_query::SelectStatement {
    use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, Query};
    let of = |column: &'static str| Expr::col(Alias::new(column)).eq(sea_orm::Value::from(person));
    Query::select().column(Alias::new("id")).from(Alias::new("person")).cond_where(of("id").or(of("merged_into"))).to_owned()
}

/// Those of the documents that a claimed category names as its evidence.
pub async fn evidence_among(db: &impl ConnectionTrait, documents: &[DocumentId]) -> Result<HashSet<DocumentId>, DbErr> {
    let named = talent_category::Entity::find().filter(talent_category::Column::EvidenceId.is_in(documents.iter().copied()));
    let rows: Vec<Option<DocumentId>> = named.select_only().column(talent_category::Column::EvidenceId).into_tuple().all(db).await?;
    Ok(rows.into_iter().flatten().collect())
}
