use super::*;
use crate::aws::stub::{Behaviour, Stub};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tempfile::TempDir;

const HOUR: Duration = Duration::from_secs(3600);

/// A keeper that asks a stub.
struct Kept {
    keeper: Arc<Keeper>,
    stub: Stub,
    _folder: TempDir,
}

fn kept(behaviour: Behaviour) -> Kept {
    let folder = TempDir::new().expect("a folder");
    let stub = Stub::start(behaviour, None);
    let environment = Environment::from_iter(stub.pod_identity(&folder.path().join("proof")));
    let keeper = Keeper::start(&environment, "eu-central-1".to_owned()).expect("a source");
    Kept {
        keeper,
        stub,
        _folder: folder,
    }
}

/// The id of the key that a token was signed with.
fn key_id(token: &Token) -> String {
    let url = URL_SAFE_NO_PAD.decode(&token.text).expect("base64");
    let url = String::from_utf8(url).expect("text");
    let (_, rest) = url.split_once("X-Amz-Credential=").expect("a credential");
    rest.split_once("%2F").expect("a scope").0.to_owned()
}

fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn many_tokens_cost_one_question() {
    let kept = kept(Behaviour::Give(HOUR));
    eventually(|| kept.keeper.token().ok());
    for _ in 0..100 {
        let token = kept.keeper.token().expect("at hand");
        assert_eq!(key_id(&token), "ASIAFLUMEN000001");
    }
    assert_eq!(kept.stub.requests(), 1);
}

#[test]
fn new_credentials_are_there_before_the_old_ones_end() {
    let kept = kept(Behaviour::Give(Duration::from_secs(20)));
    let first = eventually(|| kept.keeper.token().ok());
    assert_eq!(key_id(&first), "ASIAFLUMEN000001");
    let left = first.rely_until - OffsetDateTime::now_utc();
    assert!(left <= Duration::from_secs(20), "relied on for {left}");
    // Asked by nobody but the keeper itself.
    eventually(|| (kept.stub.given().len() > 1).then_some(()));
    let second = eventually(|| {
        kept.keeper
            .token()
            .ok()
            .filter(|token| key_id(token) != key_id(&first))
    });
    assert!(second.rely_until > first.rely_until);
}

#[test]
fn an_endpoint_that_is_away_is_asked_again_until_it_answers() {
    let kept = kept(Behaviour::HangUp);
    let problem = eventually(|| {
        kept.keeper
            .token()
            .err()
            .filter(|problem| problem.contains("does not answer"))
    });
    assert!(
        problem.starts_with("no AWS credentials: the AWS credentials endpoint 127.0.0.1:"),
        "{problem}"
    );
    kept.stub.behave(Behaviour::Say(403, ""));
    eventually(|| {
        kept.keeper
            .token()
            .err()
            .filter(|problem| problem.ends_with("refuses: 403 Forbidden"))
    });
    kept.stub.behave(Behaviour::GiveEnded);
    eventually(|| {
        kept.keeper
            .token()
            .err()
            .filter(|problem| problem.contains("have ended already"))
    });
    kept.stub.behave(Behaviour::Give(HOUR));
    eventually(|| kept.keeper.token().ok());
}

#[test]
fn nobody_waits_long_for_an_endpoint_that_hangs() {
    let kept = kept(Behaviour::Hang);
    eventually(|| (kept.stub.requests() > 0).then_some(()));
    // Returns while the question is still open, which it is for half a minute; how soon is the machine's affair.
    let problem = kept.keeper.token().err().expect("nothing to sign with");
    assert!(
        problem.contains("has not answered yet") || problem.contains("does not answer"),
        "{problem}"
    );
    assert!(kept.keeper.shared.started.elapsed() >= FIRST_ANSWER);
}

#[test]
fn credentials_at_hand_serve_while_their_endpoint_is_away() {
    let kept = kept(Behaviour::Give(Duration::from_secs(10)));
    eventually(|| kept.keeper.token().ok());
    kept.stub.behave(Behaviour::HangUp);
    let asked = kept.stub.requests();
    eventually(|| (kept.stub.requests() > asked).then_some(()));
    // Until they end; then the reason is told.
    eventually(|| {
        kept.keeper
            .token()
            .err()
            .filter(|problem| problem.contains("does not answer"))
    });
    kept.stub.behave(Behaviour::Give(HOUR));
    eventually(|| kept.keeper.token().ok());
}

#[test]
fn the_thread_ends_with_its_client() {
    let kept = kept(Behaviour::Give(Duration::from_secs(4)));
    eventually(|| kept.keeper.token().ok());
    let shared = Arc::downgrade(&kept.keeper.shared);
    drop(kept.keeper);
    eventually(|| shared.upgrade().is_none().then_some(()));
}

#[test]
fn half_a_life_or_a_tokens_length_ahead() {
    let next = |seconds| {
        until_next(OffsetDateTime::now_utc() + Duration::from_secs(seconds)).as_secs_f64()
    };
    // Six hours of Pod Identity, one of STS, a minute, the past.
    assert!((next(21_600) - 20_700.0).abs() < 60.0);
    assert!((next(3_600) - 2_700.0).abs() < 60.0);
    assert!((next(600) - 300.0).abs() < 60.0);
    assert!((next(0) - 1.0).abs() < 1.0);
}
