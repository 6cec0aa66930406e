//! Which attributes of an event are shown.

/// An attribute, or a group of them, in the order they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Field {
    /// `specversion`.
    SpecVersion,
    /// `uid`.
    Uid,
    /// `id`.
    Id,
    /// `source`.
    Source,
    /// `type`.
    Type,
    /// `time`.
    Time,
    /// `subject`.
    Subject,
    /// `datacontenttype`.
    DataContentType,
    /// `dataschema`.
    DataSchema,
    /// All extension attributes.
    Extensions,
    /// `traceparent`.
    TraceParent,
    /// `recordedtime`.
    RecordedTime,
    /// `kafkapartition`.
    KafkaPartition,
    /// `kafkaoffset`.
    KafkaOffset,
    /// `data` or `data_base64`.
    Data,
}

impl Field {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 15] = [
        ("specversion", Self::SpecVersion),
        ("uid", Self::Uid),
        ("id", Self::Id),
        ("source", Self::Source),
        ("type", Self::Type),
        ("time", Self::Time),
        ("subject", Self::Subject),
        ("datacontenttype", Self::DataContentType),
        ("dataschema", Self::DataSchema),
        ("extensions", Self::Extensions),
        ("traceparent", Self::TraceParent),
        ("recordedtime", Self::RecordedTime),
        ("kafkapartition", Self::KafkaPartition),
        ("kafkaoffset", Self::KafkaOffset),
        ("data", Self::Data),
    ];

    /// Finds one by its name.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, field)| *field)
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fields(u16);

impl Fields {
    /// Everything there is.
    pub const ALL: Self = Self((1 << Field::ALL.len()) - 1);

    /// These.
    pub fn of(fields: impl IntoIterator<Item = Field>) -> Self {
        Self(
            fields
                .into_iter()
                .fold(0, |set, field| set | (1 << field as u8)),
        )
    }

    /// Says whether a field is shown.
    #[inline]
    pub fn has(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_own_place_and_name() {
        for (index, (name, field)) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, index);
            assert_eq!(Field::named(name), Some(field));
            assert!(Fields::ALL.has(field) && Fields::of([field]).has(field));
        }
        assert!(!Fields::of([Field::Id]).has(Field::Data));
        assert_eq!(Field::named("nothing"), None);
    }
}
