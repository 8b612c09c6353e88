//! Whom a message of the server's concerns: the table of `traffic`.

use super::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask"}}"#;
const ASKS: &str = r#"{"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{}}"#;
const LOGS: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"d"}}"#;
const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

#[test]
fn a_question_reaches_the_session_whose_process_it_is_and_only_that_one_answers() {
    let mut stage = Stage::dedicated();
    let mut call = stage.says(Some(1), CALL);
    stage.sent();
    stage.hears(ASKS);
    assert!(came(&mut call).1.contains(ASKS));
    stage.opens(2);
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"action":"accept"}}"#;
    stage.says(Some(2), answer);
    assert_eq!(stage.sent(), [""; 0], "nobody asked this one");
    stage.says(Some(1), answer);
    assert_eq!(stage.sent(), [answer]);
    stage.says(Some(1), answer);
    assert_eq!(stage.sent(), [""; 0], "it has been answered");
}

#[test]
fn a_question_on_a_shared_process_is_refused_where_it_could_be_anybodys() {
    for (caller, sessions, reaches) in [(Some("one"), 1, true), (Some("one"), 2, false), (None, 1, false)] {
        let mut stage = Stage::shared(caller);
        stage.greeted();
        let mut calls: Vec<_> = (1..=sessions)
            .map(|session| {
                stage.opens(session);
                stage.says(Some(session), CALL)
            })
            .collect();
        stage.sent();
        stage.hears(ASKS);
        let refused = stage.sent();
        let reached = calls.iter_mut().any(|call| came(call).1.contains("elicitation/create"));
        assert_eq!((reached, refused.is_empty()), (reaches, reaches), "{caller:?} {sessions}: {refused:?}");
        if !reaches {
            assert!(refused[0].starts_with(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"#), "{refused:?}");
        }
    }
}

#[test]
fn a_ping_is_answered_where_nobody_can_be_asked() {
    let mut stage = Stage::shared(None);
    stage.greeted();
    stage.hears(r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#);
    assert_eq!(stage.sent(), [r#"{"jsonrpc":"2.0","id":"p","result":{}}"#]);
}

#[test]
fn log_messages_of_a_process_that_all_share_reach_nobody() {
    let mut stage = Stage::shared(None);
    stage.greeted();
    stage.opens(1);
    let mut call = stage.says(Some(1), CALL);
    stage.hears(LOGS);
    assert_eq!((came(&mut call).0, stage.traffic.strays), (None, 1));
    let mut stage = Stage::dedicated();
    let mut call = stage.says(Some(1), CALL);
    stage.hears(LOGS);
    assert!(came(&mut call).1.contains(LOGS));
}

#[test]
fn that_a_list_changed_is_told_to_every_session_of_the_process_once() {
    let mut stage = Stage::shared(None);
    stage.greeted();
    (1..=3).for_each(|session| stage.opens(session));
    let foreign = Session::new(Key::Session(9), clock::now());
    stage.sessions.insert(9, foreign);
    let mut listening: Vec<_> = (1..=2).map(|session| stage.listens(session, None)).collect();
    let mut call = stage.says(Some(1), CALL);
    stage.hears(CHANGED);
    assert!(listening.iter_mut().all(|one| came(one).1.contains(CHANGED)));
    assert_eq!(came(&mut call).0, None, "who listens is not told twice");
    // The third was not listening, and hears of it when it does.
    assert!(came(&mut stage.listens(3, None)).1.contains(CHANGED));
    assert!(!came(&mut stage.listens(9, None)).1.contains(CHANGED));
}

#[test]
fn that_a_resource_changed_is_told_to_those_who_subscribed_and_the_server_is_asked_once() {
    let mut stage = Stage::shared(None);
    stage.greeted();
    let ask =
        |method: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"resources/{method}","params":{{"uri":"a:b"}}}}"#);
    (1..=3).for_each(|session| stage.opens(session));
    let _first = stage.says(Some(1), &ask("subscribe"));
    assert_eq!(stage.sent().len(), 1);
    let mut second = stage.says(Some(2), &ask("subscribe"));
    assert_eq!(stage.sent(), [""; 0]);
    assert_eq!(came(&mut second).1, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let mut listening: Vec<_> = (1..=3).map(|session| stage.listens(session, None)).collect();
    stage.hears(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b"}}"#);
    let told: Vec<_> = listening.iter_mut().map(|one| came(one).1.contains("a:b")).collect();
    assert_eq!(told, [true, true, false]);
    let _one = stage.says(Some(1), &ask("unsubscribe"));
    assert_eq!(stage.sent(), [""; 0]);
    stage.traffic.forget(2);
    assert!(stage.sent()[0].contains("resources/unsubscribe"), "the last one has gone");
}

#[test]
fn a_subscription_of_the_stateless_era_is_named_as_its_client_named_it() {
    let mut stage = Stage::modern(None);
    let listen = r#"{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{"_meta":{}}}"#;
    let (mut one, mut two) = (stage.says(None, listen), stage.says(None, listen));
    let lines = stage.sent();
    let number = number_of(&lines[0]);
    stage.hears(&format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{number}}}}}}}"#
    ));
    assert!(came(&mut one).1.contains(r#""io.modelcontextprotocol/subscriptionId":"sub""#));
    assert_eq!(came(&mut two).0, None);
    // The server ends it.
    stage
        .hears(&format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{number}}}}}"#));
    let last = more(&mut one);
    assert!(last.contains(r#""id":"sub","result":{"resultType":"complete""#) && one.is_over(), "{last}");
}

#[test]
fn log_messages_of_the_stateless_era_reach_the_one_call_that_asked_for_them() {
    let asking = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/logLevel":"info"}}}"#;
    let reached = |caller: Option<&str>, calls: &[&str]| {
        let mut stage = Stage::modern(caller);
        let mut calls: Vec<_> = calls.iter().map(|call| stage.says(None, call)).collect();
        stage.hears(LOGS);
        calls.iter_mut().any(|call| came(call).1.contains(LOGS))
    };
    assert!(reached(Some("one"), &[asking]));
    assert!(!reached(Some("one"), &[CALL]), "it asked for none");
    assert!(!reached(Some("one"), &[asking, CALL]), "either may be meant");
    assert!(!reached(None, &[asking]), "a call that has ended may be meant");
}

#[test]
fn what_a_leaving_client_of_the_stateless_era_asked_for_is_called_off() {
    let mut stage = Stage::modern(Some("one"));
    let call = stage.says(None, CALL);
    let number = number_of(&stage.sent()[0]);
    drop(call);
    let left = stage.lefts.1.try_recv().expect("it is told");
    stage.traffic.left(left.exchange, left.goes_on);
    assert!(stage.sent()[0].contains(&format!("\"requestId\":{number}")));
    stage.hears(&format!(r#"{{"jsonrpc":"2.0","id":{number},"result":{{}}}}"#));
    assert_eq!(stage.traffic.strays, 1, "a late answer is for nobody");
}

#[test]
fn the_status_of_an_error_is_that_of_its_era() {
    for (code, modern) in [("-32601", 404), ("-32602", 200), ("-32022", 400), ("-32603", 500), ("1", 200)] {
        for (mut stage, session, expected) in [(Stage::modern(None), None, modern), (Stage::dedicated(), Some(1), 200)]
        {
            let mut call = stage.says(session, CALL);
            let number = number_of(&stage.sent()[0]);
            stage.hears(&format!(r#"{{"jsonrpc":"2.0","id":{number},"error":{{"code":{code},"message":"m"}}}}"#));
            assert_eq!(came(&mut call).0, Some(expected), "{code}");
        }
    }
}

#[test]
fn a_refused_handshake_opens_nothing() {
    let mut stage = Stage::dedicated();
    let initialize =
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}"#;
    let _call = stage.says(Some(1), initialize);
    let exchange = stage.exchanges;
    stage.traffic.streams.get_mut(&exchange).unwrap().opens = Some(1);
    let number = number_of(&stage.sent()[0]);
    let heard = stage.hears(&format!(r#"{{"jsonrpc":"2.0","id":{number},"error":{{"code":-32602,"message":"no"}}}}"#));
    assert_eq!(heard, Heard::NotOpened(vec![1]));
}

#[test]
fn a_line_that_is_no_message_is_told() {
    let mut stage = Stage::dedicated();
    for line in ["hello", "{}", r#"{"jsonrpc":"2.0"}"#, "[]", r#"{"jsonrpc":"2.0","id":1,"result":"#] {
        assert!(matches!(stage.hears(line), Heard::Broken(_)), "{line}");
    }
}
