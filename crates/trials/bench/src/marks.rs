//! The marks the service is held to, and what was measured against them.

/// What was measured so far.
#[derive(Default)]
pub(crate) struct Marks(Vec<Mark>);

struct Mark {
    what: String,
    found: f64,
    bound: Bound,
}

/// How good is good enough.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Marks {
    /// Notes a figure that must keep within a bound.
    pub(crate) fn note(&mut self, what: impl Into<String>, found: f64, bound: Bound) {
        self.0.push(Mark { what: what.into(), found, bound });
    }

    /// Prints a line a mark.
    pub(crate) fn print(&self) {
        if self.0.is_empty() {
            return;
        }
        println!("\nmarks");
        for mark in &self.0 {
            println!("  {}", mark.line());
        }
    }
}

impl Mark {
    fn line(&self) -> String {
        let Self { what, found, bound } = self;
        let (words, limit) = match bound {
            Bound::AtMost(limit) => ("at most", limit),
            Bound::AtLeast(limit) => ("at least", limit),
        };
        let remark = if bound.holds(*found) { "" } else { ": missed" };
        format!("{what:<60} {found:>7.2}  {words} {limit}{remark}")
    }
}

impl Bound {
    fn holds(self, found: f64) -> bool {
        match self {
            Self::AtMost(limit) => found <= limit,
            Self::AtLeast(limit) => found >= limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_good_enough_itself() {
        assert!(Bound::AtMost(64.0).holds(64.0) && !Bound::AtMost(64.0).holds(64.1));
        assert!(Bound::AtLeast(0.9).holds(0.9) && !Bound::AtLeast(0.9).holds(0.89));
    }

    #[test]
    fn a_missed_mark_says_so() {
        let line =
            |found| Mark { what: "memory".to_owned(), found, bound: Bound::AtMost(64.0) }.line();

        assert!(line(65.0).ends_with("65.00  at most 64: missed"), "{}", line(65.0));
        assert!(line(63.0).ends_with("63.00  at most 64"), "{}", line(63.0));
    }
}
