//! Bodies that are broken, too large, packed or mislabelled (cases 1 to 7 and 12).

use std::io::Write as _;
use std::time::Instant;

use devstack::testing::eventually;

use crate::harness::{Api, PATIENCE, event, exchange, send};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("to memory");
    encoder.finish().expect("to memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).expect("to memory")
}

#[tokio::test]
async fn case_01_a_body_that_is_not_json_is_400_with_the_byte_offset_and_nothing_is_stored() {
    let api = Api::start().await;
    for (body, offset) in [
        ("{".to_owned(), 1),
        (format!("[{},", event("1", "")), event("1", "").len() + 2),
        (
            format!("{} trailing", event("1", "")),
            event("1", "").len() + 1,
        ),
    ] {
        let reply = api.plain(body).await;
        assert_eq!(
            (reply.status, reply.kind()),
            (400, "/problems/malformed-json")
        );
        assert_eq!(reply.json["offset"], offset, "{reply:?}");
    }
    api.records(0).await;
}

#[tokio::test]
async fn case_02_one_broken_line_of_a_thousand_costs_only_itself() {
    let api = Api::start().await;
    let line = |index: usize| {
        if index == 500 {
            "{broken".to_owned()
        } else {
            event(&index.to_string(), "")
        }
    };
    let lines: Vec<_> = (0..1000).map(line).collect();
    let reply = api
        .send("application/x-ndjson", lines.join("\r\n\r\n"))
        .await;
    assert_eq!(reply.status, 207);
    assert_eq!(
        (&reply.json["accepted"], &reply.json["rejected"]),
        (&999.into(), &1.into())
    );
    assert_eq!(reply.outcome(500).0, "/problems/malformed-json");
    assert_eq!(reply.json["events"][500]["status"], 400);
    api.records(999).await;
}

#[tokio::test]
async fn case_03_a_body_over_the_limit_is_413_as_soon_as_that_is_known() {
    let api = Api::start_with(&[("body.max_bytes", "64KiB")]).await;
    // Declared: refused before a byte of it is there.
    let mut stream = api.connect().await;
    let head = api.head("Content-Length: 99999999\r\n\r\n");
    let started = Instant::now();
    let answer = exchange(&mut stream, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Long before the timeout of a body that does not come.
    assert!(started.elapsed().as_secs() < 8);
    // Not declared: refused when the limit is passed, though the body has no end.
    let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 8 << 10]));
    let body = reqwest::Body::wrap_stream(chunks);
    // The answer may be lost when the connection closes on a client that is still sending.
    if let Ok(response) = api
        .post()
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
    {
        assert_eq!(response.status(), 413);
    }
    // Lying: less comes than was declared.
    let mut stream = api.connect().await;
    let head = api.head("Content-Length: 1000\r\n\r\n{");
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes())
        .await
        .expect("sent");
    tokio::io::AsyncWriteExt::shutdown(&mut stream)
        .await
        .expect("closed");
    let answer = exchange(&mut stream, b"").await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    assert_eq!(api.plain(event("1", "")).await.status, 202);
}

#[tokio::test]
async fn case_04_a_bomb_is_413_by_what_it_unpacks_to_and_stacked_encodings_are_415() {
    let api = Api::start().await;
    let zeros = vec![b'0'; 10 << 20];
    for (name, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros))] {
        let request = api
            .post()
            .header("content-type", "application/json")
            .header("content-encoding", name);
        let reply = send(request.body(bomb)).await;
        assert_eq!(
            (reply.status, reply.kind()),
            (413, "/problems/payload-too-large"),
            "{name}"
        );
    }
    let request = api
        .post()
        .header("content-type", "application/json")
        .header("content-encoding", "gzip, gzip");
    let reply = send(request.body(gzip(&gzip(b"{}")))).await;
    assert_eq!(
        (reply.status, reply.header("accept-encoding")),
        (415, "gzip, zstd")
    );
    eventually(PATIENCE, || async {
        api.metric("flumen_ingest_in_flight_bytes").await == 0.0
    })
    .await;
}

#[tokio::test]
async fn packed_bodies_are_taken() {
    let api = Api::start().await;
    for (name, body) in [
        ("gzip", gzip(event("1", "").as_bytes())),
        ("zstd", zstd(event("2", "").as_bytes())),
    ] {
        let request = api
            .post()
            .header("content-type", "application/json")
            .header("content-encoding", name);
        assert_eq!(send(request.body(body)).await.status, 202, "{name}");
    }
    api.records(2).await;
}

#[tokio::test]
async fn case_05_an_unknown_encoding_or_media_type_is_415_and_says_what_is_taken() {
    let api = Api::start().await;
    let request = api
        .post()
        .header("content-type", "application/json")
        .header("content-encoding", "br");
    let reply = send(request.body("x")).await;
    assert_eq!(
        (reply.status, reply.kind()),
        (415, "/problems/unsupported-encoding")
    );
    assert_eq!(reply.header("accept-encoding"), "gzip, zstd");
    for request in [
        api.post().body("{}"),
        api.post().header("content-type", "text/xml").body("<e/>"),
    ] {
        let reply = send(request).await;
        assert_eq!(
            (reply.status, reply.kind()),
            (415, "/problems/unsupported-media-type")
        );
        assert!(
            reply
                .header("accept-post")
                .contains("application/cloudevents+json"),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn case_06_a_corrupt_or_truncated_gzip_is_400() {
    let api = Api::start().await;
    let good = gzip(event("1", "").as_bytes());
    let mut corrupt = good.clone();
    corrupt[20] ^= 0xff;
    for body in [
        good[..good.len() / 2].to_vec(),
        corrupt,
        b"not gzip".to_vec(),
        Vec::new(),
    ] {
        let request = api
            .post()
            .header("content-type", "application/json")
            .header("content-encoding", "gzip");
        let reply = send(request.body(body)).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        assert!(
            ["/problems/bad-encoding", "/problems/empty-batch"].contains(&reply.kind()),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn case_07_sixty_thousand_brackets_are_refused() {
    let api = Api::start().await;
    assert_eq!(
        api.plain("[".repeat(60_000)).await.kind(),
        "/problems/malformed-json"
    );
    let nested = format!("\"data\":{}{}", "[".repeat(60_000), "]".repeat(60_000));
    let reply = api
        .plain(format!("[{},{}]", event("1", &nested), event("2", "")))
        .await;
    assert_eq!(
        (reply.status, reply.outcome(0).0),
        (207, "/problems/too-deep")
    );
}

#[tokio::test]
async fn case_12_empty_overfull_and_oversized_batches_are_refused() {
    let api = Api::start_with(&[
        ("accept.max_events", "3"),
        ("accept.max_data_bytes", "100B"),
    ])
    .await;
    let reply = api.plain("[]").await;
    assert_eq!((reply.status, reply.kind()), (400, "/problems/empty-batch"));
    let four = [
        event("1", ""),
        event("2", ""),
        event("3", ""),
        event("4", ""),
    ]
    .join(",");
    let reply = api.plain(format!("[{four}]")).await;
    assert_eq!(
        (reply.status, reply.kind()),
        (413, "/problems/too-many-events")
    );
    let large = format!("\"data\":\"{}\"", "x".repeat(100));
    let reply = api
        .plain(format!("[{},{}]", event("1", &large), event("2", "")))
        .await;
    assert_eq!((reply.status, reply.statuses()), (207, vec![413, 202]));
    let reply = api.plain(event("1", &large)).await;
    assert_eq!((reply.status, reply.kind()), (413, "/problems/too-large"));
}
