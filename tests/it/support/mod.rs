//! What the tests stand on.
//!
//! A test is a plain `async fn a_sentence(app: TestApp)`, and one line per file runs them all on both engines:
//! `both_engines!(a_sentence, another_sentence);`. One that is left out is dead code, which the compiler tells.
//! `pool_of_one!(a_sentence);` runs some of them once more on SQLite with a single connection.

#[allow(dead_code, clippy::allow_attributes, reason = "verbs of the harness are there before the tests that use them")]
pub mod app;
pub mod cluster;
#[allow(dead_code, clippy::allow_attributes, reason = "verbs of the harness are there before the tests that use them")]
pub mod database;
pub mod postgres;
pub mod search;

pub use app::{Pool, TestApp, token_of_somebody};
use talent_portal::db::Engine;

/// Runs a test on a portal of its own; where PostgreSQL is missing, that half is skipped, which is told once.
pub async fn run<F: Future<Output = ()>>(engine: Engine, pool: Pool, test: impl FnOnce(TestApp) -> F) {
    if let Some(app) = TestApp::start(engine, pool).await {
        test(app).await;
    }
}

/// Makes `name::sqlite` and `name::postgres` of each `async fn name(app: TestApp)`.
macro_rules! both_engines {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use talent_portal::db::Engine;
            use $crate::support::{Pool, run};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run(Engine::Sqlite, Pool::Product, super::$name).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run(Engine::Postgres, Pool::Product, super::$name).await;
            }
        })+
    };
}
pub(crate) use both_engines;

/// Makes `pool_of_one::name` of each `async fn name(app: TestApp)`, once in a file.
macro_rules! pool_of_one {
    ($($name:ident),+ $(,)?) => {
        mod pool_of_one {
            use talent_portal::db::Engine;
            use $crate::support::{Pool, run};

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                run(Engine::Sqlite, Pool::One, super::$name).await;
            })+
        }
    };
}
pub(crate) use pool_of_one;
