//! What SQLite makes of the statements of the ports.

use std::fs;

use rusqlite::StatementStatus;

use super::*;

/// The statements of the ports, by the names of their files.
fn statements() -> Vec<(String, String)> {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sql")).unwrap();
    let paths = files.map(|file| file.unwrap().path()).filter(|path| path.is_file());
    let read = |path: PathBuf| {
        (path.display().to_string(), fs::read_to_string(path).unwrap().trim().to_owned())
    };
    paths.map(read).collect()
}

#[test]
fn no_statement_is_planned_again_for_other_values() {
    let database = Database::in_memory().unwrap();

    for (name, sql) in statements() {
        let mut statement = database.connection.prepare(&sql).unwrap();
        for value in [1, 2, 3] {
            for parameter in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(parameter, value).unwrap();
            }
            // What it does with such values does not matter.
            let _ = statement.raw_query().next();
        }

        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{name}");
    }
}

#[test]
fn no_record_makes_a_table_of_its_own() {
    let database = Database::in_memory().unwrap();
    let mut records = 0;

    for (name, sql) in statements() {
        if name.contains("record_") {
            let mut explain = database.connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
            let mut steps = explain.raw_query();
            while let Some(step) = steps.next().unwrap() {
                assert_ne!(step.get_ref("opcode").unwrap().as_str(), Ok("OpenEphemeral"), "{name}");
            }
            records += 1;
        }
    }

    assert_eq!(records, 5);
}
