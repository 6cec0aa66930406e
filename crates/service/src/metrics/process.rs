//! What the operating system knows of this process, read from `/proc` at every scrape.
//!
//! The names are those of Prometheus' own client libraries, so that common dashboards work.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Ticks of `/proc/self/stat`: `USER_HZ` is 100 on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Process {
    started: f64,
}

impl Process {
    pub(super) fn new() -> Self {
        let started = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        Self { started }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut gauge = |name: &str, help: &str, value: f64| {
            let metric = ConstGauge::new(value);
            let encoder = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
            metric.encode(encoder)
        };
        gauge(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970",
            self.started,
        )?;
        if let Some(bytes) = status_kib("VmRSS:").map(|kib| kib * 1024.0) {
            gauge("process_resident_memory_bytes", "Memory held in RAM", bytes)?;
        }
        if let Some(bytes) = status_kib("VmHWM:").map(|kib| kib * 1024.0) {
            gauge(
                "process_resident_memory_max_bytes",
                "Most memory ever held in RAM",
                bytes,
            )?;
        }
        if let Some(bytes) = status_kib("VmSize:").map(|kib| kib * 1024.0) {
            gauge("process_virtual_memory_bytes", "Address space", bytes)?;
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
            gauge(
                "process_open_fds",
                "Open file descriptors",
                open.count() as f64,
            )?;
        }
        if let Some(most) = max_fds() {
            gauge("process_max_fds", "Most file descriptors it may open", most)?;
        }
        let Some((cpu_seconds, threads)) = stat() else {
            return Ok(());
        };
        gauge("process_threads", "Threads", threads)?;
        let cpu = ConstCounter::new(cpu_seconds);
        let encoder = encoder.encode_descriptor(
            "process_cpu_seconds",
            "Processor time used, user and system",
            None,
            cpu.metric_type(),
        )?;
        cpu.encode(encoder)
    }
}

fn status_kib(field: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

fn max_fds() -> Option<f64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Processor seconds and threads. The fields are counted from behind the command's `)`, which may itself hold blanks.
fn stat() -> Option<(f64, f64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some(((number(11)? + number(12)?) / TICKS_PER_SECOND, number(17)?))
}
