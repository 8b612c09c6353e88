//! A stack that needs no allocation while it is small.

/// Keeps its first `N` items in place and moves all of them to the heap past that.
pub(super) struct Stack<T, const N: usize> {
    inline: [T; N],
    /// How many of `inline` are in use; without meaning while `heap` holds anything.
    len: usize,
    heap: Vec<T>,
}

impl<T: Copy, const N: usize> Stack<T, N> {
    /// An empty stack; `blank` fills the unused room.
    #[inline(always)]
    pub(super) fn new(blank: T) -> Stack<T, N> {
        Stack { inline: [blank; N], len: 0, heap: Vec::new() }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        if self.heap.is_empty() { self.len } else { self.heap.len() }
    }

    #[inline]
    pub(super) fn push(&mut self, item: T) {
        if self.heap.is_empty() {
            if let Some(room) = self.inline.get_mut(self.len) {
                *room = item;
                self.len += 1;
                return;
            }
            self.heap.extend_from_slice(&self.inline);
        }
        self.heap.push(item);
    }

    #[inline]
    pub(super) fn last(&self) -> Option<T> {
        self.as_slice().last().copied()
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        let item = self.last()?;
        self.truncate(self.len() - 1);
        Some(item)
    }

    #[inline]
    pub(super) fn truncate(&mut self, len: usize) {
        self.heap.truncate(len);
        self.len = len.min(N);
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[T] {
        if self.heap.is_empty() { self.inline.get(..self.len).unwrap_or_default() } else { &self.heap }
    }
}

#[cfg(test)]
mod tests {
    use super::Stack;

    #[test]
    fn it_keeps_order_across_the_move_to_the_heap_and_back() {
        let mut stack: Stack<u32, 4> = Stack::new(0);
        for round in 0..3 {
            for item in 0..10 {
                stack.push(item + round);
                assert_eq!(stack.last(), Some(item + round));
            }
            assert_eq!(stack.as_slice(), (round..10 + round).collect::<Vec<_>>());
            stack.truncate(6);
            assert_eq!(stack.as_slice(), (round..6 + round).collect::<Vec<_>>());
            stack.truncate(2);
            assert_eq!(stack.as_slice(), [round, round + 1]);
            assert_eq!(stack.pop(), Some(round + 1));
            stack.push(round + 1);
            stack.push(77);
            assert_eq!((stack.len(), stack.last()), (3, Some(77)));
            stack.truncate(0);
            assert_eq!((stack.len(), stack.last(), stack.pop()), (0, None, None));
        }
    }
}
