//! Where the long values of a text are, noted while it is read: who looks for what is behind one need not look through it.

use super::{fault::Fault, scanner::Scanner, value::Value};

/// What is shorter is looked through, in bytes.
const LONG: u32 = 512;
/// How many levels are noted: what is deeper is short, or looked through. The notes take at most a seventh of the text.
const LEVELS: u32 = 6;

/// The long values inside of one, in the order in which they begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<Value>);

impl Marks {
    /// Texts of so few bytes are not worth it.
    pub(in crate::protocol) const SHORT: usize = 4096;

    /// Takes one value, whatever it is, as [`Scanner::value`] does, and notes those inside of it.
    pub(in crate::protocol) fn read(&mut self, scanner: &mut Scanner) -> Result<Value, Fault> {
        self.inside(scanner, 0)
    }

    /// Those of the value that was read.
    pub fn all(&self) -> &[Value] {
        &self.0
    }

    /// Takes a value. It recurses by as many levels as are noted.
    fn inside(&mut self, scanner: &mut Scanner, level: u32) -> Result<Value, Fault> {
        let place = self.0.len();
        let value = match scanner.peek() {
            b'{' if level < LEVELS => scanner.object(|scanner, _| self.inside(scanner, level + 1).map(drop))?,
            b'[' if level < LEVELS => scanner.array(|scanner| self.inside(scanner, level + 1).map(drop))?,
            _ => scanner.value()?,
        };
        // What is inside of a long one was noted before it: each is moved once for each level around it.
        if level > 0 && value.span.end - value.span.start >= LONG {
            self.0.insert(place, value);
        }
        Ok(value)
    }
}
