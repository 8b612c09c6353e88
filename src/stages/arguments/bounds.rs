//! Bounds of messages by method and name, measured over their parameters in one pass.

use crate::config::Bound;
use crate::model::{Reason, Refusal};
use crate::protocol::message::Message;

/// What a message comes to.
struct Measure {
    depth: usize,
    values: usize,
}

pub(super) fn hold(bounds: &[Bound], message: &Message, bytes: &[u8], size: usize) -> Result<(), Refusal> {
    let method = message.method.and_then(|method| method.text(bytes));
    let name = message.fields.name.or(message.fields.uri).and_then(|name| name.text(bytes));
    let mut measured = None;
    for bound in bounds {
        let of_method = bound.methods.is_empty()
            || method.as_deref().is_some_and(|it| bound.methods.iter().any(|method| method == it));
        let of_name =
            bound.tools.is_empty() || name.as_deref().is_some_and(|it| bound.tools.iter().any(|glob| glob.matches(it)));
        if !of_method || !of_name {
            continue;
        }
        if let Some(most) = bound.body.filter(|most| size > *most) {
            let message =
                format!("the message has {size} bytes; this route's `bounds` allow {most} for its method and name");
            return Err(Refusal::new(Reason::TooLarge, message));
        }
        if bound.depth.is_none() && bound.values.is_none() {
            continue;
        }
        let params = message.params.map_or(&b""[..], |params| params.raw(bytes));
        let Measure { depth, values } = measured.get_or_insert_with(|| measure(params));
        for (what, found, most) in
            [("levels", *depth, bound.depth), ("values in its parameters", *values, bound.values)]
        {
            if let Some(most) = most.filter(|most| found > *most) {
                let message = format!(
                    "the message has {found} {what}; this route's `bounds` allow {most} for its method and name"
                );
                return Err(Refusal::new(Reason::InvalidParams, message));
            }
        }
    }
    Ok(())
}

/// `json` has passed the strict reader. The envelope counts as a level.
fn measure(json: &[u8]) -> Measure {
    let (mut depth, mut deepest, mut values) = (1usize, 1, 0);
    // Whether the next thing begins a value, and not a key: a key is a text in front of a colon.
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => {
                at = behind_text(json, at);
                let rest = json.get(at..).unwrap_or_default();
                let next = rest.iter().find(|byte| !byte.is_ascii_whitespace());
                values += usize::from(next != Some(&b':'));
            }
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
                values += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => {
                values += 1;
                let rest = json.get(at..).unwrap_or_default();
                let more = |byte: &u8| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                at += rest.iter().position(|byte| !more(byte)).unwrap_or(rest.len());
            }
        }
    }
    Measure { depth: deepest, values }
}

fn behind_text(json: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => return at,
            b'\\' => at += 1,
            _ => {}
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_values_are_counted() {
        for (json, depth, values) in [
            ("", 1, 0),
            ("{}", 2, 1),
            (r#"{"a" : "b","c":[1, -2.5e3,true ,null,{"d":""}]}"#, 4, 9),
            (r#"{"a\"{[":"}]\\","b":false}"#, 2, 3),
        ] {
            let measure = measure(json.as_bytes());
            assert_eq!((measure.depth, measure.values), (depth, values), "{json}");
        }
    }
}
