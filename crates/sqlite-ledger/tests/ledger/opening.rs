//! Which files are opened as a ledger, and by how many at once.

use sqlite_ledger::Database;

use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_open_a_new_ledger_at_once_take_turns() {
    let shop = Shop::new();
    let openers = (0..8).map(|_| {
        let dir = shop.dir();
        tokio::task::spawn_blocking(move || Database::open(&dir).map(drop))
    });

    for opener in openers.collect::<Vec<_>>() {
        opener.await.unwrap().unwrap();
    }

    let versions = "SELECT count(*) FROM refinery_schema_history";
    let database = shop.database();
    let count: i64 = database.connection().query_row(versions, [], |row| row.get(0)).unwrap();
    let known = include_str!("../../migrations/checksums.txt").lines().count();
    assert_eq!(usize::try_from(count).unwrap(), known);
}

#[test]
fn a_ledger_with_another_history_is_refused() {
    let shop = Shop::new();
    let database = Database::open(&shop.dir()).unwrap();
    database
        .connection()
        .execute_batch("UPDATE refinery_schema_history SET checksum = '1'")
        .unwrap();

    let error = Database::open(&shop.dir()).unwrap_err();

    assert!(error.to_string().contains("another history"), "{error}");
}

#[test]
fn a_ledger_whose_history_has_a_gap_is_refused_by_whoever_comes() {
    let shop = Shop::new();
    let database = Database::open(&shop.dir()).unwrap();
    // V2 was left out, and a later one was applied.
    let left_out = "UPDATE refinery_schema_history SET version = 9 WHERE version = 2";
    database.connection().execute_batch(left_out).unwrap();

    for error in [Database::open(&shop.dir()), Database::open_existing(&shop.dir())] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("another history") && error.contains("V2 was not"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_ledger_is_refused_and_left_alone() {
    let shop = Shop::new();
    let path = shop.dir().path().join("ledger.sqlite");
    std::fs::create_dir(shop.dir().path()).unwrap();
    std::fs::write(&path, "a shopping list, and not a short one: ".repeat(100)).unwrap();

    let error = Database::open(&shop.dir()).unwrap_err();

    assert!(error.to_string().starts_with("cannot open "), "{error}");
    assert!(std::fs::read_to_string(path).unwrap().starts_with("a shopping list"));
}
