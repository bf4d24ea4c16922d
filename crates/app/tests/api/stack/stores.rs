//! The stores of the service: servers and a database of its own, or a directory.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use dev_servers::{PostgresServer, RedisServer};
use domain::Code;
use rusqlite::types::ValueRef;

use super::{Kind, PATIENCE};

/// A database with the schema in it, that every test's own is copied from.
const TEMPLATE: &str = "flashsale_template";

/// One server for all tests that do not break it.
static POSTGRES: LazyLock<Arc<PostgresServer>> =
    LazyLock::new(|| Arc::new(PostgresServer::start().unwrap()));

/// The stores of the service.
pub(super) enum Stores {
    Servers { postgres: Arc<PostgresServer>, redis: RedisServer, database: String },
    Embedded(tempfile::TempDir),
}

impl Stores {
    /// Empty ones. Whoever breaks Postgres needs one of his own.
    pub(super) fn make(kind: Kind, own_postgres: bool) -> Self {
        match kind {
            Kind::Servers => Self::servers(own_postgres),
            Kind::Embedded => Self::Embedded(tempfile::tempdir().unwrap()),
        }
    }

    fn servers(own_postgres: bool) -> Self {
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        let postgres = if own_postgres {
            Arc::new(PostgresServer::start().unwrap())
        } else {
            Arc::clone(&POSTGRES)
        };
        let database = format!("flashsale_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        create_database(&postgres, &database);
        Self::Servers { postgres, redis: RedisServer::start().unwrap(), database }
    }

    pub(super) fn postgres(&self) -> &PostgresServer {
        match self {
            Self::Servers { postgres, .. } => postgres,
            Self::Embedded(_) => panic!("there is no Postgres here"),
        }
    }

    pub(super) fn redis(&self) -> &RedisServer {
        match self {
            Self::Servers { redis, .. } => redis,
            Self::Embedded(_) => panic!("there is no Redis here"),
        }
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        match self {
            Self::Servers { .. } => panic!("there is no directory here"),
            Self::Embedded(dir) => dir.path().join("data"),
        }
    }

    /// Tells the service of these stores.
    pub(super) fn set(&self, command: &mut Command) {
        match self {
            Self::Servers { postgres, redis, database } => {
                command.env("DATABASE_URL", postgres.url(database)).env("REDIS_URL", redis.url())
            }
            Self::Embedded(_) => command.env("DATA_DIR", self.data_dir()),
        };
    }

    /// Asks the ledger: rows as lines, columns split by `|`.
    pub(super) fn sql(&self, sql: &str) -> String {
        match self {
            Self::Servers { postgres, database, .. } => postgres.psql(database, sql).unwrap(),
            Self::Embedded(_) => ask_sqlite(&self.data_dir().join("ledger.sqlite"), sql),
        }
    }
}

/// Asks a ledger in a directory; codes are told as the service tells them.
fn ask_sqlite(path: &Path, sql: &str) -> String {
    let database = rusqlite::Connection::open(path).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = String::new();
    while let Some(row) = rows.next().unwrap() {
        let told = (0..columns).map(|column| match row.get_ref(column).unwrap() {
            ValueRef::Null => String::new(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
            ValueRef::Blob(code) => {
                let code: [u8; 16] = code.try_into().unwrap();
                Code::from_bits(u128::from_be_bytes(code)).unwrap().to_string()
            }
        });
        lines.push_str(&told.collect::<Vec<_>>().join("|"));
        lines.push('\n');
    }
    lines
}

/// Copies the template; it is made by the service's own `migrate`, once a server.
fn create_database(postgres: &PostgresServer, database: &str) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap();
    if !postgres.has_database(TEMPLATE).unwrap() {
        postgres.create_database(TEMPLATE).unwrap();
        let migrated = Command::new(env!("CARGO_BIN_EXE_flashsale"))
            .arg("migrate")
            .env("DATABASE_URL", postgres.url(TEMPLATE))
            .output()
            .unwrap();
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    }
    postgres.create_database_from(database, TEMPLATE).unwrap();
}
