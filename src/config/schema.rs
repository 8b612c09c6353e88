//! The JSON Schema of the file (draft 2020-12), made from the shapes that the decoder reads by: editors complete keys,
//! show what they are for, and mark what is out of bounds.

use serde_json::{Map, Value as Json, json};

use super::{
    auth, authorization, bounds, command, endpoint, listen, root, rules, secret,
    shape::{Key, Kind, Shape, Value},
    store, telemetry, tls,
};

/// The schema as text.
pub fn json() -> String {
    let mut schema = object(&root::SHAPE);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "weir.toml",
        "description": "The configuration of weir, a gateway for MCP servers.",
        "required": ["servers"],
    });
    if let (Json::Object(schema), Json::Object(head)) = (&mut schema, head) {
        let body = std::mem::replace(schema, head);
        schema.extend(body);
    }
    // Serialising a tree of ours cannot fail.
    format!("{schema:#}\n")
}

fn object(shape: &Shape) -> Json {
    let mut properties = Map::new();
    for key in shape.keys {
        let mut property = match inside(shape, key.name) {
            Some((inner, false)) => object(inner),
            Some((inner, true)) => json!({ "type": "array", "items": object(inner) }),
            None => value(shape, key),
        };
        if let Json::Object(property) = &mut property {
            if !key.about.is_empty() {
                property.insert("description".into(), words(key.about).into());
            }
            match key.default {
                Value::Absent | Value::Other(_) => {}
                Value::Text(text) => _ = property.insert("default".into(), text.into()),
                Value::Number(number) => _ = property.insert("default".into(), number.into()),
                Value::Real(real) => _ = property.insert("default".into(), real.into()),
                Value::Flag(flag) => _ = property.insert("default".into(), flag.into()),
            }
        }
        properties.insert(key.name.into(), property);
    }
    json!({ "type": "object", "description": words(shape.about), "properties": properties, "additionalProperties": false })
}

/// The table that stands under a key, and whether it is a list of them.
pub(super) fn inside(shape: &Shape, key: &str) -> Option<(&'static Shape, bool)> {
    let within = format!("{}.{key}", shape.title.trim_matches(['[', ']']));
    let titles = [format!("[[{key}]]"), format!("[{key}]"), format!("[[{within}]]"), format!("[{within}]")];
    let same = |title: &str| titles.iter().any(|wanted| wanted == title);
    if shape.title.is_empty() || shape.title == auth::SHAPE.title {
        let found = root::TABLES.iter().find(|table| same(table.title))?;
        return Some((found, found.title.starts_with("[[")));
    }
    match (shape.title, key) {
        ("[listen]", "tls") => Some((&listen::tls::SHAPE, false)),
        ("`tls` of [listen]", "certificates") => Some((&listen::tls::PAIR, true)),
        ("[[servers]]", "tls") => Some((&tls::SHAPE, false)),
        ("[[servers]]", "authorization") => Some((&authorization::SHAPE, false)),
        ("`authorization` of a server", "value") => Some((&secret::SHAPE, false)),
        ("`authorization` of a server", "client_credentials") => Some((&authorization::CLIENT_CREDENTIALS, false)),
        ("`authorization` of a server", "exchange") => Some((&authorization::EXCHANGE, false)),
        (title, "client") if title.ends_with("of an `authorization`") => Some((&authorization::WHO, false)),
        ("`client` of these", "secret") => Some((&secret::SHAPE, false)),
        ("[[servers]]", "processes") => Some((&command::PROCESSES, false)),
        ("[[servers]]", "process_limits") => Some((&command::LIMITS, false)),
        ("[[routes]]", "bounds") => Some((&bounds::SHAPE, true)),
        ("[auth.mtls]", "grants") => Some((&auth::mtls::GRANT, true)),
        ("[[auth.introspection]]", "client") => Some((&auth::introspection::CLIENT, false)),
        ("`client` of [[auth.introspection]]", "secret") => Some((&secret::SHAPE, false)),
        ("[[rules]]", "set") => Some((&rules::SET, false)),
        ("`then` of [[rules]]", "route") => Some((&rules::SHARE, true)),
        ("`then` of [[rules]]", "hold") => Some((&rules::HOLD, false)),
        ("`set` of [[rules]]", "arguments") => Some((&rules::ARGUMENTS, false)),
        ("`set` of [[rules]]", "fault") => Some((&rules::FAULT, false)),
        ("`set` of [[rules]]", "cache") => Some((&rules::CACHE, false)),
        ("`set` of [[rules]]", "retry") => Some((&rules::RETRY, false)),
        ("[keys]", "ring") => Some((&secret::SHAPE, false)),
        ("[store]", "postgres") => Some((&store::POSTGRES, false)),
        ("`postgres` of [store]", "url") => Some((&secret::SHAPE, false)),
        ("[telemetry]", "log") => Some((&telemetry::LOG, false)),
        ("[telemetry]", "traces") => Some((&telemetry::TRACES, false)),
        _ => None,
    }
}

fn value(shape: &Shape, Key { name, kind, .. }: &Key) -> Json {
    let pattern = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match *kind {
        Kind::Size(..) => pattern("^[0-9]+(B|KiB|MiB|GiB)$"),
        Kind::Time(..) => pattern("^[0-9]+(ms|s|m|h|d)$"),
        Kind::TimeOrNone(..) => pattern("^([0-9]+(ms|s|m|h|d)|none)$"),
        Kind::Percent(..) => pattern("^[0-9]{1,3}%$"),
        Kind::Count(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Share => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::Choice(choices) => json!({ "enum": choices }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Table(_) if (shape.title, *name) == ("[[servers]]", "environment") => {
            let value = json!({ "anyOf": [{ "type": "string" }, object(&secret::SHAPE)] });
            json!({ "type": "object", "additionalProperties": value })
        }
        Kind::Table(_) if (shape.title, *name) == ("[[auth.jwt]]", "jwks") => {
            json!({ "anyOf": [{ "type": "string" }, object(&auth::jwt::JWKS)] })
        }
        Kind::Table(_) if (shape.title, *name) == ("[[rules]]", "then") => {
            json!({ "anyOf": [{ "enum": ["pass", "refuse", "queue"] }, object(&rules::THEN)] })
        }
        Kind::Table(_) if (shape.title, *name) == ("`set` of [[rules]]", "mirror") => {
            json!({ "anyOf": [{ "type": "string" }, object(&rules::MIRROR)] })
        }
        Kind::Table(_) if *name == "headers" => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        Kind::Table(_) if ["answer", "set"].contains(name) => json!({ "type": "object" }),
        Kind::Text(_) | Kind::Table(_) => json!({ "type": "string" }),
        Kind::List(_) if (shape.title, *name) == ("[[servers]]", "endpoints") => {
            let item = json!({ "anyOf": [{ "type": "string" }, object(&endpoint::SHAPE)] });
            json!({ "type": "array", "items": item, "minItems": 1, "maxItems": 64 })
        }
        Kind::List(_) => json!({ "type": "array", "items": { "type": "string" } }),
    }
}

/// A text without the marks of Markdown.
fn words(text: &str) -> String {
    text.replace('`', "")
}
