//! Shapes: a twisted request, perhaps a plain one before it, a probe behind it; cut into writes in some way.

use std::{collections::BTreeMap, net::SocketAddr, ops::Range};

use super::twists::{Reads, Twist, twists};
use crate::support::{Client, Dice, Post, call, count};

/// What goes over one connection, and what has to come back.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) reads: Reads,
    /// The calls in it as a strict reader sees them, in order.
    calls: Vec<Call>,
    /// Every call in it as any reader may see them, in order, and one that may be sent behind it.
    pub(super) hidden: Vec<Call>,
    cut: Cut,
}

/// A call and its body. Its nonce is its id.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) nonce: String,
    pub(super) body: String,
}

/// How the bytes are written.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Whole,
    At(usize),
    Bytes,
}

/// Everything that is varied about one twist.
const VARIANTS: usize = 2 * 2 * 3;

/// A call that everybody reads alike.
pub(super) fn plain(nonce: &str) -> Post {
    call(&format!("\"{nonce}\""), "echo", "{}").header("X-Nonce", nonce)
}

impl Call {
    pub(super) fn new(nonce: String) -> Self {
        let body = String::from_utf8(plain(&nonce).text().to_vec()).expect("a message is UTF-8");
        Self { nonce, body }
    }

    pub(super) fn pair(&self) -> (String, String) {
        (self.nonce.clone(), self.body.clone())
    }
}

/// All shapes for the listener `host` in the long run; in the gate a twentieth of them, others each time.
pub(super) fn shapes(host: &str) -> Vec<Shape> {
    let all = twists(&Call::new("any".into()).body, host).len() * VARIANTS;
    let mut dice = Dice::new();
    let wanted = count(all);
    let numbers = (0..wanted).map(|number| if wanted == all { number } else { dice.below(all) });
    numbers.enumerate().map(|(place, number)| Shape::new(place, number, host)).collect()
}

impl Shape {
    fn new(place: usize, number: usize, host: &str) -> Self {
        let (twist, variant) = (number / VARIANTS, number % VARIANTS);
        let named = |role: &str| Call::new(format!("{role}-{place}"));
        let (before, mut first, probe) = (named("before"), named("first"), named("probe"));
        let Twist { name, reads, request, content } = twists(&first.body, host).swap_remove(twist);
        first.body = content;
        let common = fields(&first.nonce);
        let twisted = request.bytes(&common, variant & 1 == 0);
        let early = variant & 2 == 0;
        let parts = [
            if early { plain(&before.nonce).bytes(host) } else { Vec::new() },
            twisted,
            plain(&probe.nonce).bytes(host),
        ];
        let seam = parts[0].len() + parts[1].len();
        let cut = [Cut::Whole, Cut::At(seam - 1 - number % 7), Cut::Bytes][variant / 4];
        let hidden = vec![before.clone(), first.clone(), probe.clone(), named("last")];
        let calls = match reads {
            Reads::Both => vec![first, probe],
            Reads::Told | Reads::ToldEarly => vec![probe],
            Reads::OnlyFirst | Reads::FirstThenRefused => vec![first],
            Reads::Refused | Reads::Waits => Vec::new(),
        };
        let calls = early.then_some(before).into_iter().chain(calls).collect();
        Self { name: format!("{name} (variant {variant})"), bytes: parts.concat(), reads, calls, hidden, cut }
    }

    /// Sends it to Weir and holds what comes back against what a strict reader says; gives the calls that were answered
    /// with a result, or what was not as it should be.
    pub(super) async fn hold(&self, weir: SocketAddr) -> Result<BTreeMap<String, String>, String> {
        let mut client = Client::connect(weir).await;
        self.send(&mut client).await;
        let mut answered = BTreeMap::new();
        for (at, call) in self.calls.iter().enumerate() {
            let is_behind = matches!(self.reads, Reads::Told | Reads::ToldEarly) && at + 1 == self.calls.len();
            if is_behind {
                self.told(&mut client, 400..500).await?;
            }
            let (status, text) = match answer(&mut client).await {
                Some(answer) => answer,
                None if is_behind && self.reads == Reads::ToldEarly => return Ok(answered),
                None => return Err(self.fault("an answer is missing")),
            };
            let wanted = format!("\"id\":\"{}\"", call.nonce);
            if status != 200 || !text.replace(": ", ":").contains(&wanted) {
                return Err(self.fault(&format!("{status} {text} for {}", call.nonce)));
            }
            answered.insert(call.nonce.clone(), call.body.clone());
        }
        match self.reads {
            Reads::Both | Reads::Told | Reads::ToldEarly => client.finish().await,
            Reads::Waits => {
                client.finish().await;
                self.told(&mut client, 400..414).await?;
            }
            Reads::Refused | Reads::FirstThenRefused => self.told(&mut client, 400..432).await?,
            Reads::OnlyFirst => {}
        }
        match answer(&mut client).await {
            None => Ok(answered),
            Some(more) => Err(self.fault(&format!("one answer more: {more:?}"))),
        }
    }

    /// The call that may be sent behind it.
    pub(super) fn last(&self) -> &Call {
        self.hidden.last().expect("it was put there")
    }

    pub(super) async fn send(&self, client: &mut Client) {
        match self.cut {
            Cut::Whole => client.bytes(&self.bytes).await,
            Cut::At(place) => {
                client.bytes(&self.bytes[..place]).await;
                // The other side gets its chance to read what is there.
                tokio::task::yield_now().await;
                client.bytes(&self.bytes[place..]).await;
            }
            Cut::Bytes => {
                // What is far longer than a head or a chunk line stays in one piece.
                let single = self.bytes.len().min(3_000);
                for byte in &self.bytes[..single] {
                    client.bytes(std::slice::from_ref(byte)).await;
                }
                client.bytes(&self.bytes[single..]).await;
            }
        }
    }

    /// An answer of Weir's own to what it did not pass on. Who is refused may find the connection closed instead.
    async fn told(&self, client: &mut Client, statuses: Range<u16>) -> Result<(), String> {
        match answer(client).await {
            Some((status, text)) if statuses.contains(&status) && !text.contains("\"result\"") => Ok(()),
            None if !matches!(self.reads, Reads::Told | Reads::ToldEarly) => Ok(()),
            other => Err(self.fault(&format!("not refused: {other:?}"))),
        }
    }

    fn fault(&self, what: &str) -> String {
        format!("{what}: {self:?}")
    }
}

/// The next answer, interim ones passed over; none once the connection is closed.
async fn answer(client: &mut Client) -> Option<(u16, String)> {
    loop {
        match client.try_head().await?.status() {
            100 => {}
            status => {
                let body = client.body().await.unwrap_or_else(|cut| cut.0);
                return Some((status, String::from_utf8_lossy(&body).into_owned()));
            }
        }
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sent = &self.bytes[..self.bytes.len().min(2_000)];
        write!(f, "{}, read as {:?}, sent {:?}: {}", self.name, self.reads, self.cut, sent.escape_ascii())
    }
}

/// The fields of a call between its `Host` and its framing; the nonce is not the one that a folded line may be added to.
fn fields(nonce: &str) -> String {
    let head = String::from_utf8(plain(nonce).head("")).expect("a head of ASCII");
    let mut fields: Vec<_> = head.split_inclusive("\r\n").skip(2).collect();
    fields.rotate_right(1);
    fields.concat()
}
