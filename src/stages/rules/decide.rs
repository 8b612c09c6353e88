//! The walk over the rules that may match: verdict, and what is changed.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use crate::catalog::Redaction;
use crate::config::{self, Abort, Then};
use crate::model::Glob;

use super::asked::Asked;
use super::book::Book;
use super::expression::{Budget, Expression, Failed};

/// A million parts are a whole.
const WHOLE: u64 = 1_000_000;

/// What is decided about a message.
#[derive(Debug)]
pub struct Decided<'a> {
    /// What is done with it.
    pub verdict: Verdict<'a>,
    /// The place of the rule that says so; `None` where none does, and it passes.
    pub rule: Option<usize>,
    /// What is changed.
    pub changes: Changes<'a>,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It goes on.
    Pass,
    /// It does not.
    Refuse {
        /// What the caller is told, in the rule's words.
        message: Option<&'a str>,
        /// The code, where the rule has one.
        code: Option<i32>,
    },
    /// It goes to this server, by its place.
    Route(usize),
    /// It is answered with this result, an object in JSON.
    Answer(&'a str),
    /// An expression has failed, which denies.
    Failed,
}

/// What is changed in a message, or in how it is carried. What comes first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes<'a> {
    /// In the place of the server's `first_byte`.
    pub first_byte: Option<Option<Duration>>,
    /// In the place of its `idle_timeout`.
    pub idle_timeout: Option<Option<Duration>>,
    /// In the place of its `deadline`.
    pub deadline: Option<Duration>,
    /// For limits.
    pub class: Option<&'a str>,
    /// For limits.
    pub cost: Option<u32>,
    /// Fields towards the server, each name once.
    pub headers: Vec<&'a (String, String)>,
    /// Arguments of the call; of two that change the same one the first counts.
    pub arguments: Vec<&'a config::Arguments>,
    /// What is made to fail.
    pub fault: Option<Effect>,
    /// What of the answer is not shown.
    pub redactions: Vec<&'a Arc<Redaction>>,
    /// The server that gets a copy, by its place.
    pub mirror: Option<usize>,
}

/// Proof that the rules let a message go on. Nobody else can make one.
#[derive(Debug)]
pub struct Ruled<'a> {
    /// In a box: most messages go on as they are.
    changes: Option<Box<Changes<'a>>>,
}

impl<'a> Ruled<'a> {
    pub(super) fn unchanged() -> Self {
        Self { changes: None }
    }

    /// What is changed, if anything is.
    pub fn changes(&self) -> Option<&Changes<'a>> {
        self.changes.as_deref()
    }

    /// Of a batch: this one, and what comes behind it.
    pub fn and(self, behind: Self) -> Self {
        let changes = match (self.changes, behind.changes) {
            (Some(mut first), Some(then)) => {
                first.add(*then);
                Some(first)
            }
            (first, then) => first.or(then),
        };
        Self { changes }
    }
}

impl<'a> Decided<'a> {
    /// That it goes on, where the verdict lets it.
    pub fn passed(self) -> Option<Ruled<'a>> {
        let changes = (self.changes != Changes::default()).then(|| Box::new(self.changes));
        matches!(self.verdict, Verdict::Pass | Verdict::Route(_)).then_some(Ruled { changes })
    }
}

impl<'a> Changes<'a> {
    fn add(&mut self, behind: Self) {
        self.first_byte = self.first_byte.or(behind.first_byte);
        self.idle_timeout = self.idle_timeout.or(behind.idle_timeout);
        self.deadline = self.deadline.or(behind.deadline);
        self.class = self.class.or(behind.class);
        self.cost = self.cost.or(behind.cost);
        self.fault = self.fault.or(behind.fault);
        self.mirror = self.mirror.or(behind.mirror);
        self.arguments.extend(behind.arguments);
        self.redactions.extend(behind.redactions);
        for field in behind.headers {
            self.header(field);
        }
    }

    fn header(&mut self, field: &'a (String, String)) {
        if !self.headers.iter().any(|(name, _)| *name == field.0) {
            self.headers.push(field);
        }
    }
}

/// What a fault does to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// It waits so long.
    pub delay: Duration,
    /// And then is refused so.
    pub abort: Option<Abort>,
}

/// What a rule has done about a message, for those who count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met<'a> {
    /// It has decided.
    Decided,
    /// It has changed something.
    Changed,
    /// It has led to a group.
    Led,
    /// It would have done so, were it no shadow.
    Shadow,
    /// Its expression, or that of the group that it leads to, has failed.
    Failed(&'a Failed),
}

/// Decides, by the lists of rules that may match: those that every message begins with, then those of each group.
pub(super) fn decide<'a>(
    book: &'a Book,
    lists: &[Box<[u32]>],
    asked: &Asked<'_>,
    budget: &mut Budget,
    met: &mut dyn FnMut(usize, Met<'_>),
) -> Decided<'a> {
    let mut walk = Walk { book, lists, asked, budget, met, been: 0, changes: Changes::default() };
    let (verdict, rule) = match walk.list(0) {
        Some((verdict, rule)) => (verdict, Some(rule)),
        None => (Verdict::Pass, None),
    };
    Decided { verdict, rule, changes: walk.changes }
}

struct Walk<'a, 'b> {
    book: &'a Book,
    lists: &'b [Box<[u32]>],
    asked: &'b Asked<'b>,
    budget: &'b mut Budget,
    met: &'b mut dyn FnMut(usize, Met<'_>),
    /// The groups that it has been in: what has decided nothing once decides nothing again.
    been: u64,
    changes: Changes<'a>,
}

impl<'a> Walk<'a, '_> {
    /// Asks the rules of a list. Groups lead to groups without circles, and no deeper than there are groups.
    fn list(&mut self, list: usize) -> Option<(Verdict<'a>, usize)> {
        let (lists, book) = (self.lists, self.book);
        for rule in lists[list].iter().map(|rule| *rule as usize) {
            let written = book.written(rule);
            match self.holds(rule, written) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(failed) => {
                    (self.met)(rule, Met::Failed(&failed));
                    if written.shadow {
                        continue;
                    }
                    return Some((Verdict::Failed, rule));
                }
            }
            if written.shadow {
                (self.met)(rule, Met::Shadow);
                continue;
            }
            self.change(rule, &written.set);
            let verdict = match &written.then {
                None => {
                    (self.met)(rule, Met::Changed);
                    continue;
                }
                Some(Then::Goto(group)) => {
                    (self.met)(rule, Met::Led);
                    match self.group(*group, rule) {
                        Some(decided) => return Some(decided),
                        None => continue,
                    }
                }
                Some(Then::Pass) => Verdict::Pass,
                Some(Then::Refuse { message, code }) => Verdict::Refuse { message: message.as_deref(), code: *code },
                Some(Then::Answer(result)) => Verdict::Answer(result),
                Some(Then::Route(shares)) => Verdict::Route(drawn(shares, self.draw(rule))),
            };
            (self.met)(rule, Met::Decided);
            return Some((verdict, rule));
        }
        None
    }

    /// Asks the rules of a group, for the rule that leads there.
    fn group(&mut self, group: usize, from: usize) -> Option<(Verdict<'a>, usize)> {
        let (bit, book) = (1 << group, self.book);
        if self.been & bit != 0 {
            return None;
        }
        self.been |= bit;
        match self.is_true(book.groups[group].as_ref()) {
            Ok(true) => self.list(group + 1),
            Ok(false) => None,
            Err(failed) => {
                (self.met)(from, Met::Failed(&failed));
                Some((Verdict::Failed, from))
            }
        }
    }

    /// Whether a rule matches what only the message itself can tell.
    fn holds(&mut self, rule: usize, written: &config::Rule) -> Result<bool, Failed> {
        let book = self.book;
        self.budget.pay(1)?;
        Ok(has(self.asked.headers, &written.matcher.headers, self.budget)?
            && self.is_true(book.rules[rule].when.as_ref())?)
    }

    fn is_true(&mut self, when: Option<&Expression>) -> Result<bool, Failed> {
        when.map_or(Ok(true), |when| when.decide(self.asked.facts, self.budget))
    }

    fn change(&mut self, rule: usize, set: &'a config::Set) {
        let draw = self.draw(rule);
        let hit = |fault: &config::Fault| draw.rotate_left(32) % WHOLE < u64::from(fault.share);
        let copied = |mirror: &config::Mirror| draw.rotate_left(48) % WHOLE < u64::from(mirror.share);
        self.changes.add(Changes {
            first_byte: set.first_byte,
            idle_timeout: set.idle_timeout,
            deadline: set.deadline,
            class: set.class.as_deref(),
            cost: set.cost,
            headers: set.headers.iter().collect(),
            arguments: Some(&set.arguments).filter(|arguments| !arguments.is_empty()).into_iter().collect(),
            fault: set.fault.filter(hit).map(|fault| Effect { delay: fault.delay, abort: fault.abort }),
            mirror: set.mirror.filter(copied).map(|mirror| mirror.server),
            redactions: self.book.rules[rule].redaction.iter().collect(),
        });
    }

    /// The randomness of one rule: two rules that draw for one message draw on their own.
    fn draw(&self, rule: usize) -> u64 {
        let mixed =
            (self.asked.draw ^ (rule as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 29)).wrapping_mul(0x94D0_49BB_1331_11EB)
    }
}

/// Whether each of these fields is there with such a value.
pub(super) fn has(headers: &HeaderMap, wanted: &[(String, Glob)], budget: &mut Budget) -> Result<bool, Failed> {
    for (name, glob) in wanted {
        budget.pay(1)?;
        let mut is_there = false;
        for value in headers.get_all(name) {
            budget.pay(1 + u32::try_from(value.len() / 128).unwrap_or(u32::MAX))?;
            is_there = match value.to_str() {
                Ok(text) => budget.glob(glob, text)?,
                Err(_) => false,
            };
            if is_there {
                break;
            }
        }
        if !is_there {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The server of one share, by weight. The weights add up to more than 0: the configuration is refused else.
pub(super) fn drawn(shares: &[config::Share], draw: u64) -> usize {
    let sum: u64 = shares.iter().map(|share| u64::from(share.weight)).sum();
    let mut at = draw.rotate_left(17) % sum.max(1);
    for share in shares {
        match at.checked_sub(u64::from(share.weight)) {
            Some(left) => at = left,
            None => return share.server,
        }
    }
    shares.last().map_or(0, |share| share.server)
}
