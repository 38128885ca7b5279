//! From announcements to notices.
//!
//! A reader of positions: what was announced is read in its order, and notices, their deliveries and the position are
//! written in one transaction, so that a process that dies in between leaves nothing half done. Of processes that read at
//! once one goes on; and a notice that was written is not written again whatever is read twice.

use std::collections::HashMap;

use sea_orm::DatabaseTransaction;
use serde_json::{Value, json};

use crate::account::model::contact::ContactKind;
use crate::account::service::{grants, letters};
use crate::application::service::news::{News, news};
use crate::audit::model::{Announcement, Message};
use crate::audit::service as audit;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{AccountId, ApplicationId, DeviceId, GrantId, NoticeId, PersonId, TypedId as _};
use crate::kernel::role::Role;
use crate::notice::model::cause::{Audience, Cause};
use crate::notice::model::channel::{Channel, Choices};
use crate::notice::model::words::About;
use crate::notice::service::delivery::{self, Channels};
use crate::notice::service::preferences;
use crate::notice::service::subject::Subjects;
use crate::notice::store::{self, NoticeRow};
use crate::organisation::service as organisation;
use crate::person::service as persons;
use crate::portal::Portal;

/// Name of the cursor.
const READER: &str = "notice";
/// Announcements of one transaction.
const BATCH: i64 = 64;
/// The announcement of an event of a case; its data name the event by `kind` and `version`, and where the clock passed a mark
/// the `mark`.
const CASE_EVENT: &str = "APPLICATION_CHANGED";
/// Kind of the objects that are cases.
pub const CASE: &str = "APPLICATION";
/// Kind of the objects that are roles given.
pub const GRANT: &str = "GRANT";

/// A cause with those whom it concerns.
struct Told {
    cause: Cause,
    to: Vec<PersonId>,
    about: About,
}

/// Reads what was announced since, and writes the notices; gives how many announcements were done.
pub async fn follow(portal: &Portal) -> Result<usize, Fault> {
    let (from, heard) = audit::announced_to(portal, READER, BATCH).await?;
    let Some(to) = heard.last().map(|last| last.position) else { return Ok(0) };
    let mut told = Vec::new();
    for one in &heard {
        match told_by(portal, one).await {
            Ok(found) => told.extend(found.into_iter().map(|told| (one, told))),
            // Nothing is wrong with the announcement where the database does not answer.
            Err(Fault::Unavailable(cause)) => return Err(Fault::Unavailable(cause)),
            Err(fault) => tracing::error!(position = one.position, kind = one.kind, fault = ?fault, "an announcement could not be turned into a notice"),
        }
    }
    let ids: Vec<PersonId> = told.iter().flat_map(|(_, told)| told.to.iter().copied()).collect();
    let now_are = persons::persons_of(portal.db.read(), &ids).await?;
    let now_is = |id: &PersonId| now_are.get(id).map_or(*id, |person| person.id);
    let reach = Reach::of(portal, &ids.iter().map(now_is).collect::<Vec<_>>()).await?;
    let txn = portal.db.begin_write().await?;
    if !audit::read_on(&txn, READER, from, to).await? {
        return Ok(0);
    }
    for (one, Told { cause, to, about }) in told {
        for person in to.iter().map(now_is) {
            let row = NoticeRow {
                id: NoticeId::new(&portal.env),
                person,
                cause,
                object_kind: one.object_kind.clone(),
                object: one.object_id,
                occurrence: occurrence(one),
                about: about.clone(),
                created_at: portal.env.now(),
                read_at: None,
            };
            if store::insert_notice(&txn, &row).await? {
                reach.deliver(portal, &txn, &row).await?;
            }
        }
    }
    portal.commit(txn).await?;
    Ok(heard.len())
}

/// Which of the causes of its kind it is: that of an event by its number, so that one which is announced again is told once;
/// any other by its position. A mark of the clock raises no version.
fn occurrence(one: &Announcement) -> i64 {
    let event = one.kind == CASE_EVENT && one.data["mark"].is_null();
    one.data["version"].as_i64().filter(|_| event).unwrap_or(one.position)
}

/// The causes that an announcement tells, with whom they concern; none for what is no cause.
async fn told_by(portal: &Portal, one: &Announcement) -> Result<Vec<Told>, Fault> {
    let named = |field: &str| one.data[field].as_str();
    let code = if one.kind == CASE_EVENT { named("mark").or(named("kind")).unwrap_or_default() } else { one.kind.as_str() };
    let cause = Cause::told_by(code);
    match one.object_kind.as_str() {
        // Any event may let an employer be asked.
        CASE if cause.is_some() || (one.kind == CASE_EVENT && !code.is_empty()) => {
            let event = one.data["version"].as_i64().filter(|_| one.kind == CASE_EVENT);
            let Some(news) = news(portal, ApplicationId(one.object_id), event).await? else { return Ok(Vec::new()) };
            let mut told = Vec::new();
            for cause in cause.into_iter().chain(news.asks.map(|_| Cause::ConfirmationNeeded)) {
                let to = concerned(portal, cause.rule().1, &news, &one.data).await?;
                told.push(Told { cause, to, about: About { item: Some(news.item.clone()), number: news.number.clone() } });
            }
            Ok(told)
        }
        GRANT => {
            let Some(cause) = cause else { return Ok(Vec::new()) };
            let holder = grants::grantee(portal.db.read(), GrantId(one.object_id)).await?;
            Ok(holder.map(|holder| Told { cause, to: vec![holder], about: About::default() }).into_iter().collect())
        }
        kind => {
            let Some(cause) = cause else { return Ok(Vec::new()) };
            let owned = portal.part::<Subjects>()?.owned(portal, kind, one.object_id).await?;
            let told = owned.map(|owned| Told { cause, to: vec![owned.owner], about: About { item: Some(owned.name), number: None } });
            Ok(told.into_iter().collect())
        }
    }
}

/// Whom a cause concerns of those who have to do with a case.
async fn concerned(portal: &Portal, audience: Audience, news: &News, data: &Value) -> Result<Vec<PersonId>, Fault> {
    let (db, now) = (portal.db.read(), portal.env.now());
    let office = async |roles: &[Role]| -> Result<Vec<PersonId>, Fault> {
        let Some(unit) = news.unit else { return Ok(Vec::new()) };
        let units: Vec<_> = organisation::lineage(db, unit).await?.iter().map(|unit| unit.id).collect();
        grants::nearest_holders(db, roles, &units, now).await
    };
    // The announcement may name the role.
    let named = data["role"].as_str().and_then(|role| role.parse::<Role>().ok());
    let leaders = async |roles: &'static [Role]| match &named {
        Some(role) => office(std::slice::from_ref(role)).await,
        None => office(roles).await,
    };
    let handler = async |roles: &'static [Role]| match news.claimed_by {
        Some(officer) => Ok(vec![officer]),
        None => leaders(roles).await,
    };
    match audience {
        Audience::Applicant => Ok(vec![news.applicant]),
        Audience::ApplicantIfForHer => Ok(if news.for_another { vec![news.applicant] } else { Vec::new() }),
        Audience::Confirmers => match news.asks {
            Some(body) => grants::holders_for_body(db, &[Role::EmployerConfirmer], body, now).await,
            None => Ok(Vec::new()),
        },
        Audience::Handler(roles) => handler(roles).await,
        Audience::Office(roles) => leaders(roles).await,
        Audience::OtherSide(roles) => {
            if data["to"] == "STAFF" {
                handler(roles).await
            } else {
                Ok(vec![news.applicant])
            }
        }
        // A case is nobody's but the applicant's.
        Audience::Owner => Ok(vec![news.applicant]),
    }
}

/// Where persons are reached besides their inbox.
struct Reach {
    accounts: HashMap<PersonId, (AccountId, Vec<ContactKind>)>,
    choices: HashMap<AccountId, Choices>,
    devices: HashMap<AccountId, Vec<DeviceId>>,
    open: Channels,
}

impl Reach {
    /// Of these persons, who are who they are now.
    async fn of(portal: &Portal, persons: &[PersonId]) -> Result<Self, Fault> {
        let db = portal.db.read();
        let accounts = letters::reached(db, persons).await?;
        let ids: Vec<AccountId> = accounts.values().map(|(account, _)| *account).collect();
        let open = *portal.part::<Channels>()?;
        let mut devices: HashMap<AccountId, Vec<DeviceId>> = HashMap::new();
        if open.push {
            for device in store::devices(db, &ids).await? {
                devices.entry(device.account).or_default().push(device.id);
            }
        }
        Ok(Self { accounts, choices: preferences::choices(db, &ids).await?, devices, open })
    }

    /// Puts the deliveries of a notice into the outbox: each is an object of its own, so that none waits for another.
    async fn deliver(&self, portal: &Portal, txn: &DatabaseTransaction, notice: &NoticeRow) -> Result<(), Fault> {
        let Some((account, kinds)) = self.accounts.get(&notice.person) else { return Ok(()) };
        let nothing = Choices::default();
        for channel in self.choices.get(account).unwrap_or(&nothing).channels(notice.cause.group()) {
            let deliveries = match channel {
                Channel::Email if kinds.contains(&ContactKind::Email) => vec![json!({ "notice": notice.id.0, "account": account.0 })],
                Channel::Sms if self.open.sms && kinds.contains(&ContactKind::Mobile) => vec![json!({ "notice": notice.id.0, "account": account.0 })],
                Channel::Push => {
                    let devices = self.devices.get(account).into_iter().flatten();
                    devices.map(|device| json!({ "notice": notice.id.0, "account": account.0, "device": device.0 })).collect()
                }
                Channel::Email | Channel::Sms => Vec::new(),
            };
            for data in deliveries {
                let message = Message::new(delivery::kind(channel), delivery::OBJECT, portal.env.uuid()).data(data).work();
                audit::announce(txn, portal, message).await?;
            }
        }
        Ok(())
    }
}
