//! What the service manager is told (sd_notify(3)): ready, reloading, stopping, and that every data core is alive.
//!
//! Nothing of it happens where nobody asked, that is without `NOTIFY_SOCKET` and `WATCHDOG_USEC`.

mod watchdog;

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

pub(super) use watchdog::{Beats, Pulse};

/// How long the service manager may take to read what it is told.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the service manager, where there is one.
#[derive(Debug)]
pub(super) struct Notifier {
    socket: Option<UnixDatagram>,
}

impl Notifier {
    /// As the environment says.
    pub(super) fn from_env() -> Self {
        Self::to(env::var_os("NOTIFY_SOCKET").as_deref())
    }

    /// To the socket of this path, or of this abstract name after `@`.
    fn to(name: Option<&OsStr>) -> Self {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return Self { socket: None } };
        match connect(name) {
            Ok(socket) => Self { socket: Some(socket) },
            Err(error) => {
                tracing::warn!(%error, socket = ?name, "the service manager (NOTIFY_SOCKET) cannot be reached");
                Self { socket: None }
            }
        }
    }

    /// Traffic is taken; `status` is what `systemctl status` shows. Also the end of a reload, whatever came of it.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// A reload has begun; [`Notifier::ready`] ends it.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now, NotifyState::Status("reloading")]),
            Err(error) => tracing::warn!(%error, "cannot read the monotonic clock, so systemd is told of no reload"),
        }
    }

    /// Stopping has begun, and takes `bound` at most, whatever the unit's `TimeoutStopSec` says.
    pub(super) fn stopping(&self, bound: Duration) {
        let extended = format!("EXTEND_TIMEOUT_USEC={}", bound.as_micros());
        let status = format!("draining, for {bound:?} at most");
        self.tell(&[NotifyState::Stopping, NotifyState::Custom(&extended), NotifyState::Status(&status)]);
    }

    /// Every data core is alive.
    fn alive(&self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        let Some(socket) = &self.socket else { return };
        let lines: Vec<_> = states.iter().map(|state| state.to_string().replace('\n', " ")).collect();
        if let Err(error) = socket.send(lines.join("\n").as_bytes()) {
            tracing::warn!(%error, told = lines[0], "the service manager was not told");
        }
    }
}

fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(name)?,
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "it is neither an absolute path nor an abstract name",
            ));
        }
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(manager: &UnixDatagram) -> Vec<String> {
        let mut message = [0; 1024];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_state_is_told_in_one_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::to(Some(path.as_os_str()));
        notifier.ready("2 cores\nERRNO=1");
        assert_eq!(heard(&manager), ["READY=1", "STATUS=2 cores ERRNO=1"], "a status is one line");
        notifier.reloading();
        let [reloading, monotonic, _] = &heard(&manager)[..] else { panic!("three lines") };
        assert_eq!(reloading, "RELOADING=1");
        let told: u128 = monotonic.strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        assert!((1..=now.tv_sec as u128 * 1_000_000 + 999_999).contains(&told), "{told}");
        notifier.stopping(Duration::from_secs(32));
        assert_eq!(heard(&manager)[..2], ["STOPPING=1", "EXTEND_TIMEOUT_USEC=32000000"]);
        notifier.alive();
        assert_eq!(heard(&manager), ["WATCHDOG=1"]);
    }

    #[test]
    fn a_socket_may_have_an_abstract_name() {
        let name = format!("weir-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Notifier::to(Some(OsStr::new(&format!("@{name}")))).ready("");
        assert_eq!(heard(&manager)[0], "READY=1");
    }

    #[test]
    fn without_a_service_manager_nothing_happens() {
        for name in [None, Some(""), Some("relative"), Some("vsock:2:1"), Some("/does/not/exist")] {
            let notifier = Notifier::to(name.map(OsStr::new));
            assert!(notifier.socket.is_none(), "{name:?}");
            notifier.ready("");
        }
    }
}
