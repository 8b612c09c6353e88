//! What is counted by which limit, from the text of a configuration on.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::*;
use crate::config::Settings;
use crate::model::{Caller, Means, Principal, Reason, Refusal};
use crate::protocol::message::{self, Body, Message};
use crate::telemetry::{Controls, LimitMeter, Telemetry};

struct House {
    limits: Limits,
    telemetry: Telemetry,
}

fn settings(limits: &str) -> Settings {
    let servers = ["files", "search"]
        .map(|name| format!("[[servers]]\nname = \"{name}\"\nendpoints = [\"http://127.0.0.1:1/{name}\"]\n"));
    Settings::parse(&format!("{}{limits}", servers.concat()), "weir.toml").unwrap()
}

fn house(limits: &str) -> House {
    let telemetry = Telemetry::new(&Controls::nowhere());
    let limits = Ledger::build(&settings(limits).limits, None).on_core(|name| telemetry.limit(name));
    House { limits, telemetry }
}

fn named(subject: &str) -> Principal {
    let (issuer, subject) = ("https://id.test".into(), subject.into());
    Principal::new(Caller { means: Means::Jwt, issuer, subject, roles: Box::default(), scopes: Box::default() })
}

/// Who asks, and for what.
struct Call<'a> {
    subject: &'a str,
    address: &'a str,
    roles: &'a [&'a str],
    server: &'a str,
    session: Option<(u64, &'a str)>,
    class: Option<&'a str>,
    cost: u32,
    keys: Option<&'a dyn Keys>,
}

const ANN: Call<'_> = Call {
    subject: "ann",
    address: "192.0.2.1",
    roles: &[],
    server: "files",
    session: None,
    class: None,
    cost: 1,
    keys: None,
};

impl House {
    /// The whole way of what is said in `body`; what refuses it.
    fn call(&self, call: &Call<'_>, body: &str) -> Result<Taken, Denied> {
        let messages: Vec<Message> = match message::read_client(body.as_bytes(), &message::Limits::default()) {
            Ok(Body::One(message)) => vec![message],
            Ok(Body::Batch(messages)) => messages,
            Err(fault) => panic!("{body}: {fault}"),
        };
        self.walk(call, Said::Messages(&messages, body.as_bytes()))
    }

    fn walk(&self, call: &Call<'_>, said: Said<'_>) -> Result<Taken, Denied> {
        let (principal, mut taken) = (named(call.subject), Taken::default());
        let roles: Vec<Box<str>> = call.roles.iter().map(|role| Box::from(*role)).collect();
        let address = Some(call.address.parse::<IpAddr>().unwrap());
        let session = call.session;
        let (server, keys) = (call.server, call.keys);
        let asked = Asked { address, principal: &principal, roles: &roles, server, session: None, said, keys };
        let ruled = Ruled { class: call.class, cost: call.cost };
        let _ = self.limits.address(address, &mut taken).map_err(|denied| *denied)?;
        let _ = self.limits.caller(&asked, &mut taken).map_err(|denied| *denied)?;
        let _ = self.limits.target(&Asked { session, ..asked }, ruled, &mut taken).map_err(|denied| *denied)?;
        Ok(taken)
    }

    /// How many of these calls pass, one after the other.
    fn passing(&self, call: &Call<'_>, body: &str) -> usize {
        (0..20).take_while(|_| self.call(call, body).is_ok()).count()
    }
}

fn tool(name: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":{name:?}}}}}")
}

fn ping() -> String {
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}".to_owned()
}

fn limit(key: &str, more: &str) -> String {
    format!("[[limits]]\nname = \"few\"\nkey = \"{key}\"\nrate = \"3/h\"\n{more}\n")
}

#[test]
fn each_key_counts_what_it_names_apart() {
    let bob = || Call { subject: "bob", ..ANN };
    let there = || Call { address: "192.0.2.2", ..ANN };
    let search = || Call { server: "search", ..ANN };
    let in_session = |id| Call { session: Some((7, id)), ..ANN };
    let (one, other) = (tool("look"), tool("find"));
    // A limit, and calls that count apart from Ann's first, or with it.
    for (key, apart, with) in [
        ("principal", vec![(bob(), &one)], vec![(there(), &other), (search(), &one)]),
        ("client_ip", vec![(there(), &one)], vec![(bob(), &other), (search(), &one)]),
        ("server", vec![(search(), &one)], vec![(bob(), &other), (there(), &one)]),
        ("tool", vec![(ANN, &other), (search(), &one)], vec![(bob(), &one), (there(), &one)]),
        ("principal+tool", vec![(ANN, &other), (bob(), &one), (search(), &one)], vec![(there(), &one)]),
        ("session", vec![(in_session("a"), &one), (in_session("b"), &one), (bob(), &one)], vec![(there(), &one)]),
        ("global", vec![], vec![(bob(), &other), (search(), &one), (there(), &other)]),
    ] {
        let house = house(&limit(key, ""));
        assert_eq!(house.passing(&ANN, &one), 3, "{key}");
        for (call, body) in with {
            assert_eq!(house.passing(&call, body), 0, "{key} {} {} {}", call.subject, call.server, call.address);
        }
        for (call, body) in apart {
            assert_eq!(house.passing(&call, body), 3, "{key} {} {} {}", call.subject, call.server, call.address);
        }
    }
}

#[test]
fn an_ipv6_network_is_one_address_and_a_unix_socket_is_none() {
    let house = house(&limit("client_ip", ""));
    let from = |address| Call { address, ..ANN };
    assert_eq!(house.passing(&from("2001:db8::1"), &ping()), 3);
    assert_eq!(house.passing(&from("2001:db8::ffff"), &ping()), 0);
    assert_eq!(house.passing(&from("2001:db8:0:1::1"), &ping()), 3);
    let mut taken = Taken::default();
    (0..20).for_each(|_| drop(house.limits.address(None, &mut taken).unwrap()));
}

#[test]
fn a_list_that_is_written_has_to_fit() {
    let with = |more: &str| house(&limit("principal", more));
    let read = r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///a/b"}}"#;
    let same = r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///x/../a/b"}}"#;
    let prompt = r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"look"}}"#;
    let escaped = r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"l\u006fok"}}"#;
    let (look, find) = (tool("look"), tool("find"));
    for (lists, counted, free) in [
        ("methods = [\"tools/*\"]", vec![&look[..], escaped], vec![prompt, read]),
        ("tools = [\"lo*\"]", vec![&look, escaped], vec![&find, prompt]),
        ("tools = [\"files:lo*\"]", vec![&look], vec![&find]),
        ("tools = [\"search:*\"]", vec![], vec![&look]),
        ("prompts = [\"*\"]\nresources = [\"*:file:///a/*\"]", vec![prompt], vec![&look]),
        ("resources = [\"*:file:///a/*\"]", vec![read, same], vec![&look]),
        ("servers = [\"files\"]", vec![&look, prompt], vec![]),
        ("servers = [\"sea*\"]", vec![], vec![&look, prompt]),
        ("roles = [\"user\"]", vec![], vec![&look]),
        ("tools = [\"*\"]\nmethods = [\"ping\"]", vec![], vec![&look]),
    ] {
        for body in counted {
            assert_eq!(with(lists).passing(&ANN, body), 3, "{lists} {body}");
        }
        for body in free {
            assert_eq!(with(lists).passing(&ANN, body), 20, "{lists} {body}");
        }
    }
    let users = Call { roles: &["other", "user"], ..ANN };
    assert_eq!(with("roles = [\"user\", \"admin\"]").passing(&users, &look), 3);
    let class = with("class = \"cheap\"");
    assert_eq!(class.passing(&ANN, &look), 20);
    assert_eq!(class.passing(&Call { class: Some("dear"), ..ANN }, &look), 20);
    assert_eq!(class.passing(&Call { class: Some("cheap"), ..ANN }, &look), 3);
}

#[test]
fn what_frees_something_is_not_counted() {
    let house = house(&limit("principal", ""));
    for free in [
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}"#,
    ] {
        assert_eq!(house.passing(&ANN, free), 20, "{free}");
    }
    (0..20).for_each(|_| drop(house.walk(&ANN, Said::End).unwrap()));
    assert_eq!(house.passing(&ANN, r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#), 3);
    house.walk(&ANN, Said::Stream).unwrap_err();
    assert!(house.walk(&Call { subject: "bob", ..ANN }, Said::Stream).is_ok());
}

#[test]
fn a_batch_counts_each_of_its_requests() {
    let batch = |bodies: &[String]| format!("[{}]", bodies.join(","));
    let house = house(&limit("principal", "burst = 5"));
    let three = batch(&[ping(), tool("look"), ping()]);
    assert_eq!(house.passing(&ANN, &three), 1);
    assert_eq!(house.passing(&ANN, &ping()), 2, "what is refused is not counted");
    let six = batch(&(0..6).map(|_| ping()).collect::<Vec<_>>());
    let denied = house.call(&Call { subject: "bob", ..ANN }, &six).unwrap_err();
    assert!(!denied.refusal.retryable && denied.refusal.message.contains("fewer messages"), "{:?}", denied.refusal);
    let of_tools = self::house(&limit("tool", ""));
    let denied = of_tools.call(&ANN, &batch(&[tool("a"), tool("b"), tool("b"), tool("b"), tool("b")])).unwrap_err();
    assert_eq!(denied.message, Some(4), "the fourth of that tool");
}

#[test]
fn what_a_rule_makes_dear_costs_more_everywhere() {
    // At the second place of the two the third call is refused: what the first has counted stays counted.
    for (key, left) in [("principal", 0), ("server", 1)] {
        let house = house(&limit(key, "burst = 10\ncost = 2"));
        assert_eq!(house.passing(&Call { cost: 2, ..ANN }, &ping()), 2, "{key}: four each of ten");
        assert_eq!(house.passing(&ANN, &ping()), left, "{key}");
    }
}

#[test]
fn every_limit_that_fits_counts_and_none_counts_what_another_refuses() {
    let wide = "[[limits]]\nname = \"many\"\nkey = \"principal\"\nrate = \"4/h\"\n";
    let narrow = "[[limits]]\nname = \"few\"\nkey = \"principal\"\nmethods = [\"tools/call\"]\nrate = \"2/h\"\n";
    let house = house(&format!("{wide}{narrow}"));
    assert_eq!(house.passing(&ANN, &tool("look")), 2);
    let denied = house.call(&ANN, &tool("look")).unwrap_err();
    let limited = denied.refusal.limited.as_ref().unwrap();
    assert_eq!((limited.policy.name(), limited.left, limited.policy.quota()), ("few", 0, 2));
    assert_eq!((denied.refusal.reason, denied.refusal.retryable), (Reason::RateLimited, true));
    assert!(denied.refusal.message.contains("\"few\"") && denied.refusal.message.contains("this caller"));
    assert_eq!(house.passing(&ANN, &ping()), 2, "of the wide one only what passed is used");
    let meter: Rc<LimitMeter> = house.telemetry.limit("few");
    assert_eq!(meter.counts(), (2, 2));
}

#[test]
fn the_least_part_is_what_is_told() {
    let hours = "[[limits]]\nname = \"hours\"\nkey = \"principal\"\nquota = \"100/hour\"\n";
    let house = house(&format!("{hours}{}", limit("principal", "burst = 4")));
    let told = |taken: Taken| {
        taken.standing().map(|told| (told.policy.name().to_owned(), told.policy.quota(), told.left)).unwrap()
    };
    let first = house.call(&ANN, &ping()).unwrap();
    let window = first.standing().unwrap().policy.window();
    assert_eq!(window, Some(Duration::from_secs(4 * 1200)), "all of the burst comes in that time");
    assert_eq!(told(first), ("few".to_owned(), 4, 3));
    assert_eq!(told(house.call(&ANN, &ping()).unwrap()), ("few".to_owned(), 4, 2));
}

#[test]
fn calls_at_once_end_with_what_was_taken() {
    let house = house("[[limits]]\nname = \"calls\"\nkey = \"principal\"\nconcurrent = 2\n");
    let listen = r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{}}"#;
    let first = house.call(&ANN, &tool("look")).unwrap();
    let second = house.call(&ANN, &ping()).unwrap();
    let denied = house.call(&ANN, &ping()).unwrap_err();
    assert_eq!(denied.refusal.retry_after, Some(Duration::from_secs(1)));
    assert!(denied.refusal.message.contains("2 calls at once"), "{}", denied.refusal.message);
    // What is only listened to is no call, and no more is a notification.
    let _ = (house.call(&ANN, listen).unwrap(), house.walk(&ANN, Said::Stream).unwrap());
    assert!(house.call(&Call { subject: "bob", ..ANN }, &ping()).is_ok());
    drop(first);
    let third = house.call(&ANN, &ping()).unwrap();
    house.call(&ANN, &ping()).unwrap_err();
    drop((second, third));
    let both = format!("[{},{}]", ping(), ping());
    let batch = house.call(&ANN, &both).unwrap();
    house.call(&ANN, &ping()).unwrap_err();
    drop(batch);
    let three = format!("[{0},{0},{0}]", ping());
    assert!(!house.call(&ANN, &three).unwrap_err().refusal.retryable, "never");
}

#[test]
fn a_stream_is_a_call_where_the_operator_says_so() {
    let house = house("[[limits]]\nname = \"s\"\nkey = \"principal\"\nmethods = [\"GET\"]\nconcurrent = 1\n");
    let stream = house.walk(&ANN, Said::Stream).unwrap();
    house.walk(&ANN, Said::Stream).unwrap_err();
    drop(stream);
    assert!(house.walk(&ANN, Said::Stream).is_ok());
}

#[test]
fn a_reload_counts_on_where_name_and_key_are_the_same() {
    let telemetry = Telemetry::new(&Controls::nowhere());
    let text = |name: &str, key: &str, more: &str| limit(key, more).replace("few", name);
    let first = Ledger::build(&settings(&text("few", "principal", "concurrent = 9")).limits, None);
    let of = |ledger: &Ledger| House {
        limits: ledger.on_core(|name| telemetry.limit(name)),
        telemetry: Telemetry::new(&Controls::nowhere()),
    };
    let before = of(&first);
    let held: Vec<_> = (0..3).map(|_| before.call(&ANN, &ping()).unwrap()).collect();
    for (name, key, more, passing) in [
        ("few", "principal", "", 0),
        ("few", "principal", "burst = 5", 2),
        ("few", "principal", "burst = 1", 0),
        // Three are used, of a rate that knows two: of that one nothing is left.
        ("few", "principal", "burst = 2", 0),
        ("few", "client_ip", "", 3),
        ("other", "principal", "", 3),
    ] {
        let again = Ledger::build(&settings(&text(name, key, more)).limits, Some(&first));
        assert_eq!(of(&again).passing(&ANN, &ping()), passing, "{name} {key} {more}");
    }
    let calls = "[[limits]]\nname = \"few\"\nkey = \"principal\"\nconcurrent = 4\n";
    let again = Ledger::build(&settings(calls).limits, Some(&first));
    let house = of(&again);
    let more = house.call(&ANN, &ping()).unwrap();
    house.call(&ANN, &ping()).unwrap_err();
    drop(held);
    assert!(house.call(&ANN, &ping()).is_ok());
    drop(more);
}

#[test]
fn a_rate_that_was_changed_is_waited_for_no_longer_than_its_burst() {
    let telemetry = Telemetry::new(&Controls::nowhere());
    let of = |ledger: &Ledger| House {
        limits: ledger.on_core(|name| telemetry.limit(name)),
        telemetry: Telemetry::new(&Controls::nowhere()),
    };
    let slow = Ledger::build(&settings(&limit("principal", "burst = 1000\ncost = 1000")).limits, None);
    assert_eq!(of(&slow).passing(&ANN, &ping()), 1);
    let text = limit("principal", "burst = 2").replace("3/h", "1/m");
    let fast = Ledger::build(&settings(&text).limits, Some(&slow));
    let wait = |ledger| of(ledger).call(&ANN, &ping()).unwrap_err().refusal.retry_after.unwrap();
    assert!(wait(&fast) > Duration::from_secs(300 * 3600), "nothing that is in force was touched");
    fast.enforce();
    assert!(wait(&fast) <= Duration::from_secs(60), "{:?}", wait(&fast));
}

/// Keys that are given, message by message.
struct Given(&'static [&'static [&'static str]]);

impl Keys for Given {
    fn each(&self, _: usize, message: Option<usize>, tell: &mut dyn FnMut(&str)) -> Result<(), Refusal> {
        self.0[message.unwrap_or(0)].iter().for_each(|key| tell(key));
        Ok(())
    }
}

/// One whose expression fails at its third message.
struct Failing;

impl Keys for Failing {
    fn each(&self, _: usize, message: Option<usize>, tell: &mut dyn FnMut(&str)) -> Result<(), Refusal> {
        match message {
            Some(2) => Err(Refusal::new(Reason::PolicyDenied, "it has failed")),
            _ => {
                tell("a");
                Ok(())
            }
        }
    }
}

fn by_expression(more: &str) -> String {
    format!("[[limits]]\nname = \"few\"\nkey_expression = 'message.name'\nrate = \"3/h\"\n{more}\n")
}

#[test]
fn an_expression_counts_by_what_it_gives_for_each_message() {
    let batch = |count| format!("[{}]", vec![ping(); count].join(","));
    let call = |given: &'static Given| Call { keys: Some(given), ..ANN };
    let house = house(&by_expression(""));
    assert_eq!(house.passing(&call(&Given(&[&["a"]])), &ping()), 3);
    assert_eq!(house.passing(&call(&Given(&[&["a"]])), &ping()), 0, "whoever it is");
    assert_eq!(house.passing(&call(&Given(&[&[]])), &ping()), 20, "what has no key is not counted");
    // Two keys of one message, and one of two messages.
    assert_eq!(house.passing(&call(&Given(&[&["b", "c"]])), &ping()), 3);
    assert_eq!(house.passing(&call(&Given(&[&["c"]])), &ping()), 0);
    assert_eq!(house.passing(&call(&Given(&[&["d"], &["e"]])), &batch(2)), 3);
    assert_eq!(house.passing(&call(&Given(&[&["f"], &["f"]])), &batch(2)), 1);
    let denied = house.call(&call(&Given(&[&["g"], &["d"]])), &batch(2)).unwrap_err();
    assert_eq!((denied.message, denied.refusal.reason), (Some(1), Reason::RateLimited));
}

#[test]
fn what_an_expression_fails_at_is_refused_and_counts_nothing() {
    let text = format!("{}{}", limit("principal", "").replace("few", "wide"), by_expression(""));
    let telemetry = Telemetry::new(&Controls::nowhere());
    // At one place, so that neither counts what the other refuses.
    let ledger = Ledger::build(&settings(&text).limits, None).asking(|_| Asks { message: true, server: false });
    let house = House { limits: ledger.on_core(|name| telemetry.limit(name)), telemetry };
    let three = format!("[{0},{0},{0}]", ping());
    let failing = Call { keys: Some(&Failing), ..ANN };
    let denied = house.call(&failing, &three).unwrap_err();
    assert_eq!((denied.message, denied.refusal.reason), (Some(2), Reason::PolicyDenied));
    assert_eq!(house.passing(&failing, &ping()), 3, "nothing was counted");
    // Without anybody who evaluates it nothing passes.
    assert_eq!(house.call(&ANN, &ping()).unwrap_err().refusal.reason, Reason::Internal);
}

#[test]
fn what_an_expression_asks_for_says_when_it_counts() {
    let given = Given(&[&["a"]]);
    let call = Call { keys: Some(&given), class: Some("dear"), ..ANN };
    for (asks, more, passing) in [
        (Asks { message: false, server: false }, "", 0),
        (Asks { message: true, server: false }, "", 0),
        (Asks::ALL, "", 3),
        (Asks { message: false, server: false }, "class = \"dear\"", 3),
    ] {
        let telemetry = Telemetry::new(&Controls::nowhere());
        let limits = settings(&by_expression(more)).limits;
        let limits = Ledger::build(&limits, None).asking(|_| asks).on_core(|name| telemetry.limit(name));
        let house = House { limits, telemetry };
        // At the first place all is used up by those who never come to the second.
        let body = ping();
        let Ok(Body::One(message)) = message::read_client(body.as_bytes(), &message::Limits::default()) else {
            panic!("it is a message")
        };
        let (principal, messages) = (named("ann"), [message]);
        let said = Said::Messages(&messages, body.as_bytes());
        let (address, keys) = (None, call.keys);
        let asked = Asked { address, principal: &principal, roles: &[], server: "files", session: None, said, keys };
        let mut taken = Taken::default();
        (0..5).for_each(|_| drop(house.limits.caller(&asked, &mut taken)));
        assert_eq!(house.passing(&call, &body), passing, "{asks:?} {more}");
    }
}

#[test]
fn another_expression_counts_anew() {
    let text = |key: &str| by_expression("").replace("message.name", key);
    let telemetry = Telemetry::new(&Controls::nowhere());
    let first = Ledger::build(&settings(&text("message.name")).limits, None);
    let given = Given(&[&["a"]]);
    let passing = |ledger: &Ledger| {
        let limits = ledger.on_core(|name| telemetry.limit(name));
        let house = House { limits, telemetry: Telemetry::new(&Controls::nowhere()) };
        house.passing(&Call { keys: Some(&given), ..ANN }, &ping())
    };
    assert_eq!(passing(&first), 3);
    for (key, passes) in [("message.name", 0), ("message.method", 3)] {
        assert_eq!(passing(&Ledger::build(&settings(&text(key)).limits, Some(&first))), passes, "{key}");
    }
}
