//! Where the service keeps what it knows, as its ports have it.

use std::sync::Arc;

use domain::{
    Ports,
    ports::{
        AnsweredCodes, AuditedLive, CodeOwners, CodeStore, Exports, Inspections, LedgerStore,
        Lookups, Operator, Processes, Products, SaleHistory, SaleRegister, SaleStore,
    },
    processes::ProcessId,
    remembered::{RememberedLive, SoldOutMemo},
    upkeep::Shares,
};
use http_api::{Records, StoreNames};
use memory_stores::MemoryStores;
use postgres_ledger::PostgresLedger;
use redis_stores::RedisStores;
use sqlite_ledger::SqliteLedger;

use crate::environment::{GeneratedItems, SystemRandom, TokioClock};

/// Where the service keeps what it knows.
#[derive(Clone)]
pub(super) enum Stores {
    /// On Postgres and Redis, with any number of processes.
    Servers { ledger: Arc<PostgresLedger>, live: Arc<RedisStores>, memo: Arc<SoldOutMemo> },
    /// In SQLite and this process's memory, which need no memo of what they say.
    Embedded { ledger: Arc<SqliteLedger>, live: Arc<MemoryStores> },
}

/// What handlers ask of the ledger themselves.
pub(super) struct Asked {
    pub(super) owners: Arc<dyn CodeOwners>,
    pub(super) lookups: Arc<dyn Lookups>,
    pub(super) products: Arc<dyn Products>,
}

impl Stores {
    /// The stores for the upkeep; what readers have asked about products goes past its connections.
    pub(super) fn ports(&self) -> Ports {
        match self {
            Self::Servers { ledger, live, memo } => Ports {
                product_reads: Arc::new(ledger.for_readers()),
                ..on_servers(ledger, live, memo)
            },
            Self::Embedded { ledger, live } => ports(ledger, live),
        }
    }

    /// What is asked of the ledger for whoever runs the service.
    pub(super) fn asked(&self) -> Asked {
        match self {
            Self::Servers { ledger, .. } => Asked::of(ledger),
            Self::Embedded { ledger, .. } => Asked::of(ledger),
        }
    }

    /// The records of the ledger, for operators.
    pub(super) fn records(&self) -> Records {
        match self {
            Self::Servers { ledger, .. } => records_of(ledger),
            Self::Embedded { ledger, .. } => records_of(ledger),
        }
    }

    /// How sales went.
    pub(super) fn history(&self) -> Arc<dyn SaleHistory> {
        match self {
            Self::Servers { ledger, .. } => ledger.clone(),
            Self::Embedded { ledger, .. } => ledger.clone(),
        }
    }

    /// The part of this process in the upkeep; from a directory one alone serves.
    pub(super) fn shares(&self, process: ProcessId) -> Shares {
        match self {
            Self::Servers { live, .. } => Shares::among(live.clone(), process),
            Self::Embedded { .. } => Shares::alone(),
        }
    }

    /// What the processes that serve from the ledger tell each other by.
    pub(super) fn processes(&self) -> Arc<dyn Processes> {
        match self {
            Self::Servers { live, .. } => live.clone(),
            Self::Embedded { live, .. } => live.clone(),
        }
    }

    /// The stores by a way that no other thread uses.
    pub(super) fn on_this_thread(&self) -> (Ports, Asked) {
        match self {
            Self::Servers { ledger, live, memo } => {
                let live = Arc::new(live.on_this_thread());
                let ledger = Arc::new(ledger.on_this_thread(Some(live.wait())));
                (on_servers(&ledger, &live, memo), Asked::of(&ledger))
            }
            Self::Embedded { ledger, live } => {
                let ledger = Arc::new(ledger.on_this_thread());
                (ports(&ledger, live), Asked::of(&ledger))
            }
        }
    }

    /// The live store itself, with nothing remembered before it.
    pub(super) fn live(&self) -> Arc<dyn AuditedLive> {
        match self {
            Self::Servers { live, .. } => live.clone(),
            Self::Embedded { live, .. } => live.clone(),
        }
    }

    pub(super) const fn names(&self) -> StoreNames {
        match self {
            Self::Servers { .. } => StoreNames { ledger: "postgres", live: "redis" },
            Self::Embedded { .. } => StoreNames { ledger: "sqlite", live: "memory" },
        }
    }
}

/// Postgres, and what is remembered of Redis before Redis.
fn on_servers(
    ledger: &Arc<PostgresLedger>,
    live: &Arc<RedisStores>,
    memo: &Arc<SoldOutMemo>,
) -> Ports {
    ports(ledger, &Arc::new(RememberedLive::new(live.clone(), memo.clone())))
}

/// A ledger and a live store, and what else the services need.
pub(super) fn ports(
    ledger: &Arc<impl SaleRegister + LedgerStore + AnsweredCodes + Products + Operator + 'static>,
    live: &Arc<impl SaleStore + CodeStore + 'static>,
) -> Ports {
    Ports {
        register: ledger.clone(),
        ledger: ledger.clone(),
        answered: ledger.clone(),
        products: ledger.clone(),
        product_reads: ledger.clone(),
        operator: ledger.clone(),
        sales: live.clone(),
        codes: live.clone(),
        items: Arc::new(GeneratedItems),
        mint: Arc::new(SystemRandom::default()),
        clock: Arc::new(TokioClock),
    }
}

impl Asked {
    fn of(ledger: &Arc<impl CodeOwners + Lookups + Products + 'static>) -> Self {
        Self { owners: ledger.clone(), lookups: ledger.clone(), products: ledger.clone() }
    }
}

fn records_of(ledger: &Arc<impl Inspections + Exports + SaleHistory + 'static>) -> Records {
    Records { inspections: ledger.clone(), exports: ledger.clone(), history: ledger.clone() }
}
