//! What a file is, told by its bytes and never by its name.
//!
//! Only the types of the list are taken. The first bytes alone prove little: each type is also asked for what it
//! must have elsewhere (end mark, picture size, package entry), and a file that is two things at once is refused.

use std::io::{self, Read, Seek, SeekFrom};

use crate::coded_enum;

coded_enum! {
    /// Types of file that the portal takes.
    pub enum MediaType {
        /// Portable Document Format.
        Pdf => "PDF",
        /// JPEG picture.
        Jpeg => "JPEG",
        /// PNG picture.
        Png => "PNG",
        /// HEIC picture, as phones take it.
        Heic => "HEIC",
        /// Open Fixed-layout Document (GB/T 33190).
        Ofd => "OFD",
    }
}

/// The most points of a picture: 100 megapixels. A larger one costs its reader gigabytes when it is unpacked.
pub const PIXELS_MAX: u64 = 100_000_000;
/// The most entries of an OFD package.
pub const ENTRIES_MAX: usize = 4096;
/// The most bytes of an OFD package when unpacked.
pub const UNPACKED_MAX: u64 = 256 << 20;
/// How many times larger than the file its contents may be.
pub const RATIO_MAX: u64 = 200;

const HEAD: u64 = 64 << 10;
const ZIP_END: usize = 22;
const TAIL: u64 = (64 << 10) + ZIP_END as u64;
const DIRECTORY_MAX: u32 = 1 << 20;
const PNG_START: &[u8] = b"\x89PNG\r\n\x1a\n";
const PNG_END: &[u8] = b"\0\0\0\0IEND\xaeB\x60\x82";

impl MediaType {
    /// The Internet media type, as it is sent with a download.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Heic => "image/heic",
            Self::Ofd => "application/ofd",
        }
    }

    /// The end of a file name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Heic => "heic",
            Self::Ofd => "ofd",
        }
    }

    /// The type that a client names; `image/heif` is what some phones call HEIC.
    pub fn of_mime(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if text == "image/heif" {
            return Some(Self::Heic);
        }
        Self::ALL.iter().copied().find(|t| t.mime() == text)
    }
}

/// Why the bytes are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// None of the types of the list.
    UnknownType,
    /// It begins like its type and does not go on so.
    Malformed,
    /// It ends like another type: two files in one.
    TwoInOne,
    /// A picture with more points than [`PIXELS_MAX`], or none.
    Pixels,
    /// A package with too many entries, too much in it, links or paths that lead out of it.
    Package,
}

/// The store did not give the bytes of a file. Its reader wraps its errors in this, so that they are not taken for the
/// file's own faults.
#[derive(Debug)]
pub struct StoreFailure(pub String);

impl std::fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreFailure {}

impl From<StoreFailure> for io::Error {
    fn from(failure: StoreFailure) -> Self {
        Self::other(failure)
    }
}

/// Why a file could not be judged or is not taken.
#[derive(Debug)]
pub enum Failure {
    /// The bytes could not be read.
    Read(io::Error),
    /// The bytes were read, and are refused.
    Unfit(Unfit),
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // What the format promises and the file does not hold is the file's fault; all else is the store's.
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Unfit(Unfit::Malformed) } else { Self::Read(error) }
    }
}

/// The type of a file by its bytes. Reads pieces only, so that memory stays flat.
pub fn inspect<R: Read + Seek>(file: &mut R) -> Result<MediaType, Failure> {
    let size = file.seek(SeekFrom::End(0))?;
    let head = part(file, 0, size.min(HEAD))?;
    let tail = part(file, size.saturating_sub(TAIL), size.min(TAIL))?;
    let guess = infer::get(&head).map(|kind| kind.mime_type());
    if guess != Some("application/zip") && zip_end(&tail).is_some() {
        return Err(Unfit::TwoInOne.into());
    }
    match guess {
        // The library also calls a file with a mark or blank lines before the header a PDF.
        Some("application/pdf") if head.starts_with(b"%PDF-1.") || head.starts_with(b"%PDF-2.") => pdf(&tail),
        Some("image/png") if head.starts_with(PNG_START) => png(&head, &tail),
        Some("image/jpeg") => jpeg(file, size),
        Some("image/heif") => heic(file, size),
        Some("application/zip") => ofd(file, size, &tail),
        Some(_) | None => Err(Unfit::UnknownType.into()),
    }
}

fn part<R: Read + Seek>(file: &mut R, from: u64, len: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn pdf(tail: &[u8]) -> Result<MediaType, Failure> {
    // ISO 32000-1 Annex H.3: readers look for the end mark within the last 1024 bytes.
    let end = &tail[tail.len().saturating_sub(1024)..];
    if contains(end, b"%%EOF") { Ok(MediaType::Pdf) } else { Err(Unfit::Malformed.into()) }
}

fn png(head: &[u8], tail: &[u8]) -> Result<MediaType, Failure> {
    let (Some(width), Some(height)) = (be32(head, 16), be32(head, 20)) else { return Err(Unfit::Malformed.into()) };
    if head.get(8..16) != Some(b"\0\0\0\rIHDR") || !tail.ends_with(PNG_END) {
        return Err(Unfit::Malformed.into());
    }
    pixels(u64::from(width), u64::from(height)).map(|()| MediaType::Png)
}

/// Walks the segments to the frame header (ITU-T T.81 B.2.2), which holds the size of the picture.
fn jpeg<R: Read + Seek>(file: &mut R, size: u64) -> Result<MediaType, Failure> {
    let mut at = 2;
    for _ in 0..4096 {
        if at + 4 > size {
            break;
        }
        let segment = part(file, at, 4.min(size - at))?;
        match (segment[0], segment[1]) {
            // Fill byte.
            (0xFF, 0xFF) => at += 1,
            (0xFF, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF) => {
                let frame = part(file, at, 9)?;
                let number = |at: usize| u64::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
                return pixels(number(7), number(5)).map(|()| MediaType::Jpeg);
            }
            // The picture's data before its size, or its end.
            (0xFF, 0xDA | 0xD9 | 0x00) => break,
            // Marks without a length.
            (0xFF, 0x01 | 0xD0..=0xD7) => at += 2,
            (0xFF, _) => at += 2 + u64::from(u16::from_be_bytes([segment[2], segment[3]]).max(2)),
            _ => break,
        }
    }
    Err(Unfit::Malformed.into())
}

/// Reads the picture sizes (`ispe`, ISO/IEC 23008-12 6.5.3) below `meta`, `iprp`, `ipco`.
fn heic<R: Read + Seek>(file: &mut R, size: u64) -> Result<MediaType, Failure> {
    let meta = find(file, 0, size, *b"meta")?.ok_or(Unfit::Malformed)?;
    let properties = find(file, meta.0 + 4, meta.1, *b"iprp")?.ok_or(Unfit::Malformed)?;
    let container = find(file, properties.0, properties.1, *b"ipco")?.ok_or(Unfit::Malformed)?;
    let (mut at, mut seen) = (container.0, false);
    for _ in 0..4096 {
        let Some((body, end, kind)) = r#box(file, at, container.1)? else { break };
        if kind == *b"ispe" {
            let sizes = part(file, body, 12)?;
            let (Some(width), Some(height)) = (be32(&sizes, 4), be32(&sizes, 8)) else { return Err(Unfit::Malformed.into()) };
            pixels(u64::from(width), u64::from(height))?;
            seen = true;
        }
        at = end;
    }
    if seen { Ok(MediaType::Heic) } else { Err(Unfit::Malformed.into()) }
}

/// Body, end and kind of the box at `at`; `None` at the end of the enclosing one.
fn r#box<R: Read + Seek>(file: &mut R, at: u64, end: u64) -> Result<Option<(u64, u64, [u8; 4])>, Failure> {
    if at + 8 > end {
        return Ok(None);
    }
    let header = part(file, at, 8)?;
    let kind = [header[4], header[5], header[6], header[7]];
    let (body, length) = match be32(&header, 0) {
        Some(0) => (at + 8, end - at),
        Some(1) => {
            let long = part(file, at + 8, 8)?;
            (at + 16, long.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
        }
        Some(short) => (at + 8, u64::from(short)),
        None => return Err(Unfit::Malformed.into()),
    };
    match at.checked_add(length) {
        Some(stop) if stop >= body && stop <= end => Ok(Some((body, stop, kind))),
        Some(_) | None => Err(Unfit::Malformed.into()),
    }
}

/// Body and end of the first box of a kind between two places.
fn find<R: Read + Seek>(file: &mut R, mut at: u64, end: u64, wanted: [u8; 4]) -> Result<Option<(u64, u64)>, Failure> {
    for _ in 0..256 {
        match r#box(file, at, end)? {
            Some((body, stop, kind)) if kind == wanted => return Ok(Some((body, stop))),
            Some((_, stop, _)) => at = stop,
            None => break,
        }
    }
    Ok(None)
}

/// A package with `OFD.xml` at its root (GB/T 33190-2016 section 7), within bounds that hold for what is really in it.
fn ofd<R: Read + Seek>(file: &mut R, size: u64, tail: &[u8]) -> Result<MediaType, Failure> {
    // The number of entries is asked before the directory is read, which takes memory for each of them.
    let (entries, directory) = zip_end(tail).ok_or(Unfit::Malformed)?;
    if usize::from(entries) > ENTRIES_MAX || directory > DIRECTORY_MAX {
        return Err(Unfit::Package.into());
    }
    let mut archive = zip::ZipArchive::new(file).map_err(zip_failure)?;
    if archive.len() > ENTRIES_MAX || archive.has_duplicate_names() {
        return Err(Unfit::Package.into());
    }
    if archive.index_for_name("OFD.xml").is_none() {
        return Err(Unfit::UnknownType.into());
    }
    let most = UNPACKED_MAX.min(size.saturating_mul(RATIO_MAX));
    let mut unpacked = 0;
    let mut is_ofd = false;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(zip_failure)?;
        let name = entry.name().map_err(zip_failure)?.into_owned();
        let leads_out = entry.enclosed_name().is_none() || name.contains('\\') || name.starts_with('/') || name.split('/').any(|step| step == "..");
        if leads_out || entry.is_symlink() || entry.encrypted() {
            return Err(Unfit::Package.into());
        }
        let mut first = Vec::new();
        if name == "OFD.xml" {
            entry.by_ref().take(256 << 10).read_to_end(&mut first).map_err(unpack_failure)?;
            is_ofd = contains(&first, b"http://www.ofdspec.org/");
        }
        // What the directory says of the size is not believed; it is unpacked and counted.
        let rest = io::copy(&mut entry.by_ref().take(most - unpacked + 1), &mut io::sink()).map_err(unpack_failure)?;
        unpacked += rest + first.len() as u64;
        if unpacked > most {
            return Err(Unfit::Package.into());
        }
    }
    if is_ofd { Ok(MediaType::Ofd) } else { Err(Unfit::UnknownType.into()) }
}

fn zip_failure(error: zip::result::ZipError) -> Failure {
    match error {
        zip::result::ZipError::Io(error) => unpack_failure(error),
        _ => Unfit::Package.into(),
    }
}

/// What the archive cannot unpack is its own fault, unless the store failed under it.
fn unpack_failure(error: io::Error) -> Failure {
    if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<StoreFailure>) { Failure::Read(error) } else { Unfit::Package.into() }
}

/// Entries and size of the directory of a zip archive whose end mark stands at the end of the file.
fn zip_end(tail: &[u8]) -> Option<(u16, u32)> {
    let last = tail.len().checked_sub(ZIP_END)?;
    (0..=last).rev().find_map(|at| {
        let end = &tail[at..];
        let comment = usize::from(u16::from_le_bytes([end[20], end[21]]));
        (end.starts_with(b"PK\x05\x06") && comment == last - at)
            .then(|| (u16::from_le_bytes([end[10], end[11]]), u32::from_le_bytes([end[12], end[13], end[14], end[15]])))
    })
}

fn pixels(width: u64, height: u64) -> Result<(), Failure> {
    if (1..=PIXELS_MAX).contains(&width.saturating_mul(height)) { Ok(()) } else { Err(Unfit::Pixels.into()) }
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::write::SimpleFileOptions;

    use super::*;

    fn judge(bytes: impl Into<Vec<u8>>) -> Result<MediaType, Unfit> {
        inspect(&mut Cursor::new(bytes.into())).map_err(|failure| match failure {
            Failure::Unfit(unfit) => unfit,
            Failure::Read(error) => panic!("{error}"),
        })
    }

    fn pdf() -> Vec<u8> {
        b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\nstartxref\n9\n%%EOF\n".to_vec()
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = PNG_START.to_vec();
        bytes.extend_from_slice(b"\0\0\0\rIHDR");
        bytes.extend_from_slice(&width.to_be_bytes());
        bytes.extend_from_slice(&height.to_be_bytes());
        bytes.extend_from_slice(b"\x08\x02\0\0\0crc!");
        bytes.extend_from_slice(PNG_END);
        bytes
    }

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
        // Fill bytes, then a comment.
        bytes.extend_from_slice(b"\xff\xff\xfe\0\x06GPS?");
        bytes.extend_from_slice(b"\xff\xc0\0\x11\x08");
        bytes.extend_from_slice(&height.to_be_bytes());
        bytes.extend_from_slice(&width.to_be_bytes());
        bytes.extend_from_slice(b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xda\0\x0c\xff\xd9");
        bytes
    }

    fn boxed(kind: &[u8], body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(body.len() + 8).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(kind);
        bytes.extend_from_slice(body);
        bytes
    }

    fn heic(width: u32, height: u32) -> Vec<u8> {
        let mut size = vec![0; 4];
        size.extend_from_slice(&width.to_be_bytes());
        size.extend_from_slice(&height.to_be_bytes());
        let container = boxed(b"ipco", &[boxed(b"colr", b"nclx"), boxed(b"ispe", &size)].concat());
        let meta = [vec![0; 4], boxed(b"hdlr", &[0; 24]), boxed(b"iprp", &container)].concat();
        [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), boxed(b"meta", &meta), boxed(b"mdat", &[7; 100])].concat()
    }

    fn package(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    const OFD_XML: &[u8] = br#"<?xml version="1.0"?><ofd:OFD xmlns:ofd="http://www.ofdspec.org/2016" Version="1.1" DocType="OFD"/>"#;

    #[test]
    fn each_type_of_the_list_is_known_by_its_bytes() {
        for (bytes, kind) in [
            (pdf(), MediaType::Pdf),
            (png(10_000, 10_000), MediaType::Png),
            (jpeg(4000, 3000), MediaType::Jpeg),
            (heic(4032, 3024), MediaType::Heic),
            (package(&[("OFD.xml", OFD_XML), ("Doc_0/Document.xml", b"<x/>")]), MediaType::Ofd),
        ] {
            assert_eq!(judge(bytes), Ok(kind), "{kind}");
            assert_eq!(MediaType::of_mime(kind.mime()), Some(kind));
        }
        assert_eq!(MediaType::of_mime("image/HEIF"), Some(MediaType::Heic));
        assert_eq!(MediaType::of_mime("image/svg+xml"), None);
    }

    #[test]
    fn bytes_that_belie_their_type_are_refused() {
        let mut truncated = png(10, 10);
        truncated.pop();
        for (what, bytes, unfit) in [
            ("nothing", Vec::new(), Unfit::UnknownType),
            ("text", b"hello".to_vec(), Unfit::UnknownType),
            ("SVG", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), Unfit::UnknownType),
            ("HTML with a PDF inside", [b"<html>".to_vec(), pdf()].concat(), Unfit::UnknownType),
            ("PDF after blank lines", [b"\n\n".to_vec(), pdf()].concat(), Unfit::UnknownType),
            ("PDF after a byte order mark", [b"\xef\xbb\xbf".to_vec(), pdf()].concat(), Unfit::UnknownType),
            ("PDF header over HTML", b"%PDF-1.4\n<html><script>alert(1)</script></html>".to_vec(), Unfit::Malformed),
            ("GIF with a PDF inside", [b"GIF89a".to_vec(), pdf()].concat(), Unfit::UnknownType),
            ("program", [b"MZ".to_vec(), vec![0; 100]].concat(), Unfit::UnknownType),
            ("PNG without its end", truncated, Unfit::Malformed),
            ("PNG with HTML behind", [png(10, 10), b"<html>".to_vec()].concat(), Unfit::Malformed),
            ("PNG that is a zip too", [png(10, 10), package(&[("a", b"b")])].concat(), Unfit::TwoInOne),
            ("PDF that is a zip too", [pdf(), package(&[("a", b"b")])].concat(), Unfit::TwoInOne),
            ("JPEG without a frame", b"\xff\xd8\xff\xe0\0\x04ab\xff\xda\0\x02\xff\xd9".to_vec(), Unfit::Malformed),
            ("JPEG of three bytes", b"\xff\xd8\xff".to_vec(), Unfit::Malformed),
            ("HEIC without sizes", [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), vec![0; 40]].concat(), Unfit::Malformed),
        ] {
            assert_eq!(judge(bytes), Err(unfit), "{what}");
        }
    }

    #[test]
    fn a_picture_has_between_one_and_a_hundred_million_points() {
        assert_eq!(judge(png(50_000, 50_000)), Err(Unfit::Pixels));
        assert_eq!(judge(png(u32::MAX, u32::MAX)), Err(Unfit::Pixels));
        assert_eq!(judge(png(0, 10)), Err(Unfit::Pixels));
        assert_eq!(judge(jpeg(65_535, 65_535)), Err(Unfit::Pixels));
        assert_eq!(judge(jpeg(10, 0)), Err(Unfit::Pixels));
        assert_eq!(judge(heic(50_000, 50_000)), Err(Unfit::Pixels));
    }

    #[test]
    fn a_package_is_an_ofd_within_bounds_only() {
        let zeros = vec![0; 8 << 20];
        for (what, bytes, unfit) in [
            ("other package", package(&[("a.txt", b"x")]), Unfit::UnknownType),
            ("OFD.xml in a folder", package(&[("x/OFD.xml", OFD_XML)]), Unfit::UnknownType),
            ("OFD.xml of something else", package(&[("OFD.xml", b"<x/>")]), Unfit::UnknownType),
            ("bomb", package(&[("OFD.xml", OFD_XML), ("bomb", &zeros)]), Unfit::Package),
            ("path that leads out", package(&[("OFD.xml", OFD_XML), ("../../x", b"x")]), Unfit::Package),
        ] {
            assert_eq!(judge(bytes), Err(unfit), "{what}");
        }
        let names: Vec<String> = (0..=ENTRIES_MAX).map(|n| format!("f{n}")).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), b"x".as_slice())).collect();
        assert_eq!(judge(package(&many)), Err(Unfit::Package));
        let mut linked = zip::ZipWriter::new(Cursor::new(Vec::new()));
        linked.start_file("OFD.xml", SimpleFileOptions::default()).unwrap();
        linked.write_all(OFD_XML).unwrap();
        linked.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        assert_eq!(judge(linked.finish().unwrap().into_inner()), Err(Unfit::Package));
    }

    #[test]
    fn no_cut_or_changed_byte_makes_the_judge_panic() {
        for bytes in [pdf(), png(9, 9), jpeg(9, 9), heic(9, 9), package(&[("OFD.xml", OFD_XML)])] {
            for len in 0..bytes.len() {
                let _ = judge(&bytes[..len]);
            }
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 0xFF;
                let _ = judge(changed);
            }
        }
    }
}
