//! What the viewer sees of her account.

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;

use crate::account::model::contact::{Contact, ContactKind};
use crate::account::{policy, store};
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{AccountId, ContactPointId};
use crate::kernel::seal::Place;
use crate::kernel::text::Language;
use crate::person::service::keys;
use crate::person::service::profile::LanguageSetting;
use crate::portal::Portal;

/// A contact point as its owner sees it.
#[derive(Debug)]
pub struct ContactView {
    /// Its id.
    pub id: ContactPointId,
    /// Kind.
    pub kind: ContactKind,
    /// Masked.
    pub masked: String,
    /// Whether it was confirmed.
    pub verified: bool,
}

/// The language of the caller's account.
pub async fn language(portal: &Portal, actor: &Actor) -> Result<Language, Fault> {
    let member = policy::signed_in(actor)?;
    Ok(store::account(portal.db.read(), member.account).await?.ok_or(Fault::Unauthenticated)?.language)
}

/// Lets `updateProfile` set the language of an account. Registered in `app`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetLanguage;

#[async_trait]
impl LanguageSetting for SetLanguage {
    async fn set(&self, txn: &DatabaseTransaction, account: AccountId, language: Language) -> Result<bool, Fault> {
        Ok(store::set_language(txn, account, language).await?)
    }
}

/// The caller's contact points, masked, oldest first.
pub async fn contact_points(portal: &Portal, actor: &Actor) -> Result<Vec<ContactView>, Fault> {
    let member = policy::signed_in(actor)?;
    let account = store::account(portal.db.read(), member.account).await?.ok_or(Fault::Unauthenticated)?;
    // Sealed for the person as whom she signed up, who may redirect to another by now.
    let key = keys::data_key(portal, account.person).await?;
    let rows = store::contacts(portal.db.read(), member.account).await?;
    rows.into_iter()
        .map(|row| {
            let plain = key.open(Place::new("contact_point", "value_sealed", row.id.0), &row.sealed);
            let contact = plain.as_deref().and_then(|p| std::str::from_utf8(p).ok()).and_then(Contact::stored);
            let contact = contact.ok_or_else(|| Fault::bug("a sealed contact point does not open"))?;
            Ok(ContactView { id: row.id, kind: row.kind, masked: contact.masked(), verified: row.verified_at.is_some() })
        })
        .collect()
}

/// Whether roles of the caller wait for a second factor: she holds one of staff, and has shown none in this session.
pub async fn second_factor_needed(portal: &Portal, actor: &Actor) -> Result<bool, Fault> {
    let member = policy::signed_in(actor)?;
    Ok(!member.second_factor && store::holds_staff_role(portal.db.read(), member.account, portal.env.now()).await?)
}
