//! What takes long: reading all attempts there are, or all of a sale. A few of those at a time.

use domain::{
    StoreError,
    ports::{NO_SUCH_ROW, OTHER_LIST},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    api::{Api, Records},
    problem::Problem,
};

/// How many of those go on at a time in a process: each reads from the disk that purchases are written to.
pub(crate) const AT_A_TIME: usize = 2;

/// When it makes sense to ask again, in seconds, if there is no place: an export may take many minutes, and a
/// look a few.
const AGAIN_IN_S: i64 = 30;

static PLACES: Semaphore = Semaphore::const_new(AT_A_TIME);

/// A place among those.
pub(super) struct Place {
    _permit: SemaphorePermit<'static>,
}

impl Place {
    pub(super) fn take() -> Result<Self, Problem> {
        let taken = PLACES.try_acquire().map(|permit| Self { _permit: permit });
        taken.map_err(|_| Problem::no_place(AT_A_TIME, AGAIN_IN_S))
    }
}

/// Waits for a look at a list that may take long: the ledger bounds it.
pub(super) async fn in_long_time<T>(
    look: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Problem> {
    let _place = Place::take()?;
    look.await.map_err(of_list)
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
