//! One block of an event stream: what stands between two blank lines, without comments and unknown fields.

/// The fields of a block, each as its last valid line said it, borrowed from the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block<'a> {
    /// The event's id; empty resets the client's. Never holds NUL, CR or LF.
    pub id: Option<&'a [u8]>,
    /// The event's type; absent or empty means `message`.
    pub event: Option<&'a [u8]>,
    /// The time to wait before coming back, in milliseconds: digits, at least one.
    pub retry: Option<&'a [u8]>,
    /// The data lines, joined with LF; `None` if the block had no `data` field at all.
    pub data: Option<&'a [u8]>,
}

impl<'a> Block<'a> {
    /// The text of the MCP message that this block carries, if it carries one: the type is `message`, given or
    /// implied, and the data is not empty. Priming events and foreign events carry none.
    pub fn message(&self) -> Option<&'a [u8]> {
        let plain = matches!(self.event, None | Some(b"" | b"message"));
        self.data.filter(|data| plain && !data.is_empty())
    }

    /// Whether this block carries a MCP message, see [`Block::message`].
    pub fn is_message(&self) -> bool {
        self.message().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_data_and_the_plain_type() {
        let message = Block { data: Some(b"{}"), ..Block::default() };
        assert_eq!(message.message(), Some(&b"{}"[..]));
        assert!(Block { event: Some(b""), ..message }.is_message());
        assert!(Block { event: Some(b"message"), ..message }.is_message());
        assert!(!Block { event: Some(b"Message"), ..message }.is_message());
        assert!(!Block { event: Some(b"endpoint"), ..message }.is_message());
        assert!(!Block { id: Some(b"1"), data: Some(b""), ..Block::default() }.is_message());
        assert!(!Block { retry: Some(b"5"), ..Block::default() }.is_message());
    }
}
