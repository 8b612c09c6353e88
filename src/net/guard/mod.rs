//! The head guard: what is not plain HTTP/1.1 never reaches the parser.
//!
//! A pure state machine reads the raw bytes of a client's connection before hyper does: every head,
//! the body behind it (passed over by its framing), the next head. Nothing here does I/O.
//!
//! ```text
//! socket bytes -> HeadGuard::inspect -> Ok: hand all of them on | Err: hand `good` on, then close
//!                     |
//!                     +-> lines -> request line -> target
//!                     |         -> header lines -> host, framing     (an empty line ends the head)
//!                     +-> Head, kept until hyper has parsed it and `Head::agrees`
//!                     +-> body: by Content-Length, or chunk by chunk with its trailers
//! ```
//!
//! Why not hyper alone: it hides `Content-Length` beside `Transfer-Encoding`, takes bare LF, none or
//! several `Host`s, a repeated `chunked`, empty lines without end before a request. Each of these is a
//! place where the next reader may see another message.
//!
//! Three properties are held by tests. However the bytes are split, the verdict falls at the same byte.
//! Whatever passes, hyper reads as the same request with the same body. And a refused head can never
//! have been complete for hyper: a bare LF, the only other way for it to see an end, is refused in the
//! read that brings it.
//!
//! One thing follows for the caller. Bytes of a head that comes in several reads are handed on before its
//! verdict, so hyper may find a fault first and answer 400 or 431 by itself; and where the guard refuses,
//! hyper has to see the end of the connection, not silence.

mod bytes;
mod chunked;
mod draft;
mod field;
mod framing;
mod head;
mod host;
mod http2;
mod limits;
mod lines;
mod machine;
mod name;
mod queue;
mod refused;
mod request_line;
mod target;

#[cfg(test)]
mod tests;

pub use framing::{Framing, has_no_body};
pub use head::Head;
pub use http2::check_http2;
pub use limits::HeadLimits;
pub use machine::{HeadGuard, Phase};
pub use refused::Refused;
