//! The operators' side as the daemon holds it: it is started anew where `[admin]` changes, and nobody is cut off.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::{oneshot, watch};

use crate::admin::{self, Access, Admin};
use crate::config::{self, AdminAddress};
use crate::net::listen::{Acceptor, At, Sockets};
use crate::seal::OperatorKey;

/// The operators' listener, and what it is served with.
pub(super) struct Operators {
    settings: config::Admin,
    /// Where the key of operators is kept.
    data: PathBuf,
    sockets: Arc<Sockets>,
    admin: Admin,
    access: watch::Sender<Arc<Access>>,
    /// Dropped, it lets the running one end: it accepts no more and answers what it was asked.
    serving: oneshot::Sender<()>,
}

/// A bound socket, held twice: by who serves it, and for whoever is to serve it next. All that can fail has been done,
/// so that no change is left half done.
pub(super) struct Rebound {
    kept: Arc<Sockets>,
    served: Acceptor,
}

impl Rebound {
    fn of(kept: Arc<Sockets>) -> anyhow::Result<Self> {
        let served = kept.whole().and_then(|listeners| listeners.accept());
        Ok(Self { kept, served: served.context("cannot share the operators' socket")? })
    }
}

/// Binds what `[admin] address` says.
pub(super) fn bind(settings: &config::Admin) -> anyhow::Result<Sockets> {
    let address = &settings.address;
    let bound = match address {
        AdminAddress::Tcp(address) => Sockets::bind_alone(*address),
        AdminAddress::Unix(path) => Sockets::bind_unix(path),
    };
    bound.with_context(|| format!("cannot listen on {address} ([admin] address, --admin)"))
}

impl Operators {
    /// Serves operators on a bound socket. `access` is what the receiver in `admin` is told by.
    pub(super) fn start(
        settings: &config::Admin,
        data: PathBuf,
        sockets: Sockets,
        admin: Admin,
        access: watch::Sender<Arc<Access>>,
    ) -> anyhow::Result<Self> {
        let rebound = Rebound::of(Arc::new(sockets))?;
        let (admin, serving) = serve(settings, &data, rebound.served, admin);
        Ok(Self { settings: settings.clone(), data, sockets: rebound.kept, admin, access, serving })
    }

    /// Where they are reached.
    pub(super) fn address(&self) -> anyhow::Result<At> {
        self.sockets.addresses()?.pop().context("the operators' socket has no address")
    }

    /// Takes hold of the socket that other settings ask for, before anything is changed. None where they are the same.
    pub(super) fn rebind(&self, settings: &config::Admin) -> anyhow::Result<Option<Rebound>> {
        if *settings == self.settings {
            return Ok(None);
        }
        let sockets = match settings.address == self.settings.address {
            true => Arc::clone(&self.sockets),
            false => Arc::new(bind(settings)?),
        };
        Rebound::of(sockets).map(Some)
    }

    /// Serves by other settings from now on, and lets in who is an operator by them.
    pub(super) fn change(&mut self, settings: &config::Admin, rebound: Option<Rebound>, access: Access) {
        self.access.send_replace(Arc::new(access));
        if let Some(Rebound { kept, served }) = rebound {
            (self.admin, self.serving) = serve(settings, &self.data, served, self.admin.clone());
            (self.settings, self.sockets) = (settings.clone(), kept);
        }
    }
}

impl Drop for Operators {
    /// Who serves has a hand on the sockets, too, and may not come to drop it before the process ends.
    fn drop(&mut self) {
        self.sockets.unlink();
    }
}

fn serve(settings: &config::Admin, data: &Path, served: Acceptor, admin: Admin) -> (Admin, oneshot::Sender<()>) {
    let key = match &settings.address {
        AdminAddress::Unix(_) => None,
        // A daemon whose data directory cannot be written may have its ring from elsewhere, and runs without.
        AdminAddress::Tcp(_) => OperatorKey::open_or_create(data)
            .inspect_err(
                |why| tracing::warn!(%why, "operators have no key on loopback; a token, or a Unix socket, does"),
            )
            .ok(),
    };
    let admin = Admin { hosts: settings.hosts.clone().into(), key: key.map(Arc::new), ..admin };
    let (serving, over) = oneshot::channel();
    let asked = admin.clone();
    tokio::spawn(async move {
        let over = async { _ = over.await };
        if let Err(error) = admin::serve(served, asked, over).await {
            tracing::error!(%error, "the operators' side has ended");
        }
    });
    (admin, serving)
}
