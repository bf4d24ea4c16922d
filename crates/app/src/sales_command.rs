//! `flashsale sales`: what an operator does with sales from a terminal.

mod live;

use std::io::{self, Write};

use domain::{
    Failure, NewSale, NotScheduled, Origin, Phase, Sale, SaleId, Sku, StoreError, UnixMillis,
    Window,
    ports::{SaleRegister, Tally},
    sale::{SaleState, TermsError, WindowError},
};

use http_api::rfc3339;

use crate::{
    compose::{self, ComposeError, Registers, Task},
    config::{Config, SalesCommand, window},
    output::output,
};

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SalesError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the end of the sale {0}")]
    Window(#[from] WindowError),
    #[error("{field} of the sale {0}", field = .0.field())]
    Terms(#[from] TermsError),
    #[error("the sale would be over already: it ends at {}", rfc3339(*.0))]
    Over(UnixMillis),
    #[error("the ledger made no sale")]
    NotMade(#[source] NotScheduled),
    #[error("there is no product {0}; `flashsale products list` shows which there are")]
    NoSuchProduct(Sku),
    #[error("it is not known whether the sale was made; `flashsale sales list` shows it if it was")]
    Unsure(#[source] StoreError),
    #[error("there is no sale {0}, or it has ended; `flashsale sales list` shows which there are")]
    NoSuchSale(SaleId),
    #[error(
        "the ledger has it, but whether the service goes by it was not seen within {}s; it looks \
         every few seconds", live::PATIENCE.as_secs()
    )]
    NotYet(#[source] Option<StoreError>),
    #[error("a directory's live store begins anew with its process: there is nothing to do")]
    Embedded,
    #[error("cannot print")]
    Print(#[from] io::Error),
}

/// Carries the command out.
pub(crate) async fn run(command: SalesCommand, config: &Config) -> Result<(), SalesError> {
    let task = match command {
        SalesCommand::List { .. } => Task::Look,
        _ => Task::Change,
    };
    let registers = compose::registers(config, task).await?;
    let ledger = &registers.sales;
    match command {
        SalesCommand::List { limit } => {
            let mut out = output();
            writeln!(out, "{HEADING}")?;
            let now = ledger.now().await?;
            for sale in ledger.page(None, limit).await? {
                let tally = ledger.tally(sale.id).await?;
                writeln!(out, "{}", line(&sale, tally, now))?;
            }
        }
        SalesCommand::Schedule { starts_at, lasts, product } => {
            let window = window(starts_at, lasts)?;
            schedule(&registers, config, window, product.as_ref()).await?;
        }
        SalesCommand::Pause { sale } => set_paused(&**ledger, config, sale, true).await?,
        SalesCommand::Resume { sale } => set_paused(&**ledger, config, sale, false).await?,
        SalesCommand::AcceptRestore { sale } => {
            if ledger.find(sale).await?.is_none() {
                return Err(SalesError::NoSuchSale(sale));
            }
            let accepted = live::accept_restore(config, sale).await?;
            let says = if accepted {
                "is served as the ledger has it"
            } else {
                "needs no accepting: the live store serves nothing that the ledger does not know"
            };
            writeln!(output(), "sale {sale} {says}")?;
        }
        SalesCommand::HandOver => {
            let sales = live::hand_over(&**ledger, config).await?;
            writeln!(output(), "{sales} sales: who comes next loads them from the ledger")?;
        }
    }
    Ok(())
}

async fn schedule(
    Registers { sales, products, .. }: &Registers,
    config: &Config,
    window: Window,
    product: Option<&Sku>,
) -> Result<(), SalesError> {
    let now = sales.now().await?;
    if window.ends_at() <= now {
        return Err(SalesError::Over(window.ends_at()));
    }
    let product = match product {
        None => None,
        Some(sku) => {
            let product = products.find(sku).await?;
            let product = product.ok_or_else(|| SalesError::NoSuchProduct(sku.clone()))?;
            Some(product.version.product)
        }
    };
    let sale = NewSale { window, terms: config.terms()?, origin: Origin::Operator, product };
    let made = sales.schedule(sale).await.map_err(|error| match error.failure() {
        Failure::Unknown => SalesError::Unsure(error),
        _ => SalesError::Store(error),
    });
    let sale = made?.map_err(SalesError::NotMade)?;
    writeln!(output(), "{HEADING}\n{}", line(&sale, None, now))?;
    Ok(())
}

async fn set_paused(
    register: &dyn SaleRegister,
    config: &Config,
    sale: SaleId,
    paused: bool,
) -> Result<(), SalesError> {
    let before = register.find(sale).await?;
    let set = register.set_paused(sale, paused).await?;
    let sale = set.ok_or(SalesError::NoSuchSale(sale))?;
    // Said twice, it has taken effect already, and nothing will change by which that could be seen.
    if before.is_none_or(|before| before.sale.state != sale.state) {
        live::take_effect(register, config, &sale).await?;
    }
    let (now, tally) = (register.now().await?, register.tally(sale.id).await?);
    writeln!(output(), "{HEADING}\n{}", line(&sale, tally, now))?;
    Ok(())
}

const HEADING: &str = "  sale  starts at                 ends at                   state       stock     \
     held     sold  made by";

/// A sale as it is at this moment of the ledger's clock.
fn line(sale: &Sale, tally: Option<Tally>, now: UnixMillis) -> String {
    format!(
        "{:>6}  {}  {}  {:<9} {:>7} {:>8} {:>8}  {}",
        sale.id,
        rfc3339(sale.window.starts_at()),
        rfc3339(sale.window.ends_at()),
        match sale.phase_at(now) {
            _ if sale.state == SaleState::Closed => "closed",
            Phase::Scheduled => "scheduled",
            Phase::Open => "open",
            Phase::Paused => "paused",
            Phase::Ended => "ended",
        },
        sale.terms.stock(),
        tally.map_or(0, |tally| tally.held),
        tally.map_or(0, |tally| tally.sold),
        match sale.origin {
            Origin::Timetable => "timetable",
            Origin::Operator => "operator",
        },
    )
}
