//! Functions, conversions and arithmetic.

use std::{borrow::Cow, rc::Rc};

use super::{
    budget::Budget,
    calendar,
    elements::Elements,
    fault::{Kind, Why},
    numbers,
    program::{Binary, Convert, Search},
    value::Value,
};

/// The number of elements, of keys, or of characters.
pub(super) fn size(of: &Value, budget: &mut Budget) -> Result<usize, Why> {
    Ok(match of {
        Value::Text(text) => {
            budget.spend_bytes(text.len())?;
            text.chars().count()
        }
        Value::Texts(texts) => texts.len(),
        Value::Headers(headers) => headers.keys_len(),
        Value::Constants(nodes) => nodes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Json(_) => {
            let mut elements = Elements::of(of)?;
            let mut count = 0;
            while elements.skip(budget)? {
                count += 1;
            }
            count
        }
        other => return Err(other.not(Kind::Several)),
    })
}

/// Whether a string is found in another.
pub(super) fn search(how: Search, text: &str, sought: &str, budget: &mut Budget) -> Result<bool, Why> {
    budget.spend_bytes(sought.len())?;
    Ok(match how {
        Search::StartsWith => text.starts_with(sought),
        Search::EndsWith => text.ends_with(sought),
        Search::Contains => {
            // A hostile needle has each byte looked at more than once.
            budget.spend_bytes(2 * text.len())?;
            text.contains(sought)
        }
    })
}

/// The negative of a number.
pub(super) fn negative<'a>(of: &Value<'a>) -> Result<Value<'a>, Why> {
    match of {
        Value::Int(int) => int.checked_neg().map(Value::Int).ok_or(Why::Overflow),
        Value::Double(double) => Ok(Value::Double(-double)),
        other => Err(other.not(Kind::Number)),
    }
}

/// What an operator makes of two values.
pub(super) fn arithmetic<'a>(
    operator: Binary,
    left: &Value<'a>,
    right: &Value<'a>,
    budget: &mut Budget,
) -> Result<Value<'a>, Why> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => {
            let result = wholes(operator, (*left).into(), (*right).into())?;
            i64::try_from(result).map(Value::Int).map_err(|_| Why::Overflow)
        }
        (Value::Uint(left), Value::Uint(right)) => {
            let result = wholes(operator, (*left).into(), (*right).into())?;
            u64::try_from(result).map(Value::Uint).map_err(|_| Why::Overflow)
        }
        (Value::Text(left), Value::Text(right)) if operator == Binary::Add => {
            budget.spend_bytes(left.len() + right.len())?;
            let mut text = String::with_capacity(left.len() + right.len());
            text.push_str(left);
            text.push_str(right);
            Ok(Value::Text(Cow::Owned(text)))
        }
        // Only numbers that come with the message meet those of another type: JSON knows but one.
        _ if left.is_number() && right.is_number() && operator != Binary::Remainder => {
            let (left, right) = (numbers::exact_double(left), numbers::exact_double(right));
            let (left, right) = left.zip(right).ok_or(Why::Overflow)?;
            doubles(operator, left, right)
        }
        _ if operator == Binary::Add && left.kind() == Kind::List && right.kind() == Kind::List => {
            let mut list = Vec::new();
            for part in [left, right] {
                let mut elements = Elements::of(part)?;
                while let Some(element) = elements.next(budget)? {
                    list.push(element);
                }
            }
            Ok(Value::List(Rc::from(list)))
        }
        _ => Err(Why::Pair(left.kind(), right.kind())),
    }
}

fn wholes(operator: Binary, left: i128, right: i128) -> Result<i128, Why> {
    let result = match operator {
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        _ if right == 0 => return Err(Why::Zero),
        Binary::Divide => left.checked_div(right),
        _ => left.checked_rem(right),
    };
    result.ok_or(Why::Overflow)
}

/// What is no finite number compares as false with everything, which would let through what a rule refuses.
fn doubles<'a>(operator: Binary, left: f64, right: f64) -> Result<Value<'a>, Why> {
    let result = match operator {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply => left * right,
        _ if right == 0.0 => return Err(Why::Zero),
        _ => left / right,
    };
    if result.is_finite() { Ok(Value::Double(result)) } else { Err(Why::Overflow) }
}

/// A value as one of another type.
pub(super) fn convert<'a>(into: Convert, of: Value<'a>, budget: &mut Budget) -> Result<Value<'a>, Why> {
    match &of {
        Value::Text(text) => {
            budget.spend_bytes(text.len())?;
            budget.spend(if into == Convert::Double { numbers::cost(text.as_bytes()) } else { 0 })?;
        }
        // Up to 309 digits are worked out.
        Value::Double(_) if into == Convert::Text => budget.spend(16)?,
        _ => {}
    }
    let converted = match into {
        Convert::Bool => to_bool(&of),
        Convert::Int => to_int(&of).map(Value::Int),
        Convert::Uint => to_uint(&of).map(Value::Uint),
        Convert::Double => to_double(&of).map(Value::Double),
        Convert::Time => match &of {
            Value::Time(time) => Some(Value::Time(*time)),
            Value::Text(text) => calendar::parse(text).map(Value::Time),
            _ => None,
        },
        Convert::Text => return text(of).map(Value::Text).ok_or(Why::Conversion),
    };
    converted.ok_or(Why::Conversion)
}

fn to_bool<'a>(of: &Value<'a>) -> Option<Value<'a>> {
    match of {
        Value::Bool(value) => Some(Value::Bool(*value)),
        Value::Text(text) => match text.as_ref() {
            "1" | "t" | "true" | "TRUE" | "True" => Some(Value::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    }
}

fn to_int(of: &Value) -> Option<i64> {
    match of {
        Value::Int(int) => Some(*int),
        Value::Uint(uint) => i64::try_from(*uint).ok(),
        Value::Double(double) => numbers::exact_int(double.trunc()),
        Value::Text(text) => text.parse().ok(),
        Value::Time(time) => Some(*time),
        _ => None,
    }
}

fn to_uint(of: &Value) -> Option<u64> {
    match of {
        Value::Uint(uint) => Some(*uint),
        Value::Int(int) => u64::try_from(*int).ok(),
        Value::Double(double) if *double >= 0.0 && *double < 2.0_f64.powi(64) => Some(*double as u64),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn to_double(of: &Value) -> Option<f64> {
    match of {
        Value::Double(double) => Some(*double),
        Value::Int(int) => Some(*int as f64),
        Value::Uint(uint) => Some(*uint as f64),
        Value::Text(text) => text.parse().ok().filter(|double: &f64| double.is_finite()),
        _ => None,
    }
}

/// A scalar as text; `None` of what has none.
pub(super) fn text(of: Value<'_>) -> Option<Cow<'_, str>> {
    Some(match of {
        Value::Text(text) => text,
        Value::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        Value::Int(int) => Cow::Owned(int.to_string()),
        Value::Uint(uint) => Cow::Owned(uint.to_string()),
        Value::Double(double) => Cow::Owned(double.to_string()),
        Value::Time(time) => Cow::Owned(calendar::text(time)),
        _ => return None,
    })
}
