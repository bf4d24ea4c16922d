//! `flashsale actions`, `flashsale holds` and `flashsale purchases`: the trail of what operators did, holds that they
//! give back, and purchases that they cancel.

use std::io::{self, Write};

use domain::{
    SaleId,
    operator::{Acted, Action, ActionRecord, Changed, Order, Seen},
    product::Product,
};
use http_api::rfc3339;
use serde_json::json;

use crate::{
    compose::{self, Task},
    config::{ActionsCommand, ActorOptions, Config, HoldsCommand, PurchasesCommand},
    orders::{document, page, short},
    output::output,
    sales_command::{SalesError, act_until_in_effect, order_of, print_answer},
};

/// Shows the trail.
pub(crate) async fn run(command: ActionsCommand, config: &Config) -> Result<(), SalesError> {
    let ActionsCommand::List { sale, before, limit, json } = command;
    let trail = compose::trail(config, Task::Look).await?;
    let rows = trail.trail(page(sale, before, limit)).await?;
    if json {
        let rows: Vec<_> = rows.iter().map(document).collect();
        writeln!(output(), "{}", json!({ "actions": rows }))?;
        return Ok(());
    }
    print(&rows)?;
    Ok(())
}

/// Gives holds back.
pub(crate) async fn run_holds(command: HoldsCommand, config: &Config) -> Result<(), SalesError> {
    let HoldsCommand::Release { code, actor } = command;
    let order = order_of(Action::ReleaseHold(code), &actor)?;
    let (acting, _) = compose::acting(config).await?;
    let answer = acting.act(&order).await;
    let record = print_answer(&order, answer, &actor)?;
    if let (Some(record), false) = (record, actor.json) {
        print(&[record])?;
    }
    Ok(())
}

/// Cancels purchases, and waits until their units are on sale again.
pub(crate) async fn run_purchases(
    command: PurchasesCommand,
    config: &Config,
) -> Result<(), SalesError> {
    let PurchasesCommand::Cancel { code, reason, actor } = command;
    let actor = ActorOptions { why: Some(reason), ..actor };
    let order = order_of(Action::CancelPurchase(code), &actor)?;
    let (acting, _) = compose::acting(config).await?;
    let (answer, is_late) = act_until_in_effect(&acting, &order).await;
    let record = print_answer(&order, answer, &actor)?;
    if let (Some(record), false) = (record, actor.json) {
        print(&[record])?;
    }
    if is_late { Err(SalesError::NotYet) } else { Ok(()) }
}

/// A table for people.
fn print(rows: &[ActionRecord]) -> io::Result<()> {
    let mut out = output();
    writeln!(
        out,
        "number  acted at                  operator          action                sale  what"
    )?;
    for row in rows {
        let Order { by, action, why, .. } = &row.order;
        let why = why.as_ref().map_or_else(String::new, |why| format!("  ({})", why.as_str()));
        writeln!(
            out,
            "{:>6}  {}  {:<16}  {:<18}  {:>6}  {}{why}",
            row.number,
            rfc3339(row.acted_at),
            by.as_str(),
            action.name(),
            row.sale.map_or_else(String::new, |sale: SaleId| sale.to_string()),
            what(row),
        )?;
    }
    Ok(())
}

/// What was done, or why it was not, in a line.
fn what(row: &ActionRecord) -> String {
    match (&row.outcome, &row.order.action) {
        (Acted::Refused(refused), _) => format!("refused: {refused}"),
        (Acted::Done(Seen::Hold(hold)), Action::ReleaseHold(code)) => {
            format!("unit {} of {}", hold.unit, short(code))
        }
        (Acted::Done(Seen::Purchase(purchase)), Action::CancelPurchase(code)) => {
            let back = if purchase.epoch.is_some() { "" } else { ", which is not sold again" };
            format!("unit {} of {}{back}", purchase.unit, short(code))
        }
        (Acted::Done(Seen::Sale(sale)), Action::ScheduleSale { product, .. }) => format!(
            "{} to {}, {} units, {} a user{}",
            rfc3339(sale.window.starts_at()),
            rfc3339(sale.window.ends_at()),
            sale.terms.stock(),
            sale.terms.per_user_limit(),
            product.map_or_else(String::new, |product| format!(", of product {product}"))
        ),
        (Acted::Done(_), Action::ChangeSale { change, .. }) => changes(change.changed()),
        (Acted::Done(Seen::Sale(sale)), Action::EndSale(_)) => {
            format!("at {}", rfc3339(sale.window.ends_at()))
        }
        (Acted::Done(Seen::Product(Product { version, .. })), _) => {
            format!(
                "product {}, version {}: {} {}",
                version.product, version.id, version.sku, version.name
            )
        }
        (Acted::Done(_), _) => String::new(),
    }
}

fn changes(changed: Changed) -> String {
    let Changed { starts_at, ends_at, stock, per_user_limit, hold_ms } = changed;
    let said = [
        starts_at.map(|at| format!("starts at {}", rfc3339(at))),
        ends_at.map(|at| format!("ends at {}", rfc3339(at))),
        stock.map(|stock| format!("{stock} units")),
        per_user_limit.map(|limit| format!("{limit} a user")),
        hold_ms.map(|ms| format!("held for {ms} ms")),
    ];
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
