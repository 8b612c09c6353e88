//! Handing another generation to the cores.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::net::listen::Listeners;

use super::crew::Started;
use super::plan::Plan;

/// How long the cores may take to come round to another generation. They do so many times a second.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What a core is to work by from now on.
pub(super) struct Switch {
    pub(super) plan: Arc<Plan>,
    /// Where it listens.
    pub(super) hand: Hand,
    /// It is to leave; for so long connections may wait for one more request.
    pub(super) leaves: Option<Duration>,
    /// Answered once the core works by it.
    pub(super) done: oneshot::Sender<()>,
}

/// The sockets of a core.
pub(super) enum Hand {
    /// Those that it has.
    Same,
    /// These. Those that it had are not closed: it has them again, or others have.
    Dealt(Listeners),
    /// These. Those that it had are closed, once whoever has begun to connect is in.
    Moved(Listeners),
}

/// New sockets for the cores.
pub(super) struct Deal {
    /// One for each core that stays. Those for which there is none leave.
    pub(super) hands: Vec<Listeners>,
    /// They are at another address.
    pub(super) moved: bool,
    /// What those who leave have; see [`Switch`].
    pub(super) patience: Duration,
}

impl Deal {
    /// The share of a core that stays, or of one that leaves.
    fn share(hands: &mut impl Iterator<Item = Listeners>, moved: bool) -> (Hand, bool) {
        let next = hands.next();
        let leaves = next.is_none();
        let next = next.unwrap_or_else(Listeners::none);
        (if moved { Hand::Moved(next) } else { Hand::Dealt(next) }, leaves)
    }
}

/// The way to every core.
pub(super) struct Switches {
    cores: Vec<Core>,
    patience: Duration,
}

struct Core {
    number: usize,
    way: mpsc::Sender<Switch>,
    /// What it was told last, as long as it has not answered.
    owes: Option<oneshot::Receiver<()>>,
    leaves: bool,
}

impl Switches {
    /// To nobody yet.
    pub(super) fn new() -> Self {
        Self::with(PATIENCE)
    }

    fn with(patience: Duration) -> Self {
        Self { cores: Vec::new(), patience }
    }

    /// To these as well.
    pub(super) fn join(&mut self, started: impl IntoIterator<Item = Started>) {
        let core = |Started { number, way }| Core { number, way, owes: None, leaves: false };
        self.cores.extend(started.into_iter().map(core));
    }

    /// The numbers of the cores that stay, in the order in which they are dealt to.
    pub(super) fn staying(&self) -> impl Iterator<Item = usize> {
        self.cores.iter().filter(|core| !core.leaves).map(|core| core.number)
    }

    /// The numbers of the cores that do not work by what they were told last.
    pub(super) fn behind(&mut self) -> Vec<usize> {
        let mut behind = Vec::new();
        for core in &mut self.cores {
            match core.owes.as_mut().map(oneshot::Receiver::try_recv) {
                Some(Err(oneshot::error::TryRecvError::Empty)) => behind.push(core.number),
                _ => core.owes = None,
            }
        }
        behind
    }

    /// Puts a plan into force on all cores, none of which is [`Self::behind`]; `deal` is where they listen, if that has
    /// changed. Returns when each works by it, or after a while: then with the numbers of those that hang. They have
    /// it before them, and take it when they come round. Cores that drain take nothing new; they do so together.
    pub(super) async fn switch(&mut self, plan: &Arc<Plan>, deal: Option<Deal>) -> anyhow::Result<Vec<usize>> {
        self.send(plan, deal)?;
        let all = async {
            for core in &mut self.cores {
                if let Some(owes) = &mut core.owes {
                    let answered = owes.await;
                    core.owes = None;
                    // One that leaves may be gone.
                    if answered.is_err() && !core.leaves {
                        return answered;
                    }
                }
            }
            Ok(())
        };
        match timeout(self.patience, all).await {
            Ok(Ok(())) => Ok(Vec::new()),
            Ok(Err(_)) => bail!("a data core takes no orders any more"),
            Err(_) => Ok(self.behind()),
        }
    }

    fn send(&mut self, plan: &Arc<Plan>, deal: Option<Deal>) -> anyhow::Result<()> {
        self.cores.retain(|core| !(core.leaves && core.way.is_closed()));
        let (moved, patience) = deal.as_ref().map_or((false, Duration::ZERO), |deal| (deal.moved, deal.patience));
        let mut hands = deal.map(|deal| deal.hands.into_iter());
        for core in &mut self.cores {
            let (hand, leaves) = match &mut hands {
                Some(hands) if !core.leaves => Deal::share(hands, moved),
                _ => (Hand::Same, false),
            };
            core.leaves |= leaves;
            let (done, is_done) = oneshot::channel();
            let switch = Switch { plan: Arc::clone(plan), hand, leaves: leaves.then_some(patience), done };
            // There is room for one, which it has taken.
            match core.way.try_send(switch) {
                Ok(()) => core.owes = Some(is_done),
                Err(_) if core.leaves && !leaves => {}
                Err(_) => bail!("a data core takes no orders any more"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::tests::plan;

    #[tokio::test]
    async fn a_core_that_hangs_is_named_and_is_not_waited_for() {
        let (plan, _data) = plan();
        let (ways, mut cores): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel::<Switch>(1)).unzip();
        let started = ways.into_iter().enumerate().map(|(number, way)| Started { number: number + 5, way });
        let mut hanging = cores.remove(1);
        for mut core in cores {
            tokio::spawn(async move {
                while let Some(switch) = core.recv().await {
                    let _ = switch.done.send(());
                }
            });
        }
        let mut switches = Switches::with(Duration::from_millis(200));
        switches.join(started);
        assert_eq!(switches.switch(&plan, None).await.unwrap(), [6]);
        assert_eq!(switches.behind(), [6]);
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

    #[tokio::test]
    async fn those_for_whom_there_is_no_socket_leave_and_are_told_of_every_plan_until_they_are_gone() {
        let (plan, _data) = plan();
        let (ways, mut cores): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel::<Switch>(1)).unzip();
        let mut switches = Switches::with(Duration::from_secs(60));
        switches.join(ways.into_iter().enumerate().map(|(number, way)| Started { number, way }));
        let told = async |cores: &mut [mpsc::Receiver<Switch>]| {
            let mut told = Vec::new();
            for core in cores {
                let switch = core.recv().await.unwrap();
                told.push((matches!(switch.hand, Hand::Dealt(_)), switch.leaves));
                let _ = switch.done.send(());
            }
            told
        };
        let deal = || Deal { hands: vec![Listeners::none()], moved: false, patience: Duration::from_secs(7) };
        let (switched, seen) = tokio::join!(switches.switch(&plan, Some(deal())), told(&mut cores));
        assert_eq!(switched.unwrap(), [0; 0]);
        let leaves = (true, Some(Duration::from_secs(7)));
        assert_eq!((seen, switches.staying().collect::<Vec<_>>()), (vec![(true, None), leaves, leaves], vec![0]));
        let (switched, seen) = tokio::join!(switches.switch(&plan, Some(deal())), told(&mut cores));
        assert_eq!((switched.unwrap(), seen), (vec![], vec![(true, None), (false, None), (false, None)]));
        // One has left, and one leaves while it is told.
        drop(cores.pop());
        let going = cores.pop();
        let (switched, seen) = tokio::join!(switches.switch(&plan, None), async {
            let seen = told(&mut cores).await;
            drop(going);
            seen
        });
        assert_eq!((switched.unwrap(), seen), (vec![], vec![(false, None)]));
    }
}
