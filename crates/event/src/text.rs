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

/// Whether every byte is a printable character of ASCII, as nearly all attributes are: eight at a time, and then neither UTF-8 nor control
/// characters have to be looked for.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else {
        let mut padded = [b' '; 8];
        padded[..bytes.len()].copy_from_slice(bytes);
        return not_plain(padded) == 0;
    };
    let (words, _) = bytes.as_chunks::<8>();
    words
        .iter()
        .fold(not_plain(*last), |bad, word| bad | not_plain(*word))
        == 0
}

/// Zero when every byte is from 0x20 to 0x7e. Of such bytes none carries into its neighbour, so the first that is none shows.
const fn not_plain(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    const EACH: u64 = 0x0101_0101_0101_0101;
    (word | word.wrapping_add(EACH) | word.wrapping_sub(EACH * 0x20)) & (EACH * 0x80)
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
    fn plain_is_what_is_printable_ascii_at_every_place_and_length() {
        for length in 0..40 {
            let plain: Vec<u8> = (0..length).map(|at| b' ' + (at * 7 % 95) as u8).collect();
            assert!(is_plain(&plain), "{plain:?}");
            for at in 0..length {
                for byte in (0..0x20).chain(0x7f..=0xff) {
                    let mut other = plain.clone();
                    other[at] = byte;
                    assert!(!is_plain(&other), "{other:?}");
                }
            }
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
