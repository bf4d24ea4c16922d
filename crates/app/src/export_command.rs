//! `flashsale export`: all attempts or purchases of a sale, however many, for other programs.
//!
//! What is on the standard output when the command ends is whole rows, and the standard error output
//! says how many, and where to go on.

mod out;

use std::{io, process::ExitCode};

use domain::{SaleId, StoreError, ports::ExportAsked};
use http_api::{AttemptRecord, PurchaseRecord};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use self::out::Out;
use crate::{
    compose::{self, ComposeError, Inspected},
    config::{Config, ExportCursor, ExportOptions, Exported},
};

/// What the process ends with when it was told to stop, as shells have it.
const INTERRUPTED: u8 = 130;

/// Why not all was taken out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("there is no sale {0}; `flashsale sales list` shows which there are")]
    NoSuchSale(SaleId),
    #[error("--after is where an export of {} of sale {} goes on", .0.what.name(), .0.sale)]
    OtherExport(ExportCursor),
    #[error("there is nothing to write to")]
    NoOutput(#[source] io::Error),
    #[error("cannot write; what is written ends with the last of these rows")]
    Write(#[source] io::Error),
    #[error("cannot write; something was written after these rows, and the last line may be cut")]
    WriteInPart(#[source] io::Error),
    #[error("whoever read has closed the pipe; nobody knows how many rows they have")]
    ReaderGone,
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
}

/// Writes the rows, and says where to go on.
pub(crate) async fn run(options: &ExportOptions, config: &Config) -> Result<ExitCode, ExportError> {
    let &ExportOptions { what, sale, format, after } = options;
    if let Some(after) = after
        && (after.what, after.sale) != (what, sale)
    {
        return Err(ExportError::OtherExport(after));
    }
    let Inspected { register, exports, .. } =
        compose::inspected_giving_way(config, give_way).await?;
    if register.find(sale).await?.is_none() {
        return Err(ExportError::NoSuchSale(sale));
    }
    let interrupted = interrupted().map_err(ExportError::Signals)?;
    let after = after.map(|after| after.cursor);
    let asked = ExportAsked { sale, after };
    let cursor = |cursor| ExportCursor { what, sale, cursor };
    match what {
        Exported::Attempts => {
            let mut out = Out::<AttemptRecord>::new(format, after)?;
            let ended = unless(interrupted, exports.attempts(asked, &mut out)).await;
            out.end(ended, cursor)
        }
        Exported::Purchases => {
            let mut out = Out::<PurchaseRecord>::new(format, after)?;
            let ended = unless(interrupted, exports.purchases(asked, &mut out)).await;
            out.end(ended, cursor)
        }
    }
}

/// Leaves most of a core to whoever sells on this machine, and not all: an export that comes to no end
/// on a busy machine keeps a snapshot. It is for this thread, and those that it begins.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        const LATER: i32 = 10;
        // Where it cannot be had, the export is made all the same.
        let _ = rustix::process::nice(LATER);
    }
}

/// What came of an export, or nothing if the process was told to stop before. Between two awaits rows
/// are written as a whole, or not at all.
async fn unless(
    interrupted: oneshot::Receiver<()>,
    export: impl Future<Output = Result<(), StoreError>>,
) -> Option<Result<(), StoreError>> {
    tokio::select! {
        biased;
        Ok(()) = interrupted => None,
        ended = export => Some(ended),
    }
}

/// Listens for signals: on the first the export ends after the rows that are being written, and on the
/// second, such as while nobody reads, the process does.
fn interrupted() -> io::Result<oneshot::Receiver<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        // Whoever listened may have come to an end.
        let _ = tell.send(());
        next().await;
        std::process::exit(INTERRUPTED.into());
    });
    Ok(told)
}
