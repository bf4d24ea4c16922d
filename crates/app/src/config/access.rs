//! How one gets into the servers: what is said, and what is in files.

use std::path::PathBuf;

use clap::{
    ArgMatches, Args,
    builder::{OsStringValueParser, TypedValueParser},
    parser::ValueSource,
};
use credentials::{
    Access, Certificates, DATABASE, HalfCertificate, NamedFile, Names, OwnCertificate, REDIS,
    Secret,
};

use super::place::HalfSet;

/// How one gets into the servers. Has no `Debug`: the URLs may carry passwords.
#[derive(Args, Clone)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(super) struct AccessSettings {
    /// The ledger, such as postgres://user@localhost/flashsale; with REDIS_URL. Takes sslmode,
    /// sslrootcert, sslcert and sslkey as libpq does
    #[arg(
        long,
        env,
        global = true,
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    database_url: String,

    /// A file that has it, in its place. This and the other files are read again for each new
    /// connection
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE", value_parser = a_path())]
    database_url_file: Option<PathBuf>,

    /// A file that has the password, if DATABASE_URL has none
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE", value_parser = a_path())]
    database_password_file: Option<PathBuf>,

    /// The certificates, in PEM, of the authorities that are believed to know the database's server;
    /// those of the system, if none is named. Whoever names one gets sslmode=verify-full
    #[arg(long, env, global = true, value_name = "FILE", value_parser = a_path())]
    database_ca_file: Option<PathBuf>,

    /// The certificate, in PEM, that the database's server is shown
    #[arg(long, env, global = true, value_name = "FILE", value_parser = a_path())]
    database_cert_file: Option<PathBuf>,

    /// Its private key, in PEM
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE", value_parser = a_path())]
    database_key_file: Option<PathBuf>,

    /// The live store, such as redis://localhost:6379; redis+sentinel://HOST,HOST,HOST/NAME where sentinels
    /// say which server it is, and redis+cluster://HOST,HOST for a cluster; rediss for TLS. With DATABASE_URL
    #[arg(
        long,
        env,
        global = true,
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    redis_url: String,

    /// A file that has it, in its place
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE", value_parser = a_path())]
    redis_url_file: Option<PathBuf>,

    /// A file that has the password, if REDIS_URL has none
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE", value_parser = a_path())]
    redis_password_file: Option<PathBuf>,

    /// A file that has the password of the sentinels, if they want one
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE", value_parser = a_path())]
    redis_sentinel_password_file: Option<PathBuf>,

    /// The certificates, in PEM, of the authorities that are believed to know the Redis server; those
    /// of the system, if none is named
    #[arg(long, env, global = true, value_name = "FILE", value_parser = a_path())]
    redis_ca_file: Option<PathBuf>,

    /// The certificate, in PEM, that the Redis server is shown
    #[arg(long, env, global = true, value_name = "FILE", value_parser = a_path())]
    redis_cert_file: Option<PathBuf>,

    /// Its private key, in PEM
    #[arg(long, env, global = true, hide_env_values = true, value_name = "FILE", value_parser = a_path())]
    redis_key_file: Option<PathBuf>,
}

/// A path, or nothing, which clap's own parser does not take for a value.
pub(super) fn a_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Why it cannot be said where the service keeps what it knows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// One of two servers.
    #[error(transparent)]
    HalfSet(#[from] HalfSet),
    /// A certificate or a key.
    #[error(transparent)]
    HalfCertificate(#[from] HalfCertificate),
    /// Two settings for one thing.
    #[error("{one} and {other} are both set: leave one of them out")]
    Both {
        /// The one.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// A setting without the one that it belongs to.
    #[error(
        "{set} is set, but {missing} is not, to whose server it belongs: set {missing} or \
         {missing}_FILE too, or leave {set} out"
    )]
    Without {
        /// What is there.
        set: &'static str,
        /// What is not.
        missing: &'static str,
    },
}

/// What is said of one server.
struct Said<'a> {
    names: &'static Names,
    url: &'a str,
    url_file: &'a Option<PathBuf>,
    password_file: &'a Option<PathBuf>,
    sentinel_password_file: &'a Option<PathBuf>,
    ca_file: &'a Option<PathBuf>,
    cert_file: &'a Option<PathBuf>,
    key_file: &'a Option<PathBuf>,
}

impl AccessSettings {
    /// How one gets into the ledger, if it is on a server.
    pub(super) fn database(&self) -> Result<Option<Access>, PlaceError> {
        let said = Said {
            names: &DATABASE,
            url: &self.database_url,
            url_file: &self.database_url_file,
            password_file: &self.database_password_file,
            sentinel_password_file: &None,
            ca_file: &self.database_ca_file,
            cert_file: &self.database_cert_file,
            key_file: &self.database_key_file,
        };
        said.access()
    }

    /// How one gets into the live store, if it is on a server.
    pub(super) fn redis(&self) -> Result<Option<Access>, PlaceError> {
        let said = Said {
            names: &REDIS,
            url: &self.redis_url,
            url_file: &self.redis_url_file,
            password_file: &self.redis_password_file,
            sentinel_password_file: &self.redis_sentinel_password_file,
            ca_file: &self.redis_ca_file,
            cert_file: &self.redis_cert_file,
            key_file: &self.redis_key_file,
        };
        said.access()
    }
}

impl Said<'_> {
    /// What is empty was not said.
    fn access(&self) -> Result<Option<Access>, PlaceError> {
        let names = self.names;
        let file = |setting, path: &Option<PathBuf>| {
            let path = path.clone().filter(|path| !path.as_os_str().is_empty())?;
            Some(NamedFile { setting, path })
        };
        let password = file(names.password_file, self.password_file);
        let of_sentinels = names.sentinel_password_file;
        let sentinel_password =
            of_sentinels.and_then(|setting| file(setting, self.sentinel_password_file));
        let ca = file(names.ca_file, self.ca_file);
        let cert = file(names.cert_file, self.cert_file);
        let key = file(names.key_file, self.key_file);
        let url = match (self.url, file(names.url_file, self.url_file)) {
            ("", None) => {
                let orphan =
                    [password, sentinel_password, ca, cert, key].into_iter().flatten().next();
                return orphan.map_or(Ok(None), |orphan| {
                    Err(PlaceError::Without { set: orphan.setting, missing: names.url })
                });
            }
            ("", Some(file)) => Secret::In(file),
            (url, None) => Secret::Given { setting: names.url, text: url.to_owned() },
            (_, Some(file)) => {
                return Err(PlaceError::Both { one: names.url, other: file.setting });
            }
        };
        let own = OwnCertificate::of(cert, key, (names.cert_file, names.key_file))?;
        let certificates = Certificates { ca, own };
        Ok(Some(Access { url, password, sentinel_password, certificates }))
    }
}

/// Settings with a password that were given on the command line, where whoever lists the processes of
/// the machine can read them.
pub(super) fn shown(matches: &ArgMatches, settings: &AccessSettings) -> Vec<&'static str> {
    let of = |id, setting, url: &str| {
        let is_shown = matches.value_source(id) == Some(ValueSource::CommandLine);
        (is_shown && may_have_password(url)).then_some(setting)
    };
    let database = of("database_url", DATABASE.url, &settings.database_url);
    let redis = of("redis_url", REDIS.url, &settings.redis_url);
    database.into_iter().chain(redis).collect()
}

/// Whether a text may have a password in it, in any of the ways in which a URL can have one.
pub(super) fn may_have_password(text: &str) -> bool {
    let after_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
    let is_before_host = after_scheme.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    is_before_host || names_password(text)
}

/// Whether it has `password=` or `pass=`, or one of them with spaces, which libpq lets stand between.
fn names_password(text: &str) -> bool {
    text.match_indices("pass").any(|(at, pass)| {
        let after = &text[at + pass.len()..];
        after.strip_prefix("word").unwrap_or(after).trim_start().starts_with('=')
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::{
        super::{Cli, Place},
        *,
    };

    fn read(arguments: &[&str]) -> (Cli, Vec<&'static str>) {
        let matches = <Cli as CommandFactory>::command()
            .get_matches_from([&["flashsale"], arguments].concat());
        let cli = Cli::from_arg_matches(&matches).unwrap();
        let shown = shown(&matches, &cli.config.access);
        (cli, shown)
    }

    #[test]
    fn a_password_on_the_command_line_is_noticed_wherever_it_stands() {
        for (arguments, expected) in [
            (&["--database-url", "postgres://u:p@h/d"][..], &["DATABASE_URL"][..]),
            (&["serve", "--redis-url=redis://:p@h"], &["REDIS_URL"]),
            (&["sales", "list", "--database-url", "host=h password=p"], &["DATABASE_URL"]),
            (&["--database-url", "host=h password = p"], &["DATABASE_URL"]),
            (&["--database-url", "password\t= p host=h"], &["DATABASE_URL"]),
            (&["--database-url", "host=passau user=pass"], &[]),
            (&["--redis-url", "unix:///s?pass=p"], &["REDIS_URL"]),
            (&["--database-url", "postgres://u@h:5432/d", "--redis-url", "redis://h:1"], &[]),
            (&[], &[]),
        ] {
            assert_eq!(read(arguments).1, expected, "{arguments:?}");
        }
    }

    #[test]
    fn two_settings_for_one_thing_and_half_of_a_pair_are_refused_by_name() {
        for (arguments, names) in [
            (
                &["--database-url=postgres://h/d", "--database-url-file=f"][..],
                ["DATABASE_URL ", "DATABASE_URL_FILE"],
            ),
            (&["--redis-url=redis://h", "--redis-url-file=f"], ["REDIS_URL ", "REDIS_URL_FILE"]),
            (
                &["--redis-url=rediss://h", "--redis-cert-file=f"],
                ["REDIS_CERT_FILE", "REDIS_KEY_FILE"],
            ),
            (&["--database-key-file=f", "--database-url=x"], ["DATABASE_KEY_FILE", "CERT_FILE"]),
            (&["--database-password-file=f"], ["DATABASE_PASSWORD_FILE", "DATABASE_URL "]),
            (&["--redis-ca-file=f"], ["REDIS_CA_FILE", "REDIS_URL "]),
            (&["--redis-sentinel-password-file=f"], ["REDIS_SENTINEL_PASSWORD_FILE", "REDIS_URL "]),
        ] {
            let error = read(arguments).0.config.place().err().unwrap().to_string();
            assert!(names.iter().all(|name| error.contains(name)), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn half_of_a_way_to_the_live_store_keeps_nobody_from_the_ledger() {
        let arguments = ["--database-url=postgres://h/d", "--redis-password-file=f"];
        let config = read(&arguments).0.config;

        let place = config.ledger_place().unwrap();
        assert!(matches!(place, Place::Servers { redis: None, .. }));
        let error = config.place().err().unwrap().to_string();
        assert!(error.contains("set REDIS_URL or REDIS_URL_FILE too, or leave"), "{error}");
        let nowhere = read(&["--redis-password-file=f"]).0.config;
        assert!(nowhere.ledger_place().is_err(), "which ledger is meant is not said");
    }

    #[test]
    fn a_file_stands_for_what_is_in_it_and_what_is_empty_was_not_said() {
        let arguments = ["--database-url=", "--database-url-file=f", "--database-ca-file="];
        let access = read(&arguments).0.config.access.database().unwrap().unwrap();

        assert!(matches!(access.url, Secret::In(file) if file.setting == "DATABASE_URL_FILE"));
        assert_eq!(access.certificates, Certificates::default());
        assert!(read(&["--redis-key-file="]).0.config.access.redis().unwrap().is_none());
    }
}
