//! The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): a proxy in front says who connected to it.
//!
//! A header is read to its last byte and not one further, since TLS or HTTP follows at once. What is malformed is
//! refused: whoever sends it is no proxy, or not one that is understood. Optional fields of version 2 are passed over.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::AsyncReadExt;

use crate::net::socket::Plain;

/// The longest header of version 1, its line end included.
const LINE: usize = 107;
/// The longest block of version 2 that is read: addresses, and what proxies say besides.
const MOST_BLOCK: usize = 4096;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Which header is awaited. It is said, never guessed: a guess would let a client bring its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// A binary block.
    V2,
}

/// Who connected to the proxy, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The client.
    pub source: SocketAddr,
    /// The proxy, as the client reached it.
    pub destination: SocketAddr,
}

impl Version {
    /// Reads the header. `None`: the connection is the proxy's own, or it does not say whose.
    ///
    /// # Errors
    /// The header is malformed (`InvalidData`), or the connection broke.
    pub async fn read(self, plain: &mut Plain) -> io::Result<Option<Ends>> {
        match self {
            Self::V1 => line(&read_line(plain).await?),
            Self::V2 => {
                let mut head = [0; 16];
                plain.read_exact(&mut head).await?;
                let length = block_length(&head)?;
                let mut block = vec![0; length];
                plain.read_exact(&mut block).await?;
                self::block(&head, &block)
            }
        }
    }
}

/// What has come without a line end is all of the header, and is taken; of the rest only what ends the line.
async fn read_line(plain: &mut Plain) -> io::Result<Vec<u8>> {
    let mut read = Vec::with_capacity(LINE);
    loop {
        let mut ahead = [0; LINE];
        let ahead = &mut ahead[..LINE - read.len()];
        let seen = plain.peek(ahead).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let end = ahead[..seen].iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let taken = &mut ahead[..end.unwrap_or(seen)];
        plain.read_exact(taken).await?;
        read.extend_from_slice(taken);
        if end.is_some() {
            return Ok(read);
        }
        if read.len() == LINE {
            return Err(malformed("its first line is too long for a PROXY header of version 1"));
        }
    }
}

fn line(line: &[u8]) -> io::Result<Option<Ends>> {
    let wrong = || malformed("its first line is no PROXY header of version 1");
    let line = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok()).ok_or_else(wrong)?;
    let rest = line.strip_prefix("PROXY ").ok_or_else(wrong)?;
    if rest == "UNKNOWN" || rest.starts_with("UNKNOWN ") {
        return Ok(None);
    }
    let fields: Vec<_> = rest.split(' ').collect();
    let [family, source, destination, from, to] = fields[..] else { return Err(wrong()) };
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let port = |text: &str| -> Option<u16> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        text.parse().ok().filter(|_| plain)
    };
    let end = |at, port_at| Some(SocketAddr::new(address(at)?, port(port_at)?));
    match (end(source, from), end(destination, to)) {
        (Some(source), Some(destination)) => Ok(Some(Ends { source, destination })),
        _ => Err(wrong()),
    }
}

fn block_length(head: &[u8; 16]) -> io::Result<usize> {
    if !head.starts_with(SIGNATURE) {
        return Err(malformed("it does not begin with a PROXY header of version 2"));
    }
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if length > MOST_BLOCK {
        return Err(malformed("its PROXY header is too long"));
    }
    Ok(length)
}

fn block(head: &[u8; 16], block: &[u8]) -> io::Result<Option<Ends>> {
    let (addresses, local) = match (head[12], head[13]) {
        // The proxy's own connection, a health check say: whatever stands in the block.
        (0x20, _) => return Ok(None),
        (0x21, 0x00) => (0, true),
        (0x21, 0x11) => (12, false),
        (0x21, 0x21) => (36, false),
        (0x21, 0x31) => (216, true),
        (0x21, _) => return Err(malformed("its PROXY header is for no stream of TCP or of a Unix socket")),
        _ => return Err(malformed("its PROXY header has another version or an unknown command")),
    };
    let Some((ends, more)) = block.split_at_checked(addresses) else {
        return Err(malformed("its PROXY header is shorter than its addresses"));
    };
    // What is behind the addresses of no family is not said to have a form.
    if head[13] != 0x00 {
        fields(more)?;
    }
    if local {
        return Ok(None);
    }
    let (ips, ports) = ends.split_at(addresses - 4);
    let (from, to) = ips.split_at(ips.len() / 2);
    let end = |ip: &[u8], at: usize| {
        let port = u16::from_be_bytes([ports[at], ports[at + 1]]);
        let v4 = <[u8; 4]>::try_from(ip).map(IpAddr::from);
        let v6 = <[u8; 16]>::try_from(ip).map(IpAddr::from);
        SocketAddr::new(v4.or(v6).expect("an address has 4 or 16 bytes"), port)
    };
    Ok(Some(Ends { source: end(from, 0), destination: end(to, 2) }))
}

/// What follows the addresses: fields of a kind, a length, and so many bytes.
fn fields(mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        let length = rest.get(1..3).map(|length| usize::from(u16::from_be_bytes([length[0], length[1]])));
        rest = length
            .and_then(|length| rest.get(3 + length..))
            .ok_or_else(|| malformed("a field of its PROXY header is cut"))?;
    }
    Ok(())
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::UnixStream;

    use super::*;

    fn ends(source: &str, destination: &str) -> Option<Ends> {
        Some(Ends { source: source.parse().unwrap(), destination: destination.parse().unwrap() })
    }

    fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family][..], &length, block].concat()
    }

    const FOUR: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0x01, 0xbb];

    /// What comes of a header, sent in pieces of this many bytes, and what is left behind it.
    async fn met(version: Version, sent: &[u8], piece: usize) -> (io::Result<Option<Ends>>, Vec<u8>) {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut plain = Plain::Unix(near);
        let sending = async {
            for piece in sent.chunks(piece) {
                far.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            far.shutdown().await.unwrap();
        };
        let reading = async {
            let read = version.read(&mut plain).await;
            let mut rest = Vec::new();
            plain.read_to_end(&mut rest).await.unwrap();
            (read, rest)
        };
        tokio::join!(reading, sending).0
    }

    #[tokio::test]
    async fn a_header_is_read_to_its_end_however_it_comes() {
        let six =
            [&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 15], &[1], &[0, 1, 0, 2]].concat();
        let noted = [&FOUR[..], &[0x04, 0, 2, 7, 7], &[0x05, 0, 0]].concat();
        let known = ends("192.0.2.1:12345", "198.51.100.2:443");
        for (version, header, expected) in [
            (Version::V1, b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n".to_vec(), known),
            (Version::V1, b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n".to_vec(), ends("[2001:db8::1]:1", "[::1]:2")),
            (Version::V1, b"PROXY UNKNOWN\r\n".to_vec(), None),
            (Version::V1, b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (Version::V2, v2(0x21, 0x11, &FOUR), known),
            (Version::V2, v2(0x21, 0x11, &noted), known),
            (Version::V2, v2(0x21, 0x21, &six), ends("[2001:db8::1]:1", "[::1]:2")),
            (Version::V2, v2(0x20, 0x00, b""), None),
            (Version::V2, v2(0x20, 0x11, b"anything"), None),
            (Version::V2, v2(0x21, 0x00, b""), None),
            (Version::V2, v2(0x21, 0x31, &[0; 216]), None),
        ] {
            for piece in [1, 5, 13, 1000] {
                let (read, rest) = met(version, &[&header, &b"GET / HTTP/1.1\r\n"[..]].concat(), piece).await;
                assert_eq!(read.unwrap(), expected, "{:?}", String::from_utf8_lossy(&header));
                assert_eq!(rest, b"GET / HTTP/1.1\r\n", "in pieces of {piece}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_malformed_is_refused() {
        let long = [b"PROXY UNKNOWN ", &[b'x'; 100][..], b"\r\n"].concat();
        let mut first = v2(0x21, 0x11, &FOUR);
        first[12] = 0x11;
        for (version, header) in [
            (Version::V1, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            (Version::V1, b"PROXY TCP4 192.0.2.1 198.51.100.2 12345\r\n".to_vec()),
            (Version::V1, b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 443 \r\n".to_vec()),
            (Version::V1, b"PROXY  TCP4 192.0.2.1 198.51.100.2 12345 443\r\n".to_vec()),
            (Version::V1, b"PROXY TCP4 192.0.2.1 198.51.100.2 012345 443\r\n".to_vec()),
            (Version::V1, b"PROXY TCP4 192.0.2.1 198.51.100.2 +1 443\r\n".to_vec()),
            (Version::V1, b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n".to_vec()),
            (Version::V1, b"PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n".to_vec()),
            (Version::V1, b"PROXY TCP4 ::1 ::1 1 2\r\n".to_vec()),
            (Version::V1, b"PROXY TCP6 192.0.2.1 192.0.2.1 1 2\r\n".to_vec()),
            (Version::V1, b"PROXY UDP4 192.0.2.1 192.0.2.1 1 2\r\n".to_vec()),
            (Version::V1, b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\n".to_vec()),
            (Version::V1, b"PROXY UNKNOWNX\r\n".to_vec()),
            (Version::V1, b"proxy unknown\r\n".to_vec()),
            (Version::V1, v2(0x21, 0x11, &FOUR)),
            (Version::V1, long),
            (Version::V2, b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n".to_vec()),
            (Version::V2, first),
            (Version::V2, v2(0x22, 0x11, &FOUR)),
            (Version::V2, v2(0x21, 0x12, &FOUR)),
            (Version::V2, v2(0x21, 0x21, &FOUR)),
            (Version::V2, v2(0x21, 0x11, &FOUR[..11])),
            (Version::V2, v2(0x21, 0x11, &[&FOUR[..], &[4, 0]].concat())),
            (Version::V2, v2(0x21, 0x11, &[&FOUR[..], &[4, 0, 3, 1, 1]].concat())),
            (Version::V2, v2(0x20, 0x00, &[0; MOST_BLOCK + 1])),
        ] {
            let (read, _) = met(version, &header, 1000).await;
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::InvalidData, "{:?}", String::from_utf8_lossy(&header));
        }
    }

    #[tokio::test]
    async fn a_header_that_ends_early_is_none() {
        for (version, header) in [(Version::V1, b"PROXY TCP4 192".to_vec()), (Version::V2, v2(0x21, 0x11, &FOUR))] {
            let (read, _) = met(version, &header[..14], 1000).await;
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
