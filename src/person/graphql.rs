//! Persons, their identity documents and the log of looks at their data, for the API.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use sea_orm::DatabaseConnection;

use crate::account::graphql::Viewer;
use crate::api::connection::{self, Pages};
use crate::api::context::ContextExt as _;
use crate::api::error::{ApiError, UserError, nullable, payload};
use crate::api::ids::{decode, decode_option, encode};
use crate::api::scalars::{Date, Instant};
use crate::api::text::ApiLanguage;
use crate::kernel::ids::PersonId;
use crate::kernel::role::{Assurance, Role};
use crate::person::loader::NameLoader;
use crate::person::model::access::{Access, AccessPurpose, PersonalDataField};
use crate::person::model::document::{IdentityDocumentKind, NumberWarning, Sex};
use crate::person::model::identity::IdentityDocument;
use crate::person::model::profile::{Person, PersonInput, PersonName};
use crate::person::service::access::{self, ORDER, RevealPersonalData};
use crate::person::service::identity::{self, AddDocument, VerifyIdentity};
use crate::person::service::profile::{self, RegisterPerson, UpdateProfile};
use crate::talent::graphql::TalentProfile;

crate::api_enum!(IdentityDocumentKind, "IdentityDocumentKind", "A kind of identity document. It says nothing about nationality.");
crate::api_enum!(Sex, "Sex", "Sex as an identity document states it.");
crate::api_enum!(NumberWarning, "IdentityNumberWarning", "What is unusual about a document number that is kept all the same; ask the user to look again.");
crate::api_enum!(PersonalDataField, "PersonalDataField", "What `revealPersonalData` can show in full.");
crate::api_enum!(AccessPurpose, "AccessPurpose", "Why personal data is looked at in full. The person concerned can read it.");

/// A person by her name alone, for who need not know more of her.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "NamedPerson")]
pub struct NamedPersonObject {
    /// Global id of the person.
    pub id: ID,
    /// The name to show: in Chinese characters where there is one, else in Latin letters.
    pub display_name: String,
}

impl NamedPersonObject {
    /// The person of an id by a name.
    pub fn of(id: PersonId, name: &PersonName) -> Self {
        Self { id: encode(id), display_name: name.display().to_owned() }
    }
}

/// The loader of names that a request carries.
pub type Names = Arc<DataLoader<NameLoader>>;

/// A loader of names for a request.
pub fn names(db: &DatabaseConnection) -> Names {
    Arc::new(DataLoader::new(NameLoader(db.clone()), tokio::spawn))
}

/// Who is meant by an id, for a field that is shown where the id is. All of a list cost two statements.
pub async fn named(ctx: &Context<'_>, id: PersonId) -> Option<Result<NamedPersonObject, ApiError>> {
    let loader = ctx.data_opt::<Names>().cloned().unwrap_or_else(|| names(ctx.portal().db.read()));
    nullable(loader.load_one(id).await.map(|name| name.map(|name| NamedPersonObject::of(id, &name))))
}

/// A person, with or without an account. Visible to herself and to staff who deal with her: by a case that their grant
/// reaches, or at a window.
#[derive(Clone, Debug)]
pub struct PersonObject(pub Person);

/// A person, with or without an account. Visible to herself and to staff who deal with her: by a case that their grant
/// reaches, or at a window.
#[Object(name = "Person")]
impl PersonObject {
    /// Global id. After a merge of two persons the old id still leads here.
    pub async fn id(&self) -> ID {
        encode(self.0.id)
    }

    /// Name in Chinese characters.
    async fn name_zh(&self) -> Option<&str> {
        self.0.name.zh.as_deref()
    }

    /// Name in Latin letters, as in the passport.
    async fn name_latin(&self) -> Option<&str> {
        self.0.name.latin.as_deref()
    }

    /// The name to show: in Chinese characters where there is one, else in Latin letters.
    async fn display_name(&self) -> &str {
        self.0.name.display()
    }

    /// Birth date.
    async fn birth_date(&self) -> Option<Date> {
        self.0.birth_date.map(Date)
    }

    /// Sex as documents state it.
    async fn sex(&self) -> Option<Sex> {
        self.0.sex
    }

    /// Nationality, ISO 3166-1 alpha-3, for example `CHN`; Chinese residents of Hong Kong and Macao are `CHN` too.
    async fn nationality(&self) -> Option<&str> {
        self.0.nationality.as_deref()
    }

    /// How surely the portal knows her.
    async fn assurance(&self) -> Assurance {
        self.0.assurance
    }

    /// Whether she has an account.
    async fn has_account(&self) -> bool {
        self.0.has_account
    }

    /// Raised by each change; send it as `expectedVersion` when changing.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// Her identity documents, oldest first, numbers masked.
    async fn identity_documents(&self, ctx: &Context<'_>) -> Option<Result<Vec<IdentityDocumentObject>, ApiError>> {
        let documents = identity::documents(ctx.portal(), ctx.actor(), &self.0).await;
        nullable(documents.map(|d| Some(d.into_iter().map(Into::into).collect())))
    }

    /// Who looked at her data in full, newest first. Only for the person herself; `NOT_FOUND` for anybody else.
    #[graphql(complexity = "usize::try_from(first.unwrap_or(20)).unwrap_or(0) * child_complexity + 1")]
    async fn access_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Entries wanted, 20 by default, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which the page begins.")] after: Option<String>,
    ) -> Option<Result<Pages<AccessLogEntry>, ApiError>> {
        let page = async {
            let request = connection::request(ctx, first, after.as_deref(), ORDER, 1)?;
            access::access_log(ctx.portal(), ctx.actor(), self.0.id, &request).await
        };
        Some(page.await.map(|page| connection::of(page, AccessLogEntry::from)).map_err(Into::into))
    }

    /// What she tells about education, employment, family and categories. Only for the person herself; `null` for
    /// anybody else.
    async fn talent_profile(&self, ctx: &Context<'_>) -> Option<TalentProfile> {
        (ctx.actor().person() == Some(self.0.id)).then_some(TalentProfile { person: self.0.clone() })
    }
}

/// An identity document. The number is masked; `revealPersonalData` shows it in full.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "IdentityDocument")]
pub struct IdentityDocumentObject {
    /// Global id, for `removeIdentityDocument`, `verifyIdentity` and `revealPersonalData`.
    pub id: ID,
    /// Kind.
    pub kind: IdentityDocumentKind,
    /// The number with its ends only, for example `110***********002X`.
    pub masked_number: String,
    /// Issuing state of a passport, ISO 3166-1 alpha-3.
    pub issuing_state: Option<String>,
    /// How many times a home-return permit was issued, where it is printed.
    pub issue_count: Option<i32>,
    /// First day of validity.
    pub valid_from: Option<Date>,
    /// Last day of validity.
    pub valid_until: Option<Date>,
    /// Whether an officer compared the original.
    pub verified: bool,
    /// When an officer compared the original.
    pub verified_at: Option<Instant>,
}

impl From<IdentityDocument> for IdentityDocumentObject {
    fn from(d: IdentityDocument) -> Self {
        Self {
            id: encode(d.id),
            kind: d.kind,
            masked_number: d.masked_number,
            issuing_state: d.issuing_state,
            issue_count: d.issue_count,
            valid_from: d.valid_from.map(Date),
            valid_until: d.valid_until.map(Date),
            verified: d.verified_at.is_some(),
            verified_at: d.verified_at.map(Instant),
        }
    }
}

/// One look at the person's data in full.
#[derive(SimpleObject, Clone, Debug)]
pub struct AccessLogEntry {
    /// Global id.
    pub id: ID,
    /// When.
    pub at: Instant,
    /// What was shown.
    pub field: PersonalDataField,
    /// Of which identity document.
    pub identity_document_id: Option<ID>,
    /// Why.
    pub purpose: AccessPurpose,
    /// Why, in the words of who looked.
    pub reason: Option<String>,
    /// As what somebody looked; `null` for the person herself.
    pub by_role: Option<Role>,
}

impl From<Access> for AccessLogEntry {
    fn from(a: Access) -> Self {
        Self {
            id: encode(a.id),
            at: Instant(a.at),
            field: a.field,
            identity_document_id: a.document.map(encode),
            purpose: a.purpose,
            reason: a.reason,
            by_role: a.role,
        }
    }
}

/// What changes about oneself. What is left out stays as it is; `null` takes it away.
#[derive(InputObject, Clone, Debug)]
pub struct UpdateProfileInput {
    /// Name in Chinese characters, at most 100; `null` takes it away where there is one in Latin letters.
    pub name_zh: MaybeUndefined<String>,
    /// Name in Latin letters, at most 100 characters; `null` takes it away where there is one in Chinese characters.
    pub name_latin: MaybeUndefined<String>,
    /// Birth date; `null` takes it away.
    pub birth_date: MaybeUndefined<Date>,
    /// Sex as documents state it; `null` takes it away.
    pub sex: MaybeUndefined<Sex>,
    /// Nationality, ISO 3166-1 alpha-3; `CHN` for Chinese residents of Hong Kong and Macao. `null` takes it away.
    pub nationality: MaybeUndefined<String>,
    /// Language of the account: of messages to the caller, and of answers to requests that name no language themselves. There
    /// is always one: `null` is REQUIRED.
    pub preferred_language: MaybeUndefined<ApiLanguage>,
    /// The `version` of the person that was shown.
    pub expected_version: i64,
}

/// Answer of `updateProfile`.
#[derive(SimpleObject)]
pub struct UpdateProfilePayload {
    /// The person afterwards.
    pub person: Option<PersonObject>,
    /// The viewer afterwards, whose language may be another.
    pub viewer: Option<Viewer>,
    /// Why nothing was changed; empty when it was.
    pub user_errors: Vec<UserError>,
}

/// A walk-in without an account. At least one name is needed.
#[derive(InputObject, Clone, Debug)]
pub struct RegisterPersonInput {
    /// Name in Chinese characters, at most 100.
    pub name_zh: Option<String>,
    /// Name in Latin letters, at most 100 characters.
    pub name_latin: Option<String>,
    /// Birth date.
    pub birth_date: Option<Date>,
    /// Sex as documents state it.
    pub sex: Option<Sex>,
    /// Nationality, ISO 3166-1 alpha-3; `CHN` for Chinese residents of Hong Kong and Macao.
    pub nationality: Option<String>,
    /// 16 to 64 characters made by the client; the same key and input give the same person.
    pub idempotency_key: String,
}

/// Answer of `registerPerson`.
#[derive(SimpleObject, Clone, Debug)]
pub struct RegisterPersonPayload {
    /// The person.
    pub person: Option<PersonObject>,
    /// Why nothing was made; empty when it was.
    pub user_errors: Vec<UserError>,
}

/// A document that the caller claims to hold.
#[derive(InputObject, Clone)]
pub struct AddIdentityDocumentInput {
    /// Kind.
    pub kind: IdentityDocumentKind,
    /// The number as printed; brackets, spaces, hyphens, full-width and small letters are accepted.
    pub document_number: String,
    /// Issuing state of a passport, ISO 3166-1 alpha-3; only for `PASSPORT`.
    pub issuing_state: Option<String>,
    /// First day of validity.
    pub valid_from: Option<Date>,
    /// Last day of validity.
    pub valid_until: Option<Date>,
    /// 16 to 64 characters made by the client; the same key and input give the same document.
    pub idempotency_key: String,
}

/// Answer of `addIdentityDocument`.
#[derive(SimpleObject, Clone, Debug)]
pub struct AddIdentityDocumentPayload {
    /// The identity document.
    pub identity_document: Option<IdentityDocumentObject>,
    /// What is unusual about the number, which was kept all the same.
    pub warnings: Vec<NumberWarning>,
    /// Why nothing was made; empty when it was.
    pub user_errors: Vec<UserError>,
}

/// A document of the caller's own that nobody has verified.
#[derive(InputObject, Clone, Debug)]
pub struct RemoveIdentityDocumentInput {
    /// The identity document.
    pub identity_document_id: ID,
}

/// Answer of `removeIdentityDocument`.
#[derive(SimpleObject, Clone, Debug)]
pub struct RemoveIdentityDocumentPayload {
    /// Id of the document that is gone.
    pub removed_id: Option<ID>,
    /// Why nothing was removed; empty when it was.
    pub user_errors: Vec<UserError>,
}

/// What an officer reads from an original.
#[derive(InputObject, Clone)]
pub struct VerifyIdentityInput {
    /// The person at the counter.
    pub person_id: ID,
    /// The identity document that she claims. With it the number must be the claimed one; without it the document is recorded
    /// as read.
    pub identity_document_id: Option<ID>,
    /// Kind of the original.
    pub kind: IdentityDocumentKind,
    /// The number as printed on the original.
    pub document_number: String,
    /// Issuing state of a passport, ISO 3166-1 alpha-3; only for `PASSPORT`.
    pub issuing_state: Option<String>,
    /// First day of validity.
    pub valid_from: Option<Date>,
    /// Last day of validity.
    pub valid_until: Option<Date>,
    /// The name in Chinese characters as printed on the original; another than the person's is refused, one that was not known is hers from now on.
    pub name_zh: Option<String>,
    /// The name in Latin letters as printed on the original; another than the person's is refused, one that was not known is hers from now on.
    pub name_latin: Option<String>,
    /// The `version` of the person that was shown; may be left out where the officer has not seen her data yet.
    pub expected_version: Option<i64>,
}

/// Answer of `verifyIdentity`.
#[derive(SimpleObject, Clone, Debug)]
pub struct VerifyIdentityPayload {
    /// The person: the one asked about, or the one she turned out to be.
    pub person: Option<PersonObject>,
    /// The verified identity document.
    pub identity_document: Option<IdentityDocumentObject>,
    /// The id that leads to `person` from now on, where two persons became one.
    pub merged_id: Option<ID>,
    /// What is unusual about the number.
    pub warnings: Vec<NumberWarning>,
    /// Why nothing was verified; empty when it was.
    pub user_errors: Vec<UserError>,
}

/// What is to be shown in full, and why.
#[derive(InputObject, Clone, Debug)]
pub struct RevealPersonalDataInput {
    /// Whose data.
    pub person_id: ID,
    /// What.
    pub field: PersonalDataField,
    /// Of which identity document, for `IDENTITY_DOCUMENT_NUMBER`.
    pub identity_document_id: Option<ID>,
    /// Why. `OWN_DATA` for one's own data and for nothing else.
    pub purpose: AccessPurpose,
    /// Why, in words, at most 500 characters; staff must say. The person concerned can read it.
    pub reason: Option<String>,
}

/// Answer of `revealPersonalData`.
#[derive(SimpleObject, Clone)]
pub struct RevealPersonalDataPayload {
    /// The value in full. Do not store it.
    pub value: Option<String>,
    /// The entry in the access log of the person concerned.
    pub access_id: Option<ID>,
    /// Why nothing is shown; empty when it is.
    pub user_errors: Vec<UserError>,
}

/// Mutations about persons.
#[derive(Default, Debug)]
pub struct PersonMutation;

/// Mutations about persons.
#[Object]
impl PersonMutation {
    /// Changes the caller's own names, birth date, sex, nationality and preferred language. What is left out stays, `null`
    /// takes away what may be missing.
    ///
    /// Once an original was verified, only an officer adds a name, and what its number told is not changed. User errors:
    /// TOO_LONG, MALFORMED, NOT_ALLOWED, IN_FUTURE, TOO_EARLY, DOCUMENT_VERIFIED, CONFLICT.
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: UpdateProfileInput,
    ) -> Option<Result<UpdateProfilePayload, ApiError>> {
        let nulls = [
            ("nameZh", input.name_zh.is_null()),
            ("nameLatin", input.name_latin.is_null()),
            ("birthDate", input.birth_date.is_null()),
            ("sex", input.sex.is_null()),
            ("nationality", input.nationality.is_null()),
            ("preferredLanguage", input.preferred_language.is_null()),
        ];
        let cleared = nulls.into_iter().filter(|(_, null)| *null).map(|(field, _)| field).collect();
        let person = PersonInput {
            name_zh: input.name_zh.take(),
            name_latin: input.name_latin.take(),
            birth_date: input.birth_date.take().map(|d| d.0),
            sex: input.sex.take(),
            nationality: input.nationality.take(),
        };
        let language = input.preferred_language.take().map(Into::into);
        let command = UpdateProfile { person, cleared, language, expected_version: input.expected_version };
        let result = profile::update_profile(ctx.portal(), ctx.actor(), command).await;
        payload(
            ctx.ctx(),
            result,
            |person| UpdateProfilePayload { person: Some(PersonObject(person)), viewer: Viewer::of(ctx.actor()), user_errors: Vec::new() },
            |user_errors| UpdateProfilePayload { person: None, viewer: None, user_errors },
        )
    }

    /// Registers a person without an account, at a window. For window officers. User errors: REQUIRED, TOO_LONG,
    /// MALFORMED, NOT_ALLOWED, IN_FUTURE, TOO_EARLY, IDEMPOTENCY_KEY_REUSED.
    async fn register_person(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RegisterPersonInput,
    ) -> Option<Result<RegisterPersonPayload, ApiError>> {
        let person = PersonInput {
            name_zh: input.name_zh,
            name_latin: input.name_latin,
            birth_date: input.birth_date.map(|d| d.0),
            sex: input.sex,
            nationality: input.nationality,
        };
        let result = profile::register_person(ctx.portal(), ctx.actor(), RegisterPerson { person, idempotency_key: input.idempotency_key }).await;
        payload(
            ctx.ctx(),
            result,
            |person| RegisterPersonPayload { person: Some(PersonObject(person)), user_errors: Vec::new() },
            |user_errors| RegisterPersonPayload { person: None, user_errors },
        )
    }

    /// Adds an identity document that the caller claims to hold. An officer verifies it from the original. User errors:
    /// REQUIRED, MALFORMED, CHECK_DIGIT_WRONG, DOCUMENT_MISMATCH, NOT_ALLOWED, IN_FUTURE, PERIOD_REVERSED,
    /// ALREADY_EXISTS, TOO_MANY, IDEMPOTENCY_KEY_REUSED.
    async fn add_identity_document(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: AddIdentityDocumentInput,
    ) -> Option<Result<AddIdentityDocumentPayload, ApiError>> {
        let command = AddDocument {
            kind: input.kind,
            document_number: input.document_number,
            issuing_state: input.issuing_state,
            valid_from: input.valid_from.map(|d| d.0),
            valid_until: input.valid_until.map(|d| d.0),
        };
        let result = identity::add_document(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await;
        payload(
            ctx.ctx(),
            result,
            |added| AddIdentityDocumentPayload { identity_document: Some(added.document.into()), warnings: added.warnings, user_errors: Vec::new() },
            |user_errors| AddIdentityDocumentPayload { identity_document: None, warnings: Vec::new(), user_errors },
        )
    }

    /// Removes an identity document of the caller's own that nobody has verified. User errors: NOT_FOUND,
    /// DOCUMENT_VERIFIED.
    async fn remove_identity_document(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RemoveIdentityDocumentInput,
    ) -> Option<Result<RemoveIdentityDocumentPayload, ApiError>> {
        let id = match decode(&input.identity_document_id, "input.identityDocumentId") {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        let result = identity::remove_document(ctx.portal(), ctx.actor(), id).await;
        payload(
            ctx.ctx(),
            result,
            |id| RemoveIdentityDocumentPayload { removed_id: Some(encode(id)), user_errors: Vec::new() },
            |user_errors| RemoveIdentityDocumentPayload { removed_id: None, user_errors },
        )
    }

    /// Verifies the identity of a person from an original document that the officer reads. For window officers.
    ///
    /// The number is compared without being shown. Two persons may become one; the answer says which id leads where.
    /// User errors: REQUIRED, MALFORMED, TOO_LONG, CHECK_DIGIT_WRONG, NOT_ALLOWED, IN_FUTURE, PERIOD_REVERSED,
    /// DOCUMENT_EXPIRED, NOT_FOUND, OWN_CASE, DOCUMENT_MISMATCH, NAME_MISMATCH, DOCUMENT_TAKEN, MERGE_IMPOSSIBLE, CONFLICT.
    async fn verify_identity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: VerifyIdentityInput,
    ) -> Option<Result<VerifyIdentityPayload, ApiError>> {
        let ids = decode(&input.person_id, "input.personId")
            .and_then(|person| Ok((person, decode_option(input.identity_document_id.as_ref(), "input.identityDocumentId")?)));
        let (person, document) = match ids {
            Ok(ids) => ids,
            Err(error) => return Some(Err(error)),
        };
        let original = AddDocument {
            kind: input.kind,
            document_number: input.document_number,
            issuing_state: input.issuing_state,
            valid_from: input.valid_from.map(|d| d.0),
            valid_until: input.valid_until.map(|d| d.0),
        };
        let typed = |name: Option<String>| name.map(|n| n.trim().to_owned()).filter(|n| !n.is_empty());
        let name = PersonName { zh: typed(input.name_zh), latin: typed(input.name_latin) };
        let command = VerifyIdentity { person, document, original, name, expected_version: input.expected_version };
        let result = identity::verify_identity(ctx.portal(), ctx.actor(), command).await;
        payload(
            ctx.ctx(),
            result,
            |verified| VerifyIdentityPayload {
                person: Some(PersonObject(verified.person)),
                identity_document: Some(verified.document.into()),
                merged_id: verified.merged.map(encode),
                warnings: verified.warnings,
                user_errors: Vec::new(),
            },
            |user_errors| VerifyIdentityPayload { person: None, identity_document: None, merged_id: None, warnings: Vec::new(), user_errors },
        )
    }

    /// Shows personal data in full, for a stated purpose. Limited per hour; the person concerned sees it in her access
    /// log. User errors: NOT_ALLOWED, REASON_REQUIRED, TOO_LONG, REQUIRED, NOT_FOUND.
    async fn reveal_personal_data(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RevealPersonalDataInput,
    ) -> Option<Result<RevealPersonalDataPayload, ApiError>> {
        let ids = decode(&input.person_id, "input.personId")
            .and_then(|person| Ok((person, decode_option(input.identity_document_id.as_ref(), "input.identityDocumentId")?)));
        let (person, document) = match ids {
            Ok(ids) => ids,
            Err(error) => return Some(Err(error)),
        };
        let command = RevealPersonalData { person, field: input.field, document, purpose: input.purpose, reason: input.reason.unwrap_or_default() };
        let result = access::reveal_personal_data(ctx.portal(), ctx.actor(), command).await;
        payload(
            ctx.ctx(),
            result,
            |revealed| RevealPersonalDataPayload { value: Some(revealed.value), access_id: Some(encode(revealed.access)), user_errors: Vec::new() },
            |user_errors| RevealPersonalDataPayload { value: None, access_id: None, user_errors },
        )
    }
}
