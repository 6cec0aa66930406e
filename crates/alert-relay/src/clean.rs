//! Text from strangers made harmless, once, before it is stored.
//!
//! Labels and annotations are written by whoever writes metrics, which is not always a friend. What comes out of here holds no
//! control characters, no characters that turn the direction of reading around, and no more bytes than it may: it can stand in a
//! mail's header, in a log and in a page. Escaping for HTML and JSON is left to the templates.

/// Longest subject; mail clients show about 80 characters of it.
pub(crate) const SUBJECT_BYTES: usize = 200;
/// Longest URL that becomes a link.
const URL_BYTES: usize = 2048;
/// Longest name of a label.
const NAME_BYTES: usize = 128;

/// One line: every blank or control character becomes one blank, and there are never two.
pub(crate) fn line(text: &str, max_bytes: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_bytes));
    let mut is_blank_due = false;
    for c in text.chars() {
        if is_invisible(c) {
            continue;
        }
        if c.is_control() || c.is_whitespace() {
            is_blank_due = !out.is_empty();
            continue;
        }
        if is_blank_due {
            out.push(' ');
            is_blank_due = false;
        }
        out.push(c);
        // Well past the end already: a value of a megabyte costs no more than one of the allowed length.
        if out.len() > max_bytes {
            break;
        }
    }
    cut(out, max_bytes)
}

/// Text of several lines: line ends and tabs stay.
pub(crate) fn text(text: &str, max_bytes: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_bytes));
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\t' => out.push('\t'),
            c if c.is_control() || is_invisible(c) => {}
            c => out.push(c),
        }
        if out.len() > max_bytes {
            break;
        }
    }
    let end = out.trim_end().len();
    out.truncate(end);
    cut(out, max_bytes)
}

/// The name of a label or annotation: what Prometheus allows, and what Grafana adds to it.
pub(crate) fn name(text: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '/' | '-');
    let chars = text.chars().take(NAME_BYTES);
    chars.map(|c| if keep(c) { c } else { '_' }).collect()
}

/// An address that a link may have: `http` or `https`, without anything that could end an attribute. Empty otherwise.
pub(crate) fn url(text: &str) -> String {
    let text = text.trim();
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let is_plain =
        |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\');
    if is_web && text.len() <= URL_BYTES && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        String::new()
    }
}

/// Encodes everything but letters, digits and `-._~`, for a query or a form.
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Cuts at a character's end and says so.
fn cut(mut text: String, max_bytes: usize) -> String {
    const MARK: &str = "\u{2026}";
    if text.len() <= max_bytes {
        return text;
    }
    let mut end = max_bytes.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str(MARK);
    text
}

/// Characters that show nothing and change how their neighbours are read: direction marks and overrides, zero-width blanks, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
        | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_no_line_end_and_turns_no_text_around() {
        assert_eq!(line("a\r\nBcc: x@y\tz  \u{85}w", 100), "a Bcc: x@y z w");
        assert_eq!(
            line("safe\u{202E}gpj.exe\u{2066}\u{200B}", 100),
            "safegpj.exe"
        );
        assert_eq!(line("\0\u{7f}a", 100), "a");
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_character_and_marked() {
        let cut = line(&"\u{e4}".repeat(600_000), 101);
        assert!(cut.len() <= 101 && cut.ends_with('\u{2026}'), "{cut}");
        assert_eq!(line("short", 5), "short");
    }

    #[test]
    fn text_keeps_its_lines() {
        assert_eq!(
            text("a\r\nb\rc\n\td\u{1b}[31m\n\n", 100),
            "a\nb\nc\n\td[31m"
        );
    }

    #[test]
    fn only_web_addresses_become_links() {
        for good in [
            "https://x/y?a=%22b%22#/c",
            "http://grafana:3000/d/1",
            "HTTPS://X",
        ] {
            assert_eq!(url(good), good);
        }
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//x",
            "/relative",
            "https://x\" onclick=\"y",
            "https://x y",
            "https://x/\u{202E}y",
            "javascript://x/%0aalert(1)",
            "",
        ] {
            assert_eq!(url(bad), "", "{bad}");
        }
        assert_eq!(url(&format!("https://x/{}", "a".repeat(3000))), "");
    }

    #[test]
    fn names_are_what_prometheus_allows() {
        assert_eq!(name("job\r\n<b>"), "job___b_");
        assert_eq!(percent("a b{}=\"\u{e4}\""), "a%20b%7B%7D%3D%22%C3%A4%22");
    }
}
