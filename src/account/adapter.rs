//! How messages leave the portal: by SMTP where a server is set, else as files in the folder `outbox`.

use std::path::{Path, PathBuf};

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use crate::account::model::contact::ContactKind;
use crate::account::model::mail::Letter;
use crate::kernel::ids::OutboxId;

/// Sends messages.
#[derive(Debug)]
pub struct Mailer {
    folder: PathBuf,
    smtp: Option<(AsyncSmtpTransport<Tokio1Executor>, Mailbox)>,
}

/// Of what a mail server says the code alone, since its words may repeat the address.
fn told(error: lettre::transport::smtp::Error) -> anyhow::Error {
    match error.status() {
        Some(code) => anyhow::anyhow!("the mail server answered {code}"),
        None => error.into(),
    }
}

impl Mailer {
    /// Writes to the folder `outbox` under the data folder; e-mail goes to the SMTP server where one is set.
    ///
    /// Errors: an SMTP URL or a sender that cannot be read.
    pub fn new(data_dir: &Path, smtp_url: Option<&str>, from: &str) -> anyhow::Result<Self> {
        let smtp = match smtp_url {
            None => None,
            Some(url) => Some((AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?.build(), from.parse()?)),
        };
        Ok(Self { folder: data_dir.join("outbox"), smtp })
    }

    /// Sends a letter about `object` once per outbox row: the file has both ids as its name, the mail has the row's as its
    /// Message-ID, by which a mail server drops a second copy. There is no SMS gateway: messages to mobiles are always files.
    pub async fn send(&self, row: OutboxId, object: Uuid, letter: &Letter) -> anyhow::Result<()> {
        match (&self.smtp, letter.to.kind()) {
            (Some((transport, from)), ContactKind::Email) => {
                let message = Message::builder()
                    .from(from.clone())
                    .to(letter.to.value().parse()?)
                    .message_id(Some(format!("<{row}@{}>", from.email.domain())))
                    .subject(&letter.subject)
                    .header(ContentType::TEXT_PLAIN)
                    .body(letter.text.clone())?;
                transport.send(message).await.map_err(told)?;
                Ok(())
            }
            _ => self.write(row, object, letter).await,
        }
    }

    async fn write(&self, row: OutboxId, object: Uuid, letter: &Letter) -> anyhow::Result<()> {
        let mut builder = tokio::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(&self.folder).await?;
        let text = serde_json::json!({
            "to": letter.to.value(), "kind": letter.to.kind(), "language": letter.language,
            "subject": letter.subject, "text": letter.text, "secret": letter.secret,
        });
        let draft = self.folder.join(format!(".{row}.part"));
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&draft).await?;
        file.write_all(text.to_string().as_bytes()).await?;
        file.sync_all().await?;
        // Renaming replaces the same text, so that a row worked off twice leaves one file.
        tokio::fs::rename(&draft, self.folder.join(format!("{}_{object}.json", row.0))).await?;
        Ok(())
    }

    /// The letters that lie as files: of which outbox row, and about what.
    pub async fn kept(&self) -> anyhow::Result<Vec<(OutboxId, Uuid)>> {
        let mut entries = match tokio::fs::read_dir(&self.folder).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut kept = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name();
            let ids = name.to_str().and_then(|name| name.strip_suffix(".json")?.split_once('_'));
            let ids = ids.and_then(|(row, object)| Some((OutboxId(row.parse().ok()?), object.parse().ok()?)));
            kept.extend(ids);
        }
        Ok(kept)
    }

    /// Deletes the file of a letter; one that is gone already is no fault.
    pub async fn forget(&self, row: OutboxId, object: Uuid) -> anyhow::Result<()> {
        match tokio::fs::remove_file(self.folder.join(format!("{}_{object}.json", row.0))).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}
