//! What is told to whoever watches: how sales go, and what processes do.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use domain::{
    Company, Failure, History, NewSale, Origin, Sale, SaleId, Services, StoreError, Terms,
    UnixMillis, Window,
    answer::Doing,
    history::{KEPT_MS, MINUTE_MS, Minute, Point, Stood},
    ports::{Processes, SaleHistory, SaleRegister},
    processes::{Figures, Process, ProcessId},
    upkeep::Shares,
};
use fakes::{Fault, Operation, World};

const OWN: ProcessId = ProcessId(1);
const OTHER: ProcessId = ProcessId(2);

fn not_done() -> StoreError {
    StoreError::new(Doing::step("the test"), Failure::NotDone, "it is away")
}

/// What was written down, and dropped.
#[derive(Default)]
struct Written {
    minutes: Mutex<Vec<Minute>>,
    dropped_before: Mutex<Vec<UnixMillis>>,
    is_away: AtomicBool,
    /// Whether anything was asked of the sales.
    has_counted: AtomicBool,
}

fn of<T: Clone>(kept: &Mutex<Vec<T>>) -> Vec<T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[async_trait]
impl SaleHistory for Written {
    async fn note(&self, minute: &Minute, by: ProcessId) -> Result<(), StoreError> {
        assert!([OWN, OTHER].contains(&by));
        if self.is_away.load(Ordering::SeqCst) {
            return Err(not_done());
        }
        self.minutes.lock().unwrap().push(minute.clone());
        Ok(())
    }

    fn has_counted(&self, _: SaleId) -> bool {
        self.has_counted.load(Ordering::SeqCst)
    }

    async fn minutes(&self, _: SaleId, _: UnixMillis) -> Result<Vec<Point>, StoreError> {
        unreachable!("nobody draws")
    }

    async fn drop_before(&self, minute: UnixMillis, _: usize) -> Result<usize, StoreError> {
        self.dropped_before.lock().unwrap().push(minute);
        Ok(0)
    }
}

/// Makes a sale that begins so many minutes from now and lasts for two.
async fn sale_in(world: &World, minutes: i64) -> Sale {
    let starts_at = world.clock.now() + minutes * MINUTE_MS;
    let window = Window::new(starts_at, starts_at + 2 * MINUTE_MS).unwrap();
    let terms = Terms::new(5, 5, 1_000).unwrap();
    let sale = NewSale::unnamed(window, terms, Origin::Operator);
    world.ledger.schedule(sale).await.unwrap().unwrap()
}

async fn a_minute_later(world: &World, services: &Services) {
    world.clock.advance_ms(MINUTE_MS);
    services.catalog.refresh().await.unwrap();
}

/// Each sale by how many minutes had passed when it was written.
fn sales_by_minute(written: &Written, begin: UnixMillis) -> Vec<(i64, Vec<SaleId>)> {
    let minutes = of(&written.minutes);
    let sales = |stood: &[Stood]| stood.iter().map(|it| it.sale).collect();
    minutes.iter().map(|it| ((it.at - begin) / MINUTE_MS, sales(&it.stood))).collect()
}

/// Of how many sales something was written.
async fn wrote(history: &History) -> usize {
    history.run().await.unwrap().map_or(0, |written| written.sales)
}

/// A world, a process in it, and what that writes down.
fn watched() -> (World, Services, Arc<Written>, History) {
    let world = World::new();
    let services = world.services(1);
    let written = Arc::new(Written::default());
    let history = services.history(written.clone(), OWN);
    (world, services, written, history)
}

#[tokio::test]
async fn a_sale_is_written_down_each_minute_from_its_beginning_until_it_is_closed() {
    let (world, services, written, history) = watched();
    let upkeep = services.upkeep(None);
    // A full hour.
    let begin = world.clock.now();
    let (now, later) = (sale_in(&world, 0).await.id, sale_in(&world, 3).await.id);

    assert_eq!(wrote(&history).await, 0, "no sale is known yet");
    services.catalog.refresh().await.unwrap();
    for _ in 0..7 {
        wrote(&history).await;
        assert_eq!(wrote(&history).await, 0, "once a minute");
        a_minute_later(&world, &services).await;
        upkeep.retire.run().await.unwrap();
        services.catalog.refresh().await.unwrap();
    }

    let expected = [(0, now), (1, now), (2, now), (3, later), (4, later), (5, later)];
    assert_eq!(sales_by_minute(&written, begin), expected.map(|(at, sale)| (at, vec![sale])));
    let dropped = of(&written.dropped_before);
    let kept_from: Vec<_> = (0..7).map(|minute| begin + (minute * MINUTE_MS - KEPT_MS)).collect();
    assert_eq!(dropped, kept_from);
}

#[tokio::test]
async fn a_minute_that_could_not_be_written_is_written_as_soon_as_it_can_be() {
    let (world, services, written, history) = watched();
    let sale = sale_in(&world, 0).await.id;
    services.catalog.refresh().await.unwrap();

    written.is_away.store(true, Ordering::SeqCst);
    assert!(history.run().await.is_err());
    written.is_away.store(false, Ordering::SeqCst);
    world.clock.advance_ms(2_000);

    assert_eq!(wrote(&history).await, 1);
    assert_eq!(sales_by_minute(&written, world.clock.now() + -2_000), [(0, vec![sale])]);
}

#[tokio::test]
async fn a_sale_that_is_open_between_two_minutes_alone_has_its_end() {
    let (world, services, written, history) = watched();
    let upkeep = services.upkeep(None);
    let begin = world.clock.now();
    services.catalog.refresh().await.unwrap();
    wrote(&history).await;
    let window = Window::new(begin + 10_000, begin + 20_000).unwrap();
    let sale = NewSale::unnamed(window, Terms::new(5, 5, 1_000).unwrap(), Origin::Operator);
    let sale = world.ledger.schedule(sale).await.unwrap().unwrap().id;

    for _ in 0..14 {
        world.clock.advance_ms(10_000);
        upkeep.retire.run().await.unwrap();
        services.catalog.refresh().await.unwrap();
        wrote(&history).await;
    }

    assert_eq!(sales_by_minute(&written, begin), [(1, vec![sale])], "and it has one end");
}

#[tokio::test]
async fn a_sale_that_cannot_be_counted_costs_no_other_its_minute() {
    let (world, services, written, history) = watched();
    let begin = world.clock.now();
    let (one, other) = (sale_in(&world, 0).await.id, sale_in(&world, 0).await.id);
    services.catalog.refresh().await.unwrap();

    world.ledger.faults().plan(Operation::Tally, Fault::Refuse);
    let first = history.run().await.unwrap().unwrap();
    a_minute_later(&world, &services).await;
    let second = history.run().await.unwrap().unwrap();

    let left_out: Vec<_> = first.left_out.iter().map(|(sale, _)| *sale).collect();
    let counted = if left_out == [one] { other } else { one };
    assert_eq!((first.sales, left_out.len(), second.sales, second.left_out.len()), (1, 1, 2, 0));
    assert_eq!(of(&written.minutes)[0].left_out, left_out, "what was asked of it is kept");
    assert_eq!(sales_by_minute(&written, begin), [(0, vec![counted]), (1, vec![one, other])]);
}

#[tokio::test]
async fn a_process_that_stops_writes_down_what_came_since_the_last_minute() {
    let (world, services, written, history) = watched();
    let begin = world.clock.now();
    let sale = sale_in(&world, 0).await.id;
    assert_eq!(history.finish().await.unwrap().sales, 0, "no sale is known yet");
    services.catalog.refresh().await.unwrap();
    wrote(&history).await;
    world.clock.advance_ms(20_000);

    history.finish().await.unwrap();

    assert_eq!(sales_by_minute(&written, begin), [(0, vec![sale]), (1, vec![sale])]);
}

/// Two processes that share what is to be written, and what each writes.
fn sharing(world: &World) -> [(Services, Arc<Written>, History); 2] {
    [(1, OWN), (2, OTHER)].map(|(number, process)| {
        let (services, written) = (world.services(number), Arc::new(Written::default()));
        let history = services.history(written.clone(), process);
        let history = history.with_shares(Shares::among(world.live.clone(), process));
        (services, written, history)
    })
}

#[tokio::test]
async fn how_a_sale_stands_is_written_by_one_process_and_by_each_that_has_something_to_tell_of_it()
{
    let world = World::new();
    let sale = sale_in(&world, 0).await.id;
    let [(one, of_one, by_one), (other, of_other, by_other)] = sharing(&world);
    let begin = world.clock.now();
    let writes = async || (wrote(&by_one).await, wrote(&by_other).await);
    one.catalog.refresh().await.unwrap();
    other.catalog.refresh().await.unwrap();

    assert_eq!(writes().await, (1, 0));
    a_minute_later(&world, &one).await;
    other.catalog.refresh().await.unwrap();
    of_other.has_counted.store(true, Ordering::SeqCst);
    assert_eq!(writes().await, (1, 1));

    assert_eq!(sales_by_minute(&of_one, begin), [(0, vec![sale]), (1, vec![sale])]);
    assert_eq!(sales_by_minute(&of_other, begin), [(1, vec![sale])]);
    assert_eq!(of(&of_other.dropped_before).len(), 1, "who writes nothing drops nothing");
}

#[tokio::test]
async fn what_comes_of_a_sale_that_another_process_writes_down_is_kept_for_the_next_minute() {
    let world = World::new();
    let left = sale_in(&world, 0).await.id;
    let [(one, _, by_one), (other, of_other, by_other)] = sharing(&world);
    one.catalog.refresh().await.unwrap();
    assert_eq!(wrote(&by_one).await, 1);
    let written = sale_in(&world, 0).await.id;
    other.catalog.refresh().await.unwrap();

    assert_eq!(wrote(&by_other).await, 1);

    let minutes = of(&of_other.minutes);
    assert_eq!((minutes[0].stood[0].sale, &minutes[0].left_out), (written, &vec![left]));
}

/// What was left, and how often somebody listened.
#[derive(Default)]
struct Left {
    processes: Mutex<Vec<Process>>,
    told: Mutex<Vec<&'static str>>,
    is_away: AtomicBool,
}

impl Left {
    fn keep(&self, how: &'static str, own: &Process) -> Result<(), StoreError> {
        self.told.lock().unwrap().push(how);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(not_done());
        }
        let mut processes = self.processes.lock().unwrap();
        processes.retain(|it| it.id != own.id);
        processes.push(own.clone());
        Ok(())
    }
}

#[async_trait]
impl Processes for Left {
    async fn leave(&self, own: &Process) -> Result<(), StoreError> {
        self.keep("left", own)
    }

    async fn exchange(&self, own: &Process) -> Result<Vec<Process>, StoreError> {
        self.keep("exchanged", own)?;
        Ok(of(&self.processes))
    }
}

fn did(checkouts: u64) -> Figures {
    Figures { span_ms: 1_000, checkouts, ..Figures::default() }
}

fn checkouts(company: &Company) -> Vec<u64> {
    company.look().iter().map(|process| process.did.checkouts).collect()
}

#[tokio::test]
async fn a_process_listens_to_the_others_only_while_somebody_watches() {
    let world = World::new();
    let services = world.services(1);
    let left = Arc::new(Left::default());
    let of_number = |number| services.company(left.clone(), ProcessId(number), "a:1".to_owned());
    let (one, other) = (of_number(1), of_number(2));
    world.clock.advance_ms(1_000);

    one.tell(did(1)).await.unwrap();
    assert_eq!(of(&left.told), [""; 0], "nobody knows what time it is");
    services.catalog.refresh().await.unwrap();
    other.tell(did(20)).await.unwrap();
    one.tell(did(2)).await.unwrap();
    assert_eq!(checkouts(&one), [2], "it did not listen");
    one.tell(did(3)).await.unwrap();
    assert_eq!(checkouts(&one), [3, 20]);
    world.clock.advance_ms(2_999);
    one.tell(did(4)).await.unwrap();
    world.clock.advance_ms(1);
    one.tell(did(5)).await.unwrap();

    assert_eq!(of(&left.told), ["left", "left", "exchanged", "exchanged", "left"]);
}

#[tokio::test]
async fn a_process_that_is_heard_by_nobody_knows_of_itself_alone() {
    let world = World::new();
    let services = world.services(1);
    let left = Arc::new(Left::default());
    let of_number = |number| services.company(left.clone(), ProcessId(number), "a:1".to_owned());
    let (one, other) = (of_number(1), of_number(2));
    world.clock.advance_ms(1_000);
    services.catalog.refresh().await.unwrap();
    other.tell(did(20)).await.unwrap();
    let _look = one.look();
    one.tell(did(1)).await.unwrap();
    assert_eq!(checkouts(&one), [1, 20]);

    left.is_away.store(true, Ordering::SeqCst);
    assert!(one.tell(did(2)).await.is_err());
    assert_eq!(checkouts(&one), [2]);
    left.is_away.store(false, Ordering::SeqCst);
    one.tell(did(3)).await.unwrap();

    assert_eq!(checkouts(&one), [3, 20]);
}
