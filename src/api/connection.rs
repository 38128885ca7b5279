//! Pages as Relay connections.

use std::borrow::Cow;

use async_graphql::connection::{Edge, EmptyFields, PageInfo};
use async_graphql::{Context, Object, OutputType, TypeName};

use crate::kernel::fault::Fault;
use crate::kernel::page::{Page, PageRequest};

/// A page of a list. The library's own connection has no description.
pub struct Pages<N: OutputType> {
    edges: Vec<Edge<String, N, EmptyFields>>,
    has_next: bool,
    total: Option<i32>,
}

impl<N: OutputType> TypeName for Pages<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", N::type_name()).into()
    }
}

/// A page of a list, in the order that the field tells. To go on, ask again with `pageInfo.endCursor` as `after`.
#[Object(name_type)]
impl<N: OutputType> Pages<N> {
    /// Whether more follow, and the cursor to go on from.
    async fn page_info(&self) -> PageInfo {
        let cursor = |edge: Option<&Edge<String, N, EmptyFields>>| edge.map(|edge| edge.cursor.clone());
        PageInfo { has_previous_page: false, has_next_page: self.has_next, start_cursor: cursor(self.edges.first()), end_cursor: cursor(self.edges.last()) }
    }

    /// The entries of the page, each with its cursor.
    async fn edges(&self) -> &[Edge<String, N, EmptyFields>] {
        &self.edges
    }

    /// The entries of the page without their cursors.
    async fn nodes(&self) -> Vec<&N> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// How many rows the whole list has for its reader, whatever `first` and `after` are. Counting ends at 10000, which means:
    /// so many or more. It is counted anew for each page that asks for it, so ask with the first page only.
    async fn total_count(&self) -> Option<i32> {
        self.total
    }
}

/// What is asked of the list that is being resolved, as [`PageRequest::parse`] reads it; its total only where it is selected.
pub fn request(ctx: &Context<'_>, first: Option<i32>, after: Option<&str>, order: &str, keys: usize) -> Result<PageRequest, Fault> {
    Ok(PageRequest::parse(first, after, order, keys)?.counting(ctx.look_ahead().field("totalCount").exists()))
}

/// A connection made of a page of rows.
pub fn of<T, N: OutputType>(page: Page<T>, node: impl Fn(T) -> N) -> Pages<N> {
    all_of(page, |rows| rows.into_iter().map(node).collect())
}

/// The same where the rows of a page are made into nodes together, in their order.
pub fn all_of<T, N: OutputType>(page: Page<T>, nodes: impl FnOnce(Vec<T>) -> Vec<N>) -> Pages<N> {
    let total = page.total.map(|rows| i32::try_from(rows).unwrap_or(i32::MAX));
    let (cursors, rows): (Vec<_>, Vec<_>) = page.edges.into_iter().unzip();
    let edges = cursors.into_iter().zip(nodes(rows)).map(|(cursor, node)| Edge::new(cursor, node)).collect();
    Pages { edges, has_next: page.has_next, total }
}
