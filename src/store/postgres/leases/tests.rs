//! The book in a real PostgreSQL: turns at once, what comes back, and nodes that share a limit by it.

use std::collections::HashMap;

use super::super::tests::Place;
use super::*;
use crate::stages::limit::slices::{Node, Of, Reply, Request, TERMS, Terms, Whole, settle};

const KEY: Key = Key(7 << 100 | 9);

fn standing(node: u64, turn: u64, until: u64) -> Standing {
    Standing { node: NodeId(node), turn, until, among: 3 }
}

fn lease(key: Key, node: u64, slice: Slice, ended: u64) -> Lease {
    Lease { key, node: NodeId(node), counts: false, slice, want: slice, remembered: 1_000, ended }
}

/// All that is noted of these keys.
async fn noted(store: &Postgres, keys: &[Key]) -> Rows {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let look = move |rows: &Rows| -> Option<(Entry, ())> {
        tell.send(rows.clone()).unwrap();
        None
    };
    assert_eq!(store.settle(keys.to_vec(), look).await, Ok(None));
    let mut rows = told.recv().unwrap();
    rows.standings.sort_by_key(|standing| standing.node);
    rows.leases.sort_by_key(|lease| (lease.key, lease.node));
    rows
}

#[tokio::test]
async fn of_turns_at_once_each_sees_what_the_others_have_written() {
    let place = Place::new();
    let store = place.open();
    let next = |node: u64| {
        move |rows: &Rows| {
            let most = rows.leases.iter().map(|lease| lease.slice.burst).max().unwrap_or(0);
            let slice = Slice { rate: 1, burst: most + 1 };
            let leases = vec![lease(KEY, node, slice, rows.now)];
            Some((Entry { standing: standing(node, 1, rows.now), leases, others_end: false }, ()))
        }
    };
    // As many at once as there are connections.
    let turns = async |node: u64| {
        for _ in 0..20 {
            assert_eq!(store.settle(vec![KEY], next(node)).await, Ok(Some(())));
        }
    };
    tokio::join!(turns(1), turns(2), turns(3), turns(4));
    let rows = noted(&store, &[KEY]).await;
    assert_eq!(rows.leases.iter().map(|lease| lease.slice.burst).max(), Some(80), "{rows:?}");
    assert_eq!((rows.leases.len(), rows.standings.len()), (4, 4));
}

#[tokio::test]
async fn what_was_written_comes_back_until_it_says_nothing_any_more() {
    let place = Place::new();
    let store = place.open();
    let (keys, slice) = ([1, 2, u128::MAX].map(Key), Slice { rate: u32::MAX, burst: u32::MAX });
    let write = async |entry: Entry| {
        let keys: Vec<Key> = entry.leases.iter().map(|lease| lease.key).collect();
        store.settle(keys, move |_| Some((entry.clone(), ()))).await.unwrap()
    };
    let now = noted(&store, &keys).await.now;
    let mut leases = keys.map(|key| lease(key, u64::MAX, slice, now)).to_vec();
    leases[1].counts = true;
    // Times are what the book's clock said when it was read.
    let same = |rows: &Rows| rows.leases.iter().map(|lease| Lease { ended: now, ..*lease }).collect::<Vec<_>>();
    let node = standing(u64::MAX, u64::MAX >> 1, now);
    write(Entry { standing: node, leases: leases.clone(), others_end: true }).await;
    let rows = noted(&store, &keys).await;
    assert_eq!((same(&rows), rows.standings), (leases.clone(), vec![node]));
    assert!(noted(&store, &[Key(3)]).await.leases.is_empty());
    // The second one and the third are not asked for: of the count stays what was counted.
    write(Entry { standing: node, leases: vec![leases[0]], others_end: true }).await;
    let ended: Vec<Lease> =
        leases.iter().enumerate().map(|(at, lease)| if at == 0 { *lease } else { lease.end(now) }).collect();
    assert_eq!(same(&noted(&store, &keys).await), ended);
    store.sweep_leases(1_000).await.unwrap();
    assert_eq!(noted(&store, &keys).await.leases.len(), 3, "they are remembered for a second");
    place.server.sql("UPDATE weir.leases SET remembered = 0 WHERE key <> '\\x00000000000000000000000000000001'");
    store.sweep_leases(1_000_000).await.unwrap();
    assert_eq!(same(&noted(&store, &keys).await), ended[..1], "the node has ended, and is remembered");
    place.server.sql("UPDATE weir.leases SET remembered = 0; UPDATE weir.lease_nodes SET until = 0");
    // The node goes a sweep later than its last lease.
    for nodes in [1, 0] {
        store.sweep_leases(1_000).await.unwrap();
        let rows = noted(&store, &keys).await;
        assert_eq!((rows.leases, rows.standings.len()), (vec![], nodes));
    }
}

/// A node's turn through the database; calls ask for so many tokens before.
async fn turn(
    store: &Postgres,
    node: &mut Node,
    now: &mut u64,
    asked: u64,
    terms: Terms,
    shares: &mut HashMap<Key, Slice>,
) {
    *now += terms.turn * 1_000_000;
    let whole = Whole { apart: 10_000_000, burst: 100, grain: 1 };
    node.demand(KEY, whole, asked);
    let (change, request) = node.turn(*now);
    let request: Request = request.expect("no answer is awaited");
    let keys = request.asks.iter().map(|ask| ask.key).collect();
    assert!(request.asks.iter().all(|ask| ask.of == Of::Rate(whole)));
    let reply: Reply = store.settle(keys, move |rows| settle(rows, &request, &terms)).await.unwrap().unwrap();
    let settled = node.settled(*now, &reply);
    shares.extend(change.slices.iter().chain(&settled.slices).map(|(key, slice, _)| (*key, *slice)));
}

#[tokio::test]
async fn nodes_share_a_limit_by_it_and_have_what_one_leaves_that_is_gone() {
    let place = Place::new();
    let stores = [place.open(), place.open()];
    // A lease that is soon over, by the clock of the database; our own stands still.
    let terms = Terms { lease: 1_500, margin: 100, ..TERMS };
    let mut nodes = [1, 2].map(|id| (Node::new(NodeId(id), terms), 0, HashMap::new()));
    let mut turns = async |asked: [u64; 2]| {
        let mut rates = Vec::new();
        for (at, store) in stores.iter().enumerate().filter(|(at, _)| asked[*at] != u64::MAX) {
            let (node, now, shares) = &mut nodes[at];
            turn(store, node, now, asked[at], terms, shares).await;
            rates.push(shares.get(&KEY).copied().unwrap_or_default().rate);
        }
        (rates, nodes[0].0.among(), nodes[1].0.among())
    };
    for _ in 0..4 {
        turns([0, 0]).await;
    }
    assert_eq!(turns([1_000, 0]).await, (vec![955_000, 0], 2, 2));
    let mut last = turns([1_000, 1_000]).await;
    for _ in 0..4 {
        last = turns([1_000, 1_000]).await;
    }
    assert_eq!(last.0, [477_500, 477_500]);
    // The first one takes no turn any more. What it held is the other's when its lease is over, and not before.
    while turns([u64::MAX, 1_000]).await.0 == [477_500] {}
    let rows = noted(&stores[1], &[KEY]).await;
    assert!(rows.standings[0].until <= rows.now, "{rows:?}");
    assert_eq!(turns([u64::MAX, 1_000]).await.0, [955_000]);
}
