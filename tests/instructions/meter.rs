//! What callgrind counts: by these functions' names it knows where counting begins and ends. Each does something of its
//! own behind its work: alike, they would be merged into one, and with nothing to do it would be left before its end.

use std::hint::black_box;

/// Counted. Each return writes the count of one call of this.
#[inline(never)]
pub(crate) fn counted(work: &mut dyn FnMut()) {
    work();
    black_box("counted");
}

/// Left out, inside what is counted.
#[inline(never)]
pub(crate) fn left_out(work: &mut dyn FnMut()) {
    work();
    black_box("left out");
}

/// The module path of both, as callgrind reads it in the symbols.
pub(crate) const PATH: &str = module_path!();
