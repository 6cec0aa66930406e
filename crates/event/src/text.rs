//! Rules for the text of attributes.

/// Whether `text` holds a character that no attribute may hold: U+0000 to U+001F and U+007F to U+009F.
pub(crate) fn has_control(text: &str) -> bool {
    let bytes = text.as_bytes();
    // ASCII decides nearly always; the C1 controls are C2 80 to C2 9F in UTF-8.
    bytes
        .iter()
        .any(|&byte| byte < 0x20 || byte == 0x7f || byte == 0xc2)
        && text.chars().any(char::is_control)
}

/// Whether `name` may name an extension: lower-case letters and digits, 1 to 64 of them.
pub(crate) fn is_extension_name(name: &str) -> bool {
    (1..=crate::limits::EXTENSION_NAME_BYTES).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Whether `text` is a `traceparent` of the W3C's Trace Context, version 00 or a later one that starts like it.
#[must_use]
pub fn is_traceparent(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hex = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|part| {
            part.iter()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
        })
    };
    let zero = |range: std::ops::Range<usize>| bytes[range].iter().all(|byte| *byte == b'0');
    let version_00 = bytes.starts_with(b"00");
    (bytes.len() == 55 || (!version_00 && (56..=255).contains(&bytes.len()) && bytes[55] == b'-'))
        && bytes[2] == b'-'
        && bytes[35] == b'-'
        && bytes[52] == b'-'
        && hex(0..2)
        && !bytes.starts_with(b"ff")
        && hex(3..35)
        && !zero(3..35)
        && hex(36..52)
        && !zero(36..52)
        && hex(53..55)
        && bytes.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_found_and_letters_are_not() {
        for text in ["\0", "a\nb", "\u{7f}", "\u{80}", "\u{9f}"] {
            assert!(has_control(text), "{text:?}");
        }
        for text in ["", "plain", "\u{a0}", "\u{c2}\u{e9}", "\u{1f600}"] {
            assert!(!has_control(text), "{text:?}");
        }
    }

    #[test]
    fn traceparents_are_told_from_noise() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good));
        assert!(is_traceparent(&good.replacen("00", "01", 1)));
        assert!(is_traceparent(&format!("cc{}-more", &good[2..])));
        for bad in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}
