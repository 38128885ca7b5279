//! By which channels somebody wants to be told besides her inbox.

use std::collections::{HashMap, HashSet};

use sea_orm::ConnectionTrait;

use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::AccountId;
use crate::kernel::rejection::{Code, Rejection};
use crate::notice::model::cause::Group;
use crate::notice::model::channel::{Channel, Choices};
use crate::notice::{policy, store};
use crate::portal::Portal;

/// What these accounts chose; one that chose nothing is missing.
pub async fn choices(db: &impl ConnectionTrait, accounts: &[AccountId]) -> Result<HashMap<AccountId, Choices>, Fault> {
    let mut all: HashMap<AccountId, Choices> = HashMap::new();
    for (account, group, channel, wanted) in store::choices(db, accounts).await? {
        all.entry(account).or_default().choose(group, channel, wanted);
    }
    Ok(all)
}

/// What the caller's account chose.
pub async fn preferences(portal: &Portal, actor: &Actor) -> Result<Choices, Fault> {
    let account = policy::signed_in(actor)?.account;
    Ok(choices(portal.db.read(), &[account]).await?.remove(&account).unwrap_or_default())
}

/// The channels by which notices of a group are to go.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The group.
    pub group: Group,
    /// All of its channels.
    pub channels: Vec<Channel>,
}

/// Sets the channels of the groups that are named; the others stay. The inbox has every notice whatever is chosen.
///
/// Refuses with [`Code::NotAllowed`] for a group that is named twice.
pub async fn set_preferences(portal: &Portal, actor: &Actor, wishes: &[Wish]) -> Result<Choices, Refused> {
    let member = policy::signed_in(actor)?;
    let mut seen = HashSet::new();
    let twice = wishes.iter().enumerate().filter(|(_, wish)| !seen.insert(wish.group));
    let noes: Vec<Rejection> = twice.map(|(at, _)| Rejection::at(Code::NotAllowed, &format!("input.preferences.{at}.group"))).collect();
    if !noes.is_empty() {
        return Err(Refused::Rejected(noes));
    }
    let txn = portal.db.begin_write().await?;
    for Wish { group, channels } in wishes {
        for &channel in Channel::ALL {
            store::put_choice(&txn, member.account, *group, channel, channels.contains(&channel)).await?;
        }
    }
    let groups: Vec<&str> = wishes.iter().map(|wish| wish.group.code()).collect();
    let entry = Entry::new("SET_NOTICE_PREFERENCES").object("ACCOUNT", member.account.0).person(member.person).detail("groups", groups.join(","));
    audit::record(&txn, portal, actor, entry).await?;
    let now = choices(&txn, &[member.account]).await?.remove(&member.account).unwrap_or_default();
    portal.commit(txn).await?;
    Ok(now)
}
