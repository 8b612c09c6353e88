//! `[[limits]]`: what is written is what is counted.

use std::num::NonZeroU32;
use std::time::Duration;

use weir::config::{CallRate, Expression, Limit, LimitKey, Quota};

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn one(text: &str) -> Limit {
    let limits = super::parse(&format!("[[limits]]\nname = \"a b\"\n{text}")).limits;
    let [limit] = <[Limit; 1]>::try_from(limits).unwrap();
    limit
}

#[test]
fn a_limit_is_what_is_written() {
    let second = Duration::from_secs(1);
    let limit = one("key = \"principal+tool\"\nrate = \"100/s\"\nconcurrent = 5\nquota = \"10/day\"\ncost = 3");
    assert_eq!((&*limit.name, limit.key, limit.cost), ("a b", LimitKey::PrincipalAndTool, number(3)));
    assert_eq!(limit.rate, Some(CallRate { most: number(100), per: second, burst: number(100) }));
    assert_eq!((limit.concurrent, limit.quota), (Some(5), Some(Quota { most: number(10), hours: 24 })));
    let limit = one("key = \"client_ip\"\nrate = \"7/h\"\nburst = 9\nroles = [\"user\"]\nservers = [\"fi*\"]");
    let rate = limit.rate.unwrap();
    assert_eq!((rate.burst, rate.per), (number(9), 3600 * second));
    assert!(rate.apart() * 7 >= rate.per, "never faster than the rate");
    assert_eq!((limit.counts.roles.len(), limit.counts.servers.len(), limit.counts.methods.len()), (1, 1, 0));
    for (text, key) in [
        ("principal", LimitKey::Principal),
        ("client_ip", LimitKey::ClientIp),
        ("session", LimitKey::Session),
        ("server", LimitKey::Server),
        ("tool", LimitKey::Tool),
        ("global", LimitKey::Global),
    ] {
        assert_eq!(one(&format!("key = \"{text}\"\nquota = \"1/hour\"")).key, key);
        assert_eq!(key.as_str(), text);
    }
}

#[test]
fn what_counts_nothing_is_warned_of() {
    let warned = |text: &str| {
        let warnings = super::parse(&format!("[[limits]]\nname = \"a\"\nrate = \"1/s\"\n{text}")).warnings;
        warnings.iter().map(|finding| finding.one_line().to_string()).collect::<Vec<_>>().join("\n")
    };
    assert!(warned("key = \"tool\"\nprompts = [\"*\"]").contains("calls of tools alone"));
    assert!(!warned("key = \"tool\"\ntools = [\"*\"]\nprompts = [\"*\"]").contains("limit"));
    let of_a_class = "key = \"principal\"\nclass = \"dear\"\n";
    let rule = |more: &str| format!("{of_a_class}[[rules]]\nname = \"r\"\n{more}\n");
    for (text, warns) in [
        (of_a_class.to_owned(), true),
        (rule("set = { class = \"cheap\" }"), true),
        (rule("shadow = true\nset = { class = \"dear\" }"), true),
        (rule("set = { class = \"dear\" }"), false),
    ] {
        assert_eq!(
            warned(&text).contains("5:9: no rule of the configuration gives a message the class"),
            warns,
            "{text}"
        );
    }
}

#[test]
fn an_expression_stands_for_the_key() {
    let limit = one("key_expression = 'principal.subject + \"/\" + message.name'\nrate = \"1/s\"");
    assert_eq!(limit.key.expression(), Some(&Expression::of("principal.subject + \"/\" + message.name")));
    assert_eq!((limit.key.as_str(), LimitKey::Global.expression()), ("key_expression", None));
}
