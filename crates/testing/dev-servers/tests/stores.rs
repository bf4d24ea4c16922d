//! The stores of one service, on either stack.

use std::{fs, sync::Arc};

use dev_servers::{Database, Place, PostgresServer, Program, Stack, Stores};

#[test]
fn both_ledgers_answer_alike() {
    let server = Arc::new(PostgresServer::start().unwrap());
    let servers = Stores::servers(Database::create(&server, "shop").unwrap()).unwrap();
    let embedded = Stores::embedded().unwrap();
    let Stores::Embedded(directory) = &embedded else { panic!("another stack") };
    fs::create_dir(directory.path()).unwrap();
    let code = "00000000-0000-8000-8000-00000000000f";
    servers.sql(&format!("CREATE TABLE codes AS SELECT '{code}'::uuid AS code")).unwrap();
    embedded
        .sql(&format!("CREATE TABLE codes AS SELECT x'{}' AS code", code.replace('-', "")))
        .unwrap();

    for stores in [&servers, &embedded] {
        let said = stores.sql(
            "SELECT 7, NULL, 'two words', code FROM codes
             UNION ALL SELECT 8, '', '', NULL FROM codes",
        );

        assert_eq!(said.unwrap(), format!("7||two words|{code}\n8|||\n"), "{:?}", stores.stack());
        stores.sql("SELECT nothing").unwrap_err();
    }
}

#[test]
fn a_program_is_told_of_one_stack_alone() {
    let servers =
        Place::Servers { database_url: "postgres://d".into(), redis_url: "redis://r".into() };
    let embedded = Place::Embedded { data_dir: "/data".into() };
    let shell = |place: &Place| {
        let told = Program::at("/bin/sh").env("DATABASE_URL", "x://y").env("REDIS_URL", "x://z");
        told.on(place).run(&["-c", "echo \"$DATABASE_URL,$REDIS_URL,$DATA_DIR\""]).unwrap()
    };

    assert_eq!(shell(&servers), "postgres://d,redis://r,\n");
    assert_eq!(shell(&embedded), ",,/data\n");
}

#[test]
fn stores_are_where_they_say_and_gone_with_their_value() {
    let embedded = Stores::embedded_in(&std::env::temp_dir()).unwrap();
    let Place::Embedded { data_dir } = embedded.place() else { panic!("another place") };
    let dir = data_dir.parent().unwrap().to_owned();
    assert_eq!((embedded.stack(), dir.exists()), (Stack::Embedded, true));

    drop(embedded);

    assert!(!dir.exists());
}

#[test]
fn a_database_is_copied_and_removed_while_its_server_stays() {
    let server = Arc::new(PostgresServer::start().unwrap());
    let template = Database::create(&server, "template").unwrap();
    template.psql("CREATE TABLE rows AS SELECT 7 AS seven").unwrap();

    let copy = Database::create_from(&server, "copy", "template").unwrap();

    assert_eq!(copy.psql("SELECT seven FROM rows").unwrap(), "7\n");
    copy.remove().unwrap();
    copy.psql("SELECT 1").unwrap_err();
    assert!(copy.server().has_database("template").unwrap());
}
