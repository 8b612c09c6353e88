//! The store of a daemon, opened once anybody needs it; one that nodes share at the start. It lasts as long as the daemon.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config;
use crate::store::{LOCK_PATIENCE, Store, StoreError};

use super::Failure;

#[derive(Clone, Debug)]
pub(super) struct Stores {
    settings: config::Store,
    data: PathBuf,
    opened: Arc<Mutex<Option<Arc<Store>>>>,
}

impl Stores {
    pub(super) fn new(settings: &config::Store, data: &Path) -> Self {
        Self { settings: settings.clone(), data: data.to_owned(), opened: Arc::default() }
    }

    /// It, opened where that has not been done; that may take a while.
    pub(super) fn open(&self) -> Result<Arc<Store>, StoreError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &*opened {
            return Ok(Arc::clone(store));
        }
        let store = Arc::new(Store::open(&self.settings, &self.data, LOCK_PATIENCE)?);
        *opened = Some(Arc::clone(&store));
        Ok(store)
    }

    /// Opens one that nodes share: without it a node does not start.
    pub(super) fn open_if_shared(&self) -> Result<(), Failure> {
        if self.settings.postgres.is_some() {
            self.open().map_err(Failure::of_store)?;
        }
        Ok(())
    }

    /// It, where it is open.
    pub(super) fn opened(&self) -> Option<Arc<Store>> {
        // Whoever opens it may be at it for a while.
        self.opened.try_lock().ok().and_then(|opened| opened.clone())
    }

    /// Lets go of it. Whoever still works with it keeps it open that long.
    pub(super) fn close(&self) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
