//! The products that sales are of: reading them, and changing them.

use async_trait::async_trait;

use crate::{
    ProductId, Sku, StoreError, VersionId,
    product::{Image, ImageDigest, Product, ProductChange, ProductRefusal, ProductVersion},
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

/// The ledger's products, for whoever changes them.
#[async_trait]
pub trait ProductRegister: Send + Sync {
    /// Makes a product, or its next version; the picture that comes with it is kept with it. A product
    /// that is so already stays as it is.
    async fn put(
        &self,
        change: ProductChange,
    ) -> Result<Result<Product, ProductRefusal>, StoreError>;

    /// Takes a product out of use: no sale of it can be made any more. Those that there are go on. One
    /// that is archived stays so, since when it is.
    async fn archive(&self, sku: &Sku) -> Result<Result<Product, ProductRefusal>, StoreError>;
}
