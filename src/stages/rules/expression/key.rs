//! Keys: what an expression gives, as text in a buffer of its caller, so that the usual key takes no memory of its own.

use std::fmt::{self, Write as _};

use super::{
    fault::{Fault, Kind, Why},
    functions,
    program::{Binary, Node, What},
    run::Run,
    value::Value,
};

/// A key is copied, and hashed twice: it is paid for as so many times its length.
const WEIGHT: usize = 4;

fn push(key: &mut String, number: impl fmt::Display) {
    // A text takes whatever is written into it.
    let _ = write!(key, "{number}");
}

impl<'a> Run<'a, '_> {
    /// Writes what a program gives behind what stands in `key`.
    pub(super) fn key(&mut self, node: &'a Node, key: &mut String) -> Result<(), Fault> {
        match self.part(node, key)? {
            None => {}
            Some(Value::Bool(value)) => key.push_str(if value { "true" } else { "false" }),
            Some(Value::Int(number)) => push(key, number),
            Some(Value::Uint(number)) => push(key, number),
            Some(other) => return Err(other.not(Kind::Key).at(node.at)),
        }
        Ok(())
    }

    /// Writes a string behind what stands in `key`, one that is put together part by part; returns what is none.
    fn part(&mut self, node: &'a Node, key: &mut String) -> Result<Option<Value<'a>>, Fault> {
        let What::Binary(Binary::Add, both) = &node.what else {
            return match self.value(node)? {
                Value::Text(text) => {
                    self.budget.spend_bytes(WEIGHT * text.len()).map_err(|why| why.at(node.at))?;
                    key.push_str(&text);
                    Ok(None)
                }
                other => Ok(Some(other)),
            };
        };
        self.paid(node.at)?;
        match self.part(&both.0, key)? {
            None => match self.part(&both.1, key)? {
                None => Ok(None),
                Some(right) => Err(Why::Pair(Kind::Text, right.kind()).at(node.at)),
            },
            // What is added to something else than a string gives none.
            Some(left) => {
                let right = self.value(&both.1)?;
                let sum = functions::arithmetic(Binary::Add, &left, &right, self.budget);
                sum.map(Some).map_err(|why| why.at(node.at))
            }
        }
    }
}
