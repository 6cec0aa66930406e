//! Records that no ingest-api wrote, made by a seeded generator: hundreds of ways in which a record can be wrong, each with the fate it must have.
//!
//! The campaign plays them under load, the writer's own tests one by one; so this file depends on nothing but chance.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What must become of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// One dead letter, with this reason.
    DeadLetter(&'static str),
    /// Odd, but an event: stored.
    Stored,
}

/// A record as bytes.
#[derive(Debug, Clone)]
pub(crate) struct Hostile {
    /// What is wrong with it, for whoever reads that a test failed.
    pub(crate) about: String,
    pub(crate) fate: Fate,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) value: Option<Vec<u8>>,
}

/// What the decoder finds wrong.
const NOT_AN_EVENT: Fate = Fate::DeadLetter("not-an-event");
const SPECVERSION: Fate = Fate::DeadLetter("unsupported-specversion");
const MISSING: Fate = Fate::DeadLetter("missing-header");
const DUPLICATE: Fate = Fate::DeadLetter("duplicate-header");
const HEADER: Fate = Fate::DeadLetter("invalid-header");
const NAME: Fate = Fate::DeadLetter("invalid-name");
const TIME: Fate = Fate::DeadLetter("invalid-time");
const RANGE: Fate = Fate::DeadLetter("time-out-of-range");
/// What only PostgreSQL finds wrong.
const REFUSED: Fate = Fate::DeadLetter("refused-by-postgres");

/// Attributes that are text, with the most bytes each may have.
const TEXTS: [(&str, usize); 7] = [
    ("ce_id", 255),
    ("ce_source", 255),
    ("ce_type", 255),
    ("ce_subject", 1024),
    ("ce_dataschema", 2048),
    ("content-type", 255),
    ("ce_extension", 4096),
];

/// Bytes that are not UTF-8: alone, cut off, overlong, a surrogate, beyond the last character, a lone continuation.
const NOT_UTF8: [&[u8]; 6] = [
    b"\xff\xfe",
    b"a\xe2\x82",
    b"\xc0\xa0",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\x80",
];

/// Characters that no text may hold.
const CONTROLS: [&str; 6] = ["\0", "\n", "\r", "\x1b", "\x7f", "\u{85}"];

/// Texts that are not JSON.
const NOT_JSON: [&str; 22] = [
    "{",
    "}",
    "[1,]",
    "{\"a\":}",
    "{\"a\" 1}",
    "{'a':1}",
    "{a:1}",
    "{\"a\":1}}",
    "[1] [2]",
    "nul",
    "True",
    "NaN",
    "-Infinity",
    "+1",
    "01",
    "1.",
    ".5",
    "0x1f",
    "\"unterminated",
    "\"\\x41\"",
    " \t\n ",
    "hello",
];

/// JSON that `jsonb` refuses.
const NOT_JSONB: [&str; 12] = [
    r#"{"a":"\u0000"}"#,
    r#"{"\u0000":1}"#,
    r#""\u0000""#,
    r#"{"a":"\ud800"}"#,
    r#"{"a":"\udc00"}"#,
    r#"{"a":"\udc00\ud800"}"#,
    r#"{"a":"\ud800\ud800"}"#,
    r#"{"\ud834":1}"#,
    r#"{"a":1e131073}"#,
    r#"{"a":-1e400000}"#,
    r#"[1e999999999]"#,
    r#"{"a":{"b":[{"c":"\u0000"}]}}"#,
];

const NOT_TIMES: [&str; 14] = [
    "yesterday",
    "",
    " ",
    "1772323200",
    "2026-02-30T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-03-01T25:00:00Z",
    "2026-03-01T00:61:00Z",
    "2026-03-01",
    "2026-03-01T00:00:00",
    "2026-03-01T00:00:00+99:00",
    "-0001-03-01T00:00:00Z",
    "2026-03-01T00:00:00.Z",
    "Sun, 01 Mar 2026 00:00:00 GMT",
];

const NOT_NAMES: [&str; 9] = [
    "ce_Extension",
    "ce_with-dash",
    "ce_with_underscore",
    "ce_",
    "ce_data",
    "ce_uid",
    "ce_kafkaoffset",
    "ce_kafkapartition",
    "ce_datacontenttype",
];

/// At least `count` records, the same for the same seed: one of each kind first, then kinds by chance. `time` is that of the event each would be.
pub(crate) fn records(seed: u64, count: usize, time: &str) -> Vec<Hostile> {
    let mut maker = Maker {
        rng: StdRng::seed_from_u64(seed),
        seed,
        time: time.to_owned(),
        made: Vec::new(),
    };
    maker.one_of_each();
    while maker.made.len() < count {
        maker.any();
    }
    maker.made
}

struct Maker {
    rng: StdRng,
    seed: u64,
    time: String,
    made: Vec<Hostile>,
}

type Headers = Vec<(String, Vec<u8>)>;

impl Maker {
    fn one_of_each(&mut self) {
        self.not_events();
        for (name, most) in TEXTS {
            self.oversized(name, most + 1);
            for bytes in NOT_UTF8 {
                self.with(name, bytes, HEADER);
            }
            for control in CONTROLS {
                self.with(name, format!("a{control}b").as_bytes(), HEADER);
            }
            self.twice(name);
        }
        for name in ["ce_specversion", "ce_time", "ce_recordedtime"] {
            self.twice(name);
        }
        for name in ["ce_id", "ce_source", "ce_type"] {
            self.without(name, MISSING);
            self.with(name, b"", HEADER);
        }
        self.without("ce_specversion", NOT_AN_EVENT);
        for version in ["", "0.3", "1", "1.0 ", "1.1", "2.0", "one"] {
            self.with("ce_specversion", version.as_bytes(), SPECVERSION);
        }
        for time in NOT_TIMES {
            self.with("ce_time", time.as_bytes(), TIME);
            self.with("ce_recordedtime", time.as_bytes(), TIME);
        }
        for time in [
            "0001-01-01T00:00:00Z",
            "1492-10-12T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            self.with("ce_time", time.as_bytes(), RANGE);
        }
        for name in NOT_NAMES {
            self.with(name, b"x", NAME);
        }
        self.with(&format!("ce_{}", "n".repeat(65)), b"x", NAME);
        for text in NOT_JSON.iter().chain(&NOT_JSONB) {
            self.valued(text.as_bytes(), REFUSED);
        }
        for bytes in NOT_UTF8 {
            self.valued(&[b"{\"a\":\"", bytes, b"\"}"].concat(), REFUSED);
        }
        self.valued(b"\xef\xbb\xbf{}", REFUSED);
        self.valued(b"{\"a\":\0}", REFUSED);
        self.valued(b"\"\x01\"", REFUSED);
        self.valued(
            &"{\"a\":1}"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>(),
            REFUSED,
        );
        self.deep("[", 60_000);
        self.deep("{\"a\":", 60_000);
        self.digits(132_000);
        self.digits(900_000);
        self.odd();
    }

    /// One more, of a kind chosen by chance, with something about it chosen by chance.
    fn any(&mut self) {
        let (name, most) = TEXTS[self.rng.random_range(0..TEXTS.len())];
        match self.rng.random_range(0..12) {
            0 => {
                let more = self.rng.random_range(1..20_000);
                self.oversized(name, most + more);
            }
            1 => {
                let bad = NOT_UTF8[self.rng.random_range(0..NOT_UTF8.len())];
                let before = self.rng.random_range(0..most / 2);
                let value = [&vec![b'x'; before][..], bad, b"x"].concat();
                self.with(name, &value, HEADER);
            }
            2 => {
                let bad = CONTROLS[self.rng.random_range(0..CONTROLS.len())];
                let before = self.rng.random_range(0..most / 2);
                self.with(
                    name,
                    format!("{}{bad}", "é".repeat(before / 2)).as_bytes(),
                    HEADER,
                );
            }
            3 => self.twice(name),
            4 => {
                let bytes = self.random(1..2_000);
                let headers = vec![("x-random".to_owned(), self.random(0..100))];
                self.push("random bytes", NOT_AN_EVENT, headers, Some(bytes));
            }
            5 => {
                // The first byte begins no JSON text.
                let bytes = [b"\x02".to_vec(), self.random(1..5_000)].concat();
                self.valued(&bytes, REFUSED);
            }
            6 => {
                // Cut off in the middle.
                let whole = format!("{{\"list\":[{}]}}", ["\"item\""; 50].join(","));
                let end = self.rng.random_range(1..whole.len());
                self.valued(&whole.as_bytes()[..end], REFUSED);
            }
            7 => {
                let depth = self.rng.random_range(60_000..120_000);
                self.deep("[", depth);
            }
            8 => {
                let digits = self.rng.random_range(132_000..400_000);
                self.digits(digits);
            }
            9 => {
                let text = NOT_JSONB[self.rng.random_range(0..NOT_JSONB.len())];
                let around = self.rng.random_range(1..60);
                let text = format!("{}{text}{}", "[".repeat(around), "]".repeat(around));
                self.valued(text.as_bytes(), REFUSED);
            }
            10 => {
                let year = self.rng.random_range(1..1_900);
                self.with(
                    "ce_time",
                    format!("{year:04}-06-15T12:00:00Z").as_bytes(),
                    RANGE,
                );
            }
            _ => {
                let version = format!(
                    "{}.{}",
                    self.rng.random_range(2..99),
                    self.rng.random_range(0..9)
                );
                self.with("ce_specversion", version.as_bytes(), SPECVERSION);
            }
        }
    }

    fn not_events(&mut self) {
        self.push("nothing at all", NOT_AN_EVENT, Vec::new(), None);
        self.push("an empty value", NOT_AN_EVENT, Vec::new(), Some(Vec::new()));
        self.push(
            "plain text",
            NOT_AN_EVENT,
            Vec::new(),
            Some(b"hello".to_vec()),
        );
        self.push(
            "JSON that says nothing of itself",
            NOT_AN_EVENT,
            vec![("content-type".to_owned(), b"application/json".to_vec())],
            Some(b"{\"order\":1}".to_vec()),
        );
        self.push(
            "a CloudEvent in structured mode",
            NOT_AN_EVENT,
            vec![(
                "content-type".to_owned(),
                b"application/cloudevents+json".to_vec(),
            )],
            Some(br#"{"specversion":"1.0","id":"1","source":"s","type":"t"}"#.to_vec()),
        );
        self.push(
            "the headers of HTTP",
            NOT_AN_EVENT,
            vec![
                ("ce-specversion".to_owned(), b"1.0".to_vec()),
                ("ce-id".to_owned(), b"1".to_vec()),
            ],
            None,
        );
        let many = (0..500)
            .map(|n| (format!("h{n}"), vec![b'x'; 10]))
            .collect();
        self.push("500 headers", NOT_AN_EVENT, many, None);
        self.push(
            "a name of 10 kB",
            NOT_AN_EVENT,
            vec![("n".repeat(10_000), b"x".to_vec())],
            None,
        );
    }

    /// Odd, and yet events: none of these may be set aside.
    fn odd(&mut self) {
        for (about, value) in [
            ("no value under a JSON type", None),
            ("an empty value under a JSON type", Some(Vec::new())),
            (
                "a key of 200 kB",
                Some(format!("{{\"{}\":1}}", "k".repeat(200_000)).into_bytes()),
            ),
            (
                "30 000 keys",
                Some(
                    format!(
                        "{{{}}}",
                        (0..30_000)
                            .map(|n| format!("\"k{n}\":{n}"))
                            .collect::<Vec<_>>()
                            .join(",")
                    )
                    .into_bytes(),
                ),
            ),
            (
                "the same key a thousand times",
                Some(format!("{{{}}}", ["\"k\":1"; 1_000].join(",")).into_bytes()),
            ),
            ("a scalar", Some(b" null ".to_vec())),
            (
                "a thousand levels",
                Some([vec![b'['; 1_000], vec![b']'; 1_000]].concat()),
            ),
            (
                "formulas and scripts",
                Some(
                    br#"{"=cmd()":"<script>alert(1)</script>","x":"'; DROP TABLE events; --"}"#
                        .to_vec(),
                ),
            ),
        ] {
            let headers = self.headers();
            self.push(about, Fate::Stored, headers, value);
        }
        let mut headers = self.headers();
        headers.push((
            "content-type".to_owned(),
            b"application/octet-stream".to_vec(),
        ));
        let value = self.random(1..3_000);
        self.push("bytes of another type", Fate::Stored, headers, Some(value));
        let mut headers = self.headers();
        headers.push(("traceparent".to_owned(), b"\xff rubbish".to_vec()));
        headers.push(("flumen_types".to_owned(), b"x:n,,:,nothing".to_vec()));
        headers.push(("other".to_owned(), b"\0\xff".to_vec()));
        self.push(
            "headers of others",
            Fate::Stored,
            headers,
            Some(b"{}".to_vec()),
        );
    }

    fn random(&mut self, sizes: std::ops::Range<usize>) -> Vec<u8> {
        let mut bytes = vec![0; self.rng.random_range(sizes)];
        self.rng.fill(&mut bytes[..]);
        bytes
    }

    /// Those of a good event, with an id of its own.
    fn headers(&self) -> Headers {
        let id = format!("hostile-{}-{}", self.seed, self.made.len());
        [
            ("ce_specversion", "1.0"),
            ("ce_id", &id),
            ("ce_source", "hostile"),
            ("ce_type", "hostile.record"),
            ("ce_time", &self.time),
            ("ce_recordedtime", &self.time),
        ]
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .to_vec()
    }

    fn push(&mut self, about: &str, fate: Fate, headers: Headers, value: Option<Vec<u8>>) {
        self.made.push(Hostile {
            about: about.to_owned(),
            fate,
            headers,
            value,
        });
    }

    fn with(&mut self, name: &str, value: &[u8], fate: Fate) {
        let mut headers = self.headers();
        headers.retain(|(known, _)| known != name);
        headers.push((name.to_owned(), value.to_vec()));
        let shown = String::from_utf8_lossy(&value[..value.len().min(40)]).into_owned();
        self.push(
            &format!("{name}: {shown:?}, {} bytes", value.len()),
            fate,
            headers,
            Some(b"{}".to_vec()),
        );
    }

    fn without(&mut self, name: &str, fate: Fate) {
        let mut headers = self.headers();
        headers.retain(|(known, _)| known != name);
        self.push(&format!("no {name}"), fate, headers, Some(b"{}".to_vec()));
    }

    fn twice(&mut self, name: &str) {
        let mut headers = self.headers();
        let value = match headers.iter().find(|(known, _)| known == name) {
            Some((_, value)) => value.clone(),
            None => {
                headers.push((name.to_owned(), b"text/plain".to_vec()));
                b"text/plain".to_vec()
            }
        };
        headers.push((name.to_owned(), value));
        self.push(&format!("{name} twice"), DUPLICATE, headers, None);
    }

    fn oversized(&mut self, name: &str, bytes: usize) {
        self.with(name, &vec![b'x'; bytes], HEADER);
    }

    fn valued(&mut self, value: &[u8], fate: Fate) {
        let headers = self.headers();
        let shown = String::from_utf8_lossy(&value[..value.len().min(40)]).into_owned();
        self.push(
            &format!("data {shown:?}, {} bytes", value.len()),
            fate,
            headers,
            Some(value.to_vec()),
        );
    }

    /// Nothing but openings, so many that PostgreSQL's stack is not deep enough.
    fn deep(&mut self, opening: &str, depth: usize) {
        self.valued(opening.repeat(depth).as_bytes(), REFUSED);
    }

    /// A number of more digits than `numeric` has.
    fn digits(&mut self, digits: usize) {
        self.valued(
            format!("{{\"n\":{}}}", "9".repeat(digits)).as_bytes(),
            REFUSED,
        );
    }
}
