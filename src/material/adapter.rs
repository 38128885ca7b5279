//! The object store, in a local folder or S3-compatible, and clamd.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use reqwest as _; // The client of the store; named among the dependencies so that its TLS is the one with ring.
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::material::model::scan::{Scanner, Verdict};

/// Folder of the files under the data folder.
pub const FOLDER: &str = "files";

/// The store in `<data-dir>/files`, made where it is missing. What is written is on the disk before it counts.
pub fn local_store(data_dir: &Path) -> Result<Arc<dyn ObjectStore>, anyhow::Error> {
    let folder = data_dir.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true)))
}

/// What a request to the store waits for: a connection, and then each answer or piece of one. A whole file may take longer,
/// for it goes to a client who may be slow.
const CONNECT: Duration = Duration::from_secs(2);
const SILENCE: Duration = Duration::from_secs(20);
/// How often, and for how long, a request that failed is sent again. Somebody waits for the answer.
const RETRIES: RetryConfig = RetryConfig {
    backoff: BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(1), base: 2.0 },
    max_retries: 2,
    retry_timeout: Duration::from_secs(4),
};

/// The store in an S3-compatible bucket, below `prefix`. Nothing is sent yet. What is written is durable when the store says so.
///
/// The certificate of an `https` endpoint is checked against those that the machine trusts.
pub fn s3_store(
    name: &str,
    prefix: &str,
    endpoint: Option<&str>,
    region: &str,
    (access_key, secret): (&str, &str),
) -> Result<Arc<dyn ObjectStore>, anyhow::Error> {
    // Of the process; a second one is refused, which changes nothing.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = ClientOptions::new().with_allow_http(true).with_timeout_disabled().with_connect_timeout(CONNECT).with_read_timeout(SILENCE);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_region(region)
        .with_access_key_id(access_key)
        .with_secret_access_key(secret)
        .with_retry(RETRIES)
        .with_client_options(client);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let store = builder.build()?;
    Ok(if prefix.is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) })
}

/// Seconds in which clamd must have judged a file.
const PATIENCE: Duration = Duration::from_mins(2);
/// The most bytes of an answer.
const ANSWER_MAX: u64 = 4096;

/// clamd, spoken to with INSTREAM (clamd(8)).
#[derive(Clone, Debug)]
pub struct Clamd {
    address: String,
}

trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Clamd {
    /// clamd at `host:port`, or at a socket whose path begins with `/`.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into() }
    }

    async fn judge(&self, mut file: BoxStream<'_, Result<Bytes, anyhow::Error>>) -> Result<Verdict, anyhow::Error> {
        let mut clamd: Box<dyn Connection> = if self.address.starts_with('/') {
            Box::new(UnixStream::connect(&self.address).await.context("clamd")?)
        } else {
            Box::new(TcpStream::connect(&self.address).await.context("clamd")?)
        };
        clamd.write_all(b"zINSTREAM\0").await?;
        while let Some(bytes) = file.next().await {
            for piece in bytes?.chunks(1 << 20) {
                clamd.write_all(&u32::try_from(piece.len())?.to_be_bytes()).await?;
                clamd.write_all(piece).await?;
            }
        }
        clamd.write_all(&[0; 4]).await?;
        clamd.flush().await?;
        let mut answer = Vec::new();
        clamd.take(ANSWER_MAX).read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        match answer.trim_end_matches(['\0', '\n']).rsplit(' ').next() {
            Some("OK") => Ok(Verdict::Clean),
            Some("FOUND") => Ok(Verdict::Infected),
            // The words may name a signature or a limit, never a person.
            _ => Err(anyhow::anyhow!("clamd answered {answer:?}")),
        }
    }
}

impl Scanner for Clamd {
    fn scan<'a>(&'a self, file: BoxStream<'a, Result<Bytes, anyhow::Error>>) -> BoxFuture<'a, Result<Verdict, anyhow::Error>> {
        async move { tokio::time::timeout(PATIENCE, self.judge(file)).await.context("clamd is too slow")? }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::net::{TcpListener, UnixListener};

    use super::*;

    /// The test file of eicar.org, in two parts so that this source is not itself found.
    const EICAR: [&str; 2] = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"];

    /// Answers one file as clamd does.
    async fn fake(mut peer: impl AsyncRead + AsyncWrite + Unpin) {
        let mut command = [0; 10];
        peer.read_exact(&mut command).await.unwrap();
        assert_eq!(&command, b"zINSTREAM\0");
        let mut file = Vec::new();
        loop {
            let length = peer.read_u32().await.unwrap();
            if length == 0 {
                break;
            }
            let mut piece = vec![0; length as usize];
            peer.read_exact(&mut piece).await.unwrap();
            file.extend_from_slice(&piece);
        }
        let found = String::from_utf8_lossy(&file).contains(&EICAR.concat());
        let answer: &[u8] = match (found, file.is_empty()) {
            (_, true) => b"INSTREAM size limit exceeded. ERROR\0",
            (true, false) => b"stream: Eicar-Signature FOUND\0",
            (false, false) => b"stream: OK\0",
        };
        peer.write_all(answer).await.unwrap();
    }

    fn pieces(parts: &[&str]) -> BoxStream<'static, Result<Bytes, anyhow::Error>> {
        let parts: Vec<_> = parts.iter().map(|p| Ok(Bytes::copy_from_slice(p.as_bytes()))).collect();
        stream::iter(parts).boxed()
    }

    #[tokio::test]
    async fn a_scanner_over_tcp_tells_infected_from_clean() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clamd = Clamd::new(listener.local_addr().unwrap().to_string());
        tokio::spawn(async move {
            loop {
                fake(listener.accept().await.unwrap().0).await;
            }
        });
        assert_eq!(clamd.scan(pieces(&EICAR)).await.unwrap(), Verdict::Infected);
        assert_eq!(clamd.scan(pieces(&["harm", "less"])).await.unwrap(), Verdict::Clean);
        assert!(clamd.scan(pieces(&[])).await.unwrap_err().to_string().contains("ERROR"));
        let broken = stream::iter([Err(anyhow::anyhow!("store"))]).boxed();
        assert_eq!(clamd.scan(broken).await.unwrap_err().to_string(), "store");
    }

    #[tokio::test]
    async fn a_scanner_behind_a_socket_is_reached_and_a_missing_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clamd.sock");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move { fake(listener.accept().await.unwrap().0).await });
        assert_eq!(Clamd::new(path.to_str().unwrap()).scan(pieces(&["x"])).await.unwrap(), Verdict::Clean);
        assert!(Clamd::new(folder.path().join("none").to_str().unwrap()).scan(pieces(&["x"])).await.is_err());
    }
}
