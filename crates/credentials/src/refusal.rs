//! Why TLS did not come about, in a sentence that says what to do.

use std::{error::Error, io, sync::Arc};

use rustls::{AlertDescription, CertificateError, Error as TlsError};

use crate::Names;

/// What is the matter, if an error or what caused it is one of TLS.
#[must_use]
pub fn refusal(error: &(dyn Error + 'static), names: &Names) -> Option<String> {
    of_tls(error).map(|error| match (error, &names.ca_path) {
        (
            TlsError::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ),
            Some(path),
        ) => format!("{}; now it names {}", sentence(error, names), path.display()),
        _ => sentence(error, names),
    })
}

/// What can be done about such an error, for whoever may not know the names of servers.
#[must_use]
pub fn remedy(error: &(dyn Error + 'static), names: &Names) -> Option<String> {
    of_tls(error).map(|error| match error {
        TlsError::InvalidCertificate(CertificateError::NotValidForNameContext { .. }) => format!(
            "its certificate is for another host than {} names{}",
            names.url, names.any_name
        ),
        error => sentence(error, names),
    })
}

/// An error as some share it: what it is made of has to be taken out before it can be known.
type Shared = Arc<dyn Error + Send + Sync>;

/// The error of TLS among the causes of an error. An `io::Error` hides what it is made of from those who
/// go from cause to cause.
fn of_tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let hidden = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let shared = || error.downcast_ref::<Shared>().map(|shared| &**shared);
        next = match hidden.or_else(shared) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn sentence(error: &TlsError, names: &Names) -> String {
    match error {
        TlsError::InvalidCertificate(wrong) => of_certificate(wrong, names),
        TlsError::AlertReceived(alert) if is_about_us(*alert) => format!(
            "it does not accept our certificate, or wants to see one ({}): {} and {} must name \
             one that it knows the authority of",
            words(&format!("{alert:?}")),
            names.cert_file,
            names.key_file
        ),
        TlsError::InvalidMessage(_) => {
            format!("what answers does not speak TLS, which {} says it does", names.url)
        }
        error => format!("TLS does not come about: {error}"),
    }
}

fn of_certificate(wrong: &CertificateError, names: &Names) -> String {
    let (url, ca_file) = (names.url, names.ca_file);
    match wrong {
        // The latter, if one that is believed has the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
            "its certificate is of an authority that is not believed here: {ca_file} must name a file \
             that has the certificate of that authority"
        ),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "its certificate is not for {} but for {}: {url} must call the host what the certificate \
             calls it{}",
            expected.to_str(),
            presented.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", "),
            names.any_name
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired: it has to be renewed on the server, or the clock of this \
             machine is wrong"
                .to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: the clock of this machine or of the one that made it is \
             wrong"
                .to_owned()
        }
        wrong if wrong.to_string().contains("CaUsedAsEndEntity") => format!(
            "its certificate is that of an authority, as `openssl req -x509` makes one: let that one \
             sign another for the server, and {ca_file} name the authority's"
        ),
        wrong => format!(
            "its certificate is not believed ({}): it has to be another, or {ca_file} to name its \
             authority",
            words(&wrong.to_string())
        ),
    }
}

/// A name as a certificate has it: `DnsName("db")` is how the library shows that.
fn bare(name: &str) -> &str {
    name.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"')).map_or(name, |(name, _)| name)
}

/// The name of a thing of the library in words, such as `unknown ca` for `UnknownCA`.
fn words(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for character in name.chars() {
        if character.is_uppercase() && before.is_lowercase() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
        before = character;
    }
    words
}

/// Whether a server says by this alert that it has looked at our certificate, or missed it.
const fn is_about_us(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::HandshakeFailure
            | AlertDescription::DecryptError
    )
}

#[cfg(test)]
mod tests {
    use crate::{Certificates, DATABASE, NamedFile, OwnCertificate};

    use super::*;

    #[test]
    fn an_error_of_tls_is_found_however_deep_and_says_which_setting_to_look_at() {
        let expired = TlsError::InvalidCertificate(CertificateError::Expired);
        let deep = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, expired));
        let shared: Shared = Arc::new(deep);
        assert!(refusal(&shared, &DATABASE).unwrap().contains("has expired"));

        let alert = TlsError::AlertReceived(AlertDescription::CertificateRequired);
        let said = refusal(&io::Error::other(alert), &DATABASE).unwrap();
        assert!(said.contains("DATABASE_CERT_FILE and DATABASE_KEY_FILE"), "{said}");

        assert_eq!(refusal(&io::Error::other("no route"), &DATABASE), None);
    }

    #[test]
    fn what_can_be_done_is_said_without_a_name_of_a_server() {
        let wrong = CertificateError::NotValidForNameContext {
            expected: "secret-a".try_into().unwrap(),
            presented: vec!["DnsName(\"secret-b\")".to_owned()],
        };
        let error = io::Error::other(TlsError::InvalidCertificate(wrong));

        assert!(refusal(&error, &DATABASE).unwrap().contains("secret-a"));
        let said = remedy(&error, &DATABASE).unwrap();
        assert!(said.contains("DATABASE_URL") && !said.contains("secret"), "{said}");
        let expired = TlsError::InvalidCertificate(CertificateError::Expired);
        assert!(remedy(&io::Error::other(expired), &DATABASE).unwrap().contains("has expired"));
    }

    #[test]
    fn the_setting_that_is_used_is_the_one_to_change_and_its_file_is_for_the_log() {
        let unknown = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        let unknown = io::Error::other(unknown);
        let file = |setting, path: &str| NamedFile { setting, path: path.into() };
        let in_url = Certificates {
            ca: Some(file("sslrootcert in DATABASE_URL", "/etc/secret-ca.pem")),
            own: Some(OwnCertificate {
                cert: file("sslcert in DATABASE_URL", "/c"),
                key: file("sslkey in DATABASE_URL", "/k"),
            }),
        };
        let names = DATABASE.of_used(&in_url, None);

        let (log, anybody) =
            (refusal(&unknown, &names).unwrap(), remedy(&unknown, &names).unwrap());
        assert!(log.contains("sslrootcert in DATABASE_URL must name a file"), "{log}");
        assert!(log.contains("now it names /etc/secret-ca.pem"), "{log}");
        assert!(!anybody.contains("secret") && !anybody.contains("_FILE"), "{anybody}");
        let alert = io::Error::other(TlsError::AlertReceived(AlertDescription::UnknownCA));
        let said = refusal(&alert, &names).unwrap();
        assert!(said.contains("sslcert in DATABASE_URL and sslkey in DATABASE_URL must"), "{said}");

        let nothing = Certificates::default();
        for (setting, named) in [(None, "DATABASE_CA_FILE"), (Some("sslrootcert"), "sslrootcert")] {
            let said = refusal(&unknown, &DATABASE.of_used(&nothing, setting)).unwrap();
            assert!(said.contains(&format!(" {named} must name")), "{said}");
            assert!(!said.contains("now it names"), "{said}");
        }
    }

    #[test]
    fn names_of_the_library_are_told_in_words() {
        assert_eq!(words("CertificateRequired"), "certificate required");
        assert_eq!(words("UnknownCA"), "unknown ca");
        assert_eq!(bare("DnsName(\"db.example\")"), "db.example");
        assert_eq!(bare("10.0.0.1"), "10.0.0.1");
    }
}
