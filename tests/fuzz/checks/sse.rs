//! What must hold of event streams, whatever bytes come. The model is slow and follows the standard's text.

use weir::protocol::sse::{Block, Reader, write_block};

/// A bound that no input of a fuzzer reaches.
const WIDE: usize = 1 << 24;

/// Runs every check. Panics where one fails.
pub(crate) fn check(data: &[u8]) {
    let (expected, clean) = model(data);
    for size in [1, 2, 3, 7, 64, 1 + data.len() / 2, data.len() + 1] {
        let mut reader = Reader::new(WIDE);
        let blocks = read(&mut reader, data.chunks(size)).expect("the bound is wide");
        assert_eq!(blocks, expected, "in chunks of {size}");
        // The first bytes of a byte-order mark may still become text.
        let undecided = !data.is_empty() && data.len() < 3 && b"\xEF\xBB\xBF".starts_with(data);
        assert_eq!(reader.is_clean(), clean && !undecided, "in chunks of {size}");
        assert!(!reader.is_clean() || reader.held() == 0, "a clean reader holds {} bytes", reader.held());
    }
    what_is_read_is_written_back(&expected);
    the_bound_is_the_same_for_every_cut(data);
    memory_is_bounded_by_what_is_pending(data);
}

fn what_is_read_is_written_back(blocks: &[Owned]) {
    let mut stream = Vec::new();
    for block in blocks {
        write_block(&mut stream, &block.lend());
    }
    let again = read(&mut Reader::new(WIDE), [stream.as_slice()]).expect("the bound is wide");
    assert_eq!(again, blocks);
}

fn the_bound_is_the_same_for_every_cut(data: &[u8]) {
    for limit in [0, 1, 9, 40] {
        let outcome = |size: usize| {
            let (mut reader, mut seen) = (Reader::new(limit), Vec::new());
            for chunk in data.chunks(size) {
                reader.push(chunk);
                loop {
                    match reader.next() {
                        Ok(Some(block)) => seen.push(Owned::of(block)),
                        Ok(None) => break,
                        Err(_) => return (seen, false),
                    }
                }
            }
            (seen, true)
        };
        let whole = outcome(data.len() + 1);
        assert!(whole.0.iter().all(|block| block.size() <= limit), "a block beyond {limit} bytes");
        for size in [1, 3, 16] {
            assert_eq!(outcome(size), whole, "limit {limit}, in chunks of {size}");
        }
    }
}

fn memory_is_bounded_by_what_is_pending(data: &[u8]) {
    let (limit, chunk) = (64, 16);
    let mut reader = Reader::new(limit);
    for chunk in data.chunks(chunk) {
        reader.push(chunk);
        while let Ok(Some(_)) = reader.next() {}
        assert!(reader.held() <= 4096 + 8 * limit, "{} bytes held", reader.held());
    }
}

fn read<'a>(reader: &mut Reader, chunks: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<Owned>> {
    let mut blocks = Vec::new();
    for chunk in chunks {
        reader.push(chunk);
        while let Some(block) = reader.next().ok()? {
            blocks.push(Owned::of(block));
        }
    }
    Some(blocks)
}

/// The stream by "Parsing an event stream" and "Interpreting an event stream" (WHATWG HTML 9.2), over all of it at
/// once: the blocks that have a field, and whether nothing is left over.
fn model(stream: &[u8]) -> (Vec<Owned>, bool) {
    let mut rest = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let (mut blocks, mut block) = (Vec::new(), Owned::default());
    while let Some(end) = rest.iter().position(|&byte| byte == b'\r' || byte == b'\n') {
        let line = &rest[..end];
        rest = rest[end..].strip_prefix(b"\r\n").unwrap_or(&rest[end + 1..]);
        if line.is_empty() {
            if block != Owned::default() {
                blocks.push(std::mem::take(&mut block));
            }
        } else {
            block.take(line);
        }
    }
    (blocks, rest.is_empty() && block == Owned::default())
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Owned {
    id: Option<Vec<u8>>,
    event: Option<Vec<u8>>,
    retry: Option<Vec<u8>>,
    data: Option<Vec<u8>>,
}

impl Owned {
    fn of(block: Block<'_>) -> Self {
        let own = |field: Option<&[u8]>| field.map(<[u8]>::to_vec);
        Self { id: own(block.id), event: own(block.event), retry: own(block.retry), data: own(block.data) }
    }

    fn lend(&self) -> Block<'_> {
        let lend = Option::as_deref;
        Block { id: lend(&self.id), event: lend(&self.event), retry: lend(&self.retry), data: lend(&self.data) }
    }

    fn size(&self) -> usize {
        [&self.id, &self.event, &self.retry, &self.data].into_iter().flatten().map(Vec::len).sum()
    }

    fn take(&mut self, line: &[u8]) {
        let mut halves = line.splitn(2, |&byte| byte == b':');
        let name = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"event" => self.event = Some(value.to_vec()),
            b"id" if !value.contains(&0) => self.id = Some(value.to_vec()),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => self.retry = Some(value.to_vec()),
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            },
            _ => {}
        }
    }
}
