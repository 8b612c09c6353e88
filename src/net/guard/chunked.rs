//! The chunks of a body (RFC 9112, 7.1), up to the last one.

use super::refused::Fault;

/// Bytes from the size to the end of its line.
const LINE: u16 = 256;

/// Bytes of extensions in a whole body.
const EXTENSIONS: u16 = 8 * 1024;

/// Where in a chunked body the stream is; its trailers are not part of this.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    at: At,
    /// Bytes of this chunk that are still to come.
    left: u64,
    /// Hexadecimal digits of this chunk's size.
    digits: u8,
    /// Bytes behind the size in this line, and in all lines.
    extension: u16,
    extensions: u16,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    /// White space behind a size: an extension must follow.
    Pad,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// Behind the line of a chunk of size zero.
    Last,
}

impl Chunked {
    /// How many of the next `most` bytes are data; zero where a line is awaited.
    pub(super) fn data(&mut self, most: usize) -> usize {
        if self.at != At::Data {
            return 0;
        }
        let data = self.left.min(most as u64);
        self.left -= data;
        if self.left == 0 {
            self.at = At::DataCr;
        }
        data as usize
    }

    /// Passes over `bytes` up to data or the trailers; says how many.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        for (before, byte) in bytes.iter().enumerate() {
            self.at = self.byte(*byte)?;
            if matches!(self.at, At::Data | At::Last) {
                return Ok(before + 1);
            }
        }
        Ok(bytes.len())
    }

    /// True behind the last chunk's line: what follows are the trailers.
    pub(super) fn is_over(&self) -> bool {
        self.at == At::Last
    }

    fn byte(&mut self, byte: u8) -> Result<At, Fault> {
        match (self.at, byte) {
            (At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte),
            (At::Size, _) if self.digits == 0 => Err(Fault::bad("a chunk without a size")),
            (At::Size | At::Extension, b'\r') => Ok(At::SizeLf),
            (At::Size | At::Pad, b';') => self.extend(At::Extension),
            (At::Size | At::Pad, b' ' | b'\t') => self.extend(At::Pad),
            (At::Size | At::Pad, _) => Err(Fault::bad("a chunk's size that is not plain digits")),
            (At::Extension, b'\t' | b' '..=b'~' | 0x80..) => self.extend(At::Extension),
            (At::Extension, _) => Err(Fault::bad("a control byte in a chunk's extension")),
            (At::SizeLf, b'\n') => Ok(self.begin()),
            (At::DataCr, b'\r') => Ok(At::DataLf),
            (At::DataLf, b'\n') => Ok(At::Size),
            (At::SizeLf | At::DataLf, _) => Err(Fault::bad("a CR without its LF in a chunked body")),
            (At::DataCr, _) => Err(Fault::bad("a chunk that is longer than its size")),
            (At::Data | At::Last, _) => {
                unreachable!("`data` counts those, and nobody calls `pass` behind the last chunk")
            }
        }
    }

    fn digit(&mut self, byte: u8) -> Result<At, Fault> {
        // Sixteen digits are 64 bits; one bit less, as for Content-Length, and no zeros without end in front.
        let value = u64::from(char::from(byte).to_digit(16).expect("the caller matched a hexadecimal digit"));
        if self.digits == 16 || self.left >> 59 != 0 {
            return Err(Fault::bad("a chunk's size that overflows"));
        }
        self.digits += 1;
        self.left = self.left << 4 | value;
        Ok(At::Size)
    }

    fn extend(&mut self, next: At) -> Result<At, Fault> {
        self.extension += 1;
        self.extensions += 1;
        if self.extension > LINE || self.extensions > EXTENSIONS {
            return Err(Fault::bad("a chunk's extension of too many bytes"));
        }
        Ok(next)
    }

    fn begin(&mut self) -> At {
        self.digits = 0;
        self.extension = 0;
        if self.left == 0 { At::Last } else { At::Data }
    }
}
