//! Where the service keeps what it knows, by its settings.

use std::path::Path;

use credentials::Access;

use super::access::PlaceError;

/// Where the service keeps what it knows.
#[expect(clippy::large_enum_variant, reason = "there is one of it at a time")]
pub(crate) enum Place<'a> {
    /// On a Postgres and a Redis server.
    Servers {
        /// The ledger.
        database: Access,
        /// The live store; whoever needs the ledger alone may not have been told of one.
        redis: Option<Access>,
    },
    /// In a directory, and in the memory of the one process that serves from it.
    Embedded {
        /// The directory.
        data_dir: &'a Path,
    },
}

/// One of two settings that belong together.
#[derive(Debug, thiserror::Error)]
#[error(
    "{set} is set, but {missing} is not: {what}. Set both to run on Postgres and Redis, or neither \
     to run on the data in DATA_DIR alone"
)]
pub(crate) struct HalfSet {
    set: &'static str,
    missing: &'static str,
    what: &'static str,
}

impl<'a> Place<'a> {
    /// Where both stores are.
    pub(super) fn of(
        database: Option<Access>,
        redis: Option<Access>,
        data_dir: &'a Path,
    ) -> Result<Self, PlaceError> {
        match (database, redis) {
            (None, None) => Ok(Self::Embedded { data_dir }),
            (Some(database), None) => Err(HalfSet {
                set: database.url.setting(),
                missing: "REDIS_URL",
                what: "the Redis server of the live store, such as redis://host:6379",
            }
            .into()),
            (None, Some(redis)) => Err(HalfSet {
                set: redis.url.setting(),
                missing: "DATABASE_URL",
                what: "the Postgres database of the ledger, such as postgres://user@host/flashsale",
            }
            .into()),
            (Some(database), redis) => Ok(Self::Servers { database, redis }),
        }
    }

    /// Where the ledger is, for whoever needs no live store: the database's address is enough.
    pub(super) fn of_ledger(
        database: Option<Access>,
        redis: Option<Access>,
        data_dir: &'a Path,
    ) -> Result<Self, PlaceError> {
        match database {
            None => Self::of(None, redis, data_dir),
            Some(database) => Ok(Self::Servers { database, redis }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "here";

    fn place(database_url: &'static str, redis_url: &'static str) -> [String; 2] {
        let name = |place: Result<Place<'_>, PlaceError>| match place {
            Ok(Place::Servers { .. }) => "servers".to_owned(),
            Ok(Place::Embedded { data_dir }) => data_dir.display().to_string(),
            Err(error) => error.to_string(),
        };
        let here = Path::new(HERE);
        let database = || (!database_url.is_empty()).then(|| Access::to_database(database_url));
        let redis = || (!redis_url.is_empty()).then(|| Access::to_redis(redis_url));
        [
            name(Place::of(database(), redis(), here)),
            name(Place::of_ledger(database(), redis(), here)),
        ]
    }

    #[test]
    fn servers_are_used_when_both_are_named_and_a_directory_when_none_is() {
        assert_eq!(place("", ""), [HERE, HERE]);
        assert_eq!(place("postgres://p", "redis://r"), ["servers", "servers"]);
    }

    #[test]
    fn one_url_without_the_other_is_refused_by_the_name_of_the_other() {
        let [both, ledger] = place("postgres://p", "");
        assert!(both.starts_with("DATABASE_URL is set, but REDIS_URL is not: "), "{both}");
        assert_eq!(ledger, "servers");

        for error in place("", "redis://r") {
            assert!(error.starts_with("REDIS_URL is set, but DATABASE_URL is not: "), "{error}");
        }
    }
}
