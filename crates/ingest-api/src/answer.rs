//! The answer to a producer: an outcome for every event, written by hand into one buffer.
//!
//! All accepted is 202, some 207, none the status of what was wrong. Anything that may succeed later makes it a 503,
//! whatever became of the others: sending all of it again is safe, and simple for the client.

use std::io::Write as _;

use actix_web::http::StatusCode;
use event::RejectionKind;
use kafka::SendError;

use crate::sink::Verdict;

/// Status, whether it is a problem, and the body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) is_problem: bool,
    pub(crate) body: Vec<u8>,
}

/// How one event that was not accepted is told.
struct Told<'v> {
    status: u16,
    name: &'static str,
    detail: &'v str,
    pointer: Option<&'v str>,
}

/// Writes the answer. `minimal` leaves the accepted events out of the list.
pub(crate) fn write(verdicts: &[Verdict], minimal: bool, request_id: &str) -> Answer {
    let accepted = verdicts
        .iter()
        .filter(|verdict| matches!(verdict, Verdict::Accepted(_)))
        .count();
    let failed = verdicts
        .iter()
        .filter(|verdict| matches!(verdict, Verdict::Failed(_)))
        .count();
    let rejected = verdicts.len() - accepted - failed;
    let mut told = verdicts.iter().filter_map(tell);
    let first = told.next();
    let status = match &first {
        None => 202,
        Some(_) if failed > 0 => 503,
        Some(_) if accepted > 0 => 207,
        Some(first) if told.all(|other| other.status == first.status) => first.status,
        Some(_) => 422,
    };
    let is_problem = status >= 400;
    let listed = verdicts.len() - if minimal { accepted } else { 0 };
    let mut body = Vec::with_capacity(256 + listed * 80);
    body.push(b'{');
    if let (true, Some(first)) = (is_problem, first) {
        problem(&mut body, status, verdicts, &first, request_id);
    }
    put(
        &mut body,
        format_args!("\"accepted\":{accepted},\"rejected\":{rejected}"),
    );
    if failed > 0 {
        put(&mut body, format_args!(",\"failed\":{failed}"));
    }
    body.extend_from_slice(b",\"events\":[");
    let mut separator = "";
    for (index, verdict) in verdicts.iter().enumerate() {
        if minimal && matches!(verdict, Verdict::Accepted(_)) {
            continue;
        }
        body.extend_from_slice(separator.as_bytes());
        separator = ",";
        put(&mut body, format_args!("{{\"index\":{index},"));
        event(&mut body, verdict);
        body.push(b'}');
    }
    body.extend_from_slice(b"]}");
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer {
        status,
        is_problem,
        body,
    }
}

fn event(body: &mut Vec<u8>, verdict: &Verdict) {
    if let Verdict::Accepted(uid) = verdict {
        body.extend_from_slice(b"\"uid\":\"");
        body.extend_from_slice(uid.format_into(&mut [0; 36]).as_bytes());
        body.extend_from_slice(b"\",\"status\":202");
    } else if let Some(told) = tell(verdict) {
        put(
            body,
            format_args!(
                "\"status\":{},\"type\":\"/problems/{}\",\"detail\":",
                told.status, told.name
            ),
        );
        event::write_json_string(body, told.detail);
        if let Some(pointer) = told.pointer {
            body.extend_from_slice(b",\"pointer\":");
            event::write_json_string(body, pointer);
        }
    }
}

/// The members of RFC 9457 for the request as a whole.
fn problem(
    body: &mut Vec<u8>,
    status: u16,
    verdicts: &[Verdict],
    first: &Told<'_>,
    request_id: &str,
) {
    let is_one = verdicts.len() == 1;
    let is_same = verdicts
        .iter()
        .filter_map(tell)
        .all(|told| told.name == first.name);
    let (name, title, detail) = match status {
        503 => (
            cause(verdicts).map_or(first.name, |told| told.name),
            "Temporarily unavailable",
            "not every event could be stored; send all of them again a little later, nothing is stored twice",
        ),
        _ if is_one => (first.name, "Event rejected", first.detail),
        _ if is_same => (
            first.name,
            "Events rejected",
            "no event was accepted; `events` tells why",
        ),
        _ => (
            "events-rejected",
            "Events rejected",
            "no event was accepted; `events` tells why",
        ),
    };
    put(
        body,
        format_args!(
            "\"type\":\"/problems/{name}\",\"title\":\"{title}\",\"status\":{status},\"detail\":"
        ),
    );
    event::write_json_string(body, detail);
    if let (true, Some(pointer)) = (is_one && status != 503, first.pointer) {
        body.extend_from_slice(b",\"pointer\":");
        event::write_json_string(body, pointer);
    }
    body.extend_from_slice(b",\"request_id\":");
    event::write_json_string(body, request_id);
    body.push(b',');
}

/// What stands in the way: what failed at once, rather than what was then not waited for.
fn cause(verdicts: &[Verdict]) -> Option<Told<'_>> {
    let failed = |is_cause: fn(&SendError) -> bool| {
        let known =
            |verdict: &&Verdict| matches!(verdict, Verdict::Failed(error) if is_cause(error));
        verdicts.iter().find(known).and_then(tell)
    };
    failed(|error| *error != SendError::TimedOut).or_else(|| failed(|_| true))
}

fn tell(verdict: &Verdict) -> Option<Told<'_>> {
    let told = match verdict {
        Verdict::Accepted(_) => return None,
        Verdict::Rejected(rejection) => Told {
            status: status_of(rejection.kind),
            name: rejection.kind.name(),
            detail: &rejection.detail,
            pointer: rejection.pointer.as_deref(),
        },
        Verdict::Forbidden(_) => Told {
            status: 403,
            name: "forbidden",
            detail: "this key may not send events of this source",
            pointer: Some("/source"),
        },
        Verdict::Failed(error) => {
            let (name, detail) = match error {
                SendError::QueueFull => ("saturated", "too much is waiting to be stored"),
                SendError::Unavailable => ("unavailable", "events cannot be stored at the moment"),
                SendError::TimedOut => (
                    "not-acknowledged",
                    "not stored in time; it may be stored all the same",
                ),
                SendError::TooLarge | SendError::Refused => {
                    ("unavailable", "the event could not be stored")
                }
            };
            Told {
                status: 503,
                name,
                detail,
                pointer: None,
            }
        }
    };
    Some(told)
}

fn status_of(kind: RejectionKind) -> u16 {
    match kind {
        RejectionKind::MalformedJson => 400,
        RejectionKind::TooLarge => 413,
        RejectionKind::NotAnObject
        | RejectionKind::MissingAttribute
        | RejectionKind::WrongType
        | RejectionKind::InvalidAttribute
        | RejectionKind::InvalidAttributeName
        | RejectionKind::ReservedAttribute
        | RejectionKind::DuplicateAttribute
        | RejectionKind::TooManyExtensions
        | RejectionKind::UnsupportedSpecversion
        | RejectionKind::TimeInvalid
        | RejectionKind::TimeOutOfRange
        | RejectionKind::InvalidEncoding
        | RejectionKind::DataConflict
        | RejectionKind::InvalidBase64
        | RejectionKind::TooDeep
        | RejectionKind::NumberTooLong
        | RejectionKind::NotANumber
        | RejectionKind::NulCharacter
        | RejectionKind::LoneSurrogate
        | RejectionKind::ControlCharacter => 422,
    }
}

fn put(body: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    body.write_fmt(text).expect("a vector takes everything");
}

#[cfg(test)]
mod tests {
    use event::{Rejection, Timestamp, Uid};

    use super::*;

    fn accepted() -> Verdict {
        Verdict::Accepted(Uid::of(
            Timestamp::from_micros(1_795_261_288_000_000),
            "shop",
            "1",
        ))
    }

    fn rejected(kind: RejectionKind) -> Verdict {
        Verdict::Rejected(Rejection {
            kind,
            detail: "a \"b\"".to_owned(),
            pointer: Some("/data/a".to_owned()),
        })
    }

    fn text(verdicts: &[Verdict], minimal: bool) -> (u16, String) {
        let answer = write(verdicts, minimal, "r-1");
        assert_eq!(answer.is_problem, answer.status.as_u16() >= 400);
        let text = String::from_utf8(answer.body).expect("UTF-8");
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
        (answer.status.as_u16(), text)
    }

    #[test]
    fn what_became_of_each_event_is_told_as_documented() {
        let uid = Uid::of(Timestamp::from_micros(1_795_261_288_000_000), "shop", "1");
        let (status, body) = text(&[accepted(), rejected(RejectionKind::TooDeep)], false);
        assert_eq!(status, 207);
        assert_eq!(
            body,
            format!(
                r#"{{"accepted":1,"rejected":1,"events":[{{"index":0,"uid":"{uid}","status":202}},{{"index":1,"status":422,"type":"/problems/too-deep","detail":"a \"b\"","pointer":"/data/a"}}]}}"#
            )
        );
        let (status, body) = text(&[accepted(), accepted()], true);
        assert_eq!(
            (status, body.as_str()),
            (202, r#"{"accepted":2,"rejected":0,"events":[]}"#)
        );
    }

    #[test]
    fn nothing_accepted_is_a_problem() {
        let (status, body) = text(&[rejected(RejectionKind::TooLarge)], false);
        assert_eq!(status, 413);
        assert_eq!(
            body,
            r#"{"type":"/problems/too-large","title":"Event rejected","status":413,"detail":"a \"b\"","pointer":"/data/a","request_id":"r-1","accepted":0,"rejected":1,"events":[{"index":0,"status":413,"type":"/problems/too-large","detail":"a \"b\"","pointer":"/data/a"}]}"#
        );
        let (status, body) = text(
            &[
                rejected(RejectionKind::TooDeep),
                rejected(RejectionKind::TooLarge),
            ],
            false,
        );
        assert_eq!(status, 422);
        assert!(body.contains("/problems/events-rejected"), "{body}");
        let (status, _) = text(
            &[
                Verdict::Forbidden("x".into()),
                Verdict::Forbidden("y".into()),
            ],
            false,
        );
        assert_eq!(status, 403);
    }

    #[test]
    fn one_event_that_may_succeed_later_makes_it_a_503() {
        let verdicts = [
            accepted(),
            rejected(RejectionKind::TooDeep),
            Verdict::Failed(SendError::QueueFull),
        ];
        let (status, body) = text(&verdicts, true);
        assert_eq!(status, 503);
        assert!(
            body.starts_with(r#"{"type":"/problems/saturated""#),
            "{body}"
        );
        assert!(
            body.contains(r#""accepted":1,"rejected":1,"failed":1,"events":[{"index":1,"#),
            "{body}"
        );
    }
}
