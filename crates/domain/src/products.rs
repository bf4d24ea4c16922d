//! The products that a process knows of, so that no request asks for one.
//!
//! A version never changes, so it is kept for as long as there is room, and looked up where it is
//! not. Which version the products have that are on sale is asked for with the calendar, in one
//! question for all of them; where no sale is of a product, in none.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use tokio::sync::Semaphore;

use crate::{
    Failure, ProductId, Sale, StoreError, VersionId, answer::Doing, asked_once::Bounded,
    ports::Products, product::ProductVersion,
};

/// Versions that are kept beside those on sale: of some 5 KiB each at the most.
const KEPT_MAX: usize = 1_024;

/// Versions that are asked for at a time.
const AT_A_TIME: usize = 64;

/// Questions for versions that are under way at a time: readers shall take few of the ledger's
/// connections.
const TURNS: usize = 2;

const LOOK: Doing = Doing::step("ProductCatalog::version");

type OnSale = HashMap<ProductId, Arc<ProductVersion>>;

/// The products that a process knows of.
pub struct ProductCatalog {
    products: Arc<dyn Products>,
    /// The versions that the products of the listed sales have.
    on_sale: RwLock<Arc<OnSale>>,
    kept: Mutex<Bounded<VersionId, Arc<ProductVersion>>>,
    turns: Semaphore,
}

impl ProductCatalog {
    /// A catalogue over `products`, which knows none yet.
    #[must_use]
    pub fn new(products: Arc<dyn Products>) -> Self {
        let kept = Mutex::new(Bounded::new(KEPT_MAX));
        Self { products, on_sale: RwLock::default(), kept, turns: Semaphore::new(TURNS) }
    }

    /// Looks which versions the products of these sales have, and learns those that are new.
    pub async fn refresh(&self, sales: &[Sale]) -> Result<(), StoreError> {
        let wanted: BTreeSet<_> = sales.iter().filter_map(|sale| sale.product).collect();
        let before = self.on_sale();
        if wanted.is_empty() {
            if !before.is_empty() {
                self.show(OnSale::new());
            }
            return Ok(());
        }
        let on_sale = self.all_current(&wanted.into_iter().collect::<Vec<_>>()).await?;
        self.show(on_sale);
        Ok(())
    }

    /// What a product is now, as it was seen with the calendar: `None` if no listed sale is of it.
    #[must_use]
    pub fn listed(&self, product: ProductId) -> Option<Arc<ProductVersion>> {
        self.on_sale().get(&product).cloned()
    }

    /// What a product is now: as it was seen with the calendar, or, if no listed sale is of it, as the
    /// ledger has it.
    pub async fn current(&self, product: ProductId) -> Result<Arc<ProductVersion>, StoreError> {
        if let Some(version) = self.listed(product) {
            return Ok(version);
        }
        let found = self.all_current(&[product]).await?.remove(&product);
        found.ok_or_else(|| missing(format!("no product {product}")))
    }

    /// What these products are now, as the ledger has it.
    pub(crate) async fn all_current(&self, products: &[ProductId]) -> Result<OnSale, StoreError> {
        let current = self.products.current(products).await?;
        let ids: Vec<_> = current.iter().map(|&(_, version)| version).collect();
        let versions = self.look_up(&ids).await?;
        let of_product = |(product, version)| Some((product, Arc::clone(versions.get(&version)?)));
        Ok(current.into_iter().filter_map(of_product).collect())
    }

    /// What a product was in a version.
    pub async fn version(&self, version: VersionId) -> Result<Arc<ProductVersion>, StoreError> {
        let found = self.look_up(&[version]).await?.remove(&version);
        found.ok_or_else(|| missing(format!("no version {version} of any product")))
    }

    /// These versions: those that are known, and the others from the ledger, kept from now on.
    async fn look_up(
        &self,
        versions: &[VersionId],
    ) -> Result<HashMap<VersionId, Arc<ProductVersion>>, StoreError> {
        let mut known: HashMap<_, _> = {
            // One that is on sale may have been kept before a thousand others.
            let (kept, on_sale) = (self.kept(), self.on_sale());
            let on_sale = |id| on_sale.values().find(|version| version.id == id).cloned();
            let known = |&id| Some((id, kept.get(&id).cloned().or_else(|| on_sale(id))?));
            versions.iter().filter_map(known).collect()
        };
        let unknown: Vec<_> =
            versions.iter().filter(|id| !known.contains_key(id)).copied().collect();
        if unknown.is_empty() {
            return Ok(known);
        }
        // An error means that it was closed, which nobody does.
        let _turn = self.turns.acquire().await.ok();
        for some in unknown.chunks(AT_A_TIME) {
            for version in self.products.versions(some).await? {
                let version = Arc::new(version);
                self.kept().put(version.id, Arc::clone(&version));
                known.insert(version.id, version);
            }
        }
        Ok(known)
    }

    fn show(&self, on_sale: OnSale) {
        *self.on_sale.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(on_sale);
    }

    fn on_sale(&self) -> Arc<OnSale> {
        Arc::clone(&self.on_sale.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn kept(&self) -> MutexGuard<'_, Bounded<VersionId, Arc<ProductVersion>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sale or a receipt names what the ledger does not have: it was written by somebody else.
fn missing(what: String) -> StoreError {
    StoreError::new(LOOK, Failure::NotDone, what)
}
