//! `flashsale users`, `codes` and `units`: what an operator looks up.

mod print;

use std::io;

use domain::{
    SaleId, StoreError,
    ports::{SaleRegister, UnitOfSale, UserOfSales},
};

use crate::{
    compose::{self, ComposeError, Inspected},
    config::{CodesCommand, Config, UnitsCommand, UsersCommand},
};

/// Why nothing was shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InspectError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("there is no sale {0}; `flashsale sales list` shows which there are")]
    NoSuchSale(SaleId),
    #[error("nothing is recorded of this code: it was given to nobody")]
    NoSuchCode,
    #[error("sale {sale} has {stock} units, numbered from 1")]
    NoSuchUnit { sale: SaleId, stock: u32 },
    #[error("cannot print")]
    Print(#[from] io::Error),
}

/// Shows what a user has, or asked for.
pub(crate) async fn users(command: UsersCommand, config: &Config) -> Result<(), InspectError> {
    let UsersCommand::Show { user, sale, attempts, page, print } = command;
    let Inspected { register, inspections, .. } = compose::inspected(config).await?;
    if let Some(sale) = sale {
        check_sale(&*register, sale).await?;
    }
    let of = UserOfSales { user, sale };
    if attempts {
        let page = inspections.attempts(of.clone(), page.asked()).await?;
        print::attempts_of_user(&of, &page, print.json)?;
    } else {
        let page = inspections.units(of.clone(), page.asked()).await?;
        print::units_of_user(&of, &page, print.json)?;
    }
    Ok(())
}

/// Shows the life of a code.
pub(crate) async fn codes(command: CodesCommand, config: &Config) -> Result<(), InspectError> {
    let CodesCommand::Show { code, print } = command;
    let Inspected { inspections, .. } = compose::inspected(config).await?;
    let rows = inspections.code(code).await?.ok_or(InspectError::NoSuchCode)?;
    Ok(print::code(&rows, print.json)?)
}

/// Shows who had a unit.
pub(crate) async fn units(command: UnitsCommand, config: &Config) -> Result<(), InspectError> {
    let UnitsCommand::Show { sale, unit, page, print } = command;
    let Inspected { register, inspections, .. } = compose::inspected(config).await?;
    let stock = check_sale(&*register, sale).await?;
    let (of, asked) = (UnitOfSale { sale, unit }, page.asked());
    let page = inspections.holders(of, asked).await?;
    // What was tried while the stock was larger is shown whatever it is now.
    if unit.get() > stock && page.rows.is_empty() && asked.after.is_none() {
        return Err(InspectError::NoSuchUnit { sale, stock });
    }
    Ok(print::holders(of, &page, print.json)?)
}

/// How many units a sale has, which must be there.
async fn check_sale(register: &dyn SaleRegister, sale: SaleId) -> Result<u32, InspectError> {
    let found = register.find(sale).await?.ok_or(InspectError::NoSuchSale(sale))?;
    Ok(found.sale.terms.stock())
}
