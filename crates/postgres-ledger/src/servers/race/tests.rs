//! Which server is found, on real ones.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
    time::Duration,
};

use credentials::Access;
use dev_servers::{Condition, PostgresServer, Proxy, RedisServer};
use futures_util::FutureExt as _;
use tokio::sync::Semaphore;

use super::{Patience, Winner, race};
use crate::{
    servers::{
        ConnectError, Durability, Servers, Source, Use, of_pool, pool,
        pooler::{Looked, exclude},
    },
    settings,
};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ALSO_HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn servers(url: &str) -> Servers {
    Servers::of(Source::new(Access::to_database(url)).unwrap(), Durability::Single, 7)
}

/// The servers of a URL whose names all have these addresses.
fn servers_at(url: &str, ips: &[IpAddr]) -> Servers {
    let ips = ips.to_vec();
    let look_up = Box::new(move |_, _| std::future::ready(io::Result::Ok(ips.clone())).boxed());
    Servers { look_up, ..servers(url) }
}

async fn winner(servers: &Servers, patience: Patience) -> Result<Winner, ConnectError> {
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    race(servers, &Arc::new(permit), patience).await
}

fn name(port: u16) -> String {
    format!("postgres://postgres@db.test:{port}/postgres?sslmode=disable")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_addresses_of_a_name_the_one_that_takes_writes_is_found() {
    let first = PostgresServer::start().unwrap();
    let second = first.start_standby().unwrap();
    let _to_standby = Proxy::on(ALSO_HERE, first.port(), second.port()).await.unwrap();
    let servers = servers_at(&name(first.port()), &[ALSO_HERE, HERE]);

    let found = winner(&servers, Patience::Whole).await.map(|found| found.host.name.clone());

    assert_eq!(found.unwrap(), format!("db.test:{} (127.0.0.1)", first.port()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_name_where_nobody_answers_keeps_nobody_from_the_others() {
    let server = PostgresServer::start().unwrap();
    let silent = Proxy::on(ALSO_HERE, server.port(), server.port()).await.unwrap();
    silent.set_condition(Condition::Blocked);
    let servers = servers_at(&name(server.port()), &[ALSO_HERE, HERE]);

    for patience in [Patience::Brief, Patience::Whole] {
        let found = winner(&servers, patience).await;
        assert!(found.is_ok(), "{:?}", found.err());
    }
}

/// As long as a name server may take that is asked a second time.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_found_late_leaves_its_addresses_the_time_that_they_have() {
    let server = PostgresServer::start().unwrap();
    let silent = Proxy::on(ALSO_HERE, server.port(), server.port()).await.unwrap();
    silent.set_condition(Condition::Blocked);
    let look_up = Box::new(|_, _| {
        let late = tokio::time::sleep(Duration::from_millis(1_500));
        late.map(|()| io::Result::Ok(vec![ALSO_HERE, HERE])).boxed()
    });
    let servers = Servers { look_up, ..servers(&name(server.port())) };

    let found = winner(&servers, Patience::Whole).await;

    assert!(found.is_ok(), "{:?}", found.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_gains_the_address_of_a_promoted_server_is_looked_at_again() {
    let first = PostgresServer::start().unwrap();
    let second = first.start_standby().unwrap();
    let _to_second = Proxy::on(ALSO_HERE, first.port(), second.port()).await.unwrap();
    let ips = Arc::new(Mutex::new(vec![HERE]));
    let of_now = Arc::clone(&ips);
    let look_up = Box::new(move |_, _| {
        std::future::ready(io::Result::Ok(of_now.lock().unwrap().clone())).boxed()
    });
    let servers = Arc::new(Servers { look_up, ..servers(&name(first.port())) });
    let pool = pool(&servers, 7, &settings::hot(), Use::Others).unwrap();
    let kept = pool.get().await.unwrap();

    second.promote().unwrap();
    ips.lock().unwrap().push(ALSO_HERE);
    servers.look_around().await;

    assert!(!kept.is_trusted());
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_told() {
    let error = winner(&servers_at(&name(1), &[]), Patience::Whole).await.err().unwrap();

    assert!(error.to_string().contains("db.test:1: the name has no address"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_done_is_said_of_one_host_of_several_too() {
    let (server, gone) = (PostgresServer::start().unwrap(), PostgresServer::start().unwrap());
    gone.stop().unwrap();
    server.psql("postgres", "CREATE ROLE shop LOGIN CONNECTION LIMIT 0").unwrap();
    let url =
        PostgresServer::url_of_all(&[&server, &gone], "postgres").replace("postgres@", "shop@");

    for url in [server.url("postgres").replace("postgres@", "shop@"), url] {
        let error = winner(&servers(&url), Patience::Whole).await.err().unwrap();

        assert!(error.to_string().contains("DATABASE_CONNECTIONS"), "{error}");
        assert!(error.remedy().unwrap().contains("DATABASE_CONNECTIONS"), "{:?}", error.remedy());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_tell_its_timeline_is_used_whatever_keeps_it_from_that() {
    let server = PostgresServer::start().unwrap();
    let lacks = "ALTER FUNCTION pg_catalog.pg_walfile_name(pg_lsn) RENAME TO walfile_name_of_old";
    server.psql("postgres", lacks).unwrap();

    let found = winner(&servers(&server.url("postgres")), Patience::Whole).await.unwrap();

    assert_eq!(found.identity.timeline, None);
    assert!(found.identity.started.is_some());
    assert!(found.identity.system.is_some(), "what else there is to know is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn barriers_at_a_server_that_the_ledger_has_left_take_no_permits() {
    let first = PostgresServer::start().unwrap();
    let second = first.start_standby().unwrap();
    let url = PostgresServer::url_of_all(&[&first, &second], "postgres");
    let servers = Arc::new(servers(&url));
    let pool = pool(&servers, 7, &settings::hot(), Use::Others).unwrap();
    drop(pool.get().await.unwrap());

    // Nobody confirms anything to the first any more.
    first.wait_for_standbys(true).unwrap();
    second.kill().unwrap();
    pool.retain(|_, _| false);
    let waiting = futures_util::future::join_all((0..7).map(|_| pool.get())).await;
    assert!(waiting.iter().all(Result::is_err));
    assert!(servers.permits.available_permits() < 7);
    second.start_again().unwrap();
    second.promote().unwrap();
    second.wait_for_standbys(false).unwrap();

    let mut connections = vec![pool.get().await.unwrap()];
    for _ in 1..7 {
        connections.push(pool.get().await.unwrap());
    }
    assert_eq!(servers.moves(), 1);
}

/// As many as a process may have, that began while the first one waited for its standby, which then
/// stands still.
#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_server_is_found_although_every_permit_waits_at_one_that_was_never_used() {
    let first = PostgresServer::start().unwrap();
    let second = first.start_standby().unwrap();
    let url = PostgresServer::url_of_all(&[&first, &second], "postgres");
    let source = Source::new(Access::to_database(url)).unwrap();
    let servers = Arc::new(Servers::of(source, Durability::Single, 3));
    let pool = pool(&servers, 3, &settings::hot(), Use::Others).unwrap();
    first.wait_for_standbys(true).unwrap();
    second.kill().unwrap();
    let waiting = futures_util::future::join_all((0..3).map(|_| pool.get())).await;
    assert!(waiting.iter().all(Result::is_err));
    assert_eq!(servers.permits.available_permits(), 0);

    first.pause().unwrap();
    second.start_again().unwrap();
    second.promote().unwrap();
    second.wait_for_standbys(false).unwrap();
    servers.look_around().await;
    let found = pool.get().await.map(drop).map_err(of_pool);
    first.resume().unwrap();

    assert!(found.is_ok(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_past_is_refused_with_what_the_promoted_one_says() {
    let first = PostgresServer::start().unwrap();
    let second = first.start_standby().unwrap();
    let url = PostgresServer::url_of_all(&[&first, &second], "postgres");
    let servers = Arc::new(servers(&url));
    let pool = pool(&servers, 7, &settings::hot(), Use::Others).unwrap();
    second.promote().unwrap();
    drop(pool.get().await.unwrap());

    second.stop().unwrap();
    pool.retain(|_, _| false);
    let refused = pool.get().await.err().map(of_pool).unwrap();

    assert!(matches!(refused, ConnectError::Past { .. }), "{refused}");
    let said = refused.to_string();
    let (first, second) = (first.port(), second.port());
    assert!(said.contains(&format!("127.0.0.1:{first} is on timeline 1")), "{said}");
    assert!(said.contains(&format!("127.0.0.1:{second}: Connection refused")), "{said}");
}

/// One that says nothing, one that says no, and a standby.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_others_say_is_known_of_a_process_that_has_only_just_begun() {
    let first = PostgresServer::start().unwrap();
    let standby = first.start_standby().unwrap();
    let silent = Proxy::to(first.port()).await.unwrap();
    silent.set_condition(Condition::Blocked);
    let gone = PostgresServer::start().unwrap();
    gone.stop().unwrap();
    let url = PostgresServer::url_of_all(&[&first, &standby, &gone], "postgres");
    let url = url.replace('@', &format!("@127.0.0.1:{},", silent.port()));
    let servers = servers(&url);
    assert_eq!(servers.patience(), Patience::Whole);

    let found = winner(&servers, servers.patience()).await.unwrap();

    let said = found.others.iter().map(|(name, why)| format!("{name}{why}")).collect::<Vec<_>>();
    let said = said.join("; ");
    assert_eq!(found.host.name, format!("127.0.0.1:{}", first.port()), "{said}");
    for word in [
        format!("127.0.0.1:{} is a standby", standby.port()),
        format!("127.0.0.1:{} is silent, or does not speak Postgres", silent.port()),
        format!("127.0.0.1:{}: Connection refused", gone.port()),
    ] {
        assert!(said.contains(&word), "{said}");
    }
}

/// Such as a Redis whose port is in the URL: it waits for the end of a line.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_kind_may_be_meant_by_one_that_is_silent() {
    let other = RedisServer::start().unwrap();
    let servers = servers(&format!("postgres://postgres@127.0.0.1:{}/postgres", other.port()));

    let refused = winner(&servers, Patience::Whole).await.err().unwrap().to_string();

    assert!(refused.contains("does not speak Postgres"), "{refused}");
}

/// Nothing is announced of a server by a connection that does not know yet whether it is of use.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_cannot_look_for_a_pooler_as_another_one_does_says_so() {
    let server = PostgresServer::start().unwrap();
    let servers = servers(&server.url("postgres"));
    let Winner { host, key, line, .. } = winner(&servers, Patience::Whole).await.unwrap();

    let others = host.looks.acquire().await.unwrap();
    let meanwhile = exclude(&servers, &host, &key, &line).await.unwrap();
    drop(others);

    assert_eq!(meanwhile, Looked::ElsewhereNow);
    let itself = exclude(&servers, &host, &key, &line).await.unwrap();
    assert_eq!(itself, Looked::AsFarAsCanBe);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_server_is_full_is_said_once_in_a_while_whoever_meets_it() {
    let server = PostgresServer::start().unwrap();
    server.psql("postgres", "CREATE ROLE shop LOGIN CONNECTION LIMIT 1").unwrap();
    let url = server.url("postgres").replace("postgres@", "shop@");
    let servers = Arc::new(servers(&url));
    let pool = pool(&servers, 7, &settings::hot(), Use::Others).unwrap();
    let warned_at = || *servers.warned_at.lock().unwrap();

    let _kept = pool.get().await.unwrap();
    assert!(warned_at().is_none());
    assert!(pool.get().await.is_err());
    let first = warned_at().unwrap();
    assert!(pool.get().await.is_err());

    assert_eq!(warned_at(), Some(first));
}
