//! What is asked of several sales together goes wrong for each by itself.

use super::*;

/// Asks for a unit of each, in one batch: while nobody lets the batcher run, all of them gather.
async fn ask_of_each(live: &Live, sales: &[Sale]) -> Vec<Result<PlaceReply, Failure>> {
    let asks = sales.iter().map(|sale| {
        let request = HoldRequest { code: new_code(sale.id), user: user("eve"), has_key: false };
        async { live.codes.place_hold(request).await.map_err(|error| error.failure()) }
    });
    tokio::time::timeout(SOON, futures_util::future::join_all(asks)).await.unwrap()
}

fn is_granted(reply: &Result<PlaceReply, Failure>) -> bool {
    matches!(reply, Ok(PlaceReply::Granted(_)))
}

#[tokio::test]
async fn a_sale_that_is_not_loaded_keeps_no_other_from_being_sold() {
    let server = RedisServer::start().unwrap();
    let live = live_on(&server);
    let lost = store_contract::fixtures::open_sale(5, 5);
    let sales = [live.open(5, 5).await, lost, live.open(5, 5).await];

    let replies = ask_of_each(&live, &sales).await;

    assert!(is_granted(&replies[0]) && is_granted(&replies[2]), "{replies:?}");
    assert_eq!(replies[1], Ok(PlaceReply::NotLoaded));
}

#[tokio::test]
async fn a_sale_that_is_broken_keeps_no_other_from_being_sold() {
    let server = RedisServer::start().unwrap();
    let live = live_on(&server);
    let sales = [live.open(5, 5).await, live.open(5, 5).await, live.open(5, 5).await];
    let key = format!("sale:{{{}}}:users", sales[1].id);
    assert_eq!(ask(&server, &format!("SET {key} nonsense")), "+OK");

    for _ in 0..2 {
        let replies = ask_of_each(&live, &sales).await;

        assert!(is_granted(&replies[0]) && is_granted(&replies[2]), "{replies:?}");
        assert_eq!(replies[1], Err(Failure::Unknown));
    }
    // What was sent twice for the one that failed took one unit of the others each time.
    assert_eq!(live.counts(&sales[0]).await, [3, 2, 0]);
}

#[tokio::test]
async fn a_server_without_the_library_is_given_it_whatever_it_is_asked_for() {
    let server = RedisServer::start().unwrap();
    let live = live_on(&server);
    let sales = [live.open(5, 5).await, live.open(5, 5).await];
    assert_eq!(ask(&server, "FUNCTION FLUSH"), "+OK");

    let replies = ask_of_each(&live, &sales).await;

    assert_eq!(replies, [Ok(PlaceReply::NotLoaded), Ok(PlaceReply::NotLoaded)]);
    assert!(ask(&server, "FUNCTION LIST").contains("flashsale_v4"));
}

#[tokio::test]
async fn an_answer_that_got_lost_takes_one_unit_of_each_when_it_is_asked_for_again() {
    let server = RedisServer::start().unwrap();
    let live = live_on(&server);
    let sales = [live.open(5, 5).await, live.open(5, 5).await];
    assert!(ask_of_each(&live, &sales).await.iter().all(is_granted));

    // The connection that was kept is gone when the next batch is sent on it.
    assert!(ask(&server, "CLIENT KILL TYPE normal").starts_with(':'));
    let replies = ask_of_each(&live, &sales).await;

    assert!(replies.iter().all(is_granted), "{replies:?}");
    for sale in &sales {
        assert_eq!(live.counts(sale).await, [3, 2, 0]);
    }
}
