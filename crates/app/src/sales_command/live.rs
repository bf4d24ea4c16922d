//! What commands do with the live store of the service that runs.

use std::{sync::Arc, time::Duration};

use domain::{
    Sale, SaleId, StoreError,
    ports::{AuditedLive, Clock, RaiseReply, SaleRegister, SaleStore},
    upkeep::{LOAD_AHEAD_MS, Rebuild},
};
use memory_stores::RemoteLive;
use sqlite_ledger::DataDir;

use super::SalesError;
use crate::{
    compose,
    config::{Config, Place},
    environment::TokioClock,
};

/// How long a command waits until the service goes by what it said.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How long between two looks.
const LOOK_AGAIN_MS: u64 = 50;

/// Returns when nothing is granted any more under what the ledger said of the sale before: once its
/// epoch is above the one at which this was said, what was granted before is not recorded, and
/// what is granted after goes by a snapshot that was read after.
pub(super) async fn take_effect(
    register: &dyn SaleRegister,
    config: &Config,
    sale: &Sale,
) -> Result<(), SalesError> {
    if sale.window.starts_at() > register.now().await? + LOAD_AHEAD_MS {
        return Ok(());
    }
    match config.ledger_place().map_err(compose::ComposeError::from)? {
        Place::Servers { redis, .. } => {
            if redis.is_some()
                && let Ok(rebuild) = rebuild(config)
                && rebuild.restore(sale.id, Some(sale.epoch)).await.is_ok()
            {
                return Ok(());
            }
            // Without Redis the ledger alone can do it, and the service hears of it soon.
            until(async || match register.raise_epoch(sale.id, None).await {
                Ok(RaiseReply::Raised(_) | RaiseReply::Closed) => Ok(true),
                Ok(RaiseReply::TooSoon | RaiseReply::Behind { .. }) => {
                    is_past(register, sale).await
                }
                Err(error) => Err(error),
            })
            .await
        }
        Place::Embedded { data_dir } => {
            let live = RemoteLive::at(DataDir::at(data_dir.to_owned()).live_socket());
            until(async || {
                Ok(is_past(register, sale).await? || live.snapshot(sale.id).await?.is_none())
            })
            .await
        }
    }
}

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

async fn is_past(register: &dyn SaleRegister, sale: &Sale) -> Result<bool, StoreError> {
    let listed = register.find(sale.id).await?;
    Ok(listed.is_none_or(|listed| listed.sale.epoch > sale.epoch))
}

/// Looks again and again until it is so.
async fn until(mut look: impl AsyncFnMut() -> Result<bool, StoreError>) -> Result<(), SalesError> {
    let mut last = None;
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            match look().await {
                Ok(true) => return,
                Ok(false) => last = None,
                Err(error) => last = Some(error),
            }
            TokioClock.wait(LOOK_AGAIN_MS).await;
        }
    });
    waited.await.map_err(|_| SalesError::NotYet(last))
}
