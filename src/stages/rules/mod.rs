//! What policy says of a message: rules, and the expressions that they are decided by.

pub mod expression;
