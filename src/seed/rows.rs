//! The rows of one talent after the other, as the services would have written them.

use std::collections::HashMap;

use chrono::{DateTime, Datelike as _, Duration, NaiveDate, Utc};
use sea_orm::Value;
use sha2::{Digest as _, Sha256};

use crate::account::model::contact::Contact;
use crate::app::told;
use crate::application::entity::{application, document, event, order};
use crate::application::model::case::{Case, State};
use crate::application::model::clock::{ClockMark, ClockState, Lapse};
use crate::application::model::document::{DocumentKind, Parties, Wording};
use crate::application::model::event::{Decision, Event, pin};
use crate::application::model::number::{case_number, number_prefix};
use crate::application::model::order::OrderState;
use crate::application::model::projection::Projection;
use crate::application::service::engine;
use crate::application::store::{CaseRow, EventRow, OrderRow, open_key};
use crate::catalogue::model::bundle::vocabulary;
use crate::catalogue::model::offering::Channel;
use crate::catalogue::model::version::StepKindCode;
use crate::db::Engine;
use crate::kernel::clock::{civil_date, start_of_day};
use crate::kernel::hex;
use crate::kernel::identifier::gb_11643_check;
use crate::kernel::ids::{
    AccountId, ApplicationId, BenefitEntryId, BodyId, CardCheckId, CardId, CaseDocumentId, ContactPointId, DocumentVersionId, EventId, IdentityDocumentId,
    OrderId, PersonId, TypedId as _,
};
use crate::kernel::role::{Assurance, Role};
use crate::kernel::seal::{Place, SecretKey};
use crate::kernel::text::Language;
use crate::person::entity::{identity_document, person, person_key, revision};
use crate::person::model::document::{DocumentNumber, IdentityDocumentKind, Sex};
use crate::person::service::{index_of, keys};
use crate::seed::chance::Chance;
use crate::seed::life::{Course, Plan, Told, life};
use crate::seed::load::Rows;
use crate::seed::world::{Offered, Size, World, card_answers};
use crate::talent_card::model::card::{CardEventKind, CardStatus};
use crate::talent_card::model::check::{CheckAnswer, CheckMeans, CheckPurpose, valid_until};
use crate::talent_card::model::number::CardNumber;
use crate::talent_card::model::product::{Beneficiary, Benefit, ledger_year, validity_end};

/// Family names and syllables of given names, each in Chinese characters and in Latin letters.
const FAMILY_NAMES: [(&str, &str); 20] = [
    ("陈", "Chan"),
    ("李", "Lee"),
    ("黄", "Wong"),
    ("张", "Cheung"),
    ("林", "Lam"),
    ("梁", "Leung"),
    ("吴", "Ng"),
    ("刘", "Lau"),
    ("王", "Wang"),
    ("何", "Ho"),
    ("郑", "Cheng"),
    ("罗", "Law"),
    ("谢", "Tse"),
    ("周", "Chow"),
    ("叶", "Yip"),
    ("邓", "Tang"),
    ("冯", "Fung"),
    ("曾", "Tsang"),
    ("欧阳", "Au-yeung"),
    ("司徒", "Szeto"),
];
const GIVEN_NAMES: [(&str, &str); 20] = [
    ("文", "Man"),
    ("家", "Ka"),
    ("志", "Chi"),
    ("明", "Ming"),
    ("伟", "Wai"),
    ("国", "Kwok"),
    ("慧", "Wai"),
    ("美", "Mei"),
    ("嘉", "Ka"),
    ("俊", "Chun"),
    ("玉", "Yuk"),
    ("华", "Wah"),
    ("强", "Keung"),
    ("敏", "Man"),
    ("欣", "Yan"),
    ("德", "Tak"),
    ("永", "Wing"),
    ("诗", "Sze"),
    ("乐", "Lok"),
    ("安", "On"),
];
/// Where uses are recorded.
const PROVINCE: &str = "440000";
/// Nobody alive was born in these years.
const BIRTH_YEARS: (i32, i32) = (1880, 1899);

/// E-mail address of talent number `number`, from 1.
pub fn address(number: u64) -> String {
    format!("talent-{number:07}@seed.invalid")
}

/// Rows that are loaded together.
#[derive(Debug)]
pub struct Batch {
    person_key: Rows,
    person: Rows,
    revision: Rows,
    identity: Rows,
    account: Rows,
    contact: Rows,
    order: Rows,
    case: Rows,
    event: Rows,
    document: Rows,
    card: Rows,
    card_event: Rows,
    card_number: Rows,
    card_check: Rows,
    balance: Rows,
    entry: Rows,
}

impl Batch {
    /// Nothing yet.
    pub fn new(engine: Engine) -> Self {
        let listed = |table: &str, columns: &[&str]| Rows::listed(engine, table, columns);
        Self {
            person_key: Rows::of::<person_key::Entity>(engine),
            person: Rows::of::<person::Entity>(engine),
            revision: Rows::of::<revision::Entity>(engine),
            identity: Rows::of::<identity_document::Entity>(engine),
            account: listed("account", &["id", "person_id", "status", "language", "password_hash", "password_changed_at", "failures", "created_at"]),
            contact: listed("contact_point", &["id", "account_id", "kind", "value_sealed", "value_index", "verified_at", "created_at"]),
            order: Rows::of::<order::Entity>(engine),
            case: Rows::of::<application::Entity>(engine),
            event: Rows::of::<event::Entity>(engine),
            document: Rows::of::<document::Entity>(engine),
            card: listed(
                "card",
                &[
                    "id",
                    "product_id",
                    "product_version_id",
                    "grade",
                    "holder_person_id",
                    "beneficiary",
                    "application_id",
                    "valid_from",
                    "valid_to",
                    "status",
                    "issued_at",
                    "version",
                ],
            ),
            card_event: listed("card_event", &["id", "card_id", "kind", "at", "by_person_id", "application_id"]),
            card_number: listed("card_number", &["number", "card_id", "issued_at"]),
            card_check: listed("card_check", &["id", "card_id", "checked_by_person_id", "unit_id", "purpose", "via", "checked_at", "valid_until", "answer"]),
            balance: listed("benefit_balance", &["card_id", "benefit_id", "beneficiary_person_id", "year", "quota", "used"]),
            entry: listed(
                "benefit_entry",
                &[
                    "id",
                    "card_id",
                    "benefit_id",
                    "beneficiary_person_id",
                    "year",
                    "kind",
                    "delta",
                    "check_id",
                    "delivered_at",
                    "recorded_by_person_id",
                    "unit_id",
                    "channel",
                ],
            ),
        }
    }

    /// The rows for the store of person keys, and those for the data store in an order that foreign keys allow.
    pub fn into_stores(self) -> (Vec<Rows>, Vec<Rows>) {
        let data = vec![
            self.person,
            self.revision,
            self.identity,
            self.account,
            self.contact,
            self.order,
            self.case,
            self.event,
            self.document,
            self.card,
            self.card_event,
            self.card_number,
            self.card_check,
            self.balance,
            self.entry,
        ];
        (vec![self.person_key], data)
    }
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Talents.
    pub talents: u64,
    /// Cases.
    pub cases: u64,
    /// Events of cases.
    pub events: u64,
    /// Documents of cases.
    pub documents: u64,
    /// Cards.
    pub cards: u64,
    /// Uses of benefits.
    pub uses: u64,
}

/// A talent, as far as her cases and her card need her.
struct Talent {
    id: PersonId,
    key: SecretKey,
    name_zh: String,
    name_latin: String,
    origin: &'static str,
}

/// Makes rows, talent by talent.
#[derive(Debug)]
pub struct Maker<'a> {
    world: &'a World,
    size: Size,
    batch: Batch,
    counters: HashMap<String, i64>,
    next_card: i64,
    made: Made,
    digest: Sha256,
}

impl<'a> Maker<'a> {
    /// `counters` are the last case numbers given out by prefix, `next_card` is the first sequence of a card number.
    pub fn new(world: &'a World, size: Size, counters: HashMap<String, i64>, next_card: i64) -> Self {
        let batch = Batch::new(world.portal.db.engine());
        Self { world, size, batch, counters, next_card, made: Made::default(), digest: Sha256::new() }
    }

    /// What was made since the last time this was asked.
    pub fn take_batch(&mut self) -> Batch {
        std::mem::replace(&mut self.batch, Batch::new(self.world.portal.db.engine()))
    }

    /// Counts, the last case numbers by prefix, and a digest of everything that does not rest on keys.
    pub fn finish(self) -> (Made, HashMap<String, i64>, String) {
        (self.made, self.counters, hex::encode(&self.digest.finalize()))
    }

    /// Makes talent number `index`, from 0, with her cases and her card.
    pub fn talent(&mut self, index: u64) -> anyhow::Result<()> {
        let mut chance = Chance::of(index);
        let submitted_at = self.world.submitted_at(self.size, index);
        let talent = self.person(index, submitted_at, &mut chance)?;
        let saved_at = submitted_at - Duration::minutes(i64::from(chance.between(2, 40)));
        let order: OrderId = chance.id(saved_at);
        self.batch.order.model(OrderRow {
            id: order,
            applicant_person_id: talent.id,
            applicant_body_id: None,
            created_by: talent.id,
            submitted_by: Some(talent.id),
            mandate_id: None,
            channel: Channel::Online,
            state: OrderState::Submitted,
            version: 2,
            created_at: saved_at,
            updated_at: submitted_at,
            submitted_at: Some(submitted_at),
        })?;
        let world = self.world;
        let services = &world.services;
        let first = chance.below(u32::try_from(services.len())?) as usize;
        let with_card = self.size.has_card(index);
        // Of the latest talents some have applied for a card, and none has got one yet.
        let card_line = with_card || (index >= self.size.settled() && chance.percent(15));
        for line in 0..2 {
            let offered = if line == 0 && card_line { &world.card } else { &services[(first + line) % services.len()] };
            let plan = if line == 0 && with_card {
                (Course::Ordinary, Decision::Approved, false)
            } else {
                let decision = if (line == 0 && card_line) || chance.percent(8) { Decision::Refused } else { Decision::Approved };
                (Course::by(&mut chance), decision, chance.percent(4))
            };
            self.case(&talent, order, (saved_at, submitted_at), offered, plan, &mut chance)?;
        }
        self.made.talents += 1;
        Ok(())
    }

    /// Person, key, identity document, account and contact point.
    fn person(&mut self, index: u64, submitted_at: DateTime<Utc>, chance: &mut Chance) -> anyhow::Result<Talent> {
        let portal = &self.world.portal;
        let verified_at = submitted_at - Duration::hours(i64::from(chance.between(1, 48)));
        let signed_up_at = verified_at - Duration::minutes(i64::from(chance.between(60, 4000)));
        let id: PersonId = chance.id(signed_up_at);
        let (key, row) = keys::new_key(portal, id);
        self.batch.person_key.model(row)?;
        let (family, one, two) = (chance.pick(&FAMILY_NAMES), chance.pick(&GIVEN_NAMES), chance.pick(&GIVEN_NAMES));
        let name_zh = format!("{}{}{}", family.0, one.0, two.0);
        let name_latin = format!("{} {} {}", family.1, one.1, two.1);
        let (number, birth, sex) = document_number(index, self.world.now.date_naive())?;
        let origin = match number.kind() {
            IdentityDocumentKind::ResidentIdCard => "MAINLAND",
            _ if number.normalised().starts_with("82") => "MACAO",
            _ => "HONG_KONG",
        };
        let language = *chance.pick(&[Language::ZhHans, Language::ZhHant, Language::ZhHant, Language::En, Language::Pt]);
        self.batch.person.model(person::Model {
            id,
            name_zh: Some(name_zh.clone()),
            name_latin: Some(name_latin.clone()),
            birth_date: Some(birth),
            sex: Some(sex),
            nationality: Some("CHN".to_owned()),
            assurance: Assurance::L2,
            has_account: true,
            merged_into: None,
            version: 3,
            created_at: signed_up_at,
            updated_at: verified_at,
        })?;
        let changes = [(2, "hasAccount", None, signed_up_at), (3, "identityDocuments", Some(Role::WindowOfficer), verified_at)];
        for (version, changed, role, at) in changes {
            let mut changed = vec![changed];
            if role.is_some() {
                changed.push("assurance");
            }
            self.batch.revision.model(revision::Model { person_id: id, version, changed: serde_json::json!(changed), role, at })?;
        }
        let document: IdentityDocumentId = chance.id(verified_at);
        self.batch.identity.model(identity_document::Model {
            id: document,
            person_id: id,
            kind: number.kind(),
            issuing_state: None,
            number_sealed: key.seal(&portal.env, Place::new("identity_document", "number_sealed", document.0), number.normalised().as_bytes()),
            number_index: index_of(portal, &number),
            issue_count: None,
            valid_from: None,
            valid_until: None,
            verified_at: Some(verified_at),
            verified_by: Some(self.world.staff.officer),
            created_at: verified_at,
        })?;
        let (account, point): (AccountId, ContactPointId) = (chance.id(signed_up_at), chance.id(signed_up_at));
        self.batch.account.row([
            account.into(),
            id.into(),
            "ACTIVE".into(),
            language.code().into(),
            self.world.password_hash.as_str().into(),
            signed_up_at.into(),
            0i32.into(),
            signed_up_at.into(),
        ])?;
        let address = address(index + 1);
        let contact = Contact::parse(&address).ok_or_else(|| anyhow::anyhow!("{address} is no address"))?;
        self.batch.contact.row([
            point.into(),
            account.into(),
            contact.kind().code().into(),
            key.seal(&portal.env, Place::new("contact_point", "value_sealed", point.0), contact.value().as_bytes()).into(),
            portal.keyring.blind_index(contact.kind().code(), contact.value()).into(),
            signed_up_at.into(),
            signed_up_at.into(),
        ])?;
        self.digest.update(format!("{address} {name_zh} {name_latin} {birth} {}\n", number.normalised()));
        Ok(Talent { id, key, name_zh, name_latin, origin })
    }

    /// A case with its events and, while it is open, its documents.
    fn case(
        &mut self,
        talent: &Talent,
        order: OrderId,
        (saved_at, submitted_at): (DateTime<Utc>, DateTime<Utc>),
        offered: &Offered,
        (course, decision, slow): (Course, Decision, bool),
        chance: &mut Chance,
    ) -> anyhow::Result<()> {
        let world = self.world;
        let portal = &world.portal;
        let (offering, version) = (&offered.offering, &offered.version);
        let id: ApplicationId = chance.id(saved_at);
        let day = civil_date(submitted_at);
        let is_card = version.content.fulfilment.is_some();
        let grade = if chance.percent(30) { "A" } else { "B" };
        let contract_until = day + Duration::days(i64::from(chance.between(200, 2000)));
        let personal;
        let answers = if is_card {
            let photo: DocumentVersionId = chance.id(saved_at);
            let (latin, chinese) = (&talent.name_latin, &talent.name_zh);
            personal = card_answers(&world.staff, &offering.region, grade, talent.origin, contract_until, latin, chinese, photo);
            &personal
        } else {
            &offered.answers
        };
        let submitted =
            Event::Submitted { offering: offering.id, unit: offering.unit, received_at: submitted_at, steps: pin(&version.content.steps, &offered.lineage) };
        let clock_of = |case: &Case| engine::clock_of(portal, &world.calendar, case, Some(offering));
        let received = Case::fold([(&submitted, submitted_at)]);
        let lapse = clock_of(&received).and_then(|clock| received.lapsed(&clock, DateTime::<Utc>::MAX_UTC)).unwrap_or(Lapse { at: submitted_at, as_of: day });
        let plan = Plan { submitted_at, lapse, steps: &version.content.steps, course, decision, slow };
        let mut told_all = vec![Told { event: submitted, at: submitted_at, by: Some((talent.id, Role::Talent)) }];
        told_all.extend(life(&plan, &world.staff, &world.calendar, chance, talent.id));
        told_all.retain(|told| told.at <= world.now);
        let told_all = with_marks(told_all, clock_of, world.now);
        let case = Case::fold(told_all.iter().map(|told| (&told.event, told.at)));
        let p = Projection::of(&case, clock_of(&case).as_ref());
        let prefix = number_prefix(&offering.region, &version.item_code, day);
        let sequence = self.counters.entry(prefix).or_insert(0);
        *sequence += 1;
        let number = case_number(&offering.region, &version.item_code, day, *sequence);
        let vocabulary = vocabulary().map_err(|p| anyhow::anyhow!("the vocabulary does not load: {p:?}"))?;
        let facts = serde_json::to_vec(&version.form.facts(answers, vocabulary))?;
        let sealed = |column, plain: &[u8]| Some(talent.key.seal(&portal.env, Place::new("application", column, id.0), plain));
        let confirmer = version.content.steps.iter().find(|step| step.kind == StepKindCode::EmployerConfirmation).and_then(|step| step.confirmer.as_deref());
        let row = CaseRow {
            id,
            order_id: order,
            position: 0,
            number: Some(number),
            item_id: offering.item,
            version_id: version.id,
            offering_id: Some(offering.id),
            applicant_person_id: talent.id,
            applicant_body_id: None,
            key_owner_id: talent.id,
            employer_body_id: confirmer.and_then(|pointer| BodyId::parse_global(answers.pointer(pointer)?.as_str()?)),
            submitted_by: Some(talent.id),
            mandate_id: None,
            channel: Channel::Online,
            region_code: Some(offering.region.clone()),
            zone_code: None,
            category: None,
            receiving_unit_id: Some(offering.unit),
            current_unit_id: p.unit,
            state: p.state,
            decision: p.decision,
            step_index: p.step_index,
            step_key: p.step_key,
            step_kind: p.step_kind,
            version: p.version,
            last_seq: p.last_seq,
            termination_reason: p.termination_reason,
            claimed_by: p.claimed_by,
            claimed_at: p.claimed_at,
            received_at: Some(submitted_at),
            accepted_at: p.accepted_at,
            decided_at: p.decided_at,
            closed_at: p.closed_at,
            deemed_at: p.deemed_at,
            promised_due_at: p.promised_due_at,
            statutory_due_at: p.statutory_due_at,
            near_breach_at: p.near_breach_at,
            next_clock_at: p.next_clock_at,
            due_at: p.due_at,
            provisional: p.provisional,
            open_key: (version.content.one_open_case && p.state.is_open()).then(|| open_key(talent.id, offering.item)),
            judged_on: Some(day),
            form_sealed: sealed("form_sealed", &serde_json::to_vec(answers)?),
            facts_sealed: sealed("facts_sealed", &facts),
            received_reason_sealed: None,
            created_at: saved_at,
            updated_at: told_all.last().map_or(submitted_at, |told| told.at),
        };
        self.digest.update(format!("{} {} {} {}\n", row.number.as_deref().unwrap_or_default(), row.state, row.version, row.due_at));
        let mut so_far = Case::draft();
        for Told { event, at, by } in &told_all {
            let unit = so_far.unit.or(Some(offering.unit));
            so_far.apply(event, *at);
            self.batch.event.model(EventRow {
                id: chance.id::<EventId>(*at),
                application_id: id,
                seq: so_far.seq,
                kind: event.kind(),
                schema_version: 1,
                at: *at,
                actor_id: by.map(|(person, _)| person),
                actor_role: by.map(|(_, role)| role),
                on_behalf_of: None,
                mandate_id: None,
                unit_id: unit,
                payload: serde_json::to_string(event)?,
                reason_sealed: None,
            })?;
            self.made.events += 1;
            let kind = match event {
                Event::Submitted { .. } => DocumentKind::Receipt,
                Event::Accepted | Event::DeemedAccepted { .. } => DocumentKind::Acceptance,
                Event::Decided { .. } => DocumentKind::Decision,
                _ => continue,
            };
            // Work goes on with open cases and needs their papers; those of closed ones would be three fifths of the database.
            if case.state.is_open() {
                let reason = (kind == DocumentKind::Decision && decision == Decision::Refused).then_some("不符合条件（测试数据）");
                let clock = clock_of(&so_far);
                let by = by.map(|(person, _)| person);
                let unit = offered.lineage.iter().find(|node| Some(node.id) == unit).map(|node| (node.id, node.name.clone()));
                let parties = Parties { applicant: talent.name_zh.clone(), unit };
                let wording = Wording { reason, ..Wording::default() };
                let paper = engine::Paper { row: &row, case: &so_far, clock: clock.as_ref(), version, kind, parties, wording, by };
                self.batch.document.model(engine::draw_up(portal, &talent.key, chance.id::<CaseDocumentId>(*at), *at, paper).map_err(told)?)?;
                self.made.documents += 1;
            }
        }
        let decided_at = row.decided_at;
        self.batch.case.model(row)?;
        self.made.cases += 1;
        if let (true, State::Delivered | State::Decided, Some(Decision::Approved), Some(at)) = (is_card, case.state, case.decision, decided_at) {
            self.card(talent, id, grade, contract_until, at, chance)?;
        }
        Ok(())
    }

    /// The card of an approved case, its number and, for a third of them, a use of a benefit.
    fn card(
        &mut self,
        talent: &Talent,
        application: ApplicationId,
        grade: &str,
        contract_until: NaiveDate,
        at: DateTime<Utc>,
        chance: &mut Chance,
    ) -> anyhow::Result<()> {
        let (world, staff) = (self.world, &self.world.staff);
        let from = civil_date(at);
        let offer = world.product(from)?;
        let end = offer.version.max_years.and_then(|years| validity_end(from, years, Some(contract_until), None));
        let valid_to = end.ok_or_else(|| anyhow::anyhow!("the version of the card in force on {from} cannot be issued"))?;
        let number = CardNumber::compose(&offer.product.number_prefix, grade, self.next_card).ok_or_else(|| anyhow::anyhow!("no card number is left"))?;
        self.next_card += 1;
        let id: CardId = chance.id(at);
        self.batch.card.row([
            id.into(),
            offer.product.id.into(),
            offer.version.id.into(),
            grade.into(),
            talent.id.into(),
            Beneficiary::Holder.code().into(),
            application.into(),
            from.into(),
            valid_to.into(),
            CardStatus::Active.code().into(),
            at.into(),
            1i64.into(),
        ])?;
        self.batch.card_event.row([
            chance.id::<EventId>(at).into(),
            id.into(),
            CardEventKind::Issued.code().into(),
            at.into(),
            staff.approver.into(),
            application.into(),
        ])?;
        self.digest.update(format!("{} {valid_to}\n", number.as_str()));
        self.batch.card_number.row([number.into_string().into(), id.into(), at.into()])?;
        self.made.cards += 1;
        if !chance.percent(34) {
            return Ok(());
        }
        // A use lies within the last 200 days, in office hours, while the card is good.
        let day = from.max(civil_date(world.end) - Duration::days(200)) + Duration::days(i64::from(chance.between(1, 180)));
        let used_at = start_of_day(day) + Duration::hours(10) + Duration::minutes(i64::from(chance.below(400)));
        let given: Vec<&Benefit> = offer.benefits.iter().filter(|benefit| benefit.is_given(grade, Beneficiary::Holder, PROVINCE, None)).collect();
        if used_at > world.end || day > valid_to || given.is_empty() {
            return Ok(());
        }
        let benefit = chance.pick(&given);
        let Some(purpose) = CheckPurpose::ALL.iter().find(|purpose| purpose.areas().contains(&benefit.area)) else { return Ok(()) };
        let check: CardCheckId = chance.id(used_at);
        self.batch.card_check.row([
            check.into(),
            id.into(),
            staff.counter.into(),
            staff.counter_unit.into(),
            purpose.code().into(),
            CheckMeans::Token.code().into(),
            used_at.into(),
            valid_until(used_at).into(),
            CheckAnswer::Valid.code().into(),
        ])?;
        let year = ledger_year(day);
        self.batch.balance.row([id.into(), benefit.id.into(), talent.id.into(), year.into(), benefit.yearly_quota.into(), 1i64.into()])?;
        self.batch.entry.row([
            chance.id::<BenefitEntryId>(used_at).into(),
            id.into(),
            benefit.id.into(),
            talent.id.into(),
            year.into(),
            "USE".into(),
            1i64.into(),
            check.into(),
            Value::from(used_at + Duration::minutes(2)),
            staff.counter.into(),
            staff.counter_unit.into(),
            Channel::Window.code().into(),
        ])?;
        self.made.uses += 1;
        Ok(())
    }
}

/// An identity document that nobody else has: day of birth and sequence count up with the talent. The region is that of
/// a whole city or of a residence permit.
fn document_number(index: u64, today: NaiveDate) -> anyhow::Result<(DocumentNumber, NaiveDate, Sex)> {
    let first = NaiveDate::from_ymd_opt(BIRTH_YEARS.0, 1, 1).unwrap_or_default();
    let last = NaiveDate::from_ymd_opt(BIRTH_YEARS.1, 12, 31).unwrap_or_default();
    let days = u64::try_from(last.signed_duration_since(first).num_days() + 1)?;
    // A prime step visits every day once before a day comes again.
    let birth = first + Duration::days(i64::try_from(index * 4_003 % days)?);
    debug_assert!((BIRTH_YEARS.0..=BIRTH_YEARS.1).contains(&birth.year()));
    let (kind, region) = match index % 5 {
        0 | 1 => (IdentityDocumentKind::HkMacaoTaiwanResidencePermit, "810000"),
        2 => (IdentityDocumentKind::HkMacaoTaiwanResidencePermit, "820000"),
        _ => (IdentityDocumentKind::ResidentIdCard, "440100"),
    };
    // Even for women, odd for men.
    let sequence = index / days * 2 + index % 2;
    let body = format!("{region}{}{sequence:03}", birth.format("%Y%m%d"));
    let check = gb_11643_check(&body).ok_or_else(|| anyhow::anyhow!("{body} has no check digit"))?;
    let number = DocumentNumber::parse(kind, &format!("{body}{check}"), None, today).map_err(|fault| anyhow::anyhow!("a document number: {fault:?}"))?;
    let sex = number.told().sex.ok_or_else(|| anyhow::anyhow!("a document number tells no sex"))?;
    Ok((number, birth, sex))
}

/// The events of a case with the marks that its clock passed between them and by `now`.
fn with_marks(events: Vec<Told>, clock_of: impl Fn(&Case) -> Option<ClockState>, now: DateTime<Utc>) -> Vec<Told> {
    let (mut case, mut all) = (Case::draft(), Vec::with_capacity(events.len()));
    let pass = |case: &mut Case, all: &mut Vec<Told>, until: DateTime<Utc>| {
        // What lapses by time is an event of its own.
        let ahead =
            |case: &Case| clock_of(case).and_then(|clock| case.next_mark(&clock)).filter(|(at, mark)| *at <= until && *mark != ClockMark::DeemedAcceptance);
        while let Some((at, mark)) = ahead(case) {
            let event = Event::ClockMarked { mark };
            case.apply(&event, at);
            all.push(Told { event, at, by: None });
        }
    };
    for told in events {
        pass(&mut case, &mut all, told.at);
        case.apply(&told.event, told.at);
        all.push(told);
    }
    pass(&mut case, &mut all, now);
    all
}
