//! `[auth.api_keys]`: the keys that `weir keys` makes.

use super::{Key, Kind, Shape, Value};

/// Who vouches for their owners; no issuer of tokens may be called so.
pub(super) const ISSUER: &str = "weir-api-keys";

pub(in crate::config) const SHAPE: Shape = Shape {
    title: "[auth.api_keys]",
    about: "API keys, made with `weir keys add`: sent as `Authorization: Bearer KEY` or `X-API-Key: KEY`. They are kept in the \
            store, the one of the data directory (`store/weir.db`, mode 0600) or that of [store], as their SHA-256 alone; the issuer of their owners is \
            `weir-api-keys`.",
    keys: &[Key { name: "enabled", kind: Kind::Flag, default: Value::Flag(false), about: "Those keys are taken." }],
    unbuilt: &[],
};
