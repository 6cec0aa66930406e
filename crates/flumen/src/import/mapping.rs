//! From a row to the bytes of a CloudEvent.

use std::io::Write as _;

use anyhow::Context as _;
use jiff::tz::TimeZone;

use super::{
    args::MappingArgs,
    json::Members,
    row::{Field, Row, Shape, Wanted, write_string},
    when::Clock,
};
use crate::{
    civil,
    exit::{self, Exit},
};

/// Attributes Flumen adds when it shows an event; they are not taken back in.
const OWN_ATTRIBUTES: [&str; 4] = ["uid", "recordedtime", "kafkapartition", "kafkaoffset"];

/// How rows become events, ready to be applied to any number of them.
#[derive(Debug)]
pub(super) struct Mapping {
    wanted: Wanted,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    /// Rows are events already.
    PassThrough,
    Build {
        source: Template,
        kind: Template,
        id: Vec<usize>,
        time: Vec<usize>,
        clock: Clock,
        subject: Option<Template>,
    },
}

/// Text with columns in it.
#[derive(Debug)]
struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Column { index: usize, name: String },
}

/// Why a row cannot become an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MapError {
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

impl Mapping {
    /// Checks the arguments and says which columns they need.
    pub(super) fn new(args: &MappingArgs) -> anyhow::Result<Self> {
        if args.is_empty() {
            return Ok(Self {
                wanted: Wanted::default(),
                rule: Rule::PassThrough,
            });
        }
        let mut columns = Columns(Vec::new());
        let source = columns
            .template("source", args.source.as_ref(), args.source_from.as_ref())?
            .ok_or_else(|| missing("source"))?;
        let kind = columns
            .template("type", args.kind.as_ref(), args.kind_from.as_ref())?
            .ok_or_else(|| missing("type"))?;
        let subject =
            columns.template("subject", args.subject.as_ref(), args.subject_from.as_ref())?;
        let id = args
            .id_from
            .iter()
            .map(|name| columns.index(name))
            .collect();
        let time = args
            .time_from
            .iter()
            .map(|name| columns.index(name))
            .collect();
        let zone = match &args.time_zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).with_context(|| {
                format!("find the time zone `{name}` (an IANA name such as Europe/Zurich)")
            })?,
        };
        Ok(Self {
            wanted: Wanted {
                columns: columns.0,
                shape: Shape {
                    only: args.data_from.clone(),
                    drop: args.drop.clone(),
                },
            },
            rule: Rule::Build {
                source,
                kind,
                id,
                time,
                clock: Clock {
                    format: args.time_format.clone(),
                    zone,
                },
                subject,
            },
        })
    }

    pub(super) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// A row buffer with room for the wanted columns.
    pub(super) fn row(&self) -> Row {
        Row::new(self.wanted.columns.len())
    }

    /// Whether events get no time of their own.
    pub(super) fn is_timeless(&self) -> bool {
        matches!(&self.rule, Rule::Build { time, .. } if time.is_empty())
    }

    /// Appends the event as JSON; leaves `out` as it was when the row cannot become one.
    pub(super) fn write(&self, row: &Row, file: &str, out: &mut Vec<u8>) -> Result<(), MapError> {
        let start = out.len();
        let written = match &self.rule {
            Rule::PassThrough => pass_through(row, out),
            Rule::Build { .. } => self.build(row, file, out),
        };
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn build(&self, row: &Row, file: &str, out: &mut Vec<u8>) -> Result<(), MapError> {
        let Rule::Build {
            source,
            kind,
            id,
            time,
            clock,
            subject,
        } = &self.rule
        else {
            return Ok(());
        };
        out.extend_from_slice(b"{\"specversion\":\"1.0\",\"id\":");
        if id.is_empty() {
            write_string(out, file);
            // The row goes before the closing quote.
            out.pop();
            let _ = write!(out, "#{}\"", row.number);
        } else {
            write_string(out, &join_id(id, row, &self.wanted.columns)?);
        }
        out.extend_from_slice(b",\"source\":");
        source.write(row, "source", out)?;
        out.extend_from_slice(b",\"type\":");
        kind.write(row, "type", out)?;
        if !time.is_empty() {
            let fields: Vec<&Field> = time.iter().map(|&index| &row.fields[index]).collect();
            let micros = clock.read(&fields).map_err(|detail| MapError {
                reason: "unreadable-time",
                detail,
            })?;
            out.extend_from_slice(b",\"time\":\"");
            civil::write_utc(out, micros);
            out.push(b'"');
        }
        if let Some(subject) = subject {
            let before = out.len();
            out.extend_from_slice(b",\"subject\":");
            // A row without a value has no subject.
            if subject.write(row, "subject", out).is_err() {
                out.truncate(before);
            }
        }
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(&row.data);
        out.push(b'}');
        Ok(())
    }
}

fn missing(attribute: &str) -> anyhow::Error {
    Exit::error(
        exit::USAGE,
        format!(
            "every event needs a {attribute}: add --{attribute} TEXT or --{attribute}-from COLUMN (rows that are CloudEvents already need no mapping at all)"
        ),
    )
}

fn join_id(id: &[usize], row: &Row, names: &[String]) -> Result<String, MapError> {
    let mut joined = String::new();
    for (at, &index) in id.iter().enumerate() {
        let value = row.fields[index].plain().ok_or_else(|| MapError {
            reason: "missing-id",
            detail: format!("the column `{}` of the id has no plain value", names[index]),
        })?;
        if at > 0 {
            joined.push('|');
        }
        joined.push_str(&value);
    }
    Ok(joined)
}

/// Copies a CloudEvent without what Flumen added to it.
fn pass_through(row: &Row, out: &mut Vec<u8>) -> Result<(), MapError> {
    let not_an_event = |detail: &str| MapError {
        reason: "not-a-cloudevent",
        detail: detail.to_owned(),
    };
    let members: Members<'_> =
        serde_json::from_slice(&row.data).map_err(|error| not_an_event(&error.to_string()))?;
    if !members.0.iter().any(|(key, _)| key == "specversion") {
        return Err(not_an_event(
            "the row has no specversion: map its columns with --source, --type, ...",
        ));
    }
    out.push(b'{');
    let mut first = true;
    for (key, value) in &members.0 {
        if OWN_ATTRIBUTES.contains(&key.as_ref()) {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        write_string(out, key);
        out.push(b':');
        out.extend_from_slice(value.get().as_bytes());
    }
    out.push(b'}');
    Ok(())
}

/// Names of wanted columns, each once.
struct Columns(Vec<String>);

impl Columns {
    fn index(&mut self, name: &str) -> usize {
        match self.0.iter().position(|have| have == name) {
            Some(index) => index,
            None => {
                self.0.push(name.to_owned());
                self.0.len() - 1
            }
        }
    }

    fn template(
        &mut self,
        attribute: &str,
        text: Option<&String>,
        column: Option<&String>,
    ) -> anyhow::Result<Option<Template>> {
        if let Some(name) = column {
            let index = self.index(name);
            return Ok(Some(Template(vec![Part::Column {
                index,
                name: name.clone(),
            }])));
        }
        let Some(text) = text else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(Exit::error(
                    exit::USAGE,
                    format!(
                        "--{attribute} `{text}` has a `{{` without a `}}`; columns are written {{name}}"
                    ),
                ));
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Column {
                index: self.index(name),
                name: name.to_owned(),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Some(Template(parts)))
    }
}

impl Template {
    fn write(&self, row: &Row, attribute: &'static str, out: &mut Vec<u8>) -> Result<(), MapError> {
        if let [Part::Text(text)] = self.0.as_slice() {
            write_string(out, text);
            return Ok(());
        }
        let mut written = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => written.push_str(text),
                Part::Column { index, name } => {
                    let value = row.fields[*index].plain().ok_or_else(|| MapError {
                        reason: match attribute {
                            "source" => "missing-source",
                            "type" => "missing-type",
                            _ => "missing-subject",
                        },
                        detail: format!("the column `{name}` has no plain value"),
                    })?;
                    written.push_str(&value);
                }
            }
        }
        write_string(out, &written);
        Ok(())
    }
}
