//! The command line of the portal. Not: logic.
#![expect(clippy::print_stdout, reason = "a command answers on its standard output")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use metrics_exporter_prometheus::PrometheusBuilder;
use migration::Migrator;
use sea_orm_migration::MigratorTrait as _;
use talent_portal::app::{self, told};
use talent_portal::audit::model::Verdict;
use talent_portal::config::{self, Config, LogFormat};
use talent_portal::db::{self, Engine};
use talent_portal::kernel::env::Env;
use talent_portal::kernel::role::Role;
use talent_portal::portal::Portal;
use talent_portal::{catalogue, demo, seed};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Backend of the Greater Bay Area talent-service portal.
///
/// Each option can also stand in the environment (`PORTAL_` and its name in capitals) or in a TOML file (`--config`);
/// `talent-portal options` lists all of them.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Clone)]
struct Data {
    /// TOML file with options.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Data store: `sqlite:…` or `postgres://…`.
    #[arg(long)]
    database_url: Option<String>,
    /// Folder of the portal.
    #[arg(long = "data-dir")]
    folder: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API.
    Serve {
        #[command(flatten)]
        data: Data,
        /// Address and port.
        #[arg(long)]
        listen: Option<String>,
        /// Add bodies, units, staff and talents, and print their passwords and tokens.
        #[arg(long)]
        demo: bool,
    },
    /// Change the schema of both stores.
    Migrate {
        /// What to do.
        direction: Direction,
        #[command(flatten)]
        data: Data,
    },
    /// The catalogue that the binary carries.
    Catalogue {
        /// What to do.
        what: CatalogueWork,
        #[command(flatten)]
        data: Data,
    },
    /// Print the SDL.
    Schema,
    /// List all options.
    Options,
    /// Administrators.
    Admin {
        #[command(subcommand)]
        what: AdminWork,
    },
    /// The trail.
    Audit {
        #[command(subcommand)]
        what: AuditWork,
    },
    /// Fill an empty database or a demo with synthetic talents, cases and cards.
    Seed {
        /// How much: 1 is a million talents, two million cases and 300,000 cards.
        #[arg(long)]
        scale: f64,
        #[command(flatten)]
        data: Data,
    },
    /// Compare what is stored twice.
    Check {
        #[command(subcommand)]
        what: CheckWork,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Direction {
    Up,
    Down,
    Status,
}

#[derive(Clone, Copy, ValueEnum)]
enum CatalogueWork {
    Publish,
    Check,
}

#[derive(Subcommand)]
enum AdminWork {
    /// Print a one-time token with which a signed-in person becomes an administrator.
    Create {
        /// Which of the three.
        #[arg(long, value_enum, ignore_case = true)]
        role: AdminRole,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum AdminRole {
    System,
    Security,
    Audit,
}

#[derive(Subcommand)]
enum AuditWork {
    /// Walk the chain and name the first bad row.
    Verify {
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Subcommand)]
enum CheckWork {
    /// Recompute all cases from their events.
    Projections {
        #[command(flatten)]
        data: Data,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(code) => code,
        // 1 is what a check found; this is that it could not look.
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn load(data: Data, more: Vec<(&'static str, Option<String>)>) -> anyhow::Result<Config> {
    let mut flags = vec![("database_url", data.database_url), ("data_dir", data.folder)];
    flags.extend(more);
    config::load(data.config, flags).map_err(|problems| anyhow::anyhow!("the configuration is not right:\n  {}", problems.join("\n  ")))
}

fn log(config: &Config) {
    // The library's own hook writes what was said, which may hold what a person sent, and a backtrace.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(alarm = "PANIC", place, "a mistake ended a request or a job");
    }));
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log_filter).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call, in a test, changes nothing.
    let _already = match config.log_format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.try_init(),
    };
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let env = Env::system();
    match command {
        Command::Schema => print!("{}", talent_portal::api::schema::sdl()),
        Command::Options => {
            for (name, meaning) in config::OPTIONS {
                println!("{name}\n    {meaning}");
            }
        }
        Command::Serve { data, listen, demo } => return serve(load(data, vec![("listen", listen)])?, env, demo).await,
        Command::Seed { scale, data } => {
            let config = load(data, vec![])?;
            log(&config);
            let portal = app::portal(&config, env, db::Options::from(&config)).await?;
            prepare(&config, &portal).await?;
            let bar = ProgressBar::no_length();
            let lines = seed::seed(&portal, scale, |done, of| {
                bar.set_length(of);
                bar.set_position(done);
            })
            .await?;
            bar.finish_and_clear();
            for line in lines {
                println!("{line}");
            }
            portal.db.close().await?;
        }
        Command::Migrate { direction, data } => return migrate(load(data, vec![])?, env, direction).await,
        Command::Catalogue { what: CatalogueWork::Check, .. } => {
            let problems = catalogue::service::check_bundle(&app::handlers());
            for problem in &problems {
                println!("{problem:?}");
            }
            println!("{} problems", problems.len());
            return Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Catalogue { what: CatalogueWork::Publish, data } => {
            let config = load(data, vec![])?;
            log(&config);
            let portal = app::found(&config, env).await?;
            app::publish(&portal).await?;
            portal.db.close().await?;
        }
        Command::Admin { what: AdminWork::Create { role, data } } => {
            let config = load(data, vec![])?;
            let portal = app::found(&config, env).await?;
            let role = match role {
                AdminRole::System => Role::SystemAdmin,
                AdminRole::Security => Role::SecurityAdmin,
                AdminRole::Audit => Role::AuditAdmin,
            };
            let token =
                talent_portal::account::service::grants::create_admin_invitation(&portal, role).await.map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
            portal.db.close().await?;
            match &config.settings.front_end_url {
                Some(url) => println!("{}/invitation#{token}", url.trim_end_matches('/')),
                None => println!("{token}"),
            }
        }
        Command::Audit { what: AuditWork::Verify { data } } => {
            let config = load(data, vec![])?;
            let portal = app::found(&config, env).await?;
            let bar = ProgressBar::new_spinner();
            let verdict = talent_portal::audit::service::verify(&portal, |done| bar.set_position(done.unsigned_abs())).await.map_err(told)?;
            bar.finish_and_clear();
            portal.db.close().await?;
            match verdict {
                Verdict::Intact { sealed, unsealed, signed } => println!("intact: {sealed} rows, signed up to {signed}, {unsealed} not sealed yet"),
                Verdict::Broken { position, what } => {
                    println!("broken at position {position}: {what}");
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        Command::Check { what: CheckWork::Projections { data } } => {
            let config = load(data, vec![])?;
            let portal = app::found(&config, env).await?;
            let bar = ProgressBar::new_spinner();
            let report = talent_portal::application::service::check::check_projections(&portal, |done| bar.set_position(done)).await.map_err(told)?;
            bar.finish_and_clear();
            portal.db.close().await?;
            println!("{} cases compared, {} differ", report.compared, report.different.len());
            for id in &report.different {
                println!("{id}");
            }
            return Ok(if report.different.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn migrate(config: Config, env: Env, direction: Direction) -> anyhow::Result<ExitCode> {
    log(&config);
    let mut options = db::Options::from(&config);
    if let Some(url) = &config.migration_database_url {
        options.url.clone_from(url);
    }
    let db = match direction {
        Direction::Up => app::portal(&config, env, options).await?.db,
        Direction::Down | Direction::Status => app::found_stores(&options).await?,
    };
    match direction {
        Direction::Up => app::migrate(&db).await?,
        Direction::Down => Migrator::down(db.writer(), Some(1)).await?,
        Direction::Status => {
            let (data, keys) = app::pending(&db).await?;
            println!("data: {data} pending\nkeys: {keys} pending");
        }
    }
    db.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Migrates where this process may, and refuses to go on where migrations are pending.
async fn prepare(config: &Config, portal: &Portal) -> anyhow::Result<()> {
    match (&config.migration_database_url, portal.db.engine()) {
        (None, Engine::Sqlite) => app::migrate(&portal.db).await?,
        (None, Engine::Postgres) => {
            if app::migrations_pending(&portal.db).await? {
                anyhow::bail!("migrations are pending: run `talent-portal migrate up` with the role that may change the schema, or set migration_database_url");
            }
        }
        (Some(url), _) => {
            let options = db::Options { url: url.clone(), ..db::Options::from(config) };
            let migrating = db::Db::connect(&options).await?;
            app::migrate(&migrating).await?;
            migrating.close().await?;
        }
    }
    Ok(())
}

async fn serve(config: Config, env: Env, with_demo: bool) -> anyhow::Result<ExitCode> {
    log(&config);
    // What can refuse the start comes before what changes anything.
    let listener = TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen at {}", config.listen))?;
    let options = db::Options::from(&config);
    if with_demo {
        demo::refuse(&options).await?;
    }
    let _while_it_serves = app::claim_files(&config).await?;
    let portal = app::portal(&config, env.clone(), options).await?;
    prepare(&config, &portal).await?;
    app::publish(&portal).await?;
    if with_demo {
        for line in demo::fill(&portal).await? {
            println!("{line}");
        }
    }
    let (address, stop) = (listener.local_addr()?, CancellationToken::new());
    // Whoever reads the address may stop the process at once.
    signals(stop.clone())?;
    println!("API      http://{address}/graphql");
    println!("GraphiQL http://{address}/");
    let metrics = PrometheusBuilder::new().install_recorder()?;
    app::serve(portal, &config, listener, Some(metrics), stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// From now on the first signal stops gracefully, the second at once.
#[cfg(unix)]
fn signals(stop: CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        for last in [false, true] {
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
            if last {
                std::process::exit(1);
            }
            stop.cancel();
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn signals(_: CancellationToken) -> std::io::Result<()> {
    Ok(())
}
