//! What we show a server as ourselves: a field that the configuration says, or a token that we are given.

use std::sync::Arc;

use crate::net::upstream::Field;

use super::slot::{Denied, Granted, Slot};

/// Our credential for one server.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The same for every request.
    Field(Arc<Field>),
    /// The one of today.
    Token(Arc<Slot>),
}

/// What is shown with one request.
#[derive(Clone, Debug)]
pub enum Held {
    /// What is always shown.
    Field(Arc<Field>),
    /// A token, and where it is kept.
    Token(Arc<Granted>, Arc<Slot>),
}

impl Credential {
    /// What is shown now, at once; `None` where a token has to be waited for.
    pub fn held(&self) -> Option<Held> {
        match self {
            Self::Field(field) => Some(Held::Field(Arc::clone(field))),
            Self::Token(slot) => slot.current().map(|granted| Held::Token(granted, Arc::clone(slot))),
        }
    }

    /// The same, waited for.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn obtain(&self) -> Result<Held, Denied> {
        match self {
            Self::Field(field) => Ok(Held::Field(Arc::clone(field))),
            Self::Token(slot) => Ok(Held::Token(slot.obtain(|| None).await?, Arc::clone(slot))),
        }
    }
}

impl PartialEq for Credential {
    /// A token is the same where it is kept in the same place, whatever it is today.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Field(one), Self::Field(other)) => one == other,
            (Self::Token(one), Self::Token(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Held {
    /// It as it stands in a head.
    pub fn field(&self) -> &Field {
        match self {
            Self::Field(field) => field,
            Self::Token(granted, _) => &granted.field,
        }
    }

    /// A server did not take it. Whether there will be another one.
    pub fn give_up(&self) -> bool {
        if let Self::Token(granted, slot) = self {
            slot.give_up(granted);
        }
        matches!(self, Self::Token(..))
    }
}
