//! A push parser for event streams (WHATWG HTML 9.2): bytes in as they come, blocks out as they end.
//!
//! One buffer holds what has not been handed out. `line` is where the line begins that is being read, `scanned` how
//! far it was searched for its end, so a long line that comes in small pieces is searched once. The data of the
//! pending block stays where it arrived and is handed out as a slice; only second and later data lines move, down
//! behind the first one. The bytes in between (names, comments, unknown fields) are waste: whenever there is as
//! much of it as of the rest, the rest moves to the front, so that a server cannot grow the buffer with comments
//! and the moving stays linear. When all has been read the buffer is given back: a silent stream costs nothing.
//!
//! ```text
//!  buffer   | waste | data of the pending block | waste | the unfinished line, searched . | not searched |
//!                                                       ^ line                            ^ scanned
//! ```

use std::fmt;

use memchr::{memchr, memchr2};

use super::Block;

/// Room that is not worth giving back, in bytes.
const SMALL: usize = 4096;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Reads one event stream.
#[derive(Debug)]
pub struct Reader {
    buffer: Vec<u8>,
    line: usize,
    scanned: usize,
    pending: Pending,
    /// The pending block has been handed out: it ends with the next call.
    handed_out: bool,
    /// The last line ended with CR: a LF that follows belongs to it.
    after_cr: bool,
    /// Nothing but a part of a byte-order mark has been seen.
    at_start: bool,
    /// Set for good when the bound was passed.
    overlong: bool,
    limit: usize,
}

/// A line or a block is longer than the reader's bound. The stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlong {
    /// The bound, in bytes.
    pub limit: usize,
}

/// The fields of the block that is being read.
#[derive(Debug, Default)]
struct Pending {
    id: Option<Vec<u8>>,
    event: Option<Vec<u8>>,
    retry: Option<Vec<u8>>,
    /// Start and end of the joined data lines in the buffer.
    data: Option<(usize, usize)>,
}

impl Reader {
    /// A reader that is bound to `limit` bytes: for each line, and for the values of a block together with the line
    /// that is being read. It holds a small multiple of what is pending, whatever comes in between.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: Vec::new(),
            line: 0,
            scanned: 0,
            pending: Pending::default(),
            handed_out: false,
            after_cr: false,
            at_start: true,
            overlong: false,
            limit,
        }
    }

    /// Takes the next bytes of the stream. Call [`Reader::next`] until it gives `None` before the next push.
    pub fn push(&mut self, chunk: &[u8]) {
        if self.overlong {
            return;
        }
        self.release();
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole block, or `None` when more bytes are needed.
    #[expect(clippy::should_implement_trait, reason = "a block borrows from the reader, an iterator's item cannot")]
    pub fn next(&mut self) -> Result<Option<Block<'_>>, Overlong> {
        self.release();
        match self.read_block() {
            Ok(true) => {
                self.handed_out = true;
                Ok(Some(self.pending.block(&self.buffer)))
            }
            Ok(false) => Ok(None),
            Err(overlong) => {
                self.give_up();
                Err(overlong)
            }
        }
    }

    /// Whether the stream may end here without loss: no block and no line is half read. The standard discards
    /// what is left over at the end of a stream, so there is nothing else to ask for.
    pub fn is_clean(&self) -> bool {
        !self.overlong && (self.handed_out || self.pending.is_empty()) && self.line == self.buffer.len()
    }

    /// Bytes of memory that this reader holds besides itself.
    pub fn held(&self) -> usize {
        self.buffer.capacity() + self.pending.capacity()
    }

    /// Reads lines until a block has ended (true) or the bytes have (false).
    fn read_block(&mut self) -> Result<bool, Overlong> {
        self.check_bound(0)?;
        if !self.pass_byte_order_mark() {
            return Ok(false);
        }
        while let Some((start, end)) = self.next_line() {
            self.check_bound(end - start)?;
            if start < end {
                self.take_line(start, end);
            } else if !self.pending.is_empty() {
                return Ok(true);
            }
        }
        self.check_bound(self.buffer.len() - self.line)?;
        self.release();
        Ok(false)
    }

    /// The same answer however the stream was cut: what refuses a part of a line refuses the whole line too.
    fn check_bound(&self, line: usize) -> Result<(), Overlong> {
        if self.overlong || self.pending.size() + line > self.limit {
            return Err(Overlong { limit: self.limit });
        }
        Ok(())
    }

    /// False while the first bytes may still become a byte-order mark.
    fn pass_byte_order_mark(&mut self) -> bool {
        if !self.at_start {
            return true;
        }
        if self.buffer.len() < BOM.len() && BOM.starts_with(&self.buffer) {
            return false;
        }
        if self.buffer.starts_with(BOM) {
            self.line = BOM.len();
            self.scanned = BOM.len();
        }
        self.at_start = false;
        true
    }

    /// The next whole line without its end. A CR ends it at once; the LF that may follow is swallowed when it comes.
    fn next_line(&mut self) -> Option<(usize, usize)> {
        if self.after_cr && self.line < self.buffer.len() {
            self.after_cr = false;
            if self.buffer[self.line] == b'\n' {
                self.line += 1;
                self.scanned = self.line;
            }
        }
        let Some(found) = memchr2(b'\r', b'\n', &self.buffer[self.scanned..]) else {
            self.scanned = self.buffer.len();
            return None;
        };
        let (start, end) = (self.line, self.scanned + found);
        self.after_cr = self.buffer[end] == b'\r';
        self.line = end + 1;
        self.scanned = self.line;
        Some((start, end))
    }

    /// Interprets a line that is not empty.
    fn take_line(&mut self, start: usize, end: usize) {
        let line = &self.buffer[start..end];
        let colon = memchr(b':', line).unwrap_or(line.len());
        let skip = match &line[colon..] {
            [b':', b' ', ..] => 2,
            [b':', ..] => 1,
            _ => 0,
        };
        let (name, value) = (&line[..colon], &line[colon + skip..]);
        match name {
            b"data" => self.take_data(start + colon + skip, end),
            b"id" if memchr(0, value).is_none() => self.pending.id = Some(value.to_vec()),
            b"event" => self.pending.event = Some(value.to_vec()),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.pending.retry = Some(value.to_vec());
            }
            // A comment (an empty name), a field that nobody knows, or a value that is to be ignored.
            _ => {}
        }
    }

    /// Adds a data line, the bytes from `start` to `end`, to the data of the block.
    fn take_data(&mut self, start: usize, end: usize) {
        let Some((_, joined)) = &mut self.pending.data else {
            self.pending.data = Some((start, end));
            return;
        };
        // The name of the field stood between the two, so there is room for the LF.
        self.buffer[*joined] = b'\n';
        self.buffer.copy_within(start..end, *joined + 1);
        *joined += 1 + end - start;
    }

    /// Ends a block that has been handed out, and gives room back.
    fn release(&mut self) {
        if self.handed_out {
            self.pending = Pending::default();
            self.handed_out = false;
        }
        let (from, to) = self.pending.data.unwrap_or((0, 0));
        let data = to - from;
        let keep = data + self.buffer.len() - self.line;
        let waste = self.buffer.len() - keep;
        if keep == 0 {
            self.buffer = Vec::new();
        } else if waste >= keep {
            self.buffer.copy_within(from..to, 0);
            self.buffer.copy_within(self.line.., data);
            self.buffer.truncate(keep);
            if self.buffer.capacity() > SMALL.max(4 * keep) {
                self.buffer.shrink_to(2 * keep);
            }
        } else {
            return;
        }
        self.pending.data = self.pending.data.map(|_| (0, data));
        self.scanned = data + self.scanned - self.line;
        self.line = data;
    }

    /// Lets go of everything, for good: what follows cannot be told apart any more.
    fn give_up(&mut self) {
        self.overlong = true;
        self.pending = Pending::default();
        self.buffer = Vec::new();
        (self.line, self.scanned) = (0, 0);
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.id.is_none() && self.event.is_none() && self.retry.is_none() && self.data.is_none()
    }

    fn size(&self) -> usize {
        let names = [&self.id, &self.event, &self.retry].into_iter().flatten().map(Vec::len).sum::<usize>();
        names + self.data.map_or(0, |(start, end)| end - start)
    }

    fn capacity(&self) -> usize {
        [&self.id, &self.event, &self.retry].into_iter().flatten().map(Vec::capacity).sum()
    }

    fn block<'a>(&'a self, buffer: &'a [u8]) -> Block<'a> {
        Block {
            id: self.id.as_deref(),
            event: self.event.as_deref(),
            retry: self.retry.as_deref(),
            data: self.data.map(|(start, end)| &buffer[start..end]),
        }
    }
}

impl fmt::Display for Overlong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a line or an event of the stream is longer than {} bytes", self.limit)
    }
}

impl std::error::Error for Overlong {}
