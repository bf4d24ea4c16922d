//! What a stack is to a trial.

use dev_servers::Stack;

/// How many processes of the service there are on a stack.
pub(crate) const fn services_on(stack: Stack) -> usize {
    match stack {
        Stack::Servers => 3,
        Stack::Embedded => 1,
    }
}

/// What is tried on a stack.
pub(crate) const fn description_of(stack: Stack) -> &'static str {
    match stack {
        Stack::Servers => "three processes on Redis and Postgres",
        Stack::Embedded => "one process on SQLite and its own memory",
    }
}
