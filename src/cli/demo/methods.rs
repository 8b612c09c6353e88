//! The methods that both eras have.

use http::StatusCode;

use crate::protocol::json::quoted;
use crate::protocol::revision::Era;

use super::asked::{Answered, Asked};
use super::call;
use super::catalog;
use super::notes::URI;
use super::reply::{Failure, INFO};
use super::site::Path;

/// Answers a request of a method that both eras have.
pub(super) fn answer(asked: &Asked<'_>, method: &str) -> Result<Answered, Failure> {
    let lists = &asked.site.lists;
    match (method, asked.path) {
        ("tools/call", _) => call::call(asked),
        ("tools/list", Path::Sample) => {
            only_page(asked)?;
            asked.list(&lists.tools)
        }
        ("tools/list", Path::Catalog) => asked.list(&lists.tool_pages[page(asked)?]),
        ("resources/list", Path::Sample) => asked.list(&lists.resource_pages[page(asked)?]),
        ("resources/templates/list", Path::Sample) => {
            only_page(asked)?;
            asked.list(&lists.templates)
        }
        ("resources/read", Path::Sample) => read(asked),
        _ => Err(Failure::method()),
    }
}

/// The members that `initialize` and `server/discover` have in common.
pub(super) fn about(path: Path) -> String {
    let (capabilities, instructions) = (path.capabilities(), quoted(path.instructions()));
    format!(r#""capabilities":{capabilities},"serverInfo":{INFO},"instructions":{instructions}"#)
}

fn page(asked: &Asked<'_>) -> Result<usize, Failure> {
    catalog::page(asked.text(asked.message.fields.cursor, "cursor")?.as_deref())
}

fn only_page(asked: &Asked<'_>) -> Result<(), Failure> {
    match asked.message.fields.cursor {
        None => Ok(()),
        Some(_) => Err(Failure::parameters("this cursor is none that the sample server gave")),
    }
}

fn read(asked: &Asked<'_>) -> Result<Answered, Failure> {
    let uri = asked.text(asked.message.fields.uri, "uri")?.ok_or_else(|| Failure::parameters("`uri` is missing"))?;
    let (media, text, fresh) = if *uri == *URI {
        let text = asked.site.notes.text();
        let text =
            text.map_err(|error| Failure::new(-32603, StatusCode::OK, format!("the notes cannot be read: {error}")))?;
        ("text/plain", text, 0)
    } else if let Some(number) = catalog::of_uri(&uri) {
        ("application/json", catalog::entry(number), 300_000)
    } else {
        return Err(unknown(asked.era, &uri));
    };
    let fresh = match asked.era {
        Era::Modern => format!(r#""ttlMs":{fresh},"cacheScope":"public","#),
        Era::Legacy => String::new(),
    };
    let (uri, text) = (quoted(&uri), quoted(&text));
    asked.result(&format!(r#"{fresh}"contents":[{{"uri":{uri},"mimeType":"{media}","text":{text}}}]"#))
}

/// The error for a resource that is not there: -32602 since 2026-07-28, -32002 before.
pub(super) fn unknown(era: Era, uri: &str) -> Failure {
    let code = if era == Era::Modern { -32602 } else { -32002 };
    let mut failure = Failure::new(code, StatusCode::OK, "there is no such resource");
    failure.data = Some(format!(r#"{{"uri":{}}}"#, quoted(uri)));
    failure
}
