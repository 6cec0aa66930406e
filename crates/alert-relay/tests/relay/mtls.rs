//! An e-mail API that wants to see the relay's certificate.

use std::path::Path;
use std::sync::Arc;

use devstack::secured::{Authority, Identity};
use devstack::testing::eventually;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;

use crate::fake_api::FakeApi;
use crate::harness::{PATIENCE, Relay, alert, webhook};

/// Shows this certificate, and takes only clients of this authority.
fn demanding(server: &Identity, authority: &Authority) -> ServerConfig {
    let read = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let mut trusted = RootCertStore::empty();
    trusted
        .add(read(authority.pem()))
        .expect("a certificate of an authority");
    let clients = WebPkiClientVerifier::builder(Arc::new(trusted))
        .build()
        .expect("one authority");
    let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes()).expect("a key");
    ServerConfig::builder()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![read(&server.certificate)], key)
        .expect("the key belongs to the certificate")
}

/// Settings for a relay that trusts this authority and shows this certificate.
fn settings(api: &FakeApi, folder: &Path, identity: Option<&Identity>) -> String {
    let mut settings = format!(
        "mail.transport = \"api\"\n[api]\nurl = \"https://{}/send\"\nauthentication = \"none\"\nca_file = \"{}\"\ntimeout = \"10s\"\n",
        api.address,
        folder.join("ca.pem").display(),
    );
    if let Some(identity) = identity {
        let (certificate, key) = identity.write(folder, "relay");
        settings += &format!(
            "certificate_file = \"{}\"\nkey_file = \"{}\"\n",
            certificate.display(),
            key.display()
        );
    }
    settings
}

struct Scene {
    authority: Authority,
    api: FakeApi,
    folder: TempDir,
}

impl Scene {
    async fn new() -> Self {
        service::tls::install_crypto_provider();
        let authority = Authority::new();
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).expect("written");
        let api = FakeApi::start_tls(demanding(&authority.server(), &authority)).await;
        Self {
            authority,
            api,
            folder,
        }
    }

    fn settings(&self, identity: Option<&Identity>) -> String {
        settings(&self.api, self.folder.path(), identity)
    }
}

/// The API takes nothing from this relay, which goes on trying; once it shows the right certificate, the mail arrives.
async fn is_kept_out_until_it_shows_the_right_one(identity: Option<Identity>) {
    let scene = Scene::new().await;
    let relay = Relay::start(&scene.settings(identity.as_ref())).await;
    relay
        .accept(&webhook("A", &[alert("A", "firing", &[])]))
        .await;
    // Over TLS 1.3 a client hears of the refusal when it reads, and by then believes to be connected: either word is right.
    eventually(PATIENCE, || async {
        let mut failures = 0.0;
        for reason in ["connection", "protocol"] {
            let line = format!("flumen_relay_failures_total{{reason=\"{reason}\"}}");
            failures += relay.metric(&line).await;
        }
        failures >= 2.0
    })
    .await;
    assert!(scene.api.mails().is_empty(), "{:?}", scene.api.mails());
    assert_eq!(relay.metric("flumen_relay_dead_letters").await, 0.0);

    let right = scene.authority.client("alert-relay");
    let (status, answer) = relay.reload(&scene.settings(Some(&right))).await;
    assert_eq!(status, 200, "{answer}");
    eventually(PATIENCE, || async { scene.api.mails().len() == 1 }).await;
}

#[tokio::test]
async fn a_mail_goes_to_an_api_that_demands_the_relays_certificate() {
    let scene = Scene::new().await;
    let right = scene.authority.client("alert-relay");
    let relay = Relay::start(&scene.settings(Some(&right))).await;
    relay
        .accept(&webhook("A", &[alert("A", "firing", &[])]))
        .await;
    eventually(PATIENCE, || async { scene.api.mails().len() == 1 }).await;
    let mail = scene.api.mails().remove(0);
    assert_eq!(mail.json()["to"][0], "oncall@example.com");
    assert_eq!(mail.header("authorization"), None);
}

#[tokio::test]
async fn a_relay_with_a_certificate_of_somebody_else_is_kept_out_and_keeps_the_mail() {
    let stranger = Authority::new().client("alert-relay");
    is_kept_out_until_it_shows_the_right_one(Some(stranger)).await;
}

#[tokio::test]
async fn a_relay_without_a_certificate_is_kept_out_and_keeps_the_mail() {
    is_kept_out_until_it_shows_the_right_one(None).await;
}

#[tokio::test]
async fn an_api_that_is_not_who_it_should_be_gets_no_mail() {
    let scene = Scene::new().await;
    let imposter = Authority::new();
    let api = FakeApi::start_tls(demanding(&imposter.server(), &scene.authority)).await;
    let right = scene.authority.client("alert-relay");
    let relay = Relay::start(&settings(&api, scene.folder.path(), Some(&right))).await;
    relay
        .accept(&webhook("A", &[alert("A", "firing", &[])]))
        .await;
    eventually(PATIENCE, || async {
        relay
            .metric("flumen_relay_failures_total{reason=\"connection\"}")
            .await
            >= 2.0
    })
    .await;
    assert!(api.mails().is_empty(), "{:?}", api.mails());
}
