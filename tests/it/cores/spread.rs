//! A few connections that stay are shared out to the cores evenly, however the kernel has dealt them.

use std::net::TcpListener;

use super::load::{Server, Way};
use super::{EMPTY, LONG, answered, change, config, has_threads, listeners_of, page, streaming, told};
use crate::support::{Client, Gateway, call, count, only_through_weir, result, until};
use crate::tls_clients::Authority;

/// So many clients on so many cores, of which each is to have two.
const CORES: usize = 2;
const CLIENTS: usize = 4;

/// How many connections each of the first cores has, once there are so many in all.
async fn shares(weir: &Gateway, cores: usize, all: usize) -> Vec<usize> {
    let mut last = page(weir).await;
    until("as many connections as that", async || {
        last = page(weir).await;
        last.sum("weir_connections_open", &[]) == all as f64
    })
    .await;
    (0..cores).map(|core| last.sum("weir_connections_open", &[("core", &core.to_string())]) as usize).collect()
}

/// So many clients, each of which has been answered.
async fn clients(way: &Way, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = way.connect().await;
        assert_eq!(answered(&mut client, "1").await, Some(false), "it stays");
        clients.push(client);
    }
    clients
}

/// Clients that come one after the other, and all at once, again and again.
async fn are_shared_out(weir: Gateway, way: Way, times: usize) {
    for _ in 0..times {
        let mut some = clients(&way, CLIENTS).await;
        assert_eq!(shares(&weir, CORES, CLIENTS).await, [CLIENTS / CORES; CORES]);
        for client in &mut some {
            assert_eq!(answered(client, "2").await, Some(false));
        }
        drop(some);
        assert_eq!(shares(&weir, CORES, 0).await, [0; CORES], "a place is given back");
        let mut connecting = tokio::task::JoinSet::new();
        for _ in 0..CLIENTS {
            let way = way.clone();
            connecting.spawn(async move { clients(&way, 1).await });
        }
        let all = connecting.join_all().await;
        assert_eq!(shares(&weir, CORES, CLIENTS).await, [CLIENTS / CORES; CORES], "who come at once");
        drop(all);
        shares(&weir, CORES, 0).await;
    }
    let given = page(&weir).await.sum("weir_connections_handed_over_total", &[]);
    eprintln!("{given} of {} were handed over", times * 2 * CLIENTS);
    weir.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_four_clients_each_of_two_cores_has_two() {
    only_through_weir!();
    let server = Server::start().await;
    let weir = Gateway::config(&config(CORES, LONG, "", &server.scripted)).start().await;
    let way = Way::Plain(weir.address());
    are_shared_out(weir, way, count(100)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_four_clients_with_tls_each_of_two_cores_has_two() {
    only_through_weir!();
    let (server, authority) = (Server::start().await, Authority::new("Authority"));
    authority.issue("weir", &["localhost"], 1, 2100);
    let tls = format!("tls = {}", authority.tls("weir"));
    let weir = Gateway::config(&config(CORES, LONG, &tls, &server.scripted)).start().await;
    let way = Way::Tls(weir.address(), authority.client(None));
    are_shared_out(weir, way, count(60)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_four_clients_of_a_socket_that_all_share_each_of_two_cores_has_two() {
    only_through_weir!();
    let (server, home) = (Server::start().await, tempfile::tempdir().expect("a temporary directory"));
    let path = home.path().join("weir.sock");
    let gateway = Gateway::config(&config(CORES, LONG, "", &server.scripted));
    let weir = gateway.listen(&format!("unix:{}", path.display())).start().await;
    are_shared_out(weir, Way::Unix(path), count(60)).await;
    let socket = TcpListener::bind("127.0.0.1:0").expect("free");
    let way = Way::Plain(socket.local_addr().expect("it is bound"));
    let gateway = Gateway::config(&config(CORES, LONG, "", &server.scripted)).listen("fd:weir");
    are_shared_out(gateway.hand_over("weir", socket).start().await, way, count(60)).await;
}

#[tokio::test]
async fn a_core_that_is_leaving_is_handed_none_and_one_that_comes_has_its_share() {
    only_through_weir!();
    let (server, say) = streaming().await;
    let with = |cores| config(cores, LONG, "", &server);
    let weir = Gateway::config(&with(2)).start().await;
    let mut streams = listeners_of(&weir, 4).await;
    told(&mut streams, 1).await;
    assert_eq!(shares(&weir, 2, 4).await, [2, 2]);
    change(&weir, &with(1)).await;
    // It stays for its streams, with fewer connections than the other.
    let more = listeners_of(&weir, 8).await;
    assert_eq!(shares(&weir, 2, 12).await, [10, 2]);
    change(&weir, &with(2)).await;
    let newest = listeners_of(&weir, 6).await;
    assert_eq!(shares(&weir, 3, 18).await, [10, 2, 6]);
    say.send_replace(0);
    drop((streams, more, newest));
    has_threads(&weir, 2).await;
    weir.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_handed_over_counts_once() {
    only_through_weir!();
    let server = Server::start().await;
    let limits = format!("[http]\nconnections = 100\nconnections_per_address = {CLIENTS}\n");
    let weir = Gateway::config(&(limits + &config(CORES, LONG, "", &server.scripted))).start().await;
    let way = Way::Plain(weir.address());
    for _ in 0..3 {
        let mut within = clients(&way, CLIENTS).await;
        let refused = way.connect().await.ask(&call("9", "echo", "{}")).await;
        assert_eq!(refused.status(), 503, "{refused:?}");
        drop(within.pop());
        assert_eq!(shares(&weir, CORES, CLIENTS - 1).await.iter().sum::<usize>(), CLIENTS - 1);
        let mut next = way.connect().await;
        assert_eq!(next.ask(&call("1", "echo", "{}")).await.text(), result("1", EMPTY));
        drop((within, next));
        shares(&weir, CORES, 0).await;
    }
    weir.stop().await;
}
