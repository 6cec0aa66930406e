//! A Kafka that lets nobody in unasked: TLS with SCRAM, TLS with client certificates, ACLs; and the certificates for it and for PostgreSQL.
//!
//! | listener | who comes in |
//! |---|---|
//! | [`SecuredKafka::scram`] | users with a password (SCRAM-SHA-512) over TLS; [`ADMINISTRATOR`] may do everything |
//! | [`SecuredKafka::mutual_tls`] | whoever holds a certificate of the [`Authority`], as its subject, such as `User:CN=writer` |
//! | [`SecuredKafka::inner`] | everybody, in the clear, who may then do everything: for the test's own hands |
//!
//! What no ACL allows is refused.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use crate::error::IoContext as _;
use crate::{Error, Kafka, KafkaConfig, Listener, Progress, Purpose};

/// The user that may do everything.
pub const ADMINISTRATOR: &str = "admin";
/// Its password.
pub const ADMINISTRATORS_PASSWORD: &str = "admin-secret";

/// Who signs the certificates of one test.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, both PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key (PKCS #8).
    pub key: String,
}

impl Authority {
    /// A new one, trusted by nobody yet.
    ///
    /// # Panics
    /// Never in practice: the parameters are fixed.
    pub fn new() -> Self {
        let mut params = named("the tests' authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key of the default algorithm");
        let certificate = params.self_signed(&key).expect("fixed parameters");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Its own certificate, which those who trust it hold.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server on this machine: `localhost` and `127.0.0.1`.
    pub fn server(&self) -> Identity {
        let mut params = named("localhost");
        let names = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]);
        params.subject_alt_names = names.expect("two legal names").subject_alt_names;
        // A broker is its peers' client too.
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.sign(params)
    }

    /// A certificate for a client of this name.
    pub fn client(&self, name: &str) -> Identity {
        let mut params = named(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key of the default algorithm");
        let certificate = params.signed_by(&key, &self.issuer);
        Identity {
            certificate: certificate.expect("legal parameters").pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// Writes both into a folder, as `NAME.pem` and `NAME.key`, and answers with the paths.
    ///
    /// # Panics
    /// When the folder cannot be written to.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let paths = (
            folder.join(format!("{name}.pem")),
            folder.join(format!("{name}.key")),
        );
        for (path, text) in [(&paths.0, &self.certificate), (&paths.1, &self.key)] {
            std::fs::write(path, text)
                .unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
        }
        paths
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// One broker that lets nobody in unasked. Dropping it kills it.
#[derive(Debug)]
pub struct SecuredKafka {
    kafka: Kafka,
    authority: Authority,
    ca_file: PathBuf,
}

impl SecuredKafka {
    /// Starts one in this folder, with these users and passwords beside the administrator. `properties` are further settings of the broker.
    ///
    /// # Errors
    /// When Kafka does not start.
    pub async fn start(
        folder: &Path,
        users: &[(&str, &str)],
        properties: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let authority = Authority::new();
        let ca_file = folder.join("ca.pem");
        std::fs::write(&ca_file, authority.pem())
            .during(|| format!("write {}", ca_file.display()))?;
        let server = authority.server();
        let key_store = folder.join("server-with-key.pem");
        std::fs::write(&key_store, format!("{}{}", server.key, server.certificate))
            .during(|| format!("write {}", key_store.display()))?;
        let users = [(ADMINISTRATOR, ADMINISTRATORS_PASSWORD)]
            .iter()
            .chain(users);
        let config = KafkaConfig {
            listeners: ["SCRAM", "MUTUAL"].map(own_port).into(),
            users: users
                .map(|(name, password)| ((*name).to_owned(), (*password).to_owned()))
                .collect(),
            properties: settings(&key_store, &ca_file)
                .into_iter()
                .chain(
                    properties
                        .iter()
                        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
                )
                .collect(),
            ..KafkaConfig::new(folder.join("kafka"), Purpose::Test)
        };
        Ok(Self {
            kafka: Kafka::start(config, &Progress::silent()).await?,
            authority,
            ca_file,
        })
    }

    /// The address for users with a password.
    pub fn scram(&self) -> String {
        self.listener("SCRAM")
    }

    /// The address for holders of a certificate.
    pub fn mutual_tls(&self) -> String {
        self.listener("MUTUAL")
    }

    /// The address for the test's own hands.
    pub fn inner(&self) -> String {
        self.kafka.bootstrap()
    }

    /// Who signed the broker's certificate and is to sign its clients'.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The file with the authority's certificate.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The broker, to be stopped and started.
    pub fn kafka(&mut self) -> &mut Kafka {
        &mut self.kafka
    }

    /// By name, since that is what a certificate is checked against.
    fn listener(&self, name: &str) -> String {
        self.kafka
            .listener(name)
            .join(",")
            .replace("127.0.0.1", "localhost")
    }
}

fn own_port(name: &str) -> Listener {
    Listener {
        name: name.to_owned(),
        advertised: Vec::new(),
    }
}

fn settings(key_store: &Path, ca_file: &Path) -> Vec<(String, String)> {
    let (key_store, ca_file) = (
        key_store.display().to_string(),
        ca_file.display().to_string(),
    );
    let settings = [
        (
            "listener.security.protocol.map",
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SCRAM:SASL_SSL,MUTUAL:SSL",
        ),
        ("ssl.keystore.type", "PEM"),
        ("ssl.keystore.location", &key_store),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", &ca_file),
        ("listener.name.mutual.ssl.client.auth", "required"),
        (
            "listener.name.scram.sasl.enabled.mechanisms",
            "SCRAM-SHA-512",
        ),
        (
            "listener.name.scram.scram-sha-512.sasl.jaas.config",
            "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        ),
        (
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        ),
        ("allow.everyone.if.no.acl.found", "false"),
        // Whoever comes in in the clear has no name: the broker itself, its controller, and the test.
        ("super.users", "User:ANONYMOUS;User:admin"),
        // A client that was refused may try again at once.
        ("connection.failed.authentication.delay.ms", "0"),
    ];
    settings
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
