//! Who is calling.

/// The caller of a message, as `authenticate` found it.
///
/// Anonymous is the only caller there is until credentials are read; it is a variant of its own and never an
/// empty name, so that nobody can be called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Nobody in particular: `[auth.anonymous]`, or a loopback listener without `[auth]`.
    Anonymous,
}

impl Principal {
    /// The text that sealed ids are bound to. It is unique among principals and stays the same over restarts.
    pub fn key(&self) -> &str {
        match self {
            Principal::Anonymous => "anonymous",
        }
    }
}
