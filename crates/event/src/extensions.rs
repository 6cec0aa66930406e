//! The extension attributes of an event, in the order they came.

use std::borrow::Cow;

use crate::json;

/// The extension attributes of an event, in the order they came; names are unique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extensions<'a>(Vec<(Cow<'a, str>, ExtensionValue<'a>)>);

/// The value of an extension attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum ExtensionValue<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// A number, as the JSON text it came as, so that no digit is lost.
    Number(Cow<'a, str>),
    /// A boolean.
    Bool(bool),
}

impl ExtensionValue<'_> {
    /// The value as text: the string itself, the digits, `true` or `false`.
    #[must_use]
    pub fn as_text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
        }
    }
}

impl<'a> Extensions<'a> {
    /// No extensions; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an extension. The caller answers for the name: lower-case letters and digits, not yet taken.
    pub fn push(&mut self, name: Cow<'a, str>, value: ExtensionValue<'a>) {
        self.0.push((name, value));
    }

    /// The value of the extension of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ExtensionValue<'a>> {
        self.0
            .iter()
            .find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The extensions in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ExtensionValue<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends the extensions to `out` as one JSON object.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (name, value)) in self.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            json::write_string(out, name);
            out.push(b':');
            match value {
                ExtensionValue::Text(text) => json::write_string(out, text),
                ExtensionValue::Number(_) | ExtensionValue::Bool(_) => {
                    out.extend_from_slice(value.as_text().as_bytes());
                }
            }
        }
        out.push(b'}');
    }

    /// The same extensions, holding on to nothing.
    #[must_use]
    pub fn into_owned(self) -> Extensions<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let values = self.0.into_iter().map(|(name, value)| {
            let value = match value {
                ExtensionValue::Text(text) => ExtensionValue::Text(own(text)),
                ExtensionValue::Number(text) => ExtensionValue::Number(own(text)),
                ExtensionValue::Bool(value) => ExtensionValue::Bool(value),
            };
            (own(name), value)
        });
        Extensions(values.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_written_as_json_in_order_and_typed() {
        let mut extensions = Extensions::new();
        extensions.push("b".into(), ExtensionValue::Text("say \"hi\"\n".into()));
        extensions.push("a".into(), ExtensionValue::Number("1.50e2".into()));
        extensions.push("c".into(), ExtensionValue::Bool(false));
        let mut out = Vec::new();
        extensions.write_json(&mut out);
        assert_eq!(out, br#"{"b":"say \"hi\"\n","a":1.50e2,"c":false}"#);
    }
}
