//! Publishing the bundle of card products.

use crate::kernel::fault::Fault;
use crate::kernel::ids::{BenefitId, CardProductId, CardProductVersionId, TypedId as _};
use crate::portal::Portal;
use crate::talent_card::model::bundle::Bundle;
use crate::talent_card::store;

/// The bundle inside the binary.
const SHIPPED: &str = include_str!("../../../catalogue/card_products.toml");

/// What a publication did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Versions added.
    pub added: usize,
    /// Versions that were published before with other content, by product code and number. They stay as they were.
    pub conflicts: Vec<(String, i32)>,
}

/// Publishes the bundle inside the binary. Repeating it changes nothing.
pub async fn publish_products(portal: &Portal) -> Result<Published, Fault> {
    let bundle = Bundle::parse(SHIPPED).map_err(|problems| Fault::internal(anyhow::anyhow!("card products: {}", problems.join("; "))))?;
    publish(portal, &bundle).await
}

/// Publishes a bundle: adds what is new, refreshes products of older bundles, never changes a version.
pub async fn publish(portal: &Portal, bundle: &Bundle) -> Result<Published, Fault> {
    let mut published = Published::default();
    let txn = portal.db.begin_write().await?;
    for product in &bundle.products {
        let id = store::put_product(&txn, CardProductId::new(&portal.env), product, bundle.number).await?;
        for version in &product.versions {
            let hash = version.content_hash().map_err(Fault::internal)?;
            let version_id = CardProductVersionId::new(&portal.env);
            match store::put_version(&txn, version_id, id, version, &hash).await? {
                Some(before) if before != hash => published.conflicts.push((product.code.clone(), version.number)),
                Some(_) => {}
                None => {
                    for (position, benefit) in (1..).zip(&version.benefits) {
                        store::insert_benefit(&txn, BenefitId::new(&portal.env), version_id, position, benefit).await?;
                    }
                    published.added += 1;
                }
            }
        }
    }
    portal.commit(txn).await?;
    Ok(published)
}
