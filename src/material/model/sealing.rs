//! How files lie in the object store: cut into pieces of 64 KiB, each sealed with AES-256-GCM-SIV under the owner's
//! data key, with the id of the object, the number of the piece and whether it is the last authenticated.
//!
//! So a piece that was changed, moved, dropped or cut off is found, and any piece can be read without the others.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::kernel::env::Env;
use crate::kernel::seal::{OVERHEAD, Piece, Place, SecretKey};

/// Plain bytes of one piece.
pub const PIECE: usize = 64 << 10;
const SEALED: u64 = (PIECE + OVERHEAD) as u64;

/// The object is not what was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

const fn place(object: Uuid) -> Place {
    Place::new("file", "content", object)
}

/// Pieces of a file of `size` bytes.
const fn pieces(size: u64) -> u64 {
    size.div_ceil(PIECE as u64)
}

/// Bytes in the store of a file of `size` bytes.
pub const fn sealed_size(size: u64) -> u64 {
    size + pieces(size) * OVERHEAD as u64
}

/// The piece that holds the plain byte `at`.
pub const fn piece_of(at: u64) -> u64 {
    at / PIECE as u64
}

/// Where a piece of a file of `size` bytes lies in the object.
pub fn sealed_range(size: u64, number: u64) -> Range<u64> {
    number * SEALED..((number + 1) * SEALED).min(sealed_size(size))
}

/// Opens one piece of a file of `size` bytes.
pub fn open_piece(key: &SecretKey, object: Uuid, size: u64, number: u64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Damaged> {
    key.open_piece(place(object), Piece { number, last: number + 1 == pieces(size) }, sealed).ok_or(Damaged)
}

/// Seals a file as its bytes come.
#[derive(Debug)]
pub struct Sealer {
    key: SecretKey,
    env: Env,
    object: Uuid,
    number: u64,
    waiting: BytesMut,
}

impl Sealer {
    /// Begins an object.
    pub fn new(key: SecretKey, env: Env, object: Uuid) -> Self {
        Self { key, env, object, number: 0, waiting: BytesMut::with_capacity(PIECE) }
    }

    /// Takes bytes and gives the pieces that they complete.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<Bytes> {
        let mut sealed = Vec::new();
        while !bytes.is_empty() {
            // A full piece waits until more comes: whether it is the last is not known before.
            if self.waiting.len() == PIECE {
                sealed.push(self.seal(false));
            }
            let taken = bytes.len().min(PIECE - self.waiting.len());
            self.waiting.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
        }
        sealed
    }

    /// Gives the last piece.
    pub fn finish(mut self) -> Bytes {
        self.seal(true)
    }

    fn seal(&mut self, last: bool) -> Bytes {
        let sealed = self.key.seal_piece(&self.env, place(self.object), Piece { number: self.number, last }, &self.waiting);
        self.number += 1;
        self.waiting.clear();
        sealed.into()
    }
}

/// Opens a file as its sealed bytes come.
#[derive(Debug)]
pub struct Opener {
    key: SecretKey,
    object: Uuid,
    size: u64,
    number: u64,
    waiting: BytesMut,
}

impl Opener {
    /// Begins an object that holds a file of `size` bytes.
    pub fn new(key: SecretKey, object: Uuid, size: u64) -> Self {
        Self { key, object, size, number: 0, waiting: BytesMut::new() }
    }

    /// Takes sealed bytes and gives the pieces that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Zeroizing<Vec<u8>>>, Damaged> {
        self.waiting.extend_from_slice(bytes);
        let mut opened = Vec::new();
        while self.number < pieces(self.size) {
            let range = sealed_range(self.size, self.number);
            let length = usize::try_from(range.end - range.start).map_err(|_| Damaged)?;
            if self.waiting.len() < length {
                return Ok(opened);
            }
            opened.push(open_piece(&self.key, self.object, self.size, self.number, &self.waiting.split_to(length))?);
            self.number += 1;
        }
        if self.waiting.is_empty() { Ok(opened) } else { Err(Damaged) }
    }

    /// Whether everything came.
    pub fn finish(self) -> Result<(), Damaged> {
        if self.number == pieces(self.size) && self.waiting.is_empty() { Ok(()) } else { Err(Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: Uuid = Uuid::from_u128(5);

    fn key() -> SecretKey {
        SecretKey::new(1, [9; 32])
    }

    fn seal(plain: &[u8], step: usize) -> Vec<u8> {
        let mut sealer = Sealer::new(key(), Env::system(), OBJECT);
        let mut sealed = Vec::new();
        for bytes in plain.chunks(step) {
            sealed.extend(sealer.push(bytes).concat());
        }
        sealed.extend_from_slice(&sealer.finish());
        sealed
    }

    fn open(object: Uuid, size: usize, sealed: &[u8], step: usize) -> Result<Vec<u8>, Damaged> {
        let mut opener = Opener::new(key(), object, size as u64);
        let mut plain = Vec::new();
        for bytes in sealed.chunks(step) {
            for piece in opener.push(bytes)? {
                plain.extend_from_slice(&piece);
            }
        }
        opener.finish().map(|()| plain)
    }

    #[test]
    fn a_file_of_any_size_is_read_as_it_was_written() {
        for size in [1, 2, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 17] {
            let plain: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let sealed = seal(&plain, 1000);
            assert_eq!(sealed.len() as u64, sealed_size(size as u64));
            assert_eq!(open(OBJECT, size, &sealed, 7777).unwrap(), plain, "{size}");
            let last = piece_of(size as u64 - 1);
            let range = sealed_range(size as u64, last);
            let piece = &sealed[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
            assert_eq!(open_piece(&key(), OBJECT, size as u64, last, piece).unwrap().last(), plain.last());
        }
    }

    #[test]
    fn no_changed_moved_dropped_or_added_byte_is_read() {
        let size = 2 * PIECE + 100;
        let plain = vec![3; size];
        let sealed = seal(&plain, size);
        let piece = PIECE + OVERHEAD;
        assert_eq!(open(Uuid::from_u128(6), size, &sealed, 4096), Err(Damaged));
        for at in [0, 3, 10, 16, 1000, piece - 1, piece, 2 * piece + 40, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(OBJECT, size, &changed, 4096), Err(Damaged), "byte {at}");
        }
        let swapped = [&sealed[piece..2 * piece], &sealed[..piece], &sealed[2 * piece..]].concat();
        assert_eq!(open(OBJECT, size, &swapped, 4096), Err(Damaged));
        assert_eq!(open(OBJECT, size, &sealed[..2 * piece], 4096), Err(Damaged));
        // Cut at a piece, with the size cut to fit.
        assert_eq!(open(OBJECT, 2 * PIECE, &sealed[..2 * piece], 4096), Err(Damaged));
        assert_eq!(open(OBJECT, size, &[&sealed[..], b"x"].concat(), 4096), Err(Damaged));
        assert_eq!(open(OBJECT, size, &[], 4096), Err(Damaged));
    }
}
