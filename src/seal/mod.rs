//! Ids and state that only we can open.
