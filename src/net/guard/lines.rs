//! The lines of a head or a trailer section, across reads.

use bytes::{Buf, Bytes};

use super::{classes, refused::Fault};

/// Finds lines that end in CR LF. What came of an unfinished line is kept, at most as much as the bound.
///
/// Control bytes are refused in the read that brings them, finished line or not.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// What has come of an unfinished line.
    kept: Vec<u8>,
    /// Bytes of this head so far.
    used: usize,
}

impl Lines {
    /// The next line without its end, taken off `input`; none if all of `input` has been kept for it. `bound` is for all
    /// lines until `release`. A line that came in one read is a slice of it.
    #[inline]
    pub(super) fn next(&mut self, input: &mut Bytes, bound: usize) -> Result<Option<Bytes>, Fault> {
        let window = &input[..input.len().min(bound - self.used)];
        let Some(end) = line_end(window, self.kept.last() == Some(&b'\r'))? else {
            if window.len() < input.len() {
                return Err(Fault::large("a head or trailers of too many bytes"));
            }
            self.kept.extend_from_slice(window);
            self.used += window.len();
            input.clear();
            return Ok(None);
        };
        self.used += end;
        let mut line = if self.kept.is_empty() { input.split_to(end) } else { self.finish(input, end) };
        line.truncate(line.len() - 2);
        Ok(Some(line))
    }

    /// What came of an unfinished line.
    pub(super) fn unfinished(&self) -> &[u8] {
        &self.kept
    }

    /// Ends the head: the count begins anew, and what was kept goes back to the allocator.
    pub(super) fn release(&mut self) {
        *self = Self::default();
    }

    #[cold]
    fn finish(&mut self, input: &mut Bytes, end: usize) -> Bytes {
        self.kept.extend_from_slice(&input[..end]);
        input.advance(end);
        std::mem::take(&mut self.kept).into()
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
    let Some(at) = classes::find_control(window) else { return Ok(None) };
    match (window[at], window.get(at + 1)) {
        (b'\r', Some(b'\n')) => Ok(Some(at + 2)),
        (b'\r', None) => Ok(None),
        (b'\r', Some(_)) => Err(BARE_CR),
        (b'\n', _) => Err(Fault::bad("an LF without its CR")),
        _ => Err(Fault::bad("a control byte in a head or trailers")),
    }
}
