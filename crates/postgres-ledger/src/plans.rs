//! How the server carries the hot statements out, on empty tables: that is when most plans are
//! made, and they are kept for as long as their connection.

use dev_servers::PostgresServer;

use crate::{PostgresLedger, attempts, codes, ledger_store, sale_register, settings};

/// A fresh ledger, as somebody with psql sees it.
struct Ledger(PostgresServer);

impl Ledger {
    async fn make() -> Self {
        let server = PostgresServer::start().unwrap();
        server.create_database("ledger").unwrap();
        let limits = batcher::Limits::patient(1.try_into().unwrap(), 1.try_into().unwrap());
        PostgresLedger::new(&server.url("ledger"), limits).unwrap().migrate().await.unwrap();
        Self(server)
    }

    /// How a session of the service carries a statement out, whatever its parameters.
    fn plan_of(&self, statement: &str) -> String {
        let parameters = (1..10).filter(|n| statement.contains(&format!("${n}"))).map(|_| "NULL");
        let parameters = parameters.collect::<Vec<_>>().join(", ");
        let execute =
            if parameters.is_empty() { "hot".to_owned() } else { format!("hot ({parameters})") };
        let explain = format!(
            "{}; SET plan_cache_mode = force_generic_plan; PREPARE hot AS {statement}; \
             EXPLAIN EXECUTE {execute}",
            settings()
        );
        self.0.psql("ledger", &explain).unwrap()
    }
}

#[tokio::test]
async fn the_hot_statements_go_by_the_indexes_even_when_the_tables_are_empty() {
    let ledger = Ledger::make().await;

    let mut looked_up = 0;
    for statement in [attempts::STATEMENTS, codes::STATEMENTS, ledger_store::STATEMENTS].concat() {
        let plan = ledger.plan_of(statement);

        assert!(!plan.contains("Bitmap") && !plan.contains("Seq Scan"), "{statement}\n{plan}");
        looked_up += plan.matches("Index Cond: (code =").count();
    }
    // Redeem 1, release 2, read_codes 2 (attempts, purchases), expire_due 2, read_verdicts 1.
    assert_eq!(looked_up, 8);
}

#[tokio::test]
async fn the_calendar_reads_no_sale_that_was_closed_long_ago() {
    let ledger = Ledger::make().await;

    let plan = ledger.plan_of(sale_register::CALENDAR_SQL);

    assert!(plan.contains("Index Scan using sales_open"), "{plan}");
    assert!(plan.contains("Index Cond: (closed_at > "), "{plan}");
}

/// With an index forbidden or missing a plan looks dear, and a server that may compile it does.
#[tokio::test]
async fn no_statement_is_compiled_to_machine_code() {
    let ledger = Ledger::make().await;
    let reads_all = "SELECT count(epoch) FROM sales WHERE stock > 0 OR epoch > 0";

    let plan = ledger.plan_of(reads_all);

    assert!(plan.contains("Seq Scan"), "{plan}");
    assert!(!plan.contains("JIT"), "{plan}");
}
