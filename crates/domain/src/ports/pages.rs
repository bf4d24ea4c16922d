//! Long lists, a page at a time.

use std::{fmt, str::FromStr};

/// Where a list goes on.
///
/// What a list is in the order of may come more than once, as a moment may: so a cursor says too how
/// many rows with that are past already. Among those the order is settled by what else is in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// What the list is in the order of.
    pub by: By,
    /// What the last row that is past has of it.
    pub at: i64,
    /// How many rows with that are past.
    pub nth: u32,
}

/// What a list is in the order of. A ledger refuses a cursor of another order than it has: it is of another
/// list, or of the ledger that this one was taken along from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// When rows were recorded, in microseconds since the Unix epoch.
    Moment,
    /// The numbers of rows.
    Row,
    /// The numbers of sales.
    Sale,
}

impl By {
    const ALL: [Self; 3] = [Self::Moment, Self::Row, Self::Sale];

    const fn letter(self) -> char {
        match self {
            Self::Moment => 'm',
            Self::Row => 'r',
            Self::Sale => 's',
        }
    }
}

/// What a ledger says of a cursor of another order than its list has.
pub const OTHER_LIST: &str = "the cursor is of another list, or of another ledger";

/// Why a text is not a [`Cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no cursor: it must be one that was printed")]
pub struct ParseCursorError;

impl Cursor {
    /// The cursor after one more row, which has `at` of what the list is in the order of.
    #[must_use]
    pub const fn past(before: Option<Self>, by: By, at: i64) -> Self {
        match before {
            Some(Self { at: last, nth, .. }) if last == at => {
                Self { by, at, nth: nth.saturating_add(1) }
            }
            _ => Self { by, at, nth: 1 },
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, at, nth } = self;
        write!(f, "{}{at}.{nth}", by.letter())
    }
}

impl FromStr for Cursor {
    type Err = ParseCursorError;

    /// Reads the one spelling `Display` writes.
    fn from_str(text: &str) -> Result<Self, ParseCursorError> {
        let read = || {
            let by = By::ALL.into_iter().find(|by| text.starts_with(by.letter()))?;
            let (at, nth) = text.get(1..)?.split_once('.')?;
            Some(Self { by, at: at.parse().ok()?, nth: nth.parse().ok()? })
        };
        read().filter(|cursor| cursor.to_string() == text).ok_or(ParseCursorError)
    }
}

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageAsked {
    /// Where it begins; at the list's own beginning without.
    pub after: Option<Cursor>,
    /// How many rows it has at the most.
    pub limit: u32,
}

impl PageAsked {
    /// The most rows of a page.
    pub const LIMIT_MAX: u32 = 1_000;

    /// How many rows to read: one more than are shown says that there are more.
    #[must_use]
    pub fn rows_to_read(&self) -> u32 {
        self.limit.min(Self::LIMIT_MAX).saturating_add(1)
    }
}

/// Some rows of a list, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The page that was asked for, of rows that were read for it, each with what the list is in the
    /// order of.
    #[must_use]
    pub fn of(read: Vec<(i64, T)>, asked: PageAsked, by: By) -> Self {
        let shown = asked.limit.min(PageAsked::LIMIT_MAX) as usize;
        let has_more = read.len() > shown;
        let mut next = asked.after;
        let mut rows = Vec::with_capacity(read.len().min(shown));
        for (at, row) in read.into_iter().take(shown) {
            next = Some(Cursor::past(next, by, at));
            rows.push(row);
        }
        Self { rows, next: next.filter(|_| has_more) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ats: &[i64], asked: PageAsked) -> Page<i64> {
        Page::of(ats.iter().map(|&at| (at, at)).collect(), asked, By::Moment)
    }

    #[test]
    fn a_cursor_counts_the_rows_that_are_past_of_what_comes_more_than_once() {
        let asked = PageAsked { after: None, limit: 3 };

        let first = page(&[1, 2, 2, 2], asked);
        let second = page(&[2, 2, 3], PageAsked { after: first.next, limit: 2 });

        assert_eq!(first.rows, [1, 2, 2]);
        assert_eq!(first.next, Some(Cursor { by: By::Moment, at: 2, nth: 2 }));
        assert_eq!(second.next, Some(Cursor { by: By::Moment, at: 2, nth: 4 }));
    }

    #[test]
    fn there_is_no_page_after_the_last() {
        for read in [&[][..], &[1][..], &[1, 2][..]] {
            assert_eq!(page(read, PageAsked { after: None, limit: 2 }).next, None);
        }
    }

    #[test]
    fn a_cursor_is_read_back_from_its_one_spelling() {
        for cursor in [
            Cursor { by: By::Moment, at: -5, nth: 1 },
            Cursor { by: By::Row, at: i64::MAX, nth: u32::MAX },
            Cursor { by: By::Sale, at: 7, nth: 0 },
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for wrong in ["", "m", "m1", "x1.2", "m1.2.3", "m+1.2", "m01.2", "m1.-2", " m1.2", "é1.2"]
        {
            assert_eq!(wrong.parse::<Cursor>(), Err(ParseCursorError), "{wrong:?}");
        }
    }
}
