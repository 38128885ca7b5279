//! Composition root: the only place that names concrete parts and adapters.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use futures_util::StreamExt as _;
use metrics_exporter_prometheus::PrometheusHandle;
use migration::{KeyMigrator, Migrator};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use sea_orm::ConnectionTrait as _;
use sea_orm_migration::MigratorTrait as _;
use sqlx::{Connection as _, PgConnection};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::account::adapter::{Gateway, Mailer};
use crate::account::job::LetterWorker;
use crate::account::service::hashing::HashPool;
use crate::account::service::letters::{self, MergeNotice};
use crate::account::service::limits::OfficerTries;
use crate::account::service::viewer::SetLanguage;
use crate::api::guard::Documents;
use crate::api::schema;
use crate::application::service::dealing::CaseDealing;
use crate::application::service::fulfilment::Fulfilments;
use crate::application::service::merge::OpenCases;
use crate::application::service::papers::BoundPapers;
use crate::application::service::steps::{EmployerConfirmation, Review, StepKinds};
use crate::application::service::succession::NoOpenCases;
use crate::audit::service::{Bus, Worker, Workers};
use crate::catalogue::service::succession::OfferingSuccession;
use crate::catalogue::service::{CompiledVersions, FactSources, Handlers};
use crate::config::{Bucket, Config, GatewayAt};
use crate::db::{self, Db, Engine, KEY_SCHEMA};
use crate::http::rates::Rates;
use crate::http::router::{Server, routes};
use crate::http::server::{self, Bounds};
use crate::http::sockets::Sockets;
use crate::kernel::env::Env;
use crate::kernel::fault::Fault;
use crate::kernel::seal::Keyring;
use crate::material::adapter::{Clamd, FOLDER, local_store, s3_store};
use crate::material::model::scan::{Scanner, Scanning};
use crate::material::service::Claims;
use crate::material::service::Holders;
use crate::material::service::download::Previews;
use crate::notice::adapter::Pusher;
use crate::notice::job::NoticeWorker;
use crate::notice::model::channel::Channel;
use crate::notice::service::delivery::Channels;
use crate::notice::service::subject::Subjects;
use crate::organisation::service::CalendarCache;
use crate::organisation::service::units::UnitFollowers;
use crate::person::service::dealing::Dealings;
use crate::person::service::identity::VerifyLimit;
use crate::person::service::keys::{self, KeyCache};
use crate::person::service::merge::MergeFollowers;
use crate::person::service::profile::AccountLanguage;
use crate::portal::{Parts, Portal};
use crate::talent::service::ClaimRegister;
use crate::talent::service::source::ProfileFacts;
use crate::talent_card::service::fulfilment::CardFulfilment;
use crate::talent_card::service::merge::LedgerMerge;
use crate::talent_card::service::renewal::RenewalFulfilment;
use crate::talent_card::service::replacement::ReplacementFulfilment;
use crate::talent_card::service::status::StatusLists;
use crate::talent_card::service::sub_card::SubCardFulfilment;
use crate::talent_card::service::subject::CardSubject;
use crate::talent_card::service::view::OfferCache;

/// A fault as an error of a command.
pub fn told(fault: Fault) -> anyhow::Error {
    match fault {
        Fault::Internal(cause) | Fault::Unavailable(cause) => anyhow::anyhow!("{cause:#}"),
        other => anyhow::anyhow!("{other:?}"),
    }
}

fn fulfilments() -> Fulfilments {
    Fulfilments::default()
        .with(Arc::new(CardFulfilment))
        .with(Arc::new(ReplacementFulfilment))
        .with(Arc::new(RenewalFulfilment))
        .with(Arc::new(SubCardFulfilment))
}

fn step_kinds() -> StepKinds {
    StepKinds::default().with(Arc::new(Review)).with(Arc::new(EmployerConfirmation))
}

/// What published versions may name.
pub fn handlers() -> Handlers {
    Handlers { fulfilments: fulfilments().kinds(), steps: step_kinds().kinds() }
}

/// The parts of all slices.
pub fn parts(config: &Config) -> anyhow::Result<Parts> {
    parts_over(config, files(config)?)
}

/// The store of files. Nothing is asked of it yet.
fn files(config: &Config) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let Some(Bucket { name, prefix, endpoint, region, access_key, secret_file }) = &config.files else { return local_store(&config.data_dir) };
    refuse_readable_by_others(secret_file)?;
    let secret = std::fs::read_to_string(secret_file).with_context(|| format!("the file {} cannot be read", secret_file.display()))?;
    s3_store(name, prefix, endpoint.as_deref(), region, (access_key, secret.trim()))
}

/// A gateway, where one is set.
fn gateway(config: &Config, at: Option<&GatewayAt>) -> anyhow::Result<Option<Gateway>> {
    let Some(GatewayAt { url, token_file }) = at else { return Ok(None) };
    refuse_readable_by_others(token_file)?;
    let token = std::fs::read_to_string(token_file).with_context(|| format!("the file {} cannot be read", token_file.display()))?;
    Gateway::new(url, token.trim(), Duration::from_secs(config.gateway_seconds)).map(Some)
}

fn workers() -> Workers {
    let notices = Channel::ALL.iter().map(|channel| Arc::new(NoticeWorker(*channel)) as Arc<dyn Worker>);
    std::iter::once(Arc::new(LetterWorker) as Arc<dyn Worker>).chain(notices).fold(Workers::default(), |workers, worker| workers.with(&worker))
}

fn parts_over(config: &Config, files: Arc<dyn ObjectStore>) -> anyhow::Result<Parts> {
    let (sms, push) = (gateway(config, config.sms_gateway.as_ref())?, gateway(config, config.push_gateway.as_ref())?);
    let scanner = config.clamd.as_deref().map(|address| Arc::new(Clamd::new(address)) as Arc<dyn Scanner>);
    Ok(Parts::default()
        .with(Bus::default())
        .with(workers())
        .with(CalendarCache::default())
        .with(KeyCache::default())
        .with(Dealings::default().with(Arc::new(CaseDealing)))
        .with(MergeFollowers::default().with(Arc::new(OpenCases)).with(Arc::new(MergeNotice)).with(Arc::new(LedgerMerge)))
        .with(HashPool::new(&config.settings)?)
        .with(Channels { sms: sms.is_some(), push: push.is_some() })
        .with(Mailer::new(&config.data_dir, config.smtp_url.as_deref(), &config.mail_from, sms)?)
        .with(Pusher(push))
        .with(Subjects::default().with(Arc::new(CardSubject)))
        .with(CompiledVersions::default())
        .with(FactSources::default().with(Arc::new(ProfileFacts)))
        .with(files)
        .with(Scanning(scanner))
        .with(Previews::default())
        .with(Holders::default().with(Arc::new(Claims)).with(Arc::new(BoundPapers)))
        .with(handlers())
        .with(fulfilments())
        .with(step_kinds())
        .with(OfferCache::default())
        .with(StatusLists::default())
        .with(VerifyLimit(Arc::new(OfficerTries)))
        .with(UnitFollowers::default().with(Arc::new(NoOpenCases)).with(Arc::new(OfferingSuccession)))
        .with(AccountLanguage(Arc::new(SetLanguage)))
        .with(ClaimRegister(Arc::new(Claims))))
}

/// Reads the key file, or writes a new one with mode 0600 where that is allowed.
pub fn keyring(config: &Config, env: &Env) -> anyhow::Result<Keyring> {
    let path = &config.key_file;
    if !path.exists() && !config.key_file_named {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).with_context(|| format!("the key file {} cannot be made", path.display()))?;
        file.write_all(Keyring::generate(env)?.as_bytes())?;
        file.sync_all()?;
    }
    refuse_readable_by_others(path)?;
    let text = std::fs::read_to_string(path).with_context(|| format!("the key file {} cannot be read", path.display()))?;
    Keyring::parse(&text).map_err(|what| anyhow::anyhow!("{}: {what}", path.display()))
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).with_context(|| format!("the file {} is missing", path.display()))?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("the file {} may be read by others; its mode must be 0600", path.display());
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// Makes a folder that only its owner reads, or makes one that is there such a folder.
fn private_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    private(folder, 0o700)
}

/// Makes a file that only its owner reads, or makes one that is there such a file. SQLite gives its side files the mode
/// of the file.
fn private_file(file: &Path) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).with_context(|| format!("the file {} cannot be opened", file.display()))?;
    private(file, 0o600)
}

#[cfg(unix)]
fn private(path: &Path, mode: u32) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let told = || format!("the mode of {} cannot be changed", path.display());
    let mut permissions = std::fs::metadata(path).with_context(told)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(mode);
        match std::fs::set_permissions(path, permissions) {
            // Somebody else's, for example a volume that was mounted: what is made inside is ours.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => tracing::warn!(path = %path.display(), "can be read by others"),
            changed => changed.with_context(told)?,
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn private(_: &Path, _: u32) -> anyhow::Result<()> {
    Ok(())
}

/// Connects and puts a process together; nothing is migrated. What it keeps on the disk is its owner's alone: the data
/// are sealed by column, not as a whole.
pub async fn portal(config: &Config, env: Env, options: db::Options) -> anyhow::Result<Portal> {
    for folder in ["", "outbox"].into_iter().chain(config.files.is_none().then_some(FOLDER)) {
        private_folder(&config.data_dir.join(folder))?;
    }
    for file in options.files() {
        private_file(&file)?;
        for side in ["-wal", "-shm"] {
            let mut name = file.clone().into_os_string();
            name.push(side);
            if Path::new(&name).exists() {
                private(Path::new(&name), 0o600)?;
            }
        }
    }
    let keyring = keyring(config, &env)?;
    let db = Db::connect(&options).await.context("the stores cannot be opened")?;
    Ok(Portal::new(db, env, Arc::new(keyring), Arc::new(config.settings.clone()), parts(config)?))
}

/// Connects to stores that are there; one that is missing is told and not made.
pub async fn found_stores(options: &db::Options) -> anyhow::Result<Db> {
    refuse_missing(&options.files())?;
    Db::connect(options).await.context("the stores cannot be opened")
}

/// Puts a process together over what is there: no folder, file or table is made, and pending migrations are refused. For
/// commands; they touch no file of a document.
pub async fn found(config: &Config, env: Env) -> anyhow::Result<Portal> {
    let options = db::Options::from(config);
    refuse_missing(&[options.files(), vec![config.key_file.clone()]].concat())?;
    let keyring = keyring(config, &env)?;
    let db = found_stores(&options).await?;
    if migrations_pending(&db).await? {
        bail!("migrations are pending: run `talent-portal migrate up` first");
    }
    let parts = parts_over(config, Arc::new(InMemory::new()))?;
    Ok(Portal::new(db, env, Arc::new(keyring), Arc::new(config.settings.clone()), parts))
}

fn refuse_missing(files: &[PathBuf]) -> anyhow::Result<()> {
    let missing: Vec<_> = files.iter().filter(|file| !file.exists()).map(|file| file.display().to_string()).collect();
    if !missing.is_empty() {
        bail!("there is no portal here, and this command makes none; missing: {}", missing.join(", "));
    }
    Ok(())
}

/// Says in the database for as long as the connection lives that this process keeps files in a folder: one that others
/// have too, by the setting `shared_files`, or its own, beside which no other process may serve. A process that fetched
/// a file from a folder where another did not put it would answer that the file is lost.
///
/// A store that is not a folder is all processes' like a shared folder; it must answer and take the credentials.
///
/// `None` on SQLite, whose file is this machine's.
pub async fn claim_files(config: &Config) -> anyhow::Result<Option<PgConnection>> {
    if let Some(bucket) = &config.files {
        let first = files(config)?.list(None).next().await.transpose();
        first.with_context(|| format!("the store of files (bucket {}) cannot be used", bucket.name))?;
    }
    if config.database_url.starts_with("sqlite:") {
        return Ok(None);
    }
    let mut connection = PgConnection::connect(&config.database_url).await.context("the data store cannot be opened")?;
    let lock =
        if config.settings.shared_files || config.files.is_some() { "SELECT pg_try_advisory_lock_shared($1)" } else { "SELECT pg_try_advisory_lock($1)" };
    // The lock of a process that has just ended goes when its connection is found closed.
    for _ in 0..CLAIM_TRIES {
        if sqlx::query_scalar::<_, bool>(lock).bind(FILES_LOCK).fetch_one(&mut connection).await? {
            return Ok(Some(connection));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bail!(
        "another process serves this database, and the folder of files is not declared as shared: let all of them have \
         one folder {}, and set shared_files for each, or one files_url",
        config.data_dir.join(FOLDER).display()
    )
}

/// How often [`claim_files`] asks.
const CLAIM_TRIES: usize = 15;

/// The advisory lock of [`claim_files`]; the letters of "files".
const FILES_LOCK: i64 = 0x66_69_6c_65_73;

/// Brings both stores to the newest schema.
pub async fn migrate(db: &Db) -> anyhow::Result<()> {
    Migrator::up(db.writer(), None).await?;
    if db.engine() == Engine::Postgres {
        db.keys().execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS {KEY_SCHEMA}")).await?;
    }
    KeyMigrator::up(db.keys(), None).await?;
    Ok(())
}

/// Whether a migration is missing.
pub async fn migrations_pending(db: &Db) -> anyhow::Result<bool> {
    let (data, keys) = pending(db).await?;
    Ok(data + keys > 0)
}

/// How many migrations of the data store and of the store of keys are pending. Needs no right to change the schema.
pub async fn pending(db: &Db) -> anyhow::Result<(usize, usize)> {
    Ok((Migrator::get_pending_migrations_read_only(db.writer()).await?.len(), KeyMigrator::get_pending_migrations_read_only(db.keys()).await?.len()))
}

/// Publishes what the binary carries: regions, calendar, catalogue, card products.
pub async fn publish(portal: &Portal) -> anyhow::Result<()> {
    crate::organisation::service::publish_reference_data(portal).await.map_err(told)?;
    let report = crate::catalogue::service::publish_bundle(portal).await.map_err(told)?;
    tracing::info!(
        bundle = report.number,
        items = report.items_added.len(),
        versions = report.versions_added.len(),
        conflicts = report.conflicts.len(),
        "catalogue published"
    );
    crate::talent_card::service::publish::publish_products(portal).await.map_err(told)?;
    Ok(())
}

/// The routes over a process.
pub fn router(portal: &Portal, config: &Config, metrics: Option<PrometheusHandle>, stopping: CancellationToken) -> Router {
    routes(Server {
        portal: portal.clone(),
        schema: schema::build(),
        documents: Documents::default(),
        trusted_proxies: config.trusted_proxies.clone().into(),
        metrics,
        rates: Arc::new(Rates::new(&portal.settings)),
        sockets: Sockets::default(),
        stopping,
    })
}

/// How often what has had its time is deleted.
const SWEEP: Duration = Duration::from_hours(1);

/// Deletes what has had its time: idempotency keys, codes, limits, sessions, invitations, letters that lie as files, and
/// keys whose person never came about. One that fails does not keep the others from it; all is tried again in an hour.
pub async fn sweep(portal: &Portal) {
    for (what, swept) in [
        ("idempotency keys", crate::audit::service::sweep_keys(portal).await),
        ("codes and sessions", letters::sweep(portal).await),
        ("letters", crate::account::job::sweep_letters(portal).await),
        ("orphan keys", keys::sweep_orphan_keys(portal).await),
    ] {
        match swept {
            Ok(0) => {}
            Ok(count) => tracing::info!(what, count, "swept"),
            Err(fault) => tracing::warn!(what, fault = ?fault, "a sweep could not run and will be tried again"),
        }
    }
}

async fn sweep_until(portal: Portal, stop: CancellationToken) {
    while !stop.is_cancelled() {
        sweep(&portal).await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

/// Starts the loops of the process; they end with `stop`.
pub fn spawn_jobs(portal: &Portal, config: &Config, stop: &CancellationToken) -> Vec<tokio::task::JoinHandle<()>> {
    let lanes = workers().lanes();
    let mut jobs = vec![
        tokio::spawn(crate::audit::job::sequence(portal.clone(), stop.clone())),
        tokio::spawn(crate::audit::job::listen(portal.clone(), stop.clone())),
        tokio::spawn(crate::application::job::clock(portal.clone(), stop.clone())),
        tokio::spawn(crate::application::job::follow_calendar(portal.clone(), stop.clone())),
        tokio::spawn(crate::notice::job::follow_until(portal.clone(), stop.clone())),
        tokio::spawn(crate::material::job::sweep_until(portal.clone(), stop.clone())),
        tokio::spawn(crate::talent_card::job::remind_until(portal.clone(), stop.clone())),
        tokio::spawn(sweep_until(portal.clone(), stop.clone())),
    ];
    jobs.extend(lanes.into_iter().map(|lane| tokio::spawn(crate::audit::job::work(portal.clone(), lane, stop.clone()))));
    if config.clamd.is_some() {
        jobs.push(tokio::spawn(crate::material::job::scan_until(portal.clone(), stop.clone())));
    }
    jobs
}

/// Serves until `stop` is cancelled, then drains.
pub async fn serve(portal: Portal, config: &Config, listener: TcpListener, metrics: Option<PrometheusHandle>, stop: CancellationToken) -> anyhow::Result<()> {
    let router = router(&portal, config, metrics, stop.clone());
    let jobs_stop = CancellationToken::new();
    let jobs = spawn_jobs(&portal, config, &jobs_stop);
    let bounds = Bounds { connections: config.connections_max, headers: Duration::from_secs(config.header_seconds) };
    let served = server::serve(listener, router, bounds, stop.clone());
    let deadline = Duration::from_secs(config.shutdown_seconds);
    tokio::select! {
        () = served => {}
        () = async { stop.cancelled().await; tokio::time::sleep(deadline).await } => tracing::warn!("connections were still open after {deadline:?}"),
    }
    jobs_stop.cancel();
    for job in jobs {
        let _joined = tokio::time::timeout(Duration::from_secs(5), job).await;
    }
    portal.db.close().await?;
    Ok(())
}
