//! A small collector: takes traces by OTLP over HTTP and keeps the spans.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A span, and which service it is of.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) service: String,
    pub(crate) span: Span,
}

impl Told {
    /// An attribute as text.
    pub(crate) fn attribute(&self, key: &str) -> Option<String> {
        attribute(&self.span.attributes, key)
    }

    pub(crate) fn trace_id(&self) -> String {
        hex(&self.span.trace_id)
    }

    pub(crate) fn span_id(&self) -> String {
        hex(&self.span.span_id)
    }

    pub(crate) fn parent_id(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    /// Whether it has a link to another.
    pub(crate) fn leads_to(&self, other: &Self) -> bool {
        let (trace, span) = (&other.span.trace_id, &other.span.span_id);
        let links = &self.span.links;
        links
            .iter()
            .any(|link| link.trace_id == *trace && link.span_id == *span)
    }
}

/// A running collector.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    spans: Arc<Mutex<Vec<Told>>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let collector = Self {
            address: listener.local_addr().expect("bound"),
            spans: Arc::default(),
        };
        let serving = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let collector = serving.clone();
                tokio::spawn(async move { drop(collector.serve(stream).await) });
            }
        });
        collector
    }

    /// All spans so far, in the order of their arrival.
    pub(crate) fn spans(&self) -> Vec<Told> {
        self.spans.lock().expect("not poisoned").clone()
    }

    /// Takes requests until the exporter closes the connection.
    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        loop {
            let body = request(&mut stream, &mut bytes).await?;
            let request = ExportTraceServiceRequest::decode(&body[..])?;
            self.spans
                .lock()
                .expect("not poisoned")
                .extend(told(request));
            // An empty answer of this type says that everything was taken.
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
                .await?;
        }
    }
}

fn told(request: ExportTraceServiceRequest) -> Vec<Told> {
    let mut all = Vec::new();
    for resource in request.resource_spans {
        let attributes = resource.resource.unwrap_or_default().attributes;
        let service = attribute(&attributes, "service.name").unwrap_or_default();
        let spans = resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans);
        all.extend(spans.map(|span| Told {
            service: service.clone(),
            span,
        }));
    }
    all
}

/// Reads one request and gives its body; what comes after it stays in `bytes`.
async fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<Vec<u8>> {
    let wrong = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            if !head.starts_with("post /v1/traces ")
                || !head.contains("content-type: application/x-protobuf")
            {
                return Err(wrong("no traces"));
            }
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            let body: usize = length.ok_or_else(|| wrong("no length"))?;
            if bytes.len() >= end + 4 + body {
                let whole: Vec<u8> = bytes.drain(..end + 4 + body).collect();
                return Ok(whole[end + 4..].to_vec());
            }
        }
        if stream.read_buf(bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()? {
        AnyValue {
            value: Some(Value::StringValue(text)),
        } => Some(text.clone()),
        AnyValue {
            value: Some(Value::IntValue(number)),
        } => Some(number.to_string()),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
