//! One event written as a JSON object: finding its members, then making sense of them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::attributes::{self, Draft};
use super::{Context, Rejection, RejectionKind as Kind, mode::clip};
use crate::json::{self, Fault, FaultKind, Malformed, Scanner, Text, Value};
use crate::{Data, Event, ExtensionValue, media};

/// Where the members of one object are; kept between objects for the sake of its allocation.
#[derive(Default)]
pub(super) struct Scratch {
    known: Members,
    extensions: Vec<(Text, Value)>,
}

#[derive(Default)]
struct Members {
    specversion: Option<Value>,
    id: Option<Value>,
    source: Option<Value>,
    kind: Option<Value>,
    time: Option<Value>,
    subject: Option<Value>,
    dataschema: Option<Value>,
    datacontenttype: Option<Value>,
    data: Option<Value>,
    data_base64: Option<Value>,
}

impl Members {
    fn slot(&mut self, name: &str) -> Option<&mut Option<Value>> {
        // As bytes, which the compiler turns into one tree of decisions; texts would be compared one after the other.
        Some(match name.as_bytes() {
            b"specversion" => &mut self.specversion,
            b"id" => &mut self.id,
            b"source" => &mut self.source,
            b"type" => &mut self.kind,
            b"time" => &mut self.time,
            b"subject" => &mut self.subject,
            b"dataschema" => &mut self.dataschema,
            b"datacontenttype" => &mut self.datacontenttype,
            b"data" => &mut self.data,
            b"data_base64" => &mut self.data_base64,
            _ => return None,
        })
    }
}

/// Reads the event that starts at the scanner's position in `text`, to its end whatever is wrong with it.
pub(super) fn event<'a>(
    text: &'a str,
    scanner: &mut Scanner<'a>,
    scratch: &mut Scratch,
    context: &mut Context<'_>,
) -> Result<Result<Event<'a>, Rejection>, Malformed> {
    let start = scanner.pos;
    scanner.fault = None;
    if scanner.peek() != Some(b'{') {
        scanner.value()?;
        return Ok(Err(Rejection::at(
            Kind::NotAnObject,
            "",
            "an event is a JSON object",
        )));
    }
    let early = members(text, scanner, scratch, context)?;
    if let Some(fault) = scanner.fault {
        let event = &text[start..scanner.pos];
        let fault = Fault {
            offset: fault.offset - start,
            ..fault
        };
        return Ok(Err(unstorable(event, fault, "", context.bounds)));
    }
    Ok(match early {
        Some(rejection) => Err(rejection),
        None => build(text, scratch, context),
    })
}

/// Finds the members; gives the first thing wrong with their names.
fn members<'a>(
    text: &'a str,
    scanner: &mut Scanner<'a>,
    scratch: &mut Scratch,
    context: &Context<'_>,
) -> Result<Option<Rejection>, Malformed> {
    scratch.known = Members::default();
    scratch.extensions.clear();
    let mut rejection = None;
    scanner.pos += 1;
    scanner.skip_space();
    if scanner.peek() == Some(b'}') {
        scanner.pos += 1;
        return Ok(None);
    }
    loop {
        let key = scanner.key()?;
        let value = scanner.value()?;
        let name = string(text, key);
        if let Some(slot) = scratch.known.slot(&name) {
            if slot.replace(value).is_some() {
                rejection.get_or_insert_with(|| attributes::duplicate(&name));
            }
        } else if scratch
            .extensions
            .iter()
            .any(|(known, _)| string(text, *known) == name)
        {
            rejection.get_or_insert_with(|| attributes::duplicate(&name));
        } else if scratch.extensions.len() == context.limits.max_extensions {
            rejection.get_or_insert_with(|| {
                attributes::too_many_extensions(context.limits.max_extensions)
            });
        } else {
            scratch.extensions.push((key, value));
        }
        scanner.skip_space();
        match scanner.peek() {
            Some(b',') => {
                scanner.pos += 1;
                scanner.skip_space();
            }
            Some(b'}') => {
                scanner.pos += 1;
                return Ok(rejection);
            }
            _ => return Err(scanner.malformed("expected a comma or }")),
        }
    }
}

fn build<'a>(
    text: &'a str,
    scratch: &Scratch,
    context: &mut Context<'_>,
) -> Result<Event<'a>, Rejection> {
    let known = &scratch.known;
    let mut draft = Draft {
        specversion: attribute(text, "specversion", known.specversion)?,
        id: attribute(text, "id", known.id)?,
        source: attribute(text, "source", known.source)?,
        kind: attribute(text, "type", known.kind)?,
        time: attribute(text, "time", known.time)?,
        subject: attribute(text, "subject", known.subject)?,
        dataschema: attribute(text, "dataschema", known.dataschema)?,
        datacontenttype: attribute(text, "datacontenttype", known.datacontenttype)?,
        ..Draft::default()
    };
    for &(key, value) in &scratch.extensions {
        let name = string(text, key);
        let value = match value.kind {
            json::Kind::Null => {
                // Absent, but a name that is wrong is wrong whatever its value.
                attributes::check_extension_name(&name)?;
                continue;
            }
            json::Kind::String(inside) => ExtensionValue::Text(string(text, inside)),
            json::Kind::Number => {
                ExtensionValue::Number(Cow::Borrowed(&text[value.start..value.end]))
            }
            json::Kind::Bool(value) => ExtensionValue::Bool(value),
            json::Kind::Object | json::Kind::Array => {
                attributes::check_extension_name(&name)?;
                return Err(Rejection::at(
                    Kind::WrongType,
                    attributes::pointer(&name),
                    format!(
                        "extension `{}` must be a string, a number or a boolean; structured content belongs into `data`",
                        clip(&name)
                    ),
                ));
            }
        };
        draft.extension(name, value)?;
    }
    let data = data(text, known, &mut draft, context)?;
    draft.finish(data, context)
}

fn data<'a>(
    text: &'a str,
    known: &Members,
    draft: &mut Draft<'a>,
    context: &Context<'_>,
) -> Result<Data<'a>, Rejection> {
    let present = |value: Option<Value>| value.filter(|value| value.kind != json::Kind::Null);
    let is_json = media::is_json(draft.datacontenttype.as_deref());
    match (present(known.data), present(known.data_base64)) {
        (None, None) => Ok(Data::None),
        (Some(_), Some(_)) => Err(Rejection::at(
            Kind::DataConflict,
            "/data_base64",
            format!(
                "a {} event carries either `data` or `data_base64`, not both",
                context.mode.name()
            ),
        )),
        (Some(value), None) => {
            attributes::check_data_size("/data", value.end - value.start, context)?;
            Ok(match value.kind {
                json::Kind::String(inside) if !is_json => Data::Bytes(match string(text, inside) {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                }),
                _ if is_json => Data::Json(Cow::Borrowed(&text.as_bytes()[value.start..value.end])),
                _ => Data::Bytes(Cow::Borrowed(&text.as_bytes()[value.start..value.end])),
            })
        }
        (None, Some(value)) => base64_data(text, value, draft, context),
    }
}

fn base64_data<'a>(
    text: &'a str,
    value: Value,
    draft: &mut Draft<'a>,
    context: &Context<'_>,
) -> Result<Data<'a>, Rejection> {
    let pointer = "/data_base64";
    let json::Kind::String(inside) = value.kind else {
        return Err(Rejection::at(
            Kind::WrongType,
            pointer,
            "`data_base64` must be a string",
        ));
    };
    attributes::check_data_size(pointer, (inside.end - inside.start) / 4 * 3, context)?;
    let Ok(bytes) = STANDARD.decode(string(text, inside).as_bytes()) else {
        return Err(Rejection::at(
            Kind::InvalidBase64,
            pointer,
            "`data_base64` is not Base64 (RFC 4648, the standard alphabet, padded)",
        ));
    };
    if draft.datacontenttype.is_none() {
        // No type means JSON in a record; what came as Base64 is not.
        draft.datacontenttype = Some(Cow::Borrowed("application/octet-stream"));
        return Ok(Data::Bytes(Cow::Owned(bytes)));
    }
    if !media::is_json(draft.datacontenttype.as_deref()) {
        return Ok(Data::Bytes(Cow::Owned(bytes)));
    }
    let not_json = |what: &str| {
        Rejection::at(
            Kind::InvalidBase64,
            pointer,
            format!("`datacontenttype` says that `data_base64` is JSON, but it is not: {what}"),
        )
    };
    let inner = simdutf8::basic::from_utf8(&bytes).map_err(|_| not_json("not UTF-8"))?;
    match whole_value(inner, context.bounds) {
        Err(malformed) => Err(not_json(malformed.what)),
        // The pointer stops at the member: what is inside Base64 has no place in the document.
        Ok(Some(fault)) => Err(Rejection {
            pointer: Some(pointer.into()),
            ..unstorable(inner, fault, "", context.bounds)
        }),
        Ok(None) => Ok(Data::Json(Cow::Owned(bytes))),
    }
}

/// Checks that `text` is one JSON value, and gives the first thing in it that cannot be stored.
pub(super) fn whole_value(text: &str, bounds: json::Bounds) -> Result<Option<Fault>, Malformed> {
    let mut scanner = Scanner::new(text, bounds);
    scanner.skip_space();
    scanner.value()?;
    scanner.end()?;
    Ok(scanner.fault)
}

/// The rejection for a fault in `text`, whose own pointer is `prefix`.
pub(super) fn unstorable(
    text: &str,
    fault: Fault,
    prefix: &str,
    bounds: json::Bounds,
) -> Rejection {
    let detail = match fault.kind {
        FaultKind::TooDeep => format!("nested deeper than {} levels; flatten it", bounds.depth),
        FaultKind::NumberTooLong => {
            format!(
                "a number of more than {} digits; send it as a string",
                bounds.digits
            )
        }
        FaultKind::NotANumber => {
            "JSON has no NaN and no infinity; send null or a string".to_owned()
        }
        FaultKind::Nul => {
            "the character U+0000 cannot be stored; leave it out or send it in `data_base64`"
                .to_owned()
        }
        FaultKind::LoneSurrogate => {
            "half of a surrogate pair is not a character; send the whole character".to_owned()
        }
        FaultKind::ControlCharacter => {
            "a control character inside a string must be escaped".to_owned()
        }
    };
    // One level more than `data` may have: the event itself.
    let pointer = json::pointer_to(text, fault.offset, bounds.depth + 1, prefix);
    Rejection::at(fault.kind.into(), pointer, detail)
}

fn string(text: &str, inside: Text) -> Cow<'_, str> {
    let raw = &text[inside.start..inside.end];
    if inside.escaped {
        json::unescape(raw)
    } else {
        Cow::Borrowed(raw)
    }
}

fn attribute<'a>(
    text: &'a str,
    name: &str,
    value: Option<Value>,
) -> Result<Option<Cow<'a, str>>, Rejection> {
    match value.map(|value| value.kind) {
        None | Some(json::Kind::Null) => Ok(None),
        Some(json::Kind::String(inside)) => Ok(Some(string(text, inside))),
        Some(_) => Err(Rejection::at(
            Kind::WrongType,
            format!("/{name}"),
            format!("`{name}` must be a string"),
        )),
    }
}
