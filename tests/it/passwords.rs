//! How passwords are kept: the hash, what becomes of a weaker one, and what happens when too many wait.

use std::time::Duration;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::json;
use talent_portal::config::Layers;

use crate::account::{OTHER_PASSWORD, PASSWORD, RESULT, mutation, refused, sign_in, sign_up};
use crate::support::{Pool, TestApp, both_engines};

both_engines!(a_password_is_kept_as_argon2id_and_a_weaker_hash_is_replaced_at_sign_in, beyond_workers_and_queue_callers_are_told_to_come_again);

/// The hash of the account that was made last.
async fn stored(app: &TestApp) -> String {
    let db = app.portal().db.read();
    let text = "SELECT password_hash FROM account ORDER BY id DESC LIMIT 1";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), text)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

async fn a_password_is_kept_as_argon2id_and_a_weaker_hash_is_replaced_at_sign_in(app: TestApp) {
    let set = |app: TestApp, memory, passes| app.configured(|config| (config.settings.argon2_memory_kib, config.settings.argon2_passes) = (memory, passes));
    let default = Layers::default().build().unwrap().settings;
    let strong = |hash: &str| {
        let parts: Vec<&str> = hash.split('$').collect();
        // Sixteen bytes of salt and thirty-two of hash in base64.
        parts[..4] == ["", "argon2id", "v=19", "m=19456,t=2,p=1"] && (parts.len(), parts[4].len(), parts[5].len()) == (6, 22, 43)
    };
    for (memory, passes) in [(8, 1), (19_455, 2), (19_456, 1)] {
        let weakly = format!("$argon2id$v=19$m={memory},t={passes},p=1$");
        let contact = format!("with-{memory}-{passes}@example.com");
        let app = TestApp::start(app.engine(), Pool::Product).await.unwrap();
        let app = set(app, memory, passes);
        sign_up(&app, &contact).await;
        let weak = stored(&app).await;
        assert!(weak.starts_with(&weakly), "{weak}");
        let app = set(app, default.argon2_memory_kib, default.argon2_passes);
        refused(&sign_in(&app, &contact, OTHER_PASSWORD).await, "SIGN_IN_FAILED", "");
        assert_eq!(stored(&app).await, weak);
        assert_eq!(sign_in(&app, &contact, PASSWORD).await["result"]["__typename"], "SessionPair");
        let replaced = stored(&app).await;
        assert!(strong(&replaced), "{replaced}");
        // It is the same password, hashed once.
        assert_eq!(sign_in(&app, &contact, PASSWORD).await["result"]["__typename"], "SessionPair");
        assert_eq!(stored(&app).await, replaced);
        // A weaker setting weakens nothing.
        let app = set(app, memory, passes);
        assert_eq!(sign_in(&app, &contact, PASSWORD).await["result"]["__typename"], "SessionPair");
        assert_eq!(stored(&app).await, replaced);
    }
    let app = set(app, default.argon2_memory_kib, default.argon2_passes);
    sign_up(&app, "new@example.com").await;
    assert!(strong(&stored(&app).await));
}

async fn beyond_workers_and_queue_callers_are_told_to_come_again(app: TestApp) {
    let app = app.configured(|config| {
        (config.settings.argon2_memory_kib, config.settings.argon2_passes) = (65_536, 12);
        (config.settings.hash_workers, config.settings.hash_queue) = (1, 1);
    });
    let ask = async |n: usize| {
        let input = json!({ "input": { "contact": format!("nobody{n}@example.com"), "password": PASSWORD } });
        let reply = app.graphql(None, &mutation("signIn", RESULT), input).await;
        match reply.data["signIn"]["userErrors"][0]["code"].as_str() {
            Some(code) => code.to_owned(),
            None => format!("{} after {}", reply.code(), reply.errors[0]["extensions"]["retryAfterSeconds"]),
        }
    };
    let answers = join_all((0..8).map(ask)).await;
    let count = |wanted: &str| answers.iter().filter(|answer| *answer == wanted).count();
    let (judged, sent_away) = (count("SIGN_IN_FAILED"), count("RATE_LIMITED after 1"));
    assert!(judged >= 2 && sent_away >= 1 && judged + sent_away == 8, "{answers:?}");
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(ask(8).await, "SIGN_IN_FAILED");
}
