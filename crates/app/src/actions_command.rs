//! `flashsale actions` and `flashsale holds`: the trail of what operators did, and holds that they give back.

use std::io::{self, Write};

use domain::{
    SaleId,
    operator::{Acted, Action, ActionRecord, Changed, Order, Seen},
    product::Product,
};
use http_api::{first_digits, rfc3339};
use serde_json::json;

use crate::{
    compose::{self, Task},
    config::{ActionsCommand, ActorOptions, Config, HoldsCommand},
    order_command::{OrderError, order_of, print_answer},
    orders::{document, page},
    output::output,
};

/// Shows the trail.
pub(crate) async fn run(command: ActionsCommand, config: &Config) -> Result<(), OrderError> {
    let ActionsCommand::List { sale, before, limit, json } = command;
    let trail = compose::trail(config, Task::Look).await?;
    let rows = trail.trail(page(sale, before, limit)).await?;
    if json {
        let rows: Vec<_> = rows.iter().map(document).collect();
        writeln!(output(), "{}", json!({ "actions": rows }))?;
        return Ok(());
    }
    print_heading()?;
    rows.iter().try_for_each(print_row)?;
    Ok(())
}

/// Gives holds back.
pub(crate) async fn run_holds(command: HoldsCommand, config: &Config) -> Result<(), OrderError> {
    let HoldsCommand::Release { code, actor } = command;
    let order = order_of(Action::ReleaseHold(code), &actor)?;
    let (acting, _) = compose::acting(config).await?;
    let answer = acting.act(&order).await;
    Ok(told(&print_answer(&order, answer, &actor)?, &actor)?)
}

/// Shows people what was done; programs have been told.
pub(crate) fn told(row: &ActionRecord, actor: &ActorOptions) -> io::Result<()> {
    if actor.json {
        return Ok(());
    }
    print_heading()?;
    print_row(row)
}

/// The heading of a table for people.
pub(crate) fn print_heading() -> io::Result<()> {
    writeln!(
        output(),
        "number  acted at                  operator          action                sale  what"
    )
}

/// A row of it.
pub(crate) fn print_row(row: &ActionRecord) -> io::Result<()> {
    let Order { by, action, why, .. } = &row.order;
    let why = why.as_ref().map_or_else(String::new, |why| format!("  ({})", why.as_str()));
    writeln!(
        output(),
        "{:>6}  {}  {:<16}  {:<18}  {:>6}  {}{why}",
        row.number,
        rfc3339(row.acted_at),
        by.as_str(),
        action.name(),
        row.sale.map_or_else(String::new, |sale: SaleId| sale.to_string()),
        what(row),
    )
}

/// What was done, or why it was not, in a line.
fn what(row: &ActionRecord) -> String {
    match (&row.outcome, &row.order.action) {
        (Acted::Refused(refused), _) => format!("refused: {refused}"),
        (Acted::Done(Seen::Hold(hold)), Action::ReleaseHold(code)) => {
            format!("unit {} of {}", hold.unit, first_digits(*code))
        }
        (Acted::Done(Seen::Purchase(purchase)), Action::CancelPurchase(code)) => {
            let back = if purchase.epoch.is_some() { "" } else { ", which is not sold again" };
            format!("unit {} of {}{back}", purchase.unit, first_digits(*code))
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
