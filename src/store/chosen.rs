//! The store that the configuration names.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use crate::config;
use crate::model::stored::{Author, Edition, RuleChange, StoredRules};

use super::{Embedded, Key, KeyBook, Postgres, Rotation, RuleBook, Seen, StoreError};

/// One of the back ends.
#[derive(Debug)]
pub enum Store {
    /// In the data directory.
    Embedded(Embedded),
    /// Shared by nodes.
    Postgres(Postgres),
}

impl Store {
    /// Opens the one that is named; what another process has, or what is away, is waited for that long. Blocks: not for a
    /// task.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open(settings: &config::Store, data: &Path, patience: Duration) -> Result<Self, StoreError> {
        match &settings.postgres {
            Some(postgres) => Postgres::open(postgres, patience).map(Self::Postgres),
            None => Embedded::open(data, patience).map(Self::Embedded),
        }
    }

    /// Whether there is one; changes nothing. Of a database that is found out by opening it.
    ///
    /// # Errors
    /// There is none.
    pub fn is_there(settings: &config::Store, data: &Path) -> Result<(), StoreError> {
        match settings.postgres {
            Some(_) => Ok(()),
            None => Embedded::is_there(data),
        }
    }

    /// Copies all of it to a new file, as [`Embedded::backup`] does.
    ///
    /// # Errors
    /// Why there is no copy; a database is for its own tools.
    pub async fn backup(&self, to: &Path) -> Result<u64, StoreError> {
        match self {
            Self::Embedded(store) => store.backup(to).await,
            Self::Postgres(store) => Err(StoreError::ByItsTools(store.at().to_owned())),
        }
    }

    /// Whether it is away, and why; `None` of one that cannot be.
    pub fn away(&self) -> Option<watch::Receiver<Option<String>>> {
        match self {
            Self::Embedded(_) => None,
            Self::Postgres(store) => Some(store.away()),
        }
    }

    /// The one that nodes share, which keeps their leases.
    pub fn shared(&self) -> Option<&Postgres> {
        match self {
            Self::Embedded(_) => None,
            Self::Postgres(store) => Some(store),
        }
    }

    /// How a database fares.
    pub fn look(&self) -> Option<Seen> {
        match self {
            Self::Embedded(_) => None,
            Self::Postgres(store) => Some(store.look()),
        }
    }
}

impl KeyBook for Store {
    async fn all(&self) -> Result<Vec<Key>, StoreError> {
        match self {
            Self::Embedded(store) => store.all().await,
            Self::Postgres(store) => store.all().await,
        }
    }

    async fn add(&self, key: Key) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => store.add(key).await,
            Self::Postgres(store) => store.add(key).await,
        }
    }

    async fn revoke(&self, id: &str, at: u64) -> Result<Key, StoreError> {
        match self {
            Self::Embedded(store) => store.revoke(id, at).await,
            Self::Postgres(store) => store.revoke(id, at).await,
        }
    }

    async fn rotate(&self, id: &str, rotation: Rotation) -> Result<Key, StoreError> {
        match self {
            Self::Embedded(store) => store.rotate(id, rotation).await,
            Self::Postgres(store) => store.rotate(id, rotation).await,
        }
    }

    async fn used(&self, uses: Vec<(Box<str>, u64)>) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => store.used(uses).await,
            Self::Postgres(store) => store.used(uses).await,
        }
    }

    fn key_changes(&self) -> watch::Receiver<u64> {
        match self {
            Self::Embedded(store) => store.key_changes(),
            Self::Postgres(store) => store.key_changes(),
        }
    }
}

impl RuleBook for Store {
    async fn rules(&self) -> Result<StoredRules, StoreError> {
        match self {
            Self::Embedded(store) => store.rules().await,
            Self::Postgres(store) => store.rules().await,
        }
    }

    async fn rules_at(&self, version: u64) -> Result<StoredRules, StoreError> {
        match self {
            Self::Embedded(store) => store.rules_at(version).await,
            Self::Postgres(store) => store.rules_at(version).await,
        }
    }

    async fn change(&self, on: u64, change: RuleChange, author: Author) -> Result<StoredRules, StoreError> {
        match self {
            Self::Embedded(store) => store.change(on, change, author).await,
            Self::Postgres(store) => store.change(on, change, author).await,
        }
    }

    async fn history(&self, before: Option<u64>, most: usize) -> Result<Vec<Edition>, StoreError> {
        match self {
            Self::Embedded(store) => store.history(before, most).await,
            Self::Postgres(store) => store.history(before, most).await,
        }
    }

    fn rule_changes(&self) -> watch::Receiver<u64> {
        match self {
            Self::Embedded(store) => store.rule_changes(),
            Self::Postgres(store) => store.rule_changes(),
        }
    }
}
