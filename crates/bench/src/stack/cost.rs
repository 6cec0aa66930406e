//! What a process costs, as the kernel counts it.

use std::fs;

/// Clock ticks of `/proc/PID/stat`: 100 a second on every Linux there is.
const TICKS: f64 = 100.0;

/// Processor time and memory of a process since its start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mib: f64,
}

impl Cost {
    /// What a process has cost so far.
    pub(crate) fn of(pid: u32) -> Self {
        Self {
            cpu_seconds: cpu_seconds(pid),
            peak_mib: peak_mib(pid),
        }
    }
}

/// User and system time of a process so far.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name is in parentheses and may hold anything; after it come fields 3 and on.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS
}

/// The most memory a process ever had resident.
fn peak_mib(pid: u32) -> f64 {
    status(pid, "VmHWM:")
}

/// The memory a process has resident now.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    status(pid, "VmRSS:")
}

fn status(pid: u32, key: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix(key)?
                .split_whitespace()
                .next()?
                .parse::<f64>()
                .ok()
        })
        .unwrap_or(0.0)
        / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_time() {
        let pid = std::process::id();
        let resident = resident_mib(pid);
        assert!(peak_mib(pid) >= resident && resident > 0.0);
        assert!(cpu_seconds(pid) >= 0.0);
    }
}
