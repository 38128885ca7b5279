//! Loops of the slice: reading what is announced, and sending what lies in the outbox.

use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::account::adapter::{Mailer, Posted};
use crate::account::model::contact::ContactKind;
use crate::audit::model::Work;
use crate::audit::service::{Undone, Worker};
use crate::notice::adapter::Pusher;
use crate::notice::model::channel::Channel;
use crate::notice::service::{delivery, follow};
use crate::portal::Portal;

/// How long the reader waits when nothing was announced, or after a fault.
const IDLE: Duration = Duration::from_millis(500);

/// Writes notices until the process stops. Any number of processes may.
pub async fn follow_until(portal: Portal, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match follow::follow(&portal).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(fault) => tracing::warn!(job = "notices", fault = ?fault, "a background job could not run and will be tried again"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(IDLE) => {}
        }
    }
}

/// Sends notices by one channel. Install one for each with `Workers::with`.
#[derive(Clone, Copy, Debug)]
pub struct NoticeWorker(pub Channel);

#[async_trait]
impl Worker for NoticeWorker {
    fn kinds(&self) -> &'static [&'static str] {
        match self.0 {
            Channel::Email => const { &[delivery::kind(Channel::Email)] },
            Channel::Sms => const { &[delivery::kind(Channel::Sms)] },
            Channel::Push => const { &[delivery::kind(Channel::Push)] },
        }
    }

    fn apart(&self) -> bool {
        true
    }

    async fn work(&self, portal: &Portal, work: &Work) -> Result<(), Undone> {
        let contact = match self.0 {
            Channel::Email => ContactKind::Email,
            Channel::Sms => ContactKind::Mobile,
            Channel::Push => {
                // Forgotten meanwhile: there is nothing to send any more.
                let Some(push) = delivery::push(portal, work).await? else { return Ok(()) };
                let pusher = portal.part::<Pusher>()?;
                if pusher.push(work.id, push.platform, &push.token, push.notice).await.map_err(Undone::Later)? == Posted::Gone {
                    delivery::gone(portal, push.device).await?;
                }
                return Ok(());
            }
        };
        let Some(mail) = delivery::mail(portal, work, contact).await? else { return Ok(()) };
        let mailer = portal.part::<Mailer>()?;
        // The account is what it is about: a letter that lies as a file is kept for a week.
        mailer.send(work.id, mail.account.0, &mail.letter).await.map_err(Undone::Later)
    }
}
