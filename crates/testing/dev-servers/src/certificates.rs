//! Certificates of authorities of our own.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};

use crate::ServerError;

/// An authority that nobody knows who is not told of it.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, in PEM.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub cert: String,
    /// Its key.
    pub key: String,
}

/// What a server shows, and wants to be shown.
#[derive(Clone)]
pub struct ServerTls {
    /// Its certificate.
    pub shows: Issued,
    /// Whose certificates it takes from clients, in PEM. Redis demands one then; Postgres does where
    /// its `pg_hba.conf` says so.
    pub takes: Option<String>,
}

impl Authority {
    /// A new one of this name, which another may have too.
    pub fn new(name: &str) -> Result<Self, ServerError> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let made = KeyPair::generate().and_then(|key| CertifiedIssuer::self_signed(params, key));
        Ok(Self(made.map_err(failed)?))
    }

    /// Its own certificate, in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for this host, or this client.
    pub fn issue(&self, name: &str) -> Result<Issued, ServerError> {
        self.sign(name, |_| {})
    }

    /// A certificate that was good until the year 2001.
    pub fn issue_expired(&self, name: &str) -> Result<Issued, ServerError> {
        self.sign(name, |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        })
    }

    fn sign(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Result<Issued, ServerError> {
        let mut params = CertificateParams::new([name.to_owned()]).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().map_err(failed)?;
        let cert = params.signed_by(&key, &self.0).map_err(failed)?;
        Ok(Issued { cert: cert.pem(), key: key.serialize_pem() })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn failed(error: rcgen::Error) -> ServerError {
    ServerError::Failed { program: "the maker of certificates".to_owned(), said: error.to_string() }
}
