//! Who is told what passes through a [`Feed`](super::Feed).

use super::{fault::Fault, value::Kind};

/// Who is told what passes. `at` is always the offset of the byte that is read, from the start of the document.
pub(in crate::protocol) trait Watch {
    /// What it refuses with.
    type Fault: From<Fault>;

    /// An array or object begins.
    fn opens(&mut self, kind: Kind, at: usize) -> Result<(), Self::Fault>;
    /// The innermost array or object ends.
    fn closes(&mut self, at: usize) -> Result<(), Self::Fault>;
    /// A key begins; true if its text is wanted.
    fn key_begins(&mut self) -> bool;
    /// More of the key's text, unescaped.
    fn key_text(&mut self, text: &[u8]);
    /// The key ends; told only if its text was wanted.
    fn key_ends(&mut self, at: usize) -> Result<(), Self::Fault>;
    /// A string, number or literal begins; true if its token is wanted.
    fn scalar_begins(&mut self, kind: Kind, at: usize) -> Result<bool, Self::Fault>;
    /// More of the scalar's token, as it stands in the text.
    fn scalar_token(&mut self, token: &[u8]);
    /// The scalar ends; told only if its token was wanted.
    fn scalar_ends(&mut self);
}
