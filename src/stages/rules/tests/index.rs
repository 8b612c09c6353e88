//! The index against a reading of the rules from top to bottom.

use std::collections::BTreeSet;

use super::*;
use crate::config::Group;
use crate::model::grants::Patterns;
use crate::model::{Glob, Pattern};

const METHODS: [Said<'_>; 7] = [
    Said::Method(Method::ToolsCall),
    Said::Method(Method::PromptsGet),
    Said::Method(Method::Complete),
    Said::Method(Method::ToolsList),
    Said::Other("tools/x"),
    Said::Answer,
    Said::Get,
];

/// Conditions, and what each says of a message; `None` where it has no answer.
type Condition = (&'static str, fn(&Asked<'_>) -> Option<bool>);

const CONDITIONS: [Condition; 3] = [
    ("message.name == \"a\"", |asked| Some(asked.named.is_some_and(|(_, name)| name == "a"))),
    ("message.name.startsWith(\"b\")", |asked| Some(asked.named.is_some_and(|(_, name)| name.starts_with('b')))),
    ("message.tool.annotations.readOnlyHint", |asked| match asked.said {
        Said::Method(Method::ToolsCall) => None,
        _ => Some(false),
    }),
];

fn condition(at: usize) -> Option<config::Expression> {
    CONDITIONS.get(at).map(|(text, _)| config::Expression::of(text))
}

/// What a rule asks for, does and is, by numbers.
#[derive(Debug, Clone)]
struct Drawn {
    routes: Vec<usize>,
    methods: Vec<usize>,
    tools: Vec<String>,
    prompts: Vec<String>,
    servers: Vec<usize>,
    roles: Vec<usize>,
    header: bool,
    when: usize,
    then: u8,
    group: u8,
    shadow: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let some = |most: usize| prop::collection::vec(0..most, 0..2);
    let names = || prop::collection::vec("((files|other|f\\*|\\*):)?[ab\\*\\?]{1,2}", 0..2);
    let what = (some(3), some(METHODS.len()), names(), names(), some(2), some(3));
    (what, prop::bool::weighted(0.2), 0..9usize, 0..8u8, 0..4u8, prop::bool::weighted(0.15)).prop_map(
        |((routes, methods, tools, prompts, servers, roles), header, when, then, group, shadow)| Drawn {
            routes,
            methods,
            tools,
            prompts,
            servers,
            roles,
            header,
            when,
            then,
            group,
            shadow,
        },
    )
}

/// Groups lead to later ones only, so that there is no circle.
fn written(drawn: &[Drawn]) -> config::Rules {
    let globs = |texts: Vec<&str>| texts.into_iter().map(|text| Glob::parse(text).unwrap()).collect::<Vec<_>>();
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect::<Vec<_>>();
    let rule = |(at, one): (usize, &Drawn)| {
        let group = usize::from(one.group).checked_sub(1);
        let then = match one.then {
            0 => Some(Then::Pass),
            1 => Some(Then::Refuse { message: Some(at.to_string()), code: None }),
            2 => Some(Then::Answer(format!("{{\"at\":{at}}}"))),
            3 => Some(Then::Route(vec![Share { server: 0, weight: 1 }, Share { server: 1, weight: 2 }])),
            4 | 5 => {
                let next = group.map_or(0, |group| group + 1);
                (next < 3).then_some(Then::Goto(next))
            }
            _ => None,
        };
        Rule {
            name: at.to_string(),
            group,
            shadow: one.shadow,
            matcher: Matcher {
                routes: globs(one.routes.iter().map(|at| ROUTES[*at]).collect()),
                methods: globs(one.methods.iter().map(|at| METHODS[*at].text()).collect()),
                names: Patterns { tools: patterns(&one.tools), prompts: patterns(&one.prompts), resources: Vec::new() },
                servers: globs(one.servers.iter().map(|at| SERVERS[*at]).collect()),
                roles: one.roles.iter().map(|at| ROLES[*at].to_owned()).collect(),
                headers: one.header.then(|| ("x-team".to_owned(), Glob::parse("b*").unwrap())).into_iter().collect(),
            },
            when: condition(one.when),
            then,
            set: Set { cost: Some(at as u32), ..Set::default() },
        }
    };
    let groups = (0..3).map(|at| Group { name: format!("g{at}"), when: condition(at + 1) }).collect();
    config::Rules { rules: drawn.iter().enumerate().map(rule).collect(), groups, stored: 0 }
}

/// Whether a rule matches, as its documentation says.
fn matches(rule: &Rule, asked: &Asked<'_>) -> bool {
    let any = |globs: &[Glob], text: &str| globs.is_empty() || globs.iter().any(|glob| glob.matches(text));
    let Matcher { routes, methods, names, servers, roles, headers } = &rule.matcher;
    let named = || match asked.named {
        Some((named, name)) => {
            let fits = |pattern: &Pattern| pattern.server.matches(SERVERS[asked.server]) && pattern.name.matches(name);
            names.of(named).iter().any(fits)
        }
        None => false,
    };
    any(routes, ROUTES[asked.route])
        && any(methods, asked.said.text())
        && any(servers, SERVERS[asked.server])
        && (*names == Patterns::default() || named())
        && (roles.is_empty() || roles.iter().any(|role| asked.roles.iter().any(|held| **held == **role)))
        && headers.iter().all(|(name, glob)| {
            asked.headers.get_all(name).iter().any(|value| glob.matches(value.to_str().unwrap_or_default()))
        })
}

/// Whether a condition holds.
fn holds(when: Option<&config::Expression>, asked: &Asked<'_>) -> Option<bool> {
    let Some(when) = when else { return Some(true) };
    CONDITIONS.iter().find(|(text, _)| *text == when.text).and_then(|(_, says)| says(asked))
}

/// From top to bottom: the rule that decides and whether it has failed, and those that have changed something.
fn naive(
    rules: &config::Rules,
    group: Option<usize>,
    asked: &Asked<'_>,
    changed: &mut Vec<usize>,
) -> Option<(usize, bool)> {
    for (at, rule) in rules.rules.iter().enumerate().filter(|(_, rule)| rule.group == group) {
        if rule.shadow || !matches(rule, asked) {
            continue;
        }
        match holds(rule.when.as_ref(), asked) {
            Some(true) => changed.push(at),
            Some(false) => continue,
            None => return Some((at, true)),
        }
        match &rule.then {
            None => {}
            Some(Then::Goto(to)) => {
                let decided = match holds(rules.groups[*to].when.as_ref(), asked) {
                    Some(true) => naive(rules, Some(*to), asked, changed),
                    Some(false) => None,
                    None => Some((at, true)),
                };
                if decided.is_some() {
                    return decided;
                }
            }
            Some(_) => return Some((at, false)),
        }
    }
    None
}

proptest! {
    // So many that each way in which an index could be wrong is met: mutants of it all fail here.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2000), ..ProptestConfig::default() })]

    /// Many messages over one book, so that most of it is remembered from others.
    #[test]
    fn the_index_decides_like_a_reading_from_top_to_bottom(
        drawn in prop::collection::vec(drawn(), 0..12),
        messages in prop::collection::vec(
            (0..3usize, 0..2usize, 0..METHODS.len(), "[ab]{1,2}", prop::collection::vec(0..3usize, 0..3), any::<bool>(), any::<u64>()),
            1..24,
        ),
    ) {
        let written = written(&drawn);
        let all = rules(written.clone());
        for (route, server, said, name, roles, header, draw) in &messages {
            let said = METHODS[*said];
            let named = match said {
                Said::Method(Method::ToolsCall) => Some((Named::Tool, name.as_str())),
                Said::Method(Method::PromptsGet) => Some((Named::Prompt, name.as_str())),
                // The same method names one thing or another.
                Said::Method(Method::Complete) => {
                    Some((if draw % 2 == 0 { Named::Prompt } else { Named::Resource }, name.as_str()))
                }
                _ => None,
            };
            let roles = held(&roles.iter().map(|at| ROLES[*at]).collect::<Vec<_>>());
            let mut headers = http::HeaderMap::new();
            if *header {
                headers.insert("x-team", HeaderValue::from_static("blue"));
            }
            let facts = told(said, named);
            let asked = Asked { route: *route, server: *server, said, named, roles: &roles, headers: &headers, facts: &facts, draw: *draw };
            let (mut met, mut changed) = (Vec::new(), Vec::new());
            let decided = all.decide(&asked, &mut Budget::default(), &mut |rule, how| met.push((rule, !matches!(how, Met::Shadow | Met::Failed(_)))));
            let expected = naive(&written, None, &asked, &mut changed);
            prop_assert_eq!(decided.rule, expected.map(|(at, _)| at));
            prop_assert_eq!(decided.changes.cost, changed.first().map(|at| *at as u32), "what comes first counts");
            let then = |(at, failed): (usize, bool)| (!failed).then(|| written.rules[at].then.clone().unwrap());
            match (expected.map(then), decided.verdict) {
                (Some(None), Verdict::Failed) => {}
                (None | Some(Some(Then::Pass)), Verdict::Pass) => {}
                (Some(Some(Then::Refuse { message, .. })), Verdict::Refuse { message: said, .. }) => {
                    prop_assert_eq!(message.as_deref(), said);
                }
                (Some(Some(Then::Answer(result))), Verdict::Answer(said)) => prop_assert_eq!(&*result, said),
                (Some(Some(Then::Route(_))), Verdict::Route(server)) => prop_assert!(server < 2),
                (expected, decided) => prop_assert!(false, "{:?} and not {:?}", decided, expected),
            }
            let did: Vec<_> = met.iter().filter(|(_, did)| *did).map(|(rule, _)| *rule).collect();
            let mut once = changed.clone();
            // A group is asked once: a second time it would decide nothing again.
            let mut seen = std::collections::HashSet::new();
            once.retain(|at| written.rules[*at].group.is_none() || seen.insert(*at));
            prop_assert_eq!(did, once);
            let (again, told) = all.explain(&asked);
            prop_assert_eq!(again.rule, decided.rule);
            let applied: BTreeSet<_> = told.iter().filter(|one| one.applies).map(|one| one.name.clone()).collect();
            prop_assert_eq!(applied, met.iter().map(|(rule, _)| rule.to_string()).collect(), "{:?}", told);
            prop_assert!(decided.rule.is_none_or(|at| told.last().is_some_and(|last| last.name == at.to_string())));
        }
    }
}
