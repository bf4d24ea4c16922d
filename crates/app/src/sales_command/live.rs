//! What commands do with the live store of the service that runs.

use std::sync::Arc;

use domain::{
    SaleId,
    ports::{SaleRegister, SaleStore},
    upkeep::Rebuild,
};

use super::SalesError;
use crate::{
    compose,
    config::{Config, Place},
    environment::TokioClock,
};

/// Serves the sale as its restored ledger has it. Says whether there was anything to accept.
pub(super) async fn accept_restore(config: &Config, sale: SaleId) -> Result<bool, SalesError> {
    Ok(rebuild(config)?.accept(sale).await?.is_some())
}

/// Has the live store forget all sales, so that any version may load them. Says how many.
pub(super) async fn hand_over(
    register: &dyn SaleRegister,
    config: &Config,
) -> Result<usize, SalesError> {
    let live = live(config)?;
    let calendar = register.calendar().await?;
    for sale in &calendar.sales {
        live.forget(sale.id).await?;
    }
    Ok(calendar.sales.len())
}

fn rebuild(config: &Config) -> Result<Arc<Rebuild>, SalesError> {
    let (ledger, live) = servers(config)?;
    Ok(Arc::new(Rebuild::new(ledger, live, Arc::new(TokioClock))))
}

fn live(config: &Config) -> Result<Arc<dyn SaleStore>, SalesError> {
    servers(config).map(|(_, live)| live)
}

/// The ledger and the live store of a service on servers.
type Servers = (Arc<dyn SaleRegister>, Arc<dyn SaleStore>);

fn servers(config: &Config) -> Result<Servers, SalesError> {
    match config.place().map_err(compose::ComposeError::from)? {
        Place::Servers { database, redis } => {
            let ledger = compose::postgres(database, config)?;
            let live = compose::redis(redis, &ledger, config)?;
            Ok((ledger, live))
        }
        Place::Embedded { .. } => Err(SalesError::Embedded),
    }
}
