//! Mails as they are read, and templates that fail.

use prometheus_client::registry::Registry;
use service::config::Layers;

use super::*;
use crate::alert::{Links, Status};
use crate::config::DEFAULT_TOML;
use crate::outbox::Count;

fn renderer(settings: &[(&str, &str)]) -> Result<Renderer, TemplateError> {
    let layers = Layers {
        env: Vec::new(),
        ..Layers::new("alert-relay", DEFAULT_TOML)
    };
    let layers = settings
        .iter()
        .fold(layers, |layers, (key, value)| layers.set(key, *value));
    Renderer::load(&Config::load(layers).expect("valid").config)
}

fn rendered(mail: &Mail) -> Rendered {
    renderer(&[])
        .expect("built in")
        .mail(mail, &metrics())
        .expect("rendered")
}

fn metrics() -> Metrics {
    Metrics::register(&mut Registry::default())
}

fn mail() -> Mail {
    let mut mail = example(&["a@example.com".to_owned()], 1_795_255_200_000);
    let alert = &mut mail.alerts[0];
    alert.name = "WriterStuck".to_owned();
    alert.severity = "critical".to_owned();
    alert.summary = "Nothing stored for 5 minutes".to_owned();
    alert.links = Links {
        runbook: "https://docs.example.com/WriterStuck".to_owned(),
        dashboard: "https://grafana.example.com/d/writer".to_owned(),
        silence: "https://alerts.example.com/#/silences/new?filter=%7B%7D".to_owned(),
        source: String::new(),
    };
    mail
}

#[test]
fn the_subject_says_status_severity_name_and_summary() {
    let mut mail = mail();
    assert_eq!(
        rendered(&mail).subject,
        "[FIRING] critical: WriterStuck - Nothing stored for 5 minutes"
    );
    mail.firing = 3;
    assert_eq!(
        rendered(&mail).subject,
        "[FIRING 3] critical: WriterStuck - Nothing stored for 5 minutes"
    );
    mail.resolved = 2;
    assert_eq!(
        rendered(&mail).subject,
        "[FIRING 3, RESOLVED 2] critical: WriterStuck - Nothing stored for 5 minutes"
    );
    (mail.firing, mail.resolved, mail.alerts[0].status) = (0, 1, Status::Resolved);
    assert_eq!(
        rendered(&mail).subject,
        "[RESOLVED] critical: WriterStuck - Nothing stored for 5 minutes"
    );
}

#[test]
fn both_bodies_hold_the_links_and_the_labels() {
    let mail = rendered(&mail());
    for body in [&mail.text, &mail.html.replace("&#x2f;", "/")] {
        for part in [
            "https://docs.example.com/WriterStuck",
            "https://grafana.example.com/d/writer",
            "silences/new?filter=%7B%7D",
            "service",
            "alert-relay",
        ] {
            assert!(body.contains(part), "{part} in {body}");
        }
    }
    assert!(
        mail.text
            .contains("FIRING critical: WriterStuck\nNothing stored for 5 minutes\n\n"),
        "{}",
        mail.text
    );
    assert!(
        mail.text.contains("  service = alert-relay\n"),
        "{}",
        mail.text
    );
    assert!(mail.is_urgent);
}

#[test]
fn what_is_not_shown_is_counted() {
    let mut mail = mail();
    mail.firing = 38;
    mail.more = vec![Count {
        name: "WriterStuck".to_owned(),
        severity: "critical".to_owned(),
        status: Status::Firing,
        count: 37,
    }];
    let mail = rendered(&mail);
    assert!(
        mail.text
            .contains("and 37 more:\n  37 x firing critical: WriterStuck\n"),
        "{}",
        mail.text
    );
    assert!(mail.html.contains("and 37 more"), "{}", mail.html);
}

#[test]
fn a_digest_says_that_it_is_one() {
    let mut mail = mail();
    (mail.lane, mail.firing) = (None, 9_975);
    let mail = rendered(&mail);
    assert_eq!(
        mail.subject,
        "[FIRING 9975] critical: Flumen: 9975 alerts, first WriterStuck"
    );
    assert!(
        mail.text.starts_with("9975 alerts at once"),
        "{}",
        mail.text
    );
}

#[test]
fn labels_cannot_become_markup() {
    let mut mail = mail();
    let alert = &mut mail.alerts[0];
    alert.name = "<script>alert(1)</script>".to_owned();
    alert
        .labels
        .insert("x".to_owned(), "\"><img src=x onerror=y>".to_owned());
    let html = rendered(&mail).html;
    assert!(
        !html.contains("<script") && !html.contains("<img"),
        "{html}"
    );
}

#[test]
fn the_body_for_an_api_is_json_whatever_the_alert_says() {
    let mut mail = mail();
    mail.alerts[0].summary = "quote \" backslash \\ brace }} {{ tag </x> \u{2028}".to_owned();
    let renderer = renderer(&[
        ("mail.transport", "api"),
        ("api.url", "https://mail.example.com/"),
    ])
    .expect("built in");
    let body = renderer.mail(&mail, &metrics()).expect("rendered").api_body;
    let json: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert!(
        json["subject"]
            .as_str()
            .expect("text")
            .contains("quote \" backslash \\ brace }} {{ tag </x>"),
        "{json}"
    );
    assert_eq!(json["to"][0], "a@example.com");
}

#[test]
fn a_template_of_the_operator_takes_the_place_of_the_built_in_one() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join(SUBJECT),
        "{{ alerts[0].labels.service }}\r\nBcc: x@example.com",
    )
    .expect("written");
    let path = folder.path().display().to_string();
    let renderer = renderer(&[("mail.templates", &path)]).expect("good");
    let mail = renderer.mail(&mail(), &metrics()).expect("rendered");
    assert_eq!(
        mail.subject, "alert-relay Bcc: x@example.com",
        "no template can break a header"
    );
    assert!(mail.text.contains("WriterStuck"));
}

#[test]
fn a_template_that_is_wrong_is_refused_when_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    for (name, text) in [
        (TEXT, "{% for %}"),
        (HTML, "{{ name|nonsense }}"),
        (API, "{\"a\": {{ subject }}"),
        (
            TEXT,
            "{% for i in range(10000) %}{% for j in range(10000) %}{% for k in range(10000) %}{{ k }}{% endfor %}{% endfor %}{% endfor %}",
        ),
    ] {
        std::fs::write(folder.path().join(name), text).expect("written");
        let error = renderer(&[("mail.templates", &path)])
            .expect_err(text)
            .to_string();
        assert!(error.contains(name), "{error}");
        std::fs::remove_file(folder.path().join(name)).expect("removed");
    }
    assert!(renderer(&[("mail.templates", "/nowhere")]).is_err());
}

#[test]
fn a_template_that_fails_on_one_mail_does_not_hold_it_up() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join(TEXT),
        "{% if alertname == 'WriterStuck' %}{{ 1 / 0 }}{{ name|int }}{% endif %}",
    )
    .expect("written");
    let path = folder.path().display().to_string();
    let renderer = renderer(&[("mail.templates", &path)]).expect("good on the example");
    let metrics = metrics();
    let mail = renderer.mail(&mail(), &metrics).expect("rendered");
    assert!(mail.text.contains("Nothing stored for 5 minutes"));
    assert_eq!(metrics.template_failures.get(), 1);
}
