//! The public routes.

mod events;
mod root;

use actix_web::web::{self, ServiceConfig};
use service::problem::method_not_allowed;

pub(crate) use events::Ingest;

/// Adds the routes of the public listener.
pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/")
                .route(web::get().to(root::about))
                .route(web::head().to(root::about))
                .default_service(method_not_allowed("GET, HEAD")),
        )
        .service(
            web::resource("/v1/events")
                .route(web::post().to(events::post))
                .route(web::method(actix_web::http::Method::OPTIONS).to(events::options))
                .default_service(method_not_allowed("POST, OPTIONS")),
        );
}
