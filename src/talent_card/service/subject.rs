//! Cards as what notices are about.

use async_trait::async_trait;
use uuid::Uuid;

use crate::kernel::fault::Fault;
use crate::kernel::ids::CardId;
use crate::notice::service::subject::{Owned, Subject};
use crate::portal::Portal;
use crate::talent_card::service::{OBJECT, view};
use crate::talent_card::store;

/// A card is its holder's and has the name of its product. Registered in `app`.
#[derive(Clone, Copy, Debug)]
pub struct CardSubject;

#[async_trait]
impl Subject for CardSubject {
    fn kind(&self) -> &'static str {
        OBJECT
    }

    async fn owned(&self, portal: &Portal, id: Uuid) -> Result<Option<Owned>, Fault> {
        let db = portal.db.read();
        let Some(card) = store::card(db, CardId(id)).await? else { return Ok(None) };
        let offer = view::offer_of(portal, db, card.product_version).await?;
        Ok(Some(Owned { owner: card.holder, name: offer.product.name.clone() }))
    }
}
