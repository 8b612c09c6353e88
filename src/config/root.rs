//! The sections of the file.

use super::{
    shape::{Key, Kind, Shape, Value},
    *,
};

/// The file as a whole.
pub(super) const SHAPE: Shape = Shape {
    title: "",
    about: "",
    keys: &[
        Key {
            name: "include",
            kind: Kind::List("paths from this file's directory, [\"conf.d/*.toml\"]"),
            default: Value::Absent,
            about: "",
        },
        table("listen", "a section, [listen]"),
        table("http", "a section, [http]"),
        table("drain", "a section, [drain]"),
        table("admin", "a section, [admin]"),
        table("keys", "a section, [keys]"),
        table("servers", "a list of sections, [[servers]]"),
        table("routes", "a list of sections, [[routes]]"),
        table("auth", "a section, [auth]"),
        table("fetch", "a section, [fetch]"),
        table("roles", "a list of sections, [[roles]]"),
        table("rules", "a list of sections, [[rules]]"),
        table("rule_groups", "a list of sections, [[rule_groups]]"),
        table("store", "a section, [store]"),
        table("limits", "a list of sections, [[limits]]"),
        table("reload", "a section, [reload]"),
        table("telemetry", "a section, [telemetry]"),
    ],
    unbuilt: &["cluster", "cache", "queue", "audit"],
};

/// Every table of the file in the order of the reference, those inside others behind them.
pub(super) const TABLES: &[&Shape] = &[
    &listen::SHAPE,
    &listen::tls::SHAPE,
    &listen::tls::PAIR,
    &http::SHAPE,
    &drain::SHAPE,
    &admin::SHAPE,
    &keys::SHAPE,
    &secret::SHAPE,
    &servers::SHAPE,
    &endpoint::SHAPE,
    &tls::SHAPE,
    &authorization::SHAPE,
    &authorization::CLIENT_CREDENTIALS,
    &authorization::EXCHANGE,
    &authorization::WHO,
    &command::PROCESSES,
    &command::LIMITS,
    &routes::SHAPE,
    &bounds::SHAPE,
    &auth::SHAPE,
    &auth::jwt::SHAPE,
    &auth::jwt::JWKS,
    &auth::introspection::SHAPE,
    &auth::introspection::CLIENT,
    &auth::api_keys::SHAPE,
    &auth::local::SHAPE,
    &auth::mtls::SHAPE,
    &auth::mtls::GRANT,
    &auth::anonymous::SHAPE,
    &fetch::SHAPE,
    &roles::SHAPE,
    &rules::SHAPE,
    &rules::THEN,
    &rules::SHARE,
    &rules::HOLD,
    &rules::SET,
    &rules::ARGUMENTS,
    &rules::FAULT,
    &rules::MIRROR,
    &rules::CACHE,
    &rules::RETRY,
    &rules::GROUP,
    &store::SHAPE,
    &store::POSTGRES,
    &limits_shape::SHAPE,
    &reload::SHAPE,
    &telemetry::SHAPE,
    &telemetry::LOG,
    &telemetry::TRACES,
];

const fn table(name: &'static str, what: &'static str) -> Key {
    Key { name, kind: Kind::Table(what), default: Value::Absent, about: "" }
}
