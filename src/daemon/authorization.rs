//! What servers are shown of us, as it is read from where the configuration says.

use anyhow::{Context, anyhow};

use crate::config::{self, Authorization};
use crate::net::upstream::Field;

/// The field that a server is shown with every request; `None` where there is none.
///
/// # Errors
/// Where the secret cannot be read, or is no value of a header field.
pub(super) fn field(server: &config::Server) -> anyhow::Result<Option<Field>> {
    let Some(Authorization::Header { name, value }) = &server.authorization else { return Ok(None) };
    let whole = || format!("[[servers]] {:?}: authorization", server.name.as_str());
    let text = value.read().with_context(whole)?;
    let line = text.as_bytes();
    let line = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
    let field = Field::new(name, line);
    let no_value =
        "no value of a header field: one line of visible ASCII, at most 16 KiB, without white space around it";
    field.map(Some).ok_or_else(|| anyhow!("{value} is {no_value}")).with_context(whole)
}

/// What is allowed and unwise in it.
pub(super) fn unwise(server: &config::Server, field: &Field) -> Option<String> {
    let value = &field.line()[field.name().len() + 2..];
    let has_scheme = value.contains(&b' ');
    (field.name() == b"authorization" && !has_scheme).then(|| {
        format!(
            "[[servers]] {:?}: authorization: the value has no scheme: where it is a token, write `Bearer TOKEN` there",
            server.name.as_str()
        )
    })
}
