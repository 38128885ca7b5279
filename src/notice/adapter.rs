//! How push notices leave the portal: by an HTTP gateway, which passes them on to the services of the platforms.

use crate::account::adapter::{Gateway, Posted};
use crate::kernel::ids::{NoticeId, OutboxId, TypedId as _};
use crate::notice::model::channel::Platform;

/// The gateway, where one is set.
#[derive(Debug)]
pub struct Pusher(pub Option<Gateway>);

impl Pusher {
    /// Hands a push notice over: the id by which the gateway knows one that comes twice, where it goes, and the id of the
    /// notice, by which the app asks for what it says. A process without a gateway leaves it to others.
    pub async fn push(&self, row: OutboxId, platform: Platform, token: &str, notice: NoticeId) -> anyhow::Result<Posted> {
        let Some(gateway) = &self.0 else { anyhow::bail!("no gateway for push notices is set here") };
        gateway.post(&serde_json::json!({ "id": row.to_string(), "platform": platform, "device": token, "noticeId": notice.global() })).await
    }
}
