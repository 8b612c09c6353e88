//! Handing another generation to the cores.

use std::sync::Arc;

use anyhow::bail;
use tokio::sync::{mpsc, oneshot};

use crate::net::listen::Listeners;

use super::plan::Plan;

/// What a core is to work by from now on.
pub(super) struct Switch {
    pub(super) plan: Arc<Plan>,
    /// Where it listens, if that has changed.
    pub(super) listeners: Option<Listeners>,
    /// Answered once the core works by it.
    pub(super) done: oneshot::Sender<()>,
}

/// The way to every core.
pub(super) struct Switches(Vec<mpsc::Sender<Switch>>);

impl Switches {
    pub(super) fn new(cores: Vec<mpsc::Sender<Switch>>) -> Self {
        Self(cores)
    }

    /// Puts a plan into force on all cores; `sockets` are where they listen, if that has changed. Returns when each
    /// works by it. Cores that drain take nothing new; they do so together.
    pub(super) async fn switch(&self, plan: &Arc<Plan>, sockets: Option<Vec<Listeners>>) -> anyhow::Result<()> {
        let mut sockets = sockets.into_iter().flatten();
        let mut applied = Vec::new();
        for core in &self.0 {
            let (done, is_done) = oneshot::channel();
            let switch = Switch { plan: Arc::clone(plan), listeners: sockets.next(), done };
            if core.send(switch).await.is_err() {
                bail!("it is draining: the next process will read the new configuration");
            }
            applied.push(is_done);
        }
        for core in applied {
            if core.await.is_err() {
                bail!("it is draining: the next process will read the new configuration");
            }
        }
        Ok(())
    }
}
