//! Who is let in to the live store, and whom it believes: TLS, passwords, and the files of both.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    num::NonZeroUsize,
    sync::{Arc, LazyLock},
};

use async_trait::async_trait;
use batcher::Limits;
use credentials::{Access, NamedFile, OwnCertificate, REDIS, Secret};
use dev_servers::{
    Authority, Files, Issued, RedisCluster, RedisServer, ServerTls, WatchSettings, WatchedRedis,
    chain,
};
use domain::{
    LedgerId, StoreError,
    ports::{CodeStore, LedgerIdentity},
};
use redis_stores::{RedisStores, RedisStoresError};
use store_contract::fixtures::{WallClock, code_of_no_sale, new_code, until};

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("ours").unwrap());

/// A ledger that is this one.
struct Ledger;

#[async_trait]
impl LedgerIdentity for Ledger {
    async fn identity(&self) -> Result<LedgerId, StoreError> {
        Ok(LedgerId(7))
    }
}

/// A file that this setting names.
fn file(files: &Files, setting: &'static str, content: &str) -> NamedFile {
    NamedFile { setting, path: files.write(setting, content).unwrap() }
}

fn own(files: &Files, issued: &Issued) -> OwnCertificate {
    OwnCertificate {
        cert: file(files, REDIS.cert_file, &issued.cert),
        key: file(files, REDIS.key_file, &issued.key),
    }
}

fn server(shows: Issued, takes: Option<String>) -> RedisServer {
    RedisServer::start_with_tls(&ServerTls { shows, takes }).unwrap()
}

fn under_tls(server: &RedisServer, host: &str, authority: &NamedFile) -> Access {
    let mut access = Access::to_redis(format!("rediss://{host}:{}", server.tls_port()));
    access.certificates.ca = Some(authority.clone());
    access
}

fn stores(access: Access) -> Result<RedisStores, RedisStoresError> {
    let max = |it| NonZeroUsize::new(it).unwrap();
    RedisStores::new(access, Arc::new(Ledger), Limits::patient(max(64), max(64)))
}

/// Asks something, or says why that cannot be, with all causes.
async fn ask(stores: &RedisStores) -> Result<(), String> {
    stores.find(code_of_no_sale()).await.map(drop).map_err(|error| chain(&error))
}

async fn enter(access: Access) -> Result<(), String> {
    match stores(access) {
        Ok(stores) => ask(&stores).await,
        Err(error) => Err(chain(&error)),
    }
}

fn assert_says(said: &Result<(), String>, all: &[&str]) {
    let said = said.as_ref().unwrap_err();
    for word in all {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_if_the_authority_that_is_named_has_signed_for_it() {
    let files = Files::new().unwrap();
    let ca = file(&files, REDIS.ca_file, &AUTHORITY.pem());
    let good = server(AUTHORITY.issue("localhost").unwrap(), None);
    enter(under_tls(&good, "localhost", &ca)).await.unwrap();

    let host = format!("127.0.0.1:{}", good.tls_port());
    let said = enter(under_tls(&good, "127.0.0.1", &ca)).await;
    assert_says(&said, &[&host, "not for 127.0.0.1 but for", "localhost", "REDIS_URL"]);
    let by_system = Access::to_redis(format!("rediss://localhost:{}", good.tls_port()));
    assert_says(&enter(by_system).await, &["REDIS_CA_FILE"]);
    for name in ["another", "ours"] {
        let other = file(&files, REDIS.ca_file, &Authority::new(name).unwrap().pem());
        let said = enter(under_tls(&good, "localhost", &other)).await;
        assert_says(&said, &["localhost", "authority that is not believed", "REDIS_CA_FILE"]);
    }

    let expired = server(AUTHORITY.issue_expired("localhost").unwrap(), None);
    let ca = file(&files, REDIS.ca_file, &AUTHORITY.pem());
    let said = enter(under_tls(&expired, "localhost", &ca)).await;
    assert_says(&said, &["localhost", "has expired"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_a_certificate_is_shown_one_or_told_of() {
    let server = server(AUTHORITY.issue("localhost").unwrap(), Some(AUTHORITY.pem()));
    let files = Files::new().unwrap();
    let ca = file(&files, REDIS.ca_file, &AUTHORITY.pem());
    let shown = |own: Option<OwnCertificate>| {
        let mut access = under_tls(&server, "localhost", &ca);
        access.certificates.own = own;
        access
    };

    let said = enter(shown(None)).await;
    assert_says(&said, &["localhost", "wants to see one", "REDIS_CERT_FILE", "REDIS_KEY_FILE"]);
    let stranger = Authority::new("another").unwrap().issue("shop").unwrap();
    let said = enter(shown(Some(own(&files, &stranger)))).await;
    assert_says(&said, &["localhost", "does not accept our certificate", "REDIS_CERT_FILE"]);
    enter(shown(Some(own(&files, &AUTHORITY.issue("shop").unwrap())))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_on_one_side_alone_is_told_of_with_the_setting_that_says_so() {
    let server = server(AUTHORITY.issue("localhost").unwrap(), None);
    let files = Files::new().unwrap();
    let ca = file(&files, REDIS.ca_file, &AUTHORITY.pem());

    let to_plain = format!("rediss://localhost:{}", server.port());
    let mut to_plain = Access::to_redis(to_plain);
    to_plain.certificates.ca = Some(ca);
    let said = enter(to_plain).await;
    assert_says(&said, &["localhost", "is silent", "REDIS_URL", "redis://"]);

    let in_plain = Access::to_redis(format!("redis://127.0.0.1:{}", server.tls_port()));
    let said = enter(in_plain).await;
    assert_says(&said, &["127.0.0.1", "rediss://", "REDIS_URL"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_of_no_use_is_named_with_its_setting() {
    let server = server(AUTHORITY.issue("localhost").unwrap(), None);
    let files = Files::new().unwrap();
    let path = files.path("absent");
    let mut absent = Access::to_redis(server.url());
    absent.password = Some(NamedFile { setting: REDIS.password_file, path: path.clone() });
    assert_says(&enter(absent).await, &["REDIS_PASSWORD_FILE: ", "absent cannot be read"]);

    let mut absent = Access::to_redis("");
    absent.url = Secret::In(NamedFile { setting: REDIS.url_file, path });
    let error = stores(absent).err().map(|error| chain(&error)).unwrap();
    assert!(error.starts_with("REDIS_URL_FILE: "), "{error}");
    assert!(error.contains("absent cannot be read"), "{error}");

    let none = file(&files, REDIS.ca_file, "no certificate");
    let said = enter(under_tls(&server, "localhost", &none)).await;
    assert_says(&said, &["REDIS_CA_FILE", "has no certificate in PEM"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_in_files_while_the_process_runs_is_used_for_the_next_connection() {
    let server = server(AUTHORITY.issue("localhost").unwrap(), None);
    server.let_in("shop", "first-55").unwrap();
    let files = Files::new().unwrap();
    let host = format!("127.0.0.1:{}", server.port());
    let mut by_password = Access::to_redis(format!("redis://shop@{host}"));
    by_password.password = Some(file(&files, REDIS.password_file, "first-55\n"));
    let with = |password: &str| format!("redis://shop:{password}@{host}\n");
    let mut by_url = Access::to_redis("");
    by_url.url = Secret::In(file(&files, REDIS.url_file, &with("first-55")));
    let ca = file(&files, REDIS.ca_file, &AUTHORITY.pem());
    let mut with_tls = Access::to_redis(format!("rediss://shop@localhost:{}", server.tls_port()));
    with_tls.certificates.ca = Some(ca);
    with_tls.password = by_password.password.clone();
    let all = [by_password, by_url, with_tls].map(|access| stores(access).unwrap());
    for stores in &all {
        ask(stores).await.unwrap();
    }

    server.let_in("shop", "second-66").unwrap();
    server.cut_off("shop").unwrap();
    for stores in &all {
        until(&WallClock, async || {
            let said = ask(stores).await.expect_err("the old password opens");
            assert!(!said.contains("first-55"), "{said}");
            said.contains("REDIS_PASSWORD_FILE").then_some(())
        })
        .await;
    }
    file(&files, REDIS.password_file, "second-66\n");
    file(&files, REDIS.url_file, &with("second-66"));

    for stores in &all {
        ask(stores).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_a_cluster_are_spoken_to_under_tls_by_the_names_they_announce() {
    let files = Files::new().unwrap();
    let shows = AUTHORITY.issue("localhost").unwrap();
    let tls = ServerTls { shows, takes: Some(AUTHORITY.pem()) };
    let cluster = RedisCluster::start_with_tls(3, &tls).unwrap();
    let client = AUTHORITY.issue("shop").unwrap();
    let by = |authority: &str| {
        let mut access = Access::to_redis(cluster.tls_url());
        access.certificates.ca = Some(file(&files, REDIS.ca_file, authority));
        access.certificates.own = Some(own(&files, &client));
        access
    };

    let stores = stores(by(&AUTHORITY.pem())).unwrap();
    for sale in 1..20 {
        let code = new_code(sale.try_into().unwrap());
        assert_eq!(stores.find(code).await.unwrap(), None);
    }
    let said = enter(by(&Authority::new("another").unwrap().pem())).await;
    assert_says(&said, &["localhost", "authority that is not believed", "REDIS_CA_FILE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_and_their_servers_are_spoken_to_under_tls_and_shown_a_certificate() {
    let files = Files::new().unwrap();
    let shows = AUTHORITY.issue("127.0.0.1").unwrap();
    let tls = Some(ServerTls { shows, takes: Some(AUTHORITY.pem()) });
    let servers = WatchedRedis::start_with(WatchSettings { tls, ..Default::default() }).unwrap();
    let access = |shown: Option<&Issued>| {
        let mut access = Access::to_redis(servers.url());
        access.certificates.ca = Some(file(&files, REDIS.ca_file, &AUTHORITY.pem()));
        access.certificates.own = shown.map(|issued| own(&files, issued));
        access
    };

    enter(access(Some(&AUTHORITY.issue("shop").unwrap()))).await.unwrap();
    let said = enter(access(None)).await;
    assert_says(&said, &["127.0.0.1", "wants to see one", "REDIS_CERT_FILE", "REDIS_KEY_FILE"]);
}
