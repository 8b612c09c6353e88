//! Writes blocks of an event stream: our framing, the server's values.

use memchr::memchr2;

use super::Block;

/// A comment that keeps a silent stream open.
pub const COMMENT: &[u8] = b":\n\n";

/// Appends `block` to `out`: `id`, `event`, `retry`, then the data, and the blank line that ends it.
///
/// Values are kept to the byte. Data is cut into lines at LF, as the reader joined them; a CR in it (a reader gives
/// none, a JSON text of other origin may have one between its tokens) ends a line too, for no client reads it
/// otherwise. `id`, `event` and `retry` end at their first line end: what follows would become a field of its own.
pub fn write_block(out: &mut Vec<u8>, block: &Block<'_>) {
    let size = |field: Option<&[u8]>| field.map_or(0, |value| value.len() + "event: \n".len());
    out.reserve(size(block.id) + size(block.event) + size(block.retry) + size(block.data) + 1);
    for (name, value) in [("id: ", block.id), ("event: ", block.event), ("retry: ", block.retry)] {
        let Some(value) = value else { continue };
        let (line, _) = split_line(value);
        write_line(out, name, line);
    }
    let mut rest = block.data;
    while let Some(data) = rest {
        let (line, after) = split_line(data);
        write_line(out, "data: ", line);
        rest = after;
    }
    out.push(b'\n');
}

fn write_line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// The first line, and what follows its end, if it has one.
fn split_line(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some(end) = memchr2(b'\r', b'\n', text) else { return (text, None) };
    let after = match &text[end..] {
        [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
        [] => &[],
    };
    (&text[..end], Some(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(block: Block<'_>) -> String {
        let mut out = Vec::new();
        write_block(&mut out, &block);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_come_in_one_order() {
        let all = Block { id: Some(b"7"), event: Some(b"message"), retry: Some(b"300"), data: Some(b"{}") };
        assert_eq!(written(all), "id: 7\nevent: message\nretry: 300\ndata: {}\n\n");
        let priming = Block { id: Some(b"a/1"), data: Some(b""), ..Block::default() };
        assert_eq!(written(priming), "id: a/1\ndata: \n\n");
    }

    #[test]
    fn data_is_cut_at_every_line_end() {
        let data = |data| written(Block { data: Some(data), ..Block::default() });
        assert_eq!(data(b"a\nb"), "data: a\ndata: b\n\n");
        assert_eq!(data(b"\n"), "data: \ndata: \n\n");
        assert_eq!(data(b"{\r\n}\r"), "data: {\ndata: }\ndata: \n\n");
    }

    #[test]
    fn no_value_can_start_a_field_of_its_own() {
        let hostile = Block { id: Some(b"1\ndata: x"), event: Some(b"e\rdata: y"), ..Block::default() };
        assert_eq!(written(hostile), "id: 1\nevent: e\n\n");
    }
}
