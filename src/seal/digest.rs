//! A name for a secret that gives nothing of it away.

use aws_lc_rs::digest::{SHA256, digest};

/// The SHA-256 of a text that is as good as random, to know it again by.
pub fn digest_of(secret: &[u8]) -> [u8; 32] {
    digest(&SHA256, secret).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
