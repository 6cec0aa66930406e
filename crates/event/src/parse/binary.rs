//! Binary mode: attributes in `ce-*` headers, the body is the data.

use std::borrow::Cow;

use super::attributes::{self, Draft};
use super::object::{unstorable, whole_value};
use super::{BodyError, Context, Rejection, RejectionKind as Kind};
use crate::json::Malformed;
use crate::{Data, Event, ExtensionValue, media};

pub(super) fn event<'a>(
    headers: &[(&'a str, &'a [u8])],
    body: &'a [u8],
    context: &mut Context<'_>,
) -> Result<Result<Event<'a>, Rejection>, BodyError> {
    let draft = match draft(headers) {
        Ok(draft) => draft,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let is_json = media::is_json(draft.datacontenttype.as_deref());
    let data = if body.is_empty() {
        Data::None
    } else if let Err(rejection) = attributes::check_data_size("/data", body.len(), context) {
        return Ok(Err(rejection));
    } else if !is_json {
        Data::Bytes(Cow::Borrowed(body))
    } else {
        let text = simdutf8::basic::from_utf8(body).map_err(|_| {
            let offset =
                std::str::from_utf8(body).map_or_else(|error| error.valid_up_to(), str::len);
            Malformed {
                offset,
                what: "not UTF-8",
            }
        })?;
        if let Some(fault) = whole_value(text, context.bounds)? {
            return Ok(Err(unstorable(
                text.trim_start_matches([' ', '\t', '\r', '\n']),
                shifted(text, fault),
                "/data",
                context.bounds,
            )));
        }
        Data::Json(Cow::Borrowed(body))
    };
    Ok(draft.finish(data, context))
}

/// The fault as seen from the first byte of the value, without the space before it.
fn shifted(text: &str, fault: crate::json::Fault) -> crate::json::Fault {
    let space = text.len() - text.trim_start_matches([' ', '\t', '\r', '\n']).len();
    crate::json::Fault {
        offset: fault.offset - space,
        ..fault
    }
}

fn draft<'a>(headers: &[(&'a str, &'a [u8])]) -> Result<Draft<'a>, Rejection> {
    let mut draft = Draft::default();
    let mut seen: Vec<Cow<'a, str>> = Vec::with_capacity(headers.len());
    for &(header, value) in headers {
        let name = if header.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(header.to_ascii_lowercase())
        } else {
            Cow::Borrowed(header)
        };
        if name == "content-type" {
            let value =
                std::str::from_utf8(value).map_err(|_| not_text(header, "datacontenttype"))?;
            if draft
                .datacontenttype
                .replace(Cow::Borrowed(value.trim()))
                .is_some()
            {
                return Err(attributes::duplicate("datacontenttype"));
            }
            continue;
        }
        let name = match name {
            Cow::Borrowed(name) => name.strip_prefix("ce-").map(Cow::Borrowed),
            Cow::Owned(name) => name
                .strip_prefix("ce-")
                .map(|name| Cow::Owned(name.to_owned())),
        };
        let Some(name) = name else { continue };
        if seen.contains(&name) {
            return Err(attributes::duplicate(&name));
        }
        let value = decode(value).ok_or_else(|| not_text(header, &name))?;
        let slot = match name.as_ref() {
            "specversion" => &mut draft.specversion,
            "id" => &mut draft.id,
            "source" => &mut draft.source,
            "type" => &mut draft.kind,
            "time" => &mut draft.time,
            "subject" => &mut draft.subject,
            "dataschema" => &mut draft.dataschema,
            "datacontenttype" => {
                return Err(Rejection::at(
                    Kind::InvalidAttributeName,
                    "/datacontenttype",
                    "in binary mode the type of the data is the Content-Type of the request; leave ce-datacontenttype out",
                ));
            }
            _ => {
                draft.extension(name.clone(), ExtensionValue::Text(value))?;
                seen.push(name);
                continue;
            }
        };
        *slot = Some(value);
        seen.push(name);
    }
    Ok(draft)
}

fn not_text(header: &str, name: &str) -> Rejection {
    Rejection::at(
        Kind::InvalidEncoding,
        attributes::pointer(name),
        format!(
            "header `{}` is not UTF-8 once its percent-encoding is undone",
            super::mode::clip(header)
        ),
    )
}

/// Undoes quotes, then percent-encoding, once. `None` if what remains is not UTF-8.
///
/// A `%` that no two hex digits follow stays: several SDKs send values as they are.
fn decode(value: &[u8]) -> Option<Cow<'_, str>> {
    let value = value.trim_ascii();
    let unquoted = match value {
        [b'"', inside @ .., b'"'] => unquote(inside),
        _ => Cow::Borrowed(value),
    };
    if !unquoted.contains(&b'%') {
        return match unquoted {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
    }
    let mut out = Vec::with_capacity(unquoted.len());
    let mut at = 0;
    while let Some(&byte) = unquoted.get(at) {
        let hex = |at: usize| {
            unquoted
                .get(at)
                .and_then(|digit| char::from(*digit).to_digit(16))
        };
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.extend(u8::try_from(high << 4 | low));
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

fn unquote(inside: &[u8]) -> Cow<'_, [u8]> {
    if !inside.contains(&b'\\') {
        return Cow::Borrowed(inside);
    }
    let mut out = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(&byte) = bytes.next() {
        out.push(if byte == b'\\' {
            *bytes.next().unwrap_or(&byte)
        } else {
            byte
        });
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_decoded_once() {
        for (value, text) in [
            ("plain", Some("plain")),
            ("caf%C3%A9", Some("caf\u{e9}")),
            ("\"quoted \\\"x\\\"\"", Some("quoted \"x\"")),
            ("%2541", Some("%41")),
            ("100%", Some("100%")),
            ("%zz%4", Some("%zz%4")),
            (
                "Euro%20%E2%82%AC%20%F0%9F%98%80",
                Some("Euro \u{20ac} \u{1f600}"),
            ),
            ("%C0%A0", None),
            ("%ED%A0%80", None),
            ("%FF", None),
            ("\"", Some("\"")),
            ("", Some("")),
        ] {
            assert_eq!(decode(value.as_bytes()).as_deref(), text, "{value}");
        }
        assert_eq!(decode(b"\xff"), None);
        assert_eq!(decode("caf\u{e9}".as_bytes()).as_deref(), Some("caf\u{e9}"));
    }
}
