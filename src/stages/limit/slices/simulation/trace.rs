//! What was admitted, and the worst window in it.

use super::super::Whole;

/// Tokens admitted of one key, on all nodes, by real time in nanoseconds.
#[derive(Default)]
pub(in crate::stages::limit) struct Trace(Vec<(u64, u64)>);

impl Trace {
    pub(in crate::stages::limit) fn add(&mut self, now: u64, tokens: u64) {
        match self.0.last_mut() {
            Some((time, sum)) if *time == now => *sum += tokens,
            _ => self.0.push((now, tokens)),
        }
    }

    pub(in crate::stages::limit) fn sum(&self) -> u64 {
        self.0.iter().map(|(_, tokens)| tokens).sum()
    }

    /// How many times rate x time + burst the worst of all windows saw.
    pub(in crate::stages::limit) fn worst(&self, whole: Whole) -> f64 {
        let (mut least, mut most) = (0.0, 8.0);
        for _ in 0..24 {
            let middle = (least + most) / 2.0;
            if self.stays_within(middle, whole) { most = middle } else { least = middle }
        }
        most
    }

    /// The window that exceeds most is the sum that does, over a walk that goes up by tokens and down by time (Kadane).
    fn stays_within(&self, factor: f64, whole: Whole) -> bool {
        let (mut sum, mut last) = (0.0_f64, 0);
        self.0.iter().all(|(time, tokens)| {
            sum = (sum - factor * (time - last) as f64 / whole.apart as f64).max(0.0) + *tokens as f64;
            last = *time;
            sum <= factor * f64::from(whole.burst)
        })
    }
}

#[test]
fn the_worst_window_is_found() {
    let whole = Whole { apart: 1_000, burst: 10, grain: 1 };
    let trace = |adds: &[(u64, u64)]| {
        let mut trace = Trace::default();
        adds.iter().for_each(|(time, tokens)| trace.add(*time, *tokens));
        trace.worst(whole)
    };
    assert!((trace(&[(0, 10), (1_000, 1), (2_000, 1)]) - 1.0).abs() < 1e-3);
    assert!((trace(&[(0, 1), (50_000, 10), (60_000, 20)]) - 2.0).abs() < 1e-3);
    assert!((trace(&[(0, 10), (0, 3)]) - 1.3).abs() < 1e-3);
}
