//! What a rebuild does where the live store knows another past than the ledger.

use domain::{Epoch, Failure, SaleId, upkeep::Restored};

use crate::{epoch, open_world, serve, status};

#[tokio::test]
async fn a_ledger_that_lost_data_is_not_rebuilt_from() {
    let (world, process, sale) = open_world().await;
    serve(&world, &sale, Epoch(9), Vec::new()).await;

    let error = process.rebuild.restore(sale.id, Some(Epoch(9))).await.unwrap_err();

    assert_eq!(error.failure(), Failure::Rebuilding);
    assert_eq!(epoch(&world, &sale), Epoch(1));
    assert_eq!(status(&world, &sale).await.epoch, Epoch(9));
}

#[tokio::test]
async fn a_live_store_that_outlived_its_ledger_serves_at_once_above_what_it_remembers() {
    let (world, process, sale) = open_world().await;
    serve(&world, &sale, Epoch(97), Vec::new()).await;
    world.live.wipe();
    let began_at = world.clock.now();

    let restored = process.rebuild.restore(sale.id, None).await.unwrap();

    assert_eq!(restored, Restored::Loaded);
    assert_eq!((epoch(&world, &sale), status(&world, &sale).await.epoch), (Epoch(98), Epoch(98)));
    assert_eq!(world.clock.now(), began_at);
    process.take(&sale, "alice").await;
}

#[tokio::test]
async fn two_processes_pass_what_a_live_store_remembers_without_replacing_each_other() {
    let (world, process, sale) = open_world().await;
    let other = world.process(2);
    serve(&world, &sale, Epoch(97), Vec::new()).await;
    world.live.wipe();

    let (first, second) =
        tokio::join!(process.rebuild.restore(sale.id, None), other.rebuild.restore(sale.id, None),);

    assert_eq!((first.unwrap(), second.unwrap()), (Restored::Loaded, Restored::Loaded));
    assert_eq!(epoch(&world, &sale), Epoch(98));
}

#[tokio::test]
async fn an_epoch_that_the_ledger_never_issued_is_not_called_served() {
    let (world, process, sale) = open_world().await;
    serve(&world, &sale, Epoch(9), Vec::new()).await;

    for newer_than in [None, Some(Epoch(1)), Some(Epoch(9))] {
        let error = process.rebuild.restore(sale.id, newer_than).await.unwrap_err();
        assert_eq!(error.failure(), Failure::Rebuilding, "{newer_than:?}");
    }
    assert_eq!((epoch(&world, &sale), status(&world, &sale).await.epoch), (Epoch(1), Epoch(9)));
}

#[tokio::test]
async fn a_restored_ledger_sells_again_when_an_operator_has_accepted_it() {
    let (world, process, sale) = open_world().await;
    let known = process.take(&sale, "alice").await;
    serve(&world, &sale, Epoch(9), Vec::new()).await;

    let accepted = process.rebuild.accept(sale.id).await.unwrap();

    assert_eq!(accepted, Some(Restored::Loaded));
    assert_eq!((epoch(&world, &sale), status(&world, &sale).await.epoch), (Epoch(10), Epoch(10)));
    assert_eq!(world.live.held(sale.id), [(known.code, known.unit)]);
    process.take(&sale, "bob").await;
}

#[tokio::test]
async fn nothing_is_accepted_where_the_ledger_is_as_new_as_the_live_store_or_nothing_is_served() {
    let (world, process, sale) = open_world().await;
    let never = SaleId::try_from(99).unwrap();

    assert_eq!(process.rebuild.accept(sale.id).await.unwrap(), None);
    assert_eq!(process.rebuild.accept(never).await.unwrap(), None);
    world.live.wipe();
    assert_eq!(process.rebuild.accept(sale.id).await.unwrap(), None);
    assert_eq!(epoch(&world, &sale), Epoch(1));
}
