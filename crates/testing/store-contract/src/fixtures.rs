//! What cases are made of: the stores under test, sales, users, codes, and a way to wait.

use std::sync::{
    LazyLock,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use async_trait::async_trait;
use domain::{
    Code, Epoch, Item, Origin, Sale, SaleId, Slot, Terms, Unit, UnixMillis, UserId, Window,
    ports::{Clock, LiveUnit},
    sale::SaleState,
};
use tokio::{task::JoinSet, time::Instant};

/// The ledger's clock when a case loads a sale: years away from the clock of any machine, so
/// that a store which went by its own would be found out.
pub const NOW: UnixMillis = UnixMillis(1_500_000_000_000);

/// A second, in milliseconds.
pub const SECOND: i64 = 1_000;
/// A minute, in milliseconds.
pub const MINUTE: i64 = 60 * SECOND;
/// An hour, in milliseconds.
pub const HOUR: i64 = 60 * MINUTE;

/// How often a case looks for what must come soon, and how long it waits between looks:
/// half a minute in all, which only a sick machine needs.
const LOOKS_MAX: u32 = 3_000;
const LOOK_AGAIN_MS: u64 = 10;

/// The clock on the wall, for stores that live in servers.
pub struct WallClock;

#[async_trait]
impl Clock for WallClock {
    async fn wait(&self, ms: u64) {
        tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
    }

    fn uptime_ms(&self) -> u64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }
}

/// Looks again and again, and lets the stores' time pass in between, until something is there.
pub async fn until<T>(clock: &dyn Clock, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS_MAX {
        if let Some(found) = look().await {
            return found;
        }
        clock.wait(LOOK_AGAIN_MS).await;
        // A clock that is moved by hand does not wait, but whoever is looked for may have to run.
        tokio::task::yield_now().await;
    }
    panic!("looked {LOOKS_MAX} times in vain");
}

/// Runs all calls at the same time, and returns their results in no order.
pub async fn all_at_once<T: Send + 'static>(
    calls: impl IntoIterator<Item: Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut race = JoinSet::new();
    for call in calls {
        race.spawn(call);
    }
    race.join_all().await
}

/// A sale of its own number, open at [`NOW`] and for an hour before and after, at epoch 1.
#[must_use]
pub fn open_sale(stock: u32, per_user_limit: u16) -> Sale {
    static LAST: AtomicI64 = AtomicI64::new(0);
    Sale {
        id: SaleId::try_from(LAST.fetch_add(1, Ordering::Relaxed) + 1).unwrap(),
        window: Window::new(NOW + -HOUR, NOW + HOUR).unwrap(),
        terms: Terms::new(stock, per_user_limit, MINUTE).unwrap(),
        origin: Origin::Timetable,
        product: None,
        state: SaleState::Active,
        epoch: Epoch(1),
        salt: domain::Salt::new([7; 32]),
    }
}

/// A code nobody has used.
#[must_use]
pub fn new_code(sale: SaleId) -> Code {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    // Spread over all bits, as drawn ones are, and never twice: the factor is odd.
    let low = u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2);
    Code::new(sale, u128::from(number) << 64 | low)
}

/// A code of a sale that never was.
#[must_use]
pub fn code_of_no_sale() -> Code {
    new_code(SaleId::try_from(SaleId::MAX).unwrap())
}

/// A user's name as a value.
#[must_use]
pub fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

/// The user of this number.
#[must_use]
pub fn nth_user(number: u32) -> UserId {
    user(&format!("user-{number}"))
}

/// A unit's number as a value.
#[must_use]
pub fn unit(number: u32) -> Unit {
    number.try_into().unwrap()
}

/// A unit that is held for `user` until `due_at`.
#[must_use]
pub fn held(sale: &Sale, user: UserId, number: u32, slot: u16, due_at: UnixMillis) -> LiveUnit {
    let held_until = Some(due_at);
    LiveUnit { code: new_code(sale.id), user, unit: unit(number), slot: Slot(slot), held_until }
}

/// A unit that is sold to `user`.
#[must_use]
pub fn sold(sale: &Sale, user: UserId, number: u32, slot: u16) -> LiveUnit {
    LiveUnit { held_until: None, ..held(sale, user, number, slot, NOW) }
}

/// What a unit turns out to be.
#[must_use]
pub fn item(sale: SaleId, unit: Unit) -> Item {
    Item { name: format!("Item {unit} of {sale}"), image: format!("/{sale}/{unit}"), product: None }
}
