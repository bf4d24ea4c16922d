//! `flashsale import`: takes the ledger of a directory along to Postgres.
//!
//! All of it or nothing, from a ledger that nobody writes to, into one that is empty; both are
//! audited.

use std::{io, io::Write, path::PathBuf};

use domain::{
    Failure, StoreError, UnixMillis,
    audit::{Findings, Invariant},
    ports::AuditedLedger,
};
use postgres_ledger::{Import, MigrateError, PostgresLedger};
use sqlite_ledger::{Copies, DataDir, Database, OpenError, ServiceError, SqliteError, Tables};

use crate::{
    compose::{self, ComposeError},
    config::{Config, ImportOptions, Place},
    environment::wall_clock,
    output::output,
};

/// Rows that go over in one statement.
const ROWS_AT_ONCE: usize = 5_000;

/// Pictures that go over at a time, of half a MiB at the most.
const IMAGES_AT_ONCE: usize = 16;

/// How many rows go by between two lines of progress.
const PROGRESS_EVERY: u64 = 500_000;

/// Why nothing was taken along.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error(
        "DATABASE_URL is not set: the empty Postgres database that the ledger is to go to, such as \
         postgres://user@host/flashsale"
    )]
    NoTarget,
    #[error("there is no ledger in {0}, which --from names")]
    NoSource(PathBuf),
    #[error(transparent)]
    Source(OpenError),
    #[error("stop the service first: what it sells meanwhile would be left behind")]
    InService(#[source] ServiceError),
    #[error("the ledger in {0} cannot be read")]
    Unreadable(PathBuf, #[source] SqliteError),
    #[error("the schema could not be brought up to date")]
    Migrate(#[from] MigrateError),
    #[error("nothing was written")]
    Target(#[source] StoreError),
    #[error(
        "all was written, but it is not certain to stay: if DATABASE_URL has a synchronous standby, bring \
         it back, and do not cancel or end the session that waits for it; then import again, which is \
         refused if all is there"
    )]
    NotCertain(#[source] StoreError),
    #[error(
        "{ledger} breaks what is promised: {} ({breaches} times), first: {row}; {so}",
        .invariant.name()
    )]
    Broken {
        ledger: &'static str,
        invariant: Invariant,
        breaches: u64,
        row: String,
        so: &'static str,
    },
    #[error("cannot print")]
    Print(#[from] io::Error),
}

/// What went over.
#[derive(Default)]
struct Counts {
    sales: usize,
    attempts: u64,
    purchases: u64,
}

/// Takes the ledger along, and says how much it was.
pub(crate) async fn run(options: &ImportOptions, config: &Config) -> Result<(), ImportError> {
    let Place::Servers { database, .. } = config.ledger_place().map_err(ComposeError::from)? else {
        return Err(ImportError::NoTarget);
    };
    let dir = DataDir::at(options.from.clone());
    // A directory without a ledger shall not become one that has been in service.
    let mut source = Database::open_existing(&dir).map_err(|error| match error {
        OpenError::Missing { .. } => ImportError::NoSource(options.from.clone()),
        error => ImportError::Source(error),
    })?;
    let _ours_alone = dir.serve().map_err(ImportError::InService)?;
    let target = compose::postgres(database, config)?;
    target.migrate().await?;

    tracing::info!("checking the ledger in {}", options.from.display());
    let mut findings = Findings::default();
    read(&mut source, options, |tables| tables.check(None, &mut findings))?;
    ensure("the ledger in the directory", &findings, "nothing was written")?;
    let counts = copy(&mut source, options, &target).await?;
    tracing::info!("checking the ledger in Postgres");
    let mut findings = Findings::default();
    target.audit(None, &mut findings).await.map_err(ImportError::Target)?;
    ensure("the ledger in Postgres", &findings, "do not serve from it")?;

    let Counts { sales, attempts, purchases } = counts;
    writeln!(
        output(),
        "taken along: {sales} sales, {attempts} attempts, {purchases} purchases. Both ledgers keep what \
         is promised. Now serve with DATABASE_URL and, in REDIS_URL, an empty Redis; {} is as it was",
        options.from.display()
    )?;
    Ok(())
}

async fn copy(
    source: &mut Database,
    options: &ImportOptions,
    target: &PostgresLedger,
) -> Result<Counts, ImportError> {
    let mut connection = target.connect_to_import().await.map_err(ImportError::Target)?;
    let import: Import<'_> = connection.begin().await.map_err(ImportError::Target)?;
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general enough"
    )]
    let sales = read(source, options, |tables| tables.copy_sales())?;
    copy_products(source, options, &import).await?;
    import.sales(&sales).await.map_err(ImportError::Target)?;
    let mut counts = Counts { sales: sales.len(), ..Counts::default() };
    let mut last = 0;
    loop {
        let next = |tables: &Tables<'_>| tables.copy_attempts(last, ROWS_AT_ONCE);
        let Copies { rows, last: reached } = read(source, options, next)?;
        if rows.is_empty() {
            break;
        }
        import.attempts(&rows).await.map_err(ImportError::Target)?;
        counts.attempts += rows.len() as u64;
        last = reached;
        if counts.attempts.is_multiple_of(PROGRESS_EVERY) {
            tracing::info!("{} attempts have gone over", counts.attempts);
        }
    }
    let mut last = 0;
    loop {
        let next = |tables: &Tables<'_>| tables.copy_purchases(last, ROWS_AT_ONCE);
        let Copies { rows, last: reached } = read(source, options, next)?;
        if rows.is_empty() {
            break;
        }
        import.purchases(&rows).await.map_err(ImportError::Target)?;
        counts.purchases += rows.len() as u64;
        last = reached;
    }
    import.finish().await.map_err(|error| match error.failure() {
        Failure::Unknown => ImportError::NotCertain(error),
        _ => ImportError::Target(error),
    })?;
    Ok(counts)
}

/// Takes the products along that the sales are of, and their pictures before them.
async fn copy_products(
    source: &mut Database,
    options: &ImportOptions,
    import: &Import<'_>,
) -> Result<(), ImportError> {
    let mut last = 0;
    loop {
        let next = |tables: &Tables<'_>| tables.copy_images(last, IMAGES_AT_ONCE);
        let Copies { rows, last: reached } = read(source, options, next)?;
        if rows.is_empty() {
            break;
        }
        import.images(&rows).await.map_err(ImportError::Target)?;
        last = reached;
    }
    let products = |tables: &Tables<'_>| Ok((tables.copy_products()?, tables.copy_versions()?));
    let (products, versions) = read(source, options, products)?;
    import.products(&products, &versions).await.map_err(ImportError::Target)
}

fn read<T>(
    source: &mut Database,
    options: &ImportOptions,
    read: impl FnOnce(&Tables<'_>) -> Result<T, SqliteError>,
) -> Result<T, ImportError> {
    let now: UnixMillis = wall_clock();
    source.read(now, read).map_err(|error| ImportError::Unreadable(options.from.clone(), error))
}

/// That nothing is wrong with a ledger, by its own audit.
fn ensure(ledger: &'static str, findings: &Findings, so: &'static str) -> Result<(), ImportError> {
    for invariant in Invariant::ALL {
        if let Some(breaches) = findings.of(invariant)
            && breaches.count() > 0
        {
            let row = breaches.rows().first().cloned().unwrap_or_default();
            let breaches = breaches.count();
            return Err(ImportError::Broken { ledger, invariant, breaches, row, so });
        }
    }
    Ok(())
}
