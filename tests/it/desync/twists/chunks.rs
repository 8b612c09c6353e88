//! Chunks, their lines, and what ends them.

use super::{
    Reads::{Both, Refused, Waits},
    Table,
};

pub(super) fn chunks(table: &mut Table, json: &str) {
    let (size, end) = (json.len(), "\r\n0\r\n\r\n");
    for line in [
        format!("{size:x}"),
        format!("{size:X}"),
        format!("0000{size:x}"),
        format!("{size:x};"),
        format!("{size:x};a=b"),
        format!("{size:x} ;a=b"),
        format!("{size:x}\t; a = \"b;c\""),
        format!("{size:x};{}", "x".repeat(200)),
        format!("{size:x};a=\"\u{e9}\""),
    ] {
        table.chunked(format!("{line}\r\n{json}{end}"), Both);
    }
    let (front, back) = json.split_at(9);
    table.chunked(format!("9\r\n{front}\r\n{:x};x\r\n{back}{end}", back.len()), Both);
    for line in [
        format!("+{size:x}"),
        format!("-{size:x}"),
        format!("0x{size:x}"),
        format!(" {size:x}"),
        format!("\t{size:x}"),
        format!("{size:x} "),
        format!("{size:x}\t"),
        format!("{size:x} 0"),
        format!("{size:x}g"),
        format!("{size:x},0"),
        format!("{size:x}\0"),
        format!("{size:x};a\0"),
        format!("{size:x};a\u{b}"),
        format!("{size:x};a\nb"),
        format!("{size:x};a\rb"),
        format!("{size:x}\r\n"),
        format!("{size:x};{}", "x".repeat(300)),
        format!("{size:x};{}", "x".repeat(20_000)),
        format!("1{size:016x}"),
        format!("f{size:015x}"),
        format!("{size:020x}"),
        "ffffffffffffffff".into(),
        "-1".into(),
        ";a=b".into(),
        String::new(),
        "\u{661}".into(),
        "z".into(),
    ] {
        table.chunked(format!("{line}\r\n{json}{end}"), Refused);
    }
    for line_end in ["\n", "\r", "\r\r\n", "\n\r"] {
        table.chunked(format!("{size:x}{line_end}{json}{end}"), Refused);
    }
    for data in [format!("{json}x"), json[1..].into(), format!("{json}\r\n"), format!("{json}\n")] {
        table.chunked(format!("{size:x}\r\n{data}{end}"), Refused);
    }
    table.chunked(format!("{:x}\r\n{json}", size + 2_000_000), Waits);
}

pub(super) fn ends_of_chunks(table: &mut Table, json: &str) {
    let chunk = format!("{:x}\r\n{json}\r\n", json.len());
    for end in ["0\r\n\r\n", "000\r\n\r\n", "0;x\r\n\r\n", "0\r\nX: y\r\n\r\n", "0\r\nX: y\r\nX: z\r\n\r\n"] {
        table.chunked(format!("{chunk}{end}"), Both);
    }
    for trailer in [
        "Content-Length: 5",
        "Content_Length: 5",
        "content-length:0",
        "Transfer-Encoding: chunked",
        "Transfer_Encoding: chunked",
        "TransferEncoding: x",
        "Host: b",
        " X: y",
        "X : y",
        "X: y\n",
        "X: y\0",
        "X: y\rZ: x",
        ": y",
        "no colon",
        "POST /mcp HTTP/1.1",
        "X: y\r\n folded",
        "X\0: y",
    ] {
        table.chunked(format!("{chunk}0\r\n{trailer}\r\n\r\n"), Refused);
    }
    let many = "X: y\r\n".repeat(70);
    table.chunked(format!("{chunk}0\r\n{many}\r\n"), Refused);
    table.chunked(format!("{chunk}0\r\nX: {}\r\n\r\n", "y".repeat(10_000)), Refused);
    for end in [
        "0\n\n",
        "0\r\n\n",
        "0\n\r\n",
        "0\r\r\n\r\n",
        "0\r\n",
        "\r\n0\r\n\r\n",
        "00000000000000000\r\n\r\n",
        "0 \r\n\r\n",
    ] {
        table.chunked(format!("{chunk}{end}"), Refused);
    }
}
