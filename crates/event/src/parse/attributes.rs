//! The rules of attributes, whichever way they came.

use std::borrow::Cow;

use super::{Context, Mode, Rejection, RejectionKind as Kind, mode::clip};
use crate::json::push_escaped;
use crate::{Data, Event, ExtensionValue, Extensions, Timestamp, limits, text, uuid_v7_millis};

/// The attributes as they came: texts that have yet to be held against the rules.
#[derive(Default)]
pub(super) struct Draft<'a> {
    pub(super) specversion: Option<Cow<'a, str>>,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) source: Option<Cow<'a, str>>,
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) time: Option<Cow<'a, str>>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) dataschema: Option<Cow<'a, str>>,
    pub(super) datacontenttype: Option<Cow<'a, str>>,
    pub(super) traceparent: Option<Cow<'a, str>>,
    pub(super) extensions: Extensions<'a>,
}

impl<'a> Draft<'a> {
    /// Adds an extension, or the attribute `traceparent`, which travels in a header of its own.
    pub(super) fn extension(
        &mut self,
        name: Cow<'a, str>,
        value: ExtensionValue<'a>,
    ) -> Result<(), Rejection> {
        check_extension_name(&name)?;
        if let ExtensionValue::Text(value) = &value {
            check_text(&name, value, 0, limits::EXTENSION_BYTES)?;
        }
        match value {
            ExtensionValue::Text(value)
                if name == "traceparent" && text::is_traceparent(&value) =>
            {
                self.traceparent = Some(value);
            }
            _ if name == "traceparent" => {
                return Err(Rejection::at(
                    Kind::InvalidAttribute,
                    "/traceparent",
                    "`traceparent` must be one of W3C Trace Context, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                ));
            }
            value => self.extensions.push(name, value),
        }
        Ok(())
    }

    /// Holds everything against the rules.
    pub(super) fn finish(
        self,
        data: Data<'a>,
        context: &mut Context<'_>,
    ) -> Result<Event<'a>, Rejection> {
        check_specversion(self.specversion.as_deref(), context.mode)?;
        let source = required(
            "source",
            self.source,
            "say who sends the event, such as `billing`",
        )?;
        let kind = required(
            "type",
            self.kind,
            "say what happened, such as `invoice.paid`",
        )?;
        let id = self.id.map(|id| required("id", Some(id), "")).transpose()?;
        if id.is_none() && context.mode.is_cloud_events() {
            return Err(missing(
                "id",
                "a CloudEvent has one, and a retry with the same `id` is stored once; sent as application/json, an event without it is given one",
            ));
        }
        optional("subject", self.subject.as_deref(), limits::SUBJECT_BYTES)?;
        optional(
            "dataschema",
            self.dataschema.as_deref(),
            limits::DATASCHEMA_BYTES,
        )?;
        optional(
            "datacontenttype",
            self.datacontenttype.as_deref(),
            limits::DATACONTENTTYPE_BYTES,
        )?;
        if self
            .datacontenttype
            .as_deref()
            .is_some_and(|value| !value.contains('/'))
        {
            return Err(Rejection::at(
                Kind::InvalidAttribute,
                "/datacontenttype",
                "`datacontenttype` must be a media type such as application/json",
            ));
        }
        let time = own_time(self.time.as_deref(), id.as_deref(), context)?;
        let (id, time) = match id {
            Some(id) => (id, time),
            None => {
                let id = (context.new_id)();
                let time = time.or_else(|| time_of_id(&id));
                (Cow::Owned(id), time)
            }
        };
        Ok(Event {
            source,
            kind,
            id,
            time,
            recorded: context.now,
            subject: self.subject,
            dataschema: self.dataschema,
            datacontenttype: self.datacontenttype,
            traceparent: self.traceparent,
            extensions: self.extensions,
            data,
        })
    }
}

fn check_specversion(specversion: Option<&str>, mode: Mode) -> Result<(), Rejection> {
    match specversion {
        Some("1.0") => Ok(()),
        Some(other) => Err(Rejection::at(
            Kind::UnsupportedSpecversion,
            "/specversion",
            format!(
                "`specversion` {} is not known; send \"1.0\"",
                clip(&format!("{other:?}"))
            ),
        )),
        None if mode.is_cloud_events() => Err(missing(
            "specversion",
            &format!(
                "a {} event must say \"1.0\"; without it, send application/json",
                mode.name()
            ),
        )),
        None => Ok(()),
    }
}

/// The event's own time, in range: the attribute, else what is inside a UUIDv7.
fn own_time(
    time: Option<&str>,
    id: Option<&str>,
    context: &Context<'_>,
) -> Result<Option<Timestamp>, Rejection> {
    let (own, pointer) = match time {
        Some(text) => {
            let time = Timestamp::parse_rfc3339(text).map_err(|error| {
                Rejection::at(Kind::TimeInvalid, "/time", format!("`time` {error}"))
            })?;
            (time, "/time")
        }
        None => match id.and_then(time_of_id) {
            Some(time) => (time, "/id"),
            None => return Ok(None),
        },
    };
    let earliest = context.now.saturating_sub(context.limits.max_age);
    let latest = context.now.saturating_add(context.limits.max_ahead);
    if (earliest..=latest).contains(&own) {
        return Ok(Some(own));
    }
    let what = if pointer == "/id" {
        "the time inside the UUIDv7 `id`"
    } else {
        "`time`"
    };
    let side = if own < earliest {
        format!("before {earliest}, the oldest taken")
    } else {
        format!("after {latest}; check the sender's clock")
    };
    Err(Rejection::at(
        Kind::TimeOutOfRange,
        pointer,
        format!("{what} is {own}, {side}"),
    ))
}

fn time_of_id(id: &str) -> Option<Timestamp> {
    let millis = i64::try_from(uuid_v7_millis(id)?).ok()?;
    Some(Timestamp::from_millis(millis))
}

fn required<'a>(
    name: &str,
    value: Option<Cow<'a, str>>,
    advice: &str,
) -> Result<Cow<'a, str>, Rejection> {
    let Some(value) = value else {
        return Err(missing(name, advice));
    };
    check_text(name, &value, 1, limits::NAME_BYTES)?;
    Ok(value)
}

fn optional(name: &str, value: Option<&str>, most: usize) -> Result<(), Rejection> {
    value.map_or(Ok(()), |value| check_text(name, value, 1, most))
}

fn missing(name: &str, advice: &str) -> Rejection {
    Rejection::at(
        Kind::MissingAttribute,
        format!("/{name}"),
        format!("`{name}` is missing: {advice}"),
    )
}

fn check_text(name: &str, value: &str, least: usize, most: usize) -> Result<(), Rejection> {
    let rule = if value.len() < least {
        "must not be empty; leave it out instead".to_owned()
    } else if value.len() > most {
        format!("has {} bytes; at most {most} are taken", value.len())
    } else if text::has_control(value) {
        "must not hold control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(Rejection::at(
        Kind::InvalidAttribute,
        pointer(name),
        format!("`{name}` {rule}"),
    ))
}

/// Refuses names that cannot be extensions, and says which name was probably meant.
pub(super) fn check_extension_name(name: &str) -> Result<(), Rejection> {
    if limits::RESERVED_NAMES.contains(&name) {
        return Err(Rejection::at(
            Kind::ReservedAttribute,
            pointer(name),
            format!("`{name}` is what Flumen itself says of an event; use another name"),
        ));
    }
    if text::is_extension_name(name) && name != "data" {
        return Ok(());
    }
    let meant: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let advice = if name == "data" {
        "`data` is the body of the request in binary mode".to_owned()
    } else if text::is_extension_name(&meant) && !limits::RESERVED_NAMES.contains(&meant.as_str()) {
        format!("write `{meant}`, or put it into `data`")
    } else {
        "put it into `data`".to_owned()
    };
    Err(Rejection::at(
        Kind::InvalidAttributeName,
        pointer(name),
        format!(
            "`{}` cannot name an attribute, which has 1 to 64 lower-case letters and digits; {advice}",
            clip(name)
        ),
    ))
}

pub(super) fn duplicate(name: &str) -> Rejection {
    Rejection::at(
        Kind::DuplicateAttribute,
        pointer(name),
        format!("`{}` is there twice; send it once", clip(name)),
    )
}

pub(super) fn too_many_extensions(most: usize) -> Rejection {
    Rejection::at(
        Kind::TooManyExtensions,
        "",
        format!("more than {most} extension attributes; put what is not for routing into `data`"),
    )
}

pub(super) fn check_data_size(
    pointer: &str,
    bytes: usize,
    context: &Context<'_>,
) -> Result<(), Rejection> {
    let most = context.limits.max_data_bytes;
    if bytes <= most {
        return Ok(());
    }
    Err(Rejection::at(
        Kind::TooLarge,
        pointer,
        format!(
            "the data has {bytes} bytes; at most {most} are taken, so send what is larger by reference"
        ),
    ))
}

/// The pointer to the member `name` of the event.
pub(super) fn pointer(name: &str) -> String {
    let mut pointer = String::from("/");
    // A name of any length may come in; what no attribute can have is not worth repeating whole.
    push_escaped(&mut pointer, &clip(name));
    pointer
}
