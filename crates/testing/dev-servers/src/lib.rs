//! Private Redis and Postgres servers for tests, benches and `make run`.
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
//! Promises:
//!
//! - A server that started, or started again, answers.
//! - A server that was killed or stopped is gone with all its children, and its port is free.
//! - No server outlives the process that started it, even one ended by SIGKILL (on Linux), and
//!   the directories such a process left behind are removed by the next one.
//!
//! The calls block, for a second at most in ordinary life. They take `&self`, so a server may be
//! shared by the tasks of an async test, and a server in a `static` is as good as one that is dropped.

mod account;
mod error;
mod home;
mod ports;
mod postgres;
mod redis;
mod running;
pub mod tied;

pub use error::ServerError;
pub use postgres::PostgresServer;
pub use redis::{RedisServer, Snapshot};
