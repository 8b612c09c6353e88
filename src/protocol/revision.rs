//! Revisions of the protocol and their two eras.
