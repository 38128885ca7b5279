//! What leaves the portal for a notice: the worker asks here what to send, if anything any more.

use serde::Deserialize;
use uuid::Uuid;

use crate::account::model::contact::ContactKind;
use crate::account::model::mail::Letter;
use crate::account::service::letters;
use crate::audit::model::Work;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{AccountId, DeviceId, NoticeId};
use crate::kernel::text::Language;
use crate::notice::model::channel::{Channel, Platform};
use crate::notice::model::words;
use crate::notice::service::devices;
use crate::notice::store::{self, NoticeRow};
use crate::portal::Portal;

/// Kind of the objects of deliveries in the outbox.
pub const OBJECT: &str = "NOTICE_DELIVERY";

/// The kind of an outbox row that sends a notice by a channel.
pub const fn kind(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "NOTICE_EMAIL",
        Channel::Sms => "NOTICE_SMS",
        Channel::Push => "NOTICE_PUSH",
    }
}

/// Which gateways there are; what has none is not put into the outbox. A part of the portal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Channels {
    /// Whether there is one for SMS.
    pub sms: bool,
    /// Whether there is one for push notices.
    pub push: bool,
}

/// What a row of the outbox names.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Named {
    notice: Uuid,
    account: Uuid,
    #[serde(default)]
    device: Option<Uuid>,
}

fn named(work: &Work) -> Result<Named, Fault> {
    serde_json::from_value(work.data.clone()).map_err(Fault::internal)
}

/// A letter about a notice, and the account that it goes to.
#[derive(Debug)]
pub struct Mail {
    /// The account.
    pub account: AccountId,
    /// What it says. Personal by whom it goes to.
    pub letter: Letter,
}

/// The letter of an outbox row in the language of the account; `None` where it reaches nobody any more.
///
/// It names the service item or card, the number of the case, and where to read on.
pub async fn mail(portal: &Portal, work: &Work, contact: ContactKind) -> Result<Option<Mail>, Fault> {
    let named = named(work)?;
    let account = AccountId(named.account);
    let Some(notice) = store::notice(portal.db.read(), NoticeId(named.notice)).await? else { return Ok(None) };
    let Some(letters::Address { language, to }) = letters::address(portal, account, Some(contact)).await? else { return Ok(None) };
    let (subject, text) = worded(portal, &notice, language)?;
    Ok(Some(Mail { account, letter: Letter { to, language, subject, text, secret: None } }))
}

fn worded(portal: &Portal, notice: &NoticeRow, language: Language) -> Result<(String, String), Fault> {
    let missing = || Fault::bug("a wording of a notice is missing");
    let words = words::words(notice.cause, &notice.about, language).ok_or_else(missing)?;
    let read_on = words::read_on(language, portal.settings.front_end_url.as_deref()).ok_or_else(missing)?;
    Ok((words.title, format!("{}\n\n{read_on}", words.text)))
}

/// A push notice: where it goes, and the id of what it is about; no words.
pub struct Push {
    /// The device.
    pub device: DeviceId,
    /// Where its token is good.
    pub platform: Platform,
    /// The token by which the push service knows it. Secret.
    pub token: String,
    /// The notice.
    pub notice: NoticeId,
}

impl std::fmt::Debug for Push {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Push({})", self.device)
    }
}

/// The push notice of an outbox row; `None` where the device was forgotten, rings for another account by now, or the account
/// is not in use any more.
pub async fn push(portal: &Portal, work: &Work) -> Result<Option<Push>, Fault> {
    let named = named(work)?;
    let (account, Some(device)) = (AccountId(named.account), named.device.map(DeviceId)) else { return Ok(None) };
    let Some(row) = store::device(portal.db.read(), device).await?.filter(|row| row.account == account) else { return Ok(None) };
    if !letters::is_active(portal, account).await? {
        return Ok(None);
    }
    let token = devices::token(portal, &row).await?;
    Ok(Some(Push { device, platform: row.platform, token, notice: NoticeId(named.notice) }))
}

/// Forgets a device that the push service does not know any more.
pub async fn gone(portal: &Portal, device: DeviceId) -> Result<(), Fault> {
    let txn = portal.db.begin_write().await?;
    store::delete_device(&txn, device, None).await?;
    portal.commit(txn).await
}
