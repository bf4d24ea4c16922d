//! The products that sales are of, for whoever shows them. What changes one is ordered of
//! [`Operator`](super::Operator).

use async_trait::async_trait;

use crate::{
    ProductId, Sku, StoreError, VersionId,
    product::{Image, ImageDigest, Product, ProductVersion},
};

/// The ledger's products, for whoever shows them.
#[async_trait]
pub trait Products: Send + Sync {
    /// Which versions these products have now. Of a product that there is not, nothing.
    async fn current(
        &self,
        products: &[ProductId],
    ) -> Result<Vec<(ProductId, VersionId)>, StoreError>;

    /// Versions, of which each is the same for ever. Of one that there is not, nothing.
    async fn versions(&self, versions: &[VersionId]) -> Result<Vec<ProductVersion>, StoreError>;

    /// The product of this key, archived or not.
    async fn find(&self, sku: &Sku) -> Result<Option<Product>, StoreError>;

    /// At most `limit` products with numbers below `before`, the newest first.
    async fn page(
        &self,
        before: Option<ProductId>,
        limit: usize,
    ) -> Result<Vec<Product>, StoreError>;

    /// A picture.
    async fn image(&self, digest: ImageDigest) -> Result<Option<Image>, StoreError>;
}
