//! Who asks, and what is asked about: own and foreign, at each stage of a case.

use std::collections::HashMap;

use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, Statement};
use serde_json::{Value, json};
use talent_portal::account::model::mandate::MandateScope;
use talent_portal::account::service::demo::{NewDemoAccount, add_account, demo_session};
use talent_portal::account::service::mandates::{GrantMandate, grant_mandate};
use talent_portal::application::entity::{application, document, event};
use talent_portal::kernel::actor::{Actor, Member};
use talent_portal::kernel::code::Verification;
use talent_portal::kernel::ids::{AccountId, ApplicationId, BenefitEntryId, BodyId, FactorId, PendingCodeId, PersonId, SessionId, TypedId as _, UnitId};
use talent_portal::kernel::role::{Assurance, Role};
use talent_portal::kernel::text::{Origin, Text};
use talent_portal::organisation::model::body::{BodyKind, NewBody};
use talent_portal::organisation::service as organisation;

use crate::application::{Someone, World, case_id};
use crate::dealing::{claimed, other_city, staff};
use crate::support::TestApp;
use crate::talent_card;

use super::text;

/// Who asks.
pub(super) struct Asker {
    pub(super) name: String,
    pub(super) role: Option<Role>,
    pub(super) someone: Option<Someone>,
}

/// What is asked for: own or foreign.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    pub(super) ids: HashMap<String, String>,
    /// Version of the cart.
    pub(super) order: i64,
    pub(super) card: String,
    pub(super) holder_token: String,
    pub(super) number: &'static str,
}

/// A case at some moment, to be put back.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) row: application::Model,
    pub(super) events: Vec<event::Model>,
    pub(super) documents: Vec<document::Model>,
}

impl Stage {
    pub(super) async fn take(world: &World, id: ApplicationId) -> Self {
        let db = world.app.portal().db.read();
        Self {
            row: application::Entity::find_by_id(id).one(db).await.unwrap().unwrap(),
            events: event::Entity::find().filter(event::Column::ApplicationId.eq(id)).all(db).await.unwrap(),
            documents: document::Entity::find().filter(document::Column::ApplicationId.eq(id)).all(db).await.unwrap(),
        }
    }

    pub(super) async fn put_back(&self, world: &World) {
        let db = world.app.portal().db.writer();
        let id = self.row.id;
        for table in ["application_event", "case_document", "case_delivery"] {
            world.app.lift_append_only(table).await;
        }
        let statement = "DELETE FROM case_delivery WHERE case_document_id IN (SELECT id FROM case_document WHERE application_id = $1)";
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), statement, [id.into()])).await.unwrap();
        document::Entity::delete_many().filter(document::Column::ApplicationId.eq(id)).exec(db).await.unwrap();
        event::Entity::delete_many().filter(event::Column::ApplicationId.eq(id)).exec(db).await.unwrap();
        event::Entity::insert_many(self.events.iter().cloned().map(|row| row.into_active_model().reset_all())).exec_without_returning(db).await.unwrap();
        document::Entity::insert_many(self.documents.iter().cloned().map(|row| row.into_active_model().reset_all())).exec_without_returning(db).await.unwrap();
        self.row.clone().into_active_model().reset_all().update(db).await.unwrap();
    }
}

/// Everything that is asked about.
pub(super) struct Asked {
    pub(super) world: World,
    pub(super) askers: Vec<Asker>,
    pub(super) own: Target,
    pub(super) foreign: Target,
    /// Of the own case: received, accepted, under the city's review, reviewed, decided.
    pub(super) stages: Vec<Stage>,
    /// Of the agent's own case.
    pub(super) agents: Stage,
}

pub(super) fn login(asker: &Asker) -> String {
    format!("authz-{}@demo.invalid", asker.name.to_lowercase().replace('_', "-"))
}

pub(super) fn member(someone: &Someone) -> Actor {
    let member = Member {
        person: someone.person,
        account: someone.account,
        session: SessionId(someone.person.0),
        assurance: Assurance::L2,
        second_factor: true,
        grants: Vec::new(),
    };
    Actor { member: Some(member), request_id: "test".into() }
}

impl Asked {
    /// Units, somebody of each role, and two talents with profile, document, card and a case under review.
    pub(super) async fn new(app: TestApp) -> Self {
        let world = World::new(app).await;
        let portal = world.app.portal().clone();
        let (far, other_employer) = (other_city(&world).await, BodyId::new(&portal.env));
        let txn = portal.db.begin_write().await.unwrap();
        let name = Text::simplified("示范（非真实企业）", Origin::Human);
        let new = NewBody { kind: BodyKind::Employer, name, uscc: None, region_code: None, verification: Verification::StandIn };
        organisation::insert_body(&txn, &portal, other_employer, new).await.unwrap();
        portal.commit(txn).await.unwrap();
        let mut askers = vec![Asker { name: "anonymous".into(), role: None, someone: None }];
        for &role in Role::ALL {
            let (city, employer) = (Some(world.units.city), Some(world.units.employer));
            let roles = match role {
                Role::Talent | Role::Agent => Vec::new(),
                Role::SystemAdmin | Role::SecurityAdmin | Role::AuditAdmin => vec![(role, None, None)],
                Role::EmployerConfirmer | Role::Recruiter => vec![(role, None, employer)],
                _ => vec![(role, city, None)],
            };
            let mut asker = Asker { name: role.code().to_owned(), role: Some(role), someone: None };
            let new = NewDemoAccount {
                login: login(&asker),
                password: "one of the passwords".into(),
                name_zh: "陈大文".into(),
                name_latin: "Chan".into(),
                birth_date: None,
                roles,
            };
            asker.someone = Some(signed_in(&world, add_account(&portal, new).await.unwrap()).await);
            askers.push(asker);
        }
        let of = |role: Role| askers.iter().find(|a| a.role == Some(role)).and_then(|a| a.someone.clone()).unwrap();
        let (talent, agent, counter) = (of(Role::Talent), of(Role::Agent), of(Role::Counter));
        let other = signed_in(&world, add_account(&portal, demo_talent("authz-other@demo.invalid")).await.unwrap()).await;
        for one in [&talent, &other, &agent] {
            world.raise(one).await;
        }
        for unit in [world.units.city, far] {
            let input = json!({ "unitId": unit.global(), "purpose": "TRANSPORT", "allowed": true });
            world.run(&of(Role::SystemAdmin), "setCounterPurpose", "counterPurpose { allowed }", input).await.unwrap();
        }
        let (own, stages) = target(&world, &talent, &counter, "440103189003070011", true).await;
        let (foreign, _) = target(&world, &other, &counter, "440305189508150029", false).await;
        let foreign_case = ApplicationId::parse_global(&foreign.ids["applicationId"]).unwrap();
        let statement = "UPDATE application SET current_unit_id = $1, receiving_unit_id = $1, employer_body_id = $2 WHERE id = $3";
        let db = portal.db.writer();
        let values = [far.into(), other_employer.into(), foreign_case.into()];
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), statement, values)).await.unwrap();
        let mut asked = Self { own, foreign, stages, agents: Stage::take(&world, foreign_case).await, askers, world };
        let spare = staff(&asked.world, "authz-spare", Role::Reviewer, asked.world.units.city).await;
        let far_spare = staff(&asked.world, "authz-far", Role::Reviewer, far).await;
        let security = asked.asker(Role::SecurityAdmin).clone();
        for (target, unit, employer, spare) in
            [(&mut asked.own, asked.world.units.city, asked.world.units.employer, &spare), (&mut asked.foreign, far, other_employer, &far_spare)]
        {
            let query = "query($p: ID!) { roleGrants(personId: $p) { nodes { id } } }";
            let grants = asked.world.app.graphql(Some(&security.token), query, json!({ "p": spare.person.global() })).await.ok();
            let item = asked.world.item("GD-TALENT-CARD").await;
            let window = if unit == far { far } else { asked.world.units.window };
            for (name, id) in [
                ("grantId", text(&grants["roleGrants"]["nodes"][0]["id"])),
                ("roleGrants.personId", spare.person.global()),
                ("grantRole.personId", talent_of_none(&asked.world).await),
                ("unitId", unit.global()),
                ("unit", unit.global()),
                ("workQueue.unitId", window.global()),
                ("workQueueChanged.unitId", window.global()),
                ("parentId", unit.global()),
                ("closeUnit.unitId", UnitId::new(&portal.env).global()),
                ("successorId", asked.world.units.province.global()),
                ("employerQueue.bodyId", employer.global()),
                ("bodyId", organisation::unit(portal.db.read(), unit).await.unwrap().unwrap().body.global()),
                ("itemId", item.clone()),
                ("itemIds", item),
                ("offerItems.unitId", window.global()),
                ("sessionId", SessionId::new(&portal.env).global()),
                ("factorId", FactorId::new(&portal.env).global()),
            ] {
                target.ids.insert(name.to_owned(), id);
            }
        }
        // What the agent handed in for the talent, and her cart.
        let ends_at = portal.env.now() + chrono::Duration::days(10);
        let command = GrantMandate { agent: agent.person, scope: MandateScope::All, ends_at };
        let mandate = grant_mandate(&portal, &member(&talent), command, "authorisation-mandate").await.unwrap().id;
        let line = asked.world.service_line(json!({ "city": "440100" })).await;
        let input = json!({ "applicantId": talent.person.global(), "mandateId": mandate.global(), "lines": [line] });
        let order = asked.world.save(&agent, input.clone()).await.unwrap();
        let case = asked.world.submit(&agent, &order, json!({})).await.unwrap()["applications"][0].clone();
        asked.agents = Stage::take(&asked.world, case_id(&case)).await;
        crate::notice::told(&asked.world.app).await;
        asked
    }

    pub(super) fn asker(&self, role: Role) -> &Someone {
        self.askers.iter().find(|a| a.role == Some(role)).and_then(|a| a.someone.as_ref()).expect("an asker")
    }

    /// What an asker means by own or foreign.
    pub(super) fn target(&self, asker: &Asker, own: bool) -> Target {
        let mut target = if own { self.own.clone() } else { self.foreign.clone() };
        if own && asker.role == Some(Role::Agent) {
            for name in ["application", "applicationId"] {
                target.ids.insert(name.to_owned(), self.agents.row.id.global());
            }
            target.ids.insert("order".into(), self.agents.row.order_id.global());
        }
        target
    }
}

pub(super) fn demo_talent(login: &str) -> NewDemoAccount {
    NewDemoAccount {
        login: login.into(),
        password: "one of the passwords".into(),
        name_zh: "陈大文".into(),
        name_latin: "Chan".into(),
        birth_date: None,
        roles: Vec::new(),
    }
}

/// Somebody who has no part in anything.
pub(super) async fn talent_of_none(world: &World) -> String {
    let login = format!("authz-none-{}@demo.invalid", world.key());
    signed_in(world, add_account(world.app.portal(), demo_talent(&login)).await.unwrap()).await.person.global()
}

pub(super) async fn signed_in(world: &World, account: AccountId) -> Someone {
    let token = demo_session(world.app.portal(), account).await.unwrap();
    let viewer = world.app.graphql(Some(&token), "{ viewer { person { id } } }", json!({})).await.ok();
    Someone { person: PersonId::parse_global(viewer["viewer"]["person"]["id"].as_str().unwrap()).unwrap(), token, account }
}

/// Everything of one talent, with her case under the city's review, and, if asked for, all its stages.
pub(super) async fn target(world: &World, talent: &Someone, counter: &Someone, number: &'static str, all: bool) -> (Target, Vec<Stage>) {
    let made = async |mutation: &str, kind: &str, input: Value| {
        let mut input = input;
        input["idempotencyKey"] = json!(world.key());
        text(&world.run(talent, mutation, &format!("{kind} {{ id }}"), input).await.unwrap()["id"])
    };
    let education = made("addEducation", "education", json!({ "level": "DOCTOR", "institution": "A" })).await;
    let employment = made("addEmployment", "employment", json!({ "employerName": "A", "position": "B", "startedOn": "2020-01-01" })).await;
    let family = made("addFamilyMember", "familyMember", json!({ "relation": "CHILD", "nameZh": "陈小文" })).await;
    let category = made("claimTalentCategory", "claimedCategory", json!({ "category": "DOCTOR" })).await;
    let device = made("registerDevice", "device", json!({ "platform": "ANDROID", "token": format!("device of {number}").replace(' ', "-") })).await;
    let identity = text(&claimed(world, talent, "RESIDENT_ID_CARD", number).await);
    let spare = text(&claimed(world, talent, "HKID", "A123456(3)").await);
    let look = json!({ "personId": talent.person.global(), "field": "IDENTITY_DOCUMENT_NUMBER", "identityDocumentId": identity, "purpose": "OWN_DATA" });
    world.run(talent, "revealPersonalData", "value", look).await.unwrap();
    let case = world.card_case(talent).await;
    let id = case_id(&case);
    let version = text(&world.read(talent, &case, "materials { documentVersion { id } }").await["materials"][0]["documentVersion"]["id"]);
    let documents = world.app.graphql(Some(&talent.token), "{ myDocuments(first: 1) { nodes { id } } }", json!({})).await.ok();
    let mut stages = vec![Stage::take(world, id).await];
    let (officer, confirmer) = (known(world, "officer").await, known(world, "confirmer").await);
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    stages.push(Stage::take(world, id).await);
    let case = world.done(&confirmer, "completeStep", &case, json!({ "stepKey": "employer_confirmation", "outcome": "POSITIVE" })).await;
    stages.push(Stage::take(world, id).await);
    if all {
        let (city, province, approver) = (known(world, "reviewer").await, known(world, "reviewer2").await, known(world, "approver").await);
        let case = world.done(&city, "completeStep", &case, json!({ "stepKey": "city_review", "outcome": "POSITIVE" })).await;
        let case = world.done(&province, "completeStep", &case, json!({ "stepKey": "province_review", "outcome": "POSITIVE" })).await;
        stages.push(Stage::take(world, id).await);
        world.done(&approver, "decideApplication", &case, json!({ "decision": "REFUSED", "reason": "材料不足" })).await;
        stages.push(Stage::take(world, id).await);
        stages[2].put_back(world).await;
    }
    let line = json!({ "itemId": world.item("GD-TALENT-CARD").await, "regionCode": "440100", "answers": {} });
    let cart = world.save(talent, json!({ "lines": [line] })).await.unwrap();
    let card = talent_card::issue(&world.app, talent_card::order(&world.app, talent.person), &member(talent)).await.unwrap().global();
    let mut target = Target { order: cart["version"].as_i64().unwrap(), card: card.clone(), holder_token: talent.token.clone(), number, ..Target::default() };
    let portal = world.app.portal();
    let command = GrantMandate {
        agent: PersonId::parse_global(&talent_of_none(world).await).unwrap(),
        scope: MandateScope::All,
        ends_at: portal.env.now() + chrono::Duration::days(10),
    };
    let mandate = grant_mandate(portal, &member(talent), command, "authorisation-spare1").await.unwrap().id;
    let token = target.token(world).await;
    let input = json!({ "by": { "token": token }, "purpose": "TRANSPORT", "idempotencyKey": world.key() });
    let document = "mutation($i: CheckCardInput!) { checkCard(input: $i) { check { id } benefits { benefit { id } } userErrors { code } } }";
    let checked = world.app.graphql(Some(&counter.token), document, json!({ "i": input })).await.ok()["checkCard"].take();
    assert_eq!(checked["userErrors"], json!([]));
    for (name, value) in [
        ("applicationId", id.global()),
        ("application", id.global()),
        ("order", text(&cart["id"])),
        ("orderId", text(&cart["id"])),
        ("card", card.clone()),
        ("cardId", card),
        ("personId", talent.person.global()),
        ("holderId", talent.person.global()),
        ("useId", BenefitEntryId::new(&world.app.portal().env).global()),
        ("forPersonId", talent.person.global()),
        ("identityDocumentId", identity),
        ("removeIdentityDocument.identityDocumentId", spare),
        ("document", text(&documents["myDocuments"]["nodes"][0]["id"])),
        ("documentVersionId", version.clone()),
        ("documentVersionId", version),
        ("educationId", education),
        ("employmentId", employment),
        ("familyMemberId", family),
        ("categoryId", category),
        ("deviceId", device),
        ("benefitId", text(&checked["benefits"][0]["benefit"]["id"])),
        ("checkId", text(&checked["check"]["id"])),
        ("endMandate.mandateId", mandate.global()),
        ("grantMandate.agentId", talent_of_none(world).await),
        ("challengeId", PendingCodeId::new(&world.app.portal().env).global()),
    ] {
        target.ids.insert(name.to_owned(), value);
    }
    (target, stages)
}

/// Staff of the demo, who bring a case forward.
pub(super) async fn known(world: &World, name: &str) -> Someone {
    use talent_portal::account::service::demo::accounts;
    let login = format!("{name}@demo.invalid");
    let logins: Vec<&str> = talent_portal::demo::LOGINS.iter().copied().filter(|l| *l == login).collect();
    let known = accounts(world.app.portal(), &logins).await.unwrap().pop();
    match known {
        Some((_, account)) => signed_in(world, account).await,
        None => world.staff(name).await,
    }
}

impl Target {
    /// A token of the card, as its holder shows it.
    pub(super) async fn token(&self, world: &World) -> String {
        let document = "mutation($i: CreateCardTokenInput!) { createCardToken(input: $i) { cardToken { token } } }";
        let data = world.app.graphql(Some(&self.holder_token), document, json!({ "i": { "cardId": self.card } })).await.ok();
        text(&data["createCardToken"]["cardToken"]["token"])
    }

    /// What `node` is asked for, by type.
    pub(super) fn node(&self, kind: &str) -> Self {
        let id = match kind {
            "Person" => &self.ids["personId"],
            "Document" => &self.ids["document"],
            "ServiceItem" => &self.ids["itemId"],
            "Unit" => &self.ids["unit"],
            _ => &self.ids["applicationId"],
        };
        let mut target = self.clone();
        target.ids.insert("applicationId".into(), id.clone());
        target
    }
}
