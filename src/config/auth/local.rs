//! `[auth.local]`: the tokens that `weir token` makes.

use super::{Key, Kind, Shape, Value};

pub(in crate::config) const SHAPE: Shape = Shape {
    title: "[auth.local]",
    about: "Tokens of `weir token`, for development and for machines. They are signed with a key that the data directory \
            keeps (`keys/token`, mode 0600), made at the first start or the first token; their issuer is `[listen] public_url`, \
            or what the address comes to.",
    keys: &[Key { name: "enabled", kind: Kind::Flag, default: Value::Flag(false), about: "Those tokens are taken." }],
    unbuilt: &[],
};
