//! Numbers: read from a message without being misread, and compared across types without being rounded.

use std::cmp::Ordering;

use super::{fault::Why, value::Value};

/// What a number of JSON is: a whole number without exponent is an int, or a uint where it is beyond an int; any other
/// is a double. A number that none of these hold is a fault, and never the nearest one that they do hold: a whole number
/// beyond 64 bits, one beyond a double's range, one that is not zero and would become it.
pub(super) fn read<'a>(token: &[u8]) -> Result<Value<'a>, Why> {
    let text = std::str::from_utf8(token).map_err(|_| Why::Number)?;
    if !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        let int = text.parse().map(Value::Int);
        return int.or_else(|_| text.parse().map(Value::Uint)).map_err(|_| Why::Number);
    }
    let double: f64 = text.parse().map_err(|_| Why::Number)?;
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let vanished = double == 0.0 && mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if double.is_finite() && !vanished { Ok(Value::Double(double)) } else { Err(Why::Number) }
}

/// The steps that reading a number takes: one with more digits than a double holds may have to be divided out.
pub(super) fn cost(token: &[u8]) -> u32 {
    let mantissa = token.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
    let is_long = token.len() > 17 && mantissa.filter(|byte| byte.is_ascii_digit()).count() > 17;
    if is_long { 300 } else { 1 }
}

/// The order of two numbers, exactly; `None` where one is not a number.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Double(left), right) => with_double(whole(right)?, *left).map(Ordering::reverse),
        (left, Value::Double(right)) => with_double(whole(left)?, *right),
        (left, right) => Some(whole(left)?.cmp(&whole(right)?)),
    }
}

/// A whole number of either type.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(int) => Some((*int).into()),
        Value::Uint(uint) => Some((*uint).into()),
        _ => None,
    }
}

/// The order of a whole number of 64 bits and a double.
fn with_double(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    // Beyond these bounds it is beyond all whole numbers of 64 bits; within them its whole part is exact.
    if double.abs() >= 2.0_f64.powi(64) {
        return Some(if double > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let cut = double.trunc();
    Some(whole.cmp(&(cut as i128)).then_with(|| 0.0.partial_cmp(&(double - cut)).unwrap_or(Ordering::Equal)))
}

/// A number as a double, if none is lost by it.
pub(super) fn exact_double(value: &Value) -> Option<f64> {
    match value {
        Value::Double(double) => Some(*double),
        value => {
            let whole = whole(value)?;
            let double = whole as f64;
            (double as i128 == whole).then_some(double)
        }
    }
}

/// A double without fraction, as an int.
pub(super) fn exact_int(double: f64) -> Option<i64> {
    let int = double as i64;
    (order(&Value::Int(int), &Value::Double(double)) == Some(Ordering::Equal)).then_some(int)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_what_it_is_or_not_at_all() {
        let read = |token: &str| read(token.as_bytes()).ok();
        let double = |token: &str| match read(token) {
            Some(Value::Double(double)) => double,
            other => panic!("{token}: {other:?}"),
        };
        assert!(matches!(read("0"), Some(Value::Int(0))));
        assert!(matches!(read("-0"), Some(Value::Int(0))));
        assert!(matches!(read("9223372036854775807"), Some(Value::Int(i64::MAX))));
        assert!(matches!(read("-9223372036854775808"), Some(Value::Int(i64::MIN))));
        assert!(matches!(read("9223372036854775808"), Some(Value::Uint(9_223_372_036_854_775_808))));
        assert!(matches!(read("18446744073709551615"), Some(Value::Uint(u64::MAX))));
        assert_eq!(double("1.5"), 1.5);
        assert_eq!(double("1e3"), 1000.0);
        assert_eq!(double("0.0e9"), 0.0);
        for token in ["18446744073709551616", "-9223372036854775809", "1e400", "-1e400", "1e-400", "-0.1e-330"] {
            assert!(read(token).is_none(), "{token}");
        }
        let long = "1".repeat(100_000);
        assert!(read(&long).is_none());
    }

    #[test]
    fn an_order_across_types_is_not_rounded() {
        let int = |int| Value::Int(int);
        let of = |left: Value, right: Value| {
            let order = order(&left, &right);
            assert_eq!(super::order(&right, &left).map(Ordering::reverse), order, "{left:?} {right:?}");
            order
        };
        assert_eq!(of(int(1 << 53), Value::Double(9_007_199_254_740_992.0)), Some(Ordering::Equal));
        assert_eq!(of(int((1 << 53) + 1), Value::Double(9_007_199_254_740_992.0)), Some(Ordering::Greater));
        assert_eq!(of(int(i64::MAX), Value::Double(9_223_372_036_854_775_808.0)), Some(Ordering::Less));
        assert_eq!(of(Value::Uint(u64::MAX), Value::Double(2.0_f64.powi(64))), Some(Ordering::Less));
        assert_eq!(of(int(i64::MIN), Value::Double(-(2.0_f64.powi(63)))), Some(Ordering::Equal));
        assert_eq!(of(int(i64::MIN), Value::Double(f64::NEG_INFINITY)), Some(Ordering::Greater));
        assert_eq!(of(int(-1), Value::Uint(u64::MAX)), Some(Ordering::Less));
        assert_eq!(of(int(1), Value::Double(1.5)), Some(Ordering::Less));
        assert_eq!(of(int(-1), Value::Double(-1.5)), Some(Ordering::Greater));
        assert_eq!(of(int(0), Value::Double(-0.0)), Some(Ordering::Equal));
        assert_eq!(of(int(0), Value::Double(f64::NAN)), None);
    }
}
