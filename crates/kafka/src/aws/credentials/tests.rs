use super::*;
use crate::aws::stub::{Behaviour, Stub};
use tempfile::TempDir;

const HOUR: Duration = Duration::from_secs(3600);

fn source_of(variables: Vec<(String, String)>) -> Source {
    let environment = Environment::from_iter(variables);
    Source::of(&environment, "eu-central-1").expect("a source")
}

async fn fetch(source: &Source) -> Result<Credentials, Trouble> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    source.fetch(&source.client()?).await
}

async fn trouble_of(behaviour: Behaviour) -> String {
    let folder = TempDir::new().expect("a folder");
    let stub = Stub::start(behaviour, None);
    let source = source_of(stub.pod_identity(&folder.path().join("proof")));
    let trouble = fetch(&source).await.err().expect("no credentials");
    trouble.to_string().replace(
        stub.url()
            .trim_start_matches("http://")
            .trim_end_matches("/v1/credentials"),
        "HERE",
    )
}

fn problem_of(variables: &[(&str, &str)]) -> String {
    let environment = Environment::from_iter(variables.iter().copied());
    let problem = Source::of(&environment, "eu-central-1").err();
    problem.expect("nobody to ask").to_string()
}

#[tokio::test]
async fn pod_identity_gives_credentials_to_who_shows_the_pods_token() {
    let folder = TempDir::new().expect("a folder");
    let stub = Stub::start(Behaviour::Give(HOUR), None);
    let proof = folder.path().join("proof");
    let source = source_of(stub.pod_identity(&proof));
    let credentials = fetch(&source).await.expect("given");
    assert_eq!(credentials.key_id, "ASIAFLUMEN000001");
    let secret = credentials.secret.expose_secret();
    assert!(secret.starts_with("secret/+of=ASIAFLUMEN000001@"));
    let token = credentials.session_token.expect("a session");
    assert_eq!(token.expose_secret(), "IQoJ/+session//ASIAFLUMEN000001==");
    let left = credentials.expires.expect("an end") - OffsetDateTime::now_utc();
    assert!(left > time::Duration::ZERO && left <= HOUR, "{left}");

    // The file is read anew each time: the kubelet replaces it.
    std::fs::write(&proof, "another pod's").expect("replaced");
    let trouble = fetch(&source).await.err().expect("refused").to_string();
    assert!(
        trouble.ends_with("refuses: 401 Unauthorized (InvalidTokenException)"),
        "{trouble}"
    );
    std::fs::remove_file(&proof).expect("gone");
    let trouble = fetch(&source).await.err().expect("unreadable").to_string();
    assert!(trouble.starts_with("cannot read /"), "{trouble}");
}

#[tokio::test]
async fn sts_gives_credentials_for_a_web_identity() {
    let folder = TempDir::new().expect("a folder");
    let stub = Stub::start(Behaviour::Give(HOUR), None);
    let source = source_of(stub.web_identity(&folder.path().join("proof")));
    let credentials = fetch(&source).await.expect("given");
    assert_eq!(credentials.key_id, "ASIAFLUMEN000001");
    assert!(credentials.expires.is_some());

    stub.behave(Behaviour::Say(
        403,
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>",
    ));
    let trouble = fetch(&source).await.err().expect("refused").to_string();
    assert!(
        trouble.starts_with("AWS STS at 127.0.0.1:")
            && trouble.ends_with("refuses: 403 Forbidden (AccessDenied)"),
        "{trouble}"
    );
    stub.behave(Behaviour::Say(200, "<html>a login page</html>"));
    let trouble = fetch(&source).await.err().expect("garbage").to_string();
    assert!(
        trouble.ends_with("answers, but not with credentials"),
        "{trouble}"
    );
}

#[tokio::test]
async fn says_what_is_wrong_and_shows_nothing_of_what_came() {
    assert_eq!(
        trouble_of(Behaviour::Say(
            403,
            r#"{"code":"AccessDeniedException","message":"no association"}"#
        ))
        .await,
        "the AWS credentials endpoint HERE refuses: 403 Forbidden (AccessDeniedException)"
    );
    assert_eq!(
        trouble_of(Behaviour::Say(500, r#"{"code":"secret=hunter2 and more"}"#)).await,
        "the AWS credentials endpoint HERE refuses: 500 Internal Server Error"
    );
    for garbage in [
        "hunter2",
        "{}",
        r#"{"AccessKeyId":"","SecretAccessKey":"hunter2","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#,
        r#"{"AccessKeyId":"A","SecretAccessKey":"hunter2","Token":"t","Expiration":"tomorrow"}"#,
    ] {
        assert_eq!(
            trouble_of(Behaviour::Say(200, garbage)).await,
            "the AWS credentials endpoint HERE answers, but not with credentials"
        );
    }
    assert_eq!(
        trouble_of(Behaviour::GiveEnded).await,
        "the AWS credentials endpoint HERE gives credentials that have ended already; is the clock right?"
    );
    let trouble = trouble_of(Behaviour::HangUp).await;
    assert!(
        trouble.starts_with("the AWS credentials endpoint HERE does not answer: "),
        "{trouble}"
    );
}

#[tokio::test]
async fn follows_nobody_elsewhere() {
    let trouble = trouble_of(Behaviour::Say(307, "")).await;
    assert_eq!(
        trouble,
        "the AWS credentials endpoint HERE refuses: 307 Temporary Redirect"
    );
}

#[test]
fn keys_of_the_environment_come_first_and_do_not_end() {
    let source = source_of(
        [
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", ""),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
    );
    let Source::Keys(credentials) = source else {
        panic!("not the keys");
    };
    assert_eq!(credentials.key_id, "AKIDEXAMPLE");
    assert!(credentials.session_token.is_none() && credentials.expires.is_none());
}

#[test]
fn an_environment_without_credentials_is_told_the_ways_out() {
    let problem = problem_of(&[("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")]);
    for way in [
        "security.authentication: ",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_SECRET_ACCESS_KEY",
    ] {
        assert!(problem.contains(way), "{problem}");
    }
    let problem = problem_of(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "not a url")]);
    assert!(problem.ends_with("is not a URL"), "{problem}");
}

#[test]
fn what_proves_the_pod_goes_to_no_address_outside_in_the_clear() {
    let full = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    assert!(problem_of(&[(full, "http://10.0.0.7/v1")]).contains("must be https"));
    assert!(problem_of(&[(full, "http://169.254.169.254/v1")]).contains("must be https"));
    for good in [
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/v1/credentials",
        "http://localhost:8080/",
        "https://credentials.example/",
    ] {
        let environment = Environment::from_iter([(full, good)]);
        assert!(Source::of(&environment, "eu-central-1").is_ok(), "{good}");
    }
    let environment = Environment::from_iter([("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")]);
    let source = Source::of(&environment, "eu-central-1").expect("ECS");
    assert_eq!(source.who(), "the AWS credentials endpoint 169.254.170.2");
}

#[test]
fn sts_is_the_one_of_the_region() {
    let environment = Environment::from_iter([
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
        ("AWS_ROLE_ARN", "arn"),
    ]);
    for (region, host) in [
        ("eu-central-1", "sts.eu-central-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
    ] {
        let source = Source::of(&environment, region).expect("STS");
        assert_eq!(source.who(), format!("AWS STS at {host}"));
    }
}
