//! How many connections wait in the kernel until a core takes them, as `/proc/self/net/tcp` tells of sockets that listen.

use std::fs::{File, read_link};
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, AsRawFd};

use crate::net::listen::{At, Bound, Listeners};
use crate::telemetry::Queue;

/// The state of a socket that listens.
const LISTENING: &str = "0A";
/// What a socket is called that all cores take from.
const SHARED: &str = "all";

/// The listening sockets of the cores.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::daemon) struct Queues {
    /// The inode of each socket, and who takes from it.
    sockets: Vec<(u64, String)>,
    table: &'static str,
}

impl Queues {
    /// Those that the cores take their connections from, by the number of the core.
    pub(in crate::daemon) fn of<'a>(cores: impl Iterator<Item = (usize, &'a Listeners)>) -> Self {
        let sockets: Vec<_> = cores.flat_map(|(core, own)| own.sockets().map(move |socket| (core, socket))).collect();
        let six = sockets
            .iter()
            .any(|(_, socket)| socket.at().is_ok_and(|at| matches!(at, At::Tcp(address) if address.is_ipv6())));
        let table = if six { "/proc/self/net/tcp6" } else { "/proc/self/net/tcp" };
        let mut queues = Self { sockets: Vec::new(), table };
        for (core, socket) in sockets {
            let Some(inode) = inode(socket) else { continue };
            match queues.sockets.iter_mut().find(|(known, _)| *known == inode) {
                Some((_, whose)) => SHARED.clone_into(whose),
                None => queues.sockets.push((inode, core.to_string())),
            }
        }
        queues
    }

    /// How many wait, by core. The kernel lists sockets that listen before all others: no more than those is read.
    pub(super) fn look(&self) -> Vec<Queue> {
        let Ok(table) = File::open(self.table) else { return Vec::new() };
        self.found(BufReader::new(table))
    }

    fn found(&self, table: impl BufRead) -> Vec<Queue> {
        let rows = table.lines().map_while(Result::ok).skip(1);
        let listening = rows.map_while(|row| waiting(&row));
        let ours = listening.filter_map(|(inode, waiting)| {
            let (_, core) = self.sockets.iter().find(|(known, _)| *known == inode)?;
            Some((core, waiting))
        });
        let mut queues: Vec<Queue> = Vec::new();
        for (core, waiting) in ours.take(self.sockets.len()) {
            match queues.iter_mut().find(|known| known.core == *core) {
                // A core may have several.
                Some(known) => known.waiting += waiting,
                None => queues.push(Queue { core: core.clone(), waiting }),
            }
        }
        queues
    }
}

/// The inode and the length of the queue of a row, for as long as sockets listen.
fn waiting(row: &str) -> Option<(u64, u64)> {
    let mut fields = row.split_whitespace().skip(3);
    fields.next().filter(|state| *state == LISTENING)?;
    let (_, received) = fields.next()?.split_once(':')?;
    // Timer, retransmissions, owner and time-out are passed over.
    Some((fields.nth(4)?.parse().ok()?, u64::from_str_radix(received, 16).ok()?))
}

fn inode(socket: &Bound) -> Option<u64> {
    let link = read_link(format!("/proc/self/fd/{}", socket.as_fd().as_raw_fd())).ok()?;
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::net::listen::Sockets;

    /// The queues of these sockets, dealt to so many cores.
    fn queues(sockets: &[TcpListener], cores: usize) -> Queues {
        let sockets = sockets.iter().map(|socket| Bound::Tcp(socket.try_clone().unwrap()));
        let dealt = Sockets::handed_over(sockets.collect()).deal(cores).unwrap();
        Queues::of(dealt.iter().enumerate())
    }

    #[test]
    fn connections_that_nobody_takes_are_seen() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let sockets = [TcpListener::bind(address).unwrap(), TcpListener::bind(address).unwrap()];
            let (queues, both) = (queues(&sockets, 2), queues(&sockets, 1));
            let _waiting: Vec<_> =
                (0..3).map(|_| TcpStream::connect(sockets[1].local_addr().unwrap()).unwrap()).collect();
            let mut seen = queues.look();
            seen.sort_by(|one, other| one.core.cmp(&other.core));
            let queue = |core: &str, waiting| Queue { core: core.to_owned(), waiting };
            assert_eq!(seen, [queue("0", 0), queue("1", 3)], "{address}");
            assert_eq!(both.look(), [queue("0", 3)], "one core has both");
            sockets[1].accept().unwrap();
            assert!(queues.look().contains(&queue("1", 2)), "{address}");
        }
    }

    #[test]
    fn a_socket_that_is_shared_belongs_to_all() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        // A socket that was handed over is one, however often it is held.
        assert_eq!(queues(&[socket], 2).look(), [Queue { core: "all".to_owned(), waiting: 0 }]);
    }

    #[test]
    fn no_row_is_read_behind_those_that_listen() {
        let queues = Queues { sockets: vec![(7, "0".to_owned()), (9, "1".to_owned())], table: "" };
        let row = |state: &str, inode: u32| {
            format!(
                "   0: 0100007F:1F90 00000000:0000 {state} 00000000:0000000B 00:00000000 00000000  0  0 {inode} 1 x\n"
            )
        };
        let table = format!("  sl  local_address\n{}{}{}", row("0A", 7), row("01", 8), row("0A", 9));
        assert_eq!(queues.found(table.as_bytes()), [Queue { core: "0".to_owned(), waiting: 11 }]);
        for odd in ["", "x", "\n0: 1 2 0A", "\n0: 1 2 0A 1:z 3 4 5 6 7", "\n0: 1 2 0A 1:2 3 4 5 6 x"] {
            assert_eq!(queues.found(odd.as_bytes()), []);
        }
    }
}
