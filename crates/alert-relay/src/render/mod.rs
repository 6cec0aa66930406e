//! Mails as text and HTML, from templates that an operator can replace.
//!
//! What the templates are given is clean already ([`crate::clean`]); here it is escaped: HTML in `.html`, JSON in `.json`. A
//! template of the operator that fails is no reason for an alert not to arrive: the built-in one is used, and counted.

mod context;

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value};
use tracing::error;

use crate::alert::severity_rank;
use crate::clean;
use crate::config::{Config, TransportKind};
use crate::metrics::Metrics;
use crate::outbox::Mail;
use context::Context;

const SUBJECT: &str = "subject.txt";
const TEXT: &str = "body.txt";
const HTML: &str = "body.html";
const API: &str = "api.json";

const BUILT_IN: [(&str, &str); 4] = [
    (SUBJECT, include_str!("../../templates/subject.txt")),
    (TEXT, include_str!("../../templates/body.txt")),
    (HTML, include_str!("../../templates/body.html")),
    (API, include_str!("../../templates/api.json")),
];

/// Steps a template may take: a mail of 200 alerts with all their labels takes a tenth. Ends loops without an end.
const FUEL: u64 = 20_000_000;
/// Longest body; what is longer is a template gone wrong.
const BODY_BYTES: usize = 8 << 20;

/// A mail ready to leave.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    pub(crate) from: String,
    pub(crate) reply_to: Option<String>,
    pub(crate) to: Vec<String>,
    /// One clean line.
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) message_id: String,
    pub(crate) thread_id: String,
    pub(crate) created_ms: u64,
    pub(crate) status: &'static str,
    pub(crate) severity: String,
    pub(crate) is_urgent: bool,
    /// The body of the request to the API; empty when mails leave by SMTP.
    pub(crate) api_body: String,
}

/// Why templates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A file is there and cannot be read.
    #[error("cannot read the template {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no template, or it fails on an example.
    #[error("the template {name} cannot be used: {why}")]
    Wrong {
        /// The file's name.
        name: &'static str,
        /// Why, with the line.
        why: String,
    },
}

/// The templates in use.
#[derive(Debug)]
pub(crate) struct Renderer {
    built_in: Environment<'static>,
    /// With the operator's templates over the built-in ones.
    own: Option<Environment<'static>>,
    mail: crate::config::Mail,
    content_is_json: bool,
}

impl Renderer {
    /// Reads the templates and tries each on an example. Blocks while it does.
    ///
    /// # Errors
    /// [`TemplateError`] names the template.
    pub(crate) fn load(config: &Config) -> Result<Self, TemplateError> {
        let folder = &config.mail.templates;
        let own = if folder.as_os_str().is_empty() {
            None
        } else {
            read(folder)?
        };
        let renderer = Self {
            built_in: environment(),
            own,
            mail: config.mail.clone(),
            content_is_json: config.api.content_type.contains("json"),
        };
        let example = example(&config.mail.to, 0);
        for (name, _) in BUILT_IN {
            let environment = renderer.own.as_ref().unwrap_or(&renderer.built_in);
            let wrong = |why| TemplateError::Wrong { name, why };
            let context = renderer.api_context(&example, "subject", "text", "<p>html</p>");
            let out = render(environment, name, context).map_err(wrong)?;
            if name == API && renderer.content_is_json {
                serde_json::from_str::<serde::de::IgnoredAny>(&out)
                    .map_err(|error| wrong(format!("what it makes is not JSON: {error}")))?;
            }
        }
        Ok(renderer)
    }

    /// Renders a mail. Fails only when the operator's template of an API's body does.
    pub(crate) fn mail(&self, mail: &Mail, metrics: &Metrics) -> Result<Rendered, String> {
        let context = Value::from(Serde(Context::new(mail, &self.mail)));
        let part = |name| self.part(name, context.clone(), metrics);
        let subject = clean::line(&part(SUBJECT), clean::SUBJECT_BYTES);
        let (text, html) = (part(TEXT), part(HTML));
        let api_body = match self.mail.transport {
            TransportKind::Smtp => String::new(),
            TransportKind::Api => {
                let environment = self.own.as_ref().unwrap_or(&self.built_in);
                render(
                    environment,
                    API,
                    self.api_context(mail, &subject, &text, &html),
                )
                .inspect_err(|_| {
                    metrics.template_failures.inc();
                })
                .map_err(|why| format!("the template {API}: {why}"))?
            }
        };
        let severity = mail.severity().to_owned();
        Ok(Rendered {
            from: self.mail.from.clone(),
            reply_to: self.mail.reply_to.clone(),
            to: mail.to.clone(),
            subject,
            text,
            html,
            message_id: mail.message_id.clone(),
            thread_id: mail.thread_id.clone(),
            created_ms: mail.created_ms,
            status: mail.status().name(),
            is_urgent: mail.firing > 0 && severity_rank(&severity) == 0,
            severity,
            api_body,
        })
    }

    fn part(&self, name: &'static str, context: Value, metrics: &Metrics) -> String {
        if let Some(own) = &self.own {
            match render(own, name, context.clone()) {
                Ok(text) => return text,
                Err(why) => {
                    metrics.template_failures.inc();
                    error!(
                        template = name,
                        reason = why,
                        "a template failed; the built-in one is used"
                    );
                }
            }
        }
        // The built-in ones were tried when they were loaded; an empty body is better than no mail.
        render(&self.built_in, name, context).unwrap_or_default()
    }

    fn api_context(&self, mail: &Mail, subject: &str, text: &str, html: &str) -> Value {
        let mut context = Context::new(mail, &self.mail);
        context.subject = subject;
        context.text = text;
        context.html = html;
        Value::from(Serde(context))
    }
}

fn render(environment: &Environment<'_>, name: &str, context: Value) -> Result<String, String> {
    let wrong = |error: minijinja::Error| {
        let line = error
            .line()
            .map_or(String::new(), |line| format!("line {line}: "));
        clean::line(&format!("{line}{error}"), 300)
    };
    let out = environment
        .get_template(name)
        .and_then(|template| template.render(context))
        .map_err(wrong)?;
    if out.len() > BODY_BYTES {
        return Err(format!("it makes more than {BODY_BYTES} bytes"));
    }
    Ok(out)
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|name| {
        match Path::new(name)
            .extension()
            .and_then(|extension| extension.to_str())
        {
            Some("html") => AutoEscape::Html,
            Some("json") => AutoEscape::Json,
            _ => AutoEscape::None,
        }
    });
    if let Ok(syntax) = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment.set_fuel(Some(FUEL));
    environment.add_filter("url", |text: &str| clean::url(text));
    environment.add_filter("line", |text: &str| clean::line(text, clean::SUBJECT_BYTES));
    for (name, source) in BUILT_IN {
        // A fault in one is found by the first test, and by every start.
        drop(environment.add_template(name, source));
    }
    environment
}

/// The environment with the folder's templates; none when there are none.
fn read(folder: &Path) -> Result<Option<Environment<'static>>, TemplateError> {
    let mut own = environment();
    let mut has_any = false;
    for (name, _) in BUILT_IN {
        let path = folder.join(name);
        let source = match std::fs::read_to_string(&path) {
            Ok(source) => source,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && folder.is_dir() => {
                continue;
            }
            Err(source) => {
                return Err(TemplateError::Read {
                    path: path.display().to_string(),
                    source,
                });
            }
        };
        own.add_template_owned(name, source)
            .map_err(|error| TemplateError::Wrong {
                name,
                why: clean::line(&format!("{error:#}"), 300),
            })?;
        has_any = true;
    }
    Ok(has_any.then_some(own))
}

/// A mail that shows everything a template can be given; also the test mail.
pub(crate) fn example(to: &[String], now_ms: u64) -> Mail {
    use crate::alert::{Alert, Links, Status};
    let text = |text: &str| text.to_owned();
    let labels = [
        ("alertname", "RelayTest"),
        ("severity", "info"),
        ("service", "alert-relay"),
    ];
    Mail {
        id: 0,
        route: text("test"),
        lane: Some(0),
        to: to.to_vec(),
        message_id: text("<test@localhost>"),
        thread_id: text("<test@localhost>"),
        created_ms: now_ms,
        alerts: vec![Alert {
            status: Status::Firing,
            name: text("RelayTest"),
            severity: text("info"),
            fingerprint: text("0000000000000000"),
            starts_at: crate::clean::line(&context::time_of(now_ms), 64),
            ends_at: String::new(),
            summary: text("This is a test: alerts reach you this way"),
            description: text(
                "Somebody asked alert-relay for a test mail. Nothing is wrong and nothing is to be done.",
            ),
            labels: labels.map(|(name, value)| (text(name), text(value))).into(),
            annotations: [(text("sent_by"), text("flumen relay test"))].into(),
            values: std::collections::BTreeMap::new(),
            links: Links::default(),
        }],
        firing: 1,
        resolved: 0,
        more: Vec::new(),
        attempts: 0,
        refusals: 0,
        since_ms: now_ms,
        next_ms: now_ms,
        last_error: String::new(),
    }
}

#[cfg(test)]
mod tests;
