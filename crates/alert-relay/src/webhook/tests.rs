//! Real webhooks, and those that nobody should send.

use service::config::ByteSize;

use super::*;
use crate::alert::{Alert, Status};
use crate::config::Alerts;

const ALERTMANAGER: &str = r##"{"receiver":"relay","status":"firing","alerts":[
 {"status":"firing","labels":{"alertname":"WriterStuck","severity":"Critical","job":"writer"},
  "annotations":{"summary":"Nothing stored for 5 minutes","description":"Lag grows.","runbook_url":"https://docs.example/WriterStuck","owner":"core"},
  "startsAt":"2026-11-21T10:00:00.123Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus:9090/graph?g0.expr=up","fingerprint":"c6eadffa33fcdf37"},
 {"status":"resolved","labels":{"alertname":"WriterStuck","severity":"critical","job":"other"},"annotations":{},
  "startsAt":"2026-11-21T10:00:00Z","endsAt":"2026-11-21T10:10:00Z","generatorURL":"","fingerprint":"bc97ff14869b13e3"}],
 "groupLabels":{"alertname":"WriterStuck"},"commonLabels":{"alertname":"WriterStuck"},"commonAnnotations":{},
 "externalURL":"http://alertmanager:9093","version":"4","groupKey":"{}:{alertname=\"WriterStuck\"}","truncatedAlerts":0}"##;

const GRAFANA: &str = r#"{"receiver":"relay","status":"firing","orgId":1,"alerts":[{"status":"firing",
 "labels":{"alertname":"High CPU","team":"blue"},"annotations":{"summary":"busy"},"startsAt":"2021-10-12T09:56:03.157076+02:00",
 "endsAt":"0001-01-01T00:00:00Z","generatorURL":"https://play.grafana.org/alerting/1/edit","fingerprint":"bc97ff14869b13e3",
 "silenceURL":"https://play.grafana.org/alerting/silence/new?alertmanager=grafana","dashboardURL":"https://play.grafana.org/d/1","panelURL":"",
 "values":{"B":44.23,"C":1}}],"groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"https://play.grafana.org/",
 "version":"1","groupKey":"{}:{}","truncatedAlerts":0,"title":"x","state":"alerting","message":"y"}"#;

fn limits() -> Alerts {
    Alerts {
        max_value_bytes: ByteSize(1024),
        max_labels: 64,
    }
}

fn read(source: Source, body: &str) -> Vec<Alert> {
    let webhook = Webhook::parse(source, body.as_bytes()).expect("a webhook");
    let limits = limits();
    let reader = AlertReader::new(source, &webhook, "", &limits);
    webhook.alerts.iter().map(|raw| reader.read(raw)).collect()
}

#[test]
fn a_webhook_of_alertmanager_becomes_its_alerts() {
    let alerts = read(Source::Alertmanager, ALERTMANAGER);
    let first = &alerts[0];
    assert_eq!(
        (first.status, first.name.as_str(), first.severity.as_str()),
        (Status::Firing, "WriterStuck", "critical")
    );
    assert_eq!(first.summary, "Nothing stored for 5 minutes");
    assert_eq!(first.links.runbook, "https://docs.example/WriterStuck");
    assert_eq!(first.annotations.keys().collect::<Vec<_>>(), ["owner"]);
    assert!(
        first.links.silence.starts_with(
            "http://alertmanager:9093/#/silences/new?filter=%7Balertname%3D%22WriterStuck%22%2C"
        ),
        "{first:?}"
    );
    assert_eq!(
        (first.starts_at.as_str(), first.ends_at.as_str()),
        ("2026-11-21T10:00:00.123Z", "")
    );
    assert_eq!(
        (alerts[1].status, alerts[1].ends_at.as_str()),
        (Status::Resolved, "2026-11-21T10:10:00Z")
    );
    assert_ne!(first.identity("r"), first.identity("s"));
}

#[test]
fn a_webhook_of_grafana_becomes_its_alerts() {
    let alert = read(Source::Grafana, GRAFANA).remove(0);
    assert_eq!(alert.links.dashboard, "https://play.grafana.org/d/1");
    assert_eq!(
        alert.links.silence,
        "https://play.grafana.org/alerting/silence/new?alertmanager=grafana"
    );
    assert_eq!(alert.values.get("B").map(String::as_str), Some("44.23"));
    assert_eq!(alert.starts_at, "2021-10-12T09:56:03.157076+02:00");
}

#[test]
fn one_alert_that_cannot_be_read_does_not_sink_its_neighbours() {
    let body = r#"{"version":"4","alerts":[7,{"status":[]},{"labels":{"alertname":"Good","n":1,"b":true,"z":null}}]}"#;
    let alerts = read(Source::Alertmanager, body);
    assert_eq!(
        alerts
            .iter()
            .map(|alert| alert.name.as_str())
            .collect::<Vec<_>>(),
        ["UnreadableAlert", "UnreadableAlert", "Good"]
    );
    assert_ne!(alerts[0].fingerprint, alerts[1].fingerprint);
    assert_eq!(alerts[2].labels["n"], "1");
}

#[test]
fn what_is_no_webhook_is_refused_with_the_reason() {
    let refused = |source, body: &str| {
        Webhook::parse(source, body.as_bytes())
            .expect_err(body)
            .to_string()
    };
    assert!(refused(Source::Alertmanager, "{").contains("not JSON"));
    assert!(refused(Source::Alertmanager, "[]").contains("not a webhook"));
    assert!(refused(Source::Alertmanager, "{}").contains("alerts"));
    assert!(refused(Source::Alertmanager, GRAFANA).contains("version is `1`"));
    assert!(refused(Source::Grafana, ALERTMANAGER).contains("version is `4`"));
}

#[test]
fn a_hostile_alert_is_harmless_and_small() {
    let huge = "x".repeat(1 << 20);
    let body = format!(
        r#"{{"version":"4","externalURL":"javascript:alert(1)","alerts":[{{"status":"firing","labels":{{"alertname":"a\r\nBcc: evil@example.com","severity":"\u202Ecritical\u0000","big":"{huge}"}},
        "annotations":{{"runbook_url":"javascript:alert(1)","dashboard":"https://x\" onload=\"y","description":"{huge}"}},"fingerprint":"{huge}","startsAt":"{huge}"}}]}}"#
    );
    let alert = read(Source::Alertmanager, &body).remove(0);
    assert_eq!(
        (alert.name.as_str(), alert.severity.as_str()),
        ("a Bcc: evil@example.com", "critical")
    );
    assert_eq!(alert.links, crate::alert::Links::default());
    assert!(serde_json::to_vec(&alert).expect("JSON").len() < 8 << 10);
}
