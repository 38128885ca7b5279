//! Works off the outbox rows that are messages to a contact point.

use std::sync::Arc;

use async_trait::async_trait;

use crate::account::adapter::Mailer;
use crate::account::model::mail::{self, Template};
use crate::account::service::letters;
use crate::audit::model::Work;
use crate::audit::service::{Undone, Worker};
use crate::portal::Portal;

/// Sends codes, notices and invitations. Install it with `Workers::with`, and a [`Mailer`] as a part.
#[derive(Clone, Copy, Debug)]
pub struct LetterWorker;

#[async_trait]
impl Worker for LetterWorker {
    fn kinds(&self) -> &'static [&'static str] {
        &[letters::SEND_CODE, letters::SEND_NOTICE, letters::SEND_INVITATION]
    }

    async fn work(&self, portal: &Portal, work: &Work) -> Result<(), Undone> {
        let mailer: Arc<Mailer> = portal.part::<Mailer>()?;
        // Sent, used or expired meanwhile: there is nothing to send any more.
        let Some(draft) = letters::draft(portal, &work.kind, work.object_id).await? else { return Ok(()) };
        let link = portal.settings.front_end_url.as_deref().filter(|_| draft.template == Template::Invitation);
        let letter =
            mail::write(draft.template, draft.language, draft.to, draft.secret, link).ok_or_else(|| Undone::Never(anyhow::anyhow!("a wording is missing")))?;
        mailer.send(work.id, &letter).await.map_err(Undone::Later)?;
        Ok(letters::sent(portal, &work.kind, work.object_id).await?)
    }
}
