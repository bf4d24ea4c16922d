//! The ledger in Postgres.

use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::{Client, NoTls};

use crate::{
    error::ChaosError,
    ledger::{HoldRecord, PurchaseRecord, Records},
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
    let mut records = Records::default();
    let stock: i32 =
        snapshot.query_one("SELECT stock FROM sales WHERE id = $1", &[&sale]).await?.get(0);
    records.stock = usize::try_from(stock).unwrap_or_default();

    let holds = "SELECT code, user_id, unit, state::text,
                        floor(extract(epoch FROM expires_at) * 1000)::int8,
                        floor(extract(epoch FROM resolved_at) * 1000)::int8
                 FROM checkout_attempts WHERE sale_id = $1 AND outcome = 'granted'";
    for row in snapshot.query(holds, &[&sale]).await? {
        let hold = HoldRecord {
            user: row.get(1),
            unit: row.get(2),
            state: row.get(3),
            expires_ms: row.get(4),
            resolved_ms: row.get(5),
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
