//! Sockets of our own and handed-over ones, on TCP and in the file system.

use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as StdUnixStream;

use tokio::task::spawn_blocking;

use super::*;

const ANY: &str = "127.0.0.1:0";

#[test]
fn cores_share_one_address_that_nobody_else_gets() {
    let sockets = bind_shared(ANY.parse().unwrap(), 3).unwrap();
    let address = sockets[0].local_addr().unwrap();
    assert!(sockets.iter().all(|socket| socket.local_addr().unwrap() == address));
    for taken in [bind_shared(address, 1).map(drop), bind_alone(address).map(drop), could_bind(address)] {
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
    drop(sockets);
    bind_shared(address, 2).expect("it is free again");
}

#[tokio::test]
async fn the_backlog_is_emptied_to_its_last_connection() {
    let mut sockets = bind_shared(ANY.parse().unwrap(), 1).unwrap();
    let listener = TcpListener::from_std(sockets.remove(0)).unwrap();
    let address = listener.local_addr().unwrap();
    let clients: Vec<_> = (0..5).map(|_| StdStream::connect(address).unwrap()).collect();
    // The runtime has not looked at this listener yet.
    let mut taken = Vec::new();
    while let Some((_, peer)) = accepted_already(&listener) {
        taken.push(peer);
    }
    assert_eq!(taken, clients.iter().map(|client| client.local_addr().unwrap()).collect::<Vec<_>>());
}

/// A listener that was bound by somebody else.
fn theirs() -> Bound {
    Bound::Tcp(StdListener::bind(ANY).unwrap())
}

/// Hands on them.
fn hands(sockets: &[Bound]) -> Vec<Bound> {
    sockets.iter().map(|socket| socket.try_clone().unwrap()).collect()
}

/// All of our own on a free port, for one core, and where clients reach them.
fn own() -> (Listeners, SocketAddr) {
    let sockets = Sockets::bind(ANY.parse().unwrap(), 1).unwrap();
    (sockets.deal(1).unwrap().remove(0), address(&sockets.addresses().unwrap()[0]))
}

fn address(at: &At) -> SocketAddr {
    match at {
        At::Tcp(address) => *address,
        At::Unix(path) => panic!("{}", path.display()),
    }
}

fn connect(socket: &Bound) -> StdStream {
    StdStream::connect(address(&socket.at().unwrap())).unwrap()
}

#[test]
fn handed_over_sockets_are_dealt_in_turn() {
    let of = |sockets: &[Bound], cores| -> Vec<Vec<usize>> {
        let place =
            |socket: &Bound| sockets.iter().position(|known| known.at().unwrap() == socket.at().unwrap()).unwrap();
        let dealt = Sockets::handed_over(hands(sockets)).deal(cores).unwrap();
        dealt.iter().map(|core| core.sockets().map(place).collect()).collect()
    };
    let sockets: Vec<_> = (0..5).map(|_| theirs()).collect();
    assert_eq!(of(&sockets[..1], 3), [[0], [0], [0]]);
    assert_eq!(of(&sockets[..2], 3), [[0], [1], [0]]);
    assert_eq!(of(&sockets[..3], 3), [[0], [1], [2]]);
    assert_eq!(of(&sockets, 2), [vec![0, 2, 4], vec![1, 3]]);
}

#[test]
fn of_our_own_each_core_gets_as_many_and_shares_what_is_left_over() {
    let sockets = Sockets::bind(ANY.parse().unwrap(), 4).unwrap();
    let of = |cores| -> Vec<usize> { sockets.deal(cores).unwrap().iter().map(|core| core.sockets().count()).collect() };
    assert_eq!([of(1), of(2), of(3), of(4)], [vec![4], vec![2, 2], vec![2, 2, 2], vec![1, 1, 1, 1]]);
}

#[tokio::test]
async fn what_waits_in_a_socket_is_taken_by_whoever_is_given_it_next() {
    let sockets = Sockets::bind(ANY.parse().unwrap(), 2).unwrap();
    let to = address(&sockets.addresses().unwrap()[0]);
    let leaving: Vec<_> = sockets.deal(2).unwrap().into_iter().map(|core| core.accept().unwrap()).collect();
    let waiting: Vec<_> = (0..20).map(|_| StdStream::connect(to).unwrap()).collect();
    let mut staying = sockets.deal(1).unwrap().remove(0).accept().unwrap();
    drop(leaving);
    let mut taken = Vec::new();
    for _ in &waiting {
        taken.push(staying.next().await.1);
    }
    assert!(waiting.iter().all(|client| taken.contains(&Remote::Tcp(client.local_addr().unwrap()))));
}

#[tokio::test]
async fn new_sockets_take_their_part_once_they_are_adopted_and_not_before() {
    let mut sockets = Sockets::bind(ANY.parse().unwrap(), 1).unwrap();
    let to = address(&sockets.addresses().unwrap()[0]);
    let dealt = sockets.redeal(3).unwrap();
    let mut first = sockets.deal(1).unwrap().remove(0).accept().unwrap();
    let before: Vec<_> = (0..20).map(|_| StdStream::connect(to).unwrap()).collect();
    for _ in &before {
        first.next().await;
    }
    drop(sockets.redeal(2).unwrap());
    let mut cores: Vec<_> = sockets.adopt(dealt).unwrap().into_iter().map(|core| core.accept().unwrap()).collect();
    drop(first);
    assert_eq!((cores.len(), sockets.addresses().unwrap()), (3, vec![At::Tcp(to)]));
    // Each of them is met sooner or later.
    for core in &mut cores {
        let mut clients = Vec::new();
        let taken = async {
            loop {
                clients.push(TcpStream::connect(to).await.unwrap());
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = core.next() => {}
            () = taken => {}
        }
    }
    assert!(Sockets::handed_over(vec![theirs()]).redeal(3).unwrap().new.is_empty(), "theirs are as many as they are");
}

#[tokio::test]
async fn no_socket_of_a_core_waits_for_another() {
    let sockets = [theirs(), theirs()];
    let mut acceptor = Sockets::handed_over(hands(&sockets)).deal(1).unwrap().remove(0).accept().unwrap();
    let (busy, quiet) = (&sockets[0], &sockets[1]);
    let clients: Vec<_> = [busy; 8].into_iter().chain([quiet]).map(connect).collect();
    let last = Remote::Tcp(clients[8].local_addr().unwrap());
    let mut came = Vec::new();
    for _ in 0..3 {
        came.push(acceptor.next().await.1);
    }
    assert!(came.contains(&last), "{came:?}");
}

/// Whom a closing acceptor still takes in.
async fn closed(acceptor: Acceptor) -> Vec<Remote> {
    let mut taken = Vec::new();
    acceptor.close(|_, remote| taken.push(remote)).await;
    taken
}

#[tokio::test]
async fn what_waits_is_taken_from_our_own_sockets_alone() {
    let (own, _) = own();
    let _waiting = [0; 3].map(|_| connect(&own.sockets[0]));
    assert_eq!(closed(own.accept().unwrap()).await.len(), 3);
    let handed = theirs();
    let waiting = connect(&handed);
    let deal =
        || Sockets::handed_over(hands(std::slice::from_ref(&handed))).deal(1).unwrap().remove(0).accept().unwrap();
    assert_eq!(closed(deal()).await, []);
    // The next process gets it.
    assert_eq!(deal().next().await.1, Remote::Tcp(waiting.local_addr().unwrap()));
}

#[tokio::test]
async fn whoever_connects_while_it_closes_is_let_in_or_refused_and_never_cut() {
    let (own, to) = own();
    let mut acceptor = own.accept().unwrap();
    // One after the other, as fast as it goes, until nobody listens any more.
    let connecting = spawn_blocking(move || {
        let mut connected = Vec::new();
        while let Ok(stream) = StdStream::connect(to) {
            connected.push(stream);
        }
        connected
    });
    let mut taken = vec![acceptor.next().await];
    acceptor.close(|stream, remote| taken.push((stream, remote))).await;
    let connected = connecting.await.unwrap();
    let [connected, taken]: [Vec<_>; 2] = [
        connected.iter().map(|stream| Remote::Tcp(stream.local_addr().unwrap())).collect(),
        taken.iter().map(|(_, remote)| *remote).collect(),
    ];
    assert_eq!(connected, taken);
}

#[tokio::test]
async fn nobody_begins_to_connect_to_a_socket_that_closes_and_whoever_sent_a_syn_comes_later() {
    let (own, to) = own();
    let acceptor = own.accept().unwrap();
    acceptor.sockets[0].shun();
    let kept = spawn_blocking(move || StdStream::connect(to));
    let mut acceptor = acceptor;
    assert!(tokio::time::timeout(Duration::from_millis(300), acceptor.next()).await.is_err(), "nobody comes");
    drop(acceptor);
    // The kernel tries again, and finds the next process.
    let next = bind_alone(to).unwrap();
    let client = kept.await.unwrap().expect("it was not refused meanwhile");
    assert_eq!(next.local_addr().unwrap(), client.peer_addr().unwrap());
}

#[tokio::test]
async fn a_unix_socket_is_shared_by_the_cores_and_gone_with_the_last() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("weir.sock");
    let sockets = Sockets::bind_unix(&path).unwrap();
    assert_eq!(sockets.addresses().unwrap(), [At::Unix(path.clone())]);
    let mut cores = sockets.deal(2).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let taken = Sockets::bind_unix(&path).unwrap_err();
    assert_eq!((taken.kind(), could_bind_unix(&path).unwrap_err().kind()), (io::ErrorKind::AddrInUse, taken.kind()));
    let (mut one, other) = (cores.remove(0).accept().unwrap(), cores.remove(0).accept().unwrap());
    let _first = StdUnixStream::connect(&path).unwrap();
    assert_eq!(one.next().await.1, Remote::Unix);
    let _second = StdUnixStream::connect(&path).unwrap();
    // Two looked whether anybody listens.
    assert_eq!(closed(other).await, [Remote::Unix; 3]);
    assert!(!path.exists(), "nobody new finds the way");
    drop(one);
    // Another process has put its own there.
    let one = Sockets::bind_unix(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let other = Sockets::bind_unix(&path).unwrap();
    drop(one);
    assert!(path.exists());
    drop(other);
    assert!(!path.exists());
}

#[test]
fn only_a_socket_that_nobody_listens_on_is_replaced() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("weir.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    could_bind_unix(&path).unwrap();
    drop(Sockets::bind_unix(&path).unwrap());
    std::fs::write(&path, "a file of somebody's").unwrap();
    assert_eq!(Sockets::bind_unix(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"a file of somebody's");
    assert_eq!(Sockets::bind_unix(&home.path().join("no/weir.sock")).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn what_nobody_can_connect_to_is_unfit() {
    assert_eq!(theirs().unfit(), None);
    let tcp = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    assert_eq!(Bound::Tcp(tcp.into()).unfit(), Some("it does not listen"));
    let datagrams = std::net::UdpSocket::bind(ANY).unwrap();
    let unfit = Bound::Tcp(std::os::fd::OwnedFd::from(datagrams).into()).unfit();
    assert_eq!(unfit, Some("it is no socket of TCP, nor a Unix one for streams"));
}

#[test]
fn only_want_of_room_lets_accept_rest() {
    for code in [23, 24, 105, 12] {
        assert!(is_exhausted(&io::Error::from_raw_os_error(code)), "{code}");
    }
    for code in [103, 104, 4] {
        assert!(!is_exhausted(&io::Error::from_raw_os_error(code)), "{code}");
    }
}
