//! Orders and cases in the API.

/// Declares inputs that name a case and its version, with further fields.
macro_rules! inputs {
    ($($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident: $type:ty),* $(,)? })+) => {
        $(
            $(#[$meta])*
            #[derive(InputObject, Debug)]
            pub struct $name {
                /// The case.
                pub application_id: ID,
                /// The version that the viewer saw; another one is a CONFLICT.
                pub expected_version: i64,
                $($(#[$fmeta])* pub $field: $type),*
            }

            impl $name {
                fn target(&self) -> Result<Target, ApiError> {
                    Ok(Target { id: ids::decode(&self.application_id, "input.applicationId")?, expected_version: self.expected_version })
                }
            }
        )+
    };
}

/// The target of an input, or the answer that its id deserves.
macro_rules! target {
    ($input:expr) => {
        match $input.target() {
            Ok(target) => target,
            Err(error) => return Some(Err(error)),
        }
    };
}

/// Declares payloads that carry the case.
macro_rules! payloads {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {
        $(
            $(#[$meta])*
            #[derive(SimpleObject, Clone, Debug)]
            pub struct $name {
                /// The case as it is now.
                pub application: Option<Application>,
                /// Why not.
                pub user_errors: Vec<UserError>,
            }

            impl From<(Option<Application>, Vec<UserError>)> for $name {
                fn from((application, user_errors): (Option<Application>, Vec<UserError>)) -> Self {
                    Self { application, user_errors }
                }
            }
        )+
    };
}

pub mod dealing;
pub mod mutation;
pub mod page;
pub mod query;
pub mod requests;
pub mod subscription;
pub mod types;
