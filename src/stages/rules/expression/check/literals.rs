//! What is written out in an expression: scalars, lists and maps.

use cel::{
    common::ast::{EntryExpr, IdedEntryExpr, LiteralValue},
    parser::Expression as Syntax,
};

use super::{Checker, Typed, leaf};
use crate::stages::rules::expression::{
    fault::Place,
    program::{Node, What},
    types::Type,
};

impl Checker<'_> {
    pub(super) fn literal(&mut self, at: Place, literal: &LiteralValue) -> Option<Typed> {
        match literal {
            LiteralValue::Null => leaf(at, What::Null, Type::Null),
            LiteralValue::Boolean(value) => leaf(at, What::Bool(*value.inner()), Type::Bool),
            LiteralValue::Int(value) => leaf(at, What::Int(*value.inner()), Type::Int),
            LiteralValue::UInt(value) => leaf(at, What::Uint(*value.inner()), Type::Uint),
            LiteralValue::Double(value) if value.inner().is_finite() => {
                leaf(at, What::Double(*value.inner()), Type::Double)
            }
            LiteralValue::Double(_) => self.flaw(at, "this number is beyond the range of a double".to_owned()),
            LiteralValue::String(value) => leaf(at, What::Text(value.inner().into()), Type::Text),
            LiteralValue::Bytes(_) => self.flaw(at, "bytes are not supported; write a string".to_owned()),
        }
    }

    pub(super) fn list(&mut self, at: Place, elements: &[Syntax]) -> Option<Typed> {
        let typed: Vec<Option<Typed>> = elements.iter().map(|element| self.part(element)).collect();
        let typed = typed.into_iter().collect::<Option<Vec<Typed>>>()?;
        let at = typed.iter().fold(at, |at, element| at.to(element.node.at));
        let sent = typed.iter().any(|element| element.sent);
        let of = common(typed.iter().map(|element| element.of.clone()));
        let nodes: Box<[Node]> = typed.into_iter().map(|element| element.node).collect();
        let what = if nodes.iter().all(Node::is_constant) { What::Constants(nodes) } else { What::List(nodes) };
        Some(Typed { node: Node { at, what }, of: Type::List(Box::new(of)), sent })
    }

    pub(super) fn map(&mut self, at: Place, entries: &[IdedEntryExpr]) -> Option<Typed> {
        let mut typed = Vec::with_capacity(entries.len());
        for entry in entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else {
                return self.flaw(at, "messages of protocol buffers are not supported".to_owned());
            };
            let key = self.part(&entry.key);
            let key = key.and_then(|key| self.key(key));
            let value = self.part(&entry.value);
            typed.push(key.zip(value));
        }
        let typed = typed.into_iter().collect::<Option<Vec<(Typed, Typed)>>>()?;
        let at = typed.iter().fold(at, |at, (_, value)| at.to(value.node.at));
        let sent = typed.iter().any(|(key, value)| key.sent || value.sent);
        let keys = common(typed.iter().map(|(key, _)| key.of.clone()));
        let values = common(typed.iter().map(|(_, value)| value.of.clone()));
        let nodes = typed.into_iter().map(|(key, value)| (key.node, value.node)).collect();
        let of = Type::Map(Box::new(keys), Box::new(values));
        Some(Typed { node: Node { at, what: What::Map(nodes) }, of, sent })
    }

    /// What may be a key of a map.
    fn key(&mut self, key: Typed) -> Option<Typed> {
        match key.of {
            Type::Dynamic | Type::Bool | Type::Int | Type::Uint | Type::Text => Some(key),
            of => self.flaw(key.node.at, format!("a key is a string, an int, a uint or a bool, not {of}")),
        }
    }
}

/// The type of values that stand beside each other.
fn common(types: impl Iterator<Item = Type>) -> Type {
    types.reduce(Type::or).unwrap_or(Type::Dynamic)
}
