//! The official SDKs.
