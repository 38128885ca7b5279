//! Pages as Relay connections.

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{Context, OutputType, SimpleObject};

use crate::kernel::fault::Fault;
use crate::kernel::page::{Page, PageRequest};

/// How many rows there are in all.
#[derive(SimpleObject, Clone, Copy, Debug)]
pub struct Total {
    /// How many rows the whole list has for its reader, whatever `first` and `after` are. Counting ends at 10000, which means:
    /// so many or more. It is counted anew for each page that asks for it, so ask with the first page only.
    pub total_count: Option<i32>,
}

/// A page of a list.
pub type Pages<N> = Connection<String, N, Total, EmptyFields>;

/// What is asked of the list that is being resolved, as [`PageRequest::parse`] reads it; its total only where it is selected.
pub fn request(ctx: &Context<'_>, first: Option<i32>, after: Option<&str>, order: &str, keys: usize) -> Result<PageRequest, Fault> {
    Ok(PageRequest::parse(first, after, order, keys)?.counting(ctx.look_ahead().field("totalCount").exists()))
}

fn empty<T, N: OutputType>(page: &Page<T>) -> Pages<N> {
    let total_count = page.total.map(|rows| i32::try_from(rows).unwrap_or(i32::MAX));
    Connection::with_additional_fields(false, page.has_next, Total { total_count })
}

/// A connection made of a page of rows.
pub fn of<T, N: OutputType>(page: Page<T>, node: impl Fn(T) -> N) -> Pages<N> {
    let mut connection = empty(&page);
    connection.edges.extend(page.edges.into_iter().map(|(cursor, row)| Edge::new(cursor, node(row))));
    connection
}

/// The same where the rows of a page are made into nodes together, in their order.
pub fn all_of<T, N: OutputType>(page: Page<T>, nodes: impl FnOnce(Vec<T>) -> Vec<N>) -> Pages<N> {
    let mut connection = empty(&page);
    let (cursors, rows): (Vec<_>, Vec<_>) = page.edges.into_iter().unzip();
    connection.edges.extend(cursors.into_iter().zip(nodes(rows)).map(|(cursor, node)| Edge::new(cursor, node)));
    connection
}
