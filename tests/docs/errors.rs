//! The table of `docs/ERRORS.md`: what `edge` answers, and what each reason asks of whom.

use std::{fs, path::Path};

use weir::{edge, model::Reason};

const BEGIN: &str = "<!-- begin table -->\n";
const END: &str = "<!-- end table -->";

#[test]
fn the_table_of_errors_is_fresh() {
    let file = super::root().join("docs/ERRORS.md");
    let page = fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the table has a beginning");
    let (_, after) = rest.split_once(END).expect("the table has an end");
    let fresh = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("WEIR_BLESS").is_some() {
        fs::write(&file, &fresh).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept == fresh, "docs/ERRORS.md is stale: WEIR_BLESS=1 cargo test --test docs");
}

/// `edge`'s table with one more column.
fn table() -> String {
    let printed = edge::table();
    let mut lines = printed.lines();
    let mut text = format!("{} what it means, what to do |\n", lines.next().unwrap());
    text.push_str(&format!("{} --- |\n", lines.next().unwrap()));
    let rows: Vec<_> = lines.collect();
    assert_eq!(rows.len(), Reason::ALL.len());
    let sources = sources(&super::root().join("src"));
    for (row, reason) in rows.into_iter().zip(Reason::ALL) {
        assert!(row.contains(&format!("`{}`", reason.as_str())), "{row} is not the row of {reason:?}");
        let given = sources.contains(&format!("Reason::{reason:?}"));
        let when = if given { "" } else { "**Not given by this version.** " };
        text.push_str(&format!("{row} {when}{} |\n", advice(*reason)));
    }
    text
}

/// What a reason means and what to do about it.
fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::ParseError => {
            "The body is no JSON in UTF-8, or JSON that two readers may read differently (a key twice, half a surrogate \
             pair, too deep). Mend what wrote it; `message` says at which byte."
        }
        Reason::InvalidRequest => {
            "JSON, but no message of JSON-RPC 2.0; or a batch or a posted answer where the revision has none; or a body that \
             broke off before its end."
        }
        Reason::InvalidParams => {
            "`params._meta` lacks what 2026-07-28 asks of every request; or the name of what is asked for is no string, and \
             the caller's roles do not grant all of its kind, or rules name some of it; or a URI is not in the normal form that rules compare; or `taskIds` is no list, or is spelt in another case. `message` names the key. \
             Or the message is deeper, or holds more, than the route's `bounds` allow; or the route checks arguments, and they are \
             no object, or hold what cannot be checked: a number beyond 64 bits, or more than is looked at."
        }
        Reason::InvalidArguments => {
            "The arguments do not fit the tool's `inputSchema`, on a route with `validate_arguments`. Nothing was called. \
             `data.faults` has what is wrong and where (`path`, a JSON pointer). From 2025-11-25 on this is no error but a \
             result with `isError`, which tells the model the same in words."
        }
        Reason::MethodNotFound => {
            "`tasks/result` in 2026-07-28, of a task that is not the caller's: that revision has `tasks/get` alone. Other \
             methods that a server does not know are its own to refuse."
        }
        Reason::HeaderMismatch => {
            "`MCP-Protocol-Version`, `Mcp-Method`, `Mcp-Name` or an `Mcp-Param-*` is missing, is there twice, or says \
             something else than the body. Something between client and Weir may have changed either."
        }
        Reason::MissingClientCapability => {
            "A task that is not the caller's was asked for, and the request does not declare the extension of tasks: \
             `data.requiredCapabilities` says which."
        }
        Reason::UnsupportedVersion => {
            "Use one of `data.supported`, or the handshake (`initialize`) of the session era."
        }
        Reason::Internal => {
            "A defect in Weir; nobody else's request was touched. Please report it, with the log of that moment."
        }
        Reason::Unauthenticated => {
            "There is no credential, where one is needed, or the one that is there does not do; or the server is called in the \
             name of a caller's token, and there is none. `WWW-Authenticate` says which, and where to get a token."
        }
        Reason::IdentityUnavailable => {
            "The issuer that would have to vouch for the caller, or to give Weir a token for the server, is out of reach, and \
             nothing of it is kept. Nothing was sent; repeat it later."
        }
        Reason::PolicyDenied => {
            "The caller's roles grant nothing on the server; or a rule refuses the message (its own code may stand here, and its \
             `message`), or could not be decided; or what a limit counts it by (`key_expression`) could not; or another \
             message of the same batch was refused. Who keeps the \
             configuration can give a role that does. Or the server is called in the name of a caller's token, and its issuer \
             exchanges this one for none; `message` says which."
        }
        Reason::InsufficientScope => {
            "The token is sound and has too few scopes: ask its issuer for one with all that `WWW-Authenticate` names."
        }
        Reason::UnknownName => {
            "The tool, prompt or resource does not exist, or is not the caller's to see: the answer is the same, and \
             the server is not asked. Who keeps the configuration can give a role that grants it (`[[roles]]`). On a route that \
             checks arguments also: a tool that the server's list does not have."
        }
        Reason::UnknownValue => {
            "A cursor, `requestState` or task id that this caller was not given on this route, or that was altered; or whose \
             key has left the ring. The server is not asked. Start anew: the list without a cursor, the call without \
             `requestState`."
        }
        Reason::RateLimited => {
            "Too much for this caller, address, session, server or tool: `message` names the limit (`[[limits]]`), \
             `RateLimit-Policy` says what there is of it, `Retry-After` how long to wait. Where `retryable` is false the \
             message counts for more than there ever is: send fewer in one batch. Or too many credentials of one address \
             had to be checked (`[http] unverified`)."
        }
        Reason::TooLarge => {
            "The body is larger than `[http] body`, or than `bounds` of the route allow for that method and name."
        }
        Reason::OriginNotAllowed => "A web page asks whose origin is not in `[listen] origins`.",
        Reason::HostNotAllowed => {
            "The client calls Weir by a name that it does not answer to: add it to `[listen] hosts`, or set \
             `[listen] public_url`."
        }
        Reason::SessionRequired => {
            "A server that is a command is spoken to in sessions by clients of that era: send `initialize` first, then the \
             `Mcp-Session-Id` of its answer with everything else."
        }
        Reason::SessionNotFound => {
            "The session is older than a day, of another route, of a key that is no longer in the ring, or its endpoint \
             is no longer configured; or it was on a command that has ended, was idle, or is configured otherwise. Start anew: `initialize` without `Mcp-Session-Id`."
        }
        Reason::RouteNotFound => {
            "No route has this path. Without `[[routes]]` they are `/NAME/mcp` for each server, and `/mcp` for the only one."
        }
        Reason::MethodNotAllowed => "Use POST (in the session era GET and DELETE, too); `Allow` lists what there is.",
        Reason::UnsupportedMediaType => {
            "Send the body as it is, in UTF-8: without `Content-Encoding`, with at most one `Content-Type`, of no other charset."
        }
        Reason::UpstreamBadResponse => {
            "The server's answer is malformed, too large, for another request, a redirect, or no MCP at all. The call may \
             have been run. Mend the server; `message` and the log say what was wrong. Where it does not take the credential \
             that Weir shows it (401) `accepted` is \"no\", and with `retryable` true the next call shows another one."
        }
        Reason::UnusableSchema => {
            "The route checks calls against what their tool says of itself, and the schema there cannot be used: it refers to \
             what would have to be fetched, is too large, or is none. `message` names tool and reason. Nothing was sent. Mend \
             the server's tool, or turn `validate_arguments` or `validate_answers` off on the route."
        }
        Reason::UpstreamReset => {
            "The server closed the connection before its answer had ended, or its process ended. The call may have been run: look before you \
             repeat it, unless `retryable` is true (the method only reads)."
        }
        Reason::UpstreamUnavailable => {
            "None of the server's endpoints took the connection, or its command could not be started; nothing was sent. Start \
             the server, or correct its `endpoints` or `command`. Repeating is safe."
        }
        Reason::UpstreamTimeout => {
            "The server took longer than `first_byte`, `idle_timeout` or `deadline` of `[[servers]]` allow. It may still \
             be at it, or have run the call."
        }
        Reason::Overloaded => {
            "Weir has reached a limit of its own, or all `processes` of a command are in use. Wait, then repeat."
        }
        Reason::Draining => {
            "Weir is stopping, and did not wait for this any longer. With `accepted` \"no\" repeat it: the next process, or \
             another node, will take it. With \"unknown\" the call may have been run: look before you repeat it, unless \
             `retryable` is true (the method only reads)."
        }
    }
}

/// The code that can give a reason: not the list itself, not the table.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(super::root()).unwrap();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if !["src/protocol", "src/model", "src/edge/errors.rs"].iter().any(|other| name.starts_with(other)) {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
    text
}
