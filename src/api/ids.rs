//! Global ids: opaque to clients, encoded and decoded here only.

use async_graphql::ID;

use crate::api::error::ApiError;
use crate::kernel::fault::Fault;
use crate::kernel::ids::TypedId;

/// The id of this kind behind a global id, or BAD_REQUEST at `field`.
pub fn decode<T: TypedId>(id: &ID, field: &str) -> Result<T, ApiError> {
    T::parse_global(id.as_str()).ok_or_else(|| ApiError::from(Fault::BadRequest(field.split('.').map(str::to_owned).collect())))
}

/// As [`decode`], for an id that may be missing.
pub fn decode_option<T: TypedId>(id: Option<&ID>, field: &str) -> Result<Option<T>, ApiError> {
    id.map(|id| decode(id, field)).transpose()
}

/// As [`decode`], for a list of at most 100.
pub fn decode_list<T: TypedId>(ids: &[ID], field: &str) -> Result<Vec<T>, ApiError> {
    if ids.len() > 100 {
        return Err(Fault::BadRequest(field.split('.').map(str::to_owned).collect()).into());
    }
    ids.iter().enumerate().map(|(at, id)| decode(id, &format!("{field}.{at}"))).collect()
}

/// The global id.
pub fn encode<T: TypedId>(id: T) -> ID {
    ID(id.global())
}
