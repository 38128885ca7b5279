//! What a holder sees of her cards, and what everybody sees of products.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::ConnectionTrait;

use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{CardId, CardProductId, CardProductVersionId};
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::text::Text;
use crate::organisation::service as organisation;
use crate::portal::Portal;
use crate::talent_card::model::card::Card;
use crate::talent_card::model::check::{Check, Counter};
use crate::talent_card::model::ledger::Balance;
use crate::talent_card::model::product::{Grade, Offer, ledger_year};
use crate::talent_card::{policy, store};

/// Order name of the list of checks.
pub const CHECK_ORDER: &str = "card-check";

/// Versions that this process has read. They never change; a product's name is read anew at the next start.
#[derive(Debug)]
pub struct OfferCache(moka::sync::Cache<CardProductVersionId, Arc<Offer>>);

impl Default for OfferCache {
    fn default() -> Self {
        Self(moka::sync::Cache::new(1000))
    }
}

/// A card with what it gives and what was used of it this year.
#[derive(Clone, Debug)]
pub struct CardView {
    /// The card.
    pub card: Card,
    /// Its version with all benefits.
    pub offer: Arc<Offer>,
    /// Balances of this year.
    pub balances: Vec<Balance>,
}

/// The caller's cards. Two statements, three where a version was not read before.
pub async fn my_cards(portal: &Portal, actor: &Actor) -> Result<Vec<CardView>, Fault> {
    let holder = policy::signed_in(actor)?.person;
    let cards = store::cards_of_holder(portal.db.read(), holder).await?;
    complete(portal, cards).await
}

/// A card of the caller; another's does not exist for her.
pub async fn card(portal: &Portal, actor: &Actor, id: CardId) -> Result<CardView, Fault> {
    let holder = policy::signed_in(actor)?.person;
    let card = store::card_of_holder(portal.db.read(), holder, id).await?.ok_or(Fault::NotFound)?;
    complete(portal, vec![card]).await?.pop().ok_or(Fault::NotFound)
}

/// Every product by its versions with their benefits. Open to everybody. One statement; a second where one was not read
/// before.
pub async fn products(portal: &Portal) -> Result<Vec<Vec<Arc<Offer>>>, Fault> {
    let ids = store::versions(portal.db.read()).await?;
    let offers = offers_of(portal, portal.db.read(), &ids).await?;
    let mut products: Vec<Vec<Arc<Offer>>> = Vec::new();
    for offer in ids.iter().filter_map(|id| offers.get(id).cloned()) {
        match products.iter_mut().find(|versions| versions.iter().any(|other| other.product.id == offer.product.id)) {
            Some(versions) => versions.push(offer),
            None => products.push(vec![offer]),
        }
    }
    Ok(products)
}

/// The versions of a product, likewise.
pub async fn versions_of(portal: &Portal, product: CardProductId) -> Result<Vec<Arc<Offer>>, Fault> {
    let hers = |versions: &Vec<Arc<Offer>>| versions.iter().any(|offer| offer.product.id == product);
    Ok(products(portal).await?.into_iter().find(hers).unwrap_or_default())
}

/// The grade of a card under its version.
pub fn grade_of<'a>(offer: &'a Offer, code: &str) -> Result<&'a Grade, Fault> {
    offer.version.grade(code).ok_or_else(|| Fault::bug("a card of a grade that its version does not have"))
}

/// Who checked a card of the caller, newest first, each with the name of the unit or body. Four statements at most.
pub async fn checks(portal: &Portal, actor: &Actor, card: CardId, request: &PageRequest) -> Result<Page<(Check, Option<Text>)>, Fault> {
    let holder = policy::signed_in(actor)?.person;
    store::card_of_holder(portal.db.read(), holder, card).await?.ok_or(Fault::NotFound)?;
    let before = request.after.as_ref().map(|keys| keys.first().and_then(|k| k.parse().ok()).ok_or(Fault::CursorInvalid)).transpose()?;
    let rows = store::checks_of_card(portal.db.read(), card, before, request.limit()).await?;
    let names = place_names(portal, &rows).await?;
    let rows = rows.into_iter().map(|check| (names.get(&check.counter).cloned(), check)).map(|(name, check)| (check, name)).collect();
    let page = Page::cut(rows, request, CHECK_ORDER, |(check, _)| vec![check.id.0.to_string()]);
    Ok(page.counted(request, store::count_checks(portal.db.read(), card)).await?)
}

/// Names of the units and bodies whose counters made these checks. Two statements at most.
pub(crate) async fn place_names(portal: &Portal, checks: &[Check]) -> Result<HashMap<Counter, Text>, Fault> {
    let units: Vec<_> = checks.iter().filter_map(|check| check.counter.unit()).collect();
    let bodies: Vec<_> = checks.iter().filter_map(|check| check.counter.body()).collect();
    let units = organisation::units_by_ids(portal.db.read(), &units).await?;
    let bodies = organisation::bodies_by_ids(portal.db.read(), &bodies).await?;
    let units = units.into_iter().map(|(id, unit)| (Counter::Unit(id), unit.name));
    Ok(units.chain(bodies.into_iter().map(|(id, body)| (Counter::Body(id), body.name))).collect())
}

/// The versions with their benefits, from the cache or by `db`, which inside a transaction is the transaction.
pub(crate) async fn offers_of(
    portal: &Portal,
    db: &impl ConnectionTrait,
    ids: &[CardProductVersionId],
) -> Result<HashMap<CardProductVersionId, Arc<Offer>>, Fault> {
    let cache = portal.part::<OfferCache>()?;
    let mut found: HashMap<_, _> = ids.iter().filter_map(|id| Some((*id, cache.0.get(id)?))).collect();
    let missing: Vec<_> = ids.iter().copied().filter(|id| !found.contains_key(id)).collect();
    if !missing.is_empty() {
        for offer in store::offers(db, &missing).await? {
            let (id, offer) = (offer.version.id, Arc::new(offer));
            cache.0.insert(id, offer.clone());
            found.insert(id, offer);
        }
    }
    Ok(found)
}

/// The version of a row that names it.
pub(crate) async fn offer_of(portal: &Portal, db: &impl ConnectionTrait, id: CardProductVersionId) -> Result<Arc<Offer>, Fault> {
    offers_of(portal, db, &[id]).await?.remove(&id).ok_or_else(|| Fault::bug("a card of a version that is not there"))
}

async fn complete(portal: &Portal, cards: Vec<Card>) -> Result<Vec<CardView>, Fault> {
    let mut versions: Vec<_> = cards.iter().map(|c| c.product_version).collect();
    versions.sort_unstable();
    versions.dedup();
    let offers = offers_of(portal, portal.db.read(), &versions).await?;
    let entitlements: Vec<CardId> = cards.iter().map(Card::entitlement).collect();
    let balances = store::balances(portal.db.read(), &entitlements, ledger_year(portal.env.today())).await?;
    cards
        .into_iter()
        .map(|card| {
            let offer = offers.get(&card.product_version).cloned().ok_or_else(|| Fault::bug("a card of a version that is not there"))?;
            let balances = balances.get(&card.entitlement()).cloned().unwrap_or_default();
            Ok(CardView { card, offer, balances })
        })
        .collect()
}
