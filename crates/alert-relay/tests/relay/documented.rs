//! What is documented is what there is.

use crate::harness::{Relay, root};

#[tokio::test]
async fn every_metric_is_in_the_documentation_and_nothing_else_is() {
    let relay = Relay::start("").await;
    let response = relay
        .client
        .get(format!("http://{}/metrics", relay.admin))
        .send()
        .await
        .expect("an answer");
    let text = response.text().await.expect("a body");
    let page = std::fs::read_to_string(root().join("docs/alert-relay.md")).expect("the page");
    let mut known = Vec::new();
    for line in text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE flumen_relay_"))
    {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        let total = if kind == "counter" { "_total" } else { "" };
        known.push(format!("`flumen_relay_{name}{total}`"));
    }
    assert!(known.len() > 15, "{known:?}");
    for name in &known {
        assert!(
            page.contains(name.as_str()),
            "{name} is not in docs/alert-relay.md"
        );
    }
    for name in page
        .split('`')
        .filter(|part| part.starts_with("flumen_relay_"))
    {
        let quoted = format!("`{}`", name.split('{').next().unwrap_or(name));
        assert!(
            known.contains(&quoted),
            "docs/alert-relay.md names {name}, which is no metric"
        );
    }
}
