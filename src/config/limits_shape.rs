//! The shape of `[[limits]]`, and what an operator is told of it.

use super::shape::{Key, Kind, Shape, Value};

/// Most calls of a rate, and most at once.
pub(super) const MOST_CALLS: u32 = 1_000_000;
/// Most calls of a quota.
pub(super) const MOST_QUOTA: u32 = 1_000_000_000;
const MOST: u64 = MOST_CALLS as u64;

pub(super) const SHAPE: Shape = Shape {
    title: "[[limits]]",
    about: "How often, how many at once, and how much in an hour or a day. Every limit that fits a message counts it; the first \
            that has nothing left refuses it: 429, `Retry-After`, code 42901 `rate_limited`.\n\n\
            Counted is what a client asks for: each request (of a batch each one), a notification other than \
            `notifications/cancelled`, and the opening of a stream by GET. Answers that a server asked for, cancelling and \
            DELETE free something and are not counted. A limit by `client_ip` or `global` without a list below and without \
            `concurrent` counts every HTTP request, whatever it is, before a credential is looked at.\n\n\
            | `key` | counted apart |\n\
            | --- | --- |\n\
            | `principal` | each caller, by issuer and subject; all anonymous callers are one |\n\
            | `client_ip` | each address; an IPv6 network (/64) counts as one; on a Unix socket there is none, and nothing is counted |\n\
            | `session` | each session; outside of one, as always in 2026-07-28, each caller |\n\
            | `server` | each server |\n\
            | `tool` | each tool, as `SERVER:NAME`; calls of tools alone |\n\
            | `principal+tool` | each tool of each caller; calls of tools alone |\n\
            | `global` | nothing: all count together |\n\n\
            `key_expression` counts apart what an expression gives for the message: a string, a whole number or a bool, by the \
            names that rules have (`docs/RULES.md`). It is evaluated where the lists below fit, and what it asks for says when: \
            before the rules, or after them where it asks for `server` or `message.tool`. A message without arguments, or that \
            calls no tool, is not counted where the expression needs them; `tools/call` and `prompts/get` have always \
            arguments, if only `{}`. Where an expression fails the message is refused: 403, code 40301 `policy_denied`. What \
            callers write is theirs to choose: by `arguments.tenant` alone each of them has as many keys as they care to name.\n\n\
            `methods`, `servers`, `roles` and `class` have to fit all, where they are written; of `tools`, `prompts` and \
            `resources` one. What is counted is kept over a reload, by `name` and `key` (or `key_expression`), and lost with the process.",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text("a name, \"per caller\""),
            default: Value::Absent,
            about: "As refusals, headers and metrics call it. Needed, and unique.",
        },
        Key {
            name: "key",
            kind: Kind::Text(
                "\"principal\" or \"client_ip\" or \"session\" or \"server\" or \"tool\" or \"principal+tool\" or \"global\"",
            ),
            default: Value::Absent,
            about: "What is counted apart; see above. This or `key_expression` is needed.",
        },
        Key {
            name: "key_expression",
            kind: Kind::Text("an expression, 'principal.subject + \"/\" + message.name'"),
            default: Value::Absent,
            about: "What is counted apart, in the place of `key`; see above.",
        },
        list("methods", "patterns, [\"tools/*\", \"GET\"]", "Methods of MCP, or `GET` for the opening of a stream."),
        list("tools", "patterns, [\"files:read_*\", \"search\"]", "Tools that are called, as roles name them."),
        list("prompts", "patterns, [\"files:*\"]", "Prompts that are read."),
        list(
            "resources",
            "patterns, [\"files:file:///pub/*\"]",
            "Resources that are read or subscribed to, by URI. A URI that is not in its normal form fits every pattern.",
        ),
        list("servers", "patterns of names, [\"files\"]", "Servers."),
        list(
            "roles",
            "names of roles, [\"user\"]",
            "Roles of callers, as their credentials name them: one has to be held.",
        ),
        Key {
            name: "class",
            kind: Kind::Text("a name, \"cheap\""),
            default: Value::Absent,
            about: "The class that a rule gives a message.",
        },
        Key {
            name: "rate",
            kind: Kind::Text("a rate, \"100/s\", \"600/m\" or \"1000/h\""),
            default: Value::Absent,
            about: "So many in that time, evenly.",
        },
        Key {
            name: "burst",
            kind: Kind::Count(1, MOST),
            default: Value::Absent,
            about: "So many of the rate at once, after a pause; in no time are there more than this and the rate. Default: the number of the rate.",
        },
        Key {
            name: "cost",
            kind: Kind::Count(1, MOST),
            default: Value::Number(1),
            about: "What each counts, of rate and quota.",
        },
        Key {
            name: "concurrent",
            kind: Kind::Count(1, MOST),
            default: Value::Absent,
            about: "Calls at once, each until its answer has ended, streams included. A stream that is only listened to (GET, \
                    `subscriptions/listen`) is one where `methods` is written and fits it.",
        },
        Key {
            name: "quota",
            kind: Kind::Text("a quota, \"1000/hour\" or \"10000/day\""),
            default: Value::Absent,
            about: "So many from one full hour, or midnight, to the next, in UTC.",
        },
        Key {
            name: "scope",
            kind: Kind::Choice(&["node", "cluster"]),
            default: Value::Text("node"),
            about: "Who counts: each node for itself, or \"cluster\", all nodes that share `[store] postgres` together; \
                    without a database each counts for itself, and `weir check` and the start say so. Nodes lease parts of \
                    each key's rate and quota by what is asked of them, and no call waits for that: all of them together let \
                    in no more than there is in any time (105 % with clocks that go wrong), and one that is busy alone gets \
                    95 % of it. Without the database each goes on with its own part: 4.5 % of the rate, and three quarters \
                    of the burst, cut in equal parts among the nodes (`docs/OPERATIONS.md`). A burst is at least 8 times, a \
                    quota at least 134 times `cost`, so that each of six nodes can begin; `concurrent` is for a limit of its \
                    own, with \"node\". The nodes need the same `name`, key, rate, burst, cost and quota; a session counts \
                    by its name.",
        },
    ],
    unbuilt: &[],
};

const fn list(name: &'static str, what: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::List(what), default: Value::Absent, about }
}
