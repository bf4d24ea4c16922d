//! What the domain needs from the outside world.
//!
//! A port is cut by who needs it, and each method is one atomic step, safe to repeat with the
//! same arguments unless it says otherwise: a retry is the normal case. The live store ([`SaleStore`], [`CodeStore`])
//! may lose everything at any moment; what the ledger ([`LedgerStore`], [`SaleRegister`]) has
//! said stays said, and is on disk before it says so.

mod answered;
mod audited;
mod copied;
mod exports;
mod history;
mod identity;
mod inspections;
mod ledger;
mod live;
mod lookups;
mod operation;
mod operator;
mod owners;
mod pages;
mod processes;
mod products;
mod register;
mod turns;

use std::pin::Pin;

use async_trait::async_trait;

use crate::{Item, ProductVersion, SaleId, Unit};

pub use answered::{Answered, AnsweredCodes, Granted};
pub use audited::{AuditedLedger, AuditedLive};
pub use copied::{
    AttemptCopy, HoldCopy, HoldEnd, OutcomeCopy, ProductCopy, PurchaseCopy, SaleCopy,
};
pub use exports::{ExportAsked, Exports, NO_SUCH_ROW, Sink};
pub use history::SaleHistory;
pub use identity::LedgerIdentity;
pub use inspections::{CodeRows, Inspections, UnitHad, UnitOfSale, UserOfSales};
pub use ledger::{Attempt, AttemptPermit, CodeRecord, LedgerStore, Outcome, Recorded, Redemption};
pub use live::{
    CodeStore, Grant, HoldRequest, LiveStatus, LiveUnit, LoadReply, PlaceReply, SaleSnapshot,
    SaleStore, Verdict,
};
pub use lookups::{CodeLife, CodeState, HeldUnit, Lookups, UnitsOfUser, UserOfSale};
pub use operation::{Operation, Store};
pub use operator::{ActReply, Operator, TrailPage};
pub use owners::{CodeOwners, check_owner};
pub use pages::{By, Cursor, OTHER_LIST, Page, PageAsked, ParseCursorError};
pub use processes::Processes;
pub use products::Products;
pub use register::{Calendar, Listed, LiveEpoch, RaiseReply, SaleRegister, Tally};
pub use turns::{Duty, TurnAsked, Turns};

/// A way to wait, and to measure how long ago something was. Nothing is decided by it: a sale's
/// clock is the stores' own.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns after about `ms` milliseconds.
    async fn wait(&self, ms: u64);

    /// Milliseconds since some moment of this process's life.
    fn uptime_ms(&self) -> u64;
}

/// A way to have something done that goes on when whoever started it is gone.
pub trait Tasks: Send + Sync {
    /// Starts `task`, beside everything else. It may be broken off when the process ends.
    fn start(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>);
}

/// What units turn out to be.
pub trait Items: Send + Sync {
    /// The item of a unit, of a sale of this version of a product, if it is one of a product: for the same
    /// the same one, for ever.
    fn item(&self, sale: SaleId, unit: Unit, product: Option<&ProductVersion>) -> Item;
}

/// The random source behind codes.
pub trait CodeMint: Send + Sync {
    /// 128 bits that nobody can guess.
    fn draw(&self) -> u128;
}
