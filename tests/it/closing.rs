//! Sockets that close under load: whoever was let in to connect is answered, and nobody is cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinHandle;

use crate::support::{Client, Gateway, Scripted, call, count, only_through_weir, result, until};

const EMPTY: &str = r#"{"resultType":"complete","content":[]}"#;

/// Clients that connect to an address again and again, ask once each, and end when they are refused.
struct Load {
    answered: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    fn on(address: SocketAddr) -> Self {
        let answered = Arc::new(AtomicUsize::new(0));
        let task = || {
            let answered = Arc::clone(&answered);
            tokio::spawn(async move {
                while let Some(mut client) = Client::try_connect(address).await {
                    let ask = call("1", "echo", "{}").header("Connection", "close");
                    client.post(&ask).await;
                    let head = client.try_head().await.expect("who is connected is answered");
                    assert_eq!(head.status(), 200, "{head:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let tasks = (0..8).map(|_| task()).collect();
        Self { answered, tasks }
    }

    /// Waits until so many more have been answered.
    async fn goes_on(&self, more: usize) {
        let wanted = self.answered.load(Ordering::Relaxed) + more;
        until("clients are answered", async || self.answered.load(Ordering::Relaxed) >= wanted).await;
    }

    /// Waits until each has been refused a connection.
    async fn refused(self) {
        for task in self.tasks {
            task.await.expect("nobody was cut");
        }
    }
}

async fn server() -> Scripted {
    Scripted::answering(|request| result(&request.id(), EMPTY)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_cut_by_a_stop() {
    only_through_weir!();
    let server = server().await;
    for _ in 0..count(100) {
        let weir = Gateway::to(&server.url()).start().await;
        let load = Load::on(weir.address());
        load.goes_on(50).await;
        weir.stop().await;
        load.refused().await;
    }
}

/// The reload comes to its end, is given up half way, or comes too late: whatever it has begun, no socket is lost with
/// what waits in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_cut_by_a_stop_that_comes_with_another_number_of_cores() {
    only_through_weir!();
    let server = server().await;
    let config = |cores: usize| {
        let listen = format!("[reload]\nwatch = false\n[listen]\ncores = {cores}\n");
        format!("{listen}[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url())
    };
    for round in 0..count(100) {
        let (before, after) = if round % 2 == 0 { (1, 4) } else { (4, 1) };
        let weir = Gateway::config(&config(before)).start().await;
        let load = Load::on(weir.address());
        load.goes_on(50).await;
        weir.write(&config(after));
        weir.hang_up();
        // Sooner or later, as long as some are answered.
        load.goes_on(round % 9).await;
        weir.stop().await;
        load.refused().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_cut_by_a_listener_that_moves() {
    only_through_weir!();
    let server = server().await;
    let config = |address: SocketAddr, cores: usize| {
        let listen = format!("[listen]\naddress = \"{address}\"\ncores = {cores}\n");
        format!("{listen}[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url())
    };
    let mut address = free();
    let weir = Gateway::config(&config(address, 1)).listening_by_file().start().await;
    for round in 0..count(60) {
        let load = Load::on(address);
        load.goes_on(50).await;
        address = free();
        // More cores at one address, and fewer at the next.
        weir.write(&config(address, [3, 1, 2, 2][round % 4]));
        until("it has moved", async || Client::try_connect(address).await.is_some()).await;
        load.refused().await;
    }
    weir.stop().await;
}

/// An address that is free now.
fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound")
}
