//! `Products` on SQLite.

use async_trait::async_trait;
use domain::{
    ProductId, ProductVersion, Sku, StoreError, VersionId,
    ports::{Operation, Products},
    product::{Image, ImageDigest, Product},
};

use crate::SqliteLedger;

#[async_trait]
impl Products for SqliteLedger {
    async fn current(
        &self,
        products: &[ProductId],
    ) -> Result<Vec<(ProductId, VersionId)>, StoreError> {
        let products = products.to_vec();
        self.look(Operation::CurrentVersions, move |tables| tables.current_versions(&products))
            .await
    }

    async fn versions(&self, versions: &[VersionId]) -> Result<Vec<ProductVersion>, StoreError> {
        let versions = versions.to_vec();
        self.look(Operation::Versions, move |tables| tables.read_versions(&versions)).await
    }

    async fn find(&self, sku: &Sku) -> Result<Option<Product>, StoreError> {
        let sku = sku.clone();
        self.look(Operation::FindProduct, move |tables| tables.find_product(&sku)).await
    }

    async fn page(
        &self,
        before: Option<ProductId>,
        limit: usize,
    ) -> Result<Vec<Product>, StoreError> {
        self.look(Operation::PageProducts, move |tables| tables.page_products(before, limit)).await
    }

    async fn image(&self, digest: ImageDigest) -> Result<Option<Image>, StoreError> {
        self.look(Operation::ProductImage, move |tables| tables.find_image(digest)).await
    }
}
