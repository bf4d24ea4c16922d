//! What takes long: reading all attempts there are, or all of a sale. A few of those at a time.

use domain::{
    Failure, StoreError,
    answer::Doing,
    ports::{NO_SUCH_ROW, OTHER_LIST},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    api::{Api, Records},
    problem::Problem,
};

/// How many of those go on at a time in a process: each reads from the disk that purchases are written to.
pub(crate) const AT_A_TIME: usize = 2;

static PLACES: Semaphore = Semaphore::const_new(AT_A_TIME);

/// A place among those.
pub(super) struct Place {
    _permit: SemaphorePermit<'static>,
}

impl Place {
    pub(super) fn take() -> Result<Self, StoreError> {
        let taken = PLACES.try_acquire().map(|permit| Self { _permit: permit });
        let reason = "as many exports and long looks as may be are under way";
        taken.map_err(|_| StoreError::new(Doing::step("the request"), Failure::Overloaded, reason))
    }
}

/// Waits for a look that may take long: the ledger bounds it.
pub(super) async fn in_long_time<T>(
    look: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let _place = Place::take()?;
    look.await
}

/// The problem of a list that goes on by a cursor, which may lead nowhere.
pub(super) fn of_list(error: StoreError) -> Problem {
    let reason = std::error::Error::source(&error).map(ToString::to_string);
    match reason.as_deref() {
        Some(reason @ (NO_SUCH_ROW | OTHER_LIST)) => Problem::wrong_cursor(reason),
        _ => error.into(),
    }
}

impl Records {
    /// Those of an API that has some.
    pub(super) fn of<'a>(api: &'a Api, path: &str) -> Result<&'a Self, Problem> {
        api.records.as_ref().ok_or_else(|| Problem::no_such_route(path))
    }
}
