//! Ids and tokens are replaced by ours and put back, to the byte.

use super::*;

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"progressToken":"t"}}}"#;

#[test]
fn equal_ids_and_tokens_of_many_clients_never_meet() {
    let mut stage = Stage::shared(None);
    stage.greeted();
    let mut calls = Vec::new();
    for session in 1..=50 {
        stage.opens(session);
        calls.push((stage.says(Some(session), CALL), number_of(&stage.sent()[0]), session));
    }
    // The server answers in another order.
    calls.reverse();
    for (_, number, session) in &calls {
        stage.hears(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{number},"progress":{session}}}}}"#
        ));
        stage.hears(&format!(r#"{{"jsonrpc":"2.0","id":{number},"result":{{"of":{session}}}}}"#));
    }
    for (exchange, _, session) in &mut calls {
        let (status, text, over) = came(exchange);
        assert_eq!((status, over), (Some(200), true));
        let progress = format!(r#""params":{{"progressToken":"t","progress":{session}}}"#);
        let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"of":{session}}}}}"#);
        assert!(text.contains(&progress) && text.contains(&answer), "{text}");
        assert_eq!(text.matches("data: {").count(), 2, "{text}");
    }
    assert_eq!(stage.traffic.strays, 0);
}

#[test]
fn cores_of_one_place_count_on_and_those_of_others_never_meet_them() {
    let first = Numbers::of_core(1);
    let numbers = [first.next(), first.next(), first.clone().next()];
    assert_eq!((numbers[1], numbers[2]), (numbers[0] + 1, numbers[0] + 2));
    let last = Numbers::of_core(Numbers::PLACES - 1);
    assert!(Numbers::of_core(2).next() - numbers[2] > 1 << 41);
    assert!(last.next() < Numbers::of_nobody().next() && Numbers::of_nobody().next() < 1 << 53);
}

#[test]
fn every_kind_of_id_comes_back_as_it_was_written() {
    let mut stage = Stage::dedicated();
    for id in [r#""""#, r#""é\u0041""#, "0", "-7", "9007199254740991", r#""1""#] {
        let mut exchange = stage.says(Some(1), &format!(r#"{{"method":"ping","id": {id} ,"jsonrpc":"2.0"}}"#));
        let line = stage.sent().remove(0);
        let number = line.split("\"id\": ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        stage.hears(&format!(r#"{{"result":{{}},"id":{number},"jsonrpc":"2.0"}}"#));
        let expected = format!(r#"{{"result":{{}},"id":{id},"jsonrpc":"2.0"}}"#);
        assert_eq!(came(&mut exchange), (Some(200), expected, true));
    }
}

#[test]
fn a_token_stays_what_it_was_where_nobody_shares_the_process() {
    let mut stage = Stage::dedicated();
    let mut exchange = stage.says(Some(1), CALL);
    let line = stage.sent().remove(0);
    assert!(line.contains(r#""progressToken":"t""#), "{line}");
    stage.hears(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1}}"#);
    stage.hears(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"u","progress":1}}"#);
    let (_, text, over) = came(&mut exchange);
    assert!(text.contains(r#""progressToken":"t""#) && !over, "{text}");
    assert_eq!(stage.traffic.strays, 1);
}

#[test]
fn a_cancellation_names_the_request_by_the_number_that_the_server_knows() {
    let mut stage = Stage::shared(Some("one"));
    stage.greeted();
    stage.opens(1);
    stage.opens(2);
    let _theirs = stage.says(Some(2), CALL);
    let _ours = stage.says(Some(1), CALL);
    let number = number_of(&stage.sent()[1]);
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"x"}}"#;
    stage.says(Some(1), cancel);
    assert_eq!(stage.sent(), [cancel.replace("\"requestId\":1", &format!("\"requestId\":{number}"))]);
    stage.says(Some(1), cancel);
    stage.says(Some(1), &cancel.replace("\"requestId\":1", "\"requestId\":\"1\""));
    assert_eq!(stage.sent(), [""; 0], "it is called off already, and nobody asked for the other");
}

#[test]
fn an_answer_to_nobody_reaches_nobody() {
    let mut stage = Stage::dedicated();
    let mut exchange = stage.says(Some(1), CALL);
    let number = number_of(&stage.sent()[0]);
    for id in ["1", "\"1\"", "99999", "null"] {
        stage.hears(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":1,"message":""}}}}"#));
    }
    assert_eq!((came(&mut exchange), stage.traffic.strays), ((None, String::new(), false), 4));
    let answer = format!(r#"{{"jsonrpc":"2.0","id":{number},"result":{{}}}}"#);
    stage.hears(&answer);
    stage.hears(&answer);
    assert_eq!(came(&mut exchange).0, Some(200));
    assert_eq!(stage.traffic.strays, 5, "it answers once");
}

#[test]
fn a_batch_is_answered_message_by_message() {
    let mut stage = Stage::dedicated();
    let mut exchange = stage.says(
        Some(1),
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","id":2,"method":"ping"}]"#,
    );
    let lines = stage.sent();
    assert_eq!(lines.len(), 3);
    for line in [&lines[2], &lines[0]] {
        stage.hears(&format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, number_of(line)));
    }
    let (status, text, over) = came(&mut exchange);
    assert_eq!((status, over), (Some(200), true));
    let place = |of: &str| text.find(of).unwrap_or_else(|| panic!("{of} in {text}"));
    assert!(place("\"id\":2") < place("\"id\":1"));
}
