//! How near this process is to its memory limit, as the data path asks it: one relaxed load.

use std::sync::atomic::{AtomicU8, Ordering};

/// What the memory that is left allows. The control runtime sets it, every core reads it.
#[derive(Debug, Default)]
pub struct Pressure(AtomicU8);

/// How much is still taken on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything.
    #[default]
    Ease,
    /// What runs goes on; new requests are refused.
    Shed,
    /// New connections are refused too.
    Refuse,
}

impl Pressure {
    /// Sets the level, and returns the one before.
    pub fn set(&self, level: Level) -> Level {
        Self::level(self.0.swap(level as u8, Ordering::Relaxed))
    }

    /// Whether new requests are refused.
    pub fn sheds(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Level::Shed as u8
    }

    /// Whether new connections are refused.
    pub fn refuses(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Level::Refuse as u8
    }

    fn level(value: u8) -> Level {
        [Level::Ease, Level::Shed, Level::Refuse][usize::from(value.min(2))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_refuses_what_the_one_below_it_does() {
        let pressure = Pressure::default();
        let asked = |pressure: &Pressure| (pressure.sheds(), pressure.refuses());
        assert_eq!(asked(&pressure), (false, false));
        assert_eq!(pressure.set(Level::Shed), Level::Ease);
        assert_eq!(asked(&pressure), (true, false));
        assert_eq!(pressure.set(Level::Refuse), Level::Shed);
        assert_eq!(asked(&pressure), (true, true));
        assert_eq!(pressure.set(Level::Ease), Level::Refuse);
        assert_eq!(asked(&pressure), (false, false));
    }
}
