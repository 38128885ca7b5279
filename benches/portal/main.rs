//! `cargo bench`: what four operations cost in the portal, and what they cost by hand.
//!
//! For each engine: seed, serve the rows by the release binary and a copy of them by the floor (this program, called
//! with `floor`), send both the same requests in short rounds that take turns, and print requests a second, processor
//! time a request (user and system, of the server's process alone), latencies and the peak of memory. All answers are
//! checked; one that is wrong ends the bench.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use talent_portal::db::Engine;
use talent_portal::kernel::ids::TypedId as _;

mod client;
mod floor;
#[expect(clippy::expect_used, reason = "shared with the tests, which end with what they cannot do without")]
#[path = "../../tests/it/support/postgres.rs"]
mod postgres;
mod process;
mod world;

use client::{Connection, Round, Supply, load, request};
use process::{Postgres, Server, cpu, cpu_of_children, forget_peak, memory};
use world::{Place, World, case_of, make, operation};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds of each server in a scenario.
const ROUNDS: u32 = 4;
/// How long both are warmed up before.
const WARM_UP: Duration = Duration::from_secs(2);
/// Rows of a page of the queue.
const PAGE: i32 = 50;

/// Says a line on standard output at once.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _nobody_reads = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[expect(clippy::disallowed_methods, reason = "the bench is set by the environment, the portal is not")]
fn setting(name: &str, default: f64) -> anyhow::Result<f64> {
    match std::env::var(name) {
        Ok(text) => text.parse().ok().filter(|number| *number > 0.0).with_context(|| format!("{name} is no number above 0")),
        Err(_) => Ok(default),
    }
}

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(&arguments)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("FAILED: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let engines: &[Engine] = match words.as_slice() {
        ["floor", url, key_file] => return floor::serve(url, key_file).await,
        [] => &[Engine::Sqlite, Engine::Postgres],
        ["sqlite"] => &[Engine::Sqlite],
        ["postgres"] => &[Engine::Postgres],
        _ => bail!("usage: cargo bench [-- sqlite|postgres]"),
    };
    let (seconds, scale) = (setting("PORTAL_BENCH_SECONDS", 8.0)?, setting("PORTAL_BENCH_SCALE", 0.005)?);
    for engine in engines {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        bench(*engine, folder.path(), Duration::from_secs_f64(seconds), scale).await?;
    }
    Ok(())
}

async fn bench(engine: Engine, folder: &Path, time: Duration, scale: f64) -> anyhow::Result<()> {
    let server = match engine {
        Engine::Sqlite => None,
        Engine::Postgres => {
            // The server's own user must pass.
            std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
            let server = Postgres::start(folder)?;
            if server.is_none() {
                say("\nPostgreSQL was not found: its half of the bench is skipped. Install the Debian package `postgresql` (no server needs to be running).");
                return Ok(());
            }
            server
        }
    };
    let data = folder.join("portal");
    let url = match &server {
        None => format!("sqlite://{}", data.join("portal.db").display()),
        Some(server) => {
            let maintenance = sea_orm::Database::connect(server.url("postgres")).await?;
            sea_orm::ConnectionTrait::execute_unprepared(&maintenance, "CREATE DATABASE portal").await?;
            maintenance.close().await?;
            server.url("portal")
        }
    };
    let place = Place { folder: data, url };
    say(&format!("\n{engine:?}: seeding {scale} of a million talents, filling carts"));
    let world = make(&place, scale).await?;
    let copied = world::copy(&place, &folder.join("floor"), server.as_ref()).await?;
    let portal = place.serve()?;
    let floor = Server::start(
        {
            let mut floor = process::command(std::env::current_exe()?);
            floor.arg("floor").arg(&copied.url).arg(copied.folder.join("portal.keys"));
            floor
        },
        &folder.join("floor.log"),
    )?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    say(&format!(
        "at rest the portal has {:.1} MiB of memory, the floor {:.1} MiB",
        mebibytes(memory(portal.pid(), "VmRSS")?),
        mebibytes(memory(floor.pid(), "VmRSS")?)
    ));
    say(&format!("{} open cases in the queue, {} carts, {} requests at once\n", world.unit.1, world.carts.len(), client::CONCURRENCY));
    say("                  req/s            CPU us/request         database us      p50 ms          p99 ms          peak MiB");
    say("scenario         portal   floor   portal   floor ratio   portal   floor   portal   floor  portal   floor  portal   floor");
    let database = server.as_ref().map(|server| server.pid);
    for scenario in scenarios(&world)? {
        scenario.check(&portal, &floor).await?;
        let told = scenario.measure(&portal, &floor, database, time).await?;
        say(&told);
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures to read")]
fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// How the answers of both sides are compared.
#[derive(Clone, Copy)]
enum Compare {
    /// They are equal.
    Whole,
    /// They name the same order and case.
    Case,
    /// Both give a session.
    Session,
}

struct Scenario {
    name: &'static str,
    portal: std::sync::Arc<Supply>,
    floor: std::sync::Arc<Supply>,
    compare: Compare,
    /// Requests that are compared, from the end of the supply.
    compared: Vec<(Vec<u8>, Vec<u8>)>,
}

fn scenarios(world: &World) -> anyhow::Result<Vec<Scenario>> {
    let scenario = |name, mut requests: Vec<(Vec<u8>, Vec<u8>)>, again, compare| {
        let compared = if again { requests.iter().take(40).cloned().collect() } else { requests.split_off(requests.len().saturating_sub(5)) };
        let (portal, floor) = requests.into_iter().unzip();
        Scenario { name, portal: Supply::new(portal, again), floor: Supply::new(floor, again), compare, compared }
    };
    let cards = operation("my-card/my-cards.graphql")?;
    let cards = world.holders.iter().map(|token| {
        let token = Some(token.as_str());
        (request("/graphql", token, None, &json!({ "query": cards })), request("/my-cards", token, None, &json!({})))
    });
    let (supervisor, asked) = (Some(world.supervisor.as_str()), json!({ "unitId": world.unit.0.global(), "first": PAGE }));
    let queue = json!({ "query": operation("work-queue/work-queue.graphql")?, "variables": asked });
    let queue = vec![(request("/graphql", supervisor, None, &queue), request("/work-queue", supervisor, None, &asked))];
    let submit = operation("apply/submit-cart.graphql")?;
    let submit = world.carts.iter().enumerate().map(|(at, (token, order))| {
        let input = json!({ "idempotencyKey": format!("bench-submit-{at:08}"), "orderId": order, "expectedVersion": 1 });
        let token = Some(token.as_str());
        (request("/graphql", token, None, &json!({ "query": submit, "variables": { "input": input } })), request("/submit-cart", token, None, &input))
    });
    let sign_in = operation("sign-in/sign-in.graphql")?;
    let sign_in = world.addresses.iter().enumerate().map(|(at, contact)| {
        let (input, from) = (json!({ "contact": contact, "password": world.password }), format!("10.{}.{}.{}", at >> 16 & 255, at >> 8 & 255, at & 255));
        let portal = json!({ "query": sign_in, "variables": { "input": input } });
        (request("/graphql", None, Some(&from), &portal), request("/sign-in", None, Some(&from), &input))
    });
    Ok(vec![
        scenario("my card", cards.collect(), true, Compare::Whole),
        scenario("work queue", queue, true, Compare::Whole),
        scenario("submit", submit.collect(), false, Compare::Case),
        scenario("sign-in", sign_in.collect(), false, Compare::Session),
    ])
}

/// What one server gave in all its rounds.
#[derive(Default)]
struct Sum {
    nanos: Vec<u64>,
    took: Duration,
    cpu: Duration,
    database: Duration,
    peak: u64,
}

impl Scenario {
    /// Both sides give the same rows.
    async fn check(&self, portal: &Server, floor: &Server) -> anyhow::Result<()> {
        let (mut to_portal, mut to_floor) = (Connection::open(portal.address).await?, Connection::open(floor.address).await?);
        for (ours, theirs) in &self.compared {
            let (ours, theirs) = (to_portal.json(ours).await?, to_floor.json(theirs).await?);
            match self.compare {
                Compare::Whole => ensure!(ours == theirs, "{}: the portal answers\n{ours}\nand the floor\n{theirs}", self.name),
                Compare::Case => ensure!(case_of(&ours)? == case_of(&theirs)?, "{}: the portal answers\n{ours}\nand the floor\n{theirs}", self.name),
                Compare::Session => {
                    for answer in [&ours, &theirs] {
                        let result = &answer["data"]["signIn"]["result"];
                        ensure!(result["__typename"] == "SessionPair" && result["accessToken"].is_string(), "{answer}");
                    }
                }
            }
        }
        Ok(())
    }

    /// Warms both up, then measures them in turn; gives the line of the table.
    async fn measure(&self, portal: &Server, floor: &Server, database: Option<u32>, time: Duration) -> anyhow::Result<String> {
        let sides = [(portal, &self.portal), (floor, &self.floor)];
        for (server, supply) in sides {
            let most = if supply.again { usize::MAX } else { supply.requests.len() / 8 };
            load(server.address, supply, WARM_UP.min(time), most).await?;
            settled(server, database).await?;
            forget_peak(server.pid())?;
        }
        let mut sums = [Sum::default(), Sum::default()];
        for round in 0..ROUNDS {
            for ((server, supply), sum) in sides.iter().zip(&mut sums) {
                let most = if supply.again { usize::MAX } else { supply.left() / (ROUNDS - round) as usize };
                let before = (cpu(server.pid())?, database.map_or(Ok(Duration::ZERO), cpu_of_children)?);
                let Round { nanos, took } = load(server.address, supply, time / ROUNDS, most).await?;
                // What it still does for these requests is theirs: the portal seals the trail afterwards.
                settled(server, database).await?;
                sum.cpu += cpu(server.pid())?.saturating_sub(before.0);
                sum.database += database.map_or(Ok(Duration::ZERO), cpu_of_children)?.saturating_sub(before.1);
                sum.nanos.extend(nanos);
                sum.took += took;
            }
        }
        for ((server, _), sum) in sides.iter().zip(&mut sums) {
            sum.peak = memory(server.pid(), "VmHWM")?;
            sum.nanos.sort_unstable();
            ensure!(!sum.nanos.is_empty(), "{}: no request was sent", self.name);
        }
        Ok(line(self.name, &sums, database.is_some()))
    }
}

/// Waits until a server has next to nothing left to do.
async fn settled(server: &Server, database: Option<u32>) -> anyhow::Result<()> {
    let so_far = || anyhow::Ok(cpu(server.pid())? + database.map_or(Ok(Duration::ZERO), cpu_of_children)?);
    for _ in 0..60 {
        let before = so_far()?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        if so_far()?.saturating_sub(before) <= Duration::from_millis(20) {
            break;
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures to read")]
fn line(name: &str, [portal, floor]: &[Sum; 2], with_database: bool) -> String {
    let rate = |sum: &Sum| sum.nanos.len() as f64 / sum.took.as_secs_f64();
    let each = |time: Duration, sum: &Sum| time.as_secs_f64() * 1e6 / sum.nanos.len() as f64;
    let at = |sum: &Sum, percent: usize| sum.nanos.get((sum.nanos.len() * percent / 100).min(sum.nanos.len() - 1)).map_or(0.0, |nanos| *nanos as f64 / 1e6);
    let database =
        if with_database { format!("{:8.0}{:8.0}", each(portal.database, portal), each(floor.database, floor)) } else { "   in it   in it".to_owned() };
    format!(
        "{name:<15}{:8.0}{:8.0} {:8.0}{:8.0}{:6.2} {database} {:8.1}{:8.1}{:8.1}{:8.1}{:8.1}{:8.1}",
        rate(portal),
        rate(floor),
        each(portal.cpu, portal),
        each(floor.cpu, floor),
        each(portal.cpu, portal) / each(floor.cpu, floor),
        at(portal, 50),
        at(floor, 50),
        at(portal, 99),
        at(floor, 99),
        mebibytes(portal.peak),
        mebibytes(floor.peak)
    )
}
