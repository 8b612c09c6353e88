//! A message as one line, some of its values replaced.

use memchr::memchr2;

use crate::protocol::json::Span;

/// Appends the message at `message` of `bytes` to `out` as one line, its end not included. `edits` are values with what
/// stands in their place, in the order of the text; everything else stays as it is, to the byte, save line ends between
/// its tokens: a message on a line has none (in JSON they are white space, since no string holds one unescaped), so
/// they become spaces.
pub fn line(bytes: &[u8], message: Span, edits: &[(Span, &[u8])], out: &mut Vec<u8>) {
    let more: usize = edits.iter().map(|(_, value)| value.len()).sum();
    out.reserve((message.end - message.start) as usize + more + 1);
    let mut from = message.start;
    for (span, value) in edits {
        flatten(Span { start: from, end: span.start }.of(bytes), out);
        out.extend_from_slice(value);
        from = span.end;
    }
    flatten(Span { start: from, end: message.end }.of(bytes), out);
}

fn flatten(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(end) = memchr2(b'\n', b'\r', text) {
        out.extend_from_slice(&text[..end]);
        out.push(b' ');
        text = &text[end + 1..];
    }
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, part: &str) -> Span {
        let start = text.find(part).unwrap();
        Span::new(start, start + part.len())
    }

    fn one(text: &str, edits: &[(Span, &[u8])]) -> String {
        let mut out = Vec::new();
        line(text.as_bytes(), at(text, text), edits, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_replaced_and_all_else_stays() {
        let text = r#"{"jsonrpc":"2.0","id":"a","params":{"_meta":{"progressToken":7}},"x":1e400}"#;
        let edits = [(at(text, "\"a\""), &b"12"[..]), (at(text, "7"), b"\"long one\"")];
        assert_eq!(one(text, &edits), text.replace("\"a\"", "12").replace('7', "\"long one\""));
        assert_eq!(one("{}", &[]), "{}");
    }

    #[test]
    fn a_message_of_many_lines_becomes_one() {
        let text = "{\r\n  \"id\": 1,\n  \"text\": \"a\\nb\"\n}";
        assert_eq!(one(text, &[(at(text, "1"), b"2")]), "{    \"id\": 2,   \"text\": \"a\\nb\" }");
    }

    #[test]
    fn one_message_of_a_batch_is_a_line_of_its_own() {
        let text = r#"[{"id":1},{"id":2}]"#;
        let mut out = b"before\n".to_vec();
        line(text.as_bytes(), at(text, r#"{"id":2}"#), &[(at(text, "2"), b"34")], &mut out);
        assert_eq!(out, b"before\n{\"id\":34}");
    }
}
