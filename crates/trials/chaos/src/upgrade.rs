//! Upgrades: processes of the version before the newest migration give way to those of this one,
//! while a sale is on and on a ledger that the older version made.

use clap::Parser;

use crate::{
    error::ChaosError,
    trial::Trial,
    variants::{FLASHSALE, VariantBuilder},
};

/// Let every deployment begin with the version before, and upgrade it in the middle of a sale.
///
/// On servers one process after the other is replaced, and the first migrates the ledger while the
/// others serve on; in a directory the one process ends and another takes its place. The next sale
/// meets the usual faults.
#[derive(Parser, Debug, Clone)]
pub(crate) struct Upgrade {
    /// The commit of the version before [default: the last one without the newest migration]
    #[arg(long, value_name = "COMMIT")]
    from: Option<String>,
}

impl Upgrade {
    /// Runs the trial; true if no promise was broken.
    pub(crate) fn run(&self, trial: &Trial) -> Result<bool, ChaosError> {
        let variants = VariantBuilder::in_dir(trial.dir())?;
        let commit = match &self.from {
            Some(commit) => variants.commit_of(commit)?,
            None => variants.commit_before_newest_migration()?,
        };
        eprintln!("building the service as it was at {commit} ...");
        let before = variants.build_of_commit(FLASHSALE, &commit)?;
        trial.of_upgrade(before).run()
    }
}
