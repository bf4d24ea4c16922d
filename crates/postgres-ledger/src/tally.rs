//! Counting what is live of sales, by the batch: the upkeep looks at all that are open together. It reads of
//! a sale those units alone that may have changed.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use batcher::Call;
use domain::{
    Epoch, SaleId, StoreError,
    ports::{Operation, Tally},
};
use tokio_postgres::{Row, types::ToSql};

use crate::{
    rows,
    session::{Session, SessionError},
    sold_blocks::{BLOCK, SoldBlocks, Unsold},
};

pub(crate) const TALLY_SQL: &str = include_str!("sql/tally.sql");
const SOLD_BLOCKS_SQL: &str = include_str!("sql/sold_blocks.sql");

/// The statements of this room.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[TALLY_SQL, SOLD_BLOCKS_SQL];

/// The reply to a caller who asks what is live of a sale.
pub(crate) type TallyReply = Result<Option<Tally>, StoreError>;

/// What was counted of each sale that there is.
type Counted = HashMap<SaleId, Result<Tally, SessionError>>;

/// Counts batches of sales.
pub(crate) struct CountSales {
    /// One that has a connection only while it needs one.
    pub(crate) session: Session,
    pub(crate) sold_blocks: Arc<SoldBlocks>,
}

#[async_trait]
impl Call<SaleId, TallyReply> for CountSales {
    const NAME: &'static str = "tally";

    async fn call(&mut self, batch: Vec<SaleId>) -> Vec<TallyReply> {
        let counted = self.count(&batch).await;
        let reply_to = |sale| match &counted {
            Ok(counted) => match counted.get(sale) {
                Some(Ok(tally)) => Ok(Some(*tally)),
                Some(Err(error)) => Err(error.shared(Operation::Tally)),
                None => Ok(None),
            },
            Err(error) => Err(error.shared(Operation::Tally)),
        };
        batch.iter().map(reply_to).collect()
    }
}

impl CountSales {
    async fn count(&mut self, sales: &[SaleId]) -> Result<Counted, SessionError> {
        // Each once, whoever asks for it twice.
        let asked = sales.iter().map(|&sale| (sale, self.sold_blocks.unsold(sale)));
        let asked = asked.collect::<HashMap<_, _>>();
        let mut counted = count_in(&mut self.session, &asked).await?;
        let misled = asked.iter().filter(|(sale, unsold)| {
            unsold.known_sold > 0 && counted.get(sale).is_some_and(|it| self.is_misled(**sale, it))
        });
        let misled = misled.map(|(&sale, _)| sale).collect::<Vec<_>>();
        if !misled.is_empty() {
            let asked = misled.into_iter().map(|sale| {
                self.sold_blocks.forget(sale);
                (sale, self.sold_blocks.unsold(sale))
            });
            let asked = asked.collect();
            counted.extend(count_in(&mut self.session, &asked).await?);
        }
        for (&sale, tally) in
            counted.iter().filter_map(|(sale, it)| Some((sale, it.as_ref().ok()?)))
        {
            if self.sold_blocks.counted(sale, tally.epoch, tally.sold.into()) {
                self.learn(sale, tally).await?;
            }
        }
        Ok(counted)
    }

    /// Whether what was remembered of a sale is not so any more.
    fn is_misled(&self, sale: SaleId, counted: &Result<Tally, SessionError>) -> bool {
        match counted {
            // Fewer live than are known to be sold.
            Err(_) => true,
            // What was sold then may be cancelled since.
            Ok(tally) => self.sold_blocks.is_of_other_epoch(sale, tally.epoch),
        }
    }

    async fn learn(&mut self, sale: SaleId, tally: &Tally) -> Result<(), SessionError> {
        let Unsold { firsts, lasts, .. } = self.sold_blocks.unsold(sale);
        let parameters: [&(dyn ToSql + Sync); 4] = [&sale.get(), &firsts, &lasts, &BLOCK];
        // The count is made: whatever is not learned now is learned later.
        if let Ok(found) = self.session.query(SOLD_BLOCKS_SQL, &parameters).await {
            let found = found.iter().map(|row| rows::column(row, "block"));
            let found = found.collect::<Result<Vec<i32>, _>>()?;
            self.sold_blocks.learn((sale, tally.epoch), found, tally.sold.into());
        }
        Ok(())
    }
}

async fn count_in(
    session: &mut Session,
    asked: &HashMap<SaleId, Unsold>,
) -> Result<Counted, SessionError> {
    let (mut sales, mut known_sold) = (Vec::new(), Vec::new());
    let (mut of_sale, mut firsts, mut lasts) = (Vec::new(), Vec::<i32>::new(), Vec::<i32>::new());
    for (sale, unsold) in asked {
        sales.push(sale.get());
        known_sold.push(unsold.known_sold);
        of_sale.extend(unsold.firsts.iter().map(|_| sale.get()));
        firsts.extend(&unsold.firsts);
        lasts.extend(&unsold.lasts);
    }
    let parameters: [&(dyn ToSql + Sync); 5] = [&sales, &known_sold, &of_sale, &firsts, &lasts];
    let before = session.moves();
    let found = session.query(TALLY_SQL, &parameters).await?;
    let moves = session.moves();
    // What came while the ledger moved may be of the server before.
    let read = |row| {
        let tally = read_tally(row, moves);
        let is_of_server = |it: Tally| it.is_epoch_of_server && before == moves;
        let tally = tally.map(|it| Tally { is_epoch_of_server: is_of_server(it), ..it });
        Ok((rows::sale_id(row, "sale_id")?, tally))
    };
    found.iter().map(read).collect()
}

fn read_tally(row: &Row, moves: u64) -> Result<Tally, SessionError> {
    Ok(Tally {
        now: rows::moment(row, "now")?,
        epoch: Epoch(rows::column(row, "epoch")?),
        held: rows::count(row, "held")?,
        sold: rows::count(row, "sold")?,
        is_epoch_of_server: rows::column(row, "is_epoch_of_server")?,
        moves,
    })
}
