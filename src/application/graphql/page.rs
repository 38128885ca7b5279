//! Cases and orders that stand beside each other in one answer: what hangs below them is read once for all.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};

use crate::api::context::Ctx;
use crate::application::graphql::types::Application;
use crate::application::model::sight::Sight;
use crate::application::service::engine::Loaded;
use crate::application::service::view::{self, Bound, CaseRow, Delivery, Opened, RequestedItem, SeenCase, SeenEvent, SeenOrder};
use crate::catalogue::model::offering::Offering;
use crate::catalogue::service as catalogue;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{ApplicationId, CaseDocumentId, OfferingId, OrderId, PersonId, UnitId};
use crate::kernel::page::PageRequest;
use crate::organisation::service::units::{self, PlacedUnit};
use crate::person::model::profile::PersonName;
use crate::person::service as persons;

type ByCase<T> = OnceCell<HashMap<ApplicationId, T>>;
/// A part of the events of each case.
type EventsByCase = Arc<HashMap<ApplicationId, Vec<SeenEvent>>>;

/// The cases of one answer.
#[derive(Debug, Default)]
pub struct Cases {
    seen: Vec<(ApplicationId, Sight)>,
    applicants: Vec<PersonId>,
    units: Vec<UnitId>,
    names: OnceCell<HashMap<PersonId, PersonName>>,
    placed: OnceCell<HashMap<UnitId, PlacedUnit>>,
    loaded: ByCase<Loaded>,
    offered: Vec<OfferingId>,
    offerings: OnceCell<HashMap<OfferingId, Offering>>,
    materials: ByCase<Vec<Bound>>,
    documents: ByCase<Vec<Opened>>,
    requested: ByCase<Vec<RequestedItem>>,
    deliveries: OnceCell<HashMap<CaseDocumentId, Delivery>>,
    events: Mutex<HashMap<(i64, u64), EventsByCase>>,
    beneficiaries: ByCase<Vec<(PersonId, PersonName)>>,
}

impl Cases {
    /// Puts cases beside each other.
    pub fn of(cases: &[(CaseRow, Sight)]) -> Self {
        Self {
            seen: cases.iter().map(|(row, sight)| (row.id, sight.clone())).collect(),
            applicants: cases.iter().map(|(row, _)| row.applicant_person_id).collect(),
            units: cases.iter().flat_map(|(row, _)| [row.receiving_unit_id, row.current_unit_id]).flatten().collect(),
            offered: cases.iter().filter_map(|(row, _)| row.offering_id).collect(),
            ..Self::default()
        }
    }

    /// The same with the cases loaded already.
    #[must_use]
    pub fn with(mut self, loaded: HashMap<ApplicationId, Loaded>) -> Self {
        self.loaded = OnceCell::new_with(Some(loaded));
        self
    }

    /// Name of an applicant.
    pub async fn name(&self, ctx: &Ctx, applicant: PersonId) -> Result<Option<&PersonName>, Fault> {
        Ok(self.names.get_or_try_init(|| persons::names_of(ctx.portal.db.read(), &self.applicants)).await?.get(&applicant))
    }

    /// A unit of a case.
    pub async fn unit(&self, ctx: &Ctx, unit: UnitId) -> Result<Option<&PlacedUnit>, Fault> {
        Ok(self.placed.get_or_try_init(|| units::placed_units(ctx.portal.db.read(), &self.units)).await?.get(&unit))
    }

    /// An offering to which cases are pinned.
    pub async fn offering(&self, ctx: &Ctx, offering: OfferingId) -> Result<Option<&Offering>, Fault> {
        Ok(self.offerings.get_or_try_init(|| catalogue::offerings_by_ids(ctx.portal.db.read(), &self.offered)).await?.get(&offering))
    }

    /// A case as the engine knows it; `None` where the viewer may not see it any more.
    pub async fn loaded(&self, ctx: &Ctx, id: ApplicationId) -> Result<Option<&Loaded>, Fault> {
        Ok(self.all_loaded(ctx).await?.get(&id))
    }

    async fn all_loaded(&self, ctx: &Ctx) -> Result<&HashMap<ApplicationId, Loaded>, Fault> {
        let ids = || self.seen.iter().map(|(id, _)| *id).collect();
        self.loaded.get_or_try_init(|| view::applications(&ctx.portal, &ctx.actor, ids())).await
    }

    /// Documents bound to a case, for who sees its papers.
    pub async fn materials(&self, ctx: &Ctx, id: ApplicationId) -> Result<&[Bound], Fault> {
        let found = self.materials.get_or_try_init(|| view::materials(&ctx.portal, &self.seen)).await?;
        Ok(found.get(&id).map(Vec::as_slice).unwrap_or_default())
    }

    /// Documents issued in a case, for who sees its papers.
    pub async fn documents(&self, ctx: &Ctx, id: ApplicationId) -> Result<&[Opened], Fault> {
        let found = self.documents.get_or_try_init(|| view::documents(&ctx.portal, &self.seen)).await?;
        Ok(found.get(&id).map(Vec::as_slice).unwrap_or_default())
    }

    /// What was asked of the applicant of a case, for who sees its papers.
    pub async fn requested(&self, ctx: &Ctx, id: ApplicationId) -> Result<&[RequestedItem], Fault> {
        let loaded = self.all_loaded(ctx).await?;
        let found = self.requested.get_or_try_init(|| view::requested(&ctx.portal, &self.seen, loaded)).await?;
        Ok(found.get(&id).map(Vec::as_slice).unwrap_or_default())
    }

    /// How a document of one of the cases was delivered.
    pub async fn delivery(&self, ctx: &Ctx, document: CaseDocumentId) -> Result<Option<&Delivery>, Fault> {
        let found = self.deliveries.get_or_try_init(async || {
            let documents = self.documents.get().into_iter().flat_map(HashMap::values).flatten().map(|opened| opened.row.id).collect::<Vec<_>>();
            view::deliveries(&ctx.portal, &documents).await
        });
        Ok(found.await?.get(&document))
    }

    /// What has happened to a case, oldest first, as far as a page wants it; read for all cases by the same part.
    pub async fn events(&self, ctx: &Ctx, id: ApplicationId, request: &PageRequest) -> Result<Vec<SeenEvent>, Fault> {
        let part = (view::after_event(request)?, request.limit());
        let mut known = self.events.lock().await;
        let found = if let Some(found) = known.get(&part) {
            found.clone()
        } else {
            // What a step came to is for staff of the case; whoever is none needs no more than the rows.
            let inside = if view::is_staff(&ctx.actor) { Some(self.all_loaded(ctx).await?) } else { None };
            let read = Arc::new(view::events(&ctx.portal, &self.seen, part, inside).await?);
            known.insert(part, read.clone());
            read
        };
        Ok(found.get(&id).cloned().unwrap_or_default())
    }

    /// Who else a case is for, for who sees its papers.
    pub async fn beneficiaries(&self, ctx: &Ctx, id: ApplicationId) -> Result<&[(PersonId, PersonName)], Fault> {
        let found = self.beneficiaries.get_or_try_init(|| view::beneficiaries(&ctx.portal, &self.seen)).await?;
        Ok(found.get(&id).map(Vec::as_slice).unwrap_or_default())
    }
}

/// The cases of a page of a queue, which are read where one is asked for.
#[derive(Debug)]
pub struct Queued {
    cases: Vec<ApplicationId>,
    read: ByCase<Application>,
}

impl Queued {
    /// Puts cases beside each other.
    pub fn of(cases: Vec<ApplicationId>) -> Self {
        Self { cases, read: OnceCell::new() }
    }

    /// A case; `None` where the viewer may not see it.
    pub async fn case(&self, ctx: &Ctx, id: ApplicationId) -> Result<Option<Application>, Fault> {
        let found = self.read.get_or_try_init(async || {
            let loaded = view::applications(&ctx.portal, &ctx.actor, self.cases.clone()).await?;
            Ok::<_, Fault>(Application::loaded(loaded, ctx.portal.env.now()))
        });
        Ok(found.await?.get(&id).cloned())
    }
}

/// The orders of one answer.
#[derive(Debug)]
pub struct Orders {
    seen: Vec<SeenOrder>,
    lines: OnceCell<HashMap<OrderId, Vec<Application>>>,
}

impl Orders {
    /// Puts orders beside each other.
    pub fn of(seen: Vec<SeenOrder>) -> Arc<Self> {
        Arc::new(Self { seen, lines: OnceCell::new() })
    }

    /// The lines of an order that the viewer may see.
    pub async fn lines(&self, ctx: &Ctx, id: OrderId) -> Result<Vec<Application>, Fault> {
        let found = self.lines.get_or_try_init(async || {
            let mut by_order: HashMap<OrderId, Vec<Application>> = HashMap::new();
            let lines = view::lines(&ctx.portal, &ctx.actor, &self.seen).await?;
            for line in Application::beside(lines.into_iter().map(|SeenCase { row, sight }| (row, sight)).collect()) {
                by_order.entry(line.row.order_id).or_default().push(line);
            }
            Ok::<_, Fault>(by_order)
        });
        Ok(found.await?.get(&id).cloned().unwrap_or_default())
    }
}
