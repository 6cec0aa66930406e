//! One trace from the request to the row, and from the row to its reader, as a collector gets it.

use devstack::testing::eventually;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};

use crate::collector::{Collector, Told};
use crate::stack::{PATIENCE, Stack, client};

const WRITTEN: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const READ: &str = "5cf92f3577b34da6a3ce929d0e0e4737";
const LEFT_OUT: &str = "6df92f3577b34da6a3ce929d0e0e4738";
const CALLER: &str = "00f067aa0ba902b7";

fn traceparent(trace: &str, flags: &str) -> String {
    format!("00-{trace}-{CALLER}-{flags}")
}

/// Sends three events in one request, and returns the uid of the first.
async fn send(stack: &Stack, traceparent: &str) -> String {
    let event = json!({"source": "traced", "type": "test"});
    let answer = client()
        .post(format!("{}/v1/events", stack.text("/ingest_api/url")))
        .bearer_auth(stack.text("/keys/producer"))
        .header("traceparent", traceparent)
        .header("content-type", "application/json")
        .json(&json!([event, event, event]))
        .send()
        .await
        .expect("reach ingest-api");
    let body: Value = answer.json().await.expect("an answer in JSON");
    assert_eq!(body["accepted"], 3, "{body}");
    body["events"][0]["uid"].as_str().expect("a uid").to_owned()
}

async fn get(stack: &Stack, uid: &str, traceparent: &str) {
    let url = format!("{}/v1/events/{uid}", stack.text("/query_api/url"));
    let answer = client()
        .get(url)
        .bearer_auth(stack.text("/keys/reader"))
        .header("traceparent", traceparent)
        .send()
        .await
        .expect("reach query-api");
    assert_eq!(answer.status(), 200);
}

async fn metrics(stack: &Stack, service: &str) -> String {
    let url = format!("{}/metrics", stack.text(&format!("{service}/admin")));
    let answer = client().get(url).send().await.expect("reach it");
    let kind = answer.headers().get("content-type").cloned();
    let kind = kind.expect("a content type");
    assert!(
        kind.to_str()
            .expect("text")
            .starts_with("application/openmetrics-text"),
        "exemplars are for OpenMetrics: {kind:?}"
    );
    answer.text().await.expect("metrics")
}

/// Whether a bucket of this histogram has the trace for its exemplar.
fn has_exemplar(metrics: &str, histogram: &str, trace: &str) -> bool {
    let exemplar = format!("# {{trace_id=\"{trace}\"}} ");
    metrics
        .lines()
        .filter(|line| line.starts_with(&format!("{histogram}_bucket")))
        .any(|line| line.contains(&exemplar))
}

/// The span of this service, with this name, that fits; waits until it was exported.
async fn span(
    collector: &Collector,
    service: &str,
    name: &str,
    fits: impl Fn(&Told) -> bool,
) -> Told {
    eventually(PATIENCE, || async {
        let spans = collector.spans();
        let found = spans
            .iter()
            .find(|told| told.service == service && told.span.name == name && fits(told));
        found.cloned().ok_or_else(|| {
            let known = spans
                .iter()
                .map(|told| format!("{} {} {}", told.service, told.span.name, told.trace_id()));
            format!(
                "no span {name} of {service} that fits among {:#?}",
                known.collect::<Vec<_>>()
            )
        })
    })
    .await
}

#[tokio::test]
async fn one_trace_leads_from_the_request_to_the_row_and_to_its_reader() {
    let collector = Collector::start().await;
    let mut settings = Vec::new();
    for service in ["ingest-api", "writer", "query-api"] {
        settings.push(format!(
            "{service}.telemetry.otlp_endpoint=http://{}",
            collector.address
        ));
        // Nothing by chance: only what the caller keeps is kept. And a quiet log ends no trace.
        settings.push(format!("{service}.telemetry.otlp_sample=0.0"));
        settings.push(format!("{service}.telemetry.log=warn"));
    }
    let options: Vec<&str> = settings
        .iter()
        .flat_map(|setting| ["--set", setting.as_str()])
        .collect();
    let stack = Stack::up(&options);

    let uid = send(&stack, &traceparent(LEFT_OUT, "00")).await;
    stack.read(&uid).await;
    let uid = send(&stack, &traceparent(WRITTEN, "01")).await;
    let event = stack.read(&uid).await;
    get(&stack, &uid, &traceparent(READ, "01")).await;

    let of = |trace: &'static str| move |told: &Told| told.trace_id() == trace;
    let request = span(&collector, "ingest-api", "POST /v1/events", of(WRITTEN)).await;
    assert_eq!(request.parent_id(), CALLER);
    assert_eq!(request.span.kind, SpanKind::Server as i32);
    assert_eq!(
        request.attribute("http.response.status_code").as_deref(),
        Some("202")
    );
    let sent = span(&collector, "ingest-api", "send events", of(WRITTEN)).await;
    assert_eq!(sent.parent_id(), request.span_id());
    assert_eq!(sent.span.kind, SpanKind::Producer as i32);
    assert_eq!(
        sent.attribute("messaging.batch.message_count").as_deref(),
        Some("3")
    );
    assert_eq!(
        event["traceparent"],
        format!("00-{WRITTEN}-{}-01", sent.span_id()),
        "the record's header names what sent it, and so does the row"
    );

    let linked = |told: &Told| told.leads_to(&sent);
    let batch = span(&collector, "writer", "process events", linked).await;
    assert_eq!(batch.span.kind, SpanKind::Consumer as i32);
    assert_ne!(
        batch.trace_id(),
        WRITTEN,
        "a batch is of many requests, so of none"
    );
    let below = |told: &Told| told.parent_id() == batch.span_id();
    let copy = span(&collector, "writer", "COPY events", below).await;
    let commit = span(&collector, "writer", "COMMIT", below).await;
    assert_eq!(copy.trace_id(), batch.trace_id());
    let (written, whole) = (&copy.span, &batch.span);
    assert!(
        whole.start_time_unix_nano <= written.start_time_unix_nano
            && written.start_time_unix_nano < written.end_time_unix_nano
            && written.end_time_unix_nano == commit.span.start_time_unix_nano
            && commit.span.end_time_unix_nano <= whole.end_time_unix_nano,
        "{copy:#?} {commit:#?} {batch:#?}"
    );
    let stored = span(&collector, "writer", "store events", of(WRITTEN)).await;
    assert_eq!(stored.parent_id(), sent.span_id());
    assert!(
        stored.leads_to(&batch),
        "from the request's trace one finds its batch"
    );

    let read = span(&collector, "query-api", "GET /v1/events/{uid}", of(READ)).await;
    let query = span(&collector, "query-api", "query", of(READ)).await;
    assert_eq!(query.parent_id(), read.span_id());
    assert_eq!(query.attribute("flumen.read").as_deref(), Some("event"));

    // The batch of what nobody keeps was stored before, by the same processes, which export in order.
    let spans = collector.spans();
    assert!(spans.iter().all(|told| told.trace_id() != LEFT_OUT));
    assert!(
        spans
            .iter()
            .all(|told| told.span.name != "process events" || !told.span.links.is_empty()),
        "a batch that nobody keeps a trace of has none either"
    );

    let request = "flumen_http_request_seconds";
    let writes = "flumen_writer_database_write_seconds";
    let reads = "flumen_query_database_seconds";
    for (service, histogram, trace) in [
        ("/ingest_api", request, WRITTEN.to_owned()),
        ("/writers/0", writes, batch.trace_id()),
        ("/query_api", request, READ.to_owned()),
        ("/query_api", reads, READ.to_owned()),
    ] {
        let text = metrics(&stack, service).await;
        assert!(
            has_exemplar(&text, histogram, &trace),
            "{histogram} of {service} has no exemplar {trace}:\n{text}"
        );
        assert!(!text.contains(LEFT_OUT), "{text}");
    }
}
