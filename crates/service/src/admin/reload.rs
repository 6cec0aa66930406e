//! Reading again what may change while the service runs.

use std::fmt;
use std::sync::{Arc, RwLock};

use serde::Serialize;
use tracing::{error, info};

type Hook = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// The hooks that `POST /reload` and SIGHUP run. Cloning gives another handle to the same hooks.
#[derive(Clone, Default)]
pub struct Reload {
    hooks: Arc<RwLock<Vec<(String, Hook)>>>,
    /// One reload at a time: two would read the same files and race for the last word.
    running: Arc<tokio::sync::Mutex<()>>,
}

/// What one hook did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The hook's name, such as `keys`.
    pub name: String,
    /// False when what was there before stays in use.
    pub reloaded: bool,
    /// What it says, such as `12 keys`, or why it could not.
    pub detail: String,
}

impl Reload {
    /// No hook yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a hook. It may block, must leave what is in use untouched when it fails, and says what it did in a few words.
    pub fn register(
        &self,
        name: &str,
        hook: impl Fn() -> Result<String, String> + Send + Sync + 'static,
    ) {
        let mut hooks = self
            .hooks
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        hooks.push((name.to_owned(), Arc::new(hook)));
    }

    /// Runs every hook, also after one failed, on a thread that may block.
    pub async fn run(&self) -> Vec<Outcome> {
        let _one_at_a_time = self.running.lock().await;
        let hooks = self
            .hooks
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone();
        let run = move || {
            hooks
                .iter()
                .map(|(name, hook)| run_one(name, hook))
                .collect::<Vec<_>>()
        };
        tokio::task::spawn_blocking(run).await.unwrap_or_else(|_| {
            vec![Outcome {
                name: "reload".to_owned(),
                reloaded: false,
                detail: "a hook panicked".to_owned(),
            }]
        })
    }
}

fn run_one(name: &str, hook: &Hook) -> Outcome {
    match hook() {
        Ok(detail) => {
            info!(what = name, detail, "reloaded");
            Outcome {
                name: name.to_owned(),
                reloaded: true,
                detail,
            }
        }
        Err(detail) => {
            error!(
                what = name,
                reason = detail,
                "cannot reload; what was in use stays"
            );
            Outcome {
                name: name.to_owned(),
                reloaded: false,
                detail,
            }
        }
    }
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hooks = self
            .hooks
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        f.debug_list()
            .entries(hooks.iter().map(|(name, _)| name))
            .finish()
    }
}
