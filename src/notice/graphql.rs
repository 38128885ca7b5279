//! Inbox, preferences and devices, for the API.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use crate::api::connection::{self, Pages};
use crate::api::context::ContextExt as _;
use crate::api::error::{ApiError, UserError, nullable, payload};
use crate::api::ids::{decode, decode_list, encode};
use crate::api::scalars::Instant;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{ApplicationId, CardId, GrantId};
use crate::kernel::text::Language;
use crate::notice::model::cause::{Cause, Group};
use crate::notice::model::channel::{Channel, Choices, Platform};
use crate::notice::model::words::{Words, words};
use crate::notice::service::devices::{self, Device, RegisterDevice};
use crate::notice::service::inbox::{self, INBOX_ORDER, Notice};
use crate::notice::service::preferences::{self, Wish};

crate::api_enum!(Cause, "NoticeCause", "Why a notice was written. Causes grow: show one that you do not know by its title and text.");
crate::api_enum!(Group, "NoticeGroup", "Causes for which one chooses together where to be told.");
crate::api_enum!(Channel, "NoticeChannel", "Where a notice goes besides the inbox, in which it always is.");
crate::api_enum!(Platform, "DevicePlatform", "What a push notice goes to.");

/// A notice in the viewer's inbox.
#[derive(SimpleObject)]
#[graphql(name = "Notice")]
pub struct NoticeObject {
    /// Global id, for `markNoticesRead`; push notices name it.
    id: ID,
    /// Why it was written.
    cause: Cause,
    /// The group by which it is chosen where it goes besides the inbox.
    group: Group,
    /// Title in the reader's language.
    title: String,
    /// Text in the reader's language.
    text: String,
    /// The case that it is about, to be read by `application`.
    application_id: Option<ID>,
    /// The card that it is about, to be read by `card`.
    card_id: Option<ID>,
    /// The role that it is about.
    grant_id: Option<ID>,
    /// When it was written.
    created_at: Instant,
    /// When it was marked as read; null while it was not.
    read_at: Option<Instant>,
}

impl NoticeObject {
    fn of(row: &Notice, language: Language) -> Self {
        // A wording that is missing, which a test excludes, leaves the code.
        let Words { title, text } =
            words(row.cause, &row.about, language).unwrap_or_else(|| Words { title: row.cause.code().to_owned(), text: row.cause.code().to_owned() });
        let object = row.object;
        let of = |kind: &str| row.object_kind == kind;
        Self {
            id: encode(row.id),
            cause: row.cause,
            group: row.cause.group(),
            title,
            text,
            application_id: of("APPLICATION").then(|| encode(ApplicationId(object))),
            card_id: of("CARD").then(|| encode(CardId(object))),
            grant_id: of("GRANT").then(|| encode(GrantId(object))),
            created_at: Instant(row.created_at),
            read_at: row.read_at.map(Instant),
        }
    }
}

/// By which channels notices of a group go.
#[derive(SimpleObject)]
pub struct NoticePreference {
    /// The group.
    group: Group,
    /// The channels besides the inbox. One for which the portal has no gateway, or the account no address, tells nothing.
    channels: Vec<Channel>,
}

fn all_preferences(choices: &Choices) -> Vec<NoticePreference> {
    Group::ALL.iter().map(|&group| NoticePreference { group, channels: choices.channels(group) }).collect()
}

/// A device that rings for the viewer.
#[derive(SimpleObject)]
#[graphql(name = "Device")]
pub struct DeviceObject {
    /// Global id, for `forgetDevice`.
    id: ID,
    /// What it is.
    platform: Platform,
    /// When it was registered.
    registered_at: Instant,
}

impl From<Device> for DeviceObject {
    fn from(row: Device) -> Self {
        Self { id: encode(row.id), platform: row.platform, registered_at: Instant(row.registered_at) }
    }
}

/// Queries of the slice.
#[derive(Default)]
pub struct NoticeQuery;

#[Object]
impl NoticeQuery {
    /// The viewer's inbox, newest first.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn my_notices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
        #[graphql(desc = "Whether only those that were not read; false by default.")] unread_only: Option<bool>,
    ) -> Option<Result<Pages<NoticeObject>, ApiError>> {
        let read = async {
            let request = connection::request(ctx, first, after.as_deref(), INBOX_ORDER, 1)?;
            let page = inbox::my_notices(ctx.portal(), ctx.actor(), unread_only.unwrap_or_default(), request).await?;
            let language = ctx.language();
            Ok(connection::of(page, |row| NoticeObject::of(&row, language)))
        };
        Some(read.await)
    }

    /// How many of the viewer's notices are unread; 10000 reads "so many or more".
    async fn unread_notice_count(&self, ctx: &Context<'_>) -> Option<Result<i32, ApiError>> {
        nullable(inbox::unread(ctx.portal(), ctx.actor()).await.map(|count| Some(counted(count))))
    }

    /// By which channels the viewer is told besides her inbox: every group, also where she chose nothing.
    async fn notice_preferences(&self, ctx: &Context<'_>) -> Option<Result<Vec<NoticePreference>, ApiError>> {
        nullable(preferences::preferences(ctx.portal(), ctx.actor()).await.map(|choices| Some(all_preferences(&choices))))
    }

    /// The devices that ring for the viewer, oldest first.
    async fn my_devices(&self, ctx: &Context<'_>) -> Option<Result<Vec<DeviceObject>, ApiError>> {
        nullable(devices::my_devices(ctx.portal(), ctx.actor()).await.map(|rows| Some(rows.into_iter().map(Into::into).collect())))
    }
}

fn counted(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Marks notices as read.
#[derive(InputObject)]
pub struct MarkNoticesReadInput {
    /// The notices, at most 100; all that are unread where this is left out.
    notice_ids: Option<Vec<ID>>,
}

/// Sets by which channels to be told.
#[derive(InputObject)]
pub struct SetNoticePreferencesInput {
    /// The groups to change; others stay.
    preferences: Vec<NoticePreferenceInput>,
}

/// By which channels notices of a group are to go.
#[derive(InputObject)]
pub struct NoticePreferenceInput {
    /// The group.
    group: Group,
    /// All channels besides the inbox; none for the inbox alone.
    channels: Vec<Channel>,
}

/// Registers a device.
#[derive(InputObject)]
pub struct RegisterDeviceInput {
    /// What it is.
    platform: Platform,
    /// The token by which the push service of the platform knows the device, at most 4096 characters; for a browser its
    /// subscription in base64.
    token: String,
    /// 16 to 64 characters, new for each new registration.
    idempotency_key: String,
}

/// Forgets a device.
#[derive(InputObject)]
pub struct ForgetDeviceInput {
    /// The device.
    device_id: ID,
}

macro_rules! payloads {
    ($($(#[$meta:meta])* $name:ident { $(#[$fmeta:meta])* $field:ident: $type:ty })+) => {$(
        $(#[$meta])*
        #[derive(SimpleObject)]
        pub struct $name {
            $(#[$fmeta])*
            $field: Option<$type>,
            /// Why nothing was changed; empty when it was.
            user_errors: Vec<UserError>,
        }

        impl $name {
            fn done($field: $type) -> Self {
                Self { $field: Some($field), user_errors: Vec::new() }
            }
            fn refused(user_errors: Vec<UserError>) -> Self {
                Self { $field: None, user_errors }
            }
        }
    )+};
}

payloads! {
    /// Answer of `markNoticesRead`.
    MarkNoticesReadPayload { /// How many are unread afterwards; 10000 reads "so many or more".
        unread_notice_count: i32 }
    /// Answer of `setNoticePreferences`.
    SetNoticePreferencesPayload { /// The channels of every group afterwards.
        preferences: Vec<NoticePreference> }
    /// Answer of `registerDevice`.
    RegisterDevicePayload { /// The device.
        device: DeviceObject }
    /// Answer of `forgetDevice`.
    ForgetDevicePayload { /// Id of the device that rings no more.
        forgotten_device_id: ID }
}

type Answer<T> = Option<Result<T, ApiError>>;

macro_rules! read {
    ($decoded:expr) => {
        match $decoded {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        }
    };
}

/// Mutations of the slice.
#[derive(Default)]
pub struct NoticeMutation;

#[Object]
impl NoticeMutation {
    /// Marks notices of the viewer as read. User errors: NOT_FOUND.
    async fn mark_notices_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: MarkNoticesReadInput,
    ) -> Answer<MarkNoticesReadPayload> {
        let ids = read!(input.notice_ids.map(|ids| decode_list(&ids, "input.noticeIds")).transpose());
        let done = inbox::mark_read(ctx.portal(), ctx.actor(), ids).await;
        payload(ctx.ctx(), done, |left| MarkNoticesReadPayload::done(counted(left)), MarkNoticesReadPayload::refused)
    }

    /// Sets by which channels the viewer is told besides her inbox, which has every notice. It says what holds, whatever held
    /// before. User errors: NOT_ALLOWED (a group is named twice).
    async fn set_notice_preferences(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: SetNoticePreferencesInput,
    ) -> Answer<SetNoticePreferencesPayload> {
        if input.preferences.len() > Group::ALL.len() {
            return Some(Err(Fault::BadRequest(vec!["input".into(), "preferences".into()]).into()));
        }
        let wishes: Vec<Wish> = input.preferences.into_iter().map(|wish| Wish { group: wish.group, channels: wish.channels }).collect();
        let done = preferences::set_preferences(ctx.portal(), ctx.actor(), &wishes).await;
        payload(ctx.ctx(), done, |now| SetNoticePreferencesPayload::done(all_preferences(&now)), SetNoticePreferencesPayload::refused)
    }

    /// Lets a device ring for the viewer. A device that rang under the same token, for whomever, rings under the new id only.
    /// What is pushed holds ids alone. User errors: REQUIRED, TOO_LONG, TOO_MANY, MALFORMED, IDEMPOTENCY_KEY_REUSED.
    async fn register_device(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RegisterDeviceInput,
    ) -> Answer<RegisterDevicePayload> {
        let command = RegisterDevice { platform: input.platform, token: input.token };
        let done = devices::register_device(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await;
        payload(ctx.ctx(), done, |device| RegisterDevicePayload::done(device.into()), RegisterDevicePayload::refused)
    }

    /// Lets a device ring no more, for example when its user signs out. User errors: NOT_FOUND.
    async fn forget_device(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: ForgetDeviceInput,
    ) -> Answer<ForgetDevicePayload> {
        let id = read!(decode(&input.device_id, "input.deviceId"));
        let done = devices::forget_device(ctx.portal(), ctx.actor(), id).await;
        payload(ctx.ctx(), done, |id| ForgetDevicePayload::done(encode(id)), ForgetDevicePayload::refused)
    }
}
