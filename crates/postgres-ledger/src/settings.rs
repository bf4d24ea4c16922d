//! What connections are set to, whatever the role or the database says.

/// What is set as `lock_timeout`, and by which a connection knows that it is set at all.
pub(crate) const LOCK_TIMEOUT: &str = "250ms";

/// What every connection is set to, and what those are for whom buyers wait.
///
/// A process that is paused in mid-transaction must not keep others from a sale for long, and
/// whatever the tables' statistics say, the hot statements shall go by the indexes: a plan is
/// kept as long as its connection, and the first one is often made on empty tables, where
/// reading all there is looks cheap.
const HOT: &str = "SET statement_timeout = '2s'; \
     SET lock_timeout = '250ms'; \
     SET idle_in_transaction_session_timeout = '1s'; \
     SET enable_seqscan = off; \
     SET enable_bitmapscan = off; \
     SET enable_hashjoin = off; \
     SET enable_mergejoin = off";

/// Settings that a role, a database or a server may have otherwise, and what is written here rests
/// on: that a statement sees what was committed when it begins (a snapshot would lack what was
/// recorded while a rebuild waited for its lock); how a string in SQL is read, and how the server
/// writes a name, which the audit compares; that a connection which waits for work is kept; and
/// that plans are made and kept as the hot statements need them; that a warning is told, which
/// may say that an answer is not on the standby; and that a commit waits for the disks, and for more
/// where a server is set to wait until a standby shows it.
///
/// Not the search path, which says where the tables are, and not whether one may write: whoever
/// forbids that for a while means it.
const PINNED: &str = "SET default_transaction_isolation = 'read committed'; \
     SET default_transaction_deferrable = off; \
     SET standard_conforming_strings = on; \
     SET quote_all_identifiers = off; \
     SET idle_session_timeout = 0; \
     SET plan_cache_mode = auto; \
     SET enable_indexscan = on; \
     SET enable_indexonlyscan = on; \
     SET enable_nestloop = on; \
     SET jit = off; \
     SET client_min_messages = warning; \
     SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') <> 'remote_apply'; \
     SELECT set_config('session_replication_role', 'origin', false) \
     WHERE current_setting('session_replication_role') <> 'origin'";

/// How long a statement of the upkeep may take: as long as one needs that looks at every unit of the
/// largest sale, on a machine that has other work.
const UPKEEP: &str = "SET statement_timeout = '6s'";

/// What says in the database, while a process lives, that it serves from there: whoever gives the
/// ledger another identity must know.
pub(crate) const SERVING: i64 = 0x666c_6173_6865_7376;

/// What says in the database, while a process serves, that it knows what a cancelled purchase is. It is taken before
/// the other, so that nobody is seen to serve without it for a moment.
pub(crate) const AWARE_OF_CANCELLED: i64 = 0x666c_6173_6865_7263;

/// For whoever buys or looks.
pub(crate) fn hot() -> String {
    format!("{HOT}; {PINNED}")
}

/// For the upkeep.
pub(crate) fn upkeep() -> String {
    format!("{HOT}; {PINNED}; {UPKEEP}")
}

/// For the upkeep of a process that serves.
pub(crate) fn serving() -> String {
    let aware = format!("SELECT pg_advisory_lock_shared({AWARE_OF_CANCELLED})");
    format!("{}; {aware}; SELECT pg_advisory_lock_shared({SERVING})", upkeep())
}

#[cfg(test)]
mod tests {
    use dev_servers::PostgresServer;

    #[tokio::test]
    async fn what_statements_rest_on_is_so_whatever_a_role_or_a_database_says() {
        let server = PostgresServer::start().unwrap();
        server.create_database("ledger").unwrap();
        let pinned = [
            ("default_transaction_isolation", "repeatable read", "read committed"),
            ("default_transaction_deferrable", "on", "off"),
            ("standard_conforming_strings", "off", "on"),
            ("quote_all_identifiers", "on", "off"),
            ("idle_session_timeout", "1min", "0"),
            ("plan_cache_mode", "force_custom_plan", "auto"),
            ("enable_indexscan", "off", "on"),
            ("enable_indexonlyscan", "off", "on"),
            ("enable_nestloop", "off", "on"),
            ("jit", "on", "off"),
            ("client_min_messages", "error", "warning"),
            ("session_replication_role", "replica", "origin"),
            ("statement_timeout", "0", "6s"),
            ("synchronous_commit", "off", "on"),
        ];
        for (name, otherwise, _) in pinned {
            let set = format!("ALTER DATABASE ledger SET {name} = '{otherwise}'");
            server.psql("postgres", &set).unwrap();
        }
        let client =
            crate::pool_of(&server.url("ledger"), 1, &super::upkeep()).get().await.unwrap();

        for (name, _, is) in pinned {
            let show = client.query_one(&format!("SHOW {name}"), &[]).await.unwrap();
            assert_eq!(show.get::<_, String>(0), is, "{name}");
        }
    }

    #[tokio::test]
    async fn a_server_that_waits_until_a_standby_shows_a_commit_goes_on_doing_so() {
        let server = PostgresServer::start().unwrap();
        server.create_database("ledger").unwrap();
        let set = "ALTER DATABASE ledger SET synchronous_commit = 'remote_apply'";
        server.psql("postgres", set).unwrap();

        let client = crate::pool_of(&server.url("ledger"), 1, &super::hot()).get().await.unwrap();

        let show = client.query_one("SHOW synchronous_commit", &[]).await.unwrap();
        assert_eq!(show.get::<_, String>(0), "remote_apply");
    }
}
