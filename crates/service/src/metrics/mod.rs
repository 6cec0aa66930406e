//! The metrics registry: made once, passed in, never a static.

mod exemplar;
mod http;
mod process;
pub mod reference;

pub use exemplar::{Exemplar, TracedHistogram};
pub use http::HttpMetrics;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    service: String,
    version: String,
    revision: String,
}

/// A registry with what every service tells of itself: `flumen_build_info` and the `process_*` metrics.
pub fn registry(service: &str, version: &str) -> Registry {
    let mut registry = Registry::default();
    let build = Family::<Build, Gauge>::default();
    let revision = option_env!("FLUMEN_REVISION")
        .unwrap_or("unknown")
        .to_owned();
    build
        .get_or_create(&Build {
            service: service.to_owned(),
            version: version.to_owned(),
            revision,
        })
        .set(1);
    registry.register(
        "flumen_build_info",
        "Always 1; its labels tell what is running",
        build,
    );
    registry.register_collector(Box::new(process::Process::new()));
    registry
}

/// The registry as text.
pub fn render(registry: &Registry) -> String {
    let mut text = String::with_capacity(16 * 1024);
    // Writing to a string fails only when a metric does, and then what came before it is still worth having.
    let _ = prometheus_client::encoding::text::encode(&mut text, registry);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_registry_tells_the_build_and_the_process() {
        let text = render(&registry("test-api", "1.2.3"));
        for expected in [
            "flumen_build_info{service=\"test-api\",version=\"1.2.3\"",
            "process_resident_memory_bytes ",
            "process_open_fds ",
            "process_cpu_seconds_total ",
            "process_start_time_seconds ",
        ] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
