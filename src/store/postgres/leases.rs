//! The book of leases in SQL. What a node gets is ruled by whoever settles; here its turn is read at one moment, and
//! written if nobody else has written since.
//!
//! No lock is held between the two, so that a node that stops in the middle of its turn holds up nobody. Of nodes that
//! write at once one does, and the others read again: there are a few turns a second, of some milliseconds each.

#[cfg(test)]
mod tests;

use deadpool_postgres::Client;
use tokio_postgres::Row;

use crate::model::leases::{Entry, Key, Lease, NodeId, Rows, Secret, Slice, Standing};

use super::super::StoreError;
use super::{Postgres, Trouble};

const ONE_MOMENT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
/// The clock is read behind the moment, and nothing that counts happens between: the turn would have moved on.
const TURN: &str = "SELECT turn, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM weir.lease_turn";
const STANDINGS: &str = "SELECT node, turn, until, among FROM weir.lease_nodes";
const LEASES: &str = "SELECT key, node, counts, rate, burst, want_rate, want_burst, remembered, ended \
                      FROM weir.leases WHERE key = ANY($1)";
/// All of it, or nothing where the turn is another one. Who waits for the row of the turn looks at it again.
const WRITE: &str = "WITH mine AS ( \
        UPDATE weir.lease_turn SET turn = turn + 1 WHERE turn = $1 RETURNING 1), \
    standing AS ( \
        INSERT INTO weir.lease_nodes (node, turn, until, among) SELECT $2, $3, $4, $5 FROM mine \
        ON CONFLICT (node) DO UPDATE SET turn = excluded.turn, until = excluded.until, among = excluded.among), \
    ended AS ( \
        UPDATE weir.leases SET want_rate = 0, want_burst = 0, \
            rate = CASE WHEN counts THEN rate ELSE 0 END, burst = CASE WHEN counts THEN burst ELSE 0 END, \
            ended = CASE WHEN counts THEN ended ELSE $6 END \
        FROM mine WHERE $7 AND node = $2 AND key <> ALL($8) \
            AND (want_rate <> 0 OR want_burst <> 0 OR (NOT counts AND (rate <> 0 OR burst <> 0)))), \
    written AS ( \
        INSERT INTO weir.leases (key, node, counts, rate, burst, want_rate, want_burst, remembered, ended) \
        SELECT new.key, $2, new.counts, new.rate, new.burst, new.want_rate, new.want_burst, new.remembered, $6 \
        FROM mine, unnest($9::bytea[], $10::boolean[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], \
            $15::bigint[]) AS new (key, counts, rate, burst, want_rate, want_burst, remembered) \
        ON CONFLICT (key, node) DO UPDATE SET counts = excluded.counts, rate = excluded.rate, \
            burst = excluded.burst, want_rate = excluded.want_rate, want_burst = excluded.want_burst, \
            remembered = excluded.remembered, ended = excluded.ended) \
    SELECT count(*) FROM mine";
/// What says nothing any more: of a rate what was given back, or whose node has ended, as long ago as it is remembered; of
/// a count all, when its window is over. Then nodes of which nothing was left before.
const SWEEP: &str = "WITH now AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now), \
    over AS ( \
        DELETE FROM weir.leases USING now WHERE ended + remembered <= now.now AND (counts OR ( \
            (rate = 0 AND burst = 0 AND want_rate = 0 AND want_burst = 0) \
            OR NOT EXISTS (SELECT 1 FROM weir.lease_nodes AS owner \
                           WHERE owner.node = leases.node AND owner.until + remembered > now.now)))) \
    DELETE FROM weir.lease_nodes USING now WHERE until + $1 <= now.now \
        AND NOT EXISTS (SELECT 1 FROM weir.leases WHERE leases.node = lease_nodes.node)";
/// What is remembered longer is remembered for ten years.
const LONGEST: i64 = 10 * 366 * 86_400_000;

const SECRET: &str = "SELECT secret FROM weir.lease_secret";

impl Postgres {
    /// What keys of limits are hashed with, the same on all nodes.
    pub fn lease_secret(&self) -> Secret {
        self.secret
    }

    /// A node's turn: reads what is noted of these keys, and writes what `rule` makes of it. The rule is asked again where
    /// somebody else has written meanwhile; one that gives nothing writes nothing.
    ///
    /// # Errors
    /// Why it was not written; or it was, and the database did not say so.
    pub async fn settle<T: Send + 'static>(
        &self,
        keys: Vec<Key>,
        rule: impl Fn(&Rows) -> Option<(Entry, T)> + Send + 'static,
    ) -> Result<Option<T>, StoreError> {
        self.ask(async move |client| {
            loop {
                let (turn, rows) = read(client, &keys).await?;
                let Some((entry, answer)) = rule(&rows) else { return Ok(None) };
                if write(client, turn, rows.now, &keys, &entry).await? {
                    return Ok(Some(answer));
                }
            }
        })
        .await
    }

    /// Forgets what says nothing any more; nodes when they have ended `kept` milliseconds ago. Now and then, by any node.
    ///
    /// # Errors
    /// Why not.
    pub async fn sweep_leases(&self, kept: u64) -> Result<(), StoreError> {
        self.ask(async move |client| {
            client.execute(SWEEP, &[&kept.cast_signed()]).await?;
            Ok(())
        })
        .await
    }
}

pub(super) async fn secret(client: &Client) -> Result<Secret, Trouble> {
    let row = client.query_one(SECRET, &[]).await?;
    // A check of the table says how long it is.
    Ok(Secret(row.try_get::<_, &[u8]>(0)?.try_into().unwrap_or_default()))
}

async fn read(client: &mut Client, keys: &[Key]) -> Result<(i64, Rows), Trouble> {
    let keys: Vec<_> = keys.iter().map(|key| key.0.to_be_bytes()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(<[u8; 16]>::as_slice).collect();
    let transaction = client.transaction().await?;
    transaction.batch_execute(ONE_MOMENT).await?;
    let turn = transaction.query_one(TURN, &[]).await?;
    let (turn, now) = (turn.try_get(0)?, turn.try_get::<_, i64>(1)?.cast_unsigned());
    let standings = transaction.query(STANDINGS, &[]).await?;
    let leases = transaction.query(LEASES, &[&keys]).await?;
    let standings = standings.iter().map(standing).collect::<Result<_, _>>()?;
    Ok((turn, Rows { now, standings, leases: leases.iter().map(lease).collect::<Result<_, _>>()? }))
}

async fn write(client: &Client, turn: i64, now: u64, asked: &[Key], entry: &Entry) -> Result<bool, Trouble> {
    let bytes = |keys: &mut dyn Iterator<Item = Key>| keys.map(|key| key.0.to_be_bytes().to_vec()).collect::<Vec<_>>();
    let asked = bytes(&mut asked.iter().copied());
    let keys = bytes(&mut entry.leases.iter().map(|lease| lease.key));
    let column = |of: fn(&Lease) -> u32| entry.leases.iter().map(|lease| i64::from(of(lease))).collect::<Vec<_>>();
    let (rate, burst) = (column(|lease| lease.slice.rate), column(|lease| lease.slice.burst));
    let (want_rate, want_burst) = (column(|lease| lease.want.rate), column(|lease| lease.want.burst));
    let counts: Vec<bool> = entry.leases.iter().map(|lease| lease.counts).collect();
    let remembered = |lease: &Lease| i64::try_from(lease.remembered).map_or(LONGEST, |time| time.min(LONGEST));
    let remembered: Vec<i64> = entry.leases.iter().map(remembered).collect();
    let Standing { node, turn: its, until, among } = entry.standing;
    let [node, its, until, now] = [node.0, its, until, now].map(u64::cast_signed);
    let among = i64::from(among);
    let row: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[
        &turn,
        &node,
        &its,
        &until,
        &among,
        &now,
        &entry.others_end,
        &asked,
        &keys,
        &counts,
        &rate,
        &burst,
        &want_rate,
        &want_burst,
        &remembered,
    ];
    Ok(client.query_one(WRITE, row).await?.try_get::<_, i64>(0)? == 1)
}

fn standing(row: &Row) -> Result<Standing, Trouble> {
    Ok(Standing {
        node: NodeId(row.try_get::<_, i64>(0)?.cast_unsigned()),
        turn: row.try_get::<_, i64>(1)?.cast_unsigned(),
        until: row.try_get::<_, i64>(2)?.cast_unsigned(),
        among: number(row, 3)?,
    })
}

fn lease(row: &Row) -> Result<Lease, Trouble> {
    // A check of the table says how long it is.
    let key = row.try_get::<_, &[u8]>(0)?.try_into().unwrap_or_default();
    Ok(Lease {
        key: Key(u128::from_be_bytes(key)),
        node: NodeId(row.try_get::<_, i64>(1)?.cast_unsigned()),
        counts: row.try_get(2)?,
        slice: Slice { rate: number(row, 3)?, burst: number(row, 4)? },
        want: Slice { rate: number(row, 5)?, burst: number(row, 6)? },
        remembered: row.try_get::<_, i64>(7)?.cast_unsigned(),
        ended: row.try_get::<_, i64>(8)?.cast_unsigned(),
    })
}

/// They were written from 32 bits.
fn number(row: &Row, at: usize) -> Result<u32, Trouble> {
    Ok(u32::try_from(row.try_get::<_, i64>(at)?).unwrap_or(u32::MAX))
}
