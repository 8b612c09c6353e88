//! An id that outlives the body it came in.

use super::id::Id;
use crate::protocol::json::Value;

/// An id on its own, for a call to keep and to compare with its answer's. Up to 24 bytes it needs no allocation.
#[derive(Clone, Debug)]
pub struct OwnedId {
    token: Token,
    is_string: bool,
    escaped: bool,
}

#[derive(Clone, Debug)]
enum Token {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

const SHORT: usize = 24;

impl OwnedId {
    /// A copy of an id out of its body.
    #[inline]
    pub fn of(id: &Id, bytes: &[u8]) -> OwnedId {
        let raw = id.raw(bytes);
        let mut room = [0; SHORT];
        let token = match room.get_mut(..raw.len()) {
            Some(place) => {
                place.copy_from_slice(raw);
                Token::Short { len: raw.len() as u8, bytes: room }
            }
            None => Token::Long(raw.into()),
        };
        OwnedId { token, is_string: id.is_string(), escaped: id.is_escaped() }
    }

    /// The id that a value of `bytes` is (`requestId`, say); `None` for one that no id can be.
    pub fn read(value: Value, bytes: &[u8]) -> Option<OwnedId> {
        Id::read(bytes, value).ok()?.map(|id| OwnedId::of(&id, bytes))
    }

    /// The token exactly as it came, to be echoed.
    #[inline]
    pub fn raw(&self) -> &[u8] {
        match &self.token {
            Token::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Token::Long(bytes) => bytes,
        }
    }

    /// Whether this is a string; else it is an integer.
    pub fn is_string(&self) -> bool {
        self.is_string
    }

    /// Whether the id `other` of `bytes` is this one, as [`Id::same`] says.
    #[inline]
    pub fn matches(&self, other: &Id, bytes: &[u8]) -> bool {
        self.as_id().same(self.raw(), other, bytes)
    }

    /// The id within [`raw`](Self::raw).
    pub fn as_id(&self) -> Id {
        Id::of_token(self.raw().len(), self.is_string, self.escaped)
    }
}

impl PartialEq for OwnedId {
    /// As [`Id::same`] says: spelling does not matter.
    fn eq(&self, other: &OwnedId) -> bool {
        self.matches(&other.as_id(), other.raw())
    }
}

impl Eq for OwnedId {}
