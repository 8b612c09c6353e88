//! News of notes, for those who listen: a subscription, or the GET stream of a session.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::notes::URI;
use super::reply;
use super::sessions::Session;
use super::site::Site;
use super::stream::event;

/// News of notes, for those who listen.
pub(super) struct News {
    notes: watch::Receiver<u64>,
    to: Listener,
}

/// Who listens.
pub(super) enum Listener {
    /// `subscriptions/listen`, with the acknowledgement until it has been written.
    Subscription { id: Vec<u8>, first: Vec<u8>, hears_notes: bool },
    /// The GET stream of a session.
    Session(Arc<Session>),
}

impl News {
    pub(super) fn new(site: &Site, to: Listener) -> Self {
        Self { notes: site.notes.watch(), to }
    }

    /// The next news.
    pub(super) async fn next(&mut self, out: &mut Vec<u8>) {
        if let Listener::Subscription { first, .. } = &mut self.to
            && !first.is_empty()
        {
            out.append(first);
            return;
        }
        loop {
            if self.notes.changed().await.is_err() {
                return std::future::pending().await;
            }
            if let Some(meta) = self.to.meta() {
                out.extend_from_slice(&event(
                    format!(
                        r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{{meta}"uri":"{URI}"}}}}"#
                    )
                    .as_bytes(),
                ));
                return;
            }
        }
    }

    /// The graceful end of a subscription ("Graceful Closure"); a GET stream just ends.
    pub(super) fn last(&self) -> Option<Vec<u8>> {
        let Listener::Subscription { id, .. } = &self.to else { return None };
        let id = String::from_utf8_lossy(id);
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","_meta":{{"io.modelcontextprotocol/subscriptionId":{id},"io.modelcontextprotocol/serverInfo":{}}}}}}}"#,
            reply::INFO
        );
        Some(event(text.as_bytes()))
    }
}

impl Listener {
    /// What goes into `params` before the rest; `None` where the news is not wanted.
    fn meta(&self) -> Option<String> {
        match self {
            Self::Subscription { hears_notes: false, .. } => None,
            Self::Subscription { id, .. } => {
                let id = String::from_utf8_lossy(id);
                Some(format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"#))
            }
            Self::Session(session) => session.subscribed.load(Ordering::Relaxed).then(String::new),
        }
    }
}
