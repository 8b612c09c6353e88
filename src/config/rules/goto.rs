//! Where `goto` leads: nowhere in a circle, and to every group.

use super::{Group, Rule, Then};
use crate::config::section::Section;

/// Notes circles, and groups that no message comes to.
pub(super) fn check(root: &Section<'_>, rules: &[(&Section<'_>, Rule)], groups: &[Group], written: &[Section<'_>]) {
    for (section, circle) in circles(rules, groups.len()) {
        let names: Vec<_> = circle.iter().map(|group| format!("{:?}", groups[*group].name)).collect();
        section.wrong("then", format!("`goto` leads in a circle: {}", names.join(" to ")));
    }
    let mut reached = vec![false; groups.len()];
    let mut next: Vec<_> = leads(rules, None).map(|(_, to)| to).collect();
    while let Some(group) = next.pop() {
        if !std::mem::replace(&mut reached[group], true) {
            next.extend(leads(rules, Some(group)).map(|(_, to)| to));
        }
    }
    for (group, _) in groups.iter().zip(&reached).filter(|(_, reached)| !**reached) {
        let message = format!("no message comes to the group {:?}: no `goto` leads there", group.name);
        let named = |section: &&Section<'_>| section.text("name", super::name).as_deref() == Some(&group.name);
        let of_rule = |(_, rule): &&(&Section<'_>, Rule)| rule.group.is_some_and(|at| groups[at].name == group.name);
        match (written.iter().find(named), rules.iter().find(of_rule)) {
            (Some(section), _) => section.wrong("name", message),
            (None, Some((section, _))) => section.wrong("group", message),
            (None, None) => root.wrong("rules", message),
        }
    }
}

/// The rules of a group that lead to another, or those that every message begins with; and where.
fn leads<'a, 'b>(
    rules: &'a [(&'a Section<'b>, Rule)],
    group: Option<usize>,
) -> impl Iterator<Item = (&'a Section<'b>, usize)> {
    rules.iter().filter(move |(_, rule)| rule.group == group).filter_map(|(section, rule)| match rule.then {
        Some(Then::Goto(to)) => Some((*section, to)),
        _ => None,
    })
}

/// The circles, each with the rule that closes it.
fn circles<'a, 'b>(rules: &'a [(&'a Section<'b>, Rule)], groups: usize) -> Vec<(&'a Section<'b>, Vec<usize>)> {
    let (mut found, mut done) = (Vec::new(), vec![false; groups]);
    for start in 0..groups {
        // The way to where the search is, and which of its leads comes next.
        let mut way = vec![(start, 0)];
        while let Some((at, next)) = way.last_mut() {
            let at = *at;
            let lead = leads(rules, Some(at)).nth(*next);
            *next += 1;
            match lead {
                None => {
                    done[at] = true;
                    way.pop();
                }
                Some((section, to)) if !done[to] => match way.iter().position(|(on, _)| *on == to) {
                    Some(from) => {
                        found.push((section, way[from..].iter().map(|(on, _)| *on).chain([to]).collect()));
                    }
                    None => way.push((to, 0)),
                },
                Some(_) => {}
            }
        }
    }
    found
}
