//! Reading the catalogue.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::NaiveDate;
use sea_orm::ConnectionTrait;

use crate::catalogue::model::bundle::vocabulary;
use crate::catalogue::model::item::{CompiledVersion, Item, ItemArea, TalentClass, VersionState};
use crate::catalogue::model::offering::{Offering, Route};
use crate::catalogue::model::version::Audience;
use crate::catalogue::{policy, store};
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{ItemId, ItemVersionId, OfferingId};
use crate::kernel::page::{Page, PageRequest};
use crate::organisation::model::reference::lies_in;
use crate::portal::Portal;

/// Compiled versions of this process, a [`Portal`] part. Versions never change, so that nothing ever leaves.
#[derive(Debug, Default)]
pub struct CompiledVersions(RwLock<HashMap<ItemVersionId, Arc<CompiledVersion>>>);

impl CompiledVersions {
    fn get(&self, id: ItemVersionId) -> Option<Arc<CompiledVersion>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn put(&self, version: Arc<CompiledVersion>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(version.id, version);
    }
}

/// What a list of items is narrowed to.
#[derive(Clone, Copy, Debug, Default)]
pub struct ItemFilter {
    /// Of this area of life.
    pub area: Option<ItemArea>,
    /// That serve this audience.
    pub audience: Option<Audience>,
}

/// Name of the order of the list of items, for its cursors.
pub const BY_CODE: &str = "code";

/// A page of items in the order of their codes.
pub async fn item_page(portal: &Portal, actor: &Actor, filter: ItemFilter, request: &PageRequest) -> Result<Page<Item>, Fault> {
    policy::may_read(actor)?;
    let after = request.after.as_ref().and_then(|keys| keys.first()).map(String::as_str);
    let rows = store::items_page(portal.db.read(), filter.area, filter.audience, after, request.limit()).await?;
    let page = Page::cut(rows, request, BY_CODE, |item| vec![item.code.clone()]);
    Ok(page.counted(request, store::count_items(portal.db.read(), filter.area, filter.audience)).await?)
}

/// The item with this code.
pub async fn item_by_code(portal: &Portal, code: &str) -> Result<Option<Item>, Fault> {
    Ok(store::item_by_code(portal.db.read(), code).await?)
}

/// Items by id; those that do not exist are missing.
pub async fn items_by_ids(portal: &Portal, ids: &[ItemId]) -> Result<HashMap<ItemId, Item>, Fault> {
    Ok(store::items(portal.db.read(), ids).await?.into_iter().map(|item| (item.id, item)).collect())
}

/// A version ready for use, from the process's cache.
///
/// Errors: [`Fault::NotFound`] where there is none, an inner fault where it does not compile any more.
pub async fn version(portal: &Portal, id: ItemVersionId) -> Result<Arc<CompiledVersion>, Fault> {
    version_in(portal, portal.db.read(), id).await
}

/// The same inside a transaction, which must not wait for a second connection.
pub async fn version_in(portal: &Portal, db: &impl ConnectionTrait, id: ItemVersionId) -> Result<Arc<CompiledVersion>, Fault> {
    versions_in(portal, db, &[id]).await?.remove(&id).ok_or(Fault::NotFound)
}

/// Versions ready for use; one statement for those that the process has not compiled yet.
pub async fn versions(portal: &Portal, ids: &[ItemVersionId]) -> Result<HashMap<ItemVersionId, Arc<CompiledVersion>>, Fault> {
    versions_in(portal, portal.db.read(), ids).await
}

/// The same inside a transaction.
pub async fn versions_in(portal: &Portal, db: &impl ConnectionTrait, ids: &[ItemVersionId]) -> Result<HashMap<ItemVersionId, Arc<CompiledVersion>>, Fault> {
    let cache = portal.part::<CompiledVersions>()?;
    let mut found = HashMap::with_capacity(ids.len());
    let mut missing = Vec::new();
    for id in ids {
        match cache.get(*id) {
            Some(version) => {
                found.insert(*id, version);
            }
            None => missing.push(*id),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    for row in store::versions(db, &missing).await? {
        let vocabulary = vocabulary().map_err(|problem| Fault::internal(anyhow::anyhow!("{problem}")))?;
        let id = row.id;
        let compiled = CompiledVersion::compile(row, vocabulary)
            .map_err(|problems| Fault::internal(anyhow::anyhow!("a stored version does not compile: {problems:?}")))?;
        let compiled = Arc::new(compiled);
        cache.put(compiled.clone());
        found.insert(id, compiled);
    }
    Ok(found)
}

/// The version of each item that is published and in force on a day: of the newest edition in force, the newest version.
pub async fn current_versions(portal: &Portal, items: &[ItemId], on: NaiveDate) -> Result<HashMap<ItemId, Arc<CompiledVersion>>, Fault> {
    let heads = store::version_heads(portal.db.read(), items).await?;
    let mut current: HashMap<ItemId, store::VersionHead> = HashMap::new();
    for head in heads {
        if head.state != VersionState::Published || head.in_force_from > on || head.in_force_to.is_some_and(|to| to < on) {
            continue;
        }
        let newer = current.get(&head.item_id).is_none_or(|c| (c.in_force_from, c.number) < (head.in_force_from, head.number));
        if newer {
            current.insert(head.item_id, head);
        }
    }
    let ids: Vec<ItemVersionId> = current.values().map(|head| head.id).collect();
    Ok(versions(portal, &ids).await?.into_values().map(|version| (version.item_id, version)).collect())
}

/// Offerings by id, read inside or outside a transaction. One statement at most.
pub async fn offerings_by_ids(db: &impl ConnectionTrait, ids: &[OfferingId]) -> Result<HashMap<OfferingId, Offering>, Fault> {
    Ok(store::offerings_by_ids(db, ids).await?.into_iter().map(|o| (o.id, o)).collect())
}

/// Offerings of items that are in force on a day, by item.
pub async fn offerings_of_items(portal: &Portal, items: &[ItemId], on: NaiveDate) -> Result<HashMap<ItemId, Vec<Offering>>, Fault> {
    let mut by_item: HashMap<ItemId, Vec<Offering>> = HashMap::new();
    for offering in store::offerings_of_items(portal.db.read(), items, Some(on)).await? {
        if offering.terms.in_force(on) {
            by_item.entry(offering.item).or_default().push(offering);
        }
    }
    Ok(by_item)
}

/// What a list of offerings is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct OfferingFilter {
    /// Of units of this region or of one that lies in it.
    pub region: Option<String>,
    /// Of units of this zone.
    pub zone: Option<String>,
}

/// Name of the order of a list of offerings, for its cursors.
pub const BY_REGION: &str = "offering";

/// A page of offerings that are read already, by region, first day and id.
///
/// Errors: [`Fault::BadRequest`] at `regionCode` that is not of six digits.
pub fn offering_page(mut rows: Vec<Offering>, filter: &OfferingFilter, request: &PageRequest) -> Result<Page<Offering>, Fault> {
    if filter.region.as_deref().is_some_and(|code| code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit())) {
        return Err(Fault::bad_request("regionCode"));
    }
    let keys = |row: &Offering| vec![row.region.clone(), row.terms.effective_from.to_string(), row.id.0.to_string()];
    rows.retain(|row| filter.region.as_deref().is_none_or(|region| lies_in(&row.region, region)));
    rows.retain(|row| filter.zone.is_none() || row.zone == filter.zone);
    rows.sort_by_cached_key(keys);
    let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    if let Some(after) = &request.after {
        rows.retain(|row| keys(row) > *after);
    }
    let page = Page::cut(rows, request, BY_REGION, keys);
    Ok(Page { total: request.total.then_some(total), ..page })
}

/// Where a case of an item goes on a day: the offering in force of the unit that the closest route names.
pub async fn route(portal: &Portal, item: ItemId, asked: Route<'_>, on: NaiveDate) -> Result<Option<Offering>, Fault> {
    let db = portal.db.read();
    let mut fitting: Vec<_> = store::routes(db, item).await?.into_iter().filter_map(|r| r.fit(&asked).map(|fit| (fit, r.unit))).collect();
    // Stable: among equals the row that was made first.
    fitting.sort_by_key(|(fit, _)| std::cmp::Reverse(*fit));
    let offerings = store::offerings_of_items(db, &[item], Some(on)).await?;
    Ok(fitting.into_iter().find_map(|(_, unit)| offerings.iter().find(|o| o.unit == unit && o.terms.in_force(on)).cloned()))
}

/// The talent classes in order.
pub async fn class_list(portal: &Portal, actor: &Actor) -> Result<Vec<TalentClass>, Fault> {
    policy::may_read(actor)?;
    Ok(store::classes(portal.db.read()).await?)
}
