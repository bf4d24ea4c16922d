//! The ledger in memory: [`Products`], and what changes them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::{
    NotScheduled, ProductId, ProductVersion, Sku, StoreError, UnixMillis, VersionId,
    ports::Products,
    product::{Image, ImageDigest, ImageRef, Picture, Product, ProductChange},
};

use crate::{FakeLedger, Operation, ledger::Tables};

/// The products of a ledger.
#[derive(Clone, Default)]
pub(crate) struct ProductRows {
    /// In the order in which they were made; each is of the next number, from 1.
    products: Vec<(Sku, Option<UnixMillis>)>,
    versions: BTreeMap<VersionId, ProductVersion>,
    images: Vec<Image>,
}

impl ProductRows {
    pub(crate) fn not_to_be_sold(&self, product: ProductId) -> Option<NotScheduled> {
        match self.row(product) {
            None => Some(NotScheduled::UnknownProduct),
            Some((_, Some(_))) => Some(NotScheduled::ArchivedProduct),
            Some((_, None)) => None,
        }
    }

    fn row(&self, product: ProductId) -> Option<&(Sku, Option<UnixMillis>)> {
        self.products.get(usize::try_from(product.get() - 1).ok()?)
    }

    fn current(&self, product: ProductId) -> Option<&ProductVersion> {
        self.versions.values().rev().find(|version| version.product == product)
    }

    fn product(&self, product: ProductId) -> Option<Product> {
        let (_, archived_at) = self.row(product)?;
        Some(Product { version: self.current(product)?.clone(), archived_at: *archived_at })
    }

    fn id_of(&self, sku: &Sku) -> Option<ProductId> {
        let place = self.products.iter().position(|(known, _)| known == sku)?;
        i64::try_from(place + 1).ok()?.try_into().ok()
    }

    /// Makes a product, or its next version, unless the last one says the same.
    pub(crate) fn put(&mut self, change: &ProductChange, now: UnixMillis) -> Product {
        let known = self.find(&change.sku);
        if let Some(known) = known
            && change.is_said_by(&known.version)
        {
            return known;
        }
        if let Some(Picture::Given(image)) = &change.image {
            self.images.push(image.clone());
        }
        let image = change.image.as_ref().and_then(|picture| self.image(picture.digest()));
        let id = self.id_of(&change.sku).unwrap_or_else(|| {
            self.products.push((change.sku.clone(), None));
            self.id_of(&change.sku).expect("it was made just now")
        });
        let last = self.versions.keys().next_back().map_or(0, |version| version.get());
        let version = ProductVersion {
            id: (last + 1).try_into().expect("a number from 1 on"),
            product: id,
            sku: change.sku.clone(),
            name: change.name.clone(),
            price: change.price,
            metadata: change.metadata.clone(),
            image: image.map(|image| ImageRef { digest: image.digest(), kind: image.kind() }),
            made_at: now,
        };
        self.versions.insert(version.id, version);
        self.product(id).expect("it has a version")
    }

    pub(crate) fn find(&self, sku: &Sku) -> Option<Product> {
        self.id_of(sku).and_then(|id| self.product(id))
    }

    pub(crate) fn is_kept(&self, digest: ImageDigest) -> bool {
        self.image(digest).is_some()
    }

    fn image(&self, digest: ImageDigest) -> Option<Image> {
        self.images.iter().find(|image| image.digest() == digest).cloned()
    }

    /// Archives a product that is there.
    pub(crate) fn archive(&mut self, product: &Product, now: UnixMillis) -> Product {
        let id = product.version.product;
        let row = usize::try_from(id.get() - 1).ok().and_then(|place| self.products.get_mut(place));
        row.expect("it is there").1.get_or_insert(now);
        self.product(id).expect("it has a version")
    }
}

#[async_trait]
impl Products for FakeLedger {
    async fn current(
        &self,
        products: &[ProductId],
    ) -> Result<Vec<(ProductId, VersionId)>, StoreError> {
        let look = |tables: &mut Tables, _| {
            let current =
                |&product: &ProductId| Some((product, tables.products.current(product)?.id));
            Ok(products.iter().filter_map(current).collect())
        };
        self.transact(Operation::CurrentVersions, look).await
    }

    async fn versions(&self, versions: &[VersionId]) -> Result<Vec<ProductVersion>, StoreError> {
        let look = |tables: &mut Tables, _| {
            let known = &tables.products.versions;
            Ok(versions.iter().filter_map(|version| known.get(version).cloned()).collect())
        };
        self.transact(Operation::Versions, look).await
    }

    async fn find(&self, sku: &Sku) -> Result<Option<Product>, StoreError> {
        let look = |tables: &mut Tables, _| Ok(tables.products.find(sku));
        self.transact(Operation::FindProduct, look).await
    }

    async fn page(
        &self,
        before: Option<ProductId>,
        limit: usize,
    ) -> Result<Vec<Product>, StoreError> {
        let look = |tables: &mut Tables, _| {
            let products = &tables.products;
            let ids = products.products.iter().rev().filter_map(|(sku, _)| products.id_of(sku));
            let below = ids.filter(|id| before.is_none_or(|before| *id < before));
            Ok(below.take(limit).filter_map(|id| products.product(id)).collect())
        };
        self.transact(Operation::PageProducts, look).await
    }

    async fn image(&self, digest: ImageDigest) -> Result<Option<Image>, StoreError> {
        let look = |tables: &mut Tables, _| Ok(tables.products.image(digest));
        self.transact(Operation::ProductImage, look).await
    }
}
