//! Previews: small JPEGs of pictures, made of the points alone.

use std::io::Cursor;

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, Limits, Rgb, RgbImage};

use super::media::MediaType;

/// The most points on the long side.
pub const SIDE_MAX: u32 = 1024;
/// The most bytes of an original: it lies in memory while it is unpacked.
pub const ORIGINAL_MAX: u64 = 32 << 20;
/// The most bytes that a picture takes when it is unpacked.
pub const UNPACKED_MAX: u64 = 128 << 20;
const QUALITY: u8 = 80;

/// There is none: the picture is too large, or is not what its first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPreview;

impl MediaType {
    /// Whether the portal makes previews of it.
    pub const fn has_preview(self) -> bool {
        match self {
            Self::Jpeg | Self::Png => true,
            Self::Pdf | Self::Heic | Self::Ofd => false,
        }
    }
}

/// The preview of an original: a JPEG of at most [`SIDE_MAX`] points a side, turned as its EXIF says, on white where it was
/// transparent. Nothing but points is taken over. What the original would take is asked of its header, before it is unpacked.
pub fn preview(original: &[u8], kind: MediaType) -> Result<Vec<u8>, NoPreview> {
    let limits = || {
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(UNPACKED_MAX);
        limits
    };
    if original.len() as u64 > ORIGINAL_MAX {
        return Err(NoPreview);
    }
    let (picture, turn) = match kind {
        // Beside its points a progressive one keeps two bytes for each of three colours until it is whole.
        MediaType::Jpeg => unpack(JpegDecoder::new(Cursor::new(original)), if is_progressive(original) { 3 } else { 1 }, limits())?,
        MediaType::Png => unpack(PngDecoder::with_limits(Cursor::new(original), limits()), 1, limits())?,
        MediaType::Pdf | MediaType::Heic | MediaType::Ofd => return Err(NoPreview),
    };
    let mut small = if picture.width().max(picture.height()) > SIDE_MAX { picture.thumbnail(SIDE_MAX, SIDE_MAX) } else { picture };
    small.apply_orientation(turn);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&on_white(&small)).map_err(|_| NoPreview)?;
    Ok(jpeg)
}

fn unpack(decoder: Result<impl ImageDecoder, image::ImageError>, times: u64, limits: Limits) -> Result<(DynamicImage, Orientation), NoPreview> {
    let mut decoder = decoder.map_err(|_| NoPreview)?;
    let (width, height) = decoder.dimensions();
    // Smaller than this is the thumbnail's own smallest.
    if width == 0 || height == 0 || decoder.total_bytes().saturating_mul(times) > UNPACKED_MAX {
        return Err(NoPreview);
    }
    decoder.set_limits(limits).map_err(|_| NoPreview)?;
    let turn = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder).map_err(|_| NoPreview)?, turn))
}

/// Whether a frame of a JPEG is another than a sequential one (ITU-T T.81 table B.1). Walks the segments before the points.
fn is_progressive(jpeg: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[mark, kind, high, low]) = jpeg.get(at..at + 4) {
        match (mark, kind) {
            (0xFF, 0xFF) => at += 1,
            (0xFF, 0xC0 | 0xC1) => return false,
            (0xFF, 0x01 | 0xD0..=0xD7) => at += 2,
            (0xFF, 0xC4 | 0xC8 | 0xCC | 0xDB | 0xDD | 0xE0..=0xEF | 0xFE) => at += 2 + usize::from(u16::from_be_bytes([high, low]).max(2)),
            _ => return true,
        }
    }
    true
}

fn on_white(picture: &DynamicImage) -> RgbImage {
    let plain = picture.to_rgba8();
    RgbImage::from_fn(plain.width(), plain.height(), |x, y| {
        let [red, green, blue, alpha] = plain.get_pixel(x, y).0.map(u32::from);
        Rgb([red, green, blue].map(|colour| u8::try_from((colour * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)))
    })
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Luma, Rgba, RgbaImage};

    use super::*;

    fn packed(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn made(original: &[u8], kind: MediaType) -> RgbImage {
        let jpeg = preview(original, kind).unwrap();
        DynamicImage::from_decoder(JpegDecoder::new(Cursor::new(jpeg)).unwrap()).unwrap().to_rgb8()
    }

    #[test]
    fn a_preview_is_no_larger_than_its_bound_and_a_small_picture_stays_as_large() {
        let size = |width, height| made(&packed(RgbImage::new(width, height), ImageFormat::Jpeg), MediaType::Jpeg).dimensions();
        assert_eq!(size(2048, 100), (1024, 50));
        assert_eq!(size(1000, 3000), (341, 1024));
        assert_eq!(size(3000, 1), (1024, 1));
        assert_eq!(size(20, 10), (20, 10));
    }

    #[test]
    fn every_kind_of_point_becomes_a_colour_and_nothing_becomes_white() {
        let clear = packed(RgbaImage::from_pixel(16, 16, Rgba([0, 0, 0, 0])), ImageFormat::Png);
        assert!(made(&clear, MediaType::Png).pixels().all(|p| p.0.iter().all(|c| *c > 250)));
        let black = packed(image::ImageBuffer::from_pixel(16, 16, Luma([0u16])), ImageFormat::Png);
        assert!(made(&black, MediaType::Png).pixels().all(|p| p.0.iter().all(|c| *c < 5)));
    }

    #[test]
    fn what_is_no_picture_or_another_type_has_none() {
        let jpeg = packed(RgbImage::new(16, 16), ImageFormat::Jpeg);
        for (bytes, kind) in [(&jpeg[..], MediaType::Png), (&jpeg[..20], MediaType::Jpeg), (b"", MediaType::Jpeg), (b"%PDF-1.7", MediaType::Pdf)] {
            assert_eq!(preview(bytes, kind), Err(NoPreview));
        }
        assert_eq!(preview(&vec![0; usize::try_from(ORIGINAL_MAX).unwrap() + 1], MediaType::Png), Err(NoPreview));
    }

    #[test]
    fn a_header_that_promises_too_much_is_refused_before_anything_is_unpacked() {
        let mut jpeg = packed(RgbImage::new(16, 16), ImageFormat::Jpeg);
        let frame = jpeg.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
        assert!(!is_progressive(&jpeg));
        // 7000 by 7000 points are 147 MB; 5000 by 5000 are 75 MB, and three times that where they come progressively.
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0x1B, 0x58, 0x1B, 0x58]);
        assert_eq!(preview(&jpeg, MediaType::Jpeg), Err(NoPreview));
        jpeg[frame + 1] = 0xC2;
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0x13, 0x88, 0x13, 0x88]);
        assert!(is_progressive(&jpeg));
        assert_eq!(preview(&jpeg, MediaType::Jpeg), Err(NoPreview));
    }

    #[test]
    fn no_cut_or_changed_byte_makes_the_maker_panic() {
        let picture = RgbImage::from_fn(16, 16, |x, y| Rgb([u8::try_from(x * 16).unwrap(), u8::try_from(y * 16).unwrap(), 7]));
        for (format, kind) in [(ImageFormat::Jpeg, MediaType::Jpeg), (ImageFormat::Png, MediaType::Png)] {
            let bytes = packed(picture.clone(), format);
            for at in 0..bytes.len() {
                let _ = preview(&bytes[..at], kind);
                let mut changed = bytes.clone();
                changed[at] ^= 0xFF;
                let _ = preview(&changed, kind);
            }
        }
    }
}
