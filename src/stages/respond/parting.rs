//! The last words on a stream that Weir ends because it is stopping.

use crate::protocol::message::OwnedId;
use crate::protocol::sse::{self, Block};

/// When clients of the session era come back for a stream, in milliseconds: not before the next process can be there,
/// and not all at once. The SDKs' own first delay is a second, and they give up after two attempts.
const COME_BACK: u64 = 1000;

/// Ends a subscription as its server would: by the result of `subscriptions/listen` (2026-07-28, "Subscriptions",
/// "Graceful Closure").
pub(super) fn closed(id: &OwnedId, out: &mut Vec<u8>) {
    let id = String::from_utf8_lossy(id.raw());
    let result = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"resultType\":\"complete\",\
         \"_meta\":{{\"io.modelcontextprotocol/subscriptionId\":{id}}}}}}}"
    );
    sse::write_block(out, &Block { data: Some(result.as_bytes()), ..Block::default() });
}

/// Tells when to come back (2025-11-25, "Sending Messages to the Server", 6: a server that closes the connection before
/// the stream's end says so). `spread` is any number that differs from stream to stream.
pub(super) fn come_back(spread: u64, out: &mut Vec<u8>) {
    let retry = (COME_BACK + spread % COME_BACK).to_string();
    sse::write_block(out, &Block { retry: Some(retry.as_bytes()), ..Block::default() });
}
