//! `flashsale sales`: what an operator does with sales from a terminal.

mod live;

use std::io::{self, Write};

use domain::{
    Origin, Phase, ProductId, Sale, SaleId, Sku, StoreError, UnixMillis,
    operator::{Action, Change, ChangeError, Changed, Order},
    ports::{Listed, Tally},
    sale::{SaleState, TermsError, WindowError},
};
use http_api::rfc3339;

use crate::{
    compose::{self, ComposeError, Registers, Task},
    config::{ActorOptions, ChangeOptions, Config, SalesCommand, window},
    order_command::{OrderError, act_until_in_effect, order_of, print_answer},
    orders::Acting,
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
    #[error("{}", of_change(*.0))]
    Change(#[from] ChangeError),
    #[error("there is no product {0}; `flashsale products list` shows which there are")]
    NoSuchProduct(Sku),
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error("a directory's live store begins anew with its process: there is nothing to do")]
    Embedded,
    #[error("cannot print")]
    Print(#[from] io::Error),
}

/// Why there is no such change, in terms of the command.
fn of_change(error: ChangeError) -> String {
    let flag = match error.field() {
        None => {
            return "nothing is to be changed: name what with --starts-at, --ends-at, --stock, --limit \
                    or --hold"
                .to_owned();
        }
        Some("per_user_limit") => "--limit",
        Some("hold_ms") => "--hold",
        Some("starts_at") => "--starts-at",
        Some("ends_at") => "--ends-at",
        Some(_) => "--stock",
    };
    format!("{flag} {error}")
}

/// Carries the command out.
pub(crate) async fn run(command: SalesCommand, config: &Config) -> Result<(), SalesError> {
    let (action, actor, seen) = match command {
        SalesCommand::List { limit } => return list(limit, config).await,
        SalesCommand::AcceptRestore { sale } => return accept_restore(sale, config).await,
        SalesCommand::HandOver => {
            let ledger = compose::registers(config, Task::Change).await?.sales;
            let sales = live::hand_over(&*ledger, config).await?;
            writeln!(output(), "{sales} sales: who comes next loads them from the ledger")?;
            return Ok(());
        }
        SalesCommand::End { sale, dry_run: true, .. } => return would_end(sale, config).await,
        SalesCommand::Schedule { starts_at, lasts, product, actor } => {
            let (window, terms) = (window(starts_at, lasts)?, config.terms()?);
            let (acting, registers) = compose::acting(config).await?;
            let product = match &product {
                Some(sku) => Some(product_of(sku, &registers).await?),
                None => None,
            };
            let action = Action::ScheduleSale { window, terms, product };
            return Box::pin(act_by(&acting, &registers, action, &actor, None)).await;
        }
        SalesCommand::Change { sale, terms, actor, seen } => {
            (Action::ChangeSale { sale, change: change(&terms)? }, actor, seen)
        }
        SalesCommand::Pause { sale, actor, seen } => (Action::PauseSale(sale), actor, seen),
        SalesCommand::Resume { sale, actor, seen } => (Action::ResumeSale(sale), actor, seen),
        SalesCommand::End { sale, actor, seen, .. } => (Action::EndSale(sale), actor, seen),
    };
    let (acting, registers) = compose::acting(config).await?;
    Box::pin(act_by(&acting, &registers, action, &actor, seen.if_at)).await
}

/// The product of a key.
async fn product_of(sku: &Sku, registers: &Registers) -> Result<ProductId, SalesError> {
    let found = registers.products.find(sku).await?;
    let product = found.ok_or_else(|| SalesError::NoSuchProduct(sku.clone()))?;
    Ok(product.version.product)
}

async fn list(limit: usize, config: &Config) -> Result<(), SalesError> {
    let ledger = compose::registers(config, Task::Look).await?.sales;
    let mut out = output();
    writeln!(out, "{HEADING}")?;
    let now = ledger.now().await?;
    for sale in ledger.page(None, limit).await? {
        let tally = ledger.tally(sale.id).await?;
        writeln!(out, "{}", line(&sale, tally, now))?;
    }
    Ok(())
}

async fn accept_restore(sale: SaleId, config: &Config) -> Result<(), SalesError> {
    let ledger = compose::registers(config, Task::Change).await?.sales;
    if ledger.find(sale).await?.is_none() {
        return Err(OrderError::NoSuchSale(sale).into());
    }
    let accepted = live::accept_restore(config, sale).await?;
    let says = if accepted {
        "is served as the ledger has it"
    } else {
        "needs no accepting: the live store serves nothing that the ledger does not know"
    };
    writeln!(output(), "sale {sale} {says}")?;
    Ok(())
}

/// Says what would end with a sale.
async fn would_end(sale: SaleId, config: &Config) -> Result<(), SalesError> {
    let ledger = compose::registers(config, Task::Look).await?.sales;
    let (found, now) = (ledger.find(sale).await?, ledger.now().await?);
    let found = found.filter(|it| it.sale.phase_at(now) != Phase::Ended);
    let (Some(Listed { sale, .. }), Some(tally)) = (found, ledger.tally(sale).await?) else {
        return Err(OrderError::NoSuchSale(sale).into());
    };
    let free = sale.terms.stock().saturating_sub(tally.held).saturating_sub(tally.sold);
    let mut out = output();
    writeln!(out, "{HEADING}\n{}", line(&sale, Some(tally), now))?;
    writeln!(
        out,
        "it would end now, and not at {}: {free} units would not be sold; {} on hold stay good \
         until they expire. Nothing was done",
        rfc3339(sale.window.ends_at()),
        tally.held
    )?;
    Ok(())
}

fn change(terms: &ChangeOptions) -> Result<Change, ChangeError> {
    let &ChangeOptions { starts_at, ends_at, stock, limit, hold } = terms;
    let hold_ms = hold.map(|hold| i64::try_from(hold.as_millis()).unwrap_or(i64::MAX));
    Change::new(Changed { starts_at, ends_at, stock, per_user_limit: limit, hold_ms })
}

/// Has an order carried out, and shows the sale as it is then.
async fn act_by(
    acting: &Acting,
    Registers { sales: register, .. }: &Registers,
    action: Action,
    actor: &ActorOptions,
    if_at: Option<i64>,
) -> Result<(), SalesError> {
    let order = Order { if_at, ..order_of(action, actor)? };
    let (answer, is_late) = act_until_in_effect(acting, &order).await;
    let record = print_answer(&order, answer, actor)?;
    if let Some(sale) = record.sale
        && !actor.json
        && let Some(Listed { sale, seen_at }) = register.find(sale).await?
    {
        let tally = register.tally(sale.id).await?;
        writeln!(output(), "{HEADING}\n{}", line(&sale, tally, seen_at))?;
    }
    if is_late { Err(OrderError::NotYet.into()) } else { Ok(()) }
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
