//! Behaviour, over real sockets, against real servers: one module a behaviour.
