//! What the program can be told to do.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use domain::{
    Code, SaleId, Sku, UnixMillis,
    operator::{ActionId, OperatorName, Reason},
    product::{Currency, Metadata, ProductName},
};
use http_api::Role;

use super::{
    looking::{CodesCommand, ExportOptions, UnitsCommand, UsersCommand},
    parse::{parse_hold, parse_lasts, parse_moment},
};

/// What to do.
#[derive(Subcommand, Clone)]
pub(crate) enum Command {
    /// Serve the API and keep the sales going (the default)
    Serve,
    /// Ask the process that serves at `HTTP_ADDR` on this machine whether it can, and exit with 1 if it cannot
    Health,
    /// Bring the ledger's schema up to date and exit; `serve` does so too
    Migrate(MigrateOptions),
    /// List, schedule, change, pause, resume and end sales
    #[command(subcommand)]
    Sales(SalesCommand),
    /// Make, change, archive and list the products that sales are of
    #[command(subcommand)]
    Products(ProductsCommand),
    /// Give holds back before their time
    #[command(subcommand)]
    Holds(HoldsCommand),
    /// Cancel purchases
    #[command(subcommand)]
    Purchases(PurchasesCommand),
    /// Show what operators did
    #[command(subcommand)]
    Actions(ActionsCommand),
    /// Check that both stores keep what is promised; can be run while the service runs
    ///
    /// Prints a line for each invariant: whether it holds, its name, the number of breaches, what
    /// it says; then the first breaches. Exits with 0 if all hold, 1 if one is broken, and 2 if
    /// none is, but not all could be checked. What is said of the live store is `not seen` while no
    /// process serves from a directory: there is none. Changes nothing, and leaves the cores to
    /// whoever sells: it has the least priority.
    Audit(AuditOptions),
    /// Look up what users have, and asked for
    #[command(subcommand)]
    Users(UsersCommand),
    /// Look up what is recorded of a code
    #[command(subcommand)]
    Codes(CodesCommand),
    /// Look up who had a unit
    #[command(subcommand)]
    Units(UnitsCommand),
    /// Write all attempts or purchases of a sale to the standard output, as CSV or JSON
    ///
    /// Can be run while the service runs, with less priority, in a memory that does not grow with the
    /// rows. It says at its end where to go on, on the standard error output, also if it is
    /// interrupted. A code that can still be redeemed is masked.
    Export(ExportOptions),
    /// Copy the ledger of a directory to another one, while the service runs
    ///
    /// The copy is of one moment: all that was recorded when it began. It can be served from, with `DATA_DIR` there.
    /// A ledger in Postgres is backed up as any database is.
    Backup(BackupOptions),
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

/// Where to copy to.
#[derive(Args, Clone)]
pub(crate) struct BackupOptions {
    /// The directory of the copy, which is empty or not there yet
    #[arg(value_name = "DIR")]
    pub(crate) to: PathBuf,
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
        #[command(flatten)]
        actor: ActorOptions,
    },
    /// Change a sale: before it opens everything; once it has opened its end, its stock, to no less than
    /// the highest unit that is on hold or sold, and a higher limit
    Change {
        /// Its number
        sale: SaleId,
        #[command(flatten)]
        terms: ChangeOptions,
        #[command(flatten)]
        actor: ActorOptions,
        #[command(flatten)]
        seen: SeenOptions,
    },
    /// Stop a sale for now; codes given before stay good. Nothing is granted any more when this
    /// is done
    Pause {
        /// Its number
        sale: SaleId,
        #[command(flatten)]
        actor: ActorOptions,
        #[command(flatten)]
        seen: SeenOptions,
    },
    /// Let a paused sale go on
    Resume {
        /// Its number
        sale: SaleId,
        #[command(flatten)]
        actor: ActorOptions,
        #[command(flatten)]
        seen: SeenOptions,
    },
    /// End a sale now, for ever; codes given before stay good until they expire
    End {
        /// Its number
        sale: SaleId,
        /// Only say what would end
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        actor: ActorOptions,
        #[command(flatten)]
        seen: SeenOptions,
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
    Put {
        #[command(flatten)]
        product: PutOptions,
        #[command(flatten)]
        actor: ActorOptions,
    },
    /// Take a product out of use, for ever: no sale of it can be made any more; those there are go on
    Archive {
        /// Its key
        sku: Sku,
        #[command(flatten)]
        actor: ActorOptions,
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

/// What to change of a sale; what is not named stays.
#[derive(Args, Clone)]
pub(crate) struct ChangeOptions {
    /// First moment of the sale, such as 2026-11-27T09:00:00Z
    #[arg(long, value_parser = parse_moment)]
    pub(crate) starts_at: Option<UnixMillis>,
    /// First moment after the sale
    #[arg(long, value_parser = parse_moment)]
    pub(crate) ends_at: Option<UnixMillis>,
    /// Units on offer
    #[arg(long)]
    pub(crate) stock: Option<u32>,
    /// Units one user may have
    #[arg(long)]
    pub(crate) limit: Option<u16>,
    /// How long a unit is held, such as 5m
    #[arg(long, value_parser = parse_hold)]
    pub(crate) hold: Option<Duration>,
}

/// Who acts, and what is kept of it beside what they do.
#[derive(Args, Clone)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(crate) struct ActorOptions {
    /// Who does it, as the trail has it; by default whose account the command runs in, by LOGNAME, USER,
    /// or the machine's list, such as ann, or uid-1000 if nobody has named it
    #[arg(long = "as", env = "OPERATOR", value_name = "NAME")]
    pub(crate) by: Option<OperatorName>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<Reason>,
    /// The name of this order, a UUID: the same again does nothing more, and says what came of it. By
    /// default one is drawn
    #[arg(long, value_name = "UUID")]
    pub(crate) id: Option<ActionId>,
    /// Print one JSON document: {"action": {…}, "in_effect": bool, "replayed": bool}; names stay, more may
    /// come
    #[arg(long)]
    pub(crate) json: bool,
}

/// What whoever acts has seen of the sale.
#[derive(Args, Clone)]
pub(crate) struct SeenOptions {
    /// Do it only if this is the number of the last change of the sale, as `flashsale actions list` has it,
    /// 0 if there was none
    #[arg(long, value_name = "NUMBER")]
    pub(crate) if_at: Option<i64>,
}

/// What to do with holds.
#[derive(Subcommand, Clone)]
pub(crate) enum HoldsCommand {
    /// Give a hold back before its time; its unit is on sale again
    Release {
        /// Its code
        code: Code,
        #[command(flatten)]
        actor: ActorOptions,
    },
}

/// What to do with purchases.
#[derive(Subcommand, Clone)]
pub(crate) enum PurchasesCommand {
    /// Cancel purchases, for ever; their units are on sale again, unless the sale is over
    ///
    /// The receipts stay and say so, with the reason. The buyers may buy others. Of several each is told and kept by
    /// itself, `--json` prints a line for each, and the sale is loaded once. What stands in the way of one keeps none
    /// of the others from being cancelled; the command fails then. With `--id` and several codes each has a name that is
    /// made of that and its code: the same codes again, or as many as are left of several, do nothing more. At most 1,000 at a time.
    Cancel {
        /// The codes that were redeemed
        #[arg(required = true, num_args = 1..)]
        codes: Vec<Code>,
        /// Why: the trail has it, and the buyer reads it on the receipt
        #[arg(long, value_name = "TEXT", conflicts_with = "why")]
        reason: Reason,
        #[command(flatten)]
        actor: ActorOptions,
    },
}

/// What to show of what operators did.
#[derive(Subcommand, Clone)]
pub(crate) enum ActionsCommand {
    /// List the newest actions, refused ones too
    List {
        /// Only of this sale
        #[arg(long)]
        sale: Option<SaleId>,
        /// Only those of lower numbers
        #[arg(long, value_name = "NUMBER")]
        before: Option<i64>,
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Print one JSON document: {"actions": [{…}, …]}; names stay, more may come
        #[arg(long)]
        json: bool,
    },
}
