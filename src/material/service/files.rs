//! Sealed files in the object store: written and read as streams, never whole in memory.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::kernel::env::Env;
use crate::kernel::fault::Fault;
use crate::kernel::seal::SecretKey;
use crate::material::model::media::{self, Failure, MediaType, StoreFailure};
use crate::material::model::sealing::{self, Opener, Sealer};
use crate::portal::Portal;

/// Bytes held before they go to the store; S3 takes no smaller parts.
const PART: usize = 5 << 20;

/// The object store of the process.
pub fn store(portal: &Portal) -> Result<Arc<dyn ObjectStore>, Fault> {
    Ok(Arc::clone(&*portal.part::<Arc<dyn ObjectStore>>()?))
}

/// Where an object lies: made of its id only, spread over 256 folders.
pub fn path(object: Uuid) -> Path {
    let name = object.simple().to_string();
    Path::from(format!("{}/{name}", &name[30..]))
}

/// The object that a path names.
pub fn object_of(path: &Path) -> Option<Uuid> {
    Uuid::try_parse(path.filename()?).ok()
}

/// Why an object could not be read.
#[derive(Debug)]
pub enum Unreadable {
    /// It is not what was stored, or is gone.
    Damaged,
    /// The store does not answer.
    Store(object_store::Error),
}

impl Unreadable {
    /// The fault for the caller. What is damaged is told to those who keep the portal, by id only.
    pub fn fault(self, object: Uuid) -> Fault {
        match self {
            Self::Damaged => {
                tracing::error!(alarm = "FILE_DAMAGED", file.object = %object.simple(), "a stored file is not what was written");
                Fault::bug("a stored file is not what was written")
            }
            Self::Store(error) => Fault::unavailable(error),
        }
    }
}

impl From<object_store::Error> for Unreadable {
    fn from(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) { Self::Damaged } else { Self::Store(error) }
    }
}

/// A file on its way into the store.
#[derive(Debug)]
pub struct Writer {
    sealer: Sealer,
    out: BufWriter,
    hash: Sha256,
    /// Plain bytes written.
    pub size: u64,
}

impl Writer {
    /// Begins an object.
    pub fn new(store: Arc<dyn ObjectStore>, env: &Env, key: SecretKey, object: Uuid) -> Self {
        let out = BufWriter::with_capacity(store, path(object), PART).with_max_concurrency(1);
        Self { sealer: Sealer::new(key, env.clone(), object), out, hash: Sha256::new(), size: 0 }
    }

    /// Adds bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), object_store::Error> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        for piece in self.sealer.push(bytes) {
            self.out.put(piece).await?;
        }
        Ok(())
    }

    /// Completes the object; gives its size and SHA-256. The object is durable then.
    pub async fn finish(mut self) -> Result<(u64, Vec<u8>), Fault> {
        self.out.put(self.sealer.finish()).await.map_err(Fault::unavailable)?;
        self.out.shutdown().await.map_err(Fault::unavailable)?;
        Ok((self.size, self.hash.finalize().to_vec()))
    }

    /// Drops what was written.
    pub async fn abort(mut self) {
        if let Err(error) = self.out.abort().await {
            tracing::warn!(cause = %error, "an upload to the store could not be dropped; it is swept later");
        }
    }
}

struct Reading {
    sealed: BoxStream<'static, object_store::Result<Bytes>>,
    opener: Option<Opener>,
    opened: VecDeque<Zeroizing<Vec<u8>>>,
}

/// The plain bytes of an object that holds `size` bytes. The stream ends at its first error.
pub async fn read(
    store: &Arc<dyn ObjectStore>,
    key: SecretKey,
    object: Uuid,
    size: u64,
) -> Result<impl Stream<Item = Result<Bytes, Unreadable>> + Send + use<>, Unreadable> {
    let found = store.get(&path(object)).await?;
    if found.meta.size != sealing::sealed_size(size) {
        return Err(Unreadable::Damaged);
    }
    let reading = Reading { sealed: found.into_stream(), opener: Some(Opener::new(key, object, size)), opened: VecDeque::new() };
    Ok(stream::try_unfold(reading, |mut reading| async move {
        loop {
            if let Some(piece) = reading.opened.pop_front() {
                return Ok(Some((Bytes::copy_from_slice(&piece), reading)));
            }
            let Some(opener) = reading.opener.as_mut() else { return Ok(None) };
            match reading.sealed.next().await {
                Some(bytes) => reading.opened.extend(opener.push(&bytes?).map_err(|_| Unreadable::Damaged)?),
                None => {
                    if let Some(opener) = reading.opener.take() {
                        opener.finish().map_err(|_| Unreadable::Damaged)?;
                    }
                }
            }
        }
    }))
}

/// Reads a whole object and gives its SHA-256, so that a changed byte is known before the first one is sent on.
pub async fn verify(store: &Arc<dyn ObjectStore>, key: SecretKey, object: Uuid, size: u64) -> Result<Vec<u8>, Unreadable> {
    let mut plain = std::pin::pin!(read(store, key, object, size).await?);
    let mut hash = Sha256::new();
    while let Some(bytes) = plain.next().await {
        hash.update(&bytes?);
    }
    Ok(hash.finalize().to_vec())
}

/// Deletes an object; that it is gone already is no fault.
pub async fn delete(store: &Arc<dyn ObjectStore>, object: Uuid) {
    match store.delete(&path(object)).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => tracing::warn!(cause = %error, file.object = %object.simple(), "a file could not be deleted; it is swept later"),
    }
}

/// A sealed file as something to read and seek in, one piece in memory. Blocks: for a blocking thread only.
struct Pieces {
    runtime: tokio::runtime::Handle,
    store: Arc<dyn ObjectStore>,
    key: SecretKey,
    object: Uuid,
    size: u64,
    at: u64,
    piece: Option<(u64, Zeroizing<Vec<u8>>)>,
}

impl Pieces {
    fn load(&mut self, number: u64) -> io::Result<()> {
        if self.piece.as_ref().is_none_or(|(n, _)| *n != number) {
            let range = sealing::sealed_range(self.size, number);
            let sealed = self.runtime.block_on(self.store.get_range(&path(self.object), range)).map_err(|e| StoreFailure(e.to_string()))?;
            let plain = sealing::open_piece(&self.key, self.object, self.size, number, &sealed).map_err(|_| StoreFailure("a piece is damaged".into()))?;
            self.piece = Some((number, plain));
        }
        Ok(())
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let number = sealing::piece_of(self.at);
        self.load(number)?;
        let Some((_, plain)) = &self.piece else { return Ok(0) };
        let from = usize::try_from(self.at - number * sealing::PIECE as u64).map_err(io::Error::other)?;
        let rest = plain.get(from..).unwrap_or_default();
        let taken = rest.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&rest[..taken]);
        self.at += taken as u64;
        Ok(taken)
    }
}

impl Seek for Pieces {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// The type of a stored file by its bytes, or `None` where it is none that the portal takes.
pub async fn media_type(store: Arc<dyn ObjectStore>, key: SecretKey, object: Uuid, size: u64) -> Result<Option<MediaType>, Fault> {
    let runtime = tokio::runtime::Handle::current();
    let judged = tokio::task::spawn_blocking(move || media::inspect(&mut Pieces { runtime, store, key, object, size, at: 0, piece: None })).await;
    match judged.map_err(Fault::internal)? {
        Ok(kind) => Ok(Some(kind)),
        Err(Failure::Unfit(unfit)) => {
            tracing::info!(reason = ?unfit, "a file was refused by its content");
            Ok(None)
        }
        Err(Failure::Read(error)) => Err(Fault::unavailable(error)),
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    async fn written(store: &Arc<dyn ObjectStore>, key: &SecretKey, object: Uuid, plain: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new(Arc::clone(store), &Env::system(), key.clone(), object);
        for bytes in plain.chunks(100_000) {
            writer.write(bytes).await.unwrap();
        }
        let (size, hash) = writer.finish().await.unwrap();
        assert_eq!(size, plain.len() as u64);
        hash
    }

    #[tokio::test]
    async fn a_file_larger_than_a_part_is_read_as_it_was_written_and_not_in_the_clear() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let (key, object) = (SecretKey::new(1, [1; 32]), Uuid::from_u128(0xAB));
        let plain: Vec<u8> = b"canary-".iter().copied().cycle().take(PART + 12_345).collect();
        let hash = written(&store, &key, object, &plain).await;
        assert_eq!(verify(&store, key.clone(), object, plain.len() as u64).await.unwrap(), hash);
        assert_eq!(hash, Sha256::digest(&plain).to_vec());
        let raw = store.get(&path(object)).await.unwrap().bytes().await.unwrap();
        assert!(!raw.windows(7).any(|w| w == b"canary-"));
    }

    #[tokio::test]
    async fn a_changed_byte_or_a_missing_object_is_damage() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let (key, object) = (SecretKey::new(1, [1; 32]), Uuid::from_u128(0xAB));
        written(&store, &key, object, &vec![7; 200_000]).await;
        let mut raw = store.get(&path(object)).await.unwrap().bytes().await.unwrap().to_vec();
        raw[150_000] ^= 1;
        store.put(&path(object), raw.into()).await.unwrap();
        assert!(matches!(verify(&store, key.clone(), object, 200_000).await, Err(Unreadable::Damaged)));
        delete(&store, object).await;
        delete(&store, object).await;
        assert!(matches!(verify(&store, key, object, 200_000).await, Err(Unreadable::Damaged)));
    }

    #[tokio::test]
    async fn a_stored_file_is_judged_piece_by_piece() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let (key, object) = (SecretKey::new(1, [1; 32]), Uuid::from_u128(0xAB));
        let plain = [b"%PDF-1.7\n".to_vec(), vec![b' '; 300_000], b"%%EOF".to_vec()].concat();
        written(&store, &key, object, &plain).await;
        assert_eq!(media_type(Arc::clone(&store), key.clone(), object, plain.len() as u64).await.unwrap(), Some(MediaType::Pdf));
        let other = Uuid::from_u128(0xAC);
        written(&store, &key, other, b"<html>").await;
        assert_eq!(media_type(store, key, other, 6).await.unwrap(), None);
    }

    #[test]
    fn objects_lie_under_their_ids() {
        let object = Uuid::from_u128(0xAB);
        assert_eq!(path(object).as_ref(), "ab/000000000000000000000000000000ab");
        assert_eq!(object_of(&path(object)), Some(object));
        assert_eq!(object_of(&Path::from("x/readme")), None);
    }
}
