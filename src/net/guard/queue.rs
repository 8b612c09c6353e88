//! The heads that the parser behind the guard has not come to yet.

use std::collections::VecDeque;

use super::{head::Head, refused::Fault};

/// A bounded queue. One head, which is the rule, needs no allocation.
#[derive(Debug, Default)]
pub(super) struct Heads {
    oldest: Option<Head>,
    /// Empty if there is no oldest one.
    later: VecDeque<Head>,
}

impl Heads {
    /// Requests that a client may send without waiting for the first one's answer to begin.
    pub(super) const MOST: usize = 32;

    /// Appends a head.
    pub(super) fn push(&mut self, head: Head) -> Result<(), Fault> {
        if self.oldest.is_none() {
            self.oldest = Some(head);
            return Ok(());
        }
        if self.later.len() + 1 == Self::MOST {
            return Err(Fault::bad("too many requests in advance"));
        }
        self.later.push_back(head);
        Ok(())
    }

    /// Takes the oldest one.
    pub(super) fn take(&mut self) -> Option<Head> {
        let next = self.later.pop_front();
        if next.is_none() && self.later.capacity() > 0 {
            self.later = VecDeque::new();
        }
        std::mem::replace(&mut self.oldest, next)
    }
}
