//! Changes in a passing text that keep every other byte.

use std::ops::Range;

use crate::protocol::json::{self, Span, Value};

/// `bytes` with what is at `span`, a place in them, replaced.
pub fn splice(bytes: &[u8], span: Span, replacement: &[u8]) -> Vec<u8> {
    let before = bytes.get(..span.start as usize).unwrap_or(bytes);
    let behind = bytes.get(span.end as usize..).unwrap_or_default();
    [before, replacement, behind].concat()
}

/// What to take out of an array in checked bytes, from left to right: those elements that `keep` does not keep, and their
/// commas. White space stays with the elements that stay.
pub fn removals(bytes: &[u8], array: Span, mut keep: impl FnMut(Value) -> bool) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    // The room of an element goes from the bracket or comma before it to the one behind it.
    let mut start = array.start as usize + 1;
    let mut one_stays = false;
    let mut elements = json::elements(bytes, array).peekable();
    while let Some(element) = elements.next() {
        let behind = element.span.end as usize;
        let end = match elements.peek() {
            Some(next) => behind + comma(&bytes[behind..next.span.start as usize]),
            None => array.end as usize - 1,
        };
        if keep(element) {
            one_stays = true;
        } else if one_stays {
            ranges.push(start - 1..end);
        } else {
            ranges.push(start..if elements.peek().is_some() { end + 1 } else { end });
        }
        start = end + 1;
    }
    ranges
}

/// `bytes` without some ranges, which are given from left to right.
pub fn without(bytes: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for range in ranges {
        out.extend_from_slice(&bytes[from..range.start]);
        from = range.end;
    }
    out.extend_from_slice(&bytes[from..]);
    out
}

/// `bytes` with what is at some places replaced, which are given from left to right.
pub fn respelt(bytes: &[u8], places: &[(Span, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + places.iter().map(|(_, text)| text.len()).sum::<usize>());
    let mut from = 0;
    for (span, text) in places {
        out.extend_from_slice(&bytes[from..span.start as usize]);
        out.extend_from_slice(text);
        from = span.end as usize;
    }
    out.extend_from_slice(&bytes[from..]);
    out
}

/// Between two elements of checked bytes there is one comma, and white space.
fn comma(gap: &[u8]) -> usize {
    gap.iter().position(|&byte| byte == b',').unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An array as text, its span, and its elements; with something before and behind it.
    fn arrays() -> impl Strategy<Value = (String, Span, Vec<(String, bool)>)> {
        let space = || prop::sample::select(vec!["", " ", "\n\t"]);
        let text = prop::sample::select(vec!["1", "\"a,b]\"", "{\"k\": [1, 2]}", "[ ]", "null", r#""\"""#]);
        let element = (space(), text, space(), any::<bool>());
        (space(), prop::collection::vec(element, 0..7)).prop_map(|(before, elements)| {
            let all: Vec<_> = elements.iter().map(|(left, text, right, _)| format!("{left}{text}{right}")).collect();
            let array = format!("[{}]", if all.is_empty() { before.to_owned() } else { all.join(",") });
            let span = Span { start: 6, end: 6 + array.len() as u32 };
            let elements = all.into_iter().zip(elements).map(|(cell, element)| (cell, element.3)).collect();
            (format!("{{\"a\": {array} , \"b\": [0]}}"), span, elements)
        })
    }

    proptest! {
        #[test]
        fn what_stays_stays_to_the_byte((text, span, elements) in arrays()) {
            let mut places = elements.iter();
            let ranges = removals(text.as_bytes(), span, |_| places.next().unwrap().1);
            let cut = (!ranges.is_empty()).then(|| without(text.as_bytes(), &ranges));
            prop_assert!(places.next().is_none());
            if elements.iter().all(|(_, keep)| *keep) {
                prop_assert_eq!(cut, None);
            } else {
                let kept: Vec<_> = elements.iter().filter(|(_, keep)| *keep).map(|(cell, _)| cell.as_str()).collect();
                let expected = splice(text.as_bytes(), span, format!("[{}]", kept.join(",")).as_bytes());
                prop_assert_eq!(String::from_utf8(cut.unwrap()), String::from_utf8(expected));
            }
        }
    }

    #[test]
    fn a_span_is_replaced_and_nothing_else() {
        assert_eq!(splice(b"0123456", Span { start: 2, end: 5 }, b"xy"), b"01xy56");
        assert_eq!(splice(b"0123456", Span { start: 7, end: 7 }, b"!"), b"0123456!");
    }
}
