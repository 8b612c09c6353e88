//! The framing headers, alone and both at once.

use super::{
    Reads::{Both, OnlyFirst, Refused, Told, Waits},
    Table,
};

/// Values of `Transfer-Encoding` that are none for us.
const CODINGS: &[&str] = &[
    "xchunked",
    "chunkedx",
    "chunke",
    "chunked, chunked",
    "chunked,chunked",
    "chunked,",
    ",chunked",
    "chunked;q=1",
    "chunked;",
    "identity",
    "identity, chunked",
    "chunked, identity",
    "gzip",
    "gzip, chunked",
    "chunked, gzip",
    "deflate",
    "trailers",
    "\"chunked\"",
    "'chunked'",
    "chunked x",
    "x chunked",
    "\u{b}chunked",
    "chunked\u{b}",
    "chunked\u{c}",
    "chunked\0",
    "\0chunked",
    "chun\u{212a}ed",
    "chunked\u{a0}",
    "\u{a0}chunked",
    "",
    " ",
    "\t",
    "\r\n chunked",
    "\r\n\tchunked",
    "\n chunked",
    "chunked\r\n ",
    "chunked\r\n x",
    "chunked\rX: y",
    "chunked\nX: y",
    "x\r\nTransfer-Encoding: chunked",
    "chunked\r\nTransfer-Encoding: x",
    "chunked\r\ntransfer-encoding: chunked",
    "chunked\r\nTransfer-Encoding: identity",
    "identity\r\nTransfer-Encoding: chunked",
];

/// Names that somebody could read as `Transfer-Encoding`.
const NAMES: &[&str] = &[
    "Transfer_Encoding",
    "Transfer-Encoding ",
    "Transfer-Encoding\t",
    " Transfer-Encoding",
    "\tTransfer-Encoding",
    "Transfer Encoding",
    "TransferEncoding",
    "Transfer--Encoding",
    "Transfer.Encoding",
    "-Transfer-Encoding",
    "Transfer-Encoding\0",
    "\u{b}Transfer-Encoding",
    "Transfer-Encoding\u{a0}",
    "\"Transfer-Encoding\"",
    "X: y\nTransfer-Encoding",
    "X: y\rTransfer-Encoding",
    "X: y\r\n Transfer-Encoding",
    "X: y\0Transfer-Encoding",
];

pub(super) fn lengths(table: &mut Table, length: usize) {
    let json = table.plain.body.clone();
    for value in ["", "\t", "000000000000"] {
        table.framing(format!("Content-Length:{value}{length}"), &json, Both);
        table.framing(format!("content-LENGTH: {value}{length} \t "), &json, Both);
    }
    for value in [
        format!("+{length}"),
        format!("-{length}"),
        format!("0x{length:x}"),
        format!("{length},{length}"),
        format!("{length}, {length}"),
        format!("{length},"),
        format!(",{length}"),
        format!("{length};x"),
        format!("{length}.0"),
        format!("{length}e0"),
        format!("{length} 0"),
        format!("0 {length}"),
        format!("\"{length}\""),
        format!("{length}\u{b}"),
        format!("\u{c}{length}"),
        format!("{length}\0"),
        format!("{length}\u{a0}"),
        "\u{661}".into(),
        String::new(),
        " ".into(),
        "x".into(),
        "1_0".into(),
        "99999999999999999999".into(),
        // As many bytes for whoever counts in 64, or in 63 bits.
        (u128::from(u64::MAX) + 1 + length as u128).to_string(),
        (u128::from(u64::MAX / 2) + 1 + length as u128).to_string(),
        format!("{length}\r\n 0"),
        format!("\r\n {length}"),
        format!("{length}\rX: y"),
        format!("{length}\nX: y"),
    ] {
        table.framing(format!("Content-Length: {value}"), &json, Refused);
    }
    // Within the limit of a body, and longer than what is sent.
    table.framing(format!("Content-Length: {}", length + 2_000_000), &json, Waits);
    table.framing("Content-Length: 0", "", Told);
    table.framing("X-Content-Length: 0", "", Told);
    for second in [length, 0, 1, length + 1] {
        table.framing(format!("Content-Length: {length}\r\nContent-Length: {second}"), &json, Refused);
        table.framing(format!("Content-Length: {second}\r\ncontent-length: {length}"), &json, Refused);
    }
    for name in ["Content_Length", "Content-Length ", "Content-Length\t", " Content-Length", "Content Length"] {
        table.framing(format!("{name}: {length}"), &json, Refused);
        table.framing(format!("Content-Length: {length}\r\n{name}: 0"), &json, Refused);
    }
    for name in ["ContentLength", "Content--Length", "Content.Length", "\u{b}Content-Length", "Content-Length\0"] {
        table.framing(format!("Content-Length: {length}\r\n{name}: 0"), &json, Refused);
    }
    for name in ["X-Content-Length", "Content-Lengths", "Content-Lengt", "Length"] {
        table.framing(format!("Content-Length: {length}\r\n{name}: 0"), &json, Both);
    }
}

pub(super) fn codings(table: &mut Table, json: &str) {
    let chunked = one_chunk(json);
    for coding in [" chunked", "chunked", "\tchunked\t", " cHuNkEd", " \t chunked \t "] {
        table.framing(format!("Transfer-Encoding:{coding}"), &chunked, Both);
        table.framing(format!("transfer-ENCODING:{coding}"), &chunked, Both);
    }
    for coding in CODINGS {
        table.framing(format!("Transfer-Encoding: {coding}"), &chunked, Refused);
    }
    for name in NAMES {
        table.framing(format!("{name}: chunked"), &chunked, Refused);
        table.framing(format!("Content-Length: {}\r\n{name}: chunked", json.len()), json, Refused);
    }
    for name in ["X-Transfer-Encoding", "Transfer-Encodings", "Transfer-Coding", "TE"] {
        table.framing(format!("Content-Length: {}\r\n{name}: chunked", json.len()), json, Both);
    }
    table.framing("Connection: close\r\nTransfer-Encoding: chunked", &chunked, OnlyFirst);
}

/// Both framings at once, with a body for either reader.
pub(super) fn both_framings(table: &mut Table, json: &str) {
    let chunked = one_chunk(json);
    for (length, body) in [
        (json.len(), json),
        (chunked.len(), &chunked),
        (0, &chunked),
        (4, &chunked),
        (5, "0\r\n\r\n"),
        (chunked.len() + 10, &chunked),
    ] {
        for coding in ["chunked", "Chunked", "xchunked", "identity", "chunked, identity"] {
            table.framing(format!("Content-Length: {length}\r\nTransfer-Encoding: {coding}"), body, Refused);
            table.framing(format!("Transfer-Encoding: {coding}\r\nContent-Length: {length}"), body, Refused);
        }
    }
}

fn one_chunk(json: &str) -> String {
    format!("{:x}\r\n{json}\r\n0\r\n\r\n", json.len())
}
