//! What the connections of one core share: the buffer that each reads into and writes from in its turn, and the date.

use std::cell::RefCell;
use std::rc::Rc;

use crate::model::clock;

use super::date::Date;

/// What one read takes at most, and what an answer in one buffer may have.
const ROOM: usize = 64 * 1024;

/// One core's buffer, shared by its connections: one that waits holds none.
pub type Scratch = Rc<Shared>;

/// A core's buffer, and the date of its answers.
pub fn scratch() -> Scratch {
    Rc::new(Shared { buffer: RefCell::new(vec![0; ROOM].into_boxed_slice()), date: RefCell::new(Date::default()) })
}

/// What the connections of one core share.
pub struct Shared {
    pub(super) buffer: RefCell<Box<[u8]>>,
    date: RefCell<Date>,
}

impl Shared {
    /// The value of `Date`: the present second.
    pub(super) fn date(&self) -> [u8; Date::LENGTH] {
        self.date.borrow_mut().at(clock::unix_seconds())
    }
}
