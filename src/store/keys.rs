//! API keys, as they are kept.

use tokio::sync::watch;

use crate::model::ApiKey;
use crate::seal::KeyDigest;

use super::StoreError;

/// A key, and what it is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What operators see of it.
    pub facts: ApiKey,
    /// SHA-256 of its secret.
    pub digest: KeyDigest,
    /// The same of the secret before that one; `facts.rotated` says until when it is taken.
    pub before: Option<KeyDigest>,
}

/// Another secret for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// What is kept of it.
    pub digest: KeyDigest,
    /// When it was made.
    pub at: u64,
    /// From when on the one before is not taken.
    pub until: u64,
}

/// Where keys are kept. Times are seconds since 1970, given by the caller.
///
/// What was answered is there after a crash. Of several at once each is done whole, in some order.
pub trait KeyBook {
    /// All keys, the oldest first, those that are revoked among them.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn all(&self) -> impl Future<Output = Result<Vec<Key>, StoreError>> + Send;

    /// Keeps another one.
    ///
    /// # Errors
    /// Why it is not kept; one of that id or with that secret among it.
    fn add(&self, key: Key) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Marks one as revoked; one that was keeps its time. Gives it as it is kept.
    ///
    /// # Errors
    /// There is no such key, or why it is not marked.
    fn revoke(&self, id: &str, at: u64) -> impl Future<Output = Result<Key, StoreError>> + Send;

    /// Gives one another secret. The one before that one is forgotten. Gives it as it is kept.
    ///
    /// # Errors
    /// There is no such key, it is revoked or has expired, or why it is not kept.
    fn rotate(&self, id: &str, rotation: Rotation) -> impl Future<Output = Result<Key, StoreError>> + Send;

    /// Writes down when keys were used last. What is later stays; ids that are not there are passed over.
    ///
    /// # Errors
    /// Why it is not written down.
    fn used(&self, uses: Vec<(Box<str>, u64)>) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Moves on whenever keys have changed, but for their use: by us, and where the store is shared by others. It may do so
    /// without a change.
    fn key_changes(&self) -> watch::Receiver<u64>;
}
