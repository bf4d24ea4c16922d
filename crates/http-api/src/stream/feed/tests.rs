//! Who is told what, and in which order.

use domain::CheckoutRequest;
use fakes::World;
use futures_util::FutureExt;

use super::*;
use crate::test_api::api_over;

#[actix_web::test]
async fn a_slow_viewer_is_told_the_latest_and_nothing_that_was_before() {
    let feed = Rc::<Feed>::default();
    let mut viewer = Viewer::of(&feed);
    feed.change(|latest| latest.put("first".to_owned(), "first", false)).await;
    feed.change(|latest| latest.put("second".to_owned(), "second", false)).await;
    feed.change(|latest| latest.comments += 1).await;

    assert_eq!(viewer.next().await.unwrap(), "second");
    assert_eq!(viewer.next().now_or_never(), None, "silence was no news");

    feed.change(|latest| latest.comments += 1).await;
    assert_eq!(viewer.next().await.unwrap(), COMMENT);

    feed.change(|latest| latest.put("third".to_owned(), "third", true)).await;
    assert_eq!(viewer.next().await.unwrap(), format!("third{END}"));
    assert_eq!(viewer.next().await, None);
}

#[actix_web::test]
async fn what_a_viewer_begins_with_comes_before_what_happened_since() {
    let feed = Rc::<Feed>::default();
    let viewer = Viewer::of(&feed);
    feed.change(|latest| latest.put("event".to_owned(), "event", false)).await;

    let mut viewer = crate::Viewer::of_sale(viewer).after("opening".into());

    assert_eq!(viewer.next().await.unwrap(), "opening");
    assert_eq!(viewer.next().await.unwrap(), "event");
}

#[actix_web::test]
async fn what_a_viewer_came_with_is_not_told_again_when_the_feed_comes_to_it() {
    let feed = Rc::<Feed>::default();
    let who_has = |id| Viewer::of(&feed).having(Rc::from(id));
    let (mut at_first, mut at_last) = (who_has("first"), who_has("last"));
    feed.change(|latest| latest.put("first".to_owned(), "first", false)).await;

    assert_eq!(at_first.next().now_or_never(), None, "it came with that");
    assert_eq!(at_last.next().await.unwrap(), "first");

    feed.change(|latest| latest.put("second".to_owned(), "second", false)).await;
    assert_eq!(at_first.next().await.unwrap(), "second");
    feed.change(|latest| latest.put("first".to_owned(), "first", false)).await;
    assert_eq!(at_first.next().await.unwrap(), "first", "it had another in between");

    let mut late = who_has("last");
    feed.change(|latest| latest.put("last".to_owned(), "last", true)).await;
    assert_eq!(late.next().await.unwrap(), END, "that there is no other is news");
    assert_eq!(late.next().await, None);
}

/// The sale was something else for less than the feed's pace.
#[actix_web::test]
async fn who_came_with_what_the_feed_never_told_is_told_when_it_is_over_and_nobody_else() {
    tokio::time::pause();
    let world = World::new();
    let sale = world.open_sale(2, 2);
    let api = api_over(&world);
    api.services.rebuild.restore(sale.id, None).await.unwrap();
    let subject = Subject::Sale(sale.id);
    let shown = async || {
        world.clock.advance_ms(1_000);
        subject.look(&api.board).await.unwrap().unwrap()
    };
    let before = shown().await;
    let mut first = api.streams.viewer(subject, &before, &api.board);
    let request = CheckoutRequest { sale: sale.id, user: "ann".parse().unwrap() };

    let hold = api.services.checkout.attempt(request).await.unwrap().unwrap();
    let mut second = api.streams.viewer(subject, &shown().await, &api.board);
    api.services.purchase.release(hold.code).await.unwrap().unwrap();
    let after = shown().await;

    assert_eq!(after.form.id(), before.form.id());
    let told = second.next().await.unwrap();
    assert!(told.ends_with(after.form.event().as_bytes()), "{told:?}");
    assert_eq!(first.next().await.unwrap(), COMMENT, "it has that");
    assert_eq!(second.next().await.unwrap(), COMMENT, "once is enough");
}

#[actix_web::test]
async fn all_of_a_crowd_are_told_and_those_who_left_are_forgotten() {
    let feed = Rc::<Feed>::default();
    let mut viewers: Vec<_> = (0..1_000).map(|_| Viewer::of(&feed)).collect();
    viewers.retain_mut(|viewer| viewer.next().now_or_never().is_none());
    let mut number = 0;
    viewers.retain(|_| {
        number += 1;
        number % 3 == 0
    });
    let told: Vec<_> = viewers
        .into_iter()
        .map(|mut viewer| rt::spawn(async move { viewer.next().await }))
        .collect();
    yield_now().await;

    feed.change(|latest| latest.put("event".to_owned(), "event", false)).await;

    for told in told {
        assert_eq!(told.await.unwrap().unwrap(), "event");
    }
    assert_eq!(feed.viewers.get(), 0);
    feed.change(|latest| latest.comments += 1).await;
    assert!(feed.seats.borrow().is_empty());
}
