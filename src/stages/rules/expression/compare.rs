//! Equality and order. Values of different types are never equal, except numbers, which are what they are worth.

use std::cmp::Ordering;

use super::{
    budget::Budget,
    elements::{self, Elements},
    fault::{Kind, Why},
    functions, numbers,
    value::Value,
};

/// Whether two values are equal.
pub(super) fn equal(left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, Why> {
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Time(left), Value::Time(right)) => left == right,
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Text(left), Value::Text(right)) if left.len() == right.len() => {
            budget.spend_bytes(left.len())?;
            left == right
        }
        _ if left.is_number() && right.is_number() => numbers::order(left, right) == Some(Ordering::Equal),
        _ => match (left.kind(), right.kind()) {
            (Kind::List, Kind::List) => lists(left, right, budget)?,
            (Kind::Map, Kind::Map) => maps(left, right, budget)?,
            _ => false,
        },
    })
}

fn lists(left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, Why> {
    let (mut left, mut right) = (Elements::of(left)?, Elements::of(right)?);
    loop {
        match (left.next(budget)?, right.next(budget)?) {
            (None, None) => return Ok(true),
            (Some(left), Some(right)) if equal(&left, &right, budget)? => {}
            _ => return Ok(false),
        }
    }
}

fn maps(left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, Why> {
    if functions::size(left, budget)? != functions::size(right, budget)? {
        return Ok(false);
    }
    let mut keys = Elements::of(left)?;
    while let Some(key) = keys.next(budget)? {
        let (left, right) = (elements::keyed(left, &key, budget)?, elements::keyed(right, &key, budget)?);
        match (left, right) {
            (Some(left), Some(right)) if equal(&left, &right, budget)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The order of two values; `None` where one is not a number.
pub(super) fn order(left: &Value, right: &Value, budget: &mut Budget) -> Result<Option<Ordering>, Why> {
    Ok(match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => {
            budget.spend_bytes(left.len().min(right.len()))?;
            Some(left.cmp(right))
        }
        _ if left.is_number() && right.is_number() => numbers::order(left, right),
        _ => return Err(Why::Pair(left.kind(), right.kind())),
    })
}
