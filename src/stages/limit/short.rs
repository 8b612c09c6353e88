//! What there is not enough of.

use std::time::Duration;

/// How long there is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Short {
    /// Until then, if nobody else takes it.
    For(Duration),
    /// Other nodes have what this one has not; by then it has what there is for it.
    Soon(Duration),
    /// There is never so much at once.
    Always,
}
