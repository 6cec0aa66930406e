//! TLS of the public listener, and the one crypto provider of the process (ring).

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::TlsFiles;

/// Why a certificate could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or is not PEM.
    #[error("cannot read {}: {message}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// The key does not belong to the certificate, or is of a kind that is not supported.
    #[error("the certificate {} and its key cannot be used: {source}", path.display())]
    Mismatch {
        /// The certificate.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// Makes ring the provider of every TLS connection of this process. Called first thing in `main`; calling it again does nothing.
pub fn install_crypto_provider() {
    // An error means that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A certificate that can be replaced while connections are served.
#[derive(Debug, Clone)]
pub struct Certificate {
    files: TlsFiles,
    current: Arc<ArcSwap<CertifiedKey>>,
}

impl Certificate {
    /// Reads certificate and key. Blocks while it does.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let current = Arc::new(ArcSwap::from_pointee(read(files)?));
        Ok(Self {
            files: files.clone(),
            current,
        })
    }

    /// Reads the files again. Open connections keep the certificate they have.
    ///
    /// # Errors
    /// [`TlsError`]; the certificate in use stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// A server configuration that shows this certificate.
    pub fn server_config(&self) -> ServerConfig {
        install_crypto_provider();
        ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let unreadable = |path: &PathBuf, message: String| TlsError::Read {
        path: path.clone(),
        message,
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| unreadable(&files.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(unreadable(
            &files.certificate,
            "it holds no certificate".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unreadable(&files.key, error.to_string()))?;
    CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider()).map_err(
        |source| TlsError::Mismatch {
            path: files.certificate.clone(),
            source,
        },
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use actix_web::{HttpResponse, web};
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::config::Listen;
    use crate::http;

    /// Writes a new certificate for localhost and its key; returns the certificate.
    fn write_pair(directory: &Path) -> String {
        let pair =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("generated");
        std::fs::write(directory.join("tls.crt"), pair.cert.pem()).expect("written");
        std::fs::write(directory.join("tls.key"), pair.signing_key.serialize_pem())
            .expect("written");
        pair.cert.pem()
    }

    async fn ask(port: u16, trusted: &str) -> Result<u16, reqwest::Error> {
        let trusted = reqwest::Certificate::from_pem(trusted.as_bytes()).expect("a certificate");
        let client = reqwest::Client::builder()
            .tls_certs_only([trusted])
            .build()
            .expect("a client");
        let response = client
            .get(format!("https://localhost:{port}/"))
            .send()
            .await?;
        Ok(response.status().as_u16())
    }

    #[tokio::test]
    async fn a_listener_shows_its_certificate_and_after_a_reload_the_new_one() {
        install_crypto_provider();
        let directory = tempfile::tempdir().expect("a folder");
        let first = write_pair(directory.path());
        let files = TlsFiles {
            certificate: directory.path().join("tls.crt"),
            key: directory.path().join("tls.key"),
        };
        let certificate = Certificate::load(&files).expect("a pair");
        let listener = http::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let listen = Listen {
            workers: 1,
            ..Listen::default()
        };
        let edge = http::Edge::new(&mut Registry::default());
        let routes = |app: &mut web::ServiceConfig| {
            app.route("/", web::get().to(HttpResponse::Ok));
        };
        let drain = std::time::Duration::from_secs(1);
        let server = http::serve(listener, &listen, Some(&certificate), drain, edge, routes)
            .expect("it listens");
        tokio::spawn(server);
        assert_eq!(ask(port, &first).await.expect("trusted"), 200);

        std::fs::write(&files.key, "rubbish").expect("written");
        let error = certificate.reload().expect_err("no key").to_string();
        assert!(error.contains("tls.key"), "{error}");
        assert_eq!(ask(port, &first).await.expect("the one in use stays"), 200);

        let second = write_pair(directory.path());
        certificate.reload().expect("a new pair");
        assert!(ask(port, &first).await.is_err(), "the old one is gone");
        assert_eq!(ask(port, &second).await.expect("trusted"), 200);
    }
}
