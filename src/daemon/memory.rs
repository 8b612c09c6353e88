//! How much memory the process has, and how much it may have. Sampled on the control runtime; the cores read one atomic.

use std::fs::read_to_string;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::config;
use crate::model::{Level, Pressure};

const EVERY: Duration = Duration::from_millis(250);
/// Where control groups of version 2 are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

/// The marks that `[http] shed_memory` and `refuse_memory` set, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    shed: u64,
    refuse: u64,
}

impl Marks {
    /// The marks under the memory limit of this process. None where the system does not tell it.
    pub(super) fn of(http: &config::Http) -> Option<Self> {
        Some(Self::under(limit()?, http.shed_memory, http.refuse_memory))
    }

    /// Bytes from which new work is refused.
    pub(super) fn shed(self) -> u64 {
        self.shed
    }

    /// Bytes from which connections are refused.
    pub(super) fn refuse(self) -> u64 {
        self.refuse
    }

    fn under(limit: u64, shed: u8, refuse: u8) -> Self {
        let share = |percent: u8| limit / 100 * u64::from(percent);
        Self { shed: share(shed), refuse: share(refuse) }
    }

    fn level(self, resident: u64) -> Level {
        match resident {
            resident if resident >= self.refuse => Level::Refuse,
            resident if resident >= self.shed => Level::Shed,
            _ => Level::Ease,
        }
    }
}

/// Keeps `pressure` true for as long as the control runtime lives.
pub(super) async fn watch(marks: watch::Receiver<Option<Marks>>, pressure: Arc<Pressure>) {
    if marks.borrow().is_none() {
        return tracing::warn!("the memory limit cannot be read: [http] shed_memory and refuse_memory have no effect");
    }
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (Some(resident), Some(marks)) = (resident(), *marks.borrow()) else { continue };
        let now = marks.level(resident);
        let before = pressure.set(now);
        if now != before {
            tell(now, resident, marks);
        }
    }
}

fn tell(level: Level, resident: u64, Marks { shed, refuse }: Marks) {
    match level {
        Level::Ease => tracing::info!(resident, shed, "memory is at ease again: requests are taken"),
        Level::Shed => tracing::warn!(resident, shed, "memory is short ([http] shed_memory): new requests are refused"),
        Level::Refuse => {
            tracing::warn!(resident, refuse, "memory is short ([http] refuse_memory): new connections are refused");
        }
    }
}

/// Bytes of this process in memory.
pub(super) fn resident() -> Option<u64> {
    kilobytes(&read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// What the process may have: its control group's limit, or one further up; at most what the machine has.
pub(super) fn limit() -> Option<u64> {
    let machine = read_to_string("/proc/meminfo").ok().and_then(|text| kilobytes(&text, "MemTotal:"));
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = own_group(&groups).and_then(|group| limit_of_group(Path::new(GROUPS), group));
    machine.into_iter().chain(group).min()
}

/// The group of version 2 in the text of `/proc/self/cgroup`.
fn own_group(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::/"))
}

/// The smallest limit from `group` up to the root.
fn limit_of_group(root: &Path, group: &str) -> Option<u64> {
    let own = root.join(group);
    let up = own.ancestors().take_while(|path| path.starts_with(root));
    up.filter_map(|path| read_to_string(path.join("memory.max")).ok()?.trim().parse().ok()).min()
}

/// A line of `/proc`: a key, a number and `kB`.
pub(super) fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    let number: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn levels_begin_at_their_marks() {
        let marks = Marks::under(1000, 75, 90);
        let levels = [0, 749, 750, 899, 900, u64::MAX].map(|resident| marks.level(resident));
        assert_eq!(levels, [Level::Ease, Level::Ease, Level::Shed, Level::Shed, Level::Refuse, Level::Refuse]);
        assert_eq!(Marks::under(1000, 100, 100).level(1000), Level::Refuse);
    }

    #[test]
    fn the_narrowest_group_on_the_way_up_counts() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("a.slice/b.service");
        fs::create_dir_all(&group).unwrap();
        assert_eq!(limit_of_group(root.path(), "a.slice/b.service"), None);
        fs::write(group.join("memory.max"), "max\n").unwrap();
        assert_eq!(limit_of_group(root.path(), "a.slice/b.service"), None);
        fs::write(root.path().join("a.slice/memory.max"), "1000\n").unwrap();
        assert_eq!(limit_of_group(root.path(), "a.slice/b.service"), Some(1000));
        fs::write(group.join("memory.max"), "2000\n").unwrap();
        assert_eq!(limit_of_group(root.path(), "a.slice/b.service"), Some(1000));
        assert_eq!(limit_of_group(root.path(), "gone"), None);
    }

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(own_group("1:name=systemd:/x\n0::/a.slice/b.service\n"), Some("a.slice/b.service"));
        assert_eq!((own_group("0::/\n"), own_group("1:memory:/x\n")), (Some(""), None));
        assert_eq!(kilobytes("VmHWM:\t 9 kB\nVmRSS:\t   1234 kB\n", "VmRSS:"), Some(1234 * 1024));
        assert_eq!((kilobytes("VmRSS: x kB", "VmRSS:"), kilobytes("", "VmRSS:")), (None, None));
        let (resident, limit) = (resident().unwrap(), limit().unwrap());
        assert!(resident > 100_000 && resident < limit, "{resident} of {limit}");
    }

    #[tokio::test]
    async fn the_watch_raises_and_lowers_the_pressure() {
        let pressure = Arc::new(Pressure::default());
        for (marks, sheds, refuses) in [
            (Marks { shed: 1, refuse: u64::MAX }, true, false),
            (Marks { shed: 1, refuse: 1 }, true, true),
            (Marks { shed: u64::MAX, refuse: u64::MAX }, false, false),
        ] {
            let (_marks, marks) = watch::channel(Some(marks));
            let watching = tokio::spawn(super::watch(marks, Arc::clone(&pressure)));
            while (pressure.sheds(), pressure.refuses()) != (sheds, refuses) {
                tokio::task::yield_now().await;
            }
            watching.abort();
        }
    }
}
