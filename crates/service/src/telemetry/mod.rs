//! Logs and traces.
//!
//! Logs go to standard error through `tracing`: text on a terminal, one JSON object a line otherwise. Traces go to a collector by OTLP when
//! one is configured. The W3C `traceparent` of a request is carried on whether or not they do.
//!
//! One trace leads from a request to the row: the request's span, what it sends below it, the record's header, and from
//! there the span of the batch that stored it ([`span`]).

mod otlp;
pub mod span;
mod traceparent;

pub use traceparent::TraceParent;

use std::io::IsTerminal;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::config::{LogFormat, Telemetry};

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level or directives are wrong.
    #[error(
        "telemetry.log `{directives}` is not a level (error, warn, info, debug, trace) or a list such as \"info,kafka=debug\""
    )]
    Directives {
        /// What was given.
        directives: String,
    },
    /// The collector's address is wrong.
    #[error("telemetry.otlp_endpoint `{endpoint}`: {message}")]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// Why.
        message: String,
    },
    /// This process has a subscriber already.
    #[error("telemetry was started before")]
    Started,
}

/// Changes the level while the service runs.
#[derive(Debug, Clone)]
pub struct LevelHandle(reload::Handle<EnvFilter, Registry>);

impl LevelHandle {
    /// Takes another level or other directives.
    ///
    /// # Errors
    /// When they are wrong; the level in use stays.
    pub fn set(&self, directives: &str) -> Result<(), TelemetryError> {
        let filter = filter(directives, is_exporting())?;
        self.0
            .reload(filter)
            .map_err(|_| TelemetryError::Directives {
                directives: directives.to_owned(),
            })
    }
}

/// Running telemetry; [`Guard::shutdown`] sends what is left.
#[derive(Debug)]
pub struct Guard {
    level: LevelHandle,
    provider: Option<SdkTracerProvider>,
}

impl Guard {
    /// A handle to change the level with.
    pub fn level(&self) -> LevelHandle {
        self.level.clone()
    }

    /// Sends the spans that are left. Blocks for up to five seconds when the collector does not answer.
    pub fn shutdown(self) {
        if let Some(provider) = self.provider {
            // The collector being away at the end is no reason to end otherwise.
            let _ = provider.shutdown();
        }
    }
}

/// Starts logs and traces for the process. Must be called within a tokio runtime when traces are exported.
///
/// # Errors
/// [`TelemetryError`] names the setting.
pub fn init(config: &Telemetry, service: &str, version: &str) -> Result<Guard, TelemetryError> {
    let provider = match config
        .otlp_endpoint
        .as_deref()
        .filter(|endpoint| !endpoint.is_empty())
    {
        Some(endpoint) => Some(otlp::provider(
            endpoint,
            config.otlp_sample,
            service,
            version,
        )?),
        None => None,
    };
    let traces = provider.as_ref().map(otlp::layer);
    let (filter, level) = reload::Layer::new(filter(&config.log, provider.is_some())?);
    Registry::default()
        .with(filter)
        .with(lines(config.format))
        .with(traces)
        .try_init()
        .map_err(|_| TelemetryError::Started)?;
    if let Some(provider) = &provider {
        otlp::begin(provider);
    }
    Ok(Guard {
        level: LevelHandle(level),
        provider,
    })
}

/// Whether this process exports traces: what only they need may else be left out.
pub fn is_exporting() -> bool {
    otlp::tracer().is_some()
}

/// Where the spans of requests belong, apart from the code that opens them: a quieter log must not end the traces.
pub(crate) const SPANS: &str = "flumen::request";

/// Makes a span a child of the caller's, when traces are exported.
pub fn adopt(span: &tracing::Span, parent: &TraceParent) {
    otlp::set_parent(span, parent);
}

/// Says of a request's span what is known at its end.
pub(crate) fn answered(span: &tracing::Span, method: &str, route: &str, status: u16) {
    if is_exporting() {
        otlp::answered(span, method, route, status);
    }
}

fn filter(directives: &str, with_spans: bool) -> Result<EnvFilter, TelemetryError> {
    // What actix tells of its own threads is of use to nobody; naming it in the directives brings it back.
    let mut all = format!("actix_server=warn,{directives}");
    if with_spans {
        all += &format!(",{SPANS}=info");
    }
    EnvFilter::try_new(all).map_err(|_| TelemetryError::Directives {
        directives: directives.to_owned(),
    })
}

fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let is_text = match format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    if is_text {
        let ansi = std::io::stderr().is_terminal();
        fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(ansi)
            .boxed()
    } else {
        fmt::layer()
            .with_writer(std::io::stderr)
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_taken_and_nonsense_is_refused_by_name() {
        for good in ["info", "warn,kafka=debug"] {
            for with_spans in [false, true] {
                assert!(filter(good, with_spans).is_ok(), "{good}");
            }
        }
        let error = filter("info,kafka=loud", false).expect_err("there is no such level");
        assert!(error.to_string().contains("kafka=loud"), "{error}");
    }
}
