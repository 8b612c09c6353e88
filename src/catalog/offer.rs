//! What one server offers at one moment: an immutable snapshot, made anew by what is learnt.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;

use super::schemas::Definition;
use crate::protocol::{
    headers::{Invalid, ParamHeaders},
    message::KnownResult,
    revision::Revisions,
};

/// Tools of one server that are kept; further ones stay unknown.
pub(super) const TOOLS: usize = 10_000;

/// Bytes of answers that are kept to know them again, a server.
const KEPT: usize = 4 << 20;

/// Bytes of the schemas of a server that are kept. Those of further tools cannot be checked against.
const SCHEMAS: usize = 8 << 20;

/// A tool, as its server's list describes it.
#[derive(Debug)]
pub struct Tool {
    /// Its name on that server.
    pub name: Box<str>,
    /// The arguments that it mirrors into headers, or why its definition is invalid: conforming clients leave such a
    /// tool out and send no headers for it.
    pub params: Result<ParamHeaders, Invalid>,
    /// `inputSchema`.
    pub input: Arc<Definition>,
    /// `outputSchema`.
    pub output: Option<Arc<Definition>>,
    /// What the server says of it beside its schemas: `name`, `description` and `annotations`, as they came.
    pub about: Box<[u8]>,
}

impl Tool {
    fn schemas(&self) -> usize {
        self.input.text().len() + self.output.as_ref().map_or(0, |output| output.text().len())
    }

    /// The same, with what was compiled for `before`, as far as that is unchanged.
    fn carrying_over(self, before: &Self) -> Self {
        let carried = |now: Arc<Definition>, before: &Arc<Definition>| match now.is_that_of(before) {
            true => Arc::clone(before),
            false => now,
        };
        let output = match (self.output, &before.output) {
            (Some(now), Some(before)) => Some(carried(now, before)),
            (now, _) => now,
        };
        Self { input: carried(self.input, &before.input), output, ..self }
    }

    /// The same, without the texts of its schemas.
    fn without_schemas(self) -> Self {
        let unkept = || Arc::new(Definition::unkept());
        Self { input: unkept(), output: self.output.map(|_| unkept()), ..self }
    }
}

/// The snapshot of a server.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer {
    /// Counts the snapshots of this server.
    pub(super) version: u64,
    /// Sorted by name, each name once.
    tools: Vec<Entry>,
    /// The pages of which every tool still stands as that page said.
    pages: Vec<Page>,
    /// The last answer to `server/discover`, its `result`, and what it says.
    discovered: Option<(Bytes, Revisions)>,
}

#[derive(Clone, Debug)]
struct Entry {
    tool: Arc<Tool>,
    /// The version that brought it, which names its page.
    since: u64,
}

/// A page of a list, to be known again. It was read strictly, or nothing of it would have been learnt.
#[derive(Clone, Debug)]
pub(super) struct Page {
    since: u64,
    /// Asked for without a cursor.
    first: bool,
    /// See [`super::learn::PageOfTools`].
    known: Option<KnownResult>,
    result: Bytes,
}

impl Page {
    /// A page that belongs to no snapshot yet.
    pub(super) fn new(result: Bytes, first: bool, known: Option<KnownResult>) -> Self {
        Self { since: 0, first, known, result }
    }
}

impl Offer {
    /// Where the tool `name` is.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.tools.binary_search_by(|entry| (*entry.tool.name).cmp(name)).ok()
    }

    /// The tool at a place that [`Offer::find`] gave.
    pub(super) fn tool(&self, at: usize) -> &Arc<Tool> {
        &self.tools[at].tool
    }

    /// The modern revisions that the server names and Weir serves.
    pub(super) fn supported(&self) -> Option<Revisions> {
        self.discovered.as_ref().map(|&(_, revisions)| revisions)
    }

    /// Whether the `result` of a list of tools would change nothing.
    pub(super) fn knows_page(&self, result: &[u8], first: bool) -> bool {
        self.pages.iter().any(|page| page.first == first && page.result == result)
    }

    /// The page that a text begins with, if it is known and says all that a reader of it would find.
    pub(super) fn page_at(&self, text: &[u8], first: bool) -> Option<KnownResult> {
        let mut fit = self.pages.iter().filter(|page| page.first == first && page.known.is_some());
        fit.find(|page| text.starts_with(&page.result)).and_then(|page| page.known)
    }

    /// Whether the `result` of `server/discover` would change nothing.
    pub(super) fn knows_discovered(&self, result: &[u8]) -> bool {
        self.discovered.as_ref().is_some_and(|(known, _)| known == result)
    }

    /// The snapshot after an answer to `server/discover`.
    pub(super) fn with_discovered(&self, result: Bytes, revisions: Revisions) -> Self {
        Self { version: self.version + 1, discovered: Some((result, revisions)), ..self.clone() }
    }

    /// The snapshot after a page of tools, which is the whole list or one of several pages.
    pub(super) fn with_page(&self, page: Page, whole: bool, tools: Vec<Tool>) -> Self {
        let mut next =
            if whole { Self { discovered: self.discovered.clone(), ..Self::default() } } else { self.clone() };
        next.version = self.version + 1;
        let since = next.version;
        let mut room = SCHEMAS.saturating_sub(next.tools.iter().map(|entry| entry.tool.schemas()).sum());
        let kept = |tool: Tool| {
            let tool = match self.find(&tool.name) {
                Some(at) => tool.carrying_over(self.tool(at)),
                None => tool,
            };
            let tool = if tool.schemas() <= room { tool } else { tool.without_schemas() };
            room -= tool.schemas();
            Entry { tool: Arc::new(tool), since }
        };
        let mut learnt: Vec<_> = tools.into_iter().map(kept).collect();
        learnt.sort_by(|one, other| one.tool.name.cmp(&other.tool.name));
        drop_repeated(&mut learnt);

        let names: HashSet<&str> = learnt.iter().map(|entry| &*entry.tool.name).collect();
        let mut displaced = HashSet::new();
        next.tools.retain(|entry| {
            let stays = !names.contains(&*entry.tool.name);
            if !stays {
                displaced.insert(entry.since);
            }
            stays
        });
        next.pages.retain(|page| !displaced.contains(&page.since));
        learnt.truncate(TOOLS.saturating_sub(next.tools.len()));
        next.tools.append(&mut learnt);
        next.tools.sort_by(|one, other| one.tool.name.cmp(&other.tool.name));
        let kept: usize = next.pages.iter().map(|page| page.result.len()).sum();
        if kept + page.result.len() <= KEPT {
            next.pages.push(Page { since, ..page });
        }
        next
    }
}

/// Drops every tool whose name stands more than once on a page: nobody knows which of them a call means.
fn drop_repeated(sorted: &mut Vec<Entry>) {
    let mut repeated = HashSet::new();
    for pair in sorted.windows(2) {
        if pair[0].tool.name == pair[1].tool.name {
            repeated.insert(pair[0].tool.name.clone());
        }
    }
    sorted.retain(|entry| !repeated.contains(&entry.tool.name));
}
