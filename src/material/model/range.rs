//! Where the bytes of a PUT belong: `Content-Range` (RFC 9110 14.4), as clients that resume send it.

/// A `Content-Range` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes first-last/total`; the total may be `*`.
    Bytes {
        /// First byte, from 0.
        first: u64,
        /// Last byte, inclusive.
        last: u64,
        /// Size of the whole file, if told.
        total: Option<u64>,
    },
    /// `bytes */total`: no bytes, only the question whether all came.
    Asked {
        /// Size of the whole file.
        total: u64,
    },
}

impl ContentRange {
    /// Reads the header; `None` for anything that is not of its form.
    pub fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.trim().split_once('/')?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        if range == "*" {
            return Some(Self::Asked { total: total? });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        (first <= last && total.is_none_or(|t| last < t)).then_some(Self::Bytes { first, last, total })
    }
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// What a PUT is about to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// This many bytes at most, at the offset that the upload stands at.
    Take(u64),
    /// Nothing more; tell how it stands, and finish if all is there.
    Finish,
}

/// Why a PUT is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplaced {
    /// The bytes do not begin where the upload stands.
    Offset,
    /// The range lies outside the declared file.
    Outside,
    /// More bytes than the declared file has.
    TooLarge,
    /// Range and length contradict each other.
    Contradiction,
}

/// Places a PUT in an upload of `size` bytes of which `received` came.
pub fn plan(range: Option<ContentRange>, length: Option<u64>, received: u64, size: u64) -> Result<Plan, Misplaced> {
    match range {
        None if length.is_some_and(|l| l > size) => Err(Misplaced::TooLarge),
        None if length == Some(0) => Err(Misplaced::Contradiction),
        None if received != 0 => Err(Misplaced::Offset),
        None => Ok(Plan::Take(size)),
        Some(ContentRange::Asked { total }) if total != size => Err(Misplaced::Outside),
        Some(ContentRange::Asked { .. }) if length.is_some_and(|l| l != 0) => Err(Misplaced::Contradiction),
        Some(ContentRange::Asked { .. }) => Ok(Plan::Finish),
        Some(ContentRange::Bytes { first, last, total }) => {
            let wanted = last - first + 1;
            if last >= size || total.is_some_and(|t| t != size) {
                Err(Misplaced::Outside)
            } else if length.is_some_and(|l| l != wanted) {
                Err(Misplaced::Contradiction)
            } else if first != received {
                Err(Misplaced::Offset)
            } else {
                Ok(Plan::Take(wanted))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(first: u64, last: u64, total: Option<u64>) -> ContentRange {
        ContentRange::Bytes { first, last, total }
    }

    #[test]
    fn the_header_is_read_by_the_letter() {
        for (text, range) in [
            ("bytes 0-0/1", Some(bytes(0, 0, Some(1)))),
            ("Bytes 5-9/*", Some(bytes(5, 9, None))),
            ("bytes */20", Some(ContentRange::Asked { total: 20 })),
            ("bytes */*", None),
            ("bytes 9-5/20", None),
            ("bytes 0-20/20", None),
            ("bytes 0-9", None),
            ("bytes +0-9/20", None),
            ("bytes -9/20", None),
            ("items 0-9/20", None),
            ("bytes 0-99999999999999999999/*", None),
            ("", None),
        ] {
            assert_eq!(ContentRange::parse(text), range, "{text}");
        }
    }

    #[test]
    fn a_put_is_taken_where_the_upload_stands_only() {
        for (range, length, received, planned) in [
            (None, Some(100), 0, Ok(Plan::Take(100))),
            (None, None, 0, Ok(Plan::Take(100))),
            (None, Some(101), 0, Err(Misplaced::TooLarge)),
            (None, Some(100), 40, Err(Misplaced::Offset)),
            (None, Some(0), 0, Err(Misplaced::Contradiction)),
            (Some(bytes(40, 99, Some(100))), Some(60), 40, Ok(Plan::Take(60))),
            (Some(bytes(40, 59, None)), None, 40, Ok(Plan::Take(20))),
            (Some(bytes(0, 99, Some(100))), Some(100), 40, Err(Misplaced::Offset)),
            (Some(bytes(40, 100, None)), Some(61), 40, Err(Misplaced::Outside)),
            (Some(bytes(40, 99, Some(101))), Some(60), 40, Err(Misplaced::Outside)),
            (Some(bytes(40, 99, Some(100))), Some(59), 40, Err(Misplaced::Contradiction)),
            (Some(ContentRange::Asked { total: 100 }), Some(0), 40, Ok(Plan::Finish)),
            (Some(ContentRange::Asked { total: 99 }), Some(0), 40, Err(Misplaced::Outside)),
            (Some(ContentRange::Asked { total: 100 }), Some(1), 40, Err(Misplaced::Contradiction)),
        ] {
            assert_eq!(plan(range, length, received, 100), planned, "{range:?} {length:?} {received}");
        }
    }
}
