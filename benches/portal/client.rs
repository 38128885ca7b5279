//! The load: connections that are kept alive, a fixed number of them, each with one request at a time.
//!
//! HTTP by hand, since the driver shares two cores with the server and the database.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests that run at once.
pub const CONCURRENCY: usize = 16;

/// One connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A whole request in bytes.
pub fn request(path: &str, token: Option<&str>, forwarded_for: Option<&str>, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in [("Authorization: Bearer ", token), ("X-Forwarded-For: ", forwarded_for)] {
        if let Some(value) = value {
            head.extend([name, value, "\r\n"]);
        }
    }
    format!("{head}\r\n{body}").into_bytes()
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a request; gives the body of the answer, whose status must be 200.
    pub async fn send(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (mut head, mut whole) = (0, usize::MAX);
        while self.buffer.len() < whole {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if head == 0
                && let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n")
            {
                head = at + 4;
                let text = std::str::from_utf8(&self.buffer[..at])?.to_ascii_lowercase();
                let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).context("an answer without a length")?;
                whole = head + length.trim().parse::<usize>()?;
            }
        }
        if !self.buffer.starts_with(b"HTTP/1.1 200") {
            bail!("{}", String::from_utf8_lossy(&self.buffer));
        }
        Ok(&self.buffer[head..])
    }

    /// Sends a request and reads the JSON of the answer.
    pub async fn json(&mut self, request: &[u8]) -> anyhow::Result<serde_json::Value> {
        let body = self.send(request).await?;
        right(body)?;
        Ok(serde_json::from_slice(body)?)
    }
}

fn holds(body: &[u8], wanted: &str) -> bool {
    body.windows(wanted.len()).any(|w| w == wanted.as_bytes())
}

/// An answer must have data and no error of either kind.
fn right(body: &[u8]) -> anyhow::Result<()> {
    // Top-level errors stand before or after the data; the word never begins a field of the data that is asked for.
    let tail = &body[body.len().saturating_sub(400)..];
    let head = &body[..body.len().min(400)];
    let wrong = !holds(head, "\"data\":{") || holds(head, "\"errors\":") || holds(tail, "\"errors\":");
    let refused = holds(tail, "\"userErrors\":") && !holds(tail, "\"userErrors\":[]");
    ensure!(!wrong && !refused, "{}", String::from_utf8_lossy(body));
    Ok(())
}

/// Requests to be sent, each once or over and over.
pub struct Supply {
    /// The requests.
    pub requests: Vec<Vec<u8>>,
    /// Whether the first follows the last.
    pub again: bool,
    next: AtomicUsize,
}

impl Supply {
    /// Requests, none of which was sent yet.
    pub fn new(requests: Vec<Vec<u8>>, again: bool) -> Arc<Self> {
        Arc::new(Self { requests, again, next: AtomicUsize::new(0) })
    }

    fn take(&self, end: usize) -> Option<&[u8]> {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        if self.again {
            return self.requests.get(at % self.requests.len()).map(Vec::as_slice);
        }
        if at >= end {
            self.next.fetch_sub(1, Ordering::Relaxed);
        }
        self.requests.get(at).filter(|_| at < end).map(Vec::as_slice)
    }

    /// Requests that are left.
    pub fn left(&self) -> usize {
        self.requests.len().saturating_sub(self.next.load(Ordering::Relaxed))
    }
}

/// What a round gave.
#[derive(Default)]
pub struct Round {
    /// How long each request took, in nanoseconds.
    pub nanos: Vec<u64>,
    /// How long the round took.
    pub took: Duration,
}

/// Sends requests for `time`, of a supply that ends at most `most`.
pub async fn load(address: SocketAddr, supply: &Arc<Supply>, time: Duration, most: usize) -> anyhow::Result<Round> {
    let begun = Instant::now();
    let end = supply.next.load(Ordering::Relaxed).saturating_add(most);
    let mut tasks = Vec::with_capacity(CONCURRENCY);
    for _ in 0..CONCURRENCY {
        let supply = supply.clone();
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut nanos = Vec::new();
            while begun.elapsed() < time {
                let Some(request) = supply.take(end) else { break };
                let sent = Instant::now();
                right(connection.send(request).await?)?;
                nanos.push(u64::try_from(sent.elapsed().as_nanos())?);
            }
            anyhow::Ok(nanos)
        }));
    }
    let mut round = Round::default();
    for task in tasks {
        round.nanos.extend(task.await??);
    }
    round.took = begun.elapsed();
    Ok(round)
}

/// Sends each request once, in order of readiness; gives the answers in order of the requests.
pub async fn all(address: SocketAddr, requests: Vec<Vec<u8>>) -> anyhow::Result<Vec<serde_json::Value>> {
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let mut tasks = Vec::with_capacity(CONCURRENCY);
    for _ in 0..CONCURRENCY {
        let (requests, next) = (requests.clone(), next.clone());
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut answers = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = requests.get(at) else { return anyhow::Ok(answers) };
                answers.push((at, connection.json(request).await?));
            }
        }));
    }
    let mut answers = Vec::with_capacity(requests.len());
    for task in tasks {
        answers.extend(task.await??);
    }
    answers.sort_unstable_by_key(|(at, _)| *at);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}
