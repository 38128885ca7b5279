//! Publishing the bundle, offering by units, routing.

use std::collections::HashMap;

use chrono::Days;
use sea_orm::ConnectionTrait;

use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::catalogue::model::bundle::{Bundle, BundleItem, BundleOffering, Problem, digest, vocabulary};
use crate::catalogue::model::item::{Item, TalentClass, Version, VersionState};
use crate::catalogue::model::offering::{Maker, Offering, OfferingTerms, RouteRule};
use crate::catalogue::model::version::StepKindCode;
use crate::catalogue::store::{self, VersionHead};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ItemId, ItemVersionId, OfferingId, RoutingId, TypedId as _, UnitId};
use crate::kernel::rejection::{Code, Rejection};
use crate::organisation::model::unit::UnitLevel;
use crate::organisation::service as organisation;
use crate::portal::Portal;

/// What a publication did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishReport {
    /// Number of the bundle.
    pub number: i64,
    /// The number that is published and newer, so that nothing was done.
    pub refused_for: Option<i64>,
    /// Items added.
    pub items_added: Vec<String>,
    /// Versions added, as `CODE/edition`.
    pub versions_added: Vec<String>,
    /// What the bundle would change but the API has made, as `CODE` or `CODE/edition`.
    pub conflicts: Vec<String>,
}

/// A unit and where it stands, for the binding of the bundle's offerings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitPlace {
    /// The unit.
    pub unit: UnitId,
    /// Its level.
    pub level: UnitLevel,
    /// Its region (GB/T 2260).
    pub region: String,
    /// Its zone.
    pub zone: Option<String>,
}

/// An offering to make.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The item.
    pub item: ItemId,
    /// The version.
    pub version: ItemVersionId,
    /// The unit.
    pub unit: UnitId,
    /// Region of the unit.
    pub region: String,
    /// Zone of the unit.
    pub zone: Option<String>,
    /// What it says.
    pub terms: OfferingTerms,
    /// Who makes it.
    pub maker: Maker,
}

/// What code is there for. A version that names anything else could be applied for and never carried out, so it is not
/// published. Composed by `app` from what the later slices register.
#[derive(Clone, Debug)]
pub struct Handlers {
    /// Kinds of fulfilments.
    pub fulfilments: Vec<&'static str>,
    /// Kinds of steps.
    pub steps: Vec<StepKindCode>,
}

impl Handlers {
    /// What the versions of a bundle name and nothing is registered for.
    pub fn missing(&self, bundle: &Bundle) -> Vec<Problem> {
        let mut problems = Vec::new();
        for item in &bundle.items {
            for edition in &item.versions {
                let place = format!("{}/{}", item.code, edition.edition);
                for (at, step) in edition.content.steps.iter().enumerate().filter(|(_, s)| !self.steps.contains(&s.kind)) {
                    problems.push(Problem { path: format!("{place}/steps/{at}/kind"), what: format!("no handler for steps of kind {}", step.kind) });
                }
                let kind = edition.content.fulfilment.as_ref().map(|f| f.kind.as_str());
                if let Some(kind) = kind.filter(|kind| !self.fulfilments.contains(kind)) {
                    problems.push(Problem { path: format!("{place}/fulfilment/kind"), what: format!("no fulfilment of kind {kind}") });
                }
            }
        }
        problems
    }
}

/// Everything that is wrong with the embedded bundle. Pure; empty means that it may be published.
pub fn check_bundle(handlers: &Handlers) -> Vec<Problem> {
    match (vocabulary(), Bundle::embedded()) {
        (Ok(vocabulary), Ok(bundle)) => [bundle.check(vocabulary), handlers.missing(&bundle)].concat(),
        (Ok(_), Err(problems)) => problems,
        (Err(problem), Ok(_)) => vec![problem],
        (Err(problem), Err(mut problems)) => {
            problems.insert(0, problem);
            problems
        }
    }
}

fn embedded() -> Result<Bundle, Fault> {
    Bundle::embedded().map_err(|problems| Fault::internal(anyhow::anyhow!("the embedded catalogue cannot be read: {problems:?}")))
}

/// Publishes the bundle of this binary. Idempotent.
///
/// A version is added where its content differs from the last one of its edition that a bundle made; offerings made by a
/// bundle go over to it from today on. What the API made is left and told as a conflict. A bundle older than the one
/// published last changes nothing (`refused_for`), so that a rolling restart does not go back.
pub async fn publish_bundle(portal: &Portal) -> Result<PublishReport, Fault> {
    publish_given(portal, &embedded()?).await
}

/// As [`publish_bundle`], for a given bundle.
pub async fn publish_given(portal: &Portal, bundle: &Bundle) -> Result<PublishReport, Fault> {
    let now = portal.env.now();
    let mut report = PublishReport { number: bundle.number, ..PublishReport::default() };
    let missing = portal.part::<Handlers>()?.missing(bundle);
    if !missing.is_empty() {
        return Err(Fault::internal(anyhow::anyhow!("the catalogue names what no code is registered for: {missing:?}")));
    }
    let txn = portal.db.begin_write().await?;
    if !store::raise_bundle(&txn, bundle.number, now).await? {
        report.refused_for = Some(store::bundle_number(&txn).await?);
        txn.rollback().await?;
        return Ok(report);
    }
    // Units before items, both by id, as where a unit closes: else the two could wait for each other.
    organisation::lock_units(&txn, &store::offering_units(&txn, portal.env.today()).await?).await?;
    store::lock_items(&txn).await?;
    for (position, class) in (1..).zip(&bundle.classes) {
        let class =
            TalentClass { code: class.code.clone(), position, name: class.name.clone(), verification: class.verification, source: class.source.clone() };
        store::upsert_class(&txn, &class).await?;
    }
    let mut items: HashMap<String, Item> = store::all_items(&txn).await?.into_iter().map(|i| (i.code.clone(), i)).collect();
    let ids: Vec<ItemId> = items.values().map(|i| i.id).collect();
    let mut heads: HashMap<ItemId, Vec<VersionHead>> = HashMap::new();
    for head in store::version_heads(&txn, &ids).await? {
        heads.entry(head.item_id).or_default().push(head);
    }
    for source in &bundle.items {
        let stored = items.remove(&source.code);
        let known = stored.as_ref().and_then(|i| heads.remove(&i.id)).unwrap_or_default();
        publish_item(&txn, portal, source, stored, known, &mut report).await?;
    }
    if report.changed() {
        let entry = Entry::new("PUBLISH_CATALOGUE")
            .detail("bundle", bundle.number.to_string())
            .detail("items", report.items_added.join(" "))
            .detail("versions", report.versions_added.join(" "))
            .by_system();
        audit::record(&txn, portal, &Actor::anonymous("catalogue-publish"), entry).await?;
    }
    portal.commit(txn).await?;
    Ok(report)
}

impl PublishReport {
    /// Whether an item or a version was added.
    pub const fn changed(&self) -> bool {
        !self.items_added.is_empty() || !self.versions_added.is_empty()
    }
}

async fn publish_item(
    txn: &impl ConnectionTrait,
    portal: &Portal,
    source: &BundleItem,
    stored: Option<Item>,
    mut known: Vec<VersionHead>,
    report: &mut PublishReport,
) -> Result<(), Fault> {
    let Some(newest) = source.versions.last() else { return Ok(()) };
    if stored.as_ref().is_some_and(|i| i.maker == Maker::Api) {
        report.conflicts.push(source.code.clone());
        return Ok(());
    }
    let item = Item {
        id: stored.as_ref().map_or_else(|| ItemId::new(&portal.env), |i| i.id),
        code: source.code.clone(),
        area: source.area,
        name: newest.content.name.clone(),
        verification: source.verification,
        maker: Maker::Bundle,
    };
    match &stored {
        None => {
            if !store::insert_item(txn, &item, portal.env.now()).await? {
                return Err(Fault::bug("an item appeared although the catalogue is locked"));
            }
            store::set_audience(txn, item.id, &newest.content.audience).await?;
            report.items_added.push(source.code.clone());
        }
        Some(old) if *old != item => store::update_item(txn, &item).await?,
        Some(_) => {}
    }
    let mut number = known.iter().map(|h| h.number).max().unwrap_or(0);
    for edition in &source.versions {
        let wanted = digest(&edition.content);
        let last = known.iter().rev().find(|h| h.edition == edition.edition);
        let last_of_bundle = known.iter().rev().find(|h| h.edition == edition.edition && h.maker == Maker::Bundle);
        if last_of_bundle.is_some_and(|h| h.digest == wanted) {
            continue;
        }
        let name = format!("{}/{}", source.code, edition.edition);
        if last.is_some_and(|h| h.maker == Maker::Api) {
            report.conflicts.push(name);
            continue;
        }
        number += 1;
        let version = Version {
            id: ItemVersionId::new(&portal.env),
            item: item.id,
            item_code: source.code.clone(),
            edition: edition.edition.clone(),
            number,
            digest: wanted,
            state: VersionState::Published,
            maker: Maker::Bundle,
            content: edition.content.clone(),
        };
        store::insert_version(txn, &version, portal.env.now()).await?;
        if stored.is_some() {
            store::set_audience(txn, item.id, &newest.content.audience).await?;
            let replaced: Vec<ItemVersionId> = known.iter().filter(|h| h.edition == edition.edition).map(|h| h.id).collect();
            carry_over(txn, portal, item.id, &replaced, version.id).await?;
        }
        known.push(VersionHead {
            id: version.id,
            item_id: item.id,
            edition: version.edition,
            number,
            digest: version.digest,
            state: VersionState::Published,
            maker: Maker::Bundle,
            in_force_from: version.content.in_force_from,
            in_force_to: version.content.in_force_to,
        });
        report.versions_added.push(name);
    }
    Ok(())
}

/// Offerings of the bundle that offer a replaced version end yesterday and begin anew today; those that have not begun
/// before today are withdrawn for one of the new version. Ended ones stay as they were, and so does what cases are pinned to.
async fn carry_over(txn: &impl ConnectionTrait, portal: &Portal, item: ItemId, replaced: &[ItemVersionId], version: ItemVersionId) -> Result<(), Fault> {
    let today = portal.env.today();
    for old in store::offerings_of_items(txn, &[item], Some(today)).await? {
        if old.maker != Maker::Bundle || !replaced.contains(&old.version) {
            continue;
        }
        if old.terms.effective_from >= today {
            store::withdraw_offering(txn, old.id, portal.env.now()).await?;
        } else {
            let yesterday = today.checked_sub_days(Days::new(1)).ok_or_else(|| Fault::bug("there is no day before today"))?;
            store::end_offering(txn, old.id, yesterday).await?;
        }
        let terms = OfferingTerms { effective_from: today.max(old.terms.effective_from), ..old.terms.clone() };
        let new = Offering { id: OfferingId::new(&portal.env), version, terms, ..old };
        store::insert_offering(txn, &new, portal.env.now()).await?;
    }
    Ok(())
}

/// Makes the bundle's offerings for these units, and routes the cases of their regions to them. Idempotent: a period that
/// a unit has offered already is left. The publication must have gone before. Answers the number of offerings made.
pub async fn bind_units(txn: &impl ConnectionTrait, portal: &Portal, units: &[UnitPlace]) -> Result<u32, Fault> {
    let items = store::all_items(txn).await?;
    bind_items(txn, portal, units, items).await
}

/// The same for some items.
pub(super) async fn bind_items(txn: &impl ConnectionTrait, portal: &Portal, units: &[UnitPlace], mut items: Vec<Item>) -> Result<u32, Fault> {
    let bundle = embedded()?;
    // Items are locked in one order, here and where a unit closes.
    items.sort_by_key(|item| item.id);
    let mut made = 0;
    for item in items {
        let Some(source) = bundle.items.iter().find(|source| source.code == item.code) else { continue };
        let fits = |o: &BundleOffering, unit: &UnitPlace| o.level == unit.level && (o.regions.is_empty() || o.regions.contains(&unit.region));
        if !source.offerings.iter().any(|o| units.iter().any(|unit| fits(o, unit))) {
            continue;
        }
        store::lock_item(txn, item.id).await?;
        let heads = store::version_heads(txn, &[item.id]).await?;
        let mut existing = store::offerings_of_items(txn, &[item.id], None).await?;
        let routed = store::routes(txn, item.id).await?;
        for unit in units {
            let mut offers = false;
            for wanted in source.offerings.iter().filter(|o| fits(o, unit)) {
                let Some(version) = heads.iter().rev().find(|h| h.edition == wanted.edition && h.state == VersionState::Published) else { continue };
                offers = true;
                let offering = Offering {
                    id: OfferingId::new(&portal.env),
                    item: item.id,
                    version: version.id,
                    unit: unit.unit,
                    region: unit.region.clone(),
                    zone: unit.zone.clone(),
                    terms: terms(wanted),
                    maker: Maker::Bundle,
                };
                if existing.iter().any(|o| o.unit == unit.unit && o.terms.overlaps(&offering.terms)) {
                    continue;
                }
                store::insert_offering(txn, &offering, portal.env.now()).await?;
                existing.push(offering);
                made += 1;
            }
            let rule = RouteRule { region: Some(unit.region.clone()), zone: unit.zone.clone(), category: None, unit: unit.unit };
            // A row that it took over from a closed unit may be of another region.
            if offers && !routed.contains(&rule) {
                store::insert_route(txn, RoutingId::new(&portal.env), item.id, &rule, Maker::Bundle).await?;
            }
        }
    }
    Ok(made)
}

fn terms(source: &BundleOffering) -> OfferingTerms {
    OfferingTerms {
        authority: source.authority.clone(),
        promised: source.promised,
        statutory: source.statutory,
        channels: source.channels.clone(),
        intake: source.intake.clone(),
        quota: source.quota,
        effective_from: source.effective_from,
        effective_to: source.effective_to,
        verification: source.verification,
        source: source.source.clone(),
    }
}

/// Makes an offering, inside the caller's transaction.
///
/// Errors: NOT_FOUND for an item or version that does not exist, NOT_ALLOWED without a channel, PERIOD_REVERSED, and
/// ALREADY_EXISTS where the unit offers the item in a part of the period.
pub async fn offer(txn: &impl ConnectionTrait, portal: &Portal, offer: Offer) -> Result<Offering, Refused> {
    let mut rejections = Vec::new();
    if offer.terms.channels.is_empty() {
        rejections.push(Rejection::at(Code::NotAllowed, "input.channels"));
    }
    if offer.terms.effective_to.is_some_and(|to| to < offer.terms.effective_from) {
        rejections.push(Rejection::at(Code::PeriodReversed, "input.effectiveTo"));
    }
    // The lock comes first: what is compared below cannot change before the transaction ends.
    if !store::lock_item(txn, offer.item).await? {
        rejections.push(Rejection::at(Code::NotFound, "input.item"));
    } else if !store::version_heads(txn, &[offer.item]).await?.iter().any(|h| h.id == offer.version) {
        rejections.push(Rejection::at(Code::NotFound, "input.version"));
    }
    if !rejections.is_empty() {
        return Err(Refused::Rejected(rejections));
    }
    let taken = || Refused::because(Rejection::at(Code::AlreadyExists, "input.effectiveFrom"));
    if store::offerings_of_items(txn, &[offer.item], None).await?.iter().any(|o| o.unit == offer.unit && o.terms.overlaps(&offer.terms)) {
        return Err(taken());
    }
    let offering = Offering {
        id: OfferingId::new(&portal.env),
        item: offer.item,
        version: offer.version,
        unit: offer.unit,
        region: offer.region,
        zone: offer.zone,
        terms: offer.terms,
        maker: offer.maker,
    };
    if store::insert_offering(txn, &offering, portal.env.now()).await? { Ok(offering) } else { Err(taken()) }
}

/// Adds a row of the routing, inside the caller's transaction.
pub async fn route_to(txn: &impl ConnectionTrait, portal: &Portal, item: ItemId, rule: &RouteRule) -> Result<(), Fault> {
    Ok(store::insert_route(txn, RoutingId::new(&portal.env), item, rule, Maker::Api).await?)
}
