//! The services of one process, put together over its ports: here, and nowhere else.

use std::sync::Arc;

use crate::{
    Board, Catalog, Checkout, Company, Health, History, Naming, ProductCatalog, ProductImages,
    Purchase, Standings, Steering, Timetable,
    abandoned::Abandoned,
    board::Forms,
    health::Way,
    ports::{
        AnsweredCodes, AuditedLive, Clock, CodeMint, CodeStore, Items, LedgerStore, Operator,
        Processes, Products, SaleHistory, SaleRegister, SaleStore, Tasks,
    },
    processes::ProcessId,
    upkeep::{Rebuild, Reclaim, Reconcile, Retire, Rotate, Sweep, Upkeep},
};

/// The outside world, as one process or one of its threads reaches it.
#[derive(Clone)]
#[expect(missing_docs, reason = "each is named after its port")]
pub struct Ports {
    pub register: Arc<dyn SaleRegister>,
    pub ledger: Arc<dyn LedgerStore>,
    pub answered: Arc<dyn AnsweredCodes>,
    pub products: Arc<dyn Products>,
    /// The same by the way of readers, whoever else has the other ports.
    pub product_reads: Arc<dyn Products>,
    pub operator: Arc<dyn Operator>,
    pub sales: Arc<dyn SaleStore>,
    pub codes: Arc<dyn CodeStore>,
    pub items: Arc<dyn Items>,
    pub mint: Arc<dyn CodeMint>,
    pub clock: Arc<dyn Clock>,
}

/// What answers requests, and what the upkeep is made from.
pub struct Services {
    /// The sales that are known; empty until it is refreshed.
    pub catalog: Arc<Catalog>,
    /// Asks for units.
    pub checkout: Checkout,
    /// Redeems codes.
    pub purchase: Purchase,
    /// Says how sales stand.
    pub standings: Standings,
    /// Says what units turn out to be.
    pub naming: Naming,
    /// Serves sales again.
    pub rebuild: Arc<Rebuild>,
    abandoned: Arc<Abandoned>,
    tasks: Option<Arc<dyn Tasks>>,
    ports: Ports,
}

impl Services {
    /// The services of a process that has just started. Nothing goes on in it that nobody waits for.
    #[must_use]
    pub fn over(ports: Ports) -> Self {
        let catalog = Catalog::new(ports.register.clone(), Arc::new(Self::products(&ports)));
        Self::knowing(catalog, Self::rebuild(&ports), None, ports)
    }

    /// The same, where what was begun comes to its end also if whoever wanted it goes away; and what many
    /// want to know is asked for once.
    #[must_use]
    pub fn going_on_in(tasks: Arc<dyn Tasks>, ports: Ports) -> Self {
        let clock = || ports.clock.clone();
        let products = Arc::new(Self::products(&ports).asking_once(clock(), tasks.clone()));
        let catalog = Catalog::new(ports.register.clone(), products);
        let catalog = catalog.asking_once(clock(), tasks.clone());
        let rebuild = Self::rebuild(&ports).going_on_in(tasks.clone());
        Self::knowing(catalog, rebuild, Some(tasks), ports)
    }

    fn products(Ports { products, product_reads, .. }: &Ports) -> ProductCatalog {
        ProductCatalog::new(products.clone()).read_by(product_reads.clone())
    }

    fn rebuild(Ports { register, sales, clock, .. }: &Ports) -> Rebuild {
        Rebuild::new(register.clone(), sales.clone(), clock.clone())
    }

    fn knowing(
        catalog: Catalog,
        rebuild: Rebuild,
        tasks: Option<Arc<dyn Tasks>>,
        ports: Ports,
    ) -> Self {
        let catalog = Arc::new(catalog.reckoning_by(ports.clock.clone()));
        Self::sharing(catalog, Arc::new(rebuild), Arc::default(), tasks, ports)
    }

    /// The same services by another way to the same stores, for another thread of the process:
    /// it knows the same sales, and no two threads rebuild one sale at a time.
    #[must_use]
    pub fn by_way_of(&self, ports: Ports) -> Self {
        let (catalog, rebuild) = (self.catalog.clone(), self.rebuild.clone());
        Self::sharing(catalog, rebuild, self.abandoned.clone(), self.tasks.clone(), ports)
    }

    /// Has the ledger's clock held against the process's own. For a ledger on a server, which anybody
    /// may set the clock of.
    #[must_use]
    pub fn watching_clock(self) -> Self {
        self.catalog.watch_clock(self.ports.clock.clone());
        self
    }

    /// The upkeep of the process, with the sales of `timetable` to make, if there is one. One is
    /// enough, whatever the number of threads.
    #[must_use]
    pub fn upkeep(&self, timetable: impl Into<Option<Timetable>>) -> Upkeep {
        let Ports { register, ledger, sales, codes, .. } = &self.ports;
        let (catalog, rebuild) = (&self.catalog, &self.rebuild);
        Upkeep {
            catalog: catalog.clone(),
            rotate: Rotate::new(register.clone(), catalog.clone(), timetable),
            reclaim: Reclaim::new(self.abandoned.clone(), codes.clone(), ledger.clone()),
            sweep: Sweep::new(codes.clone(), ledger.clone()),
            rebuild: rebuild.clone(),
            reconcile: Reconcile::new(
                register.clone(),
                sales.clone(),
                rebuild.clone(),
                self.steering(None),
            ),
            retire: Retire::new(register.clone(), sales.clone(), catalog.clone()),
        }
    }

    /// Carries out what operators order; sales of `timetable` stay in their slots.
    #[must_use]
    pub fn steering(&self, timetable: impl Into<Option<Timetable>>) -> Steering {
        let Ports { operator, sales, codes, clock, .. } = &self.ports;
        Steering::new(
            operator.clone(),
            (sales.clone(), codes.clone()),
            clock.clone(),
            (self.catalog.clone(), self.rebuild.clone()),
            timetable.into(),
            self.tasks.clone(),
        )
    }

    /// How sales stand for the readers of the process. One is enough, whatever the number of
    /// threads.
    #[must_use]
    pub fn board<B: Send + Sync + 'static>(
        &self,
        tasks: Arc<dyn Tasks>,
        forms: Forms<B>,
    ) -> Arc<Board<B>> {
        Board::new(self.catalog.clone(), &self.ports, tasks, forms)
    }

    /// Whether the process can sell. `live` is the live store itself, with nothing remembered before
    /// it. One is enough; each thread takes a [`Way`] of it.
    #[must_use]
    pub fn health(
        &self,
        live: Arc<dyn AuditedLive>,
        tasks: Arc<dyn Tasks>,
        has_timetable: bool,
    ) -> Arc<Health> {
        let (catalog, rebuild) = (self.catalog.clone(), self.rebuild.clone());
        Health::new(catalog, rebuild, &self.ports, live, tasks, has_timetable)
    }

    /// The way of these services to the stores, for `health` to look at.
    #[must_use]
    pub fn way(&self, health: &Health) -> Arc<Way> {
        health.way(&self.ports)
    }

    /// The pictures of products for the readers of the process. One is enough, whatever the number of
    /// threads.
    #[must_use]
    pub fn product_images(&self, tasks: Arc<dyn Tasks>) -> Arc<ProductImages> {
        ProductImages::new(&self.ports, tasks)
    }

    /// What this process writes down of how sales go.
    #[must_use]
    pub fn history(&self, history: Arc<dyn SaleHistory>, process: ProcessId) -> History {
        History::new(self.catalog.clone(), self.ports.register.clone(), history, process)
    }

    /// The processes that tell each other by `port`, as this one knows them, which serves buyers at
    /// `address`. One is enough.
    #[must_use]
    pub fn company(
        &self,
        port: Arc<dyn Processes>,
        process: ProcessId,
        address: String,
    ) -> Arc<Company> {
        let clock = self.ports.clock.clone();
        Company::new(port, self.catalog.clone(), clock, process, address)
    }

    fn sharing(
        catalog: Arc<Catalog>,
        rebuild: Arc<Rebuild>,
        abandoned: Arc<Abandoned>,
        tasks: Option<Arc<dyn Tasks>>,
        ports: Ports,
    ) -> Self {
        let Ports { register, ledger, answered, sales, codes, items, mint, .. } = &ports;
        let naming = || Naming::new(catalog.clone(), items.clone());
        Self {
            checkout: Checkout::new(
                catalog.clone(),
                codes.clone(),
                ledger.clone(),
                answered.clone(),
                rebuild.clone(),
                mint.clone(),
                abandoned.clone(),
            ),
            purchase: Purchase::new(codes.clone(), ledger.clone(), naming()),
            naming: naming(),
            standings: Standings::new(catalog.clone(), sales.clone(), register.clone()),
            catalog,
            rebuild,
            abandoned,
            tasks,
            ports,
        }
    }
}
