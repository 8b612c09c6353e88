//! What is granted, against the definition.

use proptest::prelude::*;

use super::*;

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

fn tools(allow: &[&str], deny: &[&str]) -> Lists {
    let of = |texts: &[&str]| Patterns { tools: patterns(texts), ..Patterns::default() };
    Lists { allow: of(allow), deny: of(deny) }
}

fn resources(allow: &[&str], deny: &[&str]) -> Grants {
    let of = |texts: &[&str]| Patterns { resources: patterns(texts), ..Patterns::default() };
    Grants::compile(&Lists { allow: of(allow), deny: of(deny) }, ["files"])
}

proptest! {
    #[test]
    fn a_name_is_granted_where_one_pattern_says_so_and_none_denies_it(
        allow in prop::collection::vec("([ab*]{1,2}:)?[ab*?]{1,3}", 0..4),
        deny in prop::collection::vec("([ab*]{1,2}:)?[ab*?]{1,3}", 0..3),
        name in "[ab]{1,4}",
    ) {
        let texts = |all: &[String]| all.iter().map(|text| Pattern::parse(text).unwrap()).collect::<Vec<_>>();
        let (allow, deny) = (texts(&allow), texts(&deny));
        let lists = Lists {
            allow: Patterns { tools: allow.clone(), ..Patterns::default() },
            deny: Patterns { tools: deny.clone(), ..Patterns::default() },
        };
        let servers = ["a", "ab", "b"];
        let grants = Grants::compile(&lists, servers);
        for (at, server) in servers.into_iter().enumerate() {
            let fits = |pattern: &Pattern| pattern.server.matches(server) && pattern.name.matches(&name);
            let granted = allow.iter().any(fits) && !deny.iter().any(fits);
            let on = grants.on(at);
            prop_assert_eq!(on.allows(Named::Tool, &name), granted);
            prop_assert!(!on.allows(Named::Prompt, &name) && !on.allows(Named::Resource, &name));
            prop_assert!(!granted || on.any());
            prop_assert!(granted || !on.all_of(Named::Tool));
        }
    }
}

#[test]
fn what_needs_no_match_is_known_to_need_none() {
    for (allow, deny, any, all) in [
        (&[][..], &[][..], false, false),
        (&["*"], &[], true, true),
        (&["files:*"], &[], true, true),
        (&["other:*"], &[], false, false),
        (&["*"], &["other:x"], true, true),
        (&["*"], &["*:x"], true, false),
        (&["*", "x"], &["*"], false, false),
        (&["x"], &[], true, false),
    ] {
        let grants = Grants::compile(&tools(allow, deny), ["files"]);
        let on = grants.on(0);
        assert_eq!((on.any_of(Named::Tool), on.all_of(Named::Tool)), (any, all), "{allow:?} {deny:?}");
        assert!(!on.any_of(Named::Prompt) && !on.all() && on.any() == any);
    }
    assert!(Grants::compile(&Lists { allow: Patterns::everything(), ..Lists::default() }, ["a"]).on(0).all());
}

#[test]
fn another_spelling_of_a_resource_is_covered_by_nothing() {
    let some = resources(&["files:file:///pub/*"], &[]);
    let less = resources(&["*"], &["files:file:///secret/*"]);
    let all = resources(&["*"], &[]);
    for (uri, of_some, of_less) in [
        ("file:///pub/a", true, true),
        ("file:///pub/../secret/a", false, false),
        ("file:///secret/a", false, false),
        ("file:///%73ecret/a", false, false),
        ("FILE:///secret/a", false, false),
        ("not a uri", false, false),
    ] {
        let allows = |grants: &Grants| grants.on(0).allows(Named::Resource, uri);
        assert_eq!((allows(&some), allows(&less), allows(&all)), (of_some, of_less, true), "{uri}");
    }
}

#[test]
fn a_template_is_granted_where_it_can_become_something_that_is() {
    let grants = resources(&["files:file:///pub/*", "files:notes://ada"], &["*:file:///pub/old/*"]);
    for (template, shown) in [
        ("file:///{path}", true),
        ("file:///pub/{name}", true),
        ("notes://{user}", true),
        ("file:///pub/old/{name}", false),
        ("file:///secret/{name}", false),
        ("notes://{user}/x", false),
    ] {
        assert_eq!(grants.on(0).allows_template(template), shown, "{template}");
    }
    assert!(!grants.on(0).allows_template(&"{a}".repeat(LONGEST)));
}

#[test]
fn names_beyond_all_measure_are_covered_by_everything_alone() {
    let (long, most) = ("a".repeat(LONGEST + 1), "a".repeat(LONGEST));
    let some = Grants::compile(&tools(&["a*"], &[]), ["files"]);
    let all = Grants::compile(&tools(&["*"], &[]), ["files"]);
    let allows = |grants: &Grants, name: &str| grants.on(0).allows(Named::Tool, name);
    assert!(allows(&some, &most) && !allows(&some, &long) && allows(&all, &long));
}
