use super::*;

fn layers() -> Layers {
    Layers {
        env: Vec::new(),
        ..Layers::new("alert-relay", DEFAULT_TOML)
    }
}

#[test]
fn the_embedded_reference_is_a_valid_configuration_with_the_documented_defaults() {
    let config = Config::load(layers()).expect("valid").config;
    assert_eq!(
        (config.listen.address.port(), config.admin.address.port()),
        (8083, 9083)
    );
    assert_eq!(config.outbox.max_bytes, ByteSize(64 << 20));
    assert_eq!(config.outbox.dedup_window, Duration::from_secs(3 * 3600));
    assert_eq!(
        (config.rate.mails, config.rate.digest_every),
        (10, Duration::from_secs(300))
    );
    assert_eq!(
        (config.retry.max_attempts, config.retry.max_age),
        (200, Duration::from_secs(86_400))
    );
}

#[test]
fn a_fault_across_fields_names_its_key_and_its_origin() {
    for (key, value) in [
        ("body.max_in_flight_bytes", "1MiB"),
        ("alerts.max_value_bytes", "1B"),
        ("outbox.max_bytes", "1kB"),
        ("grouping.max_alerts", "0"),
        ("rate.mails", "0"),
        ("mail.from", "nobody"),
        ("mail.to", "[]"),
        ("mail.alertmanager_url", "javascript:x"),
        ("api.method", "GET"),
        ("smtp.timeout", "0s"),
    ] {
        let text = Config::load(layers().set(key, value))
            .expect_err(key)
            .to_string();
        assert!(
            text.contains(&format!("`{key}`")) && text.contains("--set"),
            "{text}"
        );
    }
    assert!(
        Config::load(layers().set("mail.transport", "api")).is_err(),
        "an API needs its address"
    );
}

#[test]
fn routes_and_quiet_hours_are_checked_when_they_are_loaded() {
    let with = |text: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, text).expect("written");
        Config::load(Layers {
            file: Some(file),
            ..layers()
        })
        .map(drop)
        .map_err(|error| error.to_string())
    };
    let route = |more: &str| {
        format!(
            "[[routes]]\nname = \"db\"\nmatchers = ['team=\"db\"']\nto = [\"d@example.com\"]\n{more}"
        )
    };
    assert_eq!(with(&route("")), Ok(()));
    let twice = with(&format!("{}{}", route(""), route(""))).expect_err("the same name");
    assert!(twice.contains("taken"), "{twice}");
    let wrong = with(&route("").replace("team=", "team")).expect_err("no operator");
    assert!(wrong.contains("matcher"), "{wrong}");
    let quiet = |zone: &str| {
        format!(
            "[[quiet_hours]]\nseverities = [\"info\"]\nfrom = \"20:00\"\nto = \"07:00\"\ntime_zone = \"{zone}\"\n"
        )
    };
    assert_eq!(with(&quiet("Europe/Berlin")), Ok(()));
    let zone = with(&quiet("Europe/Atlantis")).expect_err("no such place");
    assert!(zone.contains("Atlantis"), "{zone}");
}
