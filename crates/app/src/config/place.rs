//! Where the service keeps what it knows, by its settings.

use std::path::Path;

/// Where the service keeps what it knows. Has no `Debug`: the URLs may carry passwords.
pub(crate) enum Place<'a> {
    /// On a Postgres and a Redis server.
    Servers {
        /// The ledger.
        database_url: &'a str,
        /// The live store.
        redis_url: &'a str,
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
    /// Where both stores are. What is empty was not said.
    pub(super) fn of(
        database_url: &'a str,
        redis_url: &'a str,
        data_dir: &'a Path,
    ) -> Result<Self, HalfSet> {
        match (database_url, redis_url) {
            ("", "") => Ok(Self::Embedded { data_dir }),
            (_, "") => Err(HalfSet {
                set: "DATABASE_URL",
                missing: "REDIS_URL",
                what: "the Redis server of the live store, such as redis://host:6379",
            }),
            ("", _) => Err(HalfSet {
                set: "REDIS_URL",
                missing: "DATABASE_URL",
                what: "the Postgres database of the ledger, such as postgres://user@host/flashsale",
            }),
            (database_url, redis_url) => Ok(Self::Servers { database_url, redis_url }),
        }
    }

    /// Where the ledger is, for whoever needs no live store: the database's address is enough.
    pub(super) fn of_ledger(
        database_url: &'a str,
        redis_url: &'a str,
        data_dir: &'a Path,
    ) -> Result<Self, HalfSet> {
        match database_url {
            "" => Self::of("", redis_url, data_dir),
            database_url => Ok(Self::Servers { database_url, redis_url }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "here";

    fn place(database_url: &'static str, redis_url: &'static str) -> [String; 2] {
        let name = |place: Result<Place<'_>, HalfSet>| match place {
            Ok(Place::Servers { .. }) => "servers".to_owned(),
            Ok(Place::Embedded { data_dir }) => data_dir.display().to_string(),
            Err(error) => error.to_string(),
        };
        let here = Path::new(HERE);
        [
            name(Place::of(database_url, redis_url, here)),
            name(Place::of_ledger(database_url, redis_url, here)),
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
