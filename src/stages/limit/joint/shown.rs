//! A share that one thread changes and all cores read, without a lock: of two places one is in force, and the other is
//! where the next one is written. A reader that was overtaken twice reads again.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::stages::limit::slices::Share;

#[derive(Debug)]
pub(super) struct Shown {
    /// How many were shown; the last one is in the place of its parity.
    count: AtomicU64,
    places: [[AtomicU64; 4]; 2],
}

impl Shown {
    pub(super) fn new(share: &Share) -> Self {
        let words = share.words();
        Self { count: AtomicU64::new(0), places: [words.map(AtomicU64::new), words.map(AtomicU64::new)] }
    }

    pub(super) fn read(&self) -> Share {
        loop {
            let count = self.count.load(Ordering::Acquire);
            let words = self.places[place(count)].each_ref().map(|word| word.load(Ordering::Relaxed));
            // Whoever has seen a word of a later one sees its count, too.
            fence(Ordering::Acquire);
            if self.count.load(Ordering::Relaxed) == count {
                return Share::of_words(words);
            }
        }
    }

    /// By one thread at a time.
    pub(super) fn show(&self, share: &Share) {
        let next = self.count.load(Ordering::Relaxed).wrapping_add(1);
        fence(Ordering::Release);
        for (word, new) in self.places[place(next)].iter().zip(share.words()) {
            word.store(new, Ordering::Relaxed);
        }
        self.count.store(next, Ordering::Release);
    }
}

fn place(count: u64) -> usize {
    (count % 2) as usize
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    #[test]
    fn a_reader_sees_one_share_and_never_parts_of_two() {
        let share = |number: u64| Share::of_words([number, number, number << 32 | number, number << 32 | number]);
        let (shown, over) = (Shown::new(&share(0)), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut last = 0;
                    while !over.load(Ordering::Relaxed) {
                        let words = shown.read().words();
                        assert!(words[0] >= last, "{words:?} after {last}");
                        last = words[0];
                        assert_eq!(words, share(last).words());
                    }
                });
            }
            (1..300_000).for_each(|number| shown.show(&share(number)));
            over.store(true, Ordering::Relaxed);
        });
    }
}
