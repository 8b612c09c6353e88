//! The reader held against a slow model that follows the standard's text, and the writer against the reader.

use proptest::prelude::*;

use super::{Block, Overlong, Reader, write_block};

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
        Block {
            id: self.id.as_deref(),
            event: self.event.as_deref(),
            retry: self.retry.as_deref(),
            data: self.data.as_deref(),
        }
    }
}

/// "Parsing an event stream" and "Interpreting an event stream", step by step, over the whole stream at once.
fn model(stream: &[u8]) -> (Vec<Owned>, bool) {
    let mut rest = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let (mut blocks, mut block) = (Vec::new(), Owned::default());
    let mut data: Option<Vec<u8>> = None;
    while let Some(end) = rest.iter().position(|&b| b == b'\r' || b == b'\n') {
        let line = &rest[..end];
        rest = if rest[end..].starts_with(b"\r\n") { &rest[end + 2..] } else { &rest[end + 1..] };
        if line.is_empty() {
            block.data = data.take().map(|mut joined| {
                assert_eq!(joined.pop(), Some(b'\n'), "the data buffer ends with the LF of its last line");
                joined
            });
            if block != Owned::default() {
                blocks.push(std::mem::take(&mut block));
            }
            continue;
        }
        let (name, value) = match line.iter().position(|&b| b == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        match name {
            b"event" => block.event = Some(value),
            b"data" => {
                let data = data.get_or_insert_default();
                data.extend(value);
                data.push(b'\n');
            }
            b"id" if !value.contains(&0) => block.id = Some(value),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => block.retry = Some(value),
            _ => {}
        }
    }
    (blocks, rest.is_empty() && block == Owned::default() && data.is_none())
}

fn read(reader: &mut Reader, chunks: &[&[u8]]) -> Result<Vec<Owned>, Overlong> {
    let mut blocks = Vec::new();
    for chunk in chunks {
        reader.push(chunk);
        while let Some(block) = reader.next()? {
            blocks.push(Owned::of(block));
        }
    }
    Ok(blocks)
}

fn blocks(stream: &[u8]) -> Vec<Owned> {
    read(&mut Reader::new(1 << 20), &[stream]).unwrap()
}

fn cut(stream: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let (mut rest, mut chunks) = (stream, Vec::new());
    for &size in sizes.iter().cycle().take(if sizes.is_empty() { 0 } else { stream.len() }) {
        let (chunk, after) = rest.split_at(size.clamp(1, rest.len().max(1)).min(rest.len()));
        chunks.push(chunk.to_vec());
        rest = after;
    }
    chunks.push(rest.to_vec());
    chunks
}

/// Streams made of the pieces where readers go wrong.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec![
            "data", "data:", "data: ", "data:  ", "data: {\"a\":1}", "id", "id:", "id: 7", "id: a\0b", "event:", "event: message",
            "event: x", "retry: 10", "retry: 1x", "retry", ":", ": ping", "foo: bar", " data: x", "DATA: x", "data : x",
            "\u{feff}", "\u{feff}data: x", "é世",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        8 => prop::sample::select(vec!["\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n", "\n\r"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn blocks_to_write() -> impl Strategy<Value = Owned> {
    let line = || prop::collection::vec(any::<u8>().prop_filter("a line", |b| ![0, b'\r', b'\n'].contains(b)), 0..12);
    let data = prop::collection::vec(any::<u8>().prop_filter("no CR", |b| *b != b'\r'), 0..30);
    let retry = "[0-9]{1,9}".prop_map(String::into_bytes);
    let field = prop::option::of(line());
    (field, prop::option::of(line()), prop::option::of(retry), prop::option::of(data))
        .prop_map(|(id, event, retry, data)| Owned { id, event, retry, data })
        .prop_filter("a block has a field", |block| *block != Owned::default())
}

proptest! {
    #[test]
    fn any_cut_of_any_stream_reads_as_the_standard_says(stream in streams(), sizes in prop::collection::vec(1usize..9, 0..6)) {
        let (expected, clean) = model(&stream);
        let chunks = cut(&stream, &sizes);
        let chunks: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(chunks.concat(), stream.clone());
        let mut reader = Reader::new(1 << 20);
        prop_assert_eq!(read(&mut reader, &chunks).unwrap(), expected);
        // A LF that belongs to a CR leaves nothing behind; a lone byte-order mark might still become text.
        let bom_alone = b"\xEF\xBB\xBF".starts_with(&stream) && stream.len() < 3;
        prop_assert_eq!(reader.is_clean(), clean && (!bom_alone || stream.is_empty()));
        if reader.is_clean() {
            prop_assert_eq!(reader.held(), 0);
        }
    }

    #[test]
    fn what_is_written_is_read_back(written in prop::collection::vec(blocks_to_write(), 0..6)) {
        let mut stream = Vec::new();
        for block in &written {
            write_block(&mut stream, &block.lend());
        }
        prop_assert_eq!(blocks(&stream), written);
    }

    #[test]
    fn the_bound_does_not_depend_on_the_cut(stream in streams(), sizes in prop::collection::vec(1usize..9, 1..6), limit in 0usize..20) {
        let chunks = cut(&stream, &sizes);
        let count = |chunks: &[&[u8]]| {
            let (mut reader, mut seen) = (Reader::new(limit), 0);
            for chunk in chunks {
                reader.push(chunk);
                loop {
                    match reader.next() {
                        Ok(Some(_)) => seen += 1,
                        Ok(None) => break,
                        Err(_) => return (seen, false),
                    }
                }
            }
            (seen, true)
        };
        prop_assert_eq!(count(&chunks.iter().map(Vec::as_slice).collect::<Vec<_>>()), count(&[&stream]));
    }
}

#[test]
fn a_carriage_return_at_the_end_of_a_read_ends_the_line_at_once() {
    let mut reader = Reader::new(100);
    assert_eq!(read(&mut reader, &[b"data: x\r\r"]).unwrap().len(), 1);
    assert_eq!(read(&mut reader, &[b"\ndata: y\r\n\r"]).unwrap().len(), 1);
    assert!(read(&mut reader, &[b"\n"]).unwrap().is_empty());
    assert!(reader.is_clean());
}

#[test]
fn an_unfinished_block_is_not_given_out_and_shows() {
    let mut reader = Reader::new(100);
    assert!(read(&mut reader, &[b"data: x\n"]).unwrap().is_empty());
    assert!(!reader.is_clean());
    assert_eq!(read(&mut reader, &[b"\n"]).unwrap().len(), 1);
    assert!(reader.is_clean());
    assert!(read(&mut reader, &[b": half a comm"]).unwrap().is_empty());
    assert!(!reader.is_clean());
}

#[test]
fn priming_comes_out_and_comments_do_not() {
    let text = |stream: &[u8]| blocks(stream).iter().map(|b| b.lend().is_message()).collect::<Vec<_>>();
    assert_eq!(text(b"id: 1\ndata:\n\nretry: 3000\n\n: ping\n\n\n\nfoo: 1\n\ndata: {}\n\n"), [false, false, true]);
}

#[test]
fn a_large_event_in_single_bytes_is_one_event() {
    let data = vec![b'x'; 3 << 20];
    let mut stream = b"id: 9\ndata: ".to_vec();
    stream.extend_from_slice(&data);
    stream.extend_from_slice(b"\n\n");
    let chunks: Vec<&[u8]> = stream.chunks(1).collect();
    let mut reader = Reader::new(4 << 20);
    let read = read(&mut reader, &chunks).unwrap();
    assert_eq!(read, [Owned { id: Some(b"9".to_vec()), data: Some(data), ..Owned::default() }]);
    assert_eq!(reader.held(), 0);
}

#[test]
fn the_bound_holds_for_lines_and_for_blocks() {
    let over = |stream: &[u8]| read(&mut Reader::new(10), &[stream]).is_err();
    assert!(!over(b"data: 4567\n\n"));
    assert!(over(b"data: 45678\n\n"));
    assert!(over(b"data: 45678"));
    assert!(over(b": a comment that is too long"));
    assert!(over(b"data:12345\ndata:6\n\n"));
    assert!(!over(b"data:1\n\ndata:2\n\ndata:3\n\ndata:4\n\ndata:5\n\ndata:6\n\n"));
}

#[test]
fn after_the_bound_nothing_is_read_any_more() {
    let mut reader = Reader::new(10);
    assert!(read(&mut reader, &[b"data: much too long\n\ndata: x\n\n"]).is_err());
    assert!(read(&mut reader, &[b"\n\ndata: x\n\n"]).is_err());
    assert!(!reader.is_clean());
    assert_eq!(reader.held(), 0);
}

#[test]
fn comments_inside_a_block_cost_no_memory() {
    let mut reader = Reader::new(1 << 20);
    reader.push(b"data: kept\n");
    for _ in 0..20_000 {
        reader.push(b": a comment of some length, again and again\nunknown: field\nid: 1\n");
        assert_eq!(reader.next(), Ok(None));
        assert!(reader.held() < 4096, "{}", reader.held());
    }
    reader.push(b"data: too\n\n");
    assert_eq!(reader.next().unwrap().unwrap().data, Some(&b"kept\ntoo"[..]));
}

#[test]
fn room_is_given_back_behind_a_large_event() {
    let mut reader = Reader::new(4 << 20);
    let large = [b"data: ".as_slice(), &vec![b'x'; 2 << 20], b"\n\ndata: half"].concat();
    assert_eq!(read(&mut reader, &[&large]).unwrap().len(), 1);
    assert!(!reader.is_clean());
    assert!(reader.held() <= 4096, "{}", reader.held());
    assert_eq!(read(&mut reader, &[b" a line\n\n"]).unwrap()[0].data.as_deref(), Some(&b"half a line"[..]));
    assert_eq!(reader.held(), 0);
}
