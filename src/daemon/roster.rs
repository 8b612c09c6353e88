//! Which data cores there are: each enters with its thread, and is there until that has nothing more to do.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

/// All cores, for whoever starts them and whoever waits for their end. Cheap to clone: all clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster(Arc<watch::Sender<Present>>);

#[derive(Debug, Default)]
struct Present {
    numbers: BTreeSet<usize>,
    /// The first one that ended by a defect.
    broken: Option<usize>,
}

/// A core's place. Dropping it says that the core has ended by a defect.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) number: usize,
    roster: Roster,
    broken: bool,
}

impl Roster {
    /// A place of the lowest number that no core has; `None` where that is not below `most`.
    pub(super) fn enter(&self, most: usize) -> Option<Place> {
        let mut number = None;
        self.0.send_modify(|present| {
            number = (0..most).find(|number| !present.numbers.contains(number));
            present.numbers.extend(number);
        });
        number.map(|number| Place { number, roster: self.clone(), broken: true })
    }

    /// The numbers of those that are there.
    pub(super) fn numbers(&self) -> Vec<usize> {
        self.0.borrow().numbers.iter().copied().collect()
    }

    /// The number of a core that has ended by a defect, once one has.
    pub(super) async fn broken(&self) -> usize {
        loop {
            self.until(|present| present.broken.is_some()).await;
            if let Some(number) = self.broken_one() {
                return number;
            }
        }
    }

    /// The same, where one has.
    pub(super) fn broken_one(&self) -> Option<usize> {
        self.0.borrow().broken
    }

    /// Waits until none is there.
    pub(super) async fn empty(&self) {
        self.until(|present| present.numbers.is_empty()).await;
    }

    async fn until(&self, holds: impl FnMut(&Present) -> bool) {
        // The sender is held here.
        let _ = self.0.subscribe().wait_for(holds).await;
    }
}

impl Place {
    /// The core has ended as it was told to.
    pub(super) fn leave(mut self) {
        self.broken = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.roster.0.send_modify(|present| {
            present.numbers.remove(&self.number);
            present.broken = present.broken.or(self.broken.then_some(self.number));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_number_is_given_again_once_its_core_has_ended() {
        let roster = Roster::default();
        let [first, second, third] = [(); 3].map(|()| roster.enter(3).unwrap());
        assert_eq!([first.number, second.number, third.number], [0, 1, 2]);
        assert!(roster.enter(3).is_none(), "there are no more");
        second.leave();
        assert_eq!(roster.numbers(), [0, 2]);
        let second = roster.enter(3).unwrap();
        assert_eq!((second.number, roster.broken_one()), (1, None));
        // Whoever gives up waiting can wait again.
        assert!(timeout(Duration::ZERO, roster.empty()).await.is_err());
        [first, second, third].into_iter().for_each(Place::leave);
        roster.empty().await;
    }

    #[tokio::test]
    async fn a_core_that_ends_without_a_word_has_a_defect() {
        let roster = Roster::default();
        let (first, second) = (roster.enter(2).unwrap(), roster.enter(2).unwrap());
        first.leave();
        assert!(timeout(Duration::ZERO, roster.broken()).await.is_err());
        drop(second);
        assert_eq!((roster.broken().await, roster.numbers()), (1, Vec::new()));
        roster.empty().await;
    }
}
