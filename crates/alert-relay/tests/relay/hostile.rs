//! Labels from people who mean harm.

use serde_json::json;

use crate::harness::{Relay, alert, webhook};
use crate::mailbox::Mailbox;

#[tokio::test]
async fn hostile_labels_reach_nobody_as_what_they_are() {
    let mailbox = Mailbox::start(&[]);
    let relay = Relay::start(&mailbox.settings()).await;
    let mut bad = alert(
        "Evil\r\nBcc: victim@example.com\r\n\r\nHello",
        "firing",
        &[("severity", "critical\nX-Evil: 1")],
    );
    bad["labels"]["html"] = json!("<script>alert(1)</script><img src=x onerror=alert(1)>");
    bad["labels"]["huge"] = json!("A".repeat(1 << 20));
    bad["labels"]["rtl"] = json!("invoice\u{202E}fdp.exe\u{2066}\u{200B}");
    bad["labels"]["nul\u{0}\r\nname"] = json!("\u{0}\u{7}\u{1b}[31m");
    bad["annotations"]["summary"] = json!("first\r\nSubject: second\u{2028}third");
    bad["annotations"]["description"] =
        json!("</td></table><a href=\"javascript:alert(1)\">click</a>\n.\r\nQUIT\r\n");
    bad["annotations"]["runbook_url"] = json!("javascript:alert(document.cookie)");
    bad["annotations"]["dashboard_url"] = json!("https://x.example.com/\" onmouseover=\"alert(1)");
    bad["fingerprint"] = json!("f\r\n".repeat(1000));
    relay
        .accept(&webhook("Evil", &[bad, alert("Good", "firing", &[])]))
        .await;
    let mails = mailbox.wait_for(2).await;
    let mail = mails
        .iter()
        .find(|mail| mail.subject.contains("Evil"))
        .expect("it arrives");
    assert!(
        mails.iter().any(|mail| mail.subject.contains("Good")),
        "and its neighbour, which is of another severity"
    );

    assert_eq!(mail.to, ["oncall@example.com"]);
    assert_eq!(mail.header("to"), ["oncall@example.com"]);
    assert!(mail.header("bcc").is_empty() && mail.header("x-evil").is_empty());
    assert_eq!(mail.header("subject").len(), 1);
    assert!(
        mail.subject.len() <= 200 && !mail.subject.contains(['\r', '\n', '\u{202E}']),
        "{}",
        mail.subject
    );
    for part in [
        "<script",
        "<img",
        "href=\"javascript",
        "onmouseover=\"",
        "</td></table><a",
    ] {
        assert!(
            !mail.html.replace("&quot;", "&quot").contains(part),
            "{part}"
        );
    }
    for text in [&mail.text, &mail.html] {
        assert!(
            !text.contains(['\u{202E}', '\u{2066}', '\u{200B}', '\0', '\u{1b}', '\u{7}']),
            "{text}"
        );
        assert!(text.contains("invoicefdp.exe"));
    }
    assert!(
        mail.bytes < 64 << 10,
        "a megabyte does not travel: {}",
        mail.bytes
    );
    assert!(mail.text.contains("QUIT"), "what looks like SMTP is text");
}
