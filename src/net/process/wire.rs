//! What daemon and keeper tell each other: datagrams of nine bytes, in the order in which they were sent.

use super::exit::Exit;
use super::life::Signal;

/// The length of a datagram.
pub(super) const LENGTH: usize = 9;

/// From the daemon: the command with this number shall be started (its socket comes along), or be sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Start(u32),
    Signal(u32, Signal),
}

/// From the keeper: what became of the command with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It is this process.
    Started(u32, i32),
    /// It could not be made: the error's number.
    Failed(u32, i32),
    /// It has ended, and nothing of it is left.
    Ended(u32, Exit),
}

impl Order {
    pub(super) fn encode(self) -> [u8; LENGTH] {
        match self {
            Self::Start(number) => encode(b'S', number, 0),
            Self::Signal(number, Signal::Term) => encode(b'T', number, 0),
            Self::Signal(number, Signal::Kill) => encode(b'K', number, 0),
        }
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, number, _) = decode(bytes)?;
        match kind {
            b'S' => Some(Self::Start(number)),
            b'T' => Some(Self::Signal(number, Signal::Term)),
            b'K' => Some(Self::Signal(number, Signal::Kill)),
            _ => None,
        }
    }
}

impl News {
    pub(super) fn encode(self) -> [u8; LENGTH] {
        match self {
            Self::Started(number, pid) => encode(b's', number, pid),
            Self::Failed(number, error) => encode(b'f', number, error),
            Self::Ended(number, Exit::Code(code)) => encode(b'c', number, code),
            Self::Ended(number, Exit::Signal(signal)) => encode(b'k', number, signal),
            Self::Ended(number, Exit::Lost) => encode(b'l', number, 0),
        }
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, number, value) = decode(bytes)?;
        match kind {
            b's' => Some(Self::Started(number, value)),
            b'f' => Some(Self::Failed(number, value)),
            b'c' => Some(Self::Ended(number, Exit::Code(value))),
            b'k' => Some(Self::Ended(number, Exit::Signal(value))),
            b'l' => Some(Self::Ended(number, Exit::Lost)),
            _ => None,
        }
    }
}

fn encode(kind: u8, number: u32, value: i32) -> [u8; LENGTH] {
    let mut bytes = [kind; LENGTH];
    bytes[1..5].copy_from_slice(&number.to_le_bytes());
    bytes[5..].copy_from_slice(&value.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u8, u32, i32)> {
    let mut from = Reader(bytes);
    let read = (from.take::<1>()?[0], from.u32()?, i32::from_le_bytes(from.take()?));
    from.0.is_empty().then_some(read)
}

/// Reads what was written, and nothing beyond its end.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// A text behind its length.
    pub(super) fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn take<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_news_come_back_as_they_were() {
        for order in [Order::Start(1), Order::Signal(u32::MAX, Signal::Term), Order::Signal(7, Signal::Kill)] {
            assert_eq!(Order::decode(&order.encode()), Some(order));
            assert_eq!(News::decode(&order.encode()), None);
        }
        let ends = [Exit::Code(-1), Exit::Signal(9), Exit::Lost].map(|exit| News::Ended(3, exit));
        for news in ends.into_iter().chain([News::Started(1, 42), News::Failed(2, 11)]) {
            assert_eq!(News::decode(&news.encode()), Some(news));
            assert_eq!(News::decode(&news.encode()[1..]), None);
        }
    }
}
