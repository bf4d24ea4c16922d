//! Noticing that a sale is loaded again and again, because two live stores are served from one ledger.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use domain::SaleId;
use tokio::time::Instant;

/// How often a sale is loaded anew, and within how long, before it is said. A live store that is lost,
/// and all who notice, make two or three of it.
const LOADS: u32 = 6;
const WITHIN: Duration = Duration::from_secs(60);

/// The sales that were loaded anew of late.
#[derive(Default)]
pub(crate) struct Loads(Mutex<BTreeMap<SaleId, Spell>>);

/// How often a sale was loaded anew, since when.
struct Spell {
    since: Instant,
    loads: u32,
}

impl Loads {
    /// Notes that a sale was loaded anew. Says whether that was once too often; once a spell.
    pub(crate) fn note(&self, sale: SaleId) -> bool {
        let mut spells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spells.retain(|_, spell| spell.since.elapsed() < WITHIN);
        let spell = spells.entry(sale).or_insert(Spell { since: Instant::now(), loads: 0 });
        spell.loads += 1;
        spell.loads == LOADS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(number: i64) -> SaleId {
        SaleId::try_from(number).expect("the number is one of a sale")
    }

    #[tokio::test(start_paused = true)]
    async fn a_sale_that_is_loaded_again_and_again_is_told_of_once_a_minute() {
        let loads = Loads::default();
        let mut told = Vec::new();

        for second in 0..120 {
            if second % 2 == 0 && loads.note(sale(1)) {
                told.push(second);
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }

        assert_eq!(told, [10, 70]);
    }

    #[tokio::test(start_paused = true)]
    async fn sales_that_are_loaded_now_and_then_are_no_contest() {
        let loads = Loads::default();

        for _ in 0..30 {
            assert!(!loads.note(sale(1)) && !loads.note(sale(2)));
            tokio::time::advance(Duration::from_secs(13)).await;
        }
    }
}
