//! A small world to try the portal in: bodies, units, staff of each role, talents. Only in a database that is empty or
//! a demo already; nothing in it is real.

use chrono::NaiveDate;
use migration::Migrator;
use sea_orm_migration::MigratorTrait as _;

use crate::account::service::demo::{DemoMark, NewDemoAccount, add_account, demo_session, is_no_demo, mark_demo};
use crate::app::told;
use crate::catalogue::service::{UnitPlace, bind_units};
use crate::db::{Db, Options};
use crate::kernel::code::Verification;
use crate::kernel::fault::Refused;
use crate::kernel::ids::{BodyId, TypedId, UnitId};
use crate::kernel::role::Role;
use crate::kernel::text::Text;
use crate::organisation::model::body::{BodyKind, NewBody};
use crate::organisation::model::unit::{NewUnit, UnitLevel};
use crate::organisation::service as organisation;
use crate::portal::Portal;

fn text(simplified: &str, traditional: &str, english: &str, portuguese: &str) -> Text {
    Text::own([simplified, traditional, english, portuguese])
}

fn refused(refused: Refused) -> anyhow::Error {
    match refused {
        Refused::Rejected(reasons) => anyhow::anyhow!("{reasons:?}"),
        Refused::Fault(fault) => told(fault),
    }
}

fn body(kind: BodyKind, uscc: Option<String>, name: Text) -> NewBody {
    NewBody { kind, name, uscc, region_code: Some("440100".to_owned()), verification: Verification::StandIn }
}

const REFUSED: &str = "--demo refuses a database that is neither empty nor a demo";

/// Refuses a database that is no demo; for before anything is made, migrated or published. A store that is not there, or
/// has no table yet, is empty.
pub async fn refuse(options: &Options) -> anyhow::Result<()> {
    if !options.files().iter().all(|file| file.exists()) {
        return Ok(());
    }
    let db = Db::connect(options).await?;
    let begun = Migrator::get_pending_migrations_read_only(db.read()).await?.len() < Migrator::migrations().len();
    let refused = begun && is_no_demo(db.read()).await.map_err(told)?;
    db.close().await?;
    anyhow::ensure!(!refused, REFUSED);
    Ok(())
}

/// Fills the database; gives the lines to print: ids of units and bodies, and for each person a password and a token
/// for one day. In a demo database that is filled already, new tokens only.
pub async fn fill(portal: &Portal) -> anyhow::Result<Vec<String>> {
    let known = match mark_demo(portal).await.map_err(told)? {
        DemoMark::Refused => anyhow::bail!(REFUSED),
        DemoMark::WasDemo => true,
        DemoMark::Marked => false,
    };
    let mut lines = vec!["Demo data. Nothing in it is real; the tokens are good for one day and count as two-factor.".to_owned()];
    if known {
        for (login, account) in crate::account::service::demo::accounts(portal, &LOGINS).await.map_err(told)? {
            let token = demo_session(portal, account).await.map_err(told)?;
            lines.push(format!("{login:<28} token {token}"));
        }
        return Ok(lines);
    }
    let world = Box::pin(build(portal)).await?;
    lines.push(format!("unit {:<22} {}", "province", world.province.global()));
    lines.push(format!("unit {:<22} {}", "city", world.city.global()));
    lines.push(format!("unit {:<22} {}", "window", world.window.global()));
    lines.push(format!("body {:<22} {}", "employer", world.employer.global()));
    for person in people(&world) {
        let password = portal.env.secret()[..20].to_owned();
        let account = add_account(portal, person.account(&password)).await.map_err(refused)?;
        let token = demo_session(portal, account).await.map_err(told)?;
        lines.push(format!("{:<28} password {password}  token {token}", person.login));
    }
    Ok(lines)
}

/// The units and bodies of the demo.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// The province's unit.
    pub province: UnitId,
    /// A city's unit.
    pub city: UnitId,
    /// A window of the city.
    pub window: UnitId,
    /// An employer.
    pub employer: BodyId,
}

/// Makes bodies and units, and binds the catalogue's offerings to them.
pub async fn build(portal: &Portal) -> anyhow::Result<World> {
    let world =
        World { province: UnitId::new(&portal.env), city: UnitId::new(&portal.env), window: UnitId::new(&portal.env), employer: BodyId::new(&portal.env) };
    let department = BodyId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    let name = text(
        "示范人才服务厅（非真实机构）",
        "示範人才服務廳（非真實機構）",
        "Demo talent department (not a real body)",
        "Departamento de demonstração (não real)",
    );
    organisation::insert_body(&txn, portal, department, body(BodyKind::Government, None, name)).await.map_err(told)?;
    let name = text("示范科技公司（非真实企业）", "示範科技公司（非真實企業）", "Demo technology company (not real)", "Empresa de demonstração (não real)");
    let uscc = Some("91440101MA0000007B".to_owned());
    organisation::insert_body(&txn, portal, world.employer, body(BodyKind::Employer, uscc, name)).await.map_err(told)?;
    let units = [
        (
            world.province,
            None,
            UnitLevel::Province,
            "440000",
            text("示范省级窗口", "示範省級窗口", "Demo provincial unit", "Unidade provincial de demonstração"),
        ),
        (
            world.city,
            Some(world.province),
            UnitLevel::City,
            "440100",
            text("示范市级窗口", "示範市級窗口", "Demo city unit", "Unidade municipal de demonstração"),
        ),
        (world.window, Some(world.city), UnitLevel::Window, "440100", text("示范分窗口", "示範分窗口", "Demo window", "Balcão de demonstração")),
    ];
    let mut places = Vec::new();
    for (id, parent, level, region, name) in units {
        let new = NewUnit { body: department, parent, level, name, region_code: region.to_owned(), zone_code: None };
        organisation::insert_unit(&txn, portal, id, new).await.map_err(told)?;
        places.push(UnitPlace { unit: id, level, region: region.to_owned(), zone: None });
    }
    bind_units(&txn, portal, &places).await.map_err(told)?;
    portal.commit(txn).await.map_err(told)?;
    Ok(world)
}

/// A person of the demo.
#[derive(Clone, Debug)]
pub struct DemoPerson {
    /// E-mail address by which she signs in.
    pub login: &'static str,
    name_zh: &'static str,
    name_latin: &'static str,
    roles: Vec<(Role, Option<UnitId>, Option<BodyId>)>,
}

impl DemoPerson {
    /// What the account slice needs to add her.
    pub fn account(&self, password: &str) -> NewDemoAccount {
        NewDemoAccount {
            login: self.login.to_owned(),
            password: password.to_owned(),
            name_zh: self.name_zh.to_owned(),
            name_latin: self.name_latin.to_owned(),
            birth_date: NaiveDate::from_ymd_opt(1890, 1, 1),
            roles: self.roles.clone(),
        }
    }
}

/// E-mail addresses of all of them.
pub const LOGINS: [&str; 16] = [
    "officer@demo.invalid",
    "reviewer@demo.invalid",
    "reviewer2@demo.invalid",
    "approver@demo.invalid",
    "supervisor@demo.invalid",
    "counter@demo.invalid",
    "confirmer@demo.invalid",
    "manager@demo.invalid",
    "system@demo.invalid",
    "security@demo.invalid",
    "audit@demo.invalid",
    "talent@demo.invalid",
    "talent2@demo.invalid",
    "recruiter@demo.invalid",
    "examiner@demo.invalid",
    "assessor@demo.invalid",
];

/// Staff of each role and two talents.
pub fn people(world: &World) -> Vec<DemoPerson> {
    let person = |login, name_zh, name_latin, roles| DemoPerson { login, name_zh, name_latin, roles };
    let (province, city, window, employer) = (Some(world.province), Some(world.city), Some(world.window), Some(world.employer));
    vec![
        person(LOGINS[0], "窗口甲", "Officer One", vec![(Role::WindowOfficer, city, None)]),
        person(LOGINS[1], "审查甲", "Reviewer One", vec![(Role::Reviewer, city, None)]),
        person(LOGINS[2], "审查乙", "Reviewer Two", vec![(Role::Reviewer, province, None)]),
        person(LOGINS[3], "审批甲", "Approver One", vec![(Role::Approver, province, None)]),
        person(LOGINS[4], "主管甲", "Supervisor One", vec![(Role::Supervisor, province, None)]),
        person(LOGINS[5], "柜台甲", "Counter One", vec![(Role::Counter, window, None)]),
        person(LOGINS[6], "企业甲", "Confirmer One", vec![(Role::EmployerConfirmer, None, employer)]),
        person(LOGINS[7], "管理甲", "Manager One", vec![(Role::Manager, province, None)]),
        person(LOGINS[8], "系统甲", "System One", vec![(Role::SystemAdmin, None, None)]),
        person(LOGINS[9], "安全甲", "Security One", vec![(Role::SecurityAdmin, None, None)]),
        person(LOGINS[10], "审计甲", "Audit One", vec![(Role::AuditAdmin, None, None)]),
        person(LOGINS[11], "人才甲", "Talent One", vec![]),
        person(LOGINS[12], "人才乙", "Talent Two", vec![]),
        person(LOGINS[13], "招聘甲", "Recruiter One", vec![(Role::Recruiter, None, employer)]),
        person(LOGINS[14], "考官甲", "Examiner One", vec![(Role::Examiner, province, None)]),
        person(LOGINS[15], "评定甲", "Assessor One", vec![(Role::Assessor, province, None)]),
    ]
}
