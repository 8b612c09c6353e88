//! What decides who is an operator. It is replaced whole with each generation of the configuration.

use std::fmt;
use std::sync::Arc;

use crate::config::Role;
use crate::model::stored::InForce;
use crate::model::{Caller, Case, Explanation, Permission};
use crate::stages::authenticate::{Authenticator, Place};
use crate::stages::authorize::permits;
use crate::stages::limit::Unverified;

/// Whose credentials are taken, and what they permit.
pub struct Access {
    /// Makes what the data side looks at credentials with. It stays on the thread that it is made on, so that each look has
    /// its own: operators are few, and the data cores share nothing with them.
    pub authenticator: Box<dyn Fn() -> Authenticator + Send + Sync>,
    /// What a token has to be meant for.
    pub place: Place,
    /// The roles of the configuration.
    pub roles: Arc<[Role]>,
    /// The roles of a caller whose credential names none.
    pub default_roles: Box<[Box<str>]>,
    /// `[admin] open`.
    pub open: bool,
    /// How many wrong keys an address may show: the bound of unverified credentials, as on the data side.
    pub unverified: Arc<Unverified>,
    /// Says what would become of a message.
    pub explains: Explains,
    /// Says by which rules it is decided.
    pub rules: RulesInForce,
}

/// Tells the way of a message by the configuration in force, or why there is none to tell.
pub type Explains = Arc<dyn Fn(&Case) -> Result<Explanation, String> + Send + Sync>;

/// Tells the rules in force, or why there are none to tell.
pub type RulesInForce = Arc<dyn Fn() -> Result<InForce, String> + Send + Sync>;

impl Access {
    /// Whether the roles of a caller give a permission.
    pub(super) fn permits(&self, caller: &Caller, permission: Permission) -> bool {
        permits(&self.roles, &self.default_roles, caller, permission)
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("place", &self.place).field("open", &self.open).finish_non_exhaustive()
    }
}
