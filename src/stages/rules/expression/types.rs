//! The types of expressions.

use std::fmt;

/// What is known of a value before there is a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Known only with the message: arguments, and what is made of them.
    Dynamic,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Time,
    List(Box<Type>),
    /// From keys to values.
    Map(Box<Type>, Box<Type>),
}

impl Type {
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Uint | Type::Double)
    }

    /// Whether this may turn out to be `other`.
    pub(super) fn may_be(&self, other: &Type) -> bool {
        *self == Type::Dynamic || self == other
    }

    /// Whether values of the two can be equal.
    pub(super) fn meets(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Dynamic, _) | (_, Type::Dynamic) => true,
            (Type::List(one), Type::List(two)) => one.meets(two),
            (Type::Map(key, value), Type::Map(key2, value2)) => key.meets(key2) && value.meets(value2),
            _ => self == other || self.is_number() && other.is_number(),
        }
    }

    /// Whether values of the two have an order.
    pub(super) fn orders(&self, other: &Type) -> bool {
        let ordered =
            |one: &Type| one.is_number() || matches!(one, Type::Dynamic | Type::Text | Type::Bool | Type::Time);
        ordered(self) && ordered(other) && self.meets(other)
    }

    /// What a value is that may be of either.
    pub(super) fn or(self, other: Type) -> Type {
        if self == other { self } else { Type::Dynamic }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Dynamic => f.write_str("dyn"),
            Type::Null => f.write_str("null"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Uint => f.write_str("uint"),
            Type::Double => f.write_str("double"),
            Type::Text => f.write_str("string"),
            Type::Time => f.write_str("timestamp"),
            Type::List(of) => write!(f, "list({of})"),
            Type::Map(key, value) => write!(f, "map({key}, {value})"),
        }
    }
}
