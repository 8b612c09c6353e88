//! Hostile rules and hostile messages.

use proptest::prelude::*;

use super::super::{Budget, Expected, Expression};
use super::world::{World, compiled};

fn refused(text: &str) -> String {
    match Expression::compile(text, Expected::Bool) {
        Ok(_) => panic!("compiles: {text:.200}"),
        Err(flaws) => flaws.into_iter().map(|flaw| flaw.message).collect::<Vec<_>>().join("; "),
    }
}

#[test]
fn three_loops_over_a_list_of_the_caller_are_refused() {
    let text = "arguments.l.all(a, arguments.l.all(b, arguments.l.all(c, a + b + c < 0 || true)))";
    assert!(refused(text).contains("another such loop"), "{}", refused(text));
    for text in [
        "arguments.l.all(a, a.all(b, true))",
        "arguments.l.map(a, [a]).all(a, arguments.l.exists(b, a == b))",
        "[arguments].all(a, a.l.all(b, arguments.l.all(c, b == c)))",
        "(true ? arguments.l : []).all(a, (arguments.l + []).all(b, a == b))",
        "[arguments.l][0].all(a, [arguments.l][0].all(b, a == b))",
        "{'a': arguments.l}.a.all(a, {'a': arguments.l}['a'].all(b, a == b))",
        "arguments.l.filter(a, arguments.l.exists(b, a == b)) == []",
    ] {
        refused(text);
    }
}

#[test]
fn texts_that_would_exhaust_the_parser_are_refused() {
    for text in [
        "(".repeat(5000),
        format!("{}1{}", "(".repeat(2000), ")".repeat(2000)),
        format!("{}1{}", "[".repeat(2000), "]".repeat(2000)),
        "!".repeat(5000),
        "-".repeat(5000),
        format!("{}true", "true ? ".repeat(1000)),
        "true ? true : ".repeat(500) + "true",
        format!("arguments{}", ".a".repeat(2500)),
        format!("arguments{}", "[0]".repeat(2500)),
        format!("1{}", "+1".repeat(2500)),
        format!("1 == 1{}", " == true".repeat(900)),
        "{1:".repeat(1000),
        "f(".repeat(2000),
        "a.all(a,".repeat(900),
        format!("'{}'", "a".repeat(100_000)),
        "'".repeat(5000),
        "\\".repeat(5000),
        "\u{0}".repeat(5000),
        "a\u{301}".repeat(1000),
        "?".repeat(5000),
        "&&".repeat(2000),
    ] {
        refused(&text);
    }
}

#[test]
fn what_goes_to_the_bounds_of_a_text_compiles() {
    let many = vec!["arguments.path == '/etc/passwd'"; 150].join(" || ");
    let list = format!("message.name in [{}]", vec!["'a_tool_with_a_long_name'"; 300].join(", "));
    for text in [many, list, format!("{}true{}", "(".repeat(24), ")".repeat(24))] {
        compiled(&text, Expected::Bool);
    }
}

/// Runs an expression over arguments with a whole budget: the steps that it took and what came of it.
fn steps(text: &str, arguments: &str) -> (u32, Result<bool, bool>) {
    let world = World::calling(arguments);
    let mut budget = Budget::default();
    let result = compiled(text, Expected::Bool).decide(&world, &mut budget);
    (Budget::STEPS - budget.left(), result.map_err(|failed| failed.spent))
}

#[test]
fn what_the_caller_makes_long_is_paid_for() {
    let list = |element: &str, count: usize| format!("{{\"l\":[{}]}}", vec![element; count].join(","));
    let text = |length: usize| format!("{{\"l\":\"{}\"}}", "a".repeat(length));
    for (expression, arguments) in [
        ("arguments.l.all(x, x == 1)", list("1", 50_000)),
        ("arguments.l.all(x, ['a', 'b', 'c'].all(y, x != y))", list("1", 5_000)),
        ("arguments.l.map(x, arguments.l[0]) == []", list("1", 20_000)),
        ("arguments.l.all(x, arguments.z == 1)", format!("{{\"l\":{},\"y\":{},\"z\":1}}", "[1,1,1,1,1]", "[1]")),
        ("arguments.l.all(x, arguments.l == arguments.l)", list("1", 200)),
        ("arguments.l.all(x, x in arguments.l)", list("\"aaaaaaaaaaaaaaaaaaaaaaaa\"", 300)),
        ("arguments.l == arguments.l", list("[[[[1]]]]", 20_000)),
        ("size(arguments.l) > 1", text(2_000_000)),
        ("arguments.l.contains('b')", text(2_000_000)),
        ("arguments.l.matches('b+c')", text(2_000_000)),
        ("arguments.l + arguments.l + arguments.l == ''", text(1_000_000)),
        ("arguments.l < arguments.l", text(1_000_000)),
        ("arguments.z == 1", format!("{{\"l\":{},\"z\":1}}", "[".repeat(100) + &"]".repeat(100))),
        ("size(arguments.l) == 0", list("{}", 400_000)),
        ("arguments.x == 1", format!("{{{}\"x\":1}}", wide(500_000))),
        ("arguments.l.exists(x, x.y == 1)", list("{\"x\":[0,0,0,0,0,0,0,0,0,0,0,0]}", 40_000)),
        ("size(arguments.l) == 1", format!("{{\"l\":[{}1]}}", " ".repeat(400_000))),
        ("size(arguments.l) == 1", format!("{{\"l\":[1{}]}}", " ".repeat(400_000))),
        ("size(string(double(arguments.l))) > 0", list("1", 1)),
    ] {
        let (took, result) = steps(expression, &arguments);
        assert!(took <= Budget::STEPS, "{expression}");
        // Whoever gets an answer has stayed within the budget; who does not, has spent it or made another mistake.
        if arguments.len() > 200_000 {
            assert_eq!(result, Err(true), "{expression} took {took} steps");
        }
    }
}

/// So many short members.
fn wide(count: usize) -> String {
    (0..count).map(|at| format!("\"{at}\":0,")).collect()
}

#[test]
fn what_is_behind_something_long_costs_what_is_behind_something_short() {
    let long = 4 << 20;
    let repeated = |part: &str| part.repeat(long / part.len());
    let row = vec![format!("[{}0]", "1,".repeat(400)); 2000].join(",");
    for value in [
        format!("\"{}\"", repeated("a")),
        format!("\"{}\"", repeated("\\n")),
        format!("\"{}\"", repeated("\\\"\\\\")),
        format!("[{}0]", repeated("0,")),
        format!("[{}0]", repeated("[],")),
        format!("[{}0]", repeated("\"\",")),
        format!("[{}0]", repeated(" ")),
        format!("[{row}]"),
        format!("{{{}\"z\":0}}", wide(300_000)),
        format!("{}{}{}", "[".repeat(100), repeated("1"), "]".repeat(100)),
        repeated("1"),
    ] {
        for (expression, arguments) in [
            ("arguments.path == '/a'", format!("{{\"content\":{value},\"path\":\"/a\"}}")),
            ("arguments.o.path == '/a'", format!("{{\"o\":{{\"content\":{value},\"path\":\"/a\"}}}}")),
            ("arguments.l[1].path == '/a'", format!("{{\"l\":[{value},{{\"path\":\"/a\"}}]}}")),
            ("size(arguments.l) == 2 && !has(arguments.o)", format!("{{\"l\":[{value},{{\"path\":\"/a\"}}]}}")),
        ] {
            let (took, result) = steps(expression, &arguments);
            assert!(result == Ok(true) && took < 32, "{expression} over {value:.40} took {took}: {result:?}");
        }
    }
    let edits = vec![format!("{{\"old\":\"{}\",\"path\":\"/a\"}}", "a".repeat(5000)); 800].join(",");
    let (took, result) = steps("arguments.l.all(x, x.path.startsWith('/a'))", &format!("{{\"l\":[{edits}]}}"));
    assert_eq!(result, Ok(true), "800 edits of 5 kB took {took}");
}

#[test]
fn what_is_looked_at_again_is_paid_for_again() {
    let arguments = format!("{{\"l\":[{}]}}", " ".repeat(32_000));
    let (once, twice) =
        (steps("size(arguments.l) == 0", &arguments).0, steps("[1, 2].all(x, size(arguments.l) == 0)", &arguments).0);
    assert!(once > 1000 && twice > 2 * once, "{once} and {twice}");
}

#[test]
fn steps_grow_with_what_is_read() {
    let of = |expression: &str, length: usize| {
        let (took, result) = steps(expression, &format!("{{\"l\":\"{}\"}}", "a".repeat(length)));
        assert!(result.is_ok(), "{expression} at {length}: {result:?}");
        took
    };
    for expression in [
        "size(arguments.l) > 1",
        "arguments.l.contains('b')",
        "arguments.l.matches('b+c')",
        "arguments.l != 'a'",
        "arguments.l + 'b' != ''",
        "string(arguments.l) != ''",
    ] {
        let (short, long) = (of(expression, 1000), of(expression, 129_000));
        assert!(long >= short + 400, "{expression}: {short} and {long}");
    }
}

#[test]
fn a_spent_budget_is_absorbed_by_nothing() {
    let world = World::calling(r#"{"l":[1,2,3,4,5,6,7,8,9,10]}"#);
    for text in [
        "arguments.l.all(x, x > 0) || true",
        "!(arguments.l.all(x, x > 0) && false)",
        "true || false || arguments.l.exists(x, x == 0)",
        "[1].exists(x, arguments.l.all(y, y > 0)) || true",
    ] {
        let expression = compiled(text, Expected::Bool);
        let mut whole = Budget::default();
        let decided = expression.decide(&world, &mut whole);
        assert_eq!(decided, Ok(true), "{text}");
        for steps in 0..Budget::STEPS - whole.left() {
            let mut budget = Budget::new(steps);
            let failed = expression.decide(&world, &mut budget).expect_err("there are too few steps");
            assert!(failed.spent && budget.left() == 0, "{text} with {steps} steps: {failed}");
        }
    }
}

#[test]
fn one_budget_is_for_all_expressions_on_a_message() {
    let world = World::calling("{}");
    let expression = compiled("principal.subject == 'ann'", Expected::Bool);
    let mut budget = Budget::new(10);
    let decided: Vec<bool> = (0..5).map(|_| expression.decide(&world, &mut budget).is_ok()).collect();
    assert_eq!(decided, [true, true, true, false, false]);
}

#[test]
fn arguments_of_any_depth_are_no_recursion_without_end() {
    let deep = |open: &str, close: &str| format!("{{\"l\":{}1{}}}", open.repeat(120), close.repeat(120));
    for arguments in [deep("[", "]"), deep("{\"a\":", "}")] {
        let (_, result) = steps("arguments.l == arguments.l", &arguments);
        assert_eq!(result, Ok(true));
    }
}

/// Pieces of expressions, and what is none.
const PIECES: [&str; 40] = [
    "arguments",
    ".",
    "l",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    ":",
    "?",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "<",
    " in ",
    "1",
    "2.5",
    "3u",
    "'a'",
    "\"",
    "\\",
    "é",
    "true",
    "null",
    "has(",
    "size(",
    ".all(x,",
    "x",
    "message.tool",
    "principal.roles",
    ".matches('a+')",
    "//\n",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_refused_or_runs_within_its_budget(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)) {
        let text = pieces.concat();
        match Expression::compile(&text, Expected::Bool) {
            Ok(expression) => {
                let world = World::calling(r#"{"l":[1,"a",{"l":null}],"x":2.5}"#);
                let _ = expression.decide(&world, &mut Budget::new(1000));
            }
            Err(flaws) => {
                prop_assert!(!flaws.is_empty(), "{}", text);
                for flaw in flaws {
                    prop_assert!(text.get(flaw.span.clone()).is_some(), "{}: {:?}", text, flaw);
                }
            }
        }
    }
}
