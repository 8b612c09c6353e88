//! What a set of roles grants, compiled once: who holds it is asked with a look-up or a match, and nothing is allocated.
//!
//! A role grants exactly its lists. Of several roles the lists add up, and what one of them denies is denied.

use std::ops::Deref;
use std::rc::Rc;

use super::{Glob, Outline, Pattern, uri};

/// Longer names are covered by nothing but `*`, in bytes: a pattern costs its length times that of the name.
const LONGEST: usize = 4096;

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource, by its URI.
    Resource,
}

/// Patterns for each of [`Named`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// Of tools.
    pub tools: Vec<Pattern>,
    /// Of prompts.
    pub prompts: Vec<Pattern>,
    /// Of resources.
    pub resources: Vec<Pattern>,
}

/// What a role grants and denies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// What is granted.
    pub allow: Patterns,
    /// What is denied, whoever grants it.
    pub deny: Patterns,
}

/// What is granted on each of the servers, by their places.
#[derive(Debug)]
pub struct Grants {
    servers: Box<[OnServer]>,
}

/// What a caller may use and see of one server. Cheap to clone; it stays on its core.
#[derive(Clone, Debug)]
pub struct Sight {
    grants: Rc<Grants>,
    server: usize,
}

/// What is granted on one server.
#[derive(Debug)]
pub struct OnServer {
    tools: Access,
    prompts: Access,
    resources: Access,
}

/// Which names are granted.
#[derive(Debug)]
enum Access {
    Nothing,
    Everything,
    /// Boxed: most are one of the others.
    Some(Box<Choice>),
}

#[derive(Debug)]
struct Choice {
    allow: Names,
    deny: Names,
}

/// Names and patterns of names.
#[derive(Debug)]
struct Names {
    /// Sorted.
    plain: Box<[Box<str>]>,
    globs: Box<[Glob]>,
}

impl Patterns {
    /// Those of a kind.
    pub fn of(&self, named: Named) -> &[Pattern] {
        match named {
            Named::Tool => &self.tools,
            Named::Prompt => &self.prompts,
            Named::Resource => &self.resources,
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.tools.extend_from_slice(&other.tools);
        self.prompts.extend_from_slice(&other.prompts);
        self.resources.extend_from_slice(&other.resources);
    }

    /// Every name on every server.
    pub fn everything() -> Self {
        let any = || vec![Pattern { server: Glob::any(), name: Glob::any() }];
        Self { tools: any(), prompts: any(), resources: any() }
    }
}

impl Lists {
    /// Adds those of another role.
    pub fn add(&mut self, other: &Self) {
        self.allow.add(&other.allow);
        self.deny.add(&other.deny);
    }
}

impl Grants {
    /// What these lists grant on servers of these names.
    pub fn compile<'a>(lists: &Lists, servers: impl IntoIterator<Item = &'a str>) -> Self {
        let on = |server: &str| OnServer {
            tools: Access::compile(lists, Named::Tool, server),
            prompts: Access::compile(lists, Named::Prompt, server),
            resources: Access::compile(lists, Named::Resource, server),
        };
        Self { servers: servers.into_iter().map(on).collect() }
    }

    /// What is granted on a server: nothing where there is no such server.
    pub fn on(&self, server: usize) -> &OnServer {
        self.servers.get(server).unwrap_or(&NOTHING)
    }
}

/// What is granted where there is no server.
static NOTHING: OnServer = OnServer { tools: Access::Nothing, prompts: Access::Nothing, resources: Access::Nothing };

impl Sight {
    /// What these grant on a server.
    pub fn new(grants: Rc<Grants>, server: usize) -> Self {
        Self { grants, server }
    }

    /// Whether both are of the same grants and the same server.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.grants, &other.grants) && self.server == other.server
    }

    /// A number that is equal where [`is`](Self::is) says so. Of grants that are gone others may have it.
    pub fn identity(&self) -> usize {
        Rc::as_ptr(&self.grants).addr().wrapping_add(self.server)
    }
}

impl Deref for Sight {
    type Target = OnServer;

    fn deref(&self) -> &OnServer {
        self.grants.on(self.server)
    }
}

impl OnServer {
    /// Whether anything is granted.
    pub fn any(&self) -> bool {
        [Named::Tool, Named::Prompt, Named::Resource].iter().any(|named| self.any_of(*named))
    }

    /// Whether anything of that kind is granted.
    pub fn any_of(&self, named: Named) -> bool {
        !matches!(self.access(named), Access::Nothing)
    }

    /// Whether everything is granted.
    pub fn all(&self) -> bool {
        [Named::Tool, Named::Prompt, Named::Resource].iter().all(|named| self.all_of(*named))
    }

    /// Whether everything of that kind is granted.
    pub fn all_of(&self, named: Named) -> bool {
        matches!(self.access(named), Access::Everything)
    }

    /// Whether a name is granted.
    pub fn allows(&self, named: Named, name: &str) -> bool {
        match self.access(named) {
            Access::Nothing => false,
            Access::Everything => true,
            Access::Some(_) if name.len() > LONGEST || (named == Named::Resource && !uri::is_normal(name)) => false,
            Access::Some(choice) => !choice.deny.has(name) && choice.allow.has(name),
        }
    }

    /// Whether a resource template is granted: something that it may become is, as far as its text tells, and not all
    /// that it may become is denied.
    pub fn allows_template(&self, template: &str) -> bool {
        match &self.resources {
            Access::Nothing => false,
            Access::Everything => true,
            Access::Some(_) if template.len() > LONGEST => false,
            Access::Some(choice) => {
                let template = Outline::of_template(template);
                let covered = choice.deny.outlines().any(|denied| denied.covers(&template));
                !covered && choice.allow.outlines().any(|granted| granted.meets(&template))
            }
        }
    }

    fn access(&self, named: Named) -> &Access {
        match named {
            Named::Tool => &self.tools,
            Named::Prompt => &self.prompts,
            Named::Resource => &self.resources,
        }
    }
}

impl Access {
    fn compile(lists: &Lists, named: Named, server: &str) -> Self {
        let of = |patterns: &'_ Patterns| -> Vec<Glob> {
            let there = patterns.of(named).iter().filter(|pattern| pattern.server.matches(server));
            there.map(|pattern| pattern.name.clone()).collect()
        };
        let (allow, deny) = (of(&lists.allow), of(&lists.deny));
        match (allow.iter().any(Glob::is_any), deny.iter().any(Glob::is_any)) {
            (_, true) => Access::Nothing,
            _ if allow.is_empty() => Access::Nothing,
            (true, false) if deny.is_empty() => Access::Everything,
            _ => Access::Some(Box::new(Choice { allow: Names::of(allow), deny: Names::of(deny) })),
        }
    }
}

impl Names {
    fn of(all: Vec<Glob>) -> Self {
        let (plain, globs): (Vec<_>, Vec<_>) = all.into_iter().partition(Glob::is_plain);
        let mut plain: Vec<Box<str>> = plain.iter().map(|glob| glob.as_str().into()).collect();
        plain.sort_unstable();
        plain.dedup();
        Self { plain: plain.into(), globs: globs.into() }
    }

    fn has(&self, name: &str) -> bool {
        self.plain.binary_search_by(|plain| (**plain).cmp(name)).is_ok()
            || self.globs.iter().any(|glob| glob.matches(name))
    }

    fn outlines(&self) -> impl Iterator<Item = Outline> {
        let plain = self.plain.iter().map(|name| Outline::of_name(name));
        plain.chain(self.globs.iter().map(Glob::outline))
    }
}

#[cfg(test)]
mod tests;
