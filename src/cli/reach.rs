//! How commands about what a data directory holds get there: straight, where no daemon has it, else over the daemon.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use serde_json::Value;
use tokio::runtime::Builder;

use super::{FAILED, configuration, fail, refuse, source};
use crate::{
    config::{self, Admin, AdminAddress, Settings},
    daemon::admin_client::{AdminClient, Fault},
    store::{LOCK_PATIENCE, StoreError},
};

/// Exit code where a dependency is out of reach.
const OUT_OF_REACH: u8 = 3;

// No doc comment: it would become the description of each command that has these options.
#[derive(Debug, Args)]
pub(super) struct Reach {
    /// The configuration of the daemon [default: ./weir.toml, then /etc/weir/weir.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where a daemon that runs is reached [default: as the configuration says, else 127.0.0.1:9901]
    #[arg(long, value_name = "ADDR", value_parser = AdminAddress::parse)]
    admin: Option<AdminAddress>,
    /// The data directory of the daemon [default: $STATE_DIRECTORY, then ./weir-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// The same as an order to a daemon: method, path and document.
pub(super) type Order<'a> = (&'a str, &'a str, Option<Value>);

/// Where the store is.
pub(super) struct At<'a> {
    pub(super) store: &'a config::Store,
    pub(super) data: &'a Path,
}

impl Reach {
    /// Does this in the data directory, waiting so long for another process; or has the daemon do it that has the store.
    /// In a store that is shared whoever runs does it, so that it has been done there when this returns. Whatever went wrong
    /// has been said; the code is what to end with.
    pub(super) fn ask(
        &self,
        here: impl Fn(&At<'_>, Duration) -> Result<Value, StoreError>,
        order: Order<'_>,
    ) -> Result<Value, ExitCode> {
        self.go(true, here, order)
    }

    /// The same of what a daemon that runs may hold without having the store: it is asked before anything is done here.
    pub(super) fn ask_first(
        &self,
        here: impl Fn(&At<'_>, Duration) -> Result<Value, StoreError>,
        order: Order<'_>,
    ) -> Result<Value, ExitCode> {
        self.go(false, here, order)
    }

    fn go(
        &self,
        is_straight: bool,
        here: impl Fn(&At<'_>, Duration) -> Result<Value, StoreError>,
        order: Order<'_>,
    ) -> Result<Value, ExitCode> {
        let (data, store) = (source::data(self.data.clone()), self.store()?);
        let here = |patience| here(&At { store: &store, data: &data }, patience);
        if is_straight && store.postgres.is_none() {
            match here(Duration::ZERO) {
                Err(StoreError::Held(_)) => {}
                done => return done.map_err(failed),
            }
        }
        match self.call(&data, order)? {
            Ok(answer) => Ok(answer),
            // Another command had it for a moment; or it is a daemon of another configuration.
            Err(Fault::NoDaemon(why)) => here(LOCK_PATIENCE).map_err(|error| match error {
                StoreError::Held(_) => fail(OUT_OF_REACH, format!("{error}; {why}: name its address (--admin)")),
                other => failed(other),
            }),
            Err(fault) => Err(missed(&fault)),
        }
    }

    /// Has the daemon do it that runs. Whatever went wrong has been said; the code is what to end with.
    pub(super) fn ask_the_daemon(&self, order: Order<'_>) -> Result<Value, ExitCode> {
        let data = source::data(self.data.clone());
        self.call(&data, order)?.map_err(|fault| missed(&fault))
    }

    fn call(&self, data: &Path, (method, path, document): Order<'_>) -> Result<Result<Value, Fault>, ExitCode> {
        let client = AdminClient::new(&self.admin()?, data).map_err(|fault| fail(FAILED, fault))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| fail(FAILED, format!("cannot make a runtime: {error}")))?;
        Ok(runtime.block_on(client.call(method, path, document)))
    }

    /// The configuration, where there is one. What is wrong with it has been said; the code is what to end with.
    pub(super) fn settings(&self) -> Result<Option<Settings>, ExitCode> {
        let settings = configuration(self.config.as_deref()).map(Settings::load).transpose();
        settings.map_err(|report| refuse(&report))
    }

    /// Where keys are kept. Without a configuration in the data directory.
    fn store(&self) -> Result<config::Store, ExitCode> {
        Ok(self.settings()?.map(|settings| settings.store).unwrap_or_default())
    }

    /// Where the daemon is reached.
    fn admin(&self) -> Result<Admin, ExitCode> {
        let admin = match (self.settings()?, &self.admin) {
            (Some(settings), None) => settings.admin,
            (_, Some(address)) => at(address.clone()),
            (None, None) => at(AdminAddress::default()),
        };
        Ok(admin)
    }
}

/// Says why a daemon has not done it.
fn missed(fault: &Fault) -> ExitCode {
    match fault {
        Fault::Refused { .. } => fail(FAILED, fault),
        Fault::NoDaemon(_) | Fault::Broken(_) => fail(OUT_OF_REACH, fault),
    }
}

fn failed(error: StoreError) -> ExitCode {
    fail(if error.is_away() { OUT_OF_REACH } else { FAILED }, error)
}

fn at(address: AdminAddress) -> Admin {
    Admin { address, hosts: Vec::new(), open: true, audience: None }
}
