//! TLS to a broker by rustls, from the settings that librdkafka is given elsewhere.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{Error, Security};

/// Encrypts a connection to `host`, whose certificate must be for that name.
pub(super) async fn encrypt(
    security: &Security,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Error> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Error::config("brokers", format!("`{host}` is no host name")))?;
    let connector = TlsConnector::from(Arc::new(settings(security)?));
    connector.connect(name, stream).await.map_err(|error| {
        let cause = error
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::InvalidCertificate(why)) => Error::config(
                "security.ca_file",
                format!("does not prove who {host} is: {why}"),
            ),
            Some(rustls::Error::InvalidMessage(_)) => Error::config(
                "security.protocol",
                format!("is `tls`, which {host} does not speak at this port"),
            ),
            _ => Error::Unreachable {
                brokers: host.to_owned(),
                problem: format!("TLS: {error}; see `kafka.security.protocol` and the port"),
            },
        }
    })
}

/// Whether a broker said that it does not take the client's certificate, or misses one.
pub(super) fn refuses_certificate(error: &std::io::Error) -> bool {
    use rustls::AlertDescription as Alert;
    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(
        cause,
        Some(rustls::Error::AlertReceived(
            Alert::BadCertificate
                | Alert::CertificateRequired
                | Alert::CertificateUnknown
                | Alert::CertificateExpired
                | Alert::UnknownCA
                | Alert::AccessDenied
        ))
    )
}

fn settings(security: &Security) -> Result<ClientConfig, Error> {
    let fault = |key: &str, error: &dyn std::fmt::Display| Error::config(key, error.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| fault("security.protocol", &error))?
        .with_root_certificates(roots(security.ca_file.as_deref())?);
    let (Some(certificate), Some(key)) = (&security.certificate_file, &security.key_file) else {
        return Ok(builder.with_no_client_auth());
    };
    if security.key_password.is_some() {
        return Err(Error::config(
            "security.key_password",
            "a key with a password cannot be used for ACLs, quotas and users: give `security.key_file` without one, or a user with a password",
        ));
    }
    let chain = certificates("security.certificate_file", certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        Error::config("security.key_file", format!("{}: {error}", key.display()))
    })?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| fault("security.certificate_file", &error))
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, Error> {
    const KEY: &str = "security.ca_file";
    let certificates = match file {
        Some(file) => certificates(KEY, file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(certificates).0 == 0 {
        return Err(Error::config(
            KEY,
            "no certificate authority to trust: name a PEM file, or install the system's ca-certificates",
        ));
    }
    Ok(roots)
}

fn certificates(key: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let fault = |error: &dyn std::fmt::Display| {
        Error::config(key, format!("cannot read {}: {error}", file.display()))
    };
    CertificateDer::pem_file_iter(file)
        .map_err(|error| fault(&error))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| fault(&error))
}
