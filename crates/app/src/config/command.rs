//! What the program can be told to do.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use domain::{
    SaleId, Sku, UnixMillis,
    product::{Currency, Metadata, ProductName},
};
use http_api::{OperatorName, Role};

use super::parse::{parse_lasts, parse_moment};

/// What to do.
#[derive(Subcommand, Clone)]
pub(crate) enum Command {
    /// Serve the API and keep the sales going (the default)
    Serve,
    /// Bring the ledger's schema up to date and exit; `serve` does so too
    Migrate(MigrateOptions),
    /// List, schedule, pause and resume sales
    #[command(subcommand)]
    Sales(SalesCommand),
    /// Make, change, archive and list the products that sales are of
    #[command(subcommand)]
    Products(ProductsCommand),
    /// Check that both stores keep what is promised; can be run while the service runs
    ///
    /// Prints a line for each invariant: whether it holds, its name, the number of breaches, what
    /// it says; then the first breaches. Exits with 0 if all hold, 1 if one is broken, and 2 if
    /// none is, but not all could be checked. What is said of the live store is `not seen` while no
    /// process serves from a directory: there is none. Changes nothing, and leaves the cores to
    /// whoever sells: it has the least priority.
    Audit(AuditOptions),
    /// Take the ledger of a directory along to the empty Postgres database of `DATABASE_URL`
    ///
    /// All of it or nothing; both ledgers are audited. The service must not run meanwhile. The
    /// directory stays as it is.
    Import(ImportOptions),
    /// Make tokens of operators
    #[command(subcommand)]
    Tokens(TokensCommand),
}

/// What to do beside migrating.
#[derive(Args, Clone)]
pub(crate) struct MigrateOptions {
    /// Make the Postgres database another ledger: it is a restored copy, and its original lives on
    /// beside it. No process may serve from it meanwhile
    #[arg(long)]
    pub(crate) new_identity: bool,
}

/// What to take along.
#[derive(Args, Clone)]
pub(crate) struct ImportOptions {
    /// The directory, such as flashsale-data
    #[arg(long, value_name = "DIR")]
    pub(crate) from: PathBuf,
}

/// What to check, and how to print it.
#[derive(Args, Clone)]
pub(crate) struct AuditOptions {
    /// Only what concerns this sale
    #[arg(long)]
    pub(crate) sale: Option<SaleId>,
    /// Print one JSON document: {"ok": bool, "invariants": [{"name": text, "says": text, "holds":
    /// bool or null if it could not be checked or was not looked at, "breaches": number, "rows": [text, ...]}, ...],
    /// "notes": [text, ...]}; names stay, more may come
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with sales.
#[derive(Subcommand, Clone)]
pub(crate) enum SalesCommand {
    /// List the newest sales
    List {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Make a sale; the terms come from the same flags as for `serve`
    Schedule {
        /// First moment of the sale, such as 2026-11-27T09:00:00Z
        #[arg(long, value_parser = parse_moment)]
        starts_at: UnixMillis,
        /// How long it lasts, such as 1h
        #[arg(long, value_parser = parse_lasts)]
        lasts: Duration,
        /// What it is of: the sku of a product. Without one its items are generated
        #[arg(long, value_name = "SKU")]
        product: Option<Sku>,
    },
    /// Stop a sale for now; codes given before stay good. Nothing is granted any more when this
    /// is done
    Pause {
        /// Its number
        sale: SaleId,
    },
    /// Let a paused sale go on
    Resume {
        /// Its number
        sale: SaleId,
    },
    /// Sell a sale again whose ledger was restored from a copy and knows less than Redis serves
    ///
    /// What was granted and sold since the copy was made is lost by that.
    AcceptRestore {
        /// Its number
        sale: SaleId,
    },
    /// Let an older version of this program serve the sales again, after a rollback: run it when no
    /// process of this version is left
    HandOver,
}

/// What to do with tokens of operators.
#[derive(Subcommand, Clone)]
pub(crate) enum TokensCommand {
    /// Make a token, and the line by which `ADMIN_TOKENS_FILE` lets its operator in
    ///
    /// Prints the token, which is nowhere else, and on a second line what belongs into the file. Changes
    /// nothing.
    Make {
        /// What the operator is called, with the characters of a user
        name: OperatorName,
        /// What they may do: a `viewer` looks, an `operator` acts, too
        role: Role,
    },
}

/// What to do with products.
#[derive(Subcommand, Clone)]
pub(crate) enum ProductsCommand {
    /// List the newest products
    List {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Make a product, or say anew all that it is: what is left out is not there any more
    ///
    /// Sales of it that are on show and sell it so within seconds; a receipt says what was sold as it
    /// was then.
    Put(PutOptions),
    /// Take a product out of use, for ever: no sale of it can be made any more; those there are go on
    Archive {
        /// Its key
        sku: Sku,
    },
}

/// All that is said of a product.
#[derive(Args, Clone)]
pub(crate) struct PutOptions {
    /// The shop's own key of it: up to 64 of A-Z a-z 0-9 . _ : @ -
    #[arg(long)]
    pub(crate) sku: Sku,
    /// What it is called
    #[arg(long)]
    pub(crate) name: ProductName,
    /// A file with its picture, PNG, JPEG or WebP, up to 512 KiB. Without one each unit has a picture that
    /// is generated
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,
    /// What it costs, in minor units of the currency, such as 1999
    #[arg(long, value_name = "AMOUNT", requires = "currency", allow_negative_numbers = true)]
    pub(crate) price: Option<i64>,
    /// The currency, by its code of ISO 4217, such as EUR
    #[arg(long, requires = "price")]
    pub(crate) currency: Option<Currency>,
    /// What else the shop says of it: a JSON object of up to 4 KiB, which is passed on as it is
    #[arg(long, value_name = "JSON")]
    pub(crate) metadata: Option<Metadata>,
}
