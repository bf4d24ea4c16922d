//! The disk of a ledger in a directory.

use std::sync::{Mutex, PoisonError};

use prometheus::{IntGaugeVec, Registry};

use crate::figures::{FIGURES, gauges};

/// How much there is of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskFigures {
    /// What whoever asks may still write.
    pub available: u64,
    /// All of it.
    pub size: u64,
}

/// Looks at the disk.
type Look = Box<dyn Fn() -> Option<DiskFigures> + Send>;

static DISK: Mutex<Option<Look>> = Mutex::new(None);

/// The families of it, without labels: what is not known is not shown.
pub(crate) struct Disk {
    available: IntGaugeVec,
    size: IntGaugeVec,
}

impl Disk {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            available: gauges(
                registry,
                "flashsale_ledger_disk_available_bytes",
                "Bytes that can still be written to the disk of the ledger",
                &[],
            ),
            size: gauges(
                registry,
                "flashsale_ledger_disk_size_bytes",
                "Bytes of the disk of the ledger",
                &[],
            ),
        }
    }
}

/// From now on whoever watches is shown the disk of the ledger: as it is when they look.
pub fn watch_disk(look: impl Fn() -> Option<DiskFigures> + Send + 'static) {
    *DISK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(look));
}

pub(crate) fn look_at_disk() {
    let disk = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(look) = &*disk else { return };
    let (found, shown) = (look(), &FIGURES.disk);
    show(&shown.available, found.map(|it| it.available));
    show(&shown.size, found.map(|it| it.size));
}

fn show(gauge: &IntGaugeVec, bytes: Option<u64>) {
    match bytes {
        Some(bytes) => {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            gauge.with_label_values::<&str>(&[]).set(bytes);
        }
        None => gauge.reset(),
    }
}
