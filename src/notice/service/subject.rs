//! What later slices say of their objects, so that a notice can be written about one.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::kernel::text::Text;
use crate::portal::Portal;

/// An object of a later slice.
#[derive(Clone, Debug)]
pub struct Owned {
    /// Whose it is.
    pub owner: PersonId,
    /// Its public name.
    pub name: Text,
}

/// A slice whose objects notices are about. Registered in `app`.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The kind of its objects in the outbox.
    fn kind(&self) -> &'static str;
    /// The object with this id; `None` where there is none.
    async fn owned(&self, portal: &Portal, id: Uuid) -> Result<Option<Owned>, Fault>;
}

/// The registered slices, a part of the portal.
#[derive(Clone, Default)]
pub struct Subjects(Vec<Arc<dyn Subject>>);

impl std::fmt::Debug for Subjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|subject| subject.kind())).finish()
    }
}

impl Subjects {
    /// Adds a slice.
    #[must_use]
    pub fn with(mut self, subject: Arc<dyn Subject>) -> Self {
        self.0.push(subject);
        self
    }

    /// The object of this kind and id; `None` where nobody knows the kind, or the object.
    pub async fn owned(&self, portal: &Portal, kind: &str, id: Uuid) -> Result<Option<Owned>, Fault> {
        match self.0.iter().find(|subject| subject.kind() == kind) {
            Some(subject) => subject.owned(portal, id).await,
            None => Ok(None),
        }
    }
}
