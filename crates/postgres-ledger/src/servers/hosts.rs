//! The hosts of a URL, each by itself, and the addresses that a name leads to, each by itself as well.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::sync::{Notify, Semaphore};
use tokio_postgres::{
    Config,
    config::{Host as Address, SslMode, SslNegotiation},
};

/// Connections to one host that may wait for their barrier at a time. The server keeps one that waits
/// until the standby answers, whether it is given up or not, so they must not pile up.
const BARRIERS_MAX: usize = 4;

/// One of the hosts, or one of the addresses of its name.
pub(super) struct Host {
    /// As messages call it.
    pub(super) name: String,
    /// Its name without the port.
    pub(super) address: String,
    pub(super) config: Config,
    pub(super) barriers: Arc<Barriers>,
    /// Set once it is known that no pooler in transaction mode is in front of it.
    pub(super) has_sessions: AtomicBool,
    /// One looks at a time whether there is one; nobody waits for that.
    pub(super) looks: Semaphore,
    port: u16,
    /// Which of the addresses of the name it is, if the name is one that is looked up.
    ip: Option<IpAddr>,
    /// The addresses that the name had when it was looked up last.
    addresses: Mutex<HashMap<IpAddr, Arc<Self>>>,
    waiting: Arc<Waiting>,
}

/// The barriers of a host that are waited for.
pub(super) struct Barriers {
    pub(super) room: Arc<Semaphore>,
    /// Told when none of them is of use any more.
    pub(super) given_up: Arc<Notify>,
}

impl Default for Barriers {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(BARRIERS_MAX)), given_up: Arc::default() }
    }
}

/// The barriers at each address of a name, which stay when the URL is read again.
#[derive(Default)]
struct Waiting(Mutex<HashMap<Option<IpAddr>, Arc<Barriers>>>);

impl Waiting {
    fn at(&self, ip: Option<IpAddr>) -> Arc<Barriers> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(ip).or_default())
    }

    fn keep_only(&self, ips: &[IpAddr]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|ip, _| ip.is_none_or(|ip| ips.contains(&ip)));
    }

    fn give_up(&self, is_left: impl Fn(Option<IpAddr>) -> bool) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, barriers) in all.iter().filter(|(ip, _)| is_left(**ip)) {
            barriers.given_up.notify_waiters();
        }
    }
}

/// How a name is looked up: by the system, but in tests.
pub(super) type LookUp =
    Box<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Looks names up as the system does.
pub(super) fn by_the_system() -> LookUp {
    Box::new(|name, port| {
        async move {
            let found = tokio::net::lookup_host((name, port)).await?;
            Ok(found.map(|address| address.ip()).collect())
        }
        .boxed()
    })
}

impl Host {
    /// Each address of the host. A name may lead to a server and its standby, or to an address where
    /// nobody answers.
    pub(super) async fn each_address(
        self: &Arc<Self>,
        look_up: &LookUp,
    ) -> io::Result<Vec<Arc<Self>>> {
        if !self.is_looked_up() {
            return Ok(vec![Arc::clone(self)]);
        }
        let mut ips = Vec::new();
        for ip in look_up(self.address.clone(), self.port).await? {
            if !ips.contains(&ip) {
                ips.push(ip);
            }
        }
        if ips.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        self.waiting.keep_only(&ips);
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.retain(|ip, _| ips.contains(ip));
        let is_alone = ips.len() == 1;
        let at = |ip| Arc::clone(addresses.entry(ip).or_insert_with(|| self.at(ip, is_alone)));
        Ok(ips.into_iter().map(at).collect())
    }

    /// Whether it is the same place on the network.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.address, self.port, self.ip) == (&other.address, other.port, other.ip)
    }

    /// Ends the barriers that wait here, and their connections: the ledger is elsewhere.
    pub(super) fn give_up_barriers(&self) {
        self.barriers.given_up.notify_waiters();
    }

    /// The same at each address of its name, but at that of `ledger`.
    pub(super) fn give_up_barriers_but_at(&self, ledger: &Self) {
        let is_its_name = (&self.address, self.port) == (&ledger.address, ledger.port);
        self.waiting.give_up(|ip| !is_its_name || ip != ledger.ip);
    }

    fn is_looked_up(&self) -> bool {
        self.config.get_hostaddrs().is_empty()
            && matches!(self.config.get_hosts(), [Address::Tcp(name)] if name.parse::<IpAddr>().is_err())
    }

    /// The host at one address of its name, which is still what a certificate must be for.
    fn at(&self, ip: IpAddr, is_alone: bool) -> Arc<Self> {
        let mut config = self.config.clone();
        config.hostaddr(ip);
        let name = if is_alone { self.name.clone() } else { format!("{} ({ip})", self.name) };
        Arc::new(Self {
            name,
            address: self.address.clone(),
            config,
            barriers: self.waiting.at(Some(ip)),
            has_sessions: AtomicBool::new(false),
            looks: Semaphore::new(1),
            port: self.port,
            ip: Some(ip),
            addresses: Mutex::default(),
            waiting: Arc::clone(&self.waiting),
        })
    }
}

/// The hosts of a configuration. Which of them is the ledger is found out here, so what the driver
/// would do about that is left out. Those that there were before keep what waits for them.
pub(super) fn each(config: &Config, before: &[Arc<Host>]) -> Arc<[Arc<Host>]> {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    (0..hosts.len().max(addresses.len()))
        .map(|index| {
            let mut one = without_hosts(config);
            let mut name = String::new();
            match hosts.get(index) {
                Some(Address::Tcp(host)) => {
                    one.host(host);
                    name.clone_from(host);
                }
                #[cfg(unix)]
                Some(Address::Unix(path)) => {
                    one.host_path(path);
                    // As libpq has it: nobody is in between, and the server offers none there.
                    one.ssl_mode(SslMode::Disable).ssl_negotiation(SslNegotiation::Postgres);
                    name = path.display().to_string();
                }
                None => {}
            }
            if let Some(address) = addresses.get(index) {
                one.hostaddr(*address);
                if name.is_empty() {
                    name = address.to_string();
                    // What its certificate must be for.
                    one.host(&name);
                }
            }
            let ports = config.get_ports();
            let port = ports.get(index).or_else(|| ports.first()).copied().unwrap_or(5432);
            one.port(port);
            let address = name;
            let name = format!("{address}:{port}");
            let waiting = before.iter().find(|host| host.name == name);
            let waiting = waiting.map(|host| Arc::clone(&host.waiting)).unwrap_or_default();
            Arc::new(Host {
                name,
                address,
                config: one,
                barriers: waiting.at(None),
                has_sessions: AtomicBool::new(false),
                looks: Semaphore::new(1),
                port,
                ip: None,
                addresses: Mutex::default(),
                waiting,
            })
        })
        .collect()
}

fn without_hosts(config: &Config) -> Config {
    let mut one = Config::new();
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(database) = config.get_dbname() {
        one.dbname(database);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    if let Some(limit) = config.get_connect_timeout() {
        one.connect_timeout(*limit);
    }
    if let Some(limit) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*limit);
    }
    one.ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle());
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn each_host_has_its_own_port_and_what_all_have_in_common() {
        let to = |hosts: &str| {
            let url = format!(
                "postgres://shop:secret@{hosts}/ledger?application_name=x&options=-csearch_path%3Dshop&\
                 sslmode=disable&channel_binding=require&connect_timeout=4&tcp_user_timeout=5&\
                 keepalives=0&keepalives_idle=7&keepalives_interval=8&keepalives_retries=9"
            );
            Config::from_str(&url).unwrap()
        };

        let hosts = each(&to("a:1,b:2,[::1]:3"), &[]);

        let names = hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["a:1", "b:2", "::1:3"]);
        for (host, alone) in hosts.iter().zip(["a:1", "b:2", "[::1]:3"]) {
            assert_eq!(host.config, to(alone));
        }
    }

    #[test]
    fn one_port_is_for_all_hosts_and_none_is_the_usual_one() {
        let ports = |url: &str| {
            let hosts = each(&Config::from_str(url).unwrap(), &[]);
            hosts.iter().map(|host| host.name.clone()).collect::<Vec<_>>()
        };

        assert_eq!(ports("host=a,b port=7 user=x"), ["a:7", "b:7"]);
        assert_eq!(ports("host=a user=x"), ["a:5432"]);
        assert_eq!(ports("hostaddr=127.0.0.1 user=x"), ["127.0.0.1:5432"]);
    }

    #[test]
    fn a_socket_of_this_machine_is_not_asked_for_tls() {
        let config = "host=/run,b user=x sslmode=require".parse().unwrap();

        let hosts = each(&config, &[]);

        let modes = hosts.iter().map(|host| host.config.get_ssl_mode()).collect::<Vec<_>>();
        assert_eq!(modes, [SslMode::Disable, SslMode::Require]);
    }

    #[tokio::test]
    async fn an_address_of_a_name_is_a_host_of_its_own_as_long_as_the_name_has_it() {
        let ips = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from);
        let look_up = |ips: Vec<IpAddr>| -> LookUp {
            Box::new(move |_, _| std::future::ready(Ok(ips.clone())).boxed())
        };
        let config = Config::from_str("host=db.test user=x").unwrap();
        let host = Arc::clone(&each(&config, &[])[0]);
        let both = look_up(vec![ips[0], ips[1], ips[0]]);

        let first = host.each_address(&both).await.unwrap();
        let again = host.each_address(&both).await.unwrap();
        let read_again = each(&config, std::slice::from_ref(&host));
        let read_again = read_again[0].each_address(&both).await.unwrap();
        let alone = host.each_address(&look_up(vec![ips[1]])).await.unwrap();

        let names = first.iter().map(|host| host.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["db.test:5432 (10.0.0.1)", "db.test:5432 (10.0.0.2)"]);
        assert_eq!(first[0].config.get_hostaddrs(), [ips[0]]);
        // What a certificate must be for.
        assert_eq!(first[0].config.get_hosts(), host.config.get_hosts());
        assert!(Arc::ptr_eq(&first[0], &again[0]) && Arc::ptr_eq(&alone[0], &first[1]));
        assert!(Arc::ptr_eq(&read_again[0].barriers, &first[0].barriers));
        assert!(!first[0].is_same(&first[1]) && first[0].is_same(&read_again[0]));
    }

    #[tokio::test]
    async fn an_address_is_looked_up_nowhere() {
        let nowhere: LookUp =
            Box::new(|_, _| std::future::ready(Err(io::Error::other("somebody asked"))).boxed());

        for text in ["host=127.0.0.1 user=x", "hostaddr=127.0.0.1 user=x", "host=/run user=x"] {
            let hosts = each(&Config::from_str(text).unwrap(), &[]);
            let found = hosts[0].each_address(&nowhere).await.unwrap();
            assert!(Arc::ptr_eq(&found[0], &hosts[0]), "{text}");
        }
    }
}
