//! The functions and methods that expressions have: one table for the checker, the messages and the documents.

/// A function or method.
pub(in crate::stages::rules::expression) struct Function {
    pub(in crate::stages::rules::expression) name: &'static str,
    /// How it is written.
    pub(in crate::stages::rules::expression) written: &'static str,
    /// The type of what it gives.
    pub(in crate::stages::rules::expression) of: &'static str,
    /// For those who write rules.
    pub(in crate::stages::rules::expression) means: &'static str,
}

const fn function(name: &'static str, written: &'static str, of: &'static str, means: &'static str) -> Function {
    Function { name, written, of, means }
}

/// All of them, in the order of the documents.
pub(in crate::stages::rules::expression) const FUNCTIONS: [Function; 26] = [
    function("has", "has(arguments.path)", "bool", "whether a member is there"),
    function("size", "size(arguments.items)", "int", "characters of a string, elements of a list, keys of a map"),
    function("startsWith", "arguments.path.startsWith('...')", "bool", "whether a string begins so"),
    function("endsWith", "arguments.path.endsWith('...')", "bool", "whether a string ends so"),
    function("contains", "arguments.path.contains('...')", "bool", "whether a string has another one in it"),
    function(
        "matches",
        "arguments.path.matches('^/srv/')",
        "bool",
        "whether a regular expression is found in a string; it is written out, and has no look-around or back-references",
    ),
    function("all", "arguments.items.all(item, item > 1)", "bool", "whether it holds for all elements, or keys"),
    function("exists", "arguments.items.exists(item, item > 1)", "bool", "whether it holds for any"),
    function("exists_one", "arguments.items.exists_one(item, item > 1)", "bool", "whether it holds for exactly one"),
    function("map", "arguments.items.map(item, item + 1)", "list(dyn)", "what is made of each"),
    function("filter", "arguments.items.filter(item, item > 1)", "list(dyn)", "those for which it holds"),
    function("bool", "bool(arguments.value)", "bool", "of the strings `true` and `false`"),
    function("int", "int(arguments.value)", "int", "of a number, a string, or a time in seconds since 1970"),
    function("uint", "uint(arguments.value)", "uint", "of a number or a string"),
    function("double", "double(arguments.value)", "double", "of a number or a string"),
    function("string", "string(arguments.value)", "string", "of a number, a bool or a time"),
    function("timestamp", "timestamp(arguments.value)", "timestamp", "of a string as 2026-12-24T18:00:00Z (RFC 3339)"),
    function("getFullYear", "time.getFullYear() or time.getFullYear('+02:00')", "int", "the year"),
    function("getMonth", "time.getMonth() or time.getMonth('+02:00')", "int", "the month: 0 is January"),
    function("getDate", "time.getDate() or time.getDate('+02:00')", "int", "the day of the month, from 1"),
    function("getDayOfMonth", "time.getDayOfMonth() or time.getDayOfMonth('+02:00')", "int", "the same, from 0"),
    function("getDayOfWeek", "time.getDayOfWeek() or time.getDayOfWeek('+02:00')", "int", "the day: 0 is Sunday"),
    function(
        "getDayOfYear",
        "time.getDayOfYear() or time.getDayOfYear('+02:00')",
        "int",
        "the day of the year, from 0",
    ),
    function("getHours", "time.getHours() or time.getHours('+02:00')", "int", "the hour, 0 to 23"),
    function("getMinutes", "time.getMinutes() or time.getMinutes('+02:00')", "int", "the minute, 0 to 59"),
    function("getSeconds", "time.getSeconds() or time.getSeconds('+02:00')", "int", "the second, 0 to 59"),
];
