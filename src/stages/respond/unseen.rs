//! What of a server's words its reader may not see: entries of lists, and notifications about resources and lists.
//!
//! Entries go as whole array elements; what stays stays to the byte. An entry that cannot be read is not shown.

mod memo;
mod values;

use std::ops::Range;
use std::rc::Rc;

use crate::catalog::{removals, without};
use crate::model::grants::{Named, Sight};
use crate::protocol::json::{self, Kind, Span, Value};
use crate::protocol::message::{self, Message};
use crate::protocol::method::Method;
use crate::telemetry::RouteMeter;

use values::Values;

pub use memo::Memo;

/// A list of what a server offers.
#[derive(Clone, Copy, Debug)]
struct List {
    /// Its member of `result`.
    key: &'static str,
    /// The member of its entries that names them.
    name: &'static str,
    of: Of,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Names(Named),
    Templates,
}

const LISTS: [List; 4] = [
    List { key: "tools", name: "name", of: Of::Names(Named::Tool) },
    List { key: "prompts", name: "name", of: Of::Names(Named::Prompt) },
    List { key: "resources", name: "uri", of: Of::Names(Named::Resource) },
    List { key: "resourceTemplates", name: "uriTemplate", of: Of::Templates },
];

/// What a reader may see of one answer, or of a stream.
#[derive(Clone, Debug)]
pub(super) struct Unseen {
    sight: Sight,
    lists: &'static [List],
    /// What a completion is of, where its values may be part of a URI.
    values: Option<Rc<Values>>,
    /// Where it is counted what was hidden.
    meter: Rc<RouteMeter>,
    /// What was taken out of the lists before it.
    memo: Rc<Memo>,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// It passes as it is.
    All,
    /// It passes so.
    Less(Vec<u8>),
    /// Nothing of it passes.
    Nothing,
}

impl Unseen {
    /// Of the answer to this method; `None` is any: a batch's answers, or what a stream replays.
    pub(super) fn of(sight: Sight, method: Option<Method>, meter: Rc<RouteMeter>, memo: Rc<Memo>) -> Self {
        let lists = match method {
            Some(Method::ToolsList) => &LISTS[..1],
            Some(Method::PromptsList) => &LISTS[1..2],
            Some(Method::ResourcesList) => &LISTS[2..3],
            Some(Method::TemplatesList) => &LISTS[3..],
            Some(_) => &[],
            None => &LISTS,
        };
        // What a stream replays may be a completion, and nothing tells of what.
        let untold = method.is_none() && !sight.all_of(Named::Resource);
        Self { sight, lists, values: untold.then(|| Rc::new(Values::Untold)), meter, memo }
    }

    /// The same, of the answer to this `completion/complete`.
    pub(super) fn completing(&mut self, message: &Message, bytes: &[u8]) {
        if !self.sight.all_of(Named::Resource) {
            self.values = Values::asked(message, bytes).map(Rc::new);
        }
    }

    /// Whether the answer has to be read whole before any of it passes.
    pub(super) fn reads_whole(&self) -> bool {
        self.values.is_some() || self.lists.iter().any(|list| !self.sight.all_of(list.named()))
    }

    /// What passes of a message that was read from `bytes`.
    ///
    /// # Errors
    /// What is wrong with a list that cannot be cut.
    pub(super) fn show(&self, message: &Message, bytes: &[u8]) -> Result<Shown, &'static str> {
        if self.hides(message, bytes) {
            self.meter.hides(1);
            return Ok(Shown::Nothing);
        }
        let mut ranges = Vec::new();
        self.cut(message, bytes, &mut ranges)?;
        ranges.sort_unstable_by_key(|range| range.start);
        Ok(if ranges.is_empty() { Shown::All } else { Shown::Less(without(bytes, &ranges)) })
    }

    /// The same, of a batch that fills all of `bytes`.
    ///
    /// # Errors
    /// As [`show`](Self::show).
    pub(super) fn show_batch(&self, messages: &[Message], bytes: &[u8]) -> Result<Shown, &'static str> {
        let hidden: Vec<_> = messages.iter().map(|message| self.hides(message, bytes)).collect();
        self.meter.hides(hidden.iter().filter(|hidden| **hidden).count() as u64);
        if hidden.iter().all(|hidden| *hidden) {
            return Ok(Shown::Nothing);
        }
        // In checked bytes the batch is the only array that begins before its first message.
        let start = bytes.iter().position(|byte| *byte == b'[').unwrap_or(0) as u32;
        let end = bytes.iter().rposition(|byte| *byte == b']').unwrap_or(0) as u32 + 1;
        let mut all = hidden.iter();
        let mut ranges = removals(bytes, Span { start, end }, |_| all.next() == Some(&false));
        for (message, _) in messages.iter().zip(&hidden).filter(|(_, hidden)| !**hidden) {
            self.cut(message, bytes, &mut ranges)?;
        }
        ranges.sort_unstable_by_key(|range| range.start);
        Ok(if ranges.is_empty() { Shown::All } else { Shown::Less(without(bytes, &ranges)) })
    }

    /// Whether a notification is about nothing that its reader may see.
    fn hides(&self, message: &Message, bytes: &[u8]) -> bool {
        let Some(method) = message.method.filter(|_| message.kind == message::Kind::Notification) else { return false };
        let Some(method) = method.text(bytes) else { return false };
        match &*method {
            "notifications/resources/updated" if !self.sight.all_of(Named::Resource) => {
                let uri = message.fields.uri.and_then(|uri| uri.text(bytes));
                !uri.is_some_and(|uri| self.sight.allows(Named::Resource, &uri))
            }
            "notifications/tools/list_changed" => !self.sight.any_of(Named::Tool),
            "notifications/prompts/list_changed" => !self.sight.any_of(Named::Prompt),
            "notifications/resources/list_changed" => !self.sight.any_of(Named::Resource),
            _ => false,
        }
    }

    /// Adds what is to be taken out of an answer.
    fn cut(&self, message: &Message, bytes: &[u8], ranges: &mut Vec<Range<usize>>) -> Result<(), &'static str> {
        let Some(result) = message.result.filter(|result| result.kind == Kind::Object) else { return Ok(()) };
        if let Some(asked) = &self.values
            && let Some(values) = values::list(result, bytes)?
        {
            ranges.extend(removals(bytes, values.span, |value| asked.shows(&self.sight, value, bytes)));
        }
        match self.lists {
            [] => Ok(()),
            [one] => self.cut_known(one, result, bytes, ranges),
            _ => self.cut_lists(result, bytes, ranges),
        }
    }

    /// The same, of the answer to a list: most are the same as one before.
    fn cut_known(
        &self,
        list: &List,
        result: Value,
        bytes: &[u8],
        ranges: &mut Vec<Range<usize>>,
    ) -> Result<(), &'static str> {
        let (of, text, start) = ((&self.sight, list.key), result.raw(bytes), result.span.start as usize);
        if self.sight.all_of(list.named()) || self.memo.knows(of, text, start, ranges) {
            return Ok(());
        }
        let before = ranges.len();
        self.cut_lists(result, bytes, ranges)?;
        self.memo.keep(of, text, start, &ranges[before..]);
        Ok(())
    }

    fn cut_lists(&self, result: Value, bytes: &[u8], ranges: &mut Vec<Range<usize>>) -> Result<(), &'static str> {
        for (key, value) in json::members(bytes, result.span) {
            let Some(list) = self.lists.iter().find(|list| key.is(bytes, list.key)) else { continue };
            if self.sight.all_of(list.named()) {
                continue;
            }
            if value.kind != Kind::Array {
                return Err("its list is none, and only part of it may be shown");
            }
            ranges.extend(removals(bytes, value.span, |entry| self.keeps(list, entry, bytes)));
        }
        Ok(())
    }

    fn keeps(&self, list: &List, entry: Value, bytes: &[u8]) -> bool {
        // Of two names nobody knows which one a client takes.
        let name = json::member(bytes, entry.span, list.name).filter(|_| json::distinct(bytes, entry.span));
        let Some(name) = name.and_then(|name| name.text(bytes)) else { return false };
        match list.of {
            Of::Names(named) => self.sight.allows(named, &name),
            Of::Templates => self.sight.allows_template(&name),
        }
    }
}

impl List {
    fn named(&self) -> Named {
        match self.of {
            Of::Names(named) => named,
            Of::Templates => Named::Resource,
        }
    }
}
