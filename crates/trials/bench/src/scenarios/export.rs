//! export: `flashsale export` of a sale with a million attempts, and with ten million.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use dev_servers::Stack;
use tokio::time::Instant;

use crate::{
    Bench,
    error::{BenchError, during},
    exported_sale::ExportedSale,
    processes,
    stores::Stores,
};

/// Millions of attempts at the sale, one after the other.
const MILLIONS: [u64; 2] = [1, 10];

/// After how many rows the memory is looked at.
const LOOK_EVERY: u64 = 1_000;

const MIB: f64 = 1_024.0 * 1_024.0;

/// What is exported, and how.
const WAYS: [(&str, &str); 4] =
    [("attempts", "csv"), ("attempts", "ndjson"), ("purchases", "csv"), ("purchases", "ndjson")];

/// One export.
pub(crate) struct Export {
    what: &'static str,
    format: &'static str,
    rows: u64,
    took_s: f64,
    file_mib: f64,
    /// The most memory that the command had.
    peak_mib: f64,
    /// What the server sorted in files, if there is one.
    sorted_mib: Option<f64>,
}

/// Something that is looked up in the large ledger.
struct Look {
    what: String,
    took_s: f64,
}

/// The same exports of a sale when it has few rows, and when it has many.
pub(crate) struct Exports {
    few: Vec<Export>,
    many: Vec<Export>,
    looks: Vec<Look>,
}

impl Exports {
    /// The most that an export of many rows takes beyond the same of few.
    pub(crate) fn growth_mib(&self) -> f64 {
        let pairs = self.few.iter().zip(&self.many);
        pairs.map(|(few, many)| many.peak_mib - few.peak_mib).fold(f64::MIN, f64::max)
    }

    /// The most that any of them takes.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.few.iter().chain(&self.many).map(|export| export.peak_mib).fold(0.0, f64::max)
    }

    /// What was measured, for people.
    pub(crate) fn list(&self, stack: Stack) -> String {
        let lines = self.few.iter().chain(&self.many).map(Export::line);
        let lines = lines.chain(self.looks.iter().map(Look::line));
        let heading = format!("export, {}", stack.name());
        std::iter::once(heading).chain(lines).collect::<Vec<_>>().join("\n")
    }
}

/// Fills the sale, and exports it in every way each time.
pub(crate) fn measure(bench: &Bench, stack: Stack) -> Result<Exports, BenchError> {
    let stores = Stores::make(&bench.databases, stack)?;
    let mut sale = ExportedSale::make(&stores)?;
    let [few, many]: [Result<Vec<_>, BenchError>; 2] = MILLIONS.map(|millions| {
        eprintln!("recording {millions} million attempts ...");
        sale.fill(&stores, millions)?;
        WAYS.iter().map(|&(what, format)| export(&stores, &sale, what, format)).collect()
    });
    Ok(Exports { few: few?, many: many?, looks: look_up(&stores, &sale)? })
}

/// What takes longest where there are many attempts.
fn look_up(stores: &Stores, sale: &ExportedSale) -> Result<Vec<Look>, BenchError> {
    let sale = sale.id.to_string();
    let of_user = ["users", "show", "buyer-7000000", "--attempts"];
    let looks = [&of_user[..3], &of_user[..], &["units", "show", &sale, "700000"][..]];
    let looks = looks.into_iter().map(|arguments| {
        let start = Instant::now();
        let shown = stores.service().run(arguments)?;
        let (took_s, what) = (start.elapsed().as_secs_f64(), arguments.join(" "));
        if shown.lines().count() != 2 {
            return Err(wrong(&format!("{what} shows {shown}")));
        }
        Ok(Look { what, took_s })
    });
    looks.collect()
}

fn export(
    stores: &Stores,
    sale: &ExportedSale,
    what: &'static str,
    format: &'static str,
) -> Result<Export, BenchError> {
    let arguments = ["export", what, "--sale", &sale.id.to_string(), "--format", format];
    let sorted = sorted_mib(stores)?;
    let start = Instant::now();
    let mut command = stores.service().command(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.map_err(during("start an export"))?;
    let rows = child.stdout.take().ok_or_else(|| wrong("an export has no output"))?;
    let mut rows = BufReader::with_capacity(1 << 16, rows);
    let (mut lines, mut bytes, mut peak_mib) = (0, 0, 0.0_f64);
    let mut line = Vec::new();
    while rows.read_until(b'\n', &mut line).map_err(during("read an export"))? > 0 {
        bytes += line.len();
        line.clear();
        if lines % LOOK_EVERY == 0 {
            // The most so far, as long as there is a process.
            peak_mib = peak_mib.max(processes::peak_memory_mib_of(child.id()).unwrap_or_default());
        }
        lines += 1;
    }
    let took_s = start.elapsed().as_secs_f64();
    let status = child.wait().map_err(during("wait for an export"))?;
    let rows = lines - u64::from(format == "csv");
    if !status.success() || rows != sale.rows(what) {
        return Err(wrong(&format!(
            "an export of {what} has {rows} rows, and ended with {status}"
        )));
    }
    #[expect(clippy::cast_precision_loss, reason = "a float has digits enough for a file's bytes")]
    let file_mib = bytes as f64 / MIB;
    let sorted_mib = sorted_mib(stores)?.zip(sorted).map(|(after, before)| after - before);
    Ok(Export { what, format, rows, took_s, file_mib, peak_mib, sorted_mib })
}

/// What the server has written into files because it had no room for it in memory.
fn sorted_mib(stores: &Stores) -> Result<Option<f64>, BenchError> {
    if stores.database().is_none() {
        return Ok(None);
    }
    let written = stores.number(
        "SELECT temp_bytes / 1048576 FROM pg_stat_database WHERE datname = current_database()",
    )?;
    #[expect(clippy::cast_precision_loss, reason = "a float has digits enough for a file's MiB")]
    Ok(Some(written as f64))
}

fn wrong(what: &str) -> BenchError {
    BenchError::Wrong(what.to_owned())
}

impl Export {
    fn line(&self) -> String {
        let Self { what, format, rows, took_s, file_mib, peak_mib, sorted_mib } = self;
        let sorted = sorted_mib.map(|mib| format!("  sorted in files {mib:.0} MiB"));
        format!(
            "  {rows:>10} {what:<9} {format:<6} {took_s:>7.1} s  {file_mib:>6.0} MiB  memory \
             {peak_mib:>6.1} MiB{}",
            sorted.unwrap_or_default()
        )
    }
}

impl Look {
    fn line(&self) -> String {
        format!("  {:<50} {:>6.2} s", self.what, self.took_s)
    }
}
