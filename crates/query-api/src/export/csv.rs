//! Events as CSV: RFC 4180, with a header, and harmless in a spreadsheet.

use store::read::{Clock, EventRow, Field, Fields, Payload, write_base64, write_number, write_uid};

/// What becomes of a cell that a spreadsheet would take for a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Formulas {
    /// An apostrophe is put before it, which spreadsheets take as "this is text".
    #[default]
    Escape,
    /// It stays as it is, for programs.
    Keep,
}

/// Writes rows as lines that end with CR LF.
pub(crate) struct CsvWriter {
    fields: Fields,
    formulas: Formulas,
    clock: Clock,
}

impl CsvWriter {
    pub(crate) fn new(fields: Fields, formulas: Formulas) -> Self {
        Self {
            fields,
            formulas,
            clock: Clock::default(),
        }
    }

    pub(crate) fn header(&self, out: &mut Vec<u8>) {
        let mut names: Vec<&str> = Field::ALL
            .iter()
            .filter(|(_, field)| self.fields.has(*field))
            .map(|(name, _)| *name)
            .collect();
        if self.fields.has(Field::Data) {
            names.push("data_base64");
        }
        out.extend_from_slice(names.join(",").as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    pub(crate) fn row(&mut self, out: &mut Vec<u8>, row: &EventRow<'_>) {
        let mut is_first = true;
        for (_, field) in Field::ALL {
            if !self.fields.has(field) {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            match field {
                Field::SpecVersion => out.extend_from_slice(b"1.0"),
                Field::Uid => write_uid(out, row.uid()),
                Field::Id => self.text(out, Some(row.id())),
                Field::Source => self.text(out, Some(row.source())),
                Field::Type => self.text(out, Some(row.kind())),
                Field::Time => self.clock.write(out, row.time()),
                Field::Subject => self.text(out, row.subject()),
                Field::DataContentType => self.text(out, row.content_type()),
                Field::DataSchema => self.text(out, row.schema()),
                Field::Extensions => self.text(out, row.extensions()),
                Field::TraceParent => self.text(out, row.trace_parent()),
                Field::RecordedTime => self.clock.write(out, row.recorded()),
                Field::KafkaPartition => write_number(out, i64::from(row.partition())),
                Field::KafkaOffset => write_number(out, row.offset()),
                Field::Data => match row.data() {
                    Payload::None => out.push(b','),
                    Payload::Json(text) | Payload::Text(text) => {
                        self.text(out, Some(text));
                        out.push(b',');
                    }
                    Payload::Bytes(bytes) => {
                        out.push(b',');
                        write_base64(out, bytes);
                    }
                },
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    fn text(&self, out: &mut Vec<u8>, text: Option<&[u8]>) {
        let Some(text) = text else { return };
        let is_formula = matches!(
            text.first(),
            Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n')
        );
        let prefix: &[u8] = if is_formula && self.formulas == Formulas::Escape {
            b"'"
        } else {
            b""
        };
        let is_plain = text
            .iter()
            .all(|b| !matches!(b, b'"' | b',' | b'\r' | b'\n'))
            // Some readers trim blanks that are not quoted.
            && !matches!(text.first(), Some(b' '))
            && !matches!(text.last(), Some(b' '));
        if is_plain && !text.is_empty() {
            out.extend_from_slice(prefix);
            out.extend_from_slice(text);
            return;
        }
        // An empty text is `""`, none at all is nothing.
        out.push(b'"');
        out.extend_from_slice(prefix);
        for part in text.split_inclusive(|b| *b == b'"') {
            out.extend_from_slice(part);
            if part.ends_with(b"\"") {
                out.push(b'"');
            }
        }
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str, formulas: Formulas) -> String {
        let mut out = Vec::new();
        CsvWriter::new(Fields::ALL, formulas).text(&mut out, Some(text.as_bytes()));
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_cell_is_quoted_when_it_must_be_and_never_a_formula() {
        for (text, safe, raw) in [
            ("plain", "plain", "plain"),
            ("", "\"\"", "\"\""),
            ("a,b", "\"a,b\"", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\"", "\"say \"\"hi\"\"\""),
            ("a\r\nb", "\"a\r\nb\"", "\"a\r\nb\""),
            (" blank", "\" blank\"", "\" blank\""),
            ("=1+1", "'=1+1", "=1+1"),
            ("+1", "'+1", "+1"),
            ("-1", "'-1", "-1"),
            ("@sum(a1)", "'@sum(a1)", "@sum(a1)"),
            ("\t=1", "'\t=1", "\t=1"),
            (
                "=HYPERLINK(\"x\",\"y\")",
                "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"",
                "\"=HYPERLINK(\"\"x\"\",\"\"y\"\")\"",
            ),
        ] {
            assert_eq!(cell(text, Formulas::Escape), safe);
            assert_eq!(cell(text, Formulas::Keep), raw);
        }
    }

    #[test]
    fn the_header_names_what_is_shown() {
        let mut out = Vec::new();
        CsvWriter::new(Fields::of([Field::Id, Field::Data]), Formulas::Keep).header(&mut out);
        assert_eq!(out, b"id,data,data_base64\r\n");
    }
}
