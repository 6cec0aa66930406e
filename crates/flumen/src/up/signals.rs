//! What ends a stack: Ctrl-C, SIGTERM, the closing of the terminal, or of standard input.

use std::io::Read as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Two of them this close together are one: Ctrl-C reaches us and the script that holds our input.
const AS_ONE: Duration = Duration::from_secs(1);

/// Listens for all of them.
pub(super) struct Signals {
    signals: [Signal; 3],
    ended: Option<Instant>,
    /// Told when standard input ends; never, when nobody asked for that.
    parent: Option<oneshot::Receiver<()>>,
}

impl Signals {
    pub(super) fn listen(with_parent: bool) -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listen for signals");
        Ok(Self {
            signals: [
                listen(SignalKind::interrupt())?,
                listen(SignalKind::terminate())?,
                listen(SignalKind::hangup())?,
            ],
            ended: None,
            parent: with_parent.then(end_of_input).transpose()?,
        })
    }

    /// Waits for whatever ends the stack.
    pub(super) async fn first(&mut self) {
        let parent = self.parent.as_mut();
        let gone = async {
            match parent {
                // An error is an end, too: nobody reads any more.
                Some(parent) => drop(parent.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = any(&mut self.signals) => {}
            () = gone => {}
        }
        self.ended = Some(Instant::now());
    }

    /// Waits for a signal from somebody who does not want to wait for an orderly end.
    pub(super) async fn again(&mut self) {
        loop {
            any(&mut self.signals).await;
            if self.ended.is_none_or(|ended| ended.elapsed() > AS_ONE) {
                return;
            }
        }
    }
}

async fn any([interrupt, terminate, hangup]: &mut [Signal; 3]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// Reads standard input on a thread of its own: a read by the runtime could not be cancelled.
fn end_of_input() -> anyhow::Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("standard input".to_owned())
        .spawn(move || {
            let mut ignored = [0; 256];
            let mut stdin = std::io::stdin().lock();
            while stdin.read(&mut ignored).is_ok_and(|read| read > 0) {}
            let _ = ended.send(());
        })
        .context("start a thread")?;
    Ok(end)
}
