//! The number of data cores changes by a reload: nobody is refused, reset or cut, and a core that leaves takes nothing
//! along.

mod load;
mod spread;

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use load::Server;

use crate::reload::reload;
use crate::support::{Client, Exposition, Gateway, Scripted, call, modern, only_through_weir, result, until, within};

const EMPTY: &str = r#"{"resultType":"complete","content":[]}"#;

fn config(cores: usize, drain: Duration, more: &str, server: &Scripted) -> String {
    format!(
        "[reload]\nwatch = false\n[drain]\ntimeout = \"{}ms\"\n[listen]\ncores = {cores}\n{more}\n[[servers]]\n\
         name = \"files\"\nendpoints = [{:?}]\n",
        drain.as_millis(),
        server.url()
    )
}

/// The data cores that have a thread.
fn threads(weir: &Gateway) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", weir.id())).expect("the process runs");
    // One may end while they are listed.
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("weir-core-")).count()
}

async fn has_threads(weir: &Gateway, wanted: usize) {
    until("as many data cores as that", async || threads(weir) == wanted).await;
}

async fn page(weir: &Gateway) -> Exposition {
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    Exposition::parse(admin.answer().await.text())
}

/// Asks: whether the answer is the last on its connection, `None` where the connection ended without one.
async fn answered(client: &mut Client, id: &str) -> Option<bool> {
    client.post(&call(id, "echo", "{}")).await;
    let head = client.try_head().await?;
    assert_eq!(head.status(), 200, "{head:?}");
    let body = client.body().await.expect("a whole answer");
    let answer: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(answer["id"].to_string(), id, "{answer}");
    Some(head.header("connection") == Some("close"))
}

/// For as long as a test takes.
const LONG: Duration = Duration::from_secs(3600);

/// A server whose streams say one thing for every number that it is told, and end at 0.
async fn streaming() -> (Scripted, watch::Sender<usize>) {
    let (say, said) = watch::channel(1);
    let server = Scripted::start(move |exchange| {
        let mut said = said.clone();
        async move {
            if exchange.request.method() == "tools/call" {
                let id = exchange.request.id();
                let _ = said.wait_for(|said| *said == 0).await;
                return exchange.json(result(&id, EMPTY)).await;
            }
            let mut stream = exchange.stream().await;
            loop {
                let number = *said.borrow_and_update();
                if number == 0 {
                    return stream.end().await;
                }
                stream.event(&format!(r#"{{"jsonrpc":"2.0","method":"notifications/x{number}"}}"#)).await;
                if stream.unless_gone(said.changed()).await.is_none() {
                    return stream.gone().await;
                }
            }
        }
    })
    .await;
    (server, say)
}

/// So many connections that none of four cores is likely to be without one.
const MANY: usize = 24;

async fn listeners(weir: &Gateway) -> Vec<Client> {
    listeners_of(weir, MANY).await
}

async fn listeners_of(weir: &Gateway, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = weir.client().await;
        client.post(&modern("1", "subscriptions/listen", r#""notifications":{"toolsListChanged":true}"#)).await;
        assert_eq!(client.head().await.status(), 200);
        clients.push(client);
    }
    clients
}

async fn told(clients: &mut [Client], number: usize) {
    for client in clients {
        let told = client.message().await.expect("its stream goes on");
        assert!(told.contains(&format!("notifications/x{number}")), "{told}");
    }
}

async fn change(weir: &Gateway, text: &str) {
    weir.write(text);
    let answer = reload(weir).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
}

#[tokio::test]
async fn a_stream_goes_on_while_its_core_leaves_and_others_come() {
    only_through_weir!();
    let (server, say) = streaming().await;
    let with = |cores| config(cores, LONG, "", &server);
    let weir = Gateway::config(&with(4)).start().await;
    let mut clients = listeners(&weir).await;
    told(&mut clients, 1).await;
    change(&weir, &with(1)).await;
    say.send_replace(2);
    told(&mut clients, 2).await;
    let (left, kept) = (threads(&weir), page(&weir).await);
    assert_eq!(left, 4, "a core stays with its streams");
    // Those that come are others.
    change(&weir, &with(3)).await;
    has_threads(&weir, 6).await;
    until("new cores are counted", async || {
        page(&weir).await.sum("weir_core_lag_seconds_count", &[("core", "5")]) > 0.0
    })
    .await;
    say.send_replace(3);
    told(&mut clients, 3).await;
    page(&weir).await.follows(&kept);
    say.send_replace(0);
    for mut client in clients {
        // Its server left without the result that was due.
        assert!(client.message().await.is_some_and(|told| told.contains("upstream_reset")));
        assert_eq!(client.message().await, None, "a clean end");
    }
    // What is left is three, whatever left and came.
    has_threads(&weir, 3).await;
    weir.stop().await;
}

#[tokio::test]
async fn what_has_no_end_is_let_go_after_a_while_and_a_call_is_not_cut() {
    only_through_weir!();
    let (server, say) = streaming().await;
    let with = |cores| config(cores, Duration::from_millis(300), "", &server);
    let weir = Gateway::config(&with(4)).start().await;
    let clients = listeners(&weir).await;
    let (mut calls, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..MANY {
        let mut client = weir.client().await;
        client.post(&call("1", "wait", "{}")).await;
        calls.push(client);
        idle.push(weir.client().await);
    }
    for _ in 0..MANY * 2 {
        server.request().await;
    }
    change(&weir, &with(1)).await;
    // Some are on the core that stays.
    let mut going = JoinSet::new();
    for mut client in clients {
        going.spawn(async move {
            client.message().await.expect("the first one");
            client.message().await.expect("its result, or the next one").contains("subscriptionId")
        });
    }
    for _ in 0..2 {
        assert!(within("a stream's end", going.join_next()).await.expect("streams").expect("no panic"), "a result");
    }
    assert_eq!(threads(&weir), 4, "calls go on");
    say.send_replace(0);
    for client in &mut calls {
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.text()), (200, result("1", EMPTY).as_str()), "it was not cut");
    }
    has_threads(&weir, 1).await;
    weir.stop().await;
}

#[tokio::test]
async fn an_idle_connection_has_one_more_request_on_a_core_that_leaves() {
    only_through_weir!();
    let server = Server::start().await;
    let with = |cores| config(cores, LONG, "", &server.scripted);
    let weir = Gateway::config(&with(4)).start().await;
    let mut clients = Vec::new();
    for _ in 0..MANY {
        let mut client = weir.client().await;
        assert_eq!(answered(&mut client, "1").await, Some(false));
        clients.push(client);
    }
    change(&weir, &with(1)).await;
    let mut last = 0;
    for mut client in clients {
        if answered(&mut client, "2").await.expect("it is answered") {
            client.closed().await;
            last += 1;
        }
    }
    assert!((1..MANY).contains(&last), "{last} were on cores that left");
    has_threads(&weir, 1).await;
    weir.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_a_core_that_is_leaving_as_for_the_others() {
    only_through_weir!();
    for drain in [LONG, Duration::from_millis(300)] {
        let (server, say) = streaming().await;
        let mut weir = Gateway::config(&config(4, LONG, "", &server)).start().await;
        let mut calls = Vec::new();
        for _ in 0..MANY {
            let mut client = weir.client().await;
            client.post(&call("1", "wait", "{}")).await;
            server.request().await;
            calls.push(client);
        }
        change(&weir, &config(1, drain, "", &server)).await;
        assert_eq!(threads(&weir), 4);
        weir.terminate();
        if drain == LONG {
            let address = weir.address();
            until("it drains", async || Client::try_connect(address).await.is_none()).await;
            say.send_replace(0);
        }
        for client in &mut calls {
            let answer = client.answer().await;
            match drain {
                LONG => assert_eq!(answer.text(), result("1", EMPTY)),
                _ => assert_eq!(answer.refusal().1, "draining", "{answer:?}"),
            }
        }
        assert_eq!(weir.exit().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_reload_that_is_refused_starts_no_core() {
    only_through_weir!();
    let server = Server::start().await;
    let weir = Gateway::config(&config(2, LONG, "", &server.scripted)).start().await;
    weir.write(&config(4, LONG, "tls = { certificate = \"/gone.pem\", key = \"/gone.key\" }", &server.scripted));
    assert_eq!(reload(&weir).await.status(), 422);
    assert_eq!(threads(&weir), 2);
    change(&weir, &config(4, LONG, "", &server.scripted)).await;
    has_threads(&weir, 4).await;
    // Where nothing is said it is what the machine gave at the start.
    let unsaid = config(1, LONG, "", &server.scripted).replace("cores = 1\n", "");
    change(&weir, &unsaid).await;
    let given = std::thread::available_parallelism().expect("the machine tells").get();
    has_threads(&weir, given).await;
    weir.stop().await;
}
