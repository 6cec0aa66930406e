//! Makes audit events: an event is a function of the seed and its number, and nothing else but the
//! time, so the same seed gives the same events whatever the batches and connections.
//!
//! Everything that repeats is prepared as JSON beforehand; an event is a few copies of bytes.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::words::{AGENTS, APPLICATIONS, DEEDS, FIRST, LAST, REGIONS};
use crate::civil;

/// Users of one installation.
const USERS: u64 = 5_000;
/// Entries of the tables that make some choices likelier than others.
const CHOICES: usize = 1024;

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// With `specversion`, as CloudEvents ask for.
    CloudEvent,
    /// Without, as plain JSON.
    Plain,
}

/// Writes events.
#[derive(Debug)]
pub(super) struct Events {
    seed: u64,
    /// `"source":"shop-eu"` of each application.
    sources: Vec<Vec<u8>>,
    /// Index into `sources`, the first ones more often.
    source_choices: Vec<u16>,
    /// Index into `DEEDS`, by weight.
    deed_choices: Vec<u8>,
    /// `,"type":"..","time":"` of each deed.
    kinds: Vec<Vec<u8>>,
    /// `"action":"..","target":{"type":"..","id":"` of each deed.
    actions: Vec<Vec<u8>>,
    /// Name and mail of each combination of names.
    people: Vec<Vec<u8>>,
    /// Bytes of data to fill up to.
    size: usize,
    padding: Vec<u8>,
}

impl Events {
    /// Events of this many applications, with at least `size` bytes of data each.
    pub(super) fn new(seed: u64, applications: u16, size: usize) -> Self {
        let names = (0..applications.max(1)).map(application);
        let sources: Vec<Vec<u8>> = names
            .map(|name| format!("\"source\":\"{name}\"").into_bytes())
            .collect();
        let people = FIRST.iter().flat_map(|first| {
            LAST.iter().map(move |last| {
                let mail = format!("{first}.{last}@example.com").to_lowercase();
                format!("\",\"name\":\"{first} {last}\",\"email\":\"{mail}\"}},").into_bytes()
            })
        });
        Self {
            seed,
            source_choices: (0..CHOICES).map(|at| skewed(at, sources.len())).collect(),
            sources,
            deed_choices: deed_choices(),
            kinds: DEEDS
                .iter()
                .map(|deed| format!(",\"type\":\"{}\",\"time\":\"", deed.kind).into_bytes())
                .collect(),
            actions: DEEDS
                .iter()
                .map(|deed| {
                    format!(
                        "\"action\":\"{}\",\"target\":{{\"type\":\"{}\",\"id\":\"",
                        deed.action, deed.target
                    )
                    .into_bytes()
                })
                .collect(),
            people: people.collect(),
            size,
            padding: b"lorem ipsum dolor sit amet "
                .iter()
                .copied()
                .cycle()
                .take(size)
                .collect(),
        }
    }

    /// Appends event `number` as one JSON object.
    pub(super) fn write(&self, number: u64, micros: i64, form: Form, out: &mut Vec<u8>) {
        let event = self.choose(number);
        out.extend_from_slice(match form {
            Form::CloudEvent => b"{\"specversion\":\"1.0\",\"id\":\"" as &[u8],
            Form::Plain => b"{\"id\":\"",
        });
        self.write_id(number, out);
        out.extend_from_slice(b"\",");
        out.extend_from_slice(&self.sources[event.source]);
        out.extend_from_slice(&self.kinds[event.deed]);
        civil::write_utc(out, micros);
        out.extend_from_slice(b"\",\"subject\":\"user/u-");
        civil::digits(out, event.user, 5);
        out.extend_from_slice(b"\",\"data\":");
        self.write_data(&event, out);
        out.push(b'}');
    }

    /// Appends the data of event `number` and gives its attributes as headers (binary mode).
    pub(super) fn write_binary(&self, number: u64, micros: i64, out: &mut Vec<u8>) -> HeaderMap {
        let event = self.choose(number);
        self.write_data(&event, out);
        let mut headers = HeaderMap::with_capacity(8);
        let mut put = |name: &'static str, value: &[u8]| {
            let value = HeaderValue::from_bytes(value).expect("attributes are plain ASCII");
            headers.insert(HeaderName::from_static(name), value);
        };
        put("ce-specversion", b"1.0");
        let mut value = Vec::with_capacity(64);
        self.write_id(number, &mut value);
        put("ce-id", &value);
        let source = &self.sources[event.source];
        put(
            "ce-source",
            &source[br#""source":""#.len()..source.len() - 1],
        );
        put("ce-type", DEEDS[event.deed].kind.as_bytes());
        value.clear();
        civil::write_utc(&mut value, micros);
        put("ce-time", &value);
        value.clear();
        value.extend_from_slice(b"user/u-");
        civil::digits(&mut value, event.user, 5);
        put("ce-subject", &value);
        headers
    }

    /// A share from 0 to 1 that is the same for the same seed and number, for spreading times.
    pub(super) fn share(&self, number: u64) -> f64 {
        (mix(self.seed ^ 0x5bd1_e995 ^ mix(number)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn choose(&self, number: u64) -> Choice {
        let first = mix(self.seed.wrapping_add(mix(number)));
        let second = mix(first);
        let deed = usize::from(self.deed_choices[below(first, CHOICES)]);
        Choice {
            source: usize::from(self.source_choices[below(first >> 10, CHOICES)]),
            deed,
            user: (first >> 20) % USERS,
            failed: (first >> 40) % 1000 < DEEDS[deed].failures,
            agent: below(first >> 52, AGENTS.len()),
            target: second & 0xffff_ffff,
            address: second >> 32 & 0xff_ffff,
            milliseconds: 1 + (second >> 56) * (second >> 48 & 0xff) / 16,
        }
    }

    fn write_id(&self, number: u64, out: &mut Vec<u8>) {
        hex(out, self.seed, 16);
        out.push(b'-');
        hex(out, number, 12);
    }

    fn write_data(&self, event: &Choice, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"{\"actor\":{\"id\":\"u-");
        civil::digits(out, event.user, 5);
        out.extend_from_slice(&self.people[below(event.user * 7, self.people.len())]);
        out.extend_from_slice(&self.actions[event.deed]);
        hex(out, event.target, 8);
        out.extend_from_slice(b"\"},\"outcome\":");
        out.extend_from_slice(if event.failed {
            b"\"failure\",\"ip\":\"10." as &[u8]
        } else {
            b"\"success\",\"ip\":\"10."
        });
        decimal(out, event.address >> 16);
        out.push(b'.');
        decimal(out, event.address >> 8 & 0xff);
        out.push(b'.');
        decimal(out, event.address & 0xff);
        out.extend_from_slice(b"\",\"agent\":\"");
        out.extend_from_slice(AGENTS[event.agent].as_bytes());
        out.extend_from_slice(b"\",\"duration_ms\":");
        decimal(out, event.milliseconds);
        let written = out.len() - start + 1;
        let frame = b",\"note\":\"\"".len();
        if written + frame <= self.size {
            out.extend_from_slice(b",\"note\":\"");
            out.extend_from_slice(&self.padding[..self.size - written - frame]);
            out.push(b'"');
        }
        out.push(b'}');
    }
}

/// What was drawn for one event.
struct Choice {
    source: usize,
    deed: usize,
    user: u64,
    failed: bool,
    agent: usize,
    target: u64,
    address: u64,
    milliseconds: u64,
}

/// Name of the n-th application: `shop`, `billing`, .., then `shop-eu`, ..
fn application(number: u16) -> String {
    let number = usize::from(number);
    let name = APPLICATIONS[number % APPLICATIONS.len()];
    let round = number / APPLICATIONS.len();
    match REGIONS.get(round) {
        Some(region) => format!("{name}{region}"),
        None => format!("{name}-{round}"),
    }
}

/// The first of `many` more often than the last, each at least once where there is room.
fn skewed(at: usize, many: usize) -> u16 {
    let share = (at as f64 + 0.5) / CHOICES as f64;
    ((share.powf(1.8) * many as f64) as usize).min(many - 1) as u16
}

fn deed_choices() -> Vec<u8> {
    let total: usize = DEEDS.iter().map(|deed| usize::from(deed.weight)).sum();
    let mut choices = Vec::with_capacity(CHOICES);
    let mut sum = 0;
    for (index, deed) in DEEDS.iter().enumerate() {
        sum += usize::from(deed.weight);
        let index = u8::try_from(index).expect("there are fewer deeds than a byte counts");
        choices.resize(sum * CHOICES / total, index);
    }
    choices
}

fn below(number: u64, many: usize) -> usize {
    (number % many as u64) as usize
}

/// splitmix64's finisher: a number that looks random, the same for the same input on every machine.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn hex(out: &mut Vec<u8>, number: u64, width: u32) {
    for place in (0..width).rev() {
        out.push(b"0123456789abcdef"[(number >> (4 * place) & 0xf) as usize]);
    }
}

fn decimal(out: &mut Vec<u8>, number: u64) {
    let width = number.checked_ilog10().unwrap_or(0) + 1;
    civil::digits(out, number, width as usize);
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    const NOON: i64 = 1_795_262_400_000_000;

    fn event(events: &Events, number: u64) -> serde_json::Value {
        let mut out = Vec::new();
        events.write(number, NOON, Form::CloudEvent, &mut out);
        serde_json::from_slice(&out).expect("events are JSON")
    }

    #[test]
    fn an_event_is_what_it_always_was() {
        let mut out = Vec::new();
        Events::new(7, 12, 0).write(3, NOON, Form::CloudEvent, &mut out);
        let text = String::from_utf8(out).expect("events are text");
        assert_eq!(text, include_str!("golden.json").trim_end());
    }

    #[test]
    fn the_same_seed_gives_the_same_events_and_another_one_others() {
        let (one, same, other) = (
            Events::new(1, 20, 300),
            Events::new(1, 20, 300),
            Events::new(2, 20, 300),
        );
        for number in 0..1000 {
            assert_eq!(event(&one, number), event(&same, number));
            assert_ne!(event(&one, number), event(&other, number));
        }
    }

    #[test]
    fn ids_are_unique_and_every_application_speaks() {
        let events = Events::new(9, 40, 0);
        let mut ids = HashSet::new();
        let mut sources: HashMap<String, u32> = HashMap::new();
        for number in 0..40_000 {
            let event = event(&events, number);
            assert!(ids.insert(event["id"].to_string()));
            *sources.entry(event["source"].to_string()).or_default() += 1;
        }
        assert_eq!(sources.len(), 40);
        assert!(sources["\"shop\""] > 3 * sources["\"crm-ap\""]);
    }

    #[test]
    fn data_has_the_size_asked_for() {
        for size in [300, 301, 1000, 5000] {
            let events = Events::new(3, 5, size);
            for number in 0..200 {
                let mut out = Vec::new();
                events.write_binary(number, NOON, &mut out);
                assert_eq!(out.len(), size);
                serde_json::from_slice::<serde_json::Value>(&out).expect("data is JSON");
            }
        }
    }

    #[test]
    fn all_forms_carry_the_same_event() {
        let events = Events::new(3, 5, 0);
        let whole = event(&events, 11);
        let mut plain = Vec::new();
        events.write(11, NOON, Form::Plain, &mut plain);
        let plain: serde_json::Value = serde_json::from_slice(&plain).expect("JSON");
        assert!(plain.get("specversion").is_none());
        let mut data = Vec::new();
        let headers = events.write_binary(11, NOON, &mut data);
        let data: serde_json::Value = serde_json::from_slice(&data).expect("JSON");
        assert_eq!(data, whole["data"]);
        for name in ["id", "source", "type", "time", "subject"] {
            assert_eq!(plain[name], whole[name]);
            let header = headers[&format!("ce-{name}")].to_str().expect("ASCII");
            assert_eq!(header, whole[name].as_str().expect("text"));
        }
    }
}
