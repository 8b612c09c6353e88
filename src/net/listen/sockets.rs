//! The listening sockets of all cores, dealt out to them.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use socket2::Socket;

use super::bound::{At, Bound};
use super::{Listeners, Owner, tcp, unix};

/// Listening sockets, of which each core is given its own. A hand on every one of them is kept here: so a core that
/// lets go of a socket does not close it, and what waits in it is taken by the core that is given it next.
#[derive(Debug)]
pub struct Sockets {
    all: Vec<Bound>,
    owner: Owner,
}

/// Sockets of other number for the cores, before anything has changed.
#[derive(Debug)]
pub struct Dealt {
    /// Those that are to be listened on.
    pub(super) new: Vec<Socket>,
    /// What each core gets.
    pub cores: Vec<Listeners>,
}

impl Sockets {
    /// Sockets of our own, one for each of `cores`; see [`tcp::bind_shared`].
    ///
    /// # Errors
    /// What the operating system says, for the first socket that cannot be had.
    pub fn bind(address: SocketAddr, cores: usize) -> io::Result<Self> {
        let all = tcp::bind_shared(address, cores)?.into_iter().map(Bound::Tcp).collect();
        Ok(Self { all, owner: Owner::Us })
    }

    /// One socket that nobody else shares.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn bind_alone(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { all: vec![Bound::Tcp(tcp::bind_alone(address)?)], owner: Owner::Us })
    }

    /// All of them for one who listens alone, who may be replaced by another.
    ///
    /// # Errors
    /// What the operating system says where a socket cannot be duplicated.
    pub fn whole(&self) -> io::Result<Listeners> {
        let sockets: io::Result<_> = self.all.iter().map(Bound::try_clone).collect();
        Ok(Listeners { sockets: sockets?, owner: self.owner.clone() })
    }

    /// A Unix socket, which all cores share. A file of one that nobody listens on any more is replaced, and ours is
    /// removed with the last hand on it.
    ///
    /// # Errors
    /// Somebody listens there, something else is there, or what the operating system says.
    pub fn bind_unix(path: &Path) -> io::Result<Self> {
        let (socket, file) = unix::bind(path)?;
        Ok(Self { all: vec![Bound::Unix(socket)], owner: Owner::File(Arc::new(file)) })
    }

    /// Takes a Unix socket of ours out of the file system, whoever still has a hand on it: nobody finds the way here any
    /// more.
    pub fn unlink(&self) {
        if let Owner::File(file) = &self.owner {
            file.remove();
        }
    }

    /// Handed-over ones. Whoever handed them over keeps them, with the connections that wait in them.
    pub fn handed_over(sockets: Vec<Bound>) -> Self {
        Self { all: sockets, owner: Owner::Others }
    }

    /// Where clients reach them, each address once.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn addresses(&self) -> io::Result<Vec<At>> {
        let mut each = Vec::new();
        for socket in &self.all {
            let at = socket.at()?;
            if !each.contains(&at) {
                each.push(at);
            }
        }
        Ok(each)
    }

    /// Deals them to so many cores, in turn: each core gets at least one, each socket at least one core. Of our own each
    /// core gets as many: what is left over is shared by all, since the kernel gives each socket an equal part of the
    /// connections.
    ///
    /// # Errors
    /// What the operating system says where a socket cannot be duplicated.
    pub fn deal(&self, cores: usize) -> io::Result<Vec<Listeners>> {
        self.dealt(&self.all.iter().collect::<Vec<_>>(), cores)
    }

    /// Deals them anew, with sockets of our own for cores that have none yet. Nothing has changed before
    /// [`Sockets::adopt`]: nobody can connect to the new ones.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn redeal(&self, cores: usize) -> io::Result<Dealt> {
        let mut new = Vec::new();
        if let (Owner::Us, Some(Bound::Tcp(first))) = (&self.owner, self.all.first()) {
            let address = first.local_addr()?;
            for _ in self.all.len()..cores {
                new.push(tcp::bind(address, true)?);
            }
        }
        let bound: io::Result<Vec<_>> = new.iter().map(|socket| Ok(Bound::Tcp(socket.try_clone()?.into()))).collect();
        let bound = bound?;
        let cores = self.dealt(&self.all.iter().chain(&bound).collect::<Vec<_>>(), cores)?;
        Ok(Dealt { new, cores })
    }

    /// Listens on what is new among those that were dealt: from now on what each core got has to be taken by it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn adopt(&mut self, dealt: Dealt) -> io::Result<Vec<Listeners>> {
        for socket in dealt.new {
            self.all.push(Bound::Tcp(tcp::listening(socket)?));
        }
        Ok(dealt.cores)
    }

    fn dealt(&self, sockets: &[&Bound], cores: usize) -> io::Result<Vec<Listeners>> {
        let mut dealt: Vec<_> =
            (0..cores).map(|_| Listeners { sockets: Vec::new(), owner: self.owner.clone() }).collect();
        let left_over = match self.owner {
            Owner::Us if sockets.len() > cores => sockets.len() % cores,
            _ => 0,
        };
        let (in_turn, shared) = sockets.split_at(sockets.len() - left_over);
        for turn in 0..in_turn.len().max(cores) {
            dealt[turn % cores].sockets.push(in_turn[turn % in_turn.len()].try_clone()?);
        }
        for core in &mut dealt {
            for socket in shared {
                core.sockets.push(socket.try_clone()?);
            }
        }
        Ok(dealt)
    }
}
