//! Pages of a list: forward only, by keyset.

use super::cursor::Cursor;
use super::fault::Fault;

/// Rows of a page when nothing was asked.
pub const DEFAULT_FIRST: i32 = 20;
/// The most rows of a page.
pub const MAX_FIRST: i32 = 100;

/// The most rows of a list that are counted.
pub const COUNT_CAP: u64 = 10_000;

/// What was asked of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows wanted, 0 to [`MAX_FIRST`].
    pub first: u64,
    /// The keys after which the page begins, as the cursor of this order holds them.
    pub after: Option<Vec<String>>,
    /// Whether the rows of the whole list are to be counted.
    pub total: bool,
}

impl PageRequest {
    /// Reads `first` and `after` of a connection in the order named `order` with `keys` sort keys.
    ///
    /// Errors: [`Fault::BadRequest`] at `first` outside 0 to 100, [`Fault::CursorInvalid`] for a cursor of
    /// another list.
    pub fn parse(first: Option<i32>, after: Option<&str>, order: &str, keys: usize) -> Result<Self, Fault> {
        let first = first.unwrap_or(DEFAULT_FIRST);
        if !(0..=MAX_FIRST).contains(&first) {
            return Err(Fault::bad_request("first"));
        }
        let after = after.map(|text| Cursor::read(text, order, keys).ok_or(Fault::CursorInvalid)).transpose()?;
        Ok(Self { first: u64::from(first.unsigned_abs()), after, total: false })
    }

    /// The same, with the rows of the whole list counted where `total`.
    #[must_use]
    pub const fn counting(mut self, total: bool) -> Self {
        self.total = total;
        self
    }

    /// Rows to fetch: one more than wanted tells whether there is a next page.
    pub const fn limit(&self) -> u64 {
        self.first + 1
    }
}

/// One page of rows with their cursors.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows, each with its cursor.
    pub edges: Vec<(String, T)>,
    /// Whether more follow.
    pub has_next: bool,
    /// Rows of the whole list up to [`COUNT_CAP`], where they were counted.
    pub total: Option<u64>,
}

impl<T> Page<T> {
    /// Cuts rows fetched with [`PageRequest::limit`] to the page, and gives each its cursor.
    pub fn cut(mut rows: Vec<T>, request: &PageRequest, order: &str, keys: impl Fn(&T) -> Vec<String>) -> Self {
        let wanted = usize::try_from(request.first).unwrap_or(usize::MAX);
        let has_next = rows.len() > wanted;
        rows.truncate(wanted);
        Self { edges: rows.into_iter().map(|row| (Cursor::write(order, &keys(&row)), row)).collect(), has_next, total: None }
    }

    /// The same page with the rows of the whole list, which are counted where that was asked for.
    pub async fn counted<E>(self, request: &PageRequest, count: impl Future<Output = Result<u64, E>>) -> Result<Self, E> {
        Ok(Self { total: if request.total { Some(count.await?.min(COUNT_CAP)) } else { None }, ..self })
    }

    /// The same page of something made from the rows.
    pub fn map<U>(self, make: impl Fn(T) -> U) -> Page<U> {
        Page { edges: self.edges.into_iter().map(|(cursor, row)| (cursor, make(row))).collect(), has_next: self.has_next, total: self.total }
    }
}
