//! What wins, what is refused and what an error says.

use std::io::Write;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::*;

const DEFAULT: &str = r#"
[listen]
address = "127.0.0.1:8080"

[kafka]
brokers = ["localhost:9092"]
linger = "10ms"
compress = true

[database]
url = "postgres://flumen@localhost/flumen"
pool_size = 4
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    listen: Listen,
    kafka: Kafka,
    database: Database,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kafka {
    brokers: Vec<String>,
    #[serde(with = "units::duration")]
    linger: Duration,
    compress: bool,
    password: Option<SecretString>,
    max_batch: Option<ByteSize>,
    #[serde(default)]
    properties: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Database {
    url: String,
    pool_size: u32,
    max_lag: Option<u64>,
}

fn layers() -> Layers {
    Layers {
        env: Vec::new(),
        ..Layers::new("test-api", DEFAULT)
    }
}

fn with_env(pairs: &[(&str, &str)]) -> Layers {
    let env = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Layers { env, ..layers() }
}

fn with_file(text: &str) -> (tempfile::NamedTempFile, Layers) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes())
        .expect("the file takes the text");
    let path = file.path().to_owned();
    (
        file,
        Layers {
            file: Some(path),
            ..layers()
        },
    )
}

fn error(layers: Layers) -> String {
    load::<Config>(layers)
        .expect_err("this configuration is wrong")
        .to_string()
}

#[test]
fn the_embedded_file_alone_is_a_configuration() {
    let loaded = load::<Config>(layers()).expect("the default is valid");
    assert_eq!(loaded.config.kafka.linger, Duration::from_millis(10));
    assert_eq!(loaded.config.listen.address.port(), 8080);
    assert_eq!(loaded.origin("kafka.linger"), "built-in default");
}

#[test]
fn each_layer_wins_over_the_one_before_it() {
    let (file, layers) =
        with_file("[database]\npool_size = 5\nmax_lag = 1\n[kafka]\nlinger = \"20ms\"\n");
    let env = vec![
        (
            "FLUMEN_TEST_API__DATABASE__POOL_SIZE".to_owned(),
            "6".to_owned(),
        ),
        (
            "FLUMEN_TEST_API__DATABASE__MAX_LAG".to_owned(),
            "2".to_owned(),
        ),
    ];
    let layers = Layers { env, ..layers }.set("database.pool_size", "7");
    let loaded = load::<Config>(layers).expect("valid");
    let database = &loaded.config.database;
    assert_eq!((database.pool_size, database.max_lag), (7, Some(2)));
    assert_eq!(loaded.config.kafka.linger, Duration::from_millis(20));
    assert_eq!(
        loaded.origin("database.pool_size"),
        "flag --set database.pool_size=.."
    );
    assert_eq!(
        loaded.origin("database.max_lag"),
        "environment variable FLUMEN_TEST_API__DATABASE__MAX_LAG"
    );
    assert!(
        loaded
            .origin("kafka.linger")
            .contains(&file.path().display().to_string())
    );
}

#[test]
fn a_password_of_digits_in_the_environment_stays_as_it_was_written() {
    for password in ["0123456", "1e5", "true", "[1,2]", " padded ", "0x10"] {
        let loaded = load::<Config>(with_env(&[("FLUMEN_TEST_API__KAFKA__PASSWORD", password)]))
            .expect("valid");
        let found = loaded.config.kafka.password.expect("given");
        assert_eq!(found.expose_secret(), password);
    }
}

#[test]
fn text_becomes_what_its_place_asks_for() {
    let loaded = load::<Config>(
        with_env(&[
            ("FLUMEN_TEST_API__KAFKA__BROKERS", "a:1, b:2"),
            ("FLUMEN_TEST_API__KAFKA__COMPRESS", "false"),
            ("FLUMEN_TEST_API__DATABASE__POOL_SIZE", "12"),
            ("FLUMEN_TEST_API__KAFKA__MAX_BATCH", "8MiB"),
        ])
        .set("kafka.properties.\"linger.ms\"", "5"),
    )
    .expect("valid");
    let kafka = loaded.config.kafka;
    assert_eq!(kafka.brokers, ["a:1", "b:2"]);
    assert!(!kafka.compress);
    assert_eq!(kafka.max_batch, Some(ByteSize(8 << 20)));
    assert_eq!(
        kafka.properties.get("linger.ms").map(String::as_str),
        Some("5")
    );
    assert_eq!(loaded.config.database.pool_size, 12);
}

#[test]
fn what_kubernetes_injects_for_a_service_of_the_same_name_is_ignored() {
    let layers = with_env(&[
        ("FLUMEN_TEST_API_PORT", "tcp://10.0.0.1:8080"),
        ("FLUMEN_TEST_API_SERVICE_HOST", "10.0.0.1"),
        ("TEST_API_PORT", "tcp://10.0.0.1:8080"),
    ]);
    assert!(load::<Config>(layers).is_ok());
}

#[test]
fn an_unknown_key_is_refused_with_its_origin_and_the_key_that_was_meant() {
    let text = error(with_env(&[("FLUMEN_TEST_API__KAFKA__BROKER", "a:1")]));
    assert!(text.contains("`kafka.broker`"), "{text}");
    assert!(text.contains("FLUMEN_TEST_API__KAFKA__BROKER"), "{text}");
    assert!(text.contains("did you mean `brokers`"), "{text}");

    let (file, layers) = with_file("[kafak]\nlinger = \"1s\"\n");
    let text = error(layers);
    assert!(
        text.contains("`kafak`") && text.contains("did you mean `kafka`"),
        "{text}"
    );
    assert!(text.contains(&file.path().display().to_string()), "{text}");

    let text = error(layers_with_flag("database.color", "red"));
    assert!(
        text.contains("flag --set database.color") && text.contains("known here: `url`"),
        "{text}"
    );
}

fn layers_with_flag(key: &str, value: &str) -> Layers {
    layers().set(key, value)
}

#[test]
fn a_wrong_value_names_key_origin_and_what_would_be_right() {
    let text = error(with_env(&[(
        "FLUMEN_TEST_API__DATABASE__POOL_SIZE",
        "many",
    )]));
    assert!(
        text.contains("`database.pool_size`") && text.contains("a whole number"),
        "{text}"
    );
    assert!(
        text.contains("FLUMEN_TEST_API__DATABASE__POOL_SIZE"),
        "{text}"
    );

    let text = error(layers_with_flag("kafka.linger", "10"));
    assert!(
        text.contains("flag --set kafka.linger") && text.contains("such as \"10s\""),
        "{text}"
    );

    let (_file, layers) = with_file("[kafka]\npassword = 12345\n");
    let text = error(layers);
    assert!(
        text.contains("kafka.password") && !text.contains("12345"),
        "{text}"
    );
}

#[test]
fn a_missing_key_tells_how_to_set_it() {
    let text = error(Layers {
        default_toml: "[kafka]\n",
        ..layers()
    });
    assert!(
        text.contains("it has no value") && text.contains("--set"),
        "{text}"
    );
}

#[test]
fn a_broken_file_is_told_by_line() {
    let (_file, layers) = with_file("[kafka\n");
    let text = error(layers);
    assert!(
        text.contains("not valid TOML") && text.contains("line 1"),
        "{text}"
    );
    let text = error(Layers {
        file: Some("/nowhere/flumen.toml".into()),
        ..super::tests::layers()
    });
    assert!(text.contains("/nowhere/flumen.toml"), "{text}");
}

#[test]
fn a_flag_or_variable_that_names_no_key_is_refused() {
    assert!(error(layers_with_flag("kafka..linger", "1s")).contains("does not name a key"));
    assert!(
        error(with_env(&[("FLUMEN_TEST_API__KAFKA____LINGER", "1s")]))
            .contains("does not name a key")
    );
}

#[test]
fn the_shown_tree_holds_no_secret() {
    let loaded = load::<Config>(layers().set("kafka.password", "hunter2").set(
        "database.url",
        "postgres://flumen:hun@ter2@db:5432/flumen?sslmode=require",
    ))
    .expect("valid");
    assert_eq!(
        loaded.config.database.url,
        "postgres://flumen:hun@ter2@db:5432/flumen?sslmode=require"
    );
    let shown = loaded.redacted.to_string();
    assert!(!shown.contains("ter2"), "{shown}");
    assert!(
        shown.contains("postgres://flumen:********@db:5432/flumen?sslmode=require"),
        "{shown}"
    );
    assert_eq!(loaded.redacted["kafka"]["password"], MASK);
}

#[test]
fn passwords_in_connection_strings_are_masked_and_the_rest_is_not() {
    let cases = [
        (
            "host=db password=abc user=x",
            "host=db password=******** user=x",
        ),
        (
            "host=db password='a b c' user=x",
            "host=db password=******** user=x",
        ),
        (
            "postgres:///db?password=abc&x=1",
            "postgres:///db?password=********&x=1",
        ),
        ("http://collector:4318/a@b", "http://collector:4318/a@b"),
        ("a://u:p@h b://v:q@i", "a://u:********@h b://v:********@i"),
    ];
    for (text, expected) in cases {
        assert_eq!(redact_text(text), expected);
    }
    assert!(is_secret_key("cursor_secret") && is_secret_key("sasl_password"));
    assert!(!is_secret_key("password_file") && !is_secret_key("key") && !is_secret_key("keys"));
}
