//! The servers, how one gets in, and connections to them.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use credentials::{Access, REDIS, Reader, Verify};
use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_redis::{
    Runtime,
    redis::{
        self, AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisConnectionInfo,
        RedisError, aio::MultiplexedConnection,
    },
};
use tokio::{net::TcpStream, task::AbortHandle, time::timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

mod address;
mod ask;
mod error;
mod node;
mod owners;
mod servers;

use self::address::{Address, Form};
pub use self::error::SourceError;
pub(crate) use self::{
    error::ConnectError,
    node::{Node, Purpose, Server},
    servers::{Redirection, Servers},
};
use crate::line::REPLY_MS_MAX;

/// How long a connection may take to come about, and a caller may wait for one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The same with the files that have to be read first.
const CREATE_TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) type Pool = managed::Pool<Manager>;
pub(crate) type Object = managed::Object<Manager>;
pub(crate) type PoolError = managed::PoolError<ConnectError>;
pub(crate) use deadpool::managed::BuildError;

/// Makes connections, by what the settings and their files say at the moment.
pub(crate) struct Manager {
    doors: Doors,
    node: Node,
    pings: AtomicUsize,
}

/// What the settings say, read again for each connection.
#[derive(Clone)]
pub(crate) struct Doors {
    access: Arc<Access>,
    reader: Reader,
}

/// A connection. Whatever is still under way there ends with it.
pub(crate) struct Connection {
    line: MultiplexedConnection,
    /// What drives it, where that is not the library's to end.
    driver: Option<AbortHandle>,
}

/// What it takes to connect now.
struct Entry {
    host: String,
    info: ConnectionInfo,
    tls: Option<ClientConfig>,
}

/// A pool of at most so many connections.
fn pool(doors: &Doors, node: &Node, size: usize) -> Result<Pool, BuildError> {
    let (doors, node) = (doors.clone(), node.clone());
    Pool::builder(Manager { doors, node, pings: AtomicUsize::new(0) })
        .max_size(size)
        .wait_timeout(Some(CONNECT_TIMEOUT))
        .create_timeout(Some(CREATE_TIMEOUT))
        .recycle_timeout(Some(CONNECT_TIMEOUT))
        .runtime(Runtime::Tokio1)
        .build()
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = ConnectError;

    async fn create(&self) -> Result<Connection, ConnectError> {
        // So that whoever may have to connect, and mostly has not, is not as large as that.
        Box::pin(self.doors.enter(&self.node)).await
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _: &Metrics,
    ) -> RecycleResult<ConnectError> {
        let number = self.pings.fetch_add(1, Ordering::Relaxed).to_string();
        let pinged: Result<String, RedisError> =
            redis::cmd("PING").arg(&number).query_async(&mut connection.line).await;
        match pinged {
            Ok(answer) if answer == number => Ok(()),
            Ok(_) => Err(RecycleError::message("it answers what it was asked before")),
            Err(_) => Err(RecycleError::message("it does not answer")),
        }
    }
}

impl Doors {
    pub(crate) fn new(access: Access) -> Self {
        Self { access: Arc::new(access), reader: Reader::default() }
    }

    /// Finds out whether the settings can be right, as far as that can be seen from here, and what the hosts
    /// are that they name.
    pub(crate) fn check(&self) -> Result<Form, SourceError> {
        let address = Address::read(&self.access)?;
        if let Some(host) = address.far().filter(|_| !address.is_tls) {
            tracing::warn!(
                %host,
                "what is said to Redis crosses the network in plain text: rediss:// in REDIS_URL, and \
                 REDIS_CA_FILE, protect it"
            );
        }
        Ok(address.form)
    }

    /// The hosts that the settings name at the moment, which are to be what they were at the start.
    async fn named(&self, form: Form) -> Result<Vec<Node>, ConnectError> {
        let access = Arc::clone(&self.access);
        Ok(self
            .reader
            .read(move || Ok::<_, SourceError>(Address::of_form(&access, &form)?.nodes()))
            .await?)
    }

    /// A new connection to a server.
    async fn enter(&self, node: &Node) -> Result<Connection, ConnectError> {
        let (access, node) = (Arc::clone(&self.access), node.clone());
        connect(self.reader.read(move || Entry::of_server(&access, &node)).await?).await
    }

    /// A new connection to a sentinel.
    async fn enter_sentinel(&self, node: &Node) -> Result<Connection, ConnectError> {
        let (access, node) = (Arc::clone(&self.access), node.clone());
        connect(self.reader.read(move || Entry::of_sentinel(&access, &node)).await?).await
    }
}

async fn connect(Entry { host, info, tls }: Entry) -> Result<Connection, ConnectError> {
    let is_tls = tls.is_some();
    let connecting = async {
        match tls {
            None => plain(info).await,
            Some(tls) => under_tls(&info, tls).await,
        }
    };
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(|source| ConnectError::of(host, is_tls, source)),
        Err(_) if is_tls => Err(ConnectError::SilentUnderTls { host }),
        Err(_) => Err(ConnectError::Silent { host }),
    }
}

/// Each reads files, so it may have to wait for a disk.
impl Entry {
    fn of_server(access: &Access, node: &Node) -> Result<Self, SourceError> {
        let address = match node {
            Node::OfUrl => Address::of_form(access, &Form::Server)?,
            Node::At { .. } => Address::read(access)?,
        };
        let mut settings = address.settings().clone().set_db(address.database);
        if let Some(password) = access.password()? {
            settings = settings.set_password(password);
        }
        Self::at(access, &address, node, settings)
    }

    fn of_sentinel(access: &Access, node: &Node) -> Result<Self, SourceError> {
        let address = Address::read(access)?;
        let mut settings = RedisConnectionInfo::default();
        if let Some(file) = &access.sentinel_password {
            settings = settings.set_password(file.read_secret()?);
        }
        Self::at(access, &address, node, settings)
    }

    fn at(
        access: &Access,
        address: &Address,
        node: &Node,
        settings: RedisConnectionInfo,
    ) -> Result<Self, SourceError> {
        let tls =
            address.is_tls.then(|| access.certificates.client_config(Verify::ChainAndName, &REDIS));
        let info = address.hosts[0].clone().set_redis_settings(settings);
        let info = match node {
            Node::OfUrl => info,
            Node::At { host, port } => info.set_addr(ConnectionAddr::Tcp(host.clone(), *port)),
        };
        Ok(Self { host: info.addr().to_string(), info, tls: tls.transpose()? })
    }
}

fn limits() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(Duration::from_millis(REPLY_MS_MAX)))
}

async fn plain(info: ConnectionInfo) -> Result<Connection, RedisError> {
    let client = Client::open(info)?;
    let line = client.get_multiplexed_async_connection_with_config(&limits()).await?;
    Ok(Connection { line, driver: None })
}

/// The library's own TLS would read the system's authorities for each connection even where another
/// is named, and can show neither what is wrong with a file nor which one it is.
async fn under_tls(info: &ConnectionInfo, tls: ClientConfig) -> Result<Connection, RedisError> {
    let redis::ConnectionAddr::Tcp(host, port) = info.addr() else {
        return Err(std::io::Error::from(std::io::ErrorKind::Unsupported).into());
    };
    let name = ServerName::try_from(host.clone()).map_err(std::io::Error::other)?;
    let stream = TcpStream::connect((host.as_str(), *port)).await?;
    // Records are whole already, and whoever waits for one waits for its last packet.
    stream.set_nodelay(true)?;
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await?;
    let settings = info.redis_settings();
    let made = MultiplexedConnection::new_with_config(settings, stream, limits()).await;
    let (line, driver) = made?;
    let driver = Some(tokio::spawn(driver).abort_handle());
    Ok(Connection { line, driver })
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}

impl Deref for Connection {
    type Target = MultiplexedConnection;

    fn deref(&self) -> &MultiplexedConnection {
        &self.line
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut MultiplexedConnection {
        &mut self.line
    }
}
