//! How messages leave the portal: by SMTP and by HTTP gateways where they are set, else as files in the folder `outbox`.

use std::path::{Path, PathBuf};
use std::time::Duration;

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
    sms: Option<Gateway>,
}

/// What a gateway said to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It took it.
    Taken,
    /// There is nobody there any more (410).
    Gone,
}

/// An HTTP gateway that passes messages on, for example as SMS: one small JSON POST for each, with the id by which it
/// knows a message that comes twice.
pub struct Gateway {
    client: reqwest::Client,
    url: String,
    token: reqwest::header::HeaderValue,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gateway")
    }
}

impl Gateway {
    /// The gateway at `url`, which knows us by a bearer token and has so long for its answer.
    ///
    /// Nothing else is ever asked: redirects are not followed, proxies of the environment not taken. The certificate of an
    /// `https` address is checked against those that the machine trusts.
    ///
    /// Errors: a token that no header can hold.
    pub fn new(url: &str, token: &str, patience: Duration) -> anyhow::Result<Self> {
        // Of the process; a second one is refused, which changes nothing.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let mut token =
            reqwest::header::HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| anyhow::anyhow!("the token of a gateway fits no header"))?;
        token.set_sensitive(true);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // One that lay idle may be dead, and a message is not worth a second look.
            .pool_max_idle_per_host(0)
            .connect_timeout(patience)
            .timeout(patience)
            .build()
            .map_err(|_| anyhow::anyhow!("the client of a gateway cannot be made"))?;
        Ok(Self { client, url: url.to_owned(), token })
    }

    /// Hands a message over. Of what goes wrong the kind alone is told, for words and addresses may hold secrets.
    pub async fn post(&self, message: &serde_json::Value) -> anyhow::Result<Posted> {
        let request = self
            .client
            .post(&self.url)
            .header(reqwest::header::AUTHORIZATION, self.token.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(message.to_string());
        let answer = request.send().await.map_err(|error| {
            let what = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
            anyhow::anyhow!("the gateway {what}")
        })?;
        match answer.status() {
            status if status.is_success() => Ok(Posted::Taken),
            reqwest::StatusCode::GONE => Ok(Posted::Gone),
            status => Err(anyhow::anyhow!("the gateway answered {}", status.as_u16())),
        }
    }
}

/// Of what a mail server says the code alone, since its words may repeat the address.
fn told(error: lettre::transport::smtp::Error) -> anyhow::Error {
    match error.status() {
        Some(code) => anyhow::anyhow!("the mail server answered {code}"),
        None => error.into(),
    }
}

impl Mailer {
    /// Writes to the folder `outbox` under the data folder; e-mail goes to the SMTP server and SMS to the gateway where one
    /// is set.
    ///
    /// Errors: an SMTP URL or a sender that cannot be read.
    pub fn new(data_dir: &Path, smtp_url: Option<&str>, from: &str, sms: Option<Gateway>) -> anyhow::Result<Self> {
        let smtp = match smtp_url {
            None => None,
            Some(url) => Some((AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?.build(), from.parse()?)),
        };
        Ok(Self { folder: data_dir.join("outbox"), smtp, sms })
    }

    /// Sends a letter about `object` once per outbox row: the file has both ids as its name, the mail has the row's as its
    /// Message-ID, by which a mail server drops a second copy, and an SMS has it as its id.
    pub async fn send(&self, row: OutboxId, object: Uuid, letter: &Letter) -> anyhow::Result<()> {
        match (letter.to.kind(), &self.smtp, &self.sms) {
            (ContactKind::Email, Some((transport, from)), _) => {
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
            // To a number that is not there any more nothing is sent again.
            (ContactKind::Mobile, _, Some(gateway)) => {
                let message = serde_json::json!({ "id": row.to_string(), "to": letter.to.value(), "text": letter.text });
                gateway.post(&message).await.map(|_| ())
            }
            (ContactKind::Email, None, _) | (ContactKind::Mobile, _, None) => self.write(row, object, letter).await,
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
