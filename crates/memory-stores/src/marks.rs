//! Which of a user's slots are taken.

/// A mark a slot, up to the last that is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks(Vec<Mark>);

/// What a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Free,
    Held,
    Bought,
}

impl Marks {
    /// The lowest slot that is free.
    pub(crate) fn lowest_free(&self) -> usize {
        self.0.iter().position(|&mark| mark == Mark::Free).unwrap_or(self.0.len())
    }

    pub(crate) fn set(&mut self, slot: usize, mark: Mark) {
        if slot >= self.0.len() {
            self.0.resize(slot + 1, Mark::Free);
        }
        self.0[slot] = mark;
        let taken = self.0.iter().rposition(|&mark| mark != Mark::Free).map_or(0, |last| last + 1);
        self.0.truncate(taken);
    }

    pub(crate) fn count(&self, wanted: Mark) -> u16 {
        let count = self.0.iter().filter(|&&mark| mark == wanted).count();
        u16::try_from(count).unwrap_or(u16::MAX)
    }

    /// Whether no slot is taken.
    pub(crate) fn are_free(&self) -> bool {
        self.0.is_empty()
    }

    /// The marks as an audit reads them: `h` held, `b` bought, `.` free.
    pub(crate) fn letters(&self) -> String {
        let letter = |mark: &Mark| match mark {
            Mark::Free => '.',
            Mark::Held => 'h',
            Mark::Bought => 'b',
        };
        self.0.iter().map(letter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_slot_that_is_free_comes_first_and_free_ones_at_the_end_are_not_kept() {
        let mut marks = Marks::default();
        assert_eq!(marks.lowest_free(), 0);
        for slot in 0..3 {
            marks.set(slot, Mark::Held);
        }
        marks.set(1, Mark::Free);
        assert_eq!((marks.lowest_free(), marks.letters().as_str()), (1, "h.h"));
        marks.set(0, Mark::Bought);
        marks.set(2, Mark::Free);
        assert_eq!((marks.lowest_free(), marks.letters().as_str()), (1, "b"));
        assert_eq!((marks.count(Mark::Bought), marks.count(Mark::Held)), (1, 0));
        marks.set(0, Mark::Free);
        assert!(marks.are_free());
    }
}
