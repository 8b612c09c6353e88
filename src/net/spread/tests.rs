//! Who gets a connection, and what becomes of one that was handed over.

use std::net::{TcpListener as StdListener, TcpStream as StdStream};

use tokio::net::TcpStream;

use super::*;

/// Connections to be settled, and their clients.
struct Door(StdListener, Vec<StdStream>);

impl Door {
    fn new() -> Self {
        Self(StdListener::bind("127.0.0.1:0").unwrap(), Vec::new())
    }

    fn accept(&mut self) -> (Plain, Remote) {
        self.1.push(StdStream::connect(self.0.local_addr().unwrap()).unwrap());
        let (stream, remote) = self.0.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        (Plain::Tcp(TcpStream::from_std(stream).unwrap()), Remote::Tcp(remote))
    }

    /// Settles one at this core: it, where the core keeps it.
    fn settle(&mut self, at: &Seat) -> Option<Arrival> {
        let (stream, remote) = self.accept();
        match at.settle(stream, remote) {
            Settled::Here(arrival) => Some(arrival),
            Settled::HandedOver => None,
            Settled::Lost => panic!("it is lost"),
        }
    }
}

fn seats<const N: usize>() -> [Seat; N] {
    let spread = Spread::default();
    [(); N].map(|()| {
        let seat = spread.seat();
        seat.join();
        seat
    })
}

fn open(seat: &Seat) -> usize {
    seat.own.open.load(Ordering::Relaxed)
}

#[test]
fn few_are_shared_out_to_the_last_and_the_chances_of_many_are_let_be() {
    for (own, least) in [(1, 0), (2, 1), (4, 3), (6, 4), (81, 64), (usize::MAX, 5)] {
        assert!(is_uneven(own, least), "{own} and {least}");
    }
    for (own, least) in [(0, 0), (0, 9), (1, 1), (3, 3), (5, 4), (80, 64), (usize::MAX, usize::MAX)] {
        assert!(!is_uneven(own, least), "{own} and {least}");
    }
}

#[tokio::test]
async fn whatever_the_kernel_does_every_core_has_its_share_and_a_place_is_given_back() {
    let (mut door, [first, second, third]) = (Door::new(), seats());
    let mut kept: Vec<_> = (0..9).filter_map(|_| door.settle(&first)).collect();
    assert_eq!([&first, &second, &third].map(open), [3, 3, 3]);
    for seat in [&second, &third] {
        for _ in 0..3 {
            kept.push(seat.next().await);
        }
    }
    assert_eq!([&first, &second, &third].map(open), [3, 3, 3], "each is counted once");
    let mut clients: Vec<_> = door.1.iter().map(|client| Remote::Tcp(client.local_addr().unwrap())).collect();
    kept.iter().for_each(|arrival| clients.retain(|client| *client != arrival.remote));
    assert_eq!(clients, [], "nobody is lost");
    drop(kept);
    assert_eq!([&first, &second, &third].map(open), [0, 0, 0]);
}

#[tokio::test]
async fn who_has_not_joined_or_has_left_gets_none_and_gives_what_it_accepts() {
    let spread = Spread::default();
    let (mut door, [first, second]) = (Door::new(), [(); 2].map(|()| spread.seat()));
    first.join();
    let mut kept: Vec<_> = (0..4).map(|_| door.settle(&first).expect("there is nobody else")).collect();
    second.join();
    assert!(door.settle(&first).is_none(), "the newest has the fewest");
    kept.extend(second.leave());
    assert_eq!((kept.len(), open(&first), open(&second)), (5, 4, 1), "what waited is there");
    kept.push(door.settle(&first).expect("the other has left"));
    assert!(door.settle(&second).is_none(), "it is not for one that leaves");
    assert_eq!((open(&first), open(&second)), (6, 1));
    drop(first);
    kept.push(door.settle(&second).expect("nobody stays"));
}

#[tokio::test]
async fn a_core_that_hangs_swallows_nothing_and_has_its_share_once_it_comes_round() {
    let (mut door, [first, second, third]) = (Door::new(), seats());
    let kept: Vec<_> = (0..3).filter_map(|_| door.settle(&first)).collect();
    assert_eq!([&first, &second, &third].map(open), [1, 1, 1]);
    let _third = third.next().await;
    let now = Instant::now();
    assert!(first.overdue_at(now).is_empty(), "it may be about to look");
    let late = now + LATE + Duration::from_secs(1);
    let back = third.overdue_at(late);
    assert_eq!((back.len(), open(&second), open(&third)), (1, 0, 2));
    assert!(first.overdue_at(late).is_empty(), "it was taken once");
    let more: Vec<_> = (0..3).filter_map(|_| door.settle(&first)).collect();
    assert_eq!((open(&second), more.len()), (0, 2), "a core that hangs has no more, however few it has");
    // It looks.
    assert!(second.own.take().is_none());
    assert!(door.settle(&first).is_none());
    assert_eq!(open(&second), 1);
    drop((kept, back, more));
}

#[tokio::test]
async fn a_queue_has_its_bound() {
    let (mut door, [first, second]) = (Door::new(), seats());
    let kept: Vec<_> = (0..3 * WAITING).filter_map(|_| door.settle(&first)).collect();
    assert_eq!((open(&second), kept.len()), (WAITING, 2 * WAITING));
}

#[tokio::test]
async fn cores_that_hand_over_to_each_other_at_once_lose_and_double_none() {
    let spread = Spread::default();
    let [first, second] = [(); 2].map(|()| {
        let seat = spread.seat();
        seat.join();
        seat
    });
    let begins = Arc::new(std::sync::Barrier::new(2));
    let cores = [first, second].map(|seat| {
        let begins = Arc::clone(&begins);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (mut door, mut kept) = (Door::new(), Vec::new());
                begins.wait();
                for _ in 0..100 {
                    kept.extend(door.settle(&seat));
                }
                begins.wait();
                kept.extend(seat.leave());
                begins.wait();
                (kept.len(), open(&seat), seat)
            })
        })
    });
    let [(first, first_open, _first), (second, second_open, _second)] = cores.map(|core| core.join().unwrap());
    assert_eq!((first + second, first_open + second_open), (200, 200));
}
