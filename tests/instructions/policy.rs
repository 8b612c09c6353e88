//! Policy of a usual size: twenty rules, three of them with expressions, and three limits, none of which refuses a call. The
//! load of `loadtest/compare` has as many.

/// As the configuration has it.
pub(crate) fn policy() -> String {
    let other = |number: usize| {
        format!(
            "[[rules]]\nname = \"other {number}\"\nmethods = [\"tools/call\"]\ntools = [\"*:other_{number}_*\"]\n\
             then = \"refuse\"\n"
        )
    };
    (0..16).map(other).collect::<String>() + THE_REST
}

const THE_REST: &str = r#"
[[rules]]
name = "no changes"
methods = ["tools/call"]
when = 'has(arguments.query) && arguments.query.startsWith("DROP ")'
then = "refuse"

[[rules]]
name = "strangers"
when = 'principal.issuer.startsWith("nobody")'
then = "refuse"

[[rules]]
name = "operators alone"
methods = ["tools/call"]
when = 'message.name.endsWith("_admin") && !("operator" in principal.roles)'
then = "refuse"

[[rules]]
name = "everything else"
methods = ["tools/call"]
set = { class = "usual" }
then = "pass"

[[limits]]
name = "caller"
key = "principal"
rate = "1000000/s"

[[limits]]
name = "a tool"
key = "principal+tool"
methods = ["tools/call"]
class = "usual"
rate = "1000000/s"

[[limits]]
name = "client"
key = "client_ip"
concurrent = 100000
"#;
