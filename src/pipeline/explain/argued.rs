//! What a route would check of a message beyond the protocol: by the definition of the tool that was seen, if one was.

use crate::catalog::{Catalog, Definition, Tool};
use crate::model::{Considered, Refusal};
use crate::protocol::message::Message;
use crate::stages::arguments::{self, Call, Checks, Telling};

use super::Request;

/// What was looked at, and what refuses the message. `changed`: rules change its arguments before they are checked.
pub(super) fn argue(
    checks: &Checks,
    catalog: &Catalog,
    server: usize,
    request: &Request<'_>,
    changed: bool,
) -> (Vec<Considered>, Result<(), Refusal>) {
    let mut argued = Argued { checks, catalog, server, changed, looked_at: Vec::new() };
    let is_batch = request.message.batch().is_some();
    let fits = request.message.messages().iter().try_for_each(|message| argued.message(request, message, is_batch));
    (argued.looked_at, fits)
}

struct Argued<'a> {
    checks: &'a Checks,
    catalog: &'a Catalog,
    server: usize,
    changed: bool,
    looked_at: Vec<Considered>,
}

impl Argued<'_> {
    fn message(&mut self, request: &Request<'_>, message: &Message, is_batch: bool) -> Result<(), Refusal> {
        let bytes = request.message.bytes();
        let size = if is_batch { message.params.map_or(0, |params| params.raw(bytes).len()) } else { bytes.len() };
        if self.checks.has_bounds() && !self.changed {
            let fits = self.checks.bound(message, bytes, size);
            self.looked("bounds", true, if fits.is_ok() { "it is within them" } else { "it is beyond them" });
            fits?;
        }
        let Some(call) = self.checks.call(message, bytes)? else {
            if self.checks.arguments() {
                self.looked("inputSchema", false, "no call of a tool");
            }
            return Ok(());
        };
        let tool = self.catalog.kept_tool(self.server, &call.name);
        if self.checks.arguments() {
            self.arguments(request, &call, tool.as_deref(), is_batch)?;
        }
        match (self.checks.answers(), tool.map(|tool| tool.output.is_some())) {
            (None, _) => {}
            (Some(_), Some(false)) => self.looked("outputSchema", false, "the tool has none"),
            (Some(_), None) => self.looked("outputSchema", true, UNKNOWN),
            (Some(false), Some(true)) => self.looked("outputSchema", true, "an answer that does not fit is counted"),
            (Some(true), Some(true)) => self.looked("outputSchema", true, "an answer that does not fit is refused"),
        }
        Ok(())
    }

    fn arguments(
        &mut self,
        request: &Request<'_>,
        call: &Call<'_>,
        tool: Option<&Tool>,
        is_batch: bool,
    ) -> Result<(), Refusal> {
        let Some(tool) = tool else {
            self.looked("inputSchema", true, UNKNOWN);
            return Ok(());
        };
        if self.changed {
            self.looked("inputSchema", true, "what rules make of its arguments is checked");
            return Ok(());
        }
        let telling = if is_batch { Telling::Error } else { Telling::of(request.message.era(), None) };
        let input: &Definition = &tool.input;
        let fits = arguments::fit(call, request.message.bytes(), input.compile().map(|schema| &**schema), telling);
        let says = if fits.is_ok() { "its arguments fit" } else { "its arguments do not fit, or cannot be checked" };
        self.looked("inputSchema", true, says);
        fits
    }

    fn looked(&mut self, name: &str, applies: bool, says: &str) {
        self.looked_at.push(Considered { name: name.to_owned(), applies, says: says.to_owned() });
    }
}

const UNKNOWN: &str = "the definition of the tool is not known here; a call asks its server for it";
