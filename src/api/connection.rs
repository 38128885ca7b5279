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

/// The same where the rows of a page are made into nodes together, in their order.
pub fn all_of<T, N: OutputType>(page: Page<T>, nodes: impl FnOnce(Vec<T>) -> Vec<N>) -> Connection<String, N, EmptyFields, EmptyFields> {
    let mut connection = Connection::new(false, page.has_next);
    let (cursors, rows): (Vec<_>, Vec<_>) = page.edges.into_iter().unzip();
    connection.edges.extend(cursors.into_iter().zip(nodes(rows)).map(|(cursor, node)| Edge::new(cursor, node)));
    connection
}
