//! Operators.

use cel::{common::ast::operators as op, parser::Expression as Syntax};

use super::{Checker, Typed};
use crate::stages::rules::expression::{
    fault::Place,
    program::{Binary, Node, What},
    types::Type,
};

/// The operator of two values that the parser calls so, and how it is written.
fn binary(function: &str) -> Option<(Binary, &'static str)> {
    Some(match function {
        op::EQUALS => (Binary::Equal, "=="),
        op::NOT_EQUALS => (Binary::Unequal, "!="),
        op::LESS => (Binary::Less, "<"),
        op::LESS_EQUALS => (Binary::LessOrEqual, "<="),
        op::GREATER => (Binary::Greater, ">"),
        op::GREATER_EQUALS => (Binary::GreaterOrEqual, ">="),
        op::IN => (Binary::In, "in"),
        op::ADD => (Binary::Add, "+"),
        op::SUBSTRACT => (Binary::Subtract, "-"),
        op::MULTIPLY => (Binary::Multiply, "*"),
        op::DIVIDE => (Binary::Divide, "/"),
        op::MODULO => (Binary::Remainder, "%"),
        _ => return None,
    })
}

impl Checker<'_> {
    /// An operator at `at`; `None` if the function is none, else what became of it.
    pub(super) fn operator(&mut self, at: Place, function: &str, operands: &[Syntax]) -> Option<Option<Typed>> {
        Some(match (function, operands) {
            (op::LOGICAL_AND, [left, right]) => self.logical(at, "&&", left, right),
            (op::LOGICAL_OR, [left, right]) => self.logical(at, "||", left, right),
            (op::LOGICAL_NOT, [of]) => self.not(at, of),
            (op::NEGATE, [of]) => self.negative(at, of),
            (op::CONDITIONAL, [condition, yes, no]) => self.condition(condition, yes, no),
            (op::INDEX, [whole, index]) => self.index(whole, index),
            (_, [left, right]) => {
                let (operator, sign) = binary(function)?;
                self.binary(at, operator, sign, left, right)
            }
            _ => return None,
        })
    }

    fn logical(&mut self, at: Place, sign: &str, left: &Syntax, right: &Syntax) -> Option<Typed> {
        let left = self.part(left).and_then(|left| self.bool(left, sign));
        let right = self.part(right).and_then(|right| self.bool(right, sign));
        let (left, right) = (left?, right?);
        let at = at.to(left.at).to(right.at);
        let both = Box::new((left, right));
        let what = if sign == "&&" { What::And(both) } else { What::Or(both) };
        Some(Typed { node: Node { at, what }, of: Type::Bool, sent: false })
    }

    /// What must be true or false.
    fn bool(&mut self, part: Typed, sign: &str) -> Option<Node> {
        if part.of.may_be(&Type::Bool) {
            return Some(part.node);
        }
        let shown = self.shown(part.node.at);
        self.flaw(part.node.at, format!("`{shown}` is of type {}; `{sign}` takes bool", part.of))
    }

    fn not(&mut self, at: Place, of: &Syntax) -> Option<Typed> {
        let of = self.part(of).and_then(|of| self.bool(of, "!"))?;
        let at = at.to(of.at);
        Some(Typed { node: Node { at, what: What::Not(Box::new(of)) }, of: Type::Bool, sent: false })
    }

    fn negative(&mut self, at: Place, part: &Syntax) -> Option<Typed> {
        let Typed { node, of, .. } = self.part(part)?;
        if !matches!(of, Type::Dynamic | Type::Int | Type::Double) {
            let shown = self.shown(node.at);
            return self.flaw(node.at, format!("`{shown}` is of type {of}; `-` takes int or double"));
        }
        let at = at.to(node.at);
        Some(Typed { node: Node { at, what: What::Negative(Box::new(node)) }, of, sent: false })
    }

    fn condition(&mut self, condition: &Syntax, yes: &Syntax, no: &Syntax) -> Option<Typed> {
        let condition = self.part(condition).and_then(|condition| self.bool(condition, "? :"));
        let (yes, no) = (self.part(yes), self.part(no));
        let (condition, yes, no) = (condition?, yes?, no?);
        let at = condition.at.to(yes.node.at).to(no.node.at);
        if !yes.of.meets(&no.of) {
            return self.flaw(at, format!("`? :` gives {} or {}; both must be of one type", yes.of, no.of));
        }
        let sent = yes.sent || no.sent;
        let what = What::If(Box::new((condition, yes.node, no.node)));
        Some(Typed { node: Node { at, what }, of: yes.of.or(no.of), sent })
    }

    fn binary(&mut self, at: Place, operator: Binary, sign: &str, left: &Syntax, right: &Syntax) -> Option<Typed> {
        let (left, right) = (self.part(left), self.part(right));
        let (left, right) = (left?, right?);
        let of = result(operator, &left.of, &right.of);
        let Some(of) = of else {
            let message = format!(
                "`{sign}` has no meaning for {} and {}{}",
                left.of,
                right.of,
                advice(operator, &left.of, &right.of)
            );
            return self.flaw(at, message);
        };
        let at = at.to(left.node.at).to(right.node.at);
        let sent = operator == Binary::Add && (left.sent || right.sent);
        let what = What::Binary(operator, Box::new((left.node, right.node)));
        Some(Typed { node: Node { at, what }, of, sent })
    }
}

/// The type of what an operator gives; `None` if it has no meaning for these.
fn result(operator: Binary, left: &Type, right: &Type) -> Option<Type> {
    match operator {
        Binary::Equal | Binary::Unequal => left.meets(right).then_some(Type::Bool),
        Binary::Less | Binary::LessOrEqual | Binary::Greater | Binary::GreaterOrEqual => {
            left.orders(right).then_some(Type::Bool)
        }
        Binary::In => {
            let may = match right {
                Type::List(of) | Type::Map(of, _) => left.meets(of),
                of => *of == Type::Dynamic,
            };
            may.then_some(Type::Bool)
        }
        Binary::Add => match (left, right) {
            (Type::Text, Type::Text | Type::Dynamic) | (Type::Dynamic, Type::Text) => Some(Type::Text),
            (Type::List(one), Type::List(two)) => Some(Type::List(Box::new((**one).clone().or((**two).clone())))),
            (Type::List(_), Type::Dynamic) | (Type::Dynamic, Type::List(_)) => {
                Some(Type::List(Box::new(Type::Dynamic)))
            }
            _ => arithmetic(left, right),
        },
        Binary::Remainder if *left == Type::Double || *right == Type::Double => None,
        Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder => arithmetic(left, right),
    }
}

/// Numbers of one type; what is known with the message only may be any.
fn arithmetic(left: &Type, right: &Type) -> Option<Type> {
    match (left, right) {
        (Type::Dynamic, Type::Dynamic) => Some(Type::Dynamic),
        (Type::Dynamic, number) | (number, Type::Dynamic) => number.is_number().then_some(Type::Dynamic),
        _ => (left == right && left.is_number()).then(|| left.clone()),
    }
}

/// What to do about two values that do not go together.
fn advice(operator: Binary, left: &Type, right: &Type) -> &'static str {
    let of_numbers = left.is_number() && right.is_number();
    match operator {
        Binary::Remainder if of_numbers => "; it takes int or uint",
        _ if of_numbers => "; convert one, as with double(...)",
        Binary::Add if *left == Type::Text || *right == Type::Text => "; convert the other with string(...)",
        Binary::Add | Binary::Subtract if *left == Type::Time || *right == Type::Time => {
            "; int(time) counts its seconds"
        }
        Binary::In => "; it takes a list or a map of such values to its right",
        _ => "",
    }
}
