//! The lines of a head or a trailer section, across reads.

use super::{bytes, refused::Fault};

/// Finds lines that end in CR LF. What came of an unfinished line is kept, at most as much as the bound.
///
/// Control bytes are refused in the read that brings them, finished line or not: hyper takes a bare LF
/// for the end of a line, so none may ever be handed on.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// An unfinished line, or a finished one that was given out (`spent`).
    kept: Vec<u8>,
    spent: bool,
    /// Bytes of this head so far.
    used: usize,
}

impl Lines {
    /// The next line without its end, and how many of `bytes` it took; none if `bytes` have been kept
    /// for it. `bound` is for all lines until `release`.
    #[inline]
    pub(super) fn next<'a>(&'a mut self, bytes: &'a [u8], bound: usize) -> Result<Option<(&'a [u8], usize)>, Fault> {
        if self.spent {
            self.kept.clear();
            self.spent = false;
        }
        let window = &bytes[..bytes.len().min(bound - self.used)];
        let Some(end) = line_end(window, self.kept.last() == Some(&b'\r'))? else {
            if window.len() < bytes.len() {
                return Err(Fault::large("a head or trailers of too many bytes"));
            }
            self.kept.extend_from_slice(window);
            self.used += window.len();
            return Ok(None);
        };
        self.used += end;
        if self.kept.is_empty() {
            return Ok(Some((&window[..end - 2], end)));
        }
        self.kept.extend_from_slice(&window[..end]);
        self.spent = true;
        Ok(Some((&self.kept[..self.kept.len() - 2], end)))
    }

    /// What came of an unfinished line.
    pub(super) fn unfinished(&self) -> &[u8] {
        if self.spent { &[] } else { &self.kept }
    }

    /// True before the first byte.
    pub(super) fn is_untouched(&self) -> bool {
        self.used == 0
    }

    /// Ends the head: the count begins anew, and what was kept goes back to the allocator.
    pub(super) fn release(&mut self) {
        *self = Self::default();
    }
}

/// Behind the LF that ends the line; `after_cr` if the CR came in an earlier read.
#[inline]
fn line_end(window: &[u8], after_cr: bool) -> Result<Option<usize>, Fault> {
    const BARE_CR: Fault = Fault::bad("a CR without its LF");
    if after_cr {
        return match window.first() {
            Some(b'\n') => Ok(Some(1)),
            Some(_) => Err(BARE_CR),
            None => Ok(None),
        };
    }
    let Some(at) = bytes::find_control(window) else { return Ok(None) };
    match (window[at], window.get(at + 1)) {
        (b'\r', Some(b'\n')) => Ok(Some(at + 2)),
        (b'\r', None) => Ok(None),
        (b'\r', Some(_)) => Err(BARE_CR),
        (b'\n', _) => Err(Fault::bad("an LF without its CR")),
        _ => Err(Fault::bad("a control byte in a head or trailers")),
    }
}
