//! Who is let in to the ledger, and whom it believes: TLS, passwords, and the files of both.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{num::NonZeroUsize, sync::LazyLock};

use batcher::Limits;
use credentials::{Access, DATABASE, NamedFile, OwnCertificate, Secret};
use dev_servers::{Authority, Files, Issued, PostgresServer, ServerTls, chain};
use domain::ports::LedgerIdentity;
use postgres_ledger::{Connections, Durability, PostgresLedger, PostgresLedgerError};
use store_contract::fixtures::{WallClock, until};

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("ours").unwrap());

const ANYBODY: &str = "host all all 127.0.0.1/32 trust\n";

/// A file that this setting names.
fn file(files: &Files, setting: &'static str, content: &str) -> NamedFile {
    NamedFile { setting, path: files.write(setting, content).unwrap() }
}

fn own(files: &Files, issued: &Issued) -> OwnCertificate {
    OwnCertificate {
        cert: file(files, DATABASE.cert_file, &issued.cert),
        key: file(files, DATABASE.key_file, &issued.key),
    }
}

/// A server that shows this certificate, and has a database `ledger`.
fn server(hba: &str, shows: Issued) -> PostgresServer {
    let tls = ServerTls { shows, takes: Some(AUTHORITY.pem()) };
    let server = PostgresServer::start_guarded(hba, Some(&tls)).unwrap();
    server.create_database("ledger").unwrap();
    server
}

fn url(server: &PostgresServer, host: &str, options: &str) -> String {
    format!("postgres://postgres@{host}:{}/ledger?{options}", server.port())
}

fn ledger(access: Access) -> Result<PostgresLedger, PostgresLedgerError> {
    let max = |it| NonZeroUsize::new(it).unwrap();
    PostgresLedger::new(
        access,
        Durability::Single,
        Connections::for_threads(4),
        Limits::patient(max(64), max(64)),
    )
}

/// Gets in, or says why not, with all causes.
async fn enter(access: Access) -> Result<(), String> {
    match ledger(access) {
        Ok(ledger) => ledger.migrate().await.map(drop).map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    }
}

fn assert_says(said: &Result<(), String>, all: &[&str]) {
    let said = said.as_ref().unwrap_err();
    for word in all {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
}

/// Whether some of the service's connections are under TLS, and whether some are not.
fn encrypted(server: &PostgresServer) -> String {
    let sql = "SELECT bool_or(ssl), bool_or(NOT ssl) \
               FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
               WHERE application_name = 'flashsale'";
    server.psql("postgres", sql).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_if_the_authority_that_is_named_has_signed_for_it() {
    let server = server(ANYBODY, AUTHORITY.issue("localhost").unwrap());
    let files = Files::new().unwrap();
    let ca = file(&files, DATABASE.ca_file, &AUTHORITY.pem());
    let in_url = |mode: &str| format!("sslmode={mode}&sslrootcert={}", ca.path.display());

    for options in ["require", "verify-ca", "verify-full", "prefer"].map(in_url) {
        let ledger = ledger(Access::to_database(url(&server, "localhost", &options))).unwrap();
        ledger.migrate().await.unwrap();
        ledger.identity().await.unwrap();
        assert_eq!(encrypted(&server), "t|f", "{options}");
        drop(ledger);
        until(&WallClock, async || (encrypted(&server) == "|").then_some(())).await;
    }
    let mut by_setting = Access::to_database(url(&server, "localhost", ""));
    by_setting.certificates.ca = Some(ca);
    enter(by_setting).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_taken_where_it_is_offered_and_not_where_none_is_wanted() {
    let server = server(ANYBODY, AUTHORITY.issue("elsewhere").unwrap());

    for (options, counted) in [("", "t|f"), ("sslmode=prefer", "t|f"), ("sslmode=disable", "f|t")] {
        let ledger = ledger(Access::to_database(url(&server, "127.0.0.1", options))).unwrap();
        ledger.migrate().await.unwrap();
        ledger.identity().await.unwrap();
        assert_eq!(encrypted(&server), counted, "{options}");
        drop(ledger);
        until(&WallClock, async || (encrypted(&server) == "|").then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_to_be_believed_is_refused_with_what_to_do_about_it() {
    let files = Files::new().unwrap();
    let access = |server: &PostgresServer, host: &str, mode: &str, authority: &Authority| {
        let options = format!("sslmode={mode}");
        let mut access = Access::to_database(url(server, host, &options));
        access.certificates.ca = Some(file(&files, DATABASE.ca_file, &authority.pem()));
        access
    };
    // A certificate names its authority, and whoever likes may take that name.
    let others = ["another", "ours"].map(|name| Authority::new(name).unwrap());
    let good = server(ANYBODY, AUTHORITY.issue("localhost").unwrap());
    let host = format!("localhost:{}", good.port());

    for mode in ["require", "verify-ca", "verify-full", "prefer"] {
        for other in &others {
            let said = enter(access(&good, "localhost", mode, other)).await;
            assert_says(&said, &[&host, "authority that is not believed", "DATABASE_CA_FILE"]);
        }
    }
    let by_system = url(&good, "localhost", "sslmode=verify-full");
    let said = enter(Access::to_database(by_system)).await;
    assert_says(&said, &["DATABASE_CA_FILE"]);

    for mode in ["require", "verify-full"] {
        let said = enter(access(&good, "127.0.0.1", mode, &AUTHORITY)).await;
        assert_says(
            &said,
            &["127.0.0.1", "not for 127.0.0.1 but for", "localhost", "DATABASE_URL"],
        );
    }
    enter(access(&good, "127.0.0.1", "verify-ca", &AUTHORITY)).await.unwrap();

    let expired = server(ANYBODY, AUTHORITY.issue_expired("localhost").unwrap());
    for mode in ["verify-ca", "verify-full"] {
        let said = enter(access(&expired, "localhost", mode, &AUTHORITY)).await;
        assert_says(&said, &["localhost", "has expired"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_what_it_is_not_shown_is_told_of_with_the_setting_that_shows_it() {
    let hba = "hostssl ledger shop 127.0.0.1/32 trust clientcert=verify-ca\n\
               hostssl tls_only all 127.0.0.1/32 trust\n\
               hostnossl tls_only all 127.0.0.1/32 reject\n\
               host all postgres 127.0.0.1/32 trust\n";
    let server = server(hba, AUTHORITY.issue("localhost").unwrap());
    server.psql("ledger", "CREATE ROLE shop LOGIN SUPERUSER").unwrap();
    server.create_database("tls_only").unwrap();
    let files = Files::new().unwrap();
    let shop = url(&server, "localhost", "sslmode=verify-full").replace("postgres@", "shop@");
    let shown = |own: Option<OwnCertificate>| {
        let mut access = Access::to_database(shop.clone());
        access.certificates.ca = Some(file(&files, DATABASE.ca_file, &AUTHORITY.pem()));
        access.certificates.own = own;
        access
    };

    let said = enter(shown(None)).await;
    assert_says(&said, &["localhost", "certificate", "DATABASE_CERT_FILE"]);
    let stranger = Authority::new("another").unwrap().issue("shop").unwrap();
    let said = enter(shown(Some(own(&files, &stranger)))).await;
    assert_says(&said, &["localhost", "does not accept our certificate", "DATABASE_CERT_FILE"]);
    let ours = AUTHORITY.issue("shop").unwrap();
    enter(shown(Some(own(&files, &ours)))).await.unwrap();

    let plain = url(&server, "127.0.0.1", "sslmode=disable").replace("/ledger", "/tls_only");
    let said = enter(Access::to_database(plain)).await;
    assert_says(&said, &["127.0.0.1", "plain text", "sslmode=disable", "sslmode=verify-full"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_by_whoever_demands_it() {
    let server = PostgresServer::start().unwrap();
    server.create_database("ledger").unwrap();

    let files = Files::new().unwrap();
    for mode in ["require", "verify-ca", "verify-full"] {
        let options = format!("sslmode={mode}");
        let mut access = Access::to_database(url(&server, "localhost", &options));
        access.certificates.ca = Some(file(&files, DATABASE.ca_file, &AUTHORITY.pem()));
        let said = enter(access).await;
        assert_says(&said, &["localhost", "offers no TLS", &options, "DATABASE_URL"]);
    }
    enter(Access::to_database(url(&server, "localhost", ""))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_of_no_use_is_named_with_its_setting() {
    let server = server(ANYBODY, AUTHORITY.issue("localhost").unwrap());
    let files = Files::new().unwrap();
    let ca = file(&files, DATABASE.ca_file, "no certificate");
    let mut wrong = Access::to_database(url(&server, "localhost", ""));
    wrong.certificates.ca = Some(ca.clone());
    assert_says(&enter(wrong).await, &["DATABASE_CA_FILE", "has no certificate in PEM"]);

    let good = file(&files, DATABASE.ca_file, &AUTHORITY.pem());
    let (ours, other) = (AUTHORITY.issue("a").unwrap(), AUTHORITY.issue("b").unwrap());
    let mut mixed = Access::to_database(url(&server, "localhost", ""));
    mixed.certificates.ca = Some(good);
    mixed.certificates.own = Some(own(&files, &Issued { cert: ours.cert, key: other.key }));
    let said = enter(mixed).await;
    assert_says(&said, &["DATABASE_CERT_FILE", "does not go with", "DATABASE_KEY_FILE"]);

    let path = files.path("absent");
    let mut absent = Access::to_database(url(&server, "localhost", ""));
    absent.password = Some(NamedFile { setting: DATABASE.password_file, path: path.clone() });
    assert_says(&enter(absent).await, &["DATABASE_PASSWORD_FILE", "absent cannot be read"]);
    let mut absent = Access::to_database("");
    absent.url = Secret::In(NamedFile { setting: DATABASE.url_file, path });
    let error = ledger(absent).err().map(|error| chain(&error)).unwrap();
    assert!(error.starts_with("DATABASE_URL_FILE: "), "{error}");
    assert!(error.contains("absent cannot be read"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_changed_while_the_process_runs_is_used_for_the_next_connection() {
    let hba = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
    let server = PostgresServer::start_guarded(hba, None).unwrap();
    server.create_database("ledger").unwrap();
    server.psql("ledger", "CREATE ROLE shop LOGIN SUPERUSER PASSWORD 'first-55'").unwrap();
    let files = Files::new().unwrap();
    let host = format!("127.0.0.1:{}/ledger", server.port());

    let password = file(&files, DATABASE.password_file, "first-55\n");
    let mut by_password = Access::to_database(format!("postgres://shop@{host}"));
    by_password.password = Some(password);
    let with = |password: &str| format!("postgres://shop:{password}@{host}\n");
    let mut by_url = Access::to_database("");
    by_url.url = Secret::In(file(&files, DATABASE.url_file, &with("first-55")));
    let ledgers = [by_password, by_url].map(|access| ledger(access).unwrap());
    for ledger in &ledgers {
        ledger.migrate().await.unwrap();
    }

    server.psql("ledger", "ALTER ROLE shop PASSWORD 'second-66'").unwrap();
    server.cut_off("shop").unwrap();
    for ledger in &ledgers {
        // Connections that were cut off are found out one by one.
        until(&WallClock, async || {
            let said = chain(&ledger.identity().await.expect_err("the old password opens"));
            assert!(!said.contains("first-55"), "{said}");
            said.contains("DATABASE_PASSWORD_FILE is not the role's, or has expired").then_some(())
        })
        .await;
    }
    file(&files, DATABASE.password_file, "second-66\n");
    file(&files, DATABASE.url_file, &with("second-66"));

    for ledger in &ledgers {
        ledger.identity().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_changed_while_the_process_runs_are_used_for_the_next_connection() {
    let hba = "hostssl all shop 127.0.0.1/32 trust clientcert=verify-ca\n\
               host all postgres 127.0.0.1/32 trust\n";
    let server = server(hba, AUTHORITY.issue("localhost").unwrap());
    server.psql("ledger", "CREATE ROLE shop LOGIN SUPERUSER").unwrap();
    let files = Files::new().unwrap();
    let shop = url(&server, "localhost", "").replace("postgres@", "shop@");
    let mut access = Access::to_database(shop);
    access.certificates.ca = Some(file(&files, DATABASE.ca_file, &AUTHORITY.pem()));
    access.certificates.own = Some(own(&files, &AUTHORITY.issue("shop").unwrap()));
    let ledger = ledger(access).unwrap();
    ledger.migrate().await.unwrap();

    let next = Authority::new("another").unwrap();
    server.show(&next.issue("localhost").unwrap()).unwrap();
    server.cut_off("shop").unwrap();
    until(&WallClock, async || {
        let said = ledger.identity().await.err().map(|error| chain(&error)).unwrap_or_default();
        said.contains("DATABASE_CA_FILE").then_some(())
    })
    .await;
    file(&files, DATABASE.ca_file, &next.pem());
    own(&files, &AUTHORITY.issue("shop").unwrap());

    ledger.identity().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_server_does_not_let_in_is_told_which_of_its_rules_it_is() {
    let rules = "host all nobody 127.0.0.1/32 reject\n\
                 hostssl all certain 127.0.0.1/32 cert\n\
                 hostssl all safe 127.0.0.1/32 trust\n\
                 host all postgres,asleep,full 127.0.0.1/32 trust\n";
    let server = server(rules, AUTHORITY.issue("localhost").unwrap());
    let make = "CREATE ROLE asleep NOLOGIN; CREATE ROLE nobody LOGIN; CREATE ROLE certain LOGIN; \
                 CREATE ROLE safe LOGIN; CREATE ROLE full LOGIN CONNECTION LIMIT 0";
    server.psql("postgres", make).unwrap();
    let host = format!("localhost:{}", server.port());

    for (role, mode, all, none) in [
        ("asleep", "prefer", ["28000", "ALTER ROLE"], "CERT_FILE"),
        ("missing", "prefer", ["28000", "pg_hba.conf there"], "CERT_FILE"),
        ("nobody", "prefer", ["28000", "pg_hba.conf there"], "CERT_FILE"),
        ("certain", "prefer", ["28000", "DATABASE_CERT_FILE"], "ALTER ROLE"),
        (
            "safe",
            "disable",
            ["pg_hba.conf there", "in plain text, by sslmode=disable"],
            "CERT_FILE",
        ),
        ("full", "prefer", ["53300", "CONNECTION LIMIT"], "CERT_FILE"),
    ] {
        let url = url(&server, "localhost", &format!("sslmode={mode}"));
        let said = enter(Access::to_database(url.replace("postgres@", &format!("{role}@")))).await;

        assert_says(&said, &all);
        let said = said.unwrap_err();
        assert_eq!(said.matches(&host).count(), 1, "{said}");
        let code = all.iter().find(|it| it.parse::<u32>().is_ok());
        assert!(code.is_none_or(|code| said.matches(code).count() == 1), "{said}");
        assert!(!said.contains(none) && !said.contains("creating a new object"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_demands_tls_of_a_server_without_is_named() {
    let server = PostgresServer::start().unwrap();
    server.create_database("ledger").unwrap();
    let files = Files::new().unwrap();
    let mut access = Access::to_database(url(&server, "127.0.0.1", ""));
    access.certificates.ca = Some(file(&files, DATABASE.ca_file, &AUTHORITY.pem()));

    let said = enter(access).await;

    assert_says(&said, &["it offers no TLS, which DATABASE_CA_FILE, which stands for"]);
}
