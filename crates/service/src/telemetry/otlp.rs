//! Traces to a collector, by OTLP over HTTP.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    Sampler, SamplingDecision, SamplingResult, SdkTracer, SdkTracerProvider, ShouldSample,
};
use tokio::runtime::Handle;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};

use super::{TelemetryError, TraceParent};

/// A collector that takes longer is as good as away.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn provider(
    endpoint: &str,
    sample: f64,
    service: &str,
    version: &str,
) -> Result<SdkTracerProvider, TelemetryError> {
    let wrong = |message: String| TelemetryError::Endpoint {
        endpoint: endpoint.to_owned(),
        message,
    };
    crate::tls::install_crypto_provider();
    let runtime = Handle::try_current().map_err(|error| wrong(error.to_string()))?;
    let client = reqwest::Client::builder()
        .timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|error| wrong(error.to_string()))?;
    let traces = match endpoint.trim_end_matches('/') {
        whole if whole.ends_with("/v1/traces") => whole.to_owned(),
        base => format!("{base}/v1/traces"),
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(OnRuntime { client, runtime })
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|error| wrong(error.to_string()))?;
    let resource = Resource::builder()
        .with_service_name(service.to_owned())
        .with_attribute(KeyValue::new("service.version", version.to_owned()))
        .build();
    let share = Sampler::TraceIdRatioBased(sample.clamp(0.0, 1.0));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Keep(Sampler::ParentBased(Box::new(share))))
        .with_resource(resource)
        .build())
}

pub(super) fn layer<S>(provider: &SdkTracerProvider) -> OpenTelemetryLayer<S, SdkTracer>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    tracing_opentelemetry::layer()
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracer(provider.tracer(SCOPE))
}

/// What traces say that they come from, beside the service.
const SCOPE: &str = "flumen";

/// Set once this process exports traces.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// From now on spans are made.
pub(super) fn begin(provider: &SdkTracerProvider) {
    // Taken only by the first: there is one subscriber a process, and who comes second was refused already.
    let _ = TRACER.set(provider.tracer(SCOPE));
}

/// What spans are made with, where traces are exported.
pub(super) fn tracer() -> Option<&'static SdkTracer> {
    TRACER.get()
}

/// Keeps what the caller keeps, a share of what begins here, and every batch that something comes from which is kept.
#[derive(Debug, Clone)]
struct Keep(Sampler);

impl ShouldSample for Keep {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        if links.iter().any(|link| link.span_context.is_sampled()) {
            return SamplingResult {
                decision: SamplingDecision::RecordAndSample,
                attributes: Vec::new(),
                trace_state: TraceState::default(),
            };
        }
        self.0
            .should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

pub(super) fn span_context(place: &TraceParent) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(place.trace_id.to_be_bytes()),
        SpanId::from_bytes(place.span_id.to_be_bytes()),
        TraceFlags::new(place.flags),
        true,
        TraceState::default(),
    )
}

pub(super) fn place(span: &SpanContext) -> Option<TraceParent> {
    span.is_valid().then(|| TraceParent {
        trace_id: u128::from_be_bytes(span.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(span.span_id().to_bytes()),
        flags: span.trace_flags().to_u8(),
    })
}

pub(super) fn set_parent(span: &tracing::Span, parent: &TraceParent) {
    // Fails when no traces are exported, and then there is nothing to be a child of.
    let _ = span.set_parent(Context::new().with_remote_span_context(span_context(parent)));
}

/// The current span's context, when that span is one that is kept.
pub(super) fn current_context() -> Option<Context> {
    tracer()?;
    let context = tracing::Span::current().context();
    let is_kept = context.span().span_context().is_sampled();
    is_kept.then_some(context)
}

/// A span's place, when it is one that is exported or was left out by chance.
pub(super) fn of(span: &tracing::Span) -> Option<TraceParent> {
    tracer()?;
    place(span.context().span().span_context())
}

/// Says of a request's span what is known at its end. The name is of the route, so that there are few.
pub(super) fn answered(span: &tracing::Span, method: &str, route: &str, status: u16) {
    let context = span.context();
    let span = context.span();
    if !span.is_recording() {
        return;
    }
    span.update_name(format!("{method} {route}"));
    span.set_attribute(KeyValue::new("http.route", route.to_owned()));
    span.set_attribute(KeyValue::new(
        "http.response.status_code",
        i64::from(status),
    ));
    if status >= 500 {
        span.set_status(Status::error("answered with a server error"));
    }
}

/// The SDK exports from a thread of its own, outside any runtime, where reqwest cannot work: this hands the request to ours.
struct OnRuntime {
    client: reqwest::Client,
    runtime: Handle,
}

impl fmt::Debug for OnRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnRuntime")
    }
}

impl HttpClient for OnRuntime {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let client = self.client.clone();
        let sent = self
            .runtime
            .spawn(async move { client.send_bytes(request).await });
        Box::pin(async move { sent.await.map_err(HttpError::from)? })
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Span, Tracer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Takes one request and answers it; returns its head.
    async fn collector(listener: tokio::net::TcpListener) -> String {
        let (mut stream, _) = listener.accept().await.expect("the exporter connects");
        let mut bytes = Vec::new();
        while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
            let count = stream.read_buf(&mut bytes).await.expect("a request");
            assert!(count > 0, "the request ended within its head");
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .expect("answered");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn spans_reach_the_collector_from_outside_any_runtime() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let head = tokio::spawn(collector(listener));
        let provider = provider(&endpoint, 1.0, "test", "0").expect("a provider");
        provider.tracer("test").start("one").end();
        let flushed = tokio::task::spawn_blocking(move || provider.force_flush());
        let head = head.await.expect("the collector is asked");
        flushed.await.expect("no panic").expect("exported");
        assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
        assert!(head.contains("application/x-protobuf"), "{head}");
    }

    #[tokio::test]
    async fn an_endpoint_that_is_no_url_is_refused_by_name() {
        let error = provider("not a url", 1.0, "test", "0").expect_err("no URL");
        assert!(
            error
                .to_string()
                .contains("telemetry.otlp_endpoint `not a url`"),
            "{error}"
        );
    }
}
