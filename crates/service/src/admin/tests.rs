//! The admin listener over a real socket.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::*;

struct Running {
    server: AdminServer,
    state: State,
}

fn start() -> Running {
    let state = State {
        registry: Arc::new(crate::metrics::registry("test", "0")),
        readiness: Readiness::new(),
        liveness: Liveness::new(),
        reload: Reload::new(),
        config: ConfigView::new(json!({ "database": { "password": "********" } })),
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let server = serve(listener, state.clone()).expect("it listens");
    Running { server, state }
}

impl Running {
    async fn call(&self, method: &str, path: &str) -> (u16, String) {
        crate::tls::install_crypto_provider();
        let url = format!("http://{}{path}", self.server.local_addr());
        let method = method.parse().expect("a method");
        let response = reqwest::Client::new()
            .request(method, url)
            .send()
            .await
            .expect("answered");
        (
            response.status().as_u16(),
            response.text().await.expect("a body"),
        )
    }

    async fn json(&self, method: &str, path: &str) -> (u16, Value) {
        let (status, text) = self.call(method, path).await;
        (status, serde_json::from_str(&text).expect("JSON"))
    }
}

#[tokio::test]
async fn readiness_names_what_is_missing_and_liveness_does_not_care() {
    let admin = start();
    let (status, body) = admin.json("GET", "/readyz").await;
    assert_eq!(
        (status, &body["checks"]["startup"]),
        (503, &json!("starting")),
        "a service that has added no check yet"
    );
    let database = admin.state.readiness.check("database");
    let (status, body) = admin.json("GET", "/readyz").await;
    assert_eq!(
        (status, &body["checks"]["database"]),
        (503, &json!("starting"))
    );
    assert!(database.pass(), "it did not hold before");
    assert_eq!(
        admin.json("GET", "/readyz").await,
        (
            200,
            json!({ "status": "ready", "checks": { "database": "ok" } })
        )
    );
    assert!(database.fail("connection refused") && !database.fail("connection refused"));
    assert_eq!(
        admin.json("GET", "/readyz").await.1["checks"]["database"],
        "connection refused"
    );
    assert_eq!(admin.call("GET", "/livez").await.0, 200);
    database.pass();
    admin.state.readiness.drain();
    assert_eq!(
        admin.json("GET", "/readyz").await.1["checks"]["shutdown"],
        "shutting down"
    );
    admin.server.stop().await;
}

#[tokio::test]
async fn a_loop_that_stops_beating_is_not_alive() {
    let admin = start();
    let beat = admin.state.liveness.watch("poll", Duration::from_secs(60));
    beat.beat();
    assert_eq!(admin.call("GET", "/livez").await.0, 200);
    let _stalled = admin.state.liveness.watch("flush", Duration::ZERO);
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while admin.call("GET", "/livez").await.0 != 503 {
        assert!(
            std::time::Instant::now() < deadline,
            "the stalled loop is never noticed"
        );
    }
    assert!(
        admin.json("GET", "/livez").await.1["checks"]
            .get("flush")
            .is_some()
    );
}

#[tokio::test]
async fn reload_runs_every_hook_and_tells_what_failed() {
    let admin = start();
    let is_broken = Arc::new(AtomicBool::new(true));
    let broken = Arc::clone(&is_broken);
    admin
        .state
        .reload
        .register("keys", move || match broken.load(Ordering::SeqCst) {
            true => Err("line 3 is wrong".to_owned()),
            false => Ok("12 keys".to_owned()),
        });
    admin
        .state
        .reload
        .register("log level", || Ok("info".to_owned()));
    let (status, body) = admin.json("POST", "/reload").await;
    assert_eq!((status, &body["reloaded"]), (422, &json!(false)));
    assert_eq!(
        body["outcomes"][0],
        json!({ "name": "keys", "reloaded": false, "detail": "line 3 is wrong" })
    );
    assert_eq!(body["outcomes"][1]["reloaded"], true);
    is_broken.store(false, Ordering::SeqCst);
    assert_eq!(admin.call("POST", "/reload").await.0, 200);
    assert_eq!(
        admin.call("GET", "/reload").await.0,
        405,
        "a link must not reload"
    );
}

#[tokio::test]
async fn metrics_and_the_redacted_configuration_are_shown() {
    let admin = start();
    let (status, text) = admin.call("GET", "/metrics").await;
    assert!(status == 200 && text.contains("flumen_build_info{") && text.ends_with("# EOF\n"));
    assert_eq!(
        admin.json("GET", "/config").await.1["database"]["password"],
        "********"
    );
    admin.state.config.replace(json!({ "new": 1 }));
    assert_eq!(admin.json("GET", "/config").await.1, json!({ "new": 1 }));
    let (status, body) = admin.json("GET", "/v1/events").await;
    assert_eq!(
        (status, &body["type"]),
        (404, &json!("/problems/not-found"))
    );
}
