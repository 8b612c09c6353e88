//! Distinguished names as text (RFC 4514), so that no two different ones give one.

use std::fmt::Write as _;

use x509_parser::der_parser::asn1_rs::{Any, FromDer, Oid, Tag};
use x509_parser::x509::X509Name;

/// Attributes that have a short name (RFC 4514, 3), by their object identifier.
const SHORT: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// The text of a name in DER: the last part first; `None` if it cannot be read.
pub(super) fn text(der: &[u8]) -> Option<String> {
    let (_, name) = X509Name::from_der(der).ok()?;
    let mut out = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for part in parts.iter().rev() {
        if !out.is_empty() {
            out.push(',');
        }
        for (at, attribute) in part.iter().enumerate() {
            if at > 0 {
                out.push('+');
            }
            write(&mut out, attribute.attr_type(), attribute.attr_value());
        }
    }
    Some(out)
}

fn write(out: &mut String, kind: &Oid<'_>, value: &Any<'_>) {
    let kind = kind.to_id_string();
    let short = SHORT.iter().find(|(id, _)| *id == kind).map(|(_, short)| *short);
    let text = match value.tag() {
        Tag::Utf8String => std::str::from_utf8(value.data).ok(),
        Tag::PrintableString | Tag::Ia5String => std::str::from_utf8(value.data).ok().filter(|text| text.is_ascii()),
        _ => None,
    };
    out.push_str(short.unwrap_or(&kind));
    out.push('=');
    match text.filter(|_| short.is_some()) {
        Some(text) => escaped(out, text),
        None => {
            // Everything else as its DER (2.4): tag, length, and what is in it.
            let length: Vec<u8> = value.data.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            out.push('#');
            let mut hex = |byte: u8| _ = write!(out, "{byte:02x}");
            let constructed = u8::from(value.header.is_constructed()) << 5;
            hex(u8::try_from(value.tag().0).unwrap_or(u8::MAX) | constructed);
            match length[..] {
                [] => hex(0),
                [short @ ..=0x7f] => hex(short),
                _ => {
                    hex(0x80 | length.len() as u8);
                    length.iter().copied().for_each(&mut hex);
                }
            }
            value.data.iter().copied().for_each(&mut hex);
        }
    }
}

/// RFC 4514, 2.4: what is special, and control characters, as hexadecimal pairs. So a comma or an equals sign that stands in
/// the text is always one between two parts.
fn escaped(out: &mut String, text: &str) {
    let last = text.chars().count().saturating_sub(1);
    for (at, character) in text.chars().enumerate() {
        let special = match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => true,
            ' ' => at == 0 || at == last,
            '#' => at == 0,
            _ => character.is_control(),
        };
        if !special {
            out.push(character);
            continue;
        }
        let mut bytes = [0; 4];
        for byte in character.encode_utf8(&mut bytes).bytes() {
            _ = write!(out, "\\{byte:02x}");
        }
    }
}
