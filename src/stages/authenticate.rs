//! Who is calling, from the head alone: a stranger cannot make us buffer a body.

use crate::model::{Principal, Reason, Refusal};

/// Proof that the caller is known. Nobody else can make one.
#[derive(Debug)]
pub struct Identified {
    principal: Principal,
}

impl Identified {
    /// Who it is.
    pub fn principal(&self) -> Principal {
        self.principal
    }
}

/// Finds out who is calling.
///
/// # Errors
/// `unauthenticated` where nobody may call without credentials.
pub fn check(anonymous: bool) -> Result<Identified, Refusal> {
    if !anonymous {
        return Err(Refusal::new(Reason::Unauthenticated, "this route takes no anonymous callers"));
    }
    Ok(Identified { principal: Principal::Anonymous })
}
