//! The operators' side as the daemon holds it: it is started anew where `[admin]` changes, and nobody is cut off.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context;
use tokio::sync::oneshot;

use crate::admin::{self, Admin};
use crate::config;
use crate::net::listen;

/// The operators' listener, and what it is served with.
pub(super) struct Operators {
    settings: config::Admin,
    socket: TcpListener,
    admin: Admin,
    /// Dropped, it lets the running one end: it accepts no more and answers what it was asked.
    _serving: oneshot::Sender<()>,
}

/// A socket for other settings, bound before anything is changed.
pub(super) enum Rebound {
    /// The address stays.
    Same,
    /// Another address.
    Other(TcpListener),
}

impl Operators {
    /// Serves operators on a bound socket.
    pub(super) fn start(settings: &config::Admin, socket: TcpListener, admin: Admin) -> anyhow::Result<Self> {
        let admin = Admin { hosts: settings.hosts.clone().into(), ..admin };
        let (serving, over) = oneshot::channel();
        let (listener, served) = (socket.try_clone().context("cannot share the operators' socket")?, admin.clone());
        tokio::spawn(async move {
            let over = async { _ = over.await };
            if let Err(error) = admin::serve(listener, served, over).await {
                tracing::error!(%error, "the operators' side has ended");
            }
        });
        Ok(Self { settings: settings.clone(), socket, admin, _serving: serving })
    }

    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Binds what other settings ask for.
    pub(super) fn rebind(&self, settings: &config::Admin) -> anyhow::Result<Rebound> {
        if settings.address == self.settings.address {
            return Ok(Rebound::Same);
        }
        let bound = listen::bind_alone(settings.address);
        Ok(Rebound::Other(bound.with_context(|| format!("cannot listen on {} ([admin] address)", settings.address))?))
    }

    /// Serves by other settings from now on.
    pub(super) fn change(&mut self, settings: &config::Admin, rebound: Rebound) -> anyhow::Result<()> {
        let socket = match rebound {
            Rebound::Same if *settings == self.settings => return Ok(()),
            Rebound::Same => self.socket.try_clone().context("cannot share the operators' socket")?,
            Rebound::Other(socket) => socket,
        };
        *self = Self::start(settings, socket, self.admin.clone())?;
        Ok(())
    }
}
