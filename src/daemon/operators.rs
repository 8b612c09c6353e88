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

/// A bound socket, held twice: by who serves it, and for whoever is to serve it next. All that can fail has been done,
/// so that no change is left half done.
pub(super) struct Rebound {
    kept: TcpListener,
    served: tokio::net::TcpListener,
}

impl Rebound {
    fn of(kept: TcpListener) -> anyhow::Result<Self> {
        let served = kept.try_clone().and_then(tokio::net::TcpListener::from_std);
        Ok(Self { kept, served: served.context("cannot share the operators' socket")? })
    }
}

impl Operators {
    /// Serves operators on a bound socket.
    pub(super) fn start(settings: &config::Admin, socket: TcpListener, admin: Admin) -> anyhow::Result<Self> {
        Ok(Self::serve(settings, Rebound::of(socket)?, admin))
    }

    fn serve(settings: &config::Admin, Rebound { kept, served }: Rebound, admin: Admin) -> Self {
        let admin = Admin { hosts: settings.hosts.clone().into(), ..admin };
        let (serving, over) = oneshot::channel();
        let asked = admin.clone();
        tokio::spawn(async move {
            let over = async { _ = over.await };
            if let Err(error) = admin::serve(served, asked, over).await {
                tracing::error!(%error, "the operators' side has ended");
            }
        });
        Self { settings: settings.clone(), socket: kept, admin, _serving: serving }
    }

    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Takes hold of the socket that other settings ask for, before anything is changed. None where they are the same.
    pub(super) fn rebind(&self, settings: &config::Admin) -> anyhow::Result<Option<Rebound>> {
        if *settings == self.settings {
            return Ok(None);
        }
        let socket = match settings.address == self.settings.address {
            true => self.socket.try_clone().context("cannot share the operators' socket")?,
            false => listen::bind_alone(settings.address)
                .with_context(|| format!("cannot listen on {} ([admin] address)", settings.address))?,
        };
        Rebound::of(socket).map(Some)
    }

    /// Serves by other settings from now on.
    pub(super) fn change(&mut self, settings: &config::Admin, rebound: Option<Rebound>) {
        if let Some(rebound) = rebound {
            *self = Self::serve(settings, rebound, self.admin.clone());
        }
    }
}
