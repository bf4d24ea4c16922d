//! Whether a connection is to be under TLS, whom it believes then, and what it shows.

use std::sync::Arc;

use credentials::{
    Access, Certificates, DATABASE, FileError, HalfCertificate, NamedFile, Names, OwnCertificate,
    Verify,
};
use tokio_postgres::config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::{SslMode, TlsOptions};

/// Where a URL names the authorities.
const IN_URL: &str = "sslrootcert in DATABASE_URL";

/// Why the settings of TLS do not go together.
#[derive(Debug, thiserror::Error)]
pub enum TlsSettingError {
    /// Two settings say different things.
    #[error("{option} and {setting} name different files: leave one of them out")]
    Twice {
        /// What the URL calls it.
        option: &'static str,
        /// What the setting is called.
        setting: &'static str,
    },
    /// A certificate is of no use without its key, nor a key without its certificate.
    #[error(transparent)]
    Half(#[from] HalfCertificate),
    /// Any name is good, and any authority of the system would be.
    #[error(
        "sslmode=verify-ca in DATABASE_URL takes any name that an authority has signed, so the authority \
         must be one's own: {} must name its certificate, or the mode be verify-full", DATABASE.ca_file
    )]
    AnyAuthority,
    /// The authorities of the system are to be believed where they are not asked.
    #[error(
        "sslrootcert=system in DATABASE_URL goes with sslmode=verify-full or require, and not with \
         sslmode={mode}"
    )]
    System {
        /// What the URL says.
        mode: &'static str,
    },
    /// There is to be no TLS.
    #[error(
        "{setting} is set, but sslmode=disable in DATABASE_URL says that there is to be no TLS: leave \
         one of them out"
    )]
    Disabled {
        /// What would be of no use.
        setting: &'static str,
    },
}

/// How a connection is to be protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) mode: SslMode,
    /// What says that it is this mode.
    pub(super) asked_by: Arc<str>,
    pub(super) certificates: Certificates,
    /// What the settings are called that are used.
    pub(super) names: Arc<Names>,
}

impl Tls {
    /// What the URL says, and what the settings say that it does not.
    pub(super) fn of(options: TlsOptions, access: &Access) -> Result<Self, TlsSettingError> {
        let TlsOptions { mode, root_cert, cert, key } = options;
        let given = &access.certificates;
        let own = given.own.as_ref();
        let is_system = root_cert.as_deref() == Some("system");
        let ca = one(IN_URL, root_cert, given.ca.as_ref())?;
        let ca = ca.filter(|_| !is_system);
        let cert = one("sslcert in DATABASE_URL", cert, own.map(|own| &own.cert))?;
        let key = one("sslkey in DATABASE_URL", key, own.map(|own| &own.key))?;
        let own =
            OwnCertificate::of(cert, key, ("sslcert in DATABASE_URL", "sslkey in DATABASE_URL"))?;
        // Whoever names an authority does not mean to talk to anybody else.
        let told_by = ca.as_ref().or(own.as_ref().map(|own| &own.cert)).map(|file| file.setting);
        let told_by = told_by.or(is_system.then_some(IN_URL));
        let is_told = told_by.is_some();
        let asked_by = match (mode, told_by) {
            (None, Some(setting)) => format!("{setting}, which stands for sslmode=verify-full,"),
            (mode, _) => {
                format!("sslmode={} in DATABASE_URL", mode.unwrap_or(SslMode::Prefer).name())
            }
        };
        let mode = mode.unwrap_or(if is_told { SslMode::VerifyFull } else { SslMode::Prefer });
        let certificates = Certificates { ca, own };
        match mode {
            SslMode::VerifyFull | SslMode::Require => {}
            mode if is_system => return Err(TlsSettingError::System { mode: mode.name() }),
            SslMode::VerifyCa if certificates.ca.is_none() => {
                return Err(TlsSettingError::AnyAuthority);
            }
            _ => {}
        }
        if mode == SslMode::Disable
            && let Some(setting) = first_of(&certificates)
        {
            return Err(TlsSettingError::Disabled { setting });
        }
        let names = DATABASE.of_used(&certificates, is_system.then_some(IN_URL));
        Ok(Self { mode, asked_by: asked_by.into(), certificates, names: names.into() })
    }

    /// What the driver is to ask of a server.
    pub(super) const fn mode_of_driver(&self) -> config::SslMode {
        match self.mode {
            SslMode::Disable => config::SslMode::Disable,
            SslMode::Prefer => config::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => config::SslMode::Require,
        }
    }

    /// What makes connections of TLS, as the files are now. Reads them, so it may have to wait for a
    /// disk.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, FileError> {
        let verify = match self.mode {
            SslMode::Disable | SslMode::Prefer if self.certificates.ca.is_none() => Verify::Nothing,
            SslMode::VerifyCa => Verify::Chain,
            _ => Verify::ChainAndName,
        };
        let mut config = self.certificates.client_config(verify, &DATABASE)?;
        // What a server wants to hear that is spoken to in TLS from the first byte on.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(MakeRustlsConnect::new(config))
    }
}

fn first_of(certificates: &Certificates) -> Option<&'static str> {
    let own = certificates.own.as_ref().map(|own| own.cert.setting);
    certificates.ca.as_ref().map(|ca| ca.setting).or(own)
}

/// The file that is meant: the URL's, if it names one. That another setting names another one would
/// go unnoticed.
fn one(
    option: &'static str,
    in_url: Option<String>,
    given: Option<&NamedFile>,
) -> Result<Option<NamedFile>, TlsSettingError> {
    let in_url = in_url.map(|path| NamedFile { setting: option, path: path.into() });
    match (in_url, given) {
        (Some(file), Some(given)) if file.path != given.path => {
            Err(TlsSettingError::Twice { option, setting: given.setting })
        }
        (Some(file), _) => Ok(Some(file)),
        (None, given) => Ok(given.cloned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::url, *};

    fn tls(options: &str, ca_file: Option<&str>) -> Result<Tls, String> {
        let mut access = Access::to_database("");
        access.certificates.ca =
            ca_file.map(|path| NamedFile { setting: "DATABASE_CA_FILE", path: path.into() });
        let url = format!("postgres://db/ledger?{options}");
        let read = url::read(&url).map_err(|error| error.to_string()).unwrap();
        Tls::of(read.tls, &access).map_err(|error| error.to_string())
    }

    #[test]
    fn tls_is_taken_if_offered_and_demanded_of_whoever_an_authority_is_named_for() {
        for (options, ca_file, mode) in [
            ("", None, SslMode::Prefer),
            ("", Some("/ca"), SslMode::VerifyFull),
            ("sslrootcert=/ca", None, SslMode::VerifyFull),
            ("sslrootcert=system", None, SslMode::VerifyFull),
            ("sslcert=/c&sslkey=/k", None, SslMode::VerifyFull),
            ("sslmode=prefer", Some("/ca"), SslMode::Prefer),
            ("sslmode=verify-ca", Some("/ca"), SslMode::VerifyCa),
            ("sslmode=disable", None, SslMode::Disable),
        ] {
            assert_eq!(tls(options, ca_file).unwrap().mode, mode, "{options} {ca_file:?}");
        }
    }

    #[test]
    fn who_demands_tls_is_named() {
        for (options, ca_file, asked_by) in [
            ("sslmode=require", None, "sslmode=require in DATABASE_URL"),
            ("", Some("/ca"), "DATABASE_CA_FILE, which stands for sslmode=verify-full,"),
            ("sslmode=verify-full", Some("/ca"), "sslmode=verify-full in DATABASE_URL"),
            ("", None, "sslmode=prefer in DATABASE_URL"),
        ] {
            assert_eq!(
                &*tls(options, ca_file).unwrap().asked_by,
                asked_by,
                "{options} {ca_file:?}"
            );
        }
    }

    #[test]
    fn settings_that_do_not_go_together_are_named_both() {
        for (options, ca_file, names) in [
            ("sslrootcert=/a", Some("/b"), ["sslrootcert in DATABASE_URL", "DATABASE_CA_FILE"]),
            ("sslmode=disable", Some("/b"), ["sslmode=disable", "DATABASE_CA_FILE"]),
            ("sslmode=disable&sslrootcert=/a", None, ["sslmode=disable", "sslrootcert"]),
            ("sslcert=/c", None, ["sslcert", "sslkey"]),
            ("sslkey=/k", None, ["sslkey", "sslcert"]),
            ("sslrootcert=system", Some("/b"), ["sslrootcert in DATABASE_URL", "DATABASE_CA_FILE"]),
            // Whoever has any certificate at all would be believed, or nothing be looked at.
            ("sslmode=verify-ca", None, ["sslmode=verify-ca", "DATABASE_CA_FILE"]),
            (
                "sslmode=verify-ca&sslrootcert=system",
                None,
                ["sslrootcert=system", "sslmode=verify-ca"],
            ),
            ("sslmode=prefer&sslrootcert=system", None, ["sslrootcert=system", "sslmode=prefer"]),
            ("sslmode=disable&sslrootcert=system", None, ["sslrootcert=system", "sslmode=disable"]),
        ] {
            let error = tls(options, ca_file).unwrap_err();
            assert!(names.iter().all(|name| error.contains(name)), "{options}: {error}");
        }
        for option in ["/a", "system"] {
            let names = tls(&format!("sslrootcert={option}"), None).unwrap().names;
            assert_eq!(names.ca_file, IN_URL, "what has to be changed is where it is said");
        }
        assert!(tls("sslrootcert=/a", Some("/a")).is_ok());
        assert!(tls("sslmode=require&sslrootcert=system", None).unwrap().certificates.ca.is_none());
    }
}
