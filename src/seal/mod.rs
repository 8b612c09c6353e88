//! Ids and state that only we can open.
//!
//! What a client keeps for us (a session id, a cursor, a task id, a `requestState`) is sealed: encrypted, and
//! bound to its purpose, route and caller, so that an altered, foreign or outdated one reads like an unknown one.
//!
//! ```text
//! KeyRing          up to 16 master keys, newest first, the same on every node      (ring.rs, kept by vault.rs)
//!   | HKDF-SHA256, one sub-key a key and purpose
//! Sealer           base64url( version | key id | nonce | AES-256-GCM-SIV )          (sealer.rs)
//!   | context: route, principal
//! SessionId        what a sealed `Mcp-Session-Id` carries                          (session.rs)
//! Asserter         signs who a caller is, by Ed25519 keys of the same derivation    (asserter.rs)
//! Binder           cursors, `requestState` and task ids, bound to server as well   (opaque.rs)
//! ```
//!
//! GCM-SIV and not GCM: nonces are random and three nodes share a key, so a repeated nonce has to be survivable; with
//! GCM-SIV it reveals only that two equal texts were sealed. AEAD and HKDF are used nowhere else in the crate.

pub mod session;

mod api_key;
mod asserter;
mod context;
mod digest;
mod opaque;
mod operator_key;
mod ring;
mod sealer;
mod short;
mod signing;
mod vault;

pub use api_key::{KeyDigest, KeySecret, is_like_a_key, key_digest, key_id, sha256};
pub use asserter::Asserter;
pub use digest::digest_of;
pub use opaque::{Binder, Opaque, Opaques};
pub use operator_key::OperatorKey;
pub use ring::{KeyRing, RingError};
pub use sealer::{Purpose, Sealer};
pub use short::Short;
pub use signing::SigningKey;
pub use vault::VaultError;
