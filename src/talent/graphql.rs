//! A talent's own profile, for the API.

use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};

use crate::api::context::ContextExt as _;
use crate::api::error::{ApiError, UserError, nullable, payload};
use crate::api::ids::{decode, decode_option, encode};
use crate::api::scalars::Date;
use crate::api::text::LocalizedText;
use crate::catalogue::graphql::TalentClass;
use crate::catalogue::model::bundle::talent_class;
use crate::kernel::fault::Fault;
use crate::organisation::graphql::{BodyObject, RegionObject, body_of};
use crate::person::graphql::PersonObject;
use crate::person::model::document::Sex;
use crate::person::model::profile::{Person, PersonInput};
use crate::person::service as person;
use crate::talent::model::{CategoryEntry, Education, EducationEntry, EducationLevel, Employment, EmploymentEntry, FamilyEntry, FamilyRelation};
use crate::talent::service::{self, AddFamilyMember};

crate::api_enum!(EducationLevel, "EducationLevel", "Level of education; from the lowest: SECONDARY, VOCATIONAL, ASSOCIATE, BACHELOR, MASTER, DOCTOR.");
crate::api_enum!(FamilyRelation, "FamilyRelation", "What a family member is to the talent.");

/// What a talent tells about herself. Visible to herself only; staff see what a case pins.
#[derive(Clone, Debug)]
pub struct TalentProfile {
    /// The talent.
    pub person: Person,
}

/// What a talent tells about herself. Visible to herself only; staff see what a case pins.
#[Object]
impl TalentProfile {
    /// The talent: names, birth date, nationality, identity documents.
    async fn person(&self) -> PersonObject {
        PersonObject(self.person.clone())
    }

    /// Education, in the order in which it was added; at most 50 entries.
    async fn educations(&self, ctx: &Context<'_>) -> Option<Result<Vec<EducationObject>, ApiError>> {
        all(service::educations(ctx.portal(), ctx.actor(), self.person.id).await)
    }

    /// Employment, in the order in which it was added; at most 50 entries.
    async fn employments(&self, ctx: &Context<'_>) -> Option<Result<Vec<EmploymentObject>, ApiError>> {
        all(service::employments(ctx.portal(), ctx.actor(), self.person.id).await)
    }

    /// Family members, in the order in which they were added; at most 50.
    async fn family_members(&self, ctx: &Context<'_>) -> Option<Result<Vec<FamilyMemberObject>, ApiError>> {
        all(service::family(ctx.portal(), ctx.actor(), self.person.id).await)
    }

    /// Talent categories that she claims; at most 50.
    async fn claimed_categories(&self, ctx: &Context<'_>) -> Option<Result<Vec<ClaimedCategory>, ApiError>> {
        all(service::categories(ctx.portal(), ctx.actor(), self.person.id).await)
    }
}

/// The entries of one kind, of which a failure leaves the others readable.
fn all<T, O: From<T>>(entries: Result<Vec<T>, Fault>) -> Option<Result<Vec<O>, ApiError>> {
    nullable(entries.map(|entries| Some(entries.into_iter().map(Into::into).collect())))
}

/// A record of education.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "Education")]
pub struct EducationObject {
    /// Global id, for `removeEducation`.
    pub id: ID,
    /// Level.
    pub level: EducationLevel,
    /// School or university.
    pub institution: String,
    /// Field of study.
    pub field_of_study: Option<String>,
    /// Where the institution is, ISO 3166-1 alpha-3.
    pub country: Option<String>,
    /// First day.
    pub started_on: Option<Date>,
    /// Day of graduation; `null` means not finished.
    pub completed_on: Option<Date>,
}

impl From<EducationEntry> for EducationObject {
    fn from(e: EducationEntry) -> Self {
        Self {
            id: encode(e.id),
            level: e.details.level,
            institution: e.details.institution,
            field_of_study: e.details.field_of_study,
            country: e.details.country,
            started_on: e.details.started_on.map(Date),
            completed_on: e.details.completed_on.map(Date),
        }
    }
}

/// A record of employment.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "Employment", complex)]
pub struct EmploymentObject {
    /// Global id, for `endEmployment` and `removeEmployment`.
    pub id: ID,
    /// The employer, where it is a body of the portal.
    pub employer_id: Option<ID>,
    /// Name of the employer as the talent told it.
    pub employer_name: Option<String>,
    /// Position.
    pub position: String,
    /// Where the work is done, GB/T 2260, six digits, for example `440106`.
    pub region_code: Option<String>,
    /// First day.
    pub started_on: Date,
    /// Last day; `null` means still employed.
    pub ended_on: Option<Date>,
    /// Last day of the contract; `null` means open-ended or not told.
    pub contract_until: Option<Date>,
}

#[ComplexObject]
impl EmploymentObject {
    /// The employer, where it is a body of the portal.
    async fn employer(&self, ctx: &Context<'_>) -> Option<Result<BodyObject, ApiError>> {
        body_of(ctx, self.employer_id.as_ref()).await
    }

    /// The region where the work is done; `null` where the portal does not list it.
    async fn region(&self, ctx: &Context<'_>) -> Option<RegionObject> {
        RegionObject::by_code(self.region_code.as_deref()?, ctx.language())
    }
}

impl From<EmploymentEntry> for EmploymentObject {
    fn from(e: EmploymentEntry) -> Self {
        Self {
            id: encode(e.id),
            employer_id: e.employer.map(encode),
            employer_name: e.details.employer_name,
            position: e.details.position,
            region_code: e.details.region,
            started_on: Date(e.details.started_on),
            ended_on: e.details.ended_on.map(Date),
            contract_until: e.details.contract_until.map(Date),
        }
    }
}

/// A family member of the talent.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "FamilyMember")]
pub struct FamilyMemberObject {
    /// Global id of the entry, for `removeFamilyMember`.
    pub id: ID,
    /// Global id of the person that the member is, for naming her as a beneficiary.
    pub person_id: ID,
    /// What the member is to the talent.
    pub relation: FamilyRelation,
    /// Name in Chinese characters, as the talent typed it.
    pub name_zh: Option<String>,
    /// Name in Latin letters, as the talent typed it.
    pub name_latin: Option<String>,
    /// Birth date, as the talent typed it.
    pub birth_date: Option<Date>,
    /// Sex, as the talent told it.
    pub sex: Option<Sex>,
    /// Nationality, as the talent told it, ISO 3166-1 alpha-3.
    pub nationality: Option<String>,
}

impl From<FamilyEntry> for FamilyMemberObject {
    fn from(e: FamilyEntry) -> Self {
        Self {
            id: encode(e.id),
            person_id: encode(e.member),
            relation: e.relation,
            name_zh: e.typed.name_zh,
            name_latin: e.typed.name_latin,
            birth_date: e.typed.birth_date.map(Date),
            sex: e.typed.sex,
            nationality: e.typed.nationality,
        }
    }
}

/// A talent category that the talent claims. Whether it is granted is decided in a case.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(complex)]
pub struct ClaimedCategory {
    /// Global id, for `withdrawTalentCategory`.
    pub id: ID,
    /// Code of the category in the catalogue.
    pub category: String,
    /// A document that shows it.
    pub evidence_id: Option<ID>,
}

#[ComplexObject]
impl ClaimedCategory {
    /// The category.
    async fn talent_class(&self, ctx: &Context<'_>) -> Option<TalentClass> {
        let class = talent_class(&self.category)?;
        let name = LocalizedText::of(&class.name, ctx.language());
        Some(TalentClass { code: class.code.clone(), name, verification: class.verification, source: class.source.clone() })
    }
}

impl From<CategoryEntry> for ClaimedCategory {
    fn from(e: CategoryEntry) -> Self {
        Self { id: encode(e.id), category: e.category, evidence_id: e.evidence.map(encode) }
    }
}

/// Education to be added.
#[derive(InputObject, Clone, Debug)]
pub struct AddEducationInput {
    /// Level.
    pub level: EducationLevel,
    /// School or university, at most 200 characters.
    pub institution: String,
    /// Field of study, at most 200 characters.
    pub field_of_study: Option<String>,
    /// Where the institution is, ISO 3166-1 alpha-3.
    pub country: Option<String>,
    /// First day, not in the future.
    pub started_on: Option<Date>,
    /// Day of graduation, not in the future; leave out while studying.
    pub completed_on: Option<Date>,
    /// 16 to 64 characters made by the client; the same key and input give the same entry.
    pub idempotency_key: String,
}

/// Employment to be added. Name the employer by `employerId`, by `employerName`, or by both.
#[derive(InputObject, Clone, Debug)]
pub struct AddEmploymentInput {
    /// The employer, where it is a body of the portal.
    pub employer_id: Option<ID>,
    /// Name of the employer, at most 200 characters.
    pub employer_name: Option<String>,
    /// Position, at most 200 characters.
    pub position: String,
    /// Where the work is done, GB/T 2260, six digits; in Guangdong, Hong Kong and Macao a code of `regions`.
    pub region_code: Option<String>,
    /// First day.
    pub started_on: Date,
    /// Last day, not in the future; leave out while employed.
    pub ended_on: Option<Date>,
    /// Last day of the contract; leave out for an open-ended one.
    pub contract_until: Option<Date>,
    /// 16 to 64 characters made by the client; the same key and input give the same entry.
    pub idempotency_key: String,
}

/// A family member to be added. At least one name is needed.
#[derive(InputObject, Clone, Debug)]
pub struct AddFamilyMemberInput {
    /// What the member is to the caller.
    pub relation: FamilyRelation,
    /// Name in Chinese characters, at most 100.
    pub name_zh: Option<String>,
    /// Name in Latin letters, at most 100 characters.
    pub name_latin: Option<String>,
    /// Birth date.
    pub birth_date: Option<Date>,
    /// Sex as documents state it.
    pub sex: Option<Sex>,
    /// Nationality, ISO 3166-1 alpha-3.
    pub nationality: Option<String>,
    /// 16 to 64 characters made by the client; the same key and input give the same entry.
    pub idempotency_key: String,
}

/// A talent category to be claimed.
#[derive(InputObject, Clone, Debug)]
pub struct ClaimTalentCategoryInput {
    /// Code of one of `talentClasses`.
    pub category: String,
    /// A document of the caller's own that shows it.
    pub evidence_id: Option<ID>,
    /// 16 to 64 characters made by the client; the same key and input give the same entry.
    pub idempotency_key: String,
}

/// An employment that has ended.
#[derive(InputObject, Clone, Debug)]
pub struct EndEmploymentInput {
    /// The employment.
    pub employment_id: ID,
    /// Its last day, not in the future.
    pub ended_on: Date,
}

/// Education to be removed.
#[derive(InputObject, Clone, Debug)]
pub struct RemoveEducationInput {
    /// The education.
    pub education_id: ID,
}

/// Employment to be removed.
#[derive(InputObject, Clone, Debug)]
pub struct RemoveEmploymentInput {
    /// The employment.
    pub employment_id: ID,
}

/// A family member to be removed from the profile.
#[derive(InputObject, Clone, Debug)]
pub struct RemoveFamilyMemberInput {
    /// The entry.
    pub family_member_id: ID,
}

/// A claimed category to be taken back.
#[derive(InputObject, Clone, Debug)]
pub struct WithdrawTalentCategoryInput {
    /// The entry.
    pub category_id: ID,
}

/// Declares payloads with one nullable object and `userErrors`.
macro_rules! payloads {
    ($($(#[$meta:meta])* $name:ident { $(#[$fmeta:meta])* $field:ident: $type:ty })+) => {$(
        $(#[$meta])*
        #[derive(SimpleObject, Clone, Debug)]
        pub struct $name {
            $(#[$fmeta])*
            pub $field: Option<$type>,
            /// Why nothing was changed; empty when it was.
            pub user_errors: Vec<UserError>,
        }
    )+};
}

payloads! {
    /// Answer of `addEducation`.
    AddEducationPayload {
        /// The entry.
        education: EducationObject
    }
    /// Answer of `addEmployment`.
    AddEmploymentPayload {
        /// The entry.
        employment: EmploymentObject
    }
    /// Answer of `endEmployment`.
    EndEmploymentPayload {
        /// The entry afterwards.
        employment: EmploymentObject
    }
    /// Answer of `addFamilyMember`.
    AddFamilyMemberPayload {
        /// The entry.
        family_member: FamilyMemberObject
    }
    /// Answer of `claimTalentCategory`.
    ClaimTalentCategoryPayload {
        /// The entry.
        claimed_category: ClaimedCategory
    }
    /// Answer of `removeEducation`.
    RemoveEducationPayload {
        /// Id of the entry that is gone.
        removed_id: ID
    }
    /// Answer of `removeEmployment`.
    RemoveEmploymentPayload {
        /// Id of the entry that is gone.
        removed_id: ID
    }
    /// Answer of `removeFamilyMember`.
    RemoveFamilyMemberPayload {
        /// Id of the entry that is gone.
        removed_id: ID
    }
    /// Answer of `withdrawTalentCategory`.
    WithdrawTalentCategoryPayload {
        /// Id of the entry that is gone.
        removed_id: ID
    }
}

/// Queries about the caller's profile.
#[derive(Default, Debug)]
pub struct TalentQuery;

/// Queries about the caller's profile.
#[Object]
impl TalentQuery {
    /// The caller's own profile.
    async fn talent_profile(&self, ctx: &Context<'_>) -> Option<Result<TalentProfile, ApiError>> {
        let own = async {
            let id = ctx.actor().person().ok_or(Fault::Unauthenticated)?;
            Ok(Some(TalentProfile { person: person::person_for(ctx.portal(), ctx.actor(), id).await? }))
        };
        nullable(own.await)
    }
}

/// Mutations of the caller's profile.
#[derive(Default, Debug)]
pub struct TalentMutation;

/// Mutations of the caller's profile.
#[Object]
impl TalentMutation {
    /// Adds education to the caller's profile. User errors: REQUIRED, TOO_LONG, MALFORMED, NOT_ALLOWED, IN_FUTURE,
    /// PERIOD_REVERSED, TOO_MANY, IDEMPOTENCY_KEY_REUSED.
    async fn add_education(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: AddEducationInput,
    ) -> Option<Result<AddEducationPayload, ApiError>> {
        let education = Education {
            level: input.level,
            institution: input.institution,
            field_of_study: input.field_of_study,
            country: input.country,
            started_on: input.started_on.map(|d| d.0),
            completed_on: input.completed_on.map(|d| d.0),
        };
        let result = service::add_education(ctx.portal(), ctx.actor(), education, &input.idempotency_key).await;
        payload(
            ctx.ctx(),
            result,
            |entry| AddEducationPayload { education: Some(entry.into()), user_errors: Vec::new() },
            |user_errors| AddEducationPayload { education: None, user_errors },
        )
    }

    /// Adds employment to the caller's profile. User errors: REQUIRED, TOO_LONG, MALFORMED, NOT_ALLOWED, NOT_FOUND,
    /// IN_FUTURE, PERIOD_REVERSED, TOO_MANY, IDEMPOTENCY_KEY_REUSED.
    async fn add_employment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: AddEmploymentInput,
    ) -> Option<Result<AddEmploymentPayload, ApiError>> {
        let employer = match decode_option(input.employer_id.as_ref(), "input.employerId") {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        let employment = Employment {
            employer_name: input.employer_name,
            position: input.position,
            region: input.region_code,
            started_on: input.started_on.0,
            ended_on: input.ended_on.map(|d| d.0),
            contract_until: input.contract_until.map(|d| d.0),
        };
        let result = service::add_employment(ctx.portal(), ctx.actor(), employer, employment, &input.idempotency_key).await;
        payload(
            ctx.ctx(),
            result,
            |entry| AddEmploymentPayload { employment: Some(entry.into()), user_errors: Vec::new() },
            |user_errors| AddEmploymentPayload { employment: None, user_errors },
        )
    }

    /// Ends an employment of the caller's own. User errors: NOT_FOUND, IN_FUTURE, PERIOD_REVERSED.
    async fn end_employment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: EndEmploymentInput,
    ) -> Option<Result<EndEmploymentPayload, ApiError>> {
        let id = match decode(&input.employment_id, "input.employmentId") {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        let result = service::end_employment(ctx.portal(), ctx.actor(), id, input.ended_on.0).await;
        payload(
            ctx.ctx(),
            result,
            |entry| EndEmploymentPayload { employment: Some(entry.into()), user_errors: Vec::new() },
            |user_errors| EndEmploymentPayload { employment: None, user_errors },
        )
    }

    /// Adds a family member, who becomes a person without an account. User errors: REQUIRED, TOO_LONG, MALFORMED,
    /// NOT_ALLOWED, IN_FUTURE, TOO_EARLY, ALREADY_EXISTS (a second spouse), TOO_MANY, IDEMPOTENCY_KEY_REUSED.
    async fn add_family_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: AddFamilyMemberInput,
    ) -> Option<Result<AddFamilyMemberPayload, ApiError>> {
        let person = PersonInput {
            name_zh: input.name_zh,
            name_latin: input.name_latin,
            birth_date: input.birth_date.map(|d| d.0),
            sex: input.sex,
            nationality: input.nationality,
        };
        let command = AddFamilyMember { person, relation: input.relation };
        let result = service::add_family_member(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await;
        payload(
            ctx.ctx(),
            result,
            |entry| AddFamilyMemberPayload { family_member: Some(entry.into()), user_errors: Vec::new() },
            |user_errors| AddFamilyMemberPayload { family_member: None, user_errors },
        )
    }

    /// Claims a talent category. User errors: MALFORMED, NOT_ALLOWED, NOT_FOUND, ALREADY_EXISTS, TOO_MANY,
    /// IDEMPOTENCY_KEY_REUSED.
    async fn claim_talent_category(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: ClaimTalentCategoryInput,
    ) -> Option<Result<ClaimTalentCategoryPayload, ApiError>> {
        let evidence = match decode_option(input.evidence_id.as_ref(), "input.evidenceId") {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        let result = service::claim_category(ctx.portal(), ctx.actor(), &input.category, evidence, &input.idempotency_key).await;
        payload(
            ctx.ctx(),
            result,
            |entry| ClaimTalentCategoryPayload { claimed_category: Some(entry.into()), user_errors: Vec::new() },
            |user_errors| ClaimTalentCategoryPayload { claimed_category: None, user_errors },
        )
    }

    /// Removes education from the caller's profile. User errors: NOT_FOUND.
    async fn remove_education(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RemoveEducationInput,
    ) -> Option<Result<RemoveEducationPayload, ApiError>> {
        let id = match decode(&input.education_id, "input.educationId") {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        let result = service::remove_education(ctx.portal(), ctx.actor(), id).await;
        payload(
            ctx.ctx(),
            result,
            |id| RemoveEducationPayload { removed_id: Some(encode(id)), user_errors: Vec::new() },
            |user_errors| RemoveEducationPayload { removed_id: None, user_errors },
        )
    }

    /// Removes employment from the caller's profile. User errors: NOT_FOUND.
    async fn remove_employment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RemoveEmploymentInput,
    ) -> Option<Result<RemoveEmploymentPayload, ApiError>> {
        let id = match decode(&input.employment_id, "input.employmentId") {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        let result = service::remove_employment(ctx.portal(), ctx.actor(), id).await;
        payload(
            ctx.ctx(),
            result,
            |id| RemoveEmploymentPayload { removed_id: Some(encode(id)), user_errors: Vec::new() },
            |user_errors| RemoveEmploymentPayload { removed_id: None, user_errors },
        )
    }

    /// Removes a family member from the caller's profile. What she holds already, for example a card, stays. User
    /// errors: NOT_FOUND.
    async fn remove_family_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RemoveFamilyMemberInput,
    ) -> Option<Result<RemoveFamilyMemberPayload, ApiError>> {
        let id = match decode(&input.family_member_id, "input.familyMemberId") {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        let result = service::remove_family_member(ctx.portal(), ctx.actor(), id).await;
        payload(
            ctx.ctx(),
            result,
            |id| RemoveFamilyMemberPayload { removed_id: Some(encode(id)), user_errors: Vec::new() },
            |user_errors| RemoveFamilyMemberPayload { removed_id: None, user_errors },
        )
    }

    /// Takes back a claimed talent category. User errors: NOT_FOUND.
    async fn withdraw_talent_category(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: WithdrawTalentCategoryInput,
    ) -> Option<Result<WithdrawTalentCategoryPayload, ApiError>> {
        let id = match decode(&input.category_id, "input.categoryId") {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        let result = service::withdraw_category(ctx.portal(), ctx.actor(), id).await;
        payload(
            ctx.ctx(),
            result,
            |id| WithdrawTalentCategoryPayload { removed_id: Some(encode(id)), user_errors: Vec::new() },
            |user_errors| WithdrawTalentCategoryPayload { removed_id: None, user_errors },
        )
    }
}
