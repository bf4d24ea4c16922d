//! What an operator can look up and take out.

use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use domain::{
    Code, SaleId, Unit, UserId,
    ports::{Cursor, PageAsked},
};

/// What to do with users.
#[derive(Subcommand, Clone)]
pub(crate) enum UsersCommand {
    /// Show what a user has on hold and has bought, in all sales, the newest first
    Show {
        /// The user; after `--` if the name begins with a dash
        user: UserId,
        /// Only of this sale
        #[arg(long)]
        sale: Option<SaleId>,
        /// Show all that the user asked for instead, granted or refused, the last first; every attempt
        /// in the ledger is read for it
        #[arg(long)]
        attempts: bool,
        #[command(flatten)]
        page: PageOptions,
        #[command(flatten)]
        print: PrintOptions,
    },
}

/// What to do with codes.
#[derive(Subcommand, Clone)]
pub(crate) enum CodesCommand {
    /// Show all that is recorded of a code
    Show {
        /// The code
        code: Code,
        #[command(flatten)]
        print: PrintOptions,
    },
}

/// What to do with units.
#[derive(Subcommand, Clone)]
pub(crate) enum UnitsCommand {
    /// Show who had a unit on hold, the first one first, and what became of each hold
    Show {
        /// The sale
        sale: SaleId,
        /// The unit
        unit: Unit,
        #[command(flatten)]
        page: PageOptions,
        #[command(flatten)]
        print: PrintOptions,
    },
}

/// Which part of a list.
#[derive(Args, Clone)]
pub(crate) struct PageOptions {
    /// How many rows at the most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(PageAsked::LIMIT_MAX)))]
    limit: u32,
    /// Where to go on, as the page before said
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,
}

impl PageOptions {
    pub(crate) const fn asked(&self) -> PageAsked {
        PageAsked { after: self.after, limit: self.limit }
    }
}

/// How to print what was found.
#[derive(Args, Clone)]
pub(crate) struct PrintOptions {
    /// Print one JSON document; names stay, more may come
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to take out, and how.
#[derive(Args, Clone)]
pub(crate) struct ExportOptions {
    /// What
    pub(crate) what: Exported,
    /// Of which sale
    #[arg(long)]
    pub(crate) sale: SaleId,
    /// How the rows are written
    #[arg(long, default_value = "csv")]
    pub(crate) format: ExportFormat,
    /// Where to go on, as the export before said on the standard error output. No header line is
    /// written then
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<ExportCursor>,
}

/// What can be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Exported {
    /// Every attempt at the sale, granted or refused
    Attempts,
    /// Every purchase
    Purchases,
}

impl Exported {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Purchases => "purchases",
        }
    }
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// RFC 4180, in UTF-8, with a header line; a cell that a spreadsheet could take for a formula, or
    /// that begins with ', has a ' before it
    Csv,
    /// A JSON object a line
    Ndjson,
}

/// Where an export goes on, and which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExportCursor {
    pub(crate) what: Exported,
    pub(crate) sale: SaleId,
    pub(crate) cursor: Cursor,
}

impl std::fmt::Display for ExportCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.what.name(), self.sale, self.cursor)
    }
}

impl FromStr for ExportCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (what, rest) = text.split_once('.')?;
            let (sale, cursor) = rest.split_once('.')?;
            let what = [Exported::Attempts, Exported::Purchases]
                .into_iter()
                .find(|it| it.name() == what)?;
            Some(Self { what, sale: sale.parse().ok()?, cursor: cursor.parse().ok()? })
        };
        read().ok_or("is no cursor of an export: it must be one that was printed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_an_export_is_read_back_and_nothing_else_is() {
        for text in ["attempts.7.m1764188400123456.2", "purchases.1099511627775.r5.1"] {
            let cursor = text.parse::<ExportCursor>().map_err(str::to_owned).unwrap();
            assert_eq!(cursor.to_string(), text);
        }
        for wrong in
            ["", "attempts", "attempts.7", "holds.7.m1.1", "attempts.0.m1.1", "attempts.7.m1"]
        {
            assert!(wrong.parse::<ExportCursor>().is_err(), "{wrong:?}");
        }
    }
}
