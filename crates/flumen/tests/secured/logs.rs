//! Everything that was logged in this process.

use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

static LINES: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();

fn lines() -> &'static Mutex<Vec<u8>> {
    LINES.get_or_init(Mutex::default)
}

struct Keep;

impl Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut lines = lines().lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps what is logged from now on, as the services do by default: `info` and above.
pub(crate) fn keep() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(|| Keep)
        .finish();
    // Another test in this process may have done it already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// All of it.
pub(crate) fn text() -> String {
    let lines = lines().lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&lines).into_owned()
}
