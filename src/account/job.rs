//! Works off the outbox rows that are messages to a contact point.

use std::sync::Arc;

use async_trait::async_trait;

use crate::account::adapter::Mailer;
use crate::account::model::mail::{self, Template};
use crate::account::service::letters;
use crate::audit::model::Work;
use crate::audit::service::{Undone, Worker};
use crate::kernel::fault::Fault;
use crate::portal::Portal;

/// Sends codes, notices and invitations. Install it with `Workers::with`, and a [`Mailer`] as a part.
#[derive(Clone, Copy, Debug)]
pub struct LetterWorker;

#[async_trait]
impl Worker for LetterWorker {
    fn kinds(&self) -> &'static [&'static str] {
        &[letters::SEND_CODE, letters::SEND_NOTICE, letters::SEND_INVITATION, letters::SEND_MERGED, letters::FORGET_LETTER]
    }

    async fn work(&self, portal: &Portal, work: &Work) -> Result<(), Undone> {
        let mailer: Arc<Mailer> = portal.part::<Mailer>()?;
        if work.kind == letters::FORGET_LETTER {
            for (row, object) in mailer.kept().await.map_err(Undone::Later)? {
                if object == work.object_id {
                    mailer.forget(row, object).await.map_err(Undone::Later)?;
                }
            }
            return Ok(());
        }
        // Sent, used or expired meanwhile: there is nothing to send any more.
        let Some(draft) = letters::draft(portal, &work.kind, work.object_id).await? else { return Ok(()) };
        let link = portal.settings.front_end_url.as_deref().filter(|_| draft.template == Template::Invitation);
        let letter =
            mail::write(draft.template, draft.language, draft.to, draft.secret, link).ok_or_else(|| Undone::Never(anyhow::anyhow!("a wording is missing")))?;
        mailer.send(work.id, work.object_id, &letter).await.map_err(Undone::Later)?;
        Ok(letters::sent(portal, &work.kind, work.object_id).await?)
    }
}

/// Deletes the files of letters that nobody needs any more: the code was used or has expired. Answers how many.
pub async fn sweep_letters(portal: &Portal) -> Result<u64, Fault> {
    let mailer: Arc<Mailer> = portal.part::<Mailer>()?;
    let mut swept = 0;
    for (row, object) in mailer.kept().await.map_err(Fault::internal)? {
        if !letters::waits(portal, row, object).await? {
            mailer.forget(row, object).await.map_err(Fault::internal)?;
            swept += 1;
        }
    }
    Ok(swept)
}
