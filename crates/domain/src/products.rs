//! The products that a process knows of, so that no request asks for one.
//!
//! A version never changes, so it is kept for as long as there is room, and looked up where it is
//! not. Which version the products have that are on sale is asked for with the calendar, in one
//! question for all of them; where no sale is of a product, in none. What readers want beside that goes by a
//! way of theirs, once for all who want the same: no crowd of them stands in the way of the calendar.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use tokio::sync::Semaphore;

use crate::{
    Failure, ProductId, Sale, StoreError, VersionId,
    answer::Doing,
    asked_once::{AskedOnce, Bounded, Bounds, Unanswered},
    ports::{Clock, Products, Tasks},
    product::ProductVersion,
};

/// Versions that are kept beside those on sale: of some 5 KiB each at the most.
const KEPT_MAX: usize = 1_024;

/// Versions that are asked for at a time.
const AT_A_TIME: usize = 64;

/// Questions of readers that are under way at a time: these shall take few of the connections that all readers
/// have.
const TURNS: usize = 2;

/// What readers ask for at a time; nothing is kept but versions. One more question, and one more who waits for an
/// answer, is refused.
const BOUNDS: Bounds = Bounds { flights_max: 1_024, kept_max: 0 };
const WAITING_MAX: usize = 8_192;

const LOOK: Doing = Doing::step("ProductCatalog::version");

type OnSale = HashMap<ProductId, Arc<ProductVersion>>;

/// What readers ask the ledger for.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Wanted {
    /// What products are now.
    Current(Vec<ProductId>),
    /// What a product was in a version.
    Version(VersionId),
}

type Versions = Vec<Arc<ProductVersion>>;

/// The products that a process knows of.
pub struct ProductCatalog {
    /// By the way of the upkeep, for the calendar, which waits for no reader.
    products: Arc<dyn Products>,
    /// By the way of readers, for all that they cause.
    reads: Arc<dyn Products>,
    /// The versions that the products of the listed sales have.
    on_sale: RwLock<Arc<OnSale>>,
    kept: Mutex<Bounded<VersionId, Arc<ProductVersion>>>,
    turns: Semaphore,
    /// Where there are tasks, one question for all readers who have the same.
    asked: Option<Arc<AskedOnce<Wanted, Result<Versions, Unanswered>>>>,
}

impl ProductCatalog {
    /// A catalogue over `products`, which knows none yet.
    #[must_use]
    pub fn new(products: Arc<dyn Products>) -> Self {
        let kept = Mutex::new(Bounded::new(KEPT_MAX));
        let (reads, turns) = (products.clone(), Semaphore::new(TURNS));
        Self { products, reads, on_sale: RwLock::default(), kept, turns, asked: None }
    }

    /// The same, where readers have a way of their own to the products.
    #[must_use]
    pub fn read_by(self, reads: Arc<dyn Products>) -> Self {
        Self { reads, ..self }
    }

    /// The same, where a crowd that wants the same asks once.
    #[must_use]
    pub(crate) fn asking_once(self, clock: Arc<dyn Clock>, tasks: Arc<dyn Tasks>) -> Self {
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        Self { asked: Some(AskedOnce::new(clock, tasks, waiting, BOUNDS)), ..self }
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
        let wanted: Vec<_> = wanted.into_iter().collect();
        let on_sale = self.look_up_current(&*self.products, &wanted).await?;
        self.show(by_product(on_sale));
        Ok(())
    }

    /// What a product is now, as it was seen with the calendar: `None` if no listed sale is of it.
    #[must_use]
    pub fn listed(&self, product: ProductId) -> Option<Arc<ProductVersion>> {
        self.on_sale().get(&product).cloned()
    }

    /// What a product is now: as it was seen with the calendar, or, if no listed sale is of it, as the
    /// ledger has it.
    pub async fn current(
        self: &Arc<Self>,
        product: ProductId,
    ) -> Result<Arc<ProductVersion>, StoreError> {
        if let Some(version) = self.listed(product) {
            return Ok(version);
        }
        let found = self.all_current(&[product]).await?.remove(&product);
        found.ok_or_else(|| missing(format!("no product {product}")))
    }

    /// What these products are now, as the ledger has it.
    pub(crate) async fn all_current(
        self: &Arc<Self>,
        products: &[ProductId],
    ) -> Result<OnSale, StoreError> {
        self.ask(Wanted::Current(products.to_vec())).await.map(by_product)
    }

    /// What a product was in a version.
    pub async fn version(
        self: &Arc<Self>,
        version: VersionId,
    ) -> Result<Arc<ProductVersion>, StoreError> {
        if let Some(known) = self.known(version) {
            return Ok(known);
        }
        let found = self.ask(Wanted::Version(version)).await?.pop();
        found.ok_or_else(|| missing(format!("no version {version} of any product")))
    }

    /// Asks for a reader.
    async fn ask(self: &Arc<Self>, wanted: Wanted) -> Result<Versions, StoreError> {
        let Some(asked) = &self.asked else { return self.look(wanted).await };
        let found = asked.get(&wanted, || {
            let (this, wanted) = (Arc::clone(self), wanted.clone());
            async move { (this.look(wanted).await.map_err(Unanswered::from), 0) }
        });
        found.await.flatten().map_err(|error| error.to_error(LOOK))
    }

    async fn look(&self, wanted: Wanted) -> Result<Versions, StoreError> {
        // An error means that it was closed, which nobody does.
        let _turn = self.turns.acquire().await.ok();
        match wanted {
            Wanted::Current(products) => self.look_up_current(&*self.reads, &products).await,
            Wanted::Version(version) => self.look_up(&*self.reads, &[version]).await,
        }
    }

    /// What these products are now.
    async fn look_up_current(
        &self,
        by: &dyn Products,
        products: &[ProductId],
    ) -> Result<Versions, StoreError> {
        let current = by.current(products).await?;
        let ids: Vec<_> = current.into_iter().map(|(_, version)| version).collect();
        self.look_up(by, &ids).await
    }

    /// These versions: those that are known, and the others from the ledger, kept from now on.
    async fn look_up(
        &self,
        by: &dyn Products,
        versions: &[VersionId],
    ) -> Result<Versions, StoreError> {
        let (mut found, mut unknown) = (Vec::with_capacity(versions.len()), Vec::new());
        for &id in versions {
            match self.known(id) {
                Some(version) => found.push(version),
                None => unknown.push(id),
            }
        }
        for some in unknown.chunks(AT_A_TIME) {
            for version in by.versions(some).await? {
                let version = Arc::new(version);
                self.kept().put(version.id, Arc::clone(&version));
                found.push(version);
            }
        }
        Ok(found)
    }

    /// A version that need not be asked for.
    fn known(&self, id: VersionId) -> Option<Arc<ProductVersion>> {
        let kept = self.kept().get(&id).cloned();
        // One that is on sale may have been kept before a thousand others.
        kept.or_else(|| self.on_sale().values().find(|version| version.id == id).cloned())
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

fn by_product(versions: Versions) -> OnSale {
    versions.into_iter().map(|version| (version.product, version)).collect()
}

/// A sale or a receipt names what the ledger does not have: it was written by somebody else.
fn missing(what: String) -> StoreError {
    StoreError::new(LOOK, Failure::NotDone, what)
}
