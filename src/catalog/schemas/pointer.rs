//! JSON pointers in references: where they lead, and what they are once every subschema has its meter.

use super::outline::{LIST, NAMED, NAMES, ONE};

/// A reference as it is to be where what a subschema asks for stands in the second branch of it; `None` where it does
/// not lead from subschema to subschema by keywords that hold such.
pub(super) fn respelt(reference: &str) -> Option<String> {
    let Some((address, pointer)) = reference.split_once('#').filter(|(_, fragment)| fragment.starts_with('/')) else {
        return Some(reference.to_owned());
    };
    let mut respelt = format!("{address}#");
    let mut segments = pointer.split('/').skip(1).peekable();
    while let Some(keyword) = segments.next() {
        let plain = decoded(keyword)?;
        let plain = plain.as_str();
        if !NAMES.contains(&plain) {
            respelt.push_str("/allOf/1");
        }
        respelt.push('/');
        respelt.push_str(keyword);
        let is_number = |segment: &&str| !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
        let inside = if ONE.contains(&plain) {
            // A list of earlier drafts, or a subschema.
            segments.next_if(is_number)
        } else if LIST.contains(&plain) {
            Some(segments.next().filter(is_number)?)
        } else if NAMED.contains(&plain) {
            Some(segments.next()?)
        } else {
            return None;
        };
        if let Some(segment) = inside {
            respelt.push('/');
            respelt.push_str(segment);
        }
    }
    Some(respelt)
}

/// A fragment without its percent-encoding; `None` where that is no text.
pub(super) fn decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_through_subschemas_alone() {
        for (reference, expected) in [
            ("#", "#"),
            ("a.json#b", "a.json#b"),
            ("#/$defs/a", "#/$defs/a"),
            ("x#/%24defs/a~1b/items", "x#/%24defs/a~1b/allOf/1/items"),
            ("#/properties/enum/allOf/3/not", "#/allOf/1/properties/enum/allOf/1/allOf/3/allOf/1/not"),
            ("#/items/0/contains", "#/allOf/1/items/0/allOf/1/contains"),
        ] {
            assert_eq!(respelt(reference).as_deref(), Some(expected), "{reference}");
        }
        for reference in
            ["#/", "#/enum/0", "#/allOf", "#/allOf/x", "#/properties", "#/const", "#/$id", "#/%zz/a", "#/x/y"]
        {
            assert_eq!(respelt(reference), None, "{reference}");
        }
    }
}
