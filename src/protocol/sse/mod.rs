//! Event streams (WHATWG HTML, 9.2), read and written.
