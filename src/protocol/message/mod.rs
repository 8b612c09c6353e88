//! JSON-RPC messages: the few spans of a body that anyone needs.
