//! Pages as Relay connections.

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{OutputType, SimpleObject};

use crate::kernel::page::Page;

/// The whole number of rows, as far as it was counted.
#[derive(SimpleObject, Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalCount {
    /// Rows counted.
    pub count: i32,
    /// Whether counting stopped at its cap, so that there are more.
    pub capped: bool,
}

/// A connection made of a page of rows.
pub fn of<T, N: OutputType>(page: Page<T>, node: impl Fn(T) -> N) -> Connection<String, N, EmptyFields, EmptyFields> {
    let mut connection = Connection::new(false, page.has_next);
    connection.edges.extend(page.edges.into_iter().map(|(cursor, row)| Edge::new(cursor, node(row))));
    connection
}
