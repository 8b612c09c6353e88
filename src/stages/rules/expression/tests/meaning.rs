//! What expressions say of a message.

use super::super::{Expected, Needs};
use super::world::{World, compiled};
use crate::model::Principal;

/// Arguments of the call.
const ARGUMENTS: &str = r#"{"path":"/etc/passwd","mode":7,"ratio":0.5,"force":true,"none":null,"big":9223372036854775808,
    "odd":1e400,"long":18446744073709551616,"esc":"a\"b\u00e9","e\u0301":1,"tags":["a","b","c"],"sizes":[1,2.0,3],
    "opts":{"deep":{"er":"x"},"n":1},"rows":[{"id":1},{"id":2}],"when":"2026-11-28T12:00:00Z","empty":[]}"#;

#[track_caller]
fn holds(world: &World, all: &[&str]) {
    for text in all {
        assert_eq!(world.decide(text), Ok(true), "{text}");
    }
}

#[track_caller]
fn fails(world: &World, all: &[(&str, &str)]) {
    for (text, message) in all {
        match world.decide(text) {
            Err(failed) => assert_eq!(failed.message, *message, "{text}"),
            Ok(decided) => panic!("{text}: {decided}"),
        }
    }
}

#[test]
fn names_are_what_the_facts_say() {
    holds(
        &World::calling(ARGUMENTS),
        &[
            "principal.subject == 'ann' && principal.issuer == 'https://idp.example'",
            "'operator' in principal.roles && !('admin' in principal.roles) && size(principal.roles) == 2",
            "principal.roles[0] == 'user' && principal.scopes == ['files:write'] && !principal.anonymous",
            "message.method == 'tools/call' && message.name == 'write_file' && message.uri == '' && message.era == 'modern'",
            "has(message.name) && !has(message.uri)",
            "message.tool.name == 'write_file' && message.tool.description == 'Writes'",
            "request.path == '/mcp' && request.route == 'main' && request.address == '192.0.2.7'",
            "request.headers['X-Team'] == 'blue' && request.headers.accept == 'a, b' && 'ACCEPT' in request.headers",
            "has(request.headers.accept) && !has(request.headers.cookie) && !('cookie' in request.headers)",
            "request.headers.exists(name, name == 'x-team')",
            "server == 'files'",
            "time > timestamp('2026-11-28T14:30:44Z') && time.getHours() == 14 && time.getHours('+02:00') == 16",
            "time.getDayOfWeek() == 6 && time.getMonth() == 10 && time.getDate() == 28 && int(time) == 1795876245",
        ],
    );
}

#[test]
fn the_anonymous_caller_has_no_name() {
    let world = World { principal: Principal::anonymous(Box::default()), ..World::calling("{}") };
    holds(
        &world,
        &["principal.anonymous && principal.subject == '' && !has(principal.issuer) && principal.roles == []"],
    );
}

#[test]
fn arguments_are_read_where_they_stand() {
    holds(
        &World::calling(ARGUMENTS),
        &[
            "arguments.path.startsWith('/etc/') && arguments['path'].endsWith('wd') && arguments.path.contains('pass')",
            "arguments.mode == 7 && arguments.mode == 7.0 && arguments.mode == 7u && arguments.mode != '7'",
            "arguments.mode > 6 && arguments.mode < 7.5 && arguments.mode + 1 == 8 && arguments.ratio * 2 == 1",
            "arguments.force && arguments.none == null && arguments.none != 0",
            "arguments.esc == 'a\"b\u{e9}' && size(arguments.esc) == 4",
            "'e\u{301}' in arguments && !('x' in arguments) && has(arguments.none) && !has(arguments.x)",
            "arguments.tags == ['a', 'b', 'c'] && arguments.tags[1] == 'b' && 'c' in arguments.tags",
            "arguments.sizes == [1, 2, 3] && arguments.sizes[arguments.sizes[0]] == 2",
            "arguments.opts == {'n': 1, 'deep': {'er': 'x'}} && arguments.opts.deep.er == 'x'",
            "has(arguments.opts.deep.er) && !has(arguments.opts.deep.est)",
            "arguments.rows.all(row, row.id > 0) && arguments.rows.exists_one(row, row.id == 2)",
            "arguments.rows.map(row, row.id) == [1, 2] && arguments.rows.filter(row, row.id > 1)[0].id == 2",
            "arguments.rows.map(row, row.id > 1, row.id * 10) == [20]",
            "arguments.opts.exists(name, name == 'n') && size(arguments.opts) == 2 && size(arguments.tags) == 3",
            "arguments.empty.all(x, x > 1) && !arguments.empty.exists(x, x > 1)",
            "timestamp(arguments.when) < time && arguments.big > 9223372036854775807",
            "arguments.path.matches('^/(etc|root)/') && matches(arguments.path, 'p.ss')",
            "string(arguments.mode) + arguments.path == '7/etc/passwd' && int('12') + int(2.9) == 14 && double(1) == 1.0",
            "(arguments.mode > 5 ? 'big' : 'small') == 'big' && [1] + [2] == [1, 2] && 7 % 4 == 3 && -arguments.mode < 0",
            "['/etc/', '/root/'].exists(prefix, arguments.path.startsWith(prefix))",
        ],
    );
}

#[test]
fn what_decides_absorbs_what_failed() {
    let world = World::calling(ARGUMENTS);
    holds(
        &world,
        &[
            "arguments.x == 1 || true",
            "!(arguments.x == 1 && false)",
            "arguments.tags.exists(tag, tag == 'b' || tag > 1)",
            "!arguments.sizes.all(size, size == 1 && size.x)",
        ],
    );
    for text in ["arguments.x == 1 || false", "arguments.x == 1 && true", "true && arguments.x", "!arguments.x"] {
        assert!(world.decide(text).is_err(), "{text}");
    }
}

#[test]
fn what_has_no_answer_says_why() {
    fails(
        &World::calling(ARGUMENTS),
        &[
            ("arguments.x == 1", "`arguments.x` is not there; ask with has() first"),
            ("arguments.path.x == 1", "`arguments.path` is a string, not a map"),
            ("arguments.path", "`arguments.path` is a string, not a bool"),
            ("arguments.path > 1", "`arguments.path > 1` has a string to its left and an int to its right"),
            ("arguments.odd > 1", "`arguments.odd` is a number that neither 64 bits nor a double hold"),
            ("arguments.long > 1", "`arguments.long` is a number that neither 64 bits nor a double hold"),
            (
                "arguments.tags[3] == 'a'",
                "`arguments.tags[3]` is not in the list or map; ask with size() or `in` first",
            ),
            ("arguments.mode / 0 == 1", "`arguments.mode / 0` divides by zero"),
            ("arguments.ratio / 0.0 > 1.0", "`arguments.ratio / 0.0` divides by zero"),
            ("9223372036854775807 + 1 > 0", "`9223372036854775807 + 1` is beyond the range of its type"),
            ("int(arguments.path) == 1", "`int(arguments.path)` cannot be converted"),
            ("request.headers['x-raw'] == 'x'", "`request.headers['x-raw']` is no text"),
            ("{'a': 1, arguments.tags[0]: 2}.a == 1", "`{'a': 1, arguments.tags[0]: 2` has a key twice"),
            ("size(arguments.mode) == 1", "`size(arguments.mode)` is an int, not a list, a map or a string"),
        ],
    );
}

#[test]
fn annotations_have_the_defaults_of_the_specification() {
    let with = |definition: &str| World { definition: Some(definition.to_owned()), ..World::calling("{}") };
    let defaults = "!message.tool.annotations.readOnlyHint && message.tool.annotations.destructiveHint
        && !message.tool.annotations.idempotentHint && message.tool.annotations.openWorldHint";
    for definition in
        [r#"{"name":"a"}"#, r#"{"name":"a","annotations":{}}"#, r#"{"name":"a","annotations":{"title":"x"}}"#]
    {
        holds(
            &with(definition),
            &[defaults, "!has(message.tool.annotations.readOnlyHint)", "message.tool.description == ''"],
        );
    }
    let world = with(
        r#"{"annotations":{"readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":false}}"#,
    );
    holds(
        &world,
        &[
            "message.tool.annotations.readOnlyHint && !message.tool.annotations.destructiveHint",
            "message.tool.annotations.idempotentHint && !message.tool.annotations.openWorldHint",
            "has(message.tool) && has(message.tool.annotations) && has(message.tool.annotations.openWorldHint)",
        ],
    );
    for (definition, message) in [
        (
            r#"{"annotations":{"destructiveHint":true,"destructiveHint":false}}"#,
            "`message.tool.annotations.destructiveHint` cannot be trusted: the definition of the tool has a key twice",
        ),
        (
            r#"{"annotations":{"destructiveHint":false},"annotations":{"destructiveHint":true}}"#,
            "`message.tool.annotations.destructiveHint` cannot be trusted: the definition of the tool has a key twice",
        ),
        (
            r#"{"annotations":{"destructiveHint":"no"}}"#,
            "`message.tool.annotations.destructiveHint` is not what the specification says in the definition of the tool",
        ),
        (
            r#"{"annotations":[]}"#,
            "`message.tool.annotations.destructiveHint` is not what the specification says in the definition of the tool",
        ),
    ] {
        fails(&with(definition), &[("message.tool.annotations.destructiveHint", message)]);
    }
}

#[test]
fn a_tool_that_is_not_known_decides_nothing() {
    let world = World { definition: None, ..World::calling("{}") };
    let message = "`message.tool.annotations.destructiveHint` is not known: the server has not listed this tool";
    fails(&world, &[("message.tool.annotations.destructiveHint", message)]);
    assert!(world.decide("has(message.tool)").is_err());
    assert!(world.decide("has(message.tool.annotations.destructiveHint) && true").is_err());
}

#[test]
fn a_condition_on_what_a_message_cannot_have_does_not_hold_for_it() {
    let ping = World::pinging();
    for text in [
        "message.tool.annotations.destructiveHint",
        "!message.tool.annotations.readOnlyHint",
        "arguments.path == '/etc'",
        "!(arguments.path == '/etc')",
        "!has(arguments.path)",
        "has(message.tool)",
        "arguments.path == 'x' || message.tool.name == 'y'",
    ] {
        assert_eq!(ping.decide(text), Ok(false), "{text}");
    }
    holds(
        &ping,
        &[
            "message.method == 'ping' || arguments.x",
            "!has(message.tool)",
            "!has(message.tool.annotations.openWorldHint)",
        ],
    );
    assert!(
        ping.decide("message.tool.name == 'x' || request.headers.x == 'y'").is_err(),
        "another fault is none of these"
    );
    for text in ["message.tool.name", "arguments.a + 'b'", "has(arguments.a) ? arguments.a : 'none'"] {
        assert_eq!(ping.keyed(text), Ok(None), "{text}");
    }
}

#[test]
fn a_call_without_arguments_has_none_of_them() {
    let world = World { message: None, ..World::calling("{}") };
    holds(&world, &["!has(arguments.path) && size(arguments) == 0"]);
    assert!(world.decide("!arguments.path.startsWith('/srv/')").is_err());
}

#[test]
fn keys_are_texts() {
    let world = World::calling(ARGUMENTS);
    for (text, key) in [
        ("principal.subject", "ann"),
        ("principal.issuer + '|' + principal.subject", "https://idp.example|ann"),
        ("arguments.mode", "7"),
        ("arguments.force", "true"),
        ("arguments.big", "9223372036854775808"),
        ("request.headers['x-team']", "blue"),
        ("arguments.esc", "a\"b\u{e9}"),
        ("arguments.esc + ('/' + principal.subject) + string(arguments.mode)", "a\"b\u{e9}/ann7"),
        ("arguments.mode + 1", "8"),
        ("has(arguments.tenant) ? arguments.tenant : 'none'", "none"),
    ] {
        assert_eq!(world.key(text), Ok(key.to_owned()), "{text}");
    }
    for text in [
        "arguments.ratio",
        "arguments.none",
        "arguments.tags",
        "arguments.x",
        "arguments.esc + arguments.mode",
        "arguments.mode + arguments.esc",
        "arguments.tags + arguments.tags",
        "arguments.esc + arguments.x",
    ] {
        assert!(world.key(text).is_err(), "{text}");
    }
}

#[test]
fn an_expression_says_what_it_needs() {
    for (text, needs) in [
        ("true", Needs::NOTHING),
        ("principal.anonymous", Needs::PRINCIPAL),
        ("message.name == ''", Needs::MESSAGE),
        ("has(message.tool.description)", Needs::TOOL),
        ("has(message.tool)", Needs::TOOL),
        ("arguments.a == 1 && server == 'x'", Needs::ARGUMENTS | Needs::SERVER),
        ("has(request.headers.a) || time.getHours() > 1", Needs::REQUEST | Needs::TIME),
        ("['a'].all(time_of, time_of == 'a')", Needs::NOTHING),
    ] {
        assert_eq!(compiled(text, Expected::Bool).needs(), needs, "{text}");
    }
}
