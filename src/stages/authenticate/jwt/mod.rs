//! JSON Web Tokens (RFC 7519, RFC 9068, RFC 8725): who signed one, for whom, until when.
//!
//! ```text
//! token     three parts, strictly       claims    who, for whom, until when
//! key_set   the keys of an issuer       key  roca one key, and whether it can be trusted with anything
//! issuer    what is expected of the tokens of one, and its current key set
//! ```

mod issuer;
mod key;
mod key_set;
mod roca;

pub use issuer::{Expected, Issuer};
pub use key::Unusable;
pub use key_set::{Fault, KeySet, MOST_BYTES, MOST_KEYS};
