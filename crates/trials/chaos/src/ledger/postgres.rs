//! The ledger in Postgres.

use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::{Client, NoTls, Row, Transaction};

use crate::{
    error::ChaosError,
    ledger::{HoldRecord, PurchaseRecord, Records, TrailRow},
};

/// How often to try to connect, and how long to wait in between: together ten seconds.
const TRIES_MAX: u32 = 100;
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// The number of the sale that opens at this moment, as soon as there is one.
pub(crate) async fn sale_at(url: &str, opens_ms: i64) -> Result<Option<i64>, ChaosError> {
    let sql =
        "SELECT id FROM sales WHERE starts_at = 'epoch'::timestamptz + $1::int8 * interval '1 ms'";
    let row = connect(url).await?.query_opt(sql, &[&opens_ms]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Everything about a sale, at one moment.
pub(crate) async fn records_of(url: &str, sale: i64) -> Result<Records, ChaosError> {
    let mut client = connect(url).await?;
    let snapshot = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let mut records = Records { trail: trail(&snapshot, sale).await?, ..Records::default() };
    let terms = "SELECT stock, per_user_limit, state::text,
                        floor(extract(epoch FROM ends_at) * 1000)::int8
                 FROM sales WHERE id = $1";
    let row = snapshot.query_one(terms, &[&sale]).await?;
    records.stock = usize::try_from(row.get::<_, i32>(0)).unwrap_or_default();
    records.per_user_limit = small(&row, 1);
    (records.state, records.ends_ms) = (row.get(2), row.get(3));

    let holds = "SELECT code, user_id, unit, state::text,
                        floor(extract(epoch FROM expires_at) * 1000)::int8,
                        floor(extract(epoch FROM resolved_at) * 1000)::int8, slot
                 FROM checkout_attempts WHERE sale_id = $1 AND outcome = 'granted'";
    for row in snapshot.query(holds, &[&sale]).await? {
        let hold = HoldRecord {
            user: row.get(1),
            unit: row.get(2),
            state: row.get(3),
            expires_ms: row.get(4),
            resolved_ms: row.get(5),
            slot: small(&row, 6),
        };
        records.holds.insert(row.get(0), hold);
    }
    let refusals = "SELECT user_id, outcome::text, count(*) FROM checkout_attempts
                    WHERE sale_id = $1 AND outcome <> 'granted' GROUP BY 1, 2";
    for row in snapshot.query(refusals, &[&sale]).await? {
        let count: i64 = row.get(2);
        let count = usize::try_from(count).unwrap_or_default();
        records.refusals.insert((row.get(0), row.get(1)), count);
    }
    let purchases = "SELECT code, user_id, unit, item_name, cancelled_at IS NOT NULL
                     FROM purchases WHERE sale_id = $1";
    for row in snapshot.query(purchases, &[&sale]).await? {
        let (user, unit, item) = (row.get(1), row.get(2), row.get(3));
        let purchase = PurchaseRecord { user, unit, item, is_cancelled: row.get(4) };
        records.purchases.insert(row.get(0), purchase);
    }
    Ok(records)
}

/// What operators did with a sale.
async fn trail(snapshot: &Transaction<'_>, sale: i64) -> Result<Vec<TrailRow>, ChaosError> {
    let sql = "SELECT id, number, action, after, refused FROM operator_actions
               WHERE sale_id = $1 ORDER BY number";
    let rows = snapshot.query(sql, &[&sale]).await?.into_iter().map(|row| TrailRow {
        id: row.get(0),
        number: row.get(1),
        action: row.get(2),
        after: row.get(3),
        refused: row.get(4),
    });
    Ok(rows.collect())
}

/// A number of few bits, which is never negative.
fn small(row: &Row, column: usize) -> u16 {
    u16::try_from(row.get::<_, i16>(column)).unwrap_or_default()
}

/// Connects, to a server that may still be on its way back.
async fn connect(url: &str) -> Result<Client, ChaosError> {
    let mut tries = 0;
    loop {
        match tokio_postgres::connect(url, NoTls).await {
            Ok((client, connection)) => {
                // Its end is the client's, who hears of every error.
                tokio::spawn(connection);
                return Ok(client);
            }
            Err(_) if tries < TRIES_MAX => tries += 1,
            Err(error) => return Err(error.into()),
        }
        sleep(TRY_AGAIN).await;
    }
}
