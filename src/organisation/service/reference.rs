//! Regions, zones and the calendar: written at start from what the binary brings, read through a cache.

use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use sea_orm::ConnectionTrait;
use tokio::sync::Mutex;

use crate::kernel::fault::Fault;
use crate::organisation::model::calendar::{Calendar, DayKind};
use crate::organisation::model::reference::{CalendarBundle, PlacesBundle, calendar_bundle, places_bundle};
use crate::organisation::store;
use crate::portal::Portal;

/// Seconds for which a loaded calendar is used.
pub const CALENDAR_SECONDS: i64 = 60;

/// The calendar of the process, installed by `app`.
#[derive(Debug, Default)]
pub struct CalendarCache(Mutex<Option<(DateTime<Utc>, Arc<Calendar>)>>);

impl CalendarCache {
    async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

/// The official calendar, at most a minute old; the one of the binary where none was published. No statement while the
/// cache holds.
///
/// Never call it while a write transaction is open: it may read.
pub async fn calendar(portal: &Portal) -> Result<Arc<Calendar>, Fault> {
    let cache = portal.part::<CalendarCache>()?;
    let mut held = cache.0.lock().await;
    let now = portal.env.now();
    if let Some((loaded_at, calendar)) = &*held
        && (*loaded_at..*loaded_at + Duration::seconds(CALENDAR_SECONDS)).contains(&now)
    {
        return Ok(calendar.clone());
    }
    let calendar = Arc::new(calendar_in(portal.db.read()).await?);
    *held = Some((now, calendar.clone()));
    Ok(calendar)
}

/// The calendar that the store has inside the caller's transaction, else that of the binary.
pub async fn calendar_in(db: &impl ConnectionTrait) -> Result<Calendar, Fault> {
    let years = store::calendar_years(db).await?;
    if years.is_empty() {
        return Ok(calendar_bundle().map_err(Fault::internal)?.calendar());
    }
    Ok(Calendar::new(store::calendar_days(db).await?, years.into_iter().map(|(year, ..)| year)))
}

/// Writes the regions, zones and calendar years of the binary where the store has them otherwise or not at all.
///
/// Idempotent; several processes may do it at once. What the store has beyond the binary stays.
pub async fn publish_reference_data(portal: &Portal) -> Result<(), Fault> {
    let places = places_bundle().map_err(Fault::internal)?;
    let calendar = calendar_bundle().map_err(Fault::internal)?;
    if is_published(portal, &places, &calendar).await? {
        return Ok(());
    }
    let txn = portal.db.begin_write().await?;
    store::put_regions(&txn, &places.regions).await?;
    store::put_zones(&txn, &places.zones).await?;
    for year in &calendar.years {
        store::put_calendar_year(&txn, year).await?;
    }
    portal.commit(txn).await?;
    portal.part::<CalendarCache>()?.forget().await;
    Ok(())
}

/// Whether the store has everything that the bundles say.
async fn is_published(portal: &Portal, places: &PlacesBundle, calendar: &CalendarBundle) -> Result<bool, Fault> {
    let db = portal.db.read();
    let regions = store::regions(db).await?;
    let zones = store::zones(db).await?;
    let years = store::calendar_years(db).await?;
    let days = store::calendar_days(db).await?;
    let wanted: Vec<(NaiveDate, DayKind)> =
        calendar.years.iter().flat_map(crate::organisation::model::reference::CalendarYear::days).map(|d| (d.day, d.kind)).collect();
    let known = |year: i32, number: &str, issued_on: NaiveDate, source: &str| {
        years.iter().any(|(y, n, on, s)| (*y, n.as_str(), *on, s.as_str()) == (year, number, issued_on, source))
    };
    Ok(places.regions.iter().all(|region| regions.contains(region))
        && places.zones.iter().all(|zone| zones.contains(zone))
        && calendar.years.iter().all(|y| known(y.year, &y.number, y.issued_on, &y.source))
        && wanted.iter().all(|day| days.binary_search_by_key(&day.0, |(d, _)| *d).is_ok_and(|at| days[at].1 == day.1)))
}
