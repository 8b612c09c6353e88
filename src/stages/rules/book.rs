//! Rules, compiled once for a configuration: immutable, shared by all cores.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::catalog::Redaction;
use crate::config;
use crate::model::Glob;
use crate::model::grants::{Named, Patterns};

use super::asked::{Asked, Said};
use super::decide::has;
use super::expression::{Budget, Expected, Expression, Failed, Flaw, Needs};

/// Roles that rules may name in all: the caller's are as many bits.
pub(super) const MOST_ROLES: usize = 128;

/// Every rule of a configuration.
#[derive(Debug)]
pub struct Book {
    written: Arc<config::Rules>,
    pub(super) rules: Box<[Rule]>,
    /// The roles that any rule names, sorted.
    roles: Box<[Box<str>]>,
    /// The kinds that any rule names, or may look at.
    named: [bool; 3],
    /// The rules that every message begins with; then those of each group.
    pub(super) lists: Box<[Box<[u32]>]>,
    draws: bool,
    needs: Needs,
    /// What is not shown of answers, by the place of a route.
    redactions: Box<[Box<[Arc<Redaction>]>]>,
    /// The common conditions of groups.
    pub(super) groups: Box<[Option<Expression>]>,
}

/// One rule, as it is matched.
#[derive(Debug)]
pub(super) struct Rule {
    /// By the place of a route.
    routes: Box<[bool]>,
    /// By the place of a server.
    servers: Box<[bool]>,
    methods: Box<[Glob]>,
    /// By the place of a server, for each kind; `None` where the rule names nothing.
    names: Option<Box<[Names]>>,
    /// Bits of the book's roles; 0 where any caller will do.
    roles: u128,
    pub(super) when: Option<Expression>,
    /// What of answers is not shown.
    pub(super) redaction: Option<Arc<Redaction>>,
    /// Whether there is something that only the message itself can tell.
    pub(super) is_open: bool,
}

fn condition(written: &config::Expression) -> Result<Expression, String> {
    compiled(written, Expected::Bool)
}

/// An expression of the configuration, compiled.
///
/// # Errors
/// It is wrong: see [`flaws`].
pub fn compiled(written: &config::Expression, expected: Expected) -> Result<Expression, String> {
    Expression::compile(&written.text, expected).map_err(|flaws| {
        let first = flaws.first().map_or("", |flaw| &flaw.message);
        format!("the expression `{}` is wrong: {first}", written.text)
    })
}

/// What is wrong with the expressions of rules, each with the part that is meant.
pub fn flaws(rules: &config::Rules) -> Vec<(&config::Expression, Flaw)> {
    flaws_of(rules.expressions(), Expected::Bool)
}

/// The same of any expressions.
pub fn flaws_of<'a>(
    all: impl IntoIterator<Item = &'a config::Expression>,
    expected: Expected,
) -> Vec<(&'a config::Expression, Flaw)> {
    let mut found = Vec::new();
    for written in all {
        if let Err(flaws) = Expression::compile(&written.text, expected) {
            found.extend(flaws.into_iter().map(|flaw| (written, flaw)));
        }
    }
    found
}

/// What a rule names on one server, by kind.
#[derive(Debug)]
struct Names([Box<[Glob]>; 3]);

fn place(named: Named) -> usize {
    match named {
        Named::Tool => 0,
        Named::Prompt => 1,
        Named::Resource => 2,
    }
}

const KINDS: [Named; 3] = [Named::Tool, Named::Prompt, Named::Resource];

impl Book {
    /// Compiles rules for routes of these paths and servers of these names.
    ///
    /// # Errors
    /// Where the rules name more roles than there are bits for, or an expression is wrong: see [`flaws`].
    pub fn compile<'a>(
        written: Arc<config::Rules>,
        routes: impl IntoIterator<Item = &'a str>,
        servers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let (routes, servers): (Vec<_>, Vec<_>) = (routes.into_iter().collect(), servers.into_iter().collect());
        let roles: BTreeSet<_> =
            written.rules.iter().flat_map(|rule| &rule.matcher.roles).map(String::as_str).collect();
        if roles.len() > MOST_ROLES {
            return Err(format!("[[rules]] name {} roles: at most {MOST_ROLES}", roles.len()));
        }
        let roles: Box<[Box<str>]> = roles.into_iter().map(Box::from).collect();
        let rules = written.rules.iter().map(|rule| Rule::compile(rule, &routes, &servers, &roles));
        let rules: Box<[Rule]> = rules.collect::<Result<_, _>>()?;
        let groups = written.groups.iter().map(|group| group.when.as_ref().map(condition).transpose());
        let groups: Box<[Option<Expression>]> = groups.collect::<Result<_, _>>()?;
        let all = rules.iter().filter_map(|rule| rule.when.as_ref()).chain(groups.iter().flatten());
        let needs = all.fold(Needs::NOTHING, |needs, when| needs | when.needs());
        let mut lists = vec![Vec::new(); 1 + written.groups.len()];
        for (at, rule) in (0..).zip(&written.rules) {
            lists[rule.group.map_or(0, |group| group + 1)].push(at);
        }
        let named = |named: Named| written.rules.iter().any(|rule| !rule.matcher.names.of(named).is_empty());
        let names = |kind: Named| needs.has(Needs::MESSAGE) || named(kind);
        let draws = written.rules.iter().any(|rule| {
            matches!(&rule.then, Some(config::Then::Route(shares)) if shares.len() > 1)
                || rule.set.fault.is_some()
                || rule.set.mirror.is_some()
        });
        let of = |route: usize| {
            let in_force =
                rules.iter().zip(&written.rules).filter(|(rule, written)| rule.routes[route] && !written.shadow);
            in_force.filter_map(|(rule, _)| rule.redaction.clone()).collect()
        };
        Ok(Self {
            redactions: (0..routes.len()).map(of).collect(),
            rules,
            roles,
            named: KINDS.map(names),
            lists: lists.into_iter().map(Vec::into_boxed_slice).collect(),
            draws,
            needs,
            groups,
            written,
        })
    }

    /// Whether a rule names anything of that kind, or may look at what is named.
    pub fn names(&self, named: Named) -> bool {
        self.named[place(named)]
    }

    /// What the expressions of all rules ask for.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// Whether any decision takes randomness.
    pub fn draws(&self) -> bool {
        self.draws
    }

    /// The places of all servers that a rule sends messages to, each once.
    pub fn targets(&self) -> impl Iterator<Item = usize> {
        let shares = self.written.rules.iter().filter_map(|rule| match &rule.then {
            Some(config::Then::Route(shares)) => Some(shares),
            _ => None,
        });
        let targets: BTreeSet<_> = shares.flatten().map(|share| share.server).collect();
        targets.into_iter()
    }

    /// What any rule for the route at that place does not show of an answer: it holds where nobody can tell what was asked.
    pub fn redactions(&self, route: usize) -> &[Arc<Redaction>] {
        self.redactions.get(route).map_or(&[], |redactions| redactions)
    }

    /// Whether a rule copies calls to the server at that place.
    pub fn mirrors_to(&self, server: usize) -> bool {
        let mut mirrors = self.written.rules.iter().filter_map(|rule| rule.set.mirror);
        mirrors.any(|mirror| mirror.server == server)
    }

    /// What a rule is called.
    pub fn name(&self, rule: usize) -> &str {
        self.written.rules.get(rule).map_or("", |rule| &rule.name)
    }

    /// What all of them are called, by their places.
    pub fn all_names(&self) -> impl Iterator<Item = &str> {
        self.written.rules.iter().map(|rule| &*rule.name)
    }

    /// Whether a rule stands in the store, and not in the file.
    pub fn is_stored(&self, rule: usize) -> bool {
        rule >= self.written.rules.len() - self.written.stored
    }

    pub(super) fn written(&self, rule: usize) -> &config::Rule {
        &self.written.rules[rule]
    }

    /// The roles of a caller as bits: those that rules name.
    pub(super) fn held(&self, roles: &[Box<str>]) -> u128 {
        let place = |role: &str| self.roles.binary_search_by(|known| (**known).cmp(role)).ok();
        roles.iter().filter_map(|role| place(role)).fold(0, |bits, at| bits | 1 << at)
    }

    /// Which part of a rule does not fit; `None` where all that can be told without an expression does.
    pub(super) fn misfit(&self, rule: usize, asked: &Asked<'_>) -> Option<&'static str> {
        let (written, compiled) = (&self.written(rule).matcher, &self.rules[rule]);
        let at = |places: &[bool], place: usize| places.get(place) == Some(&true);
        let enough = &mut Budget::default();
        let held = self.held(asked.roles);
        let parts = [
            ("another route: `routes`", at(&compiled.routes, asked.route)),
            ("another server: `servers`", at(&compiled.servers, asked.server)),
            ("another method: `methods`", compiled.fits_method(asked.said.text())),
            ("none of its roles: `roles`", compiled.roles == 0 || compiled.roles & held != 0),
            ("another name: `tools`, `prompts`, `resources`", compiled.fits_name(asked, enough).unwrap_or(false)),
            ("other headers: `headers`", has(asked.headers, &written.headers, enough).unwrap_or(false)),
        ];
        parts.into_iter().find(|(_, fits)| !fits).map(|(part, _)| part)
    }

    /// Whether a rule decides whatever the rest of the message says, so that none behind it is asked.
    pub(super) fn ends(&self, rule: usize) -> bool {
        let written = self.written(rule);
        let decides = matches!(&written.then, Some(then) if !matches!(then, config::Then::Goto(_)));
        decides && !written.shadow && !self.rules[rule].is_open
    }
}

impl Rule {
    fn compile(written: &config::Rule, routes: &[&str], servers: &[&str], roles: &[Box<str>]) -> Result<Self, String> {
        let config::Matcher { names, methods, headers, .. } = &written.matcher;
        let among = |globs: &[Glob], all: &[&str]| {
            let fits = |name: &&str| globs.is_empty() || globs.iter().any(|glob| glob.matches(name));
            all.iter().map(fits).collect()
        };
        let bit = |role: &String| roles.iter().position(|known| **known == **role).map_or(0, |at| 1 << at);
        Ok(Self {
            routes: among(&written.matcher.routes, routes),
            servers: among(&written.matcher.servers, servers),
            methods: methods.as_slice().into(),
            names: (*names != Patterns::default())
                .then(|| servers.iter().map(|server| Names::on(names, server)).collect()),
            roles: written.matcher.roles.iter().fold(0, |bits, role| bits | bit(role)),
            is_open: written.when.is_some() || !headers.is_empty(),
            when: written.when.as_ref().map(condition).transpose()?,
            redaction: (!written.set.redact.is_empty()).then(|| Arc::new(Redaction::of(&written.set.redact))),
        })
    }

    /// Whether it may match such a message, whatever it names.
    pub(super) fn fits_place(&self, asked: &Asked<'_>, held: u128) -> bool {
        let named = || match (&self.names, asked.named) {
            (None, _) => true,
            (Some(on), Some((named, _))) => on.get(asked.server).is_some_and(|names| !names.0[place(named)].is_empty()),
            (Some(_), None) => false,
        };
        self.routes.get(asked.route) == Some(&true)
            && self.servers.get(asked.server) == Some(&true)
            && (self.roles == 0 || self.roles & held != 0)
            && (matches!(asked.said, Said::Other(_)) || self.fits_method(asked.said.text()))
            && named()
    }

    /// Whether one that fits otherwise matches what the message names.
    pub(super) fn fits_name(&self, asked: &Asked<'_>, budget: &mut Budget) -> Result<bool, Failed> {
        if let Said::Other(method) = asked.said
            && !self.methods.is_empty()
            && !any(&self.methods, method, budget)?
        {
            return Ok(false);
        }
        match (&self.names, asked.named) {
            (None, _) => Ok(true),
            (Some(on), Some((named, name))) => any(&on[asked.server].0[place(named)], name, budget),
            (Some(_), None) => Ok(false),
        }
    }

    fn fits_method(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|glob| glob.matches(method))
    }
}

/// Whether one of these patterns matches.
fn any(globs: &[Glob], name: &str, budget: &mut Budget) -> Result<bool, Failed> {
    for glob in globs {
        if budget.glob(glob, name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Names {
    fn on(patterns: &Patterns, server: &str) -> Self {
        let of = |named| {
            let there = patterns.of(named).iter().filter(|pattern| pattern.server.matches(server));
            there.map(|pattern| pattern.name.clone()).collect()
        };
        Self(KINDS.map(of))
    }
}
