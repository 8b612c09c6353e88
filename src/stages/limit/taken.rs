//! What limits have given to one exchange.

use crate::model::Limited;

use super::cell::Permit;

/// Calls under way, for as long as this is kept: until the answer has ended. And how its caller stands.
#[derive(Debug, Default)]
pub struct Taken {
    /// Most have one.
    first: Option<Permit>,
    more: Vec<Permit>,
    stands: Option<Limited>,
}

impl Taken {
    pub(super) fn keep(&mut self, permit: Option<Permit>) {
        match (permit, &self.first) {
            (Some(another), Some(_)) => self.more.push(another),
            (Some(permit), None) => self.first = Some(permit),
            (None, _) => {}
        }
    }

    /// Of several limits the one is told of which the least part is left.
    pub(super) fn stands(&mut self, limited: Limited) {
        let part = |of: &Limited, among: &Limited| u64::from(of.left) * u64::from(among.policy.quota());
        if self.stands.as_ref().is_none_or(|known| part(&limited, known) < part(known, &limited)) {
            self.stands = Some(limited);
        }
    }

    /// How the caller stands with the limit of which the least part is left.
    pub fn standing(&self) -> Option<&Limited> {
        self.stands.as_ref()
    }
}
