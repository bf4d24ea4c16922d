//! The live store of one process, as other processes of its owner can look at it: through a Unix
//! socket in a directory that nobody else may enter.
//!
//! Whoever connects writes the number of a sale and a line feed; the answer is one JSON document,
//! `null` if the sale is not served, and the end of the connection. To `now` the answer is the time
//! by the ledger's clock, in milliseconds. What begins with `act` is an order of an operator, which whoever
//! serves carries out: what comes back is up to them.

use std::{
    fs::{self, File, Permissions},
    io::{self, ErrorKind},
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, fs::PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    Code, Epoch, Failure, SaleId, Slot, StoreError, Unit, UnixMillis, UserId,
    audit::live::{LiveHold, LiveSnapshot},
    ports::{AuditedLive, Operation},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::MemoryStores;

/// How long a question and its answer may take: as long as a sale of a million units needs.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the question for the time may take.
const PATIENCE_FOR_NOW: Duration = Duration::from_secs(1);

/// The question for the time.
const NOW: &str = "now";

/// What an order begins with.
const ACT: &str = "act ";

/// The most bytes of a question: an order may come with a picture of 512 KiB, in base64.
const QUESTION_MAX: u64 = 1024 * 1024;

/// The longest path of a socket, in bytes: what systems have room for, and less.
const SOCKET_PATH_MAX: usize = 90;

/// A way to a socket that is short enough, as long as this lives.
struct ShortPath {
    path: PathBuf,
    _dir: Option<File>,
}

impl ShortPath {
    /// The path itself, or if it is too long, one by way of its directory as this process has it open.
    fn to(path: &Path) -> io::Result<Self> {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(Self { path: path.to_owned(), _dir: None });
        };
        if path.as_os_str().as_bytes().len() <= SOCKET_PATH_MAX {
            return Ok(Self { path: path.to_owned(), _dir: None });
        }
        let dir = File::open(dir)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(name);
        Ok(Self { path, _dir: Some(dir) })
    }
}

/// Where others can look at this process's live store.
pub struct LiveSocket {
    listener: UnixListener,
    served: Served,
}

/// Carries out orders of operators that come from other processes of the owner.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Carries one out, and says what came of it: a line of text each.
    async fn give(&self, order: &str) -> String;
}

/// What is told of.
#[derive(Clone)]
struct Served {
    live: Arc<MemoryStores>,
    now: Now,
}

/// The ledger's clock.
type Now = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// Why nobody can look.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {path} for `flashsale audit`")]
pub struct LiveSocketError {
    path: PathBuf,
    source: io::Error,
}

impl LiveSocket {
    /// Opens the socket at `path`, which is this process's alone: one that is there already was
    /// left by a process that is gone. `now` is the clock of the ledger that this process serves from.
    pub fn bind(
        path: PathBuf,
        live: Arc<MemoryStores>,
        now: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    ) -> Result<Self, LiveSocketError> {
        let bind = || match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => {
                let short = ShortPath::to(&path)?;
                let listener = UnixListener::bind(&short.path)?;
                // Nobody else may look, whatever the directory lets them do.
                fs::set_permissions(&path, Permissions::from_mode(0o600))?;
                Ok(listener)
            }
        };
        let listener = bind().map_err(|source| LiveSocketError { path, source })?;
        Ok(Self { listener, served: Served { live, now } })
    }

    /// Answers until asked to stop. The socket stays behind; the next process replaces it.
    pub async fn answer(self, orders: Arc<dyn Orders>, stop: CancellationToken) {
        loop {
            let caller = tokio::select! {
                () = stop.cancelled() => return,
                caller = self.listener.accept() => caller,
            };
            match caller {
                Ok((caller, _)) => {
                    let (served, orders) = (self.served.clone(), Arc::clone(&orders));
                    tokio::spawn(async move {
                        // A caller that goes away or says nothing gets nothing.
                        let _ = timeout(PATIENCE, answer(caller, &served, &*orders)).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "nobody can look at the live store for now");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

async fn answer(mut caller: UnixStream, served: &Served, orders: &dyn Orders) -> io::Result<()> {
    let mut question = String::new();
    let (asking, mut answering) = caller.split();
    BufReader::new(asking.take(QUESTION_MAX)).read_line(&mut question).await?;
    let document = if question.trim() == NOW {
        serde_json::to_vec(&(served.now)().0)?
    } else if let Some(order) = question.trim().strip_prefix(ACT) {
        orders.give(order).await.into_bytes()
    } else {
        let snapshot = question.trim().parse().ok().and_then(|sale| served.live.look(sale));
        serde_json::to_vec(&snapshot.map(Document::from))?
    };
    answering.write_all(&document).await?;
    answering.shutdown().await
}

/// The live store of another process, through its [`LiveSocket`].
pub struct RemoteLive {
    path: PathBuf,
}

impl RemoteLive {
    /// The live store behind the socket at `path`; nothing is served there if nobody answers.
    #[must_use]
    pub const fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// A connection, or `None` if no process serves: then there is no live store either.
    async fn connect(&self) -> io::Result<Option<UnixStream>> {
        let short = match ShortPath::to(&self.path) {
            Ok(short) => short,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        match UnixStream::connect(&short.path).await {
            Ok(stream) => Ok(Some(stream)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The time by the clock of the ledger, as the process has it that serves; or `None` if none
    /// does, or if it does not say.
    pub async fn now(&self) -> Option<UnixMillis> {
        let asked = timeout(PATIENCE_FOR_NOW, self.ask::<Option<i64>>(NOW)).await;
        asked.ok()?.ok()?.flatten().map(UnixMillis)
    }

    /// Gives an order to the process that serves, a line of text, and returns what it says.
    ///
    /// # Errors
    ///
    /// [`Failure::NotDone`] if no process serves; [`Failure::Unknown`] if it gave no answer.
    pub async fn order(&self, order: &str) -> Result<String, StoreError> {
        let said = in_time(Operation::Act, self.say(&format!("{ACT}{order}"))).await?;
        let nobody = || StoreError::new(Operation::Act, Failure::NotDone, "no process serves");
        let said = String::from_utf8(said.ok_or_else(nobody)?);
        said.map_err(|error| StoreError::new(Operation::Act, Failure::Unknown, error))
    }

    async fn look(&self, sale: SaleId) -> io::Result<Option<LiveSnapshot>> {
        let document: Option<Option<Document>> = self.ask(&sale.to_string()).await?;
        let document = document.flatten().map(|document| document.read(sale));
        document.transpose().map_err(io::Error::other)
    }

    /// The answer to a question, or `None` if no process serves.
    async fn ask<T: DeserializeOwned>(&self, question: &str) -> io::Result<Option<T>> {
        match self.say(question).await? {
            Some(answer) => Ok(Some(serde_json::from_slice(&answer)?)),
            None => Ok(None),
        }
    }

    async fn say(&self, question: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(mut stream) = self.connect().await? else { return Ok(None) };
        stream.write_all(format!("{question}\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(Some(answer))
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

async fn in_time<T>(
    operation: Operation,
    asked: impl Future<Output = io::Result<T>>,
) -> Result<T, StoreError> {
    let failed = |reason: Box<dyn std::error::Error + Send + Sync>| {
        StoreError::new(operation, Failure::Unknown, reason)
    };
    match timeout(PATIENCE, asked).await {
        Ok(answered) => answered.map_err(|error| failed(error.into())),
        Err(elapsed) => Err(failed(elapsed.into())),
    }
}

#[async_trait]
impl AuditedLive for RemoteLive {
    async fn ping(&self) -> Result<(), StoreError> {
        in_time(Operation::Ping, self.connect()).await.map(drop)
    }

    async fn snapshot(&self, sale: SaleId) -> Result<Option<LiveSnapshot>, StoreError> {
        in_time(Operation::LiveSnapshot, self.look(sale)).await
    }
}

/// A [`LiveSnapshot`] on its way.
#[derive(Serialize, Deserialize)]
struct Document {
    epoch: i64,
    stock: u32,
    per_user_limit: u16,
    sold: u32,
    free: Vec<u32>,
    /// Code, unit, slot, user.
    holds: Vec<(String, u32, u16, String)>,
    due: Vec<String>,
    users: Vec<(String, String)>,
    unreadable: Vec<String>,
}

impl From<LiveSnapshot> for Document {
    fn from(snapshot: LiveSnapshot) -> Self {
        let hold = |LiveHold { code, unit, slot, user }: LiveHold| {
            (code.to_string(), unit.get(), slot.0, user.to_string())
        };
        Self {
            epoch: snapshot.epoch.0,
            stock: snapshot.stock,
            per_user_limit: snapshot.per_user_limit,
            sold: snapshot.sold,
            free: snapshot.free.into_iter().map(Unit::get).collect(),
            holds: snapshot.holds.into_iter().map(hold).collect(),
            due: snapshot.due.iter().map(ToString::to_string).collect(),
            users: snapshot
                .users
                .into_iter()
                .map(|(user, marks)| (user.to_string(), marks))
                .collect(),
            unreadable: snapshot.unreadable,
        }
    }
}

impl Document {
    fn read(self, sale: SaleId) -> Result<LiveSnapshot, Box<dyn std::error::Error + Send + Sync>> {
        let mut holds = Vec::with_capacity(self.holds.len());
        for (code, unit, slot, user) in self.holds {
            let (unit, slot) = (Unit::try_from(unit)?, Slot(slot));
            holds.push(LiveHold { code: code.parse()?, unit, slot, user: user.parse()? });
        }
        let users =
            self.users.into_iter().map(|(user, marks)| Ok((user.parse::<UserId>()?, marks)));
        Ok(LiveSnapshot {
            sale,
            epoch: Epoch(self.epoch),
            stock: self.stock,
            per_user_limit: self.per_user_limit,
            sold: self.sold,
            free: self.free.into_iter().map(Unit::try_from).collect::<Result<_, _>>()?,
            holds,
            due: self.due.iter().map(|code| code.parse::<Code>()).collect::<Result<_, _>>()?,
            users: users.collect::<Result<_, domain::ids::ParseUserIdError>>()?,
            unreadable: self.unreadable,
        })
    }
}
