//! What there is of a disk.

use std::path::Path;

use telemetry::DiskFigures;

/// The disk that a path is on, if anybody can say.
pub(crate) fn of(path: &Path) -> Option<DiskFigures> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(DiskFigures {
        available: disk.f_bavail.saturating_mul(disk.f_frsize),
        size: disk.f_blocks.saturating_mul(disk.f_frsize),
    })
}
