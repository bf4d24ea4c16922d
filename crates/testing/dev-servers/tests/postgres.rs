//! Private Postgres clusters: kept apart, killed, and started again.

use dev_servers::{PostgresServer, ServerError, tied};

#[test]
fn a_new_server_answers() {
    let server = PostgresServer::start().unwrap();

    assert_eq!(server.psql("postgres", "SELECT 6 * 7").unwrap(), "42\n");
    assert!(server.version().unwrap().starts_with("postgres (PostgreSQL) "));
}

#[test]
fn it_writes_through_to_the_disk_and_takes_many_clients() {
    let server = PostgresServer::start().unwrap();

    assert_eq!(server.psql("postgres", "SHOW fsync").unwrap(), "on\n");
    assert_eq!(server.psql("postgres", "SHOW synchronous_commit").unwrap(), "on\n");
    assert_eq!(server.psql("postgres", "SHOW max_connections").unwrap(), "300\n");
}

#[test]
fn a_database_is_made_from_a_template() {
    let server = PostgresServer::start().unwrap();
    server.create_database("template").unwrap();
    server.psql("template", "CREATE TABLE rows AS SELECT 7 AS seven").unwrap();

    server.create_database_from("copy \"1\"", "template").unwrap();

    let copy = server.psql("postgres", "SELECT datname FROM pg_database WHERE datname ~ 'copy'");
    assert_eq!(copy.unwrap(), "copy \"1\"\n");
    assert!(server.has_database("copy \"1\"").unwrap());
    assert!(!server.has_database("copy").unwrap());
}

#[test]
fn a_second_database_of_the_same_name_is_an_error() {
    let server = PostgresServer::start().unwrap();
    server.create_database("sale").unwrap();

    let refusal = server.create_database("sale").unwrap_err();

    assert!(refusal.to_string().contains("already exists"), "{refusal}");
}

#[test]
fn committed_rows_survive_every_end() {
    type End = fn(&PostgresServer) -> Result<(), ServerError>;
    let ends: [End; 3] =
        [PostgresServer::kill, PostgresServer::stop_immediate, PostgresServer::stop];
    let server = PostgresServer::start().unwrap();
    let url = server.url("postgres");
    server.psql("postgres", "CREATE TABLE rows (end_number int)").unwrap();

    for (number, end) in ends.iter().enumerate() {
        server.psql("postgres", &format!("INSERT INTO rows VALUES ({number})")).unwrap();
        end(&server).unwrap();
        server.psql("postgres", "SELECT 1").unwrap_err();
        server.start_again().unwrap();
    }

    assert_eq!(server.psql("postgres", "SELECT end_number FROM rows").unwrap(), "0\n1\n2\n");
    assert_eq!(server.url("postgres"), url);
}

#[test]
fn it_can_be_killed_while_clients_are_busy() {
    let server = PostgresServer::start().unwrap();

    std::thread::scope(|scope| {
        let client = scope.spawn(|| server.psql("postgres", "SELECT 'busy', pg_sleep(600)"));
        let busy = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT ''busy'''";
        while server.psql("postgres", busy).unwrap() != "1\n" {}

        server.kill().unwrap();
        client.join().unwrap().unwrap_err();
    });

    server.start_again().unwrap();
    assert_eq!(server.psql("postgres", "SELECT 1").unwrap(), "1\n");
}

#[test]
fn ending_and_starting_twice_changes_nothing() {
    let server = PostgresServer::start().unwrap();

    server.stop().unwrap();
    server.kill().unwrap();
    server.start_again().unwrap();
    server.start_again().unwrap();
    server.restart().unwrap();

    assert_eq!(server.psql("postgres", "SELECT 1").unwrap(), "1\n");
}

#[test]
fn it_is_revived_whether_it_is_gone_or_still_going() {
    let server = PostgresServer::start().unwrap();
    let pid = server.pids()[0];

    server.revive().unwrap();
    assert_eq!(server.pids()[0], pid, "one that answers is left alone");
    // It ends a while after it was asked to, and by itself.
    tied::Signal::Interrupt.send(pid).unwrap();
    server.revive().unwrap();

    assert_eq!(server.psql("postgres", "SELECT 1").unwrap().trim(), "1");
}

#[test]
fn it_outlives_the_thread_that_started_it() {
    let server = std::thread::spawn(PostgresServer::start).join().unwrap().unwrap();

    assert_eq!(server.psql("postgres", "SELECT 1").unwrap(), "1\n");
}

#[test]
fn two_servers_know_nothing_of_each_other() {
    let (one, two) = (PostgresServer::start().unwrap(), PostgresServer::start().unwrap());
    one.create_database("only_in_one").unwrap();

    assert_ne!(one.url("postgres"), two.url("postgres"));
    assert!(!two.has_database("only_in_one").unwrap());
}

#[test]
fn a_dropped_server_leaves_nothing() {
    let server = PostgresServer::start().unwrap();
    let dir = server.dir().to_owned();
    assert!(dir.exists());

    drop(server);

    assert!(!dir.exists());
}

#[test]
fn a_named_directory_keeps_what_it_holds_and_takes_one_server() {
    // Nobody else can enter the parent: run by root, the server lives in a stand-in.
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("kept");
    let server = PostgresServer::start_in(&dir).unwrap();
    server.create_database("kept").unwrap();
    let actual_dir = server.dir().to_owned();

    let second = PostgresServer::start_in(&dir).map(drop).unwrap_err();
    drop(server);
    let third = PostgresServer::start_in(&dir).unwrap();

    assert!(matches!(second, ServerError::InUse(_)), "{second}");
    assert!(third.has_database("kept").unwrap());
    drop(third);
    std::fs::remove_dir_all(actual_dir).unwrap();
}
