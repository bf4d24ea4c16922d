//! Every method of the ports: what it is called, whose it is, and what may happen to it.

use std::fmt;

/// One of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    /// The live store.
    Live,
    /// The ledger.
    Ledger,
}

/// Whether an operation may change anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Write,
    Read,
}

/// Whether a request may arrive a second time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrives {
    Again,
    Once,
}

struct Facts {
    name: &'static str,
    store: Store,
    does: Does,
    arrives: Arrives,
}

/// Writes the operations and what is known of each, from one table.
macro_rules! operations {
    ($($variant:ident = $port:ident :: $method:ident, $store:ident, $does:ident, $arrives:ident;)+) => {
        /// A method of a port.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is named after the port method")]
        pub enum Operation {
            $($variant,)+
        }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            const fn facts(self) -> Facts {
                match self {
                    $(Self::$variant => Facts {
                        name: concat!(stringify!($port), "::", stringify!($method)),
                        store: Store::$store,
                        does: Does::$does,
                        arrives: Arrives::$arrives,
                    },)+
                }
            }
        }
    };
}

// An operator's sale is made each time it is asked for: twice would be twice the stock.
// A load is sent once: if the live store restarted in between, the second would serve a snapshot
// without what was granted since. And what an operator said first shall not hold last.
operations! {
    Load = SaleStore::load, Live, Write, Once;
    Status = SaleStore::status, Live, Read, Again;
    Forget = SaleStore::forget, Live, Write, Again;
    PlaceHold = CodeStore::place_hold, Live, Write, Again;
    FindUnit = CodeStore::find, Live, Read, Again;
    Due = CodeStore::due, Live, Read, Again;
    Settle = CodeStore::settle, Live, Write, Again;
    SettleSoon = CodeStore::settle_soon, Live, Write, Again;
    TakeTurn = Turns::take, Live, Write, Again;
    LeaveFigures = Processes::leave, Live, Write, Again;
    ExchangeFigures = Processes::exchange, Live, Write, Again;
    Ping = AuditedLive::ping, Live, Read, Again;
    LiveSnapshot = AuditedLive::snapshot, Live, Read, Again;
    Permit = LedgerStore::permit, Ledger, Read, Again;
    Record = LedgerStore::record, Ledger, Write, Again;
    Redeem = LedgerStore::redeem, Ledger, Write, Again;
    Release = LedgerStore::release, Ledger, Write, Again;
    FindCode = LedgerStore::find, Ledger, Read, Again;
    FindOwner = CodeOwners::owner, Ledger, Read, Again;
    LookUpCode = Lookups::code, Ledger, Read, Again;
    LookUpUnits = Lookups::units, Ledger, Read, Again;
    InspectCode = Inspections::code, Ledger, Read, Again;
    InspectHolders = Inspections::holders, Ledger, Read, Again;
    InspectUnits = Inspections::units, Ledger, Read, Again;
    InspectAttempts = Inspections::attempts, Ledger, Read, Again;
    ExportAttempts = Exports::attempts, Ledger, Read, Again;
    ExportPurchases = Exports::purchases, Ledger, Read, Again;
    NoteMinute = SaleHistory::note, Ledger, Write, Again;
    ReadMinutes = SaleHistory::minutes, Ledger, Read, Again;
    DropMinutes = SaleHistory::drop_before, Ledger, Write, Again;
    Judge = LedgerStore::judge, Ledger, Write, Again;
    ExpireOverdue = LedgerStore::expire_overdue, Ledger, Write, Again;
    Answered = AnsweredCodes::answered, Ledger, Read, Again;
    CurrentVersions = Products::current, Ledger, Read, Again;
    Versions = Products::versions, Ledger, Read, Again;
    FindProduct = Products::find, Ledger, Read, Again;
    PageProducts = Products::page, Ledger, Read, Again;
    ProductImage = Products::image, Ledger, Read, Again;
    Now = SaleRegister::now, Ledger, Read, Again;
    FindSale = SaleRegister::find, Ledger, Read, Again;
    Page = SaleRegister::page, Ledger, Read, Again;
    Calendar = SaleRegister::calendar, Ledger, Read, Again;
    Schedule = SaleRegister::schedule, Ledger, Write, Once;
    RaiseEpoch = SaleRegister::raise_epoch, Ledger, Write, Again;
    Tally = SaleRegister::tally, Ledger, Read, Again;
    Close = SaleRegister::close, Ledger, Write, Again;
    Act = Operator::act, Ledger, Write, Again;
    FindAction = Operator::action, Ledger, Read, Again;
    Trail = Operator::trail, Ledger, Read, Again;
    Audit = AuditedLedger::audit, Ledger, Read, Again;
    LateHolds = AuditedLedger::late_holds, Ledger, Read, Again;
    LedgerSnapshot = AuditedLedger::snapshot, Ledger, Read, Again;
}

impl Operation {
    /// The port and its method, as errors and logs name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The store that is asked.
    #[must_use]
    pub const fn store(self) -> Store {
        self.facts().store
    }

    /// Whether it may change anything.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self.facts().does, Does::Write)
    }

    /// Whether a request may arrive a second time, and later than others, without harm.
    #[must_use]
    pub const fn may_be_repeated(self) -> bool {
        matches!(self.facts().arrives, Arrives::Again)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
