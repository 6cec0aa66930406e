//! `POST /v1/alerts` and `POST /v1/grafana`.

use std::sync::Arc;

use actix_web::http::header::CONTENT_ENCODING;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use tracing::{info, warn};

use super::Relay;
use crate::body;
use crate::dispatch::now_ms;
use crate::error::Refusal;
use crate::outbox::{Accepted, Draft};
use crate::senders::Claim;
use crate::webhook::{AlertReader, Source, Webhook};

/// Alerts that are put into the outbox at once. A webhook that is cut off between two of these is sent again, and its first
/// alerts are known by then.
const TOGETHER: usize = 256;

/// Takes a webhook: when this returns an answer of 200, its alerts are on disk.
pub(super) async fn take(
    source: Source,
    request: &HttpRequest,
    payload: Payload,
    relay: &Arc<Relay>,
) -> Result<HttpResponse, Refusal> {
    let headers = request.headers();
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding.as_bytes() != b"identity")
    {
        return Err(Refusal::Encoded);
    }
    let claim = relay.senders.claim(headers).ok_or(Refusal::Unauthorized)?;
    let body = body::read(payload, &relay.body, &relay.budget).await?;
    let sender = match claim {
        Claim::Known(sender) => sender,
        Claim::Signed => relay
            .senders
            .by_signature(headers, &body.bytes, now_ms())
            .ok_or(Refusal::Unauthorized)?,
    };
    let webhook = Webhook::parse(source, &body.bytes)?;
    if webhook.truncated_alerts > 0 {
        relay.metrics.truncated.inc_by(webhook.truncated_alerts);
        warn!(
            sender = &*sender.name,
            truncated = webhook.truncated_alerts,
            "the sender left alerts out of a webhook; raise its max_alerts"
        );
    }
    let accepted = keep(source, &webhook, relay).await?;
    relay.metrics.alerts("accepted", accepted.new);
    relay.metrics.alerts("duplicate", accepted.duplicates);
    info!(
        sender = &*sender.name,
        source = source.name(),
        alerts = webhook.alerts.len(),
        accepted = accepted.new,
        duplicates = accepted.duplicates,
        "webhook accepted"
    );
    Ok(HttpResponse::Ok()
        .json(serde_json::json!({ "accepted": accepted.new, "duplicates": accepted.duplicates })))
}

async fn keep(source: Source, webhook: &Webhook<'_>, relay: &Relay) -> Result<Accepted, Refusal> {
    let policy = relay.live.policy.load_full();
    let reader = AlertReader::new(
        source,
        webhook,
        &policy.mail.alertmanager_url,
        &relay.alerts,
    );
    let mut accepted = Accepted {
        new: 0,
        duplicates: 0,
    };
    for together in webhook.alerts.chunks(TOGETHER) {
        let now = now_ms();
        let mut drafts = Vec::with_capacity(together.len());
        for raw in together {
            let alert = reader.read(raw);
            let lane = policy.lane(&webhook.group_key, &alert);
            let routes = policy.routes(&alert.labels);
            drafts.extend(
                routes
                    .into_iter()
                    .map(|route| Draft::new(&route.name, lane, &alert, now)),
            );
        }
        let part = relay.outbox.accept(drafts, now).await?;
        accepted.new += part.new;
        accepted.duplicates += part.duplicates;
    }
    Ok(accepted)
}
