//! Private Redis and Postgres servers, and the service on them or on a directory, as values: for
//! tests, trials and `make run`.
//!
//! Each server is a real one, on a free port of the loopback interface and in a directory of its
//! own, started from the binaries on the machine. It can be killed, stopped and started again on
//! the same port, so that a test can take a database away in the middle of a sale.
//!
//! ```no_run
//! # fn main() -> Result<(), dev_servers::ServerError> {
//! let postgres = dev_servers::PostgresServer::start()?;
//! let redis = dev_servers::RedisServer::start()?;
//! postgres.create_database("sale")?;
//! println!("{} {}", postgres.url("sale"), redis.url());
//!
//! postgres.kill()?;
//! postgres.start_again()?; // what was committed is still there
//! # Ok(())
//! # }
//! ```
//!
//! A [`Service`] is a process of whatever [`Program`] it is started from, on either [`Stack`]: the
//! program is told where its [`Stores`] are, and says where it listens.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use dev_servers::{Program, Stores};
//! # fn main() -> Result<(), dev_servers::ServerError> {
//! let stores = Stores::embedded()?;
//! let service = Program::beside("flashsale")?.on(&stores.place()).start(&["serve"])?;
//! service.await_ready(Duration::from_secs(10))?;
//! println!("{}", service.url());
//!
//! service.kill()?;
//! service.start_again()?; // at the same address
//! # Ok(())
//! # }
//! ```
//!
//! A [`Browser`] is what people look at it with; what goes wrong in one is a panic, for it is the test that cannot
//! go on.
//!
//! A [`Prometheus`] is whoever watches it, and is asked by its own API over HTTP.
//!
//! A [`Proxy`] is the network between any two of them, and can be made a bad one.
//!
//! Promises:
//!
//! - A server that started, or started again, answers.
//! - A service that started, or started again, listens; its stores may still be down.
//! - A server that was killed or stopped is gone with all its children, and its port is free.
//! - No server and no service outlives the process that started it, even one ended by SIGKILL (on
//!   Linux), and the directories such a process left behind are removed by the next one.
//!
//! The calls block, for a second at most in ordinary life. They take `&self`, so a server may be
//! shared by the tasks of an async test, and a server in a `static` is as good as one that is dropped.

mod account;
mod axe;
mod browser;
mod certificates;
mod document;
mod error;
mod files;
mod home;
mod limits;
mod log;
mod pooler;
mod ports;
mod postgres;
mod program;
mod prometheus;
mod proxy;
mod redis;
mod running;
mod service;
mod stack;
mod stores;
pub mod tied;
mod tokens;

pub use axe::axe;
pub use browser::{Browser, Meddling, Tab};
pub use certificates::{Authority, Issued, ServerTls};
pub use document::block;
pub use error::ServerError;
pub use files::{Files, chain};
pub use limits::raise_open_files;
pub use pooler::{Pooler, Pooling};
pub use postgres::{PostgresServer, drill::Drill, standby::LogTaker, trio::Trio};
pub use program::Program;
pub use prometheus::Prometheus;
pub use proxy::{Condition, Proxy};
pub use redis::{
    RedisServer, Snapshot,
    cluster::{MovingSlot, RedisCluster},
    node::RedisNode,
    sentinels::{WatchSettings, WatchedRedis},
};
pub use service::Service;
pub use stack::{Place, Stack};
pub use stores::{Database, Directory, Stores};
pub use tokens::{TokenIssuer, base64url};
