//! How the server carries the hot statements out, on empty tables: that is when most plans are
//! made, and they are kept for as long as their connection.

use dev_servers::PostgresServer;

use crate::{PostgresLedger, attempts, codes, ledger_store, settings};

#[tokio::test]
async fn the_hot_statements_go_by_the_indexes_even_when_the_tables_are_empty() {
    let server = PostgresServer::start().unwrap();
    server.create_database("ledger").unwrap();
    let limits =
        batcher::Limits { queue_max: 1.try_into().unwrap(), batch_max: 1.try_into().unwrap() };
    PostgresLedger::new(&server.url("ledger"), limits).unwrap().migrate().await.unwrap();

    let mut looked_up = 0;
    for statement in [attempts::STATEMENTS, codes::STATEMENTS, ledger_store::STATEMENTS].concat() {
        let parameters = (1..10).filter(|n| statement.contains(&format!("${n}"))).map(|_| "NULL");
        let parameters = parameters.collect::<Vec<_>>().join(", ");
        let explain = format!(
            "{}; SET plan_cache_mode = force_generic_plan; PREPARE hot AS {statement}; \
             EXPLAIN EXECUTE hot ({parameters})",
            settings()
        );
        let plan = server.psql("ledger", &explain).unwrap();

        assert!(!plan.contains("Bitmap") && !plan.contains("Seq Scan"), "{statement}\n{plan}");
        looked_up += plan.matches("Index Cond: (code =").count();
    }
    // Redeem 1, release 2, read_codes 2 (attempts, purchases), expire_due 2, read_verdicts 1.
    assert_eq!(looked_up, 8);
}
