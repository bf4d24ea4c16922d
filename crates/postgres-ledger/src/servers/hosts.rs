//! The hosts of a URL, each by itself.

use std::sync::Arc;

use tokio::sync::{OnceCell, Semaphore};
use tokio_postgres::{Config, config::Host as Address};

/// Connections to one host that may wait for their barrier at a time. One that waits cannot be taken
/// back, and the server keeps it until the standby answers, so they must not pile up.
const BARRIERS_MAX: usize = 4;

/// One of the hosts.
pub(super) struct Host {
    pub(super) name: String,
    /// Its name without the port.
    pub(super) address: String,
    pub(super) config: Config,
    pub(super) barriers: Arc<Semaphore>,
    /// Set once it is known that no pooler in transaction mode is in front of it.
    pub(super) has_sessions: OnceCell<()>,
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
            let barriers = before.iter().find(|host| host.name == name).map_or_else(
                || Arc::new(Semaphore::new(BARRIERS_MAX)),
                |host| Arc::clone(&host.barriers),
            );
            let has_sessions = OnceCell::new();
            Arc::new(Host { name, address, config: one, barriers, has_sessions })
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
}
