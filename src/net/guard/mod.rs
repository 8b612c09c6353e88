//! The reader of requests: what is not plain HTTP/1.1 is refused, what is becomes a head and its body's bytes.
//!
//! A pure state machine reads the raw bytes of a client's connection: every head, the body behind it, the next head.
//! Nothing here does I/O.
//!
//! ```text
//! socket bytes -> Reader::next -> Part, or Refused: close
//!                     |
//!                     +-> lines -> request line -> target
//!                     |         -> header lines -> host, framing     (an empty line ends the head: Part::Head)
//!                     +-> body: by Content-Length, or chunk by chunk (Part::Data) with its trailers (Part::End)
//! ```
//!
//! A line is judged and taken over in one go: values are slices of the read that brought them, so that a head costs no
//! copy, and nothing is read twice.
//!
//! Why a reader of our own: the usual ones hide `Content-Length` beside `Transfer-Encoding`, take bare LF, none or
//! several `Host`s, a repeated `chunked`, empty lines without end before a request. Each of these is a place where the
//! next reader may see another message.
//!
//! Two properties are held by tests. However the bytes are split, the verdict falls at the same byte, and what was read
//! is the same. And whatever passes, hyper reads as the same request with the same fields and the same body.

mod chunked;
mod classes;
mod draft;
mod field;
mod framing;
mod head;
mod host;
mod http2;
mod limits;
mod lines;
mod name;
mod reader;
mod refused;
mod request_line;
mod target;

#[cfg(test)]
mod tests;

pub use framing::{Framing, has_no_body};
pub use head::Head;
pub use http2::check_http2;
pub use limits::HeadLimits;
pub use reader::{Part, Phase, Reader};
pub use refused::Refused;
