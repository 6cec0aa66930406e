//! Sending by SMTP.

use std::time::{Duration, UNIX_EPOCH};

use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::ExposeSecret as _;

use super::{Failure, Outcome, TransportError, read, said, secret};
use crate::config::{self, Security};
use crate::render::Rendered;

/// A server, and how to talk to it. Every mail has a connection of its own: they are few.
#[derive(Debug)]
pub(crate) struct Smtp {
    server: AsyncSmtpTransport<Tokio1Executor>,
    timeout: Duration,
}

impl Smtp {
    pub(super) fn load(config: &config::Smtp) -> Result<Self, TransportError> {
        let tls = match config.security {
            Security::None => Tls::None,
            Security::Starttls => Tls::Required(tls(config)?),
            Security::Tls => Tls::Wrapper(tls(config)?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls)
            .hello_name(ClientId::Domain(config.hello.clone()))
            .timeout(Some(config.timeout));
        if !config.username.is_empty() {
            let password = secret(
                "smtp.password_file",
                &config.password,
                &config.password_file,
            )?;
            builder = builder.credentials(Credentials::new(
                config.username.clone(),
                password.expose_secret().to_owned(),
            ));
        }
        Ok(Self {
            server: builder.build(),
            timeout: config.timeout,
        })
    }

    /// Sends to all at once; when that is refused, to each alone, so that one wrong address takes the mail from nobody else.
    pub(super) async fn send(&self, mail: &Rendered) -> Outcome {
        let bytes = match message(mail) {
            Ok(message) => message.formatted(),
            Err(why) => return Outcome::Failed(Failure::Configuration(why)),
        };
        let all = match self.once(mail, &mail.to, &bytes).await {
            Ok(()) => return Outcome::Sent,
            Err(failure) if !failure.is_refusal() || mail.to.len() < 2 => {
                return Outcome::Failed(failure);
            }
            Err(failure) => failure,
        };
        let (mut left, mut last) = (Vec::new(), all);
        for to in &mail.to {
            if let Err(failure) = self.once(mail, std::slice::from_ref(to), &bytes).await {
                left.push(to.clone());
                last = failure;
            }
        }
        match left.len() {
            0 => Outcome::Sent,
            count if count == mail.to.len() => Outcome::Failed(last),
            _ => Outcome::Partly {
                left,
                failure: last,
            },
        }
    }

    async fn once(&self, mail: &Rendered, to: &[String], bytes: &[u8]) -> Result<(), Failure> {
        let wrong = |why: String| Failure::Configuration(why);
        let address = |text: &String| config::mailbox(text).map(|mailbox| mailbox.email);
        let from = address(&mail.from).map_err(wrong)?;
        let to = to
            .iter()
            .map(address)
            .collect::<Result<_, _>>()
            .map_err(wrong)?;
        let envelope = Envelope::new(Some(from), to).map_err(|error| wrong(error.to_string()))?;
        match tokio::time::timeout(self.timeout, self.server.send_raw(&envelope, bytes)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.failure(&error)),
            Err(_) => Err(Failure::Timeout(self.timeout)),
        }
    }

    fn failure(&self, error: &lettre::transport::smtp::Error) -> Failure {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(next) = cause {
            let more = next.to_string();
            if !text.contains(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = next.source();
        }
        let text = said(&text);
        let code = error.status().map(u16::from);
        match code {
            // RFC 4954: what a server says when it does not know us, or wants to.
            Some(454 | 530 | 534 | 535 | 538) => Failure::Authentication(text),
            Some(421 | 450 | 451 | 452) => Failure::Throttled {
                text,
                retry_after: None,
            },
            Some(400..=499) => Failure::Server {
                text,
                retry_after: None,
            },
            Some(_) => Failure::Refused(text),
            None if error.is_timeout() => Failure::Timeout(self.timeout),
            None if error.is_response() => Failure::Protocol(text),
            None if error.is_client() => Failure::Authentication(text),
            None => Failure::Connection(text),
        }
    }
}

fn tls(config: &config::Smtp) -> Result<TlsParameters, TransportError> {
    let wrong = |setting| {
        move |error: lettre::transport::smtp::Error| TransportError::Wrong {
            setting,
            why: error.to_string(),
        }
    };
    let mut builder = TlsParameters::builder(config.host.clone());
    if !config.ca_file.as_os_str().is_empty() {
        let pem = read("smtp.ca_file", &config.ca_file)?;
        let authority = Certificate::from_pem(&pem).map_err(wrong("smtp.ca_file"))?;
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(authority);
    }
    builder.build().map_err(wrong("smtp.host"))
}

fn message(mail: &Rendered) -> Result<Message, String> {
    let mailbox = |text: &str| config::mailbox(text);
    let created = UNIX_EPOCH + Duration::from_millis(mail.created_ms);
    let mut builder = Message::builder()
        .from(mailbox(&mail.from)?)
        .date(created)
        .message_id(Some(mail.message_id.clone()))
        .references(mail.thread_id.clone())
        .in_reply_to(mail.thread_id.clone())
        .subject(&mail.subject)
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Auto-Response-Suppress", "All"))
        .raw_header(header("X-Flumen-Status", mail.status))
        .raw_header(header("X-Flumen-Severity", &mail.severity));
    if mail.is_urgent {
        builder = builder
            .raw_header(header("Importance", "high"))
            .raw_header(header("X-Priority", "1"));
    }
    if let Some(reply_to) = &mail.reply_to {
        builder = builder.reply_to(mailbox(reply_to)?);
    }
    for to in mail
        .to
        .iter()
        .map(|to| mailbox(to))
        .collect::<Result<Vec<Mailbox>, _>>()?
    {
        builder = builder.to(to);
    }
    builder
        .multipart(MultiPart::alternative_plain_html(
            mail.text.clone(),
            mail.html.clone(),
        ))
        .map_err(|error| error.to_string())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}
