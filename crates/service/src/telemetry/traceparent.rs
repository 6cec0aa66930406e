//! W3C Trace Context: `00-<32 hex trace id>-<16 hex span id>-<2 hex flags>`.

use std::fmt;

use actix_web::http::header::HeaderMap;

/// A caller's place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The caller's span; never 0.
    pub span_id: u64,
    /// Bit 0: the caller keeps this trace.
    pub flags: u8,
}

impl TraceParent {
    /// Reads a header's value; `None` when it is malformed, which the standard says to treat as absent.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let is_plain = bytes
            .iter()
            .take(55)
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'));
        if bytes.len() < 55 || !is_plain {
            return None;
        }
        let dashes = [2, 35, 52].iter().all(|at| bytes[*at] == b'-');
        let version = u8::from_str_radix(&text[..2], 16).ok()?;
        // A later version may append fields; this one may not, and 255 is no version.
        let length_fits = if version == 0 {
            bytes.len() == 55
        } else {
            bytes.len() == 55 || bytes[55] == b'-'
        };
        if !dashes || version == 0xff || !length_fits {
            return None;
        }
        let parent = Self {
            trace_id: u128::from_str_radix(&text[3..35], 16).ok()?,
            span_id: u64::from_str_radix(&text[36..52], 16).ok()?,
            flags: u8::from_str_radix(&text[53..55], 16).ok()?,
        };
        (parent.trace_id != 0 && parent.span_id != 0).then_some(parent)
    }

    /// The `traceparent` of a request.
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get("traceparent")?.to_str().ok()?)
    }

    /// What to hand on: the current span when traces are exported, else the caller's own.
    pub fn to_propagate(received: Option<Self>) -> Option<Self> {
        super::otlp::of(&tracing::Span::current()).or(received)
    }

    /// The place of a request in a trace that somebody keeps: our own span's when traces are exported, else the caller's.
    pub(crate) fn kept(span: &tracing::Span, received: Option<Self>) -> Option<Self> {
        super::otlp::of(span)
            .or(received)
            .filter(|place| place.is_sampled())
    }

    /// Says whether the caller keeps this trace.
    pub fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id, self.span_id, self.flags
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_standards_example_comes_back_equal() {
        let parent = TraceParent::parse(GOOD).expect("well formed");
        assert!(parent.is_sampled());
        assert_eq!(parent.to_string(), GOOD);
    }

    #[test]
    fn what_the_standard_calls_invalid_is_absent() {
        for bad in [
            "",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = GOOD.replacen("00", "01", 1) + "-extra";
        assert!(TraceParent::parse(&later).is_some());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = TraceParent::parse(&text);
        }

        #[test]
        fn every_parent_survives_the_wire(trace_id in 1u128.., span_id in 1u64.., flags: u8) {
            let parent = TraceParent { trace_id, span_id, flags };
            prop_assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
        }
    }
}
