//! The work of the tool `slow`: step after step, with progress, until it is done or cancelled.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::net::client::Next;
use crate::protocol::json::quoted;

use super::sessions::Waiting;
use super::stream::{To, event};

/// Work in steps.
pub(super) struct Slow {
    pub(super) to: To,
    pub(super) token: Option<Vec<u8>>,
    pub(super) steps: u64,
    pub(super) done: u64,
    pub(super) delay: Duration,
    pub(super) timer: Pin<Box<Sleep>>,
    pub(super) cancelled: Option<Waiting>,
}

impl Slow {
    /// The next step.
    pub(super) async fn next(&mut self, out: &mut Vec<u8>) -> Next {
        tokio::select! {
            // No more is said of a cancelled call ("Cancellation").
            true = told(self.cancelled.as_mut()) => return Next::Last,
            () = self.timer.as_mut() => {}
        }
        self.done += 1;
        let Self { to, token, steps, done, .. } = self;
        if let Some(token) = token {
            out.extend_from_slice(&progress(token, *done, *steps, &format!("step {done} of {steps}")));
        }
        if done == steps {
            out.extend_from_slice(&to.say(&format!("did {steps} steps"), false));
            return Next::Last;
        }
        self.timer.set(sleep(self.delay));
        Next::More
    }
}

/// The event that tells how far the work has come; `token` as it came.
pub(super) fn progress(token: &[u8], done: u64, total: u64, text: &str) -> Vec<u8> {
    let token = String::from_utf8_lossy(token);
    let text = quoted(text);
    event(
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{done},"total":{total},"message":{text}}}}}"#
        )
        .as_bytes(),
    )
}

/// When whoever waits was told; never where nobody does.
async fn told(waiting: Option<&mut Waiting>) -> bool {
    match waiting {
        Some(waiting) => (&mut waiting.told).await.is_ok(),
        None => std::future::pending().await,
    }
}
