//! Statistics: exact, with their zeros.

use serde_json::json;

use crate::seed::{NOON, Row, store};
use crate::support::TestApp;

const WINDOW: &str = "from=2026-01-15T12:00:00Z&to=2026-01-15T12:04:00Z";

async fn with_rows() -> TestApp {
    let app = TestApp::start_with(&[("stats.max_series", "2")]).await;
    let mut rows = Vec::new();
    for (source, kind, minute, count) in [
        ("a", "x", 0, 3),
        ("a", "y", 2, 1),
        ("b", "x", 2, 2),
        ("c", "x", 3, 1),
        ("d", "x", 3, 1),
        ("a", "x", 9, 7),
    ] {
        let row = |n| {
            Row::new(
                source,
                format!("{source}{kind}{minute}-{n}"),
                NOON + minute * 60 + n,
            )
            .kind(kind)
        };
        rows.extend((0..count).map(row));
    }
    store(app.database.url(), &rows).await;
    app
}

#[tokio::test]
async fn counts_are_exact_and_gaps_are_zeros() {
    let app = with_rows().await;
    let stats = app
        .get(&format!("/v1/stats?bucket=1m&{WINDOW}"))
        .await
        .json();
    assert_eq!(
        stats,
        json!({
            "bucket": "1m", "from": "2026-01-15T12:00:00Z", "to": "2026-01-15T12:04:00Z", "total": 8,
            "buckets": ["2026-01-15T12:00:00Z", "2026-01-15T12:01:00Z", "2026-01-15T12:02:00Z", "2026-01-15T12:03:00Z"],
            "series": [{ "total": 8, "counts": [3, 0, 3, 2] }],
        })
    );
}

#[tokio::test]
async fn series_are_broken_down_and_those_beyond_the_most_are_summed_up() {
    let app = with_rows().await;
    let by_source = app
        .get(&format!("/v1/stats?bucket=1m&by=source&{WINDOW}"))
        .await
        .json();
    assert_eq!(
        by_source["series"],
        json!([
            { "source": "a", "total": 4, "counts": [3, 0, 1, 0] },
            { "source": "b", "total": 2, "counts": [0, 0, 2, 0] },
            { "other": 2, "total": 2, "counts": [0, 0, 0, 2] },
        ])
    );
    let by_type = app
        .get(&format!("/v1/stats?bucket=1h&by=type&{WINDOW}"))
        .await
        .json();
    assert_eq!(
        by_type["series"],
        json!([{ "type": "x", "total": 14, "counts": [14] }, { "type": "y", "total": 1, "counts": [1] }]),
        "a window is widened to whole buckets"
    );
    assert_eq!(by_type["to"], "2026-01-15T13:00:00Z");
    let filtered = app
        .get(&format!("/v1/stats?bucket=1m&source=a&type=x&{WINDOW}"))
        .await
        .json();
    assert_eq!(
        filtered["series"],
        json!([{ "total": 3, "counts": [3, 0, 0, 0] }])
    );
}

#[tokio::test]
async fn too_many_buckets_are_refused_with_advice() {
    let app = TestApp::start().await;
    let answer = app
        .get("/v1/stats?bucket=1m&from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z")
        .await;
    answer.is_problem(400, "too-many-buckets");
    assert!(answer.body.contains("bucket=6h"), "{}", answer.body);
    assert_eq!(
        app.get("/v1/stats").await.status,
        200,
        "the last 60 hours, unless asked otherwise"
    );
}
