//! The head guard: it never panics, says the same however the bytes are split, and what it passes httparse reads.

use weir::net::guard::{Head, HeadGuard, HeadLimits, Phase, Refused};

/// Checks one connection; its first byte says how long the reads are.
pub(crate) fn check(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else { return };
    let whole = inspect(bytes.chunks(bytes.len().max(1)));
    let parts = inspect(bytes.chunks((*size).max(1).into()));
    let single = inspect(bytes.chunks(1));
    assert_eq!(whole, parts, "reads of {size} bytes");
    assert_eq!(whole, single, "reads of one byte");

    let raw = raw_heads(bytes);
    assert_eq!(raw.len(), single.heads.len());
    for (raw, head) in raw.iter().zip(&single.heads) {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut fields);
        assert_eq!(request.parse(raw), Ok(httparse::Status::Complete(raw.len())));
        assert_eq!(request.method.map(str::as_bytes), Some(head.method()));
        assert_eq!(request.headers.len(), head.headers);
    }
}

/// What must not depend on the reads.
#[derive(Debug, PartialEq)]
struct Verdict {
    heads: Vec<Head>,
    refused: Option<(u16, &'static str)>,
    phase: Phase,
}

fn inspect<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Verdict {
    let mut guard = HeadGuard::new(HeadLimits::default());
    let refused = reads.into_iter().find_map(|read| {
        let Refused { status, why, good } = guard.inspect(read).err()?;
        assert!(good < read.len(), "the byte that was refused is not good");
        Some((status, why))
    });
    let phase = guard.phase();
    let heads = std::iter::from_fn(|| guard.take_head()).collect();
    Verdict { heads, refused, phase }
}

/// The bytes of each complete head, with an empty line before it.
fn raw_heads(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut guard = HeadGuard::new(HeadLimits::default());
    let (mut heads, mut head) = (Vec::new(), Vec::new());
    for byte in bytes {
        let in_body = guard.phase() == Phase::Body;
        if guard.inspect(&[*byte]).is_err() {
            break;
        }
        if !in_body {
            head.push(*byte);
        }
        // An empty line before a request line, and the CR of another one, leave the guard between two requests as well.
        let has_begun = head.iter().any(|byte| !b"\r\n".contains(byte));
        if has_begun && guard.phase() != Phase::Head {
            heads.push(std::mem::take(&mut head));
        }
    }
    heads
}
