//! What operators ask: a test mail, the dead letters, and to try those again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;
use service::http::RequestId;
use service::problem::Problem;
use tracing::{info, warn};

use super::{Relay, answer};
use crate::dispatch::{deliver, domain, now_ms};
use crate::error::Refusal;
use crate::transport::Outcome;
use crate::webhook::WebhookError;
use crate::{body, render};

/// Dead letters in one answer.
const SHOWN: usize = 100;

/// What a test may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    /// Labels that choose the route.
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// Sends a mail at once, past the outbox, and tells what became of it.
pub(super) async fn test(
    request: HttpRequest,
    payload: Payload,
    relay: Data<Arc<Relay>>,
) -> HttpResponse {
    let id = RequestId::of(&request);
    answer(&request, async {
        operator(&request, &relay)?;
        let body = body::read(payload, &relay.body, &relay.budget).await?;
        let test = if body.bytes.is_empty() {
            Ok(Test::default())
        } else {
            serde_json::from_slice(&body.bytes)
        };
        let test = test.map_err(|error: serde_json::Error| WebhookError::Shape {
            sender: "flumen relay test",
            what: crate::clean::line(&error.to_string(), 200),
        })?;
        Ok(send_test(test, &relay, id.as_str()).await)
    })
    .await
}

async fn send_test(test: Test, relay: &Relay, request_id: &str) -> HttpResponse {
    let policy = relay.live.policy.load_full();
    let route = policy
        .routes(&test.labels)
        .first()
        .map(|route| route.name.to_string())
        .unwrap_or_default();
    let now = now_ms();
    let mut mail = render::example(policy.recipients(&route), now);
    let domain = domain(&policy.mail.from);
    mail.message_id = format!("<test-{now:x}-{:08x}@{domain}>", rand::random::<u32>());
    mail.thread_id = mail.message_id.clone();
    mail.route = route;
    if let Some(alert) = mail.alerts.first_mut() {
        let labels = test.labels.iter().take(16);
        alert.labels.extend(
            labels.map(|(name, value)| (crate::clean::name(name), crate::clean::line(value, 256))),
        );
    }
    let started = Instant::now();
    let outcome = deliver(&mail, &relay.live, &relay.metrics).await;
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let failure = match outcome {
        Outcome::Sent => {
            info!(
                route = mail.route,
                message_id = mail.message_id,
                "test mail sent"
            );
            return HttpResponse::Ok().json(json!({
                "route": mail.route,
                "to": mail.to,
                "message_id": mail.message_id,
                "elapsed_ms": elapsed_ms,
            }));
        }
        Outcome::Partly { left, failure } => format!("not sent to {}: {failure}", left.join(", ")),
        Outcome::Failed(failure) => failure.to_string(),
    };
    warn!(
        route = mail.route,
        reason = failure,
        "a test mail could not be sent"
    );
    Problem::named(
        StatusCode::BAD_GATEWAY,
        "mail-not-sent",
        "Mail not sent",
        failure,
    )
    .with("route", mail.route)
    .with("to", mail.to)
    .with("elapsed_ms", elapsed_ms)
    .respond(Some(request_id))
}

/// Shows the newest dead letters.
pub(super) async fn dead_letters(request: HttpRequest, relay: Data<Arc<Relay>>) -> HttpResponse {
    answer(&request, async {
        operator(&request, &relay)?;
        let mails = relay.outbox.dead_letters(SHOWN).await?;
        let total = relay.outbox.index().dead;
        let letters: Vec<_> = mails
            .iter()
            .map(|mail| {
                json!({
                    "message_id": mail.message_id,
                    "route": mail.route,
                    "to": mail.to,
                    "created_ms": mail.created_ms,
                    "attempts": mail.attempts,
                    "reason": mail.last_error,
                    "status": mail.status().name(),
                    "severity": mail.severity(),
                    "firing": mail.firing,
                    "resolved": mail.resolved,
                    "alerts": mail.alerts.iter().map(|alert| &alert.name).collect::<Vec<_>>(),
                })
            })
            .collect();
        Ok(HttpResponse::Ok().json(json!({ "total": total, "dead_letters": letters })))
    })
    .await
}

/// Makes mails of all dead letters again.
pub(super) async fn retry(request: HttpRequest, relay: Data<Arc<Relay>>) -> HttpResponse {
    answer(&request, async {
        let sender = operator(&request, &relay)?;
        let count = relay.outbox.revive(now_ms()).await?;
        info!(sender = &*sender, count, "dead letters are tried again");
        Ok(HttpResponse::Ok().json(json!({ "retried": count })))
    })
    .await
}

fn operator(request: &HttpRequest, relay: &Relay) -> Result<Arc<str>, Refusal> {
    let sender = relay
        .senders
        .by_token(request.headers())
        .ok_or(Refusal::Unauthorized)?;
    if sender.is_operator {
        Ok(sender.name)
    } else {
        Err(Refusal::Forbidden)
    }
}
