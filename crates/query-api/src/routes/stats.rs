//! `GET /v1/stats`: exact counts per bucket of time.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use event::Timestamp;
use serde_json::{Map, Value, json};
use service::http::timing;
use service::problem::{ErrorCode, Problem};
use store::read::{GroupBy, Series, StatsQuery};

use super::{Caller, State};
use crate::metrics::Kind;
use crate::params::{Arity, Params, wrong};

pub(crate) const KNOWN: [(&str, Arity); 6] = [
    ("source", Arity::Many),
    ("type", Arity::Many),
    ("bucket", Arity::One),
    ("by", Arity::One),
    ("from", Arity::One),
    ("to", Arity::One),
];

/// Counts are kept by the minute; each of these divides a day, so that buckets begin where people expect them.
pub(crate) const BUCKETS: [(&str, i64); 9] = [
    ("1m", 60),
    ("5m", 300),
    ("10m", 600),
    ("15m", 900),
    ("30m", 1_800),
    ("1h", 3_600),
    ("6h", 21_600),
    ("12h", 43_200),
    ("1d", 86_400),
];

/// Buckets shown when `from` is not given.
const DEFAULT_BUCKETS: i64 = 60;

/// Latest and earliest times that make sense, so that sums of them cannot overflow.
const BOUND_SECONDS: i64 = 253_402_300_800;

pub(super) async fn count(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = Caller::of(&request, &state)?;
    let (stats, query) = (&state.config.stats, &state.config.query);
    let params = Params::read(request.query_string(), &KNOWN, query.max_filters)?;
    let bucket = params.choice("bucket", &BUCKETS)?.unwrap_or(3_600);
    let by = params.choice(
        "by",
        &[("source", GroupBy::Source), ("type", GroupBy::Type)],
    )?;
    let window = Window::of(&params, bucket)?;
    window.check(bucket, stats.max_buckets)?;
    let asked = StatsQuery {
        filter: caller.filter(&params)?,
        from: at(window.from),
        to: at(window.to),
        bucket_seconds: bucket,
        by: by.unwrap_or(GroupBy::Nothing),
        max_series: stats.max_series,
    };
    let found = timing::database(
        &request,
        state.metrics.read(Kind::Stats, state.reader.stats(&asked)),
    )
    .await
    .map_err(|failure| state.failed(failure))?;
    let starts: Vec<String> = (window.from..window.to)
        .step_by(usize::try_from(bucket).unwrap_or(usize::MAX))
        .map(|second| at(second).to_string())
        .collect();
    let total: i64 = found.series.iter().map(|series| series.total).sum();
    let series = |series: Series| shown(series, asked.by, found.rest);
    let name = BUCKETS
        .iter()
        .find(|(_, seconds)| *seconds == bucket)
        .map(|(name, _)| *name);
    Ok(HttpResponse::Ok().json(json!({
        "bucket": name,
        "from": asked.from.to_string(),
        "to": asked.to.to_string(),
        "total": total,
        "buckets": starts,
        "series": found.series.into_iter().map(series).collect::<Vec<_>>(),
    })))
}

/// `{"source": "..", "total": .., "counts": [..]}`; the sum of the series beyond the most has `"other"` with their number instead of a name.
fn shown(series: Series, by: GroupBy, rest: i64) -> Value {
    let mut out = Map::new();
    match (by, series.key) {
        (GroupBy::Nothing, _) => {}
        (GroupBy::Source, Some(key)) => drop(out.insert("source".to_owned(), key.into())),
        (GroupBy::Type, Some(key)) => drop(out.insert("type".to_owned(), key.into())),
        (_, None) => drop(out.insert("other".to_owned(), rest.into())),
    }
    out.insert("total".to_owned(), series.total.into());
    out.insert("counts".to_owned(), series.counts.into());
    Value::Object(out)
}

/// Whole buckets, in seconds since 1970: `from` rounded down, `to` rounded up, so that every count shown is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: i64,
    to: i64,
}

impl Window {
    fn of(params: &Params, bucket: i64) -> Result<Self, Problem> {
        let (from, to) = params.window()?;
        let now = Timestamp::now();
        let seconds = |time: Timestamp| {
            time.as_micros()
                .div_euclid(1_000_000)
                .clamp(-BOUND_SECONDS, BOUND_SECONDS)
        };
        let to_time = to.unwrap_or(now);
        let is_whole = to_time.as_micros().rem_euclid(bucket * 1_000_000) == 0;
        let to = seconds(to_time).div_euclid(bucket) * bucket + if is_whole { 0 } else { bucket };
        let from = from.map_or(to - DEFAULT_BUCKETS * bucket, |from| {
            seconds(from).div_euclid(bucket) * bucket
        });
        if from >= to {
            return Err(wrong(
                "from",
                "must be earlier than `to`, which is now when it is not given",
            ));
        }
        Ok(Self { from, to })
    }

    fn check(self, bucket: i64, most: usize) -> Result<(), Problem> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let span = self.to - self.from;
        if span / bucket <= most {
            return Ok(());
        }
        let fits = BUCKETS.iter().find(|(_, seconds)| span / seconds < most);
        let advice = match fits {
            Some((name, _)) => format!("take `bucket={name}`, or a shorter time"),
            None => {
                let longest = Duration::from_secs(u64::try_from(most * 86_400).unwrap_or(u64::MAX));
                format!("take a time of at most {}", units::format_duration(longest))
            }
        };
        let detail = format!(
            "{} buckets are more than the {most} that an answer may have: {advice}",
            span / bucket
        );
        Err(Problem::new(ErrorCode::TooManyBuckets, detail))
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(query: &str, bucket: i64) -> Result<Window, Problem> {
        Window::of(&Params::read(query, &KNOWN, 10)?, bucket)
    }

    #[test]
    fn a_window_is_widened_to_whole_buckets() {
        let hour = window(
            "from=2026-01-01T00:30:00Z&to=2026-01-01T01:00:00.000001Z",
            3_600,
        )
        .expect("valid");
        assert_eq!(
            (at(hour.from).to_string(), at(hour.to).to_string()),
            ("2026-01-01T00:00:00Z".into(), "2026-01-01T02:00:00Z".into())
        );
        let whole =
            window("from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z", 3_600).expect("valid");
        assert_eq!(whole.to - whole.from, 3_600);
        let open = window("", 60).expect("valid");
        assert_eq!((open.to - open.from, open.to % 60), (3_600, 0));
    }

    #[test]
    fn too_many_buckets_are_refused_with_one_that_would_do() {
        let year = window("from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", 60).expect("valid");
        let problem = year.check(60, 1_500).expect_err("525 600 buckets");
        assert_eq!(
            (problem.status().as_u16(), problem.name()),
            (400, "too-many-buckets")
        );
        assert!(
            problem.detail().contains("bucket=6h"),
            "{}",
            problem.detail()
        );
        assert!(year.check(21_600, 1_500).is_ok());
    }
}
