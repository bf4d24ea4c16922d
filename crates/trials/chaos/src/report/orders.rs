//! How operators fared.

use std::fmt;

use crate::orders::{Order, Told};

/// What became of all orders.
#[derive(Debug, Default)]
pub(super) struct Orders {
    done: usize,
    /// Of those, not in effect when they were answered.
    late: usize,
    refused: usize,
    /// Answered by none of their tries.
    unknown: usize,
    /// Tries without an answer, of all.
    lost: usize,
    /// Given once more after their answer.
    again: usize,
}

impl Orders {
    pub(super) fn add(&mut self, orders: &[Order]) {
        for order in orders {
            match order.told {
                Told::Done { in_effect, .. } => {
                    self.done += 1;
                    self.late += usize::from(!in_effect);
                }
                Told::Refused { .. } => self.refused += 1,
                Told::Unknown(_) | Told::Wrong(_) => self.unknown += 1,
            }
            self.lost += order.tries.saturating_sub(usize::from(!order.told.is_unknown()));
            self.again += usize::from(order.again.is_some());
        }
    }
}

impl fmt::Display for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, late, refused, unknown, lost, again } = self;
        write!(
            f,
            "operators: {done} orders carried out ({late} not in effect when they were answered), \
             {refused} refused, {unknown} never answered; {lost} tries without an answer, {again} given \
             again after theirs"
        )
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::orders::What;

    #[test]
    fn every_try_without_an_answer_is_counted() {
        let order = |tries, told| {
            let (id, what) = (Uuid::nil(), What::Pause);
            Order { id, what, sent_ms: 0, answered_ms: 0, tries, told, again: None }
        };
        let done = Told::Done { number: 1, sale: 1, in_effect: false, is_replayed: true };
        let mut orders = Orders::default();

        orders.add(&[order(3, done), order(2, Told::Unknown("reset".to_owned()))]);

        assert_eq!((orders.done, orders.late, orders.unknown, orders.lost), (1, 1, 1, 4));
    }
}
