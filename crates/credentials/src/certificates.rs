//! Which servers are believed, and what they are shown.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};

use crate::{FileError, HalfCertificate, NamedFile, Names};

/// What is believed and shown under TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificates {
    /// The authorities that are believed; those of the system, if none is named.
    pub ca: Option<NamedFile>,
    /// What this process shows, if it has anything to show.
    pub own: Option<OwnCertificate>,
}

/// The certificate that this process shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The certificate, and those between it and its authority.
    pub cert: NamedFile,
    /// Its private key.
    pub key: NamedFile,
}

/// What of a server's certificate is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Nothing: whoever listens sees nothing, but whoever stands between sees all.
    Nothing,
    /// Whether an authority that is believed has signed it, and its time.
    Chain,
    /// That, and whether it is for the host that was asked.
    ChainAndName,
}

impl Certificates {
    /// What TLS is made of, as the files are now. Reads them, so it may have to wait for a disk.
    pub fn client_config(&self, verify: Verify, names: &Names) -> Result<ClientConfig, FileError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions();
        // Ring has both versions of TLS.
        let builder = builder.map_err(|error| self.unusable(names, &error))?;
        let verifier: Arc<dyn ServerCertVerifier> = match verify {
            Verify::Nothing => Arc::new(Lenient { provider, chain: None }),
            Verify::Chain => {
                let chain = Some(self.verifier(Arc::clone(&provider), names)?);
                Arc::new(Lenient { provider, chain })
            }
            Verify::ChainAndName => self.verifier(provider, names)?,
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let Some(own) = &self.own else { return Ok(builder.with_no_client_auth()) };
        let (chain, key) = own.read()?;
        builder.with_client_auth_cert(chain, key).map_err(|error| {
            let (setting, path) = (own.key.setting, own.key.path.display());
            own.cert.wrong(format!("does not go with {path}, which is {setting}: {error}"))
        })
    }

    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
        names: &Names,
    ) -> Result<Arc<WebPkiServerVerifier>, FileError> {
        let mut roots = RootCertStore::empty();
        if let Some(file) = &self.ca {
            for certificate in certificates(file)? {
                let added = roots.add(certificate);
                added.map_err(|error| {
                    file.wrong(format!("has a certificate that is not to be believed: {error}"))
                })?;
            }
        } else {
            // Those that cannot be read are left out, as every program on the system does.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .map_err(|error| self.unusable(names, &error))
    }

    fn unusable(&self, names: &Names, error: &dyn std::error::Error) -> FileError {
        let none = || NamedFile { setting: names.ca_file, path: "the system's store".into() };
        let file = self.ca.clone().unwrap_or_else(none);
        file.wrong(format!("has no authority that can be believed: {error}"))
    }
}

impl OwnCertificate {
    /// What two settings name, which are called so.
    pub fn of(
        cert: Option<NamedFile>,
        key: Option<NamedFile>,
        (called, key_called): (&'static str, &'static str),
    ) -> Result<Option<Self>, HalfCertificate> {
        match (cert, key) {
            (Some(cert), Some(key)) => Ok(Some(Self { cert, key })),
            (None, None) => Ok(None),
            (Some(cert), None) => Err(HalfCertificate { set: cert.setting, missing: key_called }),
            (None, Some(key)) => Err(HalfCertificate { set: key.setting, missing: called }),
        }
    }

    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), FileError> {
        let key = PrivateKeyDer::from_pem_slice(&self.key.read()?).map_err(|_| {
            self.key.wrong("has no private key in PEM; one with a passphrase cannot be read")
        })?;
        Ok((certificates(&self.cert)?, key))
    }
}

/// The certificates of a file: one at least.
fn certificates(file: &NamedFile) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let found = CertificateDer::pem_slice_iter(&file.read()?).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(file.wrong("has no certificate in PEM")),
    }
}

/// Believes whoever an authority has signed, for whatever name; or, without one that looks at the
/// chain, everybody. What is signed with the key of the certificate must be so nonetheless.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    chain: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        let verified =
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at last: all else is good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
