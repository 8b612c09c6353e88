//! Handing another generation to the cores.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::net::listen::Listeners;

use super::plan::Plan;

/// How long the cores may take to come round to another generation. They do so many times a second.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What a core is to work by from now on.
pub(super) struct Switch {
    pub(super) plan: Arc<Plan>,
    /// Where it listens, if that has changed.
    pub(super) listeners: Option<Listeners>,
    /// Answered once the core works by it.
    pub(super) done: oneshot::Sender<()>,
}

/// The way to every core.
pub(super) struct Switches {
    cores: Vec<Core>,
    patience: Duration,
}

struct Core {
    way: mpsc::Sender<Switch>,
    /// What it was told last, as long as it has not answered.
    owes: Option<oneshot::Receiver<()>>,
}

impl Switches {
    pub(super) fn new(cores: Vec<mpsc::Sender<Switch>>) -> Self {
        Self::with(cores, PATIENCE)
    }

    fn with(cores: Vec<mpsc::Sender<Switch>>, patience: Duration) -> Self {
        Self { cores: cores.into_iter().map(|way| Core { way, owes: None }).collect(), patience }
    }

    /// The numbers of the cores that do not work by what they were told last.
    pub(super) fn behind(&mut self) -> Vec<usize> {
        let mut behind = Vec::new();
        for (number, core) in self.cores.iter_mut().enumerate() {
            match core.owes.as_mut().map(oneshot::Receiver::try_recv) {
                Some(Err(oneshot::error::TryRecvError::Empty)) => behind.push(number),
                _ => core.owes = None,
            }
        }
        behind
    }

    /// Puts a plan into force on all cores, none of which is [`Self::behind`]; `sockets` are where they listen, if that
    /// has changed. Returns when each works by it, or after a while: then with the numbers of those that hang. They have
    /// it before them, and take it when they come round. Cores that drain take nothing new; they do so together.
    pub(super) async fn switch(
        &mut self,
        plan: &Arc<Plan>,
        sockets: Option<Vec<Listeners>>,
    ) -> anyhow::Result<Vec<usize>> {
        let mut sockets = sockets.into_iter().flatten();
        for core in &mut self.cores {
            let (done, is_done) = oneshot::channel();
            let switch = Switch { plan: Arc::clone(plan), listeners: sockets.next(), done };
            // There is room for one, which it has taken.
            if core.way.try_send(switch).is_err() {
                bail!("a data core takes no orders any more");
            }
            core.owes = Some(is_done);
        }
        let all = async {
            for core in &mut self.cores {
                if let Some(owes) = &mut core.owes {
                    let answered = owes.await;
                    core.owes = None;
                    answered?;
                }
            }
            Ok::<_, oneshot::error::RecvError>(())
        };
        match timeout(self.patience, all).await {
            Ok(Ok(())) => Ok(Vec::new()),
            Ok(Err(_)) => bail!("a data core takes no orders any more"),
            Err(_) => Ok(self.behind()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[tokio::test]
    async fn a_core_that_hangs_is_named_and_is_not_waited_for() {
        let data = tempfile::tempdir().unwrap();
        let text = "[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n";
        let settings = Settings::parse(text, "test").unwrap();
        let plan = Arc::new(Plan::build(&settings, data.path(), true, None).unwrap_or_else(|why| panic!("{why:?}")));
        let (ways, mut cores): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel::<Switch>(1)).unzip();
        let mut hanging = cores.remove(1);
        for mut core in cores {
            tokio::spawn(async move {
                while let Some(switch) = core.recv().await {
                    let _ = switch.done.send(());
                }
            });
        }
        let mut switches = Switches::with(ways, Duration::from_millis(200));
        assert_eq!(switches.switch(&plan, None).await.unwrap(), [1]);
        assert_eq!(switches.behind(), [1]);
        // It comes round.
        let _ = hanging.recv().await.unwrap().done.send(());
        assert_eq!(switches.behind(), [0; 0]);
        let switched = tokio::join!(switches.switch(&plan, None), async {
            let _ = hanging.recv().await.unwrap().done.send(());
        });
        assert_eq!(switched.0.unwrap(), [0; 0]);
        drop(hanging);
        assert!(switches.switch(&plan, None).await.is_err(), "one that drains takes nothing");
    }
}
