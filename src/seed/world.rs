//! What seeded rows refer to, read once: staff, offerings with their versions, the card's product, the calendar.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde_json::{Value, json};

use crate::account::service::demo::person_of;
use crate::account::service::hashing::HashPool;
use crate::account::store::GrantFilter;
use crate::app::told;
use crate::catalogue::model::bundle::vocabulary;
use crate::catalogue::model::item::CompiledVersion;
use crate::catalogue::model::offering::{Channel, Offering};
use crate::catalogue::model::rule::Outcome;
use crate::catalogue::service as catalogue;
use crate::kernel::clock::start_of_day;
use crate::kernel::ids::{DocumentVersionId, ItemId, PersonId, TypedId as _};
use crate::organisation::model::calendar::Calendar;
use crate::organisation::model::unit::UnitNode;
use crate::organisation::service as organisation;
use crate::portal::Portal;
use crate::seed::life::Staff;
use crate::talent_card::model::product::Offer;
use crate::{account, talent_card};

/// The item by which the card is applied for.
const CARD: &str = "GD-TALENT-CARD";
/// Days over which the submissions are spread.
const DAYS: i64 = 700;
/// The last days of them, in which a fifth of all submissions lies: there cases are open.
const RECENT_DAYS: i64 = 60;

/// How many of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Talents, each with an account, a verified identity document and two cases.
    pub talents: u64,
    /// Cards.
    pub cards: u64,
}

impl Size {
    /// Of a scale, 1 being a million talents; `None` where it is not above 0 and at most 3, or makes no talent.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was asked before")]
    pub fn of(scale: f64) -> Option<Self> {
        if !(scale > 0.0 && scale <= 3.0) {
            return None;
        }
        let count = |whole: f64| (whole * scale).round() as u64;
        Some(Self { talents: count(1_000_000.0), cards: count(300_000.0) }).filter(|size| size.talents > 0)
    }

    /// Talents who applied long enough ago for everything to be over.
    pub const fn settled(self) -> u64 {
        self.talents * 4 / 5
    }

    /// Whether talent number `index` (from 0) has a card: all of them long ago, evenly spread.
    pub fn has_card(self, index: u64) -> bool {
        let before = |index: u64| index * self.cards / self.settled().max(1);
        index < self.settled() && before(index + 1) > before(index)
    }
}

/// An offering with its version and what a talent answers to its form.
#[derive(Debug)]
pub struct Offered {
    /// The offering.
    pub offering: Offering,
    /// The version.
    pub version: Arc<CompiledVersion>,
    /// The unit that receives and those above, nearest first.
    pub lineage: Vec<UnitNode>,
    /// Answers, where they do not depend on who answers.
    pub answers: Value,
}

/// Everything that rows refer to.
#[derive(Debug)]
pub struct World {
    /// The process.
    pub portal: Portal,
    /// The present instant.
    pub now: DateTime<Utc>,
    /// The last instant at which a case was handed in: yesterday, so that numbers never meet those given out now.
    pub end: DateTime<Utc>,
    /// The official calendar.
    pub calendar: Arc<Calendar>,
    /// Who works on cases.
    pub staff: Staff,
    /// The card's offering.
    pub card: Offered,
    /// Offerings of all other items.
    pub services: Vec<Offered>,
    /// The versions of the card's product.
    pub products: Vec<Offer>,
    /// The one password of all talents, hashed.
    pub password_hash: String,
}

impl World {
    /// Reads it from a demo database. `password` is that of all talents.
    pub async fn read(portal: &Portal, password: &str) -> anyhow::Result<Self> {
        let db = portal.db.read();
        let today = portal.env.today();
        let items: HashMap<ItemId, String> = crate::catalogue::store::all_items(db).await?.into_iter().map(|item| (item.id, item.code)).collect();
        let ids: Vec<ItemId> = items.keys().copied().collect();
        let mut offerings: Vec<Offering> = catalogue::offerings_of_items(portal, &ids, today).await.map_err(told)?.into_values().flatten().collect();
        let first_day = today - Duration::days(DAYS);
        offerings.retain(|o| o.terms.effective_from <= first_day && o.terms.intake.is_empty() && o.terms.channels.contains(&Channel::Online));
        offerings.sort_by(|a, b| (&items[&a.item], &a.region, a.id).cmp(&(&items[&b.item], &b.region, b.id)));
        let versions = catalogue::versions(portal, &offerings.iter().map(|o| o.version).collect::<Vec<_>>()).await.map_err(told)?;
        let staff = staff(portal).await?;
        let (mut card, mut services) = (None, Vec::new());
        for offering in offerings {
            let Some(version) = versions.get(&offering.version).cloned() else { bail!("an offering has no version") };
            let lineage = organisation::lineage(db, offering.unit).await.map_err(told)?;
            if version.item_code == CARD {
                let sample = card_answers(
                    &staff,
                    &offering.region,
                    "A",
                    "HONG_KONG",
                    today + Duration::days(365),
                    "Seed Talent",
                    "种子",
                    DocumentVersionId(uuid::Uuid::nil()),
                );
                check(&version, &sample, today)?;
                card.get_or_insert(Offered { offering, version, lineage, answers: Value::Null });
            } else {
                let answers = json!({ "city": offering.region });
                // An item whose form asks for more is left out.
                if check(&version, &answers, today).is_ok() {
                    services.push(Offered { offering, version, lineage, answers });
                }
            }
        }
        let (Some(card), false) = (card, services.is_empty()) else { bail!("no unit offers the card, or none offers a service") };
        let product = card.version.content.fulfilment.as_ref().and_then(|f| f.params["product"].as_str()).context("the card's item names no product")?;
        let versions = talent_card::store::versions(db).await?;
        let mut products = talent_card::store::offers(db, &versions).await?;
        products.retain(|offer| offer.product.code == product);
        let hash = portal.part::<HashPool>().map_err(told)?.hash(&portal.env, password).await.map_err(told)?;
        Ok(Self {
            portal: portal.clone(),
            now: portal.env.now(),
            end: start_of_day(today) - Duration::seconds(1),
            calendar: organisation::calendar(portal).await.map_err(told)?,
            staff,
            card,
            services,
            products,
            password_hash: hash,
        })
    }

    /// When talent number `index` (from 0) hands her cart in; later for each next one.
    pub fn submitted_at(&self, size: Size, index: u64) -> DateTime<Utc> {
        let (settled, recent) = (size.settled(), Duration::days(RECENT_DAYS));
        let (from, span, at, of) = if index < settled {
            (self.end - Duration::days(DAYS), Duration::days(DAYS) - recent, index, settled)
        } else {
            (self.end - recent, recent, index - settled, size.talents - settled)
        };
        let share = i128::from(span.num_milliseconds()) * i128::from(at) / i128::from(of.max(1));
        from + Duration::milliseconds(i64::try_from(share).unwrap_or(0))
    }

    /// The version of the card's product that is in force on a day.
    pub fn product(&self, day: NaiveDate) -> anyhow::Result<&Offer> {
        self.products.iter().filter(|offer| offer.version.in_force(day)).max_by_key(|offer| offer.version.number).context("no version of the card is in force")
    }
}

/// Answers to the card's form.
pub fn card_answers(
    staff: &Staff,
    city: &str,
    grade: &str,
    origin: &str,
    contract_until: NaiveDate,
    name_latin: &str,
    name_chinese: &str,
    photo: DocumentVersionId,
) -> Value {
    json!({
        "grade": grade, "category": "DOCTOR", "evidence": "DEGREE", "origin": origin, "employer": staff.employer.global(),
        "contract_until": contract_until, "city": city, "civil_servant": false, "insurance_months": 12, "lawful": true, "honest": true,
        "outstanding": true, "name_chinese": name_chinese, "name_latin": name_latin, "photo": photo.global(),
    })
}

/// Whether a form takes the answers, and the rules do not refuse them.
fn check(version: &CompiledVersion, answers: &Value, today: NaiveDate) -> anyhow::Result<()> {
    let errors = version.form.validate(answers);
    if !errors.is_empty() {
        bail!("the form of {} does not take what is answered: {errors:?}", version.item_code);
    }
    let vocabulary = vocabulary().map_err(|p| anyhow::anyhow!("the vocabulary does not load: {p:?}"))?;
    let mut facts = version.form.facts(answers, vocabulary);
    facts.set_today(today);
    match version.rules.evaluate(&facts) {
        Ok(judged) if judged.outcome != Outcome::Fail => Ok(()),
        _ => bail!("the rules of {} refuse what is answered", version.item_code),
    }
}

/// The demo's staff.
async fn staff(portal: &Portal) -> anyhow::Result<Staff> {
    let db = portal.db.read();
    let person = async |name: &str| -> anyhow::Result<PersonId> {
        let found = person_of(portal, &format!("{name}@demo.invalid")).await.map_err(told)?;
        found.with_context(|| format!("the demo has nobody called {name}"))
    };
    let confirmer = person("confirmer").await?;
    let counter = person("counter").await?;
    let grants = async |holder: PersonId| {
        let of = GrantFilter { holder: Some(vec![holder]), ..GrantFilter::default() };
        account::store::grants_page(db, &of, None, 100).await
    };
    let employer = grants(confirmer).await?.iter().find_map(|grant| grant.scope.body());
    let counter_unit = grants(counter).await?.iter().find_map(|grant| grant.scope.unit());
    Ok(Staff {
        officer: person("officer").await?,
        reviewer: person("reviewer").await?,
        province_reviewer: person("reviewer2").await?,
        approver: person("approver").await?,
        confirmer,
        employer: employer.context("the demo's confirmer confirms for nobody")?,
        counter,
        counter_unit: counter_unit.context("the demo's counter stands nowhere")?,
    })
}
