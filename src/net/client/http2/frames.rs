//! The frames that a client sends, counted before h2 answers them: those that cost it nothing and carry nothing.

use super::allowance::Allowance;

/// What a client sends first (RFC 9113, 3.4).
const PREFACE: u32 = 24;
const HEADER: usize = 9;

/// At once, and a second. A client that reads a fast stream sends two window updates a frame of ours, and has earned
/// them by then ([`Frames::sent`]).
const MOST: u32 = 1000;
const REFILL: u32 = 100;

mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PING: u8 = 6;
    pub(super) const CONTINUATION: u8 = 9;
}
const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// Reads frame headers, and passes over what is in the frames.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes to pass over: of the preface, or of a frame.
    skip: u32,
    header: [u8; HEADER],
    have: usize,
    /// Something has begun that the client has to end soon.
    owed: bool,
    /// A head goes on in the next frame.
    block: bool,
    /// How many times nothing was owed.
    even: u64,
    allowance: Allowance,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self {
            skip: PREFACE,
            header: [0; HEADER],
            have: 0,
            owed: true,
            block: false,
            even: 0,
            allowance: Allowance::new(MOST, REFILL),
        }
    }

    /// Whether the client has begun what is not a body and has not ended it: the preface, a head, a control frame.
    pub(super) fn is_within(&self) -> bool {
        self.owed || self.block
    }

    /// Changes when something that was owed has ended, though the next may have begun.
    pub(super) fn even(&self) -> u64 {
        self.even
    }

    /// We have sent a frame of so many bytes, which the client may answer with window updates.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.allowance.earn(4 + (bytes / 4096) as u32);
    }

    /// Reads on.
    ///
    /// # Errors
    /// What the client does too much of.
    pub(super) fn inspect(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = bytes.len().min(self.skip as usize);
                bytes = &bytes[skipped..];
                self.skip -= skipped as u32;
            } else {
                let taken = bytes.len().min(HEADER - self.have);
                self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
                self.have += taken;
                bytes = &bytes[taken..];
                self.owed = true;
                if self.have == HEADER {
                    self.frame()?;
                }
            }
            if self.skip == 0 && self.have == 0 {
                self.owed = false;
                self.even += u64::from(!self.block);
            }
        }
        Ok(())
    }

    fn frame(&mut self) -> Result<(), &'static str> {
        self.have = 0;
        let [high, middle, low, kind, flags, ..] = self.header;
        self.skip = u32::from_be_bytes([0, high, middle, low]);
        self.owed = kind != kind::DATA;
        match kind {
            kind::HEADERS => {
                self.block = flags & END_HEADERS == 0;
                // A request may be followed by a window, a priority, its end.
                self.allowance.earn(4);
                return Ok(());
            }
            kind::CONTINUATION => self.block = flags & END_HEADERS == 0,
            _ => {}
        }
        let ended = flags & END_STREAM != 0;
        let (cost, why) = match kind {
            kind::DATA if self.skip == 0 && !ended => (10, "too many frames of empty data"),
            kind::DATA => return Ok(()),
            kind::SETTINGS if flags & ACK == 0 => (10, "too many settings"),
            kind::PING if flags & ACK == 0 => (4, "too many pings"),
            kind::CONTINUATION => (40, "too many continuations of heads"),
            _ => (1, "too many frames that carry nothing"),
        };
        if self.allowance.spend(cost) { Ok(()) } else { Err(why) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.extend(payload);
        frame
    }

    fn begun() -> Frames {
        let mut frames = Frames::new();
        assert!(frames.is_within());
        frames.inspect(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        assert!(!frames.is_within());
        frames
    }

    #[test]
    fn floods_are_told_by_their_kind_however_they_are_split() {
        for (kind, flags, payload, why) in [
            (0, 0, &[][..], "empty data"),
            (2, 0, &[0; 5], "carry nothing"),
            (3, 0, &[0; 4], "carry nothing"),
            (4, 0, &[], "settings"),
            (6, 0, &[0; 8], "pings"),
            (8, 0, &[0; 4], "carry nothing"),
            (9, 0, &[], "continuations"),
            (77, 0, &[], "carry nothing"),
        ] {
            let one = frame(kind, flags, payload);
            let flood = one.repeat(3000);
            for portion in [1, 7, 9, 1000, flood.len()] {
                let mut frames = begun();
                let fault = flood.chunks(portion).find_map(|bytes| frames.inspect(bytes).err());
                assert!(fault.is_some_and(|fault| fault.contains(why)), "{kind}: {fault:?}");
            }
        }
    }

    #[test]
    fn what_belongs_to_requests_and_answers_is_no_flood() {
        let mut frames = begun();
        for _ in 0..10_000 {
            frames.inspect(&frame(1, 4, &[0; 20])).unwrap();
            frames.inspect(&frame(0, 0, &[0; 20])).unwrap();
            frames.inspect(&frame(0, 1, &[])).unwrap();
            frames.sent(100);
            frames.inspect(&frame(8, 0, &[0; 4])).unwrap();
            frames.inspect(&frame(8, 0, &[0; 4])).unwrap();
            frames.inspect(&frame(4, 1, &[])).unwrap();
        }
    }

    #[test]
    fn heads_and_control_frames_are_owed_and_bodies_are_not() {
        for (kind, flags, owed) in [(1, 4, true), (6, 0, true), (0, 0, false)] {
            let mut frames = begun();
            let bytes = frame(kind, flags, &[0; 8]);
            frames.inspect(&bytes[..4]).unwrap();
            assert!(frames.is_within());
            frames.inspect(&bytes[4..12]).unwrap();
            assert_eq!(frames.is_within(), owed, "{kind}");
            frames.inspect(&bytes[12..]).unwrap();
            assert!(!frames.is_within());
        }
        let mut frames = begun();
        frames.inspect(&frame(1, 0, b"x")).unwrap();
        assert!(frames.is_within(), "the head goes on");
        frames.inspect(&frame(9, 4, b"x")).unwrap();
        assert!(!frames.is_within());
    }
}
