//! Composition root: the only place that names concrete parts and adapters.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use migration::{KeyMigrator, Migrator};
use sea_orm::ConnectionTrait as _;
use sea_orm_migration::MigratorTrait as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::account::adapter::Mailer;
use crate::account::job::LetterWorker;
use crate::account::service::hashing::HashPool;
use crate::api::schema;
use crate::application::service::dealing::CaseDealing;
use crate::application::service::fulfilment::Fulfilments;
use crate::application::service::merge::OpenCases;
use crate::application::service::steps::{EmployerConfirmation, Review, StepKinds};
use crate::audit::service::{Bus, Worker, Workers};
use crate::catalogue::service::{CompiledVersions, FactSources, Handlers};
use crate::config::Config;
use crate::db::{self, Db, Engine, KEY_SCHEMA};
use crate::http::router::{Server, routes};
use crate::kernel::env::Env;
use crate::kernel::fault::Fault;
use crate::kernel::seal::Keyring;
use crate::material::adapter::{Clamd, local_store};
use crate::material::model::scan::{Scanner, Scanning};
use crate::organisation::service::CalendarCache;
use crate::person::service::dealing::Dealings;
use crate::person::service::keys::KeyCache;
use crate::person::service::merge::MergeListeners;
use crate::portal::{Parts, Portal};
use crate::talent::service::source::ProfileFacts;
use crate::talent_card::service::fulfilment::CardFulfilment;
use crate::talent_card::service::view::OfferCache;

/// A fault as an error of a command.
pub fn told(fault: Fault) -> anyhow::Error {
    match fault {
        Fault::Internal(cause) | Fault::Unavailable(cause) => anyhow::anyhow!("{cause:#}"),
        other => anyhow::anyhow!("{other:?}"),
    }
}

fn fulfilments() -> Fulfilments {
    Fulfilments::default().with(Arc::new(CardFulfilment))
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
    let scanner = config.clamd.as_deref().map(|address| Arc::new(Clamd::new(address)) as Arc<dyn Scanner>);
    Ok(Parts::default()
        .with(Bus::default())
        .with(Workers::default().with(&(Arc::new(LetterWorker) as Arc<dyn Worker>)))
        .with(CalendarCache::default())
        .with(KeyCache::default())
        .with(Dealings::default().with(Arc::new(CaseDealing)))
        .with(HashPool::new(&config.settings)?)
        .with(Mailer::new(&config.data_dir, config.smtp_url.as_deref(), &config.mail_from)?)
        .with(CompiledVersions::default())
        .with(FactSources::default().with(Arc::new(ProfileFacts)))
        .with(local_store(&config.data_dir)?)
        .with(Scanning(scanner))
        .with(handlers())
        .with(fulfilments())
        .with(step_kinds())
        .with(OfferCache::default())
        // What follows the merge of two persons; each slice adds its own.
        .with(MergeListeners::default().with(Arc::new(OpenCases))))
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
    let mode = std::fs::metadata(path).with_context(|| format!("the key file {} is missing", path.display()))?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("the key file {} may be read by others; its mode must be 0600", path.display());
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// Connects and puts a process together; nothing is migrated.
pub async fn portal(config: &Config, env: Env, options: db::Options) -> anyhow::Result<Portal> {
    std::fs::create_dir_all(&config.data_dir).with_context(|| format!("the folder {} cannot be made", config.data_dir.display()))?;
    let keyring = keyring(config, &env)?;
    let db = Db::connect(&options).await.context("the stores cannot be opened")?;
    Ok(Portal::new(db, env, Arc::new(keyring), Arc::new(config.settings.clone()), parts(config)?))
}

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
    Ok(!Migrator::get_pending_migrations(db.writer()).await?.is_empty() || !KeyMigrator::get_pending_migrations(db.keys()).await?.is_empty())
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
    routes(Server { portal: portal.clone(), schema: schema::build(), trusted_proxies: config.trusted_proxies.clone().into(), metrics, stopping })
}

/// Starts the loops of the process; they end with `stop`.
pub fn spawn_jobs(portal: &Portal, config: &Config, stop: &CancellationToken) -> Vec<tokio::task::JoinHandle<()>> {
    let mut jobs = vec![
        tokio::spawn(crate::audit::job::sequence(portal.clone(), stop.clone())),
        tokio::spawn(crate::audit::job::listen(portal.clone(), stop.clone())),
        tokio::spawn(crate::audit::job::work(portal.clone(), stop.clone())),
        tokio::spawn(crate::application::job::clock(portal.clone(), stop.clone())),
        tokio::spawn(crate::material::job::sweep_until(portal.clone(), stop.clone())),
    ];
    if config.clamd.is_some() {
        jobs.push(tokio::spawn(crate::material::job::scan_until(portal.clone(), stop.clone())));
    }
    jobs
}

/// Serves until `stop` is cancelled, then drains.
pub async fn serve(portal: Portal, config: &Config, listener: TcpListener, metrics: Option<PrometheusHandle>, stop: CancellationToken) -> anyhow::Result<()> {
    use axum::serve::ListenerExt as _;
    let router = router(&portal, config, metrics, stop.clone());
    let jobs_stop = CancellationToken::new();
    let jobs = spawn_jobs(&portal, config, &jobs_stop);
    let listener = listener.tap_io(|stream| {
        let _best_effort = stream.set_nodelay(true);
    });
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    let graceful = axum::serve(listener, service).with_graceful_shutdown({
        let stop = stop.clone();
        async move { stop.cancelled().await }
    });
    let deadline = Duration::from_secs(config.shutdown_seconds);
    tokio::select! {
        served = graceful => served?,
        () = async { stop.cancelled().await; tokio::time::sleep(deadline).await } => tracing::warn!("connections were still open after {deadline:?}"),
    }
    jobs_stop.cancel();
    for job in jobs {
        let _joined = tokio::time::timeout(Duration::from_secs(5), job).await;
    }
    portal.db.close().await?;
    Ok(())
}
