//! TLS to PostgreSQL by rustls, with libpq's meaning of `sslmode`.
//!
//! `prefer` and `require` encrypt without checking who answers, as libpq does; only `verify-full` is safe against an active
//! attacker. A `sslrootcert` given with `require` is checked, again as libpq does.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{StoreError, config::SslMode};

/// The files TLS is set up from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Files<'a> {
    pub(crate) root_cert: Option<&'a Path>,
    pub(crate) client_cert: Option<&'a Path>,
    pub(crate) client_key: Option<&'a Path>,
}

/// Builds the connector; reads the certificate files now, so that a wrong path is an error at start.
pub(crate) fn connector(mode: SslMode, files: Files<'_>) -> Result<MakeRustlsConnect, StoreError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::config("database.ssl_mode", error.to_string()))?;
    let checked = mode == SslMode::VerifyFull || files.root_cert.is_some();
    let builder = if checked && mode != SslMode::Disable {
        builder.with_root_certificates(roots(files.root_cert)?)
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    };
    let config = match (files.client_cert, files.client_key) {
        (Some(cert), Some(key)) => {
            const CERT: &str = "database.ssl_cert";
            const KEY: &str = "database.ssl_key";
            let chain = certificates(CERT, cert)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| StoreError::config(KEY, format!("{}: {error}", key.display())))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| StoreError::config(CERT, error.to_string()))?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, StoreError> {
    const KEY: &str = "database.ssl_root_cert";
    let mut roots = RootCertStore::empty();
    let certificates = match file {
        Some(file) => certificates(KEY, file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(StoreError::config(
            KEY,
            "no certificate authority to trust: name a PEM file, or install the system's ca-certificates",
        ));
    }
    Ok(roots)
}

fn certificates(
    key: &'static str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let fault = |error: &dyn std::fmt::Display| {
        StoreError::config(key, format!("{}: {error}", file.display()))
    };
    CertificateDer::pem_file_iter(file)
        .map_err(|error| fault(&error))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| fault(&error))
}

/// Accepts every certificate, for the modes that do not verify; still checks that the server holds its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
