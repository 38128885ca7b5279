//! Devices that ring for an account.

use serde::Serialize;

use crate::audit::model::Entry;
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{DeviceId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::notice::model::channel::Platform;
use crate::notice::policy;
use crate::notice::store::{self, DeviceRow};
use crate::person::service::keys;
use crate::portal::Portal;

/// Kind of object in the trail.
const DEVICE: &str = "DEVICE";
/// The most devices of one account.
pub const DEVICES_MAX: usize = 20;
/// The most characters of a token; those of web push hold an address and keys.
pub const TOKEN_MAX: usize = 4096;

/// A device as stored, for its owner; its token is shown to nobody.
pub type Device = DeviceRow;

/// Registers a device.
#[derive(Serialize)]
pub struct RegisterDevice {
    /// Where the token is good.
    pub platform: Platform,
    /// The token by which the push service knows the device. Secret.
    pub token: String,
}

fn place(id: DeviceId) -> Place {
    Place::new("notice_device", "token_sealed", id.0)
}

/// Lets a device ring for the caller's account, under a new id; one that was registered under the same token, also for
/// another account, rings for it no more.
///
/// Refuses with [`Code::Required`], [`Code::Malformed`] or [`Code::TooLong`] at the token, [`Code::TooMany`].
pub async fn register_device(portal: &Portal, actor: &Actor, command: RegisterDevice, idempotency_key: &str) -> Result<Device, Refused> {
    let member = policy::signed_in(actor)?;
    let wrong = match command.token.as_str() {
        "" => Some(Rejection::at(Code::Required, "input.token")),
        long if long.len() > TOKEN_MAX => Some(Rejection::at(Code::TooLong, "input.token").number("max", 4096)),
        odd if !odd.bytes().all(|b| b.is_ascii_graphic()) => Some(Rejection::at(Code::Malformed, "input.token")),
        _ => None,
    };
    if let Some(wrong) = wrong {
        return Err(wrong.into());
    }
    let key = keys::ensure_key(portal, member.person).await?;
    let id = DeviceId::new(&portal.env);
    let row = DeviceRow {
        id,
        account: member.account,
        key_owner: member.person,
        platform: command.platform,
        token_sealed: key.seal(&portal.env, place(id), command.token.as_bytes()),
        registered_at: portal.env.now(),
    };
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "registerDevice", idempotency_key, &command, id.0).await? {
        return Ok(store::device(&txn, DeviceId(made)).await?.filter(|row| row.account == member.account).ok_or(Fault::NotFound)?);
    }
    store::put_device(&txn, &row, &portal.keyring.blind_index("PUSH_TOKEN", &command.token)).await?;
    if store::devices(&txn, &[member.account]).await?.len() > DEVICES_MAX {
        return Err(Rejection::new(Code::TooMany).number("max", 20).into());
    }
    let entry = Entry::new("REGISTER_DEVICE").object(DEVICE, id.0).person(member.person).detail("platform", row.platform.code());
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(row)
}

/// Lets a device ring no more.
///
/// Refuses with [`Code::NotFound`] where it is none of the caller's.
pub async fn forget_device(portal: &Portal, actor: &Actor, id: DeviceId) -> Result<DeviceId, Refused> {
    let member = policy::signed_in(actor)?;
    let txn = portal.db.begin_write().await?;
    if !store::delete_device(&txn, id, Some(member.account)).await? {
        return Err(Rejection::at(Code::NotFound, "input.deviceId").into());
    }
    audit::record(&txn, portal, actor, Entry::new("FORGET_DEVICE").object(DEVICE, id.0).person(member.person)).await?;
    portal.commit(txn).await?;
    Ok(id)
}

/// The caller's devices, oldest first.
pub async fn my_devices(portal: &Portal, actor: &Actor) -> Result<Vec<Device>, Fault> {
    let member = policy::signed_in(actor)?;
    Ok(store::devices(portal.db.read(), &[member.account]).await?)
}

/// The token of a device, opened.
pub async fn token(portal: &Portal, row: &DeviceRow) -> Result<String, Fault> {
    let key = keys::data_key(portal, row.key_owner).await?;
    let plain = key.open(place(row.id), &row.token_sealed).ok_or_else(|| Fault::bug("the token of a device does not open"))?;
    String::from_utf8(plain.to_vec()).map_err(Fault::internal)
}
