//! Requests sent ahead: nothing is lost, doubled or answered in another's place.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

const BAD: &str = "GET /bad HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n";

#[tokio::test]
async fn whole_and_streaming_answers_take_turns_on_one_connection() {
    tell(patient(), |mut both| async move {
        let all = [get("/whole?1"), get("/now"), post("/whole?2", "body"), get("/now"), get("/now"), get("/whole?3")];
        both.send(&all.concat()).await;
        let came = both.until("GET /whole?3 ").await;
        assert_eq!(count(&came, "HTTP/1.1 200 OK"), 6, "{came}");
        assert_eq!(count(&came, "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), 3, "{came}");
        assert!(came.contains("POST /whole?2 body") && came.contains("GET /whole?1 "), "{came}");
        assert_eq!(both.ends(), [End::Complete; 3]);
    })
    .await;
}

#[tokio::test]
async fn many_requests_at_once_are_all_answered() {
    tell(patient(), |mut both| async move {
        both.send(&format!("{}{BAD}", get("/whole").repeat(300))).await;
        let came = both.rest().await;
        assert_eq!((count(&came, "GET /whole"), count(&came, "HTTP/1.1 400")), (300, 1), "{came}");
    })
    .await;
}

#[tokio::test]
async fn a_head_in_any_two_parts_around_a_stream_is_read_once() {
    let next = post("/whole?next", "body");
    for split in 0..next.len() {
        tell(patient(), |mut both| {
            let (ahead, later) = (next[..split].to_owned(), next[split..].to_owned());
            async move {
                both.send(&(get("/stream") + &ahead)).await;
                both.until("\r\n\r\n").await;
                // What comes now comes while the stream is written.
                both.send(&later[..later.len() / 2]).await;
                both.pieces.send(Piece::Last("end")).await.unwrap();
                both.until("3\r\nend\r\n0\r\n\r\n").await;
                both.send(&later[later.len() / 2..]).await;
                let came = both.until("POST /whole?next body").await;
                assert_eq!(count(&came, "HTTP/1.1 200"), 1, "{came}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn an_answer_that_the_socket_has_not_taken_survives_the_stream_behind_it() {
    tell(patient(), |mut both| async move {
        // The next request is here before the client has taken the answer.
        both.send(&(post("/huge", "body") + &get("/now"))).await;
        both.until("\r\n\r\n").await;
        let mut huge = vec![0; HUGE];
        both.client.read_exact(&mut huge).await.unwrap();
        assert!(huge.iter().all(|byte| *byte == b'x'));
        let stream = both.until("0\r\n\r\n").await;
        assert!(stream.starts_with("HTTP/1.1 200 OK\r\n"), "{stream}");
    })
    .await;
}

#[tokio::test]
async fn a_refused_head_waits_for_the_answer_before_it() {
    for ahead in ["/wait", "/stream"] {
        for split in [0, 5, BAD.len() - 2] {
            tell(patient(), |mut both| async move {
                both.send(&(get(ahead) + &BAD[..split])).await;
                both.script.begun.notified().await;
                both.send(&BAD[split..]).await;
                if ahead == "/stream" {
                    both.until("\r\n\r\n").await;
                }
                both.script.go.notify_one();
                both.pieces.send(Piece::Last("end")).await.unwrap();
                let came = both.rest().await;
                let (answer, refusal) = came.split_once("HTTP/1.1 400 Bad Request\r\n").expect(&came);
                assert!(answer.ends_with("GET /wait ") || answer.ends_with("0\r\n\r\n"), "{came}");
                assert!(refusal.contains("connection: close"), "{came}");
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_refusal_is_never_written_into_an_answer_that_is_not_out() {
    tell(patient(), |mut both| async move {
        both.send(&(get("/huge") + BAD)).await;
        both.until("\r\n\r\n").await;
        let mut huge = vec![0; HUGE];
        both.client.read_exact(&mut huge).await.unwrap();
        assert!(huge.iter().all(|byte| *byte == b'x'));
        assert!(both.rest().await.starts_with("HTTP/1.1 400 "));
    })
    .await;
}

#[tokio::test]
async fn a_body_that_breaks_ends_its_own_request_at_once() {
    tell(patient(), |mut both| async move {
        let head = "POST /whole HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        both.send(&format!("{head}3\r\nabc\r\nno size\r\n")).await;
        let came = both.rest().await;
        assert!(came.starts_with("HTTP/1.1 400 ") && count(&came, "HTTP/1.1") == 1, "{came}");
        assert_eq!((both.script.dropped.get(), both.turned_away()), (1, vec![(true, 400)]));
    })
    .await;
}

#[tokio::test]
async fn a_body_that_breaks_behind_its_answer_adds_no_second_one() {
    tell(patient(), |mut both| async move {
        let head = "POST /early HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        both.send(&format!("{head}no size\r\n")).await;
        let came = both.rest().await;
        assert!(came.starts_with("HTTP/1.1 413 ") && count(&came, "HTTP/1.1") == 1, "{came}");
        assert_eq!(both.turned_away(), [], "it was answered");
    })
    .await;
}

#[tokio::test]
async fn a_broken_body_of_a_later_request_leaves_the_earlier_answer_alone() {
    tell(patient(), |mut both| async move {
        let head = "POST /whole HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        both.send(&format!("{}{head}no size\r\n", get("/wait"))).await;
        both.script.begun.notified().await;
        both.script.go.notify_one();
        let came = both.rest().await;
        assert!(came.contains("GET /wait HTTP/1.1 400 Bad Request"), "{came}");
    })
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_requests_in_any_parts_are_answered_alike(
        requests in prop::collection::vec((request(), any::<bool>()), 1..8),
        cuts in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let (requests, cut_behind): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let all = requests.concat() + "GET /whole?last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(all.len())).collect();
        let mut end = 0;
        for (request, cut) in requests.iter().zip(cut_behind) {
            end += request.len();
            places.extend(cut.then_some(end));
        }
        places.sort_unstable();
        let whole = answers(&all, &[]);
        prop_assert!(whole.ends_with("GET /whole?last "), "{whole}");
        prop_assert_eq!(count(&whole, "HTTP/1.1 200 OK\r\n"), requests.len() + 1);
        prop_assert_eq!(answers(&all, &places), whole);
    }
}

/// A request that leaves its connection open: one whose handler leaves its body is not that in any parts.
fn request() -> impl Strategy<Value = String> {
    let sized = (select(vec!["/whole", "/later"]), "[a-z]{0,40}").prop_map(|(path, body)| post(path, &body));
    let chunk = prop::collection::vec("[a-z]{1,20}", 0..4);
    let chunked = (chunk, select(vec!["", "x: y\r\n"])).prop_map(|(chunks, trailers)| {
        let chunks: String = chunks.iter().map(|chunk| format!("{:x};x\r\n{chunk}\r\n", chunk.len())).collect();
        let head = "POST /whole HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        format!("{head}{chunks}0\r\n{trailers}\r\n")
    });
    prop_oneof![select(vec!["/whole", "/later", "/now", "/bare"]).prop_map(get), sized, chunked]
}

/// What comes back of a connection that is sent in parts, but for the dates.
fn answers(all: &str, places: &[usize]) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut came = String::new();
    runtime.block_on(tell(patient(), |mut both| {
        let came = &mut came;
        async move {
            let mut from = 0;
            for place in places.iter().copied().chain([all.len()]) {
                both.send(&all[from..place]).await;
                from = place;
                tokio::task::yield_now().await;
            }
            *came = both.rest().await;
        }
    }));
    came.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}
